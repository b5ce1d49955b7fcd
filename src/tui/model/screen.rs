//! The screens of the dashboard.

/// One of the four screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Screen {
    /// Assets, lanes and the deliveries of the selected asset.
    Timeline,
    /// Assets by locales.
    Matrix,
    /// All deliveries and refusals.
    Deliveries,
    /// The state of the program itself.
    Health,
}

impl Screen {
    /// Every screen, in the order of the tab bar.
    pub const ALL: [Self; 4] = [Self::Timeline, Self::Matrix, Self::Deliveries, Self::Health];

    /// Returns the label in the tab bar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeline => "Timeline",
            Self::Matrix => "Matrix",
            Self::Deliveries => "Deliveries",
            Self::Health => "Health",
        }
    }
}
