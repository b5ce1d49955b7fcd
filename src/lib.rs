//! `dubwatch` watches video-dubbing jobs live.
//!
//! # The way of a delivery
//!
//! ```text
//! listener ──▶ intake: verify ──▶ journal writer: commit + fsync ──▶ 200
//!                                  └─▶ feed (in seq order) ──▶ text, NDJSON, dashboard
//! ```
//!
//! Every door ends in the same [`intake`]; a door knows its transport and nothing else. Nothing is
//! answered 2xx before it is on disk. The journal is the truth; the feed is a hint to read it again
//! from a `seq`, so a slow reader can neither slow intake nor lose rows.
#![forbid(unsafe_code)]

pub mod callback;
pub mod filter;
pub mod serve;
pub mod signature;
pub mod text;
pub mod timeline;
