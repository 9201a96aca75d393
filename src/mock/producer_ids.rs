//! Answers InitProducerId.

use crate::mock::cluster::Cluster;
use crate::mock::faults::Plan;
use crate::protocol::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};

pub(super) fn answer(
    cluster: &mut Cluster,
    plan: &Plan,
    broker: usize,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let throttle_time_ms = plan.throttle_ms.unwrap_or(cluster.brokers[broker].throttle_ms);
    let error_code = plan.whole_failure().unwrap_or_else(|| refusal(request));
    if error_code.is_error() {
        return InitProducerIdResponse { throttle_time_ms, error_code, ..Default::default() };
    }
    // Which id and epoch the producer had counts only with transactions; without, each gets a new one.
    let producer_id = cluster.next_producer_id;
    cluster.next_producer_id += 1;
    let producer_epoch = cluster.settings.first_epoch;
    InitProducerIdResponse { throttle_time_ms, producer_id, producer_epoch, ..Default::default() }
}

fn refusal(request: &InitProducerIdRequest) -> ErrorCode {
    match request {
        InitProducerIdRequest { transactional_id: Some(id), .. } if id.is_empty() => {
            ErrorCode::INVALID_REQUEST
        }
        InitProducerIdRequest { producer_id, producer_epoch, .. }
            if (*producer_id == -1) != (*producer_epoch == -1) =>
        {
            ErrorCode::INVALID_REQUEST
        }
        // No broker of the mock coordinates transactions.
        InitProducerIdRequest { transactional_id: Some(_), .. } => ErrorCode::NOT_COORDINATOR,
        _ => ErrorCode::NONE,
    }
}
