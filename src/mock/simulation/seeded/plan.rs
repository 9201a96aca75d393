//! What a seed draws before anything happens: settings, brokers, weather, how much is sent, how much goes wrong.

use super::*;
use crate::config::SecurityProtocol;
use crate::producer::PartitionContext;
use crate::record::Compression;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) brokers: u16,
    pub(super) partitions: usize,
    pub(super) users: usize,
    /// That they send together. Their callbacks send some more.
    pub(super) records: usize,
    /// Bytes of a value.
    pub(super) most: usize,
    pub(super) acks: Acks,
    pub(super) idempotence: Option<bool>,
    pub(super) compression: Compression,
    pub(super) batch_size: usize,
    pub(super) batch_max_bytes: Option<usize>,
    pub(super) request_max_bytes: Option<usize>,
    pub(super) linger: Duration,
    pub(super) memory: usize,
    pub(super) in_flight: Option<usize>,
    pub(super) retries: u32,
    pub(super) max_block: Duration,
    pub(super) request_timeout: Duration,
    pub(super) delivery_timeout: Option<Duration>,
    pub(super) metadata_max_age: Duration,
    pub(super) connections_max_idle: Option<Duration>,
    pub(super) chooser: Chooser,
    /// Whether brokers ask who their clients are.
    pub(super) asks: bool,
    /// And for how long they believe it.
    pub(super) lifetime: Option<Duration>,
    /// Whether brokers are told of by name.
    pub(super) tells_names: bool,
    /// The newest versions of Produce and Metadata that brokers speak.
    pub(super) newest: (i16, i16),
    pub(super) habits: Habits,
    pub(super) weather: Weather,
    /// Times that something goes wrong.
    pub(super) trouble: usize,
    /// The user that closes the producer when it has sent everything.
    pub(super) closes: Option<usize>,
    /// Brokers refuse the batches of a producer that they have forgotten.
    pub(super) old_brokers: bool,
    /// Records wait for a flush of a user.
    pub(super) manual_flush: bool,
    pub(super) batch_records: Option<usize>,
    /// Users purge what was not sent yet.
    pub(super) purges: bool,
    /// Of each producer id: near the end a partition that begins anew soon needs another id.
    pub(super) first_epoch: i16,
}

/// Who chooses the partition of a record that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chooser {
    Default,
    IgnoresKeys,
    /// By the length of the key.
    Own,
    /// That, but sometimes it names one that there is not, or panics.
    Wild,
}

impl Plan {
    pub(super) fn draw(random: &mut fastrand::Rng) -> Self {
        let is_calm = random.u8(..10) == 0;
        let partitions = random.usize(1..=6);
        let users = random.usize(1..=4);
        let acks = pick(random, &[Acks::All, Acks::All, Acks::All, Acks::Leader, Acks::None]);
        let retries = pick(random, &[u32::MAX, u32::MAX, u32::MAX, 10, 2, 0]);
        let batch_size = pick(random, &[0, 100, 300, 300, 1000, 16_384]);
        let batch_max_bytes = pick(random, &[None, None, Some(1), Some(4)]);
        let batch_max_bytes = batch_max_bytes.map(|times| (times * batch_size).max(100));
        let request_max_bytes = pick(random, &[None, None, Some(600), Some(2000)]);
        let linger = millis(pick(random, &[0, 0, 1, 20, 100]));
        let request_timeout = millis(pick(random, &[500, 1000, 2000]));
        let shortest = linger + request_timeout;
        let delivery_timeout = pick(random, &[None, None, Some(shortest), Some(secs(4)), Some(secs(10))]);
        Self {
            brokers: random.u16(1..=4),
            partitions,
            users,
            records: random.usize(700..=1300),
            most: pick(random, &[20, 100, 400]),
            acks,
            idempotence: (acks == Acks::All && retries > 0)
                .then(|| pick(random, &[None, None, Some(true), Some(false)]))
                .flatten(),
            compression: pick(random, COMPRESSIONS),
            batch_size,
            batch_max_bytes,
            request_max_bytes: request_max_bytes.map(|most: usize| most.max(batch_max_bytes.unwrap_or(0))),
            linger,
            memory: pick(random, &[6_000, 30_000, 1 << 20]).max(batch_size),
            in_flight: pick(random, &[None, None, Some(1), Some(2), Some(3), Some(5)]),
            retries: if is_calm { u32::MAX } else { retries },
            max_block: pick(random, &[Duration::ZERO, millis(300), secs(3), secs(3), secs(60)]),
            request_timeout,
            delivery_timeout: delivery_timeout.filter(|_| !is_calm),
            metadata_max_age: pick(random, &[millis(100), secs(1), secs(300), secs(300)]),
            connections_max_idle: pick(random, &[None, Some(millis(100)), Some(secs(1)), Some(secs(540))]),
            chooser: pick(
                random,
                &[Chooser::Default, Chooser::Default, Chooser::IgnoresKeys, Chooser::Own, Chooser::Wild],
            ),
            asks: random.bool(),
            lifetime: pick(random, &LIFETIMES),
            tells_names: random.bool(),
            newest: pick(random, &[(13, 13), (13, 13), (12, 13), (9, 12), (13, 9), (8, 8), (7, 7)]),
            habits: Habits {
                switch: pick(random, &[2, 4, 16, 16, 64]),
                delay: pick(random, &[0, 0, 300]),
                // Far more than the sender does in one go: who is taken for spinning has time jump to a deadline.
                turn: 200_000,
            },
            weather: Weather {
                cuts: random.bool(),
                delay: millis(pick(random, &[0, 0, 1, 30])),
                mute_names: pick(random, &[0, 0, 4]),
            },
            trouble: if is_calm { 0 } else { random.usize(6..=14) },
            closes: (random.u8(..6) == 0).then(|| random.usize(..users)),
            old_brokers: random.u8(..3) == 0,
            first_epoch: pick(random, &[0, 0, i16::MAX - 1, i16::MAX, i16::MAX]),
            manual_flush: random.u8(..8) == 0,
            batch_records: pick(random, &[None, None, None, None, Some(1), Some(5), Some(40)]),
            purges: random.u8(..4) == 0,
        }
    }

    /// The brokers, before anybody has asked them for anything.
    pub(super) fn site(&self, random: &mut fastrand::Rng) -> Site {
        let mut site = Site::new(self.brokers, random.u64(..));
        let cluster = &mut site.core.cluster;
        assert!(cluster.create_topic("t", self.partitions));
        for broker in &mut cluster.brokers {
            broker.versions.insert(ApiKey::PRODUCE, 0..=self.newest.0);
            broker.versions.insert(ApiKey::METADATA, 0..=self.newest.1);
        }
        if self.asks {
            cluster.settings.credentials.set_user(USER, PASSWORD);
            cluster.settings.credentials.lifetime = self.lifetime;
        }
        cluster.settings.first_epoch = self.first_epoch;
        cluster.settings.refuses_unknown_producers = self.old_brokers;
        site.town = Some(Town::new(cluster, self.tells_names));
        site.weather = self.weather.clone();
        site
    }

    pub(super) fn config(&self) -> ProducerConfig {
        let mut config = config()
            .bootstrap_servers([town::BOOTSTRAP, &town::name(0)].map(|host| format!("{host}:{}", town::PORT)))
            .client_id("simulated")
            .acks(self.acks)
            .compression(self.compression)
            .batch_size(self.batch_size)
            .batch_num_records(self.batch_records)
            .manual_flush(self.manual_flush)
            .linger(self.linger)
            .buffer_memory(self.memory)
            .max_block(self.max_block)
            .request_timeout(self.request_timeout)
            .retries(self.retries)
            .delivery_timeout(self.delivery_timeout)
            .metadata_max_age(self.metadata_max_age)
            .connections_max_idle(self.connections_max_idle)
            .socket_connection_setup_timeout(secs(1))
            .socket_connection_setup_timeout_max(secs(2))
            .reconnect_backoff(millis(50))
            .reconnect_backoff_max(secs(1))
            .partitioner_ignore_keys(self.chooser == Chooser::IgnoresKeys);
        if let Some(enable) = self.idempotence {
            config = config.enable_idempotence(enable);
        }
        if let Some(bytes) = self.batch_max_bytes {
            config = config.batch_max_bytes(bytes);
        }
        if let Some(bytes) = self.request_max_bytes {
            config = config.produce_request_max_bytes(bytes);
        }
        if let Some(requests) = self.in_flight {
            config = config.max_in_flight_requests_per_connection(requests);
        }
        let by_length = |record: &PartitionContext<'_>| {
            record.key().map_or(0, <[u8]>::len) as i32 % record.partition_count()
        };
        config = match self.chooser {
            Chooser::Default | Chooser::IgnoresKeys => config,
            Chooser::Own => config.partition_by(by_length),
            Chooser::Wild => config.partition_by(move |record| {
                match record.key().map(|key| key[0] % 16) {
                    Some(0) => -1,
                    Some(1) => i32::MAX,
                    // A panic that no hook tells of.
                    Some(2) => std::panic::resume_unwind(Box::new("a partitioner's own panic")),
                    _ => by_length(record),
                }
            }),
        };
        if !self.asks {
            return config;
        }
        // SCRAM is no other to a connection, and its nonces would make another run of the same seed.
        let config = config.security_protocol(SecurityProtocol::SaslPlaintext).sasl_mechanism("PLAIN");
        config.sasl_plain_username(USER).sasl_plain_password(PASSWORD)
    }

    /// Whether brokers know a batch again that is sent twice.
    pub(super) fn is_idempotent(&self) -> bool {
        self.idempotence.unwrap_or(self.acks == Acks::All && self.retries > 0)
    }

    /// Without idempotence what is sent again is overtaken by what was under way behind it.
    pub(super) fn keeps_order(&self) -> bool {
        self.is_idempotent() || self.in_flight.unwrap_or(1) == 1 || self.trouble == 0
    }

    /// Nothing is lost but what the plan loses on purpose.
    pub(super) fn is_calm(&self) -> bool {
        self.trouble == 0 && self.delivery_timeout.is_none() && !self.purges
    }
}

const COMPRESSIONS: &[Compression] = &[
    Compression::None,
    Compression::None,
    Compression::Lz4,
    Compression::Snappy,
    Compression::Gzip,
    #[cfg(feature = "zstd")]
    Compression::Zstd,
];

/// Brokers take a new login once a second at most, and clients log in again after 85 % at the soonest.
pub(super) const LIFETIMES: [Option<Duration>; 3] =
    [None, Some(Duration::from_millis(1300)), Some(Duration::from_secs(3))];
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "secret";

pub(super) fn pick<T: Clone>(random: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())].clone()
}
