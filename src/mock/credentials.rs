//! Who may log in to a mock cluster, and how. A test may change it at any time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::security::Secret;
#[cfg(feature = "scram")]
use crate::security::{SHA_256, SHA_512, ScramHash};

/// A mechanism that the mock speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mechanism {
    Plain,
    #[cfg(feature = "scram")]
    Scram(&'static dyn ScramHash),
    OauthBearer,
}

impl Mechanism {
    /// As `sasl.enabled.mechanisms` has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "PLAIN" => Some(Self::Plain),
            "OAUTHBEARER" => Some(Self::OauthBearer),
            #[cfg(feature = "scram")]
            "SCRAM-SHA-256" => Some(Self::Scram(SHA_256)),
            #[cfg(feature = "scram")]
            "SCRAM-SHA-512" => Some(Self::Scram(SHA_512)),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            #[cfg(feature = "scram")]
            Self::Scram(hash) => hash.mechanism(),
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// `None`: all by which anybody could ever log in.
    mechanisms: Option<Vec<Mechanism>>,
    /// Whether there ever were any: a cluster whose last user goes is not open to all.
    has_passwords: bool,
    has_tokens: bool,
    users: BTreeMap<String, User>,
    /// Tokens, and whose they are.
    tokens: Vec<(Secret, String)>,
    validator: Option<Validator>,
    /// Of the hash of SCRAM.
    pub(super) iterations: u32,
    /// How long a client is believed (`connections.max.reauth.ms`); `None` is for ever.
    pub(super) lifetime: Option<Duration>,
    /// Salts and nonces that were made.
    #[cfg(feature = "scram")]
    made: u64,
}

#[derive(Clone, Debug)]
struct User {
    password: Secret,
    /// By mechanism, made when they are first asked for: they cost.
    #[cfg(feature = "scram")]
    keys: BTreeMap<&'static str, Arc<Keys>>,
}

/// What is stored of a password: enough to know it again, too little to log in.
#[cfg(feature = "scram")]
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) stored: Secret,
    pub(super) server: Secret,
}

#[cfg(feature = "scram")]
impl Keys {
    fn new(hash: &dyn ScramHash, password: &Secret, salt: Vec<u8>, iterations: u32) -> Self {
        let salted = hash.stretch(password.bytes(), &salt, iterations);
        let stored = hash.digest(hash.sign(salted.bytes(), b"Client Key").bytes());
        let server = hash.sign(salted.bytes(), b"Server Key");
        Self { salt, iterations, stored, server }
    }
}

#[derive(Clone)]
pub(super) struct Validator(Arc<ValidatorFn>);

type ValidatorFn = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            mechanisms: None,
            has_passwords: false,
            has_tokens: false,
            users: BTreeMap::new(),
            tokens: Vec::new(),
            validator: None,
            iterations: KAFKAS_ITERATIONS,
            lifetime: None,
            #[cfg(feature = "scram")]
            made: 0,
        }
    }
}

impl Credentials {
    /// Whether clients have to say who they are.
    pub(super) fn are_asked_for(&self) -> bool {
        self.has_passwords || self.has_tokens || self.mechanisms.is_some()
    }

    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        if let Some(told) = &self.mechanisms {
            return told.clone();
        }
        let mut all = Vec::new();
        if self.has_passwords {
            all.push(Mechanism::Plain);
            #[cfg(feature = "scram")]
            all.extend([Mechanism::Scram(SHA_256), Mechanism::Scram(SHA_512)]);
        }
        if self.has_tokens {
            all.push(Mechanism::OauthBearer);
        }
        all
    }

    /// # Panics
    ///
    /// If there is no such mechanism, or not in this build.
    pub(super) fn set_mechanisms<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let named = |name| Mechanism::named(name).unwrap_or_else(|| panic!("{}", unknown(name)));
        self.mechanisms = Some(names.into_iter().map(named).collect());
    }

    /// Adds a user, or changes the password.
    pub(super) fn set_user(&mut self, name: &str, password: &str) {
        let user = User {
            password: Secret::from(password),
            #[cfg(feature = "scram")]
            keys: BTreeMap::new(),
        };
        self.users.insert(name.to_owned(), user);
        self.has_passwords = true;
    }

    /// False if there is no such user.
    pub(super) fn remove_user(&mut self, name: &str) -> bool {
        self.users.remove(name).is_some()
    }

    pub(super) fn add_token(&mut self, principal: &str, token: &str) {
        self.tokens.push((Secret::from(token), principal.to_owned()));
        self.has_tokens = true;
    }

    /// False if there is no such token.
    pub(super) fn remove_token(&mut self, token: &str) -> bool {
        let (wanted, before) = (Secret::from(token), self.tokens.len());
        self.tokens.retain(|(token, _)| *token != wanted);
        self.tokens.len() < before
    }

    pub(super) fn set_validator(&mut self, judge: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        self.validator = Some(Validator(Arc::new(judge)));
        self.has_tokens = true;
    }

    pub(super) fn knows(&self, name: &str, password: &str) -> bool {
        self.users.get(name).is_some_and(|user| user.password == Secret::from(password))
    }

    /// Whose token it is.
    pub(super) fn owner(&self, token: &str) -> Option<String> {
        let wanted = Secret::from(token);
        let known = self.tokens.iter().find(|(token, _)| *token == wanted);
        let known = known.map(|(_, principal)| principal.clone());
        known.or_else(|| self.validator.as_ref().and_then(|Validator(judge)| judge(token)))
    }

    /// What a broker has stored of a user for SCRAM.
    #[cfg(feature = "scram")]
    pub(super) fn keys(&mut self, hash: &'static dyn ScramHash, name: &str) -> Option<Arc<Keys>> {
        let salt = self.unique("salt");
        let user = self.users.get_mut(name)?;
        let keys = user.keys.entry(hash.mechanism());
        let make = || Arc::new(Keys::new(hash, &user.password, salt.into_bytes(), self.iterations));
        Some(Arc::clone(keys.or_insert_with(make)))
    }

    /// A text that is nowhere else. Nobody is kept from guessing it, so that each run of a simulation is the same.
    #[cfg(feature = "scram")]
    pub(super) fn unique(&mut self, what: &str) -> String {
        self.made += 1;
        format!("mock-{what}-{}", self.made)
    }
}

fn unknown(name: &str) -> String {
    match name {
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            format!("{name} is not enabled; enable the cargo feature `scram` of kafka-producer")
        }
        _ => format!(
            "the mock broker does not support the mechanism {name:?}; the mock broker supports PLAIN, SCRAM-SHA-256, \
             SCRAM-SHA-512 and OAUTHBEARER"
        ),
    }
}

/// Kafka's own default, and the fewest that it takes.
const KAFKAS_ITERATIONS: u32 = 4096;
