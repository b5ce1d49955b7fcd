//! What belongs to the process itself: its umask, its limit of open files. The tests take turns,
//! and no others run in this binary.

use std::sync::{Mutex, MutexGuard, PoisonError};

mod key_modes;
mod open_files;

static TURN: Mutex<()> = Mutex::new(());

/// Held by a test that changes the process.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
