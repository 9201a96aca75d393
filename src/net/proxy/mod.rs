//! Proxies to brokers: the negotiation with a proxy before the connection leads to the broker. There are no sockets here.
//!
//! ```text
//!   url ──▶ settings ◀── lookup           the proxy's address instead of the broker's
//!              ▲
//!              │      target, refusal
//!              │         ▲
//!   negotiation ──▶ socks5, http_connect  one file for each kind
//! ```

mod http_connect;
mod lookup;
mod negotiation;
mod refusal;
mod settings;
mod socks5;
mod target;
mod url;

pub(crate) use self::settings::Proxy;
pub(crate) use self::url::parse as parse_proxy_url;
pub(super) use self::{lookup::ProxyLookup, negotiation::Negotiation, refusal::Refusal};

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
