//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither sends it.
//!
//! ```text
//!   Begun ──first message──▶ Greeted ──salt, rounds──▶ Proven ──signature of the broker──▶ Over
//! ```
//!
//! As in the Java client, the password is used as its UTF-8 bytes. It is not prepared by SASLprep: for a few rare letters
//! that would give another password than the brokers' tools have stored.

mod hash;
mod messages;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mechanism::{SaslError, SaslExchange, SaslMechanism};
use super::secret::Secret;
use crate::sync::Mutex;

pub(crate) use self::hash::{Hash, SHA_256, SHA_512};
use self::messages::{ServerFinal, ServerFirst};

pub(crate) struct Scram {
    login: Arc<Login>,
}

struct Login {
    hash: &'static dyn Hash,
    /// Escaped for messages.
    username: String,
    password: Secret,
    is_token: bool,
    salted: Mutex<Option<Salted>>,
}

/// A salted password, which is expensive to compute. All brokers of a cluster have the same salt for a user, so one is enough
/// for all connections.
#[derive(Clone)]
struct Salted {
    salt: Vec<u8>,
    iterations: u32,
    password: Secret,
}

impl Scram {
    /// With `is_token`, name and password are the id and the HMAC of a delegation token (KIP-48).
    pub(crate) fn new(
        hash: &'static dyn Hash,
        username: &str,
        password: Secret,
        is_token: bool,
    ) -> Result<Self, SaslError> {
        let wrong = match () {
            () if username.is_empty() => "the user name is empty",
            () if password.is_empty() => "the password is empty",
            () if username.contains('\0') => {
                "the user name contains a NUL character, which SCRAM does not allow"
            }
            () => {
                let username = messages::escaped(username);
                let salted = Mutex::new(None);
                return Ok(Self { login: Arc::new(Login { hash, username, password, is_token, salted }) });
            }
        };
        Err(SaslError::refused(wrong))
    }

    /// Begins an exchange with this nonce, which must not be guessable.
    fn exchange(&self, nonce: String) -> Exchange {
        Exchange { login: Arc::clone(&self.login), state: State::Begun { nonce } }
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Login { hash, username, is_token, .. } = &*self.login;
        let mut debug = f.debug_struct("Scram");
        debug.field("name", &hash.mechanism()).field("username", username);
        debug.field("is_token", is_token).finish_non_exhaustive()
    }
}

impl SaslMechanism for Scram {
    fn name(&self) -> &str {
        self.login.hash.mechanism()
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        // 144 bits, and no padding; base64 has no comma.
        let mut random = [0; 18];
        getrandom::fill(&mut random)
            .map_err(|error| SaslError::transient(format!("the system returned no random bytes: {error}")))?;
        Ok(Box::new(self.exchange(STANDARD.encode(random))))
    }
}

struct Exchange {
    login: Arc<Login>,
    state: State,
}

enum State {
    Begun {
        nonce: String,
    },
    Greeted {
        nonce: String,
        /// The client's first message without its header: a part of the text that both sides sign.
        bare: String,
    },
    Proven {
        server_key: Secret,
        /// The text that both sides have signed.
        signed: String,
    },
    /// After success or failure.
    Over,
}

impl SaslExchange for Exchange {
    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        let State::Begun { nonce } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(out_of_turn());
        };
        let bare = messages::client_first_bare(&self.login.username, &nonce, self.login.is_token);
        let message = format!("{}{bare}", messages::GS2_HEADER);
        self.state = State::Greeted { nonce, bare };
        Ok(message.into_bytes())
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Greeted { nonce, bare } => {
                let first = ServerFirst::parse(challenge, &nonce)?;
                let salted = self.login.salted(&first.salt, first.iterations);
                let unproven = messages::client_final_unproven(first.nonce);
                let signed = format!("{bare},{},{unproven}", first.text);
                let (proof, server_key) = hash::proof(self.login.hash, &salted, signed.as_bytes());
                self.state = State::Proven { server_key, signed };
                Ok(Some(format!("{unproven},p={}", STANDARD.encode(proof.bytes())).into_bytes()))
            }
            State::Proven { server_key, signed } => {
                let ServerFinal { signature } = ServerFinal::parse(challenge)?;
                match self.login.hash.verifies(server_key.bytes(), signed.as_bytes(), &signature) {
                    true => Ok(None),
                    false => Err(SaslError::refused(WRONG_SIGNATURE)),
                }
            }
            State::Begun { .. } | State::Over => Err(out_of_turn()),
        }
    }
}

const WRONG_SIGNATURE: &str = "the broker's signature is wrong: the broker does not know the password, so the broker is \
                               not authentic";

fn out_of_turn() -> SaslError {
    SaslError::refused("the broker sent another message after SCRAM had ended")
}

impl Login {
    /// The salted password. The last one is used again if the salt is the same.
    ///
    /// This is the cost of SCRAM, and it is paid on the sender thread. 4096 rounds, Kafka's usual number, take about 0.5 ms
    /// with SHA-256 and 2 ms with SHA-512. The largest accepted number, a million, takes 0.1 to 0.5 s. Without the cache, the
    /// return of a cluster with a hundred brokers would block the thread for 0.2 s.
    fn salted(&self, salt: &[u8], iterations: u32) -> Secret {
        let known = self.salted.lock().clone();
        match known {
            Some(known) if known.salt == salt && known.iterations == iterations => known.password,
            _ => {
                let password = self.hash.stretch(self.password.bytes(), salt, iterations);
                let salted = Salted { salt: salt.to_vec(), iterations, password: password.clone() };
                *self.salted.lock() = Some(salted);
                password
            }
        }
    }
}
