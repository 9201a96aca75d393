//! Bytes to structs and back: Kafka's wire protocol, and nothing else.
//!
//! Pure: no socket, no clock, no state that outlives a call. What records look like inside a batch is not known here;
//! they pass through as opaque [`Segments`].
//!
//! | to | see |
//! |---|---|
//! | describe a message | [`message`], [`messages`] |
//! | pick a version | [`negotiate`], [`Message::VERSIONS`] |
//! | make bytes to write | [`encode_request`], [`Frame::slices_from`] |
//! | find answers in bytes that were read | [`FrameReader`], [`correlation_id`], [`decode_response`] |
//! | know what an error code asks for | [`ErrorCode`] |
//! | play the broker | [`decode_request_header`], [`decode_request`], [`encode_response`] |
//!
//! Everything that reads is safe against a hostile peer: no input panics, and what is set aside for a message is at most
//! 8 times its length and 64 KiB.

pub(crate) mod api;
#[cfg(any(test, feature = "mock"))]
pub(crate) mod broker;
pub(crate) mod code;
pub(crate) mod field;
pub(crate) mod frame;
pub(crate) mod frame_reader;
#[cfg(test)]
pub(crate) mod hostile;
#[cfg(test)]
mod hostile_messages;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod segments;
#[cfg(test)]
pub(crate) mod vectors;
mod wipe;
pub(crate) mod wire;
pub(crate) mod writer;

#[cfg_attr(not(feature = "mock"), allow(unreachable_pub, reason = "for the mock broker's users"))]
pub use self::api::ApiKey;
#[cfg(any(test, feature = "mock"))]
#[allow(unused_imports, reason = "as below")]
pub(crate) use self::broker::{RequestHeader, decode_request, decode_request_header, encode_response};
pub use self::code::ErrorCode;
#[allow(unused_imports, reason = "the room's front door: all that other rooms may use, used yet or not")]
pub(crate) use self::{
    api::negotiate,
    frame::{DecodedResponse, bare_frame, correlation_id, decode_response, encode_request},
    frame_reader::{FrameError, FrameReader, frame_length},
    message::{Message, NEVER, Request},
    messages::{
        api_versions::*, find_coordinator::*, init_producer_id::*, metadata::*, produce::*,
        sasl_authenticate::*, sasl_handshake::*,
    },
    segments::{Chunks, Frame, Segments},
    wipe::wipe,
    wire::{DecodeError, DecodeErrorKind, Reader, Uuid},
    writer::{LENGTH_SIZE, Writer},
};
