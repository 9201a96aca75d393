//! One poll and all its events, and then all commands of the client.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::time::Duration;

use super::network::{Network, Ready, Stream};
use super::resolver::Resolve;
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::metrics::Polls;
use crate::time::{Clock, Deadline, Instant};

/// The sockets of one producer. The sender thread owns it.
pub(crate) struct Io<N: Network> {
    network: N,
    resolver: Box<dyn Resolve + Send>,
    connections: BTreeMap<ConnectionId, Connection<N::Stream>>,
    /// Connections to read without an edge: the last poll ended before would-block, or a write has failed.
    unread: BTreeSet<ConnectionId>,
    ready: Vec<Ready>,
    buffer: Vec<u8>,
    /// How often one connection is read before the others are read.
    reads_per_poll: usize,
    /// The endpoint has been notified of everything that had arrived by this time.
    heard: Instant,
    /// The polls since they were taken, and the end of the last one.
    polls: Polls,
    polled: Instant,
}

struct Connection<S> {
    stream: S,
    connected: bool,
    /// It has not returned would-block since the last writable edge.
    writable: bool,
    /// A write has failed. The connection ends when everything that came in before is read.
    failed: Option<io::Error>,
}

impl<S> Connection<S> {
    fn may_write(&self) -> bool {
        self.connected && self.writable && self.failed.is_none()
    }
}

impl<N: Network> Io<N> {
    pub(crate) fn new(
        network: N,
        resolver: Box<dyn Resolve + Send>,
        read_size: usize,
        reads_per_poll: usize,
    ) -> Self {
        Self {
            network,
            resolver,
            connections: BTreeMap::new(),
            unread: BTreeSet::new(),
            ready: Vec::new(),
            buffer: vec![0; read_size],
            reads_per_poll,
            heard: Instant::ZERO,
            polls: Polls::default(),
            polled: Instant::ZERO,
        }
    }

    /// Waits until something happens or `deadline` comes, and notifies `endpoint`: first of connections, then of bytes that
    /// came in, then of room to write.
    ///
    /// Returns a time: `endpoint` has been notified of everything that had arrived by then. This time decides what is late, so
    /// a wait that ended at its deadline polls once more.
    pub(crate) fn wait(
        &mut self,
        deadline: Deadline,
        clock: &Clock,
        endpoint: &mut impl Endpoint,
    ) -> io::Result<Instant> {
        let mut before = clock.now();
        let may_wait = self.unread.is_empty() && !deadline.has_passed(before);
        self.poll_once(
            if may_wait { deadline.remaining(before) } else { Some(Duration::ZERO) },
            clock,
            endpoint,
        )?;
        if may_wait && deadline.has_passed(clock.now()) {
            before = clock.now();
            self.poll_once(Some(Duration::ZERO), clock, endpoint)?;
        }
        if self.unread.is_empty() {
            self.heard = before;
        }
        Ok(self.heard)
    }

    /// The polls since the last call. The sockets were read from the end of the last poll on, until `now`.
    pub(crate) fn take_polls(&mut self, now: Instant) -> Polls {
        let polls = std::mem::take(&mut self.polls);
        // Before the first poll no socket was read.
        let since_poll = if polls.count > 0 { now.since(self.polled) } else { Duration::ZERO };
        Polls { io: polls.io + since_poll, ..polls }
    }

    /// The sockets were written for `time`.
    pub(crate) fn note_flush(&mut self, time: Duration) {
        self.polls.io += time;
    }

    /// One poll and its events.
    fn poll_once(
        &mut self,
        timeout: Option<Duration>,
        clock: &Clock,
        endpoint: &mut impl Endpoint,
    ) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let start = clock.now();
        let (deadline, mut now) = (Deadline::after(start, timeout), start);
        loop {
            match self.network.poll(&mut ready, deadline.remaining(now)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => now = clock.now(),
                other => break other?,
            }
        }
        self.polled = clock.now();
        self.polls.count += 1;
        self.polls.waited += self.polled.since(start);
        while let Some((lookup_id, addresses)) = self.resolver.next() {
            endpoint.resolved(lookup_id, addresses, clock.now());
            self.obey(clock, endpoint);
        }
        let mut readable = std::mem::take(&mut self.unread);
        for event in &mut ready {
            self.take_edge(event, clock, endpoint);
            if event.readable {
                readable.insert(event.connection);
            }
        }
        for connection in readable {
            self.read_some(connection, clock, endpoint);
        }
        for event in ready.iter().filter(|event| event.writable) {
            self.write(event.connection, clock, endpoint);
        }
        ready.clear();
        self.ready = ready;
        Ok(())
    }

    /// Carries out the commands of `endpoint` and writes its bytes, until there are no more or the sockets accept no more.
    pub(crate) fn flush(&mut self, clock: &Clock, endpoint: &mut impl Endpoint) -> io::Result<()> {
        self.obey(clock, endpoint);
        while let Some(connection) = endpoint.next_writable() {
            self.write(connection, clock, endpoint);
        }
        Ok(())
    }

    /// Carries out the commands of the client. This happens after each event and not only in [`flush`](Self::flush): if the
    /// client closes a connection after one event, it must not be notified of another event of that connection in the same
    /// poll.
    fn obey(&mut self, clock: &Clock, endpoint: &mut impl Endpoint) {
        while let Some(command) = endpoint.next_command() {
            self.carry_out(command, clock, endpoint);
        }
    }

    fn carry_out(&mut self, command: Command, clock: &Clock, endpoint: &mut impl Endpoint) {
        match command {
            Command::Resolve { lookup_id, host, port } => {
                if let Some(addresses) = self.resolver.resolve(lookup_id, &host, port) {
                    endpoint.resolved(lookup_id, addresses, clock.now());
                }
            }
            Command::Connect { connection, address, host, port } => {
                match self.network.connect(connection, address, &host, port) {
                    Ok(stream) => {
                        endpoint.dial_reached(connection, stream.stage(), clock.now());
                        let fresh = Connection { stream, connected: false, writable: false, failed: None };
                        self.connections.insert(connection, fresh);
                    }
                    Err(error) => endpoint.disconnected(connection, error, clock.now()),
                }
            }
            Command::Close { connection } => self.forget(connection),
        }
    }

    /// Notes an event at its connection, and leaves in the event what has to be done now.
    fn take_edge(&mut self, event: &mut Ready, clock: &Clock, endpoint: &mut impl Endpoint) {
        let Some(connection) = self.connections.get_mut(&event.connection) else { return };
        if connection.connected {
            let crossed_read = event.writable && connection.stream.read_awaits_writable();
            let crossed_write = event.readable && connection.stream.write_awaits_readable();
            event.readable |= crossed_read;
            event.writable |= crossed_write;
            connection.writable |= event.writable;
            return;
        }
        let finished = connection.stream.finish_connect();
        // The edge of the connect, or an earlier one, may have been the edge for reading and writing too. So after the
        // connect both directions are tried. A TLS handshake uses edges of both kinds.
        (event.readable, event.writable) = (true, true);
        match finished {
            Ok(true) => {
                (connection.connected, connection.writable) = (true, true);
                endpoint.connected(event.connection, clock.now());
                self.obey(clock, endpoint);
            }
            Ok(false) => {
                (event.readable, event.writable) = (false, false);
                endpoint.dial_reached(event.connection, connection.stream.stage(), clock.now());
            }
            Err(error) => self.end(event.connection, error, clock, endpoint),
        }
    }

    /// Reads until would-block, the end, or the largest number of reads in one poll. A short read does not end an edge, only
    /// would-block does.
    fn read_some(&mut self, id: ConnectionId, clock: &Clock, endpoint: &mut impl Endpoint) {
        for _ in 0..self.reads_per_poll {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let end = match connection.stream.read(&mut self.buffer) {
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Ok(count) => {
                    endpoint.received(id, &self.buffer[..count], clock.now());
                    self.obey(clock, endpoint);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match connection.failed.take() {
                    Some(failed) => failed,
                    None => return,
                },
                Err(error) => error,
            };
            // A broken pipe only says that the connection has ended. The read may tell the cause.
            let cause = match connection.failed.take() {
                Some(failed) if failed.kind() != io::ErrorKind::BrokenPipe => failed,
                _ => end,
            };
            return self.end(id, cause, clock, endpoint);
        }
        if self.connections.contains_key(&id) {
            self.unread.insert(id);
        }
    }

    fn write(&mut self, id: ConnectionId, clock: &Clock, endpoint: &mut impl Endpoint) {
        while let Some(connection) = self.connections.get_mut(&id).filter(|connection| connection.may_write())
        {
            let mut slices = [IoSlice::new(&[]); MOST_SLICES];
            let mut count = 0;
            endpoint.outgoing(id, &mut |slice| {
                // Only empty slices would be a write of 0 bytes, which looks like an error.
                if !slice.is_empty() {
                    slices[count] = IoSlice::new(slice);
                    count += 1;
                }
                count < MOST_SLICES
            });
            if count == 0 {
                return;
            }
            let failed = match connection.stream.write_vectored(&slices[..count]) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(written) => {
                    endpoint.written(id, written, clock.now());
                    self.obey(clock, endpoint);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection.writable = false;
                    return;
                }
                Err(error) => error,
            };
            // A peer may have answered before it closed. These answers are more important than the failed write. They are
            // read in the usual portions: a peer that continues to send must not keep the thread here.
            connection.failed = Some(failed);
            self.unread.insert(id);
        }
    }

    fn end(&mut self, id: ConnectionId, error: io::Error, clock: &Clock, endpoint: &mut impl Endpoint) {
        self.forget(id);
        endpoint.disconnected(id, error, clock.now());
        self.obey(clock, endpoint);
    }

    fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.unread.remove(&id);
    }
}

/// With slices of 16 KiB (the pool's buffers) one call writes a full request of 1 MiB. A send buffer rarely accepts more, and the
/// rest is offered again. The array is on the stack and has 1 KiB.
const MOST_SLICES: usize = 64;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
