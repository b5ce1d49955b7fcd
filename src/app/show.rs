//! Starts a receiver with its frontend and runs both until the end.

use std::io::Write;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::dashboard::reporter::Reports;
use super::dashboard::{run_info, sources_of};
use super::frontend::stream::{self, StreamFrontend};
use super::frontend::tui::{DashboardSource, ExitOutput, TuiFrontend};
use super::parts::Parts;
use super::receiver::{PreparedReceiver, Receiver};
use super::signals::Signals;
use super::supervisor::{self, warn};
use super::{Exit, Form};
use crate::config::Config;
use crate::output::{RecordWriter, StreamOutput};
use crate::tui::model::Banner;

/// How a run is shown.
pub(super) struct ShowOptions {
    pub(super) form: Form,
    /// The dashboard's banner; `None` for the one that follows from the settings.
    pub(super) banner: Option<Banner>,
    /// Cancelled at the end of a demo's story.
    pub(super) story_over: Option<CancellationToken>,
    /// A warning to show before the first line.
    pub(super) caution: Option<String>,
}

/// Starts the receiver and a frontend, and runs both until the end. `parts` builds the run's parts
/// from the started receiver.
pub(super) async fn receive<P: Parts>(
    config: &Config,
    prepared: PreparedReceiver,
    options: ShowOptions,
    out: impl Write + Send + 'static,
    print: fn(&str),
    parts: impl FnOnce(Receiver) -> anyhow::Result<P>,
) -> anyhow::Result<Exit> {
    let ShowOptions { form, banner, story_over, caution } = options;
    // First: a signal that arrives right after the announcement must also end the run in order.
    let on_terminal = matches!(form, Form::Dashboard(_));
    let signals = Signals::new(on_terminal).context("cannot listen for signals")?;
    match form {
        Form::Lines(format) => {
            // The follower must exist before the first delivery.
            let stream_output =
                StreamOutput::new(RecordWriter::new(out, format.clone()), prepared.follower()?);
            let receiver = prepared.start(config).await?;
            let stream =
                StreamFrontend::of_receiver(stream_output, &format, config, &receiver, print)?;
            let first = caution.into_iter().chain(stream::zone_caution(&format));
            first.chain(cautions(config, &receiver)).for_each(|caution| warn(&stream, caution));
            supervisor::run(signals, parts(receiver)?, stream).await
        }
        Form::Dashboard(theme) => {
            let receiver = prepared.start(config).await?;
            let status = receiver.status.clone();
            let source = DashboardSource {
                run_info: run_info::of_receiver(config, &receiver, banner),
                sources: sources_of(config, &receiver.prepared)?,
                reports: Reports { status, story_over },
            };
            let tui = TuiFrontend::start(
                config,
                theme,
                source,
                ExitOutput { out: Box::new(out), print },
            )?;
            cautions(config, &receiver).for_each(|caution| warn(&tui, caution));
            supervisor::run(signals, parts(receiver)?, tui).await
        }
    }
}

/// Returns warnings about the settings, and about addresses at which the receiver is not reachable.
fn cautions(config: &Config, receiver: &Receiver) -> impl Iterator<Item = String> {
    let unreachable = config.unreachable(&receiver.bound);
    receiver.prepared.cautions.clone().into_iter().chain(unreachable)
}
