//! Settings of the cluster that tests hold.

use std::time::Duration;

use crate::mock::cluster::Settings;
use crate::mock::credentials::Credentials;
use crate::mock::handle::MockCluster;
#[cfg(feature = "tls")]
use crate::mock::tls::Identity;
#[cfg(feature = "tls")]
use crate::security::Secret;

/// Settings of a [`MockCluster`].
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
    /// A cluster of so many brokers with the settings of [`MockCluster::builder`].
    ///
    /// # Panics
    ///
    /// If there are to be no brokers, or the loopback interface has no port left.
    #[must_use]
    pub fn start(brokers: usize) -> Self {
        Self::builder().brokers(brokers).build()
    }

    /// For a cluster with other settings than the usual ones.
    #[must_use]
    pub fn builder() -> MockClusterBuilder {
        MockClusterBuilder::default()
    }
}

impl MockClusterBuilder {
    /// How many brokers; their node ids are 0, 1, and so on. Default: 1.
    #[must_use]
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Whether a topic is created when its metadata is asked for, unless the request says no. Default: true.
    #[must_use]
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.settings.auto_create_topics = create;
        self
    }

    /// How many partitions topics get that are created so. Default: 1.
    #[must_use]
    pub fn default_partitions(mut self, partitions: usize) -> Self {
        self.settings.default_partitions = partitions;
        self
    }

    /// Whether the answer that creates a topic says `LEADER_NOT_AVAILABLE`, as that of many a broker does; the next
    /// one has its leaders. Default: false.
    #[must_use]
    pub fn leader_not_available_once(mut self, once: bool) -> Self {
        self.settings.leader_not_available_once = once;
        self
    }

    /// Makes it a sink for measurements: batches are counted by their headers, with their checksums checked, and
    /// neither they nor the requests are kept.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.settings.counting = true;
        self
    }

    /// Clients have to log in, and may as this user: by PLAIN, or SCRAM-SHA-256 and SCRAM-SHA-512 (feature `scram`). As
    /// many users as are wanted; one that is named again gets the new password.
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

    /// Clients have to log in, and may as `principal` with this token, by OAUTHBEARER. As many as are wanted. What is in
    /// it is not looked at, so it does not expire: [`MockSecurity::remove_oauth_token`] ends it.
    ///
    /// [`MockSecurity::remove_oauth_token`]: crate::mock::MockSecurity::remove_oauth_token
    #[must_use]
    pub fn oauth_token(mut self, principal: &str, token: &str) -> Self {
        self.settings.credentials.add_token(principal, token);
        self
    }

    /// Clients have to log in, and may by OAUTHBEARER with each token of which `judge` says whose it is. It is asked about
    /// tokens that [`oauth_token`](Self::oauth_token) does not know, by threads of the cluster, which it must not use.
    #[must_use]
    pub fn oauth_validator(mut self, judge: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.settings.credentials.set_validator(judge);
        self
    }

    /// The mechanisms of SASL that are offered (`sasl.enabled.mechanisms`): of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and
    /// OAUTHBEARER. Default: all by which anybody can log in, given the users and tokens that were set; none if there are
    /// none, and then clients need not log in.
    ///
    /// # Panics
    ///
    /// If the mock does not speak one of them, or not in this build.
    #[must_use]
    pub fn sasl_mechanisms<'a>(mut self, mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        self.settings.credentials.set_mechanisms(mechanisms);
        self
    }

    /// How often a password is hashed for SCRAM. Default: 4096, as Kafka's. Brokers take no fewer; clients have limits of
    /// their own.
    #[must_use]
    pub fn scram_iterations(mut self, iterations: u32) -> Self {
        self.settings.credentials.iterations = iterations;
        self
    }

    /// For how long a client is believed who it is (`connections.max.reauth.ms`, KIP-368), by the cluster's clock
    /// ([`hold_clock`](MockCluster::hold_clock)). The answer that accepts it says so; then it has to log in again on the
    /// same connection, as the same user and by the same mechanism, or its next request ends the connection. As with
    /// Kafka's brokers that may be done once a second. Default: for ever.
    #[must_use]
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.credentials.lifetime = Some(lifetime);
        self
    }

    /// Has all brokers speak TLS, with this certificate (and those of its issuers behind it, if there are any) and its key,
    /// all of them PEM. Their address is 127.0.0.1, which the certificate must be for, or clients will not check hosts.
    /// Feature `tls`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kafka_producer::mock::MockCluster;
    /// use kafka_producer::{KafkaProducer, ProducerRecord, SecurityProtocol};
    ///
    /// // With the crate `rcgen`; in a program of one's own the files that one has will do.
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

    /// Wants a certificate of clients, too, that one of these has issued (`ssl.client.auth=required`); PEM. Not on Windows
    /// and macOS. Feature `tls`.
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
    /// As [`MockCluster::start`], or if what was given for TLS can't be used.
    #[must_use]
    pub fn build(self) -> MockCluster {
        let cluster = MockCluster::build(self.brokers, self.settings);
        #[cfg(feature = "tls")]
        {
            let Self { tls, tls_client_ca, .. } = self;
            assert!(
                tls.is_some() || tls_client_ca.is_none(),
                "to want certificates of clients, a mock cluster needs one of its own: set tls"
            );
            if let Some(identity) = tls {
                cluster.security().be(Identity { client_ca: tls_client_ca, ..identity });
            }
        }
        cluster
    }
}
