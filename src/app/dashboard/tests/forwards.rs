//! What became of forwarding, as the dashboard gets it.

use std::time::Duration;

use super::*;
use crate::forward::{ForwardAnswer, ForwardAttempt, ForwardBatch, ForwardMark};

async fn answer(journal: &Journal, seq: u64, status: u16) {
    let target: Arc<str> = "http://localhost:3000/".into();
    let ended = ForwardAttempt {
        seq,
        target: Arc::clone(&target),
        attempt: 1,
        at: at(9),
        is_last: true,
        answer: ForwardAnswer {
            status: Some(status),
            took: Duration::from_millis(1),
            ..ForwardAnswer::default()
        },
    };
    let batch = ForwardBatch {
        target,
        place: seq,
        begun: Vec::new(),
        withdrawn: Vec::new(),
        ended: vec![ended],
    };
    journal.forward(Arc::new(batch)).unwrap().receipt().await.unwrap();
}

async fn marks(harness: &mut BackendHarness) -> Vec<ForwardMark> {
    loop {
        if let BackendEvent::Forwards(marks) = harness.next().await {
            return marks;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_with_old_rows_and_as_they_are_kept() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    answer(&journal, 1, 200).await;
    let mut harness = BackendHarness::read_only(&path, journal, key);
    let mark = |seq, status, is_accepted| ForwardMark { seq, status: Some(status), is_accepted };
    harness.ask(Request::OfAsset("a".to_owned())).await;
    assert_eq!(marks(&mut harness).await, [mark(1, 200, true)]);

    append(&harness.journal, &harness.key, "b", 2).await;
    answer(&harness.journal, 2, 500).await;
    assert_eq!(marks(&mut harness).await, [mark(2, 500, false)]);
    harness.ask(Request::Detail(Target::Delivery(2))).await;
    let detail = loop {
        if let BackendEvent::Detail(_, detail) = harness.next().await {
            break detail.unwrap();
        }
    };
    assert_eq!(detail.forwards.len(), 1);
    assert_eq!(detail.forwards[0].answer.status, Some(500));
}
