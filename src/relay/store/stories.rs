//! Random sequences of posts, restarts, absences and restored stores. Readers must get no delivery
//! twice, skip none, and get no false warning of a loss.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::callback::Headers;
use crate::relay::protocol::Resumed;

/// Readers of the inbox: two with names, one without.
const READERS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// This many posts.
    Post(u8),
    /// The relay is restarted.
    Restart,
    /// A reader connects and receives this many items.
    Visit(usize, u8),
    /// The relay is restarted, and its store is copied in between.
    Copy,
    /// The relay is restarted on the newest copy.
    PutBack,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..4_u8).prop_map(Act::Post),
        3 => Just(Act::Restart),
        5 => (0..READERS, 0..6_u8).prop_map(|(reader, most)| Act::Visit(reader, most)),
        1 => Just(Act::Copy),
        1 => Just(Act::PutBack),
    ]
}

/// The state of a reader, by the rules of the protocol page.
#[derive(Default)]
struct Reader {
    place: Option<Resume>,
    /// The highest number by epoch.
    passed: HashMap<Epoch, u64>,
    stored: Vec<String>,
    /// How often the store had been restored when it last connected.
    put_back: u32,
}

impl Reader {
    /// Receives the new items of a page.
    fn take(&mut self, items: Vec<Item>) {
        for item in items {
            let Item::Delivery(delivery) = item else { panic!("nothing was dropped") };
            let cursor = delivery.cursor;
            self.place = Some(Resume { epoch: cursor.epoch, after: cursor.seq });
            let passed = self.passed.entry(cursor.epoch).or_default();
            if cursor.seq > *passed {
                *passed = cursor.seq;
                self.stored.push(String::from_utf8(delivery.body).unwrap());
            }
        }
    }
}

struct World {
    dir: tempfile::TempDir,
    store: Option<Store>,
    inbox: InboxId,
    posted: u32,
    /// The contents of the store.
    there: Vec<String>,
    copy: Option<(Vec<u8>, Vec<String>)>,
    put_back: u32,
    readers: [Reader; READERS],
}

fn open(path: &Path) -> Store {
    Store::open(&Location::File(path.to_owned()), Caps::default()).unwrap()
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("relay.db"));
        let issued = store.create("one".parse().unwrap()).await.unwrap();
        let inbox = store.by_publish_id(&issued.publish_id).unwrap().id;
        Self {
            dir,
            store: Some(store),
            inbox,
            posted: 0,
            there: Vec::new(),
            copy: None,
            put_back: 0,
            readers: std::array::from_fn(|_| Reader::default()),
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Restarts the relay, and changes its file in between.
    fn restart(&mut self, meanwhile: impl FnOnce(&mut Self, &Path)) {
        self.store.take().unwrap().close();
        let path = self.dir.path().join("relay.db");
        meanwhile(self, &path);
        self.store = Some(open(&path));
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Post(count) => {
                for _ in 0..count {
                    self.posted += 1;
                    let body = self.posted.to_string();
                    let arrival = Arrival {
                        received_at: Timestamp::now(),
                        verified: true,
                        method: "POST".to_owned(),
                        tail: String::new(),
                        query: None,
                        headers: Headers::default(),
                        peer: String::new(),
                        body: body.clone().into_bytes(),
                    };
                    self.store().append(self.inbox, arrival).await.unwrap();
                    self.there.push(body);
                }
            }
            Act::Restart => self.restart(|_, _| {}),
            Act::Copy => self.restart(|world, path| {
                world.copy = Some((std::fs::read(path).unwrap(), world.there.clone()));
            }),
            Act::PutBack => self.restart(|world, path| {
                if let Some((copy, there)) = &world.copy {
                    std::fs::write(path, copy).unwrap();
                    world.there.clone_from(there);
                    world.put_back += 1;
                }
            }),
            Act::Visit(reader, most) => self.visit(reader, most.into()).await,
        }
    }

    async fn visit(&mut self, number: usize, most: usize) {
        let name = ["laptop", "desk"].get(number).map(|name| name.parse().unwrap());
        let place = self.readers[number].place;
        let start = self.store().attach(self.inbox, name, place).await.unwrap();
        let items = match most {
            0 => Vec::new(),
            most => self.store().read(self.inbox, start.after, most, 1 << 30).await.unwrap(),
        };
        let reader = &mut self.readers[number];
        match start.resumed {
            Resumed::Start => assert!(place.is_none()),
            Resumed::Continued => assert_eq!(place.unwrap().after, start.after),
            Resumed::RolledBack => {
                assert!(self.put_back > reader.put_back, "a warning, and nothing was put back");
            }
        }
        reader.put_back = self.put_back;
        if start.resumed != Resumed::Continued {
            reader.place = Some(Resume { epoch: start.epoch, after: start.after });
        }
        reader.take(items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_comes_twice_and_nothing_is_passed_by(acts in vec(act(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for act in acts {
                world.act(act).await;
            }
            for number in 0..READERS {
                world.visit(number, 1000).await;
                let stored = &world.readers[number].stored;
                let once: HashSet<_> = stored.iter().collect();
                assert_eq!(once.len(), stored.len(), "twice: {stored:?}");
                for body in &world.there {
                    assert!(once.contains(body), "{body} never came: {stored:?}");
                }
            }
        });
    }
}
