//! `InFlight`: the records without a result, and the memory in use.

/// The number of records and batches without a result, and the memory in use. A record without a result is in flight or
/// waits to be sent.
///
/// [`KafkaProducer::in_flight`](crate::KafkaProducer::in_flight) returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// The number of records that `send` has accepted and that have no result yet.
    pub records: u64,
    /// The number of batches that contain these records.
    pub batches: u64,
    /// The number of bytes of `buffer_memory` that are in use.
    pub buffer_bytes: usize,
    /// The number of bytes of `buffer_memory` that are free.
    pub buffer_available_bytes: usize,
}
