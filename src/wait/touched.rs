//! Which states were reported since a waiting began.

use std::collections::BTreeSet;

use crate::callback::{DeliveryEffect, DeliverySummary, Event};

/// Maximum number of versions that are remembered. Only a filter that fits everything reaches it; all
/// are forgotten then, and each counts again as soon as it changes.
const MAX_TOUCHED: usize = 100_000;

/// The versions, and assets as a whole, whose state was reported.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeSet<(String, Option<String>)>);

impl Touched {
    /// Notes a delivery, if it changed a state.
    pub(super) fn note(&mut self, delivery: &DeliverySummary) {
        let changes =
            matches!(delivery.outcome.effect, DeliveryEffect::Applied | DeliveryEffect::NewCycle);
        let callback = &delivery.callback;
        let Some(asset_id) = callback.asset_id.clone().filter(|_| changes) else { return };
        // The failure of an asset is about no version, whatever id it carries.
        let of_asset = callback.event.as_deref() == Some(Event::AssetFailed.name());
        let version_id = callback.version_id.clone().filter(|_| !of_asset);
        if self.0.len() >= MAX_TOUCHED {
            self.0.clear();
        }
        self.0.insert((asset_id, version_id));
    }

    /// Returns whether the state of a version was reported, or with `None` that of an asset as a whole.
    pub(super) fn has(&self, asset_id: &str, version_id: Option<&str>) -> bool {
        self.0.contains(&(asset_id.to_owned(), version_id.map(str::to_owned)))
    }
}
