//! How far a connection is with saying who its client is, as a broker sees it (KIP-43, KIP-152, KIP-368).
//!
//! ```text
//!   Stranger ──ApiVersions, once──▶ Stranger
//!      │ SaslHandshake
//!      ▼
//!   Speaking ──token──▶ Speaking
//!      │      └─refused──▶ Over
//!      ▼ accepted
//!    Known ──SaslHandshake──▶ Speaking (again), with another mechanism Doomed ──anything──▶ Over
//!      └─anything else once its time is over──▶ Over
//! ```
//!
//! The rules are those of Kafka's `SaslServerAuthenticator`, `KafkaChannel` and `SocketServer`: whatever does not fit
//! ends the connection, mostly without a word.

use std::time::Duration;

use crate::mock::credentials::{Credentials, Mechanism};
use crate::mock::exchange::Exchange;
use crate::mock::step::Step;
use crate::protocol::{ApiKey, ErrorCode};
use crate::time::Instant;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

#[derive(Debug)]
pub(super) struct Login {
    state: State,
    /// Who was accepted before, by what, and until when.
    known: Option<Known>,
    /// When it was last begun to say it again.
    again: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Stranger { has_asked_for_versions: bool },
    Speaking { exchange: Exchange, mechanism: Mechanism, is_bare: bool },
    Known,
    Doomed,
    Over,
}

#[derive(Debug)]
struct Known {
    mechanism: Mechanism,
    principal: String,
    until: Option<Instant>,
}

/// Whether a request that is not about SASL is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// It is answered with an error, and the connection ends.
    Wrong,
    Shut,
}

/// What a mechanism's name comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Taken,
    /// And the connection goes on all the same.
    Ignored(ErrorCode),
    Refused(ErrorCode),
    Shut,
}

/// What a token comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Challenge(Vec<u8>),
    Accepted {
        last: Vec<u8>,
        lifetime: Duration,
    },
    Refused(String),
    /// It is not the time for one; the connection goes on.
    Ignored(&'static str),
    Shut,
}

impl Login {
    pub(super) fn new() -> Self {
        Self { state: State::Stranger { has_asked_for_versions: false }, known: None, again: None }
    }

    /// Who the client is, if it has ever said so.
    pub(super) fn principal(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.principal.as_str())
    }

    /// Whether the next frame is a token and no request.
    pub(super) fn awaits_bare_token(&self) -> bool {
        matches!(self.state, State::Speaking { is_bare: true, .. })
    }

    /// Whether the next token is the one that is answered with a signature.
    pub(super) fn awaits_proof(&self) -> bool {
        matches!(&self.state, State::Speaking { exchange, .. } if exchange.awaits_proof())
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) fn end(&mut self) {
        self.state = State::Over;
    }

    /// A request that is neither of SASL's. `is_known`: the broker speaks its version.
    pub(super) fn gate(&mut self, api: ApiKey, is_known: bool, now: Instant) -> Gate {
        let has_expired = self.has_expired(now);
        match &mut self.state {
            State::Stranger { has_asked_for_versions } if api == ApiKey::API_VERSIONS => {
                let was = std::mem::replace(has_asked_for_versions, *has_asked_for_versions || is_known);
                if was { self.shut() } else { Gate::Open }
            }
            State::Known if !has_expired => Gate::Open,
            State::Speaking { is_bare: false, .. } => {
                self.end();
                Gate::Wrong
            }
            _ => self.shut(),
        }
    }

    /// The client names a mechanism, at first or again.
    pub(super) fn name(
        &mut self,
        credentials: &Credentials,
        name: &str,
        version: i16,
        now: Instant,
    ) -> Naming {
        let offered = credentials.mechanisms();
        let offered = offered.into_iter().find(|mechanism| mechanism.name() == name);
        match self.state {
            State::Stranger { .. } => {}
            State::Known if self.may_speak_again(now) => self.again = Some(now),
            State::Known if !self.has_expired(now) => return Naming::Ignored(ErrorCode::ILLEGAL_SASL_STATE),
            State::Speaking { is_bare: false, .. } => {
                self.end();
                return Naming::Refused(ErrorCode::ILLEGAL_SASL_STATE);
            }
            State::Known | State::Speaking { .. } | State::Doomed | State::Over => {
                self.end();
                return Naming::Shut;
            }
        }
        let Some(mechanism) = offered else {
            self.end();
            return Naming::Refused(ErrorCode::UNSUPPORTED_SASL_MECHANISM);
        };
        self.state = match &self.known {
            Some(known) if known.mechanism.name() != name => State::Doomed,
            _ => {
                let exchange = Exchange::begin(mechanism);
                State::Speaking { exchange, mechanism, is_bare: version == 0 }
            }
        };
        Naming::Taken
    }

    /// `forges`: where it is answered with a signature, that is a wrong one.
    pub(super) fn token(
        &mut self,
        credentials: &mut Credentials,
        token: &[u8],
        forges: bool,
        now: Instant,
    ) -> Verdict {
        let State::Speaking { exchange, mechanism, .. } = &mut self.state else {
            if matches!(self.state, State::Known) && !self.has_expired(now) {
                return Verdict::Ignored(TOO_LATE);
            }
            self.end();
            return Verdict::Shut;
        };
        let mechanism = *mechanism;
        match exchange.respond(credentials, token, forges) {
            Step::Challenge(challenge) => Verdict::Challenge(challenge),
            Step::Accepted { principal, last } => match self.principal() {
                Some(before) if before != principal => {
                    let words = format!(
                        "Cannot change principals during re-authentication from User.{before}: User.{principal}"
                    );
                    self.end();
                    Verdict::Refused(words)
                }
                _ => {
                    let until = credentials.lifetime.map(|lifetime| now + lifetime);
                    self.known = Some(Known { mechanism, principal, until });
                    self.state = State::Known;
                    Verdict::Accepted { last, lifetime: credentials.lifetime.unwrap_or_default() }
                }
            },
            Step::RefusedBecause(words) => {
                self.end();
                Verdict::Refused(words)
            }
            Step::Refused => {
                let during = if self.known.is_some() { "re-authentication" } else { "authentication" };
                self.end();
                Verdict::Refused(format!(
                    "Authentication failed during {during} due to invalid credentials with SASL mechanism {}",
                    mechanism.name()
                ))
            }
        }
    }

    fn shut(&mut self) -> Gate {
        self.end();
        Gate::Shut
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.known.as_ref().and_then(|known| known.until).is_some_and(|until| until < now)
    }

    /// Only where sessions end, and once a second at most.
    fn may_speak_again(&self, now: Instant) -> bool {
        let ends = self.known.as_ref().is_some_and(|known| known.until.is_some());
        ends && self.again.is_none_or(|last| now.since(last) >= Duration::from_secs(1))
    }
}

/// What brokers say on ports without SASL, too.
pub(super) const TOO_LATE: &str = "SaslAuthenticate request received after successful authentication";
