//! The settings of a mock cluster.

use std::time::Duration;

use crate::mock::cluster::Settings;
use crate::mock::credentials::Credentials;
use crate::mock::handle::MockCluster;
#[cfg(feature = "tls")]
use crate::mock::tls::Identity;
#[cfg(feature = "tls")]
use crate::security::Secret;

/// The settings of a [`MockCluster`]. [`MockCluster::builder`] makes them.
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
    /// If `brokers` is 0, or if the loopback interface has no free port.
    #[must_use]
    pub fn start(brokers: usize) -> Self {
        Self::builder().brokers(brokers).build()
    }

    /// Returns the default settings, for a cluster with other settings.
    #[must_use]
    pub fn builder() -> MockClusterBuilder {
        MockClusterBuilder::default()
    }
}

impl MockClusterBuilder {
    /// Sets the number of brokers. Their node ids are 0, 1, and so on. Default: 1.
    #[must_use]
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Sets whether a topic is created when a client requests its metadata, unless the request forbids it. Default: true.
    #[must_use]
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.settings.auto_create_topics = create;
        self
    }

    /// Sets the number of partitions of topics that are created by a request for metadata. Default: 1.
    #[must_use]
    pub fn default_partitions(mut self, partitions: usize) -> Self {
        self.settings.default_partitions = partitions;
        self
    }

    /// Sets whether the answer that creates a topic has the error `LEADER_NOT_AVAILABLE`, as with many brokers. The next
    /// answer has the leaders. Default: false.
    #[must_use]
    pub fn leader_not_available_once(mut self, once: bool) -> Self {
        self.settings.leader_not_available_once = once;
        self
    }

    /// Makes the cluster count batches and records, for measurements. It reads only the headers of batches, checks their
    /// checksums, and keeps neither batches nor requests.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.settings.counting = true;
        self
    }

    /// Adds a user. Clients then have to log in. Users log in with PLAIN, and with SCRAM-SHA-256 and SCRAM-SHA-512 (feature
    /// `scram`). If the user exists, it gets the new password.
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

    /// Adds a token of `principal`. Clients then have to log in. They use the token with OAUTHBEARER. The cluster does not look
    /// into the token, so it does not expire. [`MockSecurity::remove_oauth_token`] removes it.
    ///
    /// [`MockSecurity::remove_oauth_token`]: crate::mock::MockSecurity::remove_oauth_token
    #[must_use]
    pub fn oauth_token(mut self, principal: &str, token: &str) -> Self {
        self.settings.credentials.add_token(principal, token);
        self
    }

    /// Sets a function that checks tokens. Clients then have to log in. They use OAUTHBEARER with a token for which `judge`
    /// returns the principal. `judge` is called for tokens that were not added with [`oauth_token`](Self::oauth_token), on
    /// threads of the cluster. It must not call methods of the cluster.
    #[must_use]
    pub fn oauth_validator(mut self, judge: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.settings.credentials.set_validator(judge);
        self
    }

    /// Sets the SASL mechanisms that the brokers offer (`sasl.enabled.mechanisms`): PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or
    /// OAUTHBEARER. Default: all that fit the users and tokens that were set. Without users and tokens there are none, and
    /// clients do not log in.
    ///
    /// # Panics
    ///
    /// If the mock does not support one of them, or not in this build.
    #[must_use]
    pub fn sasl_mechanisms<'a>(mut self, mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.credentials.set_mechanisms(mechanisms);
        self
    }

    /// Sets the number of iterations of SCRAM. Default: 4096, as in Kafka. Kafka's brokers accept no smaller number. Clients
    /// have limits of their own.
    #[must_use]
    pub fn scram_iterations(mut self, iterations: u32) -> Self {
        self.settings.credentials.iterations = iterations;
        self
    }

    /// Sets the lifetime of sessions (`connections.max.reauth.ms`, KIP-368), by the cluster's clock
    /// ([`hold_clock`](MockCluster::hold_clock)). The answer that accepts a login has the lifetime. Within this time the
    /// client has to log in again on the same connection, as the same user and with the same mechanism. Otherwise its next
    /// request ends the connection. As with Kafka's brokers, a client may log in again once per second. Default: no limit.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.credentials.lifetime = Some(lifetime);
        self
    }

    /// Makes all brokers use TLS with this certificate and this key, both PEM. The certificates of the issuers may follow the
    /// certificate. The brokers' address is 127.0.0.1: the certificate must be for this address, or the clients must not check
    /// host names. Feature `tls`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kafka_producer::mock::MockCluster;
    /// use kafka_producer::{KafkaProducer, ProducerRecord, SecurityProtocol};
    ///
    /// // The crate `rcgen` makes a certificate here. Your own files work too.
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

    /// Makes the brokers require a certificate from clients that one of these CAs has issued (`ssl.client.auth=required`). PEM.
    /// Not on Windows and macOS. Feature `tls`.
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
    /// As [`MockCluster::start`], and if the certificates or the key for TLS can't be used.
    #[must_use]
    pub fn build(self) -> MockCluster {
        let cluster = MockCluster::build(self.brokers, self.settings);
        #[cfg(feature = "tls")]
        {
            let Self { tls, tls_client_ca, .. } = self;
            assert!(
                tls.is_some() || tls_client_ca.is_none(),
                "tls_client_ca needs a certificate of the mock cluster itself: call tls, too"
            );
            if let Some(identity) = tls {
                cluster.security().be(Identity { client_ca: tls_client_ca, ..identity });
            }
        }
        cluster
    }
}
