//! InitProducerId: by what brokers tell the batches of this producer from those of others (KIP-98).

use crate::protocol::code::ErrorCode;
use crate::protocol::message::message;

message! {
    // 3 has a producer name what it was, to get the next epoch (KIP-360). 4 and 5 each bring one more error. 6 is for
    // two-phase commit (KIP-939) and not stable yet.
    api INIT_PRODUCER_ID, versions 0..=5, flexible since 2, throttles since 1;

    request InitProducerIdRequest {
        /// Null for a producer without transactions.
        transactional_id: Option<String>;
        transaction_timeout_ms: i32;
        /// -1 if there was none.
        producer_id: i64 = -1, since 3;
        producer_epoch: i16 = -1, since 3;
    }

    response InitProducerIdResponse {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        /// -1 with an error.
        producer_id: i64 = -1;
        producer_epoch: i16 = -1;
    }
}
