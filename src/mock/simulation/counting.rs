//! Batches by the number of their records, by hand, and what is taken back.

use std::cell::RefCell;
use std::sync::mpsc;

use super::*;
use crate::config::Acks;
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
    by_hand_at(1, config)
}

fn by_hand_at(brokers: u16, config: ProducerConfig) -> World {
    let mut world = World::new(brokers, config);
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

/// The batches in flight leave no room for those in the queue, which are purged at once all the same.
#[test]
fn behind_a_full_window_the_queue_is_purged_and_what_is_in_flight_is_sent() {
    for acks in [Acks::All, Acks::None] {
        let config = config().acks(acks).enable_idempotence(false).batch_size(0);
        let mut world =
            World::with_topic(1, 1, config.max_in_flight_requests_per_connection(2).linger(secs(0)));
        world.core.faults.held[0] = true;
        let mut sent = Vec::new();
        for _ in 0..2 {
            sent.push(world.send(0, b"in flight"));
            world.run_for(millis(1));
        }
        let queued: Vec<_> = (0..10).map(|_| world.send(0, b"queued")).collect();
        if acks == Acks::All {
            world.run_for(millis(1));
        }
        world.producer().purge().unwrap();
        world.run_for(millis(1));
        for future in &queued {
            assert!(matches!(future.exception().unwrap().kind(), ErrorKind::Purged), "{acks:?}");
        }
        world.core.faults.held[0] = false;
        sent.push(world.send(0, b"later"));
        world.run_until(MINUTE, |_| all_done(&sent));
        world.run_for(secs(1));
        assert!(sent.iter().all(FutureRecordMetadata::succeeded), "{acks:?}");
        assert_eq!(batches(&world), [1; 3], "{acks:?}");
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}

/// It has nothing to wait for any more.
#[test]
fn a_purge_ends_a_close_and_a_flush_that_wait() {
    for closes in [true, false] {
        let mut world = World::with_topic(1, 1, config());
        world.stop(0);
        let future = world.send(0, b"v");
        let waiter = world.spawn("waits", move |producer| {
            let error = if closes { producer.close(MINUTE) } else { producer.flush(MINUTE) }.unwrap_err();
            let ErrorKind::Undelivered { report } = error.kind() else { panic!("{error}") };
            assert!(report.timed_out.is_none() && report.failed == 1);
            assert!(matches!(report.first_error.as_ref().unwrap().kind(), ErrorKind::Purged));
        });
        world.run_for(secs(1));
        assert!(!future.is_done());
        world.producer().purge().unwrap();
        assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(0));
        let before = world.clock.now();
        waiter(&mut world);
        assert_about(world.clock.now().since(before), millis(0));
    }
}

/// Callbacks run in the middle of the purge.
#[test]
fn what_a_callback_of_a_purged_record_sends_is_not_purged() {
    let mut world = World::with_topic(1, 1, config().linger(secs(1)));
    let (tell, told) = mpsc::channel();
    let first = world.send(0, b"purged");
    let producer = Arc::downgrade(world.producer());
    let tell = Mutex::new(tell);
    first.add_errback(move |_| {
        let again = ProducerRecord::to("t").partition(0).value(b"again");
        tell.lock().send(producer.upgrade().unwrap().send(again).unwrap()).unwrap();
    });
    world.producer().purge().unwrap();
    world.run_for(millis(1));
    assert!(first.failed());
    let again = told.recv().unwrap();
    world.run_until(MINUTE, |_| again.is_done());
    assert!(again.succeeded());
    assert_eq!(batches(&world), [1]);
}

/// The notice comes from the sender's own thread, which must not sleep over it.
#[test]
fn a_callback_can_purge() {
    let mut world = World::with_topic(1, 2, config().linger(secs(10)));
    let first = world.send(0, b"first");
    world.run_for(secs(5));
    let second = world.send(1, b"second");
    let producer = Arc::downgrade(world.producer());
    first.add_callback(move |_| producer.upgrade().unwrap().purge().unwrap());
    assert_about(world.run_until(MINUTE, |_| first.is_done() && second.is_done()), secs(5));
    assert!(first.succeeded());
    assert!(matches!(second.exception().unwrap().kind(), ErrorKind::Purged));
}

/// With or without a flush, the error says what a batch has waited for.
#[test]
fn by_hand_the_error_says_whether_there_was_no_flush() {
    for flushes in [true, false] {
        let config = config().manual_flush(true).delivery_timeout(MINUTE);
        let mut world = by_hand(config.enable_idempotence(false));
        world.stop(0);
        let future = world.send(0, b"v");
        if flushes {
            world.spawn("flushes", |producer| drop(producer.flush(millis(10))))(&mut world);
        }
        world.run_until(2 * MINUTE, |_| future.is_done());
        let error = future.exception().unwrap().to_string();
        assert_eq!(error.contains("no flush was called"), !flushes, "{error}");
    }
}

/// It would fail with the first, whose time is over long before its own.
#[test]
fn by_hand_a_young_record_does_not_join_an_old_batch_that_will_expire() {
    let mut world = by_hand(config().manual_flush(true).delivery_timeout(MINUTE));
    let old = world.send(0, b"old");
    world.run_for(secs(50));
    let young = world.send(0, b"young");
    assert_about(world.run_until(MINUTE, |_| old.is_done()), secs(10));
    assert!(old.failed() && !young.is_done());
    world.spawn("flushes", |producer| drop(producer.flush(secs(1))))(&mut world);
    assert!(young.succeeded());
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

/// A backoff is no reason to send what waits for a flush. The first batch does not wait for the end of it: it goes to
/// another leader, and leaves the queue to the second while the partition still backs off.
#[test]
fn by_hand_nothing_goes_while_a_partition_backs_off() {
    let config = config().manual_flush(true).retry_backoff(secs(5)).retry_backoff_max(secs(5));
    let mut world = by_hand_at(2, config);
    world.core.cluster.leave_leaders(0);
    let first = world.send(0, b"first");
    let flush = world.spawn("flushes", |producer| drop(producer.flush(millis(10))));
    assert!(world.run_until(secs(4), |_| first.is_done()) < secs(4), "within the backoff");
    flush(&mut world);
    let second = world.send(0, b"second");
    world.run_for(MINUTE);
    assert!(first.succeeded() && !second.is_done());
    assert_eq!(batches(&world), [1, 1]);
}

/// The notice of the record is still on its way when the sender purges.
#[test]
fn what_the_sender_hears_of_only_after_the_purge_is_purged_all_the_same() {
    let mut world = World::with_topic(1, 1, config());
    let before = world.send(0, b"before");
    let late = world.inbox.take().partitions;
    assert!(world.inbox.fall_asleep() && late.len() == 1);
    world.producer().purge().unwrap();
    let after = world.send(0, b"after");
    world.run_for(secs(1));
    assert!(!before.is_done() && !after.is_done());
    late.into_iter().for_each(|queue| world.inbox.partition(queue));
    world.run_until(secs(1), |_| before.is_done() && after.is_done());
    assert!(matches!(before.exception().unwrap().kind(), ErrorKind::Purged));
    assert!(after.succeeded());
    assert_eq!(batches(&world), [1]);
    assert_eq!(world.accumulator.pool().used(), 0);
}

/// A purge ends the batches for appends as a flush does. That must not send them.
#[test]
fn by_hand_a_purge_sends_nothing_whichever_thread_is_first() {
    for seed in 0..200 {
        let mut world = World::seeded(seed, 1, config().manual_flush(true));
        assert!(world.core.cluster.create_topic("t", 1));
        world.ask_for("t");
        world.run_until(secs(1), |world| world.metadata.snapshot().topic("t").is_some());
        let first = world.send(0, b"first");
        world.spawn("flushes", |producer| producer.flush(secs(1)).unwrap())(&mut world);
        assert!(first.succeeded());
        world.lend(|world| {
            world.me.set_habits(Habits { switch: 2, ..STEADY });
            let [sender, purger] = [(); 2].map(|()| Arc::clone(world.producer()));
            let send = move |_| {
                sender.send(ProducerRecord::to("t").partition(0).value(b"v")).unwrap();
            };
            let sends = world.me.spawn("sends", move || (0..20).for_each(send)).unwrap();
            let purges = world.me.spawn("purges", move || (0..5).for_each(|_| purger.purge().unwrap()));
            sends();
            purges.unwrap()();
            world.me.set_habits(STEADY);
            world.me.settle();
        });
        world.run_for(secs(1));
        assert_eq!(batches(&world), [1], "seed {seed}");
        world.producer().purge().unwrap();
    }
}
