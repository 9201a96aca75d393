//! The settings of batches that other clients have and the Java client does not have.

use std::time::Duration;

use super::producer_config::ProducerConfig;

impl ProducerConfig {
    /// The maximum number of records in a batch. A batch with this number of records is sent without waiting for `linger`.
    /// `None` means no limit. Default: no limit.
    ///
    /// [`batch_size`](Self::batch_size) and [`batch_max_bytes`](Self::batch_max_bytes) apply too. The number counts the
    /// records of one partition. kiel's `batch_size` counts messages in this way, but over all partitions. Other name:
    /// `batch.num.messages` (librdkafka).
    #[doc(alias = "batch_num_messages")]
    pub fn batch_num_records(mut self, records: impl Into<Option<usize>>) -> Self {
        self.batch_num_records = records.into();
        self
    }

    /// Whether records wait until the program calls [`flush`](crate::KafkaProducer::flush) or
    /// [`close`](crate::KafkaProducer::close). `linger`, `batch_size` and `batch_num_records` then send nothing. Default:
    /// false. franz-go calls it `ManualFlushing`.
    ///
    /// If `buffer_memory` is used up, all records are sent, so that `send` does not wait forever. A `get` on a future does
    /// not send the record. The default of `delivery_timeout` is then no limit, because the time counts from `send`. If
    /// `delivery_timeout` is set, a batch accepts records for a twentieth of it. Then later records go to another batch. With
    /// compression, the background thread compresses the batches when they are sent.
    #[doc(alias = "ManualFlushing")]
    pub fn manual_flush(mut self, manual: bool) -> Self {
        self.manual_flush = manual;
        self
    }

    /// How long a broker waits for the replicas that [`acks`](Self::acks) requires, before it returns the retriable error
    /// `REQUEST_TIMED_OUT`. Default: `request_timeout`. Setting name: `ack_timeout_ms`. kiel calls it `ack_timeout`, with a
    /// default of 500 ms. Other name: `request.timeout.ms` (librdkafka).
    ///
    /// The time does not include the network. It begins when the broker processes the request, so a time in the broker's
    /// queue does not count. The broker does not interrupt its own write to the disk.
    ///
    /// The record can already be on the leader and on some replicas when the time expires. If the time is longer than
    /// `request_timeout`, the producer does not wait for the broker's response so long.
    #[doc(alias = "ack_timeout_ms")]
    pub fn ack_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.ack_timeout = time.into();
        self
    }
}
