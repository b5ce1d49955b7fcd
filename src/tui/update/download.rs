//! Downloading the video of a version: where to, from which host, and how it ended.

use super::super::effect::{Effect, Request};
use super::super::model::Model;
use super::super::model::download::{DownloadEnd, DownloadOrder, DownloadTarget};
use super::super::model::mode::{Line, Mode};
use super::{copy, show_message};
use crate::callback::State;
use crate::text::{Printable, bytes_in_words};

/// Begins to download the selected version, or stops that.
pub(super) fn press(model: &mut Model) -> Vec<Effect> {
    let (Some(asset_id), Some(version_id)) = (copy::asset_id(model), copy::version_id(model))
    else {
        show_message(model, "no version is selected");
        return Vec::new();
    };
    if model.download.as_ref().is_some_and(|running| running.has(&version_id)) {
        return vec![Effect::Request(Request::StopDownload { version_id })];
    }
    let state = model.shown().asset_list.get(&asset_id).and_then(|asset| {
        let mut versions = asset.row.versions.iter();
        versions.find(|row| row.version_id == version_id).map(|row| row.version.state())
    });
    match state {
        Some(State::Generated) => {
            let target = DownloadTarget { asset_id, version_id };
            vec![Effect::Request(Request::DownloadDirectory(target))]
        }
        Some(state) => {
            show_message(model, format!("there is no video yet: the version is {}", state.name()));
            Vec::new()
        }
        None => {
            show_message(model, "its version is not among those shown");
            Vec::new()
        }
    }
}

/// Lets the user change the directory.
pub(super) fn ask_directory(model: &mut Model, target: DownloadTarget, directory: &str) {
    // The user has gone on meanwhile.
    if !matches!(model.mode, Mode::Normal | Mode::Detail(_)) {
        return;
    }
    let under = Box::new(std::mem::replace(&mut model.mode, Mode::Normal));
    model.mode = Mode::Download { target, line: Line::directory(directory), under };
}

/// Requests a download to a directory.
pub(super) fn begin(model: &mut Model, target: DownloadTarget, directory: &str) -> Vec<Effect> {
    show_message(model, "asking the API for the video's link");
    let order = DownloadOrder { target, directory: directory.to_owned(), host: None };
    vec![Effect::Request(Request::Download(order))]
}

/// Asks whether to download from a host. While the user types, a message takes the question's place,
/// so that no letter answers it.
pub(super) fn ask_host(model: &mut Model, order: DownloadOrder, host: Printable) {
    if matches!(model.mode, Mode::Normal | Mode::Detail(_)) {
        let under = Box::new(std::mem::replace(&mut model.mode, Mode::Normal));
        model.mode = Mode::AgreeHost { order, host, under };
    } else {
        show_message(model, format!("not downloaded: {host} is a new host; d: download again"));
    }
}

/// Handles the answer to that question.
pub(super) fn answer(model: &mut Model, is_yes: bool) -> Vec<Effect> {
    let Mode::AgreeHost { mut order, host, under } =
        std::mem::replace(&mut model.mode, Mode::Normal)
    else {
        return Vec::new();
    };
    model.mode = *under;
    if !is_yes {
        show_message(model, format!("nothing was downloaded from {host}"));
        return Vec::new();
    }
    order.host = Some(host);
    vec![Effect::Request(Request::Download(order))]
}

/// Shows how a download ended. The user may be looking elsewhere, and a failure stays among the
/// warnings.
pub(super) fn ended(model: &mut Model, end: DownloadEnd) -> Vec<Effect> {
    let message = match end {
        DownloadEnd::Done { path, bytes, was_there: true } => {
            format!("{path} was there already ({})", bytes_in_words(bytes))
        }
        DownloadEnd::Done { path, bytes, was_there: false } => {
            format!("downloaded {path} ({})", bytes_in_words(bytes))
        }
        DownloadEnd::Stopped(part) => {
            show_message(model, format!("stopped; {part} is kept, and d goes on from there"));
            return Vec::new();
        }
        DownloadEnd::Failed(why) => {
            let why = format!("not downloaded: {why}");
            model.live.warn(model.now, why.clone());
            why
        }
    };
    show_message(model, message.clone());
    vec![Effect::Notify(Printable::new(&message))]
}
