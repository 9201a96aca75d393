//! Settings as texts: names, values, and the errors for those that can't be read.

use super::*;

#[test]
fn texts_are_read_by_either_name_and_unknown_ones_refused() {
    let config =
        ProducerConfig::from_pairs([("linger_ms", "5"), ("batch.size", "99"), ("acks", "all")]).unwrap();
    assert_eq!(
        (config.linger, config.effective().batch_size(), config.acks),
        (Duration::from_millis(5), 99, Acks::All)
    );
    let error = ProducerConfig::from_pairs([("linger", "5"), ("acks", "2"), ("retries", "-1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used:\n  linger = '5': there is no such setting; did you mean linger_ms?\n  \
         acks = '2': it must be 0, 1 or all\n  retries = '-1': write a whole number from 0 to 2147483647, digits only, \
         or 'inf' for no limit"
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
        ("enable_metrics_push", "false"),
    ];
    assert!(ProducerConfig::from_pairs(neutral).is_ok());
    // A protocol that is refused makes no setting of SASL wrong.
    let error = ProducerConfig::from_pairs([
        ("security_protocol", "SASL_SSL2"),
        ("sasl_plain_password", "hunter2"),
        ("partitioner", "com.example.ByTenant"),
    ])
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration can't be used:\n  security_protocol = 'SASL_SSL2': it must be one of PLAINTEXT, SSL, \
         SASL_PLAINTEXT, SASL_SSL\n  partitioner = 'com.example.ByTenant': it is not one of \
         the partitioners that a string can name; call ProducerConfig::partitioner"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    let read = ProducerConfig::from_pairs(pairs.iter().copied()).and_then(|config| config.settings());
    let text = read.map(|_| ()).unwrap_err().to_string();
    problems_of(&text)
}

#[test]
fn the_ways_people_write_a_value() {
    for (key, value, read) in [
        (" linger.ms ", "\t5 ", "5"),
        ("batch_size", "+7", "7"),
        ("allow_auto_create_topics", "true", "true"),
        ("allow_auto_create_topics", "False", "false"),
        ("allow_auto_create_topics", "FALSE", "false"),
        ("acks", "ALL", "all"),
        ("compression_type", "None", "none"),
        ("compression_type", "", "none"),
        ("client_id", "", "none"),
        ("delivery_timeout_ms", "None", "none"),
        ("delivery_timeout_ms", "9223372036854775807", "9223372036854775807"),
        ("send_buffer_bytes", "-1", "none"),
        ("send_buffer_bytes", "", "none"),
        ("retries", "inf", "2147483647"),
        ("bootstrap_servers", " a:1 , b:2 ,", "a:1,b:2"),
        ("socket_options", "", "TCP_NODELAY=1,SO_KEEPALIVE=0"),
    ] {
        let config = ProducerConfig::from_pairs([(key, value)]).unwrap();
        let known = keys::KEYS.iter().find(|known| known.name == key.trim().replace('.', "_")).unwrap();
        assert_eq!((known.show)(&config), read, "{key} = {value:?}");
    }
}

#[test]
fn a_value_that_can_not_be_read_is_told_what_to_write() {
    let bytes = "write a whole number, 0 or more, digits only";
    let millis = "write a whole number of milliseconds, 0 or more, digits only";
    for (key, value, why) in [
        ("batch.size", "16_384", bytes),
        ("batch_size", "-1", &format!("{bytes}; remove it for the default")),
        ("batch.size", "16KB", bytes),
        ("buffer_memory", "", bytes),
        ("buffer_memory", "none", bytes),
        ("buffer_memory", "1e9", bytes),
        ("batch_max_bytes", "-1", &format!("{bytes}; remove it for the default")),
        ("max_request_size", "18446744073709551616", bytes),
        ("linger.ms", "-5", millis),
        ("linger_ms", "5ms", millis),
        ("linger_ms", "0.5", millis),
        ("request_timeout_ms", "99999999999999999999", millis),
        ("delivery_timeout_ms", "", &format!("{millis}, or 'none' for no limit")),
        ("delivery_timeout_ms", "-1", &format!("{millis}, or 'none' for no limit")),
        (
            "retries",
            "2147483648",
            "write a whole number from 0 to 2147483647, digits only, or 'inf' for no limit",
        ),
        ("allow_auto_create_topics", "yes", "write true or false"),
        ("allow_auto_create_topics", "1", "write true instead of 1"),
        ("allow_auto_create_topics", "0", "write false instead of 0"),
        ("partitioner.ignore.keys", "", "write true or false"),
        ("acks", "", "it must be 0, 1 or all"),
        ("socket_options", "[(6, 1, 1)]", "write NAME=0 or NAME=1, separated by commas"),
        ("enable.idempotence", "yes", "write true or false"),
        ("metadata.recovery.strategy", "wait", "it must be one of none, rebootstrap"),
        ("broker.address.family", "ipv4", "it must be one of any, v4, v6"),
        (
            "ssl.protocol",
            "TLSv1.1",
            "ssl.enabled.protocols sets the versions of TLS; remove it, or write TLSv1.3 or TLS",
        ),
    ] {
        assert_eq!(refusal(&[(key, value)]), format!("{key} = '{value}': {why}"));
    }
    assert_eq!(
        refusal(&[("bootstrap.servers", "")]),
        "bootstrap.servers: it is empty; write at least one broker as host:port"
    );
}

/// As Python's `str` and other programs print a list.
#[test]
fn a_printed_list_of_servers_is_told_what_to_write() {
    for list in ["['a:9092', 'b:9092']", "[\"a:9092\",\"b:9092\"]"] {
        let why = refusal(&[("bootstrap_servers", list)]);
        assert_eq!(why.matches("write host:port,host:port without quotes and brackets").count(), 2, "{why}");
    }
    let why = refusal(&[("bootstrap_servers", "[a:9092, b:9092]")]);
    assert!(why.contains("the bracket is not closed; write host:port, or [address]:port for IPv6"), "{why}");
}

#[test]
fn a_setting_that_is_given_twice_says_the_same_or_is_refused() {
    let same = [("linger_ms", "5"), ("linger.ms", "05"), ("acks", "-1"), ("acks", "all"), ("linger_ms", "5")];
    assert_eq!(ProducerConfig::from_pairs(same).unwrap().linger, Duration::from_millis(5));
    assert_eq!(
        refusal(&[("linger_ms", "5"), ("linger.ms", "6")]),
        "linger.ms = '6': linger_ms = '5' is set too; remove one of the two"
    );
    // The second is the default, but the first is not.
    assert_eq!(
        refusal(&[("acks", "1"), ("acks", "all")]),
        "acks = 'all': acks = '1' is set too; remove one of the two"
    );
    // Later texts replace earlier ones, under any name of the setting.
    let layered = ProducerConfig::from_pairs([("linger_ms", "5"), ("acks", "1")]).unwrap();
    let layered = layered.with_pairs([("queue.buffering.max.ms", "7")]).unwrap();
    let variable = ("APP_ACKS".into(), "all".into());
    let layered = layered.with_variables("APP_", [variable]).unwrap();
    assert_eq!((layered.linger, layered.acks), (Duration::from_millis(7), Acks::All));
    // A program may override a text.
    let config = ProducerConfig::from_pairs([("linger_ms", "5")]).unwrap().linger(Duration::ZERO);
    assert_eq!(config.linger, Duration::ZERO);
}

#[test]
fn a_setting_is_called_what_the_text_called_it() {
    assert_eq!(
        refusal(&[("delivery.timeout.ms", "1000"), ("linger.ms", "5")]),
        "delivery.timeout.ms = '1000': it must be at least the sum of linger.ms (5) and request_timeout_ms (30000); otherwise a record expires before its first request can time out"
    );
    assert_eq!(
        refusal(&[
            ("retry.backoff.ms", "2000"),
            ("retry.backoff.max.ms", "100"),
            ("batch_max_bytes", "2000000")
        ]),
        "batch_max_bytes = '2000000': it is more than max_request_size (1048576); lower it or raise max_request_size; \
         retry.backoff.ms = '2000': it is more than retry.backoff.max.ms (100); lower it or raise retry.backoff.max.ms"
    );
}

/// Files for older clients have no setting for the longest wait: their wait does not grow.
#[test]
fn a_first_wait_alone_may_be_longer_than_the_most_by_default() {
    for key in ["retry_backoff_ms", "reconnect.backoff.ms", "socket.connection.setup.timeout.ms"] {
        let config = ProducerConfig::from_pairs([(key, "60000")]).unwrap();
        assert!(config.settings().is_ok(), "{key}");
    }
    let minute = Duration::from_secs(60);
    let settings = ProducerConfig::from_pairs([("retry_backoff_ms", "60000")]).unwrap().settings().unwrap();
    assert_eq!([1, 2, 9].map(|failures| settings.sender.retry.nominal(failures)), [minute; 3]);
    let typed = ProducerConfig::new().retry_backoff(minute).retry_backoff_max(Duration::from_secs(1));
    assert!(typed.settings().is_err());
}

#[test]
fn a_name_that_is_not_known_gets_the_closest_in_its_spelling() {
    for (key, closest) in [
        ("linger.m", " did you mean linger.ms?"),
        ("LINGER_MS", " did you mean linger_ms?"),
        ("max-block-ms", " did you mean max_block_ms?"),
        ("compression.zstd.lvl", " did you mean compression.zstd.level?"),
        ("ssl_ca_file", " did you mean ssl_cafile?"),
    ] {
        assert_eq!(refusal(&[(key, "v")]), format!("{key} = 'v': there is no such setting;{closest}"));
    }
    assert_eq!(refusal(&[("colour", "v")]), "colour: no Kafka producer has this setting; remove it");
    assert_eq!(refusal(&[("", "v")]), ": no Kafka producer has this setting; remove it");
}

/// A misspelt name does not bring a password into a log.
#[test]
fn no_secret_is_shown() {
    for (key, value) in [
        ("sasl_plain_password", "hunter2"),
        ("sasl_plain_pasword", "hunter2"),
        ("sasl.plain.pwd", "hunter2"),
        ("sasl.jaas.config", "ScramLoginModule required username=\"u\" password=\"hunter2\";"),
        ("sasl.jaas.conf", "password=\"hunter2\""),
        ("ssl.keystore.key", "hunter2"),
        ("SSL_PASSWORD", "hunter2"),
        ("SSL_KEYSTORE_KEY", "hunter2"),
        ("schema.registry.basic.auth.user.info", "u:hunter2"),
        ("proxy_url", "socks5://u:hunter2@proxy:hunter2"),
        ("bootstrap_servers", "a:1,PLAINTEXT://u:hunter2@b:2"),
    ] {
        let error =
            ProducerConfig::from_pairs([(key, value)]).and_then(|config| config.settings().map(|_| ()));
        let error = error.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

/// Problems that would be found when the producer is built are reported together with the others.
#[test]
fn one_error_lists_what_can_not_be_read_and_what_can_not_be_used() {
    assert_eq!(
        refusal(&[
            ("linger_ms", "x"),
            ("buffer.memory", "0"),
            ("sasl.mechanism", "PLAIN"),
            ("bootstrap_servers", "a:0")
        ]),
        "linger_ms = 'x': write a whole number of milliseconds, 0 or more, digits only; \
         bootstrap_servers = 'a:0': '0' is not a port; write host:port with a port from 1 to 65535; buffer.memory = '0': it \
         must be at least 1; sasl.mechanism = 'PLAIN': security_protocol is PLAINTEXT, which has no SASL; this setting would have no effect; set security_protocol to SASL_SSL or SASL_PLAINTEXT, or remove this setting"
    );
}

/// Maps, readers of properties files and the environment have different types of texts.
#[test]
fn texts_may_be_owned_or_borrowed() {
    let owned = [("linger.ms".to_owned(), "5".to_owned())];
    let map = std::collections::HashMap::from(owned.clone());
    for config in [
        ProducerConfig::from_pairs(&map),
        ProducerConfig::from_pairs(map.clone()),
        ProducerConfig::from_pairs(owned.to_vec()),
        ProducerConfig::from_pairs(owned.iter().map(|(key, value)| (key, value.as_str()))),
    ] {
        assert_eq!(config.unwrap().linger, Duration::from_millis(5));
    }
}

#[test]
fn texts_upon_a_preset_change_only_what_they_name() {
    let config = ProducerConfig::kafka_python_2().with_pairs([("linger_ms", "5")]).unwrap();
    assert_eq!((config.linger, config.acks, config.retries), (Duration::from_millis(5), Acks::Leader, 0));
    let refused = ProducerConfig::kafka_python_2().with_pairs([("lingerms", "5")]).unwrap_err().to_string();
    assert!(refused.ends_with("did you mean linger_ms?"), "{refused}");
}
