//! When things happen: linger, timeouts, back-off, throttling, to the millisecond.

use super::*;
use crate::client::NodeId;
use crate::config::Acks;
use crate::{BrokerTrouble, ErrorKind, Origin, Stage};

/// Who may not wait, in a callback or by `try_send`, comes again: what lingers must not keep the memory until then.
#[test]
fn what_lingers_makes_room_for_who_does_not_wait() {
    let mut world = World::with_topic(1, 40, config().linger(secs(10)).buffer_memory(42_000));
    let refused = (0..80).find_map(|number| world.try_send(number % 40, &[0; 900]).err());
    assert!(matches!(refused.unwrap().kind(), ErrorKind::WouldBlock { .. }));
    world.run_for(millis(1));
    let future = world.try_send(39, &[0; 900]).unwrap();
    // And those that come after linger as ever.
    assert_about(world.run_until(MINUTE, |_| future.is_done()), secs(10));
}

#[test]
fn without_linger_a_record_goes_at_once_and_with_it_not_before() {
    for linger in [0, 1, 250] {
        let mut world = World::with_topic(1, 1, config().linger(millis(linger)));
        let future = world.send(0, b"v");
        assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(linger));
    }
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut world = World::with_topic(1, 1, config().linger(millis(250)).batch_size(1000));
    let futures: Vec<_> = (0..10).map(|_| world.send(0, &[0; 100])).collect();
    assert_about(world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done)), millis(0));
    let late = world.send(0, &[0; 10]);
    assert_about(world.run_until(MINUTE, |_| late.is_done()), millis(250));
}

/// The sender has left it to wait for company, and is told when it need not any more.
#[test]
fn a_batch_that_gets_full_while_it_lingers_goes_at_once() {
    let mut world = World::with_topic(1, 1, config().linger(millis(250)).batch_size(1000));
    let first = world.send(0, &[0; 100]);
    world.run_for(millis(50));
    assert!(!first.is_done());
    let _rest: Vec<_> = (0..9).map(|_| world.send(0, &[0; 100])).collect();
    assert_about(world.run_until(MINUTE, |_| first.is_done()), millis(0));
}

/// B30: who waits for memory ends the linger of what holds it, also when the sender looks at the worst moment.
#[test]
fn memory_that_is_wanted_is_not_lingered_on() {
    let config = config().linger(Duration::from_secs(60)).buffer_memory(8192).delivery_timeout(None);
    let mut world = World::with_topic(2, 4, config);
    let futures = [0, 1, 2, 3].map(|partition| world.send(partition, &[0; 1500]));
    world.run_for(millis(5));
    assert!(!futures.iter().any(FutureRecordMetadata::is_done));
    let waiter = world.spawn("waits for memory", |producer| {
        producer.send(ProducerRecord::to("t").partition(0).value(&[0; 5000])).unwrap();
    });
    let took = world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(took < Duration::from_secs(1), "{took:?}");
    waiter(&mut world);
}

#[test]
fn a_record_without_a_broker_expires_at_its_delivery_timeout() {
    let config = config().request_timeout(Duration::from_secs(1)).delivery_timeout(Duration::from_secs(5));
    let mut world = World::with_topic(1, 1, config);
    world.stop(0);
    let future = world.send(0, b"v");
    assert_about(world.run_until(MINUTE, |_| future.is_done()), Duration::from_secs(5));
    let error = future.exception().unwrap().to_string();
    assert_eq!(
        error,
        "delivery_timeout_ms of 5s expired before the records for t-0 could be sent; last seen: 127.0.0.1:40000 (from \
         advertised.listeners of broker 0) at TCP connect: connection refused, 127.0.0.1:40000 (from bootstrap_servers) at \
         TCP connect: connection refused"
    );
}

#[test]
fn the_delivery_timeout_covers_what_is_under_way() {
    let config = config().request_timeout(Duration::from_secs(29)).delivery_timeout(Duration::from_secs(30));
    let mut world = World::with_topic(1, 1, config);
    world.core.faults.held[0] = true;
    world.run_for(Duration::from_secs(10));
    let future = world.send(0, b"v");
    world.run_for(Duration::from_secs(20));
    let later = world.send(0, b"w");
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(took <= Duration::from_secs(10) + millis(1), "{took:?}");
    let error = future.exception().unwrap();
    assert_eq!(error.certainty(), crate::error::Certainty::MaybeWritten);
    assert!(error.is_timeout() && !later.is_done(), "{error}");
    // The answer to what was given up changes nothing; what came after it goes on.
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| later.is_done());
    assert!(future.failed() && later.succeeded(), "{:?}", later.exception());
    assert_eq!(world.accumulator.pool().used(), 0);
}

#[test]
fn a_frozen_broker_costs_one_request_timeout() {
    let mut world = World::with_topic(1, 1, config().request_timeout(Duration::from_secs(3)));
    world.core.faults.held[0] = true;
    let future = world.send(0, b"v");
    world.run_for(Duration::from_secs(2));
    assert_eq!((world.requests(ApiKey::PRODUCE), future.is_done()), (1, false));
    world.run_for(Duration::from_millis(1100));
    world.core.faults.held[0] = false;
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(
        took < Duration::from_secs(11),
        "the set-up of the next connection may have met the frozen broker: {took:?}"
    );
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
}

#[test]
fn a_broker_that_swallows_everything_is_left_for_the_next_after_the_set_up_timeout() {
    let mut world = World::new(2, config());
    world.black_holes.push(0);
    let took = world.run_until(MINUTE, |world| world.metadata.version() > 0);
    // 10 s, 20 % more or less.
    assert!((millis(8000)..=millis(12_000)).contains(&took), "{took:?}");
}

/// Each batch that expires keeps what it was told, and a cluster may have a thousand brokers.
#[test]
fn of_many_dead_brokers_a_few_are_told_of_and_the_leader_first() {
    let mut world = World::with_topic(40, 40, config());
    (0..40).for_each(|broker| world.stop(broker));
    let futures: Vec<_> = (0..40).map(|partition| world.send(partition, b"v")).collect();
    world.run_until(secs(121), |_| futures.iter().all(FutureRecordMetadata::is_done));
    for (future, partition) in futures.iter().zip(0..) {
        let error = future.exception().unwrap();
        let ErrorKind::Timeout { brokers, .. } = error.kind() else { panic!("{error}") };
        assert!((10..=20).contains(&brokers.len()), "{}", brokers.len());
        let Origin::Metadata { broker } = brokers[0].origin else { panic!("{:?}", brokers[0]) };
        assert_eq!(world.metadata.snapshot().leader("t", partition), Some(NodeId::Broker(broker)));
    }
}

/// KIP-601: 10 s, 20 s, then 30 s each time, by 20 % more or less.
#[test]
fn a_broker_that_can_not_be_reached_gets_more_time_each_time() {
    let mut world = World::new(1, config());
    world.mischief.stalled.push(0);
    world.ask_for("t");
    for (setup, least, most) in
        [("10s", secs(8), secs(12)), ("20s", secs(16), secs(24)), ("30s", secs(24), secs(36))]
    {
        let cause = format!("no response within {setup} (socket_connection_setup_timeout_ms)");
        let start = world.clock.now();
        while world.troubles().iter().all(|trouble| trouble.cause != cause) {
            world.run_for(millis(100));
            assert!(world.clock.now().since(start) < MINUTE, "{:?}", world.troubles());
        }
        let took = world.clock.now().since(start);
        assert!((least..most + secs(1)).contains(&took), "{setup}: {took:?}");
    }
}

#[test]
fn an_error_that_passes_waits_for_its_back_off() {
    let mut world = World::with_topic(1, 1, config());
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 4);
    let future = world.send(0, b"v");
    let took = world.run_until(MINUTE, |_| future.is_done());
    // 100 + 200 + 400 + 800, each 20 % more or less.
    assert!((millis(1200)..=millis(1800)).contains(&took), "{took:?}");
}

#[test]
fn a_throttled_broker_is_left_in_peace() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.brokers[0].throttle_ms = 700;
    let first = world.send(0, b"v");
    world.run_until(MINUTE, |_| first.is_done());
    world.core.cluster.brokers[0].throttle_ms = 0;
    let second = world.send(0, b"v");
    assert_about(world.run_until(MINUTE, |_| second.is_done()), millis(700));
}

/// 24 days, from a garbled answer.
#[test]
fn no_broker_is_left_in_peace_for_longer_than_five_minutes() {
    let mut world = World::with_topic(1, 1, config().delivery_timeout(secs(3600)));
    world.core.cluster.brokers[0].throttle_ms = i32::MAX;
    let first = world.send(0, b"v");
    world.run_until(MINUTE, |_| first.is_done());
    world.core.cluster.brokers[0].throttle_ms = 0;
    let second = world.send(0, b"v");
    assert_about(world.run_until(10 * MINUTE, |_| second.is_done()), secs(300));
}

#[test]
fn a_broker_that_asks_for_quiet_is_given_time_for_what_is_under_way() {
    let mut world = World::with_topic(1, 2, config().request_timeout(secs(2)));
    world.core.cluster.brokers[0].throttle_ms = 5000;
    world.mischief.passing = Some(0);
    let first = world.send(0, b"v");
    world.settle();
    let second = world.send(1, b"v");
    world.settle();
    world.mischief.passing = Some(1);
    world.run_for(millis(4900));
    world.core.cluster.brokers[0].throttle_ms = 0;
    world.mischief.passing = None;
    world.run_until(MINUTE, |_| first.is_done() && second.is_done());
    let end = world.core.cluster.partition_mut("t", 1).unwrap().log.next_offset();
    assert_eq!((world.requests(ApiKey::PRODUCE), end), (2, 2), "sent twice, stored twice");
}

#[test]
fn without_acks_a_broker_that_does_not_read_costs_one_request_timeout() {
    let mut world = World::with_topic(2, 2, config().acks(Acks::None));
    world.mischief.stalled.push(0);
    let future = world.send(0, b"v");
    world.run_for(millis(30_010));
    world.mischief.stalled.clear();
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(took < secs(1) && future.succeeded(), "{took:?}");
}

/// KIP-219: from these versions on a broker answers at once and leaves the wait to the client; before, it has waited
/// itself when the answer comes.
#[test]
fn the_time_that_an_old_broker_has_held_us_back_is_not_waited_for_again() {
    for (last, waits) in [(5, millis(0)), (6, millis(700))] {
        let mut world = World::new(1, config());
        world.core.cluster.brokers[0].versions.insert(ApiKey::PRODUCE, 3..=last);
        world.meet_topic(1);
        world.core.cluster.brokers[0].throttle_ms = 700;
        let first = world.send(0, b"v");
        world.run_until(MINUTE, |_| first.is_done());
        world.core.cluster.brokers[0].throttle_ms = 0;
        let second = world.send(0, b"v");
        assert_about(world.run_until(MINUTE, |_| second.is_done()), waits);
    }
    for (last, waits) in [(1, millis(0)), (2, millis(700))] {
        let mut world = World::new(1, config());
        world.core.cluster.brokers[0].versions.insert(ApiKey::API_VERSIONS, 0..=last);
        world.core.cluster.brokers[0].throttle_ms = 700;
        assert_about(world.run_until(MINUTE, |world| world.metadata.version() > 0), waits);
    }
}

#[test]
fn a_request_that_times_out_costs_its_own_connection_and_no_other() {
    let mut world = World::with_topic(3, 3, config().request_timeout(secs(3)));
    world.core.faults.held[1] = true;
    let stuck = world.send(1, b"v");
    let before = world.dials.len();
    let mut free = Vec::new();
    for _ in 0..40 {
        world.run_for(millis(100));
        free.extend([world.send(0, b"v"), world.send(2, b"v")]);
    }
    world.core.faults.held[1] = false;
    world.run_until(MINUTE, |_| stuck.is_done() && free.iter().all(FutureRecordMetadata::is_done));
    assert!(stuck.succeeded() && world.dials.len() - before <= 2, "{:?}", &world.dials[before..]);
}

/// What failed before its connection got ready is not what keeps it from answering now.
#[test]
fn a_broker_that_was_out_of_reach_and_is_mute_now_is_told_as_mute() {
    let mut world = World::with_topic(2, 2, config());
    world.run_for(secs(1));
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    world.mischief.dead_ports.push(FIRST_PORT + 1);
    let future = world.send(1, b"v");
    world.run_for(secs(15));
    let stage = |_: &World| {
        let error = future.get(Duration::ZERO).unwrap_err();
        let ErrorKind::Timeout { brokers: troubles, .. } = error.kind().clone() else { panic!("{error}") };
        let of_broker = |trouble: &BrokerTrouble| trouble.origin == Origin::Metadata { broker: 1 };
        troubles.into_iter().find(of_broker).map(|trouble| trouble.stage)
    };
    assert_eq!(stage(&world), Some(Stage::Tcp));
    world.mischief.dead_ports.clear();
    // It shakes hands, and reads no more.
    world.mischief.stalled_after_handshake.push(1);
    world.run_until(MINUTE, |world| world.links.values().any(|link| link.broker == 1));
    world.run_for(secs(5));
    assert!(!future.is_done());
    assert_eq!(stage(&world), Some(Stage::Produce));
    let troubles = world.with_sender(|sender, _| sender.client_mut().troubles_with(Some(NodeId::Broker(1))));
    assert_eq!(troubles.first().map(|trouble| trouble.stage), Some(Stage::Produce));
    // The end at the first request is a trouble that stands while it is dialled again.
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    assert_eq!(stage(&world), Some(Stage::Produce));
}
