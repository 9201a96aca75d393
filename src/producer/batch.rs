//! A batch of records of one partition, and its states.
//!
//! ```text
//!             append                 seal                     drain              answer
//!   OpenBatch ───────▶ OpenBatch ─────────────────▶ SealedBatch ─────▶ in flight ───────▶ done
//!    grows while it can't go        payload immutable     ▲      ▲         │
//!                                                         │      └─────────┘ retry: the same bytes again
//!                                                         └── split: refused as too large, cut up
//! ```
//!
//! Sealing compresses the batch if a codec is set. A full batch is sealed by the thread that filled it, outside the queue's
//! lock (`sealing.rs`). A batch that is sent before it is full is sealed by the sender.
//!
//! Each state has its own type: a batch that grows has no checksum yet, and a batch with a checksum can't be changed.

use std::sync::Arc;

use crate::error::{BrokerTrouble, Error};
use crate::metrics::SentBatch;
use crate::producer::buffer::{self, PooledBuffer};
use crate::producer::completion::Completion;
use crate::producer::future::{FutureRecordMetadata, Sizes};
use crate::producer::numbering::after;
use crate::producer::result::{BatchResult, ResultSlot};
use crate::protocol::{Chunks, Segments};
use crate::record::{
    self, Attributes, BATCH_HEADER_LEN, BatchHead, Codec, Compression, Part, RecordFields, RecordSize,
    Sequence, checksum, decompress, encode_record, with_compressor,
};
use crate::time::Instant;

/// A batch that accepts records. It is a chain of pool buffers, so growing copies nothing, and a small batch takes little
/// memory.
pub(crate) struct OpenBatch {
    buffers: Vec<PooledBuffer>,
    bytes: usize,
    records: u32,
    largest_record: usize,
    base_timestamp: i64,
    max_timestamp: i64,
    created: Instant,
    /// The time of the wall clock, which every `send` reads anyway. It only limits how long the batch grows.
    created_wall: i64,
    flush_epoch: u64,
    max_records: u32,
    waits_for_flush: bool,
    is_urgent: bool,
    slot: Arc<ResultSlot>,
    completion: Completion,
}

/// What is needed to make a batch.
pub(crate) struct NewBatch {
    pub(crate) now: Instant,
    pub(crate) wall: i64,
    pub(crate) flush_epoch: u64,
    pub(crate) max_records: u32,
    /// It is sent after a flush, and not before.
    pub(crate) waits_for_flush: bool,
    pub(crate) slot: Arc<ResultSlot>,
    pub(crate) completion: Completion,
}

impl OpenBatch {
    pub(crate) fn new(new_batch: NewBatch, first: PooledBuffer) -> Self {
        let NewBatch { now, wall, flush_epoch, max_records, waits_for_flush, slot, completion } = new_batch;
        Self {
            buffers: vec![first],
            bytes: 0,
            records: 0,
            largest_record: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            created: now,
            created_wall: wall,
            flush_epoch,
            max_records,
            waits_for_flush,
            is_urgent: false,
            slot,
            completion,
        }
    }

    /// Appends if the last buffer has room. A record never spans two buffers.
    #[inline]
    pub(crate) fn try_append(
        &mut self,
        size: RecordSize,
        timestamp: i64,
        fields: &RecordFields<'_>,
    ) -> Option<FutureRecordMetadata> {
        let index = self.records;
        if index == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        let delta = timestamp.wrapping_sub(self.base_timestamp);
        let needed = size.exactly(delta, index as i32);
        let last = self.buffers.last_mut()?;
        if last.room() < needed {
            return None;
        }
        encode_record(last.bytes_mut(), size, delta, index as i32, fields);
        self.bytes += needed;
        self.records += 1;
        // Not `max`, which would write for each record.
        if needed > self.largest_record {
            self.largest_record = needed;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let len = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i32);
        let sizes = Sizes { key: len(fields.key), value: len(fields.value) };
        Some(FutureRecordMetadata::new(Arc::clone(&self.slot), index, timestamp, sizes))
    }

    pub(crate) fn add_buffer(&mut self, buffer: PooledBuffer) {
        self.buffers.push(buffer);
    }

    /// Whether it may grow by a record of `bytes` now: it is below the limits, not too old, and not closed by a `flush`.
    #[inline]
    pub(crate) fn accepts(&self, bytes: usize, growth: &Growth) -> bool {
        self.len() + bytes <= growth.max_bytes
            && self.records < self.max_records
            && self.flush_epoch == growth.flush_epoch
            // Another thread may have opened the batch after this one has read the clock. That makes a negative age.
            && growth.wall.abs_diff(self.created_wall) <= growth.max_age_millis as u64
    }

    /// The size in bytes as it will be sent, header included.
    pub(crate) fn len(&self) -> usize {
        BATCH_HEADER_LEN + self.bytes
    }

    /// The size of the next buffer. It doubles the size of the batch, so that partitions with few records take little
    /// memory. It does not depend on the size of the last buffer, which may be smaller than wanted.
    pub(crate) fn next_buffer(&self, most: usize) -> usize {
        let room = self.buffers.last().map_or(0, PooledBuffer::room);
        (self.bytes + room + 1).next_power_of_two().min(most)
    }

    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// Stores the number of records for reports and errors. It is not counted while the batch grows. It is called for a
    /// report, and under the queue's lock when the batch leaves the queue.
    pub(crate) fn note_records(&self) {
        self.slot.note_records(self.records);
    }

    /// Whether it does not wait for more records. `several` says whether another batch is behind it.
    pub(crate) fn is_full(&self, several: bool, full_size: usize, flush_epoch: u64) -> bool {
        let has_enough = several || self.len() >= full_size || self.records >= self.max_records;
        self.flush_epoch != flush_epoch || (has_enough && !self.waits_for_flush)
    }

    /// Whether it is full because one more record of `bytes` would exceed a limit. Then it can be compressed.
    pub(crate) fn has_no_room(&self, bytes: usize, growth: &Growth) -> bool {
        (self.len() + bytes > growth.max_bytes || self.records >= self.max_records) && !self.waits_for_flush
    }

    pub(crate) fn slot(&self) -> &ResultSlot {
        &self.slot
    }

    /// A thread waits for the result.
    pub(crate) fn hasten(&mut self) {
        self.is_urgent = true;
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// The number of the batch within its producer.
    pub(crate) fn batch_id(&self) -> u64 {
        self.completion.batch_id()
    }

    pub(crate) fn ordinal(&self) -> Ordinal {
        Ordinal::of(self.batch_id())
    }

    /// The compressed records, if they are smaller. This takes long, so it must not be done under a lock.
    pub(crate) fn compress(&self, encoding: &Encoding) -> Option<Vec<u8>> {
        let chunks = self.buffers.iter().map(PooledBuffer::bytes);
        compress(chunks, self.bytes, encoding)
    }

    /// Ends the growth. It computes a checksum of all records, so it must not be done under a lock.
    pub(crate) fn seal(self, encoding: &Encoding, compressed: Option<Vec<u8>>) -> SealedBatch {
        let (buffers, len, attributes) = match compressed {
            None => (self.buffers, self.bytes, 0),
            Some(bytes) => {
                let (buffers, len) = (buffer::refill(self.buffers, &bytes), bytes.len());
                with_compressor(|compressor| compressor.keep(bytes));
                (buffers, len, encoding.compression.attributes())
            }
        };
        let payload = Payload { buffers, len };
        let crc = checksum(&payload);
        SealedBatch {
            payload: Arc::new(payload),
            uncompressed: self.bytes,
            largest_record: self.largest_record,
            crc,
            head: BatchHead {
                attributes,
                records: self.records,
                base_timestamp: self.base_timestamp,
                max_timestamp: self.max_timestamp,
            },
            ordinal: Ordinal::of(self.completion.batch_id()),
            created: self.created,
            attempts: 0,
            excused: 0,
            sequence: None,
            maybe_written: false,
            last_error: None,
            completion: Some(self.completion),
        }
    }
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) compression: Compression,
    /// `None` is the default of the codec.
    pub(crate) level: Option<i32>,
}

/// Compresses `len` bytes of records. `None` if the result is not smaller.
fn compress<'a>(
    mut chunks: impl Iterator<Item = &'a [u8]>,
    len: usize,
    encoding: &Encoding,
) -> Option<Vec<u8>> {
    let codec = encoding.compression.codec();
    if codec == Codec::NONE {
        return None;
    }
    let mut out = with_compressor(|compressor| compressor.output(len / 2));
    let compressed =
        with_compressor(|compressor| compressor.compress(codec, encoding.level, &mut chunks, &mut out));
    if let Err(error) = compressed {
        log::error!("a batch is sent uncompressed: {error}");
        return None;
    }
    if out.len() < len {
        return Some(out);
    }
    with_compressor(|compressor| compressor.keep(out));
    None
}

/// What decides whether an open batch accepts one more record.
pub(crate) struct Growth {
    /// The size limit of a batch, header included.
    pub(crate) max_bytes: usize,
    pub(crate) max_age_millis: i64,
    pub(crate) wall: i64,
    pub(crate) flush_epoch: u64,
}

/// The position of a batch among those of its partition: its batch id, and for a part of a batch that was split the index
/// of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ordinal {
    batch_id: u64,
    first_record: u32,
}

impl Ordinal {
    /// Whether the batch was made before the one with this number.
    pub(crate) fn is_below(self, batch_id: u64) -> bool {
        self.batch_id < batch_id
    }

    pub(super) const fn of(batch_id: u64) -> Self {
        Self { batch_id, first_record: 0 }
    }
}

/// A batch that can be sent, any number of times.
pub(crate) struct SealedBatch {
    ordinal: Ordinal,
    payload: Arc<Payload>,
    /// The size of the records before compression.
    uncompressed: usize,
    /// The size of the largest record before compression. For a part, it is that of the whole batch.
    largest_record: usize,
    crc: u32,
    head: BatchHead,
    created: Instant,
    /// For a part, those of the whole batch too.
    attempts: u32,
    /// The attempts that do not count.
    excused: u32,
    /// With idempotence, from the first attempt on. It is the same for each attempt.
    sequence: Option<Sequence>,
    maybe_written: bool,
    last_error: Option<Error>,
    /// `None` after it was given up while in flight.
    completion: Option<Completion>,
}

impl SealedBatch {
    pub(crate) fn ordinal(&self) -> Ordinal {
        self.ordinal
    }

    /// The header for one attempt, followed by the shared records.
    pub(crate) fn segments(&self) -> Segments {
        let mut segments = Segments::default();
        segments.push_bytes(&self.head.encode(self.payload.len, self.crc, self.sequence));
        segments.push_shared(Arc::clone(&self.payload) as Arc<dyn Chunks>);
        segments
    }

    pub(crate) fn len(&self) -> usize {
        BATCH_HEADER_LEN + self.payload.len
    }

    /// The batch for metrics, when it is sent at `now`.
    pub(crate) fn sent<'a>(&self, topic: &'a Arc<str>, now: Instant) -> SentBatch<'a> {
        SentBatch {
            topic,
            records: self.head.records,
            bytes: self.len(),
            record_bytes: self.uncompressed,
            header_bytes: BATCH_HEADER_LEN,
            largest_record: self.largest_record,
            queued: (self.attempts == 1).then(|| now.since(self.created)),
        }
    }

    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// The attempts that count.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts - self.excused
    }

    /// The timestamp of the newest record.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.head.max_timestamp
    }

    /// The sequence number by which brokers recognize it, once it was sent.
    pub(crate) fn sequence(&self) -> Option<Sequence> {
        self.sequence
    }

    pub(crate) fn number(&mut self, sequence: Option<Sequence>) {
        self.sequence = sequence;
    }

    /// Whether an attempt before the current one may have written it.
    pub(crate) fn is_maybe_written(&self) -> bool {
        self.maybe_written
    }

    /// An attempt begins. Until it ends, reports and errors name `broker`.
    pub(crate) fn begin_attempt(&mut self, broker: &Arc<BrokerTrouble>) {
        self.attempts += 1;
        if let Some(completion) = &self.completion {
            completion.slot.note_attempt(Arc::clone(broker));
        }
    }

    /// The attempt that has just ended does not count, because the batch was refused because of others.
    pub(crate) fn excuse_attempt(&mut self) {
        self.excused = self.attempts.min(self.excused + 1);
    }

    pub(crate) fn note_maybe_written(&mut self, maybe_written: bool) {
        self.maybe_written |= maybe_written;
    }

    /// Stores the error of an attempt, in case it was the last.
    pub(crate) fn attempt_failed(&mut self, error: Error, maybe_written: bool) {
        self.maybe_written |= maybe_written;
        let error = match &self.completion {
            Some(completion) => error.at(completion.slot.topic_partition()),
            None => error,
        };
        if let Some(completion) = &self.completion {
            completion.slot.note_failure(&error);
        }
        self.last_error = Some(error);
    }

    pub(crate) fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    pub(crate) fn records(&self) -> u32 {
        self.head.records
    }

    /// Splits it into batches of at most `max_bytes`, header included, and at least two. A record that is larger stays
    /// alone. A batch that can't be read, or that has a single record, is returned unchanged.
    ///
    /// For compressed records the size is estimated from how well they were compressed together, so parts may be split
    /// again.
    pub(crate) fn split(self, max_bytes: usize, encoding: &Encoding) -> Vec<Self> {
        let Some(parts) = self.parts(max_bytes) else { return vec![self] };
        let Self { ordinal, payload, created, attempts, sequence, maybe_written, last_error, .. } = self;
        let (largest_record, completion) = (self.largest_record, self.completion);
        let Some(completion) = completion else { return Vec::new() };
        let sizes: Vec<u32> = parts.iter().map(|part| part.records).collect();
        let (heads, bytes): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|part| {
                let Part { bytes, records, base_timestamp, max_timestamp } = part;
                let uncompressed = bytes.len();
                let mut compressed = compress(std::iter::once(&bytes[..]), bytes.len(), encoding);
                // It replaces the memory that it was made from, and may have much more room.
                compressed.iter_mut().for_each(Vec::shrink_to_fit);
                let attributes = if compressed.is_some() { encoding.compression.attributes() } else { 0 };
                let head = BatchHead { attributes, records, base_timestamp, max_timestamp };
                ((head, uncompressed), compressed.unwrap_or(bytes))
            })
            .unzip();
        let buffers = match Arc::try_unwrap(payload) {
            Ok(payload) => buffer::replace(payload.buffers, bytes),
            // A request that is being given up still holds the payload.
            Err(payload) => buffer::beside(&payload.buffers, bytes),
        };
        let mut first_record = ordinal.first_record;
        let part = |(((head, uncompressed), buffer), completion): (((BatchHead, usize), PooledBuffer), _)| {
            let payload = Payload { len: buffer.bytes().len(), buffers: vec![buffer] };
            let crc = checksum(&payload);
            let (last_error, completion) = (last_error.clone(), Some(completion));
            let before = first_record - ordinal.first_record;
            // The parts have the sequence numbers of the whole batch, because later batches have theirs already.
            let sequence =
                sequence.map(|sequence| Sequence { base: after(sequence.base, before), ..sequence });
            let ordinal = Ordinal { first_record, ..ordinal };
            first_record += head.records;
            Self {
                ordinal,
                payload: Arc::new(payload),
                uncompressed,
                largest_record,
                crc,
                head,
                created,
                attempts,
                // A part has all its retries.
                excused: attempts,
                sequence,
                maybe_written,
                last_error,
                completion,
            }
        };
        heads.into_iter().zip(buffers).zip(completion.split(&sizes)).map(part).collect()
    }

    fn parts(&self, max_bytes: usize) -> Option<Vec<Part>> {
        if self.head.records < 2 {
            return None;
        }
        let max_bytes = max_bytes.saturating_sub(BATCH_HEADER_LEN);
        let base = self.head.base_timestamp;
        let chunks = (0..self.payload.chunk_count()).map(|index| self.payload.chunk(index));
        let codec = Attributes(self.head.attributes).codec();
        if codec == Codec::NONE {
            return record::split(chunks, base, max_bytes.min(self.payload.len.div_ceil(2))).ok();
        }
        let packed: Vec<u8> = chunks.flatten().copied().collect();
        let records = decompress(codec, &packed, MOST_RECORDS).ok()?;
        let ratio = records.len() as f64 / packed.len() as f64;
        let max_bytes = ((max_bytes as f64 * ratio) as usize).min(records.len().div_ceil(2));
        record::split(std::iter::once(&*records), base, max_bytes).ok()
    }

    /// Sets the result: futures get it, callbacks run, `flush` counts it.
    pub(crate) fn complete(self, result: BatchResult) {
        let result = match result {
            BatchResult::Failed(error) if self.maybe_written => BatchResult::Failed(error.maybe_written()),
            BatchResult::Refused { error, blamed } if self.maybe_written => {
                BatchResult::Refused { error: error.maybe_written(), blamed }
            }
            result => result,
        };
        // The memory is freed first: threads that wait for it should not wait for the callbacks.
        drop(self.payload);
        if let Some(completion) = self.completion {
            completion.complete(result, self.head.records);
        }
    }

    /// The batch may have been written, and its time is over. Its futures fail now. Its bytes are kept, for the socket or
    /// for batches behind it. Its answer is not needed any more.
    pub(crate) fn give_up(&mut self, error: Error) {
        self.maybe_written = true;
        if let Some(completion) = self.completion.take() {
            completion.complete(BatchResult::Failed(error.maybe_written()), self.head.records);
        }
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.completion.is_none()
    }
}

/// The encoded records of a sealed batch. The memory is freed when the last holder, the retry queue or the socket, is done.
struct Payload {
    buffers: Vec<PooledBuffer>,
    len: usize,
}

impl Chunks for Payload {
    fn chunk_count(&self) -> usize {
        self.buffers.len()
    }

    fn chunk(&self, index: usize) -> &[u8] {
        self.buffers[index].bytes()
    }

    fn len(&self) -> usize {
        self.len
    }
}

/// These are our own records, decompressed again. There can't be more of them than there were before.
const MOST_RECORDS: usize = i32::MAX as usize;
