//! A partition with several batches under way, and the lists that partitions stand in.

use super::*;
use crate::client::{Leadership, NodeId, Outcome};
use crate::error::{Error, ErrorKind};
use crate::producer::batch::Ordinal;
use crate::producer::identity::{Identity, ProducerIds};
use crate::producer::partition::{Partition, PartitionState, SendRules};
use crate::producer::partitions::Partitions;
use crate::producer::result::BatchResult;
use crate::protocol::{InitProducerIdResponse, Uuid};
use crate::time::{Backoff, Deadline, Instant};

const NODE: NodeId = NodeId::Broker(1);

const STORED: BatchResult = BatchResult::Stored { base_offset: None, log_append_time: None };

/// A partition with a window of three, full, and the ordinals of what is under way.
fn full(source: &Source, records: u32) -> (Partition, Vec<Ordinal>) {
    let mut partition =
        Partition::new(Arc::clone(&source.queue), SendRules { window: 3, idempotence: false });
    let ordinals = (0..3).map(|_| {
        assert!(partition.has_room());
        partition.put_in_flight(source.batch(records).0, NODE, Instant::ZERO).ordinal()
    });
    let ordinals = ordinals.collect();
    assert!(!partition.has_room() && partition.waiting().is_none());
    (partition, ordinals)
}

fn take_all_waiting(partition: &mut Partition) -> Vec<Ordinal> {
    let mut taken = Vec::new();
    while let Some(batch) = partition.take_waiting() {
        taken.push(batch.ordinal());
        batch.complete(STORED);
    }
    taken
}

/// What was sent after one that is not over counts as long: that one may have to be sent again, and its broker must know
/// it then.
#[test]
fn batches_under_way_are_over_in_any_order_and_the_oldest_makes_room() {
    let source = Source::new();
    for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1]] {
        let (mut partition, ordinals) = full(&source, 1);
        let mut is_open = [true; 3];
        for index in order {
            let batch = partition.take(ordinals[index]).unwrap();
            assert_eq!(batch.ordinal(), ordinals[index]);
            assert!(partition.take(ordinals[index]).is_none());
            batch.complete(STORED);
            partition.clean_up();
            is_open[index] = false;
            assert_eq!(partition.has_room(), !is_open[0], "{order:?}");
        }
        assert!(!partition.is_busy() && partition.oldest().is_none());
    }
}

#[test]
fn batches_to_be_sent_again_go_in_the_order_in_which_they_first_went() {
    let source = Source::new();
    for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1]] {
        let (mut partition, ordinals) = full(&source, 1);
        for index in order {
            let batch = partition.take(ordinals[index]).unwrap();
            partition.put_waiting(batch);
        }
        assert_eq!(take_all_waiting(&mut partition), ordinals);
    }
}

/// The one between the two is still under way.
#[test]
fn of_batches_that_wait_the_oldest_goes_first_whatever_is_under_way() {
    let source = Source::new();
    let (mut partition, ordinals) = full(&source, 1);
    for index in [2, 0] {
        let batch = partition.take(ordinals[index]).unwrap();
        partition.put_waiting(batch);
    }
    let oldest = partition.take_waiting().unwrap();
    assert_eq!(oldest.ordinal(), ordinals[0]);
    partition.put_in_flight(oldest, NODE, Instant::ZERO);
    assert_eq!(take_all_waiting(&mut partition), ordinals[2..]);
}

#[test]
fn parts_of_a_batch_go_in_order_and_before_the_batches_behind_it() {
    let source = Source::new();
    let (mut partition, ordinals) = full(&source, 9);
    let last = partition.take(ordinals[2]).unwrap();
    partition.put_waiting(last);
    let mut parts = partition.take(ordinals[0]).unwrap().split(110, &ENCODING);
    let middle = parts.remove(1);
    let cut_again = middle.split(80, &ENCODING);
    assert!(parts.len() >= 2 && cut_again.len() >= 2, "{} and {}", parts.len(), cut_again.len());
    let mut expected = vec![parts[0].ordinal()];
    expected.extend(cut_again.iter().map(SealedBatch::ordinal));
    expected.extend(parts[1..].iter().map(SealedBatch::ordinal));
    expected.push(ordinals[2]);
    for part in parts.into_iter().chain(cut_again).rev() {
        partition.put_waiting(part);
    }
    assert_eq!(take_all_waiting(&mut partition), expected);
    assert!(partition.is_busy(), "one is still under way");
}

/// D8: a leader that can't be reached, while metadata loses and finds it again and again.
#[test]
fn a_partition_stands_once_in_the_list_of_its_leader() {
    let mut partitions = Partitions::new(SendRules { window: 1, idempotence: false });
    let source = Source::new();
    let queues = (0..3).map(|index| {
        let topic_partition = source.queue.topic_partition();
        let (topic, partition) = (Arc::clone(&topic_partition.topic), index as i32);
        Arc::new(PartitionQueue::new(index, crate::topic_partition::TopicPartition { topic, partition }))
    });
    for queue in queues {
        partitions.meet(&queue);
    }
    for _ in 0..1000 {
        for state in [
            PartitionState::Ready(NODE),
            PartitionState::Leaderless,
            PartitionState::Ready(NODE),
            PartitionState::Ready(NODE),
        ] {
            (0..3).for_each(|index| partitions.set_state(index, state, Deadline::NEVER));
        }
    }
    assert_eq!(partitions.with_or_without_leader(), [0, 1, 2]);
    for expected in 0..3 {
        assert_eq!(partitions.first_ready(NODE, u64::MAX), Some(expected));
        partitions.set_state(expected, PartitionState::Idle, Deadline::NEVER);
    }
    assert_eq!((partitions.first_ready(NODE, u64::MAX), partitions.nodes()), (None, Vec::new()));
}

/// A partition with idempotence, and the ordinals of batches under way, of two records each.
pub(super) fn numbered(source: &Source, batches: usize) -> (Partition, Vec<Ordinal>) {
    let send_rules = SendRules { window: 5, idempotence: true };
    let mut partition = Partition::new(Arc::clone(&source.queue), send_rules);
    assert_eq!(partition.lacks_identity(), Some(None));
    partition.begin(Identity { producer_id: 7, epoch: 0 });
    let first = partition.put_in_flight(source.batch(2).0, NODE, Instant::ZERO).ordinal();
    assert!(!partition.has_room(), "the first goes alone");
    let first = partition.take(first).unwrap();
    partition.stored(&first, Instant::ZERO);
    first.complete(STORED);
    partition.clean_up();
    let ordinals = (0..batches).map(|_| {
        assert!(partition.has_room());
        partition.put_in_flight(source.batch(2).0, NODE, Instant::ZERO).ordinal()
    });
    let ordinals = ordinals.collect();
    (partition, ordinals)
}

/// Attempts of all are over: each waits, and may have been written or not.
fn come_back(partition: &mut Partition, ordinals: &[Ordinal], maybe_written: &[bool]) {
    for (ordinal, maybe_written) in ordinals.iter().zip(maybe_written) {
        let mut batch = partition.take(*ordinal).unwrap();
        batch.attempt_failed(Error::new(ErrorKind::Closed), *maybe_written);
        partition.put_waiting(batch);
    }
}

fn numbers_of_waiting(partition: &mut Partition) -> Vec<Option<(i16, i32)>> {
    let mut numbers = Vec::new();
    while let Some(batch) = partition.take_waiting() {
        let ordinal = partition.put_in_flight(batch, NODE, Instant::ZERO).ordinal();
        let batch = partition.take(ordinal).unwrap();
        numbers.push(batch.sequence().map(|sequence| (sequence.producer_epoch, sequence.base)));
        batch.complete(STORED);
    }
    numbers
}

#[test]
fn a_batch_keeps_its_numbers_however_often_it_is_sent() {
    let source = Source::new();
    let (mut partition, ordinals) = numbered(&source, 3);
    come_back(&mut partition, &ordinals, &[true, false, true]);
    assert!(partition.clean_up().is_empty());
    assert_eq!(numbers_of_waiting(&mut partition), [Some((0, 2)), Some((0, 4)), Some((0, 6))]);
}

#[test]
fn parts_share_the_numbers_of_the_whole() {
    let source = Source::new();
    let (mut partition, ordinals) = numbered(&source, 2);
    let parts = partition.take(ordinals[0]).unwrap().split(1, &ENCODING);
    parts.into_iter().for_each(|part| partition.put_waiting(part));
    assert_eq!(numbers_of_waiting(&mut partition), [Some((0, 2)), Some((0, 3))]);
}

#[test]
fn a_new_beginning_waits_until_nothing_is_under_way_and_fails_what_may_have_been_written() {
    let source = Source::new();
    let (mut partition, ordinals) = numbered(&source, 4);
    come_back(&mut partition, &ordinals[1..], &[false, true, false]);
    partition.note_gap(ordinals[0]);
    assert!(partition.clean_up().is_empty() && !partition.has_room(), "the first is under way");
    come_back(&mut partition, &ordinals[..1], &[false]);
    let unknown: Vec<_> = partition.clean_up().iter().map(SealedBatch::ordinal).collect();
    assert_eq!(unknown, [ordinals[2]]);
    assert!(partition.has_room());
    assert_eq!(numbers_of_waiting(&mut partition), [Some((1, 0)), Some((1, 2)), Some((1, 4))]);
}

/// The broker has the first, or may have it, and would say so; the second is refused for good.
#[test]
fn what_comes_before_a_gap_is_sent_again_as_it_was() {
    let source = Source::new();
    for maybe_written in [true, false] {
        let (mut partition, ordinals) = numbered(&source, 3);
        come_back(&mut partition, &ordinals[..1], &[maybe_written]);
        let refused = partition.take(ordinals[1]).unwrap();
        partition.note_missing(&refused);
        refused.complete(STORED);
        come_back(&mut partition, &ordinals[2..], &[false]);
        assert!(partition.clean_up().is_empty());
        assert!(partition.has_room());
        let first = partition.take_waiting().unwrap();
        let first = partition.put_in_flight(first, NODE, Instant::ZERO);
        assert_eq!(first.sequence().map(|sequence| (sequence.producer_epoch, sequence.base)), Some((0, 2)));
        assert!(!partition.has_room(), "what is behind the gap waits");
        let first = partition.take(ordinals[0]).unwrap();
        partition.stored(&first, Instant::ZERO);
        first.complete(STORED);
        assert!(partition.clean_up().is_empty() && partition.has_room());
        assert_eq!(numbers_of_waiting(&mut partition), [Some((1, 0))]);
    }
}

/// A broker that knows nothing of the producer takes any number as the first.
#[test]
fn where_a_broker_may_have_forgotten_the_producer_the_first_batch_is_under_way_alone() {
    let source = Source::new();
    let leadership = |topic_id, leader, epoch| {
        Some(Leadership {
            topic_id: Uuid([topic_id; 16]),
            leader: NodeId::Broker(leader),
            epoch: Some(epoch),
        })
    };
    let before = leadership(1, 1, 5);
    let second = Duration::from_secs(1);
    for (now, rest, alone) in [
        (before, second, false),
        (before, second + Duration::from_millis(1), true),
        (leadership(2, 1, 5), second, true),
        (leadership(1, 2, 5), second, true),
        (leadership(1, 1, 6), second, true),
    ] {
        let (mut partition, _) = numbered(&source, 0);
        partition.led_from(before);
        let sent = partition.put_in_flight(source.batch(1).0, NODE, Instant::ZERO).ordinal();
        let batch = partition.take(sent).unwrap();
        partition.stored(&batch, Instant::ZERO);
        batch.complete(STORED);
        partition.led_from(now);
        partition.put_in_flight(source.batch(1).0, NODE, Instant::ZERO + rest);
        assert_eq!(partition.has_room(), !alone, "{now:?}, {rest:?}");
    }
}

#[test]
fn what_was_given_up_stays_only_as_long_as_those_behind_it_need_it() {
    let source = Source::new();
    for needed in [true, false] {
        let (mut partition, ordinals) = numbered(&source, 2);
        come_back(&mut partition, &ordinals, &[true, needed]);
        let late = partition.late_to_stay(|_| true);
        late.take(1).for_each(|batch| batch.give_up(Error::new(ErrorKind::Closed)));
        assert!(partition.clean_up().is_empty());
        let expected: &[_] = if needed { &[Some((0, 2)), Some((0, 4))] } else { &[Some((1, 0))] };
        assert_eq!(numbers_of_waiting(&mut partition), expected, "needed: {needed}");
    }
}

#[test]
fn a_partition_whose_epochs_are_used_up_wants_another_id() {
    let source = Source::new();
    let (mut partition, ordinals) = numbered(&source, 1);
    partition.begin(Identity { producer_id: 7, epoch: i16::MAX });
    come_back(&mut partition, &ordinals, &[false]);
    partition.note_gap(ordinals[0]);
    partition.clean_up();
    assert_eq!(partition.lacks_identity(), Some(Some(7)));
    let mut ids =
        ProducerIds::new(Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(1) });
    let (now, mut random) = (Instant::ZERO, fastrand::Rng::with_seed(1));
    let mut give = |ids: &mut ProducerIds, spent, producer_id| {
        assert_eq!((ids.identity(spent), ids.next_request_at().has_passed(now)), (None, true));
        ids.ask();
        assert!(ids.next_request_at() == Deadline::NEVER, "it is asked once");
        let response = InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() };
        ids.answered(Outcome::Answered(response), &ClusterMetadata::default(), now, &mut random);
    };
    give(&mut ids, None, 7);
    give(&mut ids, Some(7), 8);
    // Another partition whose epochs are used up takes what is there.
    assert_eq!(ids.identity(Some(7)), Some(Identity { producer_id: 8, epoch: 0 }));
    assert!(ids.next_request_at() == Deadline::NEVER);
}
