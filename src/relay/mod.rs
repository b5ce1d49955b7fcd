//! The websocket relay: what both of its ends share; knows no socket itself.
//!
//! A sender posts to a public host, which keeps what it cannot deliver yet; whoever subscribes gets
//! everything that arrived since it last looked. The signature is checked by the reader on the raw
//! bytes, so a relay can delay or drop, never forge.
//!
//! | module | owns |
//! |---|---|
//! | [`protocol`] | pure: protocol 1, its frames, limits, rules |
//! | [`backoff`] | pure: how long a reader stays away after a connection ended |
//! | [`client`] | the reader's end: one more door onto intake |
//! | [`store`] | inboxes, what they hold, how far their readers are |
//! | [`server`] | the public host: takes what senders post, streams it to readers |
//! | [`admin`] | how an operator makes and ends inboxes and readers beside a running relay |

pub mod admin;
pub mod backoff;
pub mod client;
pub mod protocol;
pub mod server;
pub mod store;
