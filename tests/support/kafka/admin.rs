//! Topics: creating, deleting, and what the cluster says about their partitions.

use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    ListOffsetsRequest, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::node::{self, Node};
use super::{Cluster, PATIENCE, PATIENCE_SECS, Wire};
use crate::support::clock::{Failure, deadline, retry};

/// What the cluster says about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    pub partition: i32,
    /// `None` while there is none.
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

impl Cluster {
    /// Creates a topic and waits until each running node knows a leader for each partition and the
    /// leaders know it themselves.
    #[track_caller]
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
        configs: &[(&str, &str)],
    ) {
        let topic = CreatableTopic::default()
            .with_num_partitions(partitions)
            .with_replication_factor(replication_factor);
        self.create(name, topic, usize::try_from(partitions).unwrap_or(0), configs);
    }

    /// Creates many topics of one partition with one request, and waits until the last is there.
    #[track_caller]
    pub fn create_topics(&self, names: &[String]) {
        let topics = names.iter().map(|name| {
            let topic = CreatableTopic::default().with_num_partitions(1).with_replication_factor(1);
            topic.with_name(TopicName(text(name)))
        });
        let request = CreateTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(60_000);
        let response = self.ask_any(|wire| wire.call(7, &request));
        let response = response.unwrap_or_else(|why| panic!("cannot create {} topics: {why}", names.len()));
        let refused = response.topics.iter().find(|topic| topic.error_code != 0);
        assert!(refused.is_none(), "cannot create {} topics: {refused:?}", names.len());
        for name in names {
            self.await_leaders(name, 1);
        }
    }

    /// Creates a topic whose replicas are on chosen nodes: a list for each partition, its leader
    /// first.
    #[track_caller]
    pub fn create_topic_on(&self, name: &str, partitions: &[&[i32]], configs: &[(&str, &str)]) {
        let assignments = partitions.iter().zip(0..).map(|(nodes, partition)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(partition)
                .with_broker_ids(nodes.iter().copied().map(BrokerId).collect())
        });
        let topic = CreatableTopic::default()
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect());
        self.create(name, topic, partitions.len(), configs);
    }

    #[track_caller]
    fn create(&self, name: &str, topic: CreatableTopic, partitions: usize, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(key, value)| {
            CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
        });
        let topic = topic.with_name(TopicName(text(name))).with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(15_000);
        let deadline = deadline(PATIENCE_SECS);
        let mut sent_before = false;
        let created = retry(deadline, || {
            let sent_before = std::mem::replace(&mut sent_before, true);
            let response = self.ask_any(|wire| wire.call(7, &request)).map_err(Failure::Again)?;
            let Some(topic) = response.topics.first() else {
                return Err(Failure::Fatal("an answer about no topic".into()));
            };
            match error(topic.error_code) {
                None => Ok(()),
                // An attempt whose answer was lost.
                Some(ResponseError::TopicAlreadyExists) if sent_before => Ok(()),
                Some(error) => {
                    let message = topic.error_message.as_ref().map_or("", StrBytes::as_str);
                    let why = format!("{error}: {message}");
                    // Right after a start or a failure not every node is back in the cluster.
                    let passing = error.is_retriable()
                        || matches!(
                            error,
                            ResponseError::InvalidReplicationFactor | ResponseError::BrokerNotAvailable
                        );
                    Err(if passing { Failure::Again(why) } else { Failure::Fatal(why) })
                }
            }
        });
        created.unwrap_or_else(|why| panic!("cannot create topic {name}: {why}"));
        self.await_leaders(name, partitions);
    }

    /// Adds partitions to a topic until it has `count`, and waits as [`create_topic`](Self::create_topic) does.
    #[track_caller]
    pub fn add_partitions(&self, name: &str, count: i32) {
        let topic = CreatePartitionsTopic::default()
            .with_name(TopicName(text(name)))
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(15_000);
        let response = self.ask_any(|wire| wire.call(3, &request));
        let code = response.map(|response| response.results.first().map_or(-1, |topic| topic.error_code));
        assert_eq!(code, Ok(0), "cannot add partitions to {name}");
        self.await_leaders(name, usize::try_from(count).unwrap_or(0));
    }

    /// Lets the client produce at most so many bytes a second. The brokers hear of it a little later.
    #[track_caller]
    pub fn limit_producer(&self, client_id: &str, bytes_per_second: f64) {
        let client = EntityData::default()
            .with_entity_type(StrBytes::from_static_str("client-id"))
            .with_entity_name(Some(text(client_id)));
        let limit = OpData::default()
            .with_key(StrBytes::from_static_str("producer_byte_rate"))
            .with_value(bytes_per_second);
        let entry = EntryData::default().with_entity(vec![client]).with_ops(vec![limit]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let response = self.ask_any(|wire| wire.call(1, &request));
        let code = response.map(|response| response.entries.first().map_or(-1, |entry| entry.error_code));
        assert_eq!(code, Ok(0), "cannot limit the client {client_id}");
    }

    #[track_caller]
    fn await_leaders(&self, name: &str, partitions: usize) {
        let deadline = deadline(PATIENCE_SECS);
        let known = retry(deadline, || {
            let mut states = Vec::new();
            for node in self.answering() {
                states = self.states_known_to(node, name).map_err(Failure::Again)?;
                if states.len() != partitions || states.iter().any(|state| state.leader.is_none()) {
                    return Err(Failure::Again(format!("node {} says {states:?}", node.id)));
                }
            }
            for node in self.answering() {
                let led = states.iter().filter(|state| state.leader == Some(node.id));
                let led: Vec<i32> = led.map(|state| state.partition).collect();
                check_leads(node, name, &led).map_err(Failure::Again)?;
            }
            Ok(())
        });
        known.unwrap_or_else(|why| panic!("no leaders for topic {name}: {why}"));
    }

    /// Deletes a topic and waits until no running node knows it.
    #[track_caller]
    pub fn delete_topic(&self, name: &str) {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(text(name))])
            .with_timeout_ms(15_000);
        let deadline = deadline(PATIENCE_SECS);
        let gone = retry(deadline, || {
            let response = self.ask_any(|wire| wire.call(5, &request)).map_err(Failure::Again)?;
            let code = response.responses.first().map_or(0, |topic| topic.error_code);
            match error(code) {
                None | Some(ResponseError::UnknownTopicOrPartition) => {}
                Some(error) if error.is_retriable() => {
                    return Err(Failure::Again(error.to_string()));
                }
                Some(error) => return Err(Failure::Fatal(error.to_string())),
            }
            for node in self.answering() {
                if self.states_known_to(node, name).is_ok() {
                    return Err(Failure::Again(format!("node {} still knows it", node.id)));
                }
            }
            Ok(())
        });
        gone.unwrap_or_else(|why| panic!("cannot delete topic {name}: {why}"));
    }

    /// The states of all partitions in their order, from the first node that answers.
    #[track_caller]
    pub fn partitions(&self, topic: &str) -> Vec<PartitionState> {
        let states = retry(deadline(PATIENCE_SECS), || {
            self.first_answer(|node| self.states_known_to(node, topic)).map_err(Failure::Again)
        });
        states.unwrap_or_else(|why| panic!("cannot look at topic {topic}: {why}"))
    }

    /// The partition's leader; waits for one that runs and knows that it leads.
    #[track_caller]
    pub fn leader(&self, topic: &str, partition: i32) -> i32 {
        let state = self.wait_for_partition(topic, partition, |state| {
            state.leader.is_some_and(|leader| {
                let node = self.node(leader);
                node.answers() && check_leads(node, topic, &[partition]).is_ok()
            })
        });
        state.leader.expect("waited for")
    }

    /// Waits until what the running nodes say about the partition is as wanted.
    #[track_caller]
    pub fn wait_for_partition(
        &self,
        topic: &str,
        partition: i32,
        wanted: impl Fn(&PartitionState) -> bool,
    ) -> PartitionState {
        let state = retry(deadline(PATIENCE_SECS), || {
            self.check_partition(topic, partition, &wanted).map_err(Failure::Again)
        });
        state.unwrap_or_else(|why| panic!("{topic}-{partition} is not as wanted: {why}"))
    }

    /// The partition's state, if it is as wanted by what each running node says.
    ///
    /// # Errors
    ///
    /// What the first node says that does not agree; if it does not answer, with the end of what it wrote.
    pub fn check_partition(
        &self,
        topic: &str,
        partition: i32,
        wanted: impl Fn(&PartitionState) -> bool,
    ) -> Result<PartitionState, String> {
        let mut last = None;
        for node in self.answering() {
            let states = self.states_known_to(node, topic);
            let states = states.map_err(|why| format!("{why}; {}", node.last_words()))?;
            let state = states.into_iter().find(|state| state.partition == partition);
            let state = state.ok_or("no such partition")?;
            if !wanted(&state) {
                return Err(format!("node {} says {state:?}", node.id));
            }
            last = Some(state);
        }
        last.ok_or_else(|| "no node runs".into())
    }

    pub(super) fn broker_ids_known_to(&self, node: i32) -> Result<Vec<i32>, String> {
        let metadata = metadata_of(self.node(node), &[])?;
        Ok(metadata.brokers.iter().map(|broker| broker.node_id.0).collect())
    }

    fn states_known_to(&self, node: &Node, topic: &str) -> Result<Vec<PartitionState>, String> {
        let metadata = metadata_of(node, &[topic])?;
        let topic = metadata.topics.first().ok_or("an answer about no topic")?;
        if let Some(error) = error(topic.error_code) {
            return Err(format!("node {} says {error}", node.id));
        }
        let mut states: Vec<PartitionState> = topic.partitions.iter().map(state).collect();
        states.sort_by_key(|state| state.partition);
        Ok(states)
    }

    fn ask_any<T>(&self, ask: impl Fn(&mut Wire) -> std::io::Result<T>) -> Result<T, String> {
        self.first_answer(|node| {
            let wire = Wire::connect(node.address(node::PLAINTEXT), PATIENCE);
            let answer = wire.and_then(|mut wire| ask(&mut wire));
            answer.map_err(|error| format!("node {}: {error}", node.id))
        })
    }

    fn first_answer<T>(&self, ask: impl Fn(&Node) -> Result<T, String>) -> Result<T, String> {
        let mut why = String::from("no node runs");
        for node in self.answering() {
            match ask(node) {
                Ok(answer) => return Ok(answer),
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

fn metadata_of(node: &Node, topics: &[&str]) -> Result<MetadataResponse, String> {
    metadata(node.address(node::PLAINTEXT), topics, Duration::from_secs(5))
        .map_err(|error| format!("node {} does not answer Metadata: {error}", node.id))
}

pub(super) fn metadata(
    address: SocketAddr,
    topics: &[&str],
    patience: Duration,
) -> std::io::Result<MetadataResponse> {
    let topics =
        topics.iter().map(|name| MetadataRequestTopic::default().with_name(Some(TopicName(text(name)))));
    let request =
        MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(false);
    Wire::connect(address, patience)?.call(9, &request)
}

/// Whether the node serves the partitions as their leader. It says so in Metadata some milliseconds
/// before it does so.
fn check_leads(node: &Node, topic: &str, partitions: &[i32]) -> Result<(), String> {
    const LATEST: i64 = -1;
    if partitions.is_empty() {
        return Ok(());
    }
    let partitions = partitions.iter().map(|&partition| {
        ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(LATEST)
    });
    let topic =
        ListOffsetsTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions.collect());
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = Wire::connect(node.address(node::PLAINTEXT), Duration::from_secs(5))
        .and_then(|mut wire| wire.call(6, &request))
        .map_err(|error| format!("node {} does not answer ListOffsets: {error}", node.id))?;
    let topics = response.topics.iter();
    let refused = topics
        .flat_map(|topic| &topic.partitions)
        .find_map(|partition| Some((partition.partition_index, error(partition.error_code)?)));
    match refused {
        None => Ok(()),
        Some((partition, error)) => {
            Err(format!("node {} does not lead partition {partition} yet: {error}", node.id))
        }
    }
}

fn state(partition: &MetadataResponsePartition) -> PartitionState {
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect();
    let leader = partition.leader_id.0;
    PartitionState {
        partition: partition.partition_index,
        leader: (leader >= 0 && partition.error_code == 0).then_some(leader),
        leader_epoch: partition.leader_epoch,
        replicas: ids(&partition.replica_nodes),
        isr: ids(&partition.isr_nodes),
    }
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn error(code: i16) -> Option<ResponseError> {
    ResponseError::try_from_code(code)
}
