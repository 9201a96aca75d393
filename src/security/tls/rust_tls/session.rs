//! A session of rustls on a stream that may read and write only a part.

use std::error::Error as StdError;
use std::io::{self, Read, Write};

use rustls::{ClientConnection, Error, InvalidMessage};

use super::verifier::Noted;
use crate::security::tls::reason::Reason;
use crate::security::tls::session::{Broken, Session};

pub(super) struct RustlsSession<S> {
    pub(super) connection: ClientConnection,
    pub(super) stream: S,
    /// The number of bytes of the write that returned would-block. rustls has encrypted them, and not all is sent.
    pub(super) taken: usize,
    pub(super) refusal: Noted,
}

impl<S: Read + Write + Send> Session<S> for RustlsSession<S> {
    fn handshake(&mut self) -> Result<bool, Broken> {
        match self.shake_hands() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Broken { error: error.into(), refusal: self.refusal.lock().take() }),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that is killed does not close the session.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            match self.receive() {
                // Answers that rustls makes by itself are sent too. If that is not possible, the read waits until the stream
                // is writable. If a record is only partly sent, the next write sends them.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.taken == 0 => {
                    self.send()?;
                    return Err(error);
                }
                other => other?,
            };
        }
    }

    /// Writes one record at a time. It counts as written when the stream has all of it. Otherwise bytes could stay in
    /// rustls' buffer, and no later call would send them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.taken == 0 {
            self.send()?;
            self.taken = self.connection.writer().write(&bytes[..bytes.len().min(RECORD)])?;
        }
        self.send()?;
        Ok(std::mem::take(&mut self.taken))
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
        let _ = self.send();
    }

    fn stream(&self) -> Option<&S> {
        Some(&self.stream)
    }
}

impl<S: Read + Write> RustlsSession<S> {
    fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            self.send()?;
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            if self.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads from the stream once.
    fn receive(&mut self) -> io::Result<usize> {
        let count = loop {
            match self.connection.read_tls(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if let Err(error) = self.connection.process_new_packets() {
            // An alert tells the peer the reason. It is sent only if that is possible at once.
            let _ = self.send();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    /// Writes all encrypted bytes to the stream.
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The reason in `error`, if it is an error of rustls.
pub(crate) fn reason(error: &(dyn StdError + 'static)) -> Option<Reason> {
    Some(match error.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Reason::Alert(u8::from(*alert).into()),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge,
        ) => Reason::NotTls,
        Error::PeerIncompatible(why) => Reason::NothingInCommon(format!("{why:?}")),
        Error::InvalidCertificate(why) => Reason::Certificate(why.to_string()),
        Error::NoCertificatesPresented => Reason::Certificate("the broker sent no certificate".to_owned()),
        Error::General(text) => Reason::Local(text.clone()),
        other => Reason::Local(other.to_string()),
    })
}

/// The largest content of a TLS record.
const RECORD: usize = 16 * 1024;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
