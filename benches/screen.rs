//! The cost of a frame: every screen at 200×50, after 1,000, 100,000 and 1,000,000 deliveries; and
//! the number of bytes sent to the terminal when one lane changes.
//!
//! `cargo bench --bench screen`. The limit is 400 µs per frame, independent of the number of
//! deliveries, and 2 KB for a lane.
#![expect(clippy::unwrap_used, reason = "the harness is that of the tests")]

#[path = "../tests/tui_harness/mod.rs"]
#[expect(dead_code, reason = "what the tests of screens need beside")]
mod tui_harness;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::Write as _;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dubwatch::internals::simulate::Message;
use dubwatch::internals::tui::view;
use jiff::SignedDuration;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_harness::{COLOR, TuiHarness, now};

const SIZE: (u16, u16) = (200, 50);
const EVENTS: [&str; 5] = [
    "version_ready",
    "version_generating",
    "version_generated",
    "version_generate_failed",
    "version_failed",
];

/// Creates a dashboard with this many deliveries, of up to 20,000 assets.
fn filled(deliveries: u32) -> TuiHarness {
    let mut tui = TuiHarness::story(7, 130);
    let mut rows = Vec::new();
    let mut touched = BTreeSet::new();
    for number in 0..deliveries {
        let asset = number % 20_000;
        let version = number / 20_000 % 8;
        // Most of a large catalogue is done; one in fifty failed.
        let event = match asset % 50 {
            0 => EVENTS[3],
            1..10 => EVENTS[(number % 2) as usize],
            _ => EVENTS[2],
        };
        let message = Message {
            event: event.to_owned(),
            asset_id: format!("ast_{asset:08x}{:04x}", asset.wrapping_mul(2_654_435_761) >> 16),
            version_id: Some(format!("ver_{version:04x}")),
            version_locale: Some(
                ["es-ES", "fr-FR", "de-DE", "ja-JP"][version as usize % 4].to_owned(),
            ),
        };
        let at =
            now() + SignedDuration::from_secs(130) + SignedDuration::from_micros(number.into());
        touched.insert(message.asset_id.clone());
        rows.push(tui.delivery(&message, at));
        if rows.len() == 256 || number + 1 == deliveries {
            tui.news(std::mem::take(&mut rows), &std::mem::take(&mut touched), false);
        }
    }
    tui.tick(now() + SignedDuration::from_secs(140));
    tui
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    for deliveries in [1_000, 100_000, 1_000_000] {
        let mut tui = filled(deliveries);
        for (screen, keys) in
            [("timeline", "1"), ("matrix", "2"), ("deliveries", "3"), ("health", "4")]
        {
            tui.press(keys);
            tui.frame(SIZE, COLOR);
            let area = Rect::new(0, 0, SIZE.0, SIZE.1);
            let mut buffer = Buffer::empty(area);
            group.bench_function(BenchmarkId::new(screen, deliveries), |b| {
                b.iter(|| {
                    buffer.reset();
                    let model = tui.model();
                    model.settle();
                    view::draw(black_box(model), COLOR, area, &mut buffer);
                });
            });
        }
    }
    group.finish();
}

/// Prints the bytes sent to the terminal when a lane begins generating, when one fails, and when a
/// lane advances by a second.
fn bytes(_: &mut Criterion) {
    let mut tui = TuiHarness::story(7, 130);
    let selected = tui.model().selected_asset().unwrap().clone();
    let mut shown = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    let mut draw = |tui: &mut TuiHarness| {
        let frame = tui.frame(SIZE, COLOR);
        let mut bytes = Vec::new();
        let drawn = CrosstermBackend::new(&mut bytes).draw(shown.diff(&frame).into_iter());
        drawn.expect("a Vec takes everything");
        shown = frame;
        bytes.len()
    };
    let whole = draw(&mut tui);
    let lane = selected.lanes().last().map(|row| row.version_id.clone()).unwrap();
    let mut at = now() + SignedDuration::from_secs(131);
    let mut change = |tui: &mut TuiHarness, event: &str| {
        let message = Message {
            event: event.to_owned(),
            asset_id: selected.id().to_owned(),
            version_id: Some(lane.clone()),
            version_locale: None,
        };
        tui.tick(at);
        let row = tui.delivery(&message, at);
        tui.news(vec![row], &BTreeSet::from([selected.id().to_owned()]), false);
        let changed = draw(tui);
        at += SignedDuration::from_secs(1);
        tui.tick(at);
        (changed, draw(tui))
    };
    let (begins, ticks) = change(&mut tui, "version_generating");
    let (fails, _) = change(&mut tui, "version_generate_failed");
    print_line(&format!(
        "bytes at 200x50: first frame {whole}, a lane begins to generate {begins}, a second later {ticks}, it fails {fails}"
    ));
}

/// Writes a line to standard output, ignoring errors.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

criterion_group!(benches, bytes, frames);
criterion_main!(benches);
