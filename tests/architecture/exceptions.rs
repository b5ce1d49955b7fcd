//! What does not keep to the rules yet. The lists only shrink: an entry that is not needed fails.

/// Uses of a module by a sibling that close a circle.
pub(crate) const CIRCLES: &[(&str, &str)] = &[
    ("app::dashboard", "app::demo"),
    ("app::dashboard::search", "app::dashboard::backend"),
    ("app::dashboard::writes", "app::dashboard::backend"),
    ("app::supervisor", "app::frontend"),
];

/// Names of several types.
pub(crate) const DOUBLED: &[&str] = &[];
