//! A producer and a mock cluster that wants to know who it talks to, or is encrypted, or both.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]

#[path = "../support/mod.rs"]
mod support;

mod logins;
mod rules;
mod sweep;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{
    Error, ErrorKind, KafkaProducer, OauthToken, ProducerConfig, ProducerRecord, SecurityProtocol,
};

/// More than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that this build has.
fn mechanisms() -> Vec<&'static str> {
    let all = ["PLAIN", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    if cfg!(feature = "scram") { all.to_vec() } else { all[..2].to_vec() }
}

/// Those with a password.
fn with_passwords() -> Vec<&'static str> {
    mechanisms().into_iter().filter(|name| *name != "OAUTHBEARER").collect()
}

/// A broker to which `alice` may log in, by any mechanism, and topic `t`.
fn cluster() -> MockCluster {
    let builder = MockCluster::builder().sasl_user("alice", "secret").oauth_token("alice", "a.b.c");
    let cluster = builder.build();
    cluster.create_topic("t", 1);
    cluster
}

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder()
        .bootstrap_servers([servers])
        .retry_backoff(Duration::from_millis(5))
        .retry_backoff_max(Duration::from_millis(20))
        .reconnect_backoff(Duration::from_millis(5))
        .reconnect_backoff_max(Duration::from_millis(20))
}

/// Says that it is `alice`, who has this password, or `a.b.c` for a token.
fn log_in(config: ProducerConfig, mechanism: &str, password: &str) -> ProducerConfig {
    let config = config.security_protocol(SecurityProtocol::SaslPlaintext).sasl_mechanism(mechanism);
    match mechanism {
        "OAUTHBEARER" => {
            let token = if password == "secret" { "a.b.c" } else { "d.e.f" };
            config.sasl_oauth_token_provider(move || Ok(OauthToken::new(token, None)))
        }
        _ => config.sasl_plain_username("alice").sasl_plain_password(password),
    }
}

/// Sends one record and waits for its end.
fn carry(producer: &KafkaProducer, value: &str) -> Result<(), Error> {
    producer.send(ProducerRecord::to("t").value(value))?.get(PATIENCE).map(drop)
}

/// Of a refusal: the mechanism, and why.
#[track_caller]
fn refusal(error: &Error) -> (String, String) {
    match error.kind() {
        ErrorKind::Authentication { mechanism, trouble, .. } => (mechanism.clone(), trouble.cause.clone()),
        other => panic!("{other:?}: {error}"),
    }
}

fn times_stored(cluster: &MockCluster, value: &str) -> usize {
    let is_it =
        |record: &&kafka_producer::mock::MockRecord| record.value.as_deref() == Some(value.as_bytes());
    cluster.records("t", 0).iter().filter(is_it).count()
}
