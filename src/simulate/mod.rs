//! The signed sender behind `dubwatch send` and `dubwatch demo`: posts what a dubbing service
//! would, and what a broken or hostile one would.

mod connector;
mod message;
mod play;
mod sender;
mod speed;
mod story;
mod tamper;

pub use message::Message;
pub use play::{Played, play};
pub use sender::{Answer, SendError, Sender};
pub use speed::Speed;
pub use story::{PastCallback, RequestKind, Scene, Story};
pub use tamper::{Signed, Tamper, sign};
