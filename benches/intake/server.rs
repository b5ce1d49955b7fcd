//! The servers under load, each a process of its own; sends nothing to them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// The file of the key that signs the callbacks, in the directory of a run.
pub(crate) const PUBLIC_KEY: &str = "public.pem";
/// What is in front of the address in the line that a server announces itself with.
const READY: &str = "Listening on http://";
/// `USER_HZ`: the unit of `/proc/PID/stat`, the same on every architecture of Linux we run on.
const TICK: Duration = Duration::from_millis(10);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the program on the journal that `args` name, in the directory of a run; pinned to
    /// `core`, if there is one.
    pub(crate) fn start(
        program: &Path,
        args: &[&str],
        place: &Path,
        core: Option<&str>,
    ) -> Result<Self> {
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", core]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--no-dev-key", "--output", "quiet", "--public-key"])
            .arg(place.join(PUBLIC_KEY))
            .args(args)
            .env_clear()
            .env("HOME", place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let errors = child.stderr.take().context("the child has no standard error")?;
        let mut lines = BufReader::new(errors).lines();
        let mut said = String::new();
        for line in &mut lines {
            let line = line?;
            if let Some((_, rest)) = line.split_once(READY) {
                let address = rest.split('/').next().unwrap_or_default().parse()?;
                // A full pipe would stop the server.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, address });
            }
            said.push_str(&line);
        }
        child.wait()?;
        bail!("{} did not start: {said}", program.display())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time taken so far, all threads, user and kernel; `None` where there is no `/proc`.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        // The name in front of the last `)` may hold anything; utime and stime are the 14th and
        // 15th field (proc_pid_stat(5)), and the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Some(TICK * ticks.sum::<Result<u32, _>>().ok()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether processes can be tied to a core here.
pub(crate) fn can_pin() -> bool {
    let tried = Command::new("taskset").args(["-c", "1", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// Ties this process to `core`; threads that it starts later stay there as well.
pub(crate) fn pin_this_process(core: &str) {
    let pid = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-c", "-p", core, &pid]).stdout(Stdio::null()).status();
}
