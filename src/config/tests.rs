use super::*;

fn text(config: ProducerConfig) -> String {
    config.settings().map(|_| ()).unwrap_err().to_string()
}

#[test]
fn all_problems_are_told_at_once() {
    let config = ProducerConfig::new().bootstrap_servers(["a:notaport", "b"]).buffer_memory(0);
    assert_eq!(
        text(config),
        "the configuration can't be used: bootstrap_servers = 'a:notaport': 'notaport' is not a port; write \
         host:port with a port from 1 to 65535; buffer_memory = '0': it must be at least 1"
    );
    let none: [&str; 0] = [];
    assert_eq!(
        text(ProducerConfig::new().bootstrap_servers(none)),
        "the configuration can't be used: bootstrap_servers: there is none; name at least one broker as host:port"
    );
}

#[test]
fn an_expiry_before_the_first_answer_is_refused() {
    let config = ProducerConfig::new().delivery_timeout(Duration::from_secs(1));
    assert_eq!(
        text(config),
        "the configuration can't be used: delivery_timeout_ms = '1000': a record would expire before its first \
         request can time out; it must be at least linger_ms (0) and request_timeout_ms (30000) together"
    );
}

#[test]
fn texts_are_read_by_either_name_and_unknown_ones_refused() {
    let config =
        ProducerConfig::from_pairs([("linger_ms", "5"), ("batch.size", "99"), ("acks", "all")]).unwrap();
    assert_eq!((config.linger, config.batch_size, config.acks), (Duration::from_millis(5), 99, Acks::All));
    let error = ProducerConfig::from_pairs([("linger", "5"), ("acks", "2"), ("retries", "-1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used: linger = '5': there is no such setting; did you mean linger_ms?; \
         acks = '2': it is one of 0, 1, all; retries = '-1': it is a whole number from 0 to 2147483647"
    );
}

#[test]
fn what_comes_later_is_taken_at_its_neutral_value_and_refused_by_name_at_others() {
    let neutral = [
        ("security.protocol", "PLAINTEXT"),
        ("ssl_cafile", "None"),
        ("ssl_check_hostname", "True"),
        ("sasl_kerberos_service_name", "kafka"),
        ("key_serializer", "None"),
        ("metrics_num_samples", "2"),
        ("enable_idempotence", "false"),
    ];
    assert!(ProducerConfig::from_pairs(neutral).is_ok());
    let error = ProducerConfig::from_pairs([
        ("security_protocol", "SSL"),
        ("sasl_plain_password", "hunter2"),
        ("partitioner", "murmur2"),
    ])
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used: security_protocol = 'SSL': another protocol is not there yet; only \
         PLAINTEXT is taken; sasl_plain_password: SASL is not there yet; only none is taken; partitioner = 'murmur2': it is \
         code, which a text can't be; call ProducerConfig::partitioner"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

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
        assert_eq!(keys::set(&mut set, key, value), None);
        let shown = |config: &ProducerConfig| {
            let key = keys::KEYS.iter().find(|known| known.name == key);
            key.filter(|key| key.name != "bootstrap_servers").map(|key| (key.show)(config))
        };
        assert_eq!(shown(&set), shown(&preset), "{key}");
    }
    assert_eq!(preset.bootstrap_servers, ["localhost:9092"]);
    assert_eq!((preset.batch_max_bytes, preset.delivery_timeout), (Some(16_384), None));
}

#[test]
fn what_a_configuration_shows_it_reads_back() {
    let config = ProducerConfig::new().client_id("me").retries(3).delivery_timeout(None);
    let shown: Vec<_> = keys::KEYS.iter().map(|key| (key.name, (key.show)(&config))).collect();
    let again = ProducerConfig::from_pairs(shown.iter().map(|(key, value)| (*key, value.as_str()))).unwrap();
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
    assert!(format!("{config:?}").contains("client_id: me"));
}

#[test]
fn the_largest_durations_are_taken() {
    let config = ProducerConfig::new().linger(Duration::MAX).delivery_timeout(None).max_block(Duration::MAX);
    assert!(config.request_timeout(Duration::MAX).settings().is_ok());
}

#[test]
fn what_can_not_work_is_refused() {
    let refused = |config: ProducerConfig, key: &str| {
        let error = config.settings().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    };
    refused(ProducerConfig::new().bootstrap_servers(["SSL://a:1"]), "only PLAINTEXT:// is taken");
    refused(ProducerConfig::new().client_id("a\0b"), "client_id");
    refused(ProducerConfig::new().batch_max_bytes(10 << 20), "raise that too");
    refused(ProducerConfig::new().max_request_size(1 << 30), "socket.request.max.bytes");
    refused(ProducerConfig::new().produce_request_max_bytes(1 << 30), "socket.request.max.bytes");
    refused(ProducerConfig::new().connections_max_idle(Duration::ZERO), "connections_max_idle_ms");
    refused(ProducerConfig::new().metadata_max_idle(Duration::ZERO), "metadata_max_idle_ms");
    refused(ProducerConfig::new().request_timeout(Duration::ZERO), "request_timeout_ms");
    let level = ProducerConfig::new().compression_level(3);
    refused(level, "compression_level = '3': none has no levels");
}

/// B38: every size and every time at its extremes is taken or refused, and never panics.
#[test]
fn extremes_are_taken_or_refused() {
    let numbers = ["0", "1", "2147483647", "2147483648", "18446744073709551615"];
    for key in keys::KEYS {
        for number in numbers {
            let Ok(config) = ProducerConfig::from_pairs([(key.name, number)]) else { continue };
            let _ = config.settings();
        }
    }
    let huge =
        ProducerConfig::new().max_in_flight_requests_per_connection(usize::MAX).buffer_memory(usize::MAX);
    assert!(huge.settings().is_ok_and(|settings| settings.sender.request_max_bytes <= 100 << 20));
}
