//! Configurations that other clients use too.

use std::ffi::OsString;

use super::*;
use crate::error::ConfigProblemKind as Kind;

fn shared(dialect: Dialect, pairs: &[(&str, &str)]) -> (ProducerConfig, Vec<(String, Kind)>) {
    let (config, unused) = ProducerConfig::from_shared(dialect, pairs.iter().copied()).unwrap();
    assert!(config.settings().is_ok(), "{:?}", config.settings().err());
    (config, unused.into_iter().map(|problem| (problem.key, problem.kind)).collect())
}

#[test]
fn a_configuration_of_librdkafka_has_the_partitioner_of_librdkafka() {
    let of = |pairs: &[(&str, &str)]| shown(&shared(Dialect::Librdkafka, pairs).0, "partitioner");
    assert_eq!(of(&[]), "consistent_random");
    assert_eq!(of(&[("partitioner", "murmur2_random")]), "murmur2_random");
}

#[test]
fn a_partitioner_of_another_program_is_listed_and_a_known_one_acts() {
    let of = |class| shared(Dialect::Java, &[("partitioner.class", class)]);
    let (config, unused) = of("com.example.ByTenant");
    assert_eq!(shown(&config, "partitioner"), "StickyPartitioner");
    assert_eq!(unused, [("partitioner.class".to_owned(), Kind::NeedsCode)]);
    let (config, unused) = of("org.apache.kafka.clients.producer.RoundRobinPartitioner");
    assert_eq!((shown(&config, "partitioner"), unused.len()), ("RoundRobinPartitioner".to_owned(), 0));
}

#[test]
fn a_setting_that_others_need_is_not_said_to_be_left_out() {
    let (_, unused) = ProducerConfig::from_shared(Dialect::Java, [("group.id", "orders")]).unwrap();
    assert_eq!(unused[0].to_string(), "group.id: it is a setting of consumers");
    let (_, unused) =
        ProducerConfig::from_shared(Dialect::Librdkafka, [("statistics.interval.ms", "1000")]).unwrap();
    let text = "statistics.interval.ms = '1000': statistics go to code of the program; call ProducerConfig::report_metrics";
    assert_eq!(unused[0].to_string(), text);
}

#[test]
fn an_empty_variable_does_not_turn_the_check_of_names_off() {
    let variable = [(OsString::from("K_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM"), OsString::new())];
    assert!(ProducerConfig::new().with_variables("K_", variable).is_err());
}

fn refused(dialect: Dialect, pairs: &[(&str, &str)]) -> String {
    ProducerConfig::from_shared(dialect, pairs.iter().copied()).unwrap_err().to_string()
}

fn shown(config: &ProducerConfig, name: &str) -> String {
    let key = keys::all().find(|key| key.name == name).unwrap();
    (key.show)(config)
}

#[test]
fn what_belongs_to_others_is_told_and_the_rest_acts() {
    let (config, unused) = shared(
        Dialect::Java,
        &[
            ("bootstrap.servers", "a:9092,b:9092"),
            ("acks", "all"),
            ("linger.ms", "20"),
            ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
            ("value.serializer", "io.confluent.kafka.serializers.KafkaAvroSerializer"),
            ("schema.registry.url", "http://localhost:8081"),
            ("session.timeout.ms", "45000"),
            ("group.id", "orders"),
            (
                "interceptor.classes",
                "io.confluent.monitoring.clients.interceptor.MonitoringProducerInterceptor",
            ),
            ("enable.metrics.push", "true"),
            ("colour", "red"),
        ],
    );
    assert_eq!(shown(&config, "linger_ms"), "20");
    let expected = [
        ("value.serializer", Kind::NeedsCode),
        ("schema.registry.url", Kind::Inapplicable),
        ("session.timeout.ms", Kind::Inapplicable),
        ("group.id", Kind::Inapplicable),
        ("interceptor.classes", Kind::NeedsCode),
        ("enable.metrics.push", Kind::Inapplicable),
        ("colour", Kind::Unknown),
    ];
    assert_eq!(unused, expected.map(|(key, kind)| (key.to_owned(), kind)));
}

#[test]
fn what_matters_for_safety_is_refused_in_a_shared_configuration_too() {
    for (key, value) in [
        ("transactional.id", "orders-1"),
        ("ssl.protocol", "TLSv1.1"),
        ("linger.ms", "soon"),
        ("sasl.kerberos.service.name", "kafka2"),
    ] {
        assert!(refused(Dialect::Java, &[(key, value)]).contains(key), "{key}");
    }
    for (key, value) in [
        ("enable.ssl.certificate.verification", "false"),
        ("enable.gapless.guarantee", "true"),
        ("queuing.strategy", "lifo"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
    ] {
        assert!(refused(Dialect::Librdkafka, &[(key, value)]).contains(key), "{key}");
    }
    let error = refused(Dialect::Librdkafka, &[("enable.ssl.certificate.verification", "false")]);
    assert!(
        error.ends_with("set ssl.ca.location to the CA of the brokers; remove it, or write true"),
        "{error}"
    );
}

/// Ignoring it would be less safe than intended.
#[test]
fn a_slip_in_a_name_of_safety_is_refused() {
    for key in ["security.protocl", "ssl.ca.locaton", "sasl.mechanims", "ack", "enable.idempotenc"] {
        let error = refused(Dialect::Java, &[(key, "x")]);
        assert!(error.contains("did you mean"), "{error}");
    }
    // The same for an unknown name of TLS or SASL.
    for key in ["ssl.pin.of.the.broker", "sasl.something.else.entirely", "security.level.of.paranoia"] {
        assert!(refused(Dialect::Java, &[(key, "x")]).contains(key), "{key}");
    }
    for key in ["ssl_ca", "ssl.engine.factory.class", "security.providers"] {
        assert!(refused(Dialect::Librdkafka, &[(key, "x")]).contains("it refers to code"), "{key}");
    }
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    for key in ["schema.registry.url", "colour", "spring.json.url"] {
        let pairs = [(key, "https://user:hunter2@host:8081")];
        let (_, unused) = ProducerConfig::from_shared(Dialect::Java, pairs).unwrap();
        assert_eq!(unused.len(), 1);
        assert!(!format!("{unused:?} {}", unused[0]).contains("hunter2"), "{unused:?}");
    }
}

#[test]
fn librdkafkas_names_act() {
    for (theirs, value, ours, shows) in [
        ("metadata.broker.list", "a:1, b:2", "bootstrap_servers", "a:1,b:2"),
        ("request.required.acks", "1", "acks", "1"),
        ("compression.codec", "gzip", "compression_type", "gzip"),
        ("message.send.max.retries", "7", "retries", "7"),
        ("queue.buffering.max.ms", "12.5", "linger_ms", "12.5"),
        ("queue.buffering.max.kbytes", "1024", "buffer_memory", "1048576"),
        ("message.max.bytes", "2000000", "max_request_size", "2000000"),
        ("max.in.flight", "3", "max_in_flight_requests_per_connection", "3"),
        ("message.timeout.ms", "300000", "delivery_timeout_ms", "300000"),
        ("message.timeout.ms", "0", "delivery_timeout_ms", "none"),
        ("socket.timeout.ms", "60000", "request_timeout_ms", "60000"),
        ("topic.metadata.refresh.interval.ms", "60000", "metadata_max_age_ms", "60000"),
        ("socket.send.buffer.bytes", "0", "send_buffer_bytes", "none"),
        ("socket.receive.buffer.bytes", "9000", "receive_buffer_bytes", "9000"),
        ("socket.keepalive.enable", "true", "socket_options", "TCP_NODELAY=1,SO_KEEPALIVE=1"),
        ("socket.nagle.disable", "false", "socket_options", "TCP_NODELAY=0,SO_KEEPALIVE=0"),
    ] {
        for dialect in [Dialect::Librdkafka, Dialect::Java] {
            let (config, unused) = shared(dialect, &[(theirs, value)]);
            assert_eq!((shown(&config, ours).as_str(), unused.len()), (shows, 0), "{theirs}");
        }
    }
}

#[test]
fn both_halves_of_the_socket_options_act() {
    let pairs = [("socket.keepalive.enable", "true"), ("socket.nagle.disable", "false")];
    let (config, _) = shared(Dialect::Librdkafka, &pairs);
    assert_eq!(shown(&config, "socket_options"), "TCP_NODELAY=0,SO_KEEPALIVE=1");
}

/// The rule that nothing is set twice also holds for different names of one setting.
#[test]
fn a_setting_under_two_names_says_the_same_or_is_refused() {
    assert!(
        refused(Dialect::Librdkafka, &[("acks", "1"), ("request.required.acks", "all")])
            .contains("is set too")
    );
    assert!(
        refused(Dialect::Java, &[("linger.ms", "1"), ("queue.buffering.max.ms", "2")]).contains("is set too")
    );
    shared(Dialect::Java, &[("linger.ms", "1"), ("queue.buffering.max.ms", "1.0")]);
}

#[test]
fn what_a_name_means_is_decided_by_the_dialect() {
    let pairs = [("request.timeout.ms", "5000")];
    let (java, unused) = shared(Dialect::Java, &pairs);
    assert_eq!((shown(&java, "request_timeout_ms").as_str(), unused.len()), ("5000", 0));
    let (librdkafka, unused) = shared(Dialect::Librdkafka, &pairs);
    assert_eq!(shown(&librdkafka, "request_timeout_ms"), "30000");
    assert_eq!((shown(&librdkafka, "ack_timeout_ms").as_str(), unused.len()), ("5000", 0));

    for (key, value, ours, shows) in [
        ("linger.ms", "0.5", "linger_ms", "0.5"),
        ("delivery.timeout.ms", "0", "delivery_timeout_ms", "none"),
        ("connections.max.idle.ms", "0", "connections_max_idle_ms", "none"),
        ("compression.level", "-1", "compression_level", "none"),
    ] {
        let (config, _) = shared(Dialect::Librdkafka, &[(key, value)]);
        assert_eq!(shown(&config, ours), shows, "{key}");
        let java = ProducerConfig::from_shared(Dialect::Java, [(key, value)]);
        assert!(java.and_then(|(config, _)| config.settings().map(|_| ())).is_err(), "{key}");
    }
}

#[test]
fn variables_with_the_prefix_are_settings() {
    let of = |variables: &[(&str, &str)]| {
        let owned = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        ProducerConfig::new().with_variables("ORDERS_KAFKA_", owned)
    };
    let config =
        of(&[("ORDERS_KAFKA_LINGER_MS", "7"), ("KAFKA_HEAP_OPTS", "-Xmx1G"), ("PATH", "/bin")]).unwrap();
    assert_eq!(shown(&config, "linger_ms"), "7");
    let error = of(&[("ORDERS_KAFKA_LINGERMS", "7")]).unwrap_err().to_string();
    assert!(
        error.contains("ORDERS_KAFKA_LINGERMS = '7'") && error.ends_with("did you mean linger_ms?"),
        "{error}"
    );
}

/// The name says where to look: in the file, in the environment or in the program.
#[test]
fn a_value_that_contradicts_another_has_the_name_of_its_source() {
    let file = [("message.timeout.ms", "300000"), ("queue.buffering.max.ms", "5")];
    let (file, _) = ProducerConfig::from_shared(Dialect::Librdkafka, file).unwrap();
    let text = |config: ProducerConfig| config.settings().map(|_| ()).unwrap_err().to_string();
    let problem = |key: &str, linger: &str| {
        format!("{key} = '10': it must be at least the sum of {linger} and request_timeout_ms (30000)")
    };
    let short = Duration::from_millis(10);
    let by_setter = text(file.clone().delivery_timeout(short));
    assert!(by_setter.contains(&problem("delivery_timeout_ms", "queue.buffering.max.ms (5)")), "{by_setter}");
    let variable = (OsString::from("K_DELIVERY_TIMEOUT_MS"), OsString::from("10"));
    let by_variable = text(file.clone().with_variables("K_", [variable]).unwrap().linger(short));
    assert!(by_variable.contains(&problem("K_DELIVERY_TIMEOUT_MS", "linger_ms (10)")), "{by_variable}");
    let by_file = text(file.with_pairs([("delivery.timeout.ms", "10")]).unwrap());
    assert!(by_file.contains(&problem("delivery.timeout.ms", "queue.buffering.max.ms (5)")), "{by_file}");
}

#[test]
fn a_protocol_in_a_variable_that_is_refused_makes_no_setting_of_sasl_wrong() {
    let variables = [("K_SECURITY_PROTOCOL", "SASL_SLS"), ("K_SASL_MECHANISM", "PLAIN")]
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let text = ProducerConfig::new().with_variables("K_", variables).unwrap_err().to_string();
    assert!(
        text.contains("K_SECURITY_PROTOCOL = 'SASL_SLS'") && !text.contains("K_SASL_MECHANISM"),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt;
    let broken = [(OsString::from("K_CLIENT_ID"), OsString::from_vec(vec![0xff]))];
    let error = ProducerConfig::new().with_variables("K_", broken).unwrap_err().to_string();
    assert_eq!(
        error,
        "the configuration can't be used: K_CLIENT_ID: the value of this variable is not Unicode; correct it"
    );
}

#[test]
fn a_problem_says_of_which_kind_it_is() {
    let kinds = |pairs: &[(&str, &str)]| -> Vec<Kind> {
        let read = ProducerConfig::from_pairs(pairs.iter().copied());
        match read.and_then(|config| config.settings().map(|_| ())).unwrap_err().kind() {
            ErrorKind::Config { problems } => problems.iter().map(|problem| problem.kind).collect(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kinds(&[("colour", "red")]), [Kind::Unknown]);
    assert_eq!(kinds(&[("group.id", "g")]), [Kind::Inapplicable]);
    assert_eq!(kinds(&[("transactional.id", "t")]), [Kind::NotSupportedYet]);
    assert_eq!(kinds(&[("value.serializer", "X")]), [Kind::NeedsCode]);
    assert_eq!(kinds(&[("linger.ms", "x")]), [Kind::Invalid]);
    assert_eq!(kinds(&[("linger.ms", "1"), ("linger_ms", "2")]), [Kind::Contradictory]);
    assert_eq!(kinds(&[("delivery.timeout.ms", "5")]), [Kind::Contradictory]);
    assert_eq!(kinds(&[("enable.idempotence", "true"), ("acks", "1")]), [Kind::Contradictory]);
    #[cfg(not(feature = "zstd"))]
    {
        assert_eq!(kinds(&[("compression.type", "zstd")]), [Kind::NotInThisBuild]);
        // The setter too: the program compiles, and the error names the feature.
        let error = ProducerConfig::new().compression(Compression::Zstd).build().unwrap_err().to_string();
        assert!(error.contains("compression_type = 'zstd': zstd is not enabled; "), "{error}");
    }
    #[cfg(not(any(feature = "tls", feature = "rustls")))]
    assert_eq!(kinds(&[("security.protocol", "SSL")]), [Kind::NotInThisBuild]);
}

/// As printed by the consoles of managed clusters.
#[cfg(any(feature = "tls", feature = "rustls"))]
#[test]
fn a_file_of_a_managed_cluster() {
    let text = "
        # producer, consumer and admin
        bootstrap.servers=pkc-abcde.eu-west-1.aws.confluent.cloud:9092
        security.protocol=SASL_SSL
        sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
            username='KEY' password='hunter2';
        sasl.mechanism=PLAIN
        client.dns.lookup=use_all_dns_ips
        session.timeout.ms=45000
        acks=all
        client.id=ccloud-java-client
        # schemas
        schema.registry.url=https://psrc-abcde.eu-west-1.aws.confluent.cloud
        basic.auth.credentials.source=USER_INFO
        basic.auth.user.info=SRKEY:hunter2
    ";
    let pairs = ProducerConfig::parse_properties(text).unwrap();
    let (config, unused) = ProducerConfig::from_shared(Dialect::Java, pairs_of(&pairs)).unwrap();
    assert!(config.settings().is_ok());
    assert_eq!(shown(&config, "security_protocol"), "SASL_SSL");
    assert_eq!(shown(&config, "client_id"), "ccloud-java-client");
    let keys: Vec<_> = unused.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "session.timeout.ms",
            "schema.registry.url",
            "basic.auth.credentials.source",
            "basic.auth.user.info"
        ]
    );
    assert!(!format!("{unused:?}").contains("hunter2"));
}

fn pairs_of(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn a_file_of_a_spring_program() {
    let text = "
        bootstrap.servers = kafka-1:9092,kafka-2:9092
        key.serializer : org.apache.kafka.common.serialization.StringSerializer
        value.serializer : org.springframework.kafka.support.serializer.JsonSerializer
        spring.json.add.type.headers : false
        retries : 10
        linger.ms : 10
        batch.size : 32768
        compression.type : gzip
        max.in.flight.requests.per.connection : 5
        group.id : orders
        auto.offset.reset : earliest
    ";
    let pairs = ProducerConfig::parse_properties(text).unwrap();
    let (config, unused) = shared(Dialect::Java, &pairs_of(&pairs));
    assert_eq!(shown(&config, "batch_size"), "32768");
    assert_eq!((shown(&config, "retries"), shown(&config, "compression_type")), ("10".into(), "gzip".into()));
    let keys: Vec<_> = unused.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["value.serializer", "spring.json.add.type.headers", "group.id", "auto.offset.reset"]);
}

#[test]
fn an_rdkafka_conf() {
    let text = "
        metadata.broker.list=kafka-1:9092,kafka-2:9092
        client.id=shipper
        queue.buffering.max.messages=200000
        queue.buffering.max.kbytes=65536
        queue.buffering.max.ms=0.5
        batch.num.messages=10000
        compression.codec=lz4
        request.required.acks=-1
        request.timeout.ms=5000
        message.timeout.ms=0
        message.send.max.retries=3
        statistics.interval.ms=5000
        log.connection.close=false
        debug=broker,msg
        dr_msg_cb=
        auto.commit.interval.ms=1000
    ";
    let pairs = ProducerConfig::parse_properties(text).unwrap();
    let (config, unused) = shared(Dialect::Librdkafka, &pairs_of(&pairs));
    assert_eq!(shown(&config, "bootstrap_servers"), "kafka-1:9092,kafka-2:9092");
    assert_eq!(config.linger, Duration::from_micros(500));
    assert_eq!((shown(&config, "buffer_memory"), shown(&config, "retries")), ("67108864".into(), "3".into()));
    let keys: Vec<_> = unused.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "queue.buffering.max.messages",
            "statistics.interval.ms",
            "log.connection.close",
            "debug",
            "auto.commit.interval.ms",
        ]
    );
}

/// Some values have a special meaning in librdkafka.
#[test]
fn a_value_of_librdkafka_that_is_refused_says_what_to_write() {
    for (key, value, hint) in [
        ("topic.metadata.refresh.interval.ms", "-1", "write 3600000 to refresh once an hour"),
        ("batch.size", "-1", "digits only; remove it for the default"),
        ("retry.backoff.ms", "-1", "digits only; remove it for the default"),
        ("delivery.timeout.ms", "-1", "digits only, or 'none' for no limit"),
        ("retries", "-1", "digits only, or 'inf' for no limit"),
        ("compression.codec", "inherit", "remove it or name a codec"),
        ("compression.type", "inherit", "remove it or name a codec"),
        ("enable.idempotence", "1", "write true instead of 1"),
        ("socket.keepalive.enable", "0", "write false instead of 0"),
    ] {
        let error = refused(Dialect::Librdkafka, &[(key, value)]);
        assert!(error.ends_with(hint) || error.contains(&format!("{hint}, or")), "{error}");
    }
    for key in ["max.in.flight", "max.in.flight.requests.per.connection"] {
        let (config, _) = ProducerConfig::from_shared(Dialect::Librdkafka, [(key, "1000000")]).unwrap();
        let error = config.settings().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("remove it (the default is 1000000 in librdkafka and 5 here)"), "{error}");
        let without = config.enable_idempotence(false);
        assert!(without.settings().is_ok(), "{:?}", without.settings().err());
    }
}

/// As Python's `str` shows the values.
#[test]
fn a_dict_of_kafka_python() {
    let (config, unused) = shared(
        Dialect::KafkaPython,
        &[
            ("bootstrap_servers", "kafka-1:9092,kafka-2:9092"),
            ("acks", "all"),
            ("retries", "5"),
            ("linger_ms", "10"),
            ("compression_type", "snappy"),
            ("api_version", "(2, 6, 0)"),
            ("value_serializer", "<function dumps at 0x7f>"),
            ("group_id", "None"),
            ("consumer_timeout_ms", "inf"),
            ("enable_auto_commit", "True"),
        ],
    );
    assert_eq!(
        (shown(&config, "retries"), shown(&config, "compression_type")),
        ("5".into(), "snappy".into())
    );
    let keys: Vec<_> = unused.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        ["api_version", "value_serializer", "group_id", "consumer_timeout_ms", "enable_auto_commit"]
    );
}
