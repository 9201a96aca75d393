//! A network between a producer's thread and the mock broker's core: connections, bytes on the way, name look-ups,
//! and what goes wrong with them. Where nothing is asked to go wrong, everything arrives whole and at once.

#![expect(clippy::disallowed_types, reason = "the world around the producer: no operation of its own")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::mischief::{Mischief, Rudeness};
use super::tales::Tale;
use super::{FIRST_PORT, Site, tales};
use crate::client::transport::ConnectionId;
use crate::mock::core;
use crate::mock::outgoing::Outgoing;
use crate::mock::produce::Look;
use crate::net::{Addresses, Network, Ready, Resolve, Stream};
use crate::protocol::FrameReader;
use crate::sync::schedule::{self, Number, On, Woken};
use crate::sync::{Mutex, Wake};
use crate::time::Instant;

/// What the weather does to bytes and names, by a seed.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    /// Reads and writes take a part, and sometimes nothing, for no reason.
    pub(super) cuts: bool,
    /// The most that bytes, connections and names take on their way.
    pub(super) delay: Duration,
    /// One name of so many is never answered; 0: all are.
    pub(super) mute_names: u32,
}

/// A connection as the broker's side sees it.
pub(super) struct Link {
    pub(super) broker: usize,
    /// What the core calls it.
    number: u64,
    reader: FrameReader,
    /// On the way to the broker, and to the client.
    going: VecDeque<(Instant, Vec<u8>)>,
    coming: VecDeque<(Instant, Vec<u8>)>,
    /// With the client's kernel.
    arrived: VecDeque<u8>,
    end: Option<(Instant, io::ErrorKind)>,
    /// The client was told would-block, and waits for an edge.
    awaits_read: bool,
    awaits_write: bool,
    /// Edges that it has not been told of.
    readable: bool,
    writable: bool,
}

/// A connection that does not stand yet.
pub(super) enum Attempt {
    /// Until it does.
    Until(Instant),
    Refused,
    /// Nobody will ever answer.
    Lost,
}

/// What the test and the producer's thread have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// There while the test lends it: only then may the network be used.
    pub(super) site: Mutex<Option<Box<Site>>>,
    /// Of the one place where the producer's thread waits.
    poll: Number,
    woken: AtomicBool,
    /// How often something may have changed.
    stirs: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Something may have changed: who waits for the network looks again.
    pub(super) fn stir(&self) {
        self.stirs.fetch_add(1, Ordering::Relaxed);
        if let Some(me) = schedule::me() {
            me.notify(&self.poll, true);
        }
    }

    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Site) -> R) -> R {
        let mut site = self.site.lock();
        act(site.as_mut().expect("the network is used while the test does not lend it"))
    }
}

fn now() -> Instant {
    Instant::from_nanos(schedule::now())
}

impl Site {
    fn connect(&mut self, id: ConnectionId, address: SocketAddr) {
        self.dials.push(now());
        let found = self.broker_at(address);
        let broker = found.unwrap_or_default();
        let is_swallowed = found.is_some_and(|broker| self.black_holes.contains(&broker))
            || self.mischief.dead_ports.contains(&address.port());
        let attempt = if is_swallowed {
            Attempt::Lost
        } else if found.is_none() || !self.core.cluster.brokers[broker].running {
            Attempt::Refused
        } else {
            Attempt::Until(now() + self.delay())
        };
        self.attempts.insert(id, (broker, attempt));
        self.stand(id, now());
    }

    fn broker_at(&self, address: SocketAddr) -> Option<usize> {
        match &self.town {
            Some(town) => town.broker_at(address),
            None => Some(usize::from(address.port() - FIRST_PORT) % self.core.cluster.brokers.len()),
        }
    }

    /// Makes a connection of an attempt whose time has come.
    fn stand(&mut self, id: ConnectionId, now: Instant) {
        let Some((broker, Attempt::Until(at))) = self.attempts.get(&id) else { return };
        if *at > now {
            return;
        }
        let broker = *broker;
        if !self.core.cluster.brokers[broker].running {
            self.attempts.insert(id, (broker, Attempt::Refused));
            return;
        }
        self.attempts.remove(&id);
        let link = Link {
            broker,
            number: self.core.connect(broker),
            reader: FrameReader::new(1 << 30),
            going: VecDeque::new(),
            coming: VecDeque::new(),
            arrived: VecDeque::new(),
            end: None,
            awaits_read: true,
            awaits_write: true,
            readable: false,
            writable: true,
        };
        self.links.insert(id, link);
    }

    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.weather.delay.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if most == 0 { 0 } else { self.random.u64(..most) })
    }

    /// By chance, and only in bad weather.
    fn mood(&mut self, one_in: u32) -> bool {
        self.weather.cuts && self.random.u32(..one_in) == 0
    }

    /// Everything that has happened on the far side by `now`.
    pub(super) fn live(&mut self, now: Instant) {
        let attempts: Vec<_> = self.attempts.keys().copied().collect();
        attempts.into_iter().for_each(|id| self.stand(id, now));
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            self.hear(id, now);
            self.answer(id, now);
        }
    }

    /// The broker reads what has come to it.
    fn hear(&mut self, id: ConnectionId, now: Instant) {
        let delay = self.delay();
        let Some(link) = self.links.get_mut(&id) else { return };
        while link.going.front().is_some_and(|(at, _)| *at <= now)
            && !self.mischief.does_not_read(link.broker)
            && link.end.is_none()
        {
            let Some((_, bytes)) = link.going.pop_front() else { return };
            let mut input = &bytes[..];
            while let Some(frame) = link.reader.next(&mut input).expect("a frame of ours") {
                note(b"request", id, frame);
                self.mischief.has_read(link.broker, frame);
                match self.mischief.rude_answer(link.broker, frame) {
                    None if self.core.awaits_bare_token(link.number) => {
                        self.core.receive_token(link.number, frame, now);
                    }
                    None => {
                        let request = core::parse(frame, Look::Records).expect("a request of ours");
                        self.core.receive(link.number, &request, now);
                        tales::request(link.number, link.broker, frame, self.core.requests.last());
                        if self.mischief.rudeness_of(link.broker) == Some(Rudeness::Leaves) {
                            self.core.receive_garbage(link.number);
                        }
                    }
                    Some(None) => {
                        tales::request(link.number, link.broker, frame, None);
                        self.core.receive_garbage(link.number);
                    }
                    Some(Some(answer)) => {
                        tales::request(link.number, link.broker, frame, None);
                        link.coming.push_back((now + delay, answer));
                    }
                }
            }
        }
    }

    fn answer(&mut self, id: ConnectionId, now: Instant) {
        let at = now + self.delay();
        let Self { core, mischief, links, .. } = self;
        let Some(link) = links.get_mut(&id) else { return };
        if link.end.is_none() {
            let outgoing = mischief.pass(id, core.take_outgoing(link.number, now));
            tales::outgoing(link.number, link.broker, &outgoing);
            link.answer(outgoing, mischief, at);
        }
        link.arrive(now);
        if link.awaits_write && !mischief.does_not_read(link.broker) {
            (link.awaits_write, link.writable) = (false, true);
        }
    }

    /// When something will happen by itself.
    fn next(&self) -> Option<u64> {
        let links = self.links.values().flat_map(|link| {
            let bytes = link.going.front().into_iter().chain(link.coming.front()).map(|(at, _)| *at);
            bytes.chain(link.end.map(|(at, _)| at))
        });
        let attempts = self.attempts.values().filter_map(|(_, attempt)| match attempt {
            Attempt::Until(at) => Some(*at),
            Attempt::Refused | Attempt::Lost => None,
        });
        let names = self.answers.iter().map(|(at, ..)| *at);
        let now = now();
        links
            .chain(attempts)
            .chain(names)
            .chain(self.core.next_due())
            .filter(|at| *at > now)
            .min()
            .map(Instant::nanos)
    }

    fn take_edges(&mut self, ready: &mut Vec<Ready>) {
        for (id, link) in &mut self.links {
            if link.readable || link.writable {
                ready.push(Ready { connection: *id, readable: link.readable, writable: link.writable });
                (link.readable, link.writable) = (false, false);
            }
        }
        for (id, (_, attempt)) in &self.attempts {
            if matches!(attempt, Attempt::Refused) {
                ready.push(Ready { connection: *id, readable: true, writable: true });
            }
        }
    }

    /// Closed by the client. What it has written before arrives all the same.
    fn forget(&mut self, id: ConnectionId) {
        self.attempts.remove(&id);
        if let Some(link) = self.links.get_mut(&id) {
            link.going.iter_mut().for_each(|(at, _)| *at = Instant::ZERO);
            self.hear(id, now());
        }
        if let Some(link) = self.links.remove(&id) {
            link.tell_end();
            self.core.disconnect(link.number);
        }
    }

    /// Broker `broker` is no more: its connections are reset.
    pub(super) fn stop(&mut self, broker: usize) {
        self.core.cluster.brokers[broker].running = false;
        for link in self.links.values_mut().filter(|link| link.broker == broker) {
            link.coming.clear();
            link.arrived.clear();
            link.end = Some((now(), io::ErrorKind::ConnectionReset));
            link.tell_end();
            self.core.disconnect(link.number);
        }
    }
}

impl Link {
    fn tell_end(&self) {
        let (link, broker, is_mid_frame) = (self.number, self.broker, self.reader.is_mid_frame());
        if is_mid_frame {
            schedule::count("request half written when its connection ended");
        }
        schedule::tell(|| Tale::End { link, broker, is_reset: self.end.is_some(), is_mid_frame });
    }

    fn answer(&mut self, outgoing: Vec<Outgoing>, mischief: &Mischief, at: Instant) {
        // What was sent first comes first.
        let at = self.coming.back().map_or(at, |(last, _)| at.max(*last));
        if let Some(bytes) = mischief.garble(&outgoing) {
            self.coming.push_back((at, bytes));
            return;
        }
        for outgoing in outgoing {
            match outgoing {
                Outgoing::Write(frame) => self.coming.push_back((at, frame)),
                Outgoing::Close => {
                    self.end = Some((at, io::ErrorKind::UnexpectedEof));
                    return;
                }
                Outgoing::Reset => {
                    self.end = Some((at, io::ErrorKind::ConnectionReset));
                    return;
                }
            }
        }
    }

    fn arrive(&mut self, now: Instant) {
        let before = self.arrived.len();
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, bytes)) = self.coming.pop_front() else { break };
            self.arrived.extend(bytes);
        }
        if self.awaits_read && (self.arrived.len() > before || self.is_over(now)) {
            (self.awaits_read, self.readable) = (false, true);
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.coming.is_empty() && self.end.is_some_and(|(at, _)| at <= now)
    }
}

/// The same seed must see the same frames.
fn note(what: &[u8], id: ConnectionId, frame: &[u8]) {
    if let Some(me) = schedule::me() {
        me.note(what);
        me.note(&id.0.to_be_bytes());
        me.note(frame);
    }
}

pub(super) struct SimNetwork(pub(super) Arc<Shared>);

impl Network for SimNetwork {
    type Stream = SimStream;

    fn connect(
        &mut self,
        id: ConnectionId,
        address: SocketAddr,
        _host: &str,
        _port: u16,
    ) -> io::Result<SimStream> {
        self.0.with(|site| {
            if site.mood(20) {
                return Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
            }
            if site.mischief.unreachable_ports.contains(&address.port()) {
                site.dials.push(now());
                return Err(io::Error::from(io::ErrorKind::NetworkUnreachable));
            }
            site.connect(id, address);
            Ok(())
        })?;
        Ok(SimStream { shared: Arc::clone(&self.0), id })
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        let me = schedule::me().expect("the producer's thread is simulated");
        let deadline = timeout.map(|timeout| (now() + timeout).nanos());
        let interrupted = self.0.with(|site| {
            site.steps += 1;
            if site.steps > MOST_STEPS {
                me.give_up("the sender goes round in circles");
            }
            if site.patience.is_some_and(|end| now() > end) {
                me.give_up("somebody waits for ever");
            }
            site.mood(50)
        });
        if interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        loop {
            let stirs = self.0.stirs.load(Ordering::Relaxed);
            let (names, next) = self.0.with(|site| {
                site.live(now());
                site.take_edges(ready);
                (site.answers.iter().any(|(at, ..)| *at <= now()), site.next())
            });
            let woken = self.0.woken.swap(false, Ordering::Relaxed);
            if !ready.is_empty() || names || woken {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| deadline <= me.now()) {
                if timeout == Some(Duration::ZERO) {
                    // A wait takes time, even one that is over at once.
                    me.advance(1000);
                }
                return Ok(());
            }
            // Nobody else goes on between this look and the wait.
            if self.0.stirs.load(Ordering::Relaxed) != stirs {
                continue;
            }
            let until = deadline.into_iter().chain(next).min();
            if me.park(On::Network, &self.0.poll, until) == Woken::Failed {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }
}

pub(super) struct SimStream {
    shared: Arc<Shared>,
    id: ConnectionId,
}

impl Stream for SimStream {
    fn finish_connect(&mut self) -> io::Result<bool> {
        self.shared.with(|site| match site.attempts.get(&self.id) {
            Some((_, Attempt::Refused)) => {
                site.attempts.remove(&self.id);
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Some(_) => Ok(false),
            None => Ok(true),
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shared.with(|site| {
            let (interrupted, blocked) = (site.mood(12), site.mood(12));
            let most = if site.weather.cuts { site.random.usize(1..=buffer.len()) } else { buffer.len() };
            let Some(link) = site.links.get_mut(&self.id) else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            if interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if !link.arrived.is_empty() && blocked {
                // For no reason; the edge then comes again.
                link.readable = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if link.arrived.is_empty() {
                return match link.end {
                    Some((_, io::ErrorKind::UnexpectedEof)) if link.is_over(now()) => Ok(0),
                    Some((_, kind)) if link.is_over(now()) => Err(kind.into()),
                    _ => {
                        link.awaits_read = true;
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                };
            }
            let count = most.min(link.arrived.len());
            for (slot, byte) in buffer.iter_mut().zip(link.arrived.drain(..count)) {
                *slot = byte;
            }
            note(b"answer", self.id, &buffer[..count]);
            Ok(count)
        })
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.shared.with(|site| {
            let (interrupted, blocked, at) = (site.mood(12), site.mood(12), now() + site.delay());
            let total: usize = slices.iter().map(|slice| slice.len()).sum();
            let most = if site.weather.cuts { site.random.usize(1..=total) } else { total };
            let most = site.mischief.room.map_or(most, |room| room.min(most));
            let Some(link) = site.links.get_mut(&self.id) else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            if interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if link.end.is_some_and(|(at, _)| at <= now()) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if site.mischief.does_not_read(link.broker) || blocked {
                link.awaits_write = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if let Some(room) = &mut site.mischief.room {
                *room -= most;
            }
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter()).take(most).copied().collect();
            let at = link.going.back().map_or(at, |(last, _)| at.max(*last));
            link.going.push_back((at, bytes));
            site.hear(self.id, now());
            Ok(most)
        })
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if let Some(site) = self.shared.site.lock().as_mut() {
            site.forget(self.id);
        }
    }
}

/// Ends the wait of the producer's thread.
pub(super) struct SimWaker(pub(super) Arc<Shared>);

impl Wake for SimWaker {
    fn wake(&self) {
        self.0.woken.store(true, Ordering::Relaxed);
        self.0.stir();
    }
}

/// Every name is this machine's.
pub(super) struct SimResolver(pub(super) Arc<Shared>);

impl Resolve for SimResolver {
    fn resolve(&mut self, lookup_id: u64, host: &str, port: u16) -> Option<Addresses> {
        self.0.with(|site| {
            let ip = host.parse::<IpAddr>();
            let ips = match &site.town {
                Some(town) => town.look_up(host),
                None => Some(vec![ip.clone().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))]),
            };
            let ports = || site.mischief.detours.iter().chain([&port]);
            let sockets = |ip: &IpAddr| ports().map(|port| SocketAddr::new(*ip, *port)).collect::<Vec<_>>();
            let addresses = match ips {
                Some(ips) => Ok(ips.iter().flat_map(sockets).collect()),
                None => Err(io::ErrorKind::NotFound.into()),
            };
            if site.mischief.slow_names {
                site.mischief.look_ups.push((lookup_id, port));
                return None;
            }
            if ip.is_ok() {
                return Some(addresses);
            }
            let mute = site.weather.mute_names;
            if mute == 0 || site.random.u32(..mute) != 0 {
                let at = now() + site.delay();
                site.answers.push((at, lookup_id, addresses));
            }
            None
        })
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        self.0.with(|site| {
            let due = site.answers.iter().position(|(at, ..)| *at <= now())?;
            let (_, lookup_id, addresses) = site.answers.remove(due);
            Some((lookup_id, addresses))
        })
    }
}

/// When a name is answered, to which ticket and how.
pub(super) type Answers = Vec<(Instant, u64, Addresses)>;
pub(super) type Links = BTreeMap<ConnectionId, Link>;
pub(super) type Attempts = BTreeMap<ConnectionId, (usize, Attempt)>;

const MOST_STEPS: u64 = 1_000_000;
