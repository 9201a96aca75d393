//! What becomes of batches: they grow, take turns, are compressed, are cut up, and give their memory back.

use super::*;
use crate::mock::MockRule;
use crate::record::{Codec, Compression};

/// What comes while a batch is under way waits for its answer, and goes together.
#[test]
fn a_batch_that_can_not_go_grows() {
    let mut world = World::with_topic(1, 1, config().batch_size(1000));
    let first = world.send(0, b"v");
    world.core.faults.held[0] = true;
    world.run_for(millis(10));
    let rest: Vec<_> = (0..1000).map(|_| world.send(0, &[0; 100])).collect();
    world.run_for(millis(10));
    assert!(!first.is_done());
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| rest.iter().all(FutureRecordMetadata::is_done));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
}

#[test]
fn memory_comes_back_when_everything_is_answered() {
    let mut world = World::with_topic(1, 4, config());
    for round in 0..50 {
        let futures: Vec<_> =
            (0..200).map(|number| world.send(number % 4, &vec![0; number * 7 + round])).collect();
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}

/// B02, B14, B15: cut up until it fits, order and content kept, few refusals, and flush waits for the parts.
#[test]
fn a_batch_that_is_refused_as_too_large_is_cut_up() {
    for limit in [200, 1000, 30_000, 100_000] {
        let mut world = World::with_topic(1, 3, config());
        world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = limit;
        world.core.faults.held[0] = true;
        let mut futures = Vec::new();
        for number in 0..30_000_u32 {
            futures.push((number, world.send(number as usize % 3, &number.to_be_bytes())));
            if number == 100 {
                world.run_for(millis(1));
            }
        }
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(|(_, future)| future.is_done()));
        for partition in 0..3 {
            let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
            let stored: Vec<_> =
                log.records().unwrap().into_iter().skip(1).map(|record| record.value.unwrap()).collect();
            let sent = futures.iter().filter(|(number, _)| *number as i32 % 3 == partition);
            let sent: Vec<_> = sent.map(|(number, _)| number.to_be_bytes().to_vec()).collect();
            assert!(stored == sent, "order or content changed");
        }
        for (number, future) in &futures {
            assert_eq!(future.value().unwrap().offset(), Some(i64::from(number / 3) + 1));
        }
        assert_eq!(world.accumulator.pool().used(), 0);
        let refused = world.core.counts.refused;
        assert!(refused < 20, "{refused} batches were refused to learn a limit of {limit}");
    }
}

#[test]
fn only_a_record_that_is_too_large_by_itself_fails() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 1000;
    let futures: Vec<_> =
        (0..50).map(|number| world.send(0, &vec![0; if number == 20 { 2000 } else { 100 }])).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    for (number, future) in futures.iter().enumerate() {
        assert_eq!(future.failed(), number == 20, "{number}");
    }
    let error = futures[20].exception().unwrap().to_string();
    assert_eq!(
        error,
        "a broker rejected a record for t-0 with MESSAGE_TOO_LARGE (10); a batch with only this record takes 2070 bytes; raise the topic's \
         max.message.bytes (the broker's message.max.bytes) or make the record smaller"
    );
    assert_eq!(world.accumulator.pool().used(), 0);
}

#[test]
fn every_codec_stores_what_was_sent_and_makes_it_smaller() {
    for compression in [
        "none",
        "gzip",
        "snappy",
        "lz4",
        #[cfg(feature = "zstd")]
        "zstd",
    ] {
        let config = config().compression(compression.parse().unwrap()).batch_size(50_000);
        let mut world = World::with_topic(1, 1, config);
        world.core.faults.held[0] = true;
        world.send(0, b"this one keeps the others waiting");
        world.run_for(millis(1));
        let value =
            |number: u32| format!("{{\"user\":{},\"event\":\"click\",\"at\":{number}}}", number % 100);
        let futures: Vec<_> = (0..20_000).map(|number| world.send(0, value(number).as_bytes())).collect();
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        let log = &world.core.cluster.partition_mut("t", 0).unwrap().log;
        let stored = log.records().unwrap();
        for (number, record) in (0..).zip(&stored[2..]) {
            assert_eq!(record.value.as_deref(), Some(value(number).as_bytes()), "{compression}");
        }
        assert_eq!(stored.len(), 20_002);
        let per_record = world.core.counts.bytes / 20_000;
        assert!((compression == "none") == (per_record > 30), "{compression}: {per_record} bytes a record");
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}

#[test]
fn a_compressed_batch_that_is_too_large_is_cut_up_too() {
    for compression in ["gzip", "lz4"] {
        let mut world = World::with_topic(1, 1, config().compression(compression.parse().unwrap()));
        world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 3000;
        world.core.faults.held[0] = true;
        let mut random = fastrand::Rng::with_seed(5);
        let values: Vec<Vec<u8>> =
            (0..5000).map(|_| (0..40).map(|_| random.u8(b'a'..b'h')).collect()).collect();
        let futures: Vec<_> = values.iter().map(|value| world.send(0, value)).collect();
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        let stored = world.core.cluster.partition_mut("t", 0).unwrap().log.records().unwrap();
        assert!(stored[1..].iter().map(|record| record.value.as_ref().unwrap()).eq(&values), "{compression}");
        assert!(world.core.counts.refused < 20, "{}", world.core.counts.refused);
    }
}

/// The brokers were exchanged for some that take no records as we send them.
#[test]
fn a_trial_that_can_not_even_be_sent_keeps_nobody_waiting() {
    let mut world = World::with_topic(1, 2, config());
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 1000;
    let send = |world: &mut World, partition| -> Vec<_> {
        (0..50).map(|_| world.send(partition, &[0; 100])).collect()
    };
    let learnt = send(&mut world, 0);
    world.run_until(MINUTE, |_| learnt.iter().all(FutureRecordMetadata::succeeded));
    world.core.cluster.brokers[0].versions.remove(&ApiKey::PRODUCE);
    world.stop(0);
    world.core.cluster.brokers[0].running = true;
    let futures = [send(&mut world, 0), send(&mut world, 1)].concat();
    world.run_until(secs(5), |_| futures.iter().all(FutureRecordMetadata::failed));
}

/// The broker may know it as it was, and would take its parts for something new.
#[test]
fn what_may_have_been_written_is_not_cut_up_for_a_limit_that_was_learnt_meanwhile() {
    let settings = config().linger(millis(5)).retry_backoff(secs(1)).retry_backoff_max(secs(1));
    let mut world = World::with_topic(1, 2, settings);
    let stored = |world: &mut World| world.core.cluster.partition_mut("t", 0).unwrap().log.next_offset();
    let before = stored(&mut world);
    world.core.faults.add(MockRule::cut_after_append().on(ApiKey::PRODUCE).times(1), Default::default);
    let mut futures: Vec<_> = (0..10).map(|_| world.send(0, &[0; 100])).collect();
    world.run_for(millis(100));
    assert_eq!(stored(&mut world), before + 10, "it is stored");
    world.core.faults.fail_produce("t", 1, ErrorCode::MESSAGE_TOO_LARGE, 1);
    futures.extend((0..10).map(|_| world.send(1, &[0; 100])));
    world.run_for(millis(500));
    assert_eq!(world.core.counts.refused, 1, "the limit is learnt before the first is sent again");
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(stored(&mut world), before + 10, "once");
    assert_eq!(world.core.counts.duplicates, 1);
}

/// The codecs of ten batches, each with a record of 1,000 bytes that `byte` returns.
fn codecs_of_batches(compression: Compression, mut byte: impl FnMut() -> u8) -> Vec<Codec> {
    let mut world = World::with_topic(1, 1, config().compression(compression).batch_size(0));
    let values: Vec<[u8; 1000]> = (0..10).map(|_| std::array::from_fn(|_| byte())).collect();
    let futures: Vec<_> = values.iter().map(|value| world.send(0, value)).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    let log = &world.core.cluster.partition_mut("t", 0).unwrap().log;
    let stored = log.records().unwrap().into_iter().skip(1).map(|record| record.value.unwrap());
    assert!(stored.eq(values), "{compression}");
    // The first batch is that of `with_topic`.
    log.headers()[1..].iter().map(|header| header.attributes.codec()).collect()
}

#[test]
fn a_batch_that_does_not_get_smaller_is_sent_uncompressed() {
    for compression in [
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ] {
        let mut random = fastrand::Rng::with_seed(7);
        assert_eq!(codecs_of_batches(compression, || random.u8(..)), [Codec::NONE; 10], "{compression}");
        assert_eq!(codecs_of_batches(compression, || b'v'), [compression.codec(); 10]);
    }
}
