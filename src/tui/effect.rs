//! What an update requests outside the model: values, carried out by the event loop and the
//! backend.

use jiff::Timestamp;

use super::model::download::{DownloadOrder, DownloadTarget};
use super::model::search::Search;
use super::model::target::Target;
use crate::text::{ClipText, Printable};
use crate::timeline::Expectation;

/// One effect of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Return the terminal to the shell until the program is continued.
    Suspend,
    /// Redraw the whole screen with the next frame.
    Repaint,
    /// Copy text to the clipboard.
    Copy {
        /// A short description of the text.
        what: String,
        /// The text.
        text: ClipText,
    },
    /// Notify the user, who may be looking elsewhere.
    Notify(Printable),
    /// Request something from the backend, which answers with events.
    Request(Request),
    /// Start a demo and show it instead of the real data. The receiver continues in the background.
    StartDemo,
    /// End the demo and show the real data again.
    StopDemo,
}

/// What the dashboard requests from the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A delivery or refusal in full.
    Detail(Target),
    /// Rows of the journal. Pages arrive until the search ends or another one starts.
    Rows(Box<Search>),
    /// Stop the current search.
    EndSearch,
    /// The deliveries of an asset.
    OfAsset(String),
    /// Set or remove the local name of an asset.
    Name {
        /// The asset.
        asset_id: String,
        /// The name.
        name: Option<String>,
    },
    /// Set or remove which versions are expected of an asset.
    Expect {
        /// The asset.
        asset_id: String,
        /// The expected versions.
        expected: Option<Expectation>,
    },
    /// Ask the API where a version is edited.
    Studio {
        /// The version.
        version_id: String,
        /// What to do with the URL.
        then: StudioUse,
    },
    /// Say where a version would be downloaded to.
    DownloadDirectory(DownloadTarget),
    /// Download a version.
    Download(DownloadOrder),
    /// Stop downloading a version. What has arrived is kept.
    StopDownload {
        /// The version.
        version_id: String,
    },
    /// Mark an alert as seen, or remove the mark.
    Acknowledge {
        /// The asset.
        asset_id: String,
        /// The version; `None` if the asset as a whole failed.
        version_id: Option<String>,
        /// The time of the alert; `None` removes the mark.
        at: Option<Timestamp>,
    },
}

/// What to do with the URL of a version in the service's studio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudioUse {
    /// Open it in the browser.
    Open,
    /// Copy it to the clipboard.
    Copy,
}
