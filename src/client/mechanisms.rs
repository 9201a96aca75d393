//! Which of our ways to say who we are is used.

use std::sync::Arc;

use crate::client::authentication::Login;
use crate::security::SaslMechanism;

/// In the user's order; none without SASL. Which one a broker is asked for is its node's: one that offers less than the
/// others must not make us take less from those.
pub(super) struct Mechanisms {
    known: Vec<Arc<dyn SaslMechanism>>,
}

impl Mechanisms {
    pub(super) fn new(known: Vec<Arc<dyn SaslMechanism>>) -> Self {
        Self { known }
    }

    /// There is no SASL.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn login(&self, chosen: usize, host: &Arc<str>) -> Option<Login> {
        let mechanism = self.known.get(chosen)?;
        Some(Login { mechanism: Arc::clone(mechanism), host: Arc::clone(host) })
    }

    /// The first that a broker offers in place of `refused`, if it does offer one.
    pub(super) fn other_than(&self, refused: &str, offered: &[String]) -> Option<usize> {
        let is_offered =
            |mechanism: &Arc<dyn SaslMechanism>| offered.iter().any(|name| name == mechanism.name());
        let first = self.known.iter().position(is_offered)?;
        (self.known.get(first)?.name() != refused).then_some(first)
    }
}
