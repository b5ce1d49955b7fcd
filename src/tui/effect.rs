//! What the dashboard wants done outside of its model: values, carried out by the loop and by `app`.

use jiff::Timestamp;

use super::model::mode::Target;
use super::model::search::Search;
use super::msg::Stage;
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
    Call(Printable),
    /// Ask `app` for something; it answers with messages.
    Ask(Stage, Request),
}

/// What the dashboard asks `app` for.
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
    /// Begin a demo beside the real thing.
    StartDemo,
    /// End it.
    StopDemo,
}
