//! Holds the page on NDJSON to the records: each type has a section, and each field a place in it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::json::write_line;
use super::ndjson::{
    AssetRecord, DeliveryRecord, ForwardRecord, GapRecord, LinkRecord, NameRecord, Ready,
    RefusalRecord, Summary, VersionRecord, WarningRecord,
};
use super::samples::{asset, at, body, delivery, forward, refusal};
use crate::callback::{
    BodySample, EarlierBody, Gap, Headers, NotedGap, RefusalEntry, State, Verdict,
};
use crate::status::{Counts, Link};
use crate::timeline::{AssetExpectation, Expectation, Notes};

const PAGE: &str = include_str!("../docs/ndjson.md");

/// Returns what the page says of a type.
fn section(name: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n## {name}\n")).expect("a section of this type");
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Checks that the section of a record's type names every field, also those within fields.
fn check(record: &impl Serialize) {
    let mut line = Vec::new();
    write_line(&mut line, record).unwrap();
    let record: Value = serde_json::from_slice(&line).unwrap();
    let section = section(record["type"].as_str().expect("a type"));
    let mut values = vec![("", &record)];
    while let Some((within, value)) = values.pop() {
        match value {
            // Its keys are states.
            Value::Object(_) if within == "versions" => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    let is_everywhere = within.is_empty() && matches!(name.as_str(), "v" | "type");
                    let found = is_everywhere || section.contains(&format!("`{name}`"));
                    assert!(found, "{within} {name} is not in the section: {section}");
                    values.push((name, value));
                }
            }
            Value::Array(list) => values.extend(list.iter().map(|value| (within, value))),
            _ => {}
        }
    }
}

#[test]
fn every_field_has_its_place() {
    let address = "127.0.0.1:3829".parse().unwrap();
    check(&Ready::new(&[address, address], None, "memory".to_owned()));
    check(&Ready::read_only("journal.db".to_owned()));
    let odd = || Headers::from_raw([("x-name", b"\xe9".as_slice())]);
    let mut delivery = delivery(&body("version_ready"));
    delivery.request.headers = odd();
    check(&DeliveryRecord::new(&delivery, None));
    delivery.verdict = Verdict::Invalid { why: String::new() };
    check(&DeliveryRecord::new(&delivery, None));
    let mut refused = refusal();
    refused.headers = odd();
    refused.body = BodySample::of(br#"{"event":"asset_failed","asset_id":"ast_9f3c81"}"#);
    let mut listed = RefusalEntry::new(3, refused.clone());
    listed.earlier.push(EarlierBody::new(at(0), String::new(), refused.body));
    check(&RefusalRecord::new(&listed, None).with_bodies(&listed));
    check(&LinkRecord::new(at(0), &Link::new("relay.example".to_owned())));
    let gap = Gap {
        at: at(3),
        inbox: String::new(),
        epoch: 255,
        from: 7,
        to: 18,
        count: 12,
        reason: "age".to_owned(),
    };
    check(&GapRecord::new(&NotedGap { id: 1, gap }));
    check(&ForwardRecord::new(&forward()));
    check(&WarningRecord::new(at(0), ""));
    check(&Summary::new(&Counts::default()));
    let row = asset(&[(0, "ver_01", Some(State::Ready)), (1, "ver_01", Some(State::Generating))]);
    check(&AssetRecord::new(&row, None));
    let setting = Arc::new(Expectation::parse("es-ES,fr-FR").unwrap());
    let expected = AssetExpectation::of(&row, &Notes::default(), Some(&setting));
    check(&AssetRecord::new(&row, None).expecting(expected.as_ref()));
    let limit = jiff::SignedDuration::from_hours(3);
    check(&VersionRecord::new(&row.asset_id, None, &row.versions[0], at(9), limit));
    check(&NameRecord::new("ast_1", "Trailer S2"));
}
