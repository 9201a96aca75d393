//! ApiVersions: the first exchange on a connection, which says what the broker speaks.

use crate::protocol::api::ApiKey;
use crate::protocol::code::ErrorCode;
use crate::protocol::frame::{self, DecodedResponse};
use crate::protocol::message::{Message, message};
use crate::protocol::wire::{DecodeError, Reader};

message! {
    // 3 brings the client's name and finalized features, 5 says which broker was meant (KIP-1242).
    api API_VERSIONS, versions 0..=5, flexible since 3, throttles since 2;

    request ApiVersionsRequest {
        client_software_name: String, since 3;
        client_software_version: String, since 3;
        /// The cluster that the client believes to be talking to.
        cluster_id: Option<String>, since 5;
        /// The broker that the client believes to be talking to; -1 if it does not know.
        node_id: i32 = -1, since 5;
    }

    response ApiVersionsResponse {
        error_code: ErrorCode;
        api_keys: Vec<ApiVersion>;
        throttle_time_ms: i32, since 1;
        supported_features: Vec<SupportedFeature>, since 3, tag 0;
        /// Rises with each change of `finalized_features`; -1 if not known.
        finalized_features_epoch: i64 = -1, since 3, tag 1;
        finalized_features: Vec<FinalizedFeature>, since 3, tag 2;
        zk_migration_ready: bool, since 3, tag 3;
    }

    struct ApiVersion {
        api_key: ApiKey;
        min_version: i16;
        max_version: i16;
    }

    struct SupportedFeature {
        name: String;
        min_version: i16;
        max_version: i16;
    }

    struct FinalizedFeature {
        name: String;
        max_version_level: i16;
        min_version_level: i16;
    }
}

/// Decodes the answer to a request of `version`, which is a version 0 body if the broker does not know `version`.
///
/// Such a body has `UNSUPPORTED_VERSION` for its code, and the versions of this API (brokers from 2.4 on), an empty
/// array (older ones), or nothing at all (seen from other implementations) behind it.
pub(crate) fn decode_api_versions_response(
    version: i16,
    frame: &[u8],
) -> Result<DecodedResponse<ApiVersionsResponse>, DecodeError> {
    let mut input = Reader::new(frame);
    let correlation_id = input.i32()?;
    let code_only = ErrorCode::new(input.i16()?);
    if code_only != ErrorCode::UNSUPPORTED_VERSION {
        return frame::decode_response::<ApiVersionsRequest>(version, frame);
    }
    if input.is_empty() {
        let response = ApiVersionsResponse { error_code: code_only, ..Default::default() };
        return Ok((correlation_id, response));
    }
    frame::decode_response::<ApiVersionsRequest>(*ApiVersionsResponse::VERSIONS.start(), frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encode_response;

    #[test]
    fn an_unsupported_version_is_answered_in_version_0() {
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: vec![ApiVersion {
                api_key: ApiKey::API_VERSIONS,
                max_version: 3,
                ..Default::default()
            }],
            ..Default::default()
        };
        let frame = encode_response::<ApiVersionsRequest>(7, 0, &response).to_vec();
        assert_eq!(decode_api_versions_response(5, &frame[4..]), Ok((7, response)));
    }

    #[test]
    fn its_array_may_be_empty_or_missing() {
        for frame in [&[0, 0, 0, 7, 0, 35, 0, 0, 0, 0][..], &[0, 0, 0, 7, 0, 35]] {
            let (correlation_id, response) = decode_api_versions_response(3, frame).unwrap();
            assert_eq!((correlation_id, response.error_code.code()), (7, 35));
            assert_eq!(response.api_keys, []);
        }
    }

    #[test]
    fn other_errors_come_in_the_version_asked_for() {
        let response =
            ApiVersionsResponse { error_code: ErrorCode::REBOOTSTRAP_REQUIRED, ..Default::default() };
        let frame = encode_response::<ApiVersionsRequest>(7, 5, &response).to_vec();
        assert_eq!(decode_api_versions_response(5, &frame[4..]), Ok((7, response)));
        assert!(decode_api_versions_response(5, &[0, 0, 0, 7, 0]).is_err());
    }
}
