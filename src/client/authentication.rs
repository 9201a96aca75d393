//! Authentication: SaslHandshake names the mechanism (KIP-43), then its tokens are exchanged, each in a SaslAuthenticate
//! (KIP-152), or without a request around them for brokers that know only version 0 of the handshake. This module says what
//! to write and reads the answers. The connection writes, and chooses correlation ids.
//!
//! ```text
//!   Handshake ──"not that one"──▶ refused, with those that it offers
//!      │ taken
//!      ▼
//!   Token ──challenge──▶ Token (the answer to it)
//!      │ the mechanism is content
//!      ▼
//!    over
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::client::failure::Failure;
use crate::client::versions::{Versions, common_version};
use crate::protocol::{
    self, AuthBytes, ErrorCode, Frame, Message, SaslAuthenticateRequest, SaslHandshakeRequest, wipe,
};
use crate::security::{SaslError, SaslExchange, SaslMechanism, Secret};

/// The mechanism, and the host of the broker.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) mechanism: Arc<dyn SaslMechanism>,
    pub(super) host: Arc<str>,
}

pub(super) struct Authentication {
    login: Login,
    /// `None` if tokens are sent without a request around them.
    token_version: Option<i16>,
    step: Step,
}

/// The answer that is expected next.
enum Step {
    Handshake { version: i16, opening: Option<Opening> },
    Token(Box<dyn SaslExchange>),
    Over,
}

/// An exchange, and its first token.
struct Opening {
    exchange: Box<dyn SaslExchange>,
    token: Secret,
}

/// A message to be written. Each gets one answer.
pub(super) enum Line {
    Handshake {
        version: i16,
        request: SaslHandshakeRequest,
    },
    Token {
        version: i16,
        token: Secret,
    },
    /// Only its length is before it. The same holds for its answer.
    Bare(Secret),
}

/// The progress after an answer.
pub(super) enum Progress {
    Say(Line),
    Over(Grant),
}

/// The broker has accepted the login, and the mechanism has accepted the broker.
pub(super) struct Grant {
    pub(super) login: Login,
    /// The time after which the login has to be renewed; `None` is never (KIP-368).
    pub(super) lifetime: Option<Duration>,
}

impl Authentication {
    /// Sends the name of the mechanism. The mechanism's exchange begins when the broker has accepted the name: if another
    /// mechanism is used, this one may not be able to begin, and need not.
    pub(super) fn begin(login: Login, versions: &Versions) -> Result<(Self, Line), Failure> {
        let Some(version) = common_version::<SaslHandshakeRequest>(versions, SaslHandshakeRequest::VERSIONS)
        else {
            return Err(refused(&*login.mechanism, NO_SASL.to_owned()));
        };
        let token_version = match version {
            0 => None,
            _ => common_version::<SaslAuthenticateRequest>(versions, SaslAuthenticateRequest::VERSIONS),
        };
        let version = if token_version.is_some() { version } else { 0 };
        let request =
            SaslHandshakeRequest { mechanism: login.mechanism.name().to_owned(), ..Default::default() };
        let step = Step::Handshake { version, opening: None };
        Ok((Self { login, token_version, step }, Line::Handshake { version, request }))
    }

    /// The same on a connection that is in use. The exchange begins before the handshake is sent: after the handshake the
    /// broker accepts only a token, so waiting for a token would block everything else on the connection.
    pub(super) fn begin_again(login: Login, versions: &Versions) -> Result<(Self, Line), Failure> {
        let opening = Opening::of(&login)?;
        let (mut authentication, line) = Self::begin(login, versions)?;
        if let Step::Handshake { opening: unopened, .. } = &mut authentication.step {
            *unopened = Some(opening);
        }
        Ok((authentication, line))
    }

    /// The broker closed the connection. Without requests around tokens it has no other way to refuse.
    pub(super) fn cut_off(&self) -> Option<Failure> {
        let is_bare = matches!(self.step, Step::Token(_)) && self.token_version.is_none();
        is_bare.then(|| refused(&*self.login.mechanism, CUT_OFF.to_owned()))
    }

    /// Reads the answer to the last message.
    pub(super) fn frame(&mut self, frame: &[u8]) -> Result<Progress, Failure> {
        let mechanism = &*self.login.mechanism;
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Handshake { version, opening } => {
                named(mechanism, version, frame, opening.is_some())?;
                let Opening { exchange, token } = opening.map_or_else(|| Opening::of(&self.login), Ok)?;
                self.step = Step::Token(exchange);
                Ok(Progress::Say(self.token(token)))
            }
            Step::Token(mut exchange) => {
                let (challenge, lifetime) = match self.token_version {
                    None => (frame.to_vec(), None),
                    Some(version) => accepted(mechanism, version, frame)?,
                };
                match exchange.respond(&challenge).map_err(|error| mechanism_failure(mechanism, &error))? {
                    Some(token) => {
                        self.step = Step::Token(exchange);
                        Ok(Progress::Say(self.token(token.into())))
                    }
                    None => Ok(Progress::Over(Grant { login: self.login.clone(), lifetime })),
                }
            }
            Step::Over => Err(Failure::passing("a response arrived after the authentication had ended")),
        }
    }

    fn token(&self, token: Secret) -> Line {
        match self.token_version {
            None => Line::Bare(token),
            Some(version) => Line::Token { version, token },
        }
    }
}

impl Opening {
    fn of(login: &Login) -> Result<Self, Failure> {
        let fault = |error| mechanism_failure(&*login.mechanism, &error);
        let mut exchange = login.mechanism.begin(&login.host).map_err(fault)?;
        let token = exchange.first().map_err(fault)?.into();
        Ok(Self { exchange, token })
    }
}

impl Line {
    /// Whether the answer begins with the correlation id.
    pub(super) fn has_correlation(&self) -> bool {
        !matches!(self, Self::Bare(_))
    }

    /// Wipes what is left of a token then.
    pub(super) fn into_frame(self, correlation: i32, client_id: &str) -> Frame {
        match self {
            Self::Handshake { version, request } => {
                protocol::encode_request(correlation, version, Some(client_id), &request)
            }
            Self::Token { version, token } => {
                let mut request = SaslAuthenticateRequest {
                    auth_bytes: AuthBytes(token.into_bytes()),
                    ..Default::default()
                };
                let frame = protocol::encode_request(correlation, version, Some(client_id), &request);
                wipe(&mut request.auth_bytes.0);
                frame
            }
            Self::Bare(token) => protocol::bare_frame(token.bytes()),
        }
    }
}

/// Reads the answer to the name of the mechanism.
fn named(mechanism: &dyn SaslMechanism, version: i16, frame: &[u8], again: bool) -> Result<(), Failure> {
    let (_, response) = protocol::decode_response::<SaslHandshakeRequest>(version, frame)
        .map_err(|error| Failure::passing(format!("its SaslHandshake response can't be read: {error}")))?;
    match response.error_code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
            let offered = response.mechanisms;
            let cause = match &offered[..] {
                [] => "it does not offer this mechanism".to_owned(),
                offered => format!(
                    "it does not offer this mechanism; it offers {}; set sasl_mechanism to one of these",
                    one_line(&offered.join(", "))
                ),
            };
            let name = mechanism.name().to_owned();
            Err(Failure::Refused { mechanism: name, cause, offered: Some(offered) })
        }
        ErrorCode::ILLEGAL_SASL_STATE if !again => Err(refused(mechanism, NO_SASL.to_owned())),
        code => Err(Failure::passing(format!("it rejected the SaslHandshake request: {code}"))),
    }
}

/// The challenge in the answer to a token, and the lifetime of the session if the answer was the last.
fn accepted(
    mechanism: &dyn SaslMechanism,
    version: i16,
    frame: &[u8],
) -> Result<(Vec<u8>, Option<Duration>), Failure> {
    let (_, response) = protocol::decode_response::<SaslAuthenticateRequest>(version, frame)
        .map_err(|error| Failure::passing(format!("its SaslAuthenticate response can't be read: {error}")))?;
    match response.error_code {
        ErrorCode::NONE => {
            let lifetime = u64::try_from(response.session_lifetime_ms).ok().filter(|millis| *millis > 0);
            Ok((response.auth_bytes.0, lifetime.map(Duration::from_millis)))
        }
        code @ (ErrorCode::SASL_AUTHENTICATION_FAILED | ErrorCode::ILLEGAL_SASL_STATE) => {
            let words = response.error_message.filter(|words| !words.is_empty());
            let remedy = match code {
                ErrorCode::SASL_AUTHENTICATION_FAILED => remedy(mechanism.name()),
                _ => "",
            };
            let words = words.map_or_else(|| code.to_string(), |words| one_line(&words));
            Err(refused(mechanism, format!("{words}{remedy}")))
        }
        code => Err(Failure::passing(format!("it could not check the credentials: {code}"))),
    }
}

/// The text of a peer goes to logs and errors, so it must not be longer than a line and has no control characters.
fn one_line(words: &str) -> String {
    words.chars().take(LONGEST_WORDS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Brokers do not say what is wrong with a login, because that would help attackers.
fn remedy(mechanism: &str) -> &'static str {
    match mechanism {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => "; check the user name and the password",
        "OAUTHBEARER" => "; check the token's lifetime, audience and issuer, and this machine's clock",
        _ => "",
    }
}

fn refused(mechanism: &dyn SaslMechanism, cause: String) -> Failure {
    Failure::Refused { mechanism: mechanism.name().to_owned(), cause, offered: None }
}

/// The mechanism itself fails.
fn mechanism_failure(mechanism: &dyn SaslMechanism, error: &SaslError) -> Failure {
    match error.is_transient() {
        true => Failure::passing(format!("{}: {error}", mechanism.name())),
        false => refused(mechanism, error.to_string()),
    }
}

/// The most characters of a broker's message.
const LONGEST_WORDS: usize = 300;
const NO_SASL: &str = "its port does not support SASL; set security_protocol to PLAINTEXT or SSL, or use the port of a listener \
                       with SASL";
const CUT_OFF: &str = "it closed the connection without a response; brokers before 1.0 do this when authentication fails; check the user name and the password";

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};
    use crate::protocol::{
        ApiKey, SaslAuthenticateResponse, SaslHandshakeResponse, decode_request, decode_request_header,
        encode_response,
    };

    /// Sends each of `tokens`, and expects "yes" after the last.
    struct Speaker(&'static [&'static str]);

    struct Speech(std::slice::Iter<'static, &'static str>);

    impl SaslMechanism for Speaker {
        fn name(&self) -> &str {
            "SPEAKER"
        }

        fn begin(&self, host: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
            match host {
                "nowhere" => Err(SaslError::transient("nothing to say yet")),
                _ => Ok(Box::new(Speech(self.0.iter()))),
            }
        }
    }

    impl SaslExchange for Speech {
        fn first(&mut self) -> Result<Vec<u8>, SaslError> {
            Ok(self.0.next().unwrap().as_bytes().to_vec())
        }

        fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
            match self.0.next() {
                Some(token) => Ok(Some(token.as_bytes().to_vec())),
                None if challenge == b"yes" => Ok(None),
                None => Err(SaslError::refused("the broker did not say yes")),
            }
        }
    }

    const HANDSHAKES: (ApiKey, i16, i16) = (ApiKey::SASL_HANDSHAKE, 0, 1);
    const TOKENS: (ApiKey, i16, i16) = (ApiKey::SASL_AUTHENTICATE, 0, 2);

    fn login(host: &str) -> Login {
        Login { mechanism: Arc::new(Speaker(&["one", "two"])), host: host.into() }
    }

    fn begin(host: &str, versions: &[(ApiKey, i16, i16)]) -> Result<(Authentication, Line), Failure> {
        Authentication::begin(login(host), &versions.to_vec())
    }

    /// As it is written, without its length.
    fn written(line: Line) -> Vec<u8> {
        line.into_frame(7, "me").to_vec().split_off(4)
    }

    fn token(progress: Result<Progress, Failure>) -> Vec<u8> {
        let Ok(Progress::Say(line)) = progress else { panic!("it says nothing") };
        assert!(line.has_correlation());
        let bytes = written(line);
        let (header, body) = decode_request_header(&bytes).unwrap();
        assert_eq!((header.version, header.correlation_id), (2, 7));
        let request: SaslAuthenticateRequest = decode_request(header.version, body).unwrap();
        request.auth_bytes.0
    }

    fn bare(progress: Result<Progress, Failure>) -> Vec<u8> {
        let Ok(Progress::Say(line)) = progress else { panic!("it says nothing") };
        assert!(!line.has_correlation());
        written(line)
    }

    fn lifetime(progress: Result<Progress, Failure>) -> Option<Duration> {
        let Ok(Progress::Over(grant)) = progress else { panic!("it is not over") };
        grant.lifetime
    }

    fn handshake(version: i16, error_code: ErrorCode, mechanisms: &[&str]) -> Vec<u8> {
        let mechanisms = mechanisms.iter().map(|name| (*name).to_owned()).collect();
        let response = SaslHandshakeResponse { error_code, mechanisms, ..Default::default() };
        encode_response::<SaslHandshakeRequest>(0, version, &response).to_vec().split_off(4)
    }

    fn challenge(error_code: ErrorCode, words: Option<&str>, bytes: &str) -> Vec<u8> {
        answer(error_code, words, bytes, 0)
    }

    fn answer(error_code: ErrorCode, words: Option<&str>, bytes: &str, session_lifetime_ms: i64) -> Vec<u8> {
        let response = SaslAuthenticateResponse {
            session_lifetime_ms,
            error_code,
            error_message: words.map(str::to_owned),
            auth_bytes: AuthBytes(bytes.as_bytes().to_vec()),
            ..Default::default()
        };
        encode_response::<SaslAuthenticateRequest>(7, 2, &response).to_vec().split_off(4)
    }

    /// The state after the handshake and the first token.
    fn speaking() -> Authentication {
        let (mut authentication, line) = begin("host", &[HANDSHAKES, TOKENS]).unwrap();
        let bytes = written(line);
        let (header, body) = decode_request_header(&bytes).unwrap();
        assert_eq!((header.api_key, header.version), (ApiKey::SASL_HANDSHAKE, 1));
        let request: SaslHandshakeRequest = decode_request(1, body).unwrap();
        assert_eq!(request.mechanism, "SPEAKER");
        assert_eq!(token(authentication.frame(&handshake(1, ErrorCode::NONE, &["SPEAKER"]))), b"one");
        authentication
    }

    #[test]
    fn tokens_go_to_and_fro_until_the_mechanism_is_content() {
        let mut authentication = speaking();
        // Only the last answer has the lifetime.
        let first = answer(ErrorCode::NONE, None, "go on", 5);
        assert_eq!(token(authentication.frame(&first)), b"two");
        assert_eq!(lifetime(authentication.frame(&answer(ErrorCode::NONE, None, "yes", 3000))), {
            Some(Duration::from_secs(3))
        });
        assert!(authentication.cut_off().is_none());
        assert!(authentication.frame(&answer(ErrorCode::NONE, None, "yes", 0)).is_err(), "one more");
        for millis in [0, -1, i64::MIN] {
            let mut authentication = speaking();
            authentication.frame(&first).unwrap();
            let last = authentication.frame(&answer(ErrorCode::NONE, None, "yes", millis));
            assert_eq!(lifetime(last), None, "{millis}");
        }
    }

    #[test]
    fn to_an_old_broker_tokens_go_bare_and_its_refusal_is_that_it_hangs_up() {
        for versions in [&[(ApiKey::SASL_HANDSHAKE, 0, 0), TOKENS][..], &[HANDSHAKES]] {
            let (mut authentication, line) = begin("host", versions).unwrap();
            assert_eq!(written(line)[..4], [0, 17, 0, 0]);
            assert!(authentication.cut_off().is_none());
            let taken = authentication.frame(&handshake(0, ErrorCode::NONE, &["SPEAKER"]));
            assert_eq!(bare(taken), b"one");
            assert!(matches!(authentication.cut_off(), Some(Failure::Refused { offered: None, .. })));
            assert_eq!(bare(authentication.frame(b"go on")), b"two");
            assert_eq!(lifetime(authentication.frame(b"yes")), None);
        }
    }

    /// On a connection that is in use. A mechanism that is not ready or refuses says so before anything is sent to the
    /// broker.
    #[test]
    fn the_second_time_the_exchange_begins_before_the_handshake() {
        let versions = vec![HANDSHAKES, TOKENS];
        let (mut authentication, line) = Authentication::begin_again(login("host"), &versions).unwrap();
        assert_eq!(written(line)[..4], [0, 17, 0, 1]);
        assert_eq!(token(authentication.frame(&handshake(1, ErrorCode::NONE, &["SPEAKER"]))), b"one");
        let not_ready = Authentication::begin_again(login("nowhere"), &versions).err();
        assert_eq!(not_ready, Some(Failure::passing("SPEAKER: nothing to say yet")));
        // A broker that refuses a second handshake is not one without SASL.
        let (mut authentication, _) = Authentication::begin_again(login("host"), &versions).unwrap();
        let refused = authentication.frame(&handshake(1, ErrorCode::ILLEGAL_SASL_STATE, &[])).err();
        assert_eq!(
            refused,
            Some(Failure::passing("it rejected the SaslHandshake request: ILLEGAL_SASL_STATE (34)"))
        );
    }

    #[test]
    fn a_refusal_has_the_brokers_words_and_one_without_any_its_code() {
        for (code, words, expected) in [
            (ErrorCode::SASL_AUTHENTICATION_FAILED, Some("wrong password"), "wrong password"),
            (ErrorCode::SASL_AUTHENTICATION_FAILED, Some(""), "SASL_AUTHENTICATION_FAILED (58)"),
            (ErrorCode::ILLEGAL_SASL_STATE, None, "ILLEGAL_SASL_STATE (34)"),
        ] {
            let refused = speaking().frame(&challenge(code, words, ""));
            let (mechanism, cause) = ("SPEAKER".to_owned(), expected.to_owned());
            assert_eq!(refused.err(), Some(Failure::Refused { mechanism, cause, offered: None }));
        }
    }

    #[test]
    fn a_mechanism_that_the_broker_does_not_have_is_refused_with_those_that_it_has() {
        let (mut authentication, _) = begin("host", &[HANDSHAKES, TOKENS]).unwrap();
        let answer = handshake(1, ErrorCode::UNSUPPORTED_SASL_MECHANISM, &["PLAIN", "GSSAPI"]);
        let Err(Failure::Refused { cause, offered, .. }) = authentication.frame(&answer) else {
            panic!("it is taken");
        };
        assert_eq!(offered, Some(vec!["PLAIN".to_owned(), "GSSAPI".to_owned()]));
        assert!(cause.contains("PLAIN, GSSAPI; set sasl_mechanism"), "{cause}");
    }

    #[test]
    fn a_port_without_sasl_is_called_that() {
        let no_sasl = |failure: Option<Failure>| {
            let Some(Failure::Refused { cause, offered: None, .. }) = failure else { panic!("{failure:?}") };
            assert!(cause.contains("security_protocol"), "{cause}");
        };
        no_sasl(begin("host", &[TOKENS]).err());
        let (mut authentication, _) = begin("host", &[HANDSHAKES, TOKENS]).unwrap();
        no_sasl(authentication.frame(&handshake(1, ErrorCode::ILLEGAL_SASL_STATE, &[])).err());
    }

    /// Peers are not trusted. An error that may pass is tried again.
    #[test]
    fn the_mechanisms_own_faults_and_what_can_not_be_read() {
        let mut authentication = speaking();
        authentication.frame(&challenge(ErrorCode::NONE, None, "go on")).unwrap();
        let refused = authentication.frame(&challenge(ErrorCode::NONE, None, "no")).err();
        assert!(
            matches!(&refused, Some(Failure::Refused { cause, .. }) if cause == "the broker did not say yes")
        );

        let (mut authentication, _) = begin("nowhere", &[HANDSHAKES, TOKENS]).unwrap();
        let taken = authentication.frame(&handshake(1, ErrorCode::NONE, &[]));
        assert_eq!(taken.err(), Some(Failure::passing("SPEAKER: nothing to say yet")));

        let is_transient =
            |answer: &[u8]| matches!(speaking().frame(answer), Err(Failure::Attempt { is_fatal: false, .. }));
        assert!(is_transient(&challenge(ErrorCode::UNKNOWN_SERVER_ERROR, None, "")));
        assert!(is_transient(&[]) && is_transient(&[0, 0, 0, 1, 0]));
    }

    /// Hostile answers at each step.
    #[test]
    fn hostile_authentication() {
        let right = [
            handshake(1, ErrorCode::NONE, &["SPEAKER"]),
            handshake(1, ErrorCode::UNSUPPORTED_SASL_MECHANISM, &["PLAIN", "SCRAM-SHA-256"]),
            challenge(ErrorCode::NONE, None, "go on"),
            answer(ErrorCode::NONE, None, "yes", 60_000),
            challenge(ErrorCode::SASL_AUTHENTICATION_FAILED, Some("wrong password"), ""),
            b"a bare token".to_vec(),
        ];
        attack("authentication", &right, &[], |_, random, bytes| {
            let versions =
                [&[HANDSHAKES, TOKENS][..], &[HANDSHAKES], &[(ApiKey::SASL_HANDSHAKE, 0, 0), TOKENS]];
            let (mut authentication, _) = begin("host", versions[random.usize(..3)]).unwrap();
            let valid_before = random.usize(..3);
            for valid in [&right[0], &right[2]][..valid_before].iter() {
                let _ = authentication.frame(valid);
            }
            let read = in_proportion(bytes, 0, || authentication.frame(bytes));
            if let Err(Failure::Attempt { cause, .. } | Failure::Refused { cause, .. }) = &read {
                assert!(cause.len() < 2000, "{cause}");
            }
            let again = in_proportion(bytes, 0, || authentication.frame(bytes));
            let _ = authentication.cut_off();
            read.is_ok() || again.is_ok()
        });
    }
}
