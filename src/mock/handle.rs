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

/// A Kafka cluster inside the process. Dropping the cluster closes its ports and connections and ends its threads.
///
/// Brokers and partitions are numbered from 0. A method panics if its topic, partition or broker does not exist,
/// unless the documentation of the method says otherwise.
///
/// [Rules](MockRule) inject faults. The methods `fail_next_…` and `cut_next_…` are short forms of the most common rules.
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
        assert!(brokers > 0, "a mock cluster needs at least one broker");
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
            Some(time_keeper.unwrap_or_else(|error| panic!("a mock cluster can't start a thread: {error}")));
        let cluster = Self { shared, servers: Mutex::new(servers), time_keeper, ports };
        (0..brokers).for_each(|broker| cluster.start_broker(broker));
        cluster
    }

    /// Returns the addresses of all brokers, including stopped brokers: `127.0.0.1:40001,127.0.0.1:40002`.
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

    /// Creates a topic. The brokers lead its partitions in turn: broker 0 leads partition 0, broker 1 leads partition 1,
    /// and so on.
    ///
    /// # Panics
    ///
    /// Panics if the topic exists, or if `name` is not a valid topic name.
    pub fn create_topic(&self, name: &str, partitions: usize) {
        assert!(crate::mock::cluster::is_topic_name(name), "{name:?} is not a valid topic name");
        assert!(
            self.shared.core.lock().cluster.create_topic(name, partitions),
            "topic {name} already exists"
        );
    }

    /// Returns the records of a partition, in the order of their offsets.
    ///
    /// # Panics
    ///
    /// Panics in these cases:
    /// - The partition does not exist.
    /// - The cluster only counts records ([`counting`](crate::mock::MockClusterBuilder::counting)).
    /// - A batch was compressed with a codec whose feature is not enabled.
    #[must_use]
    pub fn records(&self, topic: &str, partition: i32) -> Vec<MockRecord> {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a counting cluster stores no records");
        let records = place(&mut core, topic, partition).log.records();
        drop(core);
        records.unwrap_or_else(|error| panic!("{topic}-{partition}: {error}"))
    }

    /// Returns the number of records in all partitions of a topic. The number is 0 if the topic does not exist.
    #[must_use]
    pub fn record_count(&self, topic: &str) -> u64 {
        record_count(&self.shared.core.lock(), topic)
    }

    /// Returns the total numbers of records, batches and requests of all brokers.
    #[must_use]
    pub fn counted(&self) -> Counts {
        self.shared.core.lock().counts
    }

    /// Returns all requests so far, in the order in which the cluster received them. A
    /// [`counting`](crate::mock::MockClusterBuilder::counting) cluster does not store requests.
    #[must_use]
    pub fn requests(&self) -> Vec<MockRequest> {
        self.shared.core.lock().requests.clone()
    }

    /// Waits until the cluster has received `count` requests of all kinds. Returns false if the timeout expires first.
    #[must_use]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.wait_until(timeout, |core| core.counts.requests >= count)
    }

    /// Waits until all partitions of `topic` together have `count` records. Returns false if the timeout expires first. The
    /// topic does not have to exist yet.
    #[must_use]
    pub fn wait_for_records(&self, topic: &str, count: u64, timeout: Duration) -> bool {
        self.wait_until(timeout, |core| record_count(core, topic) >= count)
    }

    /// Waits until `wanted` returns true for the requests so far. Returns false if the timeout expires first.
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

    /// Sets the size limit for batches of a topic, in bytes (`max.message.bytes`). The cluster rejects larger batches with
    /// `MESSAGE_TOO_LARGE`. Default: 1,048,588 bytes, as in Kafka.
    ///
    /// # Panics
    ///
    /// Panics if the topic does not exist.
    pub fn set_max_message_bytes(&self, topic: &str, bytes: usize) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("topic {topic} does not exist")).max_message_bytes = bytes;
    }

    /// Makes the cluster reject records without a key for a topic. Real brokers reject such records if the `cleanup.policy`
    /// of the topic is `compact`. The mock does not compact the topic.
    ///
    /// # Panics
    ///
    /// Panics if the topic does not exist.
    pub fn set_compacted(&self, topic: &str) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("topic {topic} does not exist")).compacted = true;
    }

    /// Makes `broker` the leader of a partition, with a new leader epoch. The partition keeps its records.
    pub fn set_leader(&self, topic: &str, partition: i32, broker: usize) {
        assert!(broker < self.ports.len(), "broker {broker} does not exist");
        let mut core = self.shared.core.lock();
        let partition = place(&mut core, topic, partition);
        partition.leader = broker;
        partition.leader_epoch += 1;
    }

    /// Stops a broker. The broker refuses new connections, and its open connections end. Its partitions have no leader
    /// until [`MockCluster::set_leader`] sets another leader or the broker starts again.
    pub fn stop_broker(&self, broker: usize) {
        self.servers.lock()[broker].stop(&self.shared);
    }

    /// Starts a stopped broker on the same port. Its partitions have the same records as before.
    ///
    /// # Panics
    ///
    /// Panics if the broker can't listen on the port. The usual reason is a lack of file descriptors or threads.
    pub fn start_broker(&self, broker: usize) {
        let started = self.servers.lock()[broker].start(&self.shared);
        started.unwrap_or_else(|error| no_port(broker, &error));
    }

    /// Returns one broker, for faults at this broker only.
    #[must_use]
    pub fn broker(&self, broker: usize) -> MockBroker<'_> {
        assert!(broker < self.ports.len(), "broker {broker} does not exist");
        MockBroker { cluster: self, broker }
    }

    /// Adds a rule. The rule acts on later requests. See [`MockRule`].
    ///
    /// # Panics
    ///
    /// Panics if the rule names a broker that does not exist.
    pub fn add_rule(&self, rule: MockRule) -> MockRuleId {
        let broker = rule.broker.unwrap_or(0);
        assert!(broker < self.ports.len(), "broker {broker} does not exist");
        let mut core = self.shared.core.lock();
        let Core { faults, cluster, .. } = &mut *core;
        faults.add(rule, || cluster.view())
    }

    /// Removes a rule. Responses that already wait because of the rule still wait.
    pub fn remove_rule(&self, rule: MockRuleId) {
        self.shared.core.lock().faults.remove(rule);
    }

    /// Removes all rules, including the rules of the methods `fail_next_…` and `cut_next_…`.
    pub fn clear_rules(&self) {
        self.shared.core.lock().faults.clear();
    }

    /// Returns the number of requests that a rule has acted on.
    ///
    /// # Panics
    ///
    /// Panics, or returns the number of another rule, if the rule belongs to another cluster.
    #[must_use]
    pub fn times_acted(&self, rule: MockRuleId) -> usize {
        self.shared.core.lock().faults.acted(rule)
    }

    /// Stops the clock of the cluster. The cluster then sends responses that a rule delays ([`MockRule::delay`],
    /// [`MockRule::drip`]) only when [`advance_clock`](Self::advance_clock) has moved the clock far enough. Requests that
    /// come while the clock is stopped have the same [`MockRequest::at`].
    pub fn hold_clock(&self) {
        self.shared.change_time(|time, now| time.hold(now));
    }

    /// Moves the clock of the cluster forward. The clock can be stopped or running. Before this method returns, the cluster
    /// writes all responses that are due.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change_time(|time, _| time.advance(by));
    }

    /// Starts a stopped clock again, from its current time.
    pub fn release_clock(&self) {
        self.shared.change_time(|time, now| time.release(now));
    }

    /// Deletes a topic and its records. The cluster rejects later batches for the topic with `UNKNOWN_TOPIC_OR_PARTITION`.
    /// From version 13 of Produce on, the error is `UNKNOWN_TOPIC_ID`. If the topic is created again later, it has another
    /// topic ID.
    ///
    /// # Panics
    ///
    /// Panics if the topic does not exist.
    pub fn delete_topic(&self, name: &str) {
        assert!(self.shared.core.lock().cluster.delete_topic(name), "topic {name} does not exist");
    }

    /// Adds partitions to a topic until the topic has `total` partitions. The brokers lead the new partitions in turn.
    ///
    /// # Panics
    ///
    /// Panics if the topic does not exist, or if the topic already has `total` partitions or more.
    pub fn add_partitions(&self, name: &str, total: usize) {
        let added = self.shared.core.lock().cluster.add_partitions(name, total);
        assert!(added, "topic {name} does not exist, or already has at least {total} partitions");
    }

    /// Makes the cluster return `code` for the next `times` batches for a partition, like [`MockRule::fail`].
    ///
    /// The batches are not appended. There are two exceptions: with `REQUEST_TIMED_OUT` and
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND` the batches are appended. The topic does not have to exist yet.
    pub fn fail_next_produce(&self, topic: &str, partition: i32, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_produce(topic, partition, code, times);
    }

    /// Makes the cluster return `code` for the next `times` requests for the metadata of a topic, like [`MockRule::fail`].
    /// The topic does not have to exist yet.
    pub fn fail_next_metadata(&self, topic: &str, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_metadata(topic, code, times);
    }

    /// Makes the cluster return `code` for the next `times` requests for a producer ID, at any broker.
    pub fn fail_next_init_producer_id(&self, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_init_producer_id(code, times);
    }

    /// Makes a partition forget its idempotent producers. A real broker forgets a producer that was idle for
    /// `producer.id.expiration.ms`. The partition then accepts any sequence number in the next batch of each producer.
    pub fn forget_producers(&self, topic: &str, partition: i32) {
        place(&mut self.shared.core.lock(), topic, partition).log.forget_producers();
    }

    /// Removes the records of a partition from `offset` on, like an unclean leader election. The partition gets a new
    /// leader epoch. The leader stays the same. [`MockCluster::set_leader`] can set another leader.
    ///
    /// The method removes whole batches: the batch that contains `offset`, and all later batches. After that, the
    /// partition knows its producers only from the remaining batches.
    ///
    /// # Panics
    ///
    /// Panics if the partition does not exist, or if the cluster only counts records
    /// ([`counting`](crate::mock::MockClusterBuilder::counting)).
    pub fn lose_log(&self, topic: &str, partition: i32, offset: i64) {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a counting cluster stores no records");
        let partition = place(&mut core, topic, partition);
        partition.log.truncate(offset);
        partition.leader_epoch += 1;
    }

    /// Appends the batches of the next Produce request and closes the connection without a response, like
    /// [`MockRule::cut_after_append`]. Each call affects one more request.
    pub fn cut_next_produce_response(&self) {
        self.shared.core.lock().faults.cut_produce_responses(None, 1);
    }

    /// Holds all later responses. The cluster still acts on the requests. If a rule closes the connection instead of
    /// sending a response, the close waits too.
    ///
    /// The cluster holds responses of all kinds, including the responses that a new connection needs. So call `send` and
    /// wait for its result before you call this method. Then later records reach the broker, and only their responses are
    /// held. If the program has called only `partitions_for` before, the producer sends no records. If the program has
    /// called neither, the next `send` waits for metadata until `max_block` expires.
    pub fn hold_responses(&self) {
        self.shared.core.lock().faults.held.fill(true);
    }

    /// Sends the held responses, in order. This includes the responses that a rule holds ([`MockRule::hold`]). The cluster
    /// sends later responses immediately.
    pub fn release_responses(&self) {
        let mut core = self.shared.core.lock();
        core.faults.held.fill(false);
        core.release_held(|_| true);
        drop(core);
        self.shared.flush(|_| true);
        self.shared.reschedule();
    }

    /// Closes all connections. Held responses are lost.
    pub fn drop_connections(&self) {
        self.shared.drop_connections(|_| true);
    }

    /// Sets the throttle time of all later responses, in milliseconds. The SASL responses have no throttle time. The
    /// brokers do not delay anything themselves.
    pub fn throttle(&self, milliseconds: i32) {
        self.shared
            .core
            .lock()
            .cluster
            .brokers
            .iter_mut()
            .for_each(|broker| broker.throttle_ms = milliseconds);
    }

    /// Makes all brokers offer only these versions of an API. With an empty range the brokers do not offer the API.
    ///
    /// The range can contain versions that the mock does not support. If a client uses such a version, the broker closes
    /// the connection. For ApiVersions, the broker returns `UNSUPPORTED_VERSION` instead.
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
    /// Like [`MockCluster::cut_next_produce_response`], but for this broker only.
    pub fn cut_next_produce_response(&self) {
        self.cluster.shared.core.lock().faults.cut_produce_responses(self.broker, 1);
    }

    /// Like [`MockCluster::hold_responses`], but for this broker only.
    pub fn hold_responses(&self) {
        self.cluster.shared.core.lock().faults.held[self.broker] = true;
    }

    /// Like [`MockCluster::release_responses`], but for this broker only.
    pub fn release_responses(&self) {
        let shared = &self.cluster.shared;
        let mut core = shared.core.lock();
        core.faults.held[self.broker] = false;
        core.release_held(|broker| broker == self.broker);
        drop(core);
        shared.flush(|broker| broker == self.broker);
        shared.reschedule();
    }

    /// Like [`MockCluster::drop_connections`], but for this broker only.
    pub fn drop_connections(&self) {
        self.cluster.shared.drop_connections(|broker| broker == self.broker);
    }

    /// Like [`MockCluster::throttle`], but for this broker only.
    pub fn throttle(&self, milliseconds: i32) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].throttle_ms = milliseconds;
    }

    /// Sets the rack of the broker (`broker.rack`), as metadata responses contain it. By default a broker has no rack.
    pub fn set_rack(&self, rack: &str) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].rack = Some(rack.to_owned());
    }

    /// Makes the cluster advertise this address for the broker (`advertised.listeners`). The broker still listens on its
    /// own address.
    pub fn advertise(&self, host: &str, port: u16) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].advertised =
            Some((host.to_owned(), port));
    }

    /// Like [`MockCluster::limit_api`], but for this broker only.
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
    place.unwrap_or_else(|| panic!("partition {topic}-{partition} does not exist"))
}

fn record_count(core: &Core, topic: &str) -> u64 {
    let partitions = core.cluster.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
    partitions.iter().map(|partition| partition.log.next_offset().unsigned_abs()).sum()
}

#[cold]
fn no_port(broker: usize, error: &std::io::Error) -> ! {
    panic!("mock broker {broker} can't listen on its port: {error}")
}

/// Read at a time, per connection.
const BUFFER: usize = 64 * 1024;
/// A sink takes more, so that it makes few system calls.
const COUNTING_BUFFER: usize = 1024 * 1024;
