//! The producer's logic, from a record to its result. It does no I/O. Only user threads wait here; `thread.rs` calls the
//! sender.

mod accumulator;
mod backlog;
mod batch;
mod batch_sizes;
mod buffer;
mod callback;
mod completion;
mod drain;
mod failures;
mod future;
mod gauges;
mod identity;
mod inbox;
mod interceptor;
mod interceptors;
mod kept;
mod losses;
mod numbering;
mod outcome;
mod over;
mod partition;
mod partitioner;
mod partitions;
mod permits;
mod purges;
mod queue;
mod request_sizes;
mod requests;
mod result;
mod sealing;
mod sender;
mod serializer;
mod shared;
mod sticky;
mod topics;
mod unfinished;

#[cfg(all(test, any(loom, shuttle)))]
mod models;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

pub(crate) use accumulator::{RecordAccumulator, Wait, record_accumulator};
pub(crate) use batch::Encoding;
pub(crate) use buffer::SimpleBufferPool;
pub(crate) use callback::{enter, has_run, is_inside, panic_message};
pub use future::{FutureRecordMetadata, RecordMetadata};
pub(crate) use gauges::MetricsSource;
pub(crate) use inbox::Inbox;
pub use interceptor::{InterceptedRecord, ProducerInterceptor};
pub(crate) use interceptors::{Interceptors, NamedInterceptor};
pub(crate) use outcome::RetryPolicy;
#[cfg(feature = "partitioners")]
pub use partitioner::HashRingPartitioner;
pub(crate) use partitioner::PartitionBy;
pub use partitioner::{
    DefaultPartitioner, HashPartitioner, KeyHash, PartitionContext, Partitioner, RandomPartitioner,
    RoundRobinPartitioner, StickyPartitioner,
};
pub(crate) use queue::PartitionQueue;
pub(crate) use requests::{FIRST_VERSION_OF_RECORD_BATCHES, FIRST_VERSION_OF_ZSTD};
pub(crate) use sender::{Sender, SenderSettings};
#[cfg(feature = "json")]
pub use serializer::JsonSerializer;
#[cfg(feature = "uuid")]
pub use serializer::UuidSerializer;
pub(crate) use serializer::{AddedHeader, with_scratch};
pub use serializer::{
    BigEndianSerializer, BytesSerializer, SerializationContext, Serialized, Serializer, StringSerializer,
};
pub(crate) use shared::AccumulatorSettings;
pub(crate) use sticky::{StickyContext, StickySettings};
pub(crate) use topics::{TopicHandle, TopicTable};
