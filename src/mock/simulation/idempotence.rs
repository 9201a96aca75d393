//! Once, in order, and certain: what idempotence makes of lost answers, refusals and brokers that forget.

use super::*;
use crate::error::{Certainty, ErrorKind};
use crate::mock::MockRule;
use crate::record::Compression;

/// One record in each batch.
pub(super) fn single() -> ProducerConfig {
    config().batch_size(0)
}

/// A world with one broker, whose partitions have let their windows open.
pub(super) fn world(partitions: usize, config: ProducerConfig) -> World {
    World::with_topic(1, partitions, config)
}

pub(super) fn send_all(
    world: &mut World,
    partition: usize,
    values: std::ops::Range<u8>,
) -> Vec<FutureRecordMetadata> {
    values.map(|value| world.send(partition, &[value])).collect()
}

pub(super) fn await_all(world: &mut World, futures: &[FutureRecordMetadata]) {
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
}

/// Values that are stored, without that of [`World::meet_topic`].
pub(super) fn stored(world: &mut World, partition: i32) -> Vec<u8> {
    let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
    let values = log.records().unwrap().into_iter().map(|record| record.value.unwrap());
    values.filter(|value| value.len() == 1).map(|value| value[0]).collect()
}

/// Producer id, epoch, and first number of each batch that is stored.
pub(super) fn numbers(world: &mut World, partition: i32) -> Vec<(i64, i16, i32)> {
    let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
    let number = |header: crate::record::BatchHeader| {
        (header.producer_id, header.producer_epoch, header.base_sequence)
    };
    log.headers().into_iter().map(number).collect()
}

/// `futures` are of records with `values`.
pub(super) fn assert_stored_where_they_say(
    world: &mut World,
    futures: &[FutureRecordMetadata],
    values: std::ops::Range<u8>,
) {
    assert_eq!(futures.len(), values.len());
    for (future, value) in futures.iter().zip(values) {
        let metadata = future.value().unwrap_or_else(|| panic!("{}", future.exception().unwrap()));
        let log = &world.core.cluster.partition_mut("t", metadata.partition()).unwrap().log;
        let record =
            log.records().unwrap().into_iter().find(|record| Some(record.offset) == metadata.offset());
        assert_eq!(record.and_then(|record| record.value), Some(vec![value]));
    }
}

/// B03: each answer is lost, some of them again and again.
#[test]
fn a_record_whose_answer_is_lost_is_stored_once() {
    for cuts in 1..=5 {
        for in_flight in 1..=5 {
            let mut world = world(1, single().max_in_flight_requests_per_connection(in_flight));
            world.core.faults.cut_produce_responses(None, cuts);
            let futures = send_all(&mut world, 0, 0..8);
            await_all(&mut world, &futures);
            assert_eq!(stored(&mut world, 0), (0..8).collect::<Vec<_>>(), "{cuts} answers lost");
            assert_stored_where_they_say(&mut world, &futures, 0..8);
            let epochs: Vec<_> = numbers(&mut world, 0).iter().map(|(_, epoch, _)| *epoch).collect();
            assert!(epochs.iter().all(|epoch| *epoch == 0), "it is the same producer: {epochs:?}");
        }
    }
}

/// B04, of all codecs: a broker knows a batch again only if its numbers are the same, and refuses it if its checksum is not.
#[test]
fn a_compressed_batch_is_known_again_however_often_it_is_sent() {
    for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let mut world = world(1, config().compression(codec));
        world.core.faults.cut_produce_responses(None, 3);
        let futures: Vec<_> = (0..100).map(|_| world.send(0, &[7; 100])).collect();
        await_all(&mut world, &futures);
        assert!(
            futures.iter().zip(1..).all(|(future, offset)| future.value().unwrap().offset() == Some(offset))
        );
        assert_eq!(world.core.cluster.partition_mut("t", 0).unwrap().log.next_offset(), 101);
    }
}

/// B05.
#[test]
fn a_topic_that_is_unknown_for_a_moment_does_not_begin_anew() {
    let mut world = world(1, single());
    let futures = send_all(&mut world, 0, 0..10);
    await_all(&mut world, &futures);
    world.core.faults.fail_metadata("t", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 1);
    want(&mut world);
    world.run_for(millis(1));
    let last = send_all(&mut world, 0, 10..12);
    await_all(&mut world, &last);
    assert_stored_where_they_say(&mut world, &last, 10..12);
    let bases: Vec<_> = numbers(&mut world, 0).iter().map(|(_, _, base)| *base).collect();
    assert_eq!(bases, (0..13).collect::<Vec<_>>());
}

/// B06: of four batches under way at a broker that hangs the second expires, and the third and fourth may have been
/// written as well. They are not lost for it, and not stored twice.
#[test]
fn what_is_behind_a_batch_that_expires_is_stored_once() {
    /// What becomes of a request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Fate {
        /// It is acted on, and answered later than anybody waits.
        Held,
        /// It has left, and nobody acts on it.
        Swallowed,
        /// No byte of it leaves.
        Stuck,
    }
    for fate in [Fate::Held, Fate::Swallowed, Fate::Stuck] {
        let limits = single()
            // So long that the others are sent beside the first, and not alone after it.
            .request_timeout(secs(15))
            .delivery_timeout(secs(20))
            .reconnect_backoff(millis(50))
            .reconnect_backoff_max(secs(1));
        let mut world = world(1, limits);
        let mut futures = send_all(&mut world, 0, 0..1);
        await_all(&mut world, &futures);
        match fate {
            Fate::Held => world.core.faults.held[0] = true,
            Fate::Swallowed => {
                let rule = MockRule::black_hole().on(ApiKey::PRODUCE).forever();
                world.core.faults.add(rule, Default::default);
            }
            Fate::Stuck => world.mischief.stalled = vec![0],
        }
        futures = send_all(&mut world, 0, 1..2);
        world.run_for(secs(13));
        futures.extend(send_all(&mut world, 0, 2..4));
        world.run_until(MINUTE, |_| futures[0].is_done());
        let error = futures[0].exception().unwrap();
        assert_eq!(error.certainty() == Certainty::MaybeWritten, fate != Fate::Stuck, "{error}");
        world.core.faults.held[0] = false;
        world.core.faults.clear();
        world.mischief.stalled.clear();
        await_all(&mut world, &futures);
        assert_stored_where_they_say(&mut world, &futures[1..], 2..4);
        // What may have been written can be stored only behind the one that may have been, too: that is sent for it.
        let expected: &[u8] = if fate == Fate::Stuck { &[0, 2, 3] } else { &[0, 1, 2, 3] };
        assert_eq!(stored(&mut world, 0), expected, "{fate:?}");
        let more = send_all(&mut world, 0, 4..6);
        await_all(&mut world, &more);
        assert_stored_where_they_say(&mut world, &more, 4..6);
    }
}

/// The last one expires: nobody behind it needs it, and the numbers it had are used no more.
#[test]
fn after_a_batch_that_has_expired_a_partition_begins_anew() {
    let limits = single()
        .request_timeout(secs(3))
        .delivery_timeout(secs(10))
        .reconnect_backoff(millis(50))
        .reconnect_backoff_max(secs(1));
    let mut world = world(1, limits);
    world.core.faults.held[0] = true;
    let late = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &late);
    assert_eq!(late[0].exception().unwrap().certainty(), Certainty::MaybeWritten);
    world.core.faults.held[0] = false;
    let futures = send_all(&mut world, 0, 1..4);
    await_all(&mut world, &futures);
    assert_stored_where_they_say(&mut world, &futures, 1..4);
    let numbers = numbers(&mut world, 0);
    assert_eq!(numbers.last().map(|(_, epoch, base)| (*epoch, *base)), Some((1, 2)), "{numbers:?}");
}

/// B07: one partition begins anew; another is idle, and of a third an answer was lost.
#[test]
fn a_partition_that_begins_anew_leaves_others_alone() {
    let mut world = world(3, single());
    world.core.faults.fail_produce("t", 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
    world.core.faults.cut_produce_responses(None, 1);
    let mut futures = send_all(&mut world, 2, 0..1);
    world.settle();
    futures.extend(send_all(&mut world, 0, 0..3));
    await_all(&mut world, &futures);
    let idle = send_all(&mut world, 1, 0..1);
    await_all(&mut world, &idle);
    for partition in 0..3 {
        let expected: &[u8] = if partition == 0 { &[0, 1, 2] } else { &[0] };
        assert_eq!(stored(&mut world, partition), expected);
    }
    let epochs = |world: &mut World, partition| {
        numbers(world, partition).last().map(|(_, epoch, base)| (*epoch, *base))
    };
    assert_eq!(epochs(&mut world, 0), Some((1, 2)));
    assert_eq!((epochs(&mut world, 1), epochs(&mut world, 2)), (Some((0, 1)), Some((0, 1))));
}

/// Beside one batch the next goes at once; beside two it goes once it is as large as both, or an answer has come, or
/// somebody flushes.
#[test]
fn beside_several_a_batch_waits_until_it_is_worth_a_request() {
    for flushes in [false, true] {
        let mut world = world(1, config().batch_size(200).batch_max_bytes(100_000));
        world.core.faults.held[0] = true;
        let mut futures = Vec::new();
        let mut send = |world: &mut World, records: usize| {
            futures.extend((0..records).map(|_| world.send(0, &[7; 100])));
            world.run_for(millis(10));
            world.requests(ApiKey::PRODUCE)
        };
        assert_eq!(send(&mut world, 3), 1);
        assert_eq!(send(&mut world, 1), 2, "linger is 0");
        assert_eq!(send(&mut world, 2), 2, "two records are full, and less than four");
        assert_eq!(send(&mut world, 3), 3, "five are more than four");
        assert_eq!(send(&mut world, 1), 3);
        if flushes {
            let _ = world.spawn("flushes", |producer| drop(producer.flush(secs(1))));
            world.run_for(millis(10));
            assert_eq!(world.requests(ApiKey::PRODUCE), 4);
        }
        world.core.faults.held[0] = false;
        await_all(&mut world, &futures);
        assert_eq!(world.requests(ApiKey::PRODUCE), 4);
        world.run_for(secs(2));
    }
}

/// What a thread waits for does not wait for an answer to others: `linger` is what it waits for.
#[test]
fn a_batch_that_somebody_waits_for_goes_beside_others() {
    for linger in [0, 50] {
        let mut world = world(1, config().linger(millis(linger)));
        world.core.faults.held[0] = true;
        let mut futures = Vec::new();
        for sent in 1..=2 {
            futures.push(world.send(0, b"v"));
            world.run_for(millis(linger + 10));
            assert_eq!(world.requests(ApiKey::PRODUCE), sent);
        }
        let awaited = world.send(0, b"v");
        futures.push(awaited.clone());
        world.run_for(secs(1));
        assert_eq!(world.requests(ApiKey::PRODUCE), 2, "nobody waits for it");
        let _ = world.spawn("waits", move |_| drop(awaited.get(secs(5))));
        world.run_for(millis(1));
        assert_eq!(world.requests(ApiKey::PRODUCE), 3);
        // One that somebody waits for from the first moment on lingers as it would alone.
        let awaited = world.send(0, b"v");
        futures.push(awaited.clone());
        let _ = world.spawn("waits", move |_| drop(awaited.get(secs(5))));
        if linger > 0 {
            world.run_for(millis(linger - 1));
            assert_eq!(world.requests(ApiKey::PRODUCE), 3, "linger is not over");
        }
        world.run_for(millis(2));
        assert_eq!(world.requests(ApiKey::PRODUCE), 4);
        world.core.faults.held[0] = false;
        await_all(&mut world, &futures);
        world.run_for(secs(2));
    }
}

/// B09, U18: whatever the broker says of the producer, the records get there, in order and once.
#[test]
fn an_identity_that_is_refused_is_left_and_nothing_is_lost() {
    for code in [
        ErrorCode::UNKNOWN_PRODUCER_ID,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ] {
        for times in [1, 2, 7] {
            let mut world = world(1, single());
            world.core.faults.fail_produce("t", 0, code, times);
            let futures = send_all(&mut world, 0, 0..9);
            await_all(&mut world, &futures);
            assert_eq!(stored(&mut world, 0), (0..9).collect::<Vec<_>>(), "{code}, {times} times");
        }
    }
}

/// A broker that does not know the producer any more (`producer.id.expiration.ms`), and one that has lost part of the log
/// (an unclean election).
#[test]
fn a_broker_that_forgets_does_not_stop_the_producer() {
    for loses_log in [false, true] {
        let mut world = world(1, single());
        let futures = send_all(&mut world, 0, 0..9);
        await_all(&mut world, &futures);
        let log = &mut world.core.cluster.partition_mut("t", 0).unwrap().log;
        match loses_log {
            true => log.truncate(5),
            false => log.forget_producers(),
        }
        let more = send_all(&mut world, 0, 9..20);
        await_all(&mut world, &more);
        assert_stored_where_they_say(&mut world, &more, 9..20);
        let expected: Vec<u8> = if loses_log { (0..4).chain(9..20).collect() } else { (0..20).collect() };
        assert_eq!(stored(&mut world, 0), expected);
    }
}

/// A batch may have been written, and then the log is lost: to send it again under another identity could store it twice.
#[test]
fn what_may_have_been_written_is_not_sent_under_another_identity() {
    let mut world = world(1, single());
    let futures = send_all(&mut world, 0, 0..9);
    await_all(&mut world, &futures);
    world.core.faults.cut_produce_responses(None, 1);
    let unknown = send_all(&mut world, 0, 9..10);
    // It is stored, the answer is lost, and so is part of the log before it is sent again.
    world.settle();
    assert_eq!(stored(&mut world, 0).last(), Some(&9));
    world.core.cluster.partition_mut("t", 0).unwrap().log.truncate(5);
    let behind = send_all(&mut world, 0, 10..13);
    await_all(&mut world, &unknown);
    await_all(&mut world, &behind);
    let error = unknown[0].exception().unwrap();
    assert_eq!(error.certainty(), Certainty::MaybeWritten, "{error}");
    assert_eq!(error.broker_code(), Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_stored_where_they_say(&mut world, &behind, 10..13);
    assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 10, 11, 12]);
}

/// A batch that is refused for good leaves a gap, which no broker takes: those behind it get other numbers.
#[test]
fn what_is_behind_a_batch_that_is_refused_is_stored() {
    for code in [ErrorCode::INVALID_RECORD, ErrorCode::TOPIC_AUTHORIZATION_FAILED] {
        let mut world = world(1, single());
        world.core.faults.fail_produce("t", 0, code, 2);
        let futures = send_all(&mut world, 0, 0..12);
        await_all(&mut world, &futures);
        let failed: Vec<_> = futures.iter().filter(|future| future.failed()).collect();
        assert_eq!(failed.len(), 2);
        assert!(failed.iter().all(|future| future.exception().unwrap().certainty() == Certainty::NotWritten));
        assert_eq!(stored(&mut world, 0), (2..12).collect::<Vec<_>>(), "{code}");
    }
}

/// B12: what comes back for a batch that has expired is for nobody, and its numbers stay used.
#[test]
fn a_late_answer_changes_nothing() {
    let mut world = world(1, single().request_timeout(secs(30)).delivery_timeout(secs(30)));
    world.core.faults.held[0] = true;
    world.run_for(secs(1));
    let late = send_all(&mut world, 0, 0..3);
    world.run_for(millis(29_999));
    world.run_for(millis(2));
    let codes: Vec<_> = late.iter().map(FutureRecordMetadata::failed).collect();
    world.core.faults.held[0] = false;
    let more = send_all(&mut world, 0, 3..6);
    await_all(&mut world, &more);
    assert_eq!(codes, [true; 3]);
    assert!(late.iter().all(FutureRecordMetadata::failed));
    assert_stored_where_they_say(&mut world, &more, 3..6);
    assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 4, 5]);
    assert_eq!(world.accumulator.pool().used(), 0);
}

/// B13: the broker appends and says that its replicas are late.
#[test]
fn a_time_out_of_the_broker_uses_no_number_twice() {
    let mut world = world(1, single());
    world.core.faults.fail_produce("t", 0, ErrorCode::REQUEST_TIMED_OUT, 1);
    let first = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &first);
    let second = send_all(&mut world, 0, 1..2);
    await_all(&mut world, &second);
    assert_eq!(numbers(&mut world, 0).iter().map(|(_, _, base)| *base).collect::<Vec<_>>(), [0, 1, 2]);
}

/// B46, KIP-951: who leads now is told with the refusal, and is sent to without a pause.
#[test]
fn a_leader_that_is_told_of_is_sent_to_at_once() {
    let mut world = World::with_topic(2, 2, config().retry_backoff(secs(5)).retry_backoff_max(secs(5)));
    let (future, _) = (world.send(0, b"w"), world.settle());
    assert!(future.succeeded());
    let partition = world.core.cluster.partition_mut("t", 0).unwrap();
    partition.leader = 1;
    partition.leader_epoch += 1;
    let future = world.send(0, b"v");
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(future.succeeded() && took < millis(5), "{took:?}");
}

/// A broker forgets a producer that is at rest (`producer.id.expiration.ms`), and then takes any number as the first: of
/// five batches the second would be stored if the first is refused.
#[test]
fn after_a_rest_the_first_batch_is_under_way_alone() {
    let mut world = world(1, single());
    let futures = send_all(&mut world, 0, 0..5);
    await_all(&mut world, &futures);
    world.run_for(secs(2));
    world.core.cluster.partition_mut("t", 0).unwrap().log.forget_producers();
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    world.core.faults.held[0] = true;
    let more = send_all(&mut world, 0, 5..10);
    world.run_for(millis(10));
    world.core.faults.held[0] = false;
    await_all(&mut world, &more);
    assert!(more.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(stored(&mut world, 0), (0..10).collect::<Vec<_>>());
}

/// The same in a topic that is made anew, whose broker may not be ready for it yet.
#[test]
fn to_a_topic_that_is_made_anew_the_first_batch_is_under_way_alone() {
    for code in [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_ENOUGH_REPLICAS] {
        let mut world = world(1, single());
        let futures = send_all(&mut world, 0, 0..5);
        await_all(&mut world, &futures);
        assert!(world.core.cluster.delete_topic("t") && world.core.cluster.create_topic("t", 1));
        want(&mut world);
        world.run_for(millis(500));
        world.core.faults.fail_produce("t", 0, code, 1);
        world.core.faults.held[0] = true;
        let more = send_all(&mut world, 0, 5..10);
        world.run_for(millis(10));
        world.core.faults.held[0] = false;
        await_all(&mut world, &more);
        assert!(more.iter().all(FutureRecordMetadata::succeeded), "{code}");
        assert_eq!(stored(&mut world, 0), (5..10).collect::<Vec<_>>(), "{code}");
    }
}

/// The first is appended, and the broker can't say that enough replicas have it; the second is refused for good. The
/// first is sent again as it was, and the broker says that it has it.
#[test]
fn a_batch_that_is_refused_does_not_fail_the_one_before_it() {
    for code in [ErrorCode::REQUEST_TIMED_OUT, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND] {
        let mut world = world(1, single());
        let first = send_all(&mut world, 0, 0..1);
        await_all(&mut world, &first);
        world.core.faults.fail_produce("t", 0, code, 1);
        world.core.faults.fail_produce("t", 0, ErrorCode::INVALID_RECORD, 1);
        world.core.faults.held[0] = true;
        let futures = send_all(&mut world, 0, 1..5);
        world.run_for(millis(10));
        world.core.faults.held[0] = false;
        await_all(&mut world, &futures);
        let failed: Vec<_> = futures.iter().map(FutureRecordMetadata::failed).collect();
        assert_eq!(failed, [false, true, false, false], "{code}");
        assert_eq!(stored(&mut world, 0), [0, 1, 3, 4], "{code}");
    }
}

/// What is refused only because of the batch before it has not had its attempts.
#[test]
fn a_batch_that_waits_for_the_one_before_it_uses_up_no_retries() {
    let mut world = world(1, single().retries(2));
    let first = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &first);
    world.core.faults.held[0] = true;
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    let futures = send_all(&mut world, 0, 1..6);
    for _ in 0..2 {
        world.run_for(millis(10));
        world.core.faults.held[0] = false;
        world.run_for(millis(1));
        world.core.faults.held[0] = true;
        world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
        world.run_for(secs(1));
    }
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert!(matches!(futures[0].exception().unwrap().kind(), ErrorKind::RetriesUsedUp { .. }));
    assert!(futures[1..].iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(stored(&mut world, 0), [0, 2, 3, 4, 5]);
}

/// The second batch has waited for the first, and then fails once by itself.
#[test]
fn who_has_waited_for_another_batch_has_all_its_retries_left() {
    let mut world = world(1, single().retries(1));
    let first = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &first);
    let refuse = || MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(1);
    world.core.faults.held[0] = true;
    for rule in [refuse(), refuse().skip(3)] {
        world.core.faults.add(rule, Default::default);
    }
    let futures = send_all(&mut world, 0, 1..3);
    world.run_for(millis(10));
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert_eq!(world.core.counts.refused, 3, "the first, the second because of it, the second by itself");
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(stored(&mut world, 0), [0, 1, 2]);
}
