//! Produce: append record batches to partitions.

use crate::protocol::code::ErrorCode;
use crate::protocol::message::message;
use crate::protocol::segments::Segments;
use crate::protocol::wire::Uuid;

message! {
    // 3 brings the transactional id and record batches (magic 2); 0–2 are for message sets. 7 allows zstd. 12 adds
    // partitions to a transaction by itself. 13 names topics by id.
    api PRODUCE, versions 0..=13, flexible since 9, throttles since 6, unanswered with acks 0;

    /// Appends to partitions that the receiving broker leads.
    request ProduceRequest {
        transactional_id: Option<String>, since 3;
        /// 0: no answer at all; 1: the leader has it; -1: all in-sync replicas have it.
        acks: i16;
        /// How long the broker waits for the replicas.
        timeout_ms: i32;
        topics: Vec<ProduceTopic>;
    }

    response ProduceResponse {
        topics: Vec<ProduceTopicResponse>;
        throttle_time_ms: i32, since 1;
        /// Where the leaders named in this answer listen (KIP-951).
        node_endpoints: Vec<NodeEndpoint>, since 10, tag 0;
    }

    struct ProduceTopic {
        name: String, until 12;
        topic_id: Uuid, since 13;
        partitions: Vec<ProducePartition>;
    }

    struct ProducePartition {
        index: i32;
        /// Encoded batches. Brokers take exactly one per partition from version 3 on.
        records: Option<Segments>;
    }

    struct ProduceTopicResponse {
        name: String, until 12;
        topic_id: Uuid, since 13;
        partitions: Vec<ProducePartitionResponse>;
    }

    struct ProducePartitionResponse {
        index: i32;
        error_code: ErrorCode;
        /// Offset of the first record; -1 with an error.
        base_offset: i64;
        /// -1 unless the topic uses the time of appending.
        log_append_time_ms: i64 = -1, since 2;
        log_start_offset: i64 = -1, since 5;
        /// Which records made the broker refuse the batch (KIP-467).
        record_errors: Vec<RecordError>, since 8;
        error_message: Option<String>, since 8;
        /// Who leads instead, with NOT_LEADER_OR_FOLLOWER (KIP-951).
        current_leader: LeaderIdAndEpoch, since 10, tag 0;
    }

    struct RecordError {
        /// Position of the record in its batch.
        batch_index: i32;
        message: Option<String>;
    }

    /// -1 and -1 if not known.
    struct LeaderIdAndEpoch {
        leader_id: i32 = -1;
        leader_epoch: i32 = -1;
    }

    struct NodeEndpoint {
        node_id: i32;
        host: String;
        port: i32;
        rack: Option<String>;
    }
}
