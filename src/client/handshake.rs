//! The first exchange on a connection: which versions the broker speaks (KIP-35, KIP-511).

use crate::protocol::{self, ApiKey, ApiVersionsRequest, ErrorCode};

/// Of each API the lowest and the highest version that a broker offers.
pub(crate) type Versions = Vec<(ApiKey, i16, i16)>;

pub(crate) enum Handshake {
    /// The broker does not speak the version we asked in, but this one.
    Again {
        version: i16,
    },
    Done {
        versions: Versions,
        throttle_time_ms: i32,
    },
}

/// Every broker that speaks 5 speaks 4, and few speak 5: asking in 4 saves the others a second question.
pub(crate) const FIRST_VERSION: i16 = 4;

pub(crate) fn question() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: env!("CARGO_PKG_NAME").to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    }
}

/// Reads the answer to a question asked in `version`. An error is the end of the connection.
pub(crate) fn answer(version: i16, frame: &[u8]) -> Result<Handshake, String> {
    let (_, response) = protocol::decode_api_versions_response(version, frame)
        .map_err(|error| format!("its ApiVersions answer can't be read: {error}"))?;
    let versions = || response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version));
    match response.error_code {
        ErrorCode::NONE => {
            let throttle_time_ms = response.throttle_time_ms;
            Ok(Handshake::Done { versions: versions().collect(), throttle_time_ms })
        }
        ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
            // Newer brokers name their range (KIP-511); the others speak 0, as all do.
            let range = versions().find(|(key, ..)| *key == ApiKey::API_VERSIONS);
            let version = range.map_or(0, |(_, _, most)| most.clamp(0, version - 1));
            Ok(Handshake::Again { version })
        }
        code => Err(format!("it refuses to say what it speaks: {code}")),
    }
}
