//! The recipe of the documentation: a message to a Slack incoming webhook for each failure.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use rustix::process::Signal;
use serde_json::Value;

use super::{accept, event};
use crate::common::{LIMIT, Site, Watch};

/// Whether the programs are there that the recipe needs.
fn can_run() -> bool {
    ["curl", "jq"].iter().all(|program| {
        let mut command = Command::new(program);
        command.arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    })
}

/// A webhook that answers as Slack does; the first lines of requests, and their bodies.
fn webhook() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/T0/B0/s3cret", listener.local_addr().unwrap());
    let (sender, posted) = sync_channel(16);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(found) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = found.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            stream.get_mut().write_all(answer).unwrap();
            let _ = sender.send((first, serde_json::from_slice(&body).unwrap()));
        }
    });
    (url, posted)
}

#[test]
fn failures_are_posted_to_slack() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let (url, posted) = webhook();
    fs::write(site.dir.path().join("webhook"), format!("{url}\n")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/slack.sh");
    let exec = format!("'{script}' '{}'", site.dir.path().join("webhook").display());
    let mut command =
        site.command(&["--public-key", "sender.pem", "--on", "failed", "--exec", &exec]);
    command.env("PATH", std::env::var("PATH").unwrap());
    let watch = Watch::new(command.spawn().unwrap());
    accept(&site, &watch, &event("version_ready", "ast_1", "ver_1"));
    accept(&site, &watch, &event("version_generate_failed", "<!channel> \"ast\"", "ver_$(id)"));
    let (first, message) = posted.recv_timeout(LIMIT).expect("a message");
    assert_eq!(first, "POST /services/T0/B0/s3cret HTTP/1.1\r\n");
    assert_eq!(
        message,
        serde_json::json!({
            "text": "failed  &lt;!channel&gt; \"ast\"  es-ES  version_generate_failed  ver_$(id)",
        })
    );
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143));
    assert!(!ended.err.contains("--exec"), "{}", ended.err);
    let log = fs::read_to_string(site.dir.path().join("state/dubwatch/dubwatch.log")).unwrap();
    assert!(!log.contains("s3cret"), "{log}");
}
