//! The frontend of `dubwatch wait`: ends the run when the waiting ends.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::super::Exit;
use super::super::frontend::Frontend;
use super::super::frontend::stream::{ReportEnd, report_status};
use super::super::worker::Worker;
use super::waiter::{WaitEnd, Waiter};
use super::{FAILED, TIMED_OUT};
use crate::output::Notice;
use crate::status::{Counts, Status};

/// Time limit for the line that is being written at the end.
const LAST_LINE: Duration = Duration::from_secs(1);
/// Maximum number of queued notices, which are told on standard error and then dropped.
const NOTICES: usize = 16;

pub(super) struct WaitFrontend {
    waiter: Worker<anyhow::Result<WaitEnd>>,
    reports: Worker<ReportEnd>,
    print: fn(&str),
}

impl WaitFrontend {
    /// Starts to wait. `print` receives messages for the user.
    pub(super) fn start<W: Write + Send + 'static>(
        waiter: Waiter<W>,
        status: watch::Receiver<Status>,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        let runtime = Handle::current();
        let (begun, has_begun) = oneshot::channel();
        let waiter = Worker::thread("waiter", move |stop| waiter.run(&runtime, &stop, begun))?;
        let (notices, mut dropped) = mpsc::channel::<Notice>(NOTICES);
        let reports = Worker::task("reports", |stop| async move {
            let reporting = async {
                // Nothing is reported where the journal decides at once.
                if has_begun.await.is_err() {
                    return ReportEnd::Over;
                }
                tokio::select! {
                    end = report_status(status, &notices, print) => end,
                    () = async { while dropped.recv().await.is_some() {} } => ReportEnd::Over,
                }
            };
            stop.run_until_cancelled(reporting).await.unwrap_or(ReportEnd::Over)
        });
        Ok(Self { waiter, reports, print })
    }
}

impl Frontend for WaitFrontend {
    fn warn(&self, message: String) {
        (self.print)(&message);
    }

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        let refused = async {
            match self.reports.ended().await {
                Ok(ReportEnd::TokenRefused) => {
                    anyhow::anyhow!("ended, because the relay refused the token at the first try")
                }
                Ok(ReportEnd::Over) => std::future::pending().await,
                Err(error) => error,
            }
        };
        let end = tokio::select! {
            end = self.waiter.ended() => end?.context("cannot wait any longer")?,
            error = refused => return Err(error),
        };
        Ok(match end {
            WaitEnd::Met => Exit::Done,
            WaitEnd::Failed(why) => {
                (self.print)(&why);
                Exit::Answer(FAILED)
            }
            WaitEnd::TimedOut(standing) => {
                (self.print)(&format!("timed out: {standing}"));
                Exit::Answer(TIMED_OUT)
            }
            WaitEnd::Stopped => anyhow::bail!("the journal was closed"),
        })
    }

    async fn leave(&mut self) {}

    async fn finish(self, _: Option<Counts>) {
        self.reports.stop().await;
        let _ = tokio::time::timeout(LAST_LINE, self.waiter.stop()).await;
    }
}
