//! `InFlight`: how much a producer has that is without a result.

/// What a producer holds at one moment, given by [`KafkaProducer::in_flight`](crate::KafkaProducer::in_flight).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// Records that `send` has taken and that have no result yet.
    pub records: u64,
    /// The batches that these records are in.
    pub batches: u64,
    /// Bytes of `buffer_memory` that are in use.
    pub buffer_bytes: usize,
    /// Bytes of `buffer_memory` that are free.
    pub buffer_available_bytes: usize,
}
