//! Types for the values of some settings.

use std::fmt;
#[cfg(any(feature = "tls", feature = "rustls"))]
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::turn_on;
use crate::metrics::{MetricsReporter, Windows};
#[cfg(any(feature = "tls", feature = "rustls"))]
use crate::security::tls::{TlsBackend, TlsVersion};
use crate::security::{OauthTokenProvider, Refresh, SaslMechanism, Secret};

/// How many replicas must store a record before the record counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kafka has these three (KIP-1)")]
pub enum Acks {
    /// No replica. The broker does not respond, so the producer does not detect that a record is lost.
    /// [`RecordMetadata::offset`](crate::RecordMetadata::offset) is `None`.
    None,
    /// The leader. A record that the leader has acknowledged is lost if another replica becomes the leader before this
    /// replica has copied the record. The old leader then removes the records that the new leader does not have. All
    /// records after the first record that was not copied are lost too. No other acknowledged record is lost.
    ///
    /// Records are lost in this way when a leader dies, hangs or loses its connection to the other replicas. They can also
    /// be lost when a leader is shut down or when the leadership is moved.
    ///
    /// Idempotence is not possible, because it needs [`All`](Self::All). A record whose response is lost is sent again, and
    /// each attempt can store one more copy. The future then has the offset of the last copy.
    Leader,
    /// All in-sync replicas. A record is not lost as long as one of these replicas is alive.
    #[default]
    All,
}

/// The value as a string: `0`, `1` or `all`.
impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

/// Parses Kafka's values: `0`, `1`, `all` or `-1`.
impl FromStr for Acks {
    type Err = ParseAcksError;

    fn from_str(text: &str) -> Result<Self, ParseAcksError> {
        match text {
            "0" => Ok(Self::None),
            "1" => Ok(Self::Leader),
            "-1" => Ok(Self::All),
            _ if text.eq_ignore_ascii_case("all") => Ok(Self::All),
            _ => Err(ParseAcksError(())),
        }
    }
}

/// The string is not a value of [`Acks`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseAcksError(());

impl fmt::Display for ParseAcksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be 0, 1 or all")
    }
}

impl std::error::Error for ParseAcksError {}

/// Whether connections to brokers use TLS, SASL, both or neither. A broker has one port for each protocol that it offers
/// (its `listeners`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kafka has these four")]
pub enum SecurityProtocol {
    /// Neither TLS nor SASL. Anybody between the client and the broker can read and change all data.
    #[default]
    Plaintext,
    /// TLS. Connections are encrypted, and the broker proves its identity by a certificate. If `ssl_certfile` is set, the
    /// client proves its identity by a certificate too. Requires the feature `tls` or `rustls`.
    Ssl,
    /// SASL. The client authenticates, but connections are not encrypted.
    SaslPlaintext,
    /// TLS and SASL. Connections are encrypted, and the client authenticates by SASL. Requires the feature `tls` or
    /// `rustls`.
    SaslSsl,
}

impl SecurityProtocol {
    #[cfg(any(feature = "tls", feature = "rustls"))]
    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    pub(crate) fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Why it can't be used, and what to do; `None` if it can.
    pub(super) fn why_not(self) -> Option<String> {
        match self {
            Self::Ssl | Self::SaslSsl if !cfg!(any(feature = "tls", feature = "rustls")) => Some(needs_tls()),
            _ => None,
        }
    }
}

/// For a setting that needs TLS, in a build without TLS.
pub(super) fn needs_tls() -> String {
    format!("TLS is not enabled; {}; or enable the feature `rustls`", turn_on("tls"))
}

/// Kafka's name, for example `SASL_SSL`.
impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        })
    }
}

/// Parses Kafka's names, in upper case or lower case.
impl FromStr for SecurityProtocol {
    type Err = ParseSecurityProtocolError;

    fn from_str(text: &str) -> Result<Self, ParseSecurityProtocolError> {
        let all = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];
        let named = all.into_iter().find(|protocol| protocol.to_string().eq_ignore_ascii_case(text));
        named.ok_or(ParseSecurityProtocolError(()))
    }
}

/// The string is not a value of [`SecurityProtocol`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseSecurityProtocolError(());

impl fmt::Display for ParseSecurityProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")
    }
}

impl std::error::Error for ParseSecurityProtocolError {}

/// The options of every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
}

/// Java's levels, each for one codec.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodecLevels {
    pub(super) gzip: Option<i32>,
    pub(super) lz4: Option<i32>,
    pub(super) zstd: Option<i32>,
}

/// The SASL settings.
#[derive(Clone, Default)]
pub(super) struct SaslConfig {
    /// The preferred mechanism comes first.
    pub(super) mechanisms: Vec<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) jaas: Option<Secret>,
    pub(super) token_provider: Option<Arc<dyn OauthTokenProvider>>,
    pub(super) refresh: Refresh,
    pub(super) registered: Vec<Arc<dyn SaslMechanism>>,
}

impl SaslConfig {
    pub(super) fn first_that_is_set(&self) -> Option<&'static str> {
        let set = [
            (!self.mechanisms.is_empty(), "sasl_mechanism"),
            (self.username.is_some(), "sasl_plain_username"),
            (self.password.is_some(), "sasl_plain_password"),
            (self.jaas.is_some(), "sasl_jaas_config"),
            (self.token_provider.is_some(), "sasl_oauth_token_provider"),
            (!self.registered.is_empty(), "register_sasl_mechanism"),
        ];
        set.into_iter().find(|(is_set, _)| *is_set).map(|(_, key)| key)
    }
}

/// The TLS settings.
#[cfg(any(feature = "tls", feature = "rustls"))]
#[derive(Clone)]
pub(super) struct TlsConfig {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) ca_pem: Option<Secret>,
    pub(super) truststore_password: Option<Secret>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) certificate_pem: Option<Secret>,
    pub(super) keystore_password: Option<Secret>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) key_pem: Option<Secret>,
    pub(super) key_password: Option<Secret>,
    pub(super) crl_file: Option<PathBuf>,
    pub(super) ciphers: Option<String>,
    /// Each once, the oldest first.
    pub(super) versions: Vec<TlsVersion>,
    pub(super) check_hostname: bool,
    pub(super) backend: Option<TlsBackend>,
    #[cfg(feature = "tls")]
    pub(super) connector: Option<native_tls::TlsConnector>,
}

#[cfg(any(feature = "tls", feature = "rustls"))]
impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            ca_file: None,
            ca_pem: None,
            truststore_password: None,
            certificate_file: None,
            certificate_pem: None,
            keystore_password: None,
            key_file: None,
            key_pem: None,
            key_password: None,
            crl_file: None,
            ciphers: None,
            versions: TlsVersion::ALL.to_vec(),
            check_hostname: true,
            backend: None,
            #[cfg(feature = "tls")]
            connector: None,
        }
    }
}

#[derive(Clone)]
pub(super) struct MetricsConfig {
    pub(super) enabled: bool,
    pub(super) num_samples: usize,
    pub(super) sample_window: Duration,
    pub(super) reporters: Vec<Arc<dyn MetricsReporter>>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true, num_samples: 2, sample_window: Duration::from_secs(30), reporters: Vec::new() }
    }
}

impl MetricsConfig {
    /// `None` if metrics are disabled.
    pub(super) fn windows(&self) -> Option<Windows> {
        self.enabled.then_some(Windows { samples: self.num_samples, length: self.sample_window })
    }

    /// The reporters, if there is something to report.
    pub(super) fn reporters(&self) -> Vec<Arc<dyn MetricsReporter>> {
        if self.enabled { self.reporters.clone() } else { Vec::new() }
    }
}
