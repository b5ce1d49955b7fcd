//! The hosts that the user has agreed to.

use std::collections::BTreeSet;

use super::error::DownloadError;
use super::link::FileLink;
use crate::text::Printable;

/// The hosts that the user has agreed to, for one run.
#[derive(Debug, Default)]
pub(super) struct AgreedHosts {
    hosts: BTreeSet<String>,
    is_every_one: bool,
}

impl AgreedHosts {
    pub(super) fn add(&mut self, host: &Printable) {
        self.hosts.insert(host.to_string());
    }

    pub(super) const fn add_all(&mut self) {
        self.is_every_one = true;
    }

    /// Returns an error for a link to a host that the user was not asked about.
    pub(super) fn check(&self, link: &FileLink) -> Result<(), DownloadError> {
        let host = link.host();
        if self.is_every_one || self.hosts.contains(host.as_str()) {
            return Ok(());
        }
        Err(DownloadError::NewHost { host })
    }
}
