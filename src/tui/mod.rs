//! The dashboard: what the terminal tells and is told, the model, what changes it and what it looks
//! like. Reads no journal and knows no door: `app` tells it what happened and does what it asks for.

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
pub mod terminal;
mod terminal_backend;
pub mod update;
pub mod view;
pub mod widget;
