//! The terminal is restored however the program ends, and nothing waits for its answers. A small
//! test program without data runs on a pty.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dubwatch::internals::text::{ClipText, Printable};
use dubwatch::internals::tui::input::{self, Chord, Input, Key, Report};
use dubwatch::internals::tui::job_control::{JobControl, JobSignal, SuspendError};
use dubwatch::internals::tui::terminal::{COPY_LIMIT, Multiplexer, TerminalError, TerminalScreen};
use dubwatch::internals::tui::widget::pen::Pen;
use futures_util::StreamExt as _;
use ratatui::style::Style;
use ratatui::widgets::Paragraph;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::tui_support::{LIMIT, Pty};

/// How soon the program has to end after its terminal is gone; meanwhile it may keep a core busy.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// Set for the test program; the file to which it writes its result.
const RESULT_FILE: &str = "DUBWATCH_TEST_RESULT_FILE";

/// The test program: shows the last input and how often the keyboard answered, and obeys keys.
#[test]
#[ignore = "runs on the terminals of the other tests"]
fn test_program() {
    let Some(file) = std::env::var_os(RESULT_FILE) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(run_program());
    // The reading thread and the hang-up thread would wait for ever.
    runtime.shutdown_background();
    std::fs::write(file, ended).unwrap();
}

async fn run_program() -> String {
    let broken = CancellationToken::new();
    let mut job_control = JobControl::new().unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let mut screen = match TerminalScreen::enter(broken.clone()) {
        Ok(screen) => screen,
        Err(error) => return error.to_string(),
    };
    let mut inputs = input::stream().unwrap();
    let mut last = "ready".to_owned();
    let mut keyboards = 0;
    loop {
        // A terminal that is gone may be detected here first.
        let Ok(size) = screen.size() else { return "gone".to_owned() };
        let text = format!("pid {}\n{last} in {size}\nkeyboards: {keyboards}", std::process::id());
        let drawn = screen.draw(|frame| frame.render_widget(Paragraph::new(text), frame.area()));
        if drawn.is_err() {
            return "gone".to_owned();
        }
        let input = tokio::select! {
            input = inputs.next() => input.unwrap(),
            job = job_control.next() => {
                match job {
                    JobSignal::Stop => last = suspended(&mut job_control, &mut screen).await,
                    JobSignal::Continued => {
                        // The system also sends SIGCONT when the terminal is gone.
                        if screen.resume().is_err() {
                            return "gone".to_owned();
                        }
                        "continued".clone_into(&mut last);
                    }
                }
                continue;
            }
            () = broken.cancelled() => return "broken".to_owned(),
            _ = terminate.recv() => return "terminated".to_owned(),
        };
        match input {
            Input::Gone => return "gone".to_owned(),
            Input::Resize(columns, rows) => last = format!("resized {columns} {rows}"),
            Input::Paste(text) => last = format!("pasted {} {text:?}", text.len()),
            Input::Report(report) => {
                if screen.handle_report(report).is_err() {
                    return "gone".to_owned();
                }
                // It arrives at any time after the start.
                match report {
                    Report::PhysicalKeys => keyboards += 1,
                    Report::Background { .. } => last = format!("{report:?}"),
                }
            }
            Input::Key(chord) => {
                last = chord.to_string();
                if chord == Chord::ctrl(Key::Char('z')) {
                    last = suspended(&mut job_control, &mut screen).await;
                }
                match chord.text() {
                    Some('q') => {
                        screen.leave();
                        screen.leave();
                        screen.draw(|frame| frame.set_cursor_position((0, 0))).unwrap();
                        screen.bell().unwrap();
                        return "left".to_owned();
                    }
                    Some('d') => return "dropped".to_owned(),
                    Some('p') => drop(std::thread::spawn(|| panic!("a thread is lost"))),
                    Some('a') => drop(tokio::spawn(async { panic!("a task is lost") })),
                    Some('P') => panic!("the loop is lost"),
                    Some('c') => drop(screen.copy(&ClipText::line("some text").unwrap()).unwrap()),
                    Some('g') => screen.follow_background().unwrap(),
                    Some('t') => screen.title(&Printable::new("7/12 \u{1b}")).unwrap(),
                    Some('b') => screen.bell().unwrap(),
                    Some('n') => screen.notify(&Printable::new("failed\u{7}")).unwrap(),
                    Some('r') => screen.repaint(),
                    Some('s') => inputs = input::stream().unwrap(),
                    _ => {}
                }
            }
        }
    }
}

async fn suspended(job_control: &mut JobControl, screen: &mut TerminalScreen) -> String {
    match job_control.suspend(screen).await {
        Ok(()) => "came back".to_owned(),
        Err(SuspendError::Alone) => "alone".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The test program on a terminal, and the state of that terminal before.
struct TerminalHarness {
    pty: Pty,
    result_file: tempfile::NamedTempFile,
    stty: String,
    modes: crate::tui_support::Modes,
}

impl TerminalHarness {
    fn open() -> Self {
        Self::start(&[], &[])
    }

    fn with(envs: &[(&str, &str)]) -> Self {
        Self::start(&[], envs)
    }

    /// Starts it as a job of a shell that reports a stop, and continues the job on enter.
    fn under_a_shell() -> Self {
        let script =
            r#"set -m; "$0" "$@"; echo "stopped: $?"; read line; fg >/dev/null; echo "ended: $?""#;
        Self::start(&["sh", "-c", script], &[])
    }

    /// Like [`Self::under_a_shell`], with a script around the program that belongs to the job.
    fn in_a_script_under_a_shell() -> Self {
        let script = r#"
            set -m
            sh -c '"$0" "$@"; echo "script: $?"' "$0" "$@"; echo "stopped: $?"
            read line; fg >/dev/null; echo "ended: $?""#;
        Self::start(&["sh", "-c", script], &[])
    }

    fn start(before: &[&str], envs: &[(&str, &str)]) -> Self {
        let result_file = tempfile::NamedTempFile::new().unwrap();
        let program = std::env::current_exe().unwrap();
        let argv: Vec<&str> = before
            .iter()
            .copied()
            .chain([
                program.to_str().unwrap(),
                "terminal::test_program",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .collect();
        let mut all = vec![(RESULT_FILE, result_file.path().to_str().unwrap())];
        all.extend_from_slice(envs);
        // The state before anything runs on it.
        let blank = Pty::start(80, 24, ["true"], &[]);
        blank.wait(LIMIT);
        let (stty, modes) = (blank.stty(), blank.modes());
        let pty = Pty::start(80, 24, argv, &all);
        pty.wait_for_text("ready in 80x24");
        assert_ne!(pty.stty(), stty);
        assert!(pty.screen(vt100::Screen::alternate_screen));
        assert!(pty.screen(vt100::Screen::hide_cursor));
        assert!(pty.screen(vt100::Screen::bracketed_paste));
        Self { pty, result_file, stty, modes }
    }

    /// Returns the process id that the program shows.
    fn program_pid(&self) -> Pid {
        let text = self.pty.screen_text();
        let pid = text.lines().find_map(|line| line.strip_prefix("pid ")).unwrap().trim();
        Pid::from_raw(pid.parse().unwrap()).unwrap()
    }

    fn result(&self) -> String {
        std::fs::read_to_string(self.result_file.path()).unwrap()
    }

    /// Asserts that the program ended with this result and restored the terminal exactly once.
    #[track_caller]
    fn assert_ended_with(&self, expected: &str) {
        let exit = self.pty.wait(LIMIT);
        assert_eq!(self.result(), expected, "{exit}");
        self.assert_terminal_restored();
        let log = String::from_utf8(self.pty.log()).unwrap();
        let count = |sequence: &str| log.matches(sequence).count();
        assert_eq!(count("\u{1b}[?1049h"), count("\u{1b}[?1049l"));
        assert_eq!(count("\u{1b}[22;0t"), count("\u{1b}[23;0t"));
        // Restoring the terminal ends a frame whether or not one had begun.
        assert_eq!(count("\u{1b}[?2026h") + count("\u{1b}[?1049l"), count("\u{1b}[?2026l"));
        // One query, and nothing waited for its answer.
        assert!(self.pty.events().questions.iter().all(|asked| asked == "keyboard"));
        assert_eq!(count("\u{1b}[>29u"), count("\u{1b}[<u"));
        assert_eq!(count("\u{1b}[?7l"), count("\u{1b}[?7h"));
        let asked_for = |on: &str, off: &str| count(on) == 0 || count(on) == count(off);
        assert!(asked_for("\u{1b}[?2031h", "\u{1b}[?2031l"));
    }

    #[track_caller]
    fn assert_terminal_restored(&self) {
        self.pty.settle();
        assert_eq!(self.pty.stty(), self.stty);
        assert_eq!(self.pty.modes(), self.modes);
    }
}

#[test]
fn leaving_restores_the_terminal_and_stops_all_output() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("m");
    harness.pty.wait_for_text("m in");
    harness.pty.type_keys("q");
    harness.assert_ended_with("left");
    assert_eq!(harness.pty.events().bells, 0);
}

#[test]
fn dropping_restores_the_terminal() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn a_signal_restores_the_terminal() {
    let harness = TerminalHarness::open();
    harness.pty.kill(Signal::TERM);
    harness.assert_ended_with("terminated");
}

#[test]
fn a_panic_in_a_thread_restores_the_terminal_and_ends_the_program() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("mp");
    harness.assert_ended_with("broken");
    let text = harness.pty.screen_text();
    assert!(text.contains("a thread is lost"), "{text}");
}

#[test]
fn a_panic_in_a_task_restores_the_terminal_and_ends_the_program() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("a");
    harness.assert_ended_with("broken");
    let text = harness.pty.screen_text();
    assert!(text.contains("a task is lost"), "{text}");
}

#[test]
fn a_panic_in_the_loop_restores_the_terminal() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("P");
    harness.assert_ended_with("");
    let text = harness.pty.screen_text();
    assert!(text.contains("the loop is lost"), "{text}");
}

#[test]
fn a_stop_restores_the_terminal_and_continuing_redraws_it() {
    let harness = TerminalHarness::in_a_script_under_a_shell();
    harness.pty.type_keys("t");
    harness.pty.wait_for_text("t in");
    let program_pid = harness.program_pid();
    harness.pty.key("ctrl-z");
    harness.pty.wait_for_text("stopped: ");
    harness.assert_terminal_restored();
    harness.pty.key("enter");
    harness.pty.wait_for_text("came back in 80x24");
    assert_eq!(harness.program_pid(), program_pid);
    assert!(harness.pty.screen(vt100::Screen::bracketed_paste));
    assert_eq!(harness.pty.events().titles.len(), 2);
    harness.pty.type_keys("x");
    harness.pty.wait_for_text("x in 80x24");
    harness.pty.type_keys("q");
    harness.assert_ended_with("left");
    assert!(harness.pty.screen_text().contains("ended: 0"), "{}", harness.pty.screen_text());
}

#[test]
fn a_stop_by_signal_works_like_the_key() {
    let harness = TerminalHarness::under_a_shell();
    kill_process(harness.program_pid(), Signal::TSTP).unwrap();
    harness.pty.wait_for_text("stopped: ");
    harness.assert_terminal_restored();
    harness.pty.key("enter");
    harness.pty.wait_for_text("came back in 80x24");
    harness.pty.type_keys("q");
    harness.assert_ended_with("left");
}

#[test]
fn the_screen_is_redrawn_after_a_stop_that_cannot_be_caught() {
    let harness = TerminalHarness::under_a_shell();
    kill_process(harness.program_pid(), Signal::STOP).unwrap();
    harness.pty.wait_for_text("stopped: ");
    // The terminal is still raw, and this shell does not restore it.
    harness.pty.send(b"\n");
    harness.pty.wait_for_text("continued in 80x24");
    assert!(!harness.pty.screen_text().contains("stopped: "));
    harness.pty.type_keys("x");
    harness.pty.wait_for_text("x in 80x24");
    harness.pty.type_keys("q");
    // The shell wrote its line to the alternate screen, which was active then.
    harness.pty.wait_for_text("ended: 0");
    assert_eq!(harness.result(), "left");
}

#[test]
fn without_a_shell_the_program_does_not_stop() {
    let harness = TerminalHarness::open();
    harness.pty.key("ctrl-z");
    harness.pty.wait_for_text("alone in 80x24");
    harness.pty.type_keys("q");
    harness.assert_ended_with("left");
}

/// Makes the program ignore SIGHUP, as `nohup` does.
const IGNORE_HUP: &str = r#"trap "" HUP; exec "$0" "$@""#;

#[test]
fn a_dead_terminal_ends_the_program() {
    let mut harness = TerminalHarness::start(&["sh", "-c", IGNORE_HUP], &[]);
    harness.pty.close();
    let exit = harness.pty.wait(EXIT_LIMIT);
    assert_eq!(harness.result(), "gone", "{exit}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs setsid(1)")]
fn a_terminal_that_dies_without_any_signal_ends_the_program() {
    // It is not the controlling terminal of any process: the only sign is that reading returns
    // nothing.
    let mut harness = TerminalHarness::start(&["sh", "-c", IGNORE_HUP, "setsid", "--wait"], &[]);
    harness.pty.close();
    let exit = harness.pty.wait(EXIT_LIMIT);
    assert_eq!(harness.result(), "gone", "{exit}");
}

#[test]
fn keys_sizes_and_pastes_are_received() {
    let harness = TerminalHarness::open();
    for key in ["enter", "ctrl-c", "up", "shift-tab", "pgdn", "f1", "esc"] {
        harness.pty.key(key);
        harness.pty.wait_for_text(&format!("{key} in"));
    }
    harness.pty.paste("a\tb\r\nc");
    harness.pty.wait_for_text(r#"pasted 6 "a\tb\r\nc""#);
    harness.pty.resize(100, 30);
    harness.pty.wait_for_text("in 100x30");
    harness.pty.type_keys("s");
    harness.pty.wait_for_text("s in");
    harness.pty.type_keys("G");
    harness.pty.wait_for_text("G in");
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn answers_of_the_terminal_are_not_keys() {
    let harness = TerminalHarness::open();
    harness.pty.wait_for_text("keyboards: 1");
    assert!(harness.pty.wrote("\u{1b}[>29u"));
    harness.pty.type_keys("g");
    harness.pty.wait_for_text("g in");
    assert!(harness.pty.wrote("\u{1b}]11;?\u{1b}\\\u{1b}[?2031h"));
    let answers = [
        ("\u{1b}]11;rgb:ffff/ffff/dddd\u{1b}\\", "Background { is_light: true } in"),
        ("\u{1b}[?997;1n", "Background { is_light: false } in"),
        ("\u{1b}]11;rgb:dddd/dddd/dddd\u{7}", "Background { is_light: true } in"),
    ];
    for (answer, shown) in answers {
        let (begin, end) = answer.split_at(answer.len() / 2);
        harness.pty.send(begin.as_bytes());
        harness.pty.settle();
        harness.pty.send(end.as_bytes());
        harness.pty.wait_for_text(shown);
    }
    // None of them was requested; d would end the program.
    harness.pty.send(b"\x1bP1$r0d\x1b\\\x1b_Gd\x1b\\\x1b]52;c;ZGRk\x07\x1b[?62;4d\x1b[24;80Rx");
    harness.pty.wait_for_text("x in");
    harness.pty.send("\u{1b}[1081::113;;1081u".as_bytes());
    harness.pty.wait_for_text("й in");
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
    assert!(harness.pty.wrote("\u{1b}[?2031l") && harness.pty.wrote("\u{1b}[<u"));
}

#[test]
fn queries_are_repeated_after_a_stop() {
    let harness = TerminalHarness::under_a_shell();
    harness.pty.type_keys("g");
    harness.pty.wait_for_text("g in");
    harness.pty.wait_for_text("keyboards: 1");
    harness.pty.key("ctrl-z");
    harness.pty.wait_for_text("stopped: ");
    harness.assert_terminal_restored();
    assert!(harness.pty.wrote("\u{1b}[?2031l") && harness.pty.wrote("\u{1b}[<u"));
    harness.pty.key("enter");
    harness.pty.wait_for_text("keyboards: 2");
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
    let log = String::from_utf8(harness.pty.log()).unwrap();
    assert_eq!(log.matches("\u{1b}]11;?").count(), 2);
}

#[test]
fn a_key_after_many_keys_at_once_is_read() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys(&"j".repeat(3_000));
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn a_sequence_that_never_ends_does_not_stop_the_drawing() {
    let harness = TerminalHarness::open();
    harness.pty.send(b"\x1b[");
    harness.pty.kill(Signal::TERM);
    harness.assert_ended_with("terminated");
}

#[test]
fn a_frame_that_changes_nothing_writes_nothing() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("x");
    harness.pty.wait_for_text("x in");
    harness.pty.settle();
    let before = harness.pty.bytes();
    harness.pty.type_keys("x");
    // Rings after the frame that the second x caused.
    harness.pty.type_keys("b");
    harness.pty.wait_for_text("b in");
    let frames = String::from_utf8(harness.pty.log().split_off(before)).unwrap();
    assert_eq!(frames.matches("\u{1b}[?2026h").count(), 1, "{frames:?}");
    assert_eq!(harness.pty.events().bells, 1);
}

#[test]
fn titles_notifications_and_copies_do_what_they_say() {
    let harness = TerminalHarness::open();
    harness.pty.type_keys("ttnc");
    harness.pty.wait_for_text("c in");
    let events = harness.pty.events();
    assert_eq!(events.titles, [r"7/12 \u{1b}"]);
    assert_eq!(events.copied, ["c29tZSB0ZXh0"]);
    assert!(harness.pty.wrote("\u{1b}]9;dubwatch: failed\\u{7}\u{7}"));
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn inside_tmux_copies_are_also_passed_through() {
    let harness = TerminalHarness::with(&[("TMUX", "/tmp/tmux-0/default,1,0")]);
    harness.pty.type_keys("cn");
    harness.pty.wait_for_text("n in");
    // This terminal is not tmux, so it also accepts the second one.
    assert_eq!(harness.pty.events().copied, ["c29tZSB0ZXh0", "c29tZSB0ZXh0"]);
    assert!(harness.pty.wrote("\u{1b}Ptmux;\u{1b}\u{1b}]52;c;c29tZSB0ZXh0\u{1b}\u{1b}\\\u{1b}\\"));
    assert!(harness.pty.wrote("\u{1b}Ptmux;\u{1b}\u{1b}]9;dubwatch: failed\\u{7}\u{7}\u{1b}\\"));
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn inside_screen_copies_and_notifications_are_wrapped_for_it() {
    let harness = TerminalHarness::with(&[("STY", "1234.pts-0.host"), ("TERM", "screen-256color")]);
    harness.pty.type_keys("cn");
    harness.pty.wait_for_text("n in");
    assert!(harness.pty.wrote("\u{1b}P\u{1b}]52;c;c29tZSB0ZXh0\u{7}\u{1b}\\"));
    assert!(harness.pty.wrote("\u{1b}P\u{1b}]9;dubwatch: failed\\u{7}\u{7}\u{1b}\\"));
    harness.pty.type_keys("d");
    harness.assert_ended_with("dropped");
}

#[test]
fn without_a_terminal_there_is_an_error_that_says_what_to_do() {
    let result_file = tempfile::NamedTempFile::new().unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["terminal::test_program", "--exact", "--ignored", "--nocapture"])
        .env(RESULT_FILE, result_file.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let message = std::fs::read_to_string(result_file.path()).unwrap();
    assert!(message.starts_with("standard input is not a terminal"), "{message}");
    assert!(message.contains("--output"), "{message}");
}

#[test]
fn a_text_too_long_to_copy_is_rejected() {
    let size = || ratatui::layout::Size { width: 4, height: 2 };
    let mut screen = TerminalScreen::over(Vec::new(), size, Multiplexer::None).unwrap();
    let text = |length| ClipText::line(&"x".repeat(length)).unwrap();
    screen.copy(&text(COPY_LIMIT)).unwrap();
    let refused = screen.copy(&text(COPY_LIMIT + 1));
    assert!(matches!(refused, Err(TerminalError::TooLong { bytes }) if bytes == COPY_LIMIT + 1));
}

/// Records every write separately.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<String>>>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Writes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn a_frame_is_one_write_and_one_synchronized_update() {
    let writes = Writes::default();
    let size = || ratatui::layout::Size { width: 200, height: 50 };
    let mut screen = TerminalScreen::over(writes.clone(), size, Multiplexer::None).unwrap();
    writes.take();
    let full = "x".repeat(10_000);
    for text in [full.as_str(), "short"] {
        screen
            .draw(|frame| {
                let lines = Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: false });
                frame.render_widget(lines, frame.area());
            })
            .unwrap();
        let frame = writes.take();
        assert_eq!(frame.len(), 1);
        assert!(frame[0].starts_with("\u{1b}[?2026h"));
        assert!(frame[0].ends_with("\u{1b}[?2026l"));
    }
    screen.repaint();
    screen.draw(|frame| frame.set_cursor_position((3, 4))).unwrap();
    let frame = writes.take().concat();
    assert!(frame.contains("\u{1b}[2J") && frame.contains("\u{1b}[5;4H"), "{frame:?}");
    screen.draw(|frame| frame.set_cursor_position((3, 4))).unwrap();
    assert_eq!(writes.take().concat(), "");
    screen.draw(|_| ()).unwrap();
    assert_eq!(writes.take().concat(), "\u{1b}[?2026h\u{1b}[?25l\u{1b}[?2026l");
}

/// Terminals use different numbers of columns for such text: if anything beside it changes, the
/// whole row is redrawn from its beginning, each grapheme at its column.
#[test]
fn a_row_of_uncertain_width_is_redrawn_whole() {
    let writes = Writes::default();
    let size = || ratatui::layout::Size { width: 20, height: 3 };
    let mut screen = TerminalScreen::over(writes.clone(), size, Multiplexer::None).unwrap();
    let mut draw = |name: &str, count: &str| {
        screen
            .draw(|frame| {
                let buffer = frame.buffer_mut();
                let area = buffer.area;
                Pen::new(buffer, area, 1).text(name, Style::new()).to(12).text(count, Style::new());
                Pen::new(buffer, area, 2).text("plain", Style::new());
            })
            .unwrap();
        writes.take().concat()
    };
    draw("start", "0");
    for (name, second) in
        [("ｶ\u{ff9e}ｷ\u{ff9e}", 3), ("क\u{947}ष", 2), ("👩\u{200d}🚀x", 3), ("می\u{200c}خ", 2)]
    {
        draw(name, "1");
        let frame = draw(name, "2");
        let (_, row) = frame.split_once("\u{1b}[2;1H\u{1b}[K").expect("erased from its beginning");
        assert!(!frame.contains("plain"), "the other rows are left alone: {frame:?}");
        let graphemes: String = row.split('\u{1b}').skip(1).map(after_sequence).collect();
        assert_eq!(graphemes.replace(' ', ""), format!("{name}2"), "{row:?}");
        let is_put = row.contains(&format!("\u{1b}[2;{second}H"));
        assert!(is_put, "the second grapheme is put where it belongs: {row:?}");
        // The text that follows is drawn whole once, so that nothing remains, and then only changes
        // are drawn.
        assert!(draw("plain again", "2").contains("\u{1b}[2;1H\u{1b}[K"));
        assert!(!draw("plain again", "3").contains("\u{1b}[K"));
    }
}

/// Returns the text printed after a control sequence.
fn after_sequence(text: &str) -> &str {
    let text = text.strip_prefix('[').unwrap_or(text);
    text.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, printed)| printed)
}
