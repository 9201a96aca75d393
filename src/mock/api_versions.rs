//! Answers ApiVersions.

use crate::mock::cluster::Broker;
use crate::mock::faults::Plan;
use crate::protocol::{ApiVersion, ApiVersionsResponse, ErrorCode};

pub(super) fn answer(broker: &Broker, plan: &Plan) -> ApiVersionsResponse {
    let version = |(&api_key, versions): (_, &std::ops::RangeInclusive<i16>)| ApiVersion {
        api_key,
        min_version: *versions.start(),
        max_version: *versions.end(),
        ..Default::default()
    };
    ApiVersionsResponse {
        api_keys: broker.versions.iter().map(version).collect(),
        error_code: plan.whole_failure().unwrap_or(ErrorCode::NONE),
        throttle_time_ms: plan.throttle_ms.unwrap_or(broker.throttle_ms),
        ..Default::default()
    }
}

/// To a version that the broker does not offer; goes out in version 0, with the versions it does offer (KIP-511).
pub(super) fn refusal(broker: &Broker, plan: &Plan) -> ApiVersionsResponse {
    let mut response = answer(broker, plan);
    response.error_code = ErrorCode::UNSUPPORTED_VERSION;
    response.api_keys.retain(|version| version.api_key == crate::protocol::ApiKey::API_VERSIONS);
    response
}
