//! A connection as configured: direct or through a proxy, and plain or encrypted.

use std::io::{self, IoSlice};

use ::mio::net::TcpStream;

use super::network::Stream;
#[cfg(any(feature = "tls", feature = "rustls"))]
use super::tls::TlsStream;
use super::tunnel::Tunnel;
use crate::error::Stage;

pub(crate) enum Channel {
    Plain(Line),
    #[cfg(any(feature = "tls", feature = "rustls"))]
    Tls(Box<TlsStream<Line>>),
}

/// The stream to the broker.
pub(crate) enum Line {
    Direct(TcpStream),
    ByProxy(Box<Tunnel<TcpStream>>),
}

/// Calls the method on the stream of the current variant.
macro_rules! whichever {
    ($self:ident, $stream:ident => $call:expr, $($(#[$on:meta])? $variant:ident),+) => {
        match $self {
            $( $(#[$on])? Self::$variant($stream) => $call, )+
        }
    };
}

impl Stream for Channel {
    fn finish_connect(&mut self) -> io::Result<bool> {
        whichever!(self, stream => stream.finish_connect(), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }

    fn stage(&self) -> Stage {
        whichever!(self, stream => stream.stage(), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        whichever!(self, stream => stream.read(buffer), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        whichever!(self, stream => stream.write_vectored(slices), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }

    fn read_awaits_writable(&self) -> bool {
        whichever!(self, stream => stream.read_awaits_writable(), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }

    fn write_awaits_readable(&self) -> bool {
        whichever!(self, stream => stream.write_awaits_readable(), Plain, #[cfg(any(feature = "tls", feature = "rustls"))] Tls)
    }
}

/// On these streams a read never waits for room to write, and a write never waits for bytes to read.
impl Stream for Line {
    fn finish_connect(&mut self) -> io::Result<bool> {
        whichever!(self, stream => stream.finish_connect(), Direct, ByProxy)
    }

    fn stage(&self) -> Stage {
        whichever!(self, stream => stream.stage(), Direct, ByProxy)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        whichever!(self, stream => stream.read(buffer), Direct, ByProxy)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        whichever!(self, stream => stream.write_vectored(slices), Direct, ByProxy)
    }
}
