//! What goes wrong at each step, and passes.

use super::*;
use kafka_producer::ErrorCode;
use kafka_producer::mock::{ApiKey, MockRule};

type MakeRule = fn() -> MockRule;

/// What a broker may do wrong once, and the next time does not.
const PASSING: [(&str, MakeRule); 9] = [
    ("an error", || MockRule::fail(ErrorCode::UNKNOWN_SERVER_ERROR)),
    ("an error with words", || MockRule::fail_with(ErrorCode::REQUEST_TIMED_OUT, "the LDAP server is slow")),
    ("an end before it", MockRule::cut_before_append),
    ("an end behind it", MockRule::cut_after_append),
    ("a reset before it", MockRule::reset_before_append),
    ("a reset behind it", MockRule::reset_after_append),
    ("an answer cut short", || MockRule::cut_after_bytes(9)),
    ("another correlation id", MockRule::wrong_correlation_id),
    ("an answer that can't be read", || MockRule::edit_response(|frame| frame[8..].fill(0x7f))),
];

/// The same, but only time shows it.
const SILENT: [(&str, MakeRule); 2] =
    [("no answer", MockRule::lose_response), ("silence", MockRule::black_hole)];

const STEPS: [ApiKey; 3] = [ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE];

#[test]
fn what_goes_wrong_once_costs_nothing_but_time() {
    for mechanism in mechanisms() {
        for step in STEPS {
            let noticed = PASSING.map(|(what, rule)| (what, rule, PATIENCE));
            let awaited = SILENT.map(|(what, rule)| (what, rule, Duration::from_millis(300)));
            for (what, rule, timeout) in noticed.into_iter().chain(awaited) {
                let cluster = cluster();
                let rule = cluster.add_rule(rule().on(step));
                let config = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret");
                let producer = config
                    .socket_connection_setup_timeout(timeout)
                    .socket_connection_setup_timeout_max(timeout)
                    .build()
                    .unwrap();
                carry(&producer, "v").unwrap_or_else(|error| panic!("{mechanism} {step} {what}: {error}"));
                assert_eq!(cluster.times_acted(rule), 1, "{mechanism} {step} {what}");
                assert_eq!(times_stored(&cluster, "v"), 1, "{mechanism} {step} {what}");
            }
        }
    }
}

/// Whoever can't take them gets through by the next attempt, so there must be none. With OAUTHBEARER there may be one: until
/// the token is there.
#[test]
fn an_answer_in_pieces_costs_no_other_attempt() {
    for mechanism in with_passwords() {
        let attempts = |step: Option<ApiKey>| {
            let cluster = cluster();
            let drip = || MockRule::drip(1, Duration::from_millis(1));
            let rule = step.map(|step| cluster.add_rule(drip().on(step)));
            let config = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret");
            let producer = config
                .socket_connection_setup_timeout(PATIENCE)
                .socket_connection_setup_timeout_max(PATIENCE)
                .build()
                .unwrap();
            carry(&producer, "v").unwrap_or_else(|error| panic!("{mechanism} {step:?}: {error}"));
            assert!(rule.is_none_or(|rule| cluster.times_acted(rule) == 1), "{mechanism} {step:?}");
            let requests = cluster.requests();
            requests.iter().filter(|request| request.api == ApiKey::API_VERSIONS).count()
        };
        let undisturbed = attempts(None);
        for step in STEPS {
            assert_eq!(attempts(Some(step)), undisturbed, "{mechanism} {step}");
        }
    }
}

#[test]
fn a_refusal_that_was_ordered_is_told_in_its_words() {
    let cluster = cluster();
    let rule = MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "the account is locked");
    let rule = cluster.add_rule(rule.on(ApiKey::SASL_AUTHENTICATE).forever());
    let producer = log_in(config(&cluster.bootstrap_servers()), "PLAIN", "secret").build().unwrap();
    let (_, cause) = refusal(&carry(&producer, "v").unwrap_err());
    assert!(cause.contains("the account is locked"), "{cause}");
    cluster.remove_rule(rule);
    let deadline = support::clock::deadline(60);
    while let Err(error) = carry(&producer, "later") {
        refusal(&error);
        assert!(!deadline.passed(), "a refusal lasts for ever: {error}");
    }
    assert_eq!(times_stored(&cluster, "later"), 1);
}

/// Whoever does not know the password gets no record.
#[cfg(feature = "scram")]
#[test]
fn a_broker_that_does_not_know_the_password_is_not_believed() {
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let cluster = cluster();
        cluster.add_rule(MockRule::wrong_server_signature().forever());
        let producer = log_in(config(&cluster.bootstrap_servers()), mechanism, "secret").build().unwrap();
        let (_, cause) = refusal(&carry(&producer, "v").unwrap_err());
        assert!(cause.contains("the broker's signature is wrong"), "{cause}");
        assert_eq!(cluster.record_count("t"), 0);
    }
}

/// A nonce that is not ours, a salt of no meaning, hardly any rounds.
#[cfg(feature = "scram")]
#[test]
fn challenges_that_can_not_be_right_are_refused() {
    for (from, to) in [("r=", "r=x"), (",s=", ",s=*"), (",i=4096", ",i=1"), (",i=4096", ",i=2000000000")] {
        let cluster = cluster();
        let edit = move |token: &mut Vec<u8>| {
            *token = String::from_utf8_lossy(token).replacen(from, to, 1).into_bytes();
        };
        cluster.add_rule(MockRule::edit_token(edit).forever());
        let producer =
            log_in(config(&cluster.bootstrap_servers()), "SCRAM-SHA-256", "secret").build().unwrap();
        refusal(&carry(&producer, "v").unwrap_err());
        assert_eq!(cluster.record_count("t"), 0);
    }
}
