//! The exchange on a connection before it is ready: which versions the broker supports (KIP-35, KIP-511), then the login,
//! if SASL is on (`authentication.rs`). It takes frames and returns frames, and in the end a connection, or why there is
//! none.
//!
//! ```text
//!   Versions ──"not in that version"──▶ Versions (in another)
//!      │ answered
//!      ├──────── with SASL ────────▶ Authentication
//!      ▼                               │ accepted
//!    done ◀────────────────────────────┘
//! ```

use std::sync::Arc;

use crate::client::authentication::{Authentication, Grant, Login, Progress};
use crate::client::connection::Foundation;
use crate::client::failure::Failure;
use crate::client::outbox::Outbox;
use crate::client::responder::Responder;
use crate::client::transport::ConnectionId;
use crate::client::versions::Versions;
use crate::error::Stage;
use crate::protocol::{
    self, ApiKey, ApiVersionsRequest, ErrorCode, FrameError, FrameReader, LENGTH_SIZE, Request,
};
use crate::time::Instant;

pub(super) struct Setup {
    id: ConnectionId,
    /// The login, until it begins.
    login: Option<Login>,
    step: Step,
    /// The correlation id of the next answer. `None` if it has none.
    expected: Option<i32>,
    out: Outbox,
    reader: FrameReader,
    answers: usize,
    /// When the latest request was made.
    asked: Instant,
}

/// The answer that is expected next.
enum Step {
    Versions { version: i16 },
    Authentication { authentication: Authentication, versions: Versions, throttle_ms: i32 },
    Done { versions: Versions, grant: Option<Grant>, throttle_ms: i32 },
}

/// A complete set-up.
pub(super) struct Ready {
    pub(super) foundation: Foundation,
    /// If there was a login.
    pub(super) grant: Option<Grant>,
    /// The number of milliseconds for which the broker asks for no requests.
    pub(super) throttle_ms: i32,
}

/// Every broker that supports 5 supports 4, and few support 5. With 4 the others need no second request.
const FIRST_VERSION: i16 = 4;

impl Setup {
    pub(super) fn new(
        id: ConnectionId,
        client_id: Arc<str>,
        max_frame: usize,
        login: Option<Login>,
        now: Instant,
    ) -> Self {
        let mut out = Outbox::new(client_id);
        let expected = Some(ask_for_versions(FIRST_VERSION, &mut out));
        let step = Step::Versions { version: FIRST_VERSION };
        Self { id, login, step, expected, out, reader: FrameReader::new(max_frame), answers: 0, asked: now }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn stage(&self) -> Stage {
        match self.step {
            Step::Versions { .. } => Stage::ApiVersions,
            Step::Authentication { .. } | Step::Done { .. } => Stage::Sasl,
        }
    }

    /// Visits the bytes that wait to be written, in order, until `visit` returns false.
    pub(super) fn outgoing<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        self.out.visit(visit);
    }

    /// `count` bytes were written. Adds the sizes of the requests that are completely written now to `completed`.
    pub(super) fn written(&mut self, count: usize, completed: &mut Vec<usize>) {
        self.out.written(count, completed);
    }

    /// The number of answers so far.
    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    /// Takes bytes from `bytes` until it is done (true) or needs more (false).
    pub(super) fn received(
        &mut self,
        bytes: &mut &[u8],
        from: Responder<'_>,
        now: Instant,
    ) -> Result<bool, Failure> {
        while !matches!(self.step, Step::Done { .. }) {
            let frame = match self.reader.next(bytes) {
                // The rest of a request that is not written yet would be taken for the beginning of the next one.
                Ok(Some(_)) if !self.out.is_empty() => {
                    return Err(Failure::passing("a response arrived before its request was written"));
                }
                Ok(Some(frame)) => frame.to_vec(),
                Ok(None) => return Ok(false),
                Err(error) => {
                    // Every other attempt would find the same port.
                    let is_fatal = matches!(error, FrameError::Tls);
                    return Err(Failure::Attempt { cause: error.to_string(), is_fatal });
                }
            };
            self.answers += 1;
            if let Some(expected) = self.expected {
                check(&frame, expected)?;
            }
            from.log(self.stage(), self.expected, LENGTH_SIZE + frame.len(), now.since(self.asked));
            self.asked = now;
            self.frame(&frame)?;
        }
        Ok(true)
    }

    /// What it means that the broker has closed the connection, if it has a meaning at this step.
    pub(super) fn cut_off(&self) -> Option<Failure> {
        match &self.step {
            Step::Authentication { authentication, .. } => authentication.cut_off(),
            Step::Versions { .. } | Step::Done { .. } => None,
        }
    }

    /// `None` if it is not done yet.
    pub(super) fn finish(self) -> Option<Ready> {
        let Self { id, step, out, reader, .. } = self;
        let Step::Done { versions, grant, throttle_ms } = step else { return None };
        let (client_id, next_correlation) = out.finish();
        let foundation = Foundation { id, client_id, next_correlation, reader, versions };
        Some(Ready { foundation, grant, throttle_ms })
    }

    fn frame(&mut self, frame: &[u8]) -> Result<(), Failure> {
        match &mut self.step {
            Step::Done { .. } => {}
            Step::Versions { version } => match versions(*version, frame)? {
                Answer::Again { version } => {
                    self.expected = Some(ask_for_versions(version, &mut self.out));
                    self.step = Step::Versions { version };
                }
                Answer::Offered { versions, throttle_ms } => {
                    self.step = match self.login.take() {
                        None => Step::Done { versions, grant: None, throttle_ms },
                        Some(login) => {
                            let (authentication, line) = Authentication::begin(login, &versions)?;
                            self.expected = self.out.say(line);
                            Step::Authentication { authentication, versions, throttle_ms }
                        }
                    };
                }
            },
            Step::Authentication { authentication, versions, throttle_ms } => {
                match authentication.frame(frame)? {
                    Progress::Say(line) => self.expected = self.out.say(line),
                    Progress::Over(grant) => {
                        let (versions, throttle_ms) = (std::mem::take(versions), *throttle_ms);
                        self.step = Step::Done { versions, grant: Some(grant), throttle_ms };
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the correlation id of the answer.
fn ask_for_versions(version: i16, out: &mut Outbox) -> i32 {
    let request = ApiVersionsRequest {
        client_software_name: env!("CARGO_PKG_NAME").to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    out.ask(version, &request)
}

fn check(frame: &[u8], expected: i32) -> Result<(), Failure> {
    let answered = protocol::correlation_id(frame).map_err(|error| Failure::passing(error.to_string()))?;
    if answered == expected {
        return Ok(());
    }
    Err(Failure::passing(format!("the response has correlation id {answered} instead of {expected}")))
}

enum Answer {
    /// The broker does not support the version of the request, but this one.
    Again {
        version: i16,
    },
    Offered {
        versions: Versions,
        throttle_ms: i32,
    },
}

/// Reads the answer to an ApiVersions request in `version`.
fn versions(version: i16, frame: &[u8]) -> Result<Answer, Failure> {
    let (_, response) = protocol::decode_api_versions_response(version, frame)
        .map_err(|error| Failure::passing(format!("its ApiVersions response can't be read: {error}")))?;
    let versions = || response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version));
    match response.error_code {
        ErrorCode::NONE => {
            let throttle_ms = ApiVersionsRequest::throttle_ms(&response, version);
            Ok(Answer::Offered { versions: versions().collect(), throttle_ms })
        }
        ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
            // Newer brokers name their range (KIP-511). The others support 0, as all do.
            let range = versions().find(|(key, ..)| *key == ApiKey::API_VERSIONS);
            let version = range.map_or(0, |(_, _, most)| most.clamp(0, version - 1));
            Ok(Answer::Again { version })
        }
        code => {
            let is_fatal = code.is_fatal() && code != ErrorCode::UNSUPPORTED_VERSION;
            Err(Failure::Attempt { cause: format!("it rejected the ApiVersions request: {code}"), is_fatal })
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::Origin;
    use crate::protocol::{ApiVersion, ApiVersionsResponse, encode_response};

    fn setup() -> Setup {
        Setup::new(ConnectionId(1), "me".into(), 1000, None, Instant::ZERO)
    }

    fn receive(setup: &mut Setup, bytes: &mut &[u8]) -> Result<bool, Failure> {
        let from = Responder { host: "b", port: 9092, origin: Origin::Bootstrap };
        setup.received(bytes, from, Instant::ZERO)
    }

    fn written(setup: &mut Setup) -> Vec<u8> {
        let mut bytes = Vec::new();
        setup.outgoing(&mut |slice| {
            bytes.extend_from_slice(slice);
            true
        });
        setup.written(bytes.len(), &mut Vec::new());
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
        assert_eq!(receive(&mut setup, &mut &refusal[..]), Ok(false));
        assert_eq!(written(&mut setup)[6..12], [0, 3, 0, 0, 0, 1]);
        // In two parts, with the beginning of another frame after it.
        let mut bytes = answer(1, 3, ErrorCode::NONE);
        bytes.push(7);
        assert_eq!(receive(&mut setup, &mut &bytes[..5]), Ok(false));
        let mut rest = &bytes[5..];
        assert_eq!((receive(&mut setup, &mut rest), rest), (Ok(true), &[7][..]));
        let ready = setup.finish().unwrap();
        assert_eq!(ready.foundation.next_correlation, 2);
        assert_eq!(ready.foundation.versions, [(ApiKey::API_VERSIONS, 0, 3)]);
    }

    #[test]
    fn what_no_other_attempt_would_change_is_fatal_and_the_rest_is_of_this_attempt() {
        let fatal = |bytes: &[u8]| {
            let mut setup = setup();
            written(&mut setup);
            match receive(&mut setup, &mut &bytes[..]).unwrap_err() {
                Failure::Attempt { is_fatal, .. } => is_fatal,
                other => panic!("{other:?}"),
            }
        };
        assert!(fatal(&answer(0, 4, ErrorCode::SASL_AUTHENTICATION_FAILED)));
        assert!(!fatal(&answer(0, 4, ErrorCode::UNKNOWN_SERVER_ERROR)));
        assert!(!fatal(&answer(1, 4, ErrorCode::NONE)), "the answer to another question");
        assert!(fatal(&[0x15, 3, 3, 0, 2, 2, 80]), "TLS");
        assert!(!fatal(&[0, 0, 0, 5, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn an_answer_to_what_was_not_written_yet_is_a_lie() {
        let mut setup = setup();
        let early = receive(&mut setup, &mut &answer(0, 4, ErrorCode::NONE)[..]);
        assert_eq!(early, Err(Failure::passing("a response arrived before its request was written")));
    }
}
