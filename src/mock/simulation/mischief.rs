//! A network and brokers that do everything wrong, by a seed.

use std::collections::BTreeMap;

use super::*;
use crate::client::transport::ConnectionId;
use crate::config::Acks;

/// What the network does to answers and to brokers, beyond what the mock broker itself does wrong.
#[derive(Default)]
pub(super) struct Mischief {
    /// Brokers that read nothing any more.
    pub(super) stalled: Vec<usize>,
    /// The first of several answers is cut short; all come in one read.
    pub(super) garbled: bool,
    /// So many answers pass; the rest wait.
    pub(super) passing: Option<usize>,
    pub(super) waiting: BTreeMap<ConnectionId, Vec<Outgoing>>,
    /// What every broker does once a connection is ready; but for those of `polite`.
    pub(super) rudeness: Option<Rudeness>,
    pub(super) polite: Vec<usize>,
    /// Ports at which nothing answers, not even to refuse.
    pub(super) dead_ports: Vec<u16>,
    /// Ports that there is no way to: dialling them fails at once.
    pub(super) unreachable_ports: Vec<u16>,
    /// Brokers that read nothing any more once they have shaken hands.
    pub(super) stalled_after_handshake: Vec<usize>,
    /// What every name stands for besides its address, and before it.
    pub(super) detours: Vec<u16>,
    /// Names are not answered until [`World::answer_look_ups`]: tickets and ports.
    pub(super) slow_names: bool,
    pub(super) look_ups: Vec<(u64, u16)>,
    /// So many bytes are still taken from the client, whatever connection they are for, and then none.
    pub(super) room: Option<usize>,
}

/// How a broker that gets as far as the handshake can be of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rudeness {
    /// Closes right behind the handshake.
    Leaves,
    /// Closes at each request.
    HangsUp,
    /// Closes at each request with records, as brokers do beyond their `socket.request.max.bytes`.
    TakesNoRecords,
    /// Closes at each request with records that has more bytes.
    TakesAtMost(usize),
    /// Answers with what can't be read.
    Babbles,
    /// Answers what it was not asked.
    Mistakes,
}

impl Mischief {
    pub(super) fn does_not_read(&self, broker: usize) -> bool {
        self.stalled.contains(&broker) || self.room == Some(0)
    }

    /// It has read a request (without its length), which may have been the last.
    pub(super) fn has_read(&mut self, broker: usize, request: &[u8]) {
        if request[..2] == ApiKey::API_VERSIONS.0.to_be_bytes()
            && self.stalled_after_handshake.contains(&broker)
        {
            self.stalled.push(broker);
        }
    }

    pub(super) fn pass(&mut self, connection: ConnectionId, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        let mut passed = self.waiting.remove(&connection).unwrap_or_default();
        passed.extend(outgoing);
        if let Some(passing) = &mut self.passing {
            let waiting = passed.split_off((*passing).min(passed.len()));
            *passing -= passed.len();
            self.waiting.insert(connection, waiting);
        }
        passed
    }

    pub(super) fn rudeness_of(&self, broker: usize) -> Option<Rudeness> {
        self.rudeness.filter(|_| !self.polite.contains(&broker))
    }

    /// What comes of `request` (without its length) in place of an answer; `Some(None)` is the end.
    pub(super) fn rude_answer(&self, broker: usize, request: &[u8]) -> Option<Option<Vec<u8>>> {
        let is_handshake = request[..2] == ApiKey::API_VERSIONS.0.to_be_bytes();
        let is_produce = request[..2] == ApiKey::PRODUCE.0.to_be_bytes();
        let number = i32::from_be_bytes(request[4..8].try_into().unwrap());
        let answer = |number: i32| [&5_i32.to_be_bytes()[..], &number.to_be_bytes(), &[0]].concat();
        match self.rudeness_of(broker)? {
            Rudeness::Leaves => None,
            Rudeness::TakesNoRecords => is_produce.then_some(None),
            Rudeness::TakesAtMost(bytes) => (is_produce && request.len() > bytes).then_some(None),
            _ if is_handshake => None,
            Rudeness::HangsUp => Some(None),
            Rudeness::Babbles => Some(Some(answer(number))),
            Rudeness::Mistakes => Some(Some(answer(number + 1))),
        }
    }

    pub(super) fn garble(&self, outgoing: &[Outgoing]) -> Option<Vec<u8>> {
        let frame = |outgoing: &Outgoing| match outgoing {
            Outgoing::Write(frame) => Some(frame.clone()),
            Outgoing::Close | Outgoing::Reset => None,
        };
        let first = outgoing.first().filter(|_| self.garbled).and_then(frame)?;
        // Its length, the number of its request, and one byte that makes no sense.
        let short = [&5_i32.to_be_bytes()[..], &first[4..8], &[0]].concat();
        let rest = outgoing[1..].iter().filter_map(frame).flatten();
        Some(short.into_iter().chain(rest).collect())
    }
}

/// Whatever happens for a while: when it is over, everything gets through, and nobody goes in circles.
#[test]
fn all_kinds_of_trouble_pass() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let acks = if random.bool() { Acks::All } else { Acks::None };
        let limits = config()
            .delivery_timeout(None)
            .retries(u32::MAX)
            .request_timeout(secs(3))
            .socket_connection_setup_timeout(secs(1))
            .socket_connection_setup_timeout_max(secs(1))
            .reconnect_backoff(millis(50))
            .reconnect_backoff_max(secs(1));
        let mut world = World::with_topic(3, 6, limits.acks(acks));
        let mut futures = Vec::new();
        let (start, steps) = (world.clock.now(), world.steps);
        for _ in 0..100 {
            let broker = random.usize(..3);
            match random.u8(..11) {
                0 => world.stop(broker),
                1 => world.core.cluster.brokers[broker].running = true,
                2 => world.core.cluster.brokers[broker].port += 3,
                3 => world.core.cluster.brokers[broker].throttle_ms = random.i32(0..2000),
                4 => world.mischief.stalled = vec![broker],
                5 => world.mischief.garbled = !world.mischief.garbled,
                6 => world.mischief.passing = random.bool().then(|| random.usize(..5)),
                7 => world.black_holes = vec![broker],
                8 => world.core.faults.held[broker] = random.bool(),
                9 => {
                    world.mischief.rudeness = random
                        .choice([
                            None,
                            Some(Rudeness::Leaves),
                            Some(Rudeness::HangsUp),
                            Some(Rudeness::TakesNoRecords),
                            Some(Rudeness::Babbles),
                            Some(Rudeness::Mistakes),
                        ])
                        .flatten();
                    world.mischief.polite = vec![broker];
                }
                _ => {
                    let partition = world.core.cluster.partition_mut("t", random.usize(..6) as i32).unwrap();
                    partition.leader = broker;
                    partition.leader_epoch += 1;
                }
            }
            futures.extend((0..random.usize(..4)).map(|_| world.send(random.usize(..6), b"v")));
            world.run_for(millis(random.u64(..1500)));
        }
        world.mischief = Mischief::default();
        world.black_holes.clear();
        for broker in 0..3 {
            world.core.faults.held[broker] = false;
            world.core.cluster.brokers[broker].running = true;
            world.core.cluster.brokers[broker].throttle_ms = 0;
        }
        world.run_until(secs(10), |_| futures.iter().all(FutureRecordMetadata::is_done));
        assert!(futures.iter().all(FutureRecordMetadata::succeeded), "seed {seed}");
        let (steps, took) = (world.steps - steps, world.clock.now().since(start));
        assert!(steps < 40 * took.as_secs(), "seed {seed}: {steps} steps in {took:?}");
        world.run_for(secs(600));
        let (steps, dials) = (world.steps, world.dials.len());
        world.run_for(secs(3600));
        let (steps, dials) = (world.steps - steps, world.dials.len() - dials);
        assert!(steps < 200 && dials < 20, "seed {seed}: {steps} steps and {dials} dials in an idle hour");
    }
}
