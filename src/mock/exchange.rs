//! The broker's side of the mechanisms: a token in, a challenge or a verdict out. As Kafka's own SASL servers are.

use crate::mock::credentials::{Credentials, Mechanism};
#[cfg(feature = "scram")]
use crate::mock::scram::Scram;
use crate::mock::step::Step;

#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    OauthBearer {
        /// What was said against the token; the client is to show that it has heard it.
        refusal: Option<&'static str>,
    },
    #[cfg(feature = "scram")]
    Scram(Scram),
}

impl Exchange {
    pub(super) fn begin(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::OauthBearer => Self::OauthBearer { refusal: None },
            #[cfg(feature = "scram")]
            Mechanism::Scram(hash) => Self::Scram(Scram::new(hash)),
        }
    }

    /// Whether the next token is the one that is answered with a signature.
    pub(super) fn awaits_proof(&self) -> bool {
        match self {
            Self::Plain | Self::OauthBearer { .. } => false,
            #[cfg(feature = "scram")]
            Self::Scram(scram) => scram.awaits_proof(),
        }
    }

    /// `forges`: if it is answered with a signature, that is a wrong one.
    #[cfg_attr(not(feature = "scram"), expect(unused_variables, reason = "only SCRAM signs"))]
    pub(super) fn respond(&mut self, credentials: &mut Credentials, token: &[u8], forges: bool) -> Step {
        match self {
            Self::Plain => plain(credentials, token),
            Self::OauthBearer { refusal: Some(refusal) } if token == [SEPARATOR as u8] => {
                Step::RefusedBecause((*refusal).to_owned())
            }
            Self::OauthBearer { refusal } => {
                let step = bearer(credentials, token);
                if let Step::Challenge(_) = step {
                    *refusal = Some(INVALID_TOKEN);
                }
                step
            }
            #[cfg(feature = "scram")]
            Self::Scram(scram) => scram.respond(credentials, token, forges),
        }
    }
}

/// RFC 4616: whom to act for (nobody else), the user, the password.
fn plain(credentials: &Credentials, token: &[u8]) -> Step {
    let text = String::from_utf8_lossy(token);
    let mut parts = text.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (authorized, user, password) = (next(), next(), next());
    match () {
        () if user.is_empty() || password.is_empty() => Step::Refused,
        () if !credentials.knows(user, password) => Step::RefusedBecause(WRONG_PASSWORD.to_owned()),
        () if !authorized.is_empty() && authorized != user => Step::RefusedBecause(FOR_ANOTHER.to_owned()),
        () => Step::Accepted { principal: user.to_owned(), last: Vec::new() },
    }
}

/// RFC 7628. What is wrong with a token comes as a challenge; a message that is none ends it.
fn bearer(credentials: &Credentials, token: &[u8]) -> Step {
    let Some((authorized, token)) = std::str::from_utf8(token).ok().and_then(parts) else {
        return Step::Refused;
    };
    match credentials.owner(token) {
        None => Step::Challenge(INVALID_TOKEN.as_bytes().to_vec()),
        Some(owner) if !authorized.is_empty() && authorized != owner => Step::RefusedBecause(format!(
            "Authentication failed: Client requested an authorization id ({authorized}) that is different from the \
             token's principal name ({owner})"
        )),
        Some(principal) => Step::Accepted { principal, last: Vec::new() },
    }
}

/// Whom to act for, and the token.
fn parts(message: &str) -> Option<(&str, &str)> {
    let (header, rest) = message.strip_prefix("n,")?.split_once(",\x01")?;
    let authorized = if header.is_empty() { header } else { header.strip_prefix("a=")? };
    let mut pairs = rest.strip_suffix("\x01\x01")?.split(SEPARATOR);
    let (scheme, token) = pairs.next()?.strip_prefix("auth=")?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
    let is_extension = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
            is_name && name != "auth" && !value.is_empty()
        })
    };
    let is_readable = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.bytes().all(is_token)
        && pairs.all(is_extension);
    is_readable.then_some((authorized, token))
}

const SEPARATOR: char = '\x01';
const INVALID_TOKEN: &str = "{\"status\":\"invalid_token\"}";
const WRONG_PASSWORD: &str = "Authentication failed: Invalid username or password";
const FOR_ANOTHER: &str =
    "Authentication failed: Client requested an authorization id that is different from username";
