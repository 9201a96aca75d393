//! `MockCluster` and `MockBroker`: the types that a test uses.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::mock::cluster::{Partition, Settings};
use crate::mock::core::Core;
use crate::mock::produce::Look;
use crate::mock::rule::{MockRule, MockRuleId};
use crate::mock::server::{self, Shared};
use crate::mock::{ApiKey, Counts, MockRecord, MockRequest};
use crate::protocol::ErrorCode;
use crate::sync::Mutex;
use crate::time::{Clock, Deadline};

/// A Kafka cluster inside the process. Dropping it closes its ports and connections and ends its threads.
///
/// Brokers and partitions are numbered from 0. A method that names a topic, a partition or a broker panics if it does not
/// exist, unless the method says otherwise.
///
/// [Rules](MockRule) order faults. The methods that begin with `fail_next_` and `cut_next_` are short forms of the most common
/// rules.
pub struct MockCluster {
    pub(super) shared: Arc<Shared>,
    servers: Mutex<Vec<server::Broker>>,
    /// `None` only while the cluster is dropped.
    time_keeper: Option<JoinHandle<()>>,
    /// The ports of the brokers. They do not change.
    ports: Vec<u16>,
}

impl MockCluster {
    pub(super) fn build(brokers: usize, settings: Settings) -> Self {
        assert!(brokers > 0, "a mock cluster needs a broker");
        let bind = |index| server::Broker::bind(index).unwrap_or_else(|error| no_port(index, &error));
        let servers: Vec<_> = (0..brokers).map(bind).collect();
        let ports: Vec<u16> = servers.iter().map(server::Broker::port).collect();
        let (look, buffer) = match settings.counting {
            true => (Look::Header, COUNTING_BUFFER),
            false => (Look::Records, BUFFER),
        };
        let clock = Clock::System;
        let core = Core::new(settings, &ports, clock.now());
        let shared = Arc::new(Shared::new(core, clock, look, buffer));
        let keeper = Arc::clone(&shared);
        let time_keeper =
            thread::Builder::new().name("mock-time".to_owned()).spawn(move || keeper.keep_time());
        let time_keeper =
            Some(time_keeper.unwrap_or_else(|error| panic!("no thread for a mock cluster: {error}")));
        let cluster = Self { shared, servers: Mutex::new(servers), time_keeper, ports };
        (0..brokers).for_each(|broker| cluster.start_broker(broker));
        cluster
    }

    /// Returns the addresses of all brokers, also of those that are down: `127.0.0.1:40001,127.0.0.1:40002`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = (0..self.ports.len()).map(|broker| self.address(broker)).collect();
        addresses.join(",")
    }

    /// Returns the address of one broker, such as `127.0.0.1:40001`.
    #[must_use]
    pub fn address(&self, broker: usize) -> String {
        format!("127.0.0.1:{}", self.ports[broker])
    }

    /// Creates a topic. The brokers lead its partitions in turn: broker 0 leads partition 0, broker 1 partition 1, and so on.
    ///
    /// # Panics
    ///
    /// If the topic exists, or if the name is not a valid name of a topic.
    pub fn create_topic(&self, name: &str, partitions: usize) {
        assert!(crate::mock::cluster::is_topic_name(name), "{name:?} can't be the name of a topic");
        assert!(
            self.shared.core.lock().cluster.create_topic(name, partitions),
            "there is a topic {name} already"
        );
    }

    /// Returns the records of a partition, in the order of their offsets.
    ///
    /// # Panics
    ///
    /// If the partition does not exist, if the cluster only counts
    /// ([`counting`](crate::mock::MockClusterBuilder::counting)), or if a batch was compressed with a codec that this build
    /// does not have.
    #[must_use]
    pub fn records(&self, topic: &str, partition: i32) -> Vec<MockRecord> {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a cluster that counts keeps no records");
        let records = place(&mut core, topic, partition).log.records();
        drop(core);
        records.unwrap_or_else(|error| panic!("{topic}-{partition}: {error}"))
    }

    /// Returns the number of records in all partitions of a topic. It is 0 if the topic does not exist.
    #[must_use]
    pub fn record_count(&self, topic: &str) -> u64 {
        record_count(&self.shared.core.lock(), topic)
    }

    /// Returns the numbers of records, batches and requests of all brokers together.
    #[must_use]
    pub fn counted(&self) -> Counts {
        self.shared.core.lock().counts
    }

    /// Returns all requests so far, in the order in which the cluster acted on them. A cluster that only counts keeps none.
    #[must_use]
    pub fn requests(&self) -> Vec<MockRequest> {
        self.shared.core.lock().requests.clone()
    }

    /// Waits until there were `count` requests of all kinds. Returns false if that takes longer than `timeout`.
    #[must_use]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.wait_until(timeout, |core| core.counts.requests >= count)
    }

    /// Waits until all partitions of `topic` together have `count` records. Returns false if that takes longer than `timeout`.
    /// The topic does not have to exist yet.
    #[must_use]
    pub fn wait_for_records(&self, topic: &str, count: u64, timeout: Duration) -> bool {
        self.wait_until(timeout, |core| record_count(core, topic) >= count)
    }

    /// Waits until `wanted` returns true for the requests so far. Returns false if that takes longer than `timeout`.
    #[must_use]
    pub fn wait_until_requests(
        &self,
        timeout: Duration,
        mut wanted: impl FnMut(&[MockRequest]) -> bool,
    ) -> bool {
        self.wait_until(timeout, |core| wanted(&core.requests))
    }

    fn wait_until(&self, timeout: Duration, mut wanted: impl FnMut(&Core) -> bool) -> bool {
        let Shared { core, changed, clock, .. } = &*self.shared;
        let deadline = Deadline::after(clock.now(), timeout);
        let mut core = core.lock();
        while !wanted(&core) {
            if deadline.has_passed(clock.now()) {
                return false;
            }
            core = clock.wait(changed, core, deadline);
        }
        true
    }

    /// Sets the largest batch of a topic in bytes (`max.message.bytes`). Larger batches are refused with `MESSAGE_TOO_LARGE`.
    /// Default: 1,048,588, as in Kafka.
    ///
    /// # Panics
    ///
    /// If the topic does not exist.
    pub fn set_max_message_bytes(&self, topic: &str, bytes: usize) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("there is no topic {topic}")).max_message_bytes = bytes;
    }

    /// Makes the cluster refuse records without a key for a topic, as brokers do if its `cleanup.policy` is `compact`. The
    /// topic is not compacted.
    ///
    /// # Panics
    ///
    /// If the topic does not exist.
    pub fn set_compacted(&self, topic: &str) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("there is no topic {topic}")).compacted = true;
    }

    /// Makes `broker` the leader of a partition, with a new leader epoch. The records stay.
    pub fn set_leader(&self, topic: &str, partition: i32, broker: usize) {
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        let mut core = self.shared.core.lock();
        let partition = place(&mut core, topic, partition);
        partition.leader = broker;
        partition.leader_epoch += 1;
    }

    /// Stops a broker. Its port refuses connections, and its open connections end. The partitions that it leads have no leader
    /// until [`MockCluster::set_leader`] sets one or the broker starts again.
    pub fn stop_broker(&self, broker: usize) {
        self.servers.lock()[broker].stop(&self.shared);
    }

    /// Starts a stopped broker at the same port. Its partitions have the same records as before.
    ///
    /// # Panics
    ///
    /// If the broker can't listen at the port. That should happen only if there are no file descriptors or threads left.
    pub fn start_broker(&self, broker: usize) {
        let started = self.servers.lock()[broker].start(&self.shared);
        started.unwrap_or_else(|error| no_port(broker, &error));
    }

    /// Returns one broker, for faults at this broker only.
    #[must_use]
    pub fn broker(&self, broker: usize) -> MockBroker<'_> {
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        MockBroker { cluster: self, broker }
    }

    /// Adds a rule, which acts on later requests. See [`MockRule`].
    ///
    /// # Panics
    ///
    /// If the rule names a broker that does not exist.
    pub fn add_rule(&self, rule: MockRule) -> MockRuleId {
        let broker = rule.broker.unwrap_or(0);
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        let mut core = self.shared.core.lock();
        let Core { faults, cluster, .. } = &mut *core;
        faults.add(rule, || cluster.view())
    }

    /// Removes a rule. Answers that are waiting because of it still wait.
    pub fn remove_rule(&self, rule: MockRuleId) {
        self.shared.core.lock().faults.remove(rule);
    }

    /// Removes all rules, also those of the methods `fail_next_…` and `cut_next_…`.
    pub fn clear_rules(&self) {
        self.shared.core.lock().faults.clear();
    }

    /// Returns the number of requests that a rule has acted on.
    ///
    /// # Panics
    ///
    /// If the rule belongs to another cluster.
    #[must_use]
    pub fn times_acted(&self, rule: MockRuleId) -> usize {
        self.shared.core.lock().faults.acted(rule)
    }

    /// Stops the clock of the cluster. Answers that a rule delays ([`MockRule::delay`], [`MockRule::drip`]) are then sent only
    /// when [`advance_clock`](Self::advance_clock) has moved the clock far enough. [`MockRequest::at`] does not change
    /// meanwhile.
    pub fn hold_clock(&self) {
        self.shared.change_time(|time, now| time.hold(now));
    }

    /// Moves the clock of the cluster forward, whether it is stopped or not. When this method returns, the answers that are due
    /// have been written.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change_time(|time, _| time.advance(by));
    }

    /// Lets a stopped clock run on.
    pub fn release_clock(&self) {
        self.shared.change_time(|time, now| time.release(now));
    }

    /// Deletes a topic and its records. Later batches for it are answered with `UNKNOWN_TOPIC_OR_PARTITION`, or with
    /// `UNKNOWN_TOPIC_ID` from version 13 of Produce on. A topic that is created later with the same name has another id.
    ///
    /// # Panics
    ///
    /// If the topic does not exist.
    pub fn delete_topic(&self, name: &str) {
        assert!(self.shared.core.lock().cluster.delete_topic(name), "there is no topic {name}");
    }

    /// Adds partitions to a topic until it has `total`. The brokers lead them in turn.
    ///
    /// # Panics
    ///
    /// If the topic does not exist, or has `total` partitions or more already.
    pub fn add_partitions(&self, name: &str, total: usize) {
        let added = self.shared.core.lock().cluster.add_partitions(name, total);
        assert!(added, "topic {name} does not exist, or has {total} partitions already");
    }

    /// Answers the next `times` batches for a partition with `code`, as [`MockRule::fail`] does.
    ///
    /// The batches are not appended, except with `REQUEST_TIMED_OUT` and `NOT_ENOUGH_REPLICAS_AFTER_APPEND`, which say that
    /// they were. The topic does not have to exist yet.
    pub fn fail_next_produce(&self, topic: &str, partition: i32, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_produce(topic, partition, code, times);
    }

    /// Answers the next `times` requests for metadata of a topic with `code`, as [`MockRule::fail`] does. The topic does not
    /// have to exist yet.
    pub fn fail_next_metadata(&self, topic: &str, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_metadata(topic, code, times);
    }

    /// Answers the next `times` requests for a producer id, at any broker, with `code`.
    pub fn fail_next_init_producer_id(&self, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_init_producer_id(code, times);
    }

    /// Makes a partition forget its idempotent producers, as a broker does after they have been idle for
    /// `producer.id.expiration.ms`. The next batch of each producer is accepted with any sequence number.
    pub fn forget_producers(&self, topic: &str, partition: i32) {
        place(&mut self.shared.core.lock(), topic, partition).log.forget_producers();
    }

    /// Removes the records of a partition from `offset` on, as an unclean leader election does. The leader epoch is a new one.
    /// The leader stays, unless [`MockCluster::set_leader`] sets another one.
    ///
    /// Whole batches are removed, from the one that has a record at `offset` or later. The partition then knows of its
    /// producers only what the batches that are left say.
    ///
    /// # Panics
    ///
    /// If the partition does not exist, or if the cluster only counts.
    pub fn lose_log(&self, topic: &str, partition: i32, offset: i64) {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a cluster that counts keeps no records");
        let partition = place(&mut core, topic, partition);
        partition.log.truncate(offset);
        partition.leader_epoch += 1;
    }

    /// Appends the batches of the next Produce request and closes the connection without an answer, as
    /// [`MockRule::cut_after_append`] does. Each call adds one request.
    pub fn cut_next_produce_response(&self) {
        self.shared.core.lock().faults.cut_produce_responses(None, 1);
    }

    /// Holds all later answers back. The cluster acts on the requests. If a rule closes the connection instead of an answer,
    /// the close waits too.
    ///
    /// This holds answers of all kinds, also those that a new connection needs. Complete one `send` first, so that later
    /// records reach the broker and only their answers are held. After `partitions_for` alone, no record is sent. Without
    /// either, the next `send` waits for metadata until `max_block` is over.
    pub fn hold_responses(&self) {
        self.shared.core.lock().faults.held.fill(true);
    }

    /// Sends the answers that are held back, in order. Later answers are sent at once. It also sends the answers that a rule
    /// holds ([`MockRule::hold`]).
    pub fn release_responses(&self) {
        let mut core = self.shared.core.lock();
        core.faults.held.fill(false);
        core.release_held(|_| true);
        drop(core);
        self.shared.flush(|_| true);
        self.shared.reschedule();
    }

    /// Closes all connections. Answers that are held back are lost.
    pub fn drop_connections(&self) {
        self.shared.drop_connections(|_| true);
    }

    /// Puts this throttle time, in milliseconds, into all later answers. The brokers do not delay anything themselves.
    pub fn throttle(&self, milliseconds: i32) {
        self.shared
            .core
            .lock()
            .cluster
            .brokers
            .iter_mut()
            .for_each(|broker| broker.throttle_ms = milliseconds);
    }

    /// Makes all brokers offer only these versions of an API. With an empty range they do not offer the API.
    ///
    /// A version that the mock does not support may be offered. If a client uses it, the connection is closed.
    pub fn limit_api(&self, api: ApiKey, versions: RangeInclusive<i16>) {
        (0..self.ports.len()).for_each(|broker| self.broker(broker).limit_api(api, versions.clone()));
    }
}

impl Drop for MockCluster {
    fn drop(&mut self) {
        for server in self.servers.lock().iter_mut() {
            server.stop(&self.shared);
        }
        self.shared.end();
        drop(self.time_keeper.take().map(JoinHandle::join));
    }
}

impl fmt::Debug for MockCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockCluster").field("ports", &self.ports).finish_non_exhaustive()
    }
}

/// One broker of a [`MockCluster`], for faults at this broker only.
#[derive(Clone, Copy, Debug)]
pub struct MockBroker<'a> {
    cluster: &'a MockCluster,
    broker: usize,
}

impl MockBroker<'_> {
    /// As [`MockCluster::cut_next_produce_response`], for this broker.
    pub fn cut_next_produce_response(&self) {
        self.cluster.shared.core.lock().faults.cut_produce_responses(self.broker, 1);
    }

    /// As [`MockCluster::hold_responses`], for this broker.
    pub fn hold_responses(&self) {
        self.cluster.shared.core.lock().faults.held[self.broker] = true;
    }

    /// As [`MockCluster::release_responses`], for this broker.
    pub fn release_responses(&self) {
        let shared = &self.cluster.shared;
        let mut core = shared.core.lock();
        core.faults.held[self.broker] = false;
        core.release_held(|broker| broker == self.broker);
        drop(core);
        shared.flush(|broker| broker == self.broker);
        shared.reschedule();
    }

    /// As [`MockCluster::drop_connections`], for this broker.
    pub fn drop_connections(&self) {
        self.cluster.shared.drop_connections(|broker| broker == self.broker);
    }

    /// As [`MockCluster::throttle`], for this broker.
    pub fn throttle(&self, milliseconds: i32) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].throttle_ms = milliseconds;
    }

    /// Makes the cluster advertise this broker at another address (`advertised.listeners`) than its own.
    pub fn advertise(&self, host: &str, port: u16) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].advertised =
            Some((host.to_owned(), port));
    }

    /// As [`MockCluster::limit_api`], for this broker.
    pub fn limit_api(&self, api: ApiKey, versions: RangeInclusive<i16>) {
        let mut core = self.cluster.shared.core.lock();
        let offered = &mut core.cluster.brokers[self.broker].versions;
        if versions.is_empty() {
            offered.remove(&api);
        } else {
            offered.insert(api, versions);
        }
    }
}

fn place<'a>(core: &'a mut Core, topic: &str, partition: i32) -> &'a mut Partition {
    let place = core.cluster.partition_mut(topic, partition);
    place.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
}

fn record_count(core: &Core, topic: &str) -> u64 {
    let partitions = core.cluster.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
    partitions.iter().map(|partition| partition.log.next_offset().unsigned_abs()).sum()
}

#[cold]
fn no_port(broker: usize, error: &std::io::Error) -> ! {
    panic!("mock broker {broker} can't listen: {error}")
}

/// Read at a time, per connection.
const BUFFER: usize = 64 * 1024;
/// A sink takes more, so that it makes few system calls.
const COUNTING_BUFFER: usize = 1024 * 1024;
