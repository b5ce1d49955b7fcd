//! `dubwatch api` against a small service: what is asked, what is printed, and that the key is never
//! shown, whatever comes back.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dubwatch::internals::api::{
    ApiAddress, ApiClient, ApiError, ApiKey, ApiKeyPlace, ApiSettings, ReadStatus,
};
use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::outbound::Outbound;
use serde_json::{Value, json};

use crate::cli_support::{Home, Ran};

const KEY: &str = "panjaya-s3cret-key";
/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A service that answers every request by its path, and closes the connection.
struct Service {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn new(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if let Some(head) = head(&stream) {
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    seen.lock().unwrap().push(head);
                    // A client that has read enough closes the connection.
                    let _ = (&stream).write_all(&answer(&path));
                }
            }
        });
        Self { address, heads }
    }

    /// A service that gives everybody the same answer.
    fn same(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |_| answer.clone())
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn paths(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// Runs `dubwatch api` with these words and the key.
    #[track_caller]
    fn ask(&self, words: &[&str]) -> Ran {
        let home = Home::new();
        let url = self.url();
        let mut command = home.command(["api"].iter().chain(words).chain(&["--api-url", &url]));
        let ran = home.ran(command.env("PANJAYA_API_KEY", KEY));
        assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
        assert!(self.heads().iter().all(|head| head.starts_with("GET ")), "nothing but GET");
        ran
    }
}

/// Reads the head of a request.
fn head(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut head, mut input) = (String::new(), BufReader::new(stream));
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(head)
}

/// An answer with further lines in its head.
fn answer(status: &str, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{lines}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn ok(value: &Value) -> Vec<u8> {
    answer("200 OK", "content-type: application/json\r\n", value.to_string())
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_answer_is_printed_without_what_grants_access() {
    let service = Service::same(ok(&json!({
        "id": "ver/1",
        "status": "Completed",
        "studio_url": "https://studio.example/v/1",
        "result_url": "https://cdn.example/s3cret?X-Amz-Signature=s3cret",
        "media_url": "https://user:s3cret@m.example/a.mp4?sig=s3cret",
        "note": format!("of {KEY}"),
        "odd": "\u{202e}\u{9b}2J",
    })));
    let ran = service.ask(&["get-version", "../ver/1?x#y"]);
    assert_eq!(
        ran.done(),
        concat!(
            r#"{"id":"ver/1","media_url":"https://[redacted]@m.example/a.mp4?[redacted]","#,
            r#""note":"of [redacted]","odd":"\u202e\u009b2J","result_url":"[redacted]","#,
            r#""status":"Completed","studio_url":"https://studio.example/v/1"}"#,
            "\n"
        )
    );
    let heads = service.heads();
    let head = heads[0].to_lowercase();
    for line in [
        "get /v1/versions/..%2fver%2f1%3fx%23y http/1.1\r\n",
        "authorization: bearer panjaya-s3cret-key\r\n",
        "accept: application/json\r\n",
        "accept-encoding: identity\r\n",
        "user-agent: dubwatch/",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(heads.len() == 1 && !head.contains("content-length") && !head.contains("transfer"));
    service.ask(&["get-asset", "ast_1"]).done();
    assert_eq!(service.paths()[1], "/v1/assets/ast_1");
}

#[test]
fn the_key_comes_from_the_variable_a_file_or_the_configuration() {
    let service = Service::same(ok(&json!({})));
    let home = Home::new();
    let private = |name: &str, text: &str| {
        let path = home.write(name, text);
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    };
    private("api.key", "of-file\n");
    private("config.toml", "api-key = \"panjaya-of-config\"\n");
    let url = service.url();
    for (words, variable, key) in [
        (&["--api-key-file", "api.key"][..], None, "of-file"),
        (&[], Some("of-variable"), "of-variable"),
        // The stronger source wins: a flag, a variable, the configuration file.
        (&["--api-key-file", "api.key"], Some("of-variable"), "of-file"),
        (&["--config", "config.toml"], None, "of-config"),
        (&["--config", "config.toml"], Some("panjaya-of-variable\n"), "of-variable"),
        (&["--config", "config.toml", "--api-key-file", "api.key"], None, "of-file"),
    ] {
        let mut command = home.command(["api", "get-asset", "a", "--api-url", &url]);
        home.ran(command.args(words).envs(variable.map(|key| ("PANJAYA_API_KEY", key)))).done();
        let expected = format!("authorization: Bearer panjaya-{key}\r\n");
        assert!(service.heads().last().unwrap().contains(&expected), "{words:?} {variable:?}");
    }
}

#[test]
fn a_list_is_followed_on_its_own_host_to_its_end_or_the_limit() {
    let asset = |id: &str| json!({"id": id, "media_url": "https://m.example/a?sig=s3cret"});
    let pages = move |path: &str| match path {
        "/v1/assets/" => ok(&json!({
            "assets": [asset("a1"), asset("a2")],
            "next": "https://evil.example/steal?cursor=two",
        })),
        "/v1/assets/?cursor=two" => ok(&json!({"assets": [asset("a2"), 7], "next": "three"})),
        "/v1/assets/?cursor=three" => ok(&json!({"assets": [asset("a3")], "next": null})),
        _ => answer("404 Not Found", "", ""),
    };
    let service = Service::new(pages);
    let ran = service.ask(&["list"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.err,
        "dubwatch: an asset cannot be read: it is a number where an asset was expected\n"
    );
    let ids: Vec<_> = lines(&ran).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, [json!("a1"), json!("a2"), json!("a2"), Value::Null, json!("a3")]);
    assert_eq!(service.paths().len(), 3);

    let service = Service::new(pages);
    let ran = service.ask(&["list", "--limit", "1"]);
    assert_eq!((ran.code, lines(&ran).len()), (Some(0), 1));
    assert!(ran.err.contains("stopped after 1 asset, and there are more"), "{ran:?}");
    assert_eq!(service.paths(), ["/v1/assets/"]);
}

#[test]
fn a_list_that_repeats_itself_ends_with_a_caution() {
    let service = Service::same(ok(&json!({"data": [{"id": "a"}], "has_more": true})));
    let ran = service.ask(&["list"]);
    assert_eq!((ran.code, lines(&ran).len()), (Some(0), 2), "{ran:?}");
    assert!(ran.err.contains("a page of the list repeats the one before"), "{ran:?}");
    assert_eq!(service.paths(), ["/v1/assets/", "/v1/assets/?page=2"]);
}

#[test]
fn an_answer_that_is_no_list_is_printed_all_the_same() {
    let ran = Service::same(ok(&json!({"hello": "there"}))).ask(&["list"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "{\"hello\":\"there\"}\n"));
    assert!(ran.err.contains("an object without one where a list of assets was expected"));
}

/// One sentence for each way in which the service does not answer, without the key that it may repeat.
#[test]
fn every_refusal_is_one_sentence() {
    let detail = json!({"detail": format!("no {KEY}\u{1b}[2J at https://h/?sig=s3cret")});
    let chunks = format!("100000\r\n{}\r\n", " ".repeat(1 << 20)).repeat(9);
    let deep = "[".repeat(10_000);
    let json = "content-type: application/json\r\n";
    let detail = detail.to_string();
    for (answer, words) in [
        (
            answer("401 No", json, &detail),
            "does not accept the API key from PANJAYA_API_KEY (401, no [redacted]\\u{1b}[2J at https://h/?[redacted]): it is wrong, expired",
        ),
        (
            answer("403 No", json, r#"{"detail": "account limitations"}"#),
            "refuses version v (403, account limitations)",
        ),
        (answer("404 No", "", "<h1>"), "does not know version v (404)"),
        (
            answer("400 No", json, r#"{"detail": [{"msg": "bad id"}]}"#),
            "refuses to answer about version v (400, bad id)",
        ),
        (
            answer("429 No", "retry-after: 7\r\n", ""),
            "cannot answer now (429); it asks to wait 7 s",
        ),
        (
            answer("503 No", "retry-after: 86400\r\n", ""),
            "cannot answer now (503); it asks to wait 3600 s",
        ),
        (answer("500 No", "", ""), "cannot answer now (500)"),
        (answer("204 No", "", ""), "its status is 204 in place of 200"),
        (answer("200 OK", "", ""), "it is empty"),
        (
            answer("200 OK", "content-type: text/html\r\n", "<!doctype html>"),
            "it is HTML, not JSON",
        ),
        (answer("200 OK", json, "{\"id\": "), "it is not JSON that can be read"),
        (answer("200 OK", json, &deep), "it is not JSON that can be read (recursion limit"),
        (answer("200 OK", "content-encoding: gzip\r\n", "\x1f"), "it is compressed (gzip)"),
        (answer("200 OK", json, format!("[{}1]", "1,".repeat(300_000))), "it has too many values"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 41943040\r\n\r\n{".into(), "longer than 8 MiB"),
        (
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into(),
            "longer than 8 MiB",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".into(),
            "closed the connection before the end",
        ),
        (b"".into(), "closed the connection before the end"),
        (b"SSH-2.0-OpenSSH_9\r\n".into(), "no answer from 127.0.0.1"),
        (b"\x15\x03\x03\x00\x02\x02\x16".into(), "speaks TLS: use https:// in --api-url"),
        (
            answer("302 Go", "location: https://user:s3cret@evil.example/?token=s3cret\r\n", ""),
            "sends us to https://evil.example (302), where the API key must not go",
        ),
        (answer("307 Go", "location: //evil.example/\r\n", ""), "where the API key must not go"),
        (answer("307 Go", "", ""), "where the API key must not go"),
        (
            answer("307 Go", "location: /v1/round\r\n", ""),
            "sends us in a circle when asked for version v",
        ),
    ] {
        let service = Service::same(answer);
        let ran = service.ask(&["get-version", "v"]);
        let said = ran.complaint(1);
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(said.matches('\n').count(), 1, "{said}");
        assert!(service.heads().len() <= 4, "{words}");
    }
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let service = Service::new(|path| match path {
        "/v1/assets/a" => answer("307 Go", "location: /v1/assets/a/\r\n", ""),
        _ => ok(&json!({"id": "a"})),
    });
    assert_eq!(service.ask(&["get-asset", "a"]).done(), "{\"id\":\"a\"}\n");
    assert_eq!(service.paths(), ["/v1/assets/a", "/v1/assets/a/"]);
}

#[test]
fn nothing_is_asked_without_a_key_and_a_host_that_can_be_trusted_with_it() {
    let service = Service::same(ok(&json!({})));
    let home = Home::new();
    home.write("open.key", KEY);
    std::fs::set_permissions(home.path("open.key"), Permissions::from_mode(0o644)).unwrap();
    home.write("open.toml", format!("api-key = \"{KEY}\"\n"));
    std::fs::set_permissions(home.path("open.toml"), Permissions::from_mode(0o644)).unwrap();
    home.write("broken.toml", format!("api-key = \"{KEY}\n"));
    home.write("query.toml", "api-url = \"https://h/?key=s3cret\"\n");
    let own = service.url();
    let asked = |words: &[&str], key: Option<&str>| {
        let mut command = home.command(["api", "get-version"]);
        let ran = home.ran(command.args(words).envs(key.map(|key| ("PANJAYA_API_KEY", key))));
        let said = ran.complaint(2).to_owned();
        assert!(!said.contains("s3cret"), "{said}");
        said
    };
    let (key, url) = (Some(KEY), own.as_str());
    for (words, key, expected) in [
        (&["v", "--api-url", url][..], None, "there is no API key: set PANJAYA_API_KEY"),
        (&["v", "--api-url", url], Some("two s3cret words"), "PANJAYA_API_KEY holds no API key"),
        (&["v", "--api-url", url, "--api-key-file", "open.key"], None, "mode 644"),
        (&["v", "--api-url", url, "--api-key-file", "none.key"], None, "there is no file"),
        (&["v", "--api-url", url, "--config", "open.toml"], None, "others can read api-key in"),
        (&["v", "--api-url", url, "--config", "broken.toml"], None, "(not shown)"),
        (&["v", "--api-url", "http://192.0.2.1"], key, "send the API key in the clear"),
        (&["v", "--api-url", "https://user:s3cret@h"], key, "must hold no user name"),
        (&["v", "--api-url", "https://h/?key=s3cret"], key, "must hold no user name"),
        (&["v", "--api-url", url, "--config", "query.toml"], key, "api-url = (not shown)"),
        (&["v", "--api-url", "ftp://h"], key, "is no https URL"),
        (&["", "--api-url", url], key, "an id has 1 to 512 bytes"),
        (&["..", "--api-url", url], key, "an id has 1 to 512 bytes"),
    ] {
        let said = asked(words, key);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(service.heads(), Vec::<String>::new());
    // The other protocol.
    let https = own.replace("http://", "https://");
    let mut command = home.command(["api", "list", "--api-url", &https]);
    let ran = home.ran(command.env("PANJAYA_API_KEY", KEY));
    assert!(ran.complaint(1).contains("TLS"), "{ran:?}");
}

#[test]
fn no_command_shows_the_key() {
    let home = Home::new();
    let mut command = home.command(["config", "show"]);
    let ran = home.ran(command.env("PANJAYA_API_KEY", KEY));
    assert!(ran.done().contains("# api-key is set, and is not shown"), "{ran:?}");
    assert!(!ran.out.contains("s3cret"));
    let mut command = home.command(["config", "show", "--json"]);
    assert!(!home.ran(command.env("PANJAYA_API_KEY", KEY)).done().contains("s3cret"));
    // Those that do not use it do not look at it.
    let mut command = home.command(["config", "show", "--ephemeral", "--db", "x"]);
    let ran = home.ran(command.env("PANJAYA_API_KEY", KEY));
    assert!(!ran.complaint(2).contains("s3cret"));
}

#[test]
fn a_watch_with_a_key_that_cannot_be_used_does_not_start() {
    let home = Home::new();
    let watch = |words: &[&str], key: &str| {
        let mut command = home.command(["watch", "--json", "--listen", "0"]);
        home.ran(command.args(words).env("PANJAYA_API_KEY", key)).complaint(2).to_owned()
    };
    assert!(watch(&[], "two s3cret words").contains("PANJAYA_API_KEY holds no API key"));
    assert!(watch(&["--api-url", "http://192.0.2.1"], KEY).contains("in the clear"));
    let said = watch(&["--api-url", "https://h.example"], "");
    assert!(said.contains("--api-url does nothing without an API key"), "{said}");
}

/// The typed answers, for what asks without being asked.
#[test]
fn an_answer_about_another_thing_is_not_used() {
    let service = Service::new(|path| match path {
        "/v1/versions/v1" => ok(&json!({"version": {"id": "v1", "status": "NotReady"}})),
        "/v1/assets/a1" => ok(&json!({"versions": [{"id": "v1"}]})),
        _ => ok(&json!({"id": "v1", "status": "Completed"})),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let place = ApiKeyPlace::Setting("PANJAYA_API_KEY".into());
        let client = ApiClient::new(ApiSettings {
            address: ApiAddress::new(&service.url()).unwrap(),
            key: ApiKey::new(KEY, place).unwrap(),
            outbound: Outbound::default(),
        });
        let version = client.get_version("v1").await.unwrap();
        assert_eq!(version.status, Some(ReadStatus::Known(VersionStatus::NotReady)));
        let asset = client.get_asset("a1").await.unwrap();
        assert_eq!((asset.asset_id, asset.versions.unwrap().len()), (None, 1));
        for error in
            [client.get_version("v2").await.unwrap_err(), client.get_asset("a2").await.unwrap_err()]
        {
            assert!(matches!(error, ApiError::OtherThing { .. }), "{error}");
            assert!(!error.is_retryable() && error.is_about_the_question());
        }
    });
}
