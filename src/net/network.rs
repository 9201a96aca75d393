//! The seam: what [`Io`](super::Io) needs of a network, so that a test can be one.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::transport::ConnectionId;
use crate::error::Stage;

/// Dials, and says which streams may have something to do.
pub(crate) trait Network {
    type Stream: Stream;

    /// Begins to connect to `address`, which `host` and `port` stand for: what a certificate has to name and a proxy is asked
    /// for. The outcome shows
    /// in [`Stream::finish_connect`] after the first readiness.
    fn connect(
        &mut self,
        connection: ConnectionId,
        address: SocketAddr,
        host: &str,
        port: u16,
    ) -> io::Result<Self::Stream>;

    /// Waits until a stream is ready, somebody wakes, or `timeout` is over (`None`: for ever), and appends to `ready`.
    ///
    /// Readiness is edge-triggered: told once for each change, and again only after the stream has said would-block.
    /// All that is ready at the begin is told. It may be told for no reason. What the clock can't do in full is rounded up: a wait that ends before its
    /// deadline is repeated, and would be repeated a thousand times.
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()>;
}

/// A change of a stream's readiness; a hint, not a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) connection: ConnectionId,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// A byte stream that never blocks. TLS is one: it is why nothing here may assume that bytes which were offered
/// once can be offered in another shape the next time, or that a short read means that there is no more.
pub(crate) trait Stream {
    /// True once the connection stands; false while it is still on the way: asked again after each readiness, of
    /// whichever kind. A handshake is part of it. An error may be a [`StreamFailure`](crate::client::transport::StreamFailure).
    fn finish_connect(&mut self) -> io::Result<bool>;

    /// What [`finish_connect`](Self::finish_connect) waits for.
    fn stage(&self) -> Stage {
        Stage::Tcp
    }

    /// 0 is the peer's end. It is asked until would-block, so what a session has decrypted does not stay behind.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes a part, from the front. After would-block the same bytes are offered again, in the same place, perhaps with
    /// more behind them and never with fewer (a TLS session has encrypted them already).
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether a read that said would-block waits for room to write: TLS may have to say something first.
    fn read_awaits_writable(&self) -> bool {
        false
    }

    /// The reverse.
    fn write_awaits_readable(&self) -> bool {
        false
    }
}
