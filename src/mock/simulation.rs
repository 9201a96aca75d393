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
use crate::error::Error;
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

mod answers;
mod batches;
mod mischief;
mod moves;
mod quiet;
mod rudeness;
mod timing;

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
        let metadata = SharedMetadata::new();
        let (accumulator, drain) =
            record_accumulator(settings.accumulator, pool, inbox, Arc::clone(&metadata), clock.clone());
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
        world.meet_topic(partitions);
        world
    }

    fn meet_topic(&mut self, partitions: usize) {
        assert!(self.core.cluster.create_topic("t", partitions));
        self.ask_for("t");
        self.run_until(Duration::from_secs(1), |world| world.metadata.snapshot().topic("t").is_some());
        // Connections to the leaders are made when they are needed; the tests begin after that.
        let first: Vec<_> = (0..partitions).map(|partition| self.send(partition, b"first")).collect();
        self.run_until(MINUTE, |_| first.iter().all(FutureRecordMetadata::is_done));
        self.core.requests.clear();
    }

    fn ask_for(&mut self, topic: &str) {
        let now = self.clock.now();
        self.sender.client_mut().metadata_mut().use_topic(&Arc::from(topic), now);
    }

    fn send(&mut self, partition: usize, value: &[u8]) -> FutureRecordMetadata {
        self.try_send(partition, value).unwrap()
    }

    fn try_send(&mut self, partition: usize, value: &[u8]) -> Result<FutureRecordMetadata, Error> {
        let topic = self.topics.handle("t", &self.metadata.snapshot()).unwrap();
        let parts = RecordParts { key: None, value: Some(value), headers: &[] };
        let (size, wall) = (RecordSize::of(&parts), self.clock.wall_millis());
        self.accumulator.append(&topic.queues[partition], &parts, size, wall, wall, Wait::Never)
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
                    let ports = self.mischief.detours.iter().chain([&port]);
                    let addresses = ports.map(|port| SocketAddr::new(host.parse().unwrap(), *port)).collect();
                    self.sender.client_mut().resolved(ticket, Ok(addresses), now);
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
        if self.black_holes.contains(&broker) || self.mischief.dead_ports.contains(&address.port()) {
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
            match self.mischief.rude_answer(link.broker, frame) {
                None => {
                    let request = core::parse(frame, Look::Records).unwrap();
                    self.core.receive(link.number, &request, now);
                    if self.mischief.rudeness_of(link.broker) == Some(Rudeness::Leaves) {
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

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `took` is `expected`, but for what the simulation's own waits add.
fn assert_about(took: Duration, expected: Duration) {
    assert!((expected..expected + millis(1)).contains(&took), "{took:?}, not {expected:?}");
}

fn knows(world: &World, topic: &str) -> bool {
    world.metadata.snapshot().topic(topic).is_some()
}

fn want(world: &mut World) {
    world.sender.client_mut().metadata_mut().want();
}
