//! The interface between the client and the sockets: commands in one direction, events in the other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::Stage;
use crate::time::Instant;

/// One attempt to reach a broker, from the dial to the close. The number is never used twice by a producer, so that a late
/// event can't be taken for one of the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A command of the client for the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Look up `host`. The answer is [`Endpoint::resolved`].
    Resolve { lookup_id: u64, host: Arc<str>, port: u16 },
    /// Dial. The answer is [`Endpoint::connected`] or [`Endpoint::disconnected`]. Host and port are those that the address
    /// was looked up for. A certificate has to name the host, and a proxy is asked to connect to it. With a proxy the
    /// address is the proxy's.
    Connect { connection: ConnectionId, address: SocketAddr, host: Arc<str>, port: u16 },
    /// Close at once. No event follows for this connection. A connection that does not exist is ignored.
    Close { connection: ConnectionId },
}

/// The client, for the network. All calls come from the sender thread.
pub(crate) trait Endpoint {
    /// The next command, until `None`.
    fn next_command(&mut self) -> Option<Command>;

    /// The next connection that has got bytes to write since the last call for it, until `None`.
    fn next_writable(&mut self) -> Option<ConnectionId>;

    /// Visits the bytes that wait to be written on `connection`, in order, until `visit` returns false.
    fn outgoing<'a>(&'a self, connection: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool);

    /// The kernel has taken the first `count` bytes of [`Self::outgoing`].
    fn written(&mut self, connection: ConnectionId, count: usize, now: Instant);

    /// Bytes were received. They may begin and end anywhere.
    fn received(&mut self, connection: ConnectionId, bytes: &[u8], now: Instant);

    fn resolved(&mut self, lookup_id: u64, addresses: io::Result<Vec<SocketAddr>>, now: Instant);

    /// The dial has come to this stage and waits there: TCP, a proxy, TLS. It is not called for stages that take no time.
    fn dial_reached(&mut self, _connection: ConnectionId, _stage: Stage, _now: Instant) {}

    fn connected(&mut self, connection: ConnectionId, now: Instant);

    /// The dial failed, or the connection ended: refused, reset, closed by the peer (`UnexpectedEof`), or for a reason that
    /// every other attempt would meet, too ([`StreamFailure`]).
    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant);
}

/// The inner error of an [`io::Error`]: a proxy or TLS, between TCP and the broker, has failed or has ended the connection.
#[derive(Debug)]
pub(crate) struct StreamFailure {
    /// The stage of the failure.
    pub(crate) stage: Stage,
    pub(crate) cause: String,
    /// No attempt with this configuration will succeed, until the client or the other side is changed (a certificate that
    /// is not trusted, a proxy that does not accept the client).
    pub(crate) is_fatal: bool,
}

impl StreamFailure {
    pub(crate) fn into_error(self) -> io::Error {
        io::Error::other(self)
    }

    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for StreamFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for StreamFailure {}
