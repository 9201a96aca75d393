//! OAUTHBEARER (RFC 7628, KIP-255, with the extensions of KIP-342): a token proves the client's identity. Anybody who can read
//! the connection can read the token, so it needs TLS.
//!
//! ```text
//!   Begun ──token──▶ Sent ──accepted──▶ Over
//!                     │ refused
//!                     ▼
//!                  Refused ──one byte; the broker then refuses as for any mechanism──▶ Over
//! ```

mod extensions;
mod keeper;
mod provider;
mod refresh;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

use std::fmt;
use std::sync::Arc;

use self::extensions::Extensions;
use self::keeper::{Held, Keeper};
pub use self::provider::{OauthToken, OauthTokenProvider};
pub(crate) use self::refresh::Refresh;
use super::mechanism::{SaslError, SaslExchange, SaslMechanism};
use crate::time::Clock;

pub(crate) struct OauthBearer {
    keeper: Arc<Keeper>,
}

impl OauthBearer {
    /// `extensions` are sent with each token, unless the provider returns one of the same name.
    ///
    /// # Errors
    /// If the message can't contain the name or the value of an extension.
    pub(crate) fn new(
        provider: Arc<dyn OauthTokenProvider>,
        extensions: Vec<(String, String)>,
        refresh: Refresh,
        clock: Clock,
    ) -> Result<Self, SaslError> {
        let extensions = Extensions::new(extensions).map_err(SaslError::refused)?;
        Ok(Self { keeper: Arc::new(Keeper::new(provider, extensions, refresh, clock, keeper::spawn)) })
    }
}

impl fmt::Debug for OauthBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthBearer").finish_non_exhaustive()
    }
}

impl SaslMechanism for OauthBearer {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    /// Fetches the first token, so that it is there for the first connection if possible.
    fn prepare(&self) {
        drop(self.keeper.token());
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        let held = self.keeper.token()?;
        Ok(Box::new(Exchange { keeper: Arc::clone(&self.keeper), held, state: State::Begun }))
    }
}

struct Exchange {
    keeper: Arc<Keeper>,
    held: Arc<Held>,
    state: State,
}

enum State {
    Begun,
    Sent,
    Refused { words: String },
    Over,
}

impl SaslExchange for Exchange {
    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        let State::Begun = std::mem::replace(&mut self.state, State::Sent) else {
            return Err(out_of_turn());
        };
        Ok(message(&self.held))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Sent if challenge.is_empty() => Ok(None),
            State::Sent => {
                self.keeper.refused(&self.held);
                self.state = State::Refused { words: words(challenge) };
                Ok(Some(vec![SEPARATOR]))
            }
            State::Refused { words } => {
                Err(SaslError::refused(format!("the broker rejected the token: {words}")))
            }
            State::Begun | State::Over => Err(out_of_turn()),
        }
    }
}

const SEPARATOR: u8 = 1;

/// One allocation: a vector that grows leaves parts of the token in memory.
fn message(held: &Held) -> Vec<u8> {
    const BEFORE: &[u8] = b"n,,\x01auth=Bearer ";
    let pairs = || held.extensions.iter();
    let of_pairs: usize = pairs().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut message = Vec::with_capacity(BEFORE.len() + held.value.bytes().len() + of_pairs + 2);
    message.extend_from_slice(BEFORE);
    message.extend_from_slice(held.value.bytes());
    for (name, value) in pairs() {
        message.push(SEPARATOR);
        message.extend_from_slice(name.as_bytes());
        message.push(b'=');
        message.extend_from_slice(value.as_bytes());
    }
    message.extend_from_slice(&[SEPARATOR, SEPARATOR]);
    message
}

/// The broker's text: at most one line, without control characters.
fn words(challenge: &[u8]) -> String {
    let words = String::from_utf8_lossy(challenge);
    words.chars().take(300).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn out_of_turn() -> SaslError {
    SaslError::refused("the broker sent another message after OAUTHBEARER had ended")
}
