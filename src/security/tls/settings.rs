//! What was set for TLS: where material comes from, and how its setting is called, since errors name it.

use std::fmt;
use std::path::PathBuf;

use super::backend::TlsBackend;
use crate::security::Secret;

/// Where a certificate, a key or a list comes from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    /// PEM, in memory.
    Text(Secret),
}

/// A value, and the setting that it comes from as whoever set it knows that.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    pub(crate) setting: String,
    pub(crate) value: T,
}

/// The settings of TLS. Nothing is read yet.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) backend: Named<TlsBackend>,
    /// The CAs that are trusted: PEM or PKCS#12. The system's if `None`.
    pub(crate) authorities: Option<Named<Source>>,
    /// Of a PKCS#12 file with CAs.
    pub(crate) authorities_password: Named<Option<Secret>>,
    /// Our certificate and those between it and its CA: PEM, perhaps with the key, or PKCS#12, with it.
    pub(crate) certificate: Option<Named<Source>>,
    pub(crate) key: Option<Named<Source>>,
    /// Of a PKCS#12 file with the certificate or the key,
    pub(crate) store_password: Named<Option<Secret>>,
    /// and of a key in PEM.
    pub(crate) password: Named<Option<Secret>>,
    /// Of revoked certificates.
    pub(crate) revoked: Option<Named<PathBuf>>,
    pub(crate) ciphers: Option<Named<String>>,
    pub(crate) check_hostname: Named<bool>,
    /// In place of all of these.
    #[cfg(feature = "tls")]
    pub(crate) connector: Option<native_tls::TlsConnector>,
}

impl TlsSettings {
    pub(super) fn has_connector(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_there = self.connector.is_some();
        #[cfg(not(feature = "tls"))]
        let is_there = false;
        is_there
    }
}

/// Shows where from, and nothing of what.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(_) => f.write_str("[hidden]"),
        }
    }
}
