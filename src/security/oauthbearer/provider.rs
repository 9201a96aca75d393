//! The provider of tokens.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::security::secret::Secret;

/// Provides the tokens with which a producer authenticates by `OAUTHBEARER`. Closures implement this trait. Pass a provider
/// to [`sasl_oauth_token_provider`](crate::ProducerConfig::sasl_oauth_token_provider). kafka-python has a setting with the
/// same name.
///
/// The producer calls the provider on a separate thread, so the provider may block, for example to send a request to a
/// server. No other work of the producer waits for the provider. As long as no token is available, the producer retries its
/// connections.
///
/// - The next token is fetched when a connection needs a token after 80 % to 85 % of the current token's lifetime: see
///   [`sasl_login_refresh_window_factor`](crate::ProducerConfig::sasl_login_refresh_window_factor) and the setters after it.
/// - If the provider returns an error, the producer calls the provider again after a backoff. The backoff grows from 0.1 s
///   to 10 s by default. In the meantime the current token is used until it expires.
/// - If the provider has not returned after 60 s, the producer calls the provider again on another thread, because the
///   first call may never return. This time doubles with each call that does not return.
pub trait OauthTokenProvider: Send + Sync {
    /// Returns a new token.
    ///
    /// # Errors
    /// If no token is available now. The message of the error is logged and becomes part of errors, so the message must not
    /// contain secrets.
    fn token(&self) -> Result<OauthToken, Box<dyn Error + Send + Sync>>;

    /// Returns the extensions that are sent with the token (KIP-342), such as `logicalCluster`. Default: no extensions.
    ///
    /// A name consists of letters. A value consists of visible ASCII characters and white space. The producer calls this
    /// method after it has received a token.
    fn extensions(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl<F> OauthTokenProvider for F
where
    F: Fn() -> Result<OauthToken, Box<dyn Error + Send + Sync>> + Send + Sync,
{
    fn token(&self) -> Result<OauthToken, Box<dyn Error + Send + Sync>> {
        self()
    }
}

/// A token and its lifetime. `Debug` does not show the token. The token is wiped from memory when it is no longer used.
#[derive(Clone)]
pub struct OauthToken {
    pub(super) value: Secret,
    pub(super) lifetime: Option<Duration>,
}

impl OauthToken {
    /// Creates a token that is valid for `lifetime` (`expires_in` in the responses of OAuth servers). The lifetime counts
    /// from the time at which the provider was called. `None` means that the token does not expire.
    pub fn new(value: impl Into<String>, lifetime: impl Into<Option<Duration>>) -> Self {
        Self { value: Secret::from(value.into()), lifetime: lifetime.into() }
    }
}

impl fmt::Debug for OauthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthToken").field("value", &self.value).field("lifetime", &self.lifetime).finish()
    }
}
