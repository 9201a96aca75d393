//! The interface between a mechanism and a connection.

use std::borrow::Cow;
use std::fmt;

/// A SASL mechanism (RFC 4422). A program can add its own mechanism with
/// [`register_sasl_mechanism`](crate::ProducerConfig::register_sasl_mechanism).
///
/// One mechanism serves all connections of a producer. Each connection has its own exchange. Exchanges run on the
/// background thread of the producer, so [`begin`](Self::begin) and the methods of [`SaslExchange`] must not block. Do slow
/// work on another thread. If an exchange needs a result that is not ready, return [`SaslError::transient`]. The producer
/// then tries again.
pub trait SaslMechanism: Send + Sync {
    /// Returns the name of the mechanism in the brokers' `sasl.enabled.mechanisms`, such as `PLAIN` or `SCRAM-SHA-256`.
    fn name(&self) -> &str;

    /// Begins slow work. The producer calls this method once when it is built, before its first connection. The default
    /// implementation does nothing.
    fn prepare(&self) {}

    /// Begins an exchange with the broker at `host`. `host` is the host name or the address by which the producer knows the
    /// broker.
    ///
    /// # Errors
    /// If the exchange can't begin, for example because a ticket has expired.
    fn begin(&self, host: &str) -> Result<Box<dyn SaslExchange>, SaslError>;
}

/// The client's side of one exchange.
///
/// The returned messages can contain secrets. So the producer wipes each message from memory after the message was sent.
pub trait SaslExchange: Send {
    /// Returns the first message of the client. The producer calls this method once. The message is empty if the broker has
    /// to send the first message.
    ///
    /// # Errors
    /// If the exchange can't continue.
    fn first(&mut self) -> Result<Vec<u8>, SaslError>;

    /// Returns the response to the broker's `challenge`. Returns `None` if the client has nothing more to send.
    ///
    /// The broker sends a last challenge after it has accepted the client. This challenge is often empty. If the mechanism
    /// requires a proof from the broker, check the proof in this challenge, then return `None`.
    ///
    /// If the broker rejects the client, this method is not called, because the broker sends the rejection outside of the
    /// mechanism.
    ///
    /// # Errors
    /// If the broker's proof is wrong or missing, or if the broker's message can't be read.
    fn respond(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslError>;
}

/// Why an exchange has failed. The string is logged and becomes part of errors, so it must not contain secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SaslError {
    text: Cow<'static, str>,
    is_transient: bool,
}

impl SaslError {
    /// Creates an error that is not transient: another attempt would fail too. For example, the password is wrong, or the
    /// broker is not authentic.
    pub fn refused(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_transient: false }
    }

    /// Creates a transient error: another attempt can succeed. For example, no token is available yet.
    pub fn transient(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_transient: true }
    }

    /// Returns `true` if another attempt can succeed.
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
