//! A stream through a proxy. The negotiation with the proxy is a part of the connect. After it, all bytes are the broker's.

use std::io::{self, IoSlice};
use std::sync::Arc;

use super::network::Stream;
use super::proxy::{Negotiation, Proxy, Refusal};
use crate::client::transport::StreamFailure;
use crate::error::Stage;

/// A stream to a proxy. When it is connected, it leads to the broker.
pub(crate) struct Tunnel<S> {
    stream: S,
    /// `None` when it leads to the broker.
    dial: Option<Dial>,
    /// Bytes of the broker that came together with the proxy's answer and are not read yet.
    early: Vec<u8>,
}

/// The negotiation. It is boxed because it is needed only until the stream is connected.
struct Dial {
    proxy: Arc<Proxy>,
    negotiation: Box<Negotiation>,
    is_reached: bool,
    /// The proxy has sent something.
    has_heard: bool,
}

impl<S: Stream> Tunnel<S> {
    /// A tunnel to `host` and `port` over `stream`, which is being connected to `proxy`.
    pub(crate) fn new(stream: S, proxy: Arc<Proxy>, host: &str, port: u16) -> io::Result<Self> {
        match Negotiation::begin(&proxy, host, port) {
            Err(refusal) => Err(error(&proxy, refusal)),
            Ok(negotiation) => {
                let negotiation = Box::new(negotiation);
                let dial = Dial { proxy, negotiation, is_reached: false, has_heard: false };
                Ok(Self { stream, dial: Some(dial), early: Vec::new() })
            }
        }
    }
}

impl Dial {
    /// Writes and reads as much as `stream` allows. Returns the broker's first bytes when the negotiation is done, and `None` if
    /// it has to wait.
    fn go_on(&mut self, stream: &mut impl Stream) -> io::Result<Option<Vec<u8>>> {
        if !self.is_reached {
            self.is_reached = stream.finish_connect().map_err(|error| unreachable(&self.proxy, &error))?;
            if !self.is_reached {
                return Ok(None);
            }
        }
        loop {
            if !self.say(stream)? {
                return Ok(None);
            }
            let mut buffer = [0; MOST_EARLY];
            let count = match stream.read(&mut buffer) {
                Ok(0) => return Err(self.refused(self.negotiation.ended(self.has_heard))),
                Ok(count) => count,
                // A proxy that closes before it has read everything resets the connection.
                Err(error) if is_end(&error) => {
                    return Err(self.refused(self.negotiation.ended(self.has_heard)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(self.broken(&error)),
            };
            self.has_heard = true;
            let mut rest = &buffer[..count];
            match self.negotiation.received(&mut rest) {
                Ok(true) => return Ok(Some(rest.to_vec())),
                Ok(false) => {}
                Err(refusal) => return Err(self.refused(refusal)),
            }
        }
    }

    /// True if everything for now is written.
    fn say(&mut self, stream: &mut impl Stream) -> io::Result<bool> {
        while !self.negotiation.outgoing().is_empty() {
            match stream.write_vectored(&[IoSlice::new(self.negotiation.outgoing())]) {
                Ok(0) => return Err(self.broken(&io::ErrorKind::WriteZero.into())),
                Ok(count) => self.negotiation.written(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                // The proxy may have answered before it closed. Reading shows the answer.
                Err(error) if is_end(&error) => return Ok(true),
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(true)
    }

    fn refused(&self, refusal: Refusal) -> io::Error {
        error(&self.proxy, refusal)
    }

    fn broken(&self, cause: &io::Error) -> io::Error {
        self.refused(Refusal {
            cause: format!("can't be used: the connection failed: {cause}"),
            is_fatal: false,
        })
    }
}

impl<S: Stream> Stream for Tunnel<S> {
    fn finish_connect(&mut self) -> io::Result<bool> {
        let Some(dial) = &mut self.dial else { return Ok(true) };
        let Some(early) = dial.go_on(&mut self.stream)? else { return Ok(false) };
        (self.dial, self.early) = (None, early);
        Ok(true)
    }

    fn stage(&self) -> Stage {
        Stage::Proxy
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.stream.read(buffer);
        }
        let count = buffer.len().min(self.early.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        Ok(count)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices)
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

/// The error if the proxy itself can't be reached.
pub(crate) fn unreachable(proxy: &Proxy, cause: &io::Error) -> io::Error {
    error(proxy, Refusal { cause: format!("can't be reached: {cause}"), is_fatal: false })
}

fn error(proxy: &Proxy, Refusal { cause, is_fatal }: Refusal) -> io::Error {
    StreamFailure { stage: Stage::Proxy, cause: format!("{proxy} {cause}"), is_fatal }.into_error()
}

/// Answers of proxies are not longer.
const MOST_EARLY: usize = 1024;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
