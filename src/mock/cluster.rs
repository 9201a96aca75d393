//! What the mock cluster is made of: brokers, topics, leaders, logs. No sockets, no connections.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use crate::mock::credentials::Credentials;
use crate::mock::log::PartitionLog;
use crate::protocol::{ApiKey, Uuid};

/// Where a broker listens that says nothing else.
pub(super) const HOST: &str = "127.0.0.1";

#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) settings: Settings,
    /// By node id.
    pub(super) brokers: Vec<Broker>,
    pub(super) topics: BTreeMap<String, Topic>,
    /// Names of topics by their ids.
    pub(super) names: HashMap<Uuid, String>,
    pub(super) next_producer_id: i64,
    /// Topics that there ever were.
    created: u128,
    /// Nothing that is appended here is ever copied by others: what waits for them (acks=all) waits in vain.
    pub(super) is_cut_off: bool,
}

/// What Metadata tells of a cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// By node id.
    pub(super) brokers: Vec<BrokerView>,
    pub(super) topics: BTreeMap<String, TopicView>,
}

#[derive(Clone, Debug)]
pub(super) struct BrokerView {
    pub(super) running: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) rack: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct TopicView {
    pub(super) id: Uuid,
    /// Leader and leader epoch of each partition.
    pub(super) partitions: Vec<(usize, i32)>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) auto_create_topics: bool,
    /// Of topics that are created because somebody asked about them.
    pub(super) default_partitions: usize,
    /// Topics created so have no leaders in the answer that created them.
    pub(super) leader_not_available_once: bool,
    /// Count records instead of keeping them.
    pub(super) counting: bool,
    pub(super) credentials: Credentials,
    /// Of each producer id that is given. A real broker begins with 0; near the end the epochs run out soon.
    pub(super) first_epoch: i16,
    /// A producer that a partition does not know has to begin with sequence 0, as old brokers want it (before KIP-360).
    pub(super) refuses_unknown_producers: bool,
}

#[derive(Clone)]
pub(super) struct Broker {
    pub(super) port: u16,
    pub(super) running: bool,
    /// It is no broker: it listens where it can be named, and no metadata tell of it.
    pub(super) is_controller: bool,
    /// The controller does not hear from it, and takes it for dead.
    pub(super) is_fenced: bool,
    /// Where it tells clients to go (`advertised.listeners`), if not to where it is.
    pub(super) advertised: Option<(String, u16)>,
    pub(super) rack: Option<String>,
    /// What it says it speaks, by API.
    pub(super) versions: BTreeMap<ApiKey, RangeInclusive<i16>>,
    /// What it says that it holds clients back for.
    pub(super) throttle_ms: i32,
}

#[derive(Clone)]
pub(super) struct Topic {
    pub(super) id: Uuid,
    pub(super) partitions: Vec<Partition>,
    /// The largest batch, in bytes (`max.message.bytes`).
    pub(super) max_message_bytes: usize,
    /// Every record must have a key (`cleanup.policy=compact`).
    pub(super) compacted: bool,
}

#[derive(Clone)]
pub(super) struct Partition {
    /// Index of the broker.
    pub(super) leader: usize,
    pub(super) leader_epoch: i32,
    pub(super) log: PartitionLog,
}

impl Cluster {
    pub(super) fn new(settings: Settings, ports: &[u16]) -> Self {
        let broker = |&port: &u16| Broker {
            port,
            running: true,
            is_controller: false,
            is_fenced: false,
            advertised: None,
            rack: None,
            versions: OFFERED.iter().map(|(key, versions)| (*key, versions.clone())).collect(),
            throttle_ms: 0,
        };
        Self {
            settings,
            brokers: ports.iter().map(broker).collect(),
            topics: BTreeMap::new(),
            names: HashMap::new(),
            next_producer_id: FIRST_PRODUCER_ID,
            created: 0,
            is_cut_off: false,
        }
    }

    pub(super) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Leaders are dealt out in turn. False if there is such a topic already.
    pub(super) fn create_topic(&mut self, name: &str, partitions: usize) -> bool {
        if self.topics.contains_key(name) {
            return false;
        }
        // Ids need to be different, and the same in every run.
        self.created += 1;
        let id = Uuid((0x6d6f_636b_u128 << 96 | self.created).to_be_bytes());
        self.insert_topic(name, id, partitions);
        true
    }

    pub(super) fn insert_topic(&mut self, name: &str, id: Uuid, partitions: usize) {
        let brokers = self.brokers.len();
        let partitions = (0..partitions).map(|index| Partition::new(index % brokers)).collect();
        let topic = Topic { id, partitions, max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES, compacted: false };
        self.topics.insert(name.to_owned(), topic);
        self.names.insert(id, name.to_owned());
    }

    /// False if there is no such topic.
    pub(super) fn delete_topic(&mut self, name: &str) -> bool {
        let deleted = self.topics.remove(name);
        deleted.is_some_and(|topic| self.names.remove(&topic.id).is_some())
    }

    /// Gives a topic more partitions, until it has `total`. False if it has as many already, or there is no such topic.
    pub(super) fn add_partitions(&mut self, name: &str, total: usize) -> bool {
        let brokers = self.brokers.len();
        let Some(Topic { partitions, .. }) = self.topics.get_mut(name) else { return false };
        let before = partitions.len();
        partitions.extend((before..total).map(|index| Partition::new(index % brokers)));
        partitions.len() > before
    }

    /// Another broker, at `port`. It leads nothing yet.
    #[cfg(test)]
    pub(super) fn add_broker(&mut self, port: u16) -> usize {
        let new =
            Broker { port, running: true, is_fenced: false, advertised: None, ..self.brokers[0].clone() };
        self.brokers.push(new);
        self.brokers.len() - 1
    }

    /// Brokers that can lead.
    #[cfg(test)]
    pub(super) fn able(&self) -> Vec<usize> {
        let views = self.broker_views().into_iter().enumerate();
        views.filter(|(_, view)| view.running).map(|(broker, _)| broker).collect()
    }

    /// What `broker` has led others lead from now on, in new epochs, if there are any.
    #[cfg(test)]
    pub(super) fn leave_leaders(&mut self, broker: usize) {
        let able: Vec<usize> = self.able().into_iter().filter(|able| *able != broker).collect();
        let partitions = self.topics.values_mut().flat_map(|topic| &mut topic.partitions);
        let led = partitions.filter(|partition| partition.leader == broker);
        for (partition, leader) in led.zip(able.iter().cycle()) {
            partition.leader = *leader;
            partition.leader_epoch += 1;
        }
    }

    /// A node that is a KRaft controller and nothing else.
    #[cfg(test)]
    pub(super) fn make_controller(&mut self, index: usize) {
        let node = &mut self.brokers[index];
        node.is_controller = true;
        node.versions.retain(|key, _| *key == ApiKey::API_VERSIONS);
    }

    pub(super) fn view(&self) -> View {
        View {
            brokers: self.broker_views(),
            topics: self.topics.iter().map(|(name, topic)| (name.clone(), topic.view())).collect(),
        }
    }

    pub(super) fn broker_views(&self) -> Vec<BrokerView> {
        let view = |broker: &Broker| {
            let (host, port) = broker.advertised.clone().unwrap_or_else(|| (HOST.to_owned(), broker.port));
            let running = broker.running && !broker.is_controller && !broker.is_fenced;
            BrokerView { running, host, port, rack: broker.rack.clone() }
        };
        self.brokers.iter().map(view).collect()
    }

    pub(super) fn topic_by_id(&self, id: Uuid) -> Option<(&str, &Topic)> {
        let name = self.names.get(&id)?;
        Some((name, self.topics.get(name)?))
    }
}

impl Topic {
    pub(super) fn view(&self) -> TopicView {
        let partitions = self.partitions.iter();
        let partitions = partitions.map(|partition| (partition.leader, partition.leader_epoch)).collect();
        TopicView { id: self.id, partitions }
    }
}

impl Partition {
    fn new(leader: usize) -> Self {
        Self { leader, leader_epoch: 0, log: PartitionLog::default() }
    }
}

/// The rules that brokers have for names of topics.
pub(super) fn is_topic_name(name: &str) -> bool {
    const MAX_LEN: usize = 249;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= MAX_LEN && name.bytes().all(allowed)
}

/// Kafka's own default.
const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;

/// The cluster's id in metadata: 22 characters, as a real one.
pub(super) const CLUSTER_ID: &str = "mockMockMockMockMockAA";

/// Not 0, which a client may have by mistake.
const FIRST_PRODUCER_ID: i64 = 1000;

/// As brokers 4.1 to 4.3 say it, of what the mock knows. They too list Produce 0 to 2 and don't take them.
const OFFERED: [(ApiKey, RangeInclusive<i16>); 6] = [
    (ApiKey::PRODUCE, 0..=13),
    (ApiKey::METADATA, 0..=13),
    (ApiKey::SASL_HANDSHAKE, 0..=1),
    (ApiKey::API_VERSIONS, 0..=4),
    (ApiKey::INIT_PRODUCER_ID, 0..=5),
    (ApiKey::SASL_AUTHENTICATE, 0..=2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_brokers_rules() {
        for good in ["a", "a.b_c-D9", &"x".repeat(249)] {
            assert!(is_topic_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ü", &"x".repeat(250)] {
            assert!(!is_topic_name(bad), "{bad}");
        }
    }
}
