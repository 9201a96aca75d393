//! Answers SaslHandshake and SaslAuthenticate, and tokens that come bare.

use crate::mock::credentials::Credentials;
use crate::mock::faults::Plan;
use crate::mock::login::{Login, Naming, TOO_LATE, Verdict};
use crate::protocol::{
    AuthBytes, ErrorCode, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};
use crate::time::Instant;

/// An answer, and whether the connection ends behind it.
pub(super) struct Said<T> {
    /// `None`: it just ends.
    pub(super) answer: Option<T>,
    pub(super) ends: bool,
}

impl<T> Said<T> {
    fn on(answer: T) -> Self {
        Self { answer: Some(answer), ends: false }
    }

    fn last(answer: T) -> Self {
        Self { answer: Some(answer), ends: true }
    }

    fn end() -> Self {
        Self { answer: None, ends: true }
    }
}

/// Without `login` the port takes no SASL.
pub(super) fn handshake(
    login: Option<&mut Login>,
    credentials: &Credentials,
    plan: &Plan,
    request: &SaslHandshakeRequest,
    version: i16,
    now: Instant,
) -> Said<SaslHandshakeResponse> {
    let mechanisms = || credentials.mechanisms().into_iter().map(|mechanism| mechanism.name().to_owned());
    let answer = |error_code: ErrorCode| SaslHandshakeResponse {
        error_code,
        mechanisms: match error_code {
            ErrorCode::ILLEGAL_SASL_STATE => Vec::new(),
            _ => mechanisms().collect(),
        },
        ..Default::default()
    };
    let Some(login) = login else { return Said::on(answer(ErrorCode::ILLEGAL_SASL_STATE)) };
    if let Some(code) = plan.whole_failure() {
        login.end();
        return Said::last(answer(code));
    }
    match login.name(credentials, &request.mechanism, version, now) {
        Naming::Taken => Said::on(answer(ErrorCode::NONE)),
        Naming::Ignored(code) => Said::on(answer(code)),
        Naming::Refused(code) => Said::last(answer(code)),
        Naming::Shut => Said::end(),
    }
}

/// Without `login` the port takes no SASL.
pub(super) fn authenticate(
    login: Option<&mut Login>,
    credentials: &mut Credentials,
    plan: &Plan,
    request: &SaslAuthenticateRequest,
    now: Instant,
) -> Said<SaslAuthenticateResponse> {
    let refusal = |error_code, words: Option<String>| SaslAuthenticateResponse {
        error_code,
        error_message: words,
        ..Default::default()
    };
    let Some(login) = login else {
        return Said::on(refusal(ErrorCode::ILLEGAL_SASL_STATE, Some(TOO_LATE.to_owned())));
    };
    if let Some(code) = plan.whole_failure() {
        login.end();
        return Said::last(refusal(code, plan.words()));
    }
    let answer = |bytes, session_lifetime_ms| SaslAuthenticateResponse {
        auth_bytes: AuthBytes(edited(plan, bytes)),
        session_lifetime_ms,
        ..Default::default()
    };
    match login.token(credentials, &request.auth_bytes.0, plan.forges, now) {
        Verdict::Challenge(bytes) => Said::on(answer(bytes, 0)),
        Verdict::Accepted { last, lifetime } => {
            Said::on(answer(last, i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)))
        }
        Verdict::Refused(words) => Said::last(refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(words))),
        Verdict::Ignored(words) => Said::on(refusal(ErrorCode::ILLEGAL_SASL_STATE, Some(words.to_owned()))),
        Verdict::Shut => Said::end(),
    }
}

/// A token without anything around it: a refusal has no place to be told in.
pub(super) fn bare(
    login: &mut Login,
    credentials: &mut Credentials,
    plan: &Plan,
    token: &[u8],
    now: Instant,
) -> Said<Vec<u8>> {
    if plan.whole_failure().is_some() {
        login.end();
        return Said::end();
    }
    match login.token(credentials, token, plan.forges, now) {
        Verdict::Challenge(bytes) | Verdict::Accepted { last: bytes, .. } => Said::on(edited(plan, bytes)),
        Verdict::Refused(_) | Verdict::Ignored(_) | Verdict::Shut => Said::end(),
    }
}

fn edited(plan: &Plan, mut token: Vec<u8>) -> Vec<u8> {
    if let Some(edit) = &plan.token_edit {
        (edit.0)(&mut token);
    }
    token
}
