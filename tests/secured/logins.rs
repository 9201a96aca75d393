//! Who gets in, who does not, and what it reads.

use super::*;
use kafka_producer::mock::ApiKey;

#[test]
fn by_each_mechanism_records_arrive_and_the_cluster_knows_whose_they_are() {
    for mechanism in mechanisms() {
        let cluster = cluster();
        let producer = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret").build().unwrap();
        carry(&producer, "v").unwrap();
        assert_eq!(times_stored(&cluster, "v"), 1);
        let requests = cluster.requests();
        let produced = requests.iter().find(|request| request.api == ApiKey::PRODUCE).unwrap();
        assert_eq!(produced.user.as_deref(), Some("alice"), "{mechanism}");
    }
}

#[test]
fn to_brokers_that_know_only_bare_tokens_they_go_bare() {
    for mechanism in mechanisms() {
        let cluster = cluster();
        cluster.limit_api(ApiKey::SASL_HANDSHAKE, 0..=0);
        let producer = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret").build().unwrap();
        carry(&producer, "v").unwrap();
        let is_bare = |request: &kafka_producer::mock::MockRequest| {
            request.api == ApiKey::SASL_AUTHENTICATE && request.version == -1
        };
        assert!(cluster.requests().iter().any(is_bare), "{mechanism}");
    }
}

#[test]
fn a_wrong_password_is_told_in_the_brokers_words() {
    for mechanism in mechanisms() {
        let cluster = cluster();
        let producer = log_in(config(&cluster.bootstrap_servers()), mechanism, "wrong").build().unwrap();
        let (named, cause) = refusal(&carry(&producer, "v").unwrap_err());
        assert_eq!(named, mechanism);
        let words = match mechanism {
            "PLAIN" => "Authentication failed: Invalid username or password".to_owned(),
            "OAUTHBEARER" => "{\"status\":\"invalid_token\"}".to_owned(),
            _ => format!(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
            ),
        };
        assert!(cause.contains(&words), "{cause}");
        assert_eq!(cluster.record_count("t"), 0);
    }
}

#[test]
fn a_mechanism_that_the_broker_does_not_have_is_told_with_those_that_it_has() {
    let cluster = cluster();
    cluster.security().set_mechanisms(["OAUTHBEARER"]);
    let producer = log_in(config(&cluster.bootstrap_servers()), "PLAIN", "secret").build().unwrap();
    let (_, cause) = refusal(&carry(&producer, "v").unwrap_err());
    assert!(cause.contains("it offers OAUTHBEARER; set sasl_mechanism"), "{cause}");
}

#[test]
fn a_password_that_is_changed_at_the_broker_first_costs_no_record() {
    for mechanism in with_passwords() {
        let cluster = cluster();
        let producer = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret").build().unwrap();
        carry(&producer, "before").unwrap();
        cluster.security().set_user("alice", "another");
        cluster.drop_connections();
        let during = producer.send(ProducerRecord::to("t").value("during")).unwrap();
        let was_refused = |requests: &[kafka_producer::mock::MockRequest]| {
            requests.iter().filter(|request| request.api == ApiKey::SASL_AUTHENTICATE).count() >= 6
        };
        assert!(cluster.wait_until_requests(PATIENCE, was_refused));
        cluster.security().set_user("alice", "secret");
        during.get(PATIENCE).unwrap();
        assert_eq!(times_stored(&cluster, "during"), 1, "{mechanism}");
    }
}

#[test]
fn a_user_that_is_removed_stays_until_its_connection_ends() {
    let cluster = cluster();
    let producer = log_in(config(&cluster.bootstrap_servers()), "PLAIN", "secret").build().unwrap();
    carry(&producer, "before").unwrap();
    cluster.security().remove_user("alice");
    carry(&producer, "after").unwrap();
    assert_eq!(cluster.record_count("t"), 2);
    let other = log_in(config(&cluster.bootstrap_servers()), "PLAIN", "secret").build().unwrap();
    refusal(&carry(&other, "other").unwrap_err());
}

#[test]
#[should_panic(expected = "clients do not authenticate")]
fn a_cluster_that_asks_nobody_has_nobody_to_change() {
    MockCluster::start(1).security().set_user("alice", "secret");
}

#[test]
#[should_panic(expected = "the mock broker does not support the mechanism \"GSSAPI\"")]
fn a_mechanism_that_the_mock_does_not_speak_is_refused() {
    let _ = MockCluster::builder().sasl_mechanisms(["GSSAPI"]);
}
