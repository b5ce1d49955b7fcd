//! Downloads the video of a version: asks the API for its link, and streams what is there to a file.
//!
//! The link grants access and expires. It is in memory alone: no error, log, file or screen has it.
//! The API key is never sent to the host of a link, and no link is followed to a private network.
//!
//! | file | owns |
//! |---|---|
//! | `job` | what to download, and what came of it |
//! | `file_name` | how a file is called (pure) |
//! | `link` | which links are followed (pure) |
//! | `hosts` | the hosts that the user has agreed to |
//! | `fetch` | the only requests to the host of a link: GET, without the key |
//! | `head` | what the head of an answer says (pure) |
//! | `part_file` | the unfinished file and the note beside it |
//! | `writer` | writes what arrives, on a thread of its own |
//! | `early_sync` | syncs the file while more of it arrives |
//! | `space` | how much may be written |
//! | `progress` | how far a download is |
//! | `question_pause` | the pause between two questions to the API |
//! | `attempt` | one request and what it brings |
//! | `downloader` | one download: attempts until the file is complete |
//! | `error` | why there is no file |

mod attempt;
mod downloader;
mod early_sync;
mod error;
mod fetch;
mod file_name;
mod head;
mod hosts;
mod job;
mod link;
mod part_file;
mod progress;
mod question_pause;
mod space;
mod writer;

pub use downloader::Downloader;
pub use error::DownloadError;
pub use file_name::{file_stem, file_stems};
pub use job::{DownloadJob, ExistingFile, FinishedDownload};
pub use progress::{DownloadProgress, Pace};
pub use question_pause::QuestionPause;

use std::time::Duration;

/// Time limit for a connection and the head of an answer.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long a body may pause.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// Maximum number of attempts in a row that bring nothing new.
const MAX_FRUITLESS: u32 = 5;
/// The pause before the second attempt; each one that brings nothing doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, also if the host asks for a longer one.
const MAX_PAUSE: Duration = Duration::from_secs(60);
