//! kill -9 of either side while deliveries are forwarded, to an app that is another dubwatch: every
//! delivery arrives at least once, byte for byte with its signature, in order per version, and no more
//! often than the kept attempts say.

use std::collections::HashMap;

use dubwatch::internals::journal::JournalReader;
use rustix::process::Signal;

use super::{accepted, lane};
use crate::common::{Site, Watch, until};

/// Number of deliveries.
const DELIVERIES: u64 = 120;
/// Number of versions.
const VERSIONS: u64 = 5;

/// The app: a dubwatch that trusts the same key, always on one port.
struct AppSite {
    site: Site,
    port: u16,
}

impl AppSite {
    fn new(sender: &Site) -> Self {
        let site = Site::new();
        std::fs::write(site.dir.path().join("sender.pem"), sender.key.public_pem()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { site, port }
    }

    fn start(&self) -> Watch {
        let listen = format!("127.0.0.1:{}", self.port);
        self.site.watch_with(&["--public-key", "sender.pem", "--listen", &listen])
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    fn head(&self) -> u64 {
        JournalReader::open(&self.site.db).map_or(0, |reader| reader.head().unwrap())
    }
}

#[test]
fn everything_arrives_in_order_whatever_is_killed() {
    let site = Site::new();
    let app_site = AppSite::new(&site);
    let url = app_site.url();
    // Nothing runs at the app's port yet.
    let mut watch = site.forwards_to(&url, &[]);
    let mut app = None;
    let mut sent = 0;
    for round in 0..6 {
        // Before anything is sent: all of it may have arrived by the end of this loop.
        let seen = app_site.head();
        for _ in 0..DELIVERIES / 6 {
            accepted(&site, &watch, lane(sent, sent % VERSIONS));
            sent += 1;
        }
        if app.is_none() {
            app = Some(app_site.start());
        }
        // In the middle of it, as far as that can be hit.
        until(|| app_site.head() > seen, "the next to arrive");
        if round % 2 == 0 {
            assert_eq!(watch.stop(Signal::KILL).code, None);
            watch = site.forwards_to(&url, &[]);
        } else if let Some(app) = app.take() {
            assert_eq!(app.stop(Signal::KILL).code, None);
        }
    }
    let app = app.unwrap_or_else(|| app_site.start());

    let expected: Vec<String> = (0..DELIVERIES).map(|n| lane(n, n % VERSIONS)).collect();
    let came = || -> HashMap<String, Vec<u64>> {
        let mut came: HashMap<String, Vec<u64>> = HashMap::new();
        for delivery in app_site.site.deliveries() {
            let body = String::from_utf8(delivery.request.body).unwrap();
            came.entry(body).or_default().push(delivery.seq);
        }
        came
    };
    until(|| came().len() == expected.len(), "all of them to arrive");
    let reader = JournalReader::open(&site.db).unwrap();
    until(|| reader.forward_place(&url).unwrap() == Some(DELIVERIES), "the last answer");
    // Whoever is asked now says the same for good.
    let (watch, app) = (watch.stop(Signal::TERM), app.stop(Signal::TERM));
    assert_eq!((watch.code, app.code), (Some(143), Some(143)));

    let came = came();
    let mut last = HashMap::new();
    for (n, body) in (0_u64..).zip(&expected) {
        let copies = &came[body];
        let attempts = reader.forwards_of(n + 1).unwrap();
        assert!(copies.len() <= attempts.len(), "{n}: {copies:?} of {attempts:?}");
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.attempt).collect();
        assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<u32>>(), "{n}");
        let done: Vec<bool> = attempts.iter().map(|attempt| attempt.is_last).collect();
        assert_eq!(done.iter().position(|last| *last), Some(done.len() - 1), "{attempts:?}");
        assert_eq!(attempts.last().unwrap().answer.status, Some(200));
        // The first arrival of each is after every arrival of the one before.
        let before = last.insert(n % VERSIONS, copies[copies.len() - 1]);
        assert!(before.is_none_or(|before| before < copies[0]), "{n}: {copies:?} after {before:?}");
    }
}
