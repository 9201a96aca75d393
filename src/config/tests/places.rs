//! Each setting reaches the place where it has its effect.

use super::*;
use crate::producer::PartitionContext;
use crate::producer::{DefaultPartitioner, Partitioner};

/// All settings that have an effect, and where they arrive.
#[test]
fn every_setting_reaches_the_place_where_it_acts() {
    type Place = fn(&Settings) -> String;
    let level: Place = |s| s.accumulator.encoding.level.map_or("none".into(), |level| level.to_string());
    let places: &[(&str, &str, Place)] = &[
        ("bootstrap_servers", "a:1,b:2", |s| {
            s.client.bootstrap.iter().map(|(h, p)| format!("{h}:{p}")).collect::<Vec<_>>().join(",")
        }),
        ("client_id", "me", |s| s.client.client_id.clone()),
        ("security_protocol", "PLAINTEXT", |s| {
            #[cfg(any(feature = "tls", feature = "rustls"))]
            assert!(s.socket.tls.is_none());
            let _ = s;
            "PLAINTEXT".to_owned()
        }),
        ("acks", "1", |s| s.sender.acks.to_string()),
        ("enable_idempotence", "false", |s| s.sender.idempotence.to_string()),
        ("compression_type", "none", |s| s.accumulator.encoding.compression.to_string()),
        ("compression_level", "none", level),
        // The codecs are not chosen here; see below.
        ("compression_gzip_level", "none", level),
        ("compression_lz4_level", "none", level),
        ("compression_zstd_level", "none", level),
        ("retries", "7", |s| s.sender.retry_policy.retries.to_string()),
        ("batch_size", "7001", |s| s.accumulator.batch_size.to_string()),
        ("batch_max_bytes", "70001", |s| s.accumulator.batch_max_bytes.to_string()),
        ("batch_num_records", "7", |s| s.accumulator.batch_num_records.to_string()),
        ("manual_flush", "true", |s| s.accumulator.manual_flush.to_string()),
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
        ("max_in_flight_requests_per_connection", "3", |s| s.client.max_in_flight.to_string()),
        ("request_timeout_ms", "7000", |s| {
            format!(
                "{}{}",
                s.client.request_timeout.as_millis(),
                if s.client.request_timeout == s.sender.ack_timeout { "" } else { "!" }
            )
        }),
        ("ack_timeout_ms", "7777", |s| s.sender.ack_timeout.as_millis().to_string()),
        ("delivery_timeout_ms", "70000", |s| {
            s.sender.retry_policy.delivery_timeout.unwrap().as_millis().to_string()
        }),
        ("exit_timeout_ms", "7777", |s| s.exit_timeout.as_millis().to_string()),
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
        ("metadata_recovery_strategy", "none", |s| s.client.recovery.to_string()),
        ("broker_address_family", "v6", |s| s.client.address_family.to_string()),
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
        ("sock_chunk_buffer_count", "7", |s| s.socket.reads_per_poll.to_string()),
        ("partitioner_ignore_keys", "true", |s| {
            (0..99)
                .any(|_| {
                    let record = PartitionContext::new("t", 9).with_key(Some(b"k"));
                    s.partitioner.partition(&record) != DefaultPartitioner.partition(&record)
                })
                .to_string()
        }),
        ("partitioner_adaptive_partitioning_enable", "false", |s| s.sticky.adaptive.to_string()),
        ("partitioner_availability_timeout_ms", "7777", |s| {
            s.sticky.availability_timeout.unwrap().as_millis().to_string()
        }),
        ("partitioner_rack_aware", "true", |s| s.rack.is_some().to_string()),
        ("client_rack", "zone", |s| s.rack.clone().unwrap().into_string()),
        ("metrics_enabled", "false", |s| s.metrics.is_some().to_string()),
        ("metrics_num_samples", "7", |s| s.metrics.unwrap().samples.to_string()),
        ("metrics_sample_window_ms", "7777", |s| s.metrics.unwrap().length.as_millis().to_string()),
        ("default_topic", "events", |s| s.default_topic.clone().unwrap()),
    ];
    assert!(
        keys::KEYS.iter().map(|key| key.name).eq(places.iter().map(|(key, ..)| *key)),
        "a setting is not in this table"
    );
    for (key, value, place) in places {
        // One has an effect only with the other.
        let with = match *key {
            "partitioner_rack_aware" => Some(("client_rack", "zone")),
            "client_rack" => Some(("partitioner_rack_aware", "true")),
            _ => None,
        };
        let pairs = with.into_iter().chain([(*key, *value)]);
        let settings = ProducerConfig::from_pairs(pairs).unwrap().settings().unwrap();
        assert_eq!(place(&settings), *value, "{key}");
    }
}

/// The own level of the chosen codec wins. The level of another codec must be valid and has no effect.
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
        (("compression.gzip.level", "0"), "a whole number from 1 to 9, digits only, or -1 for the default"),
        (("compression_gzip_level", "10"), "a whole number from 1 to 9, digits only, or -1 for the default"),
        (("compression.lz4.level", "18"), "a whole number from 1 to 17, digits only"),
        (("compression.zstd.level", "23"), "a whole number from -131072 to 22, digits only"),
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
        let range = "gzip has levels from 1 to 9; remove it for the default";
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
            "compression.lz4.level = '12': lz4 has no levels in this crate and works like Java's level 9; remove it"
        );
    }
}
