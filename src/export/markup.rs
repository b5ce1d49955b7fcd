//! Text as HTML. Everything that a report shows goes through [`Markup`], whether it is ours or not.

use std::fmt;

use crate::text::Printable;

/// Text that a browser can only show: nothing in it opens an element, ends an attribute, or stands
/// for a character. Control and bidi characters are visible.
#[derive(Debug)]
pub(super) struct Markup<'a>(pub(super) &'a str);

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Printable::new_or_blank(self.0);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_becomes_text() {
        let hostile = "<img src=x onerror=\"a\">&lt;'\u{1b}[2J\u{202e}";
        let shown = "&lt;img src=x onerror=&quot;a&quot;&gt;&amp;lt;&#39;\\u{1b}[2J\\u{202e}";
        assert_eq!(Markup(hostile).to_string(), shown);
    }

    proptest! {
        #[test]
        fn no_text_has_markup_in_it_and_all_of_it_is_there(text in ".{0,60}") {
            let markup = Markup(&text).to_string();
            prop_assert!(!markup.contains(['<', '>', '"', '\'']), "{markup}");
            // Every & begins one of the five.
            let mut back = markup.clone();
            for (written, meant) in
                [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
            {
                back = back.replace(written, meant);
            }
            let shown = Printable::new_or_blank(&text);
            prop_assert_eq!(back, shown.as_str());
            prop_assert!(!markup.chars().any(char::is_control));
        }
    }
}
