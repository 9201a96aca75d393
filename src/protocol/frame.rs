//! Frames: a length, a header, a body. How requests are made, and answers taken apart.

use super::message::{Message, Request};
use super::segments::Frame;
use super::wire::{DecodeError, DecodeErrorKind, Reader};
use super::writer::Writer;

/// A correlation id and the answer that came with it.
pub(crate) type DecodedResponse<R> = (i32, R);

/// A request, ready to be written. `version` is one that was negotiated, so one of `R::VERSIONS`.
pub(crate) fn encode_request<R: Request>(
    correlation_id: i32,
    version: i16,
    client_id: Option<&str>,
    request: &R,
) -> Frame {
    debug_assert!(R::VERSIONS.contains(&version), "{} version {version}", R::KEY);
    let mut out = Writer::for_frame();
    out.i16(R::KEY.0);
    out.i16(version);
    out.i32(correlation_id);
    // An old-style string in every header version, so that a broker can read it before it knows the API.
    out.nullable_string(client_id, false);
    if R::KEY.has_flexible_request_header(version) {
        out.tagged_fields(Vec::new());
    }
    request.encode(&mut out, version);
    out.into_frame()
}

/// Bytes with nothing but their length before them: a token of SASL to brokers that do not know SaslAuthenticate. Wiped
/// when it goes.
pub(crate) fn bare_frame(bytes: &[u8]) -> Frame {
    let mut out = Writer::for_frame();
    out.secret(bytes);
    out.into_frame()
}

/// The answer in `frame` (which is without its length) to a request of `version`. What stands behind the last field that
/// we know is passed over, as other clients do: an answer that says "stored" must not be lost for it.
pub(crate) fn decode_response<R: Request>(
    version: i16,
    frame: &[u8],
) -> Result<DecodedResponse<R::Response>, DecodeError> {
    read_response::<R>(version, Reader::new(frame)).map(|(decoded, _)| decoded)
}

/// As [`decode_response`], and to the last byte.
#[cfg(test)]
pub(crate) fn decode_response_exactly<R: Request>(
    version: i16,
    frame: &[u8],
) -> Result<DecodedResponse<R::Response>, DecodeError> {
    let (decoded, rest) = read_response::<R>(version, Reader::new(frame))?;
    rest.finish()?;
    Ok(decoded)
}

fn read_response<R: Request>(
    version: i16,
    mut input: Reader<'_>,
) -> Result<(DecodedResponse<R::Response>, Reader<'_>), DecodeError> {
    if !R::VERSIONS.contains(&version) {
        return Err(input.error(DecodeErrorKind::Version { version }));
    }
    let correlation_id = input.i32()?;
    if R::KEY.has_flexible_response_header(version) {
        input.skip_tagged_fields()?;
    }
    let response = R::Response::decode(&mut input, version)?;
    Ok(((correlation_id, response), input))
}

/// Whose answer `frame` (which is without its length) is.
pub(crate) fn correlation_id(frame: &[u8]) -> Result<i32, DecodeError> {
    Reader::new(frame).i32()
}

#[cfg(test)]
mod tests {
    use super::super::api::ApiKey;
    use super::super::broker::{decode_request, decode_request_header, encode_response};
    use super::*;
    use crate::protocol::messages::api_versions::ApiVersionsRequest;
    use crate::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
    use crate::protocol::messages::produce::ProduceResponse;

    #[test]
    fn the_client_id_is_an_old_string_even_in_a_flexible_header() {
        let frame = encode_request(7, 3, Some("me"), &ApiVersionsRequest::default()).to_vec();
        assert_eq!(frame, [0, 0, 0, 16, 0, 18, 0, 3, 0, 0, 0, 7, 0, 2, b'm', b'e', 0, 1, 1, 0]);
        let (header, body) = decode_request_header(&frame[4..]).unwrap();
        assert_eq!((header.api_key, header.client_id), (ApiKey::API_VERSIONS, Some("me")));
        assert_eq!(decode_request(3, body), Ok(ApiVersionsRequest::default()));
    }

    #[test]
    fn what_follows_a_response_is_passed_over() {
        let mut frame = encode_response::<MetadataRequest>(7, 9, &MetadataResponse::default()).to_vec();
        let exact = decode_response_exactly::<MetadataRequest>(9, &frame[4..]);
        assert_eq!(exact.unwrap().0, 7);
        frame.push(0);
        assert_eq!(decode_response::<MetadataRequest>(9, &frame[4..]).unwrap().0, 7);
        let error = decode_response_exactly::<MetadataRequest>(9, &frame[4..]).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::TrailingBytes { count: 1 });
    }

    #[test]
    fn a_version_we_do_not_speak_is_refused() {
        let error = decode_request::<MetadataRequest>(99, Reader::new(&[])).unwrap_err();
        assert_eq!(error.to_string(), "version 99 is not supported, at byte 0");
    }

    #[test]
    fn fields_that_a_version_lacks_are_read_as_their_defaults() {
        let frame = encode_response::<MetadataRequest>(7, 0, &MetadataResponse::default()).to_vec();
        let (_, response) = decode_response::<MetadataRequest>(0, &frame[4..]).unwrap();
        assert_eq!(response.controller_id, -1);
        assert_eq!(ProduceResponse::default().throttle_time_ms, 0);
    }
}
