//! Where each value comes from.

use super::*;

fn origin(config: &ProducerConfig, name: &str) -> (String, String, String) {
    let explanation = config.explain();
    let setting = explanation.iter().find(|setting| setting.name() == name).unwrap();
    (setting.value().to_owned(), setting.default_value().to_owned(), setting.origin().to_string())
}

fn is(config: &ProducerConfig, name: &str, value: &str, default: &str, from: &str) {
    assert_eq!(origin(config, name), (value.to_owned(), default.to_owned(), from.to_owned()), "{name}");
}

#[test]
fn each_value_has_its_origin_and_its_default() {
    let config = ProducerConfig::from_pairs([
        ("linger.ms", "40000"),
        ("retries", "7"),
        ("acks", "1"),
        ("batch.size", "9"),
    ]);
    let config = config.unwrap().with_variables("K_", [("K_ACKS".into(), "all".into())]).unwrap();
    let config = config
        .buffer_memory(7)
        .retries(8)
        .linger(Duration::from_secs(100))
        .max_block(Duration::from_secs(60));
    is(&config, "batch_size", "9", "16384", "batch.size");
    is(&config, "acks", "all", "all", "variable K_ACKS");
    is(&config, "retries", "8", "2147483647", "setter");
    is(&config, "linger_ms", "100000", "0", "setter");
    is(&config, "buffer_memory", "7", "33554432", "setter");
    is(&config, "max_block_ms", "60000", "60000", "default");
    // It depends on other settings, and nobody has set it.
    is(&config, "delivery_timeout_ms", "130000", "130000", "default");
    is(&ProducerConfig::new(), "client_id", "generated", "generated", "default");
    is(&ProducerConfig::new().client_id("none"), "client_id", "none", "generated", "setter");
    let names: Vec<_> = config.explain().iter().map(|setting| setting.name()).collect();
    assert_eq!(names, config.entries().map(|(name, _)| name).collect::<Vec<_>>());
    assert_eq!((&config.explain()).into_iter().count(), names.len());
}

#[test]
fn the_preset_is_an_origin() {
    let config = ProducerConfig::kafka_python_2().buffer_memory(7);
    is(&config, "acks", "1", "1", "kafka_python_2");
    is(&config, "enable_idempotence", "false", "false", "kafka_python_2");
    is(&config, "linger_ms", "0", "0", "default");
    is(&config, "buffer_memory", "7", "33554432", "setter");
    is(&config.clone().acks(Acks::All), "acks", "all", "1", "setter");
    // Not the preset, but a text has set it.
    is(&config.with_pairs([("acks", "1")]).unwrap(), "acks", "1", "1", "acks");
}

#[test]
fn secrets_are_not_explained() {
    let config = ProducerConfig::from_pairs([("sasl.password", "hunter2")]).unwrap();
    is(&config, "sasl_plain_password", "[hidden]", "none", "sasl.password");
    // The two secrets are shown alike, but the setter has set the second.
    is(&config.sasl_plain_password("hunter3"), "sasl_plain_password", "[hidden]", "none", "setter");
}

#[test]
fn a_part_of_a_setting_has_an_origin_too() {
    let config = ProducerConfig::from_pairs([("socket.keepalive.enable", "true")]).unwrap();
    let (default, value) = ("TCP_NODELAY=1,SO_KEEPALIVE=0", "TCP_NODELAY=1,SO_KEEPALIVE=1");
    is(&config, "socket_options", value, default, "socket.keepalive.enable");
}

#[test]
fn the_table_is_aligned() {
    let config = ProducerConfig::new().client_id("größer");
    let table = config.explain().to_string();
    let lines: Vec<_> = table.lines().collect();
    let column = lines[0].chars().collect::<String>().find("origin").unwrap();
    assert!(lines[0].starts_with("setting  ") && !table.ends_with('\n'), "{table}");
    for line in &lines {
        let (before, after): (String, String) =
            (line.chars().take(column).collect(), line.chars().skip(column).collect());
        assert!(
            before.ends_with("  ") && ["origin", "default", "setter"].contains(&after.as_str()),
            "{line}"
        );
    }
    assert_eq!(lines.len(), config.entries().count() + 1);
}

#[cfg(feature = "yaml")]
#[test]
fn a_value_of_yaml_has_its_line() {
    let config = ProducerConfig::from_yaml("acks: 1\nkafka:\n  linger.ms: 5").unwrap();
    is(&config, "linger_ms", "5", "0", "kafka.linger.ms in line 3");
    assert!(matches!(
        config.explain().iter().find(|setting| setting.name() == "acks").unwrap().origin(),
        SettingOrigin::Yaml { line: 1, .. }
    ));
}

#[test]
fn a_client_id_that_is_not_set_is_generated() {
    let config = ProducerConfig::new();
    is(&config, "client_id", "generated", "generated", "default");
    is(&config.client_id("orders"), "client_id", "orders", "generated", "setter");
    let config = ProducerConfig::from_pairs([("client.id", "")]).unwrap();
    is(&config, "client_id", "generated", "generated", "client.id");
    assert_eq!(config.get("client_id").as_deref(), Some("none"), "a string that can be read again");
}

/// They have no string form, and other settings may have no effect because of them.
#[test]
fn what_only_setters_can_set_is_explained_too() {
    struct Nothing;
    impl crate::producer::ProducerInterceptor for Nothing {}

    let config = ProducerConfig::new()
        .interceptor(Nothing)
        .report_metrics(Duration::from_secs(1), |_| {})
        .sasl_oauth_token_provider(|| Ok(crate::security::OauthToken::new("t", None)));
    let names = ["interceptor", "metric_reporter", "sasl_oauth_token_provider"];
    for name in names {
        is(&config, name, "set", "none", "setter");
    }
    let explanation = config.explain();
    let last: Vec<_> =
        explanation.iter().map(|setting| setting.name()).skip(config.entries().count()).collect();
    assert_eq!(last, names);
    #[cfg(feature = "tls")]
    {
        let connector = native_tls::TlsConnector::new().unwrap();
        is(&ProducerConfig::new().ssl_context(connector), "ssl_context", "set", "none", "setter");
    }
}

/// kafka-python has level 9.
#[test]
fn gzip_has_the_level_of_kafka_python_in_its_preset() {
    let level = |config: ProducerConfig| config.effective().level();
    let preset = || ProducerConfig::kafka_python_2().compression(Compression::Gzip);
    assert_eq!(level(preset()), Some(9));
    assert_eq!(level(preset().compression_level(3)), Some(3));
    let pairs = preset().with_pairs([("compression.gzip.level", "4")]).unwrap();
    assert_eq!(level(pairs), Some(4));
    is(&preset(), "compression_level", "9", "9", "default");
    assert_eq!(level(preset().compression(Compression::Zstd)), None);
    assert_eq!(level(ProducerConfig::kafka_python_2()), None);
    assert_eq!(level(ProducerConfig::new().compression(Compression::Gzip)), None);
}
