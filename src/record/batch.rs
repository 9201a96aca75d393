//! The 61 bytes before a batch's records (message format 2, KIP-98).
//!
//! They are apart from the records because they belong to one *attempt*: producer id, epoch and sequence are known
//! only when a batch is sent and may change for the next attempt, while an older one is still half written from the
//! same memory. So the records have a checksum of their own and the batch's is combined from two.

use crate::protocol::Chunks;

/// What a batch says of itself, but for what follows from its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) attributes: i16,
    /// How many records follow; at least one.
    pub(crate) records: u32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
}

/// By what a broker tells a batch that is sent again from a new one (KIP-98): of one attempt, not of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    /// Of the first record.
    pub(crate) base: i32,
}

impl BatchHead {
    /// The header of a batch whose records take `len` bytes with the CRC-32C `crc`; without idempotence there is no
    /// `sequence`.
    pub(crate) fn encode(&self, len: usize, crc: u32, sequence: Option<Sequence>) -> [u8; BATCH_HEADER_LEN] {
        let mut out = [0; BATCH_HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let records = self.records as i32;
        put(0, &0i64.to_be_bytes()); // base offset: the broker refuses any other
        put(8, &((BATCH_HEADER_LEN - LENGTH_COUNTS_FROM + len) as i32).to_be_bytes());
        put(12, &NO_LEADER_EPOCH.to_be_bytes());
        put(16, &[MAGIC]);
        put(21, &self.attributes.to_be_bytes());
        put(23, &(records - 1).to_be_bytes());
        put(27, &self.base_timestamp.to_be_bytes());
        put(35, &self.max_timestamp.to_be_bytes());
        let Sequence { producer_id, producer_epoch, base } = sequence.unwrap_or(NO_SEQUENCE);
        put(43, &producer_id.to_be_bytes());
        put(51, &producer_epoch.to_be_bytes());
        put(53, &base.to_be_bytes());
        put(57, &records.to_be_bytes());
        // This takes some tens of microseconds, and less would cost more: answers would come before the next batches have
        // grown, and small requests eat all that is saved. Batches have to grow by the load first.
        let crc = crc32c::crc32c_combine(crc32c::crc32c(&out[CRC_COUNTS_FROM..]), crc, len);
        out[17..21].copy_from_slice(&crc.to_be_bytes());
        out
    }
}

/// The CRC-32C over all `chunks`.
pub(crate) fn checksum(chunks: &dyn Chunks) -> u32 {
    (0..chunks.chunk_count()).fold(0, |crc, index| crc32c::crc32c_append(crc, chunks.chunk(index)))
}

pub(crate) const BATCH_HEADER_LEN: usize = 61;
/// The length field counts what follows it.
const LENGTH_COUNTS_FROM: usize = 12;
/// The checksum covers attributes to end.
const CRC_COUNTS_FROM: usize = 21;
const MAGIC: u8 = 2;
/// As the format writes that there is none.
const NO_SEQUENCE: Sequence = Sequence { producer_id: -1, producer_epoch: -1, base: -1 };
/// Set by brokers only.
const NO_LEADER_EPOCH: i32 = -1;
