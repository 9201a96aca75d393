//! What holds without idempotence as well.

use super::idempotence::{assert_stored_where_they_say, await_all, send_all, single, stored};
use super::*;

/// B10: one batch of a partition is under way, so that none overtakes one that is sent again.
#[test]
fn order_holds_by_one_batch_under_way() {
    for code in [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_ENOUGH_REPLICAS] {
        for refusals in [1, 3] {
            let mut world = World::with_topic(1, 1, single().enable_idempotence(false));
            world.core.faults.fail_produce("t", 0, code, refusals);
            world.core.faults.held[0] = true;
            let futures = send_all(&mut world, 0, 0..10);
            world.run_for(millis(10));
            assert_eq!(world.requests(ApiKey::PRODUCE), 1, "{code}");
            world.core.faults.held[0] = false;
            await_all(&mut world, &futures);
            assert_eq!(stored(&mut world, 0), (0..10).collect::<Vec<_>>(), "{code}, {refusals} times");
            assert_stored_where_they_say(&mut world, &futures, 0..10);
        }
    }
}
