//! TLS: of settings, files and texts the connector that begins sessions, and the sessions. Bytes go over whatever
//! stream they are given; no socket here.
//!
//! ```text
//!   settings ──▶ material ──▶ identity, ciphers ──▶ connector ──▶ link       a session
//!                read again for each connection                   failure    why there is none
//! ```
//!
//! Three back ends stand behind `connector` and `link`; what is said of what went wrong is the same for all (`refusal`,
//! `failure`):
//!
//! | back end | feature | when |
//! |---|---|---|
//! | `open_ssl` | `tls` | where native-tls is OpenSSL too, by the same library: native-tls has no way to give it revocation lists, cipher lists or encrypted keys, and does not tell which names a refused certificate has |
//! | `native` | `tls` | on Windows and Apple's systems, and for a connector that is given ready-made |
//! | `rust_tls` | `rustls` | if it is the only one, or `tls_backend` says so |

mod backend;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
#[path = "../../../tests/support/certificates.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests with real brokers use the rest")]
pub(crate) mod certificates;
mod ciphers;
mod connector;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
#[path = "../../../tests/support/each_backend.rs"]
mod each_backend;
mod failure;
mod identity;
mod link;
mod material;
#[cfg(feature = "tls")]
mod native;
#[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
mod open_ssl;
mod pem;
mod reason;
mod refusal;
#[cfg(feature = "rustls")]
mod rust_tls;
mod session;
mod settings;

pub use self::backend::{ParseTlsBackendError, TlsBackend};
pub(crate) use self::connector::Connector;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
pub(crate) use self::each_backend::each_backend;
pub(crate) use self::failure::Failure;
pub(crate) use self::link::{Link, LinkError};
pub(crate) use self::settings::{Named, Source, TlsSettings};

use std::fmt;
use std::sync::Arc;

use self::material::Material;
use crate::error::ConfigProblem;
use crate::sync::AtomicU64;

/// Settings, and the connector of what their files held when they were read last.
#[derive(Clone)]
pub(crate) struct Tls {
    settings: TlsSettings,
    material: Arc<Material>,
    connector: Connector,
}

impl Tls {
    /// Reads all that the settings name.
    pub(crate) fn load(settings: TlsSettings) -> Result<Self, Vec<ConfigProblem>> {
        let material = Material::read(&settings)?;
        let connector = Connector::new(&settings, &material, Arc::new(AtomicU64::new(0)))?;
        Ok(Self { settings, material: Arc::new(material), connector })
    }

    /// For the next connection. Files are read again, so that certificates can be renewed under a running producer; if they
    /// can't be used, as half of a pair that is being replaced, those of before are.
    pub(crate) fn connector(&mut self) -> &Connector {
        let mut load = || -> Result<(), Vec<ConfigProblem>> {
            let material = Material::read(&self.settings)?;
            if material != *self.material {
                let silences = Arc::clone(&self.connector.silences);
                self.connector = Connector::new(&self.settings, &material, silences)?;
                self.material = Arc::new(material);
                log::info!("the TLS files have changed; new connections use the new files");
            }
            Ok(())
        };
        if let Err(problems) = load() {
            for problem in problems {
                log::warn!("{problem}; the files that were read before are still used");
            }
        }
        &self.connector
    }
}

/// Shows nothing of what was read.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
