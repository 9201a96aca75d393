//! The client's room: answers that can't be read, metadata that is asked for in time and no more than that.

use super::*;
use crate::config::Acks;
use crate::error::Stage;
use crate::mock::MockRequest;

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
    let troubles = world.troubles();
    assert_eq!(troubles.iter().map(|trouble| trouble.stage).collect::<Vec<_>>(), [Stage::Produce]);
    assert!(troubles[0].cause.starts_with("its Produce response can't be read"), "{troubles:?}");
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
        world.wait_for_topic("late", secs(60));
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
    let sleeps_over_it = world.with_sender(|sender, now| {
        sender.client_mut().metadata_mut().want();
        sender.sleep_until(now) != Deadline::at(now)
    });
    assert!(!sleeps_over_it);
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
    world.wait_for_topic("missing", MINUTE);
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
    let awaited = metadata.wait(&crate::lifecycle::Lifecycle::default(), &world.clock, deadline, |_| {
        Some(metadata.snapshot().version())
    });
    assert!(matches!(awaited, crate::client::Awaited::Found(version) if version == metadata.version()));
}

/// One of them may be behind, or cut off from the others, without anybody's knowledge.
#[test]
fn brokers_share_the_questions_for_metadata() {
    let mut world = World::with_topic(3, 3, config());
    let asked = |world: &World, broker| {
        let is_question =
            |request: &&MockRequest| request.api == ApiKey::METADATA && request.broker == broker;
        world.core.requests.iter().filter(is_question).count()
    };
    let ask_often = |world: &mut World| {
        world.core.requests.clear();
        for _ in 0..60 {
            world.run_for(secs(1));
            want(world);
        }
    };
    ask_often(&mut world);
    assert!((0..3).all(|broker| asked(&world, broker) > 5), "{:?}", world.core.requests);
    // Not a broker that the others do not count among them, though it still answers.
    world.core.cluster.brokers[0].running = false;
    ask_often(&mut world);
    assert!(asked(&world, 0) <= 1, "{}", asked(&world, 0));
}

#[test]
fn an_answer_beyond_the_limit_ends_the_connection_and_not_the_memory() {
    let mut world = World::new(1, config().receive_message_max_bytes(5000));
    world.core.cluster.create_topic("large", 1000);
    world.ask_for("large");
    world.run_for(MINUTE);
    let troubles = world.troubles();
    assert!(troubles.iter().any(|trouble| trouble.cause.contains("5000")), "{troubles:?}");
    assert!(world.dials.len() < 80, "{} dials in a minute", world.dials.len());
}

/// By name, in 12 at most: a broker that does not know an id closes the connection, and with it goes what is unanswered.
#[test]
fn without_acks_topics_are_named() {
    for (acks, version) in [(Acks::None, 12), (Acks::All, 13)] {
        let mut world = World::with_topic(1, 1, config().acks(acks));
        let future = world.send(0, b"v");
        world.run_until(secs(1), |_| future.is_done());
        let produce = world.core.requests.iter().find(|request| request.api == ApiKey::PRODUCE);
        assert_eq!(produce.map(|request| request.version), Some(version));
    }
}
