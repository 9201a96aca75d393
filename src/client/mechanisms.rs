//! Which SASL mechanism is used.

use std::sync::Arc;

use crate::client::authentication::Login;
use crate::security::SaslMechanism;

/// In the order of the configuration; empty without SASL. Each node has its own choice: a broker that offers fewer than the
/// others must not weaken the login at those.
pub(super) struct Mechanisms {
    known: Vec<Arc<dyn SaslMechanism>>,
}

impl Mechanisms {
    pub(super) fn new(known: Vec<Arc<dyn SaslMechanism>>) -> Self {
        Self { known }
    }

    /// SASL is off.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn login(&self, chosen: usize, host: &Arc<str>) -> Option<Login> {
        let mechanism = self.known.get(chosen)?;
        Some(Login { mechanism: Arc::clone(mechanism), host: Arc::clone(host) })
    }

    /// The first one that a broker offers instead of `refused`, if there is one.
    pub(super) fn other_than(&self, refused: &str, offered: &[String]) -> Option<usize> {
        let is_offered =
            |mechanism: &Arc<dyn SaslMechanism>| offered.iter().any(|name| name == mechanism.name());
        let first = self.known.iter().position(is_offered)?;
        (self.known.get(first)?.name() != refused).then_some(first)
    }
}
