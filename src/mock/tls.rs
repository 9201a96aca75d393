//! The broker's side of TLS, without a socket: bytes of the wire in, bytes of the connection out, and back.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

#[cfg(not(any(windows, target_vendor = "apple")))]
use self::by_openssl as library;
#[cfg(any(windows, target_vendor = "apple"))]
use self::by_system as library;
use crate::security::Secret;

/// Who the brokers are, and whom they take. All of it is PEM.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: Secret,
    /// Who has issued the certificates that clients must have.
    pub(super) client_ca: Option<String>,
}

/// Begins sessions.
#[derive(Clone)]
pub(super) struct Acceptor(library::Acceptor);

impl Acceptor {
    pub(super) fn new(identity: &Identity) -> Result<Self, String> {
        library::acceptor(identity).map(Self)
    }

    pub(super) fn begin(&self) -> io::Result<Session> {
        library::begin(&self.0).map(|state| Session { state })
    }
}

/// One connection's session.
pub(super) struct Session {
    state: library::State,
}

impl Session {
    /// Takes bytes of the wire, and hands on what they say. Behind an error nothing more can be had;
    /// [`take_outgoing`](Self::take_outgoing) may have a last word about it.
    pub(super) fn receive(&mut self, bytes: &[u8], mut hand_on: impl FnMut(&[u8])) -> io::Result<()> {
        self.state.wire().come.extend(bytes);
        match self.state.handshake() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                // Java's TLS responds to bytes that are not TLS. OpenSSL only closes the connection.
                let going = &mut self.state.wire().going;
                if going.is_empty() {
                    going.extend(UNEXPECTED_MESSAGE);
                }
                return Err(error);
            }
        }
        let mut plain = vec![0; 16 * 1024];
        loop {
            match self.state.stream()?.read(&mut plain) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => hand_on(&plain[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn send(&mut self, plain: &[u8]) -> io::Result<()> {
        self.state.stream()?.write_all(plain)
    }

    /// Says that nothing more comes.
    pub(super) fn close(&mut self) {
        self.state.close();
    }

    /// What has to go over the wire now.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.state.wire().going)
    }
}

/// A fatal alert (RFC 8446, section 6): record type, version, length, level, description.
const UNEXPECTED_MESSAGE: [u8; 7] = [21, 3, 3, 0, 2, 2, 10];

/// Where a socket would be.
#[derive(Debug, Default)]
struct Wire {
    come: VecDeque<u8>,
    going: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.come.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.going.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
mod by_openssl {
    use std::io;

    use openssl::error::ErrorStack;
    use openssl::pkey::PKey;
    use openssl::ssl::{ErrorCode, Ssl, SslAcceptor, SslMethod, SslStream, SslVerifyMode};
    use openssl::x509::X509;
    use openssl::x509::store::X509StoreBuilder;

    use super::{Identity, Wire};

    pub(super) type Acceptor = SslAcceptor;

    pub(super) struct State {
        stream: SslStream<Wire>,
        is_open: bool,
    }

    pub(super) fn acceptor(identity: &Identity) -> Result<Acceptor, String> {
        let say = |what: &'static str| move |error: ErrorStack| format!("{what} can't be used: {error}");
        let chain = X509::stack_from_pem(identity.certificate.as_bytes()).map_err(say("the certificate"))?;
        let (own, issuers) = chain.split_first().ok_or("the PEM string contains no certificate")?;
        let key = PKey::private_key_from_pem(identity.key.bytes()).map_err(say("the key"))?;
        let build = || -> Result<Acceptor, ErrorStack> {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
            builder.set_certificate(own)?;
            for issuer in issuers {
                builder.add_extra_chain_cert(issuer.clone())?;
            }
            builder.set_private_key(&key)?;
            builder.check_private_key()?;
            if let Some(authorities) = &identity.client_ca {
                let mut store = X509StoreBuilder::new()?;
                for authority in X509::stack_from_pem(authorities.as_bytes())? {
                    builder.add_client_ca(&authority)?;
                    store.add_cert(authority)?;
                }
                builder.set_verify_cert_store(store.build())?;
                builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
                // Without it no session may be resumed whose client was looked at.
                builder.set_session_id_context(b"mock")?;
            }
            Ok(builder.build())
        };
        build().map_err(say("the certificate with its key"))
    }

    pub(super) fn begin(acceptor: &Acceptor) -> io::Result<State> {
        let stream = SslStream::new(Ssl::new(acceptor.context())?, Wire::default())?;
        Ok(State { stream, is_open: false })
    }

    impl State {
        pub(super) fn wire(&mut self) -> &mut Wire {
            self.stream.get_mut()
        }

        /// Whether it is done.
        pub(super) fn handshake(&mut self) -> io::Result<bool> {
            if !self.is_open {
                match self.stream.accept() {
                    Ok(()) => self.is_open = true,
                    Err(error) if error.code() == ErrorCode::WANT_READ => {}
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            Ok(self.is_open)
        }

        pub(super) fn stream(&mut self) -> io::Result<&mut SslStream<Wire>> {
            if self.is_open { Ok(&mut self.stream) } else { Err(io::ErrorKind::NotConnected.into()) }
        }

        pub(super) fn close(&mut self) {
            // An error means that it has never been open.
            let _ = self.stream.shutdown();
        }
    }
}

#[cfg(any(windows, target_vendor = "apple"))]
mod by_system {
    use std::io;

    use native_tls::{HandshakeError, MidHandshakeTlsStream, TlsAcceptor, TlsStream};

    use super::{Identity, Wire};

    pub(super) type Acceptor = TlsAcceptor;

    pub(super) enum State {
        Begun(Acceptor, Wire),
        Handshake(MidHandshakeTlsStream<Wire>),
        Open(TlsStream<Wire>),
        Over(Wire),
    }

    pub(super) fn acceptor(identity: &Identity) -> Result<Acceptor, String> {
        if identity.client_ca.is_some() {
            return Err("this system's TLS can't require client certificates".to_owned());
        }
        let own = native_tls::Identity::from_pkcs8(identity.certificate.as_bytes(), identity.key.bytes());
        let own = own.map_err(|error| format!("the certificate with its key can't be used: {error}"))?;
        TlsAcceptor::new(own).map_err(|error| format!("this system's TLS can't be used: {error}"))
    }

    pub(super) fn begin(acceptor: &Acceptor) -> io::Result<State> {
        Ok(State::Begun(acceptor.clone(), Wire::default()))
    }

    impl State {
        pub(super) fn wire(&mut self) -> &mut Wire {
            match self {
                Self::Begun(_, wire) | Self::Over(wire) => wire,
                Self::Handshake(handshake) => handshake.get_mut(),
                Self::Open(stream) => stream.get_mut(),
            }
        }

        /// Whether it is done.
        pub(super) fn handshake(&mut self) -> io::Result<bool> {
            let result = match std::mem::replace(self, Self::Over(Wire::default())) {
                Self::Begun(acceptor, wire) => acceptor.accept(wire),
                Self::Handshake(handshake) => handshake.handshake(),
                Self::Open(stream) => Ok(stream),
                Self::Over(wire) => {
                    *self = Self::Over(wire);
                    return Err(io::ErrorKind::NotConnected.into());
                }
            };
            match result {
                Ok(stream) => *self = Self::Open(stream),
                Err(HandshakeError::WouldBlock(handshake)) => *self = Self::Handshake(handshake),
                Err(HandshakeError::Failure(error)) => return Err(io::Error::other(error)),
            }
            Ok(matches!(self, Self::Open(_)))
        }

        pub(super) fn stream(&mut self) -> io::Result<&mut TlsStream<Wire>> {
            match self {
                Self::Open(stream) => Ok(stream),
                _ => Err(io::ErrorKind::NotConnected.into()),
            }
        }

        pub(super) fn close(&mut self) {
            if let Self::Open(stream) = self {
                // An error means that it is closed already.
                let _ = stream.shutdown();
            }
        }
    }
}
