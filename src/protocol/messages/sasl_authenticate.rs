//! SaslAuthenticate: a mechanism's tokens, there and back (KIP-152).

use std::fmt;

use crate::protocol::code::ErrorCode;
use crate::protocol::field::{Bytes, Field, Version};
use crate::protocol::message::message;
use crate::protocol::wire::{DecodeError, Reader};
use crate::protocol::writer::Writer;

message! {
    // 1 brings the session's lifetime (KIP-368).
    api SASL_AUTHENTICATE, versions 0..=2, flexible since 2;

    request SaslAuthenticateRequest {
        auth_bytes: AuthBytes;
    }

    response SaslAuthenticateResponse {
        error_code: ErrorCode;
        error_message: Option<String>;
        auth_bytes: AuthBytes;
        /// After so long the broker ends the connection unless we say again who we are; 0 if it does not.
        session_lifetime_ms: i64, since 1;
    }
}

/// A token of a mechanism, which may be a password: `Debug` shows its size.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct AuthBytes(pub(crate) Vec<u8>);

impl fmt::Debug for AuthBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes hidden]", self.0.len())
    }
}

impl Field for AuthBytes {
    fn write(&self, out: &mut Writer, version: Version) {
        out.secret_bytes(&self.0, version.is_flexible());
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Bytes::read(input, version).map(|bytes| Self(bytes.0))
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use kafka_protocol::messages as theirs;
    use kafka_protocol::protocol::{Decodable, Encodable};

    use super::*;
    use crate::protocol::broker::{decode_request, decode_request_header, encode_response};
    use crate::protocol::frame::{decode_response_exactly, encode_request};
    use crate::protocol::message::Request;
    use crate::protocol::messages::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};

    /// The body of a request; before it stand length, key, version, correlation id and client id, and if flexible, tags.
    fn request<R: Request>(version: i16, request: &R) -> Vec<u8> {
        let frame = encode_request(7, version, None, request).to_vec();
        let (header, mut body) = decode_request_header(&frame[4..]).unwrap();
        assert_eq!((header.api_key, header.version), (R::KEY, version));
        let read: R = decode_request(version, body).unwrap();
        assert_eq!(format!("{read:?}"), format!("{request:?}"));
        body.rest().to_vec()
    }

    /// The body of an answer, of which we read every byte.
    fn response<R: Request>(version: i16, response: &R::Response) -> Vec<u8> {
        let frame = encode_response::<R>(7, version, response).to_vec();
        let (_, read) = decode_response_exactly::<R>(version, &frame[4..]).unwrap();
        assert_eq!(format!("{read:?}"), format!("{response:?}"));
        let header = if R::KEY.has_flexible_response_header(version) { 9 } else { 8 };
        frame[header..].to_vec()
    }

    fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
        let mut bytes = bytes::BytesMut::new();
        message.encode(&mut bytes, version).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn the_handshake_stands_on_the_wire_as_others_write_it() {
        for version in 0..=1 {
            let ours = SaslHandshakeRequest { mechanism: "SCRAM-SHA-256".to_owned(), ..Default::default() };
            let bytes = request(version, &ours);
            assert_eq!(bytes, b"\0\x0dSCRAM-SHA-256");
            let theirs = theirs::SaslHandshakeRequest::decode(&mut &bytes[..], version).unwrap();
            assert_eq!(&*theirs.mechanism, "SCRAM-SHA-256");

            let theirs = theirs::SaslHandshakeResponse::default()
                .with_error_code(33)
                .with_mechanisms(vec!["PLAIN".to_string().into(), "GSSAPI".to_string().into()]);
            let ours = SaslHandshakeResponse {
                error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM,
                mechanisms: vec!["PLAIN".to_owned(), "GSSAPI".to_owned()],
                ..Default::default()
            };
            assert_eq!(response::<SaslHandshakeRequest>(version, &ours), encoded(&theirs, version));
        }
    }

    #[test]
    fn tokens_stand_on_the_wire_as_others_write_them() {
        for version in 0..=2 {
            let token = b"\0alice\0secret".to_vec();
            let theirs = theirs::SaslAuthenticateRequest::default().with_auth_bytes(token.clone().into());
            let ours = SaslAuthenticateRequest { auth_bytes: AuthBytes(token), ..Default::default() };
            assert_eq!(request(version, &ours), encoded(&theirs, version), "{version}");

            for (error_code, message, lifetime) in [(0, None, 3000), (58, Some("no"), 0)] {
                let lifetime = if version == 0 { 0 } else { lifetime };
                let theirs = theirs::SaslAuthenticateResponse::default()
                    .with_error_code(error_code)
                    .with_error_message(message.map(|text: &str| text.to_string().into()))
                    .with_auth_bytes(b"challenge"[..].to_vec().into())
                    .with_session_lifetime_ms(lifetime);
                let ours = SaslAuthenticateResponse {
                    error_code: ErrorCode::new(error_code),
                    error_message: message.map(str::to_owned),
                    auth_bytes: AuthBytes(b"challenge".to_vec()),
                    session_lifetime_ms: lifetime,
                    ..Default::default()
                };
                let bytes = response::<SaslAuthenticateRequest>(version, &ours);
                assert_eq!(bytes, encoded(&theirs, version), "{version}");
                for len in 0..bytes.len() {
                    let mut frame = vec![0; if version == 2 { 5 } else { 4 }];
                    frame.extend_from_slice(&bytes[..len]);
                    let read = decode_response_exactly::<SaslAuthenticateRequest>(version, &frame);
                    assert!(read.is_err(), "{version} at {len}");
                }
            }
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let request =
            SaslAuthenticateRequest { auth_bytes: AuthBytes(b"secret".to_vec()), ..Default::default() };
        let shown = format!("{request:?}");
        assert!(shown.contains("[6 bytes hidden]") && !shown.contains("115"), "{shown}");
    }
}
