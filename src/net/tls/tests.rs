//! Sessions of each back end with a peer of OpenSSL's in the same thread: every byte that passes between is the test's to give, to hold
//! back, and to cut.

mod trust;

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use openssl::ssl::{Ssl, SslAcceptor, SslContextBuilder, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;

use super::*;
use crate::security::tls::certificates::{Authority, Issued, Leaf};
use crate::security::tls::{Named, Source, Tls, TlsBackend, TlsSettings, TlsVersion, each_backend};
use crate::sync::Mutex;

/// What is on its way in one direction.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    /// More than so many are not taken at once.
    room: usize,
    /// After so many in all comes the end.
    cut: usize,
    passed: usize,
}

impl Way {
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.passed >= self.cut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = (self.room - self.bytes.len()).min(bytes.len()).min(self.cut - self.passed);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.extend(&bytes[..room]);
        self.passed += room;
        Ok(room)
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.len().min(buffer.len());
        if count == 0 {
            return if self.passed >= self.cut { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        for (to, from) in buffer.iter_mut().zip(self.bytes.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

#[derive(Clone)]
struct Cable(Arc<Mutex<[Way; 2]>>);

impl Cable {
    fn new(room: usize, cut_out: usize, cut_in: usize) -> Self {
        let way = |cut| Way { room, cut, ..Way::default() };
        Self(Arc::new(Mutex::new([way(cut_out), way(cut_in)])))
    }

    /// Nothing more comes from the peer.
    fn hang_up(&self) {
        let back = &mut self.0.lock()[1];
        back.cut = back.passed;
    }

    fn passed(&self) -> [usize; 2] {
        let ways = self.0.lock();
        [ways[0].passed, ways[1].passed]
    }
}

/// Our end.
impl Stream for Cable {
    fn finish_connect(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock()[1].take(buffer)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.0.lock()[0].put(&bytes)
    }
}

/// The peer's end.
struct Far(Cable);

impl Read for Far {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.0.lock()[0].take(buffer)
    }
}

impl Write for Far {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock()[1].put(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(backend: TlsBackend, authority: &Authority) -> TlsSettings {
    TlsSettings {
        backend: named("tls_backend", backend),
        authorities: text("ssl_cafile", authority.pem()),
        authorities_password: named("ssl_truststore_password", None),
        certificate: None,
        key: None,
        store_password: named("ssl_keystore_password", None),
        password: named("ssl_password", None),
        revoked: None,
        ciphers: None,
        versions: named("ssl_enabled_protocols", TlsVersion::ALL.to_vec()),
        check_hostname: named("ssl_check_hostname", true),
        #[cfg(feature = "tls")]
        connector: None,
    }
}

fn named<T>(setting: &str, value: T) -> Named<T> {
    Named { setting: setting.to_owned(), value }
}

fn text(setting: &str, pem: String) -> Option<Named<Source>> {
    Some(named(setting, Source::Text(pem.into())))
}

fn stream(cable: &Cable, settings: TlsSettings, host: &str) -> TlsStream<Cable> {
    let connector = Tls::load(settings).unwrap().connector().clone();
    TlsStream::new(cable.clone(), connector, host)
}

/// A broker with that certificate, set up further by the test.
fn far(cable: &Cable, own: &Issued, set_up: impl FnOnce(&mut SslContextBuilder)) -> SslStream<Far> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_max_proto_version(None).unwrap();
    builder.set_certificate(&X509::from_pem(own.certificate.as_bytes()).unwrap()).unwrap();
    builder.set_private_key(&openssl::pkey::PKey::private_key_from_pem(own.key.as_bytes()).unwrap()).unwrap();
    set_up(&mut builder);
    SslStream::new(Ssl::new(builder.build().context()).unwrap(), Far(cable.clone())).unwrap()
}

/// The peer's part, until it would wait. If it gives up it also hangs up.
fn accept(far: &mut SslStream<Far>) {
    use openssl::ssl::ErrorCode;
    if let Err(error) = far.accept()
        && !matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
    {
        far.get_ref().0.hang_up();
    }
}

/// How often both sides have a turn before nothing more can come of it.
const TURNS: usize = 500;

/// Both sides shake hands; what comes of ours, after its first read.
fn connect(ours: &mut TlsStream<Cable>, far: &mut SslStream<Far>) -> io::Result<()> {
    for _ in 0..TURNS {
        accept(far);
        if ours.finish_connect()? {
            // With TLS 1.3 the broker's verdict on our certificate comes after the handshake.
            accept(far);
            return match ours.read(&mut [0; 100]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => panic!("nothing was said"),
                Err(error) => Err(error),
            };
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn broker(authority: &Authority) -> Issued {
    authority.issue(Leaf::default())
}

/// Bytes that differ wherever one looks.
fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// From a byte to 8 MiB, over a peer that reads 1 KiB at a time and a cable that holds little: what was encrypted before
/// would-block is offered again, and arrives once.
fn every_byte_arrives_once_and_in_order_however_it_is_cut(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for length in [1, 61, 4_096, 16_383, 16_384, 16_385, 100_000, 1 << 20, 8 << 20] {
            let cable = Cable::new(5_000, usize::MAX, usize::MAX);
            let mut ours = stream(&cable, settings(backend, &authority), "localhost");
            let mut far = far(&cable, &own, |builder| builder.set_max_proto_version(Some(version)).unwrap());
            connect(&mut ours, &mut far).unwrap();
            let mut random = fastrand::Rng::with_seed(length as u64);
            let sent = bytes(length);
            // The shape of requests: a small slice, large ones, small ones, cut the same each time.
            let mut slices = Vec::new();
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let most = [60, 200, 5_000, 16_384, 16_384, 40_000][random.usize(..6)];
                let (slice, others) = rest.split_at(most.min(rest.len()));
                slices.push(slice);
                rest = others;
            }
            let (mut gone, mut received, mut stuck) = (0, Vec::new(), 0);
            while received.len() < length {
                let mut offered = Vec::new();
                let mut before = 0;
                for slice in &slices {
                    let skipped = usize::saturating_sub(gone, before).min(slice.len());
                    before += slice.len();
                    if skipped < slice.len() && offered.len() < 64 {
                        offered.push(IoSlice::new(&slice[skipped..]));
                    }
                }
                // At times less than there is, as when more is only queued later.
                if gone == 0 && random.bool() {
                    offered.truncate(1);
                }
                if !offered.is_empty() {
                    match ours.write_vectored(&offered) {
                        Ok(count) => gone += count,
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
                    }
                }
                let mut buffer = [0; 1024];
                match far.read(&mut buffer) {
                    Ok(count) => {
                        received.extend_from_slice(&buffer[..count]);
                        stuck = 0;
                    }
                    Err(_) => stuck += 1,
                }
                assert!(stuck < 100, "nothing moves, {gone} of {length} gone");
            }
            assert!(received == sent && gone == length, "{length} bytes");
        }
    }
}

fn answers_are_read_to_the_last_byte_and_then_the_end(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut ours = stream(&cable, settings(backend, &authority), "localhost");
    let mut far = far(&cable, &broker(&authority), |_| {});
    connect(&mut ours, &mut far).unwrap();
    let sent = bytes(100_000);
    far.write_all(&sent).unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 700]);
    while received.len() < sent.len() {
        let count = ours.read(&mut buffer).unwrap();
        received.extend_from_slice(&buffer[..count]);
    }
    assert!(received == sent);
    assert_eq!(ours.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    far.shutdown().unwrap();
    assert_eq!(ours.read(&mut buffer).unwrap(), 0, "told");
    // Not told, as by a broker that is killed.
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut ours = stream(&cable, settings(backend, &authority), "localhost");
    let mut far = self::far(&cable, &broker(&authority), |_| {});
    connect(&mut ours, &mut far).unwrap();
    cable.hang_up();
    assert_eq!(ours.read(&mut buffer).unwrap(), 0);
}

/// A peer that goes at any byte of the handshake, in either direction, is an end that is told, never a hang or a panic.
fn a_handshake_that_is_cut_anywhere_comes_to_an_end(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut whole = stream(&cable, settings(backend, &authority), "localhost");
    connect(&mut whole, &mut far(&cable, &own, |_| {})).unwrap();
    let [out, back] = cable.passed();
    assert!(out > 300 && back > 500, "{out} {back}");
    let connector = Tls::load(settings(backend, &authority)).unwrap().connector().clone();
    for direction in [0, 1] {
        for cut in 0..[out, back][direction] {
            let cuts = if direction == 0 { [cut, usize::MAX] } else { [usize::MAX, cut] };
            let cable = Cable::new(1 << 20, cuts[0], cuts[1]);
            let mut ours = TlsStream::new(cable.clone(), connector.clone(), "localhost");
            let mut far = far(&cable, &own, |_| {});
            let end = connect(&mut ours, &mut far);
            let error = match end {
                Err(error) => error,
                // The last bytes of a peer are tickets, without which a session stands.
                Ok(()) => ours
                    .write_vectored(&[IoSlice::new(&[0; 100])])
                    .err()
                    .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            };
            assert!(error.kind() != io::ErrorKind::TimedOut, "{direction} {cut}: it hangs");
            // Several in a row without a word mean something; see below.
            let is_silent = error
                .to_string()
                .starts_with("the peer closed the connection at the start of the TLS handshake");
            let is_fatal = StreamFailure::of(&error).is_some_and(|failure| failure.is_fatal);
            assert!(is_silent || !is_fatal, "{direction} {cut}: {error}");
        }
    }
}

/// As a broker does on a port without TLS; once it may be one that is starting.
fn peers_that_hang_up_without_a_word_are_fatal_the_third_time(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let mut tls = Tls::load(settings(backend, &authority)).unwrap();
    let hang_up = |tls: &mut Tls| {
        let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
        let mut ours = TlsStream::new(cable.clone(), tls.connector().clone(), "localhost");
        assert!(!ours.finish_connect().unwrap());
        cable.hang_up();
        let error = ours.finish_connect().unwrap_err();
        let failure = StreamFailure::of(&error).unwrap();
        assert!(
            failure.cause.starts_with("the peer closed the connection at the start of the TLS handshake"),
            "{error}"
        );
        failure.is_fatal
    };
    assert_eq!([(); 4].map(|()| hang_up(&mut tls)), [false, false, true, true]);
    // A session that stands is another beginning.
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut ours = TlsStream::new(cable.clone(), tls.connector().clone(), "localhost");
    connect(&mut ours, &mut far(&cable, &broker(&authority), |_| {})).unwrap();
    assert!(!hang_up(&mut tls));
}

fn a_stream_that_is_dropped_tells_the_peer_so(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut ours = stream(&cable, settings(backend, &authority), "localhost");
    let mut far = far(&cable, &broker(&authority), |_| {});
    connect(&mut ours, &mut far).unwrap();
    drop(ours);
    assert_eq!(far.read(&mut [0; 10]).unwrap(), 0);
    assert!(far.get_shutdown().contains(openssl::ssl::ShutdownState::RECEIVED), "an end that nobody told");
}

/// Bytes that are no TLS come to an end too, whatever they are.
fn a_peer_that_does_not_speak_tls_is_told_of(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let connector = Tls::load(settings(backend, &authority)).unwrap().connector().clone();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..2000 {
        let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
        let mut ours = TlsStream::new(cable.clone(), connector.clone(), "localhost");
        assert!(!ours.finish_connect().unwrap());
        let length = random.usize(1..600);
        let answer: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        let answer = if round == 0 { b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec() } else { answer };
        cable.0.lock()[1].put(&answer).unwrap();
        cable.hang_up();
        let error = finish(&mut ours).unwrap_err();
        if round == 0 {
            assert_eq!(
                error.to_string(),
                "the response of the peer is not TLS: use the port of an SSL or SASL_SSL listener, or set \
                 security_protocol to the protocol of this port"
            );
        }
    }
}

fn finish(ours: &mut TlsStream<Cable>) -> io::Result<()> {
    for _ in 0..TURNS {
        if ours.finish_connect()? {
            return Ok(());
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// What comes of a session with a peer of that certificate; the text if nothing does.
fn refusal(
    settings: TlsSettings,
    host: &str,
    own: &Issued,
    set_up: impl FnOnce(&mut SslContextBuilder),
) -> Option<(String, bool)> {
    let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
    let mut ours = stream(&cable, settings, host);
    let error = connect(&mut ours, &mut far(&cable, own, set_up)).err()?;
    let is_fatal = StreamFailure::of(&error).is_some_and(|failure| failure.is_fatal);
    Some((error.to_string(), is_fatal))
}

fn fatal(text: &str) -> Option<(String, bool)> {
    Some((text.to_owned(), true))
}

fn a_host_is_looked_for_in_the_certificate(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let of = |hosts: &[&str]| authority.issue(Leaf { hosts, ..Leaf::default() });
    let both = of(&["localhost", "127.0.0.1", "::1"]);
    for host in ["localhost", "localhost.", "LOCALHOST", "127.0.0.1", "::1", "::1%eth0"] {
        assert_eq!(refusal(settings(backend, &authority), host, &both, |_| {}), None, "{host}");
    }
    let elsewhere = of(&["broker.example.org", "*.example.com", "10.0.0.1"]);
    assert_eq!(
        refusal(settings(backend, &authority), "localhost", &elsewhere, |_| {}),
        fatal(
            "the broker's certificate is not for 'localhost' but for 'broker.example.org', '*.example.com', \
             '10.0.0.1'; use a name from the certificate in bootstrap_servers and in the broker's advertised.listeners, \
             or add 'localhost' to the certificate"
        )
    );
    let (text, _) = refusal(settings(backend, &authority), "127.0.0.1", &of(&[]), |_| {}).unwrap();
    let expected = match backend {
        TlsBackend::Rustls => {
            "the broker's certificate has the CN 'broker' and no subjectAltName, and rustls looks for"
        }
        _ => "the broker's certificate is not for '127.0.0.1' but for 'broker'; ",
    };
    assert!(text.starts_with(expected), "{text}");
    assert!(!text.contains("ssl_check_hostname"), "that is what who stands in between wants: {text}");
    let unchecked =
        TlsSettings { check_hostname: named("ssl_check_hostname", false), ..settings(backend, &authority) };
    assert_eq!(refusal(unchecked.clone(), "localhost", &elsewhere, |_| {}), None);
    // The chain is checked all the same.
    for hosts in [&["localhost"][..], &["broker.example.org"]] {
        let stranger = Authority::new("other").issue(Leaf { hosts, ..Leaf::default() });
        let (text, _) = refusal(unchecked.clone(), "localhost", &stranger, |_| {}).unwrap();
        assert!(
            text.starts_with("the certificate 'CN=broker' of the broker was issued by 'CN=other'"),
            "{text}"
        );
    }
}

/// The name that is asked for, as a server of many names needs it.
fn the_host_is_told_unless_it_is_an_address(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    for (host, told) in [("localhost.", Some("localhost")), ("127.0.0.1", None)] {
        let cable = Cable::new(1 << 20, usize::MAX, usize::MAX);
        let mut ours = stream(&cable, settings(backend, &authority), host);
        let mut far = far(&cable, &own, |_| {});
        connect(&mut ours, &mut far).unwrap();
        assert_eq!(far.ssl().servername(openssl::ssl::NameType::HOST_NAME), told);
    }
}

fn a_certificate_that_is_refused_is_told_of_with_the_remedy(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let refused = |leaf| refusal(settings(backend, &authority), "localhost", &authority.issue(leaf), |_| {});
    assert_eq!(
        refused(Leaf { name: "old", valid: (2020, 2021), ..Leaf::default() }),
        fatal(
            "the certificate 'CN=old' of the broker has expired (valid until Jan  1 00:00:00 2021 GMT); renew the \
             certificate, or check this machine's clock"
        )
    );
    assert_eq!(
        refused(Leaf { name: "new", valid: (2080, 2090), ..Leaf::default() }),
        fatal(
            "the certificate 'CN=new' of the broker is not valid before Jan  1 00:00:00 2080 GMT; check the clocks of \
             this machine and of the broker"
        )
    );
    let stranger = Authority::new("other").issue(Leaf::default());
    assert_eq!(
        refusal(settings(backend, &authority), "localhost", &stranger, |_| {}),
        fatal(
            "the certificate 'CN=broker' of the broker was issued by 'CN=other', which is not in ssl_cafile; add the \
             certificate of this CA"
        )
    );
    let of_the_system = TlsSettings { authorities: None, ..settings(backend, &authority) };
    assert_eq!(
        refusal(of_the_system, "localhost", &stranger, |_| {}),
        fatal(
            "the certificate 'CN=broker' of the broker was issued by 'CN=other', which this system does not trust; set \
             ssl_cafile to the certificate of this CA"
        )
    );
}

fn a_broker_that_wants_a_certificate_says_so_in_every_version(backend: TlsBackend) {
    let (authority, clients) = (Authority::new("ca"), Authority::new("clients"));
    let (own, client) = (broker(&authority), clients.issue(Leaf { name: "client", ..Leaf::default() }));
    let stranger = authority.issue(Leaf { name: "stranger", ..Leaf::default() });
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let wants = |builder: &mut SslContextBuilder| {
            builder.set_max_proto_version(Some(version)).unwrap();
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
            let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
            store.add_cert(X509::from_pem(clients.pem().as_bytes()).unwrap()).unwrap();
            builder.set_verify_cert_store(store.build()).unwrap();
        };
        let with = |issued: &Issued| TlsSettings {
            certificate: text("ssl_certfile", issued.certificate.clone()),
            key: text("ssl_keyfile", issued.key.clone()),
            ..settings(backend, &authority)
        };
        assert_eq!(refusal(with(&client), "localhost", &own, wants), None);
        let alert = if version == SslVersion::TLS1_3 {
            "certificate_required (116)"
        } else {
            "handshake_failure (40)"
        };
        let (missing, is_fatal) = refusal(settings(backend, &authority), "localhost", &own, wants).unwrap();
        assert!(
            is_fatal
                && missing.contains(&format!("no certificate is set: the broker sent the TLS alert {alert}")),
            "{missing}"
        );
        assert_eq!(
            refusal(with(&stranger), "localhost", &own, wants),
            fatal(
                "the broker does not trust the CA of the certificate in ssl_certfile: the broker sent the TLS alert \
                 unknown_ca (48); use a certificate that was issued by a CA in the broker's ssl.truststore.location"
            )
        );
    }
}

fn versions_and_ciphers_that_do_not_meet_are_told_of(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    let only = |ciphers: &str| TlsSettings {
        ciphers: Some(named("ssl_ciphers", ciphers.to_owned())),
        ..settings(backend, &authority)
    };
    let before = |builder: &mut SslContextBuilder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list("ECDHE-ECDSA-AES256-GCM-SHA384").unwrap();
    };
    assert_eq!(refusal(only("ECDHE-ECDSA-AES256-GCM-SHA384"), "localhost", &own, before), None);
    assert_eq!(refusal(only("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), "localhost", &own, before), None);
    let (text, is_fatal) = refusal(only("ECDHE-ECDSA-AES128-GCM-SHA256"), "localhost", &own, before).unwrap();
    assert!(
        is_fatal
            && text.starts_with(
                "the broker accepts no cipher of this client, or the broker requires a client certificate"
            ),
        "{text}"
    );
    assert_eq!(
        refusal(only("TLS_AES_128_GCM_SHA256"), "localhost", &own, before),
        fatal(
            "the broker accepts neither TLS 1.2 nor TLS 1.3 from this client: the broker sent the TLS alert \
             protocol_version (70); see the broker's ssl.enabled.protocols and ssl_ciphers"
        )
    );
}

fn only_the_versions_that_are_enabled_are_offered(backend: TlsBackend) {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    let only = |version| TlsSettings {
        versions: named("ssl_enabled_protocols", vec![version]),
        ..settings(backend, &authority)
    };
    let before =
        |builder: &mut SslContextBuilder| builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    let after =
        |builder: &mut SslContextBuilder| builder.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
    let is_refused = |version, setup: &dyn Fn(&mut SslContextBuilder)| {
        refusal(only(version), "localhost", &own, setup).map(|(text, is_fatal)| {
            assert!(
                text.starts_with("the broker accepts neither TLS 1.2 nor TLS 1.3 from this client"),
                "{text}"
            );
            assert!(is_fatal, "{text}");
        })
    };
    assert_eq!(is_refused(TlsVersion::Tls12, &before), None);
    assert_eq!(is_refused(TlsVersion::Tls13, &after), None);
    assert_eq!(is_refused(TlsVersion::Tls13, &before), Some(()));
    assert_eq!(is_refused(TlsVersion::Tls12, &after), Some(()));
}

each_backend! {
    every_byte_arrives_once_and_in_order_however_it_is_cut,
    answers_are_read_to_the_last_byte_and_then_the_end,
    a_handshake_that_is_cut_anywhere_comes_to_an_end,
    peers_that_hang_up_without_a_word_are_fatal_the_third_time,
    a_stream_that_is_dropped_tells_the_peer_so,
    a_peer_that_does_not_speak_tls_is_told_of,
    a_host_is_looked_for_in_the_certificate,
    the_host_is_told_unless_it_is_an_address,
    a_certificate_that_is_refused_is_told_of_with_the_remedy,
    a_broker_that_wants_a_certificate_says_so_in_every_version,
    versions_and_ciphers_that_do_not_meet_are_told_of,
    only_the_versions_that_are_enabled_are_offered,
}

/// As a program has it that must set up more than we know of.
#[test]
#[cfg(feature = "tls")]
fn a_ready_connector_decides_for_itself() {
    let authority = Authority::new("ca");
    let own = broker(&authority);
    let root = native_tls::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let mut builder = native_tls::TlsConnector::builder();
    builder.disable_built_in_roots(true).add_root_certificate(root);
    let ready = TlsSettings {
        connector: Some(builder.build().unwrap()),
        authorities: None,
        ..settings(TlsBackend::NativeTls, &authority)
    };
    assert_eq!(refusal(ready.clone(), "localhost.", &own, |_| {}), None);
    let stranger = Authority::new("other").issue(Leaf::default());
    let (text, is_fatal) = refusal(ready, "localhost", &stranger, |_| {}).unwrap();
    assert!(is_fatal && text.contains("certificate"), "{text}");
}

/// Else a password would stay in the memory that was too small, which nobody wipes.
#[test]
fn what_is_gathered_is_never_moved() {
    let short: Vec<_> = (0..3).map(|_| IoSlice::new(b"hunter2")).collect();
    let long: Vec<_> = (0..RECORD).map(|_| IoSlice::new(b"hunter2")).collect();
    let mut gathered = Vec::new();
    let mut capacity_after = |slices: &[IoSlice<'_>]| {
        let length = slices.iter().map(|slice| slice.len()).sum();
        assert!(!Rest { slices, offset: 0, length }.next_piece(RECORD, &mut gathered).is_empty());
        gathered.capacity()
    };
    assert_eq!(capacity_after(&short), capacity_after(&long));
}
