//! The log of one partition: batches as they were sent, with the offsets they were given.

use std::mem;

use crate::mock::MockRecord;
use crate::mock::producers::{Decision, Producers};
use crate::record::{BatchError, BatchHeader, read_batches, split_batches};

#[derive(Clone, Default)]
pub(super) struct PartitionLog {
    batches: Vec<StoredBatch>,
    next_offset: i64,
    producers: Producers,
}

#[derive(Clone)]
struct StoredBatch {
    base_offset: i64,
    /// As sent, so with 0 for its base offset.
    bytes: Vec<u8>,
}

impl PartitionLog {
    /// What the partition's producers have to say to a batch.
    pub(super) fn decide(&self, header: &BatchHeader) -> Decision {
        self.producers.decide(header)
    }

    /// Appends a batch that was found to be in order, and returns the offset of its first record.
    pub(super) fn append(&mut self, header: &BatchHeader, bytes: &[u8]) -> i64 {
        let base_offset = self.count(header);
        self.batches.push(StoredBatch { base_offset, bytes: bytes.to_vec() });
        base_offset
    }

    /// Whether its producer is known here, or this is what a producer begins with.
    pub(super) fn may_begin(&self, header: &BatchHeader) -> bool {
        header.base_sequence <= 0 || self.producers.knows(header.producer_id)
    }

    /// As [`PartitionLog::append`], but keeps nothing but the count.
    pub(super) fn count(&mut self, header: &BatchHeader) -> i64 {
        let base_offset = self.next_offset;
        self.next_offset += i64::from(header.record_count);
        self.producers.appended(header, base_offset);
        base_offset
    }

    /// As if all of them had been idle for too long.
    pub(super) fn forget_producers(&mut self) {
        self.producers = Producers::default();
    }

    /// Of the batch with the record at `offset`; the end if there is none.
    #[cfg(test)]
    pub(super) fn start_of_batch(&self, offset: i64) -> i64 {
        let batch = self.batches.iter().rev().find(|batch| batch.base_offset <= offset);
        if offset < self.next_offset { batch.map_or(0, |batch| batch.base_offset) } else { self.next_offset }
    }

    /// Loses the batches that do not lie wholly below `offset`, and what was learnt from them about producers.
    pub(super) fn truncate(&mut self, offset: i64) {
        let kept = mem::take(self).batches;
        for batch in kept {
            for raw in split_batches(&batch.bytes).flatten() {
                if batch.base_offset + i64::from(raw.header.record_count) > offset {
                    return;
                }
                self.append(&raw.header, &batch.bytes);
            }
        }
    }

    /// The offset up to which both hold the same batches.
    #[cfg(test)]
    pub(super) fn in_common(&self, other: &Self) -> i64 {
        let pairs = self.batches.iter().zip(&other.batches);
        let same = pairs.take_while(|(ours, theirs)| ours.bytes == theirs.bytes).count();
        self.batches.get(same).map_or(self.next_offset, |batch| batch.base_offset)
    }

    /// The offset that the next record gets, which is also how many there are.
    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// What brokers hand out to those who read: each batch's first offset, and its bytes as they were sent.
    #[cfg(test)]
    pub(super) fn raw(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.batches.iter().map(|batch| (batch.base_offset, &batch.bytes[..]))
    }

    #[cfg(test)]
    pub(super) fn headers(&self) -> Vec<BatchHeader> {
        let batches = self.batches.iter().flat_map(|stored| split_batches(&stored.bytes).flatten());
        batches.map(|batch| batch.header).collect()
    }

    pub(super) fn records(&self) -> Result<Vec<MockRecord>, BatchError> {
        let mut records = Vec::new();
        for stored in &self.batches {
            for batch in read_batches(&stored.bytes) {
                records.extend(batch?.records.into_iter().map(|record| MockRecord {
                    offset: stored.base_offset + i64::from(record.offset_delta),
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                    headers: record.headers,
                }));
            }
        }
        Ok(records)
    }
}
