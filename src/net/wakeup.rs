//! What ends the sender's wait: a byte through a socketpair, as in kafka-python. Its writing side must not block the
//! user thread that wakes, whatever the sender does (kafka-python's did: a web site went down by it).

use std::io;
use std::sync::Arc;

use mio::{Registry, Token};

use crate::sync::Wake;

#[cfg(unix)]
type Sending = mio::net::UnixStream;
#[cfg(not(unix))]
type Sending = mio::Waker;

/// Wakes; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<Sending>);

/// The side that is woken.
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

    /// Takes all bytes out, so that the next one is an event again.
    pub(super) fn clear(&mut self) {
        use std::io::Read;
        let mut bytes = [0; 256];
        loop {
            match self.receiving.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Would block; or closed, and then nobody is left to wake.
                Ok(0) | Err(_) => return,
            }
        }
    }
}

#[cfg(unix)]
impl Wake for Waker {
    fn wake(&self) {
        use std::io::Write;
        // Full: then there are bytes that wake. Closed: then nobody sleeps. Only a byte that a signal kept out is one short.
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
