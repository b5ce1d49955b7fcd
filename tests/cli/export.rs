//! Exports of a journal: a capture, a table and a report, whole, chosen and redacted.

use std::fs;
use std::io::Read as _;

use base64::Engine as _;
use serde_json::Value;

use crate::cli_support::{Home, body, mode, start};

/// What an attacker would like to see in a browser or a spreadsheet.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";
const FORMULA: &str = "=HYPERLINK(\\\"http://evil.example\\\")";

/// Two assets, one of them failed, and what no one should trust.
fn filled() -> Home {
    let home = Home::new();
    home.fill([
        (30, body("version_ready", "ast_1", "ver_1")),
        (29, body("version_generating", "ast_1", "ver_1")),
        (28, body("version_generated", "ast_1", "ver_1")),
        (6, body("version_ready", "ast_2", "ver_2")),
        (5, body("version_generating", "ast_2", "ver_2")),
        (4, body("version_generate_failed", "ast_2", "ver_2")),
        (3, body("version_generating", HOSTILE, "<script>alert(2)</script>")),
        (2, body("version_ready", FORMULA, "\\t=1")),
        (1, "no callback, with ast_9".to_owned()),
    ]);
    home
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_capture_has_every_delivery_byte_for_byte_and_says_where_it_ends() {
    let home = filled();
    let exported = lines(home.run("export --format ndjson").done());
    let logged = lines(home.run("log --json").done());
    assert_eq!(exported[1..=9], logged[..]);
    assert_eq!(
        (&exported[0]["type"], &exported[0]["redacted"]),
        (&"capture".into(), &false.into())
    );
    assert_eq!(
        exported[10],
        serde_json::json!({"v": 1, "type": "end", "deliveries": 9, "refusals": 0, "gaps": 0})
    );
    assert_eq!(exported.len(), 11);
    let chosen = home.run("export --format ndjson --filter asset:ast_2 --since 330m");
    let chosen = lines(&chosen.out);
    assert_eq!(chosen.len(), 4, "{chosen:?}");
    assert_eq!(chosen[0]["filter"], "asset:ast_2 since:330m");
}

#[test]
fn a_capture_is_made_beside_a_running_watch_with_refusals() {
    let home = Home::new();
    let watch = home.watch();
    home.run(&format!("send --to {} --asset ast_1", watch.url)).done();
    watch.line("delivery");
    home.run(&format!("send --to {} --asset ast_1 --tamper body", watch.url));
    watch.line("refusal");
    let ran = home.run("export --format ndjson --to out.ndjson");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(
        ran.err.starts_with("dubwatch: wrote 1 delivery, 1 kind of refusal and 0 gaps, "),
        "{}",
        ran.err
    );
    assert_eq!(mode(&home.path("out.ndjson")), 0o600);
    let exported = lines(&fs::read_to_string(home.path("out.ndjson")).unwrap());
    let kinds: Vec<_> = exported.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["capture", "delivery", "refusal", "end"]);
    assert!(exported[2]["earlier"].is_array(), "with the bodies before the last one");
    assert_eq!(watch.stop(), Some(143));
}

#[test]
fn no_cell_of_the_table_is_a_formula() {
    let home = filled();
    let csv = home.run("export --format csv");
    let rows: Vec<&str> = csv.done().split("\r\n").collect();
    assert!(rows[0].starts_with("kind,number,time,"), "{rows:?}");
    assert_eq!(rows.len(), 11, "{rows:?}");
    assert!(rows[1].contains(
        ",direct,192.0.2.7:4711,valid,panjaya,version_ready,ast_1,,ver_1,es-ES,applied,1,,"
    ));
    assert!(
        rows[8].contains(r#","'=HYPERLINK(""http://evil.example"")",,\u{9}=1,"#),
        "{}",
        rows[8]
    );
    for row in &rows {
        assert!(!row.chars().any(char::is_control), "{row:?}");
        for piece in row.split([',', ';', '"']) {
            assert!(!piece.trim_start().starts_with(['=', '+', '-', '@']), "{row}");
        }
    }
}

#[test]
fn a_report_is_one_file_in_which_nothing_from_outside_is_markup() {
    let home = filled();
    let ran = home.run("export --format html --utc");
    let html = ran.done();
    assert!(html.starts_with("<!DOCTYPE html>\n"), "{html}");
    for shown in [
        "<b class=\"total\">4</b>assets",
        "<b class=\"generated\">1</b>✓ done",
        "<b class=\"failed\">1</b>✗ failed",
        "generating failed, after 1h",
        "<td>generating</td><td class=\"n\">2</td><td class=\"n\">1h</td>",
        "&lt;img src=x onerror=alert(1)&gt;",
        "&lt;script&gt;alert(2)&lt;/script&gt;",
        "default-src 'none'; style-src 'sha256-",
        "Times are UTC.",
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    // Every element is one that the program writes, without an attribute that acts.
    for tag in html.split('<').skip(1) {
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap();
        let known = [
            "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p",
            "ul", "li", "b", "table", "tr", "th", "td", "code", "section", "span", "svg", "rect",
        ];
        assert!(known.contains(&name), "<{tag}");
        let attributes = tag.split('>').next().unwrap();
        assert!(![" on", "src=", "href="].iter().any(|word| attributes.contains(word)), "<{tag}");
    }
    // The newest comes first.
    let place = |text: &str| html.find(&format!("<h3>{text}")).unwrap();
    assert!(place("ast_2") < place("ast_1"));
    let failed = home.run("export --format html --filter failed");
    assert!(failed.done().contains("Only what fits: failed") && !failed.out.contains("ast_1"));
}

#[test]
fn a_redacted_export_holds_no_id_name_peer_or_header() {
    let home = filled();
    home.write("names.csv", "ast_1,Secret film\nast_2,Other film\n");
    home.run("names import names.csv").done();
    for format in ["ndjson", "csv", "html"] {
        let ran = home.run(&format!("export --redact --format {format}"));
        assert_eq!(ran.code, Some(0));
        assert!(
            ran.err.contains("nothing in it can be verified against signatures"),
            "{}",
            ran.err
        );
        for trace in ["ast_", "ver_", "film", "192.0.2", "3045", "evil", "onerror", "/callback"] {
            assert!(!ran.out.contains(trace), "{format}: {trace}: {}", ran.out);
        }
        let aliases = ran.out.matches("ast-").count();
        assert!(aliases > 0 || format == "html" && ran.out.contains("Redacted"), "{}", ran.out);
        assert!(ran.out.contains("es-ES"), "{format}");
    }
    for format in ["ndjson", "html"] {
        let ran = home.run(&format!("export --redact --format {format} --filter asset:ast_2"));
        assert!(!ran.out.contains("ast_2") && ran.out.contains("not shown"), "{}", ran.out);
    }
    let records = lines(&home.run("export --redact --format ndjson").out);
    assert_eq!(records[0]["redacted"], true);
    assert_eq!(records[1]["asset_id"], records[2]["asset_id"]);
    assert_ne!(records[1]["asset_id"], records[4]["asset_id"]);
    for record in &records[1..9] {
        let body = base64::engine::general_purpose::STANDARD;
        let body = body.decode(record["body_b64"].as_str().unwrap()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["asset_id"], record["asset_id"]);
    }
}

#[test]
fn an_export_that_cannot_be_made_leaves_nothing() {
    let home = filled();
    home.write("mine.csv", "mine");
    let ran = home.run("export --format csv --to mine.csv");
    assert_eq!(
        ran.complaint(2),
        "dubwatch: mine.csv exists already and was left as it is; name another file, or add --overwrite\n"
    );
    assert_eq!(fs::read(home.path("mine.csv")).unwrap(), b"mine");
    assert_eq!(home.run("export --format csv --to mine.csv --overwrite").code, Some(0));
    assert!(fs::read(home.path("mine.csv")).unwrap().starts_with(b"kind,"));
    for (line, code, why) in [
        ("--format csv --to no/such/file", 1, "cannot write no/such/file: "),
        ("--format csv --to . --overwrite", 1, "it is no file"),
        ("--format csv --filter vrsion:9", 2, "vrsion"),
        ("--format csv --filter overdue", 2, "--format html has versions"),
        ("--format html --filter valid", 2, "--format ndjson and csv have deliveries"),
        ("--format csv --db none.db", 1, "there is no journal"),
    ] {
        let ran = home.run(&format!("export {line}"));
        assert!(ran.complaint(code).contains(why), "{line}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{line}: {}", ran.err);
    }
    for line in ["export", "export --format pdf", "export --format csv --overwrite"] {
        assert_eq!(home.run(line).code, Some(2), "{line}");
    }
    let parts = fs::read_dir(home.path("")).unwrap();
    let parts = parts
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_closed_pipe_ends_an_export_with_0() {
    let home = Home::new();
    home.fill((0..500).map(|n| (1, body("version_ready", &format!("ast_{n}"), "ver_1"))));
    for format in ["ndjson", "csv", "html"] {
        let mut child = start(&mut home.command(["export", "--format", format]));
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ran = home.ended(child);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{format}");
    }
}

/// Writes the report that `.ci/report.py` looks at in a browser.
#[test]
#[ignore = "writes the file that DUBWATCH_WRITE_REPORT names, for a browser"]
fn a_report_for_a_browser() {
    let file = std::env::var("DUBWATCH_WRITE_REPORT").unwrap();
    let home = filled();
    let locales = ["de-DE", "fr-FR", "it-IT", "ja-JP", "ko-KR", "pt-BR"];
    let mut deliveries = Vec::new();
    for (place, asset) in ["ast_9f3c81", "ast_51d0e7", "ast_77aa02"].iter().enumerate() {
        for (version, locale) in locales.iter().enumerate() {
            let body = |event| {
                body(event, asset, &format!("ver_{place}{version}")).replace("es-ES", locale)
            };
            let begun = 60 + i64::try_from(10 * place + 3 * version).unwrap();
            deliveries.push((begun, body("version_ready")));
            deliveries.push((begun - 20, body("version_generating")));
            let last = match (place + version) % 5 {
                0 => continue,
                1 => "version_generate_failed",
                _ => "version_generated",
            };
            deliveries.push((begun - 22 - i64::try_from(version).unwrap(), body(last)));
        }
    }
    home.fill(deliveries);
    home.write("names.csv", "ast_9f3c81,Trailer S2\nast_51d0e7,Interview: Öl & Wasser\n");
    home.run("names import names.csv").done();
    let ran = home.run(&format!("export --format html --utc --overwrite --to {file}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
