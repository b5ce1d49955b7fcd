//! Passes on what the dashboard requests: to the backend of the journal that it is about, and demos to
//! what runs them.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::aside::Aside;
use crate::tui::effect::Request;
use crate::tui::msg::Stage;

/// Passes requests on until it is stopped or there will be no more; then ends the demo, if one runs.
pub(in super::super) async fn route(
    mut requests: mpsc::Receiver<(Stage, Request)>,
    real: mpsc::Sender<Request>,
    mut aside: Aside,
    stop: CancellationToken,
) {
    loop {
        let request = tokio::select! {
            () = stop.cancelled() => break,
            why = aside.broken() => {
                aside.end(Some(why)).await;
                continue;
            }
            request = requests.recv() => request,
        };
        let handled = async {
            match request {
                Some((_, Request::StartDemo)) => aside.begin().await,
                Some((_, Request::StopDemo)) => aside.end(None).await,
                // Its end is told elsewhere.
                Some((Stage::Real, request)) => drop(real.send(request).await),
                Some((Stage::Demo, request)) => aside.ask(request).await,
                None => return false,
            }
            true
        };
        if stop.run_until_cancelled(handled).await != Some(true) {
            break;
        }
    }
    aside.close().await;
}
