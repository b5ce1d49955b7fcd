//! The relay's client from outside: the real binary on both ends, faults between them.

mod acks;
mod dashboard;
mod faults;
mod headers;
mod laptop;
mod losses;
mod lossy;
mod moves;
mod reasons;
mod send;
mod sender;
mod starts;
mod stopped;
mod token;
mod two_inboxes;
mod wait;
mod ways;
mod wire;
