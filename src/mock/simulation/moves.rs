//! Leaders, partitions and brokers that are not where they were.

use super::mischief::Mischief;
use super::*;
use crate::error::{BrokerTrouble, Origin};

#[test]
fn a_partition_without_a_leader_waits_for_one_and_others_do_not_wait_for_it() {
    let mut world = World::with_topic(2, 2, config());
    world.core.cluster.brokers[1].running = false;
    world.stop(1);
    let (stuck, free) = (world.send(1, b"v"), world.send(0, b"v"));
    assert_about(world.run_until(MINUTE, |_| free.is_done()), millis(0));
    world.run_for(Duration::from_secs(20));
    assert!(!stuck.is_done());
    if let Some(partition) = world.core.cluster.partition_mut("t", 1) {
        partition.leader = 0;
        partition.leader_epoch += 1;
    }
    let took = world.run_until(MINUTE, |_| stuck.is_done());
    assert!(took < Duration::from_secs(31), "{took:?}");
}

fn partitions_of(world: &mut World) -> &mut Vec<crate::mock::cluster::Partition> {
    &mut world.core.cluster.topics.get_mut("t").unwrap().partitions
}

fn ask_again(world: &mut World) {
    want(world);
    world.run_for(millis(500));
    let _ = world.topics.handle("t", &world.metadata.snapshot());
}

/// A cluster that forgets partitions and finds them again (a lagging broker) makes us neither forget what is queued
/// there nor queue in two places.
#[test]
fn partitions_that_vanish_and_come_back_keep_their_batches() {
    let mut world = World::with_topic(1, 4, config().linger(Duration::from_secs(3)));
    let first = world.send(3, b"before");
    let gone = partitions_of(&mut world).split_off(2);
    ask_again(&mut world);
    assert_eq!(world.topics.handle("t", &world.metadata.snapshot()).unwrap().queues.len(), 2);
    assert!(world.topics.queues().len() == 4, "close and abandon must find what is queued");
    partitions_of(&mut world).extend(gone);
    ask_again(&mut world);
    let second = world.send(3, b"after");
    world.run_until(MINUTE, |_| first.is_done() && second.is_done());
    assert_eq!((first.value().unwrap().offset(), second.value().unwrap().offset()), (Some(1), Some(2)));
}

/// That a broker is dialled at its new address is no trouble.
fn is_innocent(trouble: &BrokerTrouble) -> bool {
    trouble.origin == Origin::Bootstrap || trouble.cause == "no response yet"
}

/// A world in which broker 0 has moved while a Produce request is under way to where it was.
fn moved() -> (World, FutureRecordMetadata) {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.brokers[0].port += 1;
    world.mischief.passing = Some(0);
    world.time.advance(secs(1));
    want(&mut world);
    world.settle();
    let future = world.send(0, b"v");
    world.settle();
    world.mischief.passing = Some(1);
    world.settle();
    assert!(!future.is_done(), "only Metadata is answered");
    world.time.advance(millis(200));
    world.ask_for("new");
    world.settle();
    (world, future)
}

/// KIP-899: `bootstrap_servers` are gone through again, and brokers that have failed before do not stand in the way:
/// with some of them on the way at any time, there would never be a quiet moment for it.
#[test]
fn when_all_brokers_have_moved_the_configured_ones_are_tried_one_after_the_other() {
    let config = config().delivery_timeout(None).reconnect_backoff(millis(50)).reconnect_backoff_max(secs(1));
    let mut world = World::with_topic(8, 8, config);
    let move_all = |world: &mut World| {
        world.core.cluster.brokers.iter_mut().for_each(|broker| broker.port += 8);
    };
    move_all(&mut world);
    ask_again(&mut world);
    world.run_for(secs(1));
    move_all(&mut world);
    // Nothing is left where the brokers were, nor of the servers configured but the last.
    world.mischief.dead_ports = (FIRST_PORT..FIRST_PORT + 7).chain(FIRST_PORT + 8..FIRST_PORT + 16).collect();
    for broker in 0..8 {
        world.stop(broker);
        world.core.cluster.brokers[broker].running = true;
    }
    let mut futures = Vec::new();
    for partition in 0..8 {
        futures.push(world.send(partition, b"v"));
        world.run_for(millis(1300));
    }
    let took = world.run_until(secs(600), |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(took < secs(84), "a set-up timeout for where they were, and for each of seven: {took:?}");
}

#[test]
fn a_broker_that_moves_with_requests_under_way_makes_nobody_go_in_circles() {
    let (mut world, first) = moved();
    let before = world.steps;
    world.run_for(millis(100));
    assert!(world.steps - before < 20, "{} steps in 100 ms", world.steps - before);
    world.mischief.passing = None;
    let second = world.send(0, b"w");
    world.run_until(secs(1), |_| first.is_done() && second.is_done());
}

#[test]
fn a_broker_that_moved_is_used_where_it_is_when_the_old_connection_is_done() {
    let (mut world, first) = moved();
    world.mischief.passing = None;
    world.settle();
    assert!(first.succeeded());
    let second = world.send(0, b"w");
    assert_about(world.run_until(MINUTE, |_| second.is_done()), millis(0));
    assert_eq!(world.links.len(), 1, "the one to where it was is closed");
}

#[test]
fn a_broker_that_moves_while_its_name_is_looked_up_is_dialled_where_it_is() {
    let mut world = World::with_topic(2, 2, config());
    world.run_for(secs(1));
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    world.core.cluster.brokers[1].port += 2;
    want(&mut world);
    let future = world.send(1, b"v");
    world.mischief.slow_names = true;
    world.settle();
    let after = world.mischief.look_ups.split_off(1);
    let ports = [world.mischief.look_ups[0].1, after[0].1];
    assert_eq!(ports, [FIRST_PORT + 1, FIRST_PORT + 3], "metadata has told of the move meanwhile");
    let dials = world.dials.len();
    world.answer_look_ups();
    world.settle();
    assert_eq!(world.dials.len(), dials, "the address of old is not dialled");
    world.mischief.look_ups = after;
    world.answer_look_ups();
    world.run_until(secs(1), |_| future.is_done());
}

#[test]
fn the_end_of_a_connection_to_where_a_broker_was_is_not_held_against_it() {
    let (mut world, future) = moved();
    world.mischief = Mischief::default();
    world.stop(0);
    world.core.cluster.brokers[0].running = true;
    let troubles = world.troubles();
    assert!(troubles.iter().all(is_innocent), "{troubles:?}");
    let took = world.run_until(secs(1), |_| future.is_done());
    assert!(took < millis(125), "the back-off of the batch, not that of the broker: {took:?}");
}

#[test]
fn a_broker_that_moved_is_dialled_where_it_is_without_the_back_off_of_where_it_was() {
    let config = config()
        .delivery_timeout(None)
        .socket_connection_setup_timeout(secs(1))
        .socket_connection_setup_timeout_max(secs(1));
    let mut world = World::with_topic(2, 2, config);
    world.black_holes.push(1);
    world.stop(1);
    // The cluster lists it all the same.
    world.core.cluster.brokers[1].running = true;
    let future = world.send(1, b"v");
    // Seven failures, and most of the time is back-off.
    world.run_for(secs(12));
    world.black_holes.clear();
    world.core.cluster.brokers[1].port += 2;
    want(&mut world);
    assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(0));
    let troubles = world.troubles();
    assert!(troubles.iter().all(is_innocent), "{troubles:?}");
}

#[test]
fn a_handshake_with_where_a_broker_was_is_not_waited_for() {
    let mut world = World::with_topic(2, 2, config());
    world.run_for(secs(1));
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    world.mischief.stalled.push(1);
    let future = world.send(1, b"v");
    world.run_for(millis(300));
    assert!(world.links.values().any(|link| link.broker == 1), "connected, and never answered");
    world.mischief.stalled.clear();
    world.core.cluster.brokers[1].port += 2;
    want(&mut world);
    assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(0));
}

/// A broker that lags behind must not send us back to a leader of before; a topic made anew starts again, and brokers
/// that tell no ids can't say which of the two it is.
#[test]
fn an_older_leader_epoch_is_not_believed_within_one_topic() {
    for (is_same, versions, expected) in
        [(true, 0..=13, 1), (false, 0..=13, 0), (true, 0..=9, 0), (true, 0..=8, 0)]
    {
        let mut world = World::new(2, config());
        world.core.cluster.brokers.iter_mut().for_each(|broker| {
            broker.versions.insert(ApiKey::METADATA, versions.clone());
        });
        world.meet_topic(1);
        let lead = |world: &mut World, leader, leader_epoch| {
            let partition = &mut partitions_of(world)[0];
            (partition.leader, partition.leader_epoch) = (leader, leader_epoch);
            ask_again(world);
        };
        lead(&mut world, 1, 7);
        if !is_same {
            let topic = world.core.cluster.topics.get_mut("t").unwrap();
            topic.id = crate::protocol::Uuid([9; 16]);
        }
        lead(&mut world, 0, 6);
        let leader = world.metadata.snapshot().leader("t", 0);
        assert_eq!(leader, Some(crate::client::NodeId::Broker(expected)), "{is_same} {versions:?}");
    }
}

/// Its attempt at where it was is over, and nobody needs it where it is.
#[test]
fn a_broker_that_moved_while_it_was_dialled_is_not_waited_for_by_anybody() {
    let mut world = World::with_topic(2, 2, config());
    world.run_for(secs(1));
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    world.mischief.stalled.push(1);
    let future = world.send(1, b"v");
    world.run_for(millis(300));
    assert_eq!(world.troubles().len(), 1, "connected, and never answered");
    world.core.cluster.brokers[1].port += 2;
    let partition = world.core.cluster.partition_mut("t", 1).unwrap();
    (partition.leader, partition.leader_epoch) = (0, partition.leader_epoch + 1);
    want(&mut world);
    world.run_until(secs(1), |_| future.is_done());
    world.run_for(secs(1));
    assert!(future.succeeded());
    assert_eq!(world.troubles(), []);
}

/// Who led the topic of before, in whatever epoch, says nothing about the topic of that name now.
#[test]
fn a_late_word_of_the_leader_of_a_topic_that_is_gone_is_passed_over() {
    let mut world = World::with_topic(2, 2, config().delivery_timeout(Duration::from_secs(300)));
    let partition = world.core.cluster.partition_mut("t", 0).unwrap();
    (partition.leader, partition.leader_epoch) = (1, 50);
    world.core.faults.held[0] = true;
    let lost = world.send(0, b"v");
    world.run_for(millis(10));
    // The answer is on its way: not the leader, that is 1 in epoch 50.
    assert!(world.core.cluster.delete_topic("t"));
    assert!(world.core.cluster.create_topic("t", 2));
    let id = world.core.cluster.topics["t"].id;
    want(&mut world);
    world.run_until(MINUTE, |world| world.metadata.snapshot().topics["t"].id == id);
    assert!(!lost.is_done());
    world.core.faults.held[0] = false;
    let more = world.send(0, b"v");
    let took = world.run_until(MINUTE, |_| lost.is_done() && more.is_done());
    assert!(lost.succeeded() && more.succeeded() && took < Duration::from_secs(1), "{took:?}");
}
