//! The settings of a mock cluster.

use std::time::Duration;

use crate::mock::cluster::Settings;
use crate::mock::credentials::Credentials;
use crate::mock::handle::MockCluster;
#[cfg(feature = "tls")]
use crate::mock::tls::Identity;
#[cfg(feature = "tls")]
use crate::security::Secret;

/// The settings of a [`MockCluster`]. [`MockCluster::builder`] returns the default settings.
#[derive(Clone, Debug)]
pub struct MockClusterBuilder {
    brokers: usize,
    settings: Settings,
    #[cfg(feature = "tls")]
    tls: Option<Identity>,
    #[cfg(feature = "tls")]
    tls_client_ca: Option<String>,
}

impl Default for MockClusterBuilder {
    fn default() -> Self {
        let settings = Settings {
            auto_create_topics: true,
            default_partitions: 1,
            leader_not_available_once: false,
            counting: false,
            credentials: Credentials::default(),
            first_epoch: 0,
            refuses_unknown_producers: false,
        };
        Self {
            brokers: 1,
            settings,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            tls_client_ca: None,
        }
    }
}

impl MockCluster {
    /// Starts a cluster of `brokers` brokers with the default settings.
    ///
    /// # Panics
    ///
    /// Panics if `brokers` is 0, or if the loopback interface has no free port.
    #[must_use]
    pub fn start(brokers: usize) -> Self {
        Self::builder().brokers(brokers).build()
    }

    /// Returns a builder with the default settings.
    #[must_use]
    pub fn builder() -> MockClusterBuilder {
        MockClusterBuilder::default()
    }
}

impl MockClusterBuilder {
    /// Sets the number of brokers. Their node IDs are 0, 1, and so on. Default: 1.
    #[must_use]
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Sets whether the cluster creates a topic when a client requests its metadata. The cluster does not create the topic
    /// if the request forbids it. Default: true.
    #[must_use]
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.settings.auto_create_topics = create;
        self
    }

    /// Sets the number of partitions of a topic that a metadata request creates. Default: 1.
    #[must_use]
    pub fn default_partitions(mut self, partitions: usize) -> Self {
        self.settings.default_partitions = partitions;
        self
    }

    /// Sets whether the metadata response has the error `LEADER_NOT_AVAILABLE` when the request creates a topic. A real
    /// cluster can respond in this way. The next response contains the leaders. Default: false.
    #[must_use]
    pub fn leader_not_available_once(mut self, once: bool) -> Self {
        self.settings.leader_not_available_once = once;
        self
    }

    /// Makes the cluster count batches and records without storing them, for measurements. The cluster reads only the
    /// headers of batches and checks their checksums. It stores neither batches nor requests.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.settings.counting = true;
        self
    }

    /// Adds a user. Clients must then authenticate. A user can authenticate with PLAIN. With the feature `scram`, a user
    /// can also authenticate with SCRAM-SHA-256 and SCRAM-SHA-512. If the user exists, its password is replaced.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kafka_producer::mock::MockCluster;
    /// use kafka_producer::{KafkaProducer, ProducerRecord, SecurityProtocol};
    ///
    /// let cluster = MockCluster::builder().sasl_user("alice", "secret").build();
    /// let producer = KafkaProducer::builder()
    ///     .bootstrap_servers(cluster.bootstrap_servers())
    ///     .security_protocol(SecurityProtocol::SaslPlaintext)
    ///     .sasl_mechanism("PLAIN")
    ///     .sasl_plain_username("alice")
    ///     .sasl_plain_password("secret")
    ///     .build()?;
    /// producer.send(ProducerRecord::to("t").value("v"))?.get(Duration::from_secs(10))?;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    #[must_use]
    pub fn sasl_user(mut self, name: &str, password: &str) -> Self {
        self.settings.credentials.set_user(name, password);
        self
    }

    /// Adds a token of `principal`. Clients must then authenticate, and can use the token with OAUTHBEARER. The cluster
    /// does not parse the token, so the token does not expire. [`MockSecurity::remove_oauth_token`] removes the token.
    ///
    /// [`MockSecurity::remove_oauth_token`]: crate::mock::MockSecurity::remove_oauth_token
    #[must_use]
    pub fn oauth_token(mut self, principal: &str, token: &str) -> Self {
        self.settings.credentials.add_token(principal, token);
        self
    }

    /// Sets a function that checks OAUTHBEARER tokens. Clients must then authenticate. `validate` returns the principal of
    /// a valid token, and `None` for any other token. The cluster calls `validate` only for tokens that were not added with
    /// [`oauth_token`](Self::oauth_token). The call is made on a thread of the cluster. `validate` must not call methods of
    /// the cluster.
    #[must_use]
    pub fn oauth_validator(
        mut self,
        validate: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.credentials.set_validator(validate);
        self
    }

    /// Sets the SASL mechanisms that the brokers offer (`sasl.enabled.mechanisms`): PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or
    /// OAUTHBEARER. Default: PLAIN and the SCRAM mechanisms if a user was set, and OAUTHBEARER if a token or a validator
    /// was set. Without users, tokens and validator the brokers offer no mechanism, and clients do not authenticate.
    ///
    /// # Panics
    ///
    /// Panics if the mock does not support one of the mechanisms. The SCRAM mechanisms require the feature `scram`.
    #[must_use]
    pub fn sasl_mechanisms<'a>(mut self, mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.credentials.set_mechanisms(mechanisms);
        self
    }

    /// Sets the number of iterations of SCRAM. Default: 4096, as in Kafka. Kafka's brokers require at least 4096
    /// iterations. Clients have their own limits.
    #[must_use]
    pub fn scram_iterations(mut self, iterations: u32) -> Self {
        self.settings.credentials.iterations = iterations;
        self
    }

    /// Sets the lifetime of sessions (`connections.max.reauth.ms`, KIP-368). The lifetime counts by the cluster's clock
    /// ([`hold_clock`](MockCluster::hold_clock)).
    ///
    /// The response that accepts an authentication contains the lifetime. The client must authenticate again within this
    /// time, on the same connection, as the same user and with the same mechanism. Otherwise the broker closes the
    /// connection at the next request. A client can authenticate again at most once per second, as with Kafka's brokers.
    /// Default: no limit.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.credentials.lifetime = Some(lifetime);
        self
    }

    /// Makes all brokers use TLS with this certificate and this key, both in PEM format. The certificates of the issuers
    /// can follow the certificate. The address of the brokers is 127.0.0.1. The certificate must be valid for this address,
    /// or the clients must not check host names. Requires the feature `tls`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kafka_producer::mock::MockCluster;
    /// use kafka_producer::{KafkaProducer, ProducerRecord, SecurityProtocol};
    ///
    /// // Here the crate `rcgen` generates the certificate. You can use your own files instead.
    /// let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    /// let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    /// let cluster = MockCluster::builder().tls(&certificate, &key).build();
    /// let producer = KafkaProducer::builder()
    ///     .bootstrap_servers(cluster.bootstrap_servers())
    ///     .security_protocol(SecurityProtocol::Ssl)
    ///     .ssl_ca_pem(certificate)
    ///     .build()?;
    /// producer.send(ProducerRecord::to("t").value("v"))?.get(Duration::from_secs(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, certificate_pem: &str, key_pem: &str) -> Self {
        let (certificate, key) = (certificate_pem.to_owned(), Secret::from(key_pem));
        self.tls = Some(Identity { certificate, key, client_ca: None });
        self
    }

    /// Makes the brokers require a client certificate (`ssl.client.auth=required`). One of the CAs in `ca_pem` must have
    /// issued the certificate. The CAs are in PEM format. Not supported on Windows and macOS. Requires the feature `tls`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_client_ca(mut self, ca_pem: &str) -> Self {
        self.tls_client_ca = Some(ca_pem.to_owned());
        self
    }

    /// Starts the cluster.
    ///
    /// # Panics
    ///
    /// Panics for the same reasons as [`MockCluster::start`]. Also panics if the certificates or the key for TLS can't be
    /// used, or if `tls_client_ca` was called without `tls`.
    #[must_use]
    pub fn build(self) -> MockCluster {
        let cluster = MockCluster::build(self.brokers, self.settings);
        #[cfg(feature = "tls")]
        {
            let Self { tls, tls_client_ca, .. } = self;
            assert!(
                tls.is_some() || tls_client_ca.is_none(),
                "tls_client_ca requires the certificate of the mock cluster: also call tls"
            );
            if let Some(identity) = tls {
                cluster.security().be(Identity { client_ca: tls_client_ca, ..identity });
            }
        }
        cluster
    }
}
