use super::*;
use crate::producer::DefaultPartitioner;

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
         acks = '2': it is one of 0, 1, all; retries = '-1': write a whole number from 0 to 2147483647, in digits alone"
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

/// Every setting that acts, and where it arrives.
#[test]
fn every_setting_reaches_the_place_where_it_acts() {
    type Place = fn(&Settings) -> String;
    let level: Place = |s| s.accumulator.encoding.level.map_or("none".into(), |level| level.to_string());
    let places: &[(&str, &str, Place)] = &[
        ("bootstrap_servers", "a:1,b:2", |s| {
            s.client.bootstrap.iter().map(|(h, p)| format!("{h}:{p}")).collect::<Vec<_>>().join(",")
        }),
        ("client_id", "me", |s| s.client.client_id.clone()),
        ("acks", "1", |s| s.sender.acks.to_string()),
        ("compression_type", "none", |s| s.accumulator.encoding.compression.to_string()),
        ("compression_level", "none", level),
        // Of codecs that are not chosen here; see below.
        ("compression_gzip_level", "none", level),
        ("compression_lz4_level", "none", level),
        ("compression_zstd_level", "none", level),
        ("retries", "7", |s| s.sender.patience.retries.to_string()),
        ("batch_size", "7001", |s| s.accumulator.batch_size.to_string()),
        ("batch_max_bytes", "70001", |s| s.accumulator.batch_max_bytes.to_string()),
        ("produce_request_max_bytes", "7000001", |s| s.sender.request_max_bytes.to_string()),
        ("linger_ms", "7", |s| s.sender.linger.as_millis().to_string()),
        ("buffer_memory", "7000001", |s| s.buffer_memory.to_string()),
        ("max_block_ms", "7", |s| {
            format!(
                "{}{}",
                s.max_block.as_millis(),
                if s.accumulator.max_block == s.max_block { "" } else { "!" }
            )
        }),
        ("max_request_size", "700001", |s| s.max_request_size.to_string()),
        ("max_in_flight_requests_per_connection", "7", |s| s.client.max_in_flight.to_string()),
        ("request_timeout_ms", "7000", |s| {
            format!(
                "{}{}",
                s.sender.request_timeout.as_millis(),
                if s.client.request_timeout == s.sender.request_timeout { "" } else { "!" }
            )
        }),
        ("delivery_timeout_ms", "70000", |s| {
            s.sender.patience.delivery_timeout.unwrap().as_millis().to_string()
        }),
        ("retry_backoff_ms", "77", |s| {
            format!(
                "{}{}",
                s.sender.retry.initial.as_millis(),
                if s.client.metadata.retry.initial == s.sender.retry.initial { "" } else { "!" }
            )
        }),
        ("retry_backoff_max_ms", "7777", |s| s.sender.retry.max.as_millis().to_string()),
        ("reconnect_backoff_ms", "77", |s| s.client.reconnect.initial.as_millis().to_string()),
        ("reconnect_backoff_max_ms", "7777", |s| s.client.reconnect.max.as_millis().to_string()),
        ("socket_connection_setup_timeout_ms", "777", |s| {
            s.client.setup_timeout.initial.as_millis().to_string()
        }),
        ("socket_connection_setup_timeout_max_ms", "77777", |s| {
            s.client.setup_timeout.max.as_millis().to_string()
        }),
        ("connections_max_idle_ms", "7777", |s| s.client.max_idle.as_millis().to_string()),
        ("metadata_max_age_ms", "7777", |s| s.client.metadata.max_age.as_millis().to_string()),
        ("metadata_max_idle_ms", "7777", |s| s.client.metadata.max_idle.as_millis().to_string()),
        ("allow_auto_create_topics", "false", |s| s.client.metadata.allow_auto_create_topics.to_string()),
        ("receive_message_max_bytes", "7777", |s| s.client.receive_message_max_bytes.to_string()),
        ("send_buffer_bytes", "7777", |s| s.socket.send_buffer_bytes.unwrap().to_string()),
        ("receive_buffer_bytes", "7777", |s| s.socket.receive_buffer_bytes.unwrap().to_string()),
        ("socket_options", "TCP_NODELAY=0,SO_KEEPALIVE=1", |s| {
            format!(
                "TCP_NODELAY={},SO_KEEPALIVE={}",
                u8::from(s.socket.no_delay),
                u8::from(s.socket.keep_alive)
            )
        }),
        ("sock_chunk_bytes", "7777", |s| s.socket.read_size.to_string()),
        ("sock_chunk_buffer_count", "7", |s| s.socket.reads_a_turn.to_string()),
        ("partitioner_ignore_keys", "true", |s| {
            (0..99)
                .any(|_| {
                    s.partitioner.partition(Some(b"k"), 9, &[])
                        != DefaultPartitioner.partition(Some(b"k"), 9, &[])
                })
                .to_string()
        }),
    ];
    assert!(
        keys::KEYS.iter().map(|key| key.name).eq(places.iter().map(|(key, ..)| *key)),
        "a setting is not in this table"
    );
    for (key, value, place) in places {
        let settings = ProducerConfig::from_pairs([(*key, *value)]).unwrap().settings().unwrap();
        assert_eq!(place(&settings), *value, "{key}");
    }
}

/// For the codec that is chosen its own level wins; one for another codec must exist and does nothing.
#[test]
fn each_codec_has_its_own_level() {
    let encoding = |pairs: &[(&str, &str)]| {
        let settings = ProducerConfig::from_pairs(pairs.iter().copied()).and_then(|config| config.settings());
        settings.map(|settings| settings.accumulator.encoding).map_err(|error| error.to_string())
    };
    let level = |codec, pairs: &[(&'static str, &'static str)]| {
        let all = [("compression.type", codec)].into_iter().chain(pairs.iter().copied());
        encoding(&all.collect::<Vec<_>>()).map(|encoding| encoding.level)
    };
    let refusal = |codec, pairs: &[(&'static str, &'static str)]| {
        let text = level(codec, pairs).unwrap_err();
        text.strip_prefix("the configuration can't be used: ").unwrap().to_owned()
    };
    let all = [
        ("compression.gzip.level", "2"),
        ("compression.lz4.level", "12"),
        ("compression.zstd.level", "-131072"),
    ];
    assert_eq!(level("none", &all), Ok(None));
    for (bad, write) in [
        (
            ("compression.gzip.level", "0"),
            "a whole number from 1 to 9, in digits alone, or -1 for the default",
        ),
        (
            ("compression_gzip_level", "10"),
            "a whole number from 1 to 9, in digits alone, or -1 for the default",
        ),
        (("compression.lz4.level", "18"), "a whole number from 1 to 17, in digits alone"),
        (("compression.zstd.level", "23"), "a whole number from -131072 to 22, in digits alone"),
    ] {
        assert_eq!(refusal("none", &[bad]), format!("{} = '{}': write {write}", bad.0, bad.1));
    }
    #[cfg(feature = "gzip")]
    {
        let gzip = encoding(&[("compression.type", "gzip"), ("compression_level", "9")]).unwrap();
        assert_eq!((gzip.compression, gzip.level), (Compression::Gzip, Some(9)));
        assert_eq!(level("gzip", &all), Ok(Some(2)));
        assert_eq!(
            level("gzip", &[("compression_level", "9"), ("compression.gzip.level", "2")]),
            Ok(Some(2))
        );
        assert_eq!(
            level("gzip", &[("compression_level", "9"), ("compression.zstd.level", "2")]),
            Ok(Some(9))
        );
        assert_eq!(
            level("gzip", &[("compression_level", "9"), ("compression.gzip.level", "-1")]),
            Ok(Some(6))
        );
        let range = "gzip has levels from 1 to 9";
        assert_eq!(
            refusal("gzip", &[("compression.level", "0")]),
            format!("compression.level = '0': {range}")
        );
    }
    #[cfg(feature = "zstd")]
    {
        assert_eq!(level("zstd", &all), Ok(Some(-131_072)));
        assert_eq!(
            level("zstd", &[("compression_level", "9"), ("compression.zstd.level", "-1")]),
            Ok(Some(-1))
        );
    }
    #[cfg(feature = "lz4")]
    {
        assert_eq!(level("lz4", &[("compression.lz4.level", "9")]), Ok(None));
        assert_eq!(
            refusal("lz4", &all),
            "compression.lz4.level = '12': the lz4 of this crate has no levels, it does what Java does at 9; leave it \
             out"
        );
    }
}

/// What many partitions take beside their batches must fit as well, or the broker closes the connection for it.
#[test]
fn no_request_is_larger_than_brokers_take() {
    let most = settings::LARGEST_REQUEST;
    let bytes = |config: ProducerConfig| config.settings().unwrap().sender.request_max_bytes;
    assert_eq!(bytes(ProducerConfig::new().buffer_memory(2 << 30)), most / 2);
    assert!(bytes(ProducerConfig::new().produce_request_max_bytes(most)) < most);
    assert!(bytes(ProducerConfig::new().max_request_size(most).buffer_memory(2 << 30)) < most);
}
