//! The mock cluster by TLS: whom it takes, and who takes it.

use super::*;
use support::certificates::{Authority, Leaf};

fn encrypted(config: ProducerConfig, authority: &Authority) -> ProducerConfig {
    config.security_protocol(SecurityProtocol::Ssl).ssl_ca_pem(authority.pem())
}

fn builder(authority: &Authority) -> kafka_producer::mock::MockClusterBuilder {
    let own = authority.issue(Leaf::default());
    MockCluster::builder().tls(&own.certificate, &own.key)
}

#[test]
fn records_large_and_small_arrive() {
    let authority = Authority::new("ca");
    let cluster = builder(&authority).build();
    cluster.create_topic("t", 1);
    let producer = encrypted(config(&cluster.bootstrap_servers()), &authority).build().unwrap();
    let values = ["small".to_owned(), "v".repeat(900_000), "last".to_owned()];
    for value in &values {
        carry(&producer, value).unwrap();
        assert_eq!(times_stored(&cluster, value), 1);
    }
}

#[test]
fn over_it_by_each_mechanism() {
    let authority = Authority::new("ca");
    for mechanism in mechanisms() {
        let cluster = builder(&authority).sasl_user("alice", "secret").oauth_token("alice", "a.b.c").build();
        cluster.create_topic("t", 1);
        let config = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret");
        let config = encrypted(config, &authority).security_protocol(SecurityProtocol::SaslSsl);
        carry(&config.build().unwrap(), "v").unwrap();
        assert_eq!(times_stored(&cluster, "v"), 1, "{mechanism}");
    }
}

#[test]
fn who_has_no_certificate_or_one_of_a_stranger_does_not_get_in_where_one_is_wanted() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let cluster = builder(&authority).tls_client_ca(&authority.pem()).build();
    cluster.create_topic("t", 1);
    let config = || encrypted(config(&cluster.bootstrap_servers()), &authority);
    let leaf = Leaf { name: "client", hosts: &[], ..Leaf::default() };
    let by = |authority: &Authority| {
        let own = authority.issue(leaf);
        config().ssl_certificate_pem(own.certificate).ssl_key_pem(own.key)
    };
    carry(&by(&authority).build().unwrap(), "v").unwrap();
    for config in [config(), by(&stranger)] {
        let error = carry(&config.max_block(PATIENCE).build().unwrap(), "w").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "it is told at once: {error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert_eq!(cluster.record_count("t"), 1);
}

#[test]
fn a_certificate_of_another_ca_is_not_taken_and_the_one_that_replaces_it_is() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let cluster = builder(&other).build();
    cluster.create_topic("t", 1);
    let config = || encrypted(config(&cluster.bootstrap_servers()), &authority);
    let error = carry(&config().max_block(PATIENCE).build().unwrap(), "v").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "it is told at once: {error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    let right = authority.issue(Leaf::default());
    cluster.security().set_tls(&right.certificate, &right.key, None);
    carry(&config().build().unwrap(), "v").unwrap();
    assert_eq!(cluster.record_count("t"), 1);
}

/// As Apache Kafka responds to bytes that are not TLS.
#[test]
fn who_does_not_use_it_is_told_at_once() {
    let cluster = builder(&Authority::new("ca")).build();
    let config = config(&cluster.bootstrap_servers()).max_block(PATIENCE);
    let error = carry(&config.build().unwrap(), "v").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "it is told at once: {error}");
    assert!(error.to_string().contains("security_protocol"), "{error}");
}

#[test]
#[should_panic(expected = "TLS of a mock cluster: the certificate can't be used")]
fn a_certificate_that_is_none_is_refused_at_the_start() {
    let _ = MockCluster::builder()
        .tls("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "")
        .build();
}
