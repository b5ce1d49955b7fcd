//! The dashboard's room: terminal, input, keymap, model, update, effects, views, widgets. Empty
//! until the dashboard moves in; the headless face in [`crate::output`] does its work so far.
