//! A network that misbehaves by a seed: partial writes, would-blocks for no reason, readiness for no reason, edges only
//! where something changed, reads cut anywhere, ends and resets at any byte. No socket, no time.
//!
//! What it proves: every byte arrives once and in order, both ways; every connection that ends is told once; nothing is
//! told after the end; and nothing is ever waited for that has happened already (the simulation has no clock that
//! would help out: such a wait is for ever, and found).

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::io::Io;
use super::network::{Network, Ready, Stream};
use super::resolver::{Addresses, Resolve};
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::sync::Mutex;
use crate::time::{Clock, Deadline, Instant};

/// The far side of one connection, and the kernel's buffers between.
struct Peer {
    /// Polls until it is connected; `Err` refuses.
    dial: Result<u32, io::ErrorKind>,
    /// Bytes from the client, in the kernel and taken out.
    sent: usize,
    taken: usize,
    /// Bytes for the client, by number: made, and read by it.
    made: usize,
    read: usize,
    /// After so many bytes for the client comes the end.
    to_make: usize,
    end: Option<io::ErrorKind>,
    /// Whether the client was told would-block and will wait for an edge.
    awaits_read: bool,
    awaits_write: bool,
    /// Edges not told yet.
    readable: bool,
    writable: bool,
}

const KERNEL_BUFFER: usize = 700;
const MOST_POLLS: u32 = 20_000;

struct World {
    random: fastrand::Rng,
    peers: BTreeMap<ConnectionId, Peer>,
    polls: u32,
    habits: Habits,
    names: Arc<Mutex<Names>>,
}

/// What is the same all through a run.
#[derive(Clone, Copy)]
struct Habits {
    /// Readiness for no reason. Not in all runs: what wakes for no reason helps out where an edge was missed.
    spurious: bool,
    /// The most that arrives in a moment, and that a read takes. Much and little: then a turn ends before the bytes.
    burst: usize,
    read: usize,
}

/// Asked for, and answered without anybody having looked yet.
#[derive(Default)]
struct Names {
    asked: Vec<u64>,
    answered: Vec<u64>,
}

#[derive(Clone)]
struct SimNetwork(Rc<RefCell<World>>);

struct SimStream {
    world: Rc<RefCell<World>>,
    id: ConnectionId,
}

/// The number that byte `at` of a stream is.
fn byte(id: ConnectionId, at: usize) -> u8 {
    (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(id.0).to_le_bytes()[5]
}

impl Network for SimNetwork {
    type Stream = SimStream;

    fn connect(&mut self, id: ConnectionId, _: SocketAddr, _: &str, _: u16) -> io::Result<SimStream> {
        let mut world = self.0.borrow_mut();
        let random = &mut world.random;
        if random.u8(..20) == 0 {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let refuses = random.u8(..10) == 0;
        let end = [None, Some(io::ErrorKind::UnexpectedEof), Some(io::ErrorKind::ConnectionReset)]
            [random.usize(..3)];
        let peer = Peer {
            dial: if refuses { Err(io::ErrorKind::ConnectionRefused) } else { Ok(random.u32(1..5)) },
            sent: 0,
            taken: 0,
            made: 0,
            read: 0,
            to_make: random.usize(..5000),
            end,
            awaits_read: true,
            awaits_write: true,
            readable: false,
            writable: refuses,
        };
        world.peers.insert(id, peer);
        Ok(SimStream { world: Rc::clone(&self.0), id })
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        let world = &mut *world;
        world.polls += 1;
        assert!(world.polls < MOST_POLLS, "it goes round in circles");
        if world.random.u8(..50) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut idle_rounds = 0;
        loop {
            for (id, peer) in &mut world.peers {
                peer.live(world.habits, &mut world.random);
                // Only where there is nothing to be found. Not for ever, or nothing would ever be quiet.
                let spurious = world.habits.spurious
                    && world.polls < 1000
                    && peer.made == peer.read
                    && (peer.dial != Ok(0) || peer.sent - peer.taken == KERNEL_BUFFER)
                    && world.random.u8(..4) == 0;
                if peer.readable || peer.writable || spurious {
                    let (readable, writable) = (peer.readable || spurious, peer.writable || spurious);
                    ready.push(Ready { connection: *id, readable, writable });
                    (peer.readable, peer.writable) = (false, false);
                }
            }
            let mut names = world.names.lock();
            let woken = !names.asked.is_empty() && world.random.u8(..8) == 0;
            if woken {
                let asked = std::mem::take(&mut names.asked);
                names.answered.extend(asked);
            }
            if !ready.is_empty() || woken || timeout.is_some() {
                return Ok(());
            }
            idle_rounds += 1;
            if idle_rounds > 200 {
                // Nothing will ever happen again: the caller decides whether that is right.
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

impl Peer {
    /// A moment passes on the far side.
    fn live(&mut self, habits: Habits, random: &mut fastrand::Rng) {
        match &mut self.dial {
            Ok(0) => {}
            Ok(left) => {
                *left -= 1;
                self.writable |= *left == 0;
                // Bytes may come in the same moment as the connection.
                if *left > 0 {
                    return;
                }
            }
            Err(_) => return,
        }
        let taken = random.usize(..400).min(self.sent - self.taken);
        self.taken += taken;
        if taken > 0 && self.awaits_write {
            (self.writable, self.awaits_write) = (true, false);
        }
        let made = random.usize(..=habits.burst).min(self.to_make - self.made);
        self.made += made;
        // Each arrival is an edge, so is the end.
        if self.awaits_read && (made > 0 || (self.made == self.to_make && self.end.is_some())) {
            (self.readable, self.awaits_read) = (true, false);
        }
    }
}

impl Stream for SimStream {
    fn finish_connect(&mut self) -> io::Result<bool> {
        let mut world = self.world.borrow_mut();
        let peer = world.peers.get_mut(&self.id).unwrap();
        match peer.dial {
            Ok(left) => Ok(left == 0),
            Err(kind) => Err(kind.into()),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let world = &mut *world;
        let peer = world.peers.get_mut(&self.id).unwrap();
        assert_eq!(peer.dial, Ok(0), "read before the connection stands");
        let there = peer.made - peer.read;
        if there == 0 {
            return match peer.end {
                Some(io::ErrorKind::UnexpectedEof) if peer.made == peer.to_make => Ok(0),
                Some(kind) if peer.made == peer.to_make => Err(kind.into()),
                _ => {
                    peer.awaits_read = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        // A connection that is broken keeps nothing back.
        let broken = peer.made == peer.to_make && peer.end == Some(io::ErrorKind::ConnectionReset);
        match world.random.u8(..12) {
            0 => return Err(io::ErrorKind::Interrupted.into()),
            1 if !broken => {
                // For no reason; the edge then comes again.
                peer.readable = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            _ => {}
        }
        let count = world.random.usize(1..=there.min(world.habits.read)).min(buffer.len());
        for slot in &mut buffer[..count] {
            *slot = byte(self.id, peer.read);
            peer.read += 1;
        }
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let world = &mut *world;
        let peer = world.peers.get_mut(&self.id).unwrap();
        assert_eq!(peer.dial, Ok(0), "written before the connection stands");
        assert!(slices.iter().all(|slice| !slice.is_empty()), "an empty slice was offered");
        if world.random.u8(..4) == 0 {
            // Answers and ends come between two calls as well, not only while we poll.
            peer.live(world.habits, &mut world.random);
        }
        if peer.made == peer.to_make && peer.end == Some(io::ErrorKind::ConnectionReset) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = KERNEL_BUFFER - (peer.sent - peer.taken);
        if room == 0 {
            peer.awaits_write = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match world.random.u8(..12) {
            0 => return Err(io::ErrorKind::Interrupted.into()),
            1 => {
                peer.writable = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            _ => {}
        }
        let most = world.random.usize(1..=room);
        let mut count = 0;
        for offered in slices.iter().flat_map(|slice| slice.iter()).take(most) {
            assert_eq!(*offered, byte(self.id, peer.sent), "byte {} of {:?}", peer.sent, self.id);
            peer.sent += 1;
            count += 1;
        }
        Ok(count)
    }
}

/// A client that sends numbered bytes and checks those that come.
struct Sender {
    commands: VecDeque<Command>,
    writable: VecDeque<ConnectionId>,
    lines: BTreeMap<ConnectionId, Line>,
    resolved: Vec<u64>,
    random: fastrand::Rng,
}

struct Line {
    connected: bool,
    ended: u32,
    closed: bool,
    /// All of it, in pieces as requests are.
    pieces: Vec<Vec<u8>>,
    gone: usize,
    queued: usize,
    received: usize,
}

impl Line {
    fn total(&self) -> usize {
        self.pieces[..self.queued].iter().map(Vec::len).sum()
    }

    fn assert_alive(&self) {
        assert!(self.ended == 0 && !self.closed, "told after the end");
    }
}

impl Sender {
    /// Now and then it queues one more piece, or closes: at any moment, inside an event as well.
    fn act(&mut self, id: ConnectionId) {
        let line = self.lines.get_mut(&id).unwrap();
        if line.queued < line.pieces.len() && self.random.bool() {
            line.queued += 1;
            self.writable.push_back(id);
        }
        if self.random.u8(..200) == 0 && !line.closed && line.ended == 0 {
            line.closed = true;
            self.commands.push_back(Command::Close { connection: id });
        }
    }
}

impl Endpoint for Sender {
    fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    fn next_writable(&mut self) -> Option<ConnectionId> {
        self.writable.pop_front()
    }

    fn outgoing<'a>(&'a self, id: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        let Some(line) = self.lines.get(&id).filter(|line| !line.closed && line.ended == 0) else { return };
        let mut skip = line.gone;
        for piece in &line.pieces[..line.queued] {
            let from = skip.min(piece.len());
            skip -= from;
            // An empty slice now and then, and nothing else where all is written: that is no write and no error.
            if (from < piece.len() || piece.len().is_multiple_of(3)) && !visit(&piece[from..]) {
                return;
            }
        }
    }

    fn written(&mut self, id: ConnectionId, count: usize, _: Instant) {
        let line = self.lines.get_mut(&id).unwrap();
        line.assert_alive();
        line.gone += count;
        assert!(line.gone <= line.total());
        self.act(id);
    }

    fn received(&mut self, id: ConnectionId, bytes: &[u8], _: Instant) {
        let line = self.lines.get_mut(&id).unwrap();
        line.assert_alive();
        for got in bytes {
            assert_eq!(*got, byte(id, line.received), "byte {} for {id:?}", line.received);
            line.received += 1;
        }
        self.act(id);
    }

    fn resolved(&mut self, lookup_id: u64, _: Addresses, _: Instant) {
        self.resolved.push(lookup_id);
    }

    fn connected(&mut self, id: ConnectionId, _: Instant) {
        let line = self.lines.get_mut(&id).unwrap();
        line.assert_alive();
        assert!(!std::mem::replace(&mut line.connected, true), "connected twice");
        self.act(id);
        self.writable.push_back(id);
    }

    fn disconnected(&mut self, id: ConnectionId, _: io::Error, _: Instant) {
        let line = self.lines.get_mut(&id).unwrap();
        line.assert_alive();
        line.ended += 1;
    }
}

/// Answers some time, and wakes.
struct SimResolver(Arc<Mutex<Names>>);

impl Resolve for SimResolver {
    fn resolve(&mut self, lookup_id: u64, _: &str, _: u16) -> Option<Addresses> {
        self.0.lock().asked.push(lookup_id);
        None
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        Some((self.0.lock().answered.pop()?, Ok(Vec::new())))
    }
}

fn run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let habits = Habits {
        spurious: seed.is_multiple_of(2),
        burst: [5, 400, 5000][random.usize(..3)],
        read: [40, 400, 5000][random.usize(..3)],
    };
    let names = Arc::<Mutex<Names>>::default();
    let resolver = Box::new(SimResolver(Arc::clone(&names)));
    let world = World { random: random.fork(), peers: BTreeMap::new(), polls: 0, habits, names };
    let network = SimNetwork(Rc::new(RefCell::new(world)));
    let mut io = Io::new(network.clone(), resolver, 1 << 16, 16);
    let mut client = Sender {
        commands: VecDeque::new(),
        writable: VecDeque::new(),
        lines: BTreeMap::new(),
        resolved: Vec::new(),
        random: random.fork(),
    };
    for lookup_id in 0..3 {
        client.commands.push_back(Command::Resolve { lookup_id, host: "name".into(), port: 1 });
    }
    for number in 0..random.u64(1..6) {
        let id = ConnectionId(number);
        let mut at = 0;
        let mut piece = |len: usize| {
            at += len;
            (at - len..at).map(|at| byte(id, at)).collect()
        };
        let pieces: Vec<Vec<u8>> = (0..random.usize(..30)).map(|_| piece(random.usize(1..300))).collect();
        let line =
            Line { connected: false, ended: 0, closed: false, pieces, gone: 0, queued: 0, received: 0 };
        client.lines.insert(id, line);
        let (address, host) = (([127, 0, 0, 1], 1).into(), "localhost".into());
        client.commands.push_back(Command::Connect { connection: id, address, host, port: 1 });
    }
    let clock = Clock::System;
    loop {
        io.flush(&clock, &mut client).unwrap();
        let deadline = if random.bool() { Deadline::NEVER } else { Deadline::at(Instant::ZERO) };
        match io.wait(deadline, &clock, &mut client) {
            Ok(_) => {}
            // Nothing will happen by itself any more: so everything must have.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let queue: Vec<_> = client.lines.keys().copied().collect();
                let mut stirred = false;
                for id in queue {
                    let line = client.lines.get_mut(&id).unwrap();
                    if line.connected && line.ended == 0 && !line.closed && line.queued < line.pieces.len() {
                        line.queued += 1;
                        client.writable.push_back(id);
                        stirred = true;
                    }
                }
                if !stirred {
                    break;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    client.resolved.sort_unstable();
    assert_eq!(client.resolved, [0, 1, 2], "seed {seed}: each name is answered once");
    let world = network.0.borrow();
    for (id, line) in &client.lines {
        let Some(peer) = world.peers.get(id) else {
            assert_eq!(line.ended, 1, "a dial that failed at once is told");
            continue;
        };
        match (line.closed, line.ended) {
            (true, ended) => assert_eq!(ended, 0),
            (false, 1) => {
                assert!(peer.dial.is_err() || peer.end.is_some(), "seed {seed}: {id:?} ended for no reason");
                if peer.dial.is_ok() {
                    assert_eq!(line.received, peer.to_make, "seed {seed}: what came before the end was lost");
                }
            }
            (false, _) => {
                assert!(line.connected, "seed {seed}: {id:?} never connected");
                assert_eq!(
                    (line.gone, peer.taken),
                    (line.total(), line.total()),
                    "seed {seed}: bytes stayed behind"
                );
                assert_eq!(line.received, peer.to_make, "seed {seed}: bytes were not read");
                assert_eq!(peer.end, None, "seed {seed}: the end was not noticed");
            }
        }
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_whatever_the_network_does() {
    (0..2000).for_each(run);
}
