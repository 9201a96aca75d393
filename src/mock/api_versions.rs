//! Answers ApiVersions.

use crate::mock::cluster::Broker;
use crate::protocol::{ApiVersion, ApiVersionsResponse, ErrorCode};

pub(super) fn answer(broker: &Broker) -> ApiVersionsResponse {
    let version = |(&api_key, versions): (_, &std::ops::RangeInclusive<i16>)| ApiVersion {
        api_key,
        min_version: *versions.start(),
        max_version: *versions.end(),
        ..Default::default()
    };
    ApiVersionsResponse {
        api_keys: broker.versions.iter().map(version).collect(),
        throttle_time_ms: broker.throttle_ms,
        ..Default::default()
    }
}

/// To a version that the broker does not offer; goes out in version 0, with the versions it does offer (KIP-511).
pub(super) fn refusal(broker: &Broker) -> ApiVersionsResponse {
    let mut response = answer(broker);
    response.error_code = ErrorCode::UNSUPPORTED_VERSION;
    response.api_keys.retain(|version| version.api_key == crate::protocol::ApiKey::API_VERSIONS);
    response
}
