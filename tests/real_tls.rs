//! Real brokers by TLS, with each back end: records arrive whole, and who is refused reads why.
#![cfg(all(feature = "_real-brokers", any(feature = "tls", feature = "rustls")))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]

#[path = "support/each_backend.rs"]
mod each_backend;
mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use each_backend::each_backend;
use kafka_producer::{
    ErrorKind, KafkaProducer, ProducerConfig, ProducerRecord, SecurityProtocol, TlsBackend,
};
use support::certificates::{Authority, Issued, Leaf};
use support::clock::{Stopwatch, pause};
use support::kafka::Cluster;
use support::numbered;
use support::proxy::Proxy;

const RECORDS: usize = 100_000;
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);
/// Java takes no shorter one; the harness has set it for every listener.
const PASSWORD: &str = "secret";

/// A broker with a listener for each kind of certificate, and what is needed to be known to it.
struct World {
    cluster: Cluster,
    dir: PathBuf,
    client: Issued,
    /// With a key of RSA, which has a form of its own.
    rsa_client: Issued,
}

/// One for all tests. Starts cost seconds, and who comes while another uses it shares it.
fn world() -> Arc<World> {
    static WORLD: Mutex<Weak<World>> = Mutex::new(Weak::new());
    let mut weak = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    weak.upgrade().unwrap_or_else(|| {
        let world = Arc::new(World::start());
        *weak = Arc::downgrade(&world);
        world
    })
}

impl World {
    fn start() -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("real-tls-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (authority, other) = (Authority::new("ca"), Authority::new("otherca"));
        fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
        fs::write(dir.join("otherca.pem"), other.pem()).unwrap();
        fs::write(dir.join("crl.pem"), authority.revoked(&[99])).unwrap();
        let client = authority.issue(Leaf { name: "client", hosts: &[], ..Leaf::default() });
        fs::write(dir.join("client.pem"), &client.certificate).unwrap();
        fs::write(dir.join("client.key"), &client.key).unwrap();
        let rsa_client = authority.issue_rsa(Leaf { name: "rsa-client", hosts: &[], ..Leaf::default() });
        fs::write(dir.join("rsa-client.pem"), &rsa_client.certificate).unwrap();
        let stranger = other.issue(Leaf { name: "stranger", hosts: &[], ..Leaf::default() });
        fs::write(dir.join("stranger.pem"), stranger.both()).unwrap();
        let mut builder = Cluster::builder(1);
        for (listener, leaf) in [
            ("TLS", Leaf::default()),
            ("MTLS", Leaf::default()),
            ("WRONG", Leaf { name: "wrong", hosts: &["broker.example.org"], ..Leaf::default() }),
            ("EXPIRED", Leaf { name: "expired", valid: (2020, 2021), ..Leaf::default() }),
            ("REVOKED", Leaf { name: "revoked", serial: 99, ..Leaf::default() }),
        ] {
            let store = dir.join(format!("{listener}.p12"));
            fs::write(&store, authority.issue(leaf).pkcs12(PASSWORD)).unwrap();
            let property = |name: &str| format!("listener.name.{}.ssl.{name}", listener.to_lowercase());
            builder = builder
                .listener(listener, "SSL")
                .property(&property("keystore.location"), &store.to_string_lossy())
                .property(&property("keystore.type"), "PKCS12");
        }
        let cluster = builder
            .property("listener.name.mtls.ssl.client.auth", "required")
            .property("listener.name.mtls.ssl.truststore.type", "PEM")
            .property("listener.name.mtls.ssl.truststore.location", &dir.join("ca.pem").to_string_lossy())
            .start();
        Self { cluster, dir, client, rsa_client }
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    fn servers(&self, listener: &str) -> String {
        self.cluster.bootstrap_servers_of(listener)
    }

    /// What a listener of TLS needs at least, as a text has it.
    fn config(&self, backend: TlsBackend, listener: &str, more: &[(&str, &str)]) -> ProducerConfig {
        let (servers, ca) = (self.servers(listener), self.file("ca.pem"));
        let mut pairs = vec![("bootstrap.servers", servers.as_str()), ("ssl.ca.location", &ca)];
        pairs.extend(more);
        ProducerConfig::from_pairs(pairs).unwrap().tls_backend(backend)
    }

    /// One record by it, read back.
    fn carries(&self, topic: &str, config: ProducerConfig) {
        let producer = config.build().unwrap();
        let future = producer.send(ProducerRecord::to(topic).value(topic)).unwrap();
        assert_eq!(future.get(PATIENCE).unwrap().offset(), Some(0), "{topic}");
        let read = self.cluster.read_back(topic);
        assert_eq!(
            read.iter().map(|record| record.value.as_deref()).collect::<Vec<_>>(),
            [Some(topic.as_bytes())]
        );
    }

    fn carries_many(&self, topic: &str, config: ProducerConfig) {
        self.cluster.create_topic(topic, PARTITIONS, 1, &[]);
        numbered::send(config.build().unwrap(), topic, RECORDS);
        numbered::assert_stored_once(&self.cluster, topic, RECORDS);
    }

    /// What whoever waits reads, at once.
    #[track_caller]
    fn refusal(&self, listener: &str, config: ProducerConfig) -> String {
        let proxy = Proxy::start();
        proxy.lead_to(self.cluster.address_of(1, listener));
        let producer = config.bootstrap_servers([proxy.address().to_string()]).build().unwrap();
        let watch = Stopwatch::start();
        let error = producer.send(ProducerRecord::to("refused").value("v")).unwrap_err();
        assert!(watch.elapsed() < Duration::from_secs(2), "{:?}: {error}", watch.elapsed());
        assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "{error:?}");
        let text = error.to_string();
        #[allow(clippy::print_stdout, reason = "shows the text as users see it")]
        {
            println!("{text}");
        }
        // The back-off of a broker that somebody needs begins at 50 ms and doubles: 0, 50, 150, 350, 750 ms.
        pause(Duration::from_secs(1));
        let attempts = proxy.connections();
        assert!((1..=7).contains(&attempts), "{attempts} attempts in a second");
        let where_from = format!(
            "a broker can't be used with this configuration: {} (from bootstrap_servers) at TLS: ",
            proxy.address()
        );
        text.strip_prefix(&where_from).unwrap_or_else(|| panic!("{text}")).to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

each_backend! {
    ssl_carries_what_was_sent,
    mutual_ssl_carries_what_was_sent,
    a_large_record_arrives_whole,
    keys_of_every_form_are_taken,
    a_broker_that_is_not_trusted_is_told_of,
    who_turns_a_check_off_is_let_through,
    a_client_without_a_certificate_is_told_of,
    a_port_without_tls_is_told_of,
}

fn ssl_carries_what_was_sent(backend: TlsBackend) {
    let world = world();
    world.carries_many(&format!("ssl-{backend}"), world.config(backend, "TLS", &[]));
}

/// As kafka-python's tutorials have it: three files, and nothing said of the protocol.
fn mutual_ssl_carries_what_was_sent(backend: TlsBackend) {
    let world = world();
    let config = KafkaProducer::builder()
        .tls_backend(backend)
        .bootstrap_servers([world.servers("MTLS")])
        .ssl_cafile(world.file("ca.pem"))
        .ssl_certfile(world.file("client.pem"))
        .ssl_keyfile(world.file("client.key"));
    world.carries_many(&format!("mutual-ssl-{backend}"), config);
}

/// A record of 8 MiB, larger than any buffer on the way.
fn a_large_record_arrives_whole(backend: TlsBackend) {
    let world = world();
    let topic = format!("large-{backend}");
    world.cluster.create_topic(&topic, 1, 1, &[("max.message.bytes", "10000000")]);
    let value: Vec<u8> = (0..8_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let producer = world.config(backend, "TLS", &[("max.request.size", "10000000")]).build().unwrap();
    producer.send(ProducerRecord::to(&topic).value(&value)).unwrap().get(PATIENCE).unwrap();
    assert!(world.cluster.read_back(&topic)[0].value.as_ref() == Some(&value));
}

fn keys_of_every_form_are_taken(backend: TlsBackend) {
    let world = world();
    let client = &world.client;
    let mut forms = vec![
        ("pkcs1", "rsa-client.pem", world.rsa_client.pkcs1_key(), None),
        ("sec1", "client.pem", client.sec1_key(), None),
    ];
    // rustls refuses the others when the producer is built.
    if backend == TlsBackend::NativeTls {
        let password = Some("hunter2");
        forms.push(("pkcs8-encrypted", "client.pem", client.encrypted_key("hunter2"), password));
        forms.push(("sec1-encrypted", "client.pem", client.encrypted_sec1_key("hunter2"), password));
    }
    for (form, certificate, key, password) in forms {
        let name = format!("{form}-{backend}");
        fs::write(world.dir.join(&name), key).unwrap();
        let (certificate, key) = (world.file(certificate), world.file(&name));
        let mut pairs = vec![("ssl_certfile", certificate.as_str()), ("ssl_keyfile", &key)];
        pairs.extend(password.map(|password| ("ssl_password", password)));
        world.carries(&name, world.config(backend, "MTLS", &pairs));
    }
    let both =
        [("ssl.keystore.key", client.key.as_str()), ("ssl.keystore.certificate.chain", &client.certificate)];
    world.carries(&format!("pem-in-memory-{backend}"), world.config(backend, "MTLS", &both));
    if backend == TlsBackend::NativeTls {
        fs::write(world.dir.join("client.p12"), client.pkcs12(PASSWORD)).unwrap();
        let archive = world.file("client.p12");
        let java = [("ssl.keystore.location", archive.as_str()), ("ssl.keystore.password", PASSWORD)];
        world.carries("pkcs12", world.config(backend, "MTLS", &java));
    }
}

fn a_broker_that_is_not_trusted_is_told_of(backend: TlsBackend) {
    let world = world();
    let other = world.file("otherca.pem");
    let config = KafkaProducer::builder()
        .tls_backend(backend)
        .bootstrap_servers([world.servers("TLS")])
        .ssl_cafile(&other);
    assert_eq!(
        world.refusal("TLS", config),
        format!(
            "the certificate 'CN=broker' of the broker was issued by 'CN=ca', which is not in ssl_cafile '{other}'; \
             add the certificate of this CA"
        )
    );
    let config = KafkaProducer::builder()
        .tls_backend(backend)
        .bootstrap_servers([world.servers("TLS")])
        .security_protocol(SecurityProtocol::Ssl);
    assert_eq!(
        world.refusal("TLS", config),
        "the certificate 'CN=broker' of the broker was issued by 'CN=ca', which this system does not trust; set \
         ssl_cafile to the certificate of this CA"
    );
    assert_eq!(
        world.refusal("EXPIRED", world.config(backend, "EXPIRED", &[])),
        "the certificate 'CN=expired' of the broker has expired (valid until Jan  1 00:00:00 2021 GMT); renew the \
         certificate, or check this machine's clock"
    );
    assert_eq!(
        world.refusal("WRONG", world.config(backend, "WRONG", &[])),
        "the broker's certificate is not for '127.0.0.1' but for 'broker.example.org'; use a name from the certificate \
         in bootstrap_servers and in the broker's advertised.listeners, or add '127.0.0.1' to the certificate"
    );
    let list = world.file("crl.pem");
    assert_eq!(
        world.refusal("REVOKED", world.config(backend, "REVOKED", &[("ssl_crlfile", &list)])),
        format!(
            "the certificate 'CN=revoked' of the broker has been revoked, according to ssl_crlfile '{list}'; replace \
             the certificate"
        )
    );
}

fn who_turns_a_check_off_is_let_through(backend: TlsBackend) {
    let world = world();
    world.carries(
        &format!("unchecked-{backend}"),
        world.config(backend, "WRONG", &[("ssl.endpoint.identification.algorithm", "")]),
    );
    let list = world.file("crl.pem");
    world.carries(&format!("not-revoked-{backend}"), world.config(backend, "TLS", &[("ssl_crlfile", &list)]));
}

/// With TLS 1.3 the broker says so after the handshake.
fn a_client_without_a_certificate_is_told_of(backend: TlsBackend) {
    let world = world();
    // Java 17 has the first, newer ones the alert that is meant for it.
    let told = ["bad_certificate (42)", "certificate_required (116)"].map(|alert| {
        format!(
            "the broker requires a client certificate, and no certificate is set: the broker sent the TLS alert {alert}; \
             set ssl_certfile and ssl_keyfile"
        )
    });
    let text = world.refusal("MTLS", world.config(backend, "MTLS", &[]));
    assert!(told.contains(&text), "{text}");
    let stranger = world.file("stranger.pem");
    assert_eq!(
        world.refusal("MTLS", world.config(backend, "MTLS", &[("ssl.keystore.location", &stranger)])),
        format!(
            "the broker does not trust the CA of the certificate in ssl.keystore.location '{stranger}': the broker sent \
             the TLS alert certificate_unknown (46); use a certificate that was issued by a CA in the broker's \
             ssl.truststore.location"
        )
    );
}

/// The broker takes TLS for a frame of 369,295,617 bytes, and hangs up.
fn a_port_without_tls_is_told_of(backend: TlsBackend) {
    let world = world();
    let config = KafkaProducer::builder()
        .tls_backend(backend)
        .bootstrap_servers([world.cluster.bootstrap_servers()])
        .ssl_cafile(world.file("ca.pem"));
    let text = world.refusal("PLAINTEXT", config);
    assert_eq!(
        text,
        "the peer closed the connection at the start of the TLS handshake, as a broker does on a port without TLS: use \
         the port of an SSL or SASL_SSL listener, or set security_protocol to the protocol of this port"
    );
}

#[test]
#[cfg(feature = "tls")]
fn a_ready_connector_is_taken() {
    let world = world();
    let client = &world.client;
    let identity =
        native_tls::Identity::from_pkcs8(client.certificate.as_bytes(), client.key.as_bytes()).unwrap();
    let root = native_tls::Certificate::from_pem(&fs::read(world.file("ca.pem")).unwrap()).unwrap();
    let mut connector = native_tls::TlsConnector::builder();
    connector.identity(identity).add_root_certificate(root);
    let config = KafkaProducer::builder()
        .bootstrap_servers([world.servers("MTLS")])
        .security_protocol(SecurityProtocol::Ssl)
        .ssl_context(connector.build().unwrap());
    world.carries("ready-connector", config);
}
