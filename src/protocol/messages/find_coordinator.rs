//! FindCoordinator: which broker looks after a group or a transactional id.

use crate::protocol::code::ErrorCode;
use crate::protocol::message::message;

message! {
    // 1 brings transactional ids, 4 several keys at once (KIP-699), 5 one more error (KIP-890), 6 share groups.
    api FIND_COORDINATOR, versions 0..=6, flexible since 3, throttles since 2;

    request FindCoordinatorRequest {
        key: String, until 3;
        /// 0: a group; 1: a transactional id; 2: a share group.
        key_type: i8, since 1;
        coordinator_keys: Vec<String>, since 4;
    }

    response FindCoordinatorResponse {
        throttle_time_ms: i32, since 1;
        error_code: ErrorCode, until 3;
        error_message: Option<String>, since 1, until 3;
        node_id: i32, until 3;
        host: String, until 3;
        port: i32, until 3;
        coordinators: Vec<FoundCoordinator>, since 4;
    }

    struct FoundCoordinator {
        key: String;
        /// -1 with an error.
        node_id: i32;
        host: String;
        port: i32;
        error_code: ErrorCode;
        error_message: Option<String>;
    }
}
