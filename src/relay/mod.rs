//! The websocket relay: both of its ends, and the protocol between them.
//!
//! Senders post to a public host, which stores the deliveries; a subscribed reader receives all that
//! have arrived since its last visit. The reader verifies the signature on the raw bytes, so a relay can
//! delay or drop, never forge.
//!
//! | module | owns |
//! |---|---|
//! | [`protocol`] | pure: protocol 1, its frames, limits, rules |
//! | [`backoff`] | pure: the delay before a reader's next attempt |
//! | [`client`] | the reader's end: a source for intake |
//! | [`store`] | inboxes, their deliveries, the cursors of their readers |
//! | [`server`] | the public host: accepts posts, streams them to readers |
//! | [`admin`] | an operator's commands for inboxes and readers, beside a running relay |

pub mod admin;
pub mod backoff;
pub mod client;
pub mod protocol;
pub mod server;
pub mod store;
