//! The delivery timeout is kept wherever a batch stands.

use super::*;
use crate::config::Acks;
use crate::sync::schedule;

/// `config` with a delivery timeout of 30 s, a request timeout of 29 s and each record in a batch of its own.
fn patient() -> ProducerConfig {
    config().request_timeout(secs(29)).delivery_timeout(secs(30))
}

fn assert_fails_at(world: &mut World, future: &FutureRecordMetadata, at: Instant) {
    let left = at.since(world.clock.now());
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(future.failed());
    assert_about(took, left);
}

/// A world whose broker takes nothing for three seconds and then answers nothing.
fn quiet_and_mute(partitions: usize, config: ProducerConfig, last: &[u8]) -> World {
    let mut world = World::with_topic(1, partitions, config);
    world.core.cluster.brokers[0].throttle_ms = 3000;
    let first = world.send(0, last);
    world.run_until(MINUTE, |_| first.is_done());
    world.mischief.passing = Some(0);
    world
}

/// D2: the first goes out after three seconds and is under way until the 32nd.
#[test]
fn batches_behind_one_under_way_expire_on_time() {
    let mut world = quiet_and_mute(1, patient().acks(Acks::Leader).batch_size(0), b"v");
    let start = world.clock.now();
    let mut futures = Vec::new();
    for _ in 0..4 {
        futures.push(world.send(0, b"v"));
        world.run_for(millis(250));
    }
    world.run_for(secs(3));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2, "the first is under way");
    for (future, number) in futures.iter().zip(0..) {
        assert_fails_at(&mut world, future, start + secs(30) + number * millis(250));
    }
    assert!(world.clock.now().since(start) < secs(32), "the first has been under way all the time");
}

/// D2: two partitions wait to see whether a size is taken that a third tries out.
#[test]
fn batches_behind_one_on_trial_expire_on_time() {
    let mut world = World::with_topic(1, 3, patient().linger(millis(5)));
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 400;
    world.core.cluster.brokers[0].throttle_ms = 3000;
    world.mischief.passing = Some(1);
    let tried: Vec<_> = (0..6).map(|_| world.send(0, &[0; 100])).collect();
    world.run_for(millis(500));
    assert_eq!(world.core.counts.refused, 1);
    let start = world.clock.now();
    let second = world.send(1, &[0; 50]);
    world.run_for(millis(500));
    let third = world.send(2, &[0; 50]);
    world.run_for(secs(3));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2, "one is on trial");
    assert_fails_at(&mut world, &second, start + secs(30));
    assert_fails_at(&mut world, &third, start + secs(30) + millis(500));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2, "it has been on trial all the time");
    assert!(tried.iter().all(FutureRecordMetadata::is_done));
}

#[test]
fn a_batch_in_back_off_expires_on_time() {
    let config = config()
        .request_timeout(secs(1))
        .delivery_timeout(secs(5))
        .retry_backoff(MINUTE)
        .retry_backoff_max(MINUTE);
    let mut world = World::with_topic(1, 1, config);
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
    let future = world.send(0, b"v");
    let start = world.clock.now();
    assert_fails_at(&mut world, &future, start + secs(5));
}

/// D20: a callback keeps the sender's thread past both timeouts of a record whose answer lies in the socket.
#[test]
fn what_is_answered_during_a_long_callback_has_not_expired() {
    let mut world = World::with_topic(2, 2, patient());
    world.core.faults.held = vec![true, true];
    let (first, second) = (world.send(0, b"v"), world.send(1, b"v"));
    let shared = Arc::clone(&world.shared);
    first.add_callback(move |_| {
        shared.with(|site| site.core.faults.held[1] = false);
        schedule::me().unwrap().advance(MINUTE.as_nanos() as u64);
    });
    world.run_for(millis(10));
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
    world.core.faults.held[0] = false;
    world.run_until(MINUTE * 2, |_| first.is_done() && second.is_done());
    assert!(first.succeeded() && second.succeeded(), "{:?}", second.exception());
    assert_eq!(world.requests(ApiKey::PRODUCE), 2, "sent once each");
}
