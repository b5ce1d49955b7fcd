//! What follows from an update outside of the model: values, carried out by the loop and by the
//! backend.

use jiff::Timestamp;

use super::model::mode::Target;
use super::model::search::Search;
use crate::text::{ClipText, Printable};

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Hand the terminal back to the shell until it calls us again.
    Suspend,
    /// Draw the next frame whole, whatever the terminal shows.
    Repaint,
    /// Put text on the clipboard.
    Copy {
        /// What the text is, in words.
        what: String,
        /// The text.
        text: ClipText,
    },
    /// Call the user, who may be looking elsewhere.
    Notify(Printable),
    /// Request something from the backend of this run, which answers with events.
    Request(Request),
    /// Start a demo and show it in place of this run, which goes on behind it.
    StartDemo,
    /// End the demo and show the run behind it again.
    StopDemo,
}

/// What the dashboard requests from the backend of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A delivery or refusal in full.
    Detail(Target),
    /// Rows of the journal. Pages come until the search ends, or another one begins.
    Rows(Box<Search>),
    /// The last search is of no use any more.
    EndSearch,
    /// Deliveries of an asset.
    OfAsset(String),
    /// Give an asset a local name, or take it away.
    Name {
        /// The asset.
        asset_id: String,
        /// The name.
        name: Option<String>,
    },
    /// Mark a failure as seen, or take that back.
    Acknowledge {
        /// The asset.
        asset_id: String,
        /// The version; `None` where the asset as a whole failed.
        version_id: Option<String>,
        /// When the failure came; `None` takes the mark back.
        at: Option<Timestamp>,
    },
}
