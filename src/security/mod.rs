//! The client's identity and its proof: secrets, TLS, and the SASL mechanisms (RFC 4422) as state machines without sockets.
//!
//! | to | see |
//! |---|---|
//! | keep a password | [`Secret`] |
//! | read Java's `sasl.jaas.config` | [`JaasLogin`] |
//! | add a mechanism | [`SaslMechanism`], [`SaslExchange`], [`SaslError`] |
//! | authenticate by a password | [`with_password`]: `plain.rs`, `scram.rs` (feature `scram`) |
//! | authenticate by a token | [`OauthBearer`], [`OauthTokenProvider`] |
//! | encrypt, and check the certificates of brokers | `tls/` (feature `tls` or `rustls`) |
//!
//! A broker may send any bytes. They never make a mechanism panic, wait, or allocate more memory than in proportion to them.
//! No error, no `Debug` output and no log line contains a secret.

mod by_name;
mod jaas;
mod mechanism;
mod oauthbearer;
mod plain;
#[cfg(feature = "scram")]
mod scram;
mod secret;
#[cfg(any(feature = "tls", feature = "rustls"))]
#[cfg_attr(
    all(any(windows, target_vendor = "apple"), not(feature = "rustls")),
    allow(dead_code, reason = "the system's library has fewer options and tells less")
)]
pub(crate) mod tls;

#[cfg(all(feature = "scram", feature = "mock"))]
pub(crate) use self::scram::{Hash as ScramHash, SHA_256, SHA_512};
pub(crate) use self::{
    by_name::with_password,
    jaas::JaasLogin,
    oauthbearer::{OauthBearer, Refresh},
    secret::{HIDDEN, Secret},
};
pub use self::{
    mechanism::{SaslError, SaslExchange, SaslMechanism},
    oauthbearer::{OauthToken, OauthTokenProvider},
};
