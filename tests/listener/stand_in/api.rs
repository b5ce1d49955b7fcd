//! The endpoints: keys, fields, pages.

use std::collections::BTreeMap;

use dubwatch::internals::simulate::service::{
    FieldSpelling, NamedBy, PagingStyle, World, WorldAsset,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::Service;

#[test]
fn only_the_key_in_its_header_lets_a_request_in() {
    let service = Service::usual();
    for authorization in ["", "Bearer k1", "Bearer panjaya-k2", "panjaya-k1", "Basic panjaya-k1"] {
        let headers = [("authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers };
        service.ask("GET", "/v1/assets/", headers).refuses(401);
    }
    assert_eq!(service.stand_in.key(), "panjaya-k1");
    service.json("/v1/assets/");
    service.faults(|faults| faults.expired_key = true);
    let response = service.get("/v1/assets/");
    response.refuses(401);
    assert!(response.text().contains("expired"));
}

#[test]
fn other_methods_and_paths_are_refused_and_recorded() {
    let service = Service::usual();
    let authorization = service.authorization();
    for method in ["POST", "PATCH", "DELETE", "HEAD"] {
        let response = service.ask(method, "/v1/assets/a1", &[("authorization", &authorization)]);
        assert_eq!((response.status, response.header("allow")), (405, Some("get")), "{method}");
    }
    for path in ["/", "/v1/versions/", "/v1/versions/v2/revise", "/v2/assets/", "/v1/assets/a1/b"] {
        service.get(path).refuses(404);
    }
    let recorded = service.stand_in.requests();
    let methods: Vec<&str> = recorded.iter().map(|request| &*request.method).collect();
    assert_eq!(methods[..5], ["POST", "PATCH", "DELETE", "HEAD", "GET"]);
    assert_eq!(recorded[0].path, "/v1/assets/a1");
    assert!(recorded.is_sorted_by_key(|request| request.at));
    assert!(recorded.iter().all(|request| request.open == 1), "{recorded:?}");
    let statuses: Vec<_> = recorded.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [405, 405, 405, 405, 404, 404, 404, 404, 404].map(Some));
    service.stand_in.forget_requests();
    service.get("/v1/assets/?page=1");
    assert_eq!(service.stand_in.requests()[0].path, "/v1/assets/?page=1");
}

#[test]
fn requests_that_are_open_at_once_are_counted() {
    use dubwatch::internals::simulate::service::FaultyReply;

    let service = Service::usual();
    service.faults(|faults| faults.burst(2, &FaultyReply::Hangs));
    let authorization = service.authorization();
    let mut open = Vec::new();
    for count in 1..=2 {
        open.push(service.send("GET", "/v1/assets/", &[("authorization", &authorization)]));
        // A request is recorded before it takes its reply from the burst, and the next one may
        // overtake it there.
        let taken = || {
            let mut left = 0;
            service.faults(|faults| left = faults.next.len());
            left == 2 - count
        };
        crate::common::until(taken, "a request that hangs");
    }
    service.json("/v1/assets/");
    let counts: Vec<usize> = service.stand_in.requests().iter().map(|asked| asked.open).collect();
    assert_eq!(counts, [1, 2, 3]);
    // Replies that hang end with the stand-in.
    service.stop();
    for stream in open {
        super::Response::read(stream).refuses(503);
    }
}

#[test]
fn versions_have_a_link_only_while_they_are_completed() {
    let service = Service::usual();
    let version = service.json("/v1/versions/v1-done");
    assert_eq!(version["status"], "Completed");
    assert_eq!((&version["asset_id"], &version["version_locale"]), (&json!("a1"), &json!("es-ES")));
    assert!(version["studio_url"].as_str().unwrap().starts_with("https://"));
    let url = version["result_url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/files/v1-done/1.mp4?Expires=", service.stand_in.url())));
    let statuses = [
        ("v1-ready", "ReadyToEdit"),
        ("v1-runs", "Generating"),
        ("v1-not", "NotReady"),
        ("v2", "Failed"),
    ];
    for (id, status) in statuses {
        let version = service.json(&format!("/v1/versions/{id}/"));
        assert_eq!((&version["status"], &version["result_url"]), (&json!(status), &Value::Null));
    }
    service.faults(|faults| faults.no_results = true);
    assert_eq!(service.json("/v1/versions/v1-done")["result_url"], Value::Null);
    service.faults(|faults| {
        faults.no_results = false;
        faults.result_url = Some("http://169.254.169.254/x".to_owned());
        faults.studio_url = Some("javascript:0".to_owned());
    });
    let version = service.json("/v1/versions/v1-done");
    assert_eq!(version["result_url"], "http://169.254.169.254/x");
    assert_eq!(version["studio_url"], "javascript:0");
}

#[test]
fn assets_show_all_versions_and_other_accounts_show_none() {
    let service = Service::usual();
    let asset = service.json("/v1/assets/a1");
    assert_eq!((&asset["name"], &asset["status"]), (&json!("One"), &json!("Processing")));
    let statuses: Vec<&Value> =
        asset["versions"].as_array().unwrap().iter().map(|version| &version["status"]).collect();
    assert_eq!(statuses, ["Completed", "ReadyToEdit", "Generating", "NotReady"]);
    assert_eq!(service.json("/v1/assets/a2")["title"], "Two");
    assert_eq!(service.json("/v1/assets/a%2F3%3Fx")["external_id"], "E-3");
    let listed = service.json("/v1/assets/");
    assert_eq!(listed["count"], 3);
    for path in ["assets/a5", "versions/v5", "assets/none", "versions/none"] {
        service.get(&format!("/v1/{path}")).refuses(404);
    }
    for path in ["assets/a4", "versions/v4"] {
        service.get(&format!("/v1/{path}")).refuses(403);
    }
}

/// Controls, escape sequences, bidi overrides, invisible characters and markup.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\n\u{8}\u{0}\u{202e}\u{2066}\u{200b}\u{feff}e\u{301}<b>&\"'";

/// A world of assets `0` to `24`.
fn many() -> World {
    let mut world = World::default();
    (0..25).for_each(|id: u32| world.add(WorldAsset::new(id.to_string(), NamedBy::MediaUrl)));
    world
}

/// How often each asset is listed, page by page to the end.
fn walk(service: &Service, style: PagingStyle) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut target = "/v1/assets/".to_owned();
    for _ in 0..10 {
        let page = service.json(&target);
        let (assets, next) = match style {
            PagingStyle::NextUrl => {
                let prefix = service.stand_in.url();
                let next = page["next"].as_str().map(|url| url.strip_prefix(&prefix).unwrap());
                (&page["results"], next.map(str::to_owned))
            }
            PagingStyle::Cursor => {
                let cursor = page["next_cursor"].as_str();
                (&page["items"], cursor.map(|cursor| format!("/v1/assets/?cursor={cursor}")))
            }
            PagingStyle::PageCount => {
                let number = page["page"].as_u64().unwrap();
                let is_last = number == page["pages"].as_u64().unwrap();
                (&page["data"], (!is_last).then(|| format!("/v1/assets/?page={}", number + 1)))
            }
            PagingStyle::Array => (&page, None),
        };
        for asset in assets.as_array().unwrap() {
            *found.entry(asset["asset_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        match next {
            Some(next) => target = next,
            None => return found,
        }
    }
    panic!("the list does not end")
}

#[rstest]
fn every_style_of_pages_lists_every_asset_once(
    #[values(
        PagingStyle::NextUrl,
        PagingStyle::Cursor,
        PagingStyle::PageCount,
        PagingStyle::Array
    )]
    style: PagingStyle,
) {
    let service = Service::new(many());
    service.faults(|faults| {
        faults.paging = style;
        faults.page_size = 10;
    });
    let found = walk(&service, style);
    assert_eq!(found.len(), 25);
    assert!(found.values().all(|count| *count == 1));
    let pages = if style == PagingStyle::Array { 1 } else { 3 };
    assert_eq!(service.stand_in.requests().len(), pages);
    if style == PagingStyle::NextUrl {
        service.get("/v1/assets/?page=4").refuses(404);
        service.get("/v1/assets/?page=x").refuses(404);
    }
}

#[test]
fn pages_that_shift_repeat_an_asset_and_miss_another() {
    let service = Service::new(many());
    service.faults(|faults| {
        faults.page_size = 10;
        faults.shifting = true;
    });
    let found = walk(&service, PagingStyle::NextUrl);
    let twice: Vec<&str> =
        found.iter().filter(|(_, count)| **count == 2).map(|(id, _)| &**id).collect();
    // The newest is listed first: 24 to 15 are the first page, and 15 moves to the second.
    assert_eq!(twice, ["15", "6"]);
    assert!(!found.contains_key("0"), "it moved to the first page after that was read");
    service.faults(|faults| {
        faults.shifting = false;
        faults.endless_list = true;
    });
    let last = service.json("/v1/assets/?page=3");
    assert!(last["next"].as_str().unwrap().ends_with("/v1/assets/?page=1"));
}

#[test]
fn fields_are_spelt_left_out_and_added_as_told() {
    let service = Service::usual();
    service.faults(|faults| faults.spelling = FieldSpelling::Short);
    let version = service.json("/v1/versions/v2");
    assert_eq!((&version["id"], &version["asset"]), (&json!("v2"), &json!("a2")));
    let asset = service.json("/v1/assets/a2");
    assert_eq!((&asset["id"], &asset["dubbings"][0]["locale"]), (&json!("a2"), &json!("es-ES")));
    service.faults(|faults| faults.spelling = FieldSpelling::Camel);
    let version = service.json("/v1/versions/v1-done");
    assert_eq!(version["versionId"], "v1-done");
    assert!(version["resultUrl"].is_string() && version.get("result_url").is_none());
    service.faults(|faults| {
        faults.spelling = FieldSpelling::Callback;
        faults.missing = vec!["status", "version_locale"];
        faults.extra = true;
    });
    let asset = service.json("/v1/assets/a2");
    assert!(asset.get("status").is_none() && asset["versions"][0].get("status").is_none());
    assert!(asset["versions"][0].get("version_locale").is_none());
    assert!(asset["x_internal"].is_object() && asset["versions"][0]["x_internal"].is_object());
    service.faults(|faults| faults.hostile = Some(HOSTILE.to_owned()));
    let asset = service.json("/v1/assets/a2");
    for text in [&asset["title"], &asset["asset_id"], &asset["versions"][0]["version_id"]] {
        assert!(text.as_str().unwrap().ends_with(HOSTILE), "{text}");
    }
}
