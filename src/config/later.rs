//! Settings that have no effect: they are not supported yet, or name code, which a text can't contain.
//!
//! Their names are known, so that a file for another client does not give the error "there is no such setting". A value is
//! accepted if it means what this crate does anyway. Any other value is refused, even if it is the other client's default:
//! otherwise a user would believe that it has an effect.

use super::values::{Refusal, is_none};
use crate::error::ConfigProblemKind;

pub(super) struct Later {
    pub(super) name: &'static str,
    /// The values that are accepted. `none` stands for all values that mean "not set".
    pub(super) taken: &'static [&'static str],
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    /// A feature that is not supported yet. Without it records are less safe, or go to another partition.
    Feature(&'static str),
    /// A feature that is not supported yet. Without it records are delivered in the same way.
    Extra(&'static str),
    /// A setting that does not belong to this crate; says why.
    Other(&'static str),
    /// The same, but without it records are less safe than intended; says why.
    Never(&'static str),
    /// A TLS setting in a build without TLS.
    #[cfg(not(any(feature = "tls", feature = "rustls")))]
    Tls,
    /// A setting that names code; says what to do instead.
    Code(&'static str),
}

impl Later {
    /// Why `value` is refused; `None` if it is accepted.
    pub(super) fn refuse(&self, value: &str) -> Option<Refusal> {
        let says = |taken: &str| taken.eq_ignore_ascii_case(value) || (taken == "none" && is_none(value));
        if self.taken.iter().copied().any(says) {
            return None;
        }
        let (kind, why) = match (self.what, self.taken) {
            (What::Feature(what) | What::Extra(what), ["none", ..]) => {
                (ConfigProblemKind::NotSupportedYet, format!("{what} is not supported yet; remove it"))
            }
            (What::Feature(what) | What::Extra(what), taken) => {
                let why = format!("{what} is not supported yet; only {} is accepted", taken.join(" or "));
                (ConfigProblemKind::NotSupportedYet, why)
            }
            (What::Other(why) | What::Never(why), ["none", ..]) => {
                (ConfigProblemKind::Inapplicable, format!("{why}; remove it"))
            }
            (What::Other(why) | What::Never(why), taken) => (
                ConfigProblemKind::Inapplicable,
                format!("{why}; remove it, or write {}", taken.join(" or ")),
            ),
            #[cfg(not(any(feature = "tls", feature = "rustls")))]
            (What::Tls, _) => (ConfigProblemKind::NotInThisBuild, super::types::needs_tls()),
            (What::Code(instead), _) => (
                ConfigProblemKind::NeedsCode,
                format!("it refers to code and can't be set from a string; {instead}"),
            ),
        };
        Some(Refusal { kind, why })
    }

    /// Whether `from_shared` may ignore it.
    pub(super) fn may_be_left_out(&self) -> bool {
        matches!(self.what, What::Extra(_) | What::Other(_) | What::Code(_))
    }
}

pub(super) fn find(name: &str) -> Option<&'static Later> {
    all().find(|later| later.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|later| later.name)
}

pub(super) fn all() -> impl Iterator<Item = &'static Later> {
    #[cfg(not(any(feature = "tls", feature = "rustls")))]
    let more = TLS.iter();
    #[cfg(any(feature = "tls", feature = "rustls"))]
    let more = std::iter::empty();
    LATER.iter().chain(more)
}

/// The accepted values are in brackets, if they are not `none`.
macro_rules! later {
    ($( $what:ident($text:literal): $( $name:ident $([$($taken:literal),+])? ),+ ; )*) => {
        &[$($(
            Later { name: stringify!($name), taken: later!(@ $($($taken),+)?), what: What::$what($text) },
        )+)*]
    };
    (@) => { &["none"] };
    (@ $($taken:literal),+) => { &[$($taken),+] };
}
pub(super) use later;

macro_rules! tls {
    ($( $name:ident $(= $taken:literal)? ),+ $(,)?) => {
        /// Settings that need the feature `tls` or `rustls`.
        #[cfg(not(any(feature = "tls", feature = "rustls")))]
        const TLS: &[Later] =
            &[$( Later { name: stringify!($name), taken: later!(@ $($taken)?), what: What::Tls } ),+];
    };
}

// The accepted value is after the equals sign, if it is not `none`.
tls! {
    ssl_cafile, ssl_ca_location, ssl_truststore_location, ssl_ca_pem, ssl_truststore_certificates,
    ssl_truststore_password, ssl_certfile, ssl_certificate_location, ssl_keystore_location, ssl_certificate_pem,
    ssl_keystore_certificate_chain, ssl_keystore_password, ssl_keyfile, ssl_key_location, ssl_key_pem,
    ssl_keystore_key, ssl_password, ssl_key_password, ssl_crlfile, ssl_crl_location, ssl_ciphers, ssl_cipher_suites,
    ssl_enabled_protocols = "TLSv1.2,TLSv1.3", ssl_check_hostname = "true", ssl_endpoint_identification_algorithm = "https", tls_backend,
}

const LATER: &[Later] = later! {
    Never("ssl.enabled.protocols sets the versions of TLS"): ssl_protocol["TLSv1.3", "TLS"];
    // JKS is the default of Java.
    Other("a store is PEM or PKCS#12, and its type is recognized by its contents; convert other stores with keytool or openssl"):
        ssl_truststore_type["PEM", "PKCS12", "JKS", "none"], ssl_keystore_type["PEM", "PKCS12", "JKS", "none"];
    Code("only Java can load it; remove it"):
        ssl_provider, ssl_secure_random_implementation, ssl_engine_factory_class,
        ssl_keymanager_algorithm["SunX509", "none"], ssl_trustmanager_algorithm["PKIX", "none"],
        security_providers;

    Code("call ProducerConfig::sasl_oauth_token_provider"): sasl_login_callback_handler_class, sasl_oauth_token_provider;
    Code("call ProducerConfig::register_sasl_mechanism"): sasl_client_callback_handler_class, sasl_login_class;

    Feature("Kerberos"):
        sasl_kerberos_service_name["kafka", "none"], sasl_kerberos_name, sasl_kerberos_domain_name,
        sasl_kerberos_kinit_cmd["/usr/bin/kinit"], sasl_kerberos_ticket_renew_window_factor["0.8"],
        sasl_kerberos_ticket_renew_jitter["0.05"], sasl_kerberos_min_time_before_relogin["60000"];

    Feature("fetching tokens from a server"):
        sasl_login_connect_timeout_ms, sasl_login_read_timeout_ms,
        sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_jwks_endpoint_url,
        sasl_oauthbearer_jwks_endpoint_refresh_ms["3600000"],
        sasl_oauthbearer_jwks_endpoint_retry_backoff_ms["100"],
        sasl_oauthbearer_jwks_endpoint_retry_backoff_max_ms["10000"],
        sasl_oauthbearer_clock_skew_seconds["30"], sasl_oauthbearer_header_urlencode["false"],
        sasl_oauthbearer_expected_audience, sasl_oauthbearer_expected_issuer, sasl_oauthbearer_scope,
        sasl_oauthbearer_scope_claim_name["scope"], sasl_oauthbearer_sub_claim_name["sub"],
        sasl_oauthbearer_client_credentials_client_id, sasl_oauthbearer_client_credentials_client_secret,
        sasl_oauthbearer_assertion_algorithm["RS256"], sasl_oauthbearer_assertion_file,
        sasl_oauthbearer_assertion_template_file, sasl_oauthbearer_assertion_private_key_file,
        sasl_oauthbearer_assertion_private_key_passphrase, sasl_oauthbearer_assertion_claim_aud,
        sasl_oauthbearer_assertion_claim_iss, sasl_oauthbearer_assertion_claim_sub,
        sasl_oauthbearer_assertion_claim_exp_seconds["300"], sasl_oauthbearer_assertion_claim_nbf_seconds["60"],
        sasl_oauthbearer_assertion_claim_jti_include["false"],
        sasl_oauthbearer_jwt_retriever_class["org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"],
        sasl_oauthbearer_jwt_validator_class["org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"];

    Feature("a producer with transactions"):
        transactional_id, transaction_timeout_ms["60000"], transaction_two_phase_commit_enable["false"];

    Extra("setting the version of the brokers"): api_version["none", "auto"];
    Extra("detecting the version of brokers older than 0.10"): api_version_auto_timeout_ms["2000"];
    Other("creating a producer does not connect; call KafkaProducer::wait_connected with this timeout"):
        bootstrap_timeout_ms["30000"];
    Other("names are resolved in the background, again and again until one has an address; max_block_ms limits the wait of send"):
        bootstrap_resolve_timeout_ms["0"];
    Other("all addresses of a host name are used; only Kerberos needs the canonical name of a host"):
        client_dns_lookup["use_all_dns_ips", "default"];
    Other("bootstrap_servers are used again at once when all brokers of the cluster have failed"):
        metadata_recovery_rebootstrap_trigger_ms["300000"];
    Other("a broker is checked by its TLS certificate, and by its node id in the metadata; use TLS to be sure of the cluster"):
        metadata_cluster_check_enable["false"];
    Other("the producer requests the metadata of a topic when the topic is used, so there is nothing to filter"):
        bootstrap_topics_filter["none", "set()"];

    Other("memory is allocated when a batch needs it, and kept for reuse up to buffer_memory"):
        buffer_memory_allocation_strategy["full"];

    Other("no metrics are sent to brokers; export the metrics of the program instead"): enable_metrics_push["false"];
    // No metric of a producer depends on it, in Java neither.
    Other("this crate records the same metrics at each level, which is INFO, DEBUG or TRACE"):
        metrics_recording_level["INFO", "DEBUG", "TRACE"];
    Other("this crate has no JMX; call ProducerConfig::metric_reporter or KafkaProducer::metrics"):
        auto_include_jmx_reporter["false"];

    Code("pass it to ProducerConfig::build_with"):
        key_serializer[
            "none",
            "org.apache.kafka.common.serialization.ByteArraySerializer",
            "org.apache.kafka.common.serialization.StringSerializer"
        ];
    Code("pass it to ProducerConfig::build_with"):
        value_serializer[
            "none",
            "org.apache.kafka.common.serialization.ByteArraySerializer",
            "org.apache.kafka.common.serialization.StringSerializer"
        ];
    Code("call ProducerConfig::interceptor"): interceptor_classes["none", "[]"];
    Code("call ProducerConfig::ssl_context (cargo feature `tls`)"): ssl_context;
    Code("call ProducerConfig::metric_reporter"): metric_reporters["none", "[]"];
    Code("this crate always uses the best selector of the system; remove it"):
        selector["none", "DefaultSelector", "selectors.DefaultSelector"];
    Code("the client can't be replaced; remove it"): kafka_client["none", "KafkaNetClient"];
};
