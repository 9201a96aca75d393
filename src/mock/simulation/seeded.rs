//! Runs of a seed: two user threads, the producer's own, and one that makes trouble, switched at any operation. The seed
//! draws settings, weather, trouble and the schedule; when it is over, everything has a result, and what is stored is
//! what the futures say.
//!
//! ```sh
//! KAFKA_PRODUCER_SIMULATION_SEEDS=5000 cargo test --release --lib --features mock seeded
//! KAFKA_PRODUCER_SIMULATION_SEEDS=4711..4712 cargo test --lib --features mock seeded
//! ```

use std::ops::Range;

use super::*;
use crate::config::{Acks, SecurityProtocol};
use crate::error::ErrorKind;
use crate::producer::LOOKS_AND_TAKES_APART;
use crate::record::Compression;
use crate::sync::schedule::Me;

mod check;
mod troubles;
mod users;

use troubles::{Harm, heal, make_trouble};
use users::{Ledger, User};

/// What a seed draws before anything happens.
#[derive(Clone, Debug)]
struct Plan {
    brokers: u16,
    partitions: usize,
    acks: Acks,
    compression: Compression,
    batch_size: usize,
    linger: Duration,
    memory: usize,
    in_flight: usize,
    delivery_timeout: Option<Duration>,
    /// Whether brokers ask who their clients are.
    asks: bool,
    /// And for how long they believe it.
    lifetime: Option<Duration>,
    habits: Habits,
    weather: Weather,
    /// Times that something goes wrong.
    trouble: usize,
}

impl Plan {
    fn draw(random: &mut fastrand::Rng) -> Self {
        let batch_size = pick(random, &[100, 300, 300, 1000, 16_384]);
        Self {
            brokers: random.u16(1..=3),
            partitions: random.usize(1..=3),
            acks: pick(random, &[Acks::All, Acks::All, Acks::Leader, Acks::None]),
            compression: pick(
                random,
                &[Compression::None, Compression::Lz4, Compression::Snappy, Compression::Gzip],
            ),
            batch_size,
            linger: millis(pick(random, &[0, 0, 1, 20])),
            memory: pick(random, &[6_000, 30_000, 1 << 20]).max(batch_size),
            in_flight: random.usize(1..=5),
            delivery_timeout: pick(random, &[None, None, Some(secs(4))]),
            asks: random.bool(),
            lifetime: pick(random, &LIFETIMES),
            habits: Habits {
                switch: pick(random, &[2, 4, 16]),
                delay: pick(random, &[0, 0, 300]),
                turn: 10_000,
            },
            weather: Weather {
                cuts: random.bool(),
                delay: millis(pick(random, &[0, 0, 1, 30])),
                mute_names: pick(random, &[0, 0, 4]),
            },
            trouble: pick(random, &[0, 3, 8]),
        }
    }

    fn config(&self) -> ProducerConfig {
        let config = config()
            .bootstrap_servers((0..self.brokers).map(|index| format!("broker:{}", FIRST_PORT + index)))
            .client_id("simulated")
            .acks(self.acks)
            .compression(self.compression)
            .batch_size(self.batch_size)
            .batch_max_bytes(self.batch_size)
            .linger(self.linger)
            .buffer_memory(self.memory)
            .max_block(secs(3))
            .max_in_flight_requests_per_connection(self.in_flight)
            .request_timeout(secs(2))
            .retries(u32::MAX)
            .delivery_timeout(self.delivery_timeout)
            .socket_connection_setup_timeout(secs(1), secs(2));
        let config = config.reconnect_backoff(millis(50), secs(1));
        if !self.asks {
            return config;
        }
        // SCRAM is no other to a connection, and its nonces would make another run of the same seed.
        let config = config.security_protocol(SecurityProtocol::SaslPlaintext).sasl_mechanism("PLAIN");
        config.sasl_plain_username(USER).sasl_plain_password(PASSWORD)
    }

    /// Without idempotence what is sent again is overtaken by what was under way behind it.
    fn keeps_order(&self) -> bool {
        self.acks == Acks::All || self.in_flight == 1 || self.trouble == 0
    }

    /// Nothing is lost but what the plan loses on purpose.
    fn is_calm(&self) -> bool {
        self.trouble == 0 && self.delivery_timeout.is_none()
    }
}

/// Brokers take a new login once a second at most, and clients log in again after 85 % at the soonest.
const LIFETIMES: [Option<Duration>; 3] =
    [None, Some(Duration::from_millis(1300)), Some(Duration::from_secs(3))];
const USER: &str = "alice";
const PASSWORD: &str = "secret";

fn pick<T: Clone>(random: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())].clone()
}

/// Everything of one seed; the trace of it.
fn run(seed: u64, planted: bool) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let plan = Plan::draw(&mut random);
    let mut site = Site::new(plan.brokers, random.u64(..));
    assert!(site.core.cluster.create_topic("t", plan.partitions));
    site.weather = plan.weather.clone();
    if plan.asks {
        let credentials = &mut site.core.cluster.settings.credentials;
        credentials.set_user(USER, PASSWORD);
        credentials.lifetime = plan.lifetime;
    }
    let me = schedule::Run::begin(seed, plan.habits);
    let mut world = World::within(me.clone(), site, &plan.config());
    if planted {
        world.errand(|_, _| LOOKS_AND_TAKES_APART.set(true));
    }
    let ledger = Arc::new(Ledger::default());
    let users: Vec<_> = (0..2)
        .map(|number| {
            let user = User {
                number,
                partitions: plan.partitions,
                most: plan.batch_size.min(400),
                random: random.fork(),
                ledger: Arc::clone(&ledger),
                producer: Arc::clone(world.producer()),
            };
            me.spawn(&format!("user {number}"), move || user.live()).unwrap()
        })
        .collect();
    let mut harm = Harm::default();
    world.lend(|world| {
        for _ in 0..plan.trouble {
            me.sleep(random.u64(..300_000_000));
            world.shared.with(|site| make_trouble(site, &mut harm, &mut random));
            world.shared.stir();
        }
        me.sleep(random.u64(..500_000_000));
        world.shared.with(heal);
        world.shared.stir();
        users.into_iter().for_each(|join| join());
        // Nothing stands in the way any more. The second time is for what callbacks have sent meanwhile.
        for _ in 0..2 {
            let flushed = world.producer().flush(secs(120));
            let pending = flushed.as_ref().err().and_then(|error| match error.kind() {
                ErrorKind::Undelivered { report } => Some(&report.pending),
                _ => None,
            });
            assert!(pending.is_none_or(Vec::is_empty), "seed {seed}: {pending:?}\n{plan:?}");
        }
        // Without acks what is said to be sent may be on its way.
        me.sleep(1_000_000_000);
        // Nobody goes on any more while it is looked at what has come of it.
        me.set_habits(STEADY);
        me.settle();
    });
    check::everything(&mut world, &ledger, &plan, &harm, &me);
    drop(ledger);
    drop(world);
    me.trace()
}

/// Each on a thread of the machine that has done nothing before: no thread remembers the last run.
fn on_its_own(seed: u64, planted: bool) -> std::thread::Result<u64> {
    std::thread::spawn(move || run(seed, planted)).join()
}

fn seeds(usually: u64) -> Range<u64> {
    let Ok(asked) = std::env::var("KAFKA_PRODUCER_SIMULATION_SEEDS") else { return 0..usually };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap(),
    }
}

#[test]
fn whatever_happens_everything_gets_a_result_and_the_results_are_true() {
    let failed: Vec<u64> = seeds(150).filter(|seed| on_its_own(*seed, false).is_err()).collect();
    assert!(failed.is_empty(), "seeds {failed:?}");
}

#[test]
fn the_same_seed_is_the_same_run_to_every_frame_lock_and_result() {
    let traces = |()| (0..20).map(|seed| on_its_own(seed, false).unwrap()).collect::<Vec<_>>();
    let (first, second) = (traces(()), traces(()));
    assert_eq!(first, second);
    let different: std::collections::BTreeSet<_> = first.into_iter().collect();
    assert_eq!(different.len(), 20);
}

/// The checks' own test: the sender looks at a batch under one lock and takes it under another. Between the two a user
/// thread can take it away to compress it; the sender finds nothing, and is not told when it is back.
#[test]
fn a_planted_lost_wake_up_is_found() {
    let found = (0..500).find(|seed| on_its_own(*seed, true).is_err());
    assert!(found.is_some(), "500 seeds did not find it");
}
