//! The dashboard: what the terminal tells and is told, the model, what changes it and what it looks
//! like. Reads no journal and knows no door: `app` tells it what happened and does what it asks for.

mod backend;
mod chord;
pub mod display;
pub mod effect;
pub mod event;
mod hangup;
pub mod help;
pub mod input;
pub mod jobs;
pub mod keymap;
pub mod model;
pub mod msg;
pub mod run;
mod shown_rows;
pub mod terminal;
pub mod update;
pub mod view;
pub mod widget;
