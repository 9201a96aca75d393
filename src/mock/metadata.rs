//! Answers Metadata.

use crate::mock::cluster::{BrokerView, CLUSTER_ID, Cluster, Topic, TopicView, is_topic_name};
use crate::mock::faults::Plan;
use crate::protocol::{
    ErrorCode, MetadataBroker, MetadataPartition, MetadataRequest, MetadataRequestTopic, MetadataResponse,
    MetadataTopic,
};

pub(super) fn answer(
    cluster: &mut Cluster,
    plan: &Plan,
    broker: usize,
    version: i16,
    request: &MetadataRequest,
) -> MetadataResponse {
    let brokers = plan.view.as_ref().map_or_else(|| cluster.broker_views(), |view| view.brokers.clone());
    let topics = match &request.topics {
        Some(topics) if version > 0 || !topics.is_empty() => {
            topics.iter().map(|topic| one_topic(cluster, plan, &brokers, request, topic)).collect()
        }
        // Null is all of them; so is empty in version 0, which has no null.
        _ => {
            let view = plan.view.as_ref().map_or_else(|| cluster.view().topics, |view| view.topics.clone());
            let topic = |(name, topic): (&String, _)| Teller { brokers: &brokers, plan }.named(name, topic);
            view.iter().map(topic).collect()
        }
    };
    let running = || brokers.iter().enumerate().filter(|(_, broker)| broker.running);
    let tell = |(index, broker): (usize, &BrokerView)| MetadataBroker {
        node_id: node_id(index),
        host: broker.host.clone(),
        port: broker.port.into(),
        rack: broker.rack.clone(),
        ..Default::default()
    };
    MetadataResponse {
        throttle_time_ms: plan.throttle_ms.unwrap_or(cluster.brokers[broker].throttle_ms),
        brokers: running().map(tell).collect(),
        cluster_id: Some(CLUSTER_ID.to_owned()),
        controller_id: running().next().map_or(-1, |(index, _)| node_id(index)),
        topics,
        ..Default::default()
    }
}

fn one_topic(
    cluster: &mut Cluster,
    plan: &Plan,
    brokers: &[BrokerView],
    request: &MetadataRequest,
    topic: &MetadataRequestTopic,
) -> MetadataTopic {
    let teller = Teller { brokers, plan };
    let Some(name) = &topic.name else {
        let by_id = match &plan.view {
            Some(view) => view.topics.iter().find(|(_, known)| known.id == topic.topic_id),
            None => None,
        };
        if let Some((name, known)) = by_id {
            return teller.named(name, known);
        }
        return match cluster.topic_by_id(topic.topic_id) {
            Some((name, known)) if plan.view.is_none() => teller.named(name, &known.view()),
            _ => MetadataTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                topic_id: topic.topic_id,
                ..Default::default()
            },
        };
    };
    if let Some(view) = &plan.view {
        return match view.topics.get(name) {
            Some(known) => teller.named(name, known),
            None => failure(name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
    }
    if let Some(failed) = plan.failure(name, None) {
        return failure(name, failed.code);
    }
    if let Some(known) = cluster.topics.get(name).map(Topic::view) {
        return teller.named(name, &known);
    }
    if !is_topic_name(name) {
        return failure(name, ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !cluster.settings.auto_create_topics || !request.allow_auto_topic_creation {
        return failure(name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    cluster.create_topic(name, cluster.settings.default_partitions);
    match cluster.topics.get(name) {
        Some(known) if !cluster.settings.leader_not_available_once => teller.named(name, &known.view()),
        _ => failure(name, ErrorCode::LEADER_NOT_AVAILABLE),
    }
}

/// Names of topics that an answer is about.
pub(super) fn names(cluster: &Cluster, request: &MetadataRequest) -> Vec<String> {
    let Some(topics) = &request.topics else { return cluster.topics.keys().cloned().collect() };
    let name = |topic: &MetadataRequestTopic| {
        let by_id = || cluster.topic_by_id(topic.topic_id).map(|(name, _)| name.to_owned());
        topic.name.clone().or_else(by_id)
    };
    topics.iter().filter_map(name).collect()
}

fn failure(name: &str, error_code: ErrorCode) -> MetadataTopic {
    MetadataTopic { error_code, name: Some(name.to_owned()), ..Default::default() }
}

/// Tells of topics.
#[derive(Clone, Copy)]
struct Teller<'a> {
    brokers: &'a [BrokerView],
    plan: &'a Plan,
}

impl Teller<'_> {
    fn named(self, name: &str, topic: &TopicView) -> MetadataTopic {
        if let Some(failed) = self.plan.failure(name, None) {
            return failure(name, failed.code);
        }
        let partitions = topic.partitions.iter().enumerate();
        let partitions = partitions.map(|(index, &(leader, leader_epoch))| {
            let index = node_id(index);
            let failed = self.plan.failure(name, Some(index)).map(|failure| failure.code);
            let led = self.brokers[leader].running && failed != Some(ErrorCode::LEADER_NOT_AVAILABLE);
            let usual = if led { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
            MetadataPartition {
                error_code: failed.unwrap_or(usual),
                index,
                leader_id: if led { node_id(leader) } else { -1 },
                leader_epoch,
                replica_nodes: self.nodes(|_| true),
                isr_nodes: self.nodes(|running| running),
                offline_replicas: self.nodes(|running| !running),
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

    fn nodes(self, wanted: impl Fn(bool) -> bool) -> Vec<i32> {
        let brokers = self.brokers.iter().enumerate();
        brokers.filter(|(_, broker)| wanted(broker.running)).map(|(index, _)| node_id(index)).collect()
    }
}

/// The mock's node ids are the indices of its brokers.
pub(super) fn node_id(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
