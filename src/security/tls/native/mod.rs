//! The back end for native-tls: for the user's own connector, and for the library of the operating system if that is not
//! OpenSSL.

#[cfg(any(test, windows, target_vendor = "apple"))]
mod system;

#[cfg(any(windows, target_vendor = "apple"))]
pub(super) use self::system::own;

use std::io::{self, Read, Write};

use native_tls::{HandshakeError, MidHandshakeTlsStream, TlsConnector, TlsStream};

use super::session::{Broken, Session};

pub(super) fn begin<S: Read + Write + Send + 'static>(
    connector: &TlsConnector,
    host: &str,
    stream: S,
) -> Result<Box<dyn Session<S>>, Broken> {
    Ok(Box::new(State::of(connector.connect(host, stream))?))
}

enum State<S> {
    Handshake(MidHandshakeTlsStream<S>),
    Open(TlsStream<S>),
    Over,
}

impl<S> State<S> {
    fn of(result: Result<TlsStream<S>, HandshakeError<S>>) -> Result<Self, Broken> {
        match result {
            Ok(stream) => Ok(Self::Open(stream)),
            Err(HandshakeError::WouldBlock(handshake)) => Ok(Self::Handshake(handshake)),
            Err(HandshakeError::Failure(error)) => Err(Broken { error: error.into(), refusal: None }),
        }
    }
}

impl<S: Read + Write + Send + 'static> Session<S> for State<S> {
    fn handshake(&mut self) -> Result<bool, Broken> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::Handshake(handshake) => Self::of(handshake.handshake())?,
            other => other,
        };
        Ok(matches!(self, Self::Open(_)))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(stream) => stream.read(buffer),
            Self::Handshake(_) | Self::Over => Ok(0),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(stream) => stream.write(bytes),
            Self::Handshake(_) | Self::Over => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn close(&mut self) {
        if let Self::Open(stream) = self {
            let _ = stream.shutdown();
        }
    }

    fn stream(&self) -> Option<&S> {
        match self {
            Self::Handshake(handshake) => Some(handshake.get_ref()),
            Self::Open(stream) => Some(stream.get_ref()),
            Self::Over => None,
        }
    }
}
