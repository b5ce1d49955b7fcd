//! The tabs of the detail view.

use super::target::Target;

/// A tab of the detail view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tab {
    /// The body, pretty or as sent.
    Payload,
    /// The request line and the headers.
    Headers,
    /// The bytes of the body, as text or hex.
    Raw,
    /// The steps of the signature check.
    Signature,
    /// The attempts to forward it, and the answers.
    Forward,
}

impl Tab {
    /// All tabs, in order.
    pub const ALL: [Self; 5] =
        [Self::Payload, Self::Headers, Self::Raw, Self::Signature, Self::Forward];

    /// Returns the tab's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "Payload",
            Self::Headers => "Headers",
            Self::Raw => "Raw",
            Self::Signature => "Signature",
            Self::Forward => "Forward",
        }
    }

    /// Returns the tabs of a delivery or refusal, in order. Only an accepted delivery is forwarded.
    pub fn of(target: Target) -> &'static [Self] {
        match target {
            Target::Delivery(_) => &Self::ALL,
            Target::Refusal(_) => &Self::ALL[..Self::ALL.len() - 1],
        }
    }

    /// Returns the tab `by` positions further among those of `target`, wrapping around.
    #[must_use]
    pub fn moved(self, by: isize, target: Target) -> Self {
        let tabs = Self::of(target);
        let count = tabs.len().cast_signed();
        tabs[(self as isize + by).rem_euclid(count).cast_unsigned()]
    }
}
