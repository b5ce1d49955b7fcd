//! `dubwatch` watches video-dubbing jobs live: it receives a dubbing service's signed callbacks,
//! keeps every one on disk before it answers, and says what became of each version.
//!
//! # The way of a delivery
//!
//! ```text
//! listener ──────┐
//!                ├─▶ intake: verify ──▶ journal writer: commit + fsync ──▶ 200, ack to the relay
//! relay client ──┘        │                    └─▶ feed (in seq order) ─┬▶ teller ──▶ dashboard
//!                         │                                             └▶ text, NDJSON
//!                         └─▶ refusals: counted, explained, listed ──▶ 4xx was answered before
//! ```
//!
//! A *door* takes a request off its transport and knows nothing else: [`listener`], on [`serve`],
//! and [`relay::client`].
//! Every door ends in [`intake`], which has [`signature`] check the raw bytes and hands what is
//! valid to the [`journal`]. One thread writes there, in groups: the delivery and the state that
//! [`timeline`] folds from it stand in one transaction ([`sqlite`]). When that is synced to disk,
//! the feed moves on and the answer goes out. Faces ([`output`], [`tui`]) read the journal from
//! where they were; the feed only tells them that there is more.
//!
//! # The dashboard
//!
//! ```text
//! keys ───┐                       ┌─▶ effects: copy, call, suspend, quit
//! clock ──┼─▶ tui::run ─▶ update ─┼─▶ requests ─▶ app: the teller reads, the journal writes
//! news ───┘       └─▶ view ◀─ model                    └─▶ news
//! ```
//!
//! A message goes in, [`tui::update`] changes the [`tui::model`] and says what is to be done, and
//! [`tui::view`] makes a frame of the model. Neither does IO: the terminal is the loop's
//! ([`tui::run`]), the journal is read by a thread of `app::dashboard` that is only told what to
//! read. A dashboard that is slow holds up that thread and nobody else.
//!
//! # Code map
//!
//! | module | owns |
//! |---|---|
//! | [`app`] | the composition root: wires everything, takes it down in order |
//! | [`cli`] | the command line, one file a subcommand |
//! | [`config`] | settings: flag over environment over file over default |
//! | [`callback`] | pure: the sender's contract; delivery, verdict, refusal |
//! | [`timeline`] | pure: the fold: what an asset and its versions have come to |
//! | [`filter`], [`text`], [`status`] | pure: the filter language, printable text, counts |
//! | [`signature`] | keys, the header's grammar, the check, what explains a refusal |
//! | [`sqlite`] | opening a database for one writer; the bounded group-commit writer |
//! | [`journal`] | deliveries, states, refusals; reading them; the feed |
//! | [`intake`] | the one way in |
//! | [`serve`] | hardened HTTP/1.1 for any router |
//! | [`listener`] | the HTTP door |
//! | [`outbound`] | outgoing connections: proxies, trust, and why one could not be made |
//! | [`simulate`] | the signed sender behind `dubwatch send`, the story behind `dubwatch demo` |
//! | [`relay`] | a relay: its protocol, and the public host that keeps callbacks for readers |
//! | [`output`] | lines of text and NDJSON |
//! | [`tui`] | the dashboard: terminal, loop, keymap, model, update, views |
//!
//! # What is absent
//!
//! - No 2xx before the commit is synced. `.ci/fsync.py` watches the system calls for it.
//! - No key, algorithm or identity from a request: what is trusted is named on our side.
//! - No parsing before the verdict, and no body that was written anew.
//! - No unbounded queue, and no wait for a slow reader.
//! - No escape sequence outside `tui::terminal`, and no text from outside on a screen that did not
//!   become [`text::Printable`] first.
//! - No timer while nothing on the screen ages.
//! - No clock, file or socket in a pure module. `tests/architecture` reads the sources for that, and
//!   for who may use whom.
#![forbid(unsafe_code)]

pub mod app;
pub mod callback;
pub mod cli;
pub mod config;
pub mod docs;
pub mod files;
pub mod filter;
pub mod intake;
pub mod journal;
pub mod listener;
pub mod outbound;
pub mod output;
pub mod relay;
pub mod serve;
pub mod signature;
pub mod simulate;
pub mod sqlite;
pub mod status;
pub mod text;
pub mod timeline;
pub mod tui;
