//! `dubwatch man`: the manual page, made from the same definition as the parser.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::{definition, done_unless};
use crate::app::Exit;

const FILES: &str = r".SH FILES
.TP
\fI$XDG_CONFIG_HOME/dubwatch/config.toml\fR
The settings, as `dubwatch config show` prints them.
.TP
\fI$XDG_DATA_HOME/dubwatch/journal.db\fR
The journal. While it is in use, \fIjournal.db\-wal\fR and others stand beside it.
.TP
\fI$XDG_DATA_HOME/dubwatch/dev.pem\fR
The development key: `dubwatch send` signs with it, a listener on loopback without --public-url trusts it.
.TP
\fI$XDG_STATE_HOME/dubwatch/dubwatch.log\fR
What a developer of dubwatch wants to know.
";

const EXIT_STATUS: &str = r".SH EXIT STATUS
.TP
0
What was asked for was done.
.TP
1
It failed; a sentence on standard error says how. `verify`: the signature does not hold. `send`: a
callback was not answered as it should be.
.TP
2
The command line or a setting is wrong. `verify`: the signature cannot be checked.
.TP
129, 130, 143
Ended by SIGHUP (a closed terminal, of the dashboard), SIGINT or SIGTERM, after everything that was
received was written.
";

pub(super) fn run() -> anyhow::Result<Exit> {
    done_unless(io::stdout().write_all(&page()?).map_err(Into::into))
}

fn page() -> io::Result<Vec<u8>> {
    let command = definition::command();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let shown = |command: &&Command| command.get_name() != "help";
    for command in command.get_subcommands().filter(shown) {
        subcommand(command, &mut page)?;
        for command in command.get_subcommands().filter(shown) {
            subcommand(command, &mut page)?;
        }
    }
    let mut notes = Vec::new();
    man.render_extra_section(&mut notes)?;
    page.extend(with_tables(&retitled(&notes, ".SH EXTRA", ".SH NOTES")));
    page.extend_from_slice(FILES.as_bytes());
    page.extend_from_slice(EXIT_STATUS.as_bytes());
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// Writes the section about one command. It only names the settings that the command uses: their
/// descriptions are above.
fn subcommand(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    writeln!(page, ".SH {}", name.to_uppercase().replace(' ', "\\ "))?;
    let shared = |arg: &clap::Arg| arg.is_global_set() || arg.get_help_heading().is_some();
    let heeded: Vec<_> = command
        .get_arguments()
        .filter(|arg| shared(arg) && !arg.is_hide_set())
        .filter_map(|arg| arg.get_long())
        .map(|flag| format!("\\fB\\-\\-{}\\fR", flag.replace('-', "\\-")))
        .collect();
    let own = command.clone().mut_args(|arg| {
        let hidden = shared(&arg);
        arg.hide(hidden)
    });
    let man = Man::new(own);
    let mut section = Vec::new();
    man.render_description_section(&mut section)?;
    man.render_synopsis_section(&mut section)?;
    man.render_options_section(&mut section)?;
    if command.get_after_help().is_some() {
        let mut notes = Vec::new();
        man.render_extra_section(&mut notes)?;
        section.extend(with_tables(&retitled(&notes, ".SH EXTRA", ".SS NOTES")));
    }
    // Sections become subsections; the description needs no title here.
    let section = retitled(&section, ".SH DESCRIPTION\n", "");
    page.extend(retitled(&section, ".SH ", ".SS "));
    if !heeded.is_empty() {
        writeln!(page, ".SS SETTINGS\n{}", heeded.join(", "))?;
    }
    Ok(())
}

/// Formats lines that begin with a space as a table: unchanged.
fn with_tables(section: &[u8]) -> Vec<u8> {
    let mut set = String::new();
    let mut in_table = false;
    for line in String::from_utf8_lossy(section).lines() {
        let is_row = line.starts_with(' ');
        if is_row != in_table {
            set.push_str(if is_row { ".nf\n" } else { ".fi\n" });
            in_table = is_row;
        }
        set.push_str(line);
        set.push('\n');
    }
    if in_table {
        set.push_str(".fi\n");
    }
    set.into_bytes()
}

fn retitled(section: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(section).replace(from, to).into_bytes()
}
