//! The room as a whole, over real sockets of the own machine.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use super::{Io, MioNetwork, SocketSettings, Waker};
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::error::Stage;
use crate::sync::Wake;
use crate::time::{Clock, Deadline, Instant};

const ID: ConnectionId = ConnectionId(7);
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends `out` once it is connected, in slices of 16 KiB, and keeps what comes.
#[derive(Default)]
struct Client {
    commands: VecDeque<Command>,
    out: Vec<u8>,
    gone: usize,
    writable: bool,
    received: Vec<u8>,
    resolved: Vec<SocketAddr>,
    ended: Vec<io::ErrorKind>,
    /// Where the dial waits.
    stages: Vec<Stage>,
}

impl Endpoint for Client {
    fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    fn next_writable(&mut self) -> Option<ConnectionId> {
        std::mem::take(&mut self.writable).then_some(ID)
    }

    fn outgoing<'a>(&'a self, _: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        for slice in self.out[self.gone..].chunks(16 * 1024) {
            if !visit(slice) {
                return;
            }
        }
    }

    fn written(&mut self, _: ConnectionId, count: usize, _: Instant) {
        self.gone += count;
    }

    fn received(&mut self, _: ConnectionId, bytes: &[u8], _: Instant) {
        self.received.extend_from_slice(bytes);
    }

    fn resolved(&mut self, _: u64, addresses: io::Result<Vec<SocketAddr>>, _: Instant) {
        self.resolved.extend(addresses.unwrap());
    }

    fn dial_reached(&mut self, _: ConnectionId, stage: Stage, _: Instant) {
        self.stages.push(stage);
    }

    fn connected(&mut self, _: ConnectionId, _: Instant) {
        self.writable = true;
    }

    fn disconnected(&mut self, _: ConnectionId, cause: io::Error, _: Instant) {
        self.ended.push(cause.kind());
    }
}

fn open() -> (Io<MioNetwork>, Waker) {
    let small = Some(16 * 1024);
    super::open(SocketSettings {
        send_buffer_bytes: small,
        receive_buffer_bytes: small,
        ..SocketSettings::of_tests()
    })
    .unwrap()
}

fn until(io: &mut Io<MioNetwork>, client: &mut Client, done: impl Fn(&Client) -> bool) {
    let clock = Clock::System;
    let deadline = Deadline::after(clock.now(), PATIENCE);
    loop {
        io.flush(&clock, client).unwrap();
        if done(client) {
            return;
        }
        assert!(!deadline.has_passed(clock.now()), "nothing came: {:?}", client.ended);
        io.wait(deadline, &clock, client).unwrap();
    }
}

fn dial(address: SocketAddr, out: Vec<u8>) -> Client {
    let commands =
        [Command::Connect { connection: ID, address, host: "localhost".into(), port: address.port() }].into();
    Client { commands, out, ..Client::default() }
}

#[test]
fn a_refused_dial_is_told_once() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut io, _waker) = open();
    let mut client = dial(address, Vec::new());
    until(&mut io, &mut client, |client| !client.ended.is_empty());
    assert_eq!(client.ended, [io::ErrorKind::ConnectionRefused]);
}

/// Also before anything has come of the proxy, which may be what takes long.
#[test]
fn a_dial_to_a_proxy_waits_for_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (proxy, stage) in [(None, Stage::Tcp), (Some("socks5://127.0.0.1"), Stage::Proxy)] {
        let proxy = proxy.map(|url| Arc::new(super::parse_proxy_url(url, "proxy_url").unwrap()));
        let (mut io, _waker) = super::open(SocketSettings { proxy, ..SocketSettings::of_tests() }).unwrap();
        let mut client = dial(address, Vec::new());
        io.flush(&Clock::System, &mut client).unwrap();
        assert_eq!(client.stages, [stage]);
    }
}

#[test]
fn a_peer_that_reads_little_at_a_time_gets_all_and_its_answer_comes_before_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let out: Vec<u8> = (0..8_u32 << 20).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    std::thread::scope(|scope| {
        let expected = &out;
        scope.spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut bytes = [0; 1024];
            for part in expected.chunks(bytes.len()) {
                peer.read_exact(&mut bytes[..part.len()]).unwrap();
                assert_eq!(bytes[..part.len()], *part);
            }
            peer.write_all(&[9; 200_000]).unwrap();
        });
        let (mut io, _waker) = open();
        let mut client = dial(address, out.clone());
        until(&mut io, &mut client, |client| !client.ended.is_empty());
        assert_eq!((client.gone, client.received.len()), (out.len(), 200_000));
        assert_eq!(client.ended, [io::ErrorKind::UnexpectedEof]);
    });
}

#[test]
fn a_wake_from_another_thread_ends_a_wait_that_has_no_deadline() {
    let (mut io, waker) = open();
    std::thread::scope(|scope| {
        scope.spawn(move || waker.wake());
        io.wait(Deadline::NEVER, &Clock::System, &mut Client::default()).unwrap();
    });
}

#[test]
fn names_and_addresses_are_resolved() {
    let (mut io, _waker) = open();
    let ask = |lookup_id, host: &str| Command::Resolve { lookup_id, host: host.into(), port: 9092 };
    let mut client = Client { commands: [ask(1, "::1")].into(), ..Client::default() };
    io.flush(&Clock::System, &mut client).unwrap();
    assert_eq!(client.resolved, ["[::1]:9092".parse().unwrap()]);
    client.commands.push_back(ask(2, "localhost"));
    until(&mut io, &mut client, |client| client.resolved.len() > 1);
    assert!(client.resolved.iter().all(|address| address.ip().is_loopback() && address.port() == 9092));
}

/// B41: mio counts in milliseconds, and a deadline nearer than one must not be a circle of waits of none.
#[test]
fn a_deadline_less_than_a_millisecond_away_is_one_wait() {
    let (mut io, _waker) = open();
    let clock = Clock::System;
    let deadline = Deadline::after(clock.now(), Duration::from_micros(400));
    let mut waits = 0;
    while !deadline.has_passed(clock.now()) {
        io.wait(deadline, &clock, &mut Client::default()).unwrap();
        waits += 1;
    }
    assert!(waits <= 2, "{waits} waits");
}

/// Who is late is judged by what a wait returns: no deadline may seem to have passed with bytes unread that came before.
#[test]
fn a_wait_has_heard_all_up_to_what_it_returns() {
    let clock = Clock::System;
    let (mut io, _waker) =
        super::open(SocketSettings { read_size: 1024, reads_per_poll: 1, ..SocketSettings::of_tests() })
            .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = dial(listener.local_addr().unwrap(), vec![1]);
    until(&mut io, &mut client, |client| client.gone == 1);
    let (mut peer, _) = listener.accept().unwrap();
    // Nothing came: all is heard, beyond the deadline that has ended the wait.
    let deadline = Deadline::after(clock.now(), Duration::from_millis(1));
    let heard = io.wait(deadline, &clock, &mut client).unwrap();
    assert!(deadline.has_passed(heard));
    peer.write_all(&[9; 10 * 1024]).unwrap();
    let sent = clock.now();
    let mut waits = 0;
    loop {
        // As after a callback that took long: the deadline has passed, and the wait is none.
        let heard = io.wait(Deadline::at(sent), &clock, &mut client).unwrap();
        waits += 1;
        if heard >= sent {
            break;
        }
        assert!(waits < 1000);
    }
    assert_eq!(client.received.len(), 10 * 1024, "in {waits} waits");
}
