//! A bad start with a relay is one sentence: what, where, what to do; never the token.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::common::Site;

fn fails(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
    said
}

#[test]
fn settings_that_cannot_be_used_are_said() {
    let site = Site::new();
    let token = site.dir.path().join("share/dubwatch/relay.token");
    fs::create_dir_all(token.parent().unwrap()).unwrap();
    let with = |arguments: &[&str]| {
        let mut command = site.bare();
        command.args(["--ephemeral", "--listen", "127.0.0.1:0"]).args(arguments);
        command
    };
    let said = fails(&mut with(&["--no-listen"]));
    assert!(said.contains("--no-listen without --relay"), "{said}");
    let said = fails(&mut with(&["--relay", "wss://relay.example"]));
    assert!(said.contains("no token") && said.contains("relay.token"), "{said}");
    let secret = |command: &mut Command| fails(command.env("DUBWATCH_RELAY_TOKEN", "dwr_s3cret"));
    let said = secret(&mut with(&["--relay", "ws://relay.example"]));
    assert!(said.contains("--relay-insecure"), "{said}");
    let said = secret(&mut with(&["--relay", "wss://relay.example", "--cacert", "nowhere.pem"]));
    assert!(said.contains("nowhere.pem") && said.contains("--cacert"), "{said}");
    for (variable, proxy, words) in [
        ("HTTPS_PROXY", "https://me:s3cret@proxy", "https://"),
        ("https_proxy", "http://me:s3cret@proxy:port", "no URL"),
        ("ALL_PROXY", "socks4://me:s3cret@proxy", "SOCKS 4"),
        ("all_proxy", "ftp://me:s3cret@proxy", "no URL"),
    ] {
        let mut command = with(&["--relay", "wss://relay.example"]);
        let said = secret(command.env(variable, proxy));
        assert!(said.contains(variable) && said.contains(words), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let said =
        fails(with(&["--relay", "wss://relay.example"]).env("DUBWATCH_RELAY_TOKEN", "dwr s3cret"));
    assert!(said.contains("DUBWATCH_RELAY_TOKEN") && !said.contains("s3cret"), "{said}");
    fs::write(&token, "dwr_s3cret\n").unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o640)).unwrap();
    let said = fails(&mut with(&["--relay", "wss://relay.example"]));
    assert!(said.contains("relay.token") && said.contains("chmod 600"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}
