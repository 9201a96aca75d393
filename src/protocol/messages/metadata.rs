//! Metadata: the brokers, and who leads which partition.

use crate::protocol::code::ErrorCode;
use crate::protocol::message::message;
use crate::protocol::wire::Uuid;

message! {
    // 1 brings racks and the controller, 4 the choice not to create topics, 7 leader epochs, 10 topic ids (asked for
    // by id only from 12 on), 13 an error for the whole answer (KIP-1102).
    api METADATA, versions 0..=13, flexible since 9, throttles since 6;

    request MetadataRequest {
        /// `None` is all topics; empty is none. In version 0, which has no null, empty is all.
        topics: Option<Vec<MetadataRequestTopic>>, nullable since 1;
        allow_auto_topic_creation: bool = true, since 4;
        include_cluster_authorized_operations: bool, since 8, until 10;
        include_topic_authorized_operations: bool, since 8;
    }

    response MetadataResponse {
        throttle_time_ms: i32, since 3;
        brokers: Vec<MetadataBroker>;
        cluster_id: Option<String>, since 2;
        controller_id: i32 = -1, since 1;
        topics: Vec<MetadataTopic>;
        cluster_authorized_operations: i32 = i32::MIN, since 8, until 10;
        error_code: ErrorCode, since 13;
    }

    struct MetadataRequestTopic {
        topic_id: Uuid, since 10;
        /// `None` if asked for by id.
        name: Option<String>, nullable since 10;
    }

    struct MetadataBroker {
        node_id: i32;
        host: String;
        port: i32;
        rack: Option<String>, since 1;
    }

    struct MetadataTopic {
        error_code: ErrorCode;
        /// `None` if asked for by an id that the broker does not know.
        name: Option<String>, nullable since 12;
        topic_id: Uuid, since 10;
        is_internal: bool, since 1;
        partitions: Vec<MetadataPartition>;
        /// Bits; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 = i32::MIN, since 8;
    }

    struct MetadataPartition {
        error_code: ErrorCode;
        index: i32;
        /// -1 if there is none.
        leader_id: i32;
        /// -1 if not known.
        leader_epoch: i32 = -1, since 7;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        offline_replicas: Vec<i32>, since 5;
    }
}
