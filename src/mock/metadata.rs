//! Answers Metadata.

use crate::mock::cluster::{CLUSTER_ID, Cluster, Topic, is_topic_name};
use crate::mock::faults::Faults;
use crate::protocol::{
    ErrorCode, MetadataBroker, MetadataPartition, MetadataRequest, MetadataRequestTopic, MetadataResponse,
    MetadataTopic,
};

pub(super) fn answer(
    cluster: &mut Cluster,
    faults: &mut Faults,
    broker: usize,
    version: i16,
    request: &MetadataRequest,
) -> MetadataResponse {
    let topics = match &request.topics {
        Some(topics) if version > 0 || !topics.is_empty() => {
            topics.iter().map(|topic| one_topic(cluster, faults, request, topic)).collect()
        }
        // Null is all of them; so is empty in version 0, which has no null.
        _ => cluster.topics.iter().map(|(name, topic)| known(cluster, name, topic)).collect(),
    };
    let running = || cluster.brokers.iter().enumerate().filter(|(_, broker)| broker.running);
    let brokers = running().map(|(index, broker)| {
        let (host, port) = broker.advertised.clone().unwrap_or_else(|| (HOST.to_owned(), broker.port));
        MetadataBroker { node_id: node_id(index), host, port: port.into(), ..Default::default() }
    });
    MetadataResponse {
        throttle_time_ms: cluster.brokers[broker].throttle_ms,
        brokers: brokers.collect(),
        cluster_id: Some(CLUSTER_ID.to_owned()),
        controller_id: running().next().map_or(-1, |(index, _)| node_id(index)),
        topics,
        ..Default::default()
    }
}

fn one_topic(
    cluster: &mut Cluster,
    faults: &mut Faults,
    request: &MetadataRequest,
    topic: &MetadataRequestTopic,
) -> MetadataTopic {
    let Some(name) = &topic.name else {
        return match cluster.topic_by_id(topic.topic_id) {
            Some((name, topic)) => known(cluster, name, topic),
            None => MetadataTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                topic_id: topic.topic_id,
                ..Default::default()
            },
        };
    };
    let failure = |error_code| MetadataTopic { error_code, name: Some(name.clone()), ..Default::default() };
    if let Some(code) = faults.next_metadata_failure(name) {
        return failure(code);
    }
    if let Some(topic) = cluster.topics.get(name) {
        return known(cluster, name, topic);
    }
    if !is_topic_name(name) {
        return failure(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !cluster.settings.auto_create_topics || !request.allow_auto_topic_creation {
        return failure(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    cluster.create_topic(name, cluster.settings.default_partitions);
    match cluster.topics.get(name) {
        Some(topic) if !cluster.settings.leader_not_available_once => known(cluster, name, topic),
        _ => failure(ErrorCode::LEADER_NOT_AVAILABLE),
    }
}

fn known(cluster: &Cluster, name: &str, topic: &Topic) -> MetadataTopic {
    let nodes = |wanted: &dyn Fn(bool) -> bool| {
        let brokers = cluster.brokers.iter().enumerate();
        brokers.filter(|(_, broker)| wanted(broker.running)).map(|(index, _)| node_id(index)).collect()
    };
    let partitions = topic.partitions.iter().enumerate().map(|(index, partition)| {
        let led = cluster.brokers[partition.leader].running;
        MetadataPartition {
            error_code: if led { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE },
            index: node_id(index),
            leader_id: if led { node_id(partition.leader) } else { -1 },
            leader_epoch: partition.leader_epoch,
            replica_nodes: nodes(&|_| true),
            isr_nodes: nodes(&|running| running),
            offline_replicas: nodes(&|running| !running),
            ..Default::default()
        }
    });
    MetadataTopic {
        name: Some(name.to_owned()),
        topic_id: topic.id,
        partitions: partitions.collect(),
        ..Default::default()
    }
}

/// The mock's node ids are the indices of its brokers.
pub(super) fn node_id(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

pub(super) const HOST: &str = "127.0.0.1";
