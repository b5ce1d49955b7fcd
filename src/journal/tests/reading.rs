//! Pages and single rows as a dashboard reads them: none twice, none missing, and no more read from
//! the disk than is returned.

use super::*;
use crate::callback::DeliverySummary;

/// Returns a journal with deliveries of three assets in turn, and of none.
fn filled(count: i64) -> Journal {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    for second in 0..count {
        let body = match second % 5 {
            3 => "not json".to_owned(),
            4 => r#"{"event":"version_flown","asset_id":"a1"}"#.to_owned(),
            asset => event(State::Ready, &format!("a{asset}"), &format!("v{second}")),
        };
        append(&journal, accepted(&body, second, 1));
    }
    journal
}

#[test]
fn summaries_are_deliveries_but_for_headers_and_body() {
    let journal = filled(20);
    let reader = journal.reader().unwrap();
    let all = reader.deliveries_after(0, 100).unwrap();
    assert!(all.iter().all(|d| !d.request.body.is_empty() && d.request.headers.size() > 0));
    let all: Vec<DeliverySummary> = all.into_iter().map(Into::into).collect();
    assert_eq!(reader.summaries_after(0, 100).unwrap(), all);
    assert_eq!(reader.summaries_after(5, 3).unwrap(), all[5..8]);
    let newest_first = |rows: &[DeliverySummary]| rows.iter().rev().cloned().collect::<Vec<_>>();
    assert_eq!(reader.summaries_before(u64::MAX, 100).unwrap(), newest_first(&all));
    assert_eq!(reader.summaries_before(9, 3).unwrap(), newest_first(&all[5..8]));

    let of_one: Vec<DeliverySummary> =
        all.into_iter().filter(|d| d.callback.asset_id.as_deref() == Some("a1")).collect();
    assert_eq!(of_one.len(), 8, "also what we cannot read but for its asset");
    assert_eq!(reader.summaries_of("a1", u64::MAX, 100).unwrap(), newest_first(&of_one));
    let page = reader.summaries_of("a1", of_one[5].seq, 2).unwrap();
    assert_eq!(page, newest_first(&of_one[3..5]));
    assert_eq!(reader.summaries_of("a7", u64::MAX, 100).unwrap(), []);
    for (seq, count, found) in
        [(21, 1, Some(20)), (21, 20, Some(1)), (21, 21, None), (9, 3, Some(6))]
    {
        assert_eq!(reader.seq_before(seq, count).unwrap(), found);
    }
}

#[test]
fn one_delivery_and_one_refusal_are_read_in_full() {
    let journal = filled(5);
    let listed = RefusalEntry::new(3, refusal(0, RefusalKind::Invalid, "no key"));
    journal.list_refusals(vec![listed.clone()]).unwrap().blocking_receipt().unwrap();
    let reader = journal.reader().unwrap();
    let all = reader.deliveries_after(0, 100).unwrap();
    assert_eq!(reader.delivery(4).unwrap().as_ref(), Some(&all[3]));
    assert_eq!(reader.refusal(3).unwrap(), Some(listed));
    for number in [0, 6, u64::MAX] {
        assert_eq!(reader.delivery(number).unwrap(), None);
        assert_eq!(reader.refusal(number).unwrap(), None);
    }
}

#[test]
fn pages_of_assets_go_back_in_time_without_a_double_or_a_gap() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    // Three of them at every moment, so that pages end between assets of the same one.
    for n in 0..30 {
        append(&journal, accepted(&event(State::Ready, &format!("a{n:02}"), "v"), n / 3, 1));
    }
    journal.name("a20".to_owned(), Some("Twenty".to_owned())).unwrap().blocking_receipt().unwrap();
    let reader = journal.reader().unwrap();
    let pages = |since: Timestamp, limit: u32| {
        let (mut place, mut found) = (None, Vec::new());
        loop {
            let page = reader.assets_before(place.as_ref(), since, limit).unwrap();
            assert!(page.len() <= limit as usize);
            let Some((last, _)) = page.last() else { break found };
            place = Some(AssetPlace::of(last));
            found.extend(page);
        }
    };
    let mut expected = states(&reader);
    expected.reverse();
    for limit in [1, 2, 7, 200] {
        let found = pages(Timestamp::MIN, limit);
        let rows: Vec<AssetRow> = found.iter().map(|(row, _)| row.clone()).collect();
        assert_eq!(rows, expected, "in pages of {limit}");
        let named = found.iter().find(|(_, notes)| notes.name.is_some());
        assert_eq!(named.map(|(row, _)| row.asset_id.as_str()), Some("a20"));
        assert_eq!(pages(at(8), limit).len(), 6, "only what was active since");
    }
    let (row, _) = reader.asset("a20").unwrap().unwrap();
    assert!(row.versions.len() == 1 && expected.contains(&row));
}

#[test]
fn a_dashboard_sees_that_another_process_wrote() {
    let dir = tempfile::tempdir().unwrap();
    for place in [Location::Memory, file(&dir)] {
        let journal = Journal::open(&place, None).unwrap();
        let reader = match &place {
            Location::Memory => journal.reader().unwrap(),
            Location::File(path) => JournalReader::open(path).unwrap(),
        };
        let mut before = reader.data_version().unwrap();
        assert_eq!(reader.data_version().unwrap(), before);
        assert_eq!(reader.watermarks().unwrap(), Watermarks::default());
        let mut changed = || {
            let now = reader.data_version().unwrap();
            std::mem::replace(&mut before, now) != now
        };
        append(&journal, accepted(&event(State::Ready, "ast", "ver"), 0, 1));
        assert!(changed(), "after a delivery");
        journal.name("ast".to_owned(), Some("x".to_owned())).unwrap().blocking_receipt().unwrap();
        assert!(changed(), "after a note");
        let listed = RefusalEntry::new(1, refusal(0, RefusalKind::Invalid, "no key"));
        journal.list_refusals(vec![listed]).unwrap().blocking_receipt().unwrap();
        assert!(changed(), "after a refusal");
        assert!(!changed(), "nothing was written");
        let watermarks = Watermarks { head: 1, refusals: 1, ..Watermarks::default() };
        assert_eq!(reader.watermarks().unwrap(), watermarks);
        assert_eq!(reader.watermarks().unwrap(), journal.feed().watermarks());
    }
}

/// The cost of a page depends on its rows, not on the length of the journal.
#[test]
fn no_page_is_found_by_scanning_or_sorting() {
    let dir = tempfile::tempdir().unwrap();
    let (_, connection) = Database::open(&file(&dir), schema::SCHEMA).unwrap();
    for sql in reader::statements() {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            explain.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>().unwrap();
        let found = plan.iter().all(|step| step.starts_with("SEARCH"));
        assert!(found && !plan.is_empty(), "{sql}: {plan:?}");
        if sql.contains("asset_id = ?3") {
            assert!(
                plan[0].contains("INDEX delivery_by_asset (asset_id=? AND rowid<?)"),
                "{plan:?}"
            );
        }
    }
}
