//! Forwards accepted deliveries to apps under development: which headers go over, in which order,
//! what follows a failure, and the client that sends them. Reads no journal.
//!
//! | file | owns |
//! |---|---|
//! | `target` | the URL of an app as a person writes it |
//! | `headers` | which headers go over |
//! | `queue` | which delivery is next: in order per version |
//! | `policy` | what follows an attempt |
//! | `attempt` | an attempt and its answer, as the journal keeps them |
//! | `mark` | what became of forwarding a delivery, in a word |
//! | `client` | the requests |

mod attempt;
mod client;
mod headers;
mod mark;
mod policy;
mod queue;
mod target;

pub use attempt::{BegunAttempt, ForwardAnswer, ForwardAttempt, ForwardBatch, KnownAttempts};
pub use client::{ForwardClient, ForwardSettings, SentForward};
pub use headers::{ForwardHeader, forwarded_headers};
pub use mark::ForwardMark;
pub use policy::{AfterAttempt, Contact, RetryPolicy, look_delay};
pub use queue::{ForwardLane, ForwardQueue};
pub use target::ForwardTarget;
