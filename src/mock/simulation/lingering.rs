//! How long a batch waits for company, and for whom.

use super::*;

/// D6: a batch that lingers takes records for as long, however long the delivery timeout is.
#[test]
fn what_is_sent_within_a_long_linger_goes_together() {
    let mut world = World::new(1, config().linger(secs(3)));
    world.meet_topic(1);
    let mut futures = Vec::new();
    for _ in 0..26 {
        futures.push(world.send(0, b"v"));
        world.run_for(millis(100));
    }
    assert!(futures.iter().all(|future| !future.is_done()), "linger was cut short");
    let left = world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert_about(left, millis(400));
    assert_eq!(world.requests(ApiKey::PRODUCE), 1);
}
