//! What is said on a connection before it is ready: which versions the broker speaks (KIP-35, KIP-511); who we are comes
//! after that. Frames in, frames out, and in the end a connection, or why there is none.
//!
//! ```text
//!   Versions ──"not in that version"──▶ Versions (in another)
//!      │ answered
//!      ▼
//!    done
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use crate::client::connection::{Foundation, Versions};
use crate::client::transport::ConnectionId;
use crate::error::Stage;
use crate::protocol::{self, ApiKey, ApiVersionsRequest, ErrorCode, Frame, FrameReader, Request};

pub(super) struct Setup {
    id: ConnectionId,
    client_id: Arc<str>,
    next_correlation: i32,
    step: Step,
    outgoing: VecDeque<Frame>,
    /// Bytes of the first of `outgoing` that are gone.
    offset: usize,
    reader: FrameReader,
}

/// What is waited for. Each knows for itself whether its frames carry correlation ids.
enum Step {
    Versions { version: i16, correlation: i32 },
    Done { versions: Versions, throttle_ms: i32 },
}

/// Why there will be no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) cause: String,
    /// Not of this attempt only: with this configuration none will succeed.
    pub(super) is_fatal: bool,
}

/// A set-up that has come to its end.
pub(super) struct Ready {
    pub(super) foundation: Foundation,
    /// For so many milliseconds from now on the broker asks for quiet.
    pub(super) throttle_ms: i32,
}

/// Every broker that speaks 5 speaks 4, and few speak 5: asking in 4 saves the others a second question.
const FIRST_VERSION: i16 = 4;

impl Setup {
    pub(super) fn new(id: ConnectionId, client_id: Arc<str>, max_frame: usize) -> Self {
        let mut setup = Self {
            id,
            client_id,
            next_correlation: 0,
            step: Step::Versions { version: FIRST_VERSION, correlation: 0 },
            outgoing: VecDeque::new(),
            offset: 0,
            reader: FrameReader::new(max_frame),
        };
        setup.ask_for_versions(FIRST_VERSION);
        setup
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn stage(&self) -> Stage {
        match self.step {
            Step::Versions { .. } | Step::Done { .. } => Stage::ApiVersions,
        }
    }

    /// Visits what waits to be written, in order, until `visit` says false.
    pub(super) fn outgoing<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        let mut wants_more = true;
        let mut offset = self.offset;
        for frame in &self.outgoing {
            frame.slices_from(offset, &mut |slice| {
                wants_more = visit(slice);
                wants_more
            });
            if !wants_more {
                return;
            }
            offset = 0;
        }
    }

    /// `count` bytes are gone.
    pub(super) fn written(&mut self, count: usize) {
        self.offset += count;
        while let Some(rest) = self.outgoing.front().and_then(|first| self.offset.checked_sub(first.len())) {
            self.offset = rest;
            self.outgoing.pop_front();
        }
    }

    /// Takes bytes off `bytes` until it is done, which is what true says, or more are needed.
    pub(super) fn received(&mut self, bytes: &mut &[u8]) -> Result<bool, Failure> {
        while !matches!(self.step, Step::Done { .. }) {
            let frame = match self.reader.next(bytes) {
                Ok(Some(frame)) => frame.to_vec(),
                Ok(None) => return Ok(false),
                Err(error) => return Err(passing(error.to_string())),
            };
            self.frame(&frame)?;
        }
        Ok(true)
    }

    /// `None` before it is done.
    pub(super) fn finish(self) -> Option<Ready> {
        let Self { id, client_id, next_correlation, step, reader, .. } = self;
        match step {
            Step::Versions { .. } => None,
            Step::Done { versions, throttle_ms } => Some(Ready {
                foundation: Foundation { id, client_id, next_correlation, reader, versions },
                throttle_ms,
            }),
        }
    }

    fn frame(&mut self, frame: &[u8]) -> Result<(), Failure> {
        match self.step {
            Step::Done { .. } => Ok(()),
            Step::Versions { version, correlation } => match versions(version, correlation, frame)? {
                Answer::Again { version } => {
                    self.ask_for_versions(version);
                    Ok(())
                }
                Answer::Offered { versions, throttle_ms } => {
                    self.step = Step::Done { versions, throttle_ms };
                    Ok(())
                }
            },
        }
    }

    fn ask_for_versions(&mut self, version: i16) {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        self.step = Step::Versions { version, correlation };
        let request = ApiVersionsRequest {
            client_software_name: env!("CARGO_PKG_NAME").to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let frame = protocol::encode_request(correlation, version, Some(&self.client_id), &request);
        self.outgoing.push_back(frame);
    }
}

enum Answer {
    /// The broker does not speak the version we asked in, but this one.
    Again {
        version: i16,
    },
    Offered {
        versions: Versions,
        throttle_ms: i32,
    },
}

/// Reads the answer to a question for versions that was asked in `version`.
fn versions(version: i16, correlation: i32, frame: &[u8]) -> Result<Answer, Failure> {
    let answered = protocol::correlation_id(frame).map_err(|error| passing(error.to_string()))?;
    if answered != correlation {
        let what = format!("the answer has correlation id {answered}, {correlation} was expected");
        return Err(passing(what));
    }
    let (_, response) = protocol::decode_api_versions_response(version, frame)
        .map_err(|error| passing(format!("its ApiVersions answer can't be read: {error}")))?;
    let versions = || response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version));
    match response.error_code {
        ErrorCode::NONE => {
            let throttle_ms = ApiVersionsRequest::throttle_ms(&response, version);
            Ok(Answer::Offered { versions: versions().collect(), throttle_ms })
        }
        ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
            // Newer brokers name their range (KIP-511); the others speak 0, as all do.
            let range = versions().find(|(key, ..)| *key == ApiKey::API_VERSIONS);
            let version = range.map_or(0, |(_, _, most)| most.clamp(0, version - 1));
            Ok(Answer::Again { version })
        }
        code => {
            let is_fatal = code.is_fatal() && code != ErrorCode::UNSUPPORTED_VERSION;
            Err(Failure { cause: format!("it refuses to say what it speaks: {code}"), is_fatal })
        }
    }
}

fn passing(cause: String) -> Failure {
    Failure { cause, is_fatal: false }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::{ApiVersion, ApiVersionsResponse, encode_response};

    fn setup() -> Setup {
        Setup::new(ConnectionId(1), "me".into(), 1000)
    }

    fn written(setup: &mut Setup) -> Vec<u8> {
        let mut bytes = Vec::new();
        setup.outgoing(&mut |slice| {
            bytes.extend_from_slice(slice);
            true
        });
        setup.written(bytes.len());
        bytes
    }

    fn answer(correlation: i32, version: i16, error_code: ErrorCode) -> Vec<u8> {
        let api = ApiVersion { api_key: ApiKey::API_VERSIONS, max_version: 3, ..Default::default() };
        let response = ApiVersionsResponse { error_code, api_keys: vec![api], ..Default::default() };
        encode_response::<ApiVersionsRequest>(correlation, version, &response).to_vec()
    }

    #[test]
    fn a_broker_that_does_not_know_the_version_is_asked_in_one_it_knows() {
        let mut setup = setup();
        assert_eq!(written(&mut setup)[6..12], [0, 4, 0, 0, 0, 0]);
        let refusal = answer(0, 0, ErrorCode::UNSUPPORTED_VERSION);
        assert_eq!(setup.received(&mut &refusal[..]), Ok(false));
        assert_eq!(written(&mut setup)[6..12], [0, 3, 0, 0, 0, 1]);
        // In two pieces, with the beginning of something else behind it.
        let mut bytes = answer(1, 3, ErrorCode::NONE);
        bytes.push(7);
        assert_eq!(setup.received(&mut &bytes[..5]), Ok(false));
        let mut rest = &bytes[5..];
        assert_eq!((setup.received(&mut rest), rest), (Ok(true), &[7][..]));
        let ready = setup.finish().unwrap();
        assert_eq!(ready.foundation.next_correlation, 2);
        assert_eq!(ready.foundation.versions, [(ApiKey::API_VERSIONS, 0, 3)]);
    }

    #[test]
    fn what_no_other_attempt_would_change_is_fatal_and_the_rest_is_of_this_attempt() {
        let fatal = |bytes: &[u8]| setup().received(&mut &bytes[..]).unwrap_err().is_fatal;
        assert!(fatal(&answer(0, 4, ErrorCode::SASL_AUTHENTICATION_FAILED)));
        assert!(!fatal(&answer(0, 4, ErrorCode::UNKNOWN_SERVER_ERROR)));
        assert!(!fatal(&answer(1, 4, ErrorCode::NONE)), "the answer to another question");
        assert!(!fatal(&[0, 0, 0, 5, 0, 0, 0, 0, 0]));
    }
}
