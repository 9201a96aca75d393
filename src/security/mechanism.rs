//! The interface between a mechanism and a connection.

use std::borrow::Cow;
use std::fmt;

/// A SASL mechanism (RFC 4422), built in or your own.
///
/// One mechanism serves all connections of a producer. Each connection has its own exchange. All methods are called on the
/// background thread of the producer, so they must not block. Do slow work on another thread. If an exchange needs a
/// result that is not ready, return [`SaslError::transient`]: the exchange is tried again.
pub trait SaslMechanism: Send + Sync {
    /// The name in the brokers' `sasl.enabled.mechanisms`, such as `PLAIN` or `SCRAM-SHA-256`.
    fn name(&self) -> &str;

    /// Called once when a producer is built, before its first connection. Slow work can begin here.
    fn prepare(&self) {}

    /// Begins an exchange with the broker at `host`. This is the host name or address by which the producer knows the
    /// broker.
    ///
    /// # Errors
    /// If the exchange can't begin, for example because a ticket has expired.
    fn begin(&self, host: &str) -> Result<Box<dyn SaslExchange>, SaslError>;
}

/// The client's side of one exchange.
///
/// The messages that it returns are wiped from memory after they were sent, because they may contain secrets.
pub trait SaslExchange: Send {
    /// Returns the first message; called once. It is empty if the broker has to send the first message.
    ///
    /// # Errors
    /// If the exchange can't continue.
    fn first(&mut self) -> Result<Vec<u8>, SaslError>;

    /// Returns the answer to the broker's `challenge`, or `None` if there is nothing more to send. The last challenge comes
    /// when the broker has accepted the client, and is often empty. If the broker has to prove something, check it there, and
    /// return `None`.
    ///
    /// A refusal by the broker does not come here: the broker sends it outside of the mechanism.
    ///
    /// # Errors
    /// If the broker does not prove what it has to prove, or if its message can't be read.
    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;
}

/// Why an exchange does not continue. The text is logged and becomes part of errors, so it must not contain secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SaslError {
    text: Cow<'static, str>,
    is_transient: bool,
}

impl SaslError {
    /// An error that another attempt would have too. For example the password is wrong, or the broker is not the one that it
    /// claims to be.
    pub fn refused(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_transient: false }
    }

    /// An error that another attempt may not have. For example there is no token yet.
    pub fn transient(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_transient: true }
    }

    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        self.is_transient
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
        let kind = if self.is_transient { "transient" } else { "refused" };
        write!(f, "SaslError({kind}: {})", self.text)
    }
}

impl std::error::Error for SaslError {}
