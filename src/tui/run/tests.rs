//! Tests of the loop with a recording terminal, scripted input and paused time.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep, timeout};

use super::limits::{FRAME_INTERVAL, NOTIFICATION_INTERVAL};
use super::*;
use crate::callback::{Callback, Delivery, Headers, Provenance, Received, Source, Verdict};
use crate::signature::fingerprint;
use crate::text::{ClipText, Printable};
use crate::timeline::{AssetRow, Notes, Timeline, VersionRow};
use crate::tui::effect::Request;
use crate::tui::event::{BackendEvent, News};
use crate::tui::model::asset::AssetView;
use crate::tui::model::row::Row;
use crate::tui::model::{Banner, RunInfo};
use crate::tui::terminal::Multiplexer;

/// The calls of the terminal, and how it behaves.
#[derive(Default)]
struct Record {
    draws: Vec<Instant>,
    screen: String,
    styles: String,
    copied: Vec<String>,
    notifications: Vec<String>,
    suspended: usize,
    resumed: usize,
    repainted: usize,
    answers: Vec<Report>,
    /// The multiplexer to report.
    multiplexer: Option<Multiplexer>,
    /// Whether writing fails.
    is_gone: bool,
    /// The size after a stop.
    size_after_stop: Option<(u16, u16)>,
    has_no_shell: bool,
    refuses_copy: bool,
}

/// A terminal that records its calls.
struct RecordingTerminal {
    terminal: ratatui::Terminal<TestBackend>,
    record: Arc<Mutex<Record>>,
    job_control: mpsc::Receiver<JobSignal>,
}

fn gone() -> TerminalError {
    TerminalError::Write(io::ErrorKind::BrokenPipe.into())
}

impl super::Terminal for RecordingTerminal {
    fn size(&self) -> Result<(u16, u16), TerminalError> {
        let area = self.terminal.backend().buffer().area;
        Ok((area.width, area.height))
    }

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), TerminalError> {
        let mut record = self.record.lock().unwrap();
        if record.is_gone {
            return Err(gone());
        }
        self.terminal.draw(render).unwrap();
        record.draws.push(Instant::now());
        record.screen = self.terminal.backend().to_string();
        record.styles = format!("{:?}", self.terminal.backend().buffer());
        Ok(())
    }

    fn title(&mut self, _: &Printable) -> Result<(), TerminalError> {
        Ok(())
    }

    fn repaint(&mut self) {
        self.record.lock().unwrap().repainted += 1;
    }

    fn handle_report(&mut self, report: Report) -> Result<(), TerminalError> {
        self.record.lock().unwrap().answers.push(report);
        Ok(())
    }

    fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError> {
        let mut record = self.record.lock().unwrap();
        if record.refuses_copy {
            return Err(TerminalError::TooLong { bytes: 77 });
        }
        record.copied.push(text.to_string());
        Ok(record.multiplexer.unwrap_or(Multiplexer::None))
    }

    fn notify(&mut self, words: &Printable) -> Result<(), TerminalError> {
        self.record.lock().unwrap().notifications.push(words.to_string());
        Ok(())
    }

    async fn job(&mut self) -> JobSignal {
        match self.job_control.recv().await {
            Some(job) => job,
            None => pending().await,
        }
    }

    async fn suspend(&mut self) -> Result<(), SuspendError> {
        let mut record = self.record.lock().unwrap();
        record.suspended += 1;
        if record.has_no_shell {
            return Err(SuspendError::Alone);
        }
        if let Some((columns, rows)) = record.size_after_stop {
            self.terminal.backend_mut().resize(columns, rows);
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), TerminalError> {
        self.record.lock().unwrap().resumed += 1;
        Ok(())
    }
}

/// A running loop and everything around it.
struct LoopHarness {
    record: Arc<Mutex<Record>>,
    keyboard: mpsc::Sender<Input>,
    events: mpsc::Sender<BackendEvent>,
    requests: mpsc::Receiver<Request>,
    demo_commands: mpsc::Receiver<DemoCommand>,
    demo_events: mpsc::Sender<DemoEvent>,
    job_control: mpsc::Sender<JobSignal>,
    end: CancellationToken,
    /// How often the clock was read: once at the start, then once per wake-up.
    wakeups: Arc<AtomicUsize>,
    running: JoinHandle<Result<ExitReason, TerminalError>>,
}

fn run_info() -> RunInfo {
    RunInfo {
        callback_url: "http://127.0.0.1:3829/callback".to_owned(),
        door: "127.0.0.1:3829/callback".to_owned(),
        send_line: "dubwatch send".to_owned(),
        send_by_relay: String::new(),
        journal: "memory".to_owned(),
        keys: vec!["panjaya".to_owned()],
        banner: None,
        confirm_quit: false,
        bell: true,
        overdue: SignedDuration::from_hours(3),
        expected: None,
        started: Timestamp::UNIX_EPOCH,
        zone: TimeZone::UTC,
    }
}

/// Returns the sender of a run's events, the run, and the receiver of its requests.
fn new_run(banner: Option<Banner>) -> (mpsc::Sender<BackendEvent>, Run, mpsc::Receiver<Request>) {
    let (sender, events) = mpsc::channel(4 * MAX_BATCH);
    let (requests, requested) = mpsc::channel(1);
    let run_info = RunInfo { banner, ..run_info() };
    (sender, Run { info: run_info, events, requests }, requested)
}

impl LoopHarness {
    fn open(record: Record) -> Self {
        Self::with_background(record, false)
    }

    fn with_background(record: Record, follows_background: bool) -> Self {
        let record = Arc::new(Mutex::new(record));
        let (job_control, signals) = mpsc::channel(4);
        let terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).unwrap();
        let terminal =
            RecordingTerminal { terminal, record: Arc::clone(&record), job_control: signals };
        let (keyboard, mut pressed) = mpsc::channel(64);
        let inputs = futures_util::stream::poll_fn(move |context| pressed.poll_recv(context));
        let wakeups = Arc::new(AtomicUsize::new(0));
        let (counted, started) = (Arc::clone(&wakeups), Instant::now());
        let clock = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let later: SignedDuration = started.elapsed().try_into().unwrap();
            Timestamp::from_second(1_800_000_000).unwrap() + later
        };
        let (events, run, requests) = new_run(None);
        let (commands, demo_commands) = mpsc::channel(1);
        let (demo_events, received) = mpsc::channel(1);
        let demo = DemoPorts { commands, events: received };
        let end = CancellationToken::new();
        let theme = Theme { color: true, ascii: false, light: false };
        let end_of = end.clone();
        let ports = Ports { terminal, inputs, clock, demo, end: end_of, theme, follows_background };
        let running = tokio::spawn(super::run(run, ports));
        Self {
            record,
            keyboard,
            events,
            requests,
            demo_commands,
            demo_events,
            job_control,
            end,
            wakeups,
            running,
        }
    }

    /// Lets the loop run until it waits. No time passes.
    async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Creates a loop that shows an empty journal and has been waiting for a while.
    async fn idle(record: Record) -> Self {
        let harness = Self::open(record);
        harness.settle().await;
        harness.send(BackendEvent::Loaded);
        harness.settle().await;
        // First for the frame that had to wait, then so that the next one need not.
        for _ in 0..2 {
            advance(Duration::from_secs(10)).await;
            harness.settle().await;
        }
        harness
    }

    fn send(&self, event: BackendEvent) {
        self.events.try_send(event).unwrap();
    }

    fn press(&self, key: &str) {
        self.keyboard.try_send(Input::Key(key.parse().unwrap())).unwrap();
    }

    fn draws(&self) -> Vec<Instant> {
        self.record.lock().unwrap().draws.clone()
    }

    fn shows(&self, words: &str) -> bool {
        self.record.lock().unwrap().screen.contains(words)
    }

    fn wakeups(&self) -> usize {
        self.wakeups.load(Ordering::Relaxed)
    }

    async fn exit(self) -> Result<ExitReason, TerminalError> {
        timeout(Duration::from_secs(1), self.running).await.unwrap().unwrap()
    }
}

/// An event whose only effect is a message.
fn message(text: &str) -> BackendEvent {
    BackendEvent::Unanswered(Request::EndSearch, text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_waits_for_nothing() {
    let harness = LoopHarness::open(Record::default());
    harness.settle().await;
    assert_eq!(harness.draws().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_single_event_is_drawn_immediately() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.send(message("hello there"));
    harness.settle().await;
    assert_eq!(harness.draws().last(), Some(&Instant::now()));
    assert!(harness.shows("hello there"));
}

#[tokio::test(start_paused = true)]
async fn frames_are_spaced_and_none_is_lost() {
    let harness = LoopHarness::idle(Record::default()).await;
    let before = harness.draws().len();
    for number in 0..1_000 {
        harness.send(message(&format!("number {number}.")));
        harness.settle().await;
        advance(Duration::from_millis(1)).await;
    }
    sleep(FRAME_INTERVAL).await;
    let draws = harness.draws();
    for two in draws[before..].windows(2) {
        assert!(two[1] - two[0] >= FRAME_INTERVAL, "{:?}", two[1] - two[0]);
    }
    assert!(draws.len() - before >= 25, "{}", draws.len() - before);
    assert!(harness.shows("number 999."), "the last one is drawn although nothing follows");
}

#[tokio::test(start_paused = true)]
async fn it_sleeps_while_nothing_ages() {
    let harness = LoopHarness::idle(Record::default()).await;
    let (wakeups, draws) = (harness.wakeups(), harness.draws().len());
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!((harness.wakeups(), harness.draws().len()), (wakeups, draws));
}

#[tokio::test(start_paused = true)]
async fn changes_by_time_are_drawn_on_time() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.send(message("for a moment"));
    harness.settle().await;
    let wakeups = harness.wakeups();
    sleep(Duration::from_secs(60)).await;
    assert!(!harness.shows("for a moment"));
    assert_eq!(harness.wakeups() - wakeups, 1, "once, to take the word away");
}

#[tokio::test(start_paused = true)]
async fn at_most_one_batch_is_applied_per_wakeup() {
    let harness = LoopHarness::idle(Record::default()).await;
    let wakeups = harness.wakeups();
    for _ in 0..3 * MAX_BATCH {
        harness.send(message("again"));
    }
    harness.settle().await;
    assert_eq!(harness.events.capacity(), harness.events.max_capacity());
    assert_eq!(harness.wakeups() - wakeups, 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_handled_before_queued_events() {
    let harness = LoopHarness::idle(Record::default()).await;
    for _ in 0..100 {
        harness.send(message("news"));
    }
    let events = harness.events.clone();
    harness.press("ctrl-c");
    assert_eq!(harness.exit().await.unwrap(), ExitReason::Quit);
    assert!(events.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_key_takes_effect_within_a_frame_under_load() {
    let harness = LoopHarness::idle(Record::default()).await;
    for number in 0..1_000 {
        harness.send(message("news"));
        if number == 500 {
            harness.press("?");
        }
        harness.settle().await;
        advance(Duration::from_millis(1)).await;
        if number == 534 {
            assert!(harness.shows("─ Keys ─"), "{}", harness.record.lock().unwrap().screen);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_resizes_cause_one_frame() {
    let harness = LoopHarness::idle(Record::default()).await;
    let before = harness.draws().len();
    for columns in 40..100 {
        harness.keyboard.try_send(Input::Resize(columns, 30)).unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(harness.draws().len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_a_frame_is_drawn_immediately_at_the_new_size() {
    let record = Record { size_after_stop: Some((100, 30)), ..Record::default() };
    let harness = LoopHarness::idle(record).await;
    harness.send(message("just drawn"));
    harness.settle().await;
    let before = harness.draws().len();
    harness.press("ctrl-z");
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().suspended, 1);
    assert_eq!(harness.draws().len() - before, 1);
    let screen = harness.record.lock().unwrap().screen.clone();
    assert_eq!(screen.lines().count(), 30, "{screen}");
}

#[tokio::test(start_paused = true)]
async fn signals_stop_and_continue_it_like_the_key() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.job_control.try_send(JobSignal::Stop).unwrap();
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().suspended, 1);
    let before = harness.draws().len();
    harness.job_control.try_send(JobSignal::Continued).unwrap();
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().resumed, 1);
    assert_eq!(harness.draws().len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_fails_shows_a_message() {
    let harness = LoopHarness::idle(Record { has_no_shell: true, ..Record::default() }).await;
    harness.press("ctrl-z");
    harness.settle().await;
    assert!(harness.shows("there is no shell"), "{}", harness.record.lock().unwrap().screen);
}

#[tokio::test(start_paused = true)]
async fn a_copy_reaches_the_terminal_or_shows_a_message() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.press("y");
    harness.press("u");
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().copied, ["http://127.0.0.1:3829/callback"]);

    harness.record.lock().unwrap().refuses_copy = true;
    advance(FRAME_INTERVAL).await;
    harness.press("y");
    harness.press("u");
    harness.settle().await;
    assert!(harness.shows("77 bytes are too many"), "{}", harness.record.lock().unwrap().screen);
}

#[tokio::test(start_paused = true)]
async fn a_full_command_channel_shows_a_message() {
    let mut harness = LoopHarness::idle(Record::default()).await;
    for _ in 0..2 {
        harness.press("d");
        harness.settle().await;
        advance(FRAME_INTERVAL).await;
        harness.settle().await;
    }
    assert!(harness.shows("busy"), "{}", harness.record.lock().unwrap().screen);
    assert_eq!(harness.demo_commands.recv().await, Some(DemoCommand::Start));
    assert!(harness.demo_commands.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_full_request_channel_shows_a_message() {
    let mut harness = LoopHarness::idle(Record::default()).await;
    harness.send(BackendEvent::News(deliveries(2)));
    harness.settle().await;
    // There is room for one, which is taken: the deliveries of the selected asset.
    harness.press("3");
    harness.press("enter");
    harness.settle().await;
    advance(FRAME_INTERVAL).await;
    harness.settle().await;
    assert!(harness.shows("the journal is busy"), "{}", harness.record.lock().unwrap().screen);
    assert!(harness.requests.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_demo_hides_the_run_which_continues_and_returns() {
    let mut harness = LoopHarness::idle(Record::default()).await;
    harness.press("d");
    harness.settle().await;
    assert_eq!(harness.demo_commands.recv().await, Some(DemoCommand::Start));
    let (demo, run, _requests) = new_run(Some(Banner::Demo));
    harness.demo_events.try_send(DemoEvent::Started(Box::new(run))).unwrap();
    demo.try_send(BackendEvent::Loaded).unwrap();
    let shows = async |harness: &LoopHarness, text: &str| {
        harness.settle().await;
        advance(FRAME_INTERVAL).await;
        harness.settle().await;
        assert!(harness.shows(text), "{text}: {}", harness.record.lock().unwrap().screen);
    };
    shows(&harness, "DEMO  made-up data").await;

    // Requests received meanwhile are counted, and overdue versions are notified of.
    harness.send(BackendEvent::News(deliveries(1)));
    shows(&harness, "1 real request received meanwhile (esc: show)").await;
    harness.send(BackendEvent::News(deliveries(2)));
    shows(&harness, "3 real requests received meanwhile (esc: show)").await;
    sleep(Duration::from_secs(4 * 3600)).await;
    assert_eq!(harness.record.lock().unwrap().notifications, ["ast_a: overdue"]);

    harness.press("esc");
    harness.settle().await;
    assert_eq!(harness.demo_commands.recv().await, Some(DemoCommand::Stop));
    harness.demo_events.try_send(DemoEvent::Ended(None)).unwrap();
    shows(&harness, "ast_a").await;
    assert!(!harness.shows("DEMO"));
    assert!(demo.is_closed(), "the demo's backend has no more to do");
}

#[tokio::test(start_paused = true)]
async fn a_failed_demo_shows_the_reason_on_the_real_run() {
    let harness = LoopHarness::idle(Record::default()).await;
    let (_demo, run, _requests) = new_run(Some(Banner::Demo));
    harness.demo_events.try_send(DemoEvent::Started(Box::new(run))).unwrap();
    harness.settle().await;
    let ended = DemoEvent::Ended(Some("its disk is full".to_owned()));
    harness.demo_events.try_send(ended).unwrap();
    harness.settle().await;
    advance(FRAME_INTERVAL).await;
    harness.settle().await;
    let screen = harness.record.lock().unwrap().screen.clone();
    assert!(screen.contains("the demo ended: its disk is full"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_terminal_ends_the_loop() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.record.lock().unwrap().is_gone = true;
    harness.send(message("nobody sees this"));
    assert!(matches!(harness.exit().await, Err(TerminalError::Write(_))));
}

#[tokio::test(start_paused = true)]
async fn a_closed_terminal_ends_the_loop() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.keyboard.try_send(Input::Gone).unwrap();
    assert_eq!(harness.exit().await.unwrap(), ExitReason::Gone);
    let LoopHarness { keyboard, running, .. } = LoopHarness::idle(Record::default()).await;
    drop(keyboard);
    let exit = timeout(Duration::from_secs(1), running).await.unwrap().unwrap();
    assert_eq!(exit.unwrap(), ExitReason::Gone);
}

#[tokio::test(start_paused = true)]
async fn cancellation_ends_the_loop_before_anything_else() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.press("?");
    harness.send(message("news"));
    harness.end.cancel();
    assert_eq!(harness.exit().await.unwrap(), ExitReason::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn notifications_are_spaced_and_combined() {
    let mut bell = BellLimiter::default();
    let now = Instant::now();
    let taken = |bell: &mut BellLimiter, at| bell.take(at).map(|words| words.to_string());
    assert_eq!((taken(&mut bell, now), bell.due(now)), (None, None));
    bell.add(Printable::new("a failed"));
    assert_eq!(taken(&mut bell, now).as_deref(), Some("a failed"), "the first waits for nothing");
    for name in ["b failed", "c failed", "d failed"] {
        bell.add(Printable::new(name));
    }
    assert_eq!(bell.due(now), Some(now + NOTIFICATION_INTERVAL));
    assert_eq!(taken(&mut bell, now + NOTIFICATION_INTERVAL / 2), None);
    let later = taken(&mut bell, now + NOTIFICATION_INTERVAL);
    assert_eq!(later.as_deref(), Some("b failed, and 2 more"));
    assert_eq!(bell.due(now), None);
}

/// Returns this many deliveries of one generating version, and the resulting asset.
fn deliveries(count: u64) -> News {
    let mut timeline = Timeline::default();
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let body = br#"{"event":"version_generating","asset_id":"ast_a","version_id":"v1"}"#;
    let rows = (1..=count).map(|seq| {
        let callback = Callback::read(body);
        let print = fingerprint(&format!("{seq:x}"), body);
        let outcome = timeline.apply(&callback, at, print, Provenance::Unchecked);
        let request = Received {
            received_at: at,
            source: Source::Direct,
            peer: "127.0.0.1:50312".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers: Headers::default(),
            body: body.to_vec(),
        };
        let verdict = Verdict::Unchecked;
        Row::delivery(Delivery { seq, committed_at: at, request, verdict, callback, outcome })
    });
    let rows = rows.collect();
    let versions = timeline.versions("ast_a").map(|(version_id, version)| VersionRow {
        version_id: version_id.to_owned(),
        version: version.clone(),
    });
    let row = AssetRow {
        asset_id: "ast_a".to_owned(),
        asset: timeline.asset("ast_a").unwrap().clone(),
        versions: versions.collect(),
    };
    let assets = vec![AssetView::new(row, Notes::default())];
    News { rows, assets, head: count, held: count, old: false }
}

fn background(is_light: bool) -> Input {
    Input::Report(Report::Background { is_light })
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_waits_briefly_for_the_background_and_uses_its_theme() {
    let harness = LoopHarness::with_background(Record::default(), true);
    harness.settle().await;
    assert_eq!(harness.draws().len(), 0);
    harness.keyboard.try_send(background(true)).unwrap();
    harness.settle().await;
    assert_eq!(harness.draws().len(), 1, "at once");
    let light = harness.record.lock().unwrap().styles.clone();

    // A terminal that does not answer delays nothing, and a late answer is applied.
    let harness = LoopHarness::with_background(Record::default(), true);
    harness.settle().await;
    advance(BACKGROUND_WAIT).await;
    harness.settle().await;
    assert_eq!(harness.draws().len(), 1);
    assert_ne!(harness.record.lock().unwrap().styles, light);
    for _ in 0..2 {
        harness.keyboard.try_send(background(true)).unwrap();
        harness.settle().await;
        advance(FRAME_INTERVAL).await;
        harness.settle().await;
    }
    assert_eq!(harness.draws().len(), 2, "once for two answers that say the same");
    assert_eq!(harness.record.lock().unwrap().styles, light);
}

#[tokio::test(start_paused = true)]
async fn a_chosen_theme_is_kept() {
    let harness = LoopHarness::idle(Record::default()).await;
    let before = harness.draws().len();
    harness.keyboard.try_send(background(true)).unwrap();
    harness.settle().await;
    advance(FRAME_INTERVAL).await;
    harness.settle().await;
    assert_eq!(harness.draws().len(), before);
}

#[tokio::test(start_paused = true)]
async fn answers_are_passed_to_the_terminal() {
    let harness = LoopHarness::idle(Record::default()).await;
    harness.keyboard.try_send(Input::Report(Report::PhysicalKeys)).unwrap();
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().answers, [Report::PhysicalKeys]);
}

#[tokio::test(start_paused = true)]
async fn control_l_redraws_the_whole_screen() {
    let harness = LoopHarness::idle(Record::default()).await;
    let before = harness.draws().len();
    harness.press("ctrl-l");
    harness.settle().await;
    assert_eq!(harness.record.lock().unwrap().repainted, 1);
    assert_eq!(harness.draws().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn the_copy_message_names_the_multiplexer() {
    for (multiplexer, said) in [
        (Multiplexer::None, "sent the callback URL to the terminal's clipboard"),
        (Multiplexer::Tmux, "passed the callback URL to tmux; nothing to paste?"),
    ] {
        let record = Record { multiplexer: Some(multiplexer), ..Record::default() };
        let harness = LoopHarness::idle(record).await;
        harness.press("y");
        harness.press("u");
        harness.settle().await;
        advance(FRAME_INTERVAL).await;
        harness.settle().await;
        assert!(harness.shows(said), "{said}");
    }
}
