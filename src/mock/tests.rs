//! The mock cluster over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::protocol::{
    ApiVersionsRequest, ErrorCode, MetadataRequest, MetadataRequestTopic, ProduceRequest, Request,
    decode_request, decode_request_header, decode_response, encode_request,
};
use crate::time::{Clock, Instant};

/// The plainest client there can be.
struct Client(TcpStream);

impl Client {
    fn to(cluster: &MockCluster, broker: usize) -> Self {
        let stream = TcpStream::connect(cluster.address(broker)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.0.write_all(&encode_request(7, version, Some("tester"), request).to_vec()).unwrap();
    }

    /// The answer, or `None` if the connection ends instead.
    fn receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        Some(decode_response::<R>(version, &frame).unwrap().1)
    }

    fn ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.send(version, request);
        self.receive::<R>(version)
    }
}

/// A request of kafka-python's with records for the topic `vec` and without a producer id, and how many they are.
fn sample() -> (ProduceRequest, usize) {
    let plain = crate::protocol::vectors::exchanges().into_iter().find_map(|vector| {
        let wanted = vector.file == "kafka-python-2.0.2.jsonl" && vector.api_key == ApiKey::PRODUCE;
        (wanted && vector.version == 7 && vector.request.len() > 500).then_some(vector.request)
    });
    let frame = plain.unwrap();
    let (header, body) = decode_request_header(&frame).unwrap();
    let request: ProduceRequest = decode_request(header.version, body).unwrap();
    let batches = request.topics.iter().flat_map(|topic| &topic.partitions);
    let count = |bytes: Vec<u8>| {
        crate::record::read_batches(&bytes).map(|batch| batch.unwrap().records.len()).sum::<usize>()
    };
    let records = batches.map(|partition| count(partition.records.as_ref().unwrap().to_vec())).sum();
    (request, records)
}

fn now() -> Instant {
    Clock::System.now()
}

#[test]
fn a_conversation() {
    let cluster = MockCluster::builder().brokers(2).default_partitions(3).build();
    let mut client = Client::to(&cluster, 1);
    assert_eq!(client.ask(4, &ApiVersionsRequest::default()).unwrap().error_code, ErrorCode::NONE);
    let topic = MetadataRequestTopic { name: Some("vec".to_owned()), ..Default::default() };
    let metadata =
        client.ask(13, &MetadataRequest { topics: Some(vec![topic]), ..Default::default() }).unwrap();
    let ports: Vec<String> =
        metadata.brokers.iter().map(|broker| format!("{}:{}", broker.host, broker.port)).collect();
    assert_eq!(ports.join(","), cluster.bootstrap_servers());
    let leaders: Vec<i32> =
        metadata.topics[0].partitions.iter().map(|partition| partition.leader_id).collect();
    assert_eq!(leaders, [0, 1, 0]);

    let (request, records) = sample();
    (0..3).for_each(|partition| cluster.set_leader("vec", partition, 1));
    client.ask(10, &request).unwrap();
    assert!(cluster.wait_for_records("vec", records as u64, PATIENCE));
    assert_eq!(cluster.record_count("vec"), records as u64);
    let kept: usize = (0..3).map(|partition| cluster.records("vec", partition).len()).sum();
    assert_eq!(kept, records);

    let requests = cluster.requests();
    let seen: Vec<_> =
        requests.iter().map(|request| (request.broker, request.api, request.version)).collect();
    assert_eq!(seen, [(1, ApiKey::API_VERSIONS, 4), (1, ApiKey::METADATA, 13), (1, ApiKey::PRODUCE, 10)]);
    assert_eq!(requests[0].client_id.as_deref(), Some("tester"));
    assert_eq!(cluster.counted().requests, 3);
    assert!(!cluster.wait_for_requests(4, Duration::from_millis(10)));
}

#[test]
fn held_answers_are_released() {
    let cluster = MockCluster::start(1);
    let mut client = Client::to(&cluster, 0);
    cluster.hold_responses();
    client.send(0, &ApiVersionsRequest::default());
    client.send(0, &ApiVersionsRequest::default());
    assert!(cluster.wait_for_requests(2, PATIENCE));
    client.0.set_nonblocking(true).unwrap();
    assert!(client.0.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    client.0.set_nonblocking(false).unwrap();
    cluster.release_responses();
    assert!(client.receive::<ApiVersionsRequest>(0).is_some());
    assert!(client.receive::<ApiVersionsRequest>(0).is_some());
    assert!(client.ask(0, &ApiVersionsRequest::default()).is_some());
}

#[test]
fn a_cut_answer_is_to_records_that_were_kept() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("vec", 3);
    let (request, records) = sample();
    cluster.broker(0).cut_next_produce_response();
    assert!(Client::to(&cluster, 0).ask(10, &request).is_none());
    assert_eq!(cluster.record_count("vec"), records as u64);
    assert!(Client::to(&cluster, 0).ask(10, &request).is_some());
}

#[test]
fn connections_can_be_dropped() {
    let cluster = MockCluster::start(2);
    let mut clients = [0, 1].map(|broker| Client::to(&cluster, broker));
    for client in &mut clients {
        client.ask(0, &ApiVersionsRequest::default()).unwrap();
    }
    cluster.broker(0).drop_connections();
    assert!(clients[0].receive::<ApiVersionsRequest>(0).is_none());
    assert!(clients[1].ask(0, &ApiVersionsRequest::default()).is_some());
}

#[test]
fn a_broker_comes_back_at_its_port_with_its_records() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("vec", 3);
    (0..3).for_each(|partition| cluster.set_leader("vec", partition, 0));
    let (request, records) = sample();
    let mut client = Client::to(&cluster, 0);
    client.ask(10, &request).unwrap();
    let address = cluster.address(0);
    for _ in 0..20 {
        cluster.stop_broker(0);
        cluster.stop_broker(0);
        assert!(client.receive::<ProduceRequest>(10).is_none());
        let refused = TcpStream::connect(&address).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let metadata = Client::to(&cluster, 1).ask(9, &MetadataRequest::default()).unwrap();
        assert_eq!((metadata.brokers.len(), metadata.topics[0].partitions[0].leader_id), (1, -1));
        cluster.start_broker(0);
        client = Client::to(&cluster, 0);
        client.ask(0, &ApiVersionsRequest::default()).unwrap();
    }
    assert_eq!(cluster.address(0), address);
    assert_eq!(cluster.record_count("vec"), records as u64);
}

#[test]
fn dropping_it_is_quick_whatever_its_connections_do() {
    let cluster = MockCluster::start(3);
    let mut idle: Vec<Client> = (0..3).map(|broker| Client::to(&cluster, broker)).collect();
    // One in the middle of a request, and one that does not read its answers until its buffers are full.
    idle[0].0.write_all(&[0, 0, 1, 0, 0]).unwrap();
    idle[1].0.set_nonblocking(true).unwrap();
    let request = encode_request(7, 0, None, &ApiVersionsRequest::default()).to_vec().repeat(1000);
    while idle[1].0.write(&request).is_ok() {}
    let before = now();
    drop(cluster);
    let took = now().since(before);
    // Whoever waited for a connection to end by itself would wait for ever; a busy machine may take a while.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn settings_reach_the_wire() {
    let cluster = MockCluster::builder().auto_create_topics(false).build();
    cluster.limit_api(ApiKey::METADATA, 1..=9);
    cluster.limit_api(ApiKey::INIT_PRODUCER_ID, 0..=2);
    cluster.broker(0).limit_api(ApiKey::PRODUCE, std::ops::RangeInclusive::new(1, 0));
    cluster.throttle(250);
    let mut client = Client::to(&cluster, 0);
    let versions = client.ask(3, &ApiVersionsRequest::default()).unwrap();
    assert_eq!(versions.throttle_time_ms, 250);
    let offered: Vec<_> =
        versions.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
    let expected = [
        (ApiKey::METADATA, 1, 9),
        (ApiKey::SASL_HANDSHAKE, 0, 1),
        (ApiKey::API_VERSIONS, 0, 4),
        (ApiKey::INIT_PRODUCER_ID, 0, 2),
        (ApiKey::SASL_AUTHENTICATE, 0, 2),
    ];
    assert_eq!(offered, expected);
    let topic = MetadataRequestTopic { name: Some("new".to_owned()), ..Default::default() };
    let metadata =
        client.ask(9, &MetadataRequest { topics: Some(vec![topic]), ..Default::default() }).unwrap();
    assert_eq!(metadata.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(client.ask(10, &MetadataRequest::default()).is_none());
}

#[test]
fn a_sink_counts() {
    let cluster = MockCluster::builder().counting().build();
    cluster.create_topic("vec", 3);
    let (request, records) = sample();
    let mut client = Client::to(&cluster, 0);
    for _ in 0..10 {
        client.ask(10, &request).unwrap();
    }
    let counts = cluster.counted();
    let batches = request.topics[0].partitions.len() as u64;
    assert_eq!((counts.records, counts.batches, counts.requests), (10 * records as u64, 10 * batches, 10));
    assert_eq!(cluster.record_count("vec"), counts.records);
    assert_eq!(cluster.requests(), []);
}

#[test]
fn a_reset_is_an_error_to_the_peer_and_a_cut_is_an_end() {
    let cluster = MockCluster::start(1);
    for (rule, end) in [
        (MockRule::cut_before_append(), None),
        (MockRule::reset_before_append(), Some(std::io::ErrorKind::ConnectionReset)),
    ] {
        let rule = cluster.add_rule(rule);
        let mut client = Client::to(&cluster, 0);
        client.send(0, &ApiVersionsRequest::default());
        assert_eq!(client.0.read(&mut [0]).err().map(|error| error.kind()), end);
        assert_eq!(cluster.times_acted(rule), 1);
    }
}

#[test]
fn delays_follow_a_clock_that_the_test_moves() {
    let cluster = MockCluster::start(1);
    let hour = Duration::from_secs(3600);
    cluster.hold_clock();
    cluster.add_rule(MockRule::delay(hour));
    let mut client = Client::to(&cluster, 0);
    client.send(0, &ApiVersionsRequest::default());
    assert!(cluster.wait_for_requests(1, PATIENCE));
    cluster.advance_clock(hour - Duration::from_nanos(1));
    client.0.set_nonblocking(true).unwrap();
    assert!(client.0.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    client.0.set_nonblocking(false).unwrap();
    cluster.advance_clock(Duration::from_nanos(1));
    assert!(client.receive::<ApiVersionsRequest>(0).is_some());
    client.ask(0, &ApiVersionsRequest::default()).unwrap();
    assert_eq!(cluster.requests()[1].at - cluster.requests()[0].at, hour);
}

#[test]
fn delays_and_drips_pass_by_themselves() {
    let cluster = MockCluster::start(1);
    let delay = Duration::from_millis(30);
    cluster.add_rule(MockRule::delay(delay));
    cluster.add_rule(MockRule::drip(1, Duration::from_micros(500)).skip(1));
    let mut client = Client::to(&cluster, 0);
    let before = now();
    client.ask(0, &ApiVersionsRequest::default()).unwrap();
    let took = now().since(before);
    assert!(took >= delay, "{took:?}");
    let before = now();
    client.ask(0, &ApiVersionsRequest::default()).unwrap();
    let took = now().since(before);
    assert!(took >= Duration::from_millis(10), "34 bytes: {took:?}");
    // A clock that runs on after it was held ahead of the machine's.
    cluster.hold_clock();
    cluster.advance_clock(Duration::from_secs(1000));
    cluster.release_clock();
    cluster.add_rule(MockRule::delay(delay));
    client.ask(0, &ApiVersionsRequest::default()).unwrap();
}

#[test]
fn a_topic_is_deleted_and_made_anew() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("vec", 3);
    let (request, _) = sample();
    let mut client = Client::to(&cluster, 0);
    let mut codes = || {
        let response = client.ask(10, &request).unwrap();
        let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
        partitions
            .map(|partition| (partition.index, partition.error_code.code()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert!(codes().into_values().eq([0, 0, 0]));
    cluster.delete_topic("vec");
    assert!(codes().into_values().eq([3, 3, 3]));
    cluster.create_topic("vec", 1);
    assert!(codes().into_values().eq([0, 3, 3]));
    cluster.add_partitions("vec", 2);
    assert!(codes().into_values().eq([0, 0, 3]));
}

const PATIENCE: Duration = Duration::from_secs(10);
