//! The characters that the user's terminal can show, and standard output for text in them.

use std::io::{self, BufWriter, IsTerminal as _};

use crate::config::Config;
use crate::output::Characters;

/// Returns whether to show ASCII only: on request, or if the terminal is known to have no other
/// characters.
pub(super) fn only_ascii(config: &Config) -> bool {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    // The first of them that is set names the character set (POSIX, section 8.2).
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    let other = locale.is_some_and(|locale| has_other_characters(&locale));
    // The console of Linux has a font of 256 or 512 characters.
    let console =
        variable("TERM").is_some_and(|term| term == "linux") && io::stdout().is_terminal();
    config.ascii.unwrap_or(other || console)
}

/// Returns whether a locale has another character set than UTF-8: `C` and `POSIX` have ASCII. Any
/// other locale without a character set says nothing reliable about the terminal, and neither does
/// a missing locale, as in containers.
fn has_other_characters(locale: &str) -> bool {
    let Some((_, set)) = locale.split_once('.') else { return matches!(locale, "C" | "POSIX") };
    let set = set.split('@').next().unwrap_or_default().to_ascii_lowercase();
    !matches!(set.as_str(), "utf-8" | "utf8")
}

/// Standard output for lines of text.
pub(super) fn text_out(config: &Config) -> Characters<io::Stdout> {
    Characters::new(io::stdout(), only_ascii(config))
}

/// Returns standard output, buffered: for text in the characters that the terminal has, for
/// anything else unchanged.
pub(super) fn out(config: &Config, is_text: bool) -> BufWriter<Characters<io::Stdout>> {
    let is_ascii = is_text && only_ascii(config);
    BufWriter::with_capacity(1 << 16, Characters::new(io::stdout(), is_ascii))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_locale_of_other_characters_takes_characters_away() {
        for fine in ["de_DE", "C.UTF-8", "en_US.utf8", "ca_ES.UTF-8@valencia", "C.utf8"] {
            assert!(!has_other_characters(fine), "{fine}");
        }
        for other in ["C", "POSIX", "de_DE.ISO-8859-1", "ja_JP.eucJP", "de_DE.iso885915@euro"] {
            assert!(has_other_characters(other), "{other}");
        }
    }
}
