//! Brokers that get as far as the handshake and are of no use after it.

use super::*;
use crate::config::Acks;

/// A world whose topic `t` is known and at whose brokers nothing happens any more.
fn at_rest(brokers: u16, config: ProducerConfig) -> World {
    let mut world = World::with_topic(brokers, usize::from(brokers), config);
    world.run_for(secs(1));
    world
}

/// Dials while something waits to be sent for a minute, to one broker, in two guises: as configured and as advertised.
fn dials_in_a_minute(rudeness: Rudeness, acks: Acks) -> usize {
    let mut world = at_rest(1, config().delivery_timeout(None).retries(u32::MAX).acks(acks));
    world.mischief.rudeness = Some(rudeness);
    world.stop(0);
    world.core.cluster.brokers[0].running = true;
    let before = world.dials.len();
    let mut futures = vec![world.send(0, b"v")];
    for _ in 0..600 {
        world.run_for(millis(100));
        if futures.iter().all(FutureRecordMetadata::is_done) {
            futures.push(world.send(0, b"w"));
        }
    }
    let dials = world.dials.len() - before;
    world.mischief.rudeness = None;
    // The longest back-off of one that is needed, its jitter, and that of the batch.
    world.run_until(millis(2500), |_| futures.iter().all(FutureRecordMetadata::is_done));
    dials
}

#[test]
fn a_broker_that_is_of_no_use_is_dialled_every_second_and_no_more() {
    for rudeness in [Rudeness::Leaves, Rudeness::HangsUp, Rudeness::Babbles, Rudeness::Mistakes] {
        for acks in [Acks::All, Acks::None] {
            let dials = dials_in_a_minute(rudeness, acks);
            assert!((100..=170).contains(&dials), "{rudeness:?}, {acks:?}: {dials} dials");
        }
    }
}

/// What it answers beside the records is no sign that it will take them.
#[test]
fn a_broker_that_hangs_up_on_records_only_is_dialled_every_second_and_no_more() {
    let mut world = World::with_topic(1, 50, config().delivery_timeout(None).retries(u32::MAX));
    world.mischief.rudeness = Some(Rudeness::TakesNoRecords);
    let before = world.dials.len();
    let futures: Vec<_> = (0..50).map(|partition| world.send(partition, b"v")).collect();
    world.run_for(MINUTE);
    let dials = world.dials.len() - before;
    assert!((100..=170).contains(&dials), "{dials} dials");
    world.mischief.rudeness = None;
    world.run_until(millis(2500), |_| futures.iter().all(FutureRecordMetadata::is_done));
}

/// Requests that are refused now and then, behind answers, cost the first back-off each time.
#[test]
fn a_broker_that_has_answered_is_dialled_again_soon() {
    let mut world = at_rest(1, config());
    for round in 0..20 {
        world.core.faults.cut_produce_responses(None, 1);
        let future = world.send(0, b"v");
        let took = world.run_until(MINUTE, |_| future.is_done());
        assert!(took < millis(250), "round {round}: {took:?}");
    }
}

/// A broker closes what it finds idle (its connections.max.idle.ms), and so do we: neither is a failure.
#[test]
fn the_end_of_a_connection_at_rest_is_not_held_against_a_broker() {
    for acks in [Acks::All, Acks::None] {
        let long = secs(36_000);
        let config = config().acks(acks).metadata_max_age(long).metadata_max_idle(long);
        let mut world = at_rest(1, config);
        for _ in 0..20 {
            let future = world.send(0, b"v");
            let took = world.run_until(MINUTE, |_| future.is_done());
            assert_about(took, millis(0));
            world.run_for(MINUTE);
            world.stop(0);
            world.core.cluster.brokers[0].running = true;
        }
        world.run_for(secs(3600));
        assert!(world.links.is_empty(), "closed by us");
        let future = world.send(0, b"v");
        assert_about(world.run_until(MINUTE, |_| future.is_done()), millis(0));
        assert!(world.troubles().is_empty());
    }
}

/// The first of its addresses takes connections and is of no use, as a proxy does whose broker is gone.
#[test]
fn every_address_of_a_name_is_tried_if_those_before_it_are_of_no_use() {
    for rudeness in [Rudeness::Leaves, Rudeness::HangsUp, Rudeness::Babbles, Rudeness::Mistakes] {
        let mut world = at_rest(2, config());
        world.mischief.rudeness = Some(rudeness);
        world.mischief.polite = vec![0];
        world.mischief.detours = vec![FIRST_PORT + 1, FIRST_PORT + 3];
        world.stop(0);
        world.core.cluster.brokers[0].running = true;
        let future = world.send(0, b"v");
        let took = world.run_until(MINUTE, |_| future.is_done());
        // The batch's own back-off after each of two attempts: 100 and 200 ms, 20 % more or less.
        assert!(took < millis(365), "{rudeness:?}: {took:?}");
    }
}
