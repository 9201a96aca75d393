//! What each back end makes of a stream: one session of TLS.

use std::error::Error as StdError;
use std::io;

use super::refusal::Refusal;

/// From its first byte on. It never waits: what would is told as would-block.
pub(super) trait Session<S>: Send {
    /// True once the session stands, false if it has to wait for the stream. After an error it is over.
    fn handshake(&mut self) -> Result<bool, Broken>;

    /// 0 is the end that the peer told of.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes a part, from the front, and says so once the stream has all of it. After would-block the same bytes are
    /// offered again, with or without more behind them: they are encrypted already.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the peer that nothing more comes, if that can be told at once.
    fn close(&mut self);

    /// The stream below; `None` once the session is over.
    fn stream(&self) -> Option<&S>;
}

/// Why no session came about: what the back end says, and the certificate that it refused, if that is why.
pub(super) struct Broken {
    pub(super) error: Box<dyn StdError + Send + Sync>,
    pub(super) refusal: Option<Refusal>,
}
