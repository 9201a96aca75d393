//! What a mechanism is to a connection.

use std::borrow::Cow;
use std::fmt;

/// A SASL mechanism (RFC 4422), built in or your own.
///
/// One mechanism serves all connections of a producer, each with an exchange of its own. Everything is called by the
/// producer's one thread, so it must not wait: what takes long belongs on another thread, and an exchange that has to
/// wait for it ends with [`SaslError::passing`] and is tried again.
pub trait SaslMechanism: Send + Sync {
    /// As brokers call it in `sasl.enabled.mechanisms`: `PLAIN`, `SCRAM-SHA-256`.
    fn name(&self) -> &str;

    /// Called once when a producer is built, before its first connection: a chance to begin what takes long.
    fn prepare(&self) {}

    /// Begins an exchange with the broker at `host`, the name or address as the producer knows it.
    ///
    /// # Errors
    /// If there is nothing to begin with, such as a ticket that has expired.
    fn begin(&self, host: &str) -> Result<Box<dyn SaslExchange>, SaslError>;
}

/// One exchange: the client's side, bytes in and bytes out.
///
/// What it returns is sent and then wiped from memory: it may hold secrets.
pub trait SaslExchange: Send {
    /// What is sent first; called once. If the broker is to speak first, it is empty.
    ///
    /// # Errors
    /// If the exchange can't go on.
    fn first(&mut self) -> Result<Vec<u8>, SaslError>;

    /// What to answer to the broker's `challenge`, or `None` if nothing is left to send. The last challenge comes when the
    /// broker has accepted, and is often empty: check in it what the broker has to prove, and return `None`.
    ///
    /// A refusal is not seen here: the broker says it apart from the mechanism.
    ///
    /// # Errors
    /// If the broker does not prove what it must, or can't be understood.
    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;
}

/// Why an exchange does not go on, in words. They are logged and become part of errors, so no secret may be in them.
#[derive(Clone, PartialEq, Eq)]
pub struct SaslError {
    text: Cow<'static, str>,
    is_passing: bool,
}

impl SaslError {
    /// Another attempt would end the same way: a password is wrong, the broker is not the one it claims to be.
    pub fn refused(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_passing: false }
    }

    /// Another attempt may end otherwise: a token is still to come.
    pub fn passing(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_passing: true }
    }

    /// Whether another attempt may end otherwise.
    pub fn is_passing(&self) -> bool {
        self.is_passing
    }
}

impl fmt::Debug for dyn SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_passing { "passing" } else { "refused" };
        write!(f, "SaslError({kind}: {})", self.text)
    }
}

impl std::error::Error for SaslError {}
