//! One of three brokers refuses who we are (B53), and records wait for it.

use super::*;
use crate::config::SecurityProtocol;
use crate::error::Certainty;
use crate::mock::MockRule;

/// A world that knows topic `t`, whose partition 1 is led by the broker that refuses.
fn world() -> World {
    let mut site = Site::new(3, 1);
    site.core.cluster.settings.credentials.set_user("alice", "secret");
    let refusal = MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "not here");
    site.core.faults.add(refusal.on(ApiKey::SASL_AUTHENTICATE).broker(1).forever(), Default::default);
    assert!(site.core.cluster.create_topic("t", 3));
    let config = config()
        .bootstrap_servers([format!("127.0.0.1:{FIRST_PORT}")])
        .request_timeout(secs(5))
        .delivery_timeout(secs(30))
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl_mechanism("PLAIN")
        .sasl_plain_username("alice")
        .sasl_plain_password("secret");
    let mut world = World::within(Run::begin(1, STEADY), site, &config);
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    world
}

/// Sends a record each to the brokers that accept us, and has it delivered.
fn others_are_served(world: &mut World) {
    let futures = [world.send(0, b"v"), world.send(2, b"v")];
    let took = world.run_until(secs(1), |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(futures.iter().all(FutureRecordMetadata::succeeded) && took < millis(10), "{took:?}");
}

/// They wait as long as they may, as for any leader that can't be reached, and the error says why it could not.
#[test]
fn records_for_a_broker_that_refuses_us_expire_with_its_words_and_others_are_delivered() {
    let mut world = world();
    let waiting: Vec<_> = (0..3).map(|_| world.send(1, b"v")).collect();
    let start = world.clock.now();
    for _ in 0..20 {
        others_are_served(&mut world);
        world.run_for(secs(1));
    }
    assert!(waiting.iter().all(|future| !future.is_done()));
    let tried = world.requests(ApiKey::SASL_AUTHENTICATE);
    assert!(tried < 35, "{tried} times in 20 s, by three brokers");
    world.run_until(secs(11), |_| waiting.iter().all(FutureRecordMetadata::is_done));
    assert_about(world.clock.now().since(start), secs(30));
    for future in &waiting {
        let error = future.exception().unwrap();
        assert!(error.is_timeout() && error.certainty() == Certainty::NotWritten, "{error}");
        let text = error.to_string();
        assert!(text.contains("of broker 1) at SASL: ") && text.contains("not here"), "{text}");
    }
    assert_eq!(world.accumulator.pool().used(), 0);
    others_are_served(&mut world);
}

/// The password is set right at that broker, or another one leads: what has waited is delivered, once and in order.
#[test]
fn what_waits_for_a_broker_that_refuses_us_goes_when_it_does_not_or_another_leads() {
    for moves in [false, true] {
        let mut world = world();
        let waiting: Vec<_> = (0..3).map(|_| world.send(1, b"v")).collect();
        world.run_for(secs(8));
        assert!(waiting.iter().all(|future| !future.is_done()));
        if moves {
            let partition = world.core.cluster.partition_mut("t", 1).unwrap();
            (partition.leader, partition.leader_epoch) = (0, partition.leader_epoch + 1);
        } else {
            world.core.faults.clear();
        }
        world.run_until(secs(15), |_| waiting.iter().all(FutureRecordMetadata::is_done));
        for (future, offset) in waiting.iter().zip(0..) {
            assert_eq!(future.value().map(|metadata| metadata.offset()), Some(Some(offset)), "{moves}");
        }
        others_are_served(&mut world);
        assert_eq!(world.accumulator.pool().used(), 0);
    }
}
