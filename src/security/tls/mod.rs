//! TLS: makes a connector from settings, files and texts. The connector begins sessions on any byte stream. There are no
//! sockets here.
//!
//! ```text
//!   settings ──▶ material ──▶ identity, ciphers ──▶ connector ──▶ link       a session
//!                read again for each connection                   failure    why there is no session
//! ```
//!
//! There are three back ends behind `connector` and `link`. The texts of errors are the same for all (`refusal`, `failure`):
//!
//! | back end | feature | when |
//! |---|---|---|
//! | `open_ssl` | `tls` | where native-tls uses OpenSSL too. native-tls can't pass on revocation lists, cipher lists or encrypted keys, and does not tell the names in a refused certificate |
//! | `native` | `tls` | on Windows and Apple's systems, and for the user's own connector |
//! | `rust_tls` | `rustls` | if it is the only one in this build, or if `tls_backend` chooses it |

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
mod version;

pub use self::backend::{ParseTlsBackendError, TlsBackend};
pub(crate) use self::connector::Connector;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
pub(crate) use self::each_backend::each_backend;
pub(crate) use self::failure::Failure;
pub(crate) use self::link::{Link, LinkError};
pub(crate) use self::settings::{Named, Source, TlsSettings};
pub use self::version::TlsVersion;

use std::fmt;
use std::sync::Arc;

use self::material::Material;
use crate::error::ConfigProblem;
use crate::sync::AtomicU64;

/// The settings, and the connector for the contents of their files when they were last read.
#[derive(Clone)]
pub(crate) struct Tls {
    settings: TlsSettings,
    material: Arc<Material>,
    connector: Connector,
}

impl Tls {
    /// Reads all files of the settings.
    pub(crate) fn load(settings: TlsSettings) -> Result<Self, Vec<ConfigProblem>> {
        let material = Material::read(&settings)?;
        let connector = Connector::new(&settings, &material, Arc::new(AtomicU64::new(0)))?;
        Ok(Self { settings, material: Arc::new(material), connector })
    }

    /// The connector for the next connection. Files are read again, so that certificates can be renewed while the producer
    /// runs. If they can't be used, for example because only half of a pair has been replaced, the old contents are used.
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

/// Shows no contents of files.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
