//! Who wants something of the cluster: whom a question serves, how long it is asked for, and who is dialled for it.

use super::*;
use crate::error::ErrorKind;

fn questions(world: &World) -> usize {
    world.requests(ApiKey::METADATA)
}

/// `try_send`, a `send` in a callback, and `max_block_ms` of zero: who may not wait comes again, and finds the topic.
#[test]
fn a_topic_is_created_for_who_comes_again_instead_of_waiting() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.settings.auto_create_topics = true;
    let producer = Arc::clone(world.producer());
    let try_again = move || producer.try_send(ProducerRecord::to("new").value("v"));
    assert!(matches!(try_again().unwrap_err().kind(), ErrorKind::WouldBlock { .. }));
    world.run_for(secs(1));
    let future = try_again().expect("the topic is there by now");
    world.run_until(MINUTE, |_| future.is_done());
}

/// A program that has given up on a topic must not keep the cluster busy.
#[test]
fn what_nobody_waits_for_any_more_is_not_asked_about() {
    let mut world = World::with_topic(1, 1, config());
    world.wait_for_topic("missing", secs(5));
    world.run_for(secs(6));
    let before = (questions(&world), world.steps);
    world.run_for(MINUTE);
    assert!(questions(&world) - before.0 <= 1, "{} questions", questions(&world) - before.0);
    assert!(world.steps - before.1 < 10, "{} steps", world.steps - before.1);
}

/// An answer about another topic says nothing of this one.
#[test]
fn only_an_answer_about_its_topic_decides_that_a_partition_is_unknown() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.create_topic("u", 1);
    world.core.faults.held[0] = true;
    let other = world.spawn("other", |producer| {
        producer.send(ProducerRecord::to("u").value("v")).unwrap();
    });
    world.settle();
    let id = world.core.cluster.topics["t"].id;
    world.core.cluster.insert_topic("t", id, 2);
    let mine = world.spawn("mine", |producer| {
        producer.send(ProducerRecord::to("t").partition(1).value("v")).unwrap();
    });
    world.settle();
    world.core.faults.held[0] = false;
    world.run_for(secs(1));
    other(&mut world);
    mine(&mut world);
}

/// What lies in a socket when the time of `close` is over has come in time: a callback may have kept the thread.
#[test]
fn what_is_answered_during_a_long_callback_counts_although_the_time_of_close_is_over() {
    let mut world = World::with_topic(2, 2, config());
    world.core.faults.held = vec![true, true];
    let (first, second) = (world.send(0, b"v"), world.send(1, b"v"));
    let shared = Arc::clone(&world.shared);
    first.add_callback(move |_| {
        shared.with(|site| site.core.faults.held[1] = false);
        schedule::me().unwrap().advance(secs(3).as_nanos() as u64);
    });
    world.run_for(millis(10));
    let close = world.spawn("close", |producer| drop(producer.close(secs(1))));
    world.settle();
    world.core.faults.held[0] = false;
    world.run_until(MINUTE, |_| first.is_done() && second.is_done());
    close(&mut world);
    assert!(second.succeeded(), "{:?}", second.exception());
}

/// Dialling may fail at once, while the question that it led to is not answered yet.
#[test]
fn a_leader_that_can_not_be_dialled_is_dialled_again_whoever_is_slow_to_answer() {
    let mut world = World::with_topic(2, 2, config().delivery_timeout(None));
    world.run_for(secs(1));
    world.mischief.unreachable_ports.push(FIRST_PORT + 1);
    world.stop(1);
    world.core.cluster.brokers[1].running = true;
    world.settle();
    world.core.faults.held[0] = true;
    let future = world.send(1, b"v");
    world.run_for(secs(5));
    world.mischief.unreachable_ports.clear();
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(took < millis(1201), "{took:?}");
    world.core.faults.held[0] = false;
}
