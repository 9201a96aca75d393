//! The provider of tokens.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::security::secret::Secret;

/// Provides the tokens with which a producer authenticates (`OAUTHBEARER`; kafka-python's `sasl_oauth_token_provider`).
/// Closures implement this trait.
///
/// The provider is called on a separate thread, so it may be slow, for example if it asks a server. No other work of the
/// producer waits for it. As long as there is no token, connections are tried again.
///
/// - The next token is fetched when 80 % of the lifetime of the current token have passed and a connection needs a token.
/// - If the provider returns an error, it is called again after 0.1 s, then less and less often, at last every 10 s. The
///   current token is used until it expires.
/// - If the provider has not returned after 60 s, it is called again on another thread, because the first call may never
///   return. This time doubles with each call that does not return.
pub trait OauthTokenProvider: Send + Sync {
    /// Returns a new token.
    ///
    /// # Errors
    /// If there is no token now. The text of the error is logged and becomes part of errors, so it must not contain secrets.
    fn token(&self) -> Result<OauthToken, Box<dyn Error + Send + Sync>>;

    /// Returns the extensions that are sent with the token (KIP-342), such as `logicalCluster`. A name consists of letters, a
    /// value of visible ASCII characters and white space. It is called after each token. Default: no extensions.
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

/// A token and its lifetime. `Debug` does not show the token, and it is wiped from memory when it is no longer used.
#[derive(Clone)]
pub struct OauthToken {
    pub(super) value: Secret,
    pub(super) lifetime: Option<Duration>,
}

impl OauthToken {
    /// A token that is valid for `lifetime` from now on (`expires_in` in the answers of OAuth servers). `None` means that it
    /// does not expire.
    pub fn new(value: impl Into<String>, lifetime: impl Into<Option<Duration>>) -> Self {
        Self { value: Secret::from(value.into()), lifetime: lifetime.into() }
    }
}

impl fmt::Debug for OauthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthToken").field("value", &self.value).field("lifetime", &self.lifetime).finish()
    }
}
