//! A stream whose reads wait for room to write, and whose writes wait for something to read, as those of TLS may.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::net::resolver::Addresses;
use crate::time::Instant;

/// What the peer has for us, and whether each direction waits for the other's edge.
#[derive(Default)]
struct World {
    edges: Vec<Ready>,
    /// An edge of the other kind has come.
    may_read: bool,
    may_write: bool,
    written: usize,
}

struct Crossed(Rc<RefCell<World>>);

struct Still;

impl Resolve for Still {
    fn resolve(&mut self, _: u64, _: &str, _: u16) -> Option<Addresses> {
        None
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        None
    }
}

impl Network for Crossed {
    type Stream = Self;

    fn connect(&mut self, _: ConnectionId, _: SocketAddr, _: &str, _: u16) -> io::Result<Self> {
        Ok(Self(Rc::clone(&self.0)))
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, _: Option<Duration>) -> io::Result<()> {
        ready.append(&mut self.0.borrow_mut().edges);
        Ok(())
    }
}

impl Stream for Crossed {
    fn finish_connect(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.0.borrow_mut().may_read) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[0] = 7;
        Ok(1)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        if !std::mem::take(&mut world.may_write) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        world.written += slices[0].len();
        Ok(slices[0].len())
    }

    fn read_awaits_writable(&self) -> bool {
        true
    }

    fn write_awaits_readable(&self) -> bool {
        true
    }
}

#[derive(Default)]
struct Client {
    command: Option<Command>,
    received: usize,
    gone: bool,
    wants: bool,
}

impl Endpoint for Client {
    fn next_command(&mut self) -> Option<Command> {
        self.command.take()
    }

    fn next_writable(&mut self) -> Option<ConnectionId> {
        std::mem::take(&mut self.wants).then_some(ID)
    }

    fn outgoing<'a>(&'a self, _: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        if !self.gone {
            visit(b"out");
        }
    }

    fn written(&mut self, _: ConnectionId, _: usize, _: Instant) {
        self.gone = true;
    }

    fn received(&mut self, _: ConnectionId, bytes: &[u8], _: Instant) {
        self.received += bytes.len();
    }

    fn resolved(&mut self, _: u64, _: io::Result<Vec<SocketAddr>>, _: Instant) {}

    fn connected(&mut self, _: ConnectionId, _: Instant) {
        self.wants = true;
    }

    fn disconnected(&mut self, _: ConnectionId, cause: io::Error, _: Instant) {
        panic!("{cause}");
    }
}

const ID: ConnectionId = ConnectionId(1);

#[test]
fn a_read_that_waits_for_room_and_a_write_that_waits_for_bytes_are_tried_again() {
    let world = Rc::new(RefCell::new(World::default()));
    let clock = Clock::System;
    let mut io = Io::new(Crossed(Rc::clone(&world)), Box::new(Still), 100, 4);
    let (host, address) = (Arc::from("a"), SocketAddr::from(([127, 0, 0, 1], 1)));
    let command = Command::Connect { connection: ID, address, host, port: 1 };
    let mut client = Client { command: Some(command), ..Client::default() };
    let mut edge = |client: &mut Client, readable, writable| {
        world.borrow_mut().edges.push(Ready { connection: ID, readable, writable });
        io.flush(&clock, client).unwrap();
        io.wait(Deadline::at(clock.now()), &clock, client).unwrap();
        io.flush(&clock, client).unwrap();
        world.borrow().written
    };
    // Connected; both have said would-block.
    assert_eq!(edge(&mut client, false, true), 0);
    world.borrow_mut().may_read = true;
    assert_eq!(edge(&mut client, false, true), 0);
    assert_eq!(client.received, 1, "room to write lets it read");
    world.borrow_mut().may_write = true;
    assert_eq!(edge(&mut client, true, false), 3, "bytes to read let it write");
}
