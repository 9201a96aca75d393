//! The commands of `docs/tls.md` make files that this crate can use: with both TLS libraries and mutual TLS.
#![cfg(all(feature = "_real-brokers", feature = "mock", feature = "tls", feature = "rustls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Error, KafkaProducer, ProducerConfig, ProducerRecord, TlsBackend};

const PATIENCE: Duration = Duration::from_secs(60);
const DOCUMENT: &str = include_str!("../docs/tls.md");
/// keytool wants at least six characters.
const PASSWORD: &str = "secret";

/// The commands in the code blocks of a section.
fn commands(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).collect()
}

/// A command between backticks in the text of the document.
fn inline_command(start: &str) -> &'static str {
    let found = DOCUMENT.lines().filter(|line| line.starts_with('|'));
    let mut found = found.flat_map(|line| line.split('`')).filter(|text| text.starts_with(start));
    let command = found.next().unwrap_or_else(|| panic!("docs/tls.md has no command '{start}'"));
    assert_eq!(found.next(), None, "'{start}' is there twice");
    command
}

/// A directory in which commands run.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("tls-recipes-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Runs `command` and types the password as often as a program asks for it.
    fn run(&self, command: &str) {
        // Without a terminal, openssl reads the password from its input.
        let mut shell = Command::new("setsid");
        shell.args(["-w", "sh", "-ec", command]).current_dir(&self.0);
        if let Ok(home) = std::env::var("JAVA_HOME") {
            let path = std::env::var("PATH").unwrap_or_default();
            shell.env("PATH", format!("{home}/bin:{path}"));
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell.spawn().expect("setsid and sh are there");
        // A program that does not ask has closed its input.
        let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").repeat(4).as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}; openssl and a JDK have to be there");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A cluster with the broker's certificate of `made`. It accepts only clients of the CA of `made`.
fn cluster(made: &Directory) -> MockCluster {
    let builder = MockCluster::builder().tls(&made.read("broker.pem"), &made.read("broker.key"));
    builder.tls_client_ca(&made.read("ca.pem")).build()
}

fn config(cluster: &MockCluster, backend: TlsBackend) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).tls_backend(backend)
}

/// Sends one record. The mock brokers are at 127.0.0.1, which is not in the certificate of the recipe.
fn carry(config: ProducerConfig) -> Result<(), Error> {
    let producer = config.ssl_check_hostname(false).build()?;
    producer.send(ProducerRecord::to("t").value("v"))?.get(PATIENCE).map(drop)
}

fn with_pem(config: ProducerConfig, dir: &Directory) -> ProducerConfig {
    let config = config.ssl_cafile(dir.file("ca.pem"));
    config.ssl_certfile(dir.file("client.pem")).ssl_keyfile(dir.file("client.key"))
}

fn made_with_openssl(name: &str) -> Directory {
    let made = Directory::new(name);
    let commands = commands("With openssl");
    assert_eq!(commands.len(), 6, "{commands:?}");
    commands.iter().for_each(|command| made.run(command));
    made
}

#[test]
fn certificates_that_are_made_with_openssl_work() {
    let made = made_with_openssl("openssl");
    let cluster = cluster(&made);
    for backend in [TlsBackend::NativeTls, TlsBackend::Rustls] {
        carry(with_pem(config(&cluster, backend), &made)).unwrap();
        // It is a certificate of the names that the recipe gives.
        let checks = with_pem(config(&cluster, backend), &made).build().unwrap();
        let error = checks.send(ProducerRecord::to("t").value("v")).unwrap_err().to_string();
        assert!(error.contains("is not for '127.0.0.1' but for 'broker1', '10.0.0.11'"), "{error}");
    }

    // "To encrypt the key".
    let make_client = commands("With openssl")[1..3].join("\n");
    assert!(DOCUMENT.contains("use `-passout pass:...` instead of `-nodes`"));
    assert!(make_client.contains("-nodes"));
    made.run(&make_client.replace("-nodes", &format!("-passout pass:{PASSWORD}")));
    assert!(made.read("client.key").contains("ENCRYPTED"));
    let native = || with_pem(config(&cluster, TlsBackend::NativeTls), &made);
    carry(native().ssl_password(PASSWORD)).unwrap();
    native().build().unwrap_err();
    made.run(inline_command("openssl pkey "));
    let rustls = with_pem(config(&cluster, TlsBackend::Rustls), &made);
    carry(rustls.ssl_keyfile(made.file("plain.key"))).unwrap();
}

#[test]
fn converted_java_keystores_work() {
    let made = made_with_openssl("java");
    let cluster = cluster(&made);
    let converted = Directory::new("converted");
    // What a user of Java has.
    let stores = format!(
        "openssl pkcs12 -export -in client.pem -inkey client.key -name client -passout pass:{PASSWORD} -out made.p12
        keytool -importkeystore -srckeystore made.p12 -srcstoretype PKCS12 -srcstorepass {PASSWORD} \
            -destkeystore client.jks -deststoretype JKS -deststorepass {PASSWORD} -noprompt
        keytool -importcert -noprompt -alias ca -file ca.pem -keystore truststore.jks -storetype JKS \
            -storepass {PASSWORD}"
    );
    made.run(&stores);
    for store in ["client.jks", "truststore.jks"] {
        fs::rename(made.0.join(store), converted.0.join(store)).unwrap();
        assert_eq!(
            fs::read(converted.0.join(store)).unwrap()[..4],
            [0xfe, 0xed, 0xfe, 0xed],
            "{store} is JKS"
        );
    }
    let commands = commands("From a Java keystore (JKS)");
    assert_eq!(commands.len(), 5, "{commands:?}");
    commands.iter().for_each(|command| converted.run(command));
    let by_pkcs12 = config(&cluster, TlsBackend::NativeTls)
        .ssl_certfile(converted.file("client.p12"))
        .ssl_password(PASSWORD)
        .ssl_cafile(converted.file("truststore.p12"))
        .ssl_truststore_password(PASSWORD);
    carry(by_pkcs12).unwrap();
    for backend in [TlsBackend::NativeTls, TlsBackend::Rustls] {
        carry(with_pem(config(&cluster, backend), &converted)).unwrap();
    }
    // One PEM file for both.
    converted.run(inline_command("openssl pkcs12 "));
    let both = config(&cluster, TlsBackend::Rustls).ssl_cafile(converted.file("ca.pem"));
    carry(both.ssl_certfile(converted.file("client.pem"))).unwrap();
}
