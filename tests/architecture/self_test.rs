//! Shows that the check can fail: for every rule a snippet that breaks it, and its twin that does not.

use rstest::rstest;

use crate::check::{Crate, Reading, SourceFile, Violation};
use crate::circles::circles;
use crate::documented::undocumented;
use crate::names::doubled;
use crate::table::Row;
use crate::unused::unused;

fn check(files: &[(&str, &str)]) -> Vec<Violation> {
    read(files).violations
}

fn read(files: &[(&str, &str)]) -> Reading {
    Crate { dependencies: crate::dependencies() }.read(&sources(files))
}

fn sources(files: &[(&str, &str)]) -> Vec<SourceFile> {
    let source = |(path, text): &(&str, &str)| SourceFile {
        path: (*path).to_owned(),
        text: format!("//! Owns it.\n{text}"),
    };
    files.iter().map(source).collect()
}

fn what(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.what.as_str()).collect()
}

#[rstest]
#[case::use_of_ours(
    "src/text.rs",
    "use crate::journal::Journal;",
    "text uses crate::journal::Journal"
)]
#[case::use_in_a_group(
    "src/text.rs",
    "use crate::{callback::Event, listener};",
    "text uses crate::listener"
)]
#[case::glob("src/output/csv.rs", "use crate::tui::*;", "output uses crate::tui")]
#[case::path_in_a_body(
    "src/text.rs",
    "fn f() { crate::signature::check(); }",
    "text uses crate::signature::check"
)]
#[case::path_in_a_type(
    "src/text.rs",
    "fn f(_: Option<crate::app::App>) {}",
    "text uses crate::app::App"
)]
#[case::path_in_a_macro(
    "src/text.rs",
    "fn f() { assert!(crate::app::ok()); }",
    "text uses crate::app::ok"
)]
#[case::root("src/text.rs", "use crate::*;", "text uses crate::")]
#[case::up_and_over(
    "src/timeline/fold.rs",
    "use super::super::journal::Row;",
    "timeline uses crate::journal::Row"
)]
#[case::up_from_within(
    "src/text.rs",
    "mod a { use super::super::journal; }",
    "text uses crate::journal"
)]
#[case::self_up("src/text.rs", "use self::super::journal;", "text uses crate::journal")]
#[case::one_source_and_the_other(
    "src/relay/client.rs",
    "use crate::listener::Listener;",
    "relay::client uses crate::listener::Listener"
)]
#[case::view_and_loop(
    "src/tui/view/lane.rs",
    "use crate::tui::update;",
    "tui::view uses crate::tui::update"
)]
#[case::crate_in_a_use("src/text.rs", "use tokio::sync::mpsc;", "text uses the crate tokio")]
#[case::crate_in_a_path(
    "src/text.rs",
    "fn f() { tokio::spawn(async {}); }",
    "text uses the crate tokio"
)]
#[case::crate_in_a_macro(
    "src/text.rs",
    "fn f() { tracing::info!(\"x\"); }",
    "text uses the crate tracing"
)]
#[case::crate_inside_a_macro(
    "src/text.rs",
    "fn f() { vec![tokio::time::sleep(d)]; }",
    "text uses the crate tokio"
)]
#[case::crate_in_a_derive(
    "src/text.rs",
    "#[derive(clap::Args)] struct S;",
    "text uses the crate clap"
)]
#[case::extern_crate("src/text.rs", "extern crate tokio;", "text uses the crate tokio")]
#[case::sql("src/output/csv.rs", "use rusqlite::Connection;", "output uses the crate rusqlite")]
#[case::sql_in_a_command(
    "src/cli/log.rs",
    "use rusqlite::Connection;",
    "cli uses the crate rusqlite"
)]
#[case::main("src/main.rs", "use tokio::runtime::Runtime;", "main uses the crate tokio")]
#[case::files("src/filter/mod.rs", "use std::fs::File;", "filter is pure and uses std::fs::File")]
#[case::sockets(
    "src/status.rs",
    "fn f(_: std::net::TcpStream) {}",
    "status is pure and uses std::net::TcpStream"
)]
#[case::clock(
    "src/timeline/mod.rs",
    "fn f() { jiff::Timestamp::now(); }",
    "timeline is pure and asks the clock: jiff::Timestamp::now"
)]
#[case::clock_by_another_name(
    "src/timeline/mod.rs",
    "use jiff::Timestamp as T; fn f() { T::now(); }",
    "timeline is pure and asks the clock: T::now"
)]
#[case::clock_of_std(
    "src/timeline/mod.rs",
    "use std::time::Instant;",
    "timeline is pure and uses std::time::Instant"
)]
#[case::clock_as_a_value(
    "src/tui/view/mod.rs",
    "fn f() { or_else(Timestamp::now) }",
    "tui::view is pure and asks the clock: Timestamp::now"
)]
#[case::println("src/cli/log.rs", "fn f() { println!(\"x\"); }", "println! is used")]
#[case::eprintln_in_a_macro(
    "src/app.rs",
    "fn f() { select! { _ = x => eprintln!(\"x\") } }",
    "eprintln! is used"
)]
#[case::std_print("src/app.rs", "fn f() { std::print!(\"x\"); }", "print! is used")]
#[case::escape(
    "src/output/text.rs",
    r#"const RED: &str = "\x1b[31m";"#,
    "an escape sequence in a literal"
)]
#[case::escape_in_unicode(
    "src/output/text.rs",
    r#"fn f() { g("\u{1b}[31m") }"#,
    "an escape sequence in a literal"
)]
#[case::escape_in_bytes(
    "src/output/text.rs",
    r#"const C: &[u8] = b"\x1b[2J";"#,
    "an escape sequence in a literal"
)]
#[case::escape_in_a_macro(
    "src/output/text.rs",
    r#"fn f() { write!(w, "\u{9b}2J") }"#,
    "an escape sequence in a literal"
)]
#[case::escape_in_a_char(
    "src/tui/view/mod.rs",
    r"const C: char = '\x1b';",
    "an escape sequence in a literal"
)]
#[case::no_row("src/manager.rs", "", "the module manager has no row in the import table")]
fn finds(#[case] path: &str, #[case] text: &str, #[case] what: &str) {
    let violations = check(&[(path, text)]);
    let found: Vec<_> = violations.iter().map(|violation| violation.what.as_str()).collect();
    assert!(found.contains(&what), "{found:?}");
    assert!(violations.iter().all(|violation| violation.file == path));
}

#[rstest]
#[case::own(
    "src/timeline/fold.rs",
    "use super::State; use crate::timeline::Asset; use self::inner::X;"
)]
#[case::allowed(
    "src/timeline/fold.rs",
    "use crate::callback::{Event, State}; use jiff::Timestamp; use std::fmt;"
)]
#[case::own_module_called_like_a_crate(
    "src/output/mod.rs",
    "mod toml; pub use toml::Config; fn f() { toml::f() }"
)]
#[case::all(
    "src/app.rs",
    "use crate::tui; use tokio::net::TcpListener; fn f() { Timestamp::now() }"
)]
#[case::address_is_no_socket("src/status.rs", "use std::net::SocketAddr;")]
#[case::test_module(
    "src/text.rs",
    "#[cfg(test)] mod tests { use crate::app; fn f() { println!(\"\\x1b\") } }"
)]
#[case::test_function("src/text.rs", "#[cfg(test)] fn f() { println!(\"\\x1b\") }")]
#[case::spoken_of("src/text.rs", "/// `println!(\"\\x1b\")`, crate::app::App\nfn f() {}")]
#[case::terminal("src/tui/terminal.rs", r#"const CLEAR: &str = "\x1b[2J";"#)]
#[case::of_terminal("src/tui/terminal/modes.rs", r#"const CLEAR: &str = "\x1b[2J";"#)]
#[case::escaped_text("src/text.rs", r#"const SHOWN: &str = "\\x1b";"#)]
#[case::library_root("src/lib.rs", "pub mod text; pub use crate::text::Printable;")]
fn lets_be(#[case] path: &str, #[case] text: &str) {
    let violations = check(&[(path, text)]);
    assert!(violations.is_empty(), "{}", crate::report(&violations));
}

#[test]
fn a_test_module_in_another_file_is_a_test() {
    let inside = "use crate::app::App;";
    let declared = [("src/text/mod.rs", "#[cfg(test)] mod tests;"), ("src/text/tests.rs", inside)];
    assert!(check(&declared).is_empty());
    let below = [declared[0], ("src/text/tests/more.rs", inside)];
    assert!(check(&below).is_empty());
    let shipped = [("src/text/mod.rs", "mod tests;"), ("src/text/tests.rs", inside)];
    assert_eq!(check(&shipped).len(), 1);
}

#[test]
fn a_file_says_first_what_it_owns() {
    for text in ["use std::fmt;\n//! Late.", "//!\nuse std::fmt;", "// Owns it.\n", ""] {
        let file = SourceFile { path: "src/text.rs".to_owned(), text: text.to_owned() };
        if syn::parse_file(text).is_err() {
            continue;
        }
        let violations = Crate { dependencies: crate::dependencies() }.check(&[file]);
        assert_eq!(violations[0].what, "the file does not begin with a //! line", "{text:?}");
        assert_eq!(violations[0].line, 1);
    }
}

#[test]
fn a_message_names_file_line_what_and_what_is_allowed() {
    let violations = check(&[("src/sqlite/mod.rs", "\nuse crate::journal::Row;")]);
    assert_eq!(
        crate::report(&violations),
        "src/sqlite/mod.rs:3: sqlite uses crate::journal::Row\n    \
         sqlite may use the modules: files (shared by journal and relay, so it knows neither)"
    );
}

/// One module may use another and a crate.
const SMALL_TABLE: &[Row] = &[
    Row {
        module: "a",
        ours: &["b", "b::c"],
        crates: &["jiff"],
        pure: true,
        why: "it is an example",
    },
    Row { module: "b", ours: &[], crates: &[], pure: true, why: "it is an example" },
];

#[rstest]
#[case::all_is_used("use crate::b::{B, c::C}; use jiff::Timestamp;", &[])]
#[case::used_in_a_macro("use crate::b::{B, c::C}; fn f() { vec![jiff::civil::date(1, 1, 1)]; }", &[])]
#[case::less_is_used("use crate::b::c::C; use jiff::Timestamp;", &["a may use b and does not"])]
#[case::unused(
    "",
    &["a may use b and does not", "a may use b::c and does not", "a may use jiff and does not"]
)]
#[case::tests_do_not_count(
    "use crate::b::{B, c::C}; #[cfg(test)] mod tests { use jiff::Timestamp; }",
    &["a may use jiff and does not"]
)]
fn a_row_allows_what_is_used(#[case] text: &str, #[case] found: &[&str]) {
    let reading = read(&[("src/a.rs", text), ("src/b/mod.rs", ""), ("src/b/c.rs", "")]);
    assert_eq!(what(&unused(SMALL_TABLE, &reading)), found);
}

#[test]
fn a_row_is_of_a_module() {
    let reading = read(&[("src/a.rs", "use crate::b::{B, c::C}; use jiff::Timestamp;")]);
    assert_eq!(what(&unused(SMALL_TABLE, &reading)), ["the row b is of no module"]);
}

#[rstest]
#[case::at_the_top(
    &[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "fn f() { crate::a::f() }")],
    &["a uses b, which leads back to it", "b uses a, which leads back to it"]
)]
#[case::of_three(
    &[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "use crate::c;"), ("src/c.rs", "use crate::a;")],
    &[
        "a uses b, which leads back to it",
        "b uses c, which leads back to it",
        "c uses a, which leads back to it",
    ]
)]
#[case::of_siblings(
    &[("src/m/mod.rs", "mod a; mod b;"), ("src/m/a.rs", "use super::b::B;"), ("src/m/b/c.rs", "use crate::m::a::A;")],
    &["m::a uses m::b, which leads back to it", "m::b uses m::a, which leads back to it"]
)]
#[case::through_a_re_export(
    &[
        ("src/m/mod.rs", "mod a; mod b; pub use b::{B as C};"),
        ("src/m/a.rs", "use super::C;"),
        ("src/m/b.rs", "use super::a::A;"),
    ],
    &["m::a uses m::b, which leads back to it", "m::b uses m::a, which leads back to it"]
)]
#[case::through_re_exports_of_another_module(
    &[
        ("src/m/mod.rs", "mod a; mod b; use b::B;"),
        ("src/m/a.rs", "use super::B;"),
        ("src/m/b/mod.rs", "mod c; pub use self::c::B; use super::a::A;"),
        ("src/m/b/c.rs", ""),
    ],
    &["m::a uses m::b, which leads back to it", "m::b uses m::a, which leads back to it"]
)]
fn finds_circles(#[case] files: &[(&str, &str)], #[case] found: &[&str]) {
    assert_eq!(what(&circles(&read(files))), found);
}

#[rstest]
#[case::one_way(&[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "")])]
#[case::parent_and_child(
    &[("src/m/mod.rs", "mod a; pub use a::A; pub struct M;"), ("src/m/a.rs", "use super::M;")]
)]
#[case::by_the_parent(
    &[
        ("src/m/mod.rs", "mod a; mod b; pub struct M(a::A, b::B);"),
        ("src/m/a.rs", "use super::{M, b::B};"),
        ("src/m/b.rs", "use super::M;"),
    ]
)]
#[case::in_tests(
    &[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "#[cfg(test)] mod tests { use crate::a::A; }")]
)]
fn lets_be_what_is_no_circle(#[case] files: &[(&str, &str)]) {
    assert_eq!(what(&circles(&read(files))), [""; 0]);
}

#[test]
fn finds_two_types_of_one_name() {
    let private = ("src/a.rs", "struct Row; mod inner { type Page = u8; }");
    let other = ("src/b.rs", "pub(crate) trait Row {}\npub enum Page {}");
    let found = doubled(&read(&[private, other]));
    assert_eq!(
        what(&found),
        [
            "Page is the name of a type at src/a.rs:2 as well",
            "Row is the name of a type at src/a.rs:2 as well"
        ]
    );
    assert!(found.iter().all(|violation| violation.file == "src/b.rs"));
    assert_eq!((found[0].line, found[1].line), (3, 2));
}

#[test]
fn a_type_of_a_test_or_a_function_has_its_name_for_itself() {
    let one = ("src/a.rs", "struct Row;");
    let tests = ("src/b.rs", "#[cfg(test)] mod tests { struct Row; } #[cfg(test)] struct Row;");
    let function = ("src/c.rs", "fn f() { struct Row; }");
    let associated = ("src/d.rs", "impl Iterator for Rows { type Row = u8; }");
    assert_eq!(what(&doubled(&read(&[one, tests, function, associated]))), [""; 0]);
}

#[test]
fn finds_what_is_exported_and_not_documented() {
    let source = (
        "src/a.rs",
        "pub fn bare() {}\n\
         /// Says.\n\
         pub struct Said { pub bare: u8, kept: u8 }\n\
         /// Says.\n\
         pub enum Each { Bare, #[error(\"says\")] Said { field: u8 } }\n\
         impl Said { pub fn method(&self) {} fn own(&self) {} }\n\
         fn private() {} pub(super) fn inner() {} #[cfg(test)] pub fn in_a_test() {}",
    );
    let found = undocumented(&sources(&[source]), &read(&[source]));
    let bare = ["bare", "bare", "Bare", "method"];
    assert_eq!(what(&found), bare.map(|name| format!("{name} is exported and not documented")));
}
