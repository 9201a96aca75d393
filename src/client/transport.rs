//! What the sans-IO client and the sockets say to each other: commands one way, events the other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::time::Instant;

/// One attempt to reach a broker, from the dial to the close. Never used twice in a producer's life, so that an event
/// that comes late can't be taken for the next connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What the client wants of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Look `host` up and answer with [`Endpoint::resolved`].
    Resolve { ticket: u64, host: Arc<str>, port: u16 },
    /// Dial; answered by [`Endpoint::connected`] or [`Endpoint::disconnected`]. Host and port are what the address was
    /// found by: what a certificate has to name.
    Connect { connection: ConnectionId, address: SocketAddr, host: Arc<str>, port: u16 },
    /// Close at once, without another event for it. Unknown connections are none to close.
    Close { connection: ConnectionId },
}

/// The client as the network sees it. All calls come from the sender's thread.
pub(crate) trait Endpoint {
    /// The next thing to do, until `None`.
    fn next_command(&mut self) -> Option<Command>;

    /// The next connection that has got something to write since it was last asked about, until `None`.
    fn next_writable(&mut self) -> Option<ConnectionId>;

    /// Visits what waits to be written on `connection`, in order, until `visit` says false.
    fn outgoing<'a>(&'a self, connection: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool);

    /// The first `count` bytes of [`Self::outgoing`] have been taken by the kernel.
    fn written(&mut self, connection: ConnectionId, count: usize, now: Instant);

    /// Bytes came in; cut anywhere.
    fn received(&mut self, connection: ConnectionId, bytes: &[u8], now: Instant);

    fn resolved(&mut self, ticket: u64, addresses: io::Result<Vec<SocketAddr>>, now: Instant);

    fn connected(&mut self, connection: ConnectionId, now: Instant);

    /// The dial failed, or the connection ended: refused, reset, closed by the peer (`UnexpectedEof`), or for a reason
    /// that no other attempt would mend ([`Fatal`]).
    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant);
}

/// Inside of an [`io::Error`]: with this configuration no attempt will succeed (a certificate that is not trusted).
#[derive(Debug)]
pub(crate) struct Fatal(pub(crate) String);

impl Fatal {
    #[cfg_attr(not(test), expect(dead_code, reason = "for TLS"))]
    pub(crate) fn error(cause: impl Into<String>) -> io::Error {
        io::Error::other(Self(cause.into()))
    }

    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}
