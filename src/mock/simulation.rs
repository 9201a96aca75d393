//! The sender and the client against the mock broker's core, without a socket, a thread or a wait: time is a number
//! that jumps to the next deadline. So time-outs can be tested to the millisecond, and idleness by counting.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::client::{KafkaClient, SharedMetadata};
use crate::config::ProducerConfig;
use crate::mock::cluster::Settings;
use crate::mock::core::{self, Core, Outgoing};
use crate::mock::produce::Look;
use crate::producer::{
    FutureRecordMetadata, Inbox, RecordAccumulator, Sender, SimpleBufferPool, TopicTable, Wait,
    record_accumulator,
};
use crate::protocol::{ApiKey, ErrorCode, FrameReader};
use crate::record::{RecordParts, RecordSize};
use crate::sync::Wake;
use crate::time::{Clock, Deadline, Instant, ManualClock};

mod client;
mod mischief;
mod rudeness;

use mischief::Rudeness;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// A connection as the broker's side sees it.
struct Link {
    number: u64,
    broker: usize,
    reader: FrameReader,
}

struct World {
    time: ManualClock,
    clock: Clock,
    core: Core,
    sender: Sender,
    accumulator: RecordAccumulator,
    metadata: Arc<SharedMetadata>,
    topics: Arc<TopicTable>,
    links: BTreeMap<ConnectionId, Link>,
    /// What the network swallows: connections to these brokers are accepted by nobody.
    black_holes: Vec<usize>,
    /// How often the sender was stepped, and how often somebody was dialled and when.
    steps: u64,
    dials: Vec<Instant>,
    mischief: mischief::Mischief,
}

const FIRST_PORT: u16 = 40_000;

impl World {
    fn new(brokers: u16, config: ProducerConfig) -> Self {
        let ports: Vec<u16> = (0..brokers).map(|index| FIRST_PORT + index).collect();
        let settings = config
            .bootstrap_servers(ports.iter().map(|port| format!("127.0.0.1:{port}")))
            .settings()
            .unwrap();
        let time = ManualClock::default();
        let clock = Clock::Manual(time.clone());
        let inbox = Arc::new(Inbox::new(Box::new(Nobody)));
        let pool = SimpleBufferPool::new(settings.buffer_memory, settings.buffer_size);
        let (accumulator, drain) = record_accumulator(settings.accumulator, pool, inbox, clock.clone());
        let metadata = SharedMetadata::new();
        let random = fastrand::Rng::with_seed(1);
        let client = KafkaClient::new(settings.client, Arc::clone(&metadata), random.clone());
        let cluster = Settings {
            auto_create_topics: false,
            default_partitions: 1,
            leader_not_available_once: false,
            counting: false,
        };
        let mut core = Core::new(cluster, &ports, clock.now());
        core.cluster.brokers.iter_mut().for_each(|broker| broker.running = true);
        Self {
            time,
            core,
            sender: Sender::new(settings.sender, drain, client, random),
            accumulator,
            metadata,
            topics: TopicTable::new(),
            links: BTreeMap::new(),
            black_holes: Vec::new(),
            steps: 0,
            dials: Vec::new(),
            mischief: mischief::Mischief::default(),
            clock,
        }
    }

    /// A world whose client knows topic `t`.
    fn with_topic(brokers: u16, partitions: usize, config: ProducerConfig) -> Self {
        let mut world = Self::new(brokers, config);
        assert!(world.core.cluster.create_topic("t", partitions));
        world.ask_for("t");
        world.run_until(Duration::from_secs(1), |world| world.metadata.snapshot().topic("t").is_some());
        // Connections to the leaders are made when they are needed; the tests begin after that.
        let first: Vec<_> = (0..partitions).map(|partition| world.send(partition, b"first")).collect();
        world.run_until(MINUTE, |_| first.iter().all(FutureRecordMetadata::is_done));
        world.core.requests.clear();
        world
    }

    fn ask_for(&mut self, topic: &str) {
        let now = self.clock.now();
        self.sender.client_mut().metadata_mut().use_topic(&Arc::from(topic), now);
    }

    fn send(&mut self, partition: usize, value: &[u8]) -> FutureRecordMetadata {
        let topic = self.topics.handle("t", &self.metadata.snapshot()).unwrap();
        let parts = RecordParts { key: None, value: Some(value), headers: &[] };
        let (size, wall) = (RecordSize::of(&parts), self.clock.wall_millis());
        self.accumulator.append(&topic.queues[partition], &parts, size, wall, wall, Wait::Never).unwrap()
    }

    /// Goes on until `done`, and fails if that takes longer than `most`. Returns how long it took.
    fn run_until(&mut self, most: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.clock.now();
        let end = start + most;
        loop {
            self.settle();
            if done(self) {
                return self.clock.now().since(start);
            }
            let now = self.clock.now();
            assert!(now < end, "it did not happen within {most:?}");
            self.jump(end);
        }
    }

    /// Lets `time` pass.
    fn run_for(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        while self.clock.now() < end {
            self.jump(end);
            self.settle();
        }
    }

    /// To the sender's next deadline, or to `end`.
    fn jump(&mut self, end: Instant) {
        let now = self.clock.now();
        let next = self.sender.sleep_until(now).min(Deadline::at(end));
        let step = next.remaining(now).unwrap_or_default();
        // A wait takes time, even one that is over at once.
        self.time.advance(step.max(Duration::from_micros(1)));
    }

    /// Everything that happens without time passing.
    fn settle(&mut self) {
        loop {
            self.steps += 1;
            assert!(self.steps < 1_000_000, "the sender goes round in circles");
            self.sender.hear(self.clock.now());
            self.sender.act(self.clock.now());
            if !self.exchange() {
                return;
            }
        }
    }

    /// Carries out what the client wants. False if that was nothing.
    fn exchange(&mut self) -> bool {
        let now = self.clock.now();
        let mut busy = false;
        while let Some(command) = self.sender.client_mut().next_command() {
            busy = true;
            match command {
                Command::Resolve { ticket, host, port } => {
                    let address = SocketAddr::new(host.parse().unwrap(), port);
                    self.sender.client_mut().resolved(ticket, Ok(vec![address]), now);
                }
                Command::Connect { connection, address } => self.connect(connection, address, now),
                Command::Close { connection } => {
                    if let Some(link) = self.links.remove(&connection) {
                        self.core.disconnect(link.number);
                    }
                }
            }
        }
        while let Some(connection) = self.sender.client_mut().next_writable() {
            busy = true;
            self.carry(connection, now);
        }
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            busy |= self.answer(connection, now);
        }
        busy
    }

    fn connect(&mut self, connection: ConnectionId, address: SocketAddr, now: Instant) {
        self.dials.push(now);
        let broker = usize::from(address.port() - FIRST_PORT) % self.core.cluster.brokers.len();
        if self.black_holes.contains(&broker) {
            return;
        }
        if !self.core.cluster.brokers[broker].running {
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            return self.sender.client_mut().disconnected(connection, refused, now);
        }
        let link = Link { number: self.core.connect(broker), broker, reader: FrameReader::new(1 << 30) };
        self.links.insert(connection, link);
        self.sender.client_mut().connected(connection, now);
    }

    fn carry(&mut self, connection: ConnectionId, now: Instant) {
        if self.links.get(&connection).is_some_and(|link| self.mischief.does_not_read(link.broker)) {
            return;
        }
        let mut bytes = Vec::new();
        self.sender.client_mut().outgoing(connection, &mut |slice| {
            bytes.extend_from_slice(slice);
            true
        });
        self.sender.client_mut().written(connection, bytes.len(), now);
        let Some(link) = self.links.get_mut(&connection) else { return };
        let mut input = &bytes[..];
        while let Some(frame) = link.reader.next(&mut input).unwrap() {
            match self.mischief.rude_answer(frame) {
                None => {
                    let request = core::parse(frame, Look::Records).unwrap();
                    self.core.receive(link.number, &request, now);
                    if self.mischief.rudeness == Some(Rudeness::Leaves) {
                        self.core.receive_garbage(link.number);
                    }
                }
                Some(None) => self.core.receive_garbage(link.number),
                Some(Some(answer)) => {
                    return self.sender.client_mut().received(connection, &answer, now);
                }
            }
        }
    }

    fn answer(&mut self, connection: ConnectionId, now: Instant) -> bool {
        let Some(link) = self.links.get(&connection) else { return false };
        let outgoing = self.mischief.pass(connection, self.core.take_outgoing(link.number));
        if let Some(bytes) = self.mischief.garble(&outgoing) {
            self.sender.client_mut().received(connection, &bytes, now);
            return true;
        }
        let busy = !outgoing.is_empty();
        for outgoing in outgoing {
            match outgoing {
                Outgoing::Write(frame) => self.sender.client_mut().received(connection, &frame.to_vec(), now),
                Outgoing::Close => {
                    self.links.remove(&connection);
                    self.sender.client_mut().disconnected(
                        connection,
                        io::ErrorKind::UnexpectedEof.into(),
                        now,
                    );
                    break;
                }
            }
        }
        busy
    }

    fn stop(&mut self, broker: usize) {
        self.core.cluster.brokers[broker].running = false;
        let now = self.clock.now();
        let of_broker = |link: &Link| link.broker == broker;
        let cut: Vec<_> = self.links.iter().filter(|(_, link)| of_broker(link)).map(|(id, _)| *id).collect();
        for connection in cut {
            self.links.remove(&connection);
            self.sender.client_mut().disconnected(connection, io::ErrorKind::ConnectionReset.into(), now);
        }
    }

    fn requests(&self, api: ApiKey) -> usize {
        self.core.requests.iter().filter(|request| request.api == api).count()
    }
}

fn config() -> ProducerConfig {
    ProducerConfig::new()
}

const MINUTE: Duration = Duration::from_secs(60);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `took` is `expected`, but for what the simulation's own waits add.
fn assert_about(took: Duration, expected: Duration) {
    assert!((expected..expected + millis(1)).contains(&took), "{took:?}, not {expected:?}");
}

#[test]
fn without_linger_a_record_goes_at_once_and_with_it_not_before() {
    for linger in [0, 1, 250] {
        let mut world = World::with_topic(1, 1, config().linger(millis(linger)));
        let future = world.send(0, b"v");
        assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(linger));
    }
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut world = World::with_topic(1, 1, config().linger(millis(250)).batch_size(1000));
    let futures: Vec<_> = (0..10).map(|_| world.send(0, &[0; 100])).collect();
    assert_about(world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done)), millis(0));
    let late = world.send(0, &[0; 10]);
    assert_about(world.run_until(MINUTE, |_| late.is_done()), millis(250));
}

/// What comes while a batch is under way waits for its answer, and goes together.
#[test]
fn a_batch_that_can_not_go_grows() {
    let mut world = World::with_topic(1, 1, config().batch_size(1000));
    let first = world.send(0, b"v");
    world.core.faults.held[0] = true;
    world.run_for(millis(10));
    let rest: Vec<_> = (0..1000).map(|_| world.send(0, &[0; 100])).collect();
    world.run_for(millis(10));
    assert!(!first.is_done());
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| rest.iter().all(FutureRecordMetadata::is_done));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
}

#[test]
fn an_idle_producer_wakes_only_for_metadata_and_to_close_what_it_does_not_use() {
    let mut world = World::with_topic(3, 6, config());
    let futures: Vec<_> = (0..6).map(|partition| world.send(partition, b"v")).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    let before = world.steps;
    world.run_for(Duration::from_secs(120 - 1));
    // One timer was left by the delivery timeout of the first records; nothing else.
    assert!(world.steps - before <= 2, "{} steps", world.steps - before);
    world.run_for(Duration::from_secs(3600));
    assert!(world.steps - before <= 100, "{} steps in an hour", world.steps - before);
    assert!((10..=13).contains(&world.requests(ApiKey::METADATA)), "{:?}", world.core.requests);
    assert!(world.links.len() <= 1, "only the connection that metadata is asked on is kept");
}

#[test]
fn a_record_without_a_broker_expires_at_its_delivery_timeout() {
    let config = config().request_timeout(Duration::from_secs(1)).delivery_timeout(Duration::from_secs(5));
    let mut world = World::with_topic(1, 1, config);
    world.stop(0);
    let future = world.send(0, b"v");
    assert_about(world.run_until(MINUTE, |_| future.is_done()), Duration::from_secs(5));
    let error = future.exception().unwrap().to_string();
    assert_eq!(
        error,
        "delivery_timeout_ms of 5s ran out before the records for t-0 could be sent: 127.0.0.1:40000 (from \
         bootstrap_servers) at TCP connect: connection refused, 127.0.0.1:40000 (as advertised by the cluster) at TCP \
         connect: connection refused"
    );
}

#[test]
fn a_frozen_broker_costs_one_request_timeout() {
    let mut world = World::with_topic(1, 1, config().request_timeout(Duration::from_secs(3)));
    world.core.faults.held[0] = true;
    let future = world.send(0, b"v");
    world.run_for(Duration::from_secs(2));
    assert_eq!((world.requests(ApiKey::PRODUCE), future.is_done()), (1, false));
    world.run_for(Duration::from_millis(1100));
    world.core.faults.held[0] = false;
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(
        took < Duration::from_secs(11),
        "the set-up of the next connection may have met the frozen broker: {took:?}"
    );
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
}

#[test]
fn dead_brokers_are_dialled_less_and_less() {
    let mut world = World::with_topic(1, 1, config().delivery_timeout(None));
    world.stop(0);
    let _waiting = world.send(0, b"v");
    let (steps, dials) = (world.steps, world.dials.len());
    world.run_for(MINUTE);
    let dials = &world.dials[dials..];
    // Two nodes for one broker: the one of bootstrap_servers and the one that the cluster has told.
    assert!((8..=30).contains(&dials.len()), "{} dials in a minute", dials.len());
    assert!(world.steps - steps < 300, "{} steps in a minute", world.steps - steps);
}

#[test]
fn a_broker_that_swallows_everything_is_left_for_the_next_after_the_set_up_timeout() {
    let mut world = World::new(2, config());
    world.black_holes.push(0);
    let took = world.run_until(MINUTE, |world| world.metadata.version() > 0);
    assert_about(took, Duration::from_secs(10));
}

#[test]
fn an_error_that_passes_waits_for_its_back_off() {
    let mut world = World::with_topic(1, 1, config());
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 4);
    let future = world.send(0, b"v");
    let took = world.run_until(MINUTE, |_| future.is_done());
    // 100 + 200 + 400 + 800, each 20 % more or less.
    assert!((millis(1200)..=millis(1800)).contains(&took), "{took:?}");
}

#[test]
fn a_throttled_broker_is_left_in_peace() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.brokers[0].throttle_ms = 700;
    let first = world.send(0, b"v");
    world.run_until(MINUTE, |_| first.is_done());
    world.core.cluster.brokers[0].throttle_ms = 0;
    let second = world.send(0, b"v");
    assert_about(world.run_until(MINUTE, |_| second.is_done()), millis(700));
}

#[test]
fn a_partition_without_a_leader_waits_for_one_and_others_do_not_wait_for_it() {
    let mut world = World::with_topic(2, 2, config());
    world.core.cluster.brokers[1].running = false;
    world.stop(1);
    let (stuck, free) = (world.send(1, b"v"), world.send(0, b"v"));
    assert_about(world.run_until(MINUTE, |_| free.is_done()), millis(0));
    world.run_for(Duration::from_secs(20));
    assert!(!stuck.is_done());
    if let Some(partition) = world.core.cluster.partition_mut("t", 1) {
        partition.leader = 0;
        partition.leader_epoch += 1;
    }
    let took = world.run_until(MINUTE, |_| stuck.is_done());
    assert!(took < Duration::from_secs(31), "{took:?}");
}

/// B39: with room for one batch in a request, partitions take turns.
#[test]
fn partitions_of_a_node_take_turns() {
    let config = config()
        .batch_size(1000)
        .batch_max_bytes(1000)
        .max_request_size(1000)
        .buffer_memory(6000)
        .max_in_flight_requests_per_connection(1);
    let mut world = World::with_topic(1, 3, config);
    let mut sent = [0; 3];
    for _ in 0..60 {
        for (partition, sent) in sent.iter_mut().enumerate() {
            world.send(partition, &[0; 600]);
            *sent += 1;
        }
        world.run_for(millis(1));
    }
    let stored: Vec<_> = (0..3)
        .map(|partition| world.core.cluster.partition_mut("t", partition).unwrap().log.next_offset())
        .collect();
    assert_eq!(stored, [61, 61, 61]);
}

#[test]
fn memory_comes_back_when_everything_is_answered() {
    let mut world = World::with_topic(1, 4, config());
    for round in 0..50 {
        let futures: Vec<_> =
            (0..200).map(|number| world.send(number % 4, &vec![0; number * 7 + round])).collect();
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}

/// B02, B14, B15: cut up until it fits, order and content kept, few refusals, and flush waits for the parts.
#[test]
fn a_batch_that_is_refused_as_too_large_is_cut_up() {
    for limit in [200, 1000, 30_000, 100_000] {
        let mut world = World::with_topic(1, 3, config());
        world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = limit;
        world.core.faults.held[0] = true;
        let mut futures = Vec::new();
        for number in 0..30_000_u32 {
            futures.push((number, world.send(number as usize % 3, &number.to_be_bytes())));
            if number == 100 {
                world.run_for(millis(1));
            }
        }
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(|(_, future)| future.is_done()));
        for partition in 0..3 {
            let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
            let stored: Vec<_> =
                log.records().unwrap().into_iter().skip(1).map(|record| record.value.unwrap()).collect();
            let sent = futures.iter().filter(|(number, _)| *number as i32 % 3 == partition);
            let sent: Vec<_> = sent.map(|(number, _)| number.to_be_bytes().to_vec()).collect();
            assert!(stored == sent, "order or content changed");
        }
        for (number, future) in &futures {
            assert_eq!(future.value().unwrap().offset(), i64::from(number / 3) + 1);
        }
        assert_eq!(world.accumulator.pool().used(), 0);
        let refused = world.core.counts.refused;
        assert!(refused < 20, "{refused} batches were refused to learn a limit of {limit}");
    }
}

#[test]
fn only_a_record_that_is_too_large_by_itself_fails() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 1000;
    let futures: Vec<_> =
        (0..50).map(|number| world.send(0, &vec![0; if number == 20 { 2000 } else { 100 }])).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    for (number, future) in futures.iter().enumerate() {
        assert_eq!(future.failed(), number == 20, "{number}");
    }
    let error = futures[20].exception().unwrap().to_string();
    assert_eq!(
        error,
        "a broker refused a record for t-0 as too large: it takes 2070 bytes by itself; raise the topic's \
         max.message.bytes (the broker's message.max.bytes) or send less at once"
    );
    assert_eq!(world.accumulator.pool().used(), 0);
}

fn partitions_of(world: &mut World) -> &mut Vec<crate::mock::cluster::Partition> {
    &mut world.core.cluster.topics.get_mut("t").unwrap().partitions
}

fn ask_again(world: &mut World) {
    world.sender.client_mut().metadata_mut().want();
    world.run_for(millis(500));
    let _ = world.topics.handle("t", &world.metadata.snapshot());
}

/// A cluster that forgets partitions and finds them again (a lagging broker) makes us neither forget what is queued
/// there nor queue in two places.
#[test]
fn partitions_that_vanish_and_come_back_keep_their_batches() {
    let mut world = World::with_topic(1, 4, config().linger(Duration::from_secs(3)));
    let first = world.send(3, b"before");
    let gone = partitions_of(&mut world).split_off(2);
    ask_again(&mut world);
    assert_eq!(world.topics.handle("t", &world.metadata.snapshot()).unwrap().queues.len(), 2);
    assert!(world.topics.queues().len() == 4, "close and abandon must find what is queued");
    partitions_of(&mut world).extend(gone);
    ask_again(&mut world);
    let second = world.send(3, b"after");
    world.run_until(MINUTE, |_| first.is_done() && second.is_done());
    assert_eq!((first.value().unwrap().offset(), second.value().unwrap().offset()), (1, 2));
}

#[test]
fn the_delivery_timeout_covers_what_is_under_way() {
    let config = config().request_timeout(Duration::from_secs(29)).delivery_timeout(Duration::from_secs(30));
    let mut world = World::with_topic(1, 1, config);
    world.core.faults.held[0] = true;
    world.run_for(Duration::from_secs(10));
    let future = world.send(0, b"v");
    world.run_for(Duration::from_secs(20));
    let later = world.send(0, b"w");
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(took <= Duration::from_secs(10) + millis(1), "{took:?}");
    let error = future.exception().unwrap();
    assert_eq!(error.certainty(), crate::error::Certainty::MaybeWritten);
    assert!(error.is_timeout() && !later.is_done(), "{error}");
    // The answer to what was given up changes nothing; what came after it goes on.
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| later.is_done());
    assert!(future.failed() && later.succeeded());
    assert_eq!(world.accumulator.pool().used(), 0);
}

/// One timer a partition: neither many batches nor `linger` leave any behind.
#[test]
fn what_has_been_sent_leaves_no_timers_behind() {
    for linger in [0, 5] {
        let mut world = World::with_topic(1, 3, config().linger(millis(linger)));
        for number in 0..2000 {
            world.send(number % 3, b"v");
            world.run_for(millis(7));
        }
        world.run_for(millis(100));
        let before = world.steps;
        world.run_for(Duration::from_secs(240));
        assert!(world.steps - before <= 4, "{} steps of an idle producer", world.steps - before);
    }
}

/// B30: who waits for memory ends the linger of what holds it, also when the sender looks at the worst moment.
#[test]
fn memory_that_is_wanted_is_not_lingered_on() {
    let config = config().linger(Duration::from_secs(60)).buffer_memory(8192).delivery_timeout(None);
    let mut world = World::with_topic(1, 1, config);
    let future = world.send(0, &[0; 5000]);
    world.run_for(millis(5));
    assert!(!future.is_done());
    let pool = Arc::clone(world.accumulator.pool());
    let accumulator = world.accumulator.clone();
    let topic = world.topics.handle("t", &world.metadata.snapshot()).unwrap();
    let waiter = std::thread::spawn(move || {
        let parts = RecordParts { key: None, value: Some(&[0; 5000]), headers: &[] };
        accumulator.append(&topic.queues[0], &parts, RecordSize::of(&parts), 0, 0, Wait::MaxBlock)
    });
    while !pool.is_wanted() {
        std::thread::yield_now();
    }
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(waiter.join().unwrap().is_ok());
}

#[test]
fn every_codec_stores_what_was_sent_and_makes_it_smaller() {
    for compression in [
        "none",
        "gzip",
        "snappy",
        "lz4",
        #[cfg(feature = "zstd")]
        "zstd",
    ] {
        let config = config().compression(compression.parse().unwrap()).batch_size(50_000);
        let mut world = World::with_topic(1, 1, config);
        world.core.faults.held[0] = true;
        world.send(0, b"this one keeps the others waiting");
        world.run_for(millis(1));
        let value =
            |number: u32| format!("{{\"user\":{},\"event\":\"click\",\"at\":{number}}}", number % 100);
        let futures: Vec<_> = (0..20_000).map(|number| world.send(0, value(number).as_bytes())).collect();
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        let log = &world.core.cluster.partition_mut("t", 0).unwrap().log;
        let stored = log.records().unwrap();
        for (number, record) in (0..).zip(&stored[2..]) {
            assert_eq!(record.value.as_deref(), Some(value(number).as_bytes()), "{compression}");
        }
        assert_eq!(stored.len(), 20_002);
        let per_record = world.core.counts.bytes / 20_000;
        assert!((compression == "none") == (per_record > 30), "{compression}: {per_record} bytes a record");
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}

#[test]
fn a_compressed_batch_that_is_too_large_is_cut_up_too() {
    for compression in ["gzip", "lz4"] {
        let mut world = World::with_topic(1, 1, config().compression(compression.parse().unwrap()));
        world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 3000;
        world.core.faults.held[0] = true;
        let mut random = fastrand::Rng::with_seed(5);
        let values: Vec<Vec<u8>> =
            (0..5000).map(|_| (0..40).map(|_| random.u8(b'a'..b'h')).collect()).collect();
        let futures: Vec<_> = values.iter().map(|value| world.send(0, value)).collect();
        world.core.faults.held[0] = false;
        world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
        let stored = world.core.cluster.partition_mut("t", 0).unwrap().log.records().unwrap();
        assert!(stored[1..].iter().map(|record| record.value.as_ref().unwrap()).eq(&values), "{compression}");
        assert!(world.core.counts.refused < 20, "{}", world.core.counts.refused);
    }
}

/// `max_block=0` and a topic that is unknown, again and again, while the sender is kept: notes do not pile up.
#[test]
fn what_is_said_a_thousand_times_is_noted_once() {
    let inbox: Inbox<u32> = Inbox::new(Box::new(Nobody));
    let topic = Arc::from("t");
    for _ in 0..1000 {
        inbox.topic(&topic, Deadline::NEVER);
        inbox.hurry();
        inbox.close(Deadline::NEVER);
    }
    let notices = inbox.take();
    assert_eq!((notices.topics.len(), notices.hurry, notices.close), (1, true, Some(Deadline::NEVER)));
    assert!(inbox.fall_asleep());
}
