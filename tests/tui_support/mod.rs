//! A terminal for the real binary: a pty, a terminal emulator that records what a user would see,
//! and its answers to queries.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// A limit that nothing here reaches unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Held while starting a program, and exclusively while a journal is open in this process: between
/// fork and exec, a child has every file open that its parent has, with the locks.
pub(crate) static STARTING: RwLock<()> = RwLock::new(());

/// A program on a terminal of its own. It is a session leader, as in `xterm -e`; under a shell it
/// is a job. Dropping it kills the program.
pub(crate) struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    /// The program's side, kept open so that its settings outlive the program.
    slave: File,
    /// The settings before the program started.
    before: Before,
    pid: Pid,
    seen: Arc<Seen>,
}

/// The state of the reading thread, and a condition to wait for changes.
#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    terminal: vt100::Parser<TerminalEvents>,
    log: Vec<u8>,
    /// Texts that are waited for, and whether a frame has shown them.
    awaited: Vec<(String, bool)>,
    keyboard: Option<Box<dyn Write + Send>>,
    /// Set to close the terminal: the reading thread then drops it.
    is_closing: bool,
    reader_ended: bool,
    exit: Option<ExitStatus>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            terminal: vt100::Parser::new_with_callbacks(1, 1, 0, TerminalEvents::default()),
            log: Vec::new(),
            awaited: Vec::new(),
            keyboard: None,
            is_closing: false,
            reader_ended: false,
            exit: None,
        }
    }
}

/// What the program sent to the terminal besides drawing.
#[derive(Debug, Default, Clone)]
pub(crate) struct TerminalEvents {
    /// The window titles, in order.
    pub(crate) titles: Vec<String>,
    /// Texts copied with OSC 52, in base64.
    pub(crate) copied: Vec<String>,
    /// The number of bells.
    pub(crate) bells: usize,
    /// The queries: cursor position, terminal type and so on.
    pub(crate) questions: Vec<String>,
    /// The pending answers, as typed input.
    answers: Vec<u8>,
}

impl vt100::Callbacks for TerminalEvents {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into_owned());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.copied.push(String::from_utf8_lossy(data).into_owned());
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        prefix: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        end: char,
    ) {
        let number = params.first().and_then(|part| part.first()).copied().unwrap_or(0);
        let (question, answer) = match (prefix, number, end) {
            (None, 6, 'n') => {
                let (row, column) = screen.cursor_position();
                ("cursor", format!("\u{1b}[{};{}R", row + 1, column + 1))
            }
            (None, 5, 'n') => ("status", "\u{1b}[0n".to_owned()),
            (None, 0, 'c') => ("device", "\u{1b}[?62;22c".to_owned()),
            (Some(b'>'), _, 'c' | 'q') => ("device", "\u{1b}[>1;10;0c".to_owned()),
            (Some(b'?'), _, 'u') => ("keyboard", "\u{1b}[?0u".to_owned()),
            _ => return,
        };
        self.questions.push(question.to_owned());
        self.answers.extend_from_slice(answer.as_bytes());
    }
}

impl Pty {
    /// Starts `dubwatch` with `args` on a terminal. The environment has only `PATH`, the variables
    /// that a terminal sets, and `envs`.
    pub(crate) fn spawn<S: AsRef<OsStr>>(
        columns: u16,
        rows: u16,
        args: impl IntoIterator<Item = S>,
        envs: &[(&str, &str)],
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_dubwatch"));
        let argv = std::iter::once(program.as_os_str().to_owned())
            .chain(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        Self::start(columns, rows, argv, envs)
    }

    /// Starts any program; its name is the first of `argv`.
    pub(crate) fn start<S: AsRef<OsStr>>(
        columns: u16,
        rows: u16,
        argv: impl IntoIterator<Item = S>,
        envs: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        // Not as our own controlling terminal: its hang-up would end us.
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
            .open(pair.master.tty_name().unwrap())
            .unwrap();
        let argv = argv.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let mut command = CommandBuilder::from_argv(argv);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        command.cwd(std::env::temp_dir());
        for (name, value) in envs {
            command.env(name, value);
        }

        let seen = Arc::new(Seen::default());
        {
            let mut state = seen.state.lock().unwrap();
            state.terminal =
                vt100::Parser::new_with_callbacks(rows, columns, 0, TerminalEvents::default());
            state.keyboard = Some(pair.master.take_writer().unwrap());
        }
        let (reader, to_reader) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || read(reader, &to_reader));
        // Before starting: a quick program would already have changed them.
        let before = Before {
            stty: format!("{:?}", tcgetattr(&slave).unwrap()),
            modes: Modes::of(seen.state.lock().unwrap().terminal.screen()),
        };
        let mut child = {
            let _started = STARTING.read().unwrap();
            pair.slave.spawn_command(command).unwrap()
        };
        let pid = Pid::from_raw(child.process_id().unwrap().cast_signed()).unwrap();
        let to_waiter = Arc::clone(&seen);
        std::thread::spawn(move || {
            let exit = child.wait().unwrap();
            to_waiter.state.lock().unwrap().exit = Some(exit);
            to_waiter.changed.notify_all();
        });
        Self { master: Some(pair.master), slave, before, pid, seen }
    }

    /// Types text as it is; a line end is `enter`.
    pub(crate) fn type_keys(&self, text: &str) {
        self.send(text.replace('\n', "\r").as_bytes());
    }

    /// Presses a key by its name: `enter`, `ctrl-c`, `pgup`. After `esc`, wait for its effect
    /// before the next key, or the two are read as one with alt.
    pub(crate) fn key(&self, name: &str) {
        let arrows = if self.state().terminal.screen().application_cursor() { 'O' } else { '[' };
        let sequence = match name {
            "enter" => "\r".to_owned(),
            "esc" => "\u{1b}".to_owned(),
            "tab" => "\t".to_owned(),
            "shift-tab" => "\u{1b}[Z".to_owned(),
            "space" => " ".to_owned(),
            "backspace" => "\u{7f}".to_owned(),
            "up" => format!("\u{1b}{arrows}A"),
            "down" => format!("\u{1b}{arrows}B"),
            "right" => format!("\u{1b}{arrows}C"),
            "left" => format!("\u{1b}{arrows}D"),
            "home" => format!("\u{1b}{arrows}H"),
            "end" => format!("\u{1b}{arrows}F"),
            "ins" => "\u{1b}[2~".to_owned(),
            "del" => "\u{1b}[3~".to_owned(),
            "pgup" => "\u{1b}[5~".to_owned(),
            "pgdn" => "\u{1b}[6~".to_owned(),
            "f1" => "\u{1b}OP".to_owned(),
            _ => match name.strip_prefix("ctrl-").map(str::as_bytes) {
                Some([letter]) => char::from(letter & 0x1f).to_string(),
                _ => panic!("no key is called {name}"),
            },
        };
        self.send(sequence.as_bytes());
    }

    /// Pastes text in bracketed paste mode.
    pub(crate) fn paste(&self, text: &str) {
        self.send(format!("\u{1b}[200~{text}\u{1b}[201~").as_bytes());
    }

    /// Sends bytes as if typed.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut state = self.state();
        let keyboard = state.keyboard.as_mut().expect("the terminal is dead");
        keyboard.write_all(bytes).unwrap();
        keyboard.flush().unwrap();
    }

    /// Writes to the terminal as another program on it would.
    pub(crate) fn write_as_other(&self, bytes: &[u8]) {
        (&self.slave).write_all(bytes).unwrap();
    }

    /// Resizes the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.state().terminal.screen_mut().set_size(rows, columns);
        self.master.as_ref().expect("the terminal is dead").resize(size(columns, rows)).unwrap();
    }

    /// Waits until the screen is as expected.
    #[track_caller]
    pub(crate) fn wait_for(&self, limit: Duration, condition: impl Fn(&vt100::Screen) -> bool) {
        let is_shown = self.wait_until(limit, |state| condition(state.terminal.screen())).is_some();
        assert!(is_shown, "not shown within {limit:?}; instead:\n{}", self.dump());
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) {
        let is_shown = self.wait_until(LIMIT, |state| contents(state).contains(text)).is_some();
        assert!(is_shown, "{text:?} not shown; instead:\n{}", self.dump());
    }

    /// Presses keys, and waits until the screen has shown a text: one that is there for seconds only.
    #[track_caller]
    pub(crate) fn type_keys_for_text(&self, keys: &str, text: &str) {
        self.state().awaited.push((text.to_owned(), false));
        self.type_keys(keys);
        let was_shown = |state: &State| state.awaited.iter().any(|(_, was_shown)| *was_shown);
        let is_shown = self.wait_until(LIMIT, was_shown).is_some();
        assert!(is_shown, "{text:?} was not shown; instead:\n{}", self.dump());
        self.state().awaited.clear();
    }

    /// Waits until these bytes were received, whether the screen still shows them or not.
    #[track_caller]
    pub(crate) fn wait_for_bytes(&self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let is_received = self.wait_until(LIMIT, |state| finds(&state.log, bytes)).is_some();
        let text = String::from_utf8_lossy(bytes);
        assert!(is_received, "{text:?} not received; instead:\n{}", self.dump());
    }

    /// Waits until the window has this title.
    #[track_caller]
    pub(crate) fn wait_for_title(&self, title: &str) {
        let is_last =
            |events: &TerminalEvents| events.titles.last().is_some_and(|last| last == title);
        let found = self.wait_until(LIMIT, |state| is_last(state.terminal.callbacks()));
        assert!(found.is_some(), "{title:?} not among {:?}", self.events().titles);
    }

    /// Waits until the program has ended and all its output has been read.
    #[track_caller]
    pub(crate) fn wait(&self, limit: Duration) -> ExitStatus {
        let ended = self.wait_until(limit, |state| state.exit.is_some());
        let Some(exit) = ended.and_then(|state| state.exit.clone()) else {
            panic!("did not end within {limit:?}; shown:\n{}", self.dump());
        };
        self.settle();
        exit
    }

    /// Waits until everything written to the terminal so far has been read.
    pub(crate) fn settle(&self) {
        if self.state().is_closing {
            return;
        }
        // An OSC that no terminal knows, sent after the program's output.
        let from = self.state().log.len();
        let mark = format!("\u{1b}]7770;{from}\u{7}");
        (&self.slave).write_all(mark.as_bytes()).unwrap();
        let found = self.wait_until(LIMIT, |state| finds(&state.log[from..], mark.as_bytes()));
        assert!(found.is_some(), "the terminal reads nothing any more");
    }

    /// Returns the text on the screen, one line per row.
    pub(crate) fn screen_text(&self) -> String {
        contents(&self.state())
    }

    /// Inspects the emulated screen: its modes, its cells.
    pub(crate) fn screen<T>(&self, theme: impl FnOnce(&vt100::Screen) -> T) -> T {
        theme(self.state().terminal.screen())
    }

    /// Returns what the program sent to the terminal besides drawing.
    pub(crate) fn events(&self) -> TerminalEvents {
        self.state().terminal.callbacks().clone()
    }

    /// Returns how many bytes were received since the start.
    pub(crate) fn bytes(&self) -> usize {
        self.state().log.len()
    }

    /// Returns all bytes received since the start.
    pub(crate) fn log(&self) -> Vec<u8> {
        self.state().log.clone()
    }

    /// Returns whether these bytes were received at any time.
    pub(crate) fn wrote(&self, bytes: impl AsRef<[u8]>) -> bool {
        finds(&self.state().log, bytes.as_ref())
    }

    /// Returns the modes of the terminal that outlive a program, for comparing before and after.
    pub(crate) fn modes(&self) -> Modes {
        self.screen(Modes::of)
    }

    /// Asserts that the terminal is as it was before the program started.
    #[track_caller]
    pub(crate) fn assert_restored(&self) {
        self.settle();
        assert_eq!(self.stty(), self.before.stty);
        assert_eq!(self.modes(), self.before.modes);
    }

    /// Returns the line settings, as `stty -a` has them, for comparing before and after.
    pub(crate) fn stty(&self) -> String {
        format!("{:?}", tcgetattr(&self.slave).unwrap())
    }

    /// Returns the process that was started.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the started process.
    pub(crate) fn kill(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Closes the terminal, as if its window was closed or its connection lost.
    pub(crate) fn close(&mut self) {
        self.state().is_closing = true;
        // Wakes the reading thread, which also holds the terminal.
        (&self.slave).write_all(b"\0").unwrap();
        assert!(self.wait_until(LIMIT, |state| state.reader_ended).is_some());
        // Dropping the keyboard would type an end of file, if this line had a key for it.
        let mut line = tcgetattr(&self.slave).unwrap();
        line.special_codes[SpecialCodeIndex::VEOF] = 0;
        tcsetattr(&self.slave, OptionalActions::Now, &line).unwrap();
        self.state().keyboard = None;
        self.master = None;
    }

    /// Waits until the state is as expected; returns `None` on a timeout.
    fn wait_until(
        &self,
        limit: Duration,
        condition: impl Fn(&State) -> bool,
    ) -> Option<MutexGuard<'_, State>> {
        let end = Instant::now() + limit;
        let mut state = self.state();
        while !condition(&state) {
            let left = end.checked_duration_since(Instant::now())?;
            state = self.seen.changed.wait_timeout(state, left).unwrap().0;
        }
        Some(state)
    }

    fn dump(&self) -> String {
        let state = self.state();
        let exit = state.exit.as_ref().map_or_else(|| "running".to_owned(), |e| format!("{e}"));
        format!("{}\n--- {exit}, {:?}", contents(&state), state.terminal.callbacks())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.seen.state.lock().unwrap()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.seen.state.lock().is_ok_and(|state| state.exit.is_none()) {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// See [`Pty::modes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modes {
    pub(crate) alternate_screen: bool,
    pub(crate) hidden_cursor: bool,
    /// Bracketed paste, the mouse, the keypad, as sequences.
    pub(crate) input: Vec<u8>,
    pub(crate) attributes: Vec<u8>,
}

impl Modes {
    fn of(screen: &vt100::Screen) -> Self {
        Self {
            alternate_screen: screen.alternate_screen(),
            hidden_cursor: screen.hide_cursor(),
            input: screen.input_mode_formatted(),
            attributes: screen.attributes_formatted(),
        }
    }
}

/// A terminal before anything ran on it.
struct Before {
    stty: String,
    modes: Modes,
}

/// Processes the program's output, and answers its queries, until the terminal is closed.
fn read(mut reader: Box<dyn Read + Send>, seen: &Seen) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = reader.read(&mut buffer).unwrap_or(0);
        let mut state = seen.state.lock().unwrap();
        if read == 0 || state.is_closing {
            break;
        }
        state.log.extend_from_slice(&buffer[..read]);
        state.draw(&buffer[..read]);
        let answers = std::mem::take(&mut state.terminal.callbacks_mut().answers);
        if let Some(keyboard) = state.keyboard.as_mut().filter(|_| !answers.is_empty()) {
            let _ = keyboard.write_all(&answers);
        }
        drop(state);
        seen.changed.notify_all();
    }
    drop(reader);
    seen.state.lock().unwrap().reader_ended = true;
    seen.changed.notify_all();
}

impl State {
    /// Draws what was received. Looks at each frame while a text is awaited.
    fn draw(&mut self, received: &[u8]) {
        const FRAME_END: &[u8] = b"\x1b[?2026l";
        if self.awaited.is_empty() {
            return self.terminal.process(received);
        }
        let mut rest = received;
        while !rest.is_empty() {
            let end = rest.windows(FRAME_END.len()).position(|window| window == FRAME_END);
            let (frame, after) = rest.split_at(end.map_or(rest.len(), |at| at + FRAME_END.len()));
            self.terminal.process(frame);
            let shown = self.terminal.screen().contents();
            for (text, was_shown) in &mut self.awaited {
                *was_shown |= shown.contains(&**text);
            }
            rest = after;
        }
    }
}

fn contents(state: &State) -> String {
    state.terminal.screen().contents()
}

fn finds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
