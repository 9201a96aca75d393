//! What is asked before anything is sent with idempotence: a producer id.

use super::idempotence::single;
use super::*;
use crate::error::{Certainty, ErrorKind};
use crate::mock::MockRule;

/// What is sent fails at once, and says which right is missing; once it is granted records get through.
#[test]
fn a_producer_that_gets_no_id_says_why_and_heals() {
    let mut world = World::new(1, single());
    assert!(world.core.cluster.create_topic("t", 1));
    world.core.faults.fail_init_producer_id(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, 3);
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    for _ in 0..2 {
        let denied = world.send(0, b"v");
        let took = world.run_until(secs(1), |_| denied.is_done());
        let error = denied.exception().unwrap();
        assert!(took < millis(200), "{took:?}");
        assert!(matches!(error.kind(), ErrorKind::NoProducerId { .. }), "{error}");
        assert_eq!(error.certainty(), Certainty::NotWritten);
        for word in ["IdempotentWrite", "enable_idempotence to false"] {
            assert!(error.to_string().contains(word), "{error}");
        }
        let again = world.send(0, b"v");
        world.settle();
        assert!(again.failed(), "nobody waits for what was denied a moment ago");
        // It is asked once more meanwhile, in case that the right was granted.
        world.run_for(secs(2));
    }
    let future = world.send(0, b"v");
    world.run_until(secs(1), |_| future.is_done());
    assert!(future.succeeded());
}

/// It waits for the answer that is to come, and the failure says what was waited for.
#[test]
fn without_a_producer_id_records_wait_as_long_as_they_may() {
    let mut world = World::new(1, single().request_timeout(secs(3)).delivery_timeout(secs(5)));
    assert!(world.core.cluster.create_topic("t", 1));
    world.core.faults.fail_init_producer_id(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, usize::MAX);
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    let future = world.send(0, b"v");
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert_about(took, secs(5));
    let text = future.exception().unwrap().to_string();
    assert!(text.contains("no broker has assigned a producer id; the last error: "), "{text}");
}

/// The only broker rests, so a bootstrap server is dialled for the question. It was left again, as the brokers are known,
/// and dialled again, without end.
#[test]
fn who_is_dialled_for_a_producer_id_is_kept_until_it_was_asked() {
    let mut world = World::new(1, single());
    assert!(world.core.cluster.create_topic("t", 1));
    world
        .core
        .faults
        .add(MockRule::wrong_correlation_id().on(ApiKey::INIT_PRODUCER_ID).times(3), Default::default);
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    let future = world.send(0, b"v");
    world.run_until(secs(5), |_| future.is_done());
    assert!(future.succeeded(), "{}", future.exception().unwrap());
    assert!(
        world.dials.len() < 10 && world.steps < 100,
        "{} dials in {} steps",
        world.dials.len(),
        world.steps
    );
}

#[test]
fn a_broker_without_producer_ids_is_told_of() {
    let mut world = World::new(1, single());
    world.core.cluster.brokers[0].versions.remove(&ApiKey::INIT_PRODUCER_ID);
    assert!(world.core.cluster.create_topic("t", 1));
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    let future = world.send(0, b"v");
    world.run_until(secs(1), |_| future.is_done());
    let text = future.exception().unwrap().to_string();
    for word in ["older than 0.11", "the port of a controller", "enable_idempotence to false"] {
        assert!(text.contains(word), "{text}");
    }
}

/// It stands in `bootstrap_servers`, is asked first, and knows no request but ApiVersions: that says nothing about the
/// brokers, which nobody has met yet.
#[test]
fn a_controller_among_the_bootstrap_servers_denies_no_producer_id() {
    let mut asked_first = 0;
    for seed in 0..8 {
        for controller in 0..2 {
            let config = single().bootstrap_servers(addresses(0..2));
            let mut world = World::within(Run::begin(seed, STEADY), Site::new(2, seed), &config);
            world.core.cluster.make_controller(controller);
            assert!(world.core.cluster.create_topic("t", 1));
            world.core.cluster.partition_mut("t", 0).unwrap().leader = 1 - controller;
            world.wait_for_topic("t", secs(5));
            world.run_until(secs(30), |world| knows(world, "t"));
            asked_first += usize::from(world.core.requests[0].broker == controller);
            let future = world.send(0, b"v");
            world.run_until(MINUTE, |_| future.is_done());
            assert!(future.succeeded(), "seed {seed}: {}", future.exception().unwrap());
        }
    }
    assert!(asked_first > 2, "{asked_first} of 16");
}
