//! The interface of a network for [`Io`](super::Io), which tests can implement.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::transport::ConnectionId;
use crate::error::Stage;

/// Dials, and tells which streams are ready.
pub(crate) trait Network {
    type Stream: Stream;

    /// Begins to connect to `address`, to which `host` and `port` were resolved. A certificate must contain `host`, and a
    /// proxy is asked for `host` and `port`. [`Stream::finish_connect`] returns the outcome after the first readiness.
    fn connect(
        &mut self,
        connection: ConnectionId,
        address: SocketAddr,
        host: &str,
        port: u16,
    ) -> io::Result<Self::Stream>;

    /// Waits until a stream is ready, a waker is called, or `timeout` is over (`None` is no limit), and appends to `ready`.
    ///
    /// Readiness is edge-triggered: it is returned once for each change, and again only after the stream has returned
    /// would-block. Everything that is ready at the start is returned. Readiness may be returned for no reason. A time that
    /// the clock can't measure exactly is rounded up: a wait that ended too early would be repeated many times.
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()>;
}

/// A change of a stream's readiness. It is a hint, not a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) connection: ConnectionId,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// A byte stream that never blocks. A TLS stream is one. So bytes that were offered once must be offered in the same form the
/// next time, and a short read does not mean that there are no more bytes.
pub(crate) trait Stream {
    /// True if the connection is ready, false if it is not ready yet. Called again after each readiness of any kind. A
    /// handshake is a part of it. An error may be a [`StreamFailure`](crate::client::transport::StreamFailure).
    fn finish_connect(&mut self) -> io::Result<bool>;

    /// The stage that [`finish_connect`](Self::finish_connect) waits for.
    fn stage(&self) -> Stage {
        Stage::Tcp
    }

    /// 0 is the end of the peer. It is called until would-block, so that no bytes that a session has decrypted are left.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes a part of the bytes, from the front. After would-block the same bytes are offered again, in the same place, with
    /// or without more after them and never fewer, because a TLS session has already encrypted them.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether a read that returned would-block waits until the stream is writable: TLS may have to write first.
    fn read_awaits_writable(&self) -> bool {
        false
    }

    /// Whether a write that returned would-block waits until the stream is readable.
    fn write_awaits_readable(&self) -> bool {
        false
    }
}
