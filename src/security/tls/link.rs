//! One session of TLS on a byte stream of whichever kind, and why it ended if it did. It never waits: what would is told
//! as would-block.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use super::connector::Connector;
use super::failure::{self, Failure};
use super::reason::Blame;
use super::session::{Broken, Session};
use crate::sync::{AtomicU64, Ordering};

/// A session, from its first byte on.
pub(crate) struct Link<S> {
    /// `None` once it is over.
    session: Option<Box<dyn Session<S>>>,
    host: Box<str>,
    blame: Arc<Blame>,
    silences: Arc<AtomicU64>,
}

impl Connector {
    /// Begins a session with `host`; [`Link::handshake`] goes on with it.
    pub(crate) fn begin<S: Read + Write + Send + 'static>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<Link<S>, Failure> {
        let host = certified(host);
        // Whether it has heard anything is not known: nothing can be, in the first moment.
        let session = self
            .kind
            .begin(host, stream)
            .map_err(|Broken { error, .. }| failure::of_handshake(&*error, None, false, 0, &self.blame))?;
        let silences = Arc::clone(&self.silences);
        Ok(Link { session: Some(session), host: host.into(), blame: Arc::clone(&self.blame), silences })
    }
}

impl<S> Link<S> {
    /// True once the session stands, false if it has to wait for the stream. `has_heard`: anything came of the peer.
    pub(crate) fn handshake(&mut self, has_heard: impl Fn(&S) -> bool) -> Result<bool, Failure> {
        let Some(session) = &mut self.session else { return Ok(false) };
        let heard_before = session.stream().is_some_and(&has_heard);
        let Broken { error, refusal } = match session.handshake() {
            Ok(is_open) => {
                if is_open {
                    self.silences(true);
                }
                return Ok(is_open);
            }
            Err(broken) => broken,
        };
        let heard = session.stream().map_or(heard_before, has_heard);
        self.session = None;
        let refused = refusal.map(|refusal| refusal.text(&self.host, &self.blame));
        let silences = self.silences(heard);
        Err(failure::of_handshake(&*error, refused, heard, silences, &self.blame))
    }

    /// How many peers in a row have ended without a word, this one among them.
    fn silences(&self, has_heard: bool) -> u64 {
        if has_heard {
            self.silences.store(0, Ordering::Relaxed);
            return 0;
        }
        self.silences.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells the peer that nothing more comes, if that can be told at once.
    pub(crate) fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
    }

    /// The stream below; `None` once the session is over.
    pub(crate) fn stream(&self) -> Option<&S> {
        self.session.as_ref()?.stream()
    }

    /// 0 is the peer's end, however it came about: frames have lengths of their own.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(session) = &mut self.session else { return Ok(0) };
        match session.read(buffer).map_err(|error| self.link_error(error)) {
            Err(LinkError::End) => Ok(0),
            other => other,
        }
    }

    /// Takes a part, from the front. After would-block it has to be offered these same bytes again, with or without more
    /// behind them: they are encrypted already.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        let Some(session) = &mut self.session else {
            return Err(LinkError::Io(io::ErrorKind::NotConnected.into()));
        };
        session.write(bytes).map_err(|error| self.link_error(error))
    }

    fn link_error(&self, error: io::Error) -> LinkError {
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
            return LinkError::Io(error);
        }
        if error.get_ref().is_none() {
            // The stream's own.
            return LinkError::Io(error);
        }
        failure::of_session(&error, &self.blame).map_or(LinkError::End, LinkError::Failed)
    }
}

/// What keeps a session from going on.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// What the stream below says, would-block among it.
    Io(io::Error),
    /// The peer's end, where nothing more can be had.
    End,
    Failed(Failure),
}

/// As certificates have it: without the dot that ends a name which is whole, or the zone of an IPv6 address.
fn certified(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => address,
        _ => host.strip_suffix('.').unwrap_or(host),
    }
}
