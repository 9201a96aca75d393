//! TLS over another stream: the handshake is a part of the connect, and then bytes go in and come out as they are.

use std::io::{self, IoSlice, Read, Write};

use super::network::Stream;
use crate::client::transport::StreamFailure;
use crate::error::Stage;
use crate::protocol::wipe;
use crate::security::tls::{Connector, Failure, Link, LinkError};

/// A stream that is encrypted before it is given to `S`.
pub(crate) struct TlsStream<S: Stream> {
    state: State<S>,
    host: Box<str>,
    /// Where slices that are too small for a record each are put together. Passwords and tokens may be among them.
    gathered: Vec<u8>,
    /// Bytes of the write that said would-block, of which TLS has encrypted some already: no fewer may be offered next.
    offered: usize,
    read_blocked: Option<Direction>,
    write_blocked: Option<Direction>,
}

enum State<S: Stream> {
    /// TCP is under way.
    Dialling(S, Connector),
    Handshake(Link<Below<S>>),
    Open(Link<Below<S>>),
    Over,
}

/// What the stream below did not do at once.
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

    /// One write of TLS. 0 is would-block.
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
                // Its first message goes out by the same edge.
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
                    // One record at most is encrypted before it blocks.
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
            // What stopped it shows again by itself.
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
        // Half of a record may be on its way: nothing can stand behind that.
        if let State::Open(link) = &mut self.state
            && self.offered == 0
        {
            link.close();
        }
        wipe(&mut self.gathered);
    }
}

/// What of the slices has not been written.
struct Rest<'a, 'b> {
    slices: &'a [IoSlice<'b>],
    /// Into the first of them.
    offset: usize,
    length: usize,
}

impl<'a> Rest<'a, '_> {
    /// What to encrypt next. A small slice would be a record, and a packet, by itself: such are put together, and copied for
    /// it. A large one goes as it is. At least `least` bytes, or all that there are.
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
        // Memory that is left behind for more would keep what was in it.
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

/// The stream below, as TLS wants to see one, and what it noted there.
struct Below<S> {
    stream: S,
    /// Anything came of the peer.
    has_heard: bool,
    /// What it said would-block to last.
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

/// The most that a record of TLS carries.
const RECORD: usize = 16 * 1024;

/// Copying so much costs more than a record of its own.
const LARGE: usize = RECORD / 2;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
