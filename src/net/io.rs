//! One poll, all that it says; then all that the client says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};

use super::network::{Network, Ready, Stream};
use super::resolver::Resolve;
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::time::{Clock, Deadline};

/// The sockets of one producer. Belongs to the sender's thread.
pub(crate) struct Io<N: Network> {
    network: N,
    resolver: Box<dyn Resolve + Send>,
    connections: BTreeMap<ConnectionId, Connection<N::Stream>>,
    /// Left with bytes unread when its turn was over: no edge will tell of those again.
    unread: BTreeSet<ConnectionId>,
    ready: Vec<Ready>,
    buffer: Vec<u8>,
}

struct Connection<S> {
    stream: S,
    connected: bool,
    /// Has not said would-block since the last writable edge.
    writable: bool,
}

/// How reading came to an end.
enum Read {
    /// Would block: the next edge tells.
    Drained,
    /// Its turn is over.
    More,
    Ended(io::Error),
}

impl<N: Network> Io<N> {
    pub(crate) fn new(network: N, resolver: Box<dyn Resolve + Send>) -> Self {
        Self {
            network,
            resolver,
            connections: BTreeMap::new(),
            unread: BTreeSet::new(),
            ready: Vec::new(),
            buffer: vec![0; READ_SIZE],
        }
    }

    /// Waits until something happens or `deadline` comes, and tells `endpoint` of it: connections first, then bytes
    /// that came in, then room for those that go out.
    pub(crate) fn wait(
        &mut self,
        deadline: Deadline,
        clock: &Clock,
        endpoint: &mut impl Endpoint,
    ) -> io::Result<()> {
        let timeout = if self.unread.is_empty() {
            deadline.remaining(clock.now())
        } else {
            Some(std::time::Duration::ZERO)
        };
        let mut ready = std::mem::take(&mut self.ready);
        match self.network.poll(&mut ready, timeout) {
            // A signal: nothing has happened, and the caller comes again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        while let Some((ticket, addresses)) = self.resolver.next() {
            endpoint.resolved(ticket, addresses, clock.now());
        }
        let mut readable = std::mem::take(&mut self.unread);
        for event in &ready {
            if self.take_edge(event, clock, endpoint) && event.readable {
                readable.insert(event.connection);
            }
        }
        for connection in readable {
            self.read_turn(connection, clock, endpoint);
        }
        for event in ready.iter().filter(|event| event.writable) {
            self.write(event.connection, clock, endpoint);
        }
        ready.clear();
        self.ready = ready;
        Ok(())
    }

    /// Does what `endpoint` wants, until it wants nothing more or the sockets take nothing more.
    pub(crate) fn flush(&mut self, clock: &Clock, endpoint: &mut impl Endpoint) -> io::Result<()> {
        loop {
            // What is told here may make the client want more: so commands come round again after each write.
            while let Some(command) = endpoint.next_command() {
                self.carry_out(command, clock, endpoint);
            }
            match endpoint.next_writable() {
                Some(connection) => self.write(connection, clock, endpoint),
                None => return Ok(()),
            }
        }
    }

    fn carry_out(&mut self, command: Command, clock: &Clock, endpoint: &mut impl Endpoint) {
        match command {
            Command::Resolve { ticket, host, port } => {
                if let Some(addresses) = self.resolver.resolve(ticket, &host, port) {
                    endpoint.resolved(ticket, addresses, clock.now());
                }
            }
            Command::Connect { connection, address } => match self.network.connect(connection, address) {
                Ok(stream) => {
                    let fresh = Connection { stream, connected: false, writable: false };
                    self.connections.insert(connection, fresh);
                }
                Err(error) => endpoint.disconnected(connection, error, clock.now()),
            },
            Command::Close { connection } => self.forget(connection),
        }
    }

    /// Notes what an event says of its connection. False if there is nothing to be done with it.
    fn take_edge(&mut self, event: &Ready, clock: &Clock, endpoint: &mut impl Endpoint) -> bool {
        // Closed a moment ago, by what another event of the same poll has brought.
        let Some(connection) = self.connections.get_mut(&event.connection) else { return false };
        connection.writable |= event.writable;
        if connection.connected {
            return true;
        }
        match connection.stream.finish_connect() {
            Ok(true) => {
                connection.connected = true;
                endpoint.connected(event.connection, clock.now());
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.forget(event.connection);
                endpoint.disconnected(event.connection, error, clock.now());
                false
            }
        }
    }

    fn read_turn(&mut self, connection: ConnectionId, clock: &Clock, endpoint: &mut impl Endpoint) {
        match self.read(connection, TURN, clock, endpoint) {
            Some(Read::More) => drop(self.unread.insert(connection)),
            Some(Read::Ended(error)) => self.end(connection, error, clock, endpoint),
            Some(Read::Drained) | None => {}
        }
    }

    /// Reads until would-block, the end, or `turn` reads. A short read is not the end of an edge: only would-block is.
    /// `None` if the client has closed the connection meanwhile.
    fn read(
        &mut self,
        id: ConnectionId,
        turn: usize,
        clock: &Clock,
        endpoint: &mut impl Endpoint,
    ) -> Option<Read> {
        for _ in 0..turn {
            let connection = self.connections.get_mut(&id)?;
            match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Some(Read::Ended(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => endpoint.received(id, &self.buffer[..count], clock.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(Read::Drained),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(Read::Ended(error)),
            }
            // What came may have made the client close it: its commands come first.
            while let Some(command) = endpoint.next_command() {
                self.carry_out(command, clock, endpoint);
            }
        }
        Some(Read::More)
    }

    fn write(&mut self, id: ConnectionId, clock: &Clock, endpoint: &mut impl Endpoint) {
        while let Some(connection) = self.connections.get_mut(&id).filter(|it| it.connected && it.writable) {
            let mut slices = [IoSlice::new(&[]); MOST_SLICES];
            let mut count = 0;
            endpoint.outgoing(id, &mut |slice| {
                slices[count] = IoSlice::new(slice);
                count += 1;
                count < MOST_SLICES
            });
            if count == 0 {
                return;
            }
            match connection.stream.write_vectored(&slices[..count]) {
                Ok(0) => return self.end_after_answers(id, io::ErrorKind::WriteZero.into(), clock, endpoint),
                Ok(written) => endpoint.written(id, written, clock.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.end_after_answers(id, error, clock, endpoint),
            }
        }
    }

    /// A peer that closes may have answered before: those answers count more than that it can't be written to.
    fn end_after_answers(
        &mut self,
        id: ConnectionId,
        error: io::Error,
        clock: &Clock,
        endpoint: &mut impl Endpoint,
    ) {
        if self.read(id, usize::MAX, clock, endpoint).is_some() {
            self.end(id, error, clock, endpoint);
        }
    }

    fn end(&mut self, id: ConnectionId, error: io::Error, clock: &Clock, endpoint: &mut impl Endpoint) {
        self.forget(id);
        endpoint.disconnected(id, error, clock.now());
    }

    fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.unread.remove(&id);
    }
}

/// Answers to a producer are small: one read takes all that are there.
const READ_SIZE: usize = 64 * 1024;
/// Reads of one connection before the others have their turn.
const TURN: usize = 16;
/// At 16 KiB a slice 1 MiB a call, of which the kernel rarely takes more. The array is on the stack.
const MOST_SLICES: usize = 64;
