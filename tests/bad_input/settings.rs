//! Settings that can not work.

use std::time::Duration;

use kafka_producer::KafkaProducer;

use crate::config;

#[test]
fn configurations_that_can_not_work() {
    let none: [&str; 0] = [];
    let table = [
        (
            KafkaProducer::builder().bootstrap_servers(none),
            "bootstrap_servers: it is empty; write at least one broker as host:port",
        ),
        (
            config("host:notaport"),
            "bootstrap_servers = 'host:notaport': 'notaport' is not a port; write host:port with a port from 1 to 65535",
        ),
        (
            config("SASL_SSL://host:9092"),
            "bootstrap_servers = 'SASL_SSL://host:9092': 'SASL_SSL' differs from security_protocol, which is PLAINTEXT; use the same protocol in both",
        ),
        (
            config("host").delivery_timeout(Duration::from_secs(1)),
            "delivery_timeout_ms = '1000': it must be at least the sum of linger_ms (0) and request_timeout_ms \
             (30000); otherwise a record expires before its first request can time out",
        ),
        (
            config("host").batch_max_bytes(2 << 20),
            "batch_max_bytes = '2097152': it is more than max_request_size (1048576); lower it or raise \
             max_request_size",
        ),
        (
            // Each server of one text is looked at by itself.
            KafkaProducer::builder().bootstrap_servers(["a:1,b:2,c:0"]),
            "bootstrap_servers = 'c:0': '0' is not a port; write host:port with a port from 1 to 65535",
        ),
        (
            config("http://host:9092"),
            "bootstrap_servers = 'http://host:9092': 'http' differs from security_protocol, which is PLAINTEXT; use the same protocol in both",
        ),
        (
            config("host:9092/kafka"),
            "bootstrap_servers = 'host:9092/kafka': a host name can't contain '/'; write host:port",
        ),
        (
            config("host").max_request_size(104_857_601),
            "max_request_size = '104857601': it must be at most 104857600: brokers reject larger requests \
             (socket.request.max.bytes)",
        ),
        (
            config("host").sock_chunk_bytes(usize::MAX),
            "sock_chunk_bytes = '18446744073709551615': it must be at most 16777216: a buffer of this size is \
             allocated at the start",
        ),
        (
            config("host").receive_message_max_bytes(1 << 31),
            "receive_message_max_bytes = '2147483648': it must be at most 2147483647: a response can't be longer",
        ),
        (
            config("host").send_buffer_bytes(1 << 31),
            "send_buffer_bytes = '2147483648': it must be at most 2147483647: sockets accept no more",
        ),
        (
            config("host").connections_max_idle(Duration::from_nanos(1)),
            "connections_max_idle_ms = '0.000001': it must be at least 10 ms, or 'none' for never",
        ),
        (
            config("host").enable_idempotence(true).retries(0),
            "retries = '0': it must be at least 1 if enable_idempotence is true; change it, or set enable_idempotence to \
             false",
        ),
        (
            config("host").max_in_flight_requests_per_connection(6),
            "max_in_flight_requests_per_connection = '6': it must be at most 5 unless enable_idempotence is false: a broker \
             remembers only the last five batches of a producer; lower it, or set enable_idempotence to \
             false",
        ),
        (config("host").client_id("a\nb"), "client_id = 'a\\nb': it must not contain control characters"),
    ];
    for (config, why) in table {
        let error = config.build().unwrap_err().to_string();
        assert_eq!(error, format!("the configuration can't be used: {why}"));
    }
}
