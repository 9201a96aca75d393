//! Settings that depend on each other: contradictions are refused, and defaults follow the settings that were set.

use super::*;

fn of(pairs: &[(&str, &str)]) -> Settings {
    ProducerConfig::from_pairs(pairs.iter().copied()).unwrap().settings().unwrap()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    let text = super::text(ProducerConfig::from_pairs(pairs.iter().copied()).unwrap());
    text.strip_prefix("the configuration can't be used: ").unwrap().to_owned()
}

/// D10.
#[test]
fn a_batch_limit_below_the_batch_size_is_refused() {
    let why = "it is less than batch_size (1000), the size at which a batch is full; raise it, or remove one of the \
               two";
    for text in [
        refusal(&[("batch_size", "1000"), ("batch_max_bytes", "999")]),
        super::text(ProducerConfig::new().batch_size(1000).batch_max_bytes(999)),
    ] {
        assert!(text.ends_with(&format!("batch_max_bytes = '999': {why}")), "{text}");
    }
    assert!(refusal(&[("batch_max_bytes", "0")]).contains("at least 1"));
    let equal = of(&[("batch.size", "1000"), ("batch_max_bytes", "1000")]).accumulator;
    assert_eq!((equal.batch_size, equal.batch_max_bytes), (1000, 1000));
}

/// D10: a limit is kept even if the default of another setting is larger.
#[test]
fn a_batch_limit_alone_lowers_the_batch_size() {
    let small = of(&[("batch_max_bytes", "1000")]).accumulator;
    assert_eq!((small.batch_size, small.batch_max_bytes), (1000, 1000));
    let large = of(&[("batch_max_bytes", "100000")]).accumulator;
    assert_eq!((large.batch_size, large.batch_max_bytes), (16_384, 100_000));
    let tight = of(&[("produce_request_max_bytes", "9000")]);
    assert_eq!((tight.accumulator.batch_size, tight.accumulator.batch_max_bytes), (9000, 9000));
    assert_eq!(
        refusal(&[("produce_request_max_bytes", "9000"), ("batch_max_bytes", "9001")]),
        "batch_max_bytes = '9001': it is more than produce_request_max_bytes (9000); lower it or raise \
         produce_request_max_bytes"
    );
}

/// D10: as in Java, with a warning.
#[test]
fn a_delivery_timeout_that_is_not_set_follows_the_request_timeout() {
    let delivery = |pairs: &[(&str, &str)]| of(pairs).sender.retry_policy.delivery_timeout;
    let raised = [("request.timeout.ms", "180000"), ("linger.ms", "5")];
    assert_eq!(delivery(&raised), Some(Duration::from_millis(180_005)));
    assert_eq!(delivery(&[("request.timeout.ms", "120000")]), Some(Duration::from_secs(120)));
    let set = ProducerConfig::from_pairs(raised).unwrap().delivery_timeout(Duration::from_secs(120));
    let why = "delivery_timeout_ms = '120000': it must be at least the sum of linger.ms (5) and request.timeout.ms \
               (180000); otherwise a record expires before its first request can time out";
    assert!(super::text(set).ends_with(why));
    let why = "it must be at least the sum of linger_ms (0) and request_timeout_ms (180000); otherwise a record expires before its first request can time out";
    assert!(refusal(&[("request_timeout_ms", "180000"), ("delivery_timeout_ms", "120000")]).ends_with(why));
    let never = ProducerConfig::from_pairs(raised).unwrap().delivery_timeout(None);
    assert_eq!(never.settings().unwrap().sender.retry_policy.delivery_timeout, None);
}

/// D10: in Java it is -1.
#[test]
fn a_connection_may_rest_for_ever() {
    for never in ["-1", "none"] {
        assert_eq!(of(&[("connections.max.idle.ms", never)]).client.max_idle, Duration::MAX);
    }
    assert!(ProducerConfig::from_pairs([("connections.max.idle.ms", "-2")]).is_err());
    assert!(ProducerConfig::from_pairs([("connections.max.idle.ms", "")]).is_err());
    assert!(refusal(&[("connections_max_idle_ms", "0")]).ends_with(", or 'none' for never"));
}

/// D3: services that accept no larger requests tell their users to set `max.request.size`.
#[test]
fn a_request_is_as_large_as_the_max_request_size_that_was_set() {
    let most = |config: ProducerConfig| config.settings().unwrap().sender.request_max_bytes;
    let new = ProducerConfig::new;
    let set = [("max.request.size", "1000000")];
    assert_eq!(most(ProducerConfig::from_pairs(set).unwrap()), 1_000_000);
    assert_eq!(most(new().max_request_size(1_000_000)), 1_000_000);
    assert_eq!(most(new().max_request_size(1 << 20)), 1 << 20);
    assert_eq!(most(new()), (32 << 20) / 6);
    assert_eq!(most(new().buffer_memory(1 << 20)), 1 << 20);
    assert_eq!(most(new().max_request_size(1_000_000).produce_request_max_bytes(3_000_000)), 3_000_000);
}

/// D3: a default of the preset that depends on another setting follows that setting.
#[test]
fn the_preset_freezes_nothing() {
    let of = |pairs: &[(&str, &str)]| {
        let config = ProducerConfig::kafka_python_2().with_pairs(pairs.iter().copied()).unwrap();
        config.settings().unwrap()
    };
    assert_eq!(of(&[]).sender.request_max_bytes, 1 << 20);
    assert_eq!(of(&[("max_request_size", "3000000")]).sender.request_max_bytes, 3_000_000);
    let both = [("max_request_size", "3000000"), ("produce_request_max_bytes", "4000000")];
    assert_eq!(of(&both).sender.request_max_bytes, 4_000_000);
    assert_eq!(of(&[("batch_size", "50000")]).accumulator.batch_max_bytes, 50_000);
    assert_eq!(of(&[("batch_size", "0")]).accumulator.batch_max_bytes, 0);
    let retry = of(&[("retry_backoff_ms", "50")]).sender.retry;
    assert_eq!([1, 2, 9].map(|failures| retry.nominal(failures)), [Duration::from_millis(50); 3]);
}

/// D6.
#[test]
fn a_batch_takes_records_for_as_long_as_it_lingers() {
    let age = |config: ProducerConfig| config.settings().unwrap().accumulator.max_age_millis;
    let new = ProducerConfig::new;
    assert_eq!(age(new()), 999);
    assert_eq!(age(new().linger(Duration::from_secs(3))), 2999);
    assert_eq!(age(new().linger(Duration::from_millis(5))), 999);
    assert_eq!(
        age(new().request_timeout(Duration::from_secs(1)).delivery_timeout(Duration::from_secs(2))),
        99
    );
    assert_eq!(age(new().linger(Duration::MAX).delivery_timeout(None)), i64::MAX - 1);
}

/// D17: after an outage the wait for a broker that is needed is shorter than for one that is not.
#[test]
fn a_broker_that_is_needed_is_dialled_again_within_a_second() {
    let most = |config: ProducerConfig| {
        let client = config.settings().unwrap().client;
        [client.reconnect_needed, client.reconnect].map(|backoff| backoff.nominal(99).as_millis())
    };
    let text = |pairs: &[(&str, &str)]| most(ProducerConfig::from_pairs(pairs.iter().copied()).unwrap());
    assert_eq!(most(ProducerConfig::new()), [1000, 30_000]);
    assert_eq!(most(ProducerConfig::kafka_python_2()), [1000, 1000]);
    assert_eq!(text(&[("reconnect.backoff.max.ms", "30000")]), [30_000; 2]);
    assert_eq!(text(&[("reconnect.backoff.max.ms", "100")]), [100; 2]);
    assert_eq!(text(&[("reconnect_backoff_ms", "5000")]), [5000, 30_000]);
    let set =
        ProducerConfig::new().reconnect_backoff(Duration::ZERO).reconnect_backoff_max(Duration::from_secs(7));
    assert_eq!(most(set), [7000; 2]);
}

/// Like the text `client.id=`.
#[test]
fn an_empty_client_id_says_nothing() {
    let id = ProducerConfig::new().client_id("").settings().unwrap().client.client_id;
    assert!(id.starts_with("kafka-producer-"), "{id}");
}

/// A setting that does not have its full effect, and is not refused because it works with other clients, gives a warning.
#[test]
fn what_is_taken_otherwise_is_told() {
    let notes = |pairs: &[(&str, &str)]| {
        ProducerConfig::from_pairs(pairs.iter().copied()).unwrap().effective().notes()
    };
    assert_eq!(notes(&[]), [""; 0]);
    assert_eq!(notes(&[("batch_max_bytes", "1000"), ("max_request_size", "2000")]), [""; 0]);
    assert_eq!(
        ProducerConfig::kafka_python_2().request_timeout(Duration::from_secs(200)).effective().notes(),
        [""; 0]
    );
    assert_eq!(
        notes(&[("request.timeout.ms", "180000")]),
        [
            "delivery_timeout_ms is 180000, not its default 120000, because it must be at least the sum of linger_ms \
             (0) and request.timeout.ms (180000)"
        ]
    );
    assert_eq!(
        notes(&[("batch.size", "2000000")]),
        ["a batch is full at max_request_size (1048576), which is less than batch.size (2000000); raise \
          max_request_size"]
    );
    assert_eq!(
        notes(&[("batch.size", "20000"), ("produce_request_max_bytes", "9000")]),
        [
            "a batch is full at produce_request_max_bytes (9000), which is less than batch.size (20000); raise \
             produce_request_max_bytes"
        ]
    );
}

/// KIP-1123.
#[test]
fn a_choice_by_rack_needs_a_rack() {
    assert_eq!(
        refusal(&[("partitioner.rack.aware", "true")]),
        "partitioner.rack.aware = 'true': client_rack is not set; set it to the rack of this producer"
    );
    assert_eq!(of(&[("partitioner.rack.aware", "true"), ("client.rack", "a")]).rack.as_deref(), Some("a"));
    assert_eq!(of(&[("client.rack", "a")]).rack, None);
}
