//! TLS over another stream. The handshake is a part of the connect. After it, reads and writes have plain bytes.

use std::io::{self, IoSlice, Read, Write};

use super::network::Stream;
use crate::client::transport::StreamFailure;
use crate::error::Stage;
use crate::protocol::wipe;
use crate::security::tls::{Connector, Failure, Link, LinkError};

/// A stream that encrypts its bytes and writes them to `S`.
pub(crate) struct TlsStream<S: Stream> {
    state: State<S>,
    host: Box<str>,
    /// Joins slices that are too small for one record each. They may contain passwords and tokens.
    gathered: Vec<u8>,
    /// The number of bytes of the write that returned would-block. TLS has already encrypted some of them, so the next write
    /// must not offer fewer.
    offered: usize,
    read_blocked: Option<Direction>,
    write_blocked: Option<Direction>,
}

enum State<S: Stream> {
    /// TCP is being connected.
    Dialling(S, Connector),
    Handshake(Link<Below<S>>),
    Open(Link<Below<S>>),
    Over,
}

/// The operation for which the stream below returned would-block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

impl<S: Stream> TlsStream<S> {
    pub(crate) fn new(stream: S, connector: Connector, host: &str) -> Self {
        Self {
            state: State::Dialling(stream, connector),
            host: host.into(),
            gathered: Vec::new(),
            offered: 0,
            read_blocked: None,
            write_blocked: None,
        }
    }

    fn open(&mut self) -> io::Result<&mut Link<Below<S>>> {
        match &mut self.state {
            State::Open(link) => Ok(link),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// One write to the TLS session. 0 is would-block.
    fn write(link: &mut Link<Below<S>>, bytes: &[u8]) -> io::Result<usize> {
        match link.write(bytes) {
            Ok(count) => Ok(count),
            Err(LinkError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(link_error) => Err(error_of_link(link_error)),
        }
    }
}

impl<S: Stream + Send + 'static> Stream for TlsStream<S> {
    fn finish_connect(&mut self) -> io::Result<bool> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Dialling(mut stream, connector) => {
                if !stream.finish_connect()? {
                    self.state = State::Dialling(stream, connector);
                    return Ok(false);
                }
                let link = connector.begin(&self.host, Below::new(stream)).map_err(error_of)?;
                self.state = State::Handshake(link);
                // The same edge serves for the first message.
                self.finish_connect()
            }
            State::Handshake(mut link) => {
                let is_open = link.handshake(|below| below.has_heard).map_err(error_of)?;
                self.state = if is_open { State::Open(link) } else { State::Handshake(link) };
                Ok(is_open)
            }
            open @ State::Open(_) => {
                self.state = open;
                Ok(true)
            }
            State::Over => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn stage(&self) -> Stage {
        match &self.state {
            State::Dialling(stream, _) => stream.stage(),
            State::Handshake(_) | State::Open(_) | State::Over => Stage::Tls,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_blocked = None;
        let link = self.open()?;
        match link.read(buffer) {
            Ok(count) => Ok(count),
            Err(LinkError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.read_blocked = link.stream().and_then(|below| below.blocked);
                Err(error)
            }
            Err(link_error) => Err(error_of_link(link_error)),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_blocked = None;
        let least = self.offered;
        let State::Open(link) = &mut self.state else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut rest = Rest { slices, offset: 0, length: slices.iter().map(|slice| slice.len()).sum() };
        let (mut written, mut offered) = (0, least);
        let end = loop {
            if rest.length == 0 {
                break Ok(());
            }
            let piece = rest.next_piece(offered, &mut self.gathered);
            match Self::write(link, piece) {
                Ok(0) => {
                    // At most one record is encrypted before it blocks.
                    offered = piece.len().min(RECORD);
                    break Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(count) => {
                    (written, offered) = (written + count, 0);
                    rest.skip(count);
                }
                Err(error) => break Err(error),
            }
        };
        let blocked = end.is_err().then(|| link.stream().and_then(|below| below.blocked)).flatten();
        (self.offered, self.write_blocked) = (offered, blocked);
        match end {
            // The next call returns the error again.
            _ if written > 0 => Ok(written),
            Err(error) => Err(error),
            Ok(()) => Ok(0),
        }
    }

    fn read_awaits_writable(&self) -> bool {
        self.read_blocked == Some(Direction::Write)
    }

    fn write_awaits_readable(&self) -> bool {
        self.write_blocked == Some(Direction::Read)
    }
}

impl<S: Stream> Drop for TlsStream<S> {
    fn drop(&mut self) {
        // A record may be only partly sent. Nothing can be sent after that.
        if let State::Open(link) = &mut self.state
            && self.offered == 0
        {
            link.close();
        }
        wipe(&mut self.gathered);
    }
}

/// The part of the slices that has not been written.
struct Rest<'a, 'b> {
    slices: &'a [IoSlice<'b>],
    /// The offset in the first slice.
    offset: usize,
    length: usize,
}

impl<'a> Rest<'a, '_> {
    /// The bytes to encrypt next: at least `least` bytes, or all that there are. A small slice would be one record and one
    /// packet, so small slices are copied together. A large slice is used as it is.
    fn next_piece<'p>(&self, least: usize, gathered: &'p mut Vec<u8>) -> &'p [u8]
    where
        'a: 'p,
    {
        let Some((first, others)) = self.slices.split_first() else { return &[] };
        let first = &first[self.offset..];
        let is_large = |slice: &[u8]| slice.len() >= LARGE && self.length > RECORD;
        if first.len() >= least && (is_large(first) || first.len() == self.length) {
            return first;
        }
        gathered.clear();
        // A vector that grows would leave its contents in memory.
        gathered.reserve(RECORD.max(least));
        for slice in std::iter::once(first).chain(others.iter().map(|slice| &**slice)) {
            if gathered.len() >= least && !gathered.is_empty() && is_large(slice) {
                break;
            }
            let room = RECORD.max(least) - gathered.len();
            gathered.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        gathered
    }

    fn skip(&mut self, mut count: usize) {
        self.length -= count;
        while let Some((first, others)) = self.slices.split_first() {
            let left = first.len() - self.offset;
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            (self.slices, self.offset) = (others, 0);
        }
    }
}

/// The stream below, with the interface that TLS needs, and notes about it.
struct Below<S> {
    stream: S,
    /// The peer has sent something.
    has_heard: bool,
    /// The last operation, if it returned would-block.
    blocked: Option<Direction>,
}

impl<S> Below<S> {
    fn new(stream: S) -> Self {
        Self { stream, has_heard: false, blocked: None }
    }

    fn note(&mut self, result: io::Result<usize>, direction: Direction) -> io::Result<usize> {
        let is_blocked = matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.blocked = is_blocked.then_some(direction);
        result
    }
}

impl<S: Stream> Read for Below<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.stream.read(buffer);
        self.has_heard |= matches!(result, Ok(1..));
        self.note(result, Direction::Read)
    }
}

impl<S: Stream> Write for Below<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.stream.write_vectored(slices);
        self.note(result, Direction::Write)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn error_of(Failure { cause, is_fatal }: Failure) -> io::Error {
    StreamFailure { stage: Stage::Tls, cause, is_fatal }.into_error()
}

fn error_of_link(link_error: LinkError) -> io::Error {
    match link_error {
        LinkError::Io(error) => error,
        LinkError::End => io::ErrorKind::UnexpectedEof.into(),
        LinkError::Failed(failure) => error_of(failure),
    }
}

/// The largest content of a TLS record.
const RECORD: usize = 16 * 1024;

/// Copying this many bytes costs more than one more record.
const LARGE: usize = RECORD / 2;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
