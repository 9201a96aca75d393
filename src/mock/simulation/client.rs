//! The client's room: time-outs, brokers that move, answers that can't be read, metadata that is asked for in time and
//! no more than that.

use super::mischief::Mischief;
use super::*;
use crate::config::Acks;
use crate::error::{Origin, Stage};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn knows(world: &World, topic: &str) -> bool {
    world.metadata.snapshot().topic(topic).is_some()
}

fn want(world: &mut World) {
    world.sender.client_mut().metadata_mut().want();
}

#[test]
fn answers_behind_one_that_can_not_be_read_are_lost_and_not_forgotten() {
    let mut world = World::with_topic(1, 2, config());
    world.core.faults.held[0] = true;
    let first = world.send(0, b"v");
    world.run_for(millis(1));
    let second = world.send(1, b"v");
    world.run_for(millis(1));
    world.core.faults.held[0] = false;
    world.mischief.garbled = true;
    world.settle();
    world.mischief.garbled = false;
    world.run_until(secs(2), |_| first.is_done() && second.is_done());
    assert!(first.succeeded() && second.succeeded());
}

#[test]
fn metadata_behind_an_answer_that_can_not_be_read_is_asked_for_again() {
    let mut world = World::with_topic(1, 1, config());
    world.run_for(secs(1));
    world.core.faults.held[0] = true;
    let future = world.send(0, b"v");
    world.settle();
    want(&mut world);
    world.settle();
    assert_eq!(world.requests(ApiKey::METADATA), 1);
    world.core.faults.held[0] = false;
    world.mischief.garbled = true;
    world.settle();
    world.mischief.garbled = false;
    world.run_until(secs(2), |world| future.is_done() && world.requests(ApiKey::METADATA) > 1);
}

#[test]
fn a_produce_answer_that_can_not_be_read_is_told_as_such() {
    let mut world = World::with_topic(1, 1, config());
    world.mischief.garbled = true;
    let _future = world.send(0, b"v");
    world.settle();
    let troubles = world.sender.client_mut().troubles();
    assert_eq!(troubles.iter().map(|trouble| trouble.stage).collect::<Vec<_>>(), [Stage::Produce]);
    assert!(troubles[0].cause.starts_with("its Produce answer can't be read"), "{troubles:?}");
}

#[test]
fn a_topic_with_records_in_wait_is_not_forgotten() {
    let mut world = World::with_topic(2, 2, config().delivery_timeout(None));
    world.stop(1);
    let future = world.send(1, b"v");
    world.run_for(secs(3600));
    world.core.cluster.brokers[1].running = true;
    world.run_until(secs(3), |_| future.is_done());
    world.run_for(secs(3600));
    assert!(!knows(&world, "t"), "and when they are gone, it is");
}

#[test]
fn a_topic_is_asked_about_at_least_once() {
    let mut world = World::new(1, config().metadata_max_idle(millis(10)));
    world.core.cluster.create_topic("t", 1);
    world.stop(0);
    world.ask_for("t");
    world.run_for(secs(1));
    world.core.cluster.brokers[0].running = true;
    world.run_until(MINUTE, |world| knows(world, "t"));
}

/// `send` says once that it waits, and then waits for as long as `max_block`.
#[test]
fn a_topic_that_somebody_waits_for_is_asked_about_until_the_wait_is_over() {
    for (comes_after, is_found) in [(secs(30), true), (secs(70), false)] {
        let mut world = World::with_topic(1, 1, config().metadata_max_idle(secs(5)));
        let now = world.clock.now();
        let until = Deadline::after(now, secs(60));
        world.sender.client_mut().metadata_mut().await_topic(&Arc::from("late"), until, now);
        world.run_for(comes_after);
        world.core.cluster.create_topic("late", 1);
        want(&mut world);
        world.run_for(secs(2));
        assert_eq!(knows(&world, "late"), is_found);
        world.run_for(secs(3600));
        assert!(!knows(&world, "late"), "nobody sends to it, and so it goes");
    }
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

/// A world in which broker 0 has moved while a Produce request is under way to where it was.
fn moved() -> (World, FutureRecordMetadata) {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.brokers[0].port += 1;
    world.mischief.passing = Some(1);
    world.time.advance(secs(1));
    want(&mut world);
    let future = world.send(0, b"v");
    world.settle();
    assert!(!future.is_done(), "only Metadata is answered");
    world.time.advance(millis(200));
    world.ask_for("new");
    world.settle();
    (world, future)
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
    let now = world.clock.now();
    let look_up = |world: &mut World| loop {
        match world.sender.client_mut().next_command() {
            Some(Command::Resolve { ticket, port, .. }) => return (ticket, port),
            Some(Command::Close { .. }) => {}
            command => panic!("{command:?}"),
        }
    };
    world.sender.hear(now);
    world.sender.act(now);
    let (before, port) = look_up(&mut world);
    assert_eq!(port, FIRST_PORT + 1);
    world.exchange(); // Metadata, which tells of the move.
    world.sender.hear(now);
    world.sender.act(now);
    let (after, port) = look_up(&mut world);
    assert_eq!(port, FIRST_PORT + 3);
    let address = |port| Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]);
    world.sender.client_mut().resolved(before, address(FIRST_PORT + 1), now);
    assert_eq!(world.sender.client_mut().next_command(), None, "the address of old is not dialled");
    world.sender.client_mut().resolved(after, address(FIRST_PORT + 3), now);
    world.run_until(secs(1), |_| future.is_done());
}

#[test]
fn the_end_of_a_connection_to_where_a_broker_was_is_not_held_against_it() {
    let (mut world, future) = moved();
    world.mischief = Mischief::default();
    world.stop(0);
    world.core.cluster.brokers[0].running = true;
    let troubles = world.sender.client_mut().troubles();
    assert!(troubles.iter().all(|trouble| trouble.origin == Origin::Bootstrap), "{troubles:?}");
    let took = world.run_until(secs(1), |_| future.is_done());
    assert!(took < millis(125), "the back-off of the batch, not that of the broker: {took:?}");
}

#[test]
fn a_broker_that_moved_is_dialled_where_it_is_without_the_back_off_of_where_it_was() {
    let config = config().delivery_timeout(None).socket_connection_setup_timeout(secs(1));
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
    let troubles = world.sender.client_mut().troubles();
    assert!(troubles.iter().all(|trouble| trouble.origin == Origin::Bootstrap), "{troubles:?}");
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

#[test]
fn metadata_that_is_wanted_late_is_asked_for() {
    let mut world = World::with_topic(2, 2, config().linger(millis(5)));
    world.stop(1);
    want(&mut world);
    world.run_for(secs(5));
    assert!(world.metadata.snapshot().leader("t", 1).is_none());
    world.core.cluster.brokers[1].running = true;
    let future = world.send(1, b"v");
    let took = world.run_until(secs(110), |_| future.is_done());
    assert!(took < secs(1), "{took:?}");
    // Wanted when everything else is done: the sender does not sleep over it.
    world.run_for(secs(1));
    want(&mut world);
    let now = world.clock.now();
    assert_eq!(world.sender.sleep_until(now), Deadline::at(now));
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
fn a_topic_that_comes_while_metadata_is_under_way_is_asked_about_right_after() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.create_topic("new", 1);
    world.run_for(secs(1));
    world.mischief.passing = Some(0);
    want(&mut world);
    world.settle();
    world.ask_for("new");
    world.settle();
    world.mischief.passing = None;
    assert_about(world.run_until(MINUTE, |world| knows(world, "new")), millis(0));
}

#[test]
fn a_topic_that_is_missing_does_not_delay_the_news_of_others() {
    let mut world = World::with_topic(2, 2, config());
    world.ask_for("missing");
    world.run_for(secs(20));
    let asked = world.requests(ApiKey::METADATA);
    world.run_for(secs(10));
    assert!((8..=14).contains(&(world.requests(ApiKey::METADATA) - asked)), "once a second");
    for _ in 0..10 {
        let partition = world.core.cluster.partition_mut("t", 1).unwrap();
        partition.leader = 1 - partition.leader;
        partition.leader_epoch += 1;
        let future = world.send(1, b"v");
        // The back-off of the batch itself is 80 to 120 ms.
        let took = world.run_until(MINUTE, |_| future.is_done());
        assert!(took < millis(125), "{took:?}");
        world.run_for(millis(730));
    }
}

/// A leader that is missing for long is asked after once a second, not ten times.
#[test]
fn a_leader_that_is_missing_is_asked_after_less_and_less() {
    let mut world = World::with_topic(2, 2, config().delivery_timeout(None));
    world.stop(1);
    let future = world.send(1, b"v");
    world.run_for(secs(10));
    let asked = world.requests(ApiKey::METADATA);
    world.run_for(secs(20));
    let asked = world.requests(ApiKey::METADATA) - asked;
    assert!((16..=28).contains(&asked), "{asked} questions in 20 s");
    world.core.cluster.brokers[1].running = true;
    assert!(world.run_until(MINUTE, |_| future.is_done()) < millis(1250));
}

#[test]
fn a_broker_that_nobody_needs_any_more_is_not_dialled() {
    let mut world = World::with_topic(2, 2, config());
    world.black_holes.push(1);
    world.stop(1);
    // The cluster lists it all the same.
    world.core.cluster.brokers[1].running = true;
    let future = world.send(1, b"v");
    world.run_until(secs(200), |_| future.is_done());
    world.run_for(MINUTE);
    let dials = world.dials.len();
    world.run_for(secs(3600));
    // One for each time that metadata is asked on a connection that was closed meanwhile.
    assert!(world.dials.len() - dials < 5, "{} dials in an idle hour", world.dials.len() - dials);
}

#[test]
fn an_answer_that_changes_nothing_for_a_topic_leaves_its_version() {
    let mut world = World::with_topic(2, 2, config());
    let version = |world: &World| world.metadata.snapshot().topics["t"].version;
    let (before, all) = (version(&world), world.metadata.version());
    let handle = world.topics.handle("t", &world.metadata.snapshot()).unwrap();
    world.core.cluster.create_topic("other", 1);
    world.ask_for("other");
    world.run_until(secs(1), |world| knows(world, "other"));
    assert!(world.metadata.version() > all && version(&world) == before);
    let again = world.topics.handle("t", &world.metadata.snapshot()).unwrap();
    assert!(Arc::ptr_eq(&handle, &again));
    world.core.cluster.partition_mut("t", 1).unwrap().leader_epoch += 1;
    want(&mut world);
    world.run_for(secs(1));
    assert_eq!(version(&world), world.metadata.version());
}

#[test]
fn who_waits_for_metadata_may_ask_for_more_of_it() {
    let world = World::with_topic(1, 1, config());
    let (metadata, deadline) = (&world.metadata, Deadline::at(world.clock.now()));
    let awaited = metadata.wait(&world.clock, deadline, |_| Some(metadata.snapshot().version()));
    assert!(matches!(awaited, crate::client::Awaited::Found(version) if version == metadata.version()));
}
