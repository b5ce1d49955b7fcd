//! The journal through its public interface: appended deliveries are stored once and in order, and
//! the stored states are the fold of the deliveries.

mod follow;
mod forwards;
mod notes;
mod reading;
mod relayed;
mod reports;

use proptest::prelude::*;

use super::*;
use crate::callback::{
    BodySample, Callback, DeliveryEffect, EarlierBody, Encoding, Fingerprint, Headers, MAX_BODIES,
    Outcome, Received, Refusal, RefusalKind, Source, State, Verdict,
};
use crate::timeline::{AssetRow, Timeline};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn accepted(body: &str, second: i64, copy: u64) -> Accepted {
    Accepted {
        request: Received {
            received_at: at(second),
            source: Source::Direct,
            peer: "127.0.0.1:5000".to_owned(),
            method: "POST".to_owned(),
            path: "/callback?tenant=1".to_owned(),
            headers: Headers::from_raw([("X-Signature", b"3045".as_slice()), ("Accept", b"*/*")]),
            body: body.as_bytes().to_vec(),
        },
        verdict: Verdict::Valid { key: "dev".into(), encoding: Encoding::Raw },
        callback: Callback::read(body.as_bytes()),
        fingerprint: Fingerprint { signature: copy, copy: u64::MAX - copy },
    }
}

fn event(state: State, asset: &str, version: &str) -> String {
    let name = crate::callback::Event::Version(state).name();
    format!(
        r#"{{"event":"{name}","asset_id":"{asset}","version_id":"{version}","version_locale":"es-ES"}}"#
    )
}

fn append(journal: &Journal, accepted: Accepted) -> u64 {
    journal.append(accepted).unwrap().blocking_receipt().unwrap()
}

fn file(dir: &tempfile::TempDir) -> Location {
    Location::File(dir.path().join("journal.db"))
}

/// Returns all states, to compare them as a whole.
fn states(reader: &JournalReader) -> Vec<AssetRow> {
    let mut rows = Vec::new();
    reader
        .each_asset::<JournalError>(|row, _| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
    rows
}

#[test]
fn a_delivery_is_read_back_as_it_came() {
    for place in [Location::Memory, file(&tempfile::tempdir().unwrap())] {
        let journal = Journal::open(&place, None).unwrap();
        let odd = "{\"event\":\"version_archived\",\"asset_id\":\"a\\u0000\"}\r\n";
        let first = accepted(&event(State::Ready, "ast", "ver"), 0, 1);
        assert_eq!(append(&journal, first.clone()), 1);
        assert_eq!(append(&journal, accepted(odd, 1, 2)), 2);

        let mut feed = journal.feed();
        assert_eq!(feed.watermarks().head, 2, "the feed knows before the receipt is out");
        let rows = journal.reader().unwrap().deliveries_after(0, 10).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].seq, rows[0].outcome.effect), (1, DeliveryEffect::Applied));
        assert_eq!(rows[0].request, first.request);
        assert_eq!(rows[0].verdict, first.verdict);
        assert_eq!(rows[0].callback, first.callback);
        assert_eq!(rows[1].request.body, odd.as_bytes());
        assert_eq!(rows[1].outcome, Outcome::NONE);
        assert_eq!(rows[1].callback.event.as_deref(), Some("version_archived"));
        let before = journal.reader().unwrap().deliveries_before(2, 10).unwrap();
        assert_eq!(before, rows[..1]);
    }
}

#[test]
fn seq_goes_on_after_a_restart_and_after_pruning_everything() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    for second in 0..3 {
        append(&journal, accepted(&event(State::Ready, "ast", "ver"), second, 1));
    }
    journal.close();
    assert!(!dir.path().join("journal.db-wal").exists(), "a clean end leaves no log");
    let pruned = Journal::prune(&dir.path().join("journal.db"), at(100)).unwrap();
    assert_eq!(pruned, PruneCounts { deliveries: 3, assets: 1, refusals: 0 });
    let journal = Journal::open(&file(&dir), None).unwrap();
    assert_eq!(append(&journal, accepted(&event(State::Ready, "ast", "ver"), 9, 1)), 4);
    let rows = journal.reader().unwrap().deliveries_after(0, 10).unwrap();
    assert_eq!(rows[0].outcome.effect, DeliveryEffect::Applied, "its past is forgotten");
}

#[test]
fn pruning_takes_whole_quiet_assets_and_strays_and_leaves_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "quiet", "v"), 0, 1));
    append(&journal, accepted(r#"{"event":"version_archived","asset_id":"quiet"}"#, 1, 2));
    append(&journal, accepted(&event(State::Ready, "busy", "v"), 2, 3));
    append(&journal, accepted("not json", 3, 4));
    append(&journal, accepted(r#"{"event":"version_archived","asset_id":"busy"}"#, 4, 5));
    append(&journal, accepted(&event(State::Generating, "busy", "v"), 200, 6));
    append(&journal, accepted("not json", 201, 7));
    let before = states(&journal.reader().unwrap());
    journal.close();

    let pruned = Journal::prune(&dir.path().join("journal.db"), at(100)).unwrap();
    assert_eq!(pruned, PruneCounts { deliveries: 3, assets: 1, refusals: 0 });
    let reader = JournalReader::open(&dir.path().join("journal.db")).unwrap();
    let left: Vec<u64> = reader.deliveries_after(0, 10).unwrap().iter().map(|d| d.seq).collect();
    assert_eq!(left, [3, 5, 6, 7]);
    let watermarks = reader.watermarks().unwrap();
    assert_eq!((watermarks.head, watermarks.pruned, watermarks.held()), (7, 3, 4));
    assert_eq!(states(&reader), before[1..], "what is left of the states is as it was");
}

#[test]
fn an_asset_of_which_something_unreadable_came_lately_is_not_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "ast", "v"), 0, 1));
    append(&journal, accepted(r#"{"event":"version_flown","asset_id":"ast"}"#, 200, 2));
    journal.close();
    let pruned = Journal::prune(&dir.path().join("journal.db"), at(100)).unwrap();
    assert_eq!(pruned, PruneCounts::default());
}

#[test]
fn pruning_gives_the_room_back_to_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = Journal::open(&file(&dir), None).unwrap();
    let long = format!(r#"{{"event":"asset_failed","asset_id":"a","x":"{}"}}"#, "x".repeat(20_000));
    for second in 0..50 {
        append(&journal, accepted(&long, second, 1));
    }
    journal.close();
    let before = std::fs::metadata(&path).unwrap().len();
    Journal::prune(&path, at(100)).unwrap();
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(before > 1_000_000 && after < 200_000, "{before} bytes, then {after}");
}

#[test]
fn a_page_of_long_bodies_ends_early_and_leaves_none_out() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    let long = "x".repeat(3 << 20);
    for second in 0..7 {
        append(&journal, accepted(&long, second, 1));
    }
    let reader = journal.reader().unwrap();
    let (mut seq, mut pages) = (0, Vec::new());
    loop {
        let page = reader.deliveries_after(seq, 100).unwrap();
        let Some(last) = page.last() else { break };
        seq = last.seq;
        pages.push(page.len());
    }
    assert_eq!(pages, [3, 3, 1]);
}

#[test]
fn a_journal_with_a_limit_prunes_itself() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "old", "v"), 0, 1));
    journal.close();
    let keep = Timestamp::now().duration_since(at(0)) - SignedDuration::from_secs(1);
    let journal = Journal::open(&file(&dir), Some(keep)).unwrap();
    let mut feed = journal.feed();
    let mut newer = accepted(&event(State::Ready, "new", "v"), 0, 1);
    newer.request.received_at = Timestamp::now();
    append(&journal, newer);
    let reader = journal.reader().unwrap();
    let begun = std::time::Instant::now();
    while states(&reader).iter().any(|asset| asset.asset_id == "old") {
        assert!(begun.elapsed().as_secs() < 60, "it was not pruned");
        std::thread::yield_now();
    }
    assert_eq!(states(&reader).len(), 1);
    let watermarks = loop {
        // Announced shortly after the commit.
        let watermarks = feed.watermarks();
        assert!(begun.elapsed().as_secs() < 60, "the feed does not tell of it");
        if watermarks.pruned > 0 {
            break watermarks;
        }
        std::thread::yield_now();
    };
    assert_eq!((watermarks.pruned, watermarks.held()), (1, 1));
    assert_eq!(watermarks, reader.watermarks().unwrap());
}

#[test]
fn states_are_folded_anew_when_the_rules_have_changed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    for (second, state) in
        [State::Ready, State::Generating, State::Generated].into_iter().enumerate()
    {
        append(&journal, accepted(&event(state, "ast", "ver"), second.try_into().unwrap(), 1));
    }
    let kept = shown(&journal.reader().unwrap());
    let rows = journal.reader().unwrap().deliveries_after(0, 10).unwrap();
    journal.close();

    let path = dir.path().join("journal.db");
    let spoil = rusqlite::Connection::open(&path).unwrap();
    spoil
        .execute_batch(
            "UPDATE meta SET value = 0 WHERE key = 'fold_version';
             UPDATE version SET memory = '{}'; DELETE FROM asset;
             UPDATE delivery SET effect = 'late', event = NULL",
        )
        .unwrap();
    spoil.close().unwrap();
    let refused = JournalReader::open(&path).unwrap_err().to_string();
    assert!(refused.contains("states of another version of dubwatch"), "{refused}");

    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(states(&reader).len(), 1);
    assert_eq!(shown(&reader), kept);
    assert_eq!(reader.deliveries_after(0, 10).unwrap(), rows);
}

/// States without the digests of copies: those of the tests are no digests of their headers.
fn shown(reader: &JournalReader) -> Vec<AssetRow> {
    let mut rows = states(reader);
    for row in &mut rows {
        for version in &mut row.versions {
            version.version = version.version.clone().without_fingerprints();
        }
        if let Some(failure) = &mut row.asset.failure {
            failure.fingerprint = Fingerprint::default();
        }
    }
    rows
}

/// Also after a restart, and in a journal of an older version, whose states had no provenance.
#[test]
fn states_keep_the_provenance_of_what_made_them() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let mut tell = {
        let mut second = 0;
        move |journal: &Journal, body: &str, verdict: Verdict| {
            second += 60;
            append(journal, Accepted { verdict, ..accepted(body, second, second.cast_unsigned()) });
        }
    };
    let valid = || Verdict::Valid { key: "dev".into(), encoding: Encoding::Raw };
    let failed = r#"{"event":"asset_failed","asset_id":"ast"}"#;
    for (body, verdict) in [
        (&*event(State::Ready, "ast", "forged"), Verdict::Unchecked),
        (&event(State::Ready, "ast", "proven"), Verdict::Unchecked),
        (&event(State::Ready, "ast", "proven"), valid()),
        (&event(State::Ready, "ast", "sound"), valid()),
        (failed, Verdict::Unchecked),
    ] {
        tell(&journal, body, verdict);
    }
    let unchecked = |journal: &Journal| {
        let row = states(&journal.reader().unwrap()).remove(0);
        let versions = row.versions.iter().filter(|row| row.version.provenance().is_unchecked());
        let mut unchecked: Vec<_> = versions.map(|row| row.version_id.clone()).collect();
        let failure = row.asset.failure.unwrap();
        unchecked.extend(failure.provenance.is_unchecked().then(|| "asset".to_owned()));
        unchecked
    };
    assert_eq!(unchecked(&journal), ["forged", "asset"]);
    journal.close();

    let older = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    older.execute_batch("UPDATE meta SET value = 2 WHERE key = 'fold_version'").unwrap();
    for table in ["version", "asset"] {
        let lose = format!(
            r#"UPDATE {table} SET memory = replace(memory, ',"n":true', '')
               WHERE memory LIKE '%,"n":true%'"#
        );
        assert_eq!(older.execute(&lose, ()).unwrap(), 1, "{table}");
    }
    older.close().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    assert_eq!(unchecked(&journal), ["forged", "asset"]);

    tell(&journal, &event(State::Generating, "ast", "forged"), valid());
    tell(&journal, failed, valid());
    assert_eq!(unchecked(&journal), [""; 0]);
}

/// A journal of an older version of the program: the digests are those of the headers' spelling.
#[test]
fn digests_are_made_anew_with_the_states() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let (r, s) = (format!("{:0>64}", "0a"), format!("{:0>64}", "0b"));
    let n_minus_s = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632546";
    let spellings = [
        format!("{r}{s}"),
        format!("{r}{s}").to_uppercase(),
        format!("{r}{n_minus_s}"),
        "300602010a02010b".to_owned(),
    ];
    let outcome = format!("{:0>64}{s}", "0c");
    for (number, (state, signature)) in
        [(State::Generating, &spellings[0]), (State::Generated, &outcome)]
            .into_iter()
            .chain(spellings.iter().map(|spelling| (State::Generating, spelling)))
            .enumerate()
    {
        let number = u64::try_from(number).unwrap();
        let mut accepted = accepted(&event(state, "ast", "ver"), number.cast_signed(), number);
        accepted.request.headers = Headers::from_raw([("X-Signature", signature.as_bytes())]);
        append(&journal, accepted);
    }
    let effects = |journal: &Journal| -> Vec<DeliveryEffect> {
        let rows = journal.reader().unwrap().deliveries_after(0, 10).unwrap();
        rows.iter().map(|row| row.outcome.effect).collect()
    };
    assert!(effects(&journal).contains(&DeliveryEffect::NewCycle), "the digests differ");
    journal.close();

    let path = dir.path().join("journal.db");
    let older = rusqlite::Connection::open(&path).unwrap();
    older.execute_batch("UPDATE meta SET value = 1 WHERE key = 'fold_version'").unwrap();
    older.close().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let repeats = [DeliveryEffect::Repeat; 4];
    assert_eq!(effects(&journal), [&[DeliveryEffect::Applied; 2][..], &repeats].concat());
    let digests: Vec<Fingerprint> = (3..=6).map(|seq| fingerprint_of(&dir, seq)).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!(states(&journal.reader().unwrap())[0].versions[0].version.repeats(), 4);
}

fn refusal(second: i64, kind: RefusalKind, why: &str) -> Refusal {
    Refusal {
        at: at(second),
        kind,
        status: 401,
        why: why.to_owned(),
        count: 3,
        method: "POST".to_owned(),
        path: "/callback".to_owned(),
        peer: "10.0.0.1:1".to_owned(),
        headers: Headers::default(),
        body: BodySample { bytes: vec![0xff, 0], truncated: true },
    }
}

#[test]
fn refusals_are_listed_changed_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let list = |listed| journal.list_refusals(listed).unwrap().blocking_receipt().unwrap();
    let rare = RefusalEntry::new(1, refusal(0, RefusalKind::TooLarge, "body of 2.1 MB"));
    list(vec![rare.clone()]);
    let reader = journal.reader().unwrap();
    assert_eq!(reader.refusals_after(0, 10).unwrap(), (vec![rare.clone()], 1));

    let flood = |id: u64| {
        RefusalEntry::new(id, refusal(id.try_into().unwrap(), RefusalKind::Invalid, "no key"))
    };
    list((2..=1500).map(flood).collect());
    let (listed, last) = reader.refusals_after(0, 5000).unwrap();
    assert_eq!((listed.len(), last), (MAX_REFUSALS, 1500));
    assert_eq!(listed[0], rare, "a flood does not push out a rare reason");
    assert_eq!(listed[999].id, 1500);

    let again = RefusalEntry::new(1, Refusal { count: 9, ..rare.refusal });
    list(vec![again.clone()]);
    assert_eq!(reader.refusals_after(1500, 10).unwrap(), (vec![again], 1501));
    assert_eq!(journal.feed().watermarks().refusals, 1501);
    assert_eq!(journal.next_refusal_id().unwrap(), 1501);
}

#[test]
fn earlier_bodies_are_kept_bounded_and_go_with_their_entry() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let list = |listed| journal.list_refusals(listed).unwrap().blocking_receipt().unwrap();
    let body = |n: u8, size: usize| {
        EarlierBody::new(at(i64::from(n)), format!("h:{n}"), BodySample::of(&vec![n; size]))
    };
    let reader = journal.reader().unwrap();
    let kept = |id| reader.refusal(id).unwrap().unwrap().earlier;

    // Each write adds the bodies received since the last one, newest first.
    let mut entry = RefusalEntry::new(1, refusal(0, RefusalKind::Invalid, "no key"));
    entry.earlier = vec![body(2, 3), body(1, 3)];
    list(vec![entry.clone()]);
    assert_eq!(kept(1), entry.earlier);
    entry.earlier = (3..=25).rev().map(|n| body(n, 3)).collect();
    list(vec![entry.clone()]);
    assert_eq!(kept(1).len(), MAX_BODIES - 1);
    assert_eq!(kept(1), entry.earlier[..MAX_BODIES - 1]);
    entry.earlier.clear();
    list(vec![entry]);
    assert_eq!(kept(1).len(), MAX_BODIES - 1, "they stay when there is nothing new");
    assert_eq!(reader.refusals_after(0, 10).unwrap().0[0].earlier, kept(1));

    // With many long bodies each entry keeps fewer.
    let many: Vec<RefusalEntry> = (2..=501)
        .map(|id| {
            let mut entry = RefusalEntry::new(id, refusal(0, RefusalKind::Invalid, "no key"));
            entry.earlier = (0..19).map(|n| body(n, 4096)).collect();
            entry
        })
        .collect();
    for page in many.chunks(50) {
        list(page.to_vec());
    }
    let listed = reader.refusals_after(0, 1000).unwrap().0;
    let bytes: usize =
        listed.iter().flat_map(|l| &l.earlier).map(|earlier| earlier.body.bytes.len()).sum();
    assert!(bytes <= 8 << 20, "{bytes}");
    assert!(listed.iter().all(|listed| !listed.earlier.is_empty()));
    assert_eq!(kept(501)[0], body(0, 4096), "the newest are kept");

    journal.close();
    drop(reader);
    Journal::prune(&dir.path().join("journal.db"), at(1)).unwrap();
    let connection = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let left = |table: &str| -> u32 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((left("refusal"), left("refusal_body")), (0, 0));
}

/// One event of a small world, so that sequences meet the same versions again and again.
fn any_event() -> impl Strategy<Value = (usize, usize, usize, i64, u64)> {
    (0..6_usize, 0..3_usize, 0..3_usize, -2000..20_000_i64, 0..4_u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The states kept in each transaction are those of a fold over all rows from scratch, with
    /// restarts anywhere between.
    #[test]
    fn kept_states_equal_a_fold_from_scratch(
        events in prop::collection::vec(
            (any_event(), prop::bool::ANY, prop::bool::weighted(0.1)), 1..60)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&file(&dir), None).unwrap();
        let mut second = 0;
        for ((kind, asset, version, step, copy), checked, restart) in events {
            second += step;
            let body = match State::ALL.get(kind) {
                Some(state) => event(*state, &format!("a{asset}"), &format!("v{version}")),
                None => format!(r#"{{"event":"asset_failed","asset_id":"a{asset}"}}"#),
            };
            let mut accepted = accepted(&body, second, copy);
            if !checked {
                accepted.verdict = Verdict::Unchecked;
            }
            append(&journal, accepted);
            if restart {
                journal.close();
                journal = Journal::open(&file(&dir), None).unwrap();
            }
        }
        let reader = journal.reader().unwrap();
        let mut scratch = Timeline::default();
        for row in reader.deliveries_after(0, u32::MAX).unwrap() {
            let signature = row.request.headers.all("x-signature").count() as u64;
            prop_assert_eq!(signature, 1);
            let fingerprint = fingerprint_of(&dir, row.seq);
            let at = row.request.received_at;
            let provenance = row.verdict.provenance();
            let outcome = scratch.apply(&row.callback, at, fingerprint, provenance);
            prop_assert_eq!(outcome, row.outcome, "at {}", row.seq);
        }
        for row in states(&reader) {
            prop_assert_eq!(scratch.asset(&row.asset_id), Some(&row.asset));
            for version in &row.versions {
                let folded = scratch.version(&row.asset_id, &version.version_id);
                prop_assert_eq!(folded, Some(&version.version));
            }
            prop_assert_eq!(scratch.versions(&row.asset_id).count(), row.versions.len());
        }
    }
}

fn fingerprint_of(dir: &tempfile::TempDir, seq: u64) -> Fingerprint {
    let connection = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    connection
        .query_row(
            "SELECT fingerprint_signature, fingerprint_copy FROM delivery WHERE seq = ?1",
            [rows::signed(seq)],
            |row| {
                let digest = |column| row.get(column).map(rows::unsigned);
                Ok(Fingerprint { signature: digest(0)?, copy: digest(1)? })
            },
        )
        .unwrap()
}
