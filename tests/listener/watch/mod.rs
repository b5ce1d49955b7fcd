//! The real binary from outside: HTTP over real sockets in, NDJSON and text out.

mod addresses;
mod answers;
mod policy;
mod reasons;
mod refusals;
mod runs;
mod start;
mod stop;
mod text;
mod unreadable;
