//! Brokers that come back, and topics that come: how soon that is found out, and at what price.

use super::*;
use crate::error::Stage;
use crate::mock::MockRequest;

/// A look-up was under way when its broker left the cluster, and is answered when the broker is back somewhere else.
#[test]
fn a_late_look_up_does_not_touch_the_connection_of_now() {
    let mut world = World::with_topic(2, 2, config().delivery_timeout(None));
    world.run_for(secs(1));
    world.stop(1);
    world.mischief.slow_names = true;
    let first = world.send(1, b"v");
    world.settle();
    assert_eq!(world.mischief.look_ups.len(), 1);
    world.run_for(millis(200));
    want(&mut world);
    world.run_for(millis(200));
    assert_eq!(world.metadata.snapshot().brokers.len(), 1, "it has left");
    let late = std::mem::take(&mut world.mischief.look_ups);
    world.mischief.slow_names = false;
    world.core.cluster.brokers[1].running = true;
    world.core.cluster.brokers[1].port += 2;
    want(&mut world);
    world.run_until(secs(2), |_| first.is_done());
    world.run_for(secs(1));
    world.core.faults.held[1] = true;
    let second = world.send(1, b"w");
    world.run_for(millis(10));
    let dials = world.dials.len();
    world.mischief.look_ups = late;
    world.answer_look_ups();
    world.settle();
    world.core.faults.held[1] = false;
    world.run_until(secs(1), |_| second.is_done());
    assert_eq!(second.value().unwrap().offset(), Some(2), "once, behind the first of `with_topic`");
    assert_eq!(world.dials.len(), dials);
}

#[test]
fn a_name_that_is_looked_up_is_what_is_waited_for() {
    let mut world = World::new(1, config());
    world.mischief.slow_names = true;
    world.ask_for("t");
    world.run_for(millis(100));
    let troubles = world.troubles();
    let told: Vec<_> = troubles.iter().map(|trouble| (trouble.stage, trouble.cause.as_str())).collect();
    assert_eq!(told, [(Stage::Dns, "no response yet")]);
}

#[test]
fn a_broker_that_is_needed_is_found_soon_after_it_is_back() {
    for down in [5, 22, 35, 300] {
        let mut world = World::with_topic(1, 1, config().delivery_timeout(None));
        world.stop(0);
        let future = world.send(0, b"v");
        world.run_for(secs(down));
        world.core.cluster.brokers[0].running = true;
        let took = world.run_until(MINUTE, |_| future.is_done());
        assert!(took < millis(1201), "after {down} s: {took:?}");
    }
}

/// What a topic that does not come has waited for is nothing to the next one.
#[test]
fn new_topics_do_not_wait_for_each_other() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.settings.auto_create_topics = true;
    world.core.cluster.settings.leader_not_available_once = true;
    for number in 0..20 {
        let topic = format!("new-{number}");
        world.wait_for_topic(&topic, MINUTE);
        let took = world.run_until(MINUTE, |world| knows(world, &topic));
        assert!(took < millis(35), "{topic}: {took:?}");
        world.run_for(millis(3));
    }
    let asked = world.core.requests.iter().filter(|request| request.api == ApiKey::METADATA).count();
    assert!(asked <= 2 * 20 + 2, "{asked} questions");
}

#[test]
fn a_topic_that_does_not_come_is_asked_about_less_and_less() {
    let mut world = World::with_topic(1, 1, config());
    world.wait_for_topic("missing", MINUTE);
    world.run_for(MINUTE);
    let is_question = |request: &&MockRequest| request.api == ApiKey::METADATA;
    let asked = world.core.requests.iter().filter(is_question).count();
    assert!((55..90).contains(&asked), "{asked} questions");
}

/// It was deleted, and is not to come back because somebody once sent to it.
#[test]
fn an_idle_producer_creates_no_topics() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.settings.auto_create_topics = true;
    world.wait_for_topic("t2", secs(600));
    world.run_until(secs(1), |world| knows(world, "t2"));
    world.core.cluster.topics.clear();
    want(&mut world);
    world.run_for(secs(360));
    assert_eq!(world.core.cluster.topics.len(), 0);
}
