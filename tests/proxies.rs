//! Brokers behind a proxy, over real sockets: what is sent arrives, and who does not get through reads why.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/proxies.rs"]
mod proxies;

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Error, ErrorKind, KafkaProducer, ProducerConfig, ProducerRecord, Stage};
use proxies::{Manners, ProxyServer, Speaks};

const PATIENCE: Duration = Duration::from_secs(60);
/// A few attempts.
const WAIT: Duration = Duration::from_millis(300);

fn config(servers: &str, proxy: &str) -> ProducerConfig {
    KafkaProducer::builder()
        .bootstrap_servers([servers])
        .proxy_url(proxy)
        .retry_backoff(Duration::from_millis(5))
        .retry_backoff_max(Duration::from_millis(20))
        .reconnect_backoff(Duration::from_millis(5))
        .reconnect_backoff_max(Duration::from_millis(20))
}

/// One broker, which is known as `broker.inside`, and that to proxies alone.
struct World {
    cluster: MockCluster,
    servers: String,
}

impl World {
    fn new() -> Self {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 1);
        let address = cluster.address(0);
        let (_, port) = address.rsplit_once(':').unwrap();
        cluster.broker(0).advertise("broker.inside", port.parse().unwrap());
        let servers = format!("bootstrap.inside:{port}");
        Self { cluster, servers }
    }
}

/// Knows the broker by both of its names.
fn inside() -> Manners {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let names = ["bootstrap.inside", "broker.inside"].map(|name| (name.to_owned(), localhost));
    Manners { names: names.into(), ..Manners::default() }
}

fn with_password() -> Manners {
    Manners { account: Some(("m@e".to_owned(), "se:cr%t".to_owned())), ..inside() }
}

/// The same, as a URL has it.
const ACCOUNT: &str = "m%40e:se:cr%25t@";
const BOTH: [Speaks; 2] = [Speaks::Socks5, Speaks::Http];

fn send(producer: &KafkaProducer) -> Result<Option<i64>, Error> {
    producer.send(ProducerRecord::to("t").value("v"))?.get(PATIENCE).map(|metadata| metadata.offset())
}

/// What `send` says; it must not take until `max_block_ms` is over.
fn refused(config: ProducerConfig) -> String {
    let producer = config.max_block(2 * PATIENCE).build().unwrap();
    let error = send(&producer).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Denied { trouble, .. } if trouble.stage == Stage::Proxy),
        "{error:?}"
    );
    error.to_string()
}

/// What is last seen of brokers when the wait has been in vain.
fn last_seen(config: ProducerConfig, wait: Duration) -> String {
    let producer = config.max_block(wait).build().unwrap();
    let error = send(&producer).unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let text = error.to_string();
    text.split_once("; last seen: ").unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

/// What an attempt sees, and what it should have: with the usual time, or with more of it on a machine that stalls.
#[track_caller]
fn sees(mut attempt: impl FnMut(u32) -> (String, String)) {
    for pace in [1, 4, 16, 64] {
        let (seen, expected) = attempt(pace);
        if seen == expected {
            return;
        }
        assert!(pace < 64, "{seen:?} in place of {expected:?}");
    }
}

#[test]
fn records_arrive_at_brokers_whose_names_the_proxy_alone_knows() {
    for speaks in BOTH {
        for by_bytes in [false, true] {
            for (manners, account) in [(inside(), ""), (inside(), ACCOUNT), (with_password(), ACCOUNT)] {
                let world = World::new();
                let proxy = ProxyServer::start(speaks, Manners { by_bytes, ..manners });
                let producer = config(&world.servers, &proxy.url(account)).build().unwrap();
                for number in 0..1000 {
                    let value = format!("{number}-{}", "x".repeat(number));
                    producer.send(ProducerRecord::to("t").value(&value)).unwrap();
                }
                producer.close(PATIENCE).unwrap();
                assert_eq!(world.cluster.record_count("t"), 1000);
                let asked = proxy.asked();
                let port = world.servers.rsplit_once(':').unwrap().1;
                let expected = ["bootstrap", "broker"].map(|name| format!("{name}.inside:{port}"));
                assert_eq!(asked, expected, "nothing went by another way");
            }
        }
    }
}

/// A proxy that hangs up after whichever byte of its answer is tried again, and nothing is lost by it.
#[test]
fn a_proxy_that_hangs_up_at_any_byte_is_tried_again() {
    // What it says: two bytes to the greeting, two to the password, ten to the request; or the head of its answer.
    for (speaks, length) in [(Speaks::Socks5, 14), (Speaks::Http, 39)] {
        let world = World::new();
        for cut in 0..length {
            let proxy = ProxyServer::start(speaks, Manners { cuts: vec![cut, cut + 1], ..with_password() });
            let producer = config(&world.servers, &proxy.url(ACCOUNT)).build().unwrap();
            assert_eq!(send(&producer).unwrap(), Some(cut as i64));
        }
        assert_eq!(world.cluster.record_count("t"), length as u64);
    }
}

#[test]
fn who_is_not_let_through_reads_why() {
    let world = World::new();
    let servers = &world.servers;
    let refuses = |answer: &[u8]| Manners { answer: Some(answer.to_vec()), ..inside() };
    for (speaks, manners, account, expected) in [
        (
            Speaks::Socks5,
            with_password(),
            "m%40e:wrong@",
            "rejected the user and the password; correct the user and the password in proxy_url",
        ),
        (
            Speaks::Socks5,
            with_password(),
            "",
            "requires a user and a password; write socks5://user:password@host:port in proxy_url",
        ),
        (
            Speaks::Socks5,
            refuses(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]),
            "",
            "does not allow connections to the broker (SOCKS5 reply 2); change the rules of the proxy",
        ),
        (
            Speaks::Http,
            with_password(),
            "m%40e:wrong@",
            "rejected the user and the password (407 Proxy Authentication Required); correct the user and the password in proxy_url",
        ),
        (
            Speaks::Http,
            with_password(),
            "",
            "requires a user and a password (407 Proxy Authentication Required); write http://user:password@host:port in \
             proxy_url",
        ),
        (
            Speaks::Http,
            refuses(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n<html>"),
            "",
            "does not allow connections to the broker (403 Forbidden); change the rules of the proxy: many proxies allow \
             only port 443",
        ),
    ] {
        let proxy = ProxyServer::start(speaks, manners);
        let text = refused(config(servers, &proxy.url(account)));
        let name = proxy.url("");
        assert_eq!(
            text,
            format!(
                "a broker can't be used with this configuration: {servers} (from bootstrap_servers) at proxy: the proxy \
                 {name} {expected}"
            )
        );
    }
    assert_eq!(world.cluster.requests().len(), 0, "nobody got through");
}

/// One kind where the other is.
#[test]
fn a_proxy_of_the_other_kind_is_told_as_that() {
    let world = World::new();
    let socks = ProxyServer::start(Speaks::Socks5, inside());
    let url = socks.url("").replace("socks5", "http");
    let expected = format!(
        "{} (from bootstrap_servers) at proxy: the proxy {url} closed the connection without a response; the proxy may \
         be shutting down, or may not support HTTP",
        world.servers
    );
    sees(|pace| (last_seen(config(&world.servers, &url), pace * WAIT), expected.clone()));
    let answer = Some(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    let web = ProxyServer::start(Speaks::Socks5, Manners { answer, ..inside() });
    let name = web.url("");
    assert_eq!(
        refused(config(&world.servers, &name)),
        format!(
            "a broker can't be used with this configuration: {} (from bootstrap_servers) at proxy: the proxy {name} \
             sent a response that is not SOCKS5; if the proxy is an HTTP proxy, write http:// in proxy_url",
            world.servers
        )
    );
}

#[test]
fn what_may_pass_is_told_when_the_wait_is_over() {
    // Nobody listens there.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = format!("localhost:{}", dead.port());
    for (speaks, expected) in [
        (Speaks::Socks5, "can't connect to the broker: host unreachable (SOCKS5 reply 4)"),
        (Speaks::Http, "can't connect to the broker (502 Bad Gateway)"),
    ] {
        let proxy = ProxyServer::start(speaks, inside());
        let name = proxy.url("");
        sees(|pace| {
            let before = proxy.asked().len();
            let text = last_seen(config(&servers, &name), pace * WAIT);
            let is_again = proxy.asked().len() - before > 1;
            let expected =
                format!("{servers} (from bootstrap_servers) at proxy: the proxy {name} {expected}");
            (format!("{text}; tried again: {is_again}"), format!("{expected}; tried again: true"))
        });
    }
    let gone = format!("socks5://{dead}");
    let expected = format!(
        "broker.inside:9092 (from bootstrap_servers) at proxy: the proxy {gone} can't be reached: Connection refused (os error \
         111)"
    );
    sees(|pace| (last_seen(config("broker.inside", &gone), pace * WAIT), expected.clone()));
    // How the system puts it differs.
    let expected = "broker.inside:9092 (from bootstrap_servers) at DNS: the host of the proxy http://proxy.invalid:3128 can't \
                    be looked up: ";
    sees(|pace| {
        let text = last_seen(config("broker.inside", "http://proxy.invalid:3128"), pace * WAIT);
        let has_more = text.len() > expected.len();
        let start = if has_more { text.get(..expected.len()).unwrap_or(&text) } else { &text };
        (start.to_owned(), if has_more { expected.to_owned() } else { format!("{expected}and why") })
    });
}

/// Neither is one of TCP, which stood at once.
#[test]
fn a_stalled_proxy_and_a_stalled_handshake_are_told_where_they_stall() {
    let stalls = |config: &ProducerConfig, servers: &str, stage: &str| {
        sees(|pace| {
            let setup = pace * Duration::from_millis(100);
            let config = config
                .clone()
                .socket_connection_setup_timeout(setup)
                .socket_connection_setup_timeout_max(setup);
            let expected = format!(
                "{servers} (from bootstrap_servers) at {stage}: no response within {setup:?} (socket_connection_setup_timeout_ms)"
            );
            (last_seen(config, setup * 5 / 2), expected)
        });
    };
    let world = World::new();
    for speaks in BOTH {
        let proxy = ProxyServer::start(speaks, Manners { is_mute: true, ..inside() });
        stalls(&config(&world.servers, &proxy.url("")), &world.servers, "proxy");
    }
    #[cfg(feature = "tls")]
    {
        use kafka_producer::SecurityProtocol;
        // Takes connections, as the kernel does for it, and never looks at one.
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let servers = format!("localhost:{}", mute.local_addr().unwrap().port());
        let proxy = ProxyServer::start(Speaks::Http, inside());
        let by_proxy = config(&servers, &proxy.url("")).security_protocol(SecurityProtocol::Ssl);
        stalls(&by_proxy, &servers, "TLS");
        let direct = KafkaProducer::builder()
            .bootstrap_servers([&servers])
            .security_protocol(SecurityProtocol::Ssl)
            .reconnect_backoff(Duration::from_millis(5))
            .reconnect_backoff_max(Duration::from_millis(20));
        stalls(&direct, &servers, "TLS");
    }
}

/// What is wrong at the proxy is put right there, and the producer goes on.
#[test]
fn a_refusal_ends_when_the_proxy_is_changed() {
    let world = World::new();
    let proxy = ProxyServer::start(Speaks::Socks5, with_password());
    let producer = config(&world.servers, &proxy.url("me:new@")).max_block(PATIENCE).build().unwrap();
    assert!(matches!(send(&producer).unwrap_err().kind(), ErrorKind::Denied { .. }));
    proxy.change(|manners| manners.account = Some(("me".to_owned(), "new".to_owned())));
    while let Err(error) = send(&producer) {
        assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "{error}");
        std::thread::yield_now();
    }
    assert_eq!(world.cluster.record_count("t"), 1);
}

#[test]
fn no_secret_of_a_proxy_is_shown() {
    let world = World::new();
    let proxy = ProxyServer::start(Speaks::Http, with_password());
    let config = config(&world.servers, &proxy.url("hunter2:hunter3@"));
    let shown = format!("{config:?}");
    let text = format!("{shown} {}", refused(config));
    assert!(!text.contains("hunter"), "{text}");
}
