//! One run of a program: its own process group, the least environment, a time limit, and its output in
//! the log.

use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::HookCommand;
use super::limits::{MAX_LINE, MAX_OUTPUT, OUTPUT, RunLimits};
use crate::text::Printable;

/// The variables of our own environment that a program gets.
const PASSED_ON: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// How a run ended.
#[derive(Debug)]
pub(super) enum RunEnd {
    /// With this status.
    Exited(ExitStatus),
    /// It took too long and was ended.
    TimedOut,
    /// It was ended because dubwatch ends.
    Stopped,
}

/// Runs a program with these variables until it ends, is late, or `stop` is cancelled for a while.
pub(super) async fn run(
    command: &HookCommand,
    variables: &[(&'static str, String)],
    limits: RunLimits,
    stop: &CancellationToken,
) -> io::Result<RunEnd> {
    let own = PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut child = Command::new(command.program())
        .args(command.arguments())
        .env_clear()
        .envs(own)
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts can be ended with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let output = [logged(command, child.stdout.take()), logged(command, child.stderr.take())];
    let end = tokio::select! {
        status = child.wait() => RunEnd::Exited(status?),
        () = tokio::time::sleep(limits.run) => {
            end_group(&mut child, limits).await;
            RunEnd::TimedOut
        }
        () = stop.cancelled() => {
            if let Ok(status) = timeout(limits.last, child.wait()).await {
                RunEnd::Exited(status?)
            } else {
                end_group(&mut child, limits).await;
                RunEnd::Stopped
            }
        }
    };
    for mut output in output {
        if timeout(OUTPUT, &mut output).await.is_err() {
            output.abort();
        }
    }
    Ok(end)
}

/// Ends the program and what it started: SIGTERM, then SIGKILL.
async fn end_group(child: &mut Child, limits: RunLimits) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let Some(group) = group else { return };
    let _ = kill_process_group(group, Signal::TERM);
    let _ = timeout(limits.term, child.wait()).await;
    // Also what is left of the group after its leader.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait().await;
}

/// Logs the lines of an output, up to a limit; reads the rest, so that the program does not block.
fn logged(
    command: &HookCommand,
    pipe: Option<impl AsyncRead + Send + Unpin + 'static>,
) -> tokio::task::JoinHandle<()> {
    let shown = command.shown();
    tokio::spawn(async move {
        let Some(mut pipe) = pipe else { return };
        let (mut line, mut left) = (Vec::new(), MAX_OUTPUT);
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            for byte in &buffer[..read.min(left)] {
                if *byte == b'\n' {
                    log(&shown, &mut line);
                } else if line.len() < MAX_LINE {
                    line.push(*byte);
                }
            }
            let was_left = left;
            left -= read.min(left);
            if left == 0 && was_left > 0 {
                log(&shown, &mut line);
                tracing::info!("{shown}: the rest of its output is not logged");
            }
        }
        if !line.is_empty() {
            log(&shown, &mut line);
        }
    })
}

fn log(shown: &Printable, line: &mut Vec<u8>) {
    tracing::info!("{shown}: {}", Printable::from_bytes(line));
    line.clear();
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use rustix::process::test_kill_process;

    use super::*;

    const LIMITS: RunLimits = RunLimits {
        run: Duration::from_millis(500),
        term: Duration::from_millis(200),
        last: Duration::from_millis(300),
    };

    /// Runs a script of `sh`, which gets the name of a file as `$FILE`.
    async fn script(text: &str, file: &Path, stop: &CancellationToken) -> RunEnd {
        let command = HookCommand::parse(&format!("sh -c '{text}'")).unwrap();
        let variables = [("FILE", file.to_str().unwrap().to_owned())];
        run(&command, &variables, LIMITS, stop).await.unwrap()
    }

    /// Waits until a process that a script has named is gone.
    async fn gone(file: &Path) {
        let text = std::fs::read_to_string(file).unwrap();
        let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        let gone = async {
            while test_kill_process(pid).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(60), gone).await.expect("what it started was ended too");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let deaf = "trap \"\" TERM; sleep 1000 & echo $! > \"$FILE\"; while :; do wait; done";
        let end = script(deaf, &file, &CancellationToken::new()).await;
        assert!(matches!(end, RunEnd::TimedOut), "{end:?}");
        gone(&file).await;
    }

    #[tokio::test]
    async fn at_the_end_a_program_has_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("done");
        let stop = CancellationToken::new();
        stop.cancel();
        let end = script("echo 1 > \"$FILE\"", &file, &stop).await;
        assert!(matches!(end, RunEnd::Exited(status) if status.success()), "{end:?}");
        assert!(file.exists());
        let end = script("sleep 1000", &file, &stop).await;
        assert!(matches!(end, RunEnd::Stopped), "{end:?}");
    }

    #[tokio::test]
    async fn output_without_an_end_holds_up_nothing() {
        let file = Path::new("unused");
        let stop = CancellationToken::new();
        let much = "head -c 1000000 /dev/zero; echo; exit 3";
        let end = script(much, file, &stop).await;
        assert!(matches!(end, RunEnd::Exited(status) if status.code() == Some(3)), "{end:?}");
        // Left in the background, with the output open.
        let end = script("sleep 5 & exit 0", file, &stop).await;
        assert!(matches!(end, RunEnd::Exited(status) if status.success()), "{end:?}");
    }
}
