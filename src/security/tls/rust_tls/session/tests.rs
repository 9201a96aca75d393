//! With a peer of rustls' own, which can ask for what OpenSSL's does not.

use std::collections::VecDeque;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::security::tls::certificates::{Authority, Leaf};

/// A stream and what lies in it.
#[derive(Default)]
struct Cable {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
    /// So much more goes out.
    room: usize,
}

impl Read for Cable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Cable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.outgoing.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has gone out reaches the peer, and the peer's reaches us.
fn exchange(ours: &mut RustlsSession<Cable>, far: &mut ServerConnection) -> Vec<u8> {
    let sent = std::mem::take(&mut ours.stream.outgoing);
    let (mut sent, mut received) = (&sent[..], Vec::new());
    while !sent.is_empty() {
        far.read_tls(&mut sent).unwrap();
        far.process_new_packets().unwrap();
        let _ = far.reader().read_to_end(&mut received);
    }
    while far.wants_write() {
        far.write_tls(&mut ours.stream.incoming).unwrap();
    }
    received
}

fn connected() -> (RustlsSession<Cable>, ServerConnection) {
    let authority = Authority::new("ca");
    let own = authority.issue(Leaf::default());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), host).unwrap();
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let mut far = ServerConnection::new(Arc::new(config)).unwrap();
    let stream = Cable { room: usize::MAX, ..Cable::default() };
    let mut ours = RustlsSession { connection, stream, taken: 0, refusal: Noted::default() };
    for _ in 0..3 {
        let _ = ours.handshake().unwrap_or_else(|broken| panic!("{}", broken.error));
        exchange(&mut ours, &mut far);
    }
    assert!(ours.handshake().is_ok_and(|is_open| is_open));
    (ours, far)
}

fn is_blocked(result: io::Result<usize>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Nobody comes back for what is told as written, so nothing of that is left; and offering it again adds nothing.
#[test]
fn a_record_is_told_as_written_when_all_of_it_has_gone() {
    let (mut ours, mut far) = connected();
    let sent = vec![7; 100_000];
    ours.stream.room = 10_000;
    for _ in 0..5 {
        assert!(is_blocked(ours.write(&sent)));
        assert_eq!(ours.stream.outgoing.len(), 10_000);
    }
    ours.stream.room = 10_000;
    assert_eq!(ours.write(&sent).unwrap(), RECORD);
    assert!(!ours.connection.wants_write());
    assert!((RECORD..RECORD + 100).contains(&ours.stream.outgoing.len()), "{}", ours.stream.outgoing.len());
    assert_eq!(exchange(&mut ours, &mut far), &sent[..RECORD]);
}

/// What rustls says by itself, here that it has new keys too (RFC 8446, 4.6.3), goes out before the next record and
/// counts as none of its bytes.
#[test]
fn an_answer_of_rustls_own_goes_out_with_what_is_written() {
    let (mut ours, mut far) = connected();
    far.refresh_traffic_keys().unwrap();
    exchange(&mut ours, &mut far);
    assert!(is_blocked(ours.read(&mut [0; 10])));
    ours.stream.room = 3;
    assert!(is_blocked(ours.write(b"hello")));
    ours.stream.room = usize::MAX;
    assert_eq!(ours.write(b"hello").unwrap(), 5);
    assert_eq!(exchange(&mut ours, &mut far), b"hello");
    // With the new keys.
    assert_eq!(ours.write(b"again").unwrap(), 5);
    assert_eq!(exchange(&mut ours, &mut far), b"again");
}

/// Of an error the peer learns by an alert, which goes out by itself.
#[test]
fn a_peer_that_breaks_off_is_told_why() {
    let (mut ours, _far) = connected();
    ours.stream.incoming.extend([23, 3, 3, 0, 32].into_iter().chain([0; 32]));
    let error = ours.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(!ours.connection.wants_write() && !ours.stream.outgoing.is_empty());
    assert!(ours.write(b"more").is_err(), "it is over");
}

/// An alert that finds no room waits for it, and reading is tried again then.
#[test]
fn an_answer_that_finds_no_room_makes_the_read_wait_for_it() {
    let (mut ours, _far) = connected();
    ours.stream.room = 0;
    ours.connection.send_close_notify();
    assert!(is_blocked(ours.read(&mut [0; 10])) && ours.connection.wants_write());
    ours.stream.room = usize::MAX;
    assert!(is_blocked(ours.read(&mut [0; 10])) && !ours.connection.wants_write());
}
