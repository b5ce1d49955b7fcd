//! A row of the Deliveries screen: a delivery or a refusal in one line.

use jiff::Timestamp;

use super::target::Target;
use crate::callback::{
    BodySample, Callback, DeliveryEffect, DeliverySummary, Event, Headers, RefusalEntry, Verdict,
};
use crate::filter::{DeliveryFacts, Filter};

/// A delivery or a refusal as a summary, without its body and headers, which are read when it is
/// opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A delivery in the journal.
    Delivery(DeliverySummary),
    /// Requests that were refused for the same reason.
    Refusal {
        /// The entry in the refusal log.
        listed: RefusalEntry,
        /// What the last body claims to be about. Not verified: it is for display only.
        claim: Callback,
    },
}

impl Row {
    /// Creates the row of a delivery.
    pub fn delivery(delivery: impl Into<DeliverySummary>) -> Self {
        Self::Delivery(delivery.into())
    }

    /// Creates the row of a refusal.
    pub fn refusal(mut listed: RefusalEntry) -> Self {
        let body = std::mem::take(&mut listed.refusal.body);
        let claim = Callback::claimed(&body.bytes);
        listed.refusal.body = BodySample { bytes: Vec::new(), truncated: body.truncated };
        listed.refusal.headers = Headers::default();
        // Of the earlier bodies, keep only distinct claims, so that the row can be found by them.
        let mut claims = vec![claim];
        listed.earlier.retain_mut(|earlier| {
            earlier.body = BodySample::default();
            let is_new = !earlier.claim.is_blank() && !claims.contains(&earlier.claim);
            if is_new {
                claims.push(earlier.claim.clone());
            }
            is_new
        });
        let claim = claims.swap_remove(0);
        Self::Refusal { listed, claim }
    }

    /// Returns what its bodies claim, the last one first; nothing for a delivery.
    pub fn claims(&self) -> impl Iterator<Item = &Callback> {
        let (last, earlier) = match self {
            Self::Delivery(_) => (None, &[][..]),
            Self::Refusal { listed, claim } => (Some(claim), &listed.earlier[..]),
        };
        last.into_iter().chain(earlier.iter().map(|earlier| &earlier.claim))
    }

    /// Returns what identifies it.
    pub const fn target(&self) -> Target {
        match self {
            Self::Delivery(delivery) => Target::Delivery(delivery.seq),
            Self::Refusal { listed, .. } => Target::Refusal(listed.id),
        }
    }

    /// Returns when it was received; for a refusal, when the last one of its kind was.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Delivery(delivery) => delivery.received_at,
            Self::Refusal { listed, .. } => listed.refusal.at,
        }
    }

    /// Returns its content; for a refusal, what it claims.
    pub const fn callback(&self) -> &Callback {
        match self {
            Self::Delivery(delivery) => &delivery.callback,
            Self::Refusal { claim, .. } => claim,
        }
    }

    /// Returns whether it is about this asset, or claims to be.
    pub fn is_of(&self, asset_id: &str) -> bool {
        self.callback().asset_id.as_deref() == Some(asset_id)
            || self.claims().any(|claim| claim.asset_id.as_deref() == Some(asset_id))
    }

    /// Returns whether it is an answer of the service's API, which nothing sent to dubwatch.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Delivery(delivery) if delivery.verdict == Verdict::Api)
    }

    /// Returns whether it is a refusal.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refusal { .. })
    }

    /// Returns whether it reports a failure or is a refusal.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Refusal { .. } => true,
            Self::Delivery(delivery) => DeliveryFacts::from(delivery).is_failure(),
        }
    }

    /// Returns whether it is a refusal whose body claims a failure.
    pub fn claims_failure(&self) -> bool {
        let event = |claim: &Callback| Event::from_name(claim.event.as_deref()?);
        self.claims().any(|claim| event(claim).is_some_and(Event::is_failure))
    }

    /// Returns whether it changed the state of its version, unlike a repeat or a late arrival.
    pub const fn changed_state(&self) -> bool {
        match self {
            Self::Delivery(delivery) => {
                matches!(
                    delivery.outcome.effect,
                    DeliveryEffect::Applied | DeliveryEffect::NewCycle
                )
            }
            Self::Refusal { .. } => false,
        }
    }

    /// Returns how many requests it represents.
    pub const fn count(&self) -> u64 {
        match self {
            Self::Delivery(_) => 1,
            Self::Refusal { listed, .. } => listed.refusal.count,
        }
    }

    /// Returns whether a filter matches it. `name` is the local name of its asset, or of the asset
    /// that it claims to be about.
    pub fn fits(&self, filter: &Filter, name: Option<&str>) -> bool {
        match self {
            Self::Delivery(delivery) => filter.matches_facts(&delivery.into(), name),
            Self::Refusal { listed, .. } => {
                self.claims().any(|claim| filter.matches_refusal(&listed.refusal, claim, name))
            }
        }
    }
}
