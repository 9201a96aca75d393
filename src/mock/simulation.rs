//! The whole producer against the mock broker's core, without a socket or a wait: `KafkaProducer`, its thread and `Io`
//! run as in earnest, on a simulated network and in simulated time, which jumps to the next deadline. So timeouts can
//! be tested to the millisecond, and idleness by counting.
//!
//! A [`schedule`](crate::sync::schedule) has one thread go on at a time. In a [`World`] the test is one of them, and
//! nobody else goes on until it waits; a seeded run (`seeded.rs`) switches at any operation.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use crate::client::SharedMetadata;
use crate::config::ProducerConfig;
use crate::error::{BrokerTrouble, Error};
use crate::kafka_producer::{Environment, Insides};
use crate::mock::cluster::Settings;
use crate::mock::core::Core;
use crate::mock::credentials::Credentials;
use crate::mock::outgoing::Outgoing;
use crate::net::Io;
use crate::observation::Observer;
use crate::producer::{FutureRecordMetadata, Inbox, PartitionQueue, RecordAccumulator, Sender, TopicTable};
use crate::protocol::{ApiKey, ErrorCode};
use crate::sync::schedule::{self, Habits, Run};
use crate::sync::{Mutex, Wake};
use crate::thread::{Errands, Step};
use crate::time::{Clock, Deadline, Instant};
use crate::{KafkaProducer, ProducerRecord};

mod answers;
mod batches;
mod broken_connections;
mod choosing;
mod counting;
mod defects;
mod dialling;
mod ending;
mod expiry;
mod flushing;
mod half_written;
mod idempotence;
mod in_flight;
mod islands;
mod kept_time;
mod late_answers;
mod lingering;
mod metrics;
mod mischief;
mod moves;
mod moving;
mod network;
mod odd_metadata;
mod other_answers;
mod producer_id;
mod quiet;
mod refused_logins;
mod request_bytes;
mod rudeness;
mod scarce_memory;
mod seeded;
mod sessions;
mod settings;
mod tales;
mod timing;
mod town;
mod turns;
mod wanting;
mod without_idempotence;

use mischief::{Mischief, Rudeness};
use network::{Answers, Attempts, Links, Shared, SimNetwork, SimResolver, SimWaker, Weather};
use tales::Tale;
use town::Town;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// The brokers and the network: what a test may look at and change whenever nobody else uses it.
struct Site {
    core: Core,
    links: Links,
    attempts: Attempts,
    /// What the network swallows: connections to these brokers are accepted by nobody.
    black_holes: Vec<usize>,
    /// How often the sender has polled, and when somebody was dialled.
    steps: u64,
    dials: Vec<Instant>,
    /// Who still waits for something then waits for ever. The run need not go on until it has polled too often.
    patience: Option<Instant>,
    mischief: Mischief,
    weather: Weather,
    random: fastrand::Rng,
    /// Names to be answered.
    answers: Answers,
    /// `None`: every name is this machine's, and each broker has its ports.
    town: Option<Town>,
}

impl Site {
    fn new(brokers: u16, seed: u64) -> Self {
        let ports: Vec<u16> = (0..brokers).map(|index| FIRST_PORT + index).collect();
        let cluster = Settings {
            auto_create_topics: false,
            default_partitions: 1,
            leader_not_available_once: false,
            counting: false,
            credentials: Credentials::default(),
            first_epoch: 0,
            refuses_unknown_producers: false,
        };
        let mut core = Core::new(cluster, &ports, Instant::ZERO);
        core.cluster.brokers.iter_mut().for_each(|broker| broker.running = true);
        Self {
            core,
            links: Links::new(),
            attempts: Attempts::new(),
            black_holes: Vec::new(),
            steps: 0,
            dials: Vec::new(),
            patience: None,
            mischief: Mischief::default(),
            weather: Weather::default(),
            random: fastrand::Rng::with_seed(seed),
            answers: Vec::new(),
            town: None,
        }
    }
}

/// A producer of a run and what is around it. The thread that makes it is the run's first.
struct World {
    me: schedule::Me,
    time: Time,
    clock: Clock,
    /// `None` only on the way out.
    producer: Option<Arc<KafkaProducer>>,
    accumulator: RecordAccumulator,
    metadata: Arc<SharedMetadata>,
    topics: Arc<TopicTable>,
    observer: Arc<Observer>,
    inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    shared: Arc<Shared>,
    /// `None` while it is lent.
    site: Option<Box<Site>>,
    errands: Errands,
}

type Join = Box<dyn FnOnce(&mut World)>;

/// Moved by hand: then nobody has gone on meanwhile, and all are late.
struct Time(schedule::Me);

impl Time {
    fn advance(&self, by: Duration) {
        self.0.advance(by.as_nanos() as u64);
    }
}

impl Deref for World {
    type Target = Site;

    fn deref(&self) -> &Site {
        self.site.as_ref().expect("the test has it whenever it goes on")
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Site {
        self.site.as_mut().expect("the test has it whenever it goes on")
    }
}

/// Who can go on does, until it waits: for tests that say themselves when others may.
const STEADY: Habits = Habits { switch: 0, delay: 0, turn: 1_000_000 };

const FIRST_PORT: u16 = 40_000;

/// Where these brokers listen.
fn addresses(brokers: std::ops::Range<u16>) -> Vec<String> {
    brokers.map(|broker| format!("127.0.0.1:{}", FIRST_PORT + broker)).collect()
}

impl World {
    fn new(brokers: u16, config: ProducerConfig) -> Self {
        Self::seeded(1, brokers, config)
    }

    fn seeded(seed: u64, brokers: u16, config: ProducerConfig) -> Self {
        let config = config.bootstrap_servers(addresses(0..brokers));
        Self::within(Run::begin(seed, STEADY), Site::new(brokers, seed), &config)
    }

    fn within(me: schedule::Me, site: Site, config: &ProducerConfig) -> Self {
        let (shared, errands) = (Shared::new(), Errands::default());
        let (threads, random) = (me.clone(), site.random.clone());
        let producer = KafkaProducer::within(config, |socket| Environment {
            clock: Clock::Simulated,
            random,
            io: Io::new(
                SimNetwork(Arc::clone(&shared)),
                Box::new(SimResolver(Arc::clone(&shared))),
                socket.read_size,
                socket.reads_per_poll,
            ),
            waker: Box::new(SimWaker(Arc::clone(&shared))),
            spawn: Box::new(move |name, body| threads.spawn(&name, body)),
            errands: errands.clone(),
        });
        let producer = producer.expect("settings that make sense");
        let Insides { accumulator, topics, metadata, observer, inbox } = producer.insides();
        Self {
            time: Time(me.clone()),
            me,
            clock: Clock::Simulated,
            accumulator,
            topics,
            metadata,
            observer,
            inbox,
            producer: Some(Arc::new(producer)),
            shared,
            site: Some(Box::new(site)),
            errands,
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

    fn ask_for(&mut self, topic: &'static str) {
        self.errand(move |sender, now| sender.client_mut().metadata_mut().use_topic(&Arc::from(topic), now));
    }

    fn producer(&self) -> &Arc<KafkaProducer> {
        self.producer.as_ref().expect("it is there until the end")
    }

    fn send(&mut self, partition: usize, value: &[u8]) -> FutureRecordMetadata {
        self.try_send(partition, value).unwrap()
    }

    fn try_send(&mut self, partition: usize, value: &[u8]) -> Result<FutureRecordMetadata, Error> {
        let record = ProducerRecord::to("t").partition(partition as i32).value(value);
        self.producer().try_send(record)
    }

    /// Lends the brokers and the network to the other threads while `wait` lets them go on.
    fn lend<R>(&mut self, wait: impl FnOnce(&Self) -> R) -> R {
        *self.shared.site.lock() = self.site.take();
        self.shared.stir();
        let result = wait(self);
        self.site = self.shared.site.lock().take();
        result
    }

    /// Starts a thread that uses the producer. It goes on when the test waits; what comes back waits for its end.
    fn spawn(&self, name: &str, body: impl FnOnce(&KafkaProducer) + Send + 'static) -> Join {
        let producer = Arc::clone(self.producer());
        let join = self.me.spawn(name, move || body(&producer)).unwrap();
        Box::new(|world| world.lend(|_| join()))
    }

    /// Has the sender's thread do something between two rounds, the next time that it goes on.
    fn errand(&self, act: impl FnOnce(&mut Sender, Instant) + Send + 'static) {
        self.errands.add(act);
        SimWaker(Arc::clone(&self.shared)).wake();
    }

    /// Has it done now, and everything else that happens without time passing.
    fn with_sender<R: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Sender, Instant) -> R + Send + 'static,
    ) -> R {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        self.errand(move |sender, now| *place.lock() = Some(act(sender, now)));
        self.settle();
        let result = result.lock().take();
        result.expect("the sender's thread goes round")
    }

    /// Wants newer metadata, as an error does that says that ours is old.
    fn want(&mut self) {
        self.errand(|sender, _| sender.client_mut().metadata_mut().want());
    }

    /// What is known of brokers when a wait ends in vain.
    fn troubles(&self) -> Vec<BrokerTrouble> {
        self.observer.troubles([])
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

    /// To the next deadline of any thread, or to `end`.
    fn jump(&mut self, end: Instant) {
        let now = self.clock.now();
        let next = self.me.next_deadline().map_or(end, |next| end.min(Instant::from_nanos(next)));
        // A wait takes time, even one that is over at once.
        self.time.advance(next.since(now).max(Duration::from_micros(1)));
    }

    /// Everything that happens without time passing.
    fn settle(&mut self) {
        self.lend(|world| world.me.settle());
    }

    fn stop(&mut self, broker: usize) {
        Site::stop(self, broker);
    }

    /// What was asked while names were slow.
    fn answer_look_ups(&mut self) {
        let now = self.clock.now();
        for (lookup_id, port) in std::mem::take(&mut self.mischief.look_ups) {
            self.answers.push((now, lookup_id, Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])));
        }
    }

    /// As a `send` does that does not know the topic.
    fn wait_for_topic(&mut self, topic: &str, within: Duration) {
        self.inbox.topic(&Arc::from(topic), Deadline::after(self.clock.now(), within));
    }

    fn requests(&self, api: ApiKey) -> usize {
        self.core.requests.iter().filter(|request| request.api == api).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.me.give_up("the test failed");
        }
        let producer = self.producer.take();
        self.lend(|world| {
            drop(producer);
            if !std::thread::panicking() {
                world.me.await_others();
            }
        });
        self.me.clone().leave();
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
    world.want();
}
