//! What an answer changes in the metadata.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition_info::Replicas;
use crate::client::cluster::{Broker, ClusterMetadata, LeaderHint, PartitionMetadata, TopicMetadata};
use crate::protocol::{
    ErrorCode, MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic, NodeEndpoint, Uuid,
};

/// The metadata after an answer in `version`, and the brokers in it with an invalid port. If an answer leaves a topic out,
/// that says nothing about the topic: topics in use stay as they are.
pub(super) fn merge(
    known: &ClusterMetadata,
    response: MetadataResponse,
    version: i16,
    is_in_use: impl Fn(&Arc<str>) -> bool,
) -> (ClusterMetadata, Vec<MetadataBroker>) {
    let mut next = ClusterMetadata { version: known.version + 1, ..Default::default() };
    let mut impossible = Vec::new();
    for broker in response.brokers {
        match u16::try_from(broker.port) {
            Ok(port) => {
                let rack = broker.rack.filter(|rack| !rack.is_empty()).map(Arc::from);
                next.brokers.insert(broker.node_id, Broker { host: broker.host.into(), port, rack });
            }
            Err(_) => impossible.push(broker),
        }
    }
    let kept = known.topics.iter().filter(|(name, _)| is_in_use(name));
    next.topics = kept.map(|(name, topic)| (Arc::clone(name), topic.clone())).collect();
    for topic in response.topics {
        take_topic(topic, known, version, next.version, &mut next.topics);
    }
    renew_if_racks_changed(&mut next, known);
    (next, impossible)
}

/// The metadata after brokers that do not lead partitions have named the leaders and their addresses. `None` if nothing is
/// new. Only a newer epoch of the same topic is new. If topics have no ids, two topics with one name can't be
/// distinguished. A mistake is corrected by the next answer about the topic, which is not compared with the hint.
pub(super) fn learn(
    known: &ClusterMetadata,
    hints: &[LeaderHint],
    endpoints: &[NodeEndpoint],
) -> Option<ClusterMetadata> {
    let index = |hint: &LeaderHint| usize::try_from(hint.partition).ok();
    let is_news = |hint: &&LeaderHint| {
        let topic = known.topics.get(&hint.topic).filter(|topic| topic.id == hint.topic_id);
        let partition = topic.zip(index(hint)).and_then(|(topic, index)| topic.partitions.get(index));
        partition.is_some_and(|known| known.leader_epoch.is_none_or(|known| known < hint.leader_epoch))
    };
    let news: Vec<&LeaderHint> = hints.iter().filter(is_news).collect();
    if news.is_empty() {
        return None;
    }
    let mut next = ClusterMetadata { version: known.version + 1, ..known.clone() };
    for endpoint in endpoints {
        let NodeEndpoint { node_id, host, port, rack, .. } = endpoint;
        if let Ok(port) = u16::try_from(*port) {
            let rack = match rack.as_deref() {
                Some("") => None,
                Some(rack) => Some(Arc::from(rack)),
                // The field is optional. A broker does not lose its rack because another one does not know it.
                None => known.brokers.get(node_id).and_then(|broker| broker.rack.clone()),
            };
            next.brokers.insert(*node_id, Broker { host: host.as_str().into(), port, rack });
        }
    }
    for hint in news {
        let Some(topic) = next.topics.get_mut(&hint.topic) else { continue };
        let Some(partition) = index(hint).and_then(|index| topic.partitions.get_mut(index)) else { continue };
        *partition = PartitionMetadata { leader: Some(hint.leader), leader_epoch: Some(hint.leader_epoch) };
        topic.version = next.version;
    }
    renew_if_racks_changed(&mut next, known);
    Some(next)
}

/// Any topic may have leaders in other racks now. Racks change so rarely that it is not worth finding out which topics do.
fn renew_if_racks_changed(next: &mut ClusterMetadata, known: &ClusterMetadata) {
    if !next.racks().eq(known.racks()) {
        let version = next.version;
        next.topics.values_mut().for_each(|topic| topic.version = version);
    }
}

fn take_topic(
    topic: MetadataTopic,
    known: &ClusterMetadata,
    answer_version: i16,
    version: u64,
    topics: &mut BTreeMap<Arc<str>, TopicMetadata>,
) {
    let Some(name) = &topic.name else { return };
    let error = (topic.error_code != ErrorCode::NONE).then_some(topic.error_code);
    let (name, known) = match known.topics.get_key_value(name.as_str()) {
        Some((name, known)) => (Arc::clone(name), Some(known)),
        None => (Arc::from(name.as_str()), None),
    };
    // With an error it has no partitions. Those of an earlier answer are better than none.
    let mut metadata = TopicMetadata { error, ..known.cloned().unwrap_or_default() };
    if error.is_none() {
        metadata.id = topic.topic_id;
        metadata.partitions = partitions(&topic, known, answer_version);
    }
    if known != Some(&metadata) {
        metadata.version = version;
    }
    if error.is_none() {
        metadata.replicas = replicas(topic.partitions, &metadata.partitions, known);
    }
    metadata.answered_version = version;
    topics.insert(name, metadata);
}

/// The partitions of an answer, except those for which a newer leader is known already: a broker that has missed a change
/// must not send us back (KAFKA-15415). Epochs are compared only within one topic, because a topic that is created again
/// starts with new ones, and only if both are known, because one without an epoch can't be older.
fn partitions(
    topic: &MetadataTopic,
    known: Option<&TopicMetadata>,
    answer_version: i16,
) -> Vec<PartitionMetadata> {
    let same = known.filter(|known| topic.topic_id != Uuid::ZERO && known.id == topic.topic_id);
    let most =
        topic.partitions.iter().map(|partition| partition.index).max().map_or(0, |most| most as i64 + 1);
    // Partition numbers have no gaps. An answer that says otherwise must not make us allocate memory.
    let count = usize::try_from(most).unwrap_or(0).min(topic.partitions.len());
    let mut partitions = vec![PartitionMetadata::default(); count];
    for partition in &topic.partitions {
        let Some((index, place)) =
            usize::try_from(partition.index).ok().and_then(|index| Some((index, partitions.get_mut(index)?)))
        else {
            continue;
        };
        let epoch = partition.leader_epoch;
        *place = PartitionMetadata {
            leader: (partition.leader_id >= 0).then_some(partition.leader_id),
            leader_epoch: (epoch >= 0 && answer_version >= FIRST_WITH_RELIABLE_EPOCHS).then_some(epoch),
        };
        if let Some(before) = same.and_then(|known| known.partitions.get(index))
            && before.leader_epoch.zip(place.leader_epoch).is_some_and(|(before, told)| before > told)
        {
            *place = *before;
        }
    }
    partitions
}

/// The replicas of each of `partitions`. A partition whose leader in the answer is out of date keeps its replicas, too. If
/// nothing has changed, the list is the known one.
fn replicas(
    told: Vec<MetadataPartition>,
    partitions: &[PartitionMetadata],
    known: Option<&TopicMetadata>,
) -> Arc<[Replicas]> {
    let known = known.map_or_else(Arc::default, |known| Arc::clone(&known.replicas));
    let mut all = vec![Replicas::default(); partitions.len()];
    for partition in told {
        let Ok(index) = usize::try_from(partition.index) else { continue };
        let (Some(replicas), Some(leadership)) = (all.get_mut(index), partitions.get(index)) else {
            continue;
        };
        let is_outdated = leadership.leader_epoch.is_some_and(|epoch| partition.leader_epoch < epoch);
        *replicas = match known.get(index) {
            Some(before) if is_outdated => before.clone(),
            _ => Replicas { all: partition.replica_nodes.into(), in_sync: partition.isr_nodes.into() },
        };
    }
    if *known == *all { known } else { all.into() }
}

/// Before this version, a broker that was just restarted may return an epoch that is not the newest (KAFKA-9212).
const FIRST_WITH_RELIABLE_EPOCHS: i16 = 9;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::client::cluster::NodeId;
    use crate::protocol::MetadataPartition;

    fn answer(leader_id: i32, leader_epoch: i32) -> MetadataResponse {
        let partitions = vec![MetadataPartition { leader_id, leader_epoch, ..Default::default() }];
        let topic = MetadataTopic {
            name: Some("t".to_owned()),
            topic_id: Uuid([7; 16]),
            partitions,
            ..Default::default()
        };
        let brokers = (0..3).map(|node_id| MetadataBroker { node_id, ..Default::default() }).collect();
        MetadataResponse { topics: vec![topic], brokers, ..Default::default() }
    }

    fn after(answers: &[(i32, i32)], version: i16) -> Option<i32> {
        let first = ClusterMetadata::default();
        let known = answers.iter().fold(first, |known, (leader, epoch)| {
            merge(&known, answer(*leader, *epoch), version, |_| true).0
        });
        known.topics["t"].partitions[0].leader
    }

    #[test]
    fn an_epoch_that_is_not_told_is_not_older() {
        assert_eq!(after(&[(1, 7), (2, -1)], 12), Some(2));
        assert_eq!(after(&[(1, -1), (2, 0)], 12), Some(2));
        assert_eq!(after(&[(1, 7), (2, 6)], 12), Some(1));
        assert_eq!(after(&[(1, 7), (2, -1), (0, 6)], 12), Some(0), "nothing is known of the epoch of before");
    }

    #[test]
    fn a_hint_of_a_newer_epoch_is_news() {
        let known = merge(&ClusterMetadata::default(), answer(1, 7), 13, |_| true).0;
        let hint = |leader, leader_epoch, partition| {
            [LeaderHint { topic: "t".into(), topic_id: Uuid([7; 16]), partition, leader, leader_epoch }]
        };
        let endpoint = NodeEndpoint { node_id: 9, host: "h".to_owned(), port: 9092, ..Default::default() };
        for old in [hint(9, 7, 0), hint(9, 6, 0), hint(9, 8, 1), hint(9, 8, -1)] {
            assert!(learn(&known, &old, std::slice::from_ref(&endpoint)).is_none(), "{old:?}");
        }
        let next = learn(&known, &hint(9, 8, 0), &[endpoint]).unwrap();
        assert_eq!(next.leader("t", 0), Some(NodeId::Broker(9)));
        assert!(next.version > known.version && next.topics["t"].version == next.version);
        assert_eq!(
            next.topics["t"].answered_version, known.topics["t"].answered_version,
            "a hint is no answer about the topic"
        );
    }

    /// Topics without ids (before Kafka 2.8) are taken for the same, until the next answer about them.
    #[test]
    fn a_hint_is_news_only_of_the_topic_that_is_known_now() {
        let endpoint = NodeEndpoint { node_id: 9, host: "h".to_owned(), port: 9092, ..Default::default() };
        let leader = |known_id: Uuid, topic_id: Uuid| {
            let mut told = answer(1, 0);
            told.topics[0].topic_id = known_id;
            let known = merge(&ClusterMetadata::default(), told.clone(), 13, |_| true).0;
            let hint = LeaderHint { topic: "t".into(), topic_id, partition: 0, leader: 9, leader_epoch: 50 };
            let next = learn(&known, &[hint], std::slice::from_ref(&endpoint));
            let then = next.as_ref().map(|next| merge(next, told, 13, |_| true).0);
            [next, then]
                .map(|metadata| metadata.and_then(|metadata| metadata.topics["t"].partitions[0].leader))
        };
        let (ours, of_before) = (Uuid([7; 16]), Uuid([6; 16]));
        assert_eq!(leader(ours, ours), [Some(9), Some(9)]);
        for (known, told) in [(ours, of_before), (ours, Uuid::ZERO), (Uuid::ZERO, of_before)] {
            assert_eq!(leader(known, told), [None, None]);
        }
        assert_eq!(leader(Uuid::ZERO, Uuid::ZERO), [Some(9), Some(1)]);
    }

    #[test]
    fn leader_and_replicas_of_a_partition_are_of_one_answer() {
        let info = |answers: &[(i32, i32, &[i32])]| {
            let known =
                answers.iter().fold(ClusterMetadata::default(), |known, (leader, epoch, replicas)| {
                    let mut told = answer(*leader, *epoch);
                    told.topics[0].partitions[0].replica_nodes = replicas.to_vec();
                    merge(&known, told, 12, |_| true).0
                });
            known.partition_info("t", 0)
        };
        let lags = info(&[(1, 7, &[1, 2]), (0, 6, &[0, 1])]);
        assert_eq!((lags.leader(), lags.replicas()), (Some(1), &[1, 2][..]));
        let newer = info(&[(1, 7, &[1, 2]), (0, 8, &[0, 1])]);
        assert_eq!((newer.leader(), newer.replicas()), (Some(0), &[0, 1][..]));
        assert!(lags != newer && lags == info(&[(1, 7, &[1, 2])]));
    }

    #[test]
    fn epochs_that_can_not_be_relied_on_are_not_compared() {
        assert_eq!(after(&[(1, 7), (2, 6)], 8), Some(2));
        assert_eq!(after(&[(1, 7), (2, 6)], 9), Some(1));
    }

    #[test]
    fn a_topic_is_new_when_the_rack_of_a_broker_is_new() {
        let known = merge(&ClusterMetadata::default(), answer(1, 7), 12, |_| true).0;
        let with_rack = |rack: &str| {
            let mut told = answer(1, 7);
            told.topics.clear();
            told.brokers[1].rack = Some(rack.to_owned());
            told
        };
        let racked = merge(&known, with_rack("a"), 12, |_| true).0;
        assert_eq!(racked.rack_of_leader(&racked.topics["t"].partitions[0]), Some("a"));
        assert!(racked.topics["t"].version > known.topics["t"].version);
        let same = merge(&racked, with_rack("a"), 12, |_| true).0;
        assert_eq!(same.topics["t"].version, racked.topics["t"].version);
        let none = merge(&same, with_rack(""), 12, |_| true).0;
        assert_eq!(none.rack_of_leader(&none.topics["t"].partitions[0]), None);
        assert!(none.topics["t"].version > same.topics["t"].version);
    }

    #[test]
    fn a_hint_without_a_rack_keeps_the_rack() {
        let mut told = answer(1, 7);
        told.brokers[2].rack = Some("a".to_owned());
        let known = merge(&ClusterMetadata::default(), told, 13, |_| true).0;
        let hint = LeaderHint {
            topic: "t".into(),
            topic_id: Uuid([7; 16]),
            partition: 0,
            leader: 2,
            leader_epoch: 8,
        };
        for (rack, expected) in [(None, Some("a")), (Some("b"), Some("b")), (Some(""), None)] {
            let rack = rack.map(str::to_owned);
            let endpoint =
                NodeEndpoint { node_id: 2, host: "h".to_owned(), port: 9092, rack, ..Default::default() };
            let next = learn(&known, std::slice::from_ref(&hint), &[endpoint]).unwrap();
            assert_eq!(next.rack_of_leader(&next.topics["t"].partitions[0]), expected);
        }
    }
}
