//! A dubwatch that subscribes to a relay, and what its journal holds.

use std::process::Command;
use std::time::{Duration, Instant};

use dubwatch::internals::journal::JournalReader;
use serde_json::Value;

use crate::common::{Site, Watch};
use crate::relay_support::{Inbox, LOOK, Relay, form};

/// Where a subscribing dubwatch lives. It outlives the runs.
pub(crate) struct Laptop {
    pub(crate) site: Site,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Laptop {
    /// One that trusts the key which signs what is posted to `relay`.
    pub(crate) fn of(relay: &Relay, inbox: &Inbox) -> Self {
        Self::at(relay, inbox, &format!("ws://{}", relay.address()))
    }

    /// The same, by another URL.
    pub(crate) fn at(relay: &Relay, inbox: &Inbox, url: &str) -> Self {
        let site = Site::new();
        std::fs::write(site.dir.path().join("sender.pem"), relay.site.key.public_pem()).unwrap();
        Self { site, url: url.to_owned(), token: inbox.token.clone() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let own = ["--public-key", "sender.pem", "--relay", &self.url, "--relay-name", "laptop"];
        let mut command = self.site.command(&[&own, arguments].concat());
        command.env("DUBWATCH_RELAY_TOKEN", &self.token).env("DUBWATCH_LOG", "trace");
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Watch {
        Watch::new(self.command(arguments).spawn().unwrap())
    }

    /// The bodies in its journal, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let deliveries = self.site.deliveries().into_iter();
        deliveries.map(|delivery| String::from_utf8(delivery.request.body).unwrap()).collect()
    }

    /// How many deliveries its journal has.
    pub(crate) fn head(&self) -> usize {
        usize::try_from(JournalReader::open(&self.site.db).unwrap().head().unwrap()).unwrap()
    }

    /// Waits until its journal has `count` deliveries. In vain where nothing more comes.
    pub(crate) fn has(&self, count: usize) {
        let (mut head, mut since) = (0, Instant::now());
        while head < count {
            std::thread::park_timeout(LOOK);
            let now = self.head();
            if now > head {
                (head, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < form::patience(), "no more than {head} of {count} came");
        }
    }

    /// Its journal has the callbacks up to here, in order, each once.
    pub(crate) fn has_each_once(&self, count: usize) {
        self.has(count);
        let bodies = self.bodies();
        let wrong = bodies.iter().zip(callbacks(0..count)).position(|(had, due)| *had != due);
        assert_eq!(wrong, None, "another came at that place: lost, doubled or out of order");
        assert_eq!(bodies.len(), count);
    }
}

/// How far the relay knows its only reader to be.
pub(crate) fn acked(relay: &Relay) -> usize {
    let (_, listed) = relay.operate(&["list", "--json"]);
    let record: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    usize::try_from(record["readers"][0]["acked"].as_u64().unwrap_or(0)).unwrap()
}

/// The next record of the link with this state.
pub(crate) fn link(watch: &mut Watch, state: &str) -> Value {
    loop {
        let record = watch.next_of("link");
        if record["state"] == state {
            return record;
        }
    }
}

/// The record of the link with this state, the first behind line `from` of stdout, and its line.
pub(crate) fn link_within(watch: &Watch, from: usize, state: &str, limit: Duration) -> usize {
    for number in from.. {
        let line =
            watch.out.line(number, limit).unwrap_or_else(|| panic!("the link is not {state}"));
        let record: Value = serde_json::from_slice(&line).unwrap();
        if record["type"] == "link" && record["state"] == state {
            return number;
        }
    }
    unreachable!("lines without end")
}

/// Numbered callbacks.
pub(crate) fn callbacks(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(crate::common::callback)
}
