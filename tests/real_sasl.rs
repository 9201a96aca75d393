//! Real brokers by SASL, with TLS and without: records arrive whole, and who is refused reads why.
#![cfg(all(feature = "_real-brokers", feature = "tls", feature = "rustls", feature = "scram"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "it shows the texts as users see them")]
#![allow(clippy::disallowed_types, reason = "no model checker here")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kafka_producer::{
    Error, ErrorCode, ErrorKind, OauthToken, ProducerConfig, ProducerRecord, SaslError, SaslExchange,
    SaslMechanism, TlsBackend,
};
use support::certificates::{Authority, Leaf};
use support::clock::{Stopwatch, pause};
use support::kafka::{Cluster, Operation, Resource};
use support::numbered;
use support::proxies::{Manners, ProxyServer, Speaks};
use support::proxy::Proxy;
use support::tokens::{AUDIENCE, ISSUER, TokenIssuer};

const RECORDS: usize = 100_000;
const PARTITIONS: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);
const STORE_PASSWORD: &str = "secret";

/// Brokers with SASL on two listeners, one of them encrypted, and what is needed to be known to them.
struct World {
    cluster: Cluster,
    dir: PathBuf,
    tokens: Arc<TokenIssuer>,
}

/// One for all tests. Starts cost seconds, and who comes while another uses it shares it.
fn world() -> Arc<World> {
    static WORLD: Mutex<Weak<World>> = Mutex::new(Weak::new());
    let mut weak = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    weak.upgrade().unwrap_or_else(|| {
        let world = Arc::new(World::start());
        *weak = Arc::downgrade(&world);
        world
    })
}

const LISTENERS: [(&str, &str); 2] = [("SASL", "SASL_PLAINTEXT"), ("SASLTLS", "SASL_SSL")];

const BACKENDS: [TlsBackend; 2] = [TlsBackend::NativeTls, TlsBackend::Rustls];

impl World {
    fn start() -> Self {
        let dir =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("real-sasl-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let authority = Authority::new("ca");
        fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
        let store = dir.join("broker.p12");
        fs::write(&store, authority.issue(Leaf::default()).pkcs12(STORE_PASSWORD)).unwrap();
        let tokens = Arc::new(TokenIssuer::new());
        let keys = dir.join("keys.json");
        fs::write(&keys, tokens.key_set()).unwrap();
        let keys = format!("file://{}", keys.display());
        let mut builder = Cluster::builder(1)
            .property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
            .property("super.users", "User:ANONYMOUS")
            .property("allow.everyone.if.no.acl.found", "true")
            .property("ssl.keystore.location", &store.to_string_lossy())
            .property("ssl.keystore.type", "PKCS12")
            .jvm_option(&format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"));
        for (mechanism, iterations) in [("SCRAM-SHA-256", 4096), ("SCRAM-SHA-512", 8192)] {
            let user = format!("{mechanism}=[name=alice,password=alice-secret,iterations={iterations}]");
            builder = builder.format_argument("--add-scram").format_argument(&user);
        }
        for (listener, protocol) in LISTENERS {
            let module = |name: &str| format!("org.apache.kafka.common.security.{name} required");
            let prefix = format!("listener.name.{}", listener.to_lowercase());
            let own = |name: &str| format!("{prefix}.{name}");
            let plain = module("plain.PlainLoginModule")
                + r#" user_alice="alice-secret" user_mallory="mallory-secret" user_$ConnectionString="Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=b=";"#;
            let scram = module("scram.ScramLoginModule") + ";";
            let bearer = module("oauthbearer.OAuthBearerLoginModule") + ";";
            let handler = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
            builder = builder
                .listener(listener, protocol)
                .property(&own("sasl.enabled.mechanisms"), "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER")
                .property(&own("plain.sasl.jaas.config"), &plain)
                .property(&own("scram-sha-256.sasl.jaas.config"), &scram)
                .property(&own("scram-sha-512.sasl.jaas.config"), &scram)
                .property(&own("oauthbearer.sasl.jaas.config"), &bearer)
                .property(&own("oauthbearer.sasl.server.callback.handler.class"), handler)
                .property(&own("oauthbearer.sasl.oauthbearer.jwks.endpoint.url"), &keys)
                .property(&own("oauthbearer.sasl.oauthbearer.expected.audience"), AUDIENCE)
                .property(&own("oauthbearer.sasl.oauthbearer.expected.issuer"), ISSUER);
        }
        Self { cluster: builder.start(), dir, tokens }
    }

    fn ca(&self) -> String {
        self.dir.join("ca.pem").to_string_lossy().into_owned()
    }

    /// A mechanism over a listener; who it is that it says comes on top.
    fn config(&self, listener: &str, mechanism: &str) -> ProducerConfig {
        let protocol = LISTENERS.iter().find(|(name, _)| *name == listener).unwrap().1;
        let (servers, ca) = (self.cluster.bootstrap_servers_of(listener), self.ca());
        let mut pairs = vec![
            ("bootstrap.servers", servers.as_str()),
            ("security.protocol", protocol),
            ("sasl.mechanism", mechanism),
        ];
        if protocol == "SASL_SSL" {
            pairs.push(("ssl.ca.location", &ca));
        }
        ProducerConfig::from_pairs(pairs).unwrap()
    }

    fn alice(&self, listener: &str, mechanism: &str) -> ProducerConfig {
        let config = self.config(listener, mechanism);
        match mechanism {
            "OAUTHBEARER" => {
                let tokens = Arc::clone(&self.tokens);
                let lifetime = Duration::from_secs(300);
                config.sasl_oauth_token_provider(move || {
                    Ok(OauthToken::new(tokens.token("alice", 0, 300), lifetime))
                })
            }
            _ => config.sasl_plain_username("alice").sasl_plain_password("alice-secret"),
        }
    }

    fn carries_many(&self, topic: &str, config: ProducerConfig) {
        self.cluster.create_topic(topic, PARTITIONS, 1, &[]);
        numbered::send(config.build().unwrap(), topic, RECORDS);
        numbered::assert_stored_once(&self.cluster, topic, RECORDS);
    }

    /// Not encrypted, and encrypted by each back end.
    fn carries_on_all_listeners(&self, mechanism: &str) {
        self.carries_many(&format!("{mechanism}-SASL"), self.alice("SASL", mechanism));
        for backend in BACKENDS {
            let topic = format!("{mechanism}-SASLTLS-{backend}");
            self.carries_many(&topic, self.alice("SASLTLS", mechanism).tls_backend(backend));
        }
    }

    fn carries(&self, topic: &str, config: ProducerConfig) {
        // Another test may deny the creation of topics at this moment.
        self.cluster.create_topic(topic, 1, 1, &[]);
        let producer = config.build().unwrap();
        let future = producer.send(ProducerRecord::to(topic).value(topic)).unwrap();
        assert_eq!(future.get(PATIENCE).unwrap().offset(), Some(0), "{topic}");
    }

    /// What who waits reads within two seconds, and how many connections were tried meanwhile and in the second after it:
    /// at most `attempts`.
    #[track_caller]
    fn refusal(&self, listener: &str, config: ProducerConfig) -> Error {
        let proxy = Proxy::start();
        proxy.lead_to(self.cluster.address_of(1, listener));
        let producer = config.bootstrap_servers([proxy.address().to_string()]).build().unwrap();
        let watch = Stopwatch::start();
        let error = producer.send(ProducerRecord::to("refused").value("v")).unwrap_err();
        let took = watch.elapsed();
        println!("{took:?}: {error}");
        assert!(took < Duration::from_secs(2), "{took:?}: {error}");
        // The back-off of a broker that somebody needs begins at 50 ms and doubles: 0, 50, 150, 350, 750 ms.
        pause(Duration::from_secs(1));
        let attempts = proxy.connections();
        assert!((1..=7).contains(&attempts), "{attempts} attempts in a second");
        error
    }

    /// Of a login: its mechanism and the broker's words.
    #[track_caller]
    fn authentication_refusal(&self, listener: &str, mechanism: &str, config: ProducerConfig) -> String {
        let error = self.refusal(listener, config);
        let ErrorKind::Authentication { mechanism: named, trouble, .. } = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(named, mechanism);
        let before = format!(
            "authentication by {mechanism} failed: {} (from bootstrap_servers) at SASL: ",
            trouble.address
        );
        let text = error.to_string();
        text.strip_prefix(&before).unwrap_or_else(|| panic!("{text}")).to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn plain_carries_what_was_sent() {
    world().carries_on_all_listeners("PLAIN");
}

#[test]
fn scram_sha_256_carries_what_was_sent() {
    world().carries_on_all_listeners("SCRAM-SHA-256");
}

#[test]
fn scram_sha_512_carries_what_was_sent() {
    world().carries_on_all_listeners("SCRAM-SHA-512");
}

#[test]
fn oauthbearer_carries_what_was_sent() {
    world().carries_on_all_listeners("OAUTHBEARER");
}

/// A mechanism of a program's own that no broker has.
struct Unknown;

impl SaslMechanism for Unknown {
    fn name(&self) -> &str {
        "X-UNKNOWN"
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        Err(SaslError::refused("no broker should ask for this"))
    }
}

#[test]
fn the_first_of_a_list_that_the_broker_has_is_used() {
    let world = world();
    let config = world.alice("SASLTLS", "X-UNKNOWN,SCRAM-SHA-512,PLAIN").register_sasl_mechanism(Unknown);
    world.carries("from-a-list", config);
}

#[test]
fn a_wrong_password_or_user_is_refused_in_the_brokers_words() {
    let world = world();
    for (user, password) in [("alice", "guess"), ("nobody", "alice-secret")] {
        for (listener, _) in LISTENERS {
            let refusal = |mechanism| {
                let config = world.config(listener, mechanism);
                let config = config.sasl_plain_username(user).sasl_plain_password(password);
                world.authentication_refusal(listener, mechanism, config)
            };
            assert_eq!(
                refusal("PLAIN"),
                "Authentication failed: Invalid username or password; check the user name and the password"
            );
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                assert_eq!(
                    refusal(mechanism),
                    format!(
                        "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}; \
                         check the user name and the password"
                    )
                );
            }
        }
    }
}

#[test]
fn a_token_that_has_expired_is_refused() {
    let world = world();
    let token = world.tokens.token("alice", 600, 300);
    // The provider does not know: to it the token is good.
    let config = world
        .config("SASLTLS", "OAUTHBEARER")
        .sasl_oauth_token_provider(move || Ok(OauthToken::new(token.clone(), None)));
    assert_eq!(
        world.authentication_refusal("SASLTLS", "OAUTHBEARER", config),
        r#"{"status":"invalid_token"}; check the token's lifetime, audience and issuer, and this machine's clock"#
    );
}

#[test]
fn a_mechanism_that_the_broker_does_not_have_is_told_with_those_that_it_has() {
    let world = world();
    let config = world.config("SASL", "X-UNKNOWN").register_sasl_mechanism(Unknown);
    let text = world.authentication_refusal("SASL", "X-UNKNOWN", config);
    let (before, rest) = text.split_once("; it offers ").unwrap();
    let (offered, after) = rest.split_once("; ").unwrap();
    assert_eq!(before, "it does not offer this mechanism");
    let mut offered: Vec<&str> = offered.split(", ").collect();
    offered.sort_unstable();
    assert_eq!(offered, ["OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
    assert_eq!(after, "set sasl_mechanism to one of these");
}

#[test]
fn sasl_at_a_port_without_it_and_the_reverse() {
    let world = world();
    let text = world.authentication_refusal("PLAINTEXT", "PLAIN", world.alice("SASL", "PLAIN"));
    assert_eq!(
        text,
        "its port does not support SASL; set security_protocol to PLAINTEXT or SSL, or use the port of a listener with SASL"
    );
    // Not refused for good: a broker that is going away does the same.
    let config = ProducerConfig::new().bootstrap_servers([world.cluster.bootstrap_servers_of("SASL")]);
    let producer = config.max_block(Duration::from_secs(1)).build().unwrap();
    let error = producer.send(ProducerRecord::to("refused").value("v")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with(
            ": the broker closed the connection at the first request; brokers do this on a port with SASL; set security_protocol to \
             SASL_SSL or SASL_PLAINTEXT, or use the port of a listener without SASL"
        ),
        "{text}"
    );
}

/// The proxy is one, the broker behind it another that looks at who we are.
#[test]
fn proxies_lead_to_brokers_with_sasl_and_tls() {
    const COUNT: usize = 10_000;
    let world = world();
    for (speaks, name) in [(Speaks::Socks5, "socks5"), (Speaks::Http, "http")] {
        let account = Some(("proxy-user".to_owned(), "proxy-password".to_owned()));
        let proxy = ProxyServer::start(speaks, Manners { account, ..Manners::default() });
        let config =
            world.alice("SASLTLS", "SCRAM-SHA-512").proxy_url(proxy.url("proxy-user:proxy-password@"));
        let topic = format!("by-{name}");
        world.cluster.create_topic(&topic, PARTITIONS, 1, &[]);
        numbered::send(config.build().unwrap(), &topic, COUNT);
        numbered::assert_stored_once(&world.cluster, &topic, COUNT);
        let address = world.cluster.bootstrap_servers_of("SASLTLS");
        assert!(proxy.asked().len() >= 2 && proxy.asked().iter().all(|asked| *asked == address));
    }
}

/// What `alice` may do, `mallory` may not.
#[test]
fn what_acls_deny_is_told_with_what_is_missing() {
    let world = world();
    let everyone = "User:*";
    world.cluster.create_topic("denied", 1, 1, &[]);
    world.cluster.allow("User:alice", Resource::Topic("denied"), Operation::Write);
    world.cluster.create_topic("described", 1, 1, &[]);
    world.cluster.allow("User:alice", Resource::Topic("described"), Operation::Write);
    world.cluster.allow(everyone, Resource::Topic("described"), Operation::Describe);
    let mallory = || {
        let config = world.config("SASL", "PLAIN");
        config.sasl_plain_username("mallory").sasl_plain_password("mallory-secret")
    };
    let producer = mallory().build().unwrap();
    let watch = Stopwatch::start();
    let error = producer.send(ProducerRecord::to("denied").value("v")).unwrap_err();
    println!("{:?}: {error}", watch.elapsed());
    assert!(watch.elapsed() < Duration::from_secs(2));
    assert_eq!(error.broker_code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(
        error.to_string(),
        "a broker returned TOPIC_AUTHORIZATION_FAILED (29) for topic 'denied': The client is not authorized for the topic; to send \
         records it needs ACLs for Write and Describe"
    );
    let watch = Stopwatch::start();
    let error = producer.send(ProducerRecord::to("described").value("v")).unwrap().get(PATIENCE).unwrap_err();
    println!("{:?}: {error}", watch.elapsed());
    assert!(watch.elapsed() < Duration::from_secs(2));
    assert_eq!(error.broker_code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(
        error.to_string(),
        "a broker returned TOPIC_AUTHORIZATION_FAILED (29) for described-0: The client is not authorized for the topic; to \
         send records it needs ACLs for Write and Describe"
    );
    // A rule about any topic ends "everyone may, where there is no rule", for the other tests as well.
    world.cluster.allow(everyone, Resource::AnyTopic, Operation::Write);
    // Whoever may write to any topic may be idempotent (KIP-679), unless it is denied.
    world.cluster.deny("User:mallory", Resource::Cluster, Operation::IdempotentWrite);
    world.cluster.deny("User:mallory", Resource::AnyTopic, Operation::Write);
    let producer = mallory().build().unwrap();
    let watch = Stopwatch::start();
    let error = producer.send(ProducerRecord::to("described").value("v")).unwrap().get(PATIENCE).unwrap_err();
    println!("{:?}: {error}", watch.elapsed());
    assert!(watch.elapsed() < Duration::from_secs(2));
    assert_eq!(error.broker_code(), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    assert_eq!(
        error.to_string(),
        "enable_idempotence needs a producer id, and a broker returned CLUSTER_AUTHORIZATION_FAILED (31); grant Write on \
         the topic (for brokers before 2.8, grant IdempotentWrite on the cluster), or set enable_idempotence to false"
    );
}

/// As Confluent Cloud's and Azure Event Hubs' pages have them for Java, with other addresses and secrets.
#[test]
fn properties_of_managed_clusters_connect() {
    let world = world();
    let (servers, ca) = (world.cluster.bootstrap_servers_of("SASLTLS"), world.ca());
    let confluent = [
        ("bootstrap.servers", servers.as_str()),
        ("security.protocol", "SASL_SSL"),
        (
            "sasl.jaas.config",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username='alice' password='alice-secret';",
        ),
        ("sasl.mechanism", "PLAIN"),
        ("client.dns.lookup", "use_all_dns_ips"),
        ("acks", "all"),
        ("client.id", "ccloud-java-client"),
        ("ssl.endpoint.identification.algorithm", "https"),
    ];
    let event_hubs = [
        ("bootstrap.servers", servers.as_str()),
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        (
            "sasl.jaas.config",
            r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="$ConnectionString" password="Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=b=";"#,
        ),
    ];
    // The test's CA is none that systems know.
    let private = [("ssl.ca.location", ca.as_str())];
    for (topic, pairs) in [("confluent", &confluent[..]), ("event-hubs", &event_hubs)] {
        let pairs = pairs.iter().chain(&private).copied();
        world.carries(topic, ProducerConfig::from_pairs(pairs).unwrap());
    }
}
