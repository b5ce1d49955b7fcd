//! The dashboard: terminal input and output, the model, its updates and its views. Independent of
//! the journal and the sources: `app` sends it events and carries out its requests.

mod chord;
pub mod effect;
pub mod event;
mod hangup;
pub mod help;
pub mod input;
pub mod job_control;
pub mod keymap;
pub mod model;
pub mod msg;
pub mod run;
pub mod shell_terminal;
mod shown_rows;
mod size;
pub mod terminal;
mod terminal_backend;
pub mod update;
pub mod view;
pub mod widget;
