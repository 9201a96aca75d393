//! Users, tokens and certificates of a mock cluster that a test changes while the cluster runs.

use std::time::Duration;

use crate::mock::credentials::Credentials;
use crate::mock::handle::MockCluster;
#[cfg(feature = "tls")]
use crate::mock::tls::{Acceptor, Identity};
#[cfg(feature = "tls")]
use crate::security::Secret;

/// The users, tokens and certificates of a [`MockCluster`]. [`MockCluster::security`] returns it.
///
/// As with a real broker, a change counts for later logins. Clients that have logged in stay until the connection or the
/// session ends ([`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime)).
///
/// ```
/// use kafka_producer::mock::MockCluster;
///
/// let cluster = MockCluster::builder().sasl_user("alice", "secret").build();
/// cluster.security().set_user("alice", "another");
/// // Clients that have logged in with the old password have to log in again.
/// cluster.drop_connections();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MockSecurity<'a> {
    cluster: &'a MockCluster,
}

impl MockCluster {
    /// Returns the users, tokens and certificates of the cluster, so that a test can change them.
    #[must_use]
    pub fn security(&self) -> MockSecurity<'_> {
        MockSecurity { cluster: self }
    }
}

impl MockSecurity<'_> {
    /// Adds a user. If the user exists, it gets the new password.
    ///
    /// # Panics
    ///
    /// If the cluster was built without users and tokens, because clients do not log in to it then. All other methods
    /// except `set_tls` panic in this case too.
    pub fn set_user(&self, name: &str, password: &str) {
        self.change(|credentials| credentials.set_user(name, password));
    }

    /// Removes a user.
    ///
    /// # Panics
    ///
    /// If the user does not exist.
    pub fn remove_user(&self, name: &str) {
        assert!(self.change(|credentials| credentials.remove_user(name)), "there is no user {name}");
    }

    /// Adds a token of `principal`.
    pub fn add_oauth_token(&self, principal: &str, token: &str) {
        self.change(|credentials| credentials.add_token(principal, token));
    }

    /// Removes a token.
    ///
    /// # Panics
    ///
    /// If the token does not exist.
    pub fn remove_oauth_token(&self, token: &str) {
        assert!(self.change(|credentials| credentials.remove_token(token)), "there is no such token");
    }

    /// Sets the mechanisms that the brokers offer: see
    /// [`sasl_mechanisms`](crate::mock::MockClusterBuilder::sasl_mechanisms).
    ///
    /// # Panics
    ///
    /// If the mock does not support one of them, or not in this build.
    pub fn set_mechanisms<'a>(&self, mechanisms: impl IntoIterator<Item = &'a str>) {
        self.change(|credentials| credentials.set_mechanisms(mechanisms));
    }

    /// Sets the lifetime of later sessions. `None` is no limit. See
    /// [`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime).
    pub fn set_session_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.change(|credentials| credentials.lifetime = lifetime.into());
    }

    /// Sets the certificate and the key of later connections, both PEM. Later connections use TLS, even if the cluster was
    /// built without it. `client_ca_pem` are the CAs that must have issued the certificates of clients. With `None` clients
    /// need no certificate. Feature `tls`.
    ///
    /// # Panics
    ///
    /// If the certificates or the key can't be used, or do not belong together.
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
        assert!(
            shared.has_sasl,
            "the cluster was built without users and tokens, so clients do not log in to it"
        );
        change(&mut shared.core.lock().cluster.settings.credentials)
    }
}
