//! A proxy as it was set.

use std::fmt;
use std::sync::Arc;

use crate::client::address;
use crate::security::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(super) kind: Kind,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) account: Option<Account>,
    /// The setting that it comes from, as whoever set it calls that.
    pub(super) setting: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Socks5,
    Http,
}

/// How we are known to the proxy. A user can be as secret as a password: access tokens are put there too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: Secret,
    pub(super) password: Secret,
}

impl Proxy {
    /// Whether something in its URL must not be shown.
    pub(crate) fn has_account(&self) -> bool {
        self.account.is_some()
    }
}

impl Kind {
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

/// As texts call it: `the proxy socks5://proxy:1080`, without the account.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}://{}", self.kind.scheme(), address(&self.host, self.port))
    }
}
