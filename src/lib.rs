//! `dubwatch` watches video-dubbing jobs live: it receives a dubbing service's signed callbacks,
//! writes each one to disk before it answers, and shows the state of every version.
//!
//! This page describes the code. How to use the program is in the README and in [`docs`].
//!
//! # The path of a delivery
//!
//! ```text
//! listener ──────┐
//!                ├─▶ intake: verify ──▶ journal writer: commit + fsync ──▶ 200, ack to the relay
//! relay client ──┘        │                    └─▶ feed (in seq order) ─┬▶ dashboard
//!                         │                                             ├▶ text, NDJSON
//!                         │                                             └▶ forward to apps
//!                         └─▶ refusals: counted, explained, listed; their 4xx does not wait for it
//! ```
//!
//! A *source* reads requests from its transport: [`listener`], on top of [`serve`], and
//! [`relay::client`]. Each source ends in [`intake`], which has [`signature`] check the raw bytes and
//! passes accepted deliveries to the [`journal`]. One thread writes the journal, in groups. A delivery
//! and the state that [`timeline`] folds from it are committed in one transaction ([`sqlite`]). When
//! the transaction is synced to disk, the feed moves on and the answer is sent. [`output`] and [`tui`]
//! read the journal from their own position; the feed only signals that there is more to read.
//!
//! # The dashboard
//!
//! ```text
//! keys ───┐                       ┌─▶ effects: copy, notify, suspend, quit
//! clock ──┼─▶ tui::run ─▶ update ─┼─▶ requests ─▶ app: reads and writes the journal
//! news ───┘       └─▶ view ◀─ model                    └─▶ news
//! ```
//!
//! [`tui::update`] applies a message to the [`tui::model`] and returns effects; [`tui::view`] draws a
//! frame from the model. Neither does IO. The loop ([`tui::run`]) owns the terminal, and a thread of
//! `app::dashboard` reads the journal. A slow dashboard delays that thread and nothing else.
//!
//! # Code map
//!
//! In the order in which a delivery passes through them:
//!
//! | module | owns |
//! |---|---|
//! | [`serve`] | hardened HTTP/1.1 for any router |
//! | [`listener`] | the HTTP source: the callback path and its answers |
//! | [`outbound`] | outgoing connections: proxies, trust, reasons for failure |
//! | [`api`] | the client of the service's API: key, questions, answers read leniently |
//! | [`relay`] | the relay: protocol, server, store, and the client that is a source |
//! | [`intake`] | verification, refusals and the hand-over to the journal, for every source |
//! | [`signature`] | keys, the signature header, the check, the reasons for a refusal |
//! | [`callback`] | the sender's contract: delivery, verdict, refusal (pure) |
//! | [`timeline`] | the fold of deliveries into the states of assets and versions (pure) |
//! | [`sqlite`] | opening a database for one writer; the bounded group-commit writer |
//! | [`journal`] | deliveries, states and refusals on disk; queries; the feed |
//! | [`filter`] | the filter language (pure) |
//! | [`forward`] | forwarding to apps: targets, headers, order, retries, the client |
//! | [`text`] | printable text from untrusted bytes (pure) |
//! | [`forward`] | what of a kept delivery goes to another receiver (pure) |
//! | [`hook`] | runs programs of the user when something happens |
//! | [`replay`] | sends deliveries of the journal again |
//! | [`wait`] | what `dubwatch wait` waits for, and whether it holds (pure) |
//! | [`status`] | counts and the state of journal and link (pure) |
//! | [`output`] | lines of text and NDJSON |
//! | [`export`] | captures, tables and reports for others; captures read back |
//! | [`tui`] | the dashboard: terminal, loop, keymap, model, update, views |
//! | [`simulate`] | the signed sender of `dubwatch send`, the story of `dubwatch demo`, a stand-in for the service's API |
//! | [`files`] | how keys, settings and databases are opened |
//! | [`config`] | settings: flag over variable over file over default |
//! | [`cli`] | the command line, one file per subcommand |
//! | [`app`] | the composition root: starts everything, stops it in order |
//! | [`docs`] | the reference pages |
//! | [`internals`] | what tests and benches use: all else is private |
//!
//! # What is absent
//!
//! - No 2xx before the commit is synced. `.ci/fsync.py` traces system calls to check that.
//! - No key, algorithm or identity from a request: only this side names what is trusted.
//! - No parsing before the verdict, and no body that was serialised again.
//! - No unbounded queue, and no waiting for a slow reader.
//! - No escape sequence outside `tui::terminal`, and no text from outside on a screen that is not
//!   [`text::Printable`].
//! - No timer while nothing on the screen ages.
//! - No clock, file or socket in a pure module. `tests/architecture` checks that, and which module uses
//!   which.
#![forbid(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links, reason = "the page is read with its private modules")]

mod api;
mod app;
mod callback;
mod cli;
mod config;
pub mod docs;
mod export;
mod files;
mod filter;
mod forward;
mod hook;
mod intake;
pub mod internals;
mod journal;
mod listener;
mod outbound;
mod output;
mod relay;
mod replay;
mod serve;
mod signature;
mod simulate;
mod sqlite;
mod status;
mod text;
mod timeline;
mod tui;
mod wait;

pub use cli::run;
