//! Settings in YAML.

use super::*;

fn read(yaml: &str) -> ProducerConfig {
    ProducerConfig::from_yaml(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

fn shown(yaml: &str, name: &str) -> String {
    read(yaml).get(name).unwrap()
}

fn refused(yaml: &str) -> String {
    let error = ProducerConfig::from_yaml(yaml).and_then(|config| config.settings().map(|_| ())).unwrap_err();
    problems_of(&error.to_string())
}

/// As an Ansible playbook writes it for programs in Python, which read it with PyYAML.
#[cfg(any(feature = "tls", feature = "rustls"))]
#[test]
fn a_file_with_brokers_and_tls_files() {
    let config = read(
        "brokers:
    - name: broker1
      ip: 192.168.122.11
      port: \"9093\"
    - name: broker2
      ip: 192.168.122.12
      port: \"9093\"
    - name: broker3
      ip: 192.168.122.13
      port: \"9093\"
ssl_config:
      ssl_cafile: /home/me/kafka/.state/ca/ca.crt
      ssl_certfile: /home/me/kafka/.state/certs/client.crt
      ssl_keyfile: /home/me/kafka/.state/certs/client.rsa
",
    );
    let shown = |name: &str| config.get(name).unwrap();
    assert_eq!(shown("bootstrap_servers"), "192.168.122.11:9093,192.168.122.12:9093,192.168.122.13:9093");
    assert_eq!(shown("security_protocol"), "SSL");
    assert_eq!(shown("ssl_cafile"), "/home/me/kafka/.state/ca/ca.crt");
    assert_eq!(shown("ssl_certfile"), "/home/me/kafka/.state/certs/client.crt");
    assert_eq!(shown("ssl_keyfile"), "/home/me/kafka/.state/certs/client.rsa");
    let error = config.settings().map(|_| ()).unwrap_err();
    let ErrorKind::Config { problems } = error.kind() else { panic!("{error}") };
    assert_eq!((problems[0].key.as_str(), problems[0].line), ("ssl_config.ssl_cafile", Some(12)));
}

#[test]
fn the_ways_people_write_yaml() {
    for (yaml, name, value) in [
        ("linger_ms: 5", "linger_ms", "5"),
        ("linger.ms: '5' # ms", "linger_ms", "5"),
        ("{\"linger.ms\": 5, \"acks\": 1}", "acks", "1"),
        ("acks: all", "acks", "all"),
        ("acks: -1", "acks", "all"),
        ("acks: \"0\"", "acks", "0"),
        ("allow_auto_create_topics: False", "allow_auto_create_topics", "false"),
        ("client_id: null", "client_id", "none"),
        ("client_id: ~", "client_id", "none"),
        ("client_id:", "client_id", "none"),
        ("client_id: '007'", "client_id", "007"),
        ("client_id: !!str on", "client_id", "on"),
        ("client_id: >-\n  a\n  b", "client_id", "a b"),
        ("delivery_timeout_ms: none", "delivery_timeout_ms", "none"),
        ("bootstrap_servers: a:1", "bootstrap_servers", "a:1"),
        ("bootstrap_servers: a:1, b:2", "bootstrap_servers", "a:1,b:2"),
        ("bootstrap_servers: [a:1, 'b:2']", "bootstrap_servers", "a:1,b:2"),
        ("bootstrap.servers:\n- a:1\n- b:2\n", "bootstrap_servers", "a:1,b:2"),
        (
            "brokers: [a:1, {host: b, port: 2}, {ip: '::1', port: 3}, {host: c}]",
            "bootstrap_servers",
            "a:1,b:2,[::1]:3,c",
        ),
        ("sasl_mechanism: [SCRAM-SHA-512, PLAIN]", "sasl_mechanism", "SCRAM-SHA-512,PLAIN"),
        ("kafka:\n  producer:\n    acks: 1\n    linger.ms: 7", "linger_ms", "7"),
        ("bootstrap:\n  servers: a:1", "bootstrap_servers", "a:1"),
        ("producer_config: {compression: {type: none}, acks: 1}", "acks", "1"),
        ("sasl: {mechanism: PLAIN, sasl_plain_username: me}", "sasl_plain_username", "me"),
        ("&all linger_ms: &five 5", "linger_ms", "5"),
        ("%YAML 1.1\n---\nlinger_ms: 5\n...\n", "linger_ms", "5"),
        ("\u{feff}linger_ms: 5\r\nacks: 1\r\n", "linger_ms", "5"),
    ] {
        assert_eq!(shown(yaml, name), value, "{yaml}");
    }
    for nothing in ["", "\n", "# only a comment", "---", "{}", "null", "~"] {
        assert_eq!(format!("{:?}", read(nothing)), format!("{:?}", ProducerConfig::new()), "{nothing}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let number = "write a whole number, 0 or more, digits only";
    let zeros = "a number that begins with 0 is octal in YAML 1.1 and decimal in YAML 1.2; remove the zeros, or put the value \
                 in quotes";
    for (yaml, why) in [
        ("acks: 1\nlinger_m: 5", "line 2: linger_m = '5': there is no such setting; did you mean linger_ms?".to_owned()),
        ("batch_size: 1_000", format!("line 1: batch_size = '1_000': {number}")),
        ("\n\nbatch_size: 010", format!("line 3: {zeros}")),
        ("batch_size: 0_1", format!("line 1: {zeros}")),
        ("batch_size: 0o17", format!("line 1: batch_size = '0o17': {number}")),
        ("batch_size: 1e3", format!("line 1: batch_size = '1e3': {number}")),
        ("allow_auto_create_topics: no", "line 1: allow_auto_create_topics = 'no': write true or false".to_owned()),
        ("allow_auto_create_topics: on", "line 1: allow_auto_create_topics = 'on': write true or false".to_owned()),
        ("linger_ms: 5\nacks: 1\nlinger_ms: 6",
            "line 3: linger_ms = '6': linger_ms in line 1 = '5' is set too; remove one of the two".to_owned()),
        ("linger_ms: 5\nlinger.ms: 6",
            "line 2: linger.ms = '6': linger_ms in line 1 = '5' is set too; remove one of the two".to_owned()),
        ("linger_ms: &a 5\nretry_backoff_ms: *a", "line 2: aliases are not supported; write the value again".to_owned()),
        ("kafka: &k {acks: 1}\nproducer:\n  <<: *k",
            "line 3: merging (<<) is not supported; write the settings again".to_owned()),
        ("linger_ms: 5\n---\nlinger_ms: 5", "line 2: another document begins here; write one document".to_owned()),
        ("kafka:\n\tacks: 1", "line 2: YAML does not allow tabs before a name; indent with blanks".to_owned()),
        ("linger_ms: [5]", "line 1: linger_ms: it takes one value, and here it has a list".to_owned()),
        ("linger_ms:\n  max: 5", "line 1: linger_ms: it takes a value, and here it has settings below it".to_owned()),
        ("socket_options: [[6, 1, 1]]", "line 1: socket_options: it has a list in a list".to_owned()),
        ("brokers: [{name: a, port: 1}]",
            "line 1: brokers: a broker has no host; write host (or ip) and port".to_owned()),
        ("brokers:\n- {host: a,\n   prot: 1}\n- {host: b, prot: 2}",
            "line 3: brokers.prot: no Kafka producer has this setting; remove it".to_owned()),
        ("kafka: {brokers: [{host: a, linger_ms: 1}]}",
            "line 1: kafka.brokers.linger_ms: no Kafka producer has this setting; remove it".to_owned()),
        ("brokers:\n- {host: a,\n   security_protocol: SSL}",
            "line 1: brokers: a broker has only host (or ip), port and name; write 'security_protocol' as a setting of the \
             producer".to_owned()),
        ("brokers: [{host: a, ip: b}]", "line 1: brokers: a broker must have only one ip, and it must be a string".to_owned()),
        ("- linger_ms: 5", "line 1: settings are written as name: value".to_owned()),
        ("linger_ms=5", "line 1: settings are written as name: value".to_owned()),
        ("? [a, b]\n: 5", "line 1: the name of a setting is a string".to_owned()),
        ("client_id: !vault x", "line 1: the tag !vault is not supported; write the value itself".to_owned()),
        ("kafka: !x {acks: 1}", "line 1: the tag !x is not supported; write the value itself".to_owned()),
        ("kafka: {consumer: {client_id: x}}",
            "line 1: kafka.consumer.client_id: no Kafka producer has this setting; remove it".to_owned()),
        ("ssl:\n  wrong:\n    linger_ms: 5",
            "line 3: ssl.wrong.linger_ms: no Kafka producer has this setting; remove it".to_owned()),
        // Found by the checks of the whole configuration.
        ("acks: 1\nbuffer_memory: 0", "line 2: buffer_memory = '0': it must be at least 1".to_owned()),
        ("bootstrap_servers: [a:1, b:0]",
            "line 1: bootstrap_servers = 'b:0': '0' is not a port; write host:port with a port from 1 to 65535".to_owned()),
        ("linger_ms: x\nbuffer_memory: 0",
            "line 1: linger_ms = 'x': write a whole number of milliseconds, 0 or more, digits only; \
             line 2: buffer_memory = '0': it must be at least 1".to_owned()),
    ] {
        assert_eq!(refused(yaml), why, "{yaml}");
    }
}

#[test]
fn text_that_is_no_yaml_is_refused_by_line() {
    for (yaml, line) in
        [("a: b: c", 1), ("linger_ms: 5\n  acks: 1", 2), ("acks: 'all\nlinger_ms: 5", 1), ("a: [1\nb: 2", 2)]
    {
        let error = ProducerConfig::from_yaml(yaml).unwrap_err();
        let ErrorKind::Config { problems } = error.kind() else { panic!("{error}") };
        assert_eq!(problems.len(), 1, "{error}");
        assert!(problems[0].why.starts_with("it is not YAML: ") && problems[0].line >= Some(line), "{error}");
    }
    let deep = ["- ".repeat(1000), "[".repeat(1000), "{a: ".repeat(1000)];
    for yaml in deep {
        assert!(ProducerConfig::from_yaml(&yaml).is_err());
    }
}

#[test]
fn a_secret_in_yaml_is_not_shown() {
    for yaml in [
        "sasl_plain_pasword: hunter2",
        "sasl: {plain: {pwd: hunter2}}",
        "sasl_plain_password: [hunter2]",
        "ssl_key_pem: [hunter2",
        "sasl_plain_password: 'hunter2",
        "hunter2: hunter2: hunter2",
    ] {
        let text = refused(yaml);
        assert!(!text.contains("hunter2"), "{text}");
    }
    // A later string replaces it.
    assert_eq!(shown("sasl_plain_password: hunter2", "sasl_plain_password"), "[hidden]");
}

#[test]
fn yaml_is_one_more_layer() {
    let config = ProducerConfig::kafka_python_2().with_yaml("{linger_ms: 5, acks: all}").unwrap();
    let config = config.with_variables("K_", [("K_ACKS".into(), "0".into())]).unwrap();
    assert_eq!((config.linger, config.acks, config.retries), (Duration::from_millis(5), Acks::None, 0));
    let pairs = ProducerConfig::parse_yaml("kafka: {group.id: g, linger.ms: 0.5, brokers: [a, b]}").unwrap();
    assert_eq!(
        pairs,
        [("group.id", "g"), ("linger.ms", "0.5"), ("bootstrap_servers", "a,b")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    let (config, unused) = ProducerConfig::from_shared(Dialect::Librdkafka, pairs).unwrap();
    assert_eq!((config.linger, unused[0].key.as_str()), (Duration::from_micros(500), "group.id"));
    assert!(ProducerConfig::parse_yaml("a: *b").is_err());
}

/// Other programs that read the file use it.
#[test]
fn what_else_a_broker_has_is_listed_as_unused() {
    let yaml = "brokers:\n- {name: broker1, ip: 10.0.0.1, port: 9093, rack: a}\n- {ip: 10.0.0.2, rack: b, disks: [1, 2]}";
    let pairs = ProducerConfig::parse_yaml(yaml).unwrap();
    let (config, unused) = ProducerConfig::from_shared(Dialect::KafkaPython, pairs).unwrap();
    assert_eq!(config.get("bootstrap_servers").as_deref(), Some("10.0.0.1:9093,10.0.0.2"));
    let unused: Vec<String> = unused.iter().map(ToString::to_string).collect();
    let why = "no Kafka producer has this setting";
    assert_eq!(unused, [format!("brokers.rack: {why}"), format!("brokers.disks: {why}")]);
}

/// A program that ignored them would send without the protection that is meant.
#[test]
fn what_a_broker_has_about_security_is_refused_in_a_shared_configuration_too() {
    for field in [
        "ssl",
        "tls",
        "Protocol",
        "ssl_cafile",
        "sasl_mechanism",
        "security.protocol",
        "username",
        "password",
    ] {
        let pairs = ProducerConfig::parse_yaml(&format!("brokers: [{{host: a, {field}: x}}]"));
        let error = match pairs {
            Ok(pairs) => ProducerConfig::from_shared(Dialect::KafkaPython, pairs).map(drop).unwrap_err(),
            Err(error) => error,
        };
        assert!(
            error.to_string().contains(&format!("write '{field}' as a setting of the producer")),
            "{error}"
        );
    }
}
