//! The table of the filter language, and the help text made from it; decides nothing.

use std::fmt::Write as _;

/// One row of the filter language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermDoc {
    /// The words or the forms, separated by spaces; placeholders are in capitals.
    pub forms: &'static str,
    /// What the term matches.
    pub matches: &'static str,
    /// An example.
    pub example: &'static str,
}

const fn row(forms: &'static str, matches: &'static str, example: &'static str) -> TermDoc {
    TermDoc { forms, matches, example }
}

/// The filter language, one row for each kind of term; the parser knows no others.
pub const TERMS: [TermDoc; 18] = [
    row("valid invalid malformed missing", "the verdict", "!valid"),
    row("unchecked", "the verdict; also versions whose state is unchecked", "unchecked"),
    row("api", "answers of the service's API; also versions whose state rests on one", "api"),
    row("failed", "every failure: of an asset, of dubbing, of generating", "failed"),
    row(
        "not_ready ready generating generated generate_failed",
        "the state that the event or the API reports",
        "generated",
    ),
    row("applied repeat late new_cycle none", "the effect on the timeline", "!repeat"),
    row("uncertain", "effects that are a guess", "uncertain"),
    row(
        "overdue",
        "versions that have been generating too long; does not apply to deliveries",
        "overdue",
    ),
    row(
        "foreign",
        "assets that are not in the account, as the API says; not deliveries",
        "foreign",
    ),
    row("unreadable", "deliveries that the timeline cannot read", "unreadable"),
    row("refused", "refusals", "!refused"),
    row(
        "wrong_path wrong_method cross_site too_large too_slow broken",
        "refusals of that kind",
        "too_large",
    ),
    row("asset:TEXT version:TEXT event:TEXT peer:TEXT", "the field contains TEXT", "asset:9f3"),
    row("locale:RANGE", "the locale is RANGE or begins with it and a `-`", "locale:es"),
    row("verdict:WORD effect:WORD source:WORD", "exactly that word", "source:relay"),
    row("seq:N seq:N..M", "the place in the journal", "seq:100.."),
    row("since:TIME until:TIME", "received at TIME or later; before TIME", "since:1h"),
    row("TEXT", "the event, an id, the locale or the peer contains TEXT", "ast_51"),
];

pub(super) fn help() -> String {
    let mut help = String::from(
        "Separate terms with spaces; entries that match all of them are shown. ! before\n\
         a term negates it, quotes allow spaces and colons in a term, TIME is a time ago\n\
         (90m, 2d) or an RFC 3339 time.\n\n",
    );
    // Two lines each, so that it fits a narrow terminal.
    for row in TERMS {
        // Writing to a `String` cannot fail.
        let _ = writeln!(help, "  {}\n      {} (like {})", row.forms, row.matches, row.example);
    }
    help
}
