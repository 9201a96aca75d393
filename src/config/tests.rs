use std::time::Duration;

use super::*;
use crate::error::{ConfigProblemKind, ErrorKind};
use crate::record::Compression;

mod document;
mod explain;
#[cfg(not(any(loom, shuttle)))]
mod hostile;
mod idempotence;
mod metrics;
mod other_clients;
mod partitioners;
mod places;
mod providers;
mod proxy;
mod related;
mod sasl;
mod shared;
mod texts;
mod tls;
#[cfg(feature = "yaml")]
mod yaml;

fn text(config: ProducerConfig) -> String {
    config.settings().map(|_| ()).unwrap_err().to_string()
}

/// The problems of an error, on one line.
fn problems_of(text: &str) -> String {
    let lines = text.strip_prefix("the configuration can't be used:").unwrap().lines();
    lines.map(str::trim_start).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[test]
fn all_problems_are_told_at_once() {
    let config = ProducerConfig::new().bootstrap_servers(["a:notaport", "b"]).buffer_memory(0);
    assert_eq!(
        text(config),
        "the configuration can't be used:\n  bootstrap_servers = 'a:notaport': 'notaport' is not a port; write \
         host:port with a port from 1 to 65535\n  buffer_memory = '0': it must be at least 1"
    );
    let none: [&str; 0] = [];
    assert_eq!(
        text(ProducerConfig::new().bootstrap_servers(none)),
        "the configuration can't be used: bootstrap_servers: it is empty; write at least one broker as host:port"
    );
}

/// An environment variable has such a text, and `MockCluster::bootstrap_servers` returns one.
#[test]
fn a_text_with_commas_is_a_list_of_servers() {
    let config = ProducerConfig::new().bootstrap_servers(["a:1, b:2,", "c"]);
    assert_eq!(config.bootstrap_servers, ["a:1", "b:2", "c"]);
    let config = ProducerConfig::new().bootstrap_servers([","]);
    assert!(text(config).contains("write at least one broker"));
    assert!(text(ProducerConfig::new().bootstrap_servers(["a", ""])).contains("there is no host"));
}

#[test]
fn acks_read_as_texts_have_them() {
    assert_eq!(Acks::default(), ProducerConfig::default().acks);
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        assert_eq!(ProducerConfig::from_pairs([("acks", acks.to_string())]).unwrap().acks, acks);
    }
}

#[test]
fn an_expiry_before_the_first_answer_is_refused() {
    let config = ProducerConfig::new().delivery_timeout(Duration::from_secs(1));
    assert_eq!(
        text(config),
        "the configuration can't be used: delivery_timeout_ms = '1000': it must be at least the sum of linger_ms (0) \
         and request_timeout_ms (30000); otherwise a record expires before its first request can time out"
    );
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
    refused(ProducerConfig::new().bootstrap_servers(["SSL://a:1"]), "security_protocol, which is PLAINTEXT");
    refused(ProducerConfig::new().client_id("a\0b"), "client_id");
    refused(ProducerConfig::new().batch_max_bytes(10 << 20), "lower it or raise max_request_size");
    refused(ProducerConfig::new().max_request_size(1 << 30), "socket.request.max.bytes");
    refused(ProducerConfig::new().produce_request_max_bytes(1 << 30), "socket.request.max.bytes");
    refused(ProducerConfig::new().connections_max_idle(Duration::ZERO), "connections_max_idle_ms");
    refused(ProducerConfig::new().send_buffer_bytes(0), "remove it for the default");
    refused(ProducerConfig::new().metadata_max_idle(Duration::ZERO), "metadata_max_idle_ms");
    refused(ProducerConfig::new().request_timeout(Duration::ZERO), "request_timeout_ms");
    let level = ProducerConfig::new().compression_level(3);
    refused(level, "compression_level = '3': none has no levels");
}

/// B38: the largest and smallest values of all sizes and times are accepted or refused. Nothing panics.
#[test]
fn extremes_are_taken_or_refused() {
    let numbers = ["0", "1", "2147483647", "2147483648", "18446744073709551615"];
    for key in keys::KEYS {
        for number in numbers {
            let Ok(config) = ProducerConfig::from_pairs([(key.name, number)]) else { continue };
            let _ = config.settings();
        }
    }
    let huge = ProducerConfig::new().enable_idempotence(false).buffer_memory(usize::MAX);
    let huge = huge.max_in_flight_requests_per_connection(usize::MAX);
    assert!(huge.settings().is_ok_and(|settings| settings.sender.request_max_bytes <= 100 << 20));
}

/// The bytes that many partitions take beside their batches must fit too, or the broker closes the connection.
#[test]
fn no_request_is_larger_than_brokers_take() {
    let most = effective::LARGEST_REQUEST;
    let bytes = |config: ProducerConfig| config.settings().unwrap().sender.request_max_bytes;
    assert_eq!(bytes(ProducerConfig::new().buffer_memory(2 << 30)), most / 2);
    assert!(bytes(ProducerConfig::new().produce_request_max_bytes(most)) < most);
    assert!(bytes(ProducerConfig::new().max_request_size(most).buffer_memory(2 << 30)) < most);
}
