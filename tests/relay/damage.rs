//! A store of which some pages are damaged: the rest is served, and the operator is told.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dubwatch::internals::relay::protocol::{GapReason, RelayFrame};

use crate::common::get;
use crate::relay_support::{Heard, Inbox, Reader, Relay, form, within};

/// Bytes of a page of the store.
const PAGE: usize = 4096;
/// The first byte of a page of a table: with rows, and with the way to other pages.
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;
/// Where the number of cells stands in a page.
const CELLS: usize = 3;

/// The store's file, page by page.
struct Pages(Vec<u8>);

impl Pages {
    fn of(path: &Path) -> Self {
        Self(fs::read(path).unwrap())
    }

    fn page(&self, number: usize) -> &[u8] {
        &self.0[number * PAGE..][..PAGE]
    }

    /// Pages that begin with `kind` and hold `text`.
    fn with(&self, kind: u8, text: &[u8]) -> Option<usize> {
        (1..self.0.len() / PAGE).find(|number| {
            let page = self.page(*number);
            page[0] == kind && page.windows(text.len()).any(|piece| piece == text)
        })
    }

    /// The page between the root of the deliveries and their leaves that has most of these.
    fn interior(&self) -> usize {
        let cells = |page: &[u8]| u16::from_be_bytes([page[CELLS], page[CELLS + 1]]);
        (1..self.0.len() / PAGE)
            .filter(|number| self.page(*number)[0] == INTERIOR)
            .max_by_key(|number| cells(self.page(*number)))
            .unwrap()
    }

    /// A page that continues the delivery whose body repeats this text.
    fn overflow(&self, text: &[u8]) -> usize {
        (1..self.0.len() / PAGE)
            .find(|number| {
                let page = self.page(*number);
                // The number of the next page, then nothing but body.
                page[..4] != [0; 4]
                    && page[0] == 0
                    && page[4..].windows(text.len()).filter(|piece| *piece == text).count()
                        > PAGE / text.len() - 3
            })
            .unwrap()
    }
}

/// Overwrites a page with what was never there.
fn damage(path: &Path, number: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; PAGE], (number * PAGE) as u64).unwrap();
    file.sync_all().unwrap();
}

/// A body that can be found in the file, of this length.
fn body(n: usize, length: usize) -> String {
    let word = format!("<delivery {n:05}>");
    word.repeat(length / word.len())
}

fn number(body: &[u8]) -> usize {
    std::str::from_utf8(&body[10..15]).unwrap().parse().unwrap()
}

/// What a reader is told up to this `seq`: the numbers of the bodies that came, and those that did not.
struct Told {
    came: Vec<usize>,
    damaged: Vec<(u64, u64)>,
}

impl Told {
    fn missing(&self, count: usize) -> Vec<usize> {
        (1..=count).filter(|n| !self.came.contains(n)).collect()
    }
}

fn told(reader: &mut Reader, upto: u64, length: usize) -> Told {
    let mut told = Told { came: Vec::new(), damaged: Vec::new() };
    let mut after = reader.welcome.as_ref().unwrap().after;
    while after < upto {
        match reader.next() {
            Heard::Frame(RelayFrame::Delivery(delivery)) => {
                assert_eq!(delivery.cursor.seq, after + 1);
                after += 1;
                let n = number(&delivery.body);
                assert_eq!(delivery.body, body(n, length).as_bytes());
                told.came.push(n);
            }
            Heard::Frame(RelayFrame::Gap(gap)) => {
                assert_eq!((gap.from, gap.reason), (after + 1, GapReason::Damaged));
                assert_eq!(gap.count, gap.to - gap.from + 1);
                after = gap.to;
                told.damaged.push((gap.from, gap.to));
            }
            other => panic!("{other:?}"),
        }
    }
    told
}

/// A relay that holds so many deliveries, all of them in the store's own file.
fn filled(count: usize, length: usize) -> (Relay, Inbox) {
    let mut relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (1..=count).map(|n| body(n, length)));
    relay.stop();
    (relay, inbox)
}

/// That a fresh reader and one with a name get everything but `lost`, and what comes later; and that
/// the operator is told.
fn only_these_are_lost(relay: &Relay, inbox: &Inbox, count: usize, length: usize, lost: &[usize]) {
    let mut readers = [relay.reader(inbox, None, None), relay.reader(inbox, Some("a"), None)];
    for reader in &mut readers {
        let told = told(reader, count as u64, length);
        assert_eq!(told.missing(count), lost);
        // One gap, and not one for each of them.
        assert!(told.damaged.len() == 1 || lost.windows(2).any(|two| two[1] != two[0] + 1));
    }
    relay.post_all(inbox, [body(count + 1, length)]);
    for reader in &mut readers {
        assert_eq!(number(&reader.delivery().body), count + 1);
    }
    the_operator_is_told(relay, 2 * lost.len() as u64);
}

/// `lost`: how many deliveries readers were told of.
fn the_operator_is_told(relay: &Relay, lost: u64) {
    let health = relay.watch().ask(get("/healthz"));
    assert_eq!((health.status, health.body.contains("damaged")), (503, true), "{}", health.body);
    let metrics = relay.watch().ask(get("/metrics")).body;
    for line in
        [format!("dubwatch_relay_damaged_sent_total {lost}"), "dubwatch_relay_damaged 1".to_owned()]
    {
        assert!(metrics.lines().any(|one| one == line), "{line} in {metrics}");
    }
    let log = || relay.watch().err.text();
    let is_said = |log: &str| {
        log.lines().filter(|line| line.contains("WARN") && line.contains("is damaged")).count()
    };
    within(|| is_said(&log()) > 0, form::patience(), "a warning");
    // Two readers came by.
    assert_eq!(is_said(&log()), 1, "{}", log());
}

/// The deliveries on a leaf, by their bodies.
fn on_leaf(pages: &Pages, leaf: usize, count: usize) -> Vec<usize> {
    let has = |n: usize| {
        let word = format!("<delivery {n:05}>");
        pages.page(leaf).windows(word.len()).any(|piece| piece == word.as_bytes())
    };
    (1..=count).filter(|n| has(*n)).collect()
}

#[test]
fn a_damaged_page_costs_what_is_on_it_alone() {
    let (mut relay, inbox) = filled(200, 1200);
    let store = relay.site.db.clone();
    let pages = Pages::of(&store);
    let mut lost = Vec::new();
    for n in [50, 120] {
        let leaf = pages.with(LEAF, format!("<delivery {n:05}>").as_bytes()).unwrap();
        damage(&store, leaf);
        lost.extend(on_leaf(&pages, leaf, 200));
    }
    assert!(lost.len() < 10, "{lost:?}");
    relay.start_again();
    assert_eq!(relay.watch().ask(get("/healthz")).status, 200);
    only_these_are_lost(&relay, &inbox, 200, 1200, &lost);
}

#[test]
fn damage_while_the_relay_runs_is_the_same() {
    let (mut relay, inbox) = filled(200, 1200);
    relay.start_again();
    let store = relay.site.db.clone();
    let pages = Pages::of(&store);
    // The oldest too: where a reader begins is looked for there.
    let mut lost = Vec::new();
    for n in [1, 120] {
        let leaf = pages.with(LEAF, format!("<delivery {n:05}>").as_bytes()).unwrap();
        lost.extend(on_leaf(&pages, leaf, 200));
        damage(&store, leaf);
    }
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let told = told(&mut reader, 200, 1200);
    assert_eq!(told.missing(200), lost);
    relay.post_all(&inbox, [body(201, 1200)]);
    assert_eq!(number(&reader.delivery().body), 201);
    the_operator_is_told(&relay, lost.len() as u64);
}

#[test]
fn a_damaged_page_in_the_midst_of_a_long_body_costs_that_one_alone() {
    let (mut relay, inbox) = filled(40, 24_000);
    let store = relay.site.db.clone();
    let overflow = Pages::of(&store).overflow(b"<delivery 00020>");
    damage(&store, overflow);
    relay.start_again();
    only_these_are_lost(&relay, &inbox, 40, 24_000, &[20]);
}

#[test]
fn a_damaged_page_above_the_leaves_costs_what_it_leads_to() {
    let count = 700;
    let (mut relay, inbox) = filled(count, 3200);
    let store = relay.site.db.clone();
    damage(&store, Pages::of(&store).interior());
    relay.start_again();
    let mut readers = [relay.reader(&inbox, None, None), relay.reader(&inbox, Some("a"), None)];
    let mut lost = Vec::new();
    for reader in &mut readers {
        let told = told(reader, count as u64, 3200);
        let [(from, to)] = told.damaged[..] else { panic!("{:?}", told.damaged) };
        assert_eq!(told.came.len() as u64, count as u64 - (to - from + 1));
        assert!((100..count as u64 - 100).contains(&(to - from)), "{from} to {to}");
        lost.push((from, to));
    }
    assert_eq!(lost[0], lost[1]);
    relay.post_all(&inbox, [body(count + 1, 3200)]);
    for reader in &mut readers {
        assert_eq!(number(&reader.delivery().body), count + 1);
    }
    the_operator_is_told(&relay, 2 * (lost[0].1 - lost[0].0 + 1));
}
