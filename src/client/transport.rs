//! What the sans-IO client and the sockets say to each other: commands one way, events the other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::Stage;
use crate::time::Instant;

/// One attempt to reach a broker, from the dial to the close. Never used twice in a producer's life, so that an event
/// that comes late can't be taken for the next connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What the client wants of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Look `host` up and answer with [`Endpoint::resolved`].
    Resolve { lookup_id: u64, host: Arc<str>, port: u16 },
    /// Dial; answered by [`Endpoint::connected`] or [`Endpoint::disconnected`]. Host and port are what the address was
    /// found by: what a certificate has to name, and what a proxy is asked for; with one the address is the proxy's.
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

    fn resolved(&mut self, lookup_id: u64, addresses: io::Result<Vec<SocketAddr>>, now: Instant);

    /// The dial has come so far and waits there: TCP, a proxy, TLS. Not told of each stage that takes no time.
    fn dial_reached(&mut self, _connection: ConnectionId, _stage: Stage, _now: Instant) {}

    fn connected(&mut self, connection: ConnectionId, now: Instant);

    /// The dial failed, or the connection ended: refused, reset, closed by the peer (`UnexpectedEof`), or for a reason
    /// that no other attempt would mend ([`StreamFailure`]).
    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant);
}

/// Inside of an [`io::Error`]: what stands between TCP and the broker, a proxy or TLS, came to nothing, or has ended what
/// stood.
#[derive(Debug)]
pub(crate) struct StreamFailure {
    /// Where.
    pub(crate) stage: Stage,
    pub(crate) cause: String,
    /// With this configuration no attempt will succeed (a certificate that is not trusted, a proxy that does not accept
    /// who we are), until somebody changes something here or there.
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
