//! The rules one by one.

use super::*;
use crate::record::Attributes;
use Decision::{Append, Duplicate, Refuse};

const PRODUCER: i64 = 7;
const GAP: Decision = Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
const OLD_EPOCH: Decision = Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);

fn header(epoch: i16, base_sequence: i32, record_count: i32) -> BatchHeader {
    BatchHeader {
        base_offset: 0,
        len: 0,
        partition_leader_epoch: 0,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: record_count - 1,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: PRODUCER,
        producer_epoch: epoch,
        base_sequence,
        record_count,
    }
}

/// A partition, and its next offset.
#[derive(Default)]
struct Log(Producers, i64);

impl Log {
    /// Sends batches of (epoch, first sequence, count) and gives back what became of each.
    fn send<const N: usize>(&mut self, batches: [(i16, i32, i32); N]) -> [Decision; N] {
        batches.map(|(epoch, sequence, count)| {
            let header = header(epoch, sequence, count);
            let decision = self.0.decide(&header);
            if decision == Append {
                self.0.appended(&header, self.1);
                self.1 += i64::from(count);
            }
            decision
        })
    }
}

const fn duplicate(base_offset: i64) -> Decision {
    Duplicate { base_offset, max_timestamp: 0 }
}

#[test]
fn what_follows_is_appended_and_what_leaves_a_gap_is_not() {
    let sent = Log::default().send([(0, 0, 10), (0, 10, 1), (0, 12, 1), (0, 11, 3), (0, 13, 1), (0, 14, 1)]);
    assert_eq!(sent, [Append, Append, GAP, Append, GAP, Append]);
}

#[test]
fn the_last_five_batches_are_known_again() {
    let mut log = Log::default();
    assert_eq!(log.send([(0, 0, 2), (0, 2, 2), (0, 4, 2), (0, 6, 2), (0, 8, 2), (0, 10, 2)]), [Append; 6]);
    let again = log.send([(0, 10, 2), (0, 2, 2), (0, 6, 2), (0, 0, 2)]);
    assert_eq!(again, [duplicate(10), duplicate(2), duplicate(6), GAP]);
    // Only with the very same records: a part, or two of them in one, is no duplicate.
    assert_eq!(log.send([(0, 10, 1), (0, 8, 4), (0, 11, 1)]), [GAP; 3]);
    assert_eq!(log.send([(0, 12, 1)]), [Append]);
}

#[test]
fn an_unknown_producer_begins_anywhere() {
    for first in [0, 1, 1000, i32::MAX] {
        assert_eq!(Log::default().send([(3, first, 1), (3, first, 1)]), [Append, duplicate(0)]);
    }
}

#[test]
fn producers_know_nothing_of_each_other() {
    let mut log = Log::default();
    log.send([(0, 0, 1)]);
    let other = BatchHeader { producer_id: 8, ..header(0, 0, 1) };
    assert_eq!(log.0.decide(&other), Append);
    // Without an id there is nothing to go by.
    let none = BatchHeader { producer_id: -1, ..header(-1, -1, 1) };
    log.0.appended(&none, 1);
    assert_eq!(log.0.decide(&none), Append);
}

#[test]
fn a_new_epoch_begins_at_0_and_ends_the_old_one() {
    let mut log = Log::default();
    assert_eq!(log.send([(0, 0, 5), (1, 5, 1), (1, 1, 1), (1, 0, 5)]), [Append, GAP, GAP, Append]);
    // The old epoch's batches are forgotten, so they are no duplicates either.
    assert_eq!(log.send([(0, 0, 5), (0, 5, 1), (1, 0, 5)]), [OLD_EPOCH, OLD_EPOCH, duplicate(5)]);
    // Epochs may be left out.
    assert_eq!(log.send([(i16::MAX, 0, 1), (1, 5, 1)]), [Append, OLD_EPOCH]);
}

#[test]
fn sequences_go_on_at_0_after_the_largest() {
    let mut log = Log::default();
    assert_eq!(log.send([(0, i32::MAX, 1), (0, 0, 1), (0, 1, 1)]), [Append; 3]);
    let mut log = Log::default();
    // The last one has sequences 2^31 - 2, 2^31 - 1, 0 and 1.
    assert_eq!(log.send([(0, i32::MAX - 2, 1), (0, i32::MAX - 1, 4)]), [Append; 2]);
    assert_eq!(log.send([(0, 0, 1), (0, i32::MIN, 1), (0, 3, 1), (0, 2, 1)]), [GAP, GAP, GAP, Append]);
    assert_eq!(log.send([(0, i32::MAX - 1, 4), (0, i32::MAX - 2, 1)]), [duplicate(1), duplicate(0)]);
}

#[test]
fn an_epoch_of_minus_one_is_none() {
    assert_eq!(Log::default().send([(-1, 0, 1), (-1, 5, 1), (-1, 5, 1)]), [Append, Append, duplicate(1)]);
}
