//! Every metric by name. The names and units are those of kafka-python and of the Java client.

use crate::metrics::reading::Reading::{Difference, Gauge, Max, Mean, Rate, Share, Total};
use crate::metrics::reading::{Definition, MILLION, MILLISECOND, ONE, Reading};

/// An enum whose values are indexes.
macro_rules! indexes {
    ($(#[$doc:meta])* $name:ident: $($index:ident),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) enum $name { $($index),+ }

        impl $name {
            pub(super) const COUNT: usize = [$(Self::$index),+].len();
        }
    };
}

indexes! {
    /// The sums of the producer.
    Sum:
    Records, RecordBytes, Batches, BatchBytes, Ratio, QueuedBatches, QueueTime, Retries, Errors, Splits,
    ProduceRequests, Latencies, Latency, Throttle,
    Requests, RequestBytes, Responses, BytesOut, BytesIn, Transfers, Connections, Closes,
    Authentications, RefusedAuthentications, Renewals, RefusedRenewals,
    Polls, PollTime, IoTime,
    BufferWait, Exhausted, MetadataWait, Flush,
}

indexes! {
    /// The peaks of the producer.
    Peak: Record, Batch, QueueTime, Latency, Throttle, Request,
}

indexes! {
    /// The sums of a topic.
    TopicSum: Records, Batches, BatchBytes, Ratio, Retries, Errors,
}

indexes! {
    /// The sums of a node.
    NodeSum: Requests, RequestBytes, Responses, BytesOut, BytesIn, Latencies, Latency, Throttle,
}

indexes! {
    /// The peaks of a node.
    NodePeak: Request, Latency, Throttle,
}

const fn rate(sum: Sum) -> Reading {
    Rate(sum as usize)
}

const fn total(sum: Sum) -> Reading {
    Total(sum as usize)
}

/// Of the one thread that sends.
const fn share(sum: Sum) -> Reading {
    Share { sum: sum as usize, most: 1.0 }
}

const fn mean(sum: Sum, count: Sum, unit: f64) -> Reading {
    Mean { sum: sum as usize, count: count as usize, unit }
}

const fn max(peak: Peak, count: Sum, unit: f64) -> Reading {
    Max { peak: peak as usize, count: count as usize, unit }
}

const fn topic_mean(sum: TopicSum, count: TopicSum, unit: f64) -> Reading {
    Mean { sum: sum as usize, count: count as usize, unit }
}

const fn node_mean(sum: NodeSum, count: NodeSum, unit: f64) -> Reading {
    Mean { sum: sum as usize, count: count as usize, unit }
}

const fn node_max(peak: NodePeak, count: NodeSum, unit: f64) -> Reading {
    Max { peak: peak as usize, count: count as usize, unit }
}

macro_rules! definitions {
    ($(#[$doc:meta])* $table:ident: $($name:literal = $reading:expr, $description:literal;)+) => {
        $(#[$doc])*
        pub(super) const $table: &[Definition] =
            &[$(Definition { name: $name, description: $description, reading: $reading }),+];
    };
}

definitions! {
    /// `producer-metrics`.
    PRODUCER:
    "record-send-rate" = rate(Sum::Records), "Records that were sent, per second. A record that is sent again counts again.";
    "record-send-total" = total(Sum::Records), "Records that were sent. A record that is sent again counts again.";
    "record-retry-rate" = rate(Sum::Retries), "Records that were sent again, per second.";
    "record-retry-total" = total(Sum::Retries), "Records that were sent again.";
    "record-error-rate" = rate(Sum::Errors), "Records that failed after send had accepted them, per second.";
    "record-error-total" = total(Sum::Errors), "Records that failed after send had accepted them.";
    "record-size-avg" = mean(Sum::RecordBytes, Sum::Records, ONE), "The average size of a record in bytes, before compression.";
    "record-size-max" = max(Peak::Record, Sum::Records, ONE), "The size of the largest record in bytes, before compression.";
    "record-queue-time-avg" = mean(Sum::QueueTime, Sum::QueuedBatches, MILLISECOND), "The average time in milliseconds from the first record of a batch until the batch was sent for the first time.";
    "record-queue-time-max" = max(Peak::QueueTime, Sum::QueuedBatches, MILLISECOND), "The longest time in milliseconds from the first record of a batch until the batch was sent for the first time.";
    "records-per-request-avg" = mean(Sum::Records, Sum::ProduceRequests, ONE), "The average number of records in a Produce request.";
    "byte-rate" = rate(Sum::BatchBytes), "Bytes of batches that were sent, after compression, per second.";
    "byte-total" = total(Sum::BatchBytes), "Bytes of batches that were sent, after compression.";
    "batch-size-avg" = mean(Sum::BatchBytes, Sum::Batches, ONE), "The average size of a batch in bytes, after compression.";
    "batch-size-max" = max(Peak::Batch, Sum::Batches, ONE), "The size of the largest batch in bytes, after compression.";
    "batch-split-rate" = rate(Sum::Splits), "Batches that were split because a broker rejected them as too large, per second.";
    "batch-split-total" = total(Sum::Splits), "Batches that were split because a broker rejected them as too large.";
    "compression-rate-avg" = mean(Sum::Ratio, Sum::Batches, MILLION), "The average of the compressed size of a batch, divided by its size before compression.";
    "pending-records" = Gauge(|gauges| Some(gauges.pending_records as f64)), "Records that send has accepted and that have no result yet.";
    "pending-batches" = Gauge(|gauges| Some(gauges.pending_batches as f64)), "Batches of these records.";
    "requests-in-flight" = Gauge(|gauges| Some(gauges.requests_in_flight as f64)), "Produce requests that have no response yet.";
    "request-latency-avg" = mean(Sum::Latency, Sum::Latencies, MILLISECOND), "The average time in milliseconds from sending a Produce request until its response arrived.";
    "request-latency-max" = max(Peak::Latency, Sum::Latencies, MILLISECOND), "The longest time in milliseconds from sending a Produce request until its response arrived.";
    "produce-throttle-time-avg" = mean(Sum::Throttle, Sum::Latencies, MILLISECOND), "The average throttle time in milliseconds in the responses to Produce requests. For this time the broker wants no more requests.";
    "produce-throttle-time-max" = max(Peak::Throttle, Sum::Latencies, MILLISECOND), "The longest throttle time in milliseconds in the responses to Produce requests.";
    "buffer-total-bytes" = Gauge(|gauges| Some(gauges.buffer_total_bytes as f64)), "The value of buffer_memory in bytes.";
    "buffer-available-bytes" = Gauge(|gauges| Some(gauges.buffer_available_bytes as f64)), "Bytes of buffer_memory that are free.";
    "waiting-threads" = Gauge(|gauges| Some(gauges.waiting_threads as f64)), "Threads that wait for free buffer_memory.";
    "bufferpool-wait-ratio" = Share { sum: Sum::BufferWait as usize, most: f64::INFINITY }, "The time that threads waited for free buffer_memory, divided by the time that has passed. With several threads it can be more than 1.";
    "bufferpool-wait-time-ns-total" = total(Sum::BufferWait), "The time in nanoseconds that threads waited for free buffer_memory.";
    "buffer-exhausted-rate" = rate(Sum::Exhausted), "Calls of send that failed because buffer_memory was used up, per second.";
    "buffer-exhausted-total" = total(Sum::Exhausted), "Calls of send that failed because buffer_memory was used up.";
    "metadata-wait-time-ns-total" = total(Sum::MetadataWait), "The time in nanoseconds that threads waited for the metadata of a topic.";
    "metadata-age" = Gauge(|gauges| gauges.metadata_age.map(|age| age.as_secs_f64())), "The time in seconds since the last metadata response.";
    "flush-time-ns-total" = total(Sum::Flush), "The time in nanoseconds that threads waited in flush.";
    "connection-count" = Difference(Sum::Connections as usize, Sum::Closes as usize), "Open connections.";
    "connection-creation-rate" = rate(Sum::Connections), "Connections that were opened, per second.";
    "connection-creation-total" = total(Sum::Connections), "Connections that were opened.";
    "connection-close-rate" = rate(Sum::Closes), "Connections that were closed, per second.";
    "connection-close-total" = total(Sum::Closes), "Connections that were closed.";
    "successful-authentication-rate" = rate(Sum::Authentications), "Connections that were authenticated with SASL, per second.";
    "successful-authentication-total" = total(Sum::Authentications), "Connections that were authenticated with SASL.";
    "failed-authentication-rate" = rate(Sum::RefusedAuthentications), "Connections whose authentication with SASL failed, per second.";
    "failed-authentication-total" = total(Sum::RefusedAuthentications), "Connections whose authentication with SASL failed.";
    "successful-reauthentication-rate" = rate(Sum::Renewals), "SASL sessions that were renewed on their connection, per second.";
    "successful-reauthentication-total" = total(Sum::Renewals), "SASL sessions that were renewed on their connection.";
    "failed-reauthentication-rate" = rate(Sum::RefusedRenewals), "SASL sessions whose renewal failed, per second.";
    "failed-reauthentication-total" = total(Sum::RefusedRenewals), "SASL sessions whose renewal failed.";
    "network-io-rate" = rate(Sum::Transfers), "Reads and writes of sockets that transferred bytes, per second.";
    "network-io-total" = total(Sum::Transfers), "Reads and writes of sockets that transferred bytes.";
    "outgoing-byte-rate" = rate(Sum::BytesOut), "Bytes that were written to all brokers, before encryption, per second.";
    "outgoing-byte-total" = total(Sum::BytesOut), "Bytes that were written to all brokers, before encryption.";
    "incoming-byte-rate" = rate(Sum::BytesIn), "Bytes that were read from all brokers, after decryption, per second.";
    "incoming-byte-total" = total(Sum::BytesIn), "Bytes that were read from all brokers, after decryption.";
    "request-rate" = rate(Sum::Requests), "Requests of all kinds that were written completely, per second.";
    "request-total" = total(Sum::Requests), "Requests of all kinds that were written completely.";
    "request-size-avg" = mean(Sum::RequestBytes, Sum::Requests, ONE), "The average size of a request in bytes.";
    "request-size-max" = max(Peak::Request, Sum::Requests, ONE), "The size of the largest request in bytes.";
    "response-rate" = rate(Sum::Responses), "Responses of all kinds, per second.";
    "response-total" = total(Sum::Responses), "Responses of all kinds.";
    "select-rate" = rate(Sum::Polls), "Polls of the sockets by the background thread, per second.";
    "select-total" = total(Sum::Polls), "Polls of the sockets by the background thread.";
    "io-wait-time-ns-avg" = mean(Sum::PollTime, Sum::Polls, ONE), "The average time in nanoseconds that a poll waited.";
    "io-wait-time-ns-total" = total(Sum::PollTime), "The time in nanoseconds that the background thread waited in polls.";
    "io-wait-ratio" = share(Sum::PollTime), "The part of the time that the background thread waited in polls.";
    "io-time-ns-avg" = mean(Sum::IoTime, Sum::Polls, ONE), "The average time in nanoseconds that the background thread read and wrote sockets for each poll.";
    "io-time-ns-total" = total(Sum::IoTime), "The time in nanoseconds that the background thread read and wrote sockets.";
    "io-ratio" = share(Sum::IoTime), "The part of the time that the background thread read and wrote sockets.";
}

definitions! {
    /// `producer-topic-metrics.<topic>`.
    TOPIC:
    "record-send-rate" = Rate(TopicSum::Records as usize), "Records of the topic that were sent, per second. A record that is sent again counts again.";
    "record-send-total" = Total(TopicSum::Records as usize), "Records of the topic that were sent. A record that is sent again counts again.";
    "byte-rate" = Rate(TopicSum::BatchBytes as usize), "Bytes of the topic's batches that were sent, after compression, per second.";
    "byte-total" = Total(TopicSum::BatchBytes as usize), "Bytes of the topic's batches that were sent, after compression.";
    "compression-rate" = topic_mean(TopicSum::Ratio, TopicSum::Batches, MILLION), "The average of the compressed size of a batch of the topic, divided by its size before compression.";
    "record-retry-rate" = Rate(TopicSum::Retries as usize), "Records of the topic that were sent again, per second.";
    "record-retry-total" = Total(TopicSum::Retries as usize), "Records of the topic that were sent again.";
    "record-error-rate" = Rate(TopicSum::Errors as usize), "Records of the topic that failed after send had accepted them, per second.";
    "record-error-total" = Total(TopicSum::Errors as usize), "Records of the topic that failed after send had accepted them.";
}

definitions! {
    /// `producer-node-metrics.node-<id>`.
    NODE:
    "request-rate" = Rate(NodeSum::Requests as usize), "Requests to the node that were written completely, per second.";
    "request-total" = Total(NodeSum::Requests as usize), "Requests to the node that were written completely.";
    "request-size-avg" = node_mean(NodeSum::RequestBytes, NodeSum::Requests, ONE), "The average size of a request to the node in bytes.";
    "request-size-max" = node_max(NodePeak::Request, NodeSum::Requests, ONE), "The size of the largest request to the node in bytes.";
    "request-latency-avg" = node_mean(NodeSum::Latency, NodeSum::Latencies, MILLISECOND), "The average time in milliseconds from sending a Produce request to the node until its response arrived.";
    "request-latency-max" = node_max(NodePeak::Latency, NodeSum::Latencies, MILLISECOND), "The longest time in milliseconds from sending a Produce request to the node until its response arrived.";
    "produce-throttle-time-avg" = node_mean(NodeSum::Throttle, NodeSum::Latencies, MILLISECOND), "The average throttle time in milliseconds in the node's responses to Produce requests.";
    "produce-throttle-time-max" = node_max(NodePeak::Throttle, NodeSum::Latencies, MILLISECOND), "The longest throttle time in milliseconds in the node's responses to Produce requests.";
    "response-rate" = Rate(NodeSum::Responses as usize), "Responses of the node, per second.";
    "response-total" = Total(NodeSum::Responses as usize), "Responses of the node.";
    "outgoing-byte-rate" = Rate(NodeSum::BytesOut as usize), "Bytes that were written to the node, before encryption, per second.";
    "outgoing-byte-total" = Total(NodeSum::BytesOut as usize), "Bytes that were written to the node, before encryption.";
    "incoming-byte-rate" = Rate(NodeSum::BytesIn as usize), "Bytes that were read from the node, after decryption, per second.";
    "incoming-byte-total" = Total(NodeSum::BytesIn as usize), "Bytes that were read from the node, after decryption.";
}

/// How the value of a partition is read.
pub(super) type PartitionReading = fn(&crate::metrics::gauges::PartitionGauges) -> f64;

/// `producer-partition-metrics.<topic>-<partition>`: each with its reading, in the same order.
pub(super) const PARTITION: &[(Definition, PartitionReading)] = &[
    (
        of_partition(
            "pending-records",
            "Records of the partition that send has accepted and that have no result yet.",
        ),
        |partition| partition.records as f64,
    ),
    (of_partition("pending-batches", "Batches of these records."), |partition| partition.batches as f64),
    (of_partition("pending-bytes", "Bytes of buffer_memory that the partition holds."), |partition| {
        partition.bytes as f64
    }),
];

const fn of_partition(name: &'static str, description: &'static str) -> Definition {
    Definition { name, description, reading: Gauge(|_| None) }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::metrics::timing::Timing;

    /// The tables of docs/metrics.md.
    fn tables() -> String {
        let rows = |definitions: &mut dyn Iterator<Item = &Definition>| {
            let row =
                |definition: &Definition| format!("| `{}` | {} |\n", definition.name, definition.description);
            definitions.map(row).collect::<String>()
        };
        let groups = [
            ("producer-metrics", rows(&mut PRODUCER.iter())),
            ("producer-topic-metrics.&lt;topic&gt;", rows(&mut TOPIC.iter())),
            ("producer-node-metrics.node-&lt;id&gt;", rows(&mut NODE.iter())),
            (
                "producer-partition-metrics.&lt;topic&gt;-&lt;partition&gt;",
                rows(&mut PARTITION.iter().map(|(definition, _)| definition)),
            ),
        ];
        let group = |(heading, rows): (&str, String)| format!("\n## {heading}\n\n{HEAD}{rows}");
        let timing = |timing: Timing| format!("| `{}` | {} |\n", timing.name(), timing.description());
        let timings: String = Timing::ALL.into_iter().map(timing).collect();
        groups.map(group).concat() + &format!("\n## Timings\n\n{HEAD}{timings}")
    }

    const HEAD: &str = "| name | meaning |\n|---|---|\n";
    const MARK: &str =
        "<!-- The tables are made from the code: UPDATE_SNAPSHOTS=yes cargo test --lib metrics -->\n";

    #[test]
    fn the_page_lists_what_there_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (text, listed) = page.split_once(MARK).unwrap();
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            return std::fs::write(path, format!("{text}{MARK}{}", tables())).unwrap();
        }
        assert_eq!(listed, tables(), "run it with UPDATE_SNAPSHOTS=yes");
    }

    #[test]
    fn each_name_is_listed_once_and_says_its_unit() {
        for table in [PRODUCER, TOPIC, NODE] {
            let mut names: Vec<&str> = table.iter().map(|definition| definition.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.len());
            for Definition { name, description, reading } in table {
                assert_eq!(reading.is_counter(), name.ends_with("-total"), "{name}");
                let says = |word| description.contains(word);
                assert!(!name.ends_with("-rate") || says("per second") || says("divided by"), "{name}");
                assert!(!name.contains("-ns-") || says("in nanoseconds"), "{name}");
                assert!(
                    !(name.contains("latency") || name.contains("-time-max")) || says("in milliseconds"),
                    "{name}"
                );
            }
        }
    }
}
