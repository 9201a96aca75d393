//! Ends the sender's wait by a byte through a socketpair, as in kafka-python. The write must never block the user thread that
//! wakes the sender. In kafka-python it did, and a web site went down because of it.

use std::io;
use std::sync::Arc;

use mio::{Registry, Token};

use crate::sync::Wake;

#[cfg(unix)]
type Sending = mio::net::UnixStream;
#[cfg(not(unix))]
type Sending = mio::Waker;

/// Wakes the sender. It is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<Sending>);

/// The sender's side.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(unix)]
    receiving: mio::net::UnixStream,
}

#[cfg(unix)]
impl Alarm {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<(Self, Waker)> {
        let (sending, mut receiving) = mio::net::UnixStream::pair()?;
        registry.register(&mut receiving, token, mio::Interest::READABLE)?;
        Ok((Self { receiving }, Waker(Arc::new(sending))))
    }

    /// Reads all bytes, so that the next one is an event again.
    pub(super) fn clear(&mut self) {
        use std::io::Read;
        let mut bytes = [0; 256];
        loop {
            match self.receiving.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Would-block, or closed: then there is no waker any more.
                Ok(0) | Err(_) => return,
            }
        }
    }
}

#[cfg(unix)]
impl Wake for Waker {
    fn wake(&self) {
        use std::io::Write;
        // If the pair is full, its bytes wake the sender. If it is closed, the sender does not sleep. Only after a signal the
        // write must be repeated.
        while (&*self.0).write(&[1]).is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
    }
}

#[cfg(not(unix))]
impl Alarm {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<(Self, Waker)> {
        Ok((Self {}, Waker(Arc::new(mio::Waker::new(registry, token)?))))
    }

    pub(super) fn clear(&mut self) {}
}

#[cfg(not(unix))]
impl Wake for Waker {
    fn wake(&self) {
        let _ = self.0.wake();
    }
}
