//! Batches by the number of their records, by hand, and what is taken back.

use std::cell::RefCell;
use std::sync::mpsc;

use super::*;
use crate::{Compression, ErrorKind};

/// How many records the batches had that were sent.
fn batches(world: &World) -> Vec<i32> {
    let requests = world.core.requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    requests.flat_map(|request| request.batches.iter().map(|batch| batch.records)).collect()
}

fn all_done(futures: &[FutureRecordMetadata]) -> bool {
    futures.iter().all(FutureRecordMetadata::is_done)
}

#[test]
fn a_batch_with_its_number_of_records_goes_and_takes_no_more() {
    for compression in [Compression::None, Compression::Lz4] {
        let config = config().linger(secs(10)).batch_num_records(10).compression(compression);
        let mut world = World::with_topic(1, 1, config);
        let futures: Vec<_> = (0..25).map(|_| world.send(0, b"v")).collect();
        world.run_for(millis(1));
        assert!(all_done(&futures[..20]) && !futures[20].is_done());
        assert_about(world.run_until(MINUTE, |_| all_done(&futures)), millis(9999));
        assert_eq!(batches(&world), [10, 10, 5]);
    }
}

#[test]
fn with_a_batch_size_of_zero_each_record_is_a_batch() {
    let mut world = World::with_topic(1, 1, config().linger(secs(10)).batch_size(0));
    let futures: Vec<_> = (0..5).map(|_| world.send(0, b"v")).collect();
    world.run_for(millis(1));
    assert!(all_done(&futures));
    assert_eq!(batches(&world), [1; 5]);
}

#[test]
fn with_one_record_in_a_batch_each_record_is_sent_at_once() {
    let mut world = World::with_topic(1, 1, config().linger(secs(10)).batch_num_records(1));
    let futures: Vec<_> = (0..5).map(|_| world.send(0, b"v")).collect();
    world.run_for(millis(1));
    assert!(all_done(&futures));
    assert_eq!(batches(&world), [1; 5]);
}

#[test]
fn a_record_that_is_larger_than_a_batch_is_sent_in_its_own_batch() {
    let config = config().linger(secs(10)).batch_size(1000).batch_max_bytes(1000);
    let mut world = World::with_topic(1, 1, config);
    let sizes = [100, 100, 5000, 100, 100];
    let futures = sizes.map(|size| world.send(0, &vec![0; size]));
    world.run_for(millis(1));
    assert!(all_done(&futures[..3]) && !futures[3].is_done());
    world.run_until(MINUTE, |_| all_done(&futures));
    assert_eq!(batches(&world), [2, 1, 2]);
}

/// A world whose client knows topic `t`. Nothing was sent, because that takes a flush.
fn by_hand(config: ProducerConfig) -> World {
    let mut world = World::new(1, config);
    assert!(world.core.cluster.create_topic("t", 1));
    world.ask_for("t");
    world.run_until(secs(1), |world| world.metadata.snapshot().topic("t").is_some());
    world
}

#[test]
fn by_hand_nothing_goes_before_a_flush_however_large() {
    for compression in [Compression::None, Compression::Lz4] {
        let config = config().manual_flush(true).batch_size(1000).batch_num_records(7);
        let mut world = by_hand(config.compression(compression));
        let mut futures: Vec<_> = (0..50).map(|_| world.send(0, &[0; 100])).collect();
        world.run_for(secs(300));
        assert_eq!(world.requests(ApiKey::PRODUCE), 0, "{compression}");
        let flush = world.spawn("flushes", |producer| producer.flush(secs(1)).unwrap());
        flush(&mut world);
        assert!(all_done(&futures));
        futures.push(world.send(0, b"v"));
        world.run_for(secs(300));
        assert!(!futures[50].is_done());
    }
}

#[test]
fn by_hand_memory_that_is_wanted_is_not_kept() {
    let mut world = by_hand(config().manual_flush(true).buffer_memory(8192));
    let future = world.send(0, &[0; 5000]);
    let waiter = world.spawn("waits for memory", |producer| {
        producer.send(ProducerRecord::to("t").partition(0).value(&[0; 5000])).unwrap();
    });
    assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(0));
    waiter(&mut world);
}

#[test]
fn what_was_not_sent_is_purged_and_what_comes_later_is_sent() {
    let mut world = World::with_topic(1, 2, config().linger(secs(10)));
    let (told, hear) = mpsc::channel();
    let futures: Vec<_> = (0..10).map(|number| world.send(number % 2, b"v")).collect();
    let said = RefCell::new(told);
    futures[3].add_errback(move |error| said.borrow().send(error.to_string()).unwrap());
    world.producer().purge().unwrap();
    let later = world.send(0, b"later");
    world.run_for(millis(1));
    for future in &futures {
        let error = future.exception().unwrap();
        assert!(matches!(error.kind(), ErrorKind::Purged));
        assert_eq!(error.certainty(), crate::error::Certainty::NotWritten);
        assert!(error.topic() == Some("t") && !error.is_retriable());
    }
    assert_eq!(hear.recv().unwrap(), "the program has purged the record before it was sent");
    world.run_until(MINUTE, |_| later.is_done());
    assert!(later.succeeded());
    assert_eq!(batches(&world), [1]);
    assert_eq!(world.accumulator.pool().used(), 0);
}

/// With sequence numbers those that were refused leave a gap, and the next begin anew.
#[test]
fn what_was_refused_and_waits_is_purged_and_what_is_under_way_is_not() {
    let mut world = World::with_topic(1, 1, config().retry_backoff(secs(5)).retry_backoff_max(secs(5)));
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    let refused = world.send(0, b"refused");
    world.run_for(millis(10));
    world.producer().purge().unwrap();
    world.run_for(millis(1));
    assert!(matches!(refused.exception().unwrap().kind(), ErrorKind::Purged));
    world.core.faults.held[0] = true;
    let under_way = world.send(0, b"under way");
    world.run_for(secs(6));
    world.producer().purge().unwrap();
    world.run_for(millis(1));
    assert!(!under_way.is_done());
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| under_way.is_done());
    assert!(under_way.succeeded(), "{:?}", under_way.exception());
    let after = world.send(0, b"after");
    world.run_until(MINUTE, |_| after.is_done());
    assert!(after.succeeded());
}

/// What may have been stored is sent until that is known.
#[test]
fn what_may_have_been_written_is_not_purged() {
    let mut world = World::with_topic(1, 1, config().retry_backoff(secs(1)));
    let rule = crate::mock::MockRule::cut_after_append().on(ApiKey::PRODUCE).times(1);
    world.core.faults.add(rule, Default::default);
    let future = world.send(0, b"v");
    world.run_for(millis(10));
    world.producer().purge().unwrap();
    world.run_until(MINUTE, |_| future.is_done());
    assert!(future.succeeded());
}

/// The broker's time for the replicas is not the client's for the answer.
#[test]
fn a_broker_waits_for_replicas_as_long_as_it_is_told() {
    for (ack_timeout, expected) in [(None, 3000), (Some(millis(500)), 500)] {
        let config = config().request_timeout(millis(3000)).ack_timeout(ack_timeout).retries(0);
        let mut world = World::with_topic(1, 1, config.enable_idempotence(false));
        world.core.cluster.is_cut_off = true;
        let future = world.send(0, b"v");
        assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(expected));
    }
}

/// A backoff is no reason to send what waits for a flush.
#[test]
fn by_hand_nothing_goes_while_a_partition_backs_off() {
    let config = config().manual_flush(true).retry_backoff(secs(5)).retry_backoff_max(secs(5));
    let mut world = by_hand(config);
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    let first = world.send(0, b"first");
    let flush = world.spawn("flushes", |producer| drop(producer.flush(millis(10))));
    flush(&mut world);
    let second = world.send(0, b"second");
    world.run_until(MINUTE, |_| first.is_done());
    world.run_for(MINUTE);
    assert!(first.succeeded() && !second.is_done());
    assert_eq!(batches(&world), [1, 1]);
}
