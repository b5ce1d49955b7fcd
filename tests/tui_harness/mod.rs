//! Plays the demo's story to a dashboard without a clock or a network, and prints frames, for the
//! screen tests and the pictures in the README.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dubwatch::internals::callback::{
    BodySample, Callback, Delivery, Encoding, Headers, Received, Refusal, RefusalEntry,
    RefusalKind, Source, Verdict, VersionReport, VersionStatus,
};
use dubwatch::internals::signature::fingerprint;
use dubwatch::internals::simulate::{Message, RequestKind, Speed, Story, Tamper};
use dubwatch::internals::status::Counts;
use dubwatch::internals::timeline::{
    AssetListing, AssetRow, Expectation, Notes, Timeline, VersionRow,
};
use dubwatch::internals::tui::effect::Effect;
use dubwatch::internals::tui::event::{BackendEvent, News};
use dubwatch::internals::tui::input::Chord;
use dubwatch::internals::tui::model::asset::AssetView;
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::model::{Banner, Model, RunInfo};
use dubwatch::internals::tui::msg::Msg;
use dubwatch::internals::tui::update::update;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// The sizes at which every screen is tested.
pub(crate) const SIZES: [(u16, u16); 5] = [(200, 50), (120, 30), (80, 24), (40, 10), (1, 1)];

/// In colour.
pub(crate) const COLOR: Theme = Theme { color: true, ascii: false, light: false };

/// A dashboard and the story played to it.
pub(crate) struct TuiHarness {
    pub(crate) model: Model,
    /// The model of the real run behind a demo.
    hidden: Option<Model>,
    timeline: Timeline,
    names: Vec<(String, String)>,
    /// What was set by hand to be expected, by asset.
    pub(crate) expected: BTreeMap<String, String>,
    /// What the API lists about assets.
    pub(crate) listings: BTreeMap<String, AssetListing>,
    /// The signature with which each body was last sent.
    signed: BTreeMap<Vec<u8>, u64>,
    seq: u64,
    /// Selects deliveries, by their number, to accept without a check.
    pub(crate) unchecked: fn(u64) -> bool,
    refusals: u64,
    counts: Counts,
    now: Timestamp,
}

/// Returns the time at which every story begins.
pub(crate) fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().unwrap()
}

/// Returns the facts of a listener on the default port.
pub(crate) fn run_info(banner: Option<Banner>) -> RunInfo {
    RunInfo {
        callback_url: "http://127.0.0.1:3829/callback".to_owned(),
        door: "127.0.0.1:3829/callback".to_owned(),
        send_line: "/usr/local/bin/dubwatch send --event version_generating".to_owned(),
        send_by_relay: String::new(),
        journal: "/home/ada/.local/share/dubwatch/journal.db".to_owned(),
        keys: vec!["panjaya".to_owned(), "dev".to_owned()],
        banner,
        confirm_quit: !matches!(banner, Some(Banner::Demo | Banner::ReadOnly | Banner::Capture)),
        bell: true,
        overdue: SignedDuration::from_hours(3),
        expected: None,
        started: now() - SignedDuration::from_mins(60),
        zone: TimeZone::UTC,
    }
}

impl TuiHarness {
    /// Creates a dashboard on an empty journal.
    pub(crate) fn empty() -> Self {
        let mut tui = Self::of(Model::new(run_info(None), now(), (120, 30)));
        tui.event(BackendEvent::Loaded);
        tui
    }

    /// Creates a dashboard from a model.
    pub(crate) fn of(model: Model) -> Self {
        let now = model.now;
        Self {
            model,
            hidden: None,
            timeline: Timeline::default(),
            names: Vec::new(),
            expected: BTreeMap::new(),
            listings: BTreeMap::new(),
            signed: BTreeMap::new(),
            seq: 0,
            unchecked: |_| false,
            refusals: 0,
            counts: Counts::default(),
            now,
        }
    }

    /// Plays the story of a seed up to a second.
    pub(crate) fn story(seed: u64, second: u64) -> Self {
        Self::story_unchecked(seed, second, |_| false)
    }

    /// Like [`Self::story`]; `unchecked` selects deliveries, by their number, to accept without a
    /// check.
    pub(crate) fn story_unchecked(seed: u64, second: u64, unchecked: fn(u64) -> bool) -> Self {
        Self { unchecked, ..Self::empty() }.play(seed, second)
    }

    /// Like [`Self::story`]; these versions are expected of every asset.
    pub(crate) fn story_expecting(seed: u64, second: u64, expected: &str) -> Self {
        Self::expecting(expected).play(seed, second)
    }

    /// Creates a dashboard on an empty journal. These versions are expected of every asset.
    pub(crate) fn expecting(expected: &str) -> Self {
        let expected = Some(Expectation::parse(expected).unwrap().into());
        let run_info = RunInfo { expected, ..run_info(None) };
        let mut tui = Self::of(Model::new(run_info, now(), (120, 30)));
        tui.event(BackendEvent::Loaded);
        tui
    }

    fn play(self, seed: u64, second: u64) -> Self {
        let mut tui = self;
        let story = Story::new(seed);
        tui.names =
            story.names().iter().map(|(id, name)| (id.clone(), (*name).to_owned())).collect();
        let mut touched = BTreeSet::new();
        let mut rows = Vec::new();
        for past in story.history(now(), Speed::LIFE) {
            touched.insert(past.message.asset_id.clone());
            rows.push(tui.delivery(&past.message, past.at));
        }
        tui.news(rows, &touched, true);
        for scene in story.scenes() {
            let at = now() + SignedDuration::try_from(scene.at).unwrap();
            if at > now() + SignedDuration::from_secs(second.cast_signed()) {
                break;
            }
            tui.tick(at);
            let (row, touched) = match scene.kind {
                RequestKind::Sound | RequestKind::Again => {
                    let touched = BTreeSet::from([scene.message.asset_id.clone()]);
                    // A retry has the bytes of the last copy; everything else is signed again.
                    let signature = match scene.kind {
                        RequestKind::Again => tui.signed.get(&scene.message.body()).copied(),
                        _ => None,
                    };
                    (tui.signed_delivery(&scene.message, at, signature), touched)
                }
                RequestKind::Spoiled(tamper) => {
                    (tui.refusal(&scene.message, Some(tamper), at), BTreeSet::new())
                }
                RequestKind::Astray => (tui.refusal(&scene.message, None, at), BTreeSet::new()),
                RequestKind::Lost => continue,
            };
            tui.news(vec![row], &touched, false);
        }
        tui.tick(now() + SignedDuration::from_secs(second.cast_signed()));
        tui
    }

    /// Returns the model that is shown.
    pub(crate) fn model(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Sets the current time.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        self.send(Msg::Tick(now))
    }

    /// Applies a message.
    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Effect> {
        update(&mut self.model, msg)
    }

    /// Applies an event of the backend.
    pub(crate) fn event(&mut self, event: BackendEvent) -> Vec<Effect> {
        self.send(Msg::Event(event))
    }

    /// Shows a demo instead of the real run.
    pub(crate) fn start_demo(&mut self) {
        let demo = Model::new(run_info(Some(Banner::Demo)), self.now, self.model.size);
        self.hidden = Some(std::mem::replace(&mut self.model, demo));
        self.send(Msg::ReceivedBehind(0));
    }

    /// Ends the demo and shows the real run again.
    pub(crate) fn stop_demo(&mut self) {
        if let Some(model) = self.hidden.take() {
            self.model = model;
        }
    }

    /// Returns a copy, for trying something without changing this one.
    pub(crate) fn copy(&self) -> Self {
        Self { hidden: self.hidden.clone(), ..Self::of(self.model.clone()) }
    }

    /// Presses keys, written as in the key table and separated by blanks.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let chords: Vec<Chord> =
            keys.split(' ').map(|key| key.parse().unwrap_or_else(|_| panic!("{key}"))).collect();
        chords.into_iter().flat_map(|chord| self.send(Msg::Key(chord))).collect()
    }

    /// Types a text.
    pub(crate) fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            let key = if character == ' ' { "space".to_owned() } else { character.to_string() };
            self.press(&key);
        }
    }

    /// Returns a frame of this size.
    pub(crate) fn frame(&mut self, (columns, rows): (u16, u16), theme: Theme) -> Buffer {
        self.send(Msg::Resize(columns, rows));
        let model = &mut self.model;
        model.settle();
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        view::draw(model, theme, area, &mut buffer);
        buffer
    }

    /// Sends new rows and the resulting assets.
    pub(crate) fn news(
        &mut self,
        rows: Vec<Row>,
        touched: &BTreeSet<String>,
        old: bool,
    ) -> Vec<Effect> {
        let assets = touched.iter().map(|id| self.asset(id)).collect();
        let news = News { rows, assets, head: self.seq, held: self.seq, old };
        let mut effects = self.event(BackendEvent::News(news));
        let counts = self.counts;
        effects.extend(self.event(BackendEvent::Counts(counts)));
        effects
    }

    /// Returns a valid delivery of a message, after folding it.
    pub(crate) fn delivery(&mut self, message: &Message, at: Timestamp) -> Row {
        self.signed_delivery(message, at, None)
    }

    /// Like [`Self::delivery`], with a given signature; equal numbers are equal signatures.
    pub(crate) fn signed_delivery(
        &mut self,
        message: &Message,
        at: Timestamp,
        signature: Option<u64>,
    ) -> Row {
        let body = message.body();
        let signature = signature.unwrap_or(self.seq);
        self.signed.insert(body.clone(), signature);
        let print = fingerprint(&format!("{signature:x}"), &body);
        let callback = Callback::read(&body);
        self.seq += 1;
        let verdict = if (self.unchecked)(self.seq) {
            self.counts.unchecked += 1;
            Verdict::Unchecked
        } else {
            self.counts.valid += 1;
            Verdict::Valid { key: "demo".into(), encoding: Encoding::Der }
        };
        let outcome = self.timeline.apply(&callback, at, print, verdict.provenance());
        Row::delivery(Delivery {
            seq: self.seq,
            committed_at: at + SignedDuration::from_millis(1),
            request: received(at, "/callback"),
            verdict,
            callback,
            outcome,
        })
    }

    /// Folds in what the API says of a version. Returns the row of the answer, if it changed anything.
    pub(crate) fn answer(
        &mut self,
        asset_id: &str,
        locale: &str,
        status: VersionStatus,
        at: Timestamp,
    ) -> Option<Row> {
        let report = VersionReport {
            asset_id: asset_id.to_owned(),
            version_id: format!("ver_{locale}"),
            locale: Some(locale.to_owned()),
            status,
        };
        let (outcome, has_changed) = self.timeline.report(&report, at);
        if !has_changed {
            return None;
        }
        self.seq += 1;
        let state = self.timeline.version(asset_id, &report.version_id).unwrap().state();
        let request = Received {
            received_at: at,
            source: Source::Api,
            peer: "api.panjaya.ai".to_owned(),
            method: "GET".to_owned(),
            path: format!("/v1/assets/{asset_id}"),
            headers: Headers::default(),
            body: report.write(),
        };
        Some(Row::delivery(Delivery {
            seq: self.seq,
            committed_at: at + SignedDuration::from_millis(80),
            request,
            verdict: Verdict::Api,
            callback: report.callback(state),
            outcome,
        }))
    }

    /// Returns the refusal of a message that was tampered with, or sent to a wrong path.
    pub(crate) fn refusal(
        &mut self,
        message: &Message,
        tamper: Option<Tamper>,
        at: Timestamp,
    ) -> Row {
        self.refusals += 1;
        let (kind, status, why) = match tamper {
            Some(Tamper::Body) => {
                (RefusalKind::Invalid, 401, "no trusted key made it over this body (1 tried)")
            }
            Some(Tamper::Newline) => (
                RefusalKind::Invalid,
                401,
                "the signature holds for the body without its trailing newline",
            ),
            Some(Tamper::Missing) => (
                RefusalKind::Missing,
                401,
                "there is no X-Signature header; the sender signs every callback",
            ),
            Some(Tamper::Encoding) => {
                (RefusalKind::Malformed, 401, "the header is base64, hex was expected")
            }
            Some(_) => (
                RefusalKind::Invalid,
                401,
                "hex is fine, DER is fine, no trusted key made it (1 tried)",
            ),
            None => (RefusalKind::WrongPath, 404, "POST /callbacks: the path is /callback"),
        };
        self.counts.refused[RefusalKind::ALL.iter().position(|other| *other == kind).unwrap()] += 1;
        let request = received(at, if tamper.is_none() { "/callbacks" } else { "/callback" });
        Row::refusal(RefusalEntry {
            earlier: Vec::new(),
            id: self.refusals,
            refusal: Refusal {
                at,
                kind,
                status,
                why: why.to_owned(),
                count: 1,
                method: request.method,
                path: request.path,
                peer: request.peer,
                headers: request.headers,
                body: BodySample::of(&message.body()),
            },
        })
    }

    /// Returns an asset as the fold has it.
    pub(crate) fn asset(&self, id: &str) -> AssetView {
        let versions = self.timeline.versions(id).map(|(version_id, version)| VersionRow {
            version_id: version_id.to_owned(),
            version: version.clone(),
        });
        let row = AssetRow {
            asset_id: id.to_owned(),
            asset: self.timeline.asset(id).unwrap().clone(),
            versions: versions.collect(),
        };
        let name = self.names.iter().find(|(other, _)| other == id).map(|(_, name)| name.clone());
        let expected = self.expected.get(id).map(|text| Expectation::parse(text).unwrap().into());
        let listing = self.listings.get(id).cloned().unwrap_or_default();
        AssetView::new(row, Notes { name, expected, listing, ..Notes::default() })
    }
}

fn received(at: Timestamp, path: &str) -> Received {
    Received {
        received_at: at,
        source: Source::Direct,
        peer: "127.0.0.1:50312".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: Headers::from_raw([("X-Signature", b"3045".as_slice())]),
        body: Vec::new(),
    }
}

/// Formats a frame as text, followed by the columns of all styled cells in each row.
pub(crate) fn rendered(buffer: &Buffer) -> String {
    let (mut text, mut styles) = (String::new(), String::new());
    for (y, (row, style)) in rows(buffer).iter().enumerate() {
        let _ = writeln!(text, "{row}");
        if !style.is_empty() {
            let _ = writeln!(styles, "{y}: {style}");
        }
    }
    format!("{text}---\n{styles}")
}

/// Returns the rows of a frame: the text, and the columns of each style.
pub(crate) fn rows(buffer: &Buffer) -> Vec<(String, String)> {
    (0..buffer.area.height).map(|y| (text(buffer, y), styles(buffer, y))).collect()
}

/// Returns the symbols of a row, each once, however many columns it takes.
fn text(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut skip = 0;
    for x in 0..buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        if skip == 0 {
            text.push_str(symbol);
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
        } else {
            skip -= 1;
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Returns the styles of a row in order of appearance, with their columns.
fn styles(buffer: &Buffer, y: u16) -> String {
    let mut styles: Vec<(String, String)> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let (from, style) = (x, buffer[(x, y)].style());
        while x < buffer.area.width && buffer[(x, y)].style() == style {
            x += 1;
        }
        let Some(words) = words(style) else { continue };
        let columns = if x == from + 1 { format!("{from}") } else { format!("{from}-{}", x - 1) };
        match styles.iter_mut().find(|(known, _)| *known == words) {
            Some((_, all)) => {
                let _ = write!(all, ",{columns}");
            }
            None => styles.push((words, columns)),
        }
    }
    let styles = styles.into_iter().map(|(words, columns)| format!("{words} {columns}"));
    styles.collect::<Vec<_>>().join("; ")
}

/// Describes a style in words; `None` for the plain one.
fn words(style: Style) -> Option<String> {
    let mut words = Vec::new();
    if let Some(color) = style.fg.filter(|color| *color != Color::Reset) {
        words.push(color.to_string().to_lowercase());
    }
    if let Some(color) = style.bg.filter(|color| *color != Color::Reset) {
        words.push(format!("on {}", color.to_string().to_lowercase()));
    }
    for (modifier, word) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::REVERSED, "reversed"),
        (Modifier::UNDERLINED, "underlined"),
    ] {
        if style.add_modifier.contains(modifier) {
            words.push(word.to_owned());
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}
