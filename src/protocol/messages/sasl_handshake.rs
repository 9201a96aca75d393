//! SaslHandshake: by which mechanism we will say who we are (KIP-43).

use crate::protocol::code::ErrorCode;
use crate::protocol::message::{NEVER, message};

message! {
    // After 0 the mechanism's tokens go bare, after 1 in SaslAuthenticate (KIP-152).
    api SASL_HANDSHAKE, versions 0..=1, flexible since NEVER;

    request SaslHandshakeRequest {
        mechanism: String;
    }

    response SaslHandshakeResponse {
        error_code: ErrorCode;
        /// Those that the broker offers on this port.
        mechanisms: Vec<String>;
    }
}
