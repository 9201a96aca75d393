//! Certificates of brokers and client are replaced, their CA too, while records flow: nobody restarts the client.
#![cfg(all(feature = "_real-brokers", any(feature = "tls", feature = "rustls")))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "it shows what it found")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_producer::{FutureRecordMetadata, ProducerConfig, ProducerRecord, TlsBackend};
use support::certificates::{Authority, Leaf};
use support::clock::pause;
use support::kafka::Cluster;
use support::numbered;

const PATIENCE: Duration = Duration::from_secs(120);
const STORE_PASSWORD: &str = "secret";
const CLIENT: Leaf<'_> = Leaf { name: "client", hosts: &[], valid: (2020, 2090), serial: 8 };

/// Where the brokers and the client look for what they are, and whom they trust.
struct Files(PathBuf);

impl Files {
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// As those do it who renew certificates: nobody sees half of a file.
    fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let fresh = self.0.join(format!("{name}.new"));
        fs::write(&fresh, bytes).unwrap();
        fs::rename(fresh, self.0.join(name)).unwrap();
    }

    fn brokers_are_of(&self, authority: &Authority) {
        self.replace("broker.p12", authority.issue(Leaf::default()).pkcs12(STORE_PASSWORD));
    }

    fn client_is_of(&self, authority: &Authority) {
        let issued = authority.issue(CLIENT);
        // For a moment the two do not belong together: whoever connects then goes on with what was there before.
        self.replace("client.pem", issued.certificate);
        self.replace("client.key", issued.key);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A producer with each sends under the same load.
const BACKENDS: &[TlsBackend] = &[
    #[cfg(feature = "tls")]
    TlsBackend::NativeTls,
    #[cfg(feature = "rustls")]
    TlsBackend::Rustls,
];

fn topic(backend: TlsBackend) -> String {
    format!("rotated-{backend}")
}

fn restart_one_by_one(cluster: &mut Cluster) {
    for node in cluster.node_ids().collect::<Vec<_>>() {
        cluster.stop_node(node);
        cluster.start_node(node);
        // A second one that went now could take the last replica in sync with it.
        for backend in BACKENDS {
            cluster.wait_for_partition(&topic(*backend), 0, |partition| partition.isr.len() == 3);
        }
    }
}

/// Sends until it is told to end, about 2,000 records a second.
fn send(config: ProducerConfig, backend: TlsBackend, is_over: &AtomicBool) -> usize {
    let producer = config.tls_backend(backend).build().unwrap();
    let topic = topic(backend);
    let mut futures: Vec<FutureRecordMetadata> = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        for _ in 0..20 {
            let value = numbered::value(futures.len());
            futures.push(producer.send(ProducerRecord::to(&topic).value(value.as_bytes())).unwrap());
        }
        pause(Duration::from_millis(10));
    }
    producer.close(PATIENCE).unwrap();
    for (number, future) in futures.iter().enumerate() {
        future.get(PATIENCE).unwrap_or_else(|error| panic!("record {number}: {error}"));
    }
    futures.len()
}

#[test]
fn new_certificates_of_a_new_authority_need_no_new_producer() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("real-rotation-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let files = Files(dir);
    let (old, new) = (Authority::new("oldca"), Authority::new("newca"));
    let both = old.pem() + &new.pem();
    files.brokers_are_of(&old);
    files.client_is_of(&old);
    files.replace("trusted-by-brokers.pem", old.pem());
    files.replace("trusted-by-client.pem", old.pem());

    let mut cluster = Cluster::builder(3)
        .listener("MTLS", "SSL")
        .property("ssl.keystore.location", &files.path("broker.p12"))
        .property("ssl.keystore.type", "PKCS12")
        .property("listener.name.mtls.ssl.client.auth", "required")
        .property("listener.name.mtls.ssl.truststore.type", "PEM")
        .property("listener.name.mtls.ssl.truststore.location", &files.path("trusted-by-brokers.pem"))
        .start();
    for backend in BACKENDS {
        cluster.create_topic(&topic(*backend), 3, 3, &[("min.insync.replicas", "2")]);
    }
    let config = ProducerConfig::new()
        .bootstrap_servers([cluster.bootstrap_servers_of("MTLS")])
        .ssl_cafile(files.path("trusted-by-client.pem"))
        .ssl_certfile(files.path("client.pem"))
        .ssl_keyfile(files.path("client.key"));
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let (config, is_over) = (&config, &is_over);
        let senders: Vec<_> = BACKENDS
            .iter()
            .map(|backend| scope.spawn(move || send(config.clone(), *backend, is_over)))
            .collect();
        // Whoever is to be trusted from now on is made known first, then used, and the old one is forgotten last.
        files.replace("trusted-by-client.pem", &both);
        files.replace("trusted-by-brokers.pem", &both);
        files.brokers_are_of(&new);
        restart_one_by_one(&mut cluster);
        files.client_is_of(&new);
        files.replace("trusted-by-brokers.pem", new.pem());
        files.replace("trusted-by-client.pem", new.pem());
        restart_one_by_one(&mut cluster);
        pause(Duration::from_secs(1));
        is_over.store(true, Ordering::SeqCst);
        senders.into_iter().map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
    });
    for (backend, sent) in BACKENDS.iter().zip(sent) {
        println!("{sent} records sent by {backend}");
        assert!(sent > 1000);
        numbered::assert_stored_once(&cluster, &topic(*backend), sent);
    }
}
