//! The loop on a recorded terminal, a scripted keyboard and time that stands still.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ratatui::backend::TestBackend;
use ratatui::{Frame, Terminal};
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep, timeout};

use super::pace::{CALL, FRAME};
use super::*;
use crate::text::{ClipText, Printable};
use crate::tui::msg::Told;
use crate::tui::terminal::Multiplexer;

/// What was asked of the terminal.
#[derive(Default)]
struct Record {
    draws: Vec<Instant>,
    screen: String,
    styles: String,
    copied: Vec<String>,
    suspended: usize,
    resumed: usize,
    repainted: usize,
    answers: Vec<Report>,
    /// What the terminal is.
    multiplexer: Option<Multiplexer>,
    /// What the terminal is like from now on.
    is_gone: bool,
    /// The size that it has when it comes back.
    comes_back: Option<(u16, u16)>,
    is_alone: bool,
    takes_no_copy: bool,
}

/// A terminal that records.
struct Recorded {
    terminal: Terminal<TestBackend>,
    record: Arc<Mutex<Record>>,
    jobs: mpsc::Receiver<Job>,
}

fn gone() -> TerminalError {
    TerminalError::Write(io::ErrorKind::BrokenPipe.into())
}

impl Display for Recorded {
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

    fn answered(&mut self, report: Report) -> Result<(), TerminalError> {
        self.record.lock().unwrap().answers.push(report);
        Ok(())
    }

    fn copy(&mut self, text: &ClipText) -> Result<Multiplexer, TerminalError> {
        let mut record = self.record.lock().unwrap();
        if record.takes_no_copy {
            return Err(TerminalError::TooLong { bytes: 77 });
        }
        record.copied.push(text.to_string());
        Ok(record.multiplexer.unwrap_or(Multiplexer::None))
    }

    fn call(&mut self, _: &Printable) -> Result<(), TerminalError> {
        Ok(())
    }

    async fn job(&mut self) -> Job {
        match self.jobs.recv().await {
            Some(job) => job,
            None => pending().await,
        }
    }

    async fn suspend(&mut self) -> Result<(), SuspendError> {
        let mut record = self.record.lock().unwrap();
        record.suspended += 1;
        if record.is_alone {
            return Err(SuspendError::Alone);
        }
        if let Some((columns, rows)) = record.comes_back {
            self.terminal.backend_mut().resize(columns, rows);
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), TerminalError> {
        self.record.lock().unwrap().resumed += 1;
        Ok(())
    }
}

/// A loop that runs, and everything around it.
struct Theatre {
    record: Arc<Mutex<Record>>,
    keyboard: mpsc::Sender<Input>,
    inbox: mpsc::Sender<Msg>,
    requests: mpsc::Receiver<(Stage, Request)>,
    jobs: mpsc::Sender<Job>,
    end: CancellationToken,
    /// How often it was asked how late it is: once at the start, then once each time it woke.
    woken: Arc<AtomicUsize>,
    running: JoinHandle<Result<Left, TerminalError>>,
}

fn facts() -> Facts {
    Facts {
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
        started: Timestamp::UNIX_EPOCH,
        zone: TimeZone::UTC,
    }
}

impl Theatre {
    fn open(record: Record) -> Self {
        Self::on_ground(record, false)
    }

    fn on_ground(record: Record, follows_ground: bool) -> Self {
        let record = Arc::new(Mutex::new(record));
        let (jobs, wanted) = mpsc::channel(4);
        let terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let display = Recorded { terminal, record: Arc::clone(&record), jobs: wanted };
        let (keyboard, mut pressed) = mpsc::channel(64);
        let inputs = futures_util::stream::poll_fn(move |context| pressed.poll_recv(context));
        let woken = Arc::new(AtomicUsize::new(0));
        let (counted, begun) = (Arc::clone(&woken), Instant::now());
        let clock = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let later: SignedDuration = begun.elapsed().try_into().unwrap();
            Timestamp::from_second(1_800_000_000).unwrap() + later
        };
        let (inbox, told) = mpsc::channel(4 * DRAIN);
        let (requests, asked) = mpsc::channel(1);
        let end = CancellationToken::new();
        let look = Look { color: true, ascii: false, light: false };
        let end_of = end.clone();
        let edges = Edges {
            display,
            inputs,
            clock,
            inbox: told,
            requests,
            end: end_of,
            look,
            follows_ground,
        };
        let running = tokio::spawn(run(facts(), edges));
        Self { record, keyboard, inbox, requests: asked, jobs, end, woken, running }
    }

    /// Lets the loop run until it waits. No time goes by.
    async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// A loop that shows an empty journal and has waited for a while.
    async fn idle(record: Record) -> Self {
        let theatre = Self::open(record);
        theatre.settle().await;
        theatre.tell(Msg::Told(Stage::Real, Told::Loaded));
        theatre.settle().await;
        // Once for the frame that had to wait, once so that the next one need not.
        for _ in 0..2 {
            advance(Duration::from_secs(10)).await;
            theatre.settle().await;
        }
        theatre
    }

    fn tell(&self, msg: Msg) {
        self.inbox.try_send(msg).unwrap();
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

    fn woken(&self) -> usize {
        self.woken.load(Ordering::Relaxed)
    }

    async fn left(self) -> Result<Left, TerminalError> {
        timeout(Duration::from_secs(1), self.running).await.unwrap().unwrap()
    }
}

fn word(text: &str) -> Msg {
    Msg::Word(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_waits_for_nothing() {
    let theatre = Theatre::open(Record::default());
    theatre.settle().await;
    assert_eq!(theatre.draws().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_alone_is_drawn_at_once() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.tell(word("hello there"));
    theatre.settle().await;
    assert_eq!(theatre.draws().last(), Some(&Instant::now()));
    assert!(theatre.shows("hello there"));
}

#[tokio::test(start_paused = true)]
async fn frames_keep_their_distance_and_none_is_lost() {
    let theatre = Theatre::idle(Record::default()).await;
    let before = theatre.draws().len();
    for number in 0..1_000 {
        theatre.tell(word(&format!("number {number}.")));
        theatre.settle().await;
        advance(Duration::from_millis(1)).await;
    }
    sleep(FRAME).await;
    let draws = theatre.draws();
    for two in draws[before..].windows(2) {
        assert!(two[1] - two[0] >= FRAME, "{:?}", two[1] - two[0]);
    }
    assert!(draws.len() - before >= 25, "{}", draws.len() - before);
    assert!(theatre.shows("number 999."), "the last one is drawn although nothing follows");
}

#[tokio::test(start_paused = true)]
async fn it_sleeps_while_nothing_ages() {
    let theatre = Theatre::idle(Record::default()).await;
    let (woken, draws) = (theatre.woken(), theatre.draws().len());
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!((theatre.woken(), theatre.draws().len()), (woken, draws));
}

#[tokio::test(start_paused = true)]
async fn what_ages_is_drawn_when_it_does() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.tell(word("for a moment"));
    theatre.settle().await;
    let woken = theatre.woken();
    sleep(Duration::from_secs(60)).await;
    assert!(!theatre.shows("for a moment"));
    assert_eq!(theatre.woken() - woken, 1, "once, to take the word away");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_drain_is_taken_in_between_two_looks_at_the_clock() {
    let theatre = Theatre::idle(Record::default()).await;
    let woken = theatre.woken();
    for _ in 0..3 * DRAIN {
        theatre.tell(word("again"));
    }
    theatre.settle().await;
    assert_eq!(theatre.inbox.capacity(), theatre.inbox.max_capacity());
    assert_eq!(theatre.woken() - woken, 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_overtakes_the_news() {
    let theatre = Theatre::idle(Record::default()).await;
    for _ in 0..100 {
        theatre.tell(word("news"));
    }
    let inbox = theatre.inbox.clone();
    theatre.press("ctrl-c");
    assert_eq!(theatre.left().await.unwrap(), Left::Quit);
    assert!(inbox.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_key_in_a_flood_of_news_shows_within_a_frame() {
    let theatre = Theatre::idle(Record::default()).await;
    for number in 0..1_000 {
        theatre.tell(word("news"));
        if number == 500 {
            theatre.press("?");
        }
        theatre.settle().await;
        advance(Duration::from_millis(1)).await;
        if number == 534 {
            assert!(theatre.shows("─ Keys ─"), "{}", theatre.record.lock().unwrap().screen);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_sizes_is_one_frame() {
    let theatre = Theatre::idle(Record::default()).await;
    let before = theatre.draws().len();
    for columns in 40..100 {
        theatre.keyboard.try_send(Input::Resize(columns, 30)).unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(theatre.draws().len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_the_frame_is_drawn_at_once_in_the_size_that_it_has_then() {
    let record = Record { comes_back: Some((100, 30)), ..Record::default() };
    let theatre = Theatre::idle(record).await;
    theatre.tell(word("just drawn"));
    theatre.settle().await;
    let before = theatre.draws().len();
    theatre.press("ctrl-z");
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().suspended, 1);
    assert_eq!(theatre.draws().len() - before, 1);
    let screen = theatre.record.lock().unwrap().screen.clone();
    assert_eq!(screen.lines().count(), 30, "{screen}");
}

#[tokio::test(start_paused = true)]
async fn the_shell_stops_it_as_the_key_does_and_tells_when_it_is_back() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.jobs.try_send(Job::Stop).unwrap();
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().suspended, 1);
    let before = theatre.draws().len();
    theatre.jobs.try_send(Job::Continued).unwrap();
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().resumed, 1);
    assert_eq!(theatre.draws().len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_cannot_be_is_a_word() {
    let theatre = Theatre::idle(Record { is_alone: true, ..Record::default() }).await;
    theatre.press("ctrl-z");
    theatre.settle().await;
    assert!(theatre.shows("no shell is here"), "{}", theatre.record.lock().unwrap().screen);
}

#[tokio::test(start_paused = true)]
async fn what_is_copied_goes_out_and_what_cannot_be_is_a_word() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.press("y");
    theatre.press("u");
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().copied, ["http://127.0.0.1:3829/callback"]);

    theatre.record.lock().unwrap().takes_no_copy = true;
    advance(FRAME).await;
    theatre.press("y");
    theatre.press("u");
    theatre.settle().await;
    assert!(theatre.shows("77 bytes are too many"), "{}", theatre.record.lock().unwrap().screen);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_goes_out_and_one_too_many_is_a_word() {
    let mut theatre = Theatre::idle(Record::default()).await;
    theatre.press("d");
    theatre.settle().await;
    advance(FRAME).await;
    theatre.press("d");
    theatre.settle().await;
    assert!(theatre.shows("busy"), "{}", theatre.record.lock().unwrap().screen);
    assert_eq!(theatre.requests.recv().await, Some((Stage::Real, Request::StartDemo)));
    assert!(theatre.requests.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_takes_nothing_ends_it() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.record.lock().unwrap().is_gone = true;
    theatre.tell(word("nobody sees this"));
    assert!(matches!(theatre.left().await, Err(TerminalError::Write(_))));
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_gone_ends_it() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.keyboard.try_send(Input::Gone).unwrap();
    assert_eq!(theatre.left().await.unwrap(), Left::Gone);
    let Theatre { keyboard, running, .. } = Theatre::idle(Record::default()).await;
    drop(keyboard);
    let left = timeout(Duration::from_secs(1), running).await.unwrap().unwrap();
    assert_eq!(left.unwrap(), Left::Gone);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_told_whatever_comes() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.press("?");
    theatre.tell(word("news"));
    theatre.end.cancel();
    assert_eq!(theatre.left().await.unwrap(), Left::Told);
}

#[tokio::test(start_paused = true)]
async fn calls_keep_their_distance_and_say_how_many_they_are() {
    let mut calls = Calls::default();
    let now = Instant::now();
    let taken = |calls: &mut Calls, at| calls.take(at).map(|words| words.to_string());
    assert_eq!((taken(&mut calls, now), calls.due(now)), (None, None));
    calls.add(Printable::new("a failed"));
    assert_eq!(taken(&mut calls, now).as_deref(), Some("a failed"), "the first waits for nothing");
    for name in ["b failed", "c failed", "d failed"] {
        calls.add(Printable::new(name));
    }
    assert_eq!(calls.due(now), Some(now + CALL));
    assert_eq!(taken(&mut calls, now + CALL / 2), None);
    let later = taken(&mut calls, now + CALL);
    assert_eq!(later.as_deref(), Some("b failed, and 2 more"));
    assert_eq!(calls.due(now), None);
}

fn ground(is_light: bool) -> Input {
    Input::Report(Report::Ground { is_light })
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_waits_a_moment_for_the_ground_and_is_drawn_in_its_colours() {
    let theatre = Theatre::on_ground(Record::default(), true);
    theatre.settle().await;
    assert_eq!(theatre.draws().len(), 0);
    theatre.keyboard.try_send(ground(true)).unwrap();
    theatre.settle().await;
    assert_eq!(theatre.draws().len(), 1, "at once");
    let light = theatre.record.lock().unwrap().styles.clone();

    // One that does not answer holds nothing up, and one that answers late is heard.
    let theatre = Theatre::on_ground(Record::default(), true);
    theatre.settle().await;
    advance(GROUND_SAID).await;
    theatre.settle().await;
    assert_eq!(theatre.draws().len(), 1);
    assert_ne!(theatre.record.lock().unwrap().styles, light);
    for _ in 0..2 {
        theatre.keyboard.try_send(ground(true)).unwrap();
        theatre.settle().await;
        advance(FRAME).await;
        theatre.settle().await;
    }
    assert_eq!(theatre.draws().len(), 2, "once for two answers that say the same");
    assert_eq!(theatre.record.lock().unwrap().styles, light);
}

#[tokio::test(start_paused = true)]
async fn who_chose_a_theme_keeps_it() {
    let theatre = Theatre::idle(Record::default()).await;
    let before = theatre.draws().len();
    theatre.keyboard.try_send(ground(true)).unwrap();
    theatre.settle().await;
    advance(FRAME).await;
    theatre.settle().await;
    assert_eq!(theatre.draws().len(), before);
}

#[tokio::test(start_paused = true)]
async fn the_terminal_hears_what_it_answered() {
    let theatre = Theatre::idle(Record::default()).await;
    theatre.keyboard.try_send(Input::Report(Report::PhysicalKeys)).unwrap();
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().answers, [Report::PhysicalKeys]);
}

#[tokio::test(start_paused = true)]
async fn control_l_has_the_next_frame_drawn_whole() {
    let theatre = Theatre::idle(Record::default()).await;
    let before = theatre.draws().len();
    theatre.press("ctrl-l");
    theatre.settle().await;
    assert_eq!(theatre.record.lock().unwrap().repainted, 1);
    assert_eq!(theatre.draws().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_said_to_be_with_whom_it_is() {
    for (multiplexer, said) in [
        (Multiplexer::None, "sent the callback URL to the terminal's clipboard"),
        (Multiplexer::Tmux, "handed the callback URL to tmux; nothing to paste?"),
    ] {
        let record = Record { multiplexer: Some(multiplexer), ..Record::default() };
        let theatre = Theatre::idle(record).await;
        theatre.press("y");
        theatre.press("u");
        theatre.settle().await;
        advance(FRAME).await;
        theatre.settle().await;
        assert!(theatre.shows(said), "{said}");
    }
}
