//! Downloads of videos: what to download, and how far the running one is.

use crate::text::{Printable, transfer_words};

/// A version whose video can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadTarget {
    /// The asset.
    pub asset_id: String,
    /// The version.
    pub version_id: String,
}

/// A download as the user wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadOrder {
    /// The version.
    pub target: DownloadTarget,
    /// The directory, as typed.
    pub directory: String,
    /// The host that the user has agreed to; `None` until it is known.
    pub host: Option<Printable>,
}

/// The running download and those that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningDownload {
    /// The version.
    pub version_id: String,
    /// The name of the file without its extension.
    pub name: Printable,
    /// The number of bytes in the file.
    pub have: u64,
    /// The length of the whole file, if it is announced.
    pub total: Option<u64>,
    /// Bytes a second, once they can be told.
    pub rate: Option<u64>,
    /// The versions that wait for it.
    pub waiting: Vec<String>,
}

impl RunningDownload {
    /// Returns whether a version is being downloaded or waits for that.
    pub fn has(&self, version_id: &str) -> bool {
        self.version_id == version_id || self.waiting.iter().any(|id| id == version_id)
    }

    /// Describes it in at most this many columns; blank if nothing useful fits.
    pub fn words(&self, columns: usize) -> Printable {
        let figures = transfer_words(self.have, self.total, self.rate);
        let waiting = match self.waiting.len() {
            0 => String::new(),
            count => format!(" ({count} more)"),
        };
        let briefly = match (self.total, &*waiting) {
            (Some(_), waiting) => {
                let percent = figures.split(',').next().unwrap_or_default();
                format!("download {percent}{waiting}")
            }
            (None, waiting) => format!("download {figures}{waiting}"),
        };
        let whole = Printable::new(&format!("{figures}{waiting}"));
        let room = columns.saturating_sub(whole.width() + 2);
        // A shorter name would say little.
        if room >= 12 || self.name.width() <= room {
            return Printable::new(&format!("{}  {whole}", self.name.clone().cut(room)));
        }
        [whole, Printable::new(&briefly)]
            .into_iter()
            .find(|words| words.width() <= columns)
            .unwrap_or_default()
    }
}

/// How a download ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadEnd {
    /// The file is there.
    Done {
        /// Its path.
        path: Printable,
        /// Its length.
        bytes: u64,
        /// Whether it was there already.
        was_there: bool,
    },
    /// The user stopped it. What has arrived is in the file with this name.
    Stopped(Printable),
    /// There is no file, and why.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_fit() {
        let mut download = RunningDownload {
            version_id: "v".to_owned(),
            name: Printable::new("The film.es-ES"),
            have: 3 << 20,
            total: Some(12 << 20),
            rate: Some(2 << 20),
            waiting: vec!["w".to_owned()],
        };
        let figures = "25 %, 3.0 MiB of 12.0 MiB, 2.0 MiB/s, 0:04 left (1 more)";
        for (columns, expected) in [
            (100, format!("The film.es-ES  {figures}")),
            (70, format!("The film.es…  {figures}")),
            (60, figures.to_owned()),
            (40, "download 25 % (1 more)".to_owned()),
            (10, String::new()),
        ] {
            assert_eq!(download.words(columns).as_str(), expected);
        }
        assert!(download.has("v") && download.has("w") && !download.has("x"));
        download.total = None;
        for columns in 0..120 {
            assert!(download.words(columns).width() <= columns);
        }
        assert_eq!(download.words(40).as_str(), "3.0 MiB, 2.0 MiB/s (1 more)");
    }
}
