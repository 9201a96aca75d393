//! The other side of [`frame`](super::frame): requests taken apart, and answers made, as a broker does.

use super::api::ApiKey;
use super::message::{Message, Request};
use super::segments::Frame;
use super::wire::{DecodeError, DecodeErrorKind, Reader};
use super::writer::Writer;

/// What stands before the body of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHeader<'a> {
    pub(crate) api_key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<&'a str>,
}

/// Splits a request (without its length) into header and body, as a broker does.
pub(crate) fn decode_request_header(frame: &[u8]) -> Result<(RequestHeader<'_>, Reader<'_>), DecodeError> {
    let mut input = Reader::new(frame);
    let api_key = ApiKey(input.i16()?);
    let version = input.i16()?;
    let correlation_id = input.i32()?;
    let client_id = input.nullable_string(false)?;
    if api_key.has_flexible_request_header(version) {
        input.skip_tagged_fields()?;
    }
    Ok((RequestHeader { api_key, version, correlation_id, client_id }, input))
}

/// The body that [`decode_request_header`] has left.
pub(crate) fn decode_request<R: Request>(version: i16, mut body: Reader<'_>) -> Result<R, DecodeError> {
    if !R::VERSIONS.contains(&version) {
        return Err(body.error(DecodeErrorKind::Version { version }));
    }
    let request = R::decode(&mut body, version)?;
    body.finish()?;
    Ok(request)
}

/// An answer, ready to be written.
pub(crate) fn encode_response<R: Request>(
    correlation_id: i32,
    version: i16,
    response: &R::Response,
) -> Frame {
    let mut out = Writer::for_frame();
    out.i32(correlation_id);
    if R::KEY.has_flexible_response_header(version) {
        out.tagged_fields(Vec::new());
    }
    response.encode(&mut out, version);
    out.into_frame()
}
