//! The broker's side of SCRAM (RFC 5802, RFC 7677).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::mock::credentials::{Credentials, Keys};
use crate::mock::step::Step;
use crate::security::ScramHash;

#[derive(Debug)]
pub(super) struct Scram {
    hash: &'static dyn ScramHash,
    state: State,
}

#[derive(Debug)]
enum State {
    Begun,
    Challenged {
        user: String,
        keys: Arc<Keys>,
        /// The client's and ours.
        nonce: String,
        /// Both first messages, as they are signed.
        signed: String,
    },
    Over,
}

impl Scram {
    pub(super) fn new(hash: &'static dyn ScramHash) -> Self {
        Self { hash, state: State::Begun }
    }

    /// Whether the next message is the one that is answered with our signature.
    pub(super) fn awaits_proof(&self) -> bool {
        matches!(self.state, State::Challenged { .. })
    }

    /// `forges`: our signature is a wrong one.
    pub(super) fn respond(&mut self, credentials: &mut Credentials, token: &[u8], forges: bool) -> Step {
        let step = match std::mem::replace(&mut self.state, State::Over) {
            State::Begun => self.challenge(credentials, token),
            State::Challenged { user, keys, nonce, signed } => {
                self.check_proof(&user, &keys, &nonce, &signed, token, forges)
            }
            State::Over => None,
        };
        step.unwrap_or(Step::Refused)
    }

    fn challenge(&mut self, credentials: &mut Credentials, token: &[u8]) -> Option<Step> {
        let message = std::str::from_utf8(token).ok()?;
        let bare = message.strip_prefix("n,,").or_else(|| {
            let (authorized, bare) = message.strip_prefix("n,a=")?.split_once(',')?;
            bare.strip_prefix("n=")?.starts_with(authorized).then_some(bare)
        })?;
        let mut attributes = bare.split(',');
        let user = unescaped(attributes.next()?.strip_prefix("n=")?)?;
        let theirs = attributes.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
        // There are no delegation tokens, so nobody's is known.
        if attributes.any(|attribute| attribute == "tokenauth=true") {
            return None;
        }
        let keys = credentials.keys(self.hash, &user)?;
        let nonce = format!("{theirs}{}", credentials.unique("nonce"));
        let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(&keys.salt), keys.iterations);
        let signed = format!("{bare},{challenge}");
        self.state = State::Challenged { user, keys, nonce, signed };
        Some(Step::Challenge(challenge.into_bytes()))
    }

    fn check_proof(
        &self,
        user: &str,
        keys: &Keys,
        nonce: &str,
        signed: &str,
        token: &[u8],
        forges: bool,
    ) -> Option<Step> {
        let message = std::str::from_utf8(token).ok()?;
        let (unproven, proof) = message.rsplit_once(",p=")?;
        let said = unproven.split(',').nth(1)?.strip_prefix("r=")?;
        let proof = STANDARD.decode(proof).ok()?;
        let signed = format!("{signed},{unproven}");
        let signature = self.hash.sign(keys.stored.bytes(), signed.as_bytes());
        let key: Vec<u8> = proof.iter().zip(signature.bytes()).map(|(proof, sign)| proof ^ sign).collect();
        let is_theirs = proof.len() == signature.bytes().len() && self.hash.digest(&key) == keys.stored;
        if said != nonce || !is_theirs {
            return None;
        }
        let mut ours = self.hash.sign(keys.server.bytes(), signed.as_bytes()).into_bytes();
        if forges {
            ours[0] ^= 1;
        }
        let last = format!("v={}", STANDARD.encode(ours)).into_bytes();
        Some(Step::Accepted { principal: user.to_owned(), last })
    }
}

/// A name as it is, of one where comma and equals sign are marks.
fn unescaped(name: &str) -> Option<String> {
    let is_escaped = name.split('=').skip(1).all(|rest| rest.starts_with("2C") || rest.starts_with("3D"));
    (is_escaped && !name.is_empty()).then(|| name.replace("=2C", ",").replace("=3D", "="))
}
