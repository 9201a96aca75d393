//! The SASL settings, in each client's spelling.

use super::*;
use crate::security::{OauthToken, SaslError, SaslExchange, SaslMechanism};

/// The names of the mechanisms, or the error.
fn mechanisms(config: ProducerConfig) -> String {
    match config.settings() {
        Ok(settings) => format!("{:?}", settings.client.mechanisms),
        Err(error) => error.to_string().strip_prefix("the configuration can't be used: ").unwrap().to_owned(),
    }
}

fn of_pairs(pairs: &[(&str, &str)]) -> String {
    ProducerConfig::from_pairs(pairs.iter().copied()).map_or_else(|error| error.to_string(), mechanisms)
}

/// The same for SASL_PLAINTEXT and more settings.
fn plaintext(more: &[(&str, &str)]) -> String {
    of_pairs(&[&[("security.protocol", "SASL_PLAINTEXT")], more].concat())
}

const PLAIN_LOGIN: &str = r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="hunter2";"#;
const SCRAM_LOGIN: &str = r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="hunter2";"#;

#[test]
fn each_client_has_its_way_to_say_who_it_is() {
    let kafka_python =
        [("sasl_mechanism", "PLAIN"), ("sasl_plain_username", "alice"), ("sasl_plain_password", "hunter2")];
    let librdkafka = [("sasl.mechanisms", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", "hunter2")];
    let java = [("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN_LOGIN)];
    for pairs in [&kafka_python[..], &librdkafka, &java] {
        assert_eq!(plaintext(pairs), "[PLAIN]");
        let config = ProducerConfig::from_pairs(pairs.iter().copied()).unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl_mechanism: PLAIN") && shown.contains("[hidden]"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let typed = ProducerConfig::new()
        .security_protocol(crate::config::SecurityProtocol::SaslPlaintext)
        .sasl_mechanism("OAUTHBEARER")
        .sasl_oauth_token_provider(|| Ok(OauthToken::new("t", None)));
    assert_eq!(mechanisms(typed), "[OAUTHBEARER]");
}

#[test]
#[cfg(feature = "scram")]
fn one_login_serves_each_mechanism_of_a_list_that_it_fits() {
    let list = ("sasl.mechanism", " SCRAM-SHA-512, SCRAM-SHA-256 ");
    assert_eq!(plaintext(&[list, ("sasl.jaas.config", SCRAM_LOGIN)]), "[SCRAM-SHA-512, SCRAM-SHA-256]");
    assert_eq!(
        plaintext(&[list, ("sasl.jaas.config", PLAIN_LOGIN)]),
        "sasl.mechanism = 'SCRAM-SHA-512,SCRAM-SHA-256': sasl.jaas.config has the login module for PLAIN; the module \
         must match the mechanism"
    );
}

#[test]
#[cfg(not(feature = "scram"))]
fn a_mechanism_that_is_not_built_in_names_its_feature() {
    let text = plaintext(&[("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", SCRAM_LOGIN)]);
    assert!(text.contains("enable the feature `scram` in Cargo.toml"), "{text}");
}

#[test]
fn what_can_not_be_a_login_says_what_to_change() {
    let named = |name| ("sasl.mechanism", name);
    for (pairs, expected) in [
        (
            &[][..],
            "sasl_mechanism: security_protocol SASL_PLAINTEXT needs a mechanism: set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
        ),
        (
            &[named("PLAIN")],
            "sasl.mechanism = 'PLAIN': PLAIN needs a user and a password: set sasl_plain_username and \
             sasl_plain_password, or sasl_jaas_config",
        ),
        (
            &[named("PLAIN"), ("sasl.username", "alice"), ("sasl.jaas.config", PLAIN_LOGIN)],
            "sasl.jaas.config: sasl.username is set too; remove one of the two",
        ),
        (
            &[named("SCRAM-SHA-256,PLAIN"), ("sasl.username", "alice"), ("sasl.password", "hunter2")],
            "sasl.mechanism = 'SCRAM-SHA-256,PLAIN': without TLS, an attacker on the network could select PLAIN from this list and read the password; set security_protocol to SASL_SSL, or remove PLAIN from the list",
        ),
        (
            &[named("SCRAM-SHA-512,OAUTHBEARER"), ("sasl.username", "alice"), ("sasl.password", "hunter2")],
            "sasl.mechanism = 'SCRAM-SHA-512,OAUTHBEARER': without TLS, an attacker on the network could select OAUTHBEARER from this list and read the token; set security_protocol to SASL_SSL, or remove OAUTHBEARER from the list",
        ),
        (
            &[named("OAUTHBEARER")],
            "sasl.mechanism = 'OAUTHBEARER': OAUTHBEARER needs tokens: call ProducerConfig::sasl_oauth_token_provider \
             (fetching them from a server is not supported yet)",
        ),
        (
            &[named("GSSAPI")],
            "sasl.mechanism = 'GSSAPI': Kerberos (GSSAPI) is not supported yet; use another mechanism of the brokers",
        ),
        (
            &[named("plain")],
            "sasl.mechanism = 'plain': plain is not a known mechanism; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or register it with ProducerConfig::register_sasl_mechanism",
        ),
        (
            &[named("PLAIN"), ("sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;")],
            "sasl.jaas.config: at character 1: Krb5LoginModule is for Kerberos (GSSAPI), which is not supported yet",
        ),
    ] {
        assert_eq!(plaintext(pairs), expected);
    }
}

/// A user must not believe that the client authenticates if it does not.
#[test]
fn a_login_without_sasl_is_refused() {
    let refused = |key: &str| {
        format!(
            "{key}: security_protocol is PLAINTEXT, which has no SASL; this setting would have no effect; set security_protocol to \
             SASL_SSL or SASL_PLAINTEXT, or remove this setting"
        )
    };
    for (key, value) in
        [("sasl.username", "alice"), ("sasl.password", "x"), ("sasl.jaas.config", PLAIN_LOGIN)]
    {
        assert_eq!(of_pairs(&[(key, value)]), refused(key));
    }
    let typed = ProducerConfig::new().sasl_oauth_token_provider(|| Ok(OauthToken::new("t", None)));
    assert_eq!(mechanisms(typed), refused("sasl_oauth_token_provider"));
    for mechanism in ["PLAIN", "GSSAPI"] {
        assert_eq!(
            of_pairs(&[("sasl.mechanism", mechanism)]),
            refused(&format!("sasl.mechanism = '{mechanism}'"))
        );
        let typed = ProducerConfig::new().sasl_mechanism(mechanism);
        assert_eq!(mechanisms(typed), refused(&format!("sasl_mechanism = '{mechanism}'")));
    }
}

/// Java writes its default mechanism into every listing of its settings.
#[test]
fn the_default_mechanism_of_java_is_listed_as_unused() {
    let read = |dialect, protocol| {
        ProducerConfig::from_shared(dialect, [("sasl.mechanism", "GSSAPI"), ("security.protocol", protocol)])
    };
    let (config, unused) = read(Dialect::Java, "PLAINTEXT").unwrap();
    let unused: Vec<String> = unused.iter().map(ToString::to_string).collect();
    assert_eq!(unused, ["sasl.mechanism = 'GSSAPI': security.protocol is PLAINTEXT, which has no SASL"]);
    assert_eq!(mechanisms(config), "[]");
    for (dialect, protocol) in [(Dialect::Java, "SASL_PLAINTEXT"), (Dialect::KafkaPython, "PLAINTEXT")] {
        let text = mechanisms(read(dialect, protocol).unwrap().0);
        assert!(text.contains("sasl.mechanism = 'GSSAPI'"), "{text}");
    }
}

struct Own(&'static str);

impl SaslMechanism for Own {
    fn name(&self) -> &str {
        self.0
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        Err(SaslError::refused("nothing to say"))
    }
}

/// Mechanisms that are not named are not used.
#[test]
fn a_registered_mechanism_is_used_by_its_name() {
    let config = || {
        ProducerConfig::new()
            .security_protocol(crate::config::SecurityProtocol::SaslPlaintext)
            .register_sasl_mechanism(Own("X-OTHER"))
            .register_sasl_mechanism(Own("X-OWN"))
    };
    assert_eq!(mechanisms(config().sasl_mechanism("X-OWN")), "[X-OWN]");
    assert!(mechanisms(config().sasl_mechanism("X-NONE")).contains("X-NONE is not a known mechanism"));
}

#[test]
fn the_times_of_tokens_are_read_and_checked() {
    let config = ProducerConfig::from_pairs([
        ("sasl.login.refresh.window.factor", "0.5"),
        ("sasl.login.refresh.window.jitter", "0.25"),
        ("sasl.login.refresh.min.period.seconds", "7"),
        ("sasl.login.refresh.buffer.seconds", "8"),
        ("sasl.login.retry.backoff.ms", "9"),
        ("sasl.login.retry.backoff.max.ms", "10"),
    ])
    .unwrap();
    let refresh = config.sasl.refresh;
    assert_eq!((refresh.window_factor, refresh.window_jitter), (0.5, 0.25));
    assert_eq!([refresh.min_period, refresh.buffer], [7, 8].map(Duration::from_secs));
    assert_eq!([refresh.retry_backoff, refresh.retry_backoff_max], [9, 10].map(Duration::from_millis));
    assert_eq!(config.get("sasl_login_refresh_buffer_seconds").as_deref(), Some("8"));
    let error = |value: &str| {
        ProducerConfig::from_pairs([("sasl.login.refresh.window.factor", value)]).unwrap_err().to_string()
    };
    for wrong in ["0.4", "1.1", "x", "NaN"] {
        assert!(error(wrong).ends_with("write a number from 0.5 to 1"), "{}", error(wrong));
    }
    let by_setter = ProducerConfig::new()
        .sasl_login_refresh_window_factor(2.0)
        .sasl_login_refresh_window_jitter(f64::NAN);
    assert_eq!(
        problems_of(&text(by_setter)),
        "sasl_login_refresh_window_factor = '2': write a number from 0.5 to 1; sasl_login_refresh_window_jitter = 'NaN': write \
         a number from 0 to 0.25"
    );
    let setters = ProducerConfig::new()
        .sasl_login_refresh_min_period(Duration::from_secs(1))
        .sasl_login_refresh_buffer(Duration::from_secs(2))
        .sasl_login_retry_backoff(Duration::from_secs(3))
        .sasl_login_retry_backoff_max(Duration::from_secs(4));
    let refresh = setters.sasl.refresh;
    let times = [refresh.min_period, refresh.buffer, refresh.retry_backoff, refresh.retry_backoff_max];
    assert_eq!(times, [1, 2, 3, 4].map(Duration::from_secs));
}
