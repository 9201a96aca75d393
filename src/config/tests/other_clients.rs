//! The settings of kafka-python and Java are known by name, with any value.

use std::collections::BTreeSet;

use super::super::key::Given;
use super::super::references::{Place, Text};
use super::*;

/// The defaults of kafka-python 1.4 to 2.0, transcribed from its source.
const KAFKA_PYTHON_2: [(&str, &str); 43] = [
    ("bootstrap_servers", "localhost"),
    ("client_id", "None"),
    ("key_serializer", "None"),
    ("value_serializer", "None"),
    ("acks", "1"),
    ("compression_type", "None"),
    ("retries", "0"),
    ("batch_size", "16384"),
    ("linger_ms", "0"),
    ("partitioner", "None"),
    ("buffer_memory", "33554432"),
    ("connections_max_idle_ms", "540000"),
    ("max_block_ms", "60000"),
    ("max_request_size", "1048576"),
    ("metadata_max_age_ms", "300000"),
    ("retry_backoff_ms", "100"),
    ("request_timeout_ms", "30000"),
    ("receive_buffer_bytes", "None"),
    ("send_buffer_bytes", "None"),
    ("socket_options", "TCP_NODELAY=1"),
    ("sock_chunk_bytes", "4096"),
    ("sock_chunk_buffer_count", "1000"),
    ("reconnect_backoff_ms", "50"),
    ("reconnect_backoff_max_ms", "1000"),
    ("max_in_flight_requests_per_connection", "5"),
    ("security_protocol", "PLAINTEXT"),
    ("ssl_context", "None"),
    ("ssl_check_hostname", "True"),
    ("ssl_cafile", "None"),
    ("ssl_certfile", "None"),
    ("ssl_keyfile", "None"),
    ("ssl_crlfile", "None"),
    ("ssl_password", "None"),
    ("api_version", "None"),
    ("api_version_auto_timeout_ms", "2000"),
    ("metric_reporters", "None"),
    ("metrics_num_samples", "2"),
    ("metrics_sample_window_ms", "30000"),
    ("selector", "None"),
    ("sasl_mechanism", "None"),
    ("sasl_plain_username", "None"),
    ("sasl_plain_password", "None"),
    ("sasl_kerberos_service_name", "kafka"),
];

#[test]
fn the_preset_is_kafka_python_2_key_by_key() {
    let preset = ProducerConfig::kafka_python_2();
    for (key, value) in KAFKA_PYTHON_2 {
        let mut set = preset.clone();
        let text = Text { name: key, written_as: key, value, place: Place::Pair };
        assert!(keys::set(&mut set, &mut Given::new(), Dialect::KafkaPython, text).is_ok());
        let shown = |config: &ProducerConfig| {
            let key = keys::KEYS.iter().find(|known| known.name == key);
            key.filter(|key| key.name != "bootstrap_servers").map(|key| (key.show)(config))
        };
        assert_eq!(shown(&set), shown(&preset), "{key}");
    }
    assert_eq!(preset.bootstrap_servers, ["localhost:9092"]);
    assert_eq!((preset.effective().batch_max_bytes(), preset.effective().delivery_timeout()), (16_384, None));
}

/// The defaults of kafka-python 3.0.12 that are not in `KAFKA_PYTHON_2`, and two settings of versions in between.
const KAFKA_PYTHON_3: &[(&str, &str)] = &[
    ("acks", "-1"),
    ("retries", "inf"),
    ("delivery_timeout_ms", "120000"),
    ("allow_auto_create_topics", "True"),
    ("reconnect_backoff_max_ms", "30000"),
    ("receive_message_max_bytes", "100000000"),
    ("client_dns_lookup", "use_all_dns_ips"),
    ("enable_idempotence", "True"),
    ("transactional_id", "None"),
    ("transaction_timeout_ms", "60000"),
    ("bootstrap_timeout_ms", "30000"),
    ("metrics_enabled", "True"),
    ("ssl_ciphers", "None"),
    ("sasl_kerberos_service_name", "kafka"),
    ("sasl_kerberos_name", "None"),
    ("sasl_kerberos_domain_name", "None"),
    ("sasl_oauth_token_provider", "None"),
    ("proxy_url", "None"),
    ("socks5_proxy", "None"),
    ("kafka_client", "KafkaNetClient"),
    ("bootstrap_topics_filter", "set()"),
];

/// The settings that Java's producer 4.1 logs at its start if nothing is set, and those that later versions add.
const JAVA: &[(&str, &str)] = &[
    ("acks", "-1"),
    ("batch.size", "16384"),
    ("bootstrap.resolve.timeout.ms", "0"),
    ("bootstrap.servers", "localhost:9092"),
    ("buffer.memory", "33554432"),
    ("buffer.memory.allocation.strategy", "full"),
    ("client.dns.lookup", "use_all_dns_ips"),
    ("client.id", ""),
    ("client.rack", ""),
    ("compression.gzip.level", "-1"),
    ("compression.lz4.level", "9"),
    ("compression.type", "none"),
    ("compression.zstd.level", "3"),
    ("config.providers", ""),
    ("connections.max.idle.ms", "540000"),
    ("delivery.timeout.ms", "120000"),
    ("enable.idempotence", "true"),
    ("enable.metrics.push", "true"),
    ("interceptor.classes", ""),
    ("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
    ("linger.ms", "5"),
    ("max.block.ms", "60000"),
    ("max.in.flight.requests.per.connection", "5"),
    ("max.request.size", "1048576"),
    ("metadata.cluster.check.enable", "true"),
    ("metadata.max.age.ms", "300000"),
    ("metadata.max.idle.ms", "300000"),
    ("metadata.recovery.rebootstrap.trigger.ms", "300000"),
    ("metadata.recovery.strategy", "rebootstrap"),
    ("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter"),
    ("metrics.num.samples", "2"),
    ("metrics.recording.level", "INFO"),
    ("metrics.sample.window.ms", "30000"),
    ("partitioner.adaptive.partitioning.enable", "true"),
    ("partitioner.availability.timeout.ms", "0"),
    ("partitioner.class", "null"),
    ("partitioner.ignore.keys", "false"),
    ("partitioner.rack.aware", "false"),
    ("receive.buffer.bytes", "32768"),
    ("reconnect.backoff.max.ms", "1000"),
    ("reconnect.backoff.ms", "50"),
    ("request.timeout.ms", "30000"),
    ("retries", "2147483647"),
    ("retry.backoff.max.ms", "1000"),
    ("retry.backoff.ms", "100"),
    ("sasl.client.callback.handler.class", "null"),
    ("sasl.jaas.config", "null"),
    ("sasl.kerberos.kinit.cmd", "/usr/bin/kinit"),
    ("sasl.kerberos.min.time.before.relogin", "60000"),
    ("sasl.kerberos.service.name", "null"),
    ("sasl.kerberos.ticket.renew.jitter", "0.05"),
    ("sasl.kerberos.ticket.renew.window.factor", "0.8"),
    ("sasl.login.callback.handler.class", "null"),
    ("sasl.login.class", "null"),
    ("sasl.login.connect.timeout.ms", "null"),
    ("sasl.login.read.timeout.ms", "null"),
    ("sasl.login.refresh.buffer.seconds", "300"),
    ("sasl.login.refresh.min.period.seconds", "60"),
    ("sasl.login.refresh.window.factor", "0.8"),
    ("sasl.login.refresh.window.jitter", "0.05"),
    ("sasl.login.retry.backoff.max.ms", "10000"),
    ("sasl.login.retry.backoff.ms", "100"),
    ("sasl.mechanism", "GSSAPI"),
    ("sasl.oauthbearer.assertion.algorithm", "RS256"),
    ("sasl.oauthbearer.assertion.claim.aud", "null"),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", "300"),
    ("sasl.oauthbearer.assertion.claim.iss", "null"),
    ("sasl.oauthbearer.assertion.claim.jti.include", "false"),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", "60"),
    ("sasl.oauthbearer.assertion.claim.sub", "null"),
    ("sasl.oauthbearer.assertion.file", "null"),
    ("sasl.oauthbearer.assertion.private.key.file", "null"),
    ("sasl.oauthbearer.assertion.private.key.passphrase", "null"),
    ("sasl.oauthbearer.assertion.template.file", "null"),
    ("sasl.oauthbearer.client.credentials.client.id", "null"),
    ("sasl.oauthbearer.client.credentials.client.secret", "null"),
    ("sasl.oauthbearer.clock.skew.seconds", "30"),
    ("sasl.oauthbearer.expected.audience", "null"),
    ("sasl.oauthbearer.expected.issuer", "null"),
    ("sasl.oauthbearer.header.urlencode", "false"),
    ("sasl.oauthbearer.jwks.endpoint.refresh.ms", "3600000"),
    ("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "10000"),
    ("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "100"),
    ("sasl.oauthbearer.jwks.endpoint.url", "null"),
    (
        "sasl.oauthbearer.jwt.retriever.class",
        "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
    ),
    (
        "sasl.oauthbearer.jwt.validator.class",
        "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
    ),
    ("sasl.oauthbearer.scope", "null"),
    ("sasl.oauthbearer.scope.claim.name", "scope"),
    ("sasl.oauthbearer.sub.claim.name", "sub"),
    ("sasl.oauthbearer.token.endpoint.url", "null"),
    ("security.protocol", "PLAINTEXT"),
    ("security.providers", "null"),
    ("send.buffer.bytes", "131072"),
    ("socket.connection.setup.timeout.max.ms", "30000"),
    ("socket.connection.setup.timeout.ms", "10000"),
    ("ssl.cipher.suites", "null"),
    ("ssl.enabled.protocols", "TLSv1.2,TLSv1.3"),
    ("ssl.endpoint.identification.algorithm", "https"),
    ("ssl.engine.factory.class", "null"),
    ("ssl.key.password", "null"),
    ("ssl.keymanager.algorithm", "SunX509"),
    ("ssl.keystore.certificate.chain", "null"),
    ("ssl.keystore.key", "null"),
    ("ssl.keystore.location", "null"),
    ("ssl.keystore.password", "null"),
    ("ssl.keystore.type", "JKS"),
    ("ssl.protocol", "TLSv1.3"),
    ("ssl.provider", "null"),
    ("ssl.secure.random.implementation", "null"),
    ("ssl.trustmanager.algorithm", "PKIX"),
    ("ssl.truststore.certificates", "null"),
    ("ssl.truststore.location", "null"),
    ("ssl.truststore.password", "null"),
    ("ssl.truststore.type", "JKS"),
    ("transaction.timeout.ms", "60000"),
    ("transaction.two.phase.commit.enable", "false"),
    ("transactional.id", "null"),
    ("value.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
    // A setting of 3.x.
    ("auto.include.jmx.reporter", "false"),
];

/// The defaults of other clients are accepted, except those that turn on what this crate does not have.
#[test]
fn the_defaults_of_other_clients_are_taken_or_name_what_is_missing() {
    for (table, refused) in [
        (&KAFKA_PYTHON_2[..], &[][..]),
        (KAFKA_PYTHON_3, &[]),
        (
            JAVA,
            &[
                "enable.metrics.push = 'true'",
                "metadata.cluster.check.enable = 'true'",
                "metric.reporters = 'org.apache.kafka.common.metrics.JmxReporter'",
                "sasl.mechanism = 'GSSAPI': security.protocol is PLAINTEXT, which has no SASL",
            ],
        ),
    ] {
        let problems = problems(table);
        assert_eq!(problems.len(), refused.len(), "{problems:?}");
        for (problem, refused) in problems.iter().zip(refused) {
            assert!(problem.to_string().starts_with(refused), "{problem}");
            let lasts =
                [ConfigProblemKind::Inapplicable, ConfigProblemKind::NeedsCode].contains(&problem.kind);
            assert!(lasts || problem.key == "sasl.mechanism", "{problem}");
        }
    }
}

fn is_librdkafkas(name: &str) -> bool {
    librdkafka::LATER.iter().any(|later| later.name == name)
        || librdkafka::KEYS.iter().any(|key| key.name == name)
}

/// With any other value the error names what is missing, in the spelling of the text, and shows no secrets.
#[test]
fn what_is_not_there_is_refused_by_name() {
    let mut secrets = BTreeSet::new();
    for name in later::names() {
        for key in [name.to_owned(), name.replace('_', ".")] {
            let problems = problems(&[(key.as_str(), "something else")]);
            let [problem] = &problems[..] else { panic!("{key}: {problems:?}") };
            assert_eq!(problem.key, key);
            let says = |why: &str| problem.why.contains(why);
            assert!(
                says("not supported yet")
                    || says("it refers to code")
                    || says("the feature `tls`")
                    || problem.kind == ConfigProblemKind::Inapplicable,
                "{problem}"
            );
            match &problem.value {
                Some(value) => assert_eq!(value, "something else"),
                None => drop(secrets.insert(name)),
            }
        }
    }
    for secret in [
        "sasl_oauthbearer_assertion_private_key_passphrase",
        "sasl_oauthbearer_client_credentials_client_secret",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_key_password",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_key_pem",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_keystore_key",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_keystore_password",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_password",
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        "ssl_truststore_password",
    ] {
        assert!(secrets.contains(secret), "{secret}");
    }
}

const LIBRDKAFKA: &[&str] = &[
    "ssl_ca_location",
    "ssl_ca_pem",
    "ssl_certificate_location",
    "ssl_certificate_pem",
    "ssl_key_location",
    "ssl_key_pem",
    "ssl_crl_location",
];

/// Each name in this crate's tables is in a table of another client, except this crate's own settings.
#[test]
fn every_key_of_the_tables_is_tested() {
    let tables = [&KAFKA_PYTHON_2[..], KAFKA_PYTHON_3, JAVA];
    let tested: BTreeSet<_> = tables.concat().iter().map(|(key, _)| key.replace('.', "_")).collect();
    let ours = [
        "ack_timeout_ms",
        "batch_max_bytes",
        "batch_num_records",
        // Of librdkafka.
        "broker_address_family",
        "compression_level",
        "default_topic",
        "exit_timeout_ms",
        "manual_flush",
        "produce_request_max_bytes",
        "tls_backend",
    ];
    for name in keys::KEYS.iter().map(|key| key.name).chain(later::names()) {
        // Names of librdkafka, which `tls.rs` tests.
        let is_of_tls = LIBRDKAFKA.contains(&name);
        let is_known = tested.contains(name) || ours.contains(&name) || is_of_tls;
        assert!(is_known || is_librdkafkas(name), "{name}");
    }
}

fn problems(pairs: &[(&str, &str)]) -> Vec<crate::error::ConfigProblem> {
    match ProducerConfig::from_pairs(pairs.iter().copied()).and_then(|config| config.settings()) {
        Ok(_) => Vec::new(),
        Err(error) => match error.kind() {
            ErrorKind::Config { problems } => problems.clone(),
            other => panic!("{other:?}"),
        },
    }
}

/// What a dict of kafka-python's defaults has as strings.
#[test]
fn the_selector_of_python_is_accepted_and_no_brokers_are_refused() {
    for selector in ["None", "DefaultSelector", "selectors.DefaultSelector"] {
        assert!(problems(&[("selector", selector)]).is_empty(), "{selector}");
    }
    assert!(!problems(&[("selector", "selectors.PollSelector")]).is_empty());
    let problem = &problems(&[("bootstrap_servers", "None")])[0];
    assert!(problem.why.contains("write at least one broker"), "{problem}");
}
