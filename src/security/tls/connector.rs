//! The connector, which begins sessions: made from the settings and their files, or the user's own.

use std::io::{Read, Write};
use std::sync::Arc;

use super::backend::TlsBackend;
use super::material::Material;
#[cfg(feature = "tls")]
use super::native;
#[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
use super::open_ssl;
use super::reason::Blame;
#[cfg(feature = "rustls")]
use super::rust_tls;
use super::session::{Broken, Session};
use super::settings::{Named, Source, TlsSettings};
use crate::error::ConfigProblem;
#[cfg(not(all(feature = "tls", feature = "rustls")))]
use crate::error::ConfigProblemKind;
use crate::sync::AtomicU64;

/// Begins sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(super) kind: Kind,
    pub(super) blame: Arc<Blame>,
    /// The number of handshakes in a row that ended before the peer sent anything.
    pub(super) silences: Arc<AtomicU64>,
}

#[derive(Clone)]
pub(super) enum Kind {
    #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
    OpenSsl(open_ssl::Own),
    #[cfg(feature = "tls")]
    Native(native_tls::TlsConnector),
    #[cfg(feature = "rustls")]
    Rustls(rust_tls::Own),
}

impl Connector {
    pub(super) fn new(
        settings: &TlsSettings,
        material: &Material,
        silences: Arc<AtomicU64>,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let kind = Kind::new(settings, material)?;
        Ok(Self { kind, blame: Arc::new(blame(settings)), silences })
    }
}

impl Kind {
    fn new(settings: &TlsSettings, material: &Material) -> Result<Self, Vec<ConfigProblem>> {
        match settings.backend.value {
            #[cfg(feature = "tls")]
            TlsBackend::NativeTls => match &settings.connector {
                Some(connector) => Ok(Self::Native(connector.clone())),
                #[cfg(not(any(windows, target_vendor = "apple")))]
                None => open_ssl::own(settings, material).map(Self::OpenSsl),
                #[cfg(any(windows, target_vendor = "apple"))]
                None => native::own(settings, material).map(Self::Native),
            },
            #[cfg(feature = "rustls")]
            TlsBackend::Rustls => rust_tls::own(settings, material).map(Self::Rustls),
            #[cfg(not(all(feature = "tls", feature = "rustls")))]
            missing => Err(vec![ConfigProblem {
                kind: ConfigProblemKind::NotInThisBuild,
                line: None,
                key: settings.backend.setting.clone(),
                value: Some(missing.to_string()),
                why: missing.why_not().unwrap_or_default(),
            }]),
        }
    }

    pub(super) fn begin<S: Read + Write + Send + 'static>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<Box<dyn Session<S>>, Broken> {
        match self {
            #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
            Self::OpenSsl(own) => own.begin(host, stream),
            #[cfg(feature = "tls")]
            Self::Native(connector) => native::begin(connector, host, stream),
            #[cfg(feature = "rustls")]
            Self::Rustls(own) => own.begin(host, stream),
        }
    }
}

fn blame(settings: &TlsSettings) -> Blame {
    let named = |source: &Named<Source>| match &source.value {
        Source::File(path) => format!("{} '{}'", source.setting, path.display()),
        Source::Text(_) => source.setting.clone(),
    };
    let revoked =
        settings.revoked.as_ref().map(|list| format!("{} '{}'", list.setting, list.value.display()));
    Blame {
        authorities: settings.authorities.as_ref().map(named),
        certificate: settings.certificate.as_ref().map(named),
        revoked: revoked.unwrap_or_else(|| "ssl_crlfile".to_owned()),
        ciphers: settings.ciphers.as_ref().map_or_else(|| "ssl_ciphers".to_owned(), |it| it.setting.clone()),
        is_ready_made: settings.has_connector(),
    }
}
