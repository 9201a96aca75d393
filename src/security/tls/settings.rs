//! The TLS settings: the sources of the material, with the names of the settings for errors.

use std::fmt;
use std::path::PathBuf;

use super::backend::TlsBackend;
use super::ciphers::Ciphers;
use super::version::TlsVersion;
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::security::Secret;

/// The source of a certificate, a key or a list.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    /// PEM in memory.
    Text(Secret),
}

/// A value, and the name by which the user has set it.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    pub(crate) setting: String,
    pub(crate) value: T,
}

/// The TLS settings. No files have been read yet.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) backend: Named<TlsBackend>,
    /// The trusted CAs: PEM or PKCS#12. `None` is the system's CAs.
    pub(crate) authorities: Option<Named<Source>>,
    /// The password of a PKCS#12 file with CAs.
    pub(crate) authorities_password: Named<Option<Secret>>,
    /// The client's certificate and those between it and its CA: PEM with or without the key, or PKCS#12 with the key.
    pub(crate) certificate: Option<Named<Source>>,
    pub(crate) key: Option<Named<Source>>,
    /// The password of a PKCS#12 file with the certificate or the key.
    pub(crate) store_password: Named<Option<Secret>>,
    /// The password of a key in PEM.
    pub(crate) password: Named<Option<Secret>>,
    /// The lists of revoked certificates.
    pub(crate) revoked: Option<Named<PathBuf>>,
    pub(crate) ciphers: Option<Named<String>>,
    /// The versions that are offered to brokers.
    pub(crate) versions: Named<Vec<TlsVersion>>,
    pub(crate) check_hostname: Named<bool>,
    /// The user's own connector, which replaces all of these.
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

    /// Whether the version is enabled.
    pub(super) fn allows(&self, version: TlsVersion) -> bool {
        self.versions.value.contains(&version)
    }

    /// The problem that there is no version for the list of cipher suites.
    pub(super) fn without_version(&self, ciphers: &Ciphers) -> Option<ConfigProblem> {
        let Named { setting, value } = self.ciphers.as_ref()?;
        (ciphers.before.is_empty() && !self.allows(TlsVersion::Tls13)).then(|| ConfigProblem {
            kind: ConfigProblemKind::Contradictory,
            ..ConfigProblem::invalid(
                setting.clone(),
                Some(value.clone()),
                format!(
                    "all suites are of TLS 1.3, which {} does not enable; add a suite of TLS 1.2, or enable TLSv1.3",
                    self.versions.setting
                ),
            )
        })
    }
}

/// Shows a path, but no contents.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(_) => f.write_str("[hidden]"),
        }
    }
}
