//! What a partition remembers of its idempotent producers (KIP-98, KIP-360): by it a broker tells a batch that was sent
//! again, or one before which another is missing, from the one that comes next.
//!
//! The rules are those of Kafka 4.3's `ProducerAppendInfo` and `ProducerStateEntry`.

use std::collections::{HashMap, VecDeque};

use crate::protocol::ErrorCode;
use crate::record::BatchHeader;

#[cfg(test)]
mod tests;

/// The producers of one partition, by their ids.
#[derive(Clone, Default)]
pub(super) struct Producers(HashMap<i64, Producer>);

#[derive(Clone)]
struct Producer {
    epoch: i16,
    /// The last ones of this epoch, oldest first; never empty.
    batches: VecDeque<Appended>,
}

#[derive(Clone)]
struct Appended {
    first: i32,
    last: i32,
    base_offset: i64,
    max_timestamp: i64,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Append,
    /// It was appended before, at this offset, and the producer is told that; and, as if it were the time at which it was
    /// appended, the time of its newest record.
    Duplicate {
        base_offset: i64,
        max_timestamp: i64,
    },
    Refuse(ErrorCode),
}

impl Producers {
    pub(super) fn decide(&self, header: &BatchHeader) -> Decision {
        // An unknown producer may begin with any sequence: what it wrote before may have expired.
        let Some(producer) = self.0.get(&header.producer_id) else { return Decision::Append };
        let (first, last) = sequences(header);
        if header.producer_epoch == producer.epoch {
            let same = |batch: &&Appended| (batch.first, batch.last) == (first, last);
            if let Some(&Appended { base_offset, max_timestamp, .. }) = producer.batches.iter().find(same) {
                return Decision::Duplicate { base_offset, max_timestamp };
            }
        }
        if header.producer_epoch < producer.epoch {
            return Decision::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let expected = match producer.batches.back() {
            Some(batch) if header.producer_epoch == producer.epoch => after(batch.last, 1),
            _ => 0,
        };
        // An epoch of -1 says that a producer has none.
        if first == expected || producer.epoch == NO_EPOCH {
            Decision::Append
        } else {
            Decision::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        }
    }

    pub(super) fn knows(&self, producer_id: i64) -> bool {
        self.0.contains_key(&producer_id)
    }

    /// Takes note of a batch that was appended.
    pub(super) fn appended(&mut self, header: &BatchHeader, base_offset: i64) {
        if header.producer_id < 0 {
            return;
        }
        let epoch = header.producer_epoch;
        let new = || Producer { epoch, batches: VecDeque::with_capacity(BATCHES_KEPT) };
        let producer = self.0.entry(header.producer_id).or_insert_with(new);
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        let (first, last) = sequences(header);
        let max_timestamp = header.max_timestamp;
        producer.batches.push_back(Appended { first, last, base_offset, max_timestamp });
    }
}

/// Of the first and the last record.
fn sequences(header: &BatchHeader) -> (i32, i32) {
    (header.base_sequence, after(header.base_sequence, header.last_offset_delta))
}

/// Sequences are 31 bits wide: 0 follows 2,147,483,647.
fn after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

const NO_EPOCH: i16 = -1;
/// So many batches of a producer may be under way at once.
const BATCHES_KEPT: usize = 5;
