//! What one signature check costs: ring, p256, and the SHA-256 and hex without which neither goes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::{PrivateKey, PublicKey, TrustedKeys};

fn check(c: &mut Criterion) {
    let body: Vec<u8> = (b' '..=b'~').cycle().take(200).collect();
    let private =
        PrivateKey::from_pem("bench", include_str!("../tests/fixtures/vendor/test_key.pem"))
            .expect("the committed test key is a key");
    let header = hex::encode(private.sign(&body, Encoding::Der).expect("there is randomness"));
    let keys = TrustedKeys::new(private.public("bench"));
    let second = TrustedKeys::new(PublicKey::vendor()).and(private.public("bench"));
    assert!(keys.check(&[&header], &body).is_valid());

    let mut group = c.benchmark_group("check");
    group.bench_function("ring", |b| {
        b.iter(|| keys.check(black_box(&[&header]), black_box(&body)));
    });
    group.bench_function("ring, second of two keys", |b| {
        b.iter(|| second.check(black_box(&[&header]), black_box(&body)));
    });
    group.bench_function("p256", |b| {
        b.iter(|| keys.reference_check(black_box(&[&header]), black_box(&body)));
    });
    group.bench_function("SHA-256 and hex alone", |b| {
        b.iter(|| {
            let signature = hex::decode(black_box(&header));
            (signature, ring::digest::digest(&ring::digest::SHA256, black_box(&body)))
        });
    });
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
