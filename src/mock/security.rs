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
/// A change applies to later authentications, as with a real broker. Clients that have authenticated stay connected until
/// the connection or the session ends ([`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime)).
///
/// ```
/// use kafka_producer::mock::MockCluster;
///
/// let cluster = MockCluster::builder().sasl_user("alice", "secret").build();
/// cluster.security().set_user("alice", "another");
/// // Clients that have authenticated with the old password must authenticate again.
/// cluster.drop_connections();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MockSecurity<'a> {
    cluster: &'a MockCluster,
}

impl MockCluster {
    /// Returns an object that changes the users, tokens and certificates of the cluster.
    #[must_use]
    pub fn security(&self) -> MockSecurity<'_> {
        MockSecurity { cluster: self }
    }
}

impl MockSecurity<'_> {
    /// Adds a user. If the user exists, its password is replaced.
    ///
    /// # Panics
    ///
    /// Panics if the cluster was built without users, tokens, validator and mechanisms, because clients do not authenticate
    /// to such a cluster. In this case all other methods of this type except `set_tls` panic too.
    pub fn set_user(&self, name: &str, password: &str) {
        self.change(|credentials| credentials.set_user(name, password));
    }

    /// Removes a user.
    ///
    /// # Panics
    ///
    /// Panics if the user does not exist.
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
    /// Panics if the token does not exist.
    pub fn remove_oauth_token(&self, token: &str) {
        assert!(self.change(|credentials| credentials.remove_token(token)), "there is no such token");
    }

    /// Sets the mechanisms that the brokers offer, like
    /// [`sasl_mechanisms`](crate::mock::MockClusterBuilder::sasl_mechanisms).
    ///
    /// # Panics
    ///
    /// Panics if the mock does not support one of the mechanisms. The SCRAM mechanisms require the feature `scram`.
    pub fn set_mechanisms<'a>(&self, mechanisms: impl IntoIterator<Item = &'a str>) {
        self.change(|credentials| credentials.set_mechanisms(mechanisms));
    }

    /// Sets the lifetime of later sessions, like
    /// [`session_lifetime`](crate::mock::MockClusterBuilder::session_lifetime). `None` means no limit.
    pub fn set_session_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.change(|credentials| credentials.lifetime = lifetime.into());
    }

    /// Sets the certificate and the key of later connections, both in PEM format. Later connections use TLS, even if the
    /// cluster was built without TLS. If `client_ca_pem` is set, clients must have a certificate from one of these CAs.
    /// With `None` clients need no certificate. Requires the feature `tls`.
    ///
    /// # Panics
    ///
    /// Panics if the certificates or the key can't be used, or if the key does not belong to the certificate.
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
            "the cluster was built without users and tokens, so clients do not authenticate"
        );
        change(&mut shared.core.lock().cluster.settings.credentials)
    }
}
