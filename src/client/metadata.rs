//! When to request metadata, about which topics, and what is still missing after an answer.
//!
//! A topic in use:
//!
//! ```text
//!            a request names it           the answer is complete
//!   Unasked ─────────────────────▶ Asked ───────────────────────▶ Complete
//!                                   ▲ │ the answer is incomplete          │ a newer answer is needed
//!                            again  │ ▼                                   │
//!                              Incomplete ◀───────────────────────────────┘
//! ```
//!
//! A topic in state Unasked is requested at once, one in state Incomplete after a back-off of its own. These requests name
//! only the topics they are about. All topics in use are requested after `metadata_max_age_ms`, and after a change that the
//! last answer could not know: a leader has moved, or a broker is gone. Only a request for topics that a `send` waits for,
//! or has asked for within the last second, may create them. It names no others. One request is in flight at a time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{ClusterMetadata, LeaderHint, SharedMetadata, TopicMetadata};
use crate::client::merge::{learn, merge};
use crate::client::warnings::Warnings;
use crate::protocol::{
    ErrorCode, MetadataBroker, MetadataRequest, MetadataRequestTopic, MetadataResponse, NodeEndpoint,
};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct MetadataSettings {
    /// `metadata_max_age_ms`: metadata are requested again after this, if nothing happens.
    pub(crate) max_age: Duration,
    /// `metadata_max_idle_ms`: a topic that got no record for this time is not requested any more.
    pub(crate) max_idle: Duration,
    /// Between two requests of which the first got no answer. After an incomplete answer the next request comes sooner at
    /// first, after a quarter of it: a new topic has its leaders within some tens of milliseconds.
    pub(crate) retry: Backoff,
    pub(crate) allow_auto_create_topics: bool,
}

/// The sender's side of the metadata: what is known, what is wanted, and what is due.
pub(crate) struct Metadata {
    settings: MetadataSettings,
    snapshot: Arc<ClusterMetadata>,
    shared: Arc<SharedMetadata>,
    topics: BTreeMap<Arc<str>, TopicUse>,
    /// When the first topic has to be requested by itself. `None` if that has changed since it was computed. Each step of
    /// the sender reads it, and must not look at each topic.
    some_due: Cell<Option<Deadline>>,
    /// The request in flight.
    asked: Option<RequestScope>,
    /// All topics are wanted: there was a change that the last answer could not know.
    wanted: bool,
    /// No request for that reason before this.
    not_before: Instant,
    /// The time of the last answer about all topics.
    last_answer: Option<Instant>,
    /// The number of requests in a row without an answer. No request before `failed_until`, except for new topics.
    failures: u32,
    failed_until: Instant,
    /// The last request was about some topics. If one about all is due, it comes before the next about some.
    some_were_last: bool,
    warnings: Warnings,
}

/// What is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RequestScope {
    topics: Vec<Arc<str>>,
    is_about_all: bool,
    creates: bool,
    /// It was made because of a change. One without a change must not delay one because of a change.
    after_change: bool,
}

/// What is needed of a topic, and why.
struct TopicUse {
    last: Instant,
    /// The number of partitions with records to send. The topic is in use, however old its last record is.
    held: usize,
    /// The program has asked for its partitions, and may send to it where it can't wait. It is not forgotten.
    is_kept: bool,
    /// A `send` waits for it until then,
    awaited_until: Deadline,
    /// and it is wanted until then: a call that may not wait comes again.
    wanted_until: Deadline,
    state: TopicState,
    /// The number of incomplete answers in a row.
    repeats: u32,
    /// No request for what is missing before this.
    not_before: Instant,
    /// When a request named it last.
    asked_at: Instant,
}

/// See the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TopicState {
    Unasked,
    Asked,
    /// It was incomplete before the request, and is requested again.
    AskedAgain,
    Incomplete,
    Complete,
}

impl Metadata {
    pub(crate) fn new(settings: MetadataSettings, shared: Arc<SharedMetadata>) -> Self {
        Self {
            settings,
            snapshot: shared.snapshot(),
            shared,
            topics: BTreeMap::new(),
            some_due: Cell::new(None),
            asked: None,
            wanted: true,
            not_before: Instant::ZERO,
            last_answer: None,
            failures: 0,
            failed_until: Instant::ZERO,
            some_were_last: false,
            warnings: Warnings::default(),
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<ClusterMetadata> {
        &self.snapshot
    }

    pub(crate) fn shared(&self) -> &SharedMetadata {
        &self.shared
    }

    /// There was a change that the last answer could not know: a leader has moved, or a broker is gone.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// The last answer did not help: a partition of the topic still has no leader. The next request for the topic comes
    /// later each time.
    pub(crate) fn want_again(&mut self, topic: &Arc<str>, now: Instant) {
        let topic = self.topic_in_use(topic, now);
        if topic.state == TopicState::Complete {
            topic.state = TopicState::Incomplete;
            self.some_due.set(None);
        }
    }

    /// The topic is in use. If it is new, it is requested at once.
    pub(crate) fn use_topic(&mut self, topic: &Arc<str>, now: Instant) {
        self.topic_in_use(topic, now);
    }

    /// A `send` waits until then for the topic, or for a newer answer about it. The topic is not forgotten before, however
    /// soon idle topics are (`metadata_max_idle_ms` may be less than `max_block_ms`).
    pub(crate) fn await_topic(&mut self, topic: &Arc<str>, until: Deadline, now: Instant) {
        let soon = self.settings.retry.initial;
        self.some_due.set(None);
        let topic = self.topic_in_use(topic, now);
        if topic.awaited_until.has_passed(now) {
            // Earlier waits do not count for this one.
            topic.repeats = 0;
            topic.not_before = topic.not_before.min(topic.asked_at + soon);
        }
        topic.awaited_until = topic.awaited_until.max(until);
        topic.wanted_until = topic.wanted_until.max(until).max(Deadline::after(now, COMES_AGAIN));
        if topic.state == TopicState::Complete {
            topic.state = TopicState::Incomplete;
        }
    }

    /// The topic is not forgotten, however seldom it is used.
    pub(crate) fn keep_topic(&mut self, topic: &Arc<str>, now: Instant) {
        self.topic_in_use(topic, now).is_kept = true;
    }

    /// A partition of the topic has got records to send. The topic is not forgotten until
    /// [`release_topic`](Self::release_topic) was called as often.
    pub(crate) fn hold_topic(&mut self, topic: &Arc<str>, now: Instant) {
        self.topic_in_use(topic, now).held += 1;
    }

    pub(crate) fn release_topic(&mut self, topic: &Arc<str>, now: Instant) {
        let topic = self.topic_in_use(topic, now);
        topic.held = topic.held.saturating_sub(1);
    }

    fn topic_in_use(&mut self, topic: &Arc<str>, now: Instant) -> &mut TopicUse {
        let fresh = TopicUse {
            last: now,
            held: 0,
            is_kept: false,
            awaited_until: Deadline::at(Instant::ZERO),
            wanted_until: Deadline::at(Instant::ZERO),
            state: TopicState::Unasked,
            repeats: 0,
            not_before: Instant::ZERO,
            asked_at: Instant::ZERO,
        };
        let used = self.topics.entry(Arc::clone(topic)).or_insert_with(|| {
            self.some_due.set(None);
            fresh
        });
        used.last = now;
        used
    }

    /// Whether to send a request now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_request_at().has_passed(now)
    }

    /// When to send the next request, unless an answer is awaited.
    pub(crate) fn next_request_at(&self) -> Deadline {
        if self.asked.is_some() {
            return Deadline::NEVER;
        }
        self.some_due_from().min(self.all_due_from())
    }

    fn some_due_from(&self) -> Deadline {
        if let Some(known) = self.some_due.get() {
            return known;
        }
        let first = self.topics.values().map(|used| self.due_from(used)).min().unwrap_or(Deadline::NEVER);
        self.some_due.set(Some(first));
        first
    }

    fn all_due_from(&self) -> Deadline {
        let by_age = self.last_answer.map_or(Instant::ZERO, |last| last + self.settings.max_age);
        let due = if self.wanted { self.not_before.min(by_age) } else { by_age };
        Deadline::at(due.max(self.failed_until))
    }

    /// When to request a topic by itself.
    fn due_from(&self, used: &TopicUse) -> Deadline {
        match used.state {
            TopicState::Unasked => Deadline::at(used.not_before),
            TopicState::Incomplete => Deadline::at(used.not_before.max(self.failed_until)),
            TopicState::Asked | TopicState::AskedAgain | TopicState::Complete => Deadline::NEVER,
        }
    }

    pub(crate) fn request(&mut self, now: Instant) -> MetadataRequest {
        self.some_due.set(None);
        self.forget_unused(now);
        let scope = self.request_scope(now);
        let named = scope
            .topics
            .iter()
            .map(|name| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() });
        let request = MetadataRequest {
            // It is never null, which would mean all topics of the cluster.
            topics: Some(named.collect()),
            allow_auto_topic_creation: scope.creates,
            ..Default::default()
        };
        for name in &scope.topics {
            let Some(used) = self.topics.get_mut(name) else { continue };
            if used.state == TopicState::Incomplete && now.since(used.not_before) > self.settings.retry.max {
                // What was missing then does not count for this request.
                used.repeats = 0;
            }
            used.asked_at = now;
            used.state =
                if used.state == TopicState::Incomplete { TopicState::AskedAgain } else { TopicState::Asked };
        }
        if scope.is_about_all {
            self.wanted = false;
        }
        self.some_were_last = !scope.is_about_all;
        self.asked = Some(scope);
        request
    }

    fn forget_unused(&mut self, now: Instant) {
        let (idle, known) = (self.settings.max_idle, &self.snapshot.topics);
        self.topics.retain(|name, used| {
            // What was deleted is not kept.
            let is_there = || known.get(name).is_none_or(|topic| topic.error.is_none());
            (used.is_kept && is_there())
                || used.is_needed(now)
                || used.state == TopicState::Unasked
                || now.since(used.last) < idle
        });
    }

    /// The topics of the next request: those that it may create, or those that it must not create, or, because of their age
    /// or a change, all.
    fn request_scope(&self, now: Instant) -> RequestScope {
        let all_are_due = self.all_due_from().has_passed(now);
        let (create, all) = (self.settings.allow_auto_create_topics, self.topics.len());
        let named = |creates: bool| {
            let is_created = |name: &Arc<str>, used: &TopicUse| {
                create && self.snapshot.topic(name).is_none() && !used.wanted_until.has_passed(now)
            };
            let due = self.topics.iter().filter(|(_, used)| self.due_from(used).has_passed(now));
            let due = due.filter(|(name, used)| is_created(name, used) == creates);
            let topics: Vec<_> = due.map(|(name, _)| Arc::clone(name)).collect();
            // If it names all topics, it is a request about all.
            let is_about_all = topics.len() == all;
            RequestScope { topics, is_about_all, creates, after_change: self.wanted }
        };
        if !(all_are_due && self.some_were_last) {
            let some = [true, false].map(named).into_iter().find(|scope| !scope.topics.is_empty());
            if let Some(scope) = some {
                return scope;
            }
        }
        // Topics that no request has named yet are left to one that may create them.
        let known = self.topics.iter().filter(|(_, used)| used.state != TopicState::Unasked);
        RequestScope {
            topics: known.map(|(name, _)| Arc::clone(name)).collect(),
            is_about_all: true,
            creates: false,
            after_change: self.wanted,
        }
    }

    /// The request got no answer.
    pub(crate) fn failed(&mut self, now: Instant, random: &mut fastrand::Rng) {
        let Some(scope) = self.asked.take() else { return };
        self.some_due.set(None);
        self.wanted |= scope.is_about_all;
        for name in scope.topics {
            let Some(used) = self.topics.get_mut(&name) else { continue };
            used.state = TopicState::Incomplete;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_until = now + self.settings.retry.delay(self.failures, random);
    }

    /// Takes an answer in `version` and publishes the metadata.
    pub(crate) fn answered(
        &mut self,
        version: i16,
        response: MetadataResponse,
        now: Instant,
        random: &mut fastrand::Rng,
    ) {
        if response.brokers.is_empty() {
            // The broker is starting. What is known is better than nothing.
            log::debug!("a metadata response without brokers is ignored");
            return self.failed(now, random);
        }
        let Some(scope) = self.asked.take() else { return };
        self.some_due.set(None);
        (self.failures, self.failed_until) = (0, Instant::ZERO);
        let (next, impossible) =
            merge(&self.snapshot, response, version, |name| self.topics.contains_key(name));
        impossible.iter().for_each(|broker| self.warn_of_port(broker, now));
        if scope.is_about_all {
            self.last_answer = Some(now);
            if scope.after_change {
                self.not_before = now + self.settings.retry.initial;
            }
        }
        let MetadataSettings { retry, .. } = &self.settings;
        let soon = Backoff { initial: retry.initial / 4, max: retry.max };
        for name in &scope.topics {
            let Some(used) = self.topics.get_mut(name) else { continue };
            let topic = next.topics.get(name);
            // A topic that is not needed may stay incomplete. A call that needs it later says so.
            let is_incomplete = used.is_needed(now) && (is_incomplete(topic) || lacks_leaders(topic, &next));
            used.repeats = if is_incomplete || used.state == TopicState::AskedAgain {
                used.repeats.saturating_add(1)
            } else {
                0
            };
            used.not_before = now + soon.delay(used.repeats, random);
            used.state = if is_incomplete { TopicState::Incomplete } else { TopicState::Complete };
            let is_final = |code: ErrorCode| code.is_final_for_topic();
            if topic.is_some_and(|topic| !topic.partitions.is_empty() || topic.error.is_some_and(is_final)) {
                // A topic that exists is not to be created. If it is deleted later, that is meant. A topic that is refused
                // is not to be created either.
                used.awaited_until = Deadline::at(Instant::ZERO);
                used.wanted_until = Deadline::at(Instant::ZERO);
            }
        }
        self.snapshot = Arc::new(next);
        self.shared.publish(Arc::clone(&self.snapshot));
    }

    /// Takes the leaders that other brokers have named. True if one is new.
    pub(crate) fn learn(&mut self, hints: &[LeaderHint], endpoints: &[NodeEndpoint]) -> bool {
        let Some(next) = learn(&self.snapshot, hints, endpoints) else { return false };
        self.snapshot = Arc::new(next);
        self.shared.publish(Arc::clone(&self.snapshot));
        true
    }

    fn warn_of_port(&mut self, broker: &MetadataBroker, now: Instant) {
        let MetadataBroker { node_id, port, .. } = broker;
        let text = format!("broker {node_id} advertises port {port}, which is not valid");
        if self.warnings.should_log(&text, self.settings.max_age, now).is_some() {
            log::warn!("{text}; check its advertised.listeners");
        }
    }
}

impl TopicUse {
    fn is_needed(&self, now: Instant) -> bool {
        self.held > 0 || !self.wanted_until.has_passed(now)
    }
}

/// How long a topic is looked for, and may be created, for a call that may not wait and is expected to come again.
const COMES_AGAIN: Duration = Duration::from_secs(1);

/// A later answer may have more about the topic.
fn is_incomplete(topic: Option<&TopicMetadata>) -> bool {
    topic.is_none_or(|topic| match topic.error {
        Some(code) => !code.is_final_for_topic(),
        None => topic.partitions.is_empty(),
    })
}

fn lacks_leaders(topic: Option<&TopicMetadata>, known: &ClusterMetadata) -> bool {
    let has_leader = |leader: Option<i32>| leader.is_some_and(|leader| known.brokers.contains_key(&leader));
    topic.is_some_and(|topic| topic.partitions.iter().any(|partition| !has_leader(partition.leader)))
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::{MetadataPartition, MetadataTopic};
    use crate::time::Clock;

    fn metadata() -> Metadata {
        let settings = MetadataSettings {
            max_age: Duration::from_secs(300),
            max_idle: Duration::from_secs(300),
            retry: Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(1) },
            allow_auto_create_topics: true,
        };
        Metadata::new(settings, SharedMetadata::new())
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn named(request: &MetadataRequest) -> Vec<&str> {
        request.topics.iter().flatten().filter_map(|topic| topic.name.as_deref()).collect()
    }

    fn answer(topics: &[(&str, ErrorCode)]) -> MetadataResponse {
        let topic = |(name, error_code): &(&str, ErrorCode)| MetadataTopic {
            error_code: *error_code,
            name: Some((*name).to_owned()),
            partitions: vec![MetadataPartition::default(); usize::from(*error_code == ErrorCode::NONE)],
            ..Default::default()
        };
        let brokers = vec![MetadataBroker { port: 9092, ..Default::default() }];
        MetadataResponse { brokers, topics: topics.iter().map(topic).collect(), ..Default::default() }
    }

    fn told(metadata: &mut Metadata, topics: &[(&str, ErrorCode)], now: Instant) {
        metadata.answered(12, answer(topics), now, &mut fastrand::Rng::with_seed(1));
    }

    fn wait(metadata: &mut Metadata, topic: &str, now: Instant) {
        metadata.await_topic(&topic.into(), Deadline::at(at(60_000)), now);
    }

    const FINE: ErrorCode = ErrorCode::NONE;

    #[test]
    fn a_new_topic_is_asked_about_by_itself_and_nothing_else_is_forgotten_for_it() {
        let mut metadata = metadata();
        wait(&mut metadata, "a", at(0));
        assert_eq!(named(&metadata.request(at(0))), ["a"]);
        told(&mut metadata, &[("a", FINE)], at(1));
        wait(&mut metadata, "b", at(2));
        assert_eq!(named(&metadata.request(at(2))), ["b"]);
        told(&mut metadata, &[("b", FINE)], at(3));
        let snapshot = metadata.snapshot();
        assert!(snapshot.topic("a").is_some() && snapshot.topic("b").is_some());
        assert!(!metadata.is_due(at(4)));
    }

    #[test]
    fn only_what_a_send_waits_for_may_be_created() {
        let mut metadata = metadata();
        wait(&mut metadata, "a", at(0));
        metadata.use_topic(&"b".into(), at(0));
        let request = metadata.request(at(0));
        assert_eq!((named(&request), request.allow_auto_topic_creation), (vec!["a"], true));
        told(&mut metadata, &[("a", FINE)], at(1));
        // The topics that are due. Those that a request must not create are in another request.
        let request = metadata.request(at(1));
        assert!(!request.allow_auto_topic_creation);
        let answered: Vec<_> = named(&request).into_iter().map(|name| (name, FINE)).collect();
        told(&mut metadata, &answered, at(2));
        while metadata.is_due(at(2)) {
            metadata.request(at(2));
            told(&mut metadata, &[("a", FINE), ("b", FINE)], at(2));
        }
        let later = at(300_003);
        metadata.use_topic(&"a".into(), later);
        assert!(metadata.is_due(later), "by age");
        let request = metadata.request(later);
        assert_eq!((named(&request).contains(&"a"), request.allow_auto_topic_creation), (true, false));
    }

    #[test]
    fn one_question_serves_all_who_wait() {
        let mut metadata = metadata();
        wait(&mut metadata, "a", at(0));
        metadata.request(at(0));
        (0..100).for_each(|_| wait(&mut metadata, "a", at(0)));
        told(&mut metadata, &[("a", FINE)], at(1));
        assert!(!metadata.is_due(at(1)));
    }

    #[test]
    fn a_wait_that_begins_anew_does_not_inherit_the_back_off_of_one_that_is_over() {
        let mut metadata = metadata();
        let topic = Arc::from("a");
        let until = |now| Deadline::after(now, Duration::from_millis(200));
        let mut now = at(0);
        for _ in 0..10 {
            metadata.await_topic(&topic, until(now), now);
            now = metadata.next_request_at().instant().unwrap().max(now);
            metadata.request(now);
            told(&mut metadata, &[("a", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)], now);
        }
        now = now + Duration::from_millis(300);
        metadata.await_topic(&topic, until(now), now);
        assert!(metadata.is_due(now));
        metadata.request(now);
        told(&mut metadata, &[("a", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)], now);
        // A program that does not wait and comes again at once causes ten requests per second, not one for each call.
        metadata.await_topic(&topic, Deadline::at(now), now);
        assert!(!metadata.is_due(now));
    }

    #[test]
    fn each_topic_has_a_back_off_of_its_own() {
        let mut metadata = metadata();
        wait(&mut metadata, "a", at(0));
        let mut now = at(0);
        for _ in 0..10 {
            now = metadata.next_request_at().instant().unwrap().max(now);
            metadata.request(now);
            told(&mut metadata, &[("a", ErrorCode::LEADER_NOT_AVAILABLE)], now);
        }
        assert!(metadata.next_request_at().remaining(now).unwrap() > Duration::from_millis(700));
        wait(&mut metadata, "b", now);
        assert_eq!(named(&metadata.request(now)), ["b"]);
        told(&mut metadata, &[("b", ErrorCode::LEADER_NOT_AVAILABLE)], now);
        let soon = metadata.next_request_at().remaining(now).unwrap();
        assert!((Duration::from_millis(20)..=Duration::from_millis(30)).contains(&soon), "{soon:?}");
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again_and_one_about_all_that_is_due_has_its_turn() {
        let mut metadata = metadata();
        wait(&mut metadata, "a", at(0));
        metadata.request(at(0));
        metadata.failed(at(1), &mut fastrand::Rng::with_seed(1));
        assert!(!metadata.is_due(at(2)));
        let request = metadata.request(at(200));
        assert_eq!((named(&request), request.allow_auto_topic_creation), (vec!["a"], true));
        told(&mut metadata, &[("a", FINE)], at(201));
        // A leader has moved while new topics come without a pause.
        metadata.want();
        for number in 0..3 {
            let new = format!("new-{number}");
            wait(&mut metadata, &new, at(400));
            let request = metadata.request(at(400));
            if named(&request).contains(&"a") {
                return;
            }
            told(&mut metadata, &[(&new, FINE)], at(400));
        }
        panic!("nobody asked about a");
    }

    /// `used` has records to send, `idle` has none any more. Both exist without a leader.
    #[test]
    fn a_topic_is_asked_about_until_it_has_leaders_if_something_is_to_be_sent_to_it() {
        let (used, idle) = (Arc::from("used"), Arc::from("idle"));
        let mut metadata = metadata();
        [&used, &idle, &idle].iter().for_each(|topic| metadata.hold_topic(topic, at(0)));
        [&idle, &idle].iter().for_each(|topic| metadata.release_topic(topic, at(0)));
        assert_eq!(named(&metadata.request(at(0))), ["idle", "used"]);
        let mut without_leaders = answer(&[("idle", FINE), ("used", FINE)]);
        for partition in without_leaders.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.leader_id = -1;
        }
        metadata.answered(12, without_leaders, at(1), &mut fastrand::Rng::with_seed(1));
        assert!(metadata.is_due(at(100)));
        assert_eq!(named(&metadata.request(at(100))), ["used"]);
        told(&mut metadata, &[("used", FINE)], at(101));
        assert!(!metadata.is_due(at(10_000)), "it has a leader");
    }

    /// The time between incomplete answers grows, also if some in between seem to be complete.
    #[test]
    fn the_back_off_of_a_topic_grows_and_is_forgotten_after_a_pause() {
        let topic = Arc::from("a");
        let ask = |metadata: &mut Metadata, now: Instant| {
            metadata.want_again(&topic, now);
            let due = metadata.next_request_at().instant().unwrap().max(now);
            (due, due.since(now))
        };
        // The last two ask so much later than they might: as long as the longest back-off, and longer.
        for (pause, starts_anew) in [(1_000_000, false), (1_000_001, true)] {
            let mut metadata = metadata();
            metadata.use_topic(&topic, at(0));
            metadata.request(at(0));
            told(&mut metadata, &[("a", FINE)], at(0));
            assert_eq!(ask(&mut metadata, at(1000)).1, Duration::ZERO, "the last answer was not open");
            let (mut now, mut wait) = (at(0), Duration::ZERO);
            for _ in 0..10 {
                (now, wait) = ask(&mut metadata, now);
                metadata.request(now);
                told(&mut metadata, &[("a", FINE)], now);
            }
            assert!(wait > Duration::from_millis(700), "{wait:?}");
            let (due, _) = ask(&mut metadata, now);
            now = due + Duration::from_micros(pause);
            metadata.request(now);
            told(&mut metadata, &[("a", FINE)], now);
            let (_, wait) = ask(&mut metadata, now);
            assert_eq!(wait < Duration::from_millis(50), starts_anew, "{wait:?}");
        }
    }

    /// A call with an unlimited `max_block` has ended: its topic is refused.
    #[test]
    fn a_topic_that_is_refused_for_good_is_wanted_no_longer() {
        for (code, is_forgotten) in
            [(ErrorCode::TOPIC_AUTHORIZATION_FAILED, true), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, false)]
        {
            let mut metadata = metadata();
            metadata.await_topic(&"a".into(), Deadline::NEVER, at(0));
            metadata.request(at(0));
            told(&mut metadata, &[("a", code)], at(1));
            let next = metadata.request(at(300_001));
            assert_eq!(named(&next).is_empty(), is_forgotten, "{code}");
        }
    }

    #[test]
    fn a_topic_that_is_kept_is_requested_with_the_others_however_old_its_use_is() {
        let mut metadata = metadata();
        for topic in ["a", "b"] {
            metadata.use_topic(&topic.into(), at(0));
        }
        metadata.keep_topic(&"b".into(), at(0));
        metadata.request(at(0));
        told(&mut metadata, &[("a", FINE), ("b", FINE)], at(1));
        assert_eq!(named(&metadata.request(at(300_001))), ["b"]);
        told(&mut metadata, &[("b", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)], at(300_002));
        assert!(named(&metadata.request(at(600_003))).is_empty(), "it was deleted");
    }

    /// A call that waits for long repeats its notice before the last one ends.
    #[test]
    fn a_wait_that_is_prolonged_is_not_a_new_wait() {
        let mut metadata = metadata();
        let (mut now, mut asked) = (0, Vec::new());
        while now < 60_000 {
            if now % 5_000 == 0 {
                metadata.await_topic(&"a".into(), Deadline::at(at(now + 10_000)), at(now));
            }
            if metadata.is_due(at(now)) {
                metadata.request(at(now));
                told(&mut metadata, &[("a", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)], at(now));
                asked.push(now);
            }
            now += 10;
        }
        // Less than once a second, but for the first ones.
        assert!((55..90).contains(&asked.len()), "{asked:?}");
    }

    /// It is asked with each step of the sender.
    #[test]
    fn when_to_ask_next_is_known_without_a_look_at_each_topic() {
        let mut metadata = metadata();
        (0..20_000).for_each(|number| metadata.use_topic(&format!("t{number}").into(), at(0)));
        metadata.request(at(0));
        told(&mut metadata, &[], at(1));
        let start = Clock::System.now();
        let due = (0..20_000).filter(|_| metadata.is_due(at(2))).count();
        let took = Clock::System.now().since(start);
        assert!(due == 0 && took < Duration::from_millis(200), "{took:?}");
        metadata.want_again(&"t7".into(), at(2));
        assert!(metadata.is_due(at(200)));
    }

    #[test]
    fn what_can_not_pass_is_not_asked_about_again_by_itself() {
        for (code, again) in [
            (ErrorCode::INVALID_TOPIC_EXCEPTION, false),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
            (ErrorCode::INVALID_REPLICATION_FACTOR, true),
            (ErrorCode::UNKNOWN_SERVER_ERROR, true),
        ] {
            let mut metadata = metadata();
            wait(&mut metadata, "a", at(0));
            metadata.request(at(0));
            told(&mut metadata, &[("a", code)], at(1));
            assert_eq!(metadata.is_due(at(100)), again, "{code}");
        }
    }
}
