//! Metrics in simulated time: to the record, and to the millisecond.

use super::idempotence::{await_all, send_all, single};
use super::*;
use crate::mock::MockRule;
use crate::{ErrorCode, ErrorKind, Metrics, Timing};

fn metrics(world: &World) -> Metrics {
    world.producer().metrics()
}

#[track_caller]
fn get(world: &World, name: &str) -> f64 {
    metrics(world).get("producer-metrics", name).unwrap_or_else(|| panic!("{name} has no value"))
}

fn of_topic(world: &World, name: &str) -> f64 {
    metrics(world).get("producer-topic-metrics.t", name).unwrap()
}

fn act(world: &mut World, rule: MockRule) {
    world.core.faults.add(rule.on(ApiKey::PRODUCE), Default::default);
}

/// Sends one record, and waits until it has a result.
fn send_one(world: &mut World) -> FutureRecordMetadata {
    let future = world.send(0, &[0; 100]);
    world.run_until(MINUTE, |_| future.is_done());
    future
}

#[track_caller]
fn assert_near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= expected * 0.02, "{value}, not {expected}");
}

/// What the broker counts per second is the rate, from the second window on.
#[test]
fn rates_are_what_the_broker_counts_per_second() {
    let mut world = World::with_topic(1, 2, config());
    for second in 1..=100 {
        let before = world.core.counts;
        for tenth in 0..10 {
            world.send(tenth % 2, &[0; 100]);
            world.run_for(millis(100));
        }
        let counted = world.core.counts;
        if second > 30 {
            assert_near(get(&world, "record-send-rate"), (counted.records - before.records) as f64);
            assert_near(get(&world, "byte-rate"), (counted.bytes - before.bytes) as f64);
            assert_near(get(&world, "request-rate"), (counted.requests - before.requests) as f64);
            assert_near(of_topic(&world, "record-send-rate"), 10.0);
            assert_near(metrics(&world).get("producer-node-metrics.node-0", "response-rate").unwrap(), 10.0);
        }
    }
    world.run_for(MINUTE);
    assert_eq!((get(&world, "record-send-rate"), get(&world, "record-send-total")), (0.0, 1002.0));
    assert_eq!(
        metrics(&world).get("producer-metrics", "batch-size-avg"),
        None,
        "of nothing there is no average"
    );
}

#[test]
fn a_record_that_is_sent_again_counts_as_sent_twice_and_as_a_retry() {
    let mut world = World::with_topic(1, 1, config());
    act(&mut world, MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).times(2));
    assert!(send_one(&mut world).succeeded());
    assert_eq!((get(&world, "record-send-total"), get(&world, "record-retry-total")), (4.0, 2.0));
    assert_eq!((of_topic(&world, "record-send-total"), of_topic(&world, "record-retry-total")), (4.0, 2.0));
    assert_eq!((get(&world, "record-error-total"), of_topic(&world, "record-error-total")), (0.0, 0.0));
    let queued = metrics(&world).timing(Timing::Linger).unwrap().count();
    assert_eq!(queued, 2, "a batch that is sent again has not waited in its queue again");
}

fn assert_sent_once(world: &World, records: f64) {
    for get in [get, of_topic] {
        assert_eq!(get(world, "record-send-total") - get(world, "record-retry-total"), records);
    }
}

/// Of four batches the second expires while those behind it may have been written, and is sent again for them.
#[test]
fn a_batch_that_is_sent_again_for_those_behind_it_is_a_retry() {
    let mut world = World::with_topic(1, 1, single().request_timeout(secs(15)).delivery_timeout(secs(20)));
    let first = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &first);
    world.core.faults.held[0] = true;
    let mut futures = send_all(&mut world, 0, 1..2);
    world.run_for(secs(13));
    futures.extend(send_all(&mut world, 0, 2..4));
    world.run_until(MINUTE, |_| futures[0].is_done());
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert!(futures[0].failed() && futures[1].succeeded() && futures[2].succeeded());
    assert!(get(&world, "record-retry-total") >= 3.0);
    assert_sent_once(&world, 5.0);
    assert_eq!(metrics(&world).timing(Timing::Linger).unwrap().count(), 5);
}

#[test]
fn a_batch_that_is_sent_again_because_of_the_one_before_it_is_a_retry() {
    let mut world = World::with_topic(1, 1, single());
    let first = send_all(&mut world, 0, 0..1);
    await_all(&mut world, &first);
    world.core.faults.held[0] = true;
    act(&mut world, MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).times(1));
    let futures = send_all(&mut world, 0, 1..3);
    world.run_for(millis(10));
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert_eq!((world.core.counts.refused, get(&world, "record-retry-total")), (2, 2.0));
    assert_sent_once(&world, 4.0);
    assert_eq!(metrics(&world).timing(Timing::Linger).unwrap().count(), 4);
}

/// No response comes any more.
#[test]
fn after_close_no_request_is_in_flight() {
    let mut world = World::with_topic(1, 1, config());
    world.core.faults.held[0] = true;
    let future = world.send(0, b"v");
    world.run_for(millis(10));
    assert_eq!(get(&world, "requests-in-flight"), 1.0);
    let closes = world.spawn("closes", |producer| drop(producer.close(Duration::ZERO)));
    closes(&mut world);
    assert!(future.failed());
    assert_eq!((get(&world, "requests-in-flight"), get(&world, "pending-records")), (0.0, 0.0));
}

#[test]
fn records_that_fail_count_as_errors_however_they_fail() {
    let mut world = World::with_topic(1, 1, config().delivery_timeout(secs(40)));
    act(&mut world, MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).times(1));
    assert!(send_one(&mut world).failed());
    assert_eq!((get(&world, "record-error-total"), of_topic(&world, "record-error-total")), (1.0, 1.0));
    // One is in flight when its time is over, and one is in its queue.
    act(&mut world, MockRule::black_hole().times(1));
    let in_flight = world.send(0, b"a");
    world.run_for(millis(1));
    world.stop(0);
    let queued = world.send(0, b"b");
    world.run_until(secs(100), |_| in_flight.is_done() && queued.is_done());
    assert!(in_flight.failed() && queued.failed());
    assert_eq!((get(&world, "record-error-total"), of_topic(&world, "record-error-total")), (3.0, 3.0));
    assert_eq!(
        metrics(&world).timing(Timing::Delivery).unwrap().count(),
        1,
        "only the first record was stored"
    );
}

#[test]
fn a_batch_that_is_split_is_counted() {
    let mut world = World::with_topic(1, 1, config().linger(millis(10)));
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 1000;
    let futures: Vec<_> = (0..15).map(|_| world.send(0, &[0; 100])).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert!(get(&world, "batch-split-total") >= 1.0);
    assert_sent_once(&world, 16.0);
    assert_eq!(metrics(&world).timing(Timing::Linger).unwrap().count(), 2, "its parts were not queued");
    assert!(get(&world, "record-send-total") > 16.0);
    assert!((100.0..120.0).contains(&get(&world, "record-size-max")), "{}", get(&world, "record-size-max"));
}

#[test]
fn the_time_until_a_response_and_the_time_of_a_throttle_are_to_the_millisecond() {
    let mut world = World::with_topic(1, 1, config());
    act(&mut world, MockRule::delay(secs(8)).times(1));
    let future = world.send(0, b"v");
    world.run_for(secs(1));
    assert_eq!((get(&world, "requests-in-flight"), get(&world, "pending-records")), (1.0, 1.0));
    world.run_until(MINUTE, |_| future.is_done());
    assert_eq!((get(&world, "requests-in-flight"), get(&world, "pending-records")), (0.0, 0.0));
    assert_near(get(&world, "request-latency-max"), 8000.0);
    assert_near(get(&world, "request-latency-avg"), 4000.0);
    let latency = metrics(&world).get("producer-node-metrics.node-0", "request-latency-max");
    assert_near(latency.unwrap(), 8000.0);
    assert_about(metrics(&world).timing(Timing::InFlight).unwrap().max().unwrap(), secs(8));
    assert_about(metrics(&world).timing(Timing::Delivery).unwrap().max().unwrap(), secs(8));
    act(&mut world, MockRule::throttle(250).times(1));
    send_one(&mut world);
    assert_eq!(get(&world, "produce-throttle-time-max"), 250.0);
    let throttle = metrics(&world).timing(Timing::Throttle).unwrap().clone();
    assert_eq!((throttle.count(), throttle.max()), (1, Some(millis(250))));
}

#[test]
fn the_time_in_the_queue_is_to_the_millisecond() {
    let mut world = World::with_topic(1, 1, config().linger(millis(250)));
    send_one(&mut world);
    assert_near(get(&world, "record-queue-time-max"), 250.0);
    assert_about(metrics(&world).timing(Timing::Linger).unwrap().max().unwrap(), millis(250));
}

#[test]
fn who_waits_for_memory_is_seen_while_waiting_and_after_it() {
    let limits = config().buffer_memory(16 << 10).max_block(secs(3)).delivery_timeout(None);
    let mut world = World::with_topic(1, 1, limits);
    world.core.faults.held[0] = true;
    while world.try_send(0, &[0; 1000]).is_ok() {}
    assert_eq!(get(&world, "buffer-total-bytes"), 16384.0);
    assert!(get(&world, "buffer-available-bytes") < 2000.0);
    let waits = world.spawn("waits", |producer| {
        let refused = producer.send(ProducerRecord::to("t").partition(0).value(&[0; 2000])).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::BufferExhausted { .. }), "{refused}");
    });
    world.run_for(secs(1));
    assert_eq!(get(&world, "waiting-threads"), 1.0);
    waits(&mut world);
    assert_eq!((get(&world, "waiting-threads"), get(&world, "buffer-exhausted-total")), (0.0, 1.0));
    assert_near(get(&world, "bufferpool-wait-time-ns-total"), 3e9);
    assert_near(get(&world, "bufferpool-wait-ratio"), 0.1);
    assert_about(metrics(&world).timing(Timing::BufferWait).unwrap().max().unwrap(), secs(3));
    world.core.faults.held[0] = false;
    world.run_for(secs(40));
}

#[test]
fn connections_and_metadata_are_followed() {
    let mut world = World::with_topic(1, 1, config().connections_max_idle(secs(10)));
    assert_eq!(
        get(&world, "connection-creation-total"),
        2.0,
        "to the server of bootstrap_servers, and to the broker"
    );
    assert_eq!((get(&world, "connection-count"), get(&world, "connection-close-total")), (1.0, 1.0));
    world.run_for(secs(20));
    assert_eq!((get(&world, "connection-count"), get(&world, "connection-close-total")), (0.0, 2.0));
    assert!((20.0..21.0).contains(&get(&world, "metadata-age")), "{}", get(&world, "metadata-age"));
    // A broker that refuses a connection has opened none.
    world.stop(0);
    let future = world.send(0, b"v");
    world.run_for(secs(5));
    assert_eq!(get(&world, "connection-creation-total"), 2.0);
    drop(future);
}

#[test]
fn an_idle_thread_waits_in_its_polls() {
    let mut world = World::with_topic(1, 1, config());
    for _ in 0..45 {
        world.send(0, b"v");
        world.run_for(secs(1));
    }
    assert!(get(&world, "select-total") >= 90.0);
    assert!((0.95..=1.0).contains(&get(&world, "io-wait-ratio")), "{}", get(&world, "io-wait-ratio"));
    assert_near(get(&world, "io-wait-time-ns-total"), 44e9);
    assert!(get(&world, "io-ratio") < 0.01);
}

/// What waits in each partition, on request only.
#[test]
fn the_backlog_of_partitions_is_counted_on_request() {
    let mut world = World::with_topic(1, 3, config().linger(secs(10)));
    let futures: Vec<_> = [0, 0, 0, 2].map(|partition| world.send(partition, &[0; 100])).into();
    let group = |metrics: &Metrics, partition| {
        let group = format!("producer-partition-metrics.t-{partition}");
        let get = |name: &str| metrics.get(&group, name);
        (get("pending-records"), get("pending-batches"), get("pending-bytes"))
    };
    let metrics = world.producer().metrics_with_partitions();
    assert_eq!(group(&metrics, 0), (Some(3.0), Some(1.0), Some(1024.0)));
    assert_eq!(group(&metrics, 1), (None, None, None));
    assert_eq!(group(&metrics, 2), (Some(1.0), Some(1.0), Some(1024.0)));
    assert_eq!(group(&world.producer().metrics(), 0), (None, None, None));
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(world.producer().metrics_with_partitions().iter().all(|metric| metric.partition().is_none()));
}

/// The times and the numbers of records that a reporter has seen.
type Seen = Arc<Mutex<Vec<(u64, f64)>>>;

fn reports(seen: &Seen) -> impl Fn(&Metrics) + Send + Sync + 'static {
    let seen = Arc::clone(seen);
    move |metrics| {
        let at = Clock::Simulated.now().since(Instant::ZERO).as_secs();
        seen.lock().push((at, metrics.get("producer-metrics", "record-send-total").unwrap()));
    }
}

#[test]
fn a_reporter_is_called_at_its_interval_and_at_the_end() {
    let seen = Seen::default();
    let config = config().report_metrics(secs(10), reports(&seen));
    let mut world = World::new(1, config);
    let start = world.clock.now().since(Instant::ZERO).as_secs();
    world.meet_topic(1);
    world.run_for(secs(100));
    let times: Vec<u64> = seen.lock().iter().map(|(at, _)| at - start).collect();
    assert_eq!(times, (1..=10).map(|number| number * 10).collect::<Vec<_>>());
    let _late = world.send(0, b"v");
    let closes = world.spawn("closes", |producer| producer.close(None).unwrap());
    closes(&mut world);
    let last = *seen.lock().last().unwrap();
    assert_eq!(
        (last.0 - start, last.1, seen.lock().len()),
        (100, 2.0, 11),
        "the last record is in the last report"
    );
}

#[test]
fn a_reporter_that_panics_or_comes_late_does_no_harm_and_wakes_nobody_more_often() {
    let seen = Seen::default();
    let config = config()
        .report_metrics(secs(30), |_| panic!("on purpose"))
        .report_metrics(secs(60), reports(&seen))
        .report_metrics(Duration::MAX, |_| panic!("never, but for the end"));
    let mut world = World::with_topic(1, 1, config);
    let before = world.steps;
    world.run_for(secs(240));
    assert!(send_one(&mut world).succeeded());
    assert_eq!(seen.lock().len(), 4);
    // Two polls for each of 8 times, and those of an idle producer.
    assert!(world.steps - before <= 30, "{} steps", world.steps - before);
}

#[test]
fn without_metrics_there_are_none() {
    let mut world =
        World::with_topic(1, 1, config().metrics_enabled(false).report_metrics(secs(1), |_| panic!()));
    send_one(&mut world);
    world.run_for(secs(10));
    let metrics = world.producer().metrics_with_partitions();
    assert!(metrics.is_empty() && metrics.timing(Timing::Linger).is_none());
    assert_eq!(metrics.to_string(), "no metrics\n");
    assert_eq!(metrics.to_prometheus(), "");
}
