//! Deleting the oldest records of a topic, beside whatever is done to the brokers meanwhile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, TopicName};

use super::admin::{error, metadata, text};
use super::{Cluster, Wire, node};

/// For one exchange: what a broker in trouble does not do now is asked of it again later.
const PATIENCE: Duration = Duration::from_secs(4);
/// For the followers' share in it.
const TIMEOUT_MS: i32 = 2_000;

/// Knows where the brokers are, and nothing of whether they run.
#[derive(Clone, Debug)]
pub struct Trimmer {
    topic: String,
    nodes: BTreeMap<i32, SocketAddr>,
}

impl Cluster {
    /// The segments go a little later, with `log.retention.check.interval.ms` and `file.delete.delay.ms`.
    pub fn trimmer(&self, topic: &str) -> Trimmer {
        let nodes = self.nodes.iter().map(|node| (node.id, node.address(node::PLAINTEXT))).collect();
        Trimmer { topic: topic.to_owned(), nodes }
    }
}

impl Trimmer {
    /// Deletes what is below the offset of each partition. Those that the result has not got can be asked for again.
    pub fn delete_before(&self, offsets: &BTreeMap<i32, i64>) -> BTreeMap<i32, i64> {
        let asked = self.nodes.values().find_map(|&node| metadata(node, &[&self.topic], PATIENCE).ok());
        let Some(topic) = asked.and_then(|metadata| metadata.topics.into_iter().next()) else {
            return BTreeMap::new();
        };
        let mut of_leaders = BTreeMap::<i32, Vec<DeleteRecordsPartition>>::new();
        for partition in &topic.partitions {
            if let Some(&offset) = offsets.get(&partition.partition_index) {
                let wanted = DeleteRecordsPartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_offset(offset);
                of_leaders.entry(partition.leader_id.0).or_default().push(wanted);
            }
        }
        let deleted = of_leaders.into_iter().filter_map(|(leader, wanted)| self.ask(leader, wanted));
        deleted.flatten().collect()
    }

    fn ask(&self, leader: i32, wanted: Vec<DeleteRecordsPartition>) -> Option<Vec<(i32, i64)>> {
        let topic =
            DeleteRecordsTopic::default().with_name(TopicName(text(&self.topic))).with_partitions(wanted);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
        let leader = *self.nodes.get(&leader)?;
        let answer = Wire::connect(leader, PATIENCE).and_then(|mut wire| wire.call(2, &request)).ok()?;
        let results = answer.topics.into_iter().flat_map(|topic| topic.partitions);
        let deleted = results.filter(|result| error(result.error_code).is_none());
        Some(deleted.map(|result| (result.partition_index, result.low_watermark)).collect())
    }
}
