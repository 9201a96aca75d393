//! What tests hold: the cluster, and one of its brokers.

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
/// Methods that name a topic, a partition or a broker panic if it does not exist: in a test that is a
/// mistake.
///
/// What is to go wrong is ordered by [rules](MockRule); the methods that begin with `fail_next_` and `cut_next_` are
/// short ways to make the commonest ones.
pub struct MockCluster {
    pub(super) shared: Arc<Shared>,
    servers: Mutex<Vec<server::Broker>>,
    /// `None` only on the way out.
    time_keeper: Option<JoinHandle<()>>,
    /// The same for the life of the cluster.
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

    /// The addresses of all brokers, those that are down too: `127.0.0.1:40001,127.0.0.1:40002`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = (0..self.ports.len()).map(|broker| self.address(broker)).collect();
        addresses.join(",")
    }

    /// The address of one broker.
    #[must_use]
    pub fn address(&self, broker: usize) -> String {
        format!("127.0.0.1:{}", self.ports[broker])
    }

    /// Creates a topic, whose partitions are led by the brokers in turn, the first one by broker 0.
    ///
    /// # Panics
    ///
    /// If there is such a topic already, or the name is not one that a topic may have.
    pub fn create_topic(&self, name: &str, partitions: usize) {
        assert!(crate::mock::cluster::is_topic_name(name), "{name:?} can't be the name of a topic");
        assert!(
            self.shared.core.lock().cluster.create_topic(name, partitions),
            "there is a topic {name} already"
        );
    }

    /// The records of a partition, in order.
    ///
    /// # Panics
    ///
    /// If there is no such partition, the cluster only counts ([`counting`](crate::mock::MockClusterBuilder::counting)), or a batch was
    /// compressed by a codec that is not among the features of this build.
    #[must_use]
    pub fn records(&self, topic: &str, partition: i32) -> Vec<MockRecord> {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a cluster that counts keeps no records");
        let records = place(&mut core, topic, partition).log.records();
        drop(core);
        records.unwrap_or_else(|error| panic!("{topic}-{partition}: {error}"))
    }

    /// How many records all partitions of a topic have; 0 if there is no such topic (yet).
    #[must_use]
    pub fn record_count(&self, topic: &str) -> u64 {
        record_count(&self.shared.core.lock(), topic)
    }

    /// How much was taken by all brokers together.
    #[must_use]
    pub fn counted(&self) -> Counts {
        self.shared.core.lock().counts
    }

    /// All requests so far, in the order in which they were acted on. A cluster that counts keeps none.
    #[must_use]
    pub fn requests(&self) -> Vec<MockRequest> {
        self.shared.core.lock().requests.clone()
    }

    /// Waits until there were `count` requests of all kinds; false if that takes longer than `timeout`.
    #[must_use]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.wait_until(timeout, |core| core.counts.requests >= count)
    }

    /// Waits until all partitions of `topic` have `count` records together; false if that takes longer than `timeout`.
    #[must_use]
    pub fn wait_for_records(&self, topic: &str, count: u64, timeout: Duration) -> bool {
        self.wait_until(timeout, |core| record_count(core, topic) >= count)
    }

    /// Waits until `wanted` holds of the requests so far; false if that takes longer than `timeout`.
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

    /// Refuses batches of the topic that are larger, with `MESSAGE_TOO_LARGE`. Default: 1,048,588 bytes, as Kafka's.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    pub fn set_max_message_bytes(&self, topic: &str, bytes: usize) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("there is no topic {topic}")).max_message_bytes = bytes;
    }

    /// Refuses batches of the topic with records without a key, as brokers do where `cleanup.policy` is `compact`.
    /// Nothing is compacted.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    pub fn set_compacted(&self, topic: &str) {
        let mut core = self.shared.core.lock();
        let known = core.cluster.topics.get_mut(topic);
        known.unwrap_or_else(|| panic!("there is no topic {topic}")).compacted = true;
    }

    /// Makes `broker` the leader of a partition, in a new leader epoch. The records stay.
    pub fn set_leader(&self, topic: &str, partition: i32, broker: usize) {
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        let mut core = self.shared.core.lock();
        let partition = place(&mut core, topic, partition);
        partition.leader = broker;
        partition.leader_epoch += 1;
    }

    /// Takes a broker down: its port refuses connections, those there are end, and its partitions are without a leader
    /// unless [`MockCluster::set_leader`] gives them one.
    pub fn stop_broker(&self, broker: usize) {
        self.servers.lock()[broker].stop(&self.shared);
    }

    /// Brings a broker back at the same port, with what its partitions held.
    ///
    /// # Panics
    ///
    /// If the port can't be listened on, which only a lack of file descriptors or threads should bring about.
    pub fn start_broker(&self, broker: usize) {
        let started = self.servers.lock()[broker].start(&self.shared);
        started.unwrap_or_else(|error| no_port(broker, &error));
    }

    /// One broker, for faults of its own.
    #[must_use]
    pub fn broker(&self, broker: usize) -> MockBroker<'_> {
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        MockBroker { cluster: self, broker }
    }

    /// Orders what is to happen to requests from now on; see [`MockRule`].
    ///
    /// # Panics
    ///
    /// If the rule is for a broker that there is not.
    pub fn add_rule(&self, rule: MockRule) -> MockRuleId {
        let broker = rule.broker.unwrap_or(0);
        assert!(broker < self.ports.len(), "there is no broker {broker}");
        let mut core = self.shared.core.lock();
        let Core { faults, cluster, .. } = &mut *core;
        faults.add(rule, || cluster.view())
    }

    /// Has a rule do nothing from now on. What it has done to answers that wait stays done.
    pub fn remove_rule(&self, rule: MockRuleId) {
        self.shared.core.lock().faults.remove(rule);
    }

    /// Has all rules do nothing from now on, those of the `fail_next_…` and `cut_next_…` methods too.
    pub fn clear_rules(&self) {
        self.shared.core.lock().faults.clear();
    }

    /// To how many requests a rule has happened.
    ///
    /// # Panics
    ///
    /// If it is another cluster's.
    #[must_use]
    pub fn times_acted(&self, rule: MockRuleId) -> usize {
        self.shared.core.lock().faults.acted(rule)
    }

    /// Stops the cluster's clock. What a rule delays ([`MockRule::delay`], [`MockRule::drip`]) then goes only when
    /// [`advance_clock`](Self::advance_clock) says that it is time, and [`MockRequest::at`] stands still.
    pub fn hold_clock(&self) {
        self.shared.change_time(|time, now| time.hold(now));
    }

    /// Moves the cluster's clock on, whether it stands still or not. When this returns, what is due then has been
    /// written.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change_time(|time, _| time.advance(by));
    }

    /// Lets the clock run on from where it stands.
    pub fn release_clock(&self) {
        self.shared.change_time(|time, now| time.release(now));
    }

    /// Deletes a topic with all it holds. Batches for it are answered with `UNKNOWN_TOPIC_OR_PARTITION`, or
    /// `UNKNOWN_TOPIC_ID` from version 13 on; one that is created with the same name later has another id.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    pub fn delete_topic(&self, name: &str) {
        assert!(self.shared.core.lock().cluster.delete_topic(name), "there is no topic {name}");
    }

    /// Gives a topic more partitions, until it has `total`; they are led by the brokers in turn.
    ///
    /// # Panics
    ///
    /// If there is no such topic, or it has as many already.
    pub fn add_partitions(&self, name: &str, total: usize) {
        let added = self.shared.core.lock().cluster.add_partitions(name, total);
        assert!(added, "topic {name} can't be given partitions so that it has {total}");
    }

    /// Answers the next `times` batches of a partition with `code`: [`MockRule::fail`].
    ///
    /// The batch is not appended, unless the code says that it was: `REQUEST_TIMED_OUT` and
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`. The topic need not exist yet.
    pub fn fail_next_produce(&self, topic: &str, partition: i32, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_produce(topic, partition, code, times);
    }

    /// Answers the next `times` questions for metadata of a topic with `code`: [`MockRule::fail`]. The topic need not
    /// exist yet.
    pub fn fail_next_metadata(&self, topic: &str, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_metadata(topic, code, times);
    }

    /// Answers the next `times` questions for a producer id, whichever broker they come to, with `code`.
    pub fn fail_next_init_producer_id(&self, code: ErrorCode, times: usize) {
        self.shared.core.lock().faults.fail_init_producer_id(code, times);
    }

    /// Has a partition forget its idempotent producers, as a broker does once they have been idle for
    /// `producer.id.expiration.ms`. The next batch of each is taken, whatever its sequence number.
    pub fn forget_producers(&self, topic: &str, partition: i32) {
        place(&mut self.shared.core.lock(), topic, partition).log.forget_producers();
    }

    /// Has a partition lose what it holds from `offset` on, as an unclean election does. The leader epoch is a new one;
    /// the leader stays, unless [`MockCluster::set_leader`] makes it another.
    ///
    /// What is left begins with the first batch and ends before the one that has a record at `offset` or behind it. Of
    /// its producers the partition knows what can be told from these batches.
    ///
    /// # Panics
    ///
    /// If there is no such partition, or the cluster only counts, so that there is nothing to keep.
    pub fn lose_log(&self, topic: &str, partition: i32, offset: i64) {
        let mut core = self.shared.core.lock();
        assert!(!core.cluster.settings.counting, "a cluster that counts keeps no records");
        let partition = place(&mut core, topic, partition);
        partition.log.truncate(offset);
        partition.leader_epoch += 1;
    }

    /// Appends what the next Produce request brings, and closes its connection in place of an answer:
    /// [`MockRule::cut_after_append`]. Adds up.
    pub fn cut_next_produce_reply(&self) {
        self.shared.core.lock().faults.cut_produce_replies(None, 1);
    }

    /// From now on requests are acted on, but their answers wait, as do closings in place of an answer.
    ///
    /// That holds for requests of all kinds: call `partitions_for` or complete one `send` first, or the next `send` waits for
    /// metadata until `max_block`.
    pub fn hold_replies(&self) {
        self.shared.core.lock().faults.held.fill(true);
    }

    /// Sends the answers that wait, in order, and lets later ones go at once. Those that a rule holds
    /// ([`MockRule::hold`]) go, too.
    pub fn release_replies(&self) {
        let mut core = self.shared.core.lock();
        core.faults.held.fill(false);
        core.release_held(|_| true);
        drop(core);
        self.shared.flush(|_| true);
        self.shared.reschedule();
    }

    /// Closes all connections there are. Answers that wait are lost.
    pub fn drop_connections(&self) {
        self.shared.drop_connections(|_| true);
    }

    /// Puts this throttle time, in milliseconds, into all later answers. The brokers themselves hold nothing back.
    pub fn throttle(&self, milliseconds: i32) {
        self.shared
            .core
            .lock()
            .cluster
            .brokers
            .iter_mut()
            .for_each(|broker| broker.throttle_ms = milliseconds);
    }

    /// Has all brokers offer these versions of an API and no others; an empty range takes the API from their list.
    ///
    /// A version that the mock does not know may be offered; the connection is closed when it is used.
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

/// One broker of a [`MockCluster`], for faults that the others do not have.
#[derive(Clone, Copy, Debug)]
pub struct MockBroker<'a> {
    cluster: &'a MockCluster,
    broker: usize,
}

impl MockBroker<'_> {
    /// See [`MockCluster::cut_next_produce_reply`].
    pub fn cut_next_produce_reply(&self) {
        self.cluster.shared.core.lock().faults.cut_produce_replies(self.broker, 1);
    }

    /// See [`MockCluster::hold_replies`].
    pub fn hold_replies(&self) {
        self.cluster.shared.core.lock().faults.held[self.broker] = true;
    }

    /// See [`MockCluster::release_replies`].
    pub fn release_replies(&self) {
        let shared = &self.cluster.shared;
        let mut core = shared.core.lock();
        core.faults.held[self.broker] = false;
        core.release_held(|broker| broker == self.broker);
        drop(core);
        shared.flush(|broker| broker == self.broker);
        shared.reschedule();
    }

    /// See [`MockCluster::drop_connections`].
    pub fn drop_connections(&self) {
        self.cluster.shared.drop_connections(|broker| broker == self.broker);
    }

    /// See [`MockCluster::throttle`].
    pub fn throttle(&self, milliseconds: i32) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].throttle_ms = milliseconds;
    }

    /// From now on the cluster advertises this broker there (`advertised.listeners`), and not at its port.
    pub fn advertise(&self, host: &str, port: u16) {
        self.cluster.shared.core.lock().cluster.brokers[self.broker].advertised =
            Some((host.to_owned(), port));
    }

    /// See [`MockCluster::limit_api`].
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
