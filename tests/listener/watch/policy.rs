//! Who is trusted: keys, the development key, and the switch that trusts everybody.

use std::fs;
use std::process::Stdio;

use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::PrivateKey;

use crate::common::{LIMIT, Site, Watch, callback, post};

fn signed_by(key: &PrivateKey, body: &str) -> Vec<u8> {
    let signature = hex::encode(key.sign(body.as_bytes(), Encoding::Der).unwrap());
    post(&[("x-signature", &signature)], body.as_bytes())
}

#[test]
fn signatures_can_be_switched_off_and_that_is_said() {
    let site = Site::new();
    let mut watch = site.watch_with(&["--signature", "off"]);
    let warning = String::from_utf8(watch.err.line(0, LIMIT).unwrap()).unwrap();
    assert!(warning.contains("signatures are NOT checked (--signature off)"), "{warning}");
    let sent = callback(1);
    for headers in
        [&[][..], &[("x-signature", "zz")], &[("x-signature", "a"), ("x-signature", "b")]]
    {
        assert_eq!(watch.ask(post(headers, sent.as_bytes())).status, 200);
        let record = watch.delivery();
        assert_eq!(record["verdict"], "unchecked");
        assert!(record["verdict_detail"].is_null(), "{record}");
    }
}

/// Any page in a browser on this machine can post here, and nothing else tells it from a sender.
#[test]
fn a_web_page_is_refused_where_signatures_are_off_and_nowhere_else() {
    let site = Site::new();
    let mut watch = site.watch_with(&["--signature", "off"]);
    let sent = callback(1);
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = watch.ask(post(&[header], sent.as_bytes()));
        assert_eq!((answer.status, answer.body.as_str()), (403, "not from a web page\n"));
        let record = watch.refusal();
        assert_eq!(record["kind"], "cross_site", "{record}");
        assert!(record["why"].as_str().unwrap().contains("--signature off"), "{record}");
        assert!(record["verdict"].is_null(), "{record}");
    }
    for header in [("sec-fetch-site", "none"), ("referer", "https://x.example")] {
        assert_eq!(watch.ask(post(&[header], sent.as_bytes())).status, 200, "{header:?}");
    }
    watch.stop(rustix::process::Signal::TERM);
    // What is signed is not refused for where it comes from.
    let watch = site.watch();
    let signature = site.signature(sent.as_bytes());
    let headers = [("x-signature", signature.as_str()), ("origin", "https://evil.example")];
    assert_eq!(watch.ask(post(&headers, sent.as_bytes())).status, 200);
}

#[test]
fn every_given_key_is_trusted_under_its_own_name() {
    let site = Site::new();
    let keys: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate().unwrap()).collect();
    let mut arguments = Vec::new();
    for (name, key) in ["one.pem", "two.pem", "dev.pem"].iter().zip(&keys) {
        fs::write(site.dir.path().join(name), key.public_pem()).unwrap();
        arguments.extend(["--public-key", *name]);
    }
    let mut watch = site.watch_with(&arguments);
    // A file called like the development key does not pass for it.
    for (name, key) in ["one", "two", "dev.pem"].iter().zip(&keys) {
        assert_eq!(watch.ask(signed_by(key, &callback(name))).status, 200);
        assert_eq!(watch.delivery()["verdict_detail"]["key"], *name);
    }
    assert_eq!(watch.ask(signed_by(&site.key, &callback(4))).status, 401);
}

#[test]
fn the_development_key_is_trusted_on_loopback_alone() {
    let site = Site::new();
    let mut watch = site.watch_with(&[]);
    let dev = PrivateKey::from_file(&site.db.with_file_name("dev.pem")).unwrap();
    assert_eq!(watch.ask(signed_by(&dev, &callback(1))).status, 200);
    assert_eq!(watch.delivery()["verdict_detail"]["key"], "dev");
    drop(watch);
    for arguments in [&["--no-dev-key"][..], &["--listen", "0.0.0.0:0"]] {
        let mut watch = site.watch_with(arguments);
        assert_eq!(watch.ask(signed_by(&dev, &callback(2))).status, 401, "{arguments:?}");
        assert_eq!(watch.next_of("refusal")["verdict"], "invalid");
    }
    let mut watch = site.watch_with(&["--listen", "0.0.0.0:0", "--public-key", "sender.pem"]);
    assert_eq!(watch.ask(site.signed(callback(3))).status, 200);
    assert_eq!(watch.next_of("delivery")["seq"], 2);
}

#[test]
fn who_is_open_to_the_network_makes_no_development_key() {
    let site = Site::new();
    let watch = site.watch_with(&["--listen", "0.0.0.0:0"]);
    assert!(!site.db.with_file_name("dev.pem").exists());
    drop(watch);
}

#[test]
fn an_ephemeral_journal_is_no_file() {
    let site = Site::new();
    let mut command = site.bare();
    command.args(["--listen", "127.0.0.1:0", "--public-key", "sender.pem", "--ephemeral"]);
    command.arg("--no-dev-key").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = Watch::new(command.spawn().unwrap());
    assert_eq!(watch.ready["journal"], "memory");
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    assert_eq!(watch.delivery()["seq"], 1);
    assert_eq!(site.files(), [""; 0]);
    assert!(!site.dir.path().join("share").exists());
}

#[test]
fn the_development_key_is_trusted_behind_a_tunnel_only_where_that_is_asked_for() {
    let site = Site::new();
    fs::create_dir_all(site.db.parent().unwrap()).unwrap();
    let key = PrivateKey::open_or_create(&site.db.with_file_name("dev.pem")).unwrap();
    let signed = signed_by(&key, &callback(1));
    let url = "https://dubs.example/in";
    for (arguments, status) in [
        (&[][..], 200),
        (&["--public-url", url], 401),
        (&["--public-url", url, "--no-dev-key=false"], 200),
    ] {
        let watch = site.watch_with(arguments);
        assert_eq!(watch.ask(&signed).status, status, "{arguments:?}");
    }
}

/// What `status` writes.
fn status(site: &Site, arguments: &[&str]) -> String {
    let db = site.db.to_str().unwrap();
    let ended = site.bare().args(["status", "--db", db]).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

/// A state that was accepted without a check is one that anybody can have made, also when signatures
/// are checked again.
#[test]
fn status_tells_which_states_were_not_checked() {
    let site = Site::new();
    let watch = site.watch_with(&["--signature", "off"]);
    let asset_failed = r#"{"event":"asset_failed","asset_id":"ast_3","version_id":null}"#;
    for sent in [&callback(1), &callback(2), asset_failed] {
        assert_eq!(watch.ask(post(&[], sent.as_bytes())).status, 200);
    }
    watch.stop(rustix::process::Signal::TERM);

    let watch = site.watch();
    let told = |json: &str| {
        let records = json.lines().map(|line| serde_json::from_str(line).unwrap());
        let told = records.filter_map(|record: serde_json::Value| match &record["version_id"] {
            serde_json::Value::Null => {
                record["failed_unchecked"].as_bool().unwrap().then(|| record["asset_id"].clone())
            }
            version => record["unchecked"].as_bool().unwrap().then(|| version.clone()),
        });
        let mut told: Vec<String> = told.map(|id| id.as_str().unwrap().to_owned()).collect();
        told.sort();
        told
    };
    assert_eq!(told(&status(&site, &["--json"])), ["ast_3", "ver_1", "ver_2"]);
    assert_eq!(
        told(&status(&site, &["--json", "--filter", "unchecked ready"])),
        ["ver_1", "ver_2"]
    );
    for line in status(&site, &[]).lines().skip(1) {
        assert!(line.ends_with("  unchecked"), "{line}");
    }

    // The next step is verified, and so is what a verified callback repeats.
    let next = callback(1).replace("version_ready", "version_generating");
    for sent in [&next, &callback(2), asset_failed] {
        assert_eq!(watch.ask(site.signed(sent)).status, 200);
    }
    let json = status(&site, &["--json"]);
    assert_eq!(told(&json), [""; 0]);
    let version = json.lines().find(|line| line.contains(r#""version_id":"ver_1""#)).unwrap();
    let version: serde_json::Value = serde_json::from_str(version).unwrap();
    let steps = version["steps"].as_array().unwrap();
    let steps: Vec<_> = steps.iter().map(|step| step["unchecked"].as_bool()).collect();
    assert_eq!(steps, [Some(true), Some(false)], "a later step proves no earlier one");
    assert!(!status(&site, &[]).contains("unchecked"));
    assert_eq!(told(&status(&site, &["--json", "--filter", "unchecked"])), [""; 0]);
}
