//! What is done to the brokers, the connections and the client, and when.

#![allow(clippy::disallowed_types, reason = "no model checker runs here")]
#![allow(clippy::print_stdout, reason = "it is a part of programs")]

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::Alarm;
use crate::support::clock::{Failure, Stopwatch, deadline, deadline_in, pause, retry};
use crate::support::kafka::{Cluster, Daemon, PartitionState};
use crate::support::proxy::Proxy;

/// The last disturbance begins that long before the client's end, so that its effects are in the run.
const QUIET_END: Duration = Duration::from_secs(5);
/// How long it may take until all replicas are in sync again.
const IN_SYNC_SECS: u64 = 120;
/// The client is frozen after a third of the length, and then again that often.
const CLIENT_FREEZES_EVERY: Duration = Duration::from_secs(900);

/// A plan, and when it is played, a count of what was done.
#[derive(Clone, Debug)]
pub struct Script {
    length: Duration,
    /// How long a broker is frozen, in milliseconds.
    freeze: RangeInclusive<u64>,
    client_freeze: Duration,
    kills: u32,
    freezes: u32,
    restarts: u32,
    /// How often a broker's process ended by itself.
    ended: usize,
    client_freezes: u32,
}

/// What was done to connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost_answers: u32,
    pub resets: u32,
}

impl Script {
    /// From five minutes on the long one.
    pub fn of(length: Duration) -> Self {
        let long = length >= Duration::from_secs(300);
        Self {
            length,
            freeze: if long { 5_000..=45_000 } else { 1_500..=4_000 },
            client_freeze: Duration::from_secs(if long { 40 } else { 6 }),
            kills: 0,
            freezes: 0,
            restarts: 0,
            ended: 0,
            client_freezes: 0,
        }
    }

    pub fn length(&self) -> Duration {
        self.length
    }

    /// No broker is frozen for longer.
    pub fn longest_freeze(&self) -> Duration {
        Duration::from_millis(*self.freeze.end())
    }

    /// Disturbs one broker after the other, the next only when all replicas of `topic` are in sync again, and
    /// connections all the time. Comes back at the end of the length with everything running and in sync, or soon after
    /// an alarm.
    #[track_caller]
    pub fn play(
        &mut self,
        cluster: &mut Cluster,
        topic: &str,
        proxies: &[Proxy],
        client: &mut Daemon,
        alarm: &Alarm,
    ) -> Weather {
        let (clock, calm) = (Stopwatch::start(), AtomicBool::new(false));
        let seed = fastrand::u64(..);
        std::thread::scope(|scope| {
            let weather = scope.spawn(|| bad_weather(proxies, &calm, seed));
            // Also if the script panics: a scope waits for its threads.
            let end = Calm(&calm);
            self.disturb(cluster, topic, client, alarm, clock);
            drop(end);
            weather.join().expect("it panics nowhere")
        })
    }

    fn disturb(
        &mut self,
        cluster: &mut Cluster,
        topic: &str,
        client: &mut Daemon,
        alarm: &Alarm,
        clock: Stopwatch,
    ) {
        let last = self.length.saturating_sub(QUIET_END);
        pause(Duration::from_secs(2));
        let mut turn = 0;
        while clock.elapsed() < last && alarm.reason().is_none() {
            // Each broker meets each kind.
            let (node, kind) = (1 + turn % 3, (turn + turn / 3) % 3);
            turn += 1;
            let due = self.length / 3 + CLIENT_FREEZES_EVERY * self.client_freezes;
            let froze = (clock.elapsed() > due).then(|| {
                client.signal(Signal::STOP);
                self.client_freezes += 1;
                Stopwatch::start()
            });
            self.hit(cluster, node, kind);
            self.in_sync(cluster, topic);
            if let Some(since) = froze {
                pause(self.client_freeze.saturating_sub(since.elapsed()));
                client.signal(Signal::CONT);
            }
            pause(Duration::from_millis(fastrand::u64(500..2_000)));
        }
        if alarm.reason().is_none() {
            pause(self.length.saturating_sub(clock.elapsed()));
        }
    }

    /// Waits until all replicas are in sync. A broker may end by itself after what was done to it; it is started again.
    #[track_caller]
    fn in_sync(&mut self, cluster: &mut Cluster, topic: &str) {
        let partitions = cluster.partitions(topic).len();
        let in_sync = retry(deadline(IN_SYNC_SECS), || {
            for last_words in cluster.start_what_ended() {
                println!("{last_words}");
                self.ended += 1;
            }
            (0..partitions).try_for_each(|partition| {
                let partition = i32::try_from(partition).expect("few partitions");
                let is_in_sync = |state: &PartitionState| {
                    state.leader.is_some() && state.isr.len() == state.replicas.len()
                };
                cluster.check_partition(topic, partition, is_in_sync).map(drop).map_err(Failure::Again)
            })
        });
        in_sync.unwrap_or_else(|why| panic!("{topic} is not in sync: {why}"));
    }

    fn hit(&mut self, cluster: &mut Cluster, node: i32, kind: i32) {
        match kind {
            0 => {
                cluster.kill_node(node);
                self.kills += 1;
                pause(Duration::from_millis(fastrand::u64(500..3_000)));
                cluster.start_node(node);
            }
            1 => {
                cluster.freeze_node(node);
                self.freezes += 1;
                pause(Duration::from_millis(fastrand::u64(self.freeze.clone())));
                cluster.thaw_node(node);
            }
            _ => {
                cluster.stop_node(node);
                self.restarts += 1;
                cluster.start_node(node);
            }
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, kills, freezes, restarts, ended, client_freezes, client_freeze, .. } = self;
        write!(
            f,
            "{length:?}: brokers killed {kills} times, frozen {freezes} times for {:?} ms, restarted {restarts} times, \
             ended by themselves {ended} times, \
             the client frozen {client_freezes} times for {client_freeze:?}",
            self.freeze
        )
    }
}

struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn bad_weather(proxies: &[Proxy], calm: &AtomicBool, seed: u64) -> Weather {
    // Each thread has numbers of its own.
    fastrand::seed(seed);
    let mut weather = Weather::default();
    while !calm.load(Ordering::SeqCst) {
        let until = deadline_in(Duration::from_millis(fastrand::u64(200..1_500)));
        while !calm.load(Ordering::SeqCst) && !until.passed() {
            pause(until.remaining().min(Duration::from_millis(100)));
        }
        let proxy = &proxies[fastrand::usize(..proxies.len())];
        if fastrand::u8(..5) < 3 {
            let time = Duration::from_millis(fastrand::u64(..200));
            weather.lost_answers += u32::from(proxy.swallow_one(time));
        } else {
            weather.resets += u32::from(proxy.reset_one());
        }
    }
    weather
}
