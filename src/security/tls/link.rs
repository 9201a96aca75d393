//! One TLS session on any byte stream, and why it ended. It never blocks: it returns would-block instead.

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
    /// `None` after the end.
    session: Option<Box<dyn Session<S>>>,
    host: Box<str>,
    blame: Arc<Blame>,
    silences: Arc<AtomicU64>,
}

impl Connector {
    /// Begins a session with `host`. [`Link::handshake`] continues it.
    pub(crate) fn begin<S: Read + Write + Send + 'static>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<Link<S>, Failure> {
        let host = certified(host);
        // The peer can't have sent anything yet.
        let session = self
            .kind
            .begin(host, stream)
            .map_err(|Broken { error, .. }| failure::of_handshake(&*error, None, false, 0, &self.blame))?;
        let silences = Arc::clone(&self.silences);
        Ok(Link { session: Some(session), host: host.into(), blame: Arc::clone(&self.blame), silences })
    }
}

impl<S> Link<S> {
    /// True if the handshake is done, false if it has to wait for the stream. `has_heard` says whether the peer has sent
    /// anything.
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

    /// The number of peers in a row that have sent nothing, including this one.
    fn silences(&self, has_heard: bool) -> u64 {
        if has_heard {
            self.silences.store(0, Ordering::Relaxed);
            return 0;
        }
        self.silences.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells the peer that nothing more follows, if it can be sent at once.
    pub(crate) fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
    }

    /// The stream below; `None` after the end of the session.
    pub(crate) fn stream(&self) -> Option<&S> {
        self.session.as_ref()?.stream()
    }

    /// 0 is the end of the peer, closed properly or not: frames have their own lengths.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(session) = &mut self.session else { return Ok(0) };
        match session.read(buffer).map_err(|error| self.link_error(error)) {
            Err(LinkError::End) => Ok(0),
            other => other,
        }
    }

    /// Writes a part of the bytes, from the front. After would-block the same bytes must be offered again, with or without
    /// more after them, because they are already encrypted.
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
            // It is an error of the stream below.
            return LinkError::Io(error);
        }
        failure::of_session(&error, &self.blame).map_or(LinkError::End, LinkError::Failed)
    }
}

/// Why a session does not continue.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// An error of the stream below, such as would-block.
    Io(io::Error),
    /// The peer has ended, and nothing more is known.
    End,
    Failed(Failure),
}

/// The host in the form of certificates: without the dot at the end of a name, and without the zone of an IPv6 address.
fn certified(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => address,
        _ => host.strip_suffix('.').unwrap_or(host),
    }
}
