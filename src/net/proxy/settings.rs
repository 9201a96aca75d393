//! The settings of a proxy.

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
    /// The name by which the user has set it.
    pub(super) setting: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Socks5,
    Http,
}

/// The client's account at the proxy. The user can be as secret as the password: it may be an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: Secret,
    pub(super) password: Secret,
}

impl Proxy {
    /// Whether its URL contains something that must not be shown.
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

/// For texts: `the proxy socks5://proxy:1080`, without the account.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}://{}", self.kind.scheme(), address(&self.host, self.port))
    }
}
