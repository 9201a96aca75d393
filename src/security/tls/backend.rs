//! The library that is used for TLS.

use std::fmt;
use std::str::FromStr;

use crate::error::turn_on;

/// The library for TLS. See [`ProducerConfig::tls_backend`](crate::ProducerConfig::tls_backend).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsBackend {
    /// The TLS library of the operating system, through the crate native-tls. On Linux and on the BSDs this library is
    /// OpenSSL. Requires the feature `tls`.
    NativeTls,
    /// rustls with ring. Requires the feature `rustls`.
    Rustls,
}

impl TlsBackend {
    /// Why it can't be used, and what to do; `None` if it can.
    pub(crate) fn why_not(self) -> Option<String> {
        let (is_built_in, feature) = match self {
            Self::NativeTls => (cfg!(feature = "tls"), "tls"),
            Self::Rustls => (cfg!(feature = "rustls"), "rustls"),
        };
        (!is_built_in).then(|| format!("the library is not enabled; {}", turn_on(feature)))
    }
}

/// The default is native-tls if the feature `tls` is enabled, and rustls otherwise.
impl Default for TlsBackend {
    fn default() -> Self {
        if cfg!(feature = "tls") { Self::NativeTls } else { Self::Rustls }
    }
}

/// The string is `native-tls` or `rustls`.
impl fmt::Display for TlsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NativeTls => "native-tls",
            Self::Rustls => "rustls",
        })
    }
}

impl FromStr for TlsBackend {
    type Err = ParseTlsBackendError;

    fn from_str(text: &str) -> Result<Self, ParseTlsBackendError> {
        match text.to_ascii_lowercase().as_str() {
            "native-tls" | "native_tls" => Ok(Self::NativeTls),
            "rustls" => Ok(Self::Rustls),
            _ => Err(ParseTlsBackendError(())),
        }
    }
}

/// The error for a string that is not the name of a [`TlsBackend`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTlsBackendError(());

impl fmt::Display for ParseTlsBackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the library must be native-tls or rustls")
    }
}

impl std::error::Error for ParseTlsBackendError {}
