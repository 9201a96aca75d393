//! When to ask the cluster what it looks like, about which topics, and what its answer changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{Broker, ClusterMetadata, PartitionMetadata, SharedMetadata, TopicMetadata};
use crate::client::warnings::Warnings;
use crate::protocol::{
    ErrorCode, MetadataBroker, MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataTopic, Uuid,
};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct MetadataSettings {
    /// `metadata_max_age_ms`: ask again after this, if nothing happens.
    pub(crate) max_age: Duration,
    /// `metadata_max_idle_ms`: a topic that nothing was sent to for so long is asked about no more.
    pub(crate) max_idle: Duration,
    /// Between two questions of which the first was not answered to satisfaction.
    pub(crate) retry: Backoff,
    pub(crate) allow_auto_create_topics: bool,
}

/// The sender's side of the metadata: what is known, wanted and due.
pub(crate) struct Metadata {
    settings: MetadataSettings,
    snapshot: Arc<ClusterMetadata>,
    shared: Arc<SharedMetadata>,
    topics: BTreeMap<Arc<str>, TopicUse>,
    wanted: Wanted,
    /// The last answer left something open that somebody waits for. Apart from `wanted`: what else happens meanwhile
    /// must not start the back-off anew.
    open: bool,
    /// A question is under way; about what was open before, if `repeated`.
    asked: bool,
    repeated: bool,
    /// It was asked for news. One that was not must not delay one that is.
    for_news: bool,
    last_answer: Option<Instant>,
    /// No question before, however much it is wanted; and none that only repeats the last.
    not_before: Instant,
    repeat_not_before: Instant,
    /// Questions in a row without an answer, and those whose answer left something open. Apart: a topic that does not
    /// exist must not delay the news of a leader of another.
    failures: u32,
    repeats: u32,
    warnings: Warnings,
}

/// What is to be known of a topic, and why.
struct TopicUse {
    last: Instant,
    /// So many partitions have something to send: it is in use, however long ago the last record came.
    held: usize,
    /// Somebody waits for it to be known, until then.
    awaited_until: Deadline,
    /// Some question has named it. A topic that came while another question was under way waits for one of its own.
    asked: bool,
}

/// Whether somebody needs a newer answer than the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    No,
    /// The last one left something open; asked too often, it says the same.
    Again,
    /// Something happened that it could not know.
    Soon,
}

impl Metadata {
    pub(crate) fn new(settings: MetadataSettings, shared: Arc<SharedMetadata>) -> Self {
        Self {
            settings,
            snapshot: shared.snapshot(),
            shared,
            topics: BTreeMap::new(),
            wanted: Wanted::Soon,
            open: false,
            asked: false,
            repeated: false,
            for_news: false,
            last_answer: None,
            not_before: Instant::ZERO,
            repeat_not_before: Instant::ZERO,
            failures: 0,
            repeats: 0,
            warnings: Warnings::default(),
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<ClusterMetadata> {
        &self.snapshot
    }

    pub(crate) fn shared(&self) -> &SharedMetadata {
        &self.shared
    }

    /// The next answer should come soon: a leader moved, a broker is gone.
    pub(crate) fn want(&mut self) {
        self.wanted = Wanted::Soon;
    }

    /// The last answer did not help: a partition is without a leader still. The next one comes later each time.
    pub(crate) fn want_again(&mut self) {
        self.open = true;
        self.wanted = self.wanted.max(Wanted::Again);
    }

    /// The topic is in use; if it is new, the cluster is asked at once.
    pub(crate) fn use_topic(&mut self, topic: &Arc<str>, now: Instant) {
        self.topic_in_use(topic, now);
    }

    /// Somebody waits until then for the topic to be known. It is not forgotten before, however soon topics that are not
    /// sent to are (`metadata_max_idle_ms` may be below `max_block_ms`).
    pub(crate) fn await_topic(&mut self, topic: &Arc<str>, until: Deadline, now: Instant) {
        let topic = self.topic_in_use(topic, now);
        topic.awaited_until = topic.awaited_until.max(until);
    }

    /// A partition of the topic has got something to send: until [`release_topic`](Self::release_topic) as often, the
    /// topic is not forgotten.
    pub(crate) fn hold_topic(&mut self, topic: &Arc<str>, now: Instant) {
        self.topic_in_use(topic, now).held += 1;
    }

    pub(crate) fn release_topic(&mut self, topic: &Arc<str>, now: Instant) {
        let topic = self.topic_in_use(topic, now);
        topic.held = topic.held.saturating_sub(1);
    }

    fn topic_in_use(&mut self, topic: &Arc<str>, now: Instant) -> &mut TopicUse {
        let fresh = TopicUse { last: now, held: 0, awaited_until: Deadline::at(now), asked: false };
        let used = self.topics.entry(Arc::clone(topic)).or_insert(fresh);
        used.last = now;
        if !used.asked {
            self.wanted = Wanted::Soon;
            self.not_before = Instant::ZERO;
        } else if self.snapshot.topic(topic).is_none() {
            self.wanted = self.wanted.max(Wanted::Again);
        }
        used
    }

    /// Whether to ask now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_question().has_passed(now)
    }

    /// When to ask next, if that needs no answer to an earlier question.
    pub(crate) fn next_question(&self) -> Deadline {
        if self.asked {
            return Deadline::NEVER;
        }
        let by_age = self.last_answer.map_or(Instant::ZERO, |last| last + self.settings.max_age);
        let due = match self.wanted {
            Wanted::No => by_age,
            Wanted::Again => self.repeat_not_before,
            Wanted::Soon => Instant::ZERO,
        };
        Deadline::at(due.max(self.not_before))
    }

    pub(crate) fn request(&mut self, now: Instant) -> MetadataRequest {
        self.asked = true;
        self.for_news = self.wanted == Wanted::Soon;
        self.wanted = Wanted::No;
        self.repeated = std::mem::take(&mut self.open);
        let (idle, snapshot) = (self.settings.max_idle, &self.snapshot);
        self.topics.retain(|name, used| {
            let awaited = snapshot.topic(name).is_none() && !used.awaited_until.has_passed(now);
            used.held > 0 || awaited || !used.asked || now.since(used.last) < idle
        });
        self.topics.values_mut().for_each(|used| used.asked = true);
        let topic =
            |name: &Arc<str>| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        MetadataRequest {
            // Never null, which would be all topics there are.
            topics: Some(self.topics.keys().map(topic).collect()),
            allow_auto_topic_creation: self.settings.allow_auto_create_topics,
            ..Default::default()
        }
    }

    /// The question was not answered.
    pub(crate) fn failed(&mut self, now: Instant, random: &mut fastrand::Rng) {
        self.asked = false;
        self.wanted = Wanted::Soon;
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + self.settings.retry.delay(self.failures, random);
    }

    /// Takes an answer in and shows it to all.
    pub(crate) fn answered(&mut self, response: MetadataResponse, now: Instant, random: &mut fastrand::Rng) {
        if response.brokers.is_empty() {
            // A broker that is starting up. What is known is better than nothing.
            log::debug!("a metadata answer without brokers is passed over");
            return self.failed(now, random);
        }
        self.asked = false;
        self.failures = 0;
        let mut next = ClusterMetadata { version: self.snapshot.version + 1, ..Default::default() };
        for broker in response.brokers {
            match u16::try_from(broker.port) {
                Ok(port) => {
                    drop(next.brokers.insert(broker.node_id, Broker { host: broker.host.into(), port }))
                }
                Err(_) => {
                    let MetadataBroker { node_id, port, .. } = broker;
                    let text = format!("broker {node_id} advertises the impossible port {port}");
                    if self.warnings.is_news(&text, self.settings.max_age, now).is_some() {
                        log::warn!("{text}; look at its advertised.listeners");
                    }
                }
            }
        }
        for topic in response.topics {
            self.take_topic(topic, &mut next);
        }
        // An answer that leaves a topic out says nothing about it.
        for (name, known) in &self.snapshot.topics {
            if self.topics.contains_key(name) && !next.topics.contains_key(name) {
                next.topics.insert(Arc::clone(name), known.clone());
            }
        }
        self.last_answer = Some(now);
        if self.for_news {
            self.not_before = now + self.settings.retry.initial;
        }
        let unsettled = self.topics.keys().any(|name| {
            let topic = next.topics.get(name);
            topic.is_none_or(|topic| {
                topic.error.is_some_and(ErrorCode::is_retriable) || topic.partitions.is_empty()
            })
        });
        if unsettled {
            self.want_again();
        }
        self.repeats = if self.open || self.repeated { self.repeats.saturating_add(1) } else { 0 };
        self.repeat_not_before = now + self.settings.retry.delay(self.repeats, random);
        if self.topics.values().any(|used| !used.asked) {
            // It came after the question, and nothing was said of it.
            self.wanted = Wanted::Soon;
            self.not_before = Instant::ZERO;
        }
        self.snapshot = Arc::new(next);
        self.shared.publish(Arc::clone(&self.snapshot));
    }

    fn take_topic(&self, topic: MetadataTopic, next: &mut ClusterMetadata) {
        let Some(name) = &topic.name else { return };
        let known = self.snapshot.topics.get_key_value(name.as_str());
        let error = (topic.error_code != ErrorCode::NONE).then_some(topic.error_code);
        let (name, known) = match known {
            Some((name, known)) => (Arc::clone(name), Some(known)),
            None => (Arc::from(name.as_str()), None),
        };
        let mut metadata = TopicMetadata { error, ..known.cloned().unwrap_or_default() };
        if error.is_none() {
            metadata.id = topic.topic_id;
            metadata.partitions = partitions(&topic, known);
        }
        if known != Some(&metadata) {
            metadata.version = next.version;
        }
        next.topics.insert(name, metadata);
    }
}

/// The partitions of an answer, but for those of which a newer leader is known already: a broker that has not heard
/// the news yet must not send us back (KAFKA-15415). Epochs count only within one topic: a re-created one starts anew.
fn partitions(
    topic: &crate::protocol::MetadataTopic,
    known: Option<&TopicMetadata>,
) -> Vec<PartitionMetadata> {
    let same = known.filter(|known| topic.topic_id != Uuid::ZERO && known.id == topic.topic_id);
    let most =
        topic.partitions.iter().map(|partition| partition.index).max().map_or(0, |most| most as i64 + 1);
    // Partition numbers have no gaps; an answer that says otherwise must not make us allocate.
    let count = usize::try_from(most).unwrap_or(0).min(topic.partitions.len());
    let mut partitions = vec![PartitionMetadata { leader: None, leader_epoch: -1 }; count];
    for partition in &topic.partitions {
        let Some(place) = usize::try_from(partition.index).ok().and_then(|index| partitions.get_mut(index))
        else {
            continue;
        };
        let leader = (partition.leader_id >= 0).then_some(partition.leader_id);
        *place = PartitionMetadata { leader, leader_epoch: partition.leader_epoch };
        let before = same.and_then(|known| known.partitions.get(partition.index as usize));
        if let Some(before) = before.filter(|before| before.leader_epoch > partition.leader_epoch) {
            *place = *before;
        }
    }
    partitions
}
