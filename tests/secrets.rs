//! No secret is shown: not on the log, whatever its level, not in a `Debug`, not in an error.
#![cfg(all(feature = "mock", feature = "tls", feature = "scram"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]

mod support;

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Error, OauthToken, ProducerConfig, ProducerRecord};
use support::certificates::{Authority, Issued, Leaf};
use support::proxies::{Manners, ProxyServer, Speaks};

/// Everything that is logged in this process, by whichever crate.
struct Lines(Mutex<String>);

static LINES: Lines = Lines(Mutex::new(String::new()));

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.add(&format!("{} {}: {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

impl Lines {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(lines, "{line}").unwrap();
    }

    /// As whoever looks for what is wrong prints it.
    fn add_error(&self, error: &Error) {
        self.add(&format!("{error} {error:?} {error:#?}"));
        let mut source = error.source();
        while let Some(error) = source {
            self.add(&format!("{error} {error:?}"));
            source = error.source();
        }
    }
}

const PASSWORD: &str = "hunter2-the-password";
const WRONG: &str = "hunter3-a-wrong-one";
const TOKEN: &str = "eyJ-the-token.abc.def";
const PROXY_PASSWORD: &str = "hunter4-of-the-proxy";
const KEY_PASSWORD: &str = "hunter5-of-the-key";
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds, sends a record, and shows whatever can be shown.
fn show(config: ProducerConfig) {
    LINES.add(&format!("{config:?} {config:#?}"));
    let sent = config.build().and_then(|producer| {
        LINES.add(&format!("{producer:?}"));
        let sent = producer.send(ProducerRecord::to("t").value("v")).and_then(|future| future.get(PATIENCE));
        producer.close(PATIENCE)?;
        sent
    });
    if let Err(error) = sent {
        LINES.add_error(&error);
    }
}

/// What a secret looks like: as it is, as bytes that `Debug` prints, in hexadecimal, in base64.
fn shapes(secret: &str) -> Vec<String> {
    let list = format!("{:?}", secret.as_bytes());
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    // The first bytes of base64 do not depend on what comes after them.
    let encoded = openssl::base64::encode_block(secret.as_bytes());
    let encoded = encoded.trim_end_matches('=');
    vec![
        secret.to_owned(),
        list.trim_matches(['[', ']']).to_owned(),
        hexadecimal.to_uppercase(),
        hexadecimal,
        encoded[..encoded.len() - 2].to_owned(),
    ]
}

fn key_of(issued: &Issued) -> String {
    issued.key.lines().nth(1).unwrap().to_owned()
}

#[test]
fn no_secret_is_shown_by_a_log_line_a_debug_or_an_error() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let authority = Authority::new("ca");
    let (broker, client) =
        (authority.issue(Leaf::default()), authority.issue(Leaf { name: "client", ..Leaf::default() }));
    let cluster = MockCluster::builder()
        .tls(&broker.certificate, &broker.key)
        .tls_client_ca(&authority.pem())
        .sasl_user("alice", PASSWORD)
        .oauth_token("alice", TOKEN)
        .build();
    cluster.create_topic("t", 1);
    let proxy = ProxyServer::start(
        Speaks::Http,
        Manners { account: Some(("proxy-user".to_owned(), PROXY_PASSWORD.to_owned())), ..Manners::default() },
    );
    let (ca, servers) = (authority.pem(), cluster.bootstrap_servers());
    let encrypted_key = client.encrypted_key(KEY_PASSWORD);
    let texts = |more: &[(&str, &str)]| {
        let mut pairs = vec![
            ("bootstrap.servers", servers.as_str()),
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.pem", &ca),
            ("ssl.certificate.pem", &client.certificate),
            ("max.block.ms", "1000"),
        ];
        pairs.extend(more);
        ProducerConfig::from_pairs(pairs)
    };
    let plain_key = [("ssl.key.pem", client.key.as_str())];
    let locked_key = [("ssl.key.pem", encrypted_key.as_str()), ("ssl.key.password", KEY_PASSWORD)];
    let jaas = |password: &str| {
        format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"{password}\";"
        )
    };
    for password in [PASSWORD, WRONG] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let login =
                [("sasl.mechanism", mechanism), ("sasl.username", "alice"), ("sasl.password", password)];
            show(texts(&[&plain_key[..], &login].concat()).unwrap());
        }
        let entry = jaas(password);
        let login = [("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &entry)];
        show(texts(&[&locked_key[..], &login].concat()).unwrap());
        let account = format!("proxy-user:{PROXY_PASSWORD}@");
        let config = texts(&[&plain_key[..], &login].concat()).unwrap().proxy_url(proxy.url(&account));
        show(config);
    }
    for token in [TOKEN, "eyJ-another-token.abc.def"] {
        let config = texts(&[&plain_key[..], &[("sasl.mechanism", "OAUTHBEARER")]].concat()).unwrap();
        show(config.sasl_oauth_token_provider(move || Ok(OauthToken::new(token, None))));
    }
    show(texts(&[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &jaas(PASSWORD))]).unwrap());
    let wrong_proxy = format!("http://proxy-user:{WRONG}@{}", proxy.url("").trim_start_matches("http://"));
    let login = [("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", PASSWORD)];
    show(texts(&[&plain_key[..], &login].concat()).unwrap().proxy_url(wrong_proxy));
    // What can't be read, each with the secret in the middle of it.
    let broken = jaas(PASSWORD).replace("\";", "");
    let key_without_end = client.key.replace("-----END", "-----EN");
    let url = format!("htp://u:{PROXY_PASSWORD}@h:1");
    for pair in [
        ("sasl.jaas.config", broken.as_str()),
        ("ssl.key.pem", &key_without_end),
        ("sasl.pasword", PASSWORD),
        ("proxy.url", &url),
        ("proxy_url", &url),
        ("ssl.key.password", KEY_PASSWORD),
    ] {
        let login = [("sasl.mechanism", "PLAIN"), pair];
        match texts(&login) {
            Ok(config) => show(config),
            Err(error) => LINES.add_error(&error),
        }
    }

    let lines = LINES.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(lines.contains("[hidden]") && lines.contains("Invalid username or password"), "it has run");
    assert!(lines.contains("TRACE") || lines.contains("DEBUG"), "it logs");
    let body = key_of(&client);
    for secret in [PASSWORD, WRONG, TOKEN, "eyJ-another-token", PROXY_PASSWORD, KEY_PASSWORD, &body] {
        for shape in shapes(secret) {
            let line = lines.lines().find(|line| line.contains(&shape));
            assert!(line.is_none(), "{secret} is shown as {shape}: {line:?}");
        }
    }
}
