//! The signed sender behind `dubwatch send` and `dubwatch demo`: posts what a dubbing service
//! would, and what a broken or hostile one would. Also a stand-in for the service's API.

mod like;
mod message;
mod play;
mod sender;
pub mod service;
mod speed;
mod story;
mod tamper;

pub use like::body_like;
pub use message::Message;
pub use play::play;
pub use sender::{Answer, SendError, Sender};
pub use speed::Speed;
pub use story::{RequestKind, Scene, Story};
pub use tamper::{Tamper, sign};
