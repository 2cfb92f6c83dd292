//! The pure heart: choosing and claiming a number, resolving a call, reading a number.
//!
//! The large size is left to `bench-heart`, which has the memory to itself.

use std::{hint::black_box, time::Duration, time::Instant};

use axbridge_benches::world::World;
use axbridge_domain::{numbering::Numbering, phone::PhoneNumber};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 64;
const SIZES: [u64; 2] = [100_000, 1_000_000];

fn choose_claim_apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heart");
    group.throughput(Throughput::Elements(BATCH as u64));
    for size in SIZES {
        let mut world = World::new(size);
        group.bench_function(BenchmarkId::new("choose_claim_apply_64", size), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let wanted = world.requests(BATCH);
                    let started = Instant::now();
                    let delta = world.choose_and_claim(&wanted);
                    world.apply(delta);
                    took += started.elapsed();
                    world.pass(BATCH);
                }
                took
            });
        });
    }
    group.finish();
}

fn resolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heart");
    for size in SIZES {
        let mut world = World::new(size);
        let calls = world.calls(1 << 20);
        let mut next = calls.iter().cycle();
        group.bench_function(BenchmarkId::new("resolve", size), |bencher| {
            bencher.iter(|| {
                let (x, caller) = next.next()?;
                Some(
                    world
                        .table
                        .resolve(*x, Some(*caller), None, world.now, world.hold_ms),
                )
            });
        });
    }
    group.finish();
}

fn numbers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("numbers");
    let numbering = Numbering::built_in();
    let texts: Vec<String> = (0..1024u64)
        .map(|index| (13_000_000_000 + index * 7_919_113 % 999_999_999).to_string())
        .collect();
    let mut next = texts.iter().cycle();
    group.bench_function("parse_and_city_of", |bencher| {
        bencher.iter_batched(
            || next.next().map_or("", String::as_str),
            |text| {
                let number = PhoneNumber::parse(black_box(text)).ok()?;
                numbering.city_of(&number)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, choose_claim_apply, resolve, numbers);
criterion_main!(benches);
