//! Who may log in, changed while the cluster runs: what tests of rotation do.

use std::time::Duration;

use crate::mock::credentials::Credentials;
use crate::mock::handle::MockCluster;
#[cfg(feature = "tls")]
use crate::mock::tls::{Acceptor, Identity};
#[cfg(feature = "tls")]
use crate::security::Secret;

/// Who may log in to a [`MockCluster`]: [`MockCluster::security`].
///
/// As with a broker, what changes counts for who logs in from then on. Who has logged in stays until the connection
/// ends, or the session ([`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime)).
///
/// ```
/// use kafka_producer::mock::MockCluster;
///
/// let cluster = MockCluster::builder().sasl_user("alice", "secret").build();
/// cluster.security().set_user("alice", "another");
/// // Who has logged in by the old password has to do it again.
/// cluster.drop_connections();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MockSecurity<'a> {
    cluster: &'a MockCluster,
}

impl MockCluster {
    /// Who may log in, to change it.
    #[must_use]
    pub fn security(&self) -> MockSecurity<'_> {
        MockSecurity { cluster: self }
    }
}

impl MockSecurity<'_> {
    /// Adds a user, or gives the one of this name a new password.
    ///
    /// # Panics
    ///
    /// As all of these methods, if the cluster was made without users and tokens: its brokers do not ask who their clients
    /// are.
    pub fn set_user(&self, name: &str, password: &str) {
        self.change(|credentials| credentials.set_user(name, password));
    }

    /// The user may no longer log in.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn remove_user(&self, name: &str) {
        assert!(self.change(|credentials| credentials.remove_user(name)), "there is no user {name}");
    }

    /// Takes one more token, of `principal`.
    pub fn add_oauth_token(&self, principal: &str, token: &str) {
        self.change(|credentials| credentials.add_token(principal, token));
    }

    /// Takes a token no longer.
    ///
    /// # Panics
    ///
    /// If there is no such token.
    pub fn remove_oauth_token(&self, token: &str) {
        assert!(self.change(|credentials| credentials.remove_token(token)), "there is no such token");
    }

    /// Offers these mechanisms and no others: see
    /// [`sasl_mechanisms`](crate::mock::MockClusterBuilder::sasl_mechanisms).
    ///
    /// # Panics
    ///
    /// If the mock does not speak one of them, or not in this build.
    pub fn set_mechanisms<'a>(&self, mechanisms: impl IntoIterator<Item = &'a str>) {
        self.change(|credentials| credentials.set_mechanisms(mechanisms));
    }

    /// For how long clients are believed that log in from now on; `None` is for ever. See
    /// [`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime).
    pub fn set_session_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.change(|credentials| credentials.lifetime = lifetime.into());
    }

    /// Shows this certificate to connections from now on, which are encrypted from now on if they were not before; both are
    /// PEM. `client_ca_pem` is who must have issued the certificates of clients; `None`: they need none. Feature `tls`.
    ///
    /// # Panics
    ///
    /// If they can't be used, or do not belong together.
    #[cfg(feature = "tls")]
    pub fn set_tls<'a>(
        &self,
        certificate_pem: &str,
        key_pem: &str,
        client_ca_pem: impl Into<Option<&'a str>>,
    ) {
        self.be(Identity {
            certificate: certificate_pem.to_owned(),
            key: Secret::from(key_pem),
            client_ca: client_ca_pem.into().map(str::to_owned),
        });
    }

    #[cfg(feature = "tls")]
    pub(super) fn be(&self, identity: Identity) {
        let acceptor = Acceptor::new(&identity).unwrap_or_else(|why| panic!("TLS of a mock cluster: {why}"));
        *self.cluster.shared.tls.lock() = Some(acceptor);
    }

    fn change<R>(&self, change: impl FnOnce(&mut Credentials) -> R) -> R {
        let shared = &self.cluster.shared;
        assert!(shared.has_sasl, "the cluster was made without users and tokens, so nobody logs in to it");
        change(&mut shared.core.lock().cluster.settings.credentials)
    }
}
