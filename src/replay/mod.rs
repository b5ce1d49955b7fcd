//! Sends deliveries of a journal again, byte for byte: at their recorded pace, a multiple of it, or at
//! once. In order for each version.

mod pace;
mod plan;
mod poster;
mod run;
mod summary;

pub use pace::ReplaySpeed;
pub use plan::ReplayPlan;
pub use poster::Poster;
pub use run::{Replay, ReplayStop};
pub use summary::ReplaySummary;
