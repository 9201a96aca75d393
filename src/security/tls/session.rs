//! The interface of a TLS session, which each back end implements.

use std::error::Error as StdError;
use std::io;

use super::refusal::Refusal;

/// A session from its first byte on. It never blocks: it returns would-block instead.
pub(super) trait Session<S>: Send {
    /// True if the handshake is done, false if it has to wait for the stream. After an error the session is over.
    fn handshake(&mut self) -> Result<bool, Broken>;

    /// 0 means that the peer has closed the session.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes a part of the bytes, from the front, and returns its length when the stream has all of it. After would-block the
    /// same bytes must be offered again, with or without more after them, because they are already encrypted.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the peer that nothing more follows, if it can be sent at once.
    fn close(&mut self);

    /// The stream below; `None` after the end of the session.
    fn stream(&self) -> Option<&S>;
}

/// Why there is no session: the error of the back end, and the certificate if it was refused.
pub(super) struct Broken {
    pub(super) error: Box<dyn StdError + Send + Sync>,
    pub(super) refusal: Option<Refusal>,
}
