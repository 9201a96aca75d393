//! What is not done: wake-ups, dials and notes that nobody needs.

use super::*;
use crate::mock::MockRule;

#[test]
fn an_idle_producer_wakes_only_for_metadata_and_to_close_what_it_does_not_use() {
    let mut world = World::with_topic(3, 6, config());
    let futures: Vec<_> = (0..6).map(|partition| world.send(partition, b"v")).collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    let before = world.steps;
    world.run_for(Duration::from_secs(120 - 1));
    // One timer was left by the delivery timeout of the first records; nothing else.
    assert!(world.steps - before <= 2, "{} steps", world.steps - before);
    world.run_for(Duration::from_secs(3600));
    assert!(world.steps - before <= 100, "{} steps in an hour", world.steps - before);
    assert!((10..=13).contains(&world.requests(ApiKey::METADATA)), "{:?}", world.core.requests);
    assert!(world.links.len() <= 1, "only the connection that metadata is asked on is kept");
}

/// It is idle from its last answer on, not from its last request.
#[test]
fn a_connection_is_in_use_until_its_last_answer() {
    let mut world = World::with_topic(1, 1, config().connections_max_idle(secs(10)));
    world.core.faults.add(MockRule::delay(secs(8)).on(ApiKey::PRODUCE).times(1), Default::default);
    let future = world.send(0, b"v");
    world.run_until(MINUTE, |_| future.is_done());
    world.run_for(secs(9));
    assert!(!world.links.is_empty(), "it was closed 9 s after its last answer");
    world.run_for(secs(2));
    assert!(world.links.is_empty(), "it is kept for more than 10 s");
}

/// One timer a partition: neither many batches nor `linger` leave any behind.
#[test]
fn what_has_been_sent_leaves_no_timers_behind() {
    for linger in [0, 5] {
        let mut world = World::with_topic(1, 3, config().linger(millis(linger)));
        for number in 0..2000 {
            world.send(number % 3, b"v");
            world.run_for(millis(7));
        }
        world.run_for(millis(100));
        let before = world.steps;
        world.run_for(Duration::from_secs(240));
        assert!(world.steps - before <= 4, "{} steps of an idle producer", world.steps - before);
    }
}

#[test]
fn dead_brokers_that_are_needed_are_dialled_every_second_and_no_more() {
    let mut world = World::with_topic(1, 1, config().delivery_timeout(None));
    world.stop(0);
    let _waiting = world.send(0, b"v");
    let (steps, dials) = (world.steps, world.dials.len());
    world.run_for(MINUTE);
    let dials = &world.dials[dials..];
    // Two nodes for one broker: the one of bootstrap_servers and the one that the cluster has told.
    assert!((100..=170).contains(&dials.len()), "{} dials in a minute", dials.len());
    assert!(world.steps - steps < 1000, "{} steps in a minute", world.steps - steps);
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

/// `max_block=0` and a topic that is unknown, again and again, while the sender is kept: notes do not pile up.
#[test]
fn what_is_said_a_thousand_times_is_noted_once() {
    let inbox: Inbox<u32> = Inbox::new(Box::new(Nobody));
    let topic = Arc::from("t");
    for _ in 0..1000 {
        inbox.topic(&topic, Deadline::NEVER);
        inbox.hurry();
        inbox.close();
    }
    let notices = inbox.take();
    assert_eq!((notices.topics.len(), notices.hurry, notices.close), (1, true, true));
    assert!(inbox.fall_asleep());
}

/// A failure that nobody has looked at may be told of, but not while `close` waits, which tells of it itself.
#[test]
fn what_may_not_be_told_yet_keeps_nobody_awake_during_close() {
    let limits = config().request_timeout(secs(3)).delivery_timeout(secs(20));
    let mut world = World::with_topic(1, 1, limits);
    world.stop(0);
    // Told of after 20 s; the next one not before 80 s.
    drop(world.send(0, b"a"));
    world.run_for(secs(75));
    drop(world.send(0, b"b"));
    world.run_for(secs(15));
    drop(world.send(0, b"c"));
    world.run_for(secs(3));
    let join = world.spawn("closes", |producer| drop(producer.close(None)));
    world.run_for(secs(3));
    let before = world.steps;
    world.run_for(secs(1));
    assert!(world.steps - before < 100, "{} steps in a second", world.steps - before);
    join(&mut world);
}
