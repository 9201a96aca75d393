//! Each setting has its effect in a whole producer. Every test would fail if the setting were ignored.

use super::*;
use crate::config::Acks;
use crate::mock::MockRequest;

fn produce_requests(world: &World) -> impl Iterator<Item = &MockRequest> {
    world.core.requests.iter().filter(|request| request.api == ApiKey::PRODUCE)
}

fn all_done(futures: &[FutureRecordMetadata]) -> bool {
    futures.iter().all(FutureRecordMetadata::is_done)
}

/// The client ids of all requests of a producer that connects, authenticates nothing and sends a record.
fn client_ids(config: ProducerConfig) -> Vec<String> {
    let mut world = World::new(1, config);
    assert!(world.core.cluster.create_topic("t", 1));
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    let future = world.send(0, b"v");
    world.run_until(secs(1), |_| future.is_done());
    let requests = &world.core.requests;
    for api in [ApiKey::API_VERSIONS, ApiKey::METADATA, ApiKey::INIT_PRODUCER_ID, ApiKey::PRODUCE] {
        assert!(requests.iter().any(|request| request.api == api), "{api:?}");
    }
    let ids = requests.iter().map(|request| request.client_id.clone().expect("each request has an id"));
    let mut ids: Vec<String> = ids.collect();
    ids.dedup();
    ids
}

#[test]
fn each_request_has_the_client_id_and_each_producer_has_its_own_by_default() {
    assert_eq!(client_ids(config().client_id("me")), ["me"]);
    let [first, second] = [(); 2].map(|()| client_ids(config()));
    let ([first], [second]) = (&first[..], &second[..]) else { panic!("{first:?} {second:?}") };
    assert!(
        first.starts_with("kafka-producer-") && second.starts_with("kafka-producer-"),
        "{first} {second}"
    );
    assert_ne!(first, second);
}

#[test]
fn a_request_has_the_acks_of_the_producer() {
    for (acks, expected) in [(Acks::None, 0), (Acks::Leader, 1), (Acks::All, -1)] {
        let mut world = World::with_topic(1, 1, config().acks(acks));
        let future = world.send(0, b"v");
        world.run_until(secs(1), |_| future.is_done());
        world.settle();
        let sent: Vec<_> = produce_requests(&world).map(|request| request.acks).collect();
        assert_eq!(sent, [Some(expected)]);
    }
}

/// The number of polls that reading a metadata response takes.
fn polls_of_a_response(chunk: usize, count: usize) -> u64 {
    let config = config().sock_chunk_bytes(chunk).sock_chunk_buffer_count(count);
    let mut world = World::with_topic(1, 200, config);
    // A request that is wanted earlier would wait for the backoff.
    world.run_for(secs(1));
    let before = world.steps;
    want(&mut world);
    world.settle();
    assert_eq!(world.requests(ApiKey::METADATA), 1);
    world.steps - before
}

#[test]
fn a_response_is_read_in_chunks_and_so_many_chunks_are_read_in_one_round() {
    let [one, two, twice_as_large, default] =
        [(50, 1), (50, 2), (100, 1), (4096, 1000)].map(|(chunk, count)| polls_of_a_response(chunk, count));
    // The response has 200 partitions of more than 20 bytes, and some polls read nothing.
    assert!(one > 80, "{one} polls");
    for half in [two, twice_as_large] {
        assert!(half.abs_diff(one / 2) <= 4, "{half} polls, {one} for chunks of half the size");
    }
    assert!(default <= 4, "{default} polls");
}

/// The responses of two brokers arrive at the same moment: metadata of many partitions with the response to a record behind
/// it, and the response to another record. Returns the records in the order of their results.
fn results_of_two_brokers(config: ProducerConfig) -> Vec<&'static str> {
    let mut world = World::with_topic(2, 200, config);
    world.run_for(secs(1));
    world.core.faults.held = vec![true; 2];
    want(&mut world);
    world.settle();
    let busy = world.core.requests.iter().find(|request| request.api == ApiKey::METADATA).unwrap().broker;
    let order = Arc::new(Mutex::new(Vec::new()));
    for (partition, name) in [(busy, "behind metadata"), (1 - busy, "alone")] {
        let place = Arc::clone(&order);
        world.send(partition, b"v").add_callback(move |_| place.lock().push(name));
        world.settle();
    }
    world.core.faults.held = vec![false; 2];
    world.run_until(secs(1), |_| order.lock().len() == 2);
    let order = order.lock();
    order.clone()
}

#[test]
fn a_broker_with_much_to_read_does_not_delay_another() {
    let small = config().sock_chunk_bytes(100).sock_chunk_buffer_count(1);
    assert_eq!(results_of_two_brokers(small), ["alone", "behind metadata"]);
}

#[test]
fn a_failed_batch_waits_for_the_retry_backoff_that_is_set() {
    for (initial, most, least_and_most) in [
        // 3 + 6 + 7 + 7 seconds, each 20 % more or less.
        (secs(3), secs(7), (millis(18_400), millis(27_600))),
        (millis(10), millis(10), (millis(32), millis(48))),
    ] {
        let mut world = World::with_topic(1, 1, config().retry_backoff(initial).retry_backoff_max(most));
        world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 4);
        let future = world.send(0, b"v");
        let took = world.run_until(MINUTE, |_| future.is_done());
        assert!(future.succeeded());
        assert!((least_and_most.0..=least_and_most.1).contains(&took), "{initial:?}: {took:?}");
    }
}

#[test]
fn metadata_of_a_missing_topic_is_requested_with_the_retry_backoff_that_is_set() {
    let config = config().retry_backoff(secs(3)).retry_backoff_max(secs(3));
    let mut world = World::with_topic(1, 1, config);
    world.wait_for_topic("missing", MINUTE);
    world.run_for(MINUTE);
    let asked = world.requests(ApiKey::METADATA);
    assert!((17..=25).contains(&asked), "{asked} requests");
}

#[test]
fn the_time_between_two_connects_doubles_from_the_first_to_the_longest_that_is_set() {
    for (first, longest, expected) in
        [(secs(2), secs(10), [2, 4, 8, 10, 10]), (secs(1), secs(3), [1, 2, 3, 3, 3])]
    {
        let mut world = World::new(1, config().reconnect_backoff(first).reconnect_backoff_max(longest));
        world.core.cluster.brokers[0].running = false;
        world.wait_for_topic("t", MINUTE);
        world.run_for(MINUTE);
        let gaps = world.dials.windows(2).map(|dials| dials[1].since(dials[0]).as_secs_f64());
        for (gap, expected) in gaps.zip(expected.map(f64::from)) {
            assert!((0.8 * expected..=1.2 * expected).contains(&gap), "{:?}", world.dials);
        }
        assert!(world.dials.len() > 5, "{:?}", world.dials);
    }
}

#[test]
fn a_connection_has_as_many_requests_in_flight_as_is_set() {
    for most in [1, 2, 5] {
        // Each request has room for one batch.
        let config = config()
            .max_in_flight_requests_per_connection(most)
            .batch_size(0)
            .produce_request_max_bytes(1200);
        let mut world = World::with_topic(1, 20, config);
        world.core.faults.held[0] = true;
        let futures: Vec<_> = (0..20).map(|partition| world.send(partition, &[0; 1000])).collect();
        world.run_for(millis(10));
        assert_eq!(world.requests(ApiKey::PRODUCE), most);
        world.core.faults.held[0] = false;
        world.run_until(secs(1), |_| all_done(&futures));
    }
}

/// The values in the order in which they are stored, if the first batch fails once while others are in flight.
fn order_after_a_failure(config: ProducerConfig) -> Vec<u8> {
    let mut world = World::with_topic(1, 1, config.batch_size(0).linger(Duration::ZERO).retries(5));
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    world.core.faults.held[0] = true;
    let futures: Vec<_> = (0..10).map(|value| world.send(0, &[value])).collect();
    world.run_for(millis(10));
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| all_done(&futures));
    let records = world.core.cluster.partition_mut("t", 0).unwrap().log.records().unwrap();
    let values = records.into_iter().filter_map(|record| record.value);
    values.filter(|value| value.len() == 1).map(|value| value[0]).collect()
}

/// kafka-python 2 has five requests in flight by default, and no idempotence.
#[test]
fn with_one_request_in_flight_the_order_is_kept_and_with_the_default_of_kafka_python_2_it_is_not() {
    let sent: Vec<u8> = (0..10).collect();
    let config = ProducerConfig::kafka_python_2;
    assert_eq!(order_after_a_failure(config().max_in_flight_requests_per_connection(1)), sent);
    assert_ne!(order_after_a_failure(config()), sent);
}

#[test]
fn a_peak_is_in_the_metrics_for_as_many_windows_as_are_set() {
    for (samples, window) in [(2, 10), (3, 10), (3, 4)] {
        let config = config().metrics_num_samples(samples).metrics_sample_window(secs(window));
        let mut world = World::with_topic(1, 1, config);
        world.send(0, &[0; 100]);
        world.run_for(millis(1));
        let largest = |world: &World| world.producer().metrics().get("producer-metrics", "record-size-max");
        assert!(largest(&world).is_some());
        let start = world.clock.now();
        while largest(&world).is_some_and(|size| size > 0.0) {
            world.run_for(millis(100));
            assert!(world.clock.now().since(start) < MINUTE);
        }
        let (took, span) = (world.clock.now().since(start), secs(samples as u64 * window));
        assert!((span - secs(1)..=span + secs(1)).contains(&took), "{samples} of {window} s: {took:?}");
    }
}
