//! Who we are, and how it is proven: secrets, and the mechanisms of SASL (RFC 4422) as state machines. Bytes in, bytes out.
//!
//! | to | see |
//! |---|---|
//! | keep a password | [`Secret`] |
//! | read Java's `sasl.jaas.config` | [`JaasLogin`] |
//! | add a mechanism | [`SaslMechanism`], [`SaslExchange`], [`SaslError`] |
//! | prove who one is by a password | [`with_password`]: `plain.rs`, `scram.rs` (feature `scram`) |
//! | encrypt, and know brokers by their certificates | `tls/` (feature `tls` or `rustls`) |
//! | prove it by a token | [`OauthBearer`], [`OauthTokenProvider`] |
//!
//! What brokers send may be anything: no bytes make a mechanism panic, wait, or set aside more than they have themselves.
//! No error, no `Debug` and no log line has a secret in it.

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
    allow(dead_code, reason = "the system's library takes less, and tells less")
)]
pub(crate) mod tls;

#[cfg(all(feature = "scram", feature = "mock"))]
pub(crate) use self::scram::{Hash as ScramHash, SHA_256, SHA_512};
pub(crate) use self::{
    by_name::with_password,
    jaas::JaasLogin,
    oauthbearer::OauthBearer,
    secret::{HIDDEN, Secret},
};
pub use self::{
    mechanism::{SaslError, SaslExchange, SaslMechanism},
    oauthbearer::{OauthToken, OauthTokenProvider},
};
