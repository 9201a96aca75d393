//! Where tokens come from.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::security::secret::Secret;

/// Gives the tokens by which a producer says who it is (`OAUTHBEARER`; kafka-python's `sasl_oauth_token_provider`). A
/// closure will do.
///
/// It is asked by a thread of its own and may take its time, as asking a server does: no other work of the producer waits
/// for it. The first connections are tried again until there is a token. The next one is asked for when 80 % of a token's
/// lifetime are over and a connection wants one; one that can't be had is asked for again after 0.1 s, then less and less
/// often, at last every 10 s, while the last one serves until its end. One that has not come after 60 s is asked for again
/// by another thread, as the first call may never return; that time doubles with each call that hangs.
pub trait OauthTokenProvider: Send + Sync {
    /// A new token.
    ///
    /// # Errors
    /// If there is none now. The error's text is logged and becomes part of errors: no secret may be in it.
    fn token(&self) -> Result<OauthToken, Box<dyn Error + Send + Sync>>;

    /// Extensions that are sent with the token (KIP-342), such as `logicalCluster`: names of letters, values of visible ASCII
    /// characters and white space. It is asked for after each token.
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

/// A token and how long it is good for. `Debug` does not show it, and it is wiped from memory when it is no longer used.
#[derive(Clone)]
pub struct OauthToken {
    pub(super) value: Secret,
    pub(super) lifetime: Option<Duration>,
}

impl OauthToken {
    /// `lifetime` from now on (`expires_in` in the answers of OAuth servers); `None` if it does not end.
    pub fn new(value: impl Into<String>, lifetime: impl Into<Option<Duration>>) -> Self {
        Self { value: Secret::from(value.into()), lifetime: lifetime.into() }
    }
}

impl fmt::Debug for OauthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthToken").field("value", &self.value).field("lifetime", &self.lifetime).finish()
    }
}
