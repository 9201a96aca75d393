//! A session of rustls on a stream that may take and give a part only.

use std::error::Error as StdError;
use std::io::{self, Read, Write};

use rustls::{ClientConnection, Error, InvalidMessage};

use super::verifier::Noted;
use crate::security::tls::reason::Reason;
use crate::security::tls::session::{Broken, Session};

pub(super) struct RustlsSession<S> {
    pub(super) connection: ClientConnection,
    pub(super) stream: S,
    /// Bytes of the write that said would-block: rustls has them, encrypted, and not all of that has gone.
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
                // Who is killed tells nothing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            match self.receive() {
                // What rustls answers by itself goes out as well. If it can't, whoever reads waits for room to write;
                // behind a record that is on its way it goes with the next write.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.taken == 0 => {
                    self.send()?;
                    return Err(error);
                }
                other => other?,
            };
        }
    }

    /// One record at a time, which is told as written when the stream has all of it: nothing stays behind in rustls'
    /// buffer, for which nobody would come back.
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

    /// Takes in what the stream has, once.
    fn receive(&mut self) -> io::Result<usize> {
        let count = loop {
            match self.connection.read_tls(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if let Err(error) = self.connection.process_new_packets() {
            // An alert tells the peer why. Nobody waits for it.
            let _ = self.send();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    /// Gives the stream all that is encrypted.
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

/// What `error` says, if it is one of rustls'.
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
        Error::NoCertificatesPresented => Reason::Certificate("there is none".to_owned()),
        Error::General(text) => Reason::Local(text.clone()),
        other => Reason::Local(other.to_string()),
    })
}

/// The most that a record of TLS carries.
const RECORD: usize = 16 * 1024;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
