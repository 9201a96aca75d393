//! Sessions that end (KIP-368), on a connection in use: what is sent meanwhile is stored once and in order.

use super::*;
use crate::config::SecurityProtocol;
use crate::mock::MockRule;

const LIFETIME: Duration = Duration::from_secs(3);

/// A world with a topic, whose broker asks again each three seconds who its client is.
fn world() -> World {
    let mut site = Site::new(1, 1);
    let credentials = &mut site.core.cluster.settings.credentials;
    credentials.set_user("alice", "secret");
    credentials.lifetime = Some(LIFETIME);
    let config = config()
        .bootstrap_servers([format!("127.0.0.1:{FIRST_PORT}")])
        .delivery_timeout(None)
        .request_timeout(secs(2))
        .socket_connection_setup_timeout(secs(1))
        .socket_connection_setup_timeout_max(secs(2))
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl_mechanism("PLAIN")
        .sasl_plain_username("alice")
        .sasl_plain_password("secret");
    let mut world = World::within(Run::begin(1, STEADY), site, &config);
    world.meet_topic(1);
    world
}

/// Sends ten records a second for so many seconds.
fn send_for(world: &mut World, seconds: usize) -> Vec<FutureRecordMetadata> {
    let mut futures = Vec::new();
    for _ in 0..10 * seconds {
        futures.push(world.send(0, b"v"));
        world.run_for(millis(100));
    }
    futures
}

/// All of them, once and in order; `before` were there already.
fn assert_stored(world: &mut World, futures: &[FutureRecordMetadata], before: i64, what: &str) {
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    for (number, future) in futures.iter().enumerate() {
        let offset = future.value().and_then(|metadata| metadata.offset());
        assert_eq!(offset, Some(before + number as i64), "{what}: {:?}", future.exception());
    }
    let stored = world.core.cluster.partition_mut("t", 0).unwrap().log.next_offset();
    assert_eq!(stored, before + futures.len() as i64, "{what}");
}

#[test]
fn a_session_is_renewed_on_its_connection_and_no_record_knows() {
    let mut world = world();
    let dials = world.dials.len();
    let futures = send_for(&mut world, 60);
    assert_stored(&mut world, &futures, 1, "in peace");
    assert_eq!(world.dials.len(), dials, "on the connection that there was");
    let said = world.requests(ApiKey::SASL_AUTHENTICATE);
    assert!((20..=24).contains(&said), "every 2.55 to 2.85 s: {said} times");
    assert_eq!(counted(&world, "successful-reauthentication-total"), said);
    // To the server of bootstrap_servers, and to the broker.
    assert_eq!(counted(&world, "successful-authentication-total"), 2);
    assert_eq!(counted(&world, "failed-reauthentication-total"), 0);
}

#[test]
fn a_renewal_that_is_refused_is_counted_and_so_is_a_first_login() {
    let mut world = world();
    let refusal =
        MockRule::fail(ErrorCode::SASL_AUTHENTICATION_FAILED).on(ApiKey::SASL_AUTHENTICATE).times(3);
    world.core.faults.add(refusal, Default::default);
    let futures = send_for(&mut world, 10);
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert_eq!(counted(&world, "failed-reauthentication-total"), 1);
    assert_eq!(counted(&world, "failed-authentication-total"), 2);
}

fn counted(world: &World, name: &str) -> usize {
    world.producer().metrics().get("producer-metrics", name).unwrap() as usize
}

#[test]
fn a_password_that_changes_for_a_while_costs_no_record() {
    let mut world = world();
    let mut futures = send_for(&mut world, 5);
    world.core.cluster.settings.credentials.set_user("alice", "another");
    futures.extend(send_for(&mut world, 10));
    assert!(!futures.last().unwrap().is_done(), "its session has ended");
    world.core.cluster.settings.credentials.set_user("alice", "secret");
    futures.extend(send_for(&mut world, 5));
    assert_stored(&mut world, &futures, 1, "with another password");
}

#[test]
fn what_goes_wrong_when_a_session_is_renewed_costs_no_record() {
    let rules: [fn() -> MockRule; 12] = [
        || MockRule::fail(ErrorCode::UNKNOWN_SERVER_ERROR),
        || MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "not now"),
        || MockRule::fail(ErrorCode::ILLEGAL_SASL_STATE),
        MockRule::cut_before_append,
        MockRule::cut_after_append,
        MockRule::reset_after_append,
        || MockRule::cut_after_bytes(9),
        || MockRule::drip(1, millis(10)),
        MockRule::black_hole,
        MockRule::lose_response,
        MockRule::wrong_correlation_id,
        || MockRule::edit_response(|frame| frame[8..].fill(0x7f)),
    ];
    let mut world = world();
    let mut before = 1;
    for step in [ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE] {
        for (number, rule) in rules.iter().enumerate() {
            let Core { faults, cluster, .. } = &mut world.core;
            let id = faults.add(rule().on(step), || cluster.view());
            let futures = send_for(&mut world, 4);
            assert_eq!(world.core.faults.acted(id), 1, "{step} {number}");
            assert_stored(&mut world, &futures, before, &format!("{step} {number}"));
            before += futures.len() as i64;
        }
    }
}
