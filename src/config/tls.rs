//! The TLS settings: setters, names, and the settings of the layer below.

use std::path::PathBuf;

use super::checks::Checks;
use super::key::{Key, aliased_keys};
use super::producer_config::ProducerConfig;
use super::tls_values::{HOSTNAME_CHECK, PATH, PEM, TLS_BACKEND, TLS_VERSIONS};
use super::types::TlsConfig;
use super::values::{FLAG, Kind, SECRET, TEXT};
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::security::Secret;
use crate::security::tls::{Named, Source, Tls, TlsBackend, TlsSettings, TlsVersion};

aliased_keys! { tls:
    ssl_cafile = ssl_ca_location = ssl_truststore_location: PATH(ca_file)
        = "A file with the certificates of the trusted CAs: PEM, or PKCS#12 with `ssl_truststore_password`. By default the CAs of the system are trusted.";
    ssl_ca_pem = ssl_truststore_certificates: PEM(ca_pem)
        = "The certificates of the trusted CAs as PEM, instead of `ssl_cafile`.";
    ssl_truststore_password: SECRET(truststore_password)
        = "The password of `ssl_cafile`, if that file is PKCS#12.";
    ssl_certfile = ssl_certificate_location = ssl_keystore_location: PATH(certificate_file)
        = "A file with the client's certificate: PEM, or PKCS#12 with the key.";
    ssl_certificate_pem = ssl_keystore_certificate_chain: PEM(certificate_pem)
        = "The client's certificate as PEM, instead of `ssl_certfile`.";
    ssl_keystore_password: SECRET(keystore_password)
        = "The password of `ssl_certfile`, if that file is PKCS#12. It can also be set as `ssl_password`.";
    ssl_keyfile = ssl_key_location: PATH(key_file)
        = "A file with the key of the client's certificate. By default the key is in `ssl_certfile`.";
    ssl_key_pem = ssl_keystore_key: PEM(key_pem)
        = "The key of the client's certificate as PEM, instead of `ssl_keyfile`.";
    ssl_password = ssl_key_password: SECRET(key_password)
        = "The password of the key, or of the PKCS#12 file that contains the key.";
    ssl_crlfile = ssl_crl_location: PATH(crl_file)
        = "A PEM file with certificate revocation lists. By default revocation is not checked.";
    ssl_ciphers = ssl_cipher_suites: CIPHERS(ciphers)
        = "The cipher suites that connections can use, with OpenSSL's or Java's names. By default the TLS library chooses them.";
    ssl_enabled_protocols: TLS_VERSIONS(versions)
        = "The versions of TLS that connections can use.";
    ssl_check_hostname: FLAG(check_hostname)
        = "Whether a broker's certificate must be valid for the host that the producer connects to.";
    tls_backend: TLS_BACKEND(backend)
        = "The TLS library. By default it is native-tls if the feature `tls` is enabled, otherwise rustls.";
}

const CIPHERS: Kind<Option<String>> = Kind { form: "list", ..TEXT };

/// Java's and librdkafka's name for `ssl_check_hostname`, with other values.
pub(super) const ENDPOINT_IDENTIFICATION: Key = Key {
    name: "ssl_endpoint_identification_algorithm",
    of: "ssl_check_hostname",
    set: |config, value| (HOSTNAME_CHECK.read)(value).map(|check| config.tls.check_hostname = check),
    show: |config| (HOSTNAME_CHECK.show)(&config.tls.check_hostname),
    copy: |config, from| config.tls.check_hostname = from.tls.check_hostname,
    form: HOSTNAME_CHECK.form,
    meaning: "",
};

impl ProducerConfig {
    /// A file with the certificates of the trusted CAs. The file is PEM, or PKCS#12 with
    /// [`ssl_truststore_password`](Self::ssl_truststore_password). If `ssl_cafile` is set, only these CAs are trusted.
    /// Default: the system's CAs.
    ///
    /// If one of these settings is set, TLS is the default protocol: `ssl_cafile`, `ssl_ca_pem`, `ssl_certfile`,
    /// `ssl_certificate_pem`, `ssl_keyfile`, `ssl_key_pem`, `ssl_crlfile`, `ssl_context`.
    /// [`security_protocol`](Self::security_protocol) is then [`Ssl`](crate::SecurityProtocol::Ssl), unless the program
    /// sets another protocol.
    ///
    /// All files are read when the producer is built. They are read again for each new connection, so that certificates can
    /// be renewed without a restart. If a file can't be used later, its old contents stay in use, and a warning is logged.
    ///
    /// kafka-python has the same name. Other names: `ssl.truststore.location` (Java; PEM or PKCS#12, not JKS) and
    /// `ssl.ca.location` (librdkafka). In all settings that take a file or PEM, the string `none` means the default, and an
    /// empty string is an error.
    #[doc(alias = "ssl.truststore.location")]
    #[doc(alias = "ssl.ca.location")]
    pub fn ssl_cafile(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.ca_file = Some(path.into());
        self
    }

    /// The certificates of the trusted CAs as PEM in memory, instead of [`ssl_cafile`](Self::ssl_cafile). Default: none.
    ///
    /// Other names: `ssl.truststore.certificates` (Java, KIP-651) and `ssl.ca.pem` (librdkafka). In all string settings
    /// that take PEM, `\n` can stand for the end of a line.
    #[doc(alias = "ssl.truststore.certificates")]
    pub fn ssl_ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.forget_text("ssl_ca_pem");
        self.tls.ca_pem = Some(pem.into().into());
        self
    }

    /// The password of [`ssl_cafile`](Self::ssl_cafile), if that file is PKCS#12. Default: none.
    pub fn ssl_truststore_password(mut self, password: impl Into<String>) -> Self {
        self.forget_text("ssl_truststore_password");
        self.tls.truststore_password = Some(password.into().into());
        self
    }

    /// A file with the client's certificate, followed by the certificates between it and its CA. Brokers identify the
    /// client by this certificate (mutual TLS). The file is PEM, with or without the key, or PKCS#12 with the key. Default:
    /// none. Brokers with `ssl.client.auth=required` reject a client without a certificate.
    ///
    /// kafka-python has the same name. Other names: `ssl.keystore.location` (Java; PEM or PKCS#12, not JKS) and
    /// `ssl.certificate.location` (librdkafka).
    #[doc(alias = "ssl.keystore.location")]
    #[doc(alias = "ssl.certificate.location")]
    pub fn ssl_certfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.certificate_file = Some(path.into());
        self
    }

    /// The client's certificate as PEM in memory, instead of [`ssl_certfile`](Self::ssl_certfile). Default: none.
    ///
    /// Other names: `ssl.keystore.certificate.chain` (Java, KIP-651) and `ssl.certificate.pem` (librdkafka).
    #[doc(alias = "ssl.keystore.certificate.chain")]
    pub fn ssl_certificate_pem(mut self, pem: impl Into<String>) -> Self {
        self.forget_text("ssl_certificate_pem");
        self.tls.certificate_pem = Some(pem.into().into());
        self
    }

    /// A file with the key of the client's certificate. The file is PEM (PKCS#8, PKCS#1 or SEC1, encrypted or not) or
    /// PKCS#12. Default: the key in the file of the certificate.
    ///
    /// kafka-python has the same name. Other name: `ssl.key.location` (librdkafka).
    #[doc(alias = "ssl.key.location")]
    pub fn ssl_keyfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.key_file = Some(path.into());
        self
    }

    /// The key of the client's certificate as PEM in memory, instead of [`ssl_keyfile`](Self::ssl_keyfile). Default: none.
    ///
    /// Other names: `ssl.keystore.key` (Java, KIP-651) and `ssl.key.pem` (librdkafka).
    #[doc(alias = "ssl.keystore.key")]
    pub fn ssl_key_pem(mut self, pem: impl Into<String>) -> Self {
        self.forget_text("ssl_key_pem");
        self.tls.key_pem = Some(pem.into().into());
        self
    }

    /// The password of the key, or of the PKCS#12 file that contains the key. Default: none. rustls supports neither
    /// encrypted keys nor PKCS#12. The error says how to convert them.
    ///
    /// kafka-python has the same name. Other names: `ssl.key.password` (Java, librdkafka), and `ssl.keystore.password` for
    /// PKCS#12.
    #[doc(alias = "ssl.key.password")]
    #[doc(alias = "ssl.keystore.password")]
    pub fn ssl_password(mut self, password: impl Into<String>) -> Self {
        self.forget_text("ssl_password");
        self.tls.key_password = Some(password.into().into());
        self
    }

    /// A PEM file with certificate revocation lists (CRLs). A broker is rejected if its certificate is in a list. A broker
    /// is also rejected if the file has no list of the CA that issued its certificate. Default: none, so revocation is not
    /// checked.
    ///
    /// kafka-python has the same name. Other name: `ssl.crl.location` (librdkafka).
    #[doc(alias = "ssl.crl.location")]
    pub fn ssl_crlfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.crl_file = Some(path.into());
        self
    }

    /// The cipher suites that connections can use, separated by colons or commas. A suite has OpenSSL's name or Java's
    /// name. Default: the suites of the TLS library.
    ///
    /// If the list has no suites of TLS 1.3, the default suites of TLS 1.3 stay enabled. If the list has no suites of TLS
    /// 1.2, TLS 1.2 is disabled. rustls does not accept words for groups of suites, such as `HIGH`.
    ///
    /// kafka-python has the same name. Other name: `ssl.cipher.suites` (Java, librdkafka).
    #[doc(alias = "ssl.cipher.suites")]
    pub fn ssl_ciphers(mut self, ciphers: impl Into<String>) -> Self {
        self.tls.ciphers = Some(ciphers.into());
        self
    }

    /// The versions of TLS that connections can use. Default: TLS 1.2 and TLS 1.3. An empty list is an error. Versions before
    /// TLS 1.2 are not supported, because they are not safe (RFC 8996).
    ///
    /// ```
    /// use kafka_producer::{ProducerConfig, TlsVersion};
    ///
    /// let config = ProducerConfig::new().ssl_enabled_protocols([TlsVersion::Tls13]);
    /// assert_eq!(config.get("ssl.enabled.protocols").as_deref(), Some("TLSv1.3"));
    /// ```
    ///
    /// String values: `TLSv1.2`, `TLSv1.3`, separated by commas. Java has the same name.
    #[doc(alias = "ssl.enabled.protocols")]
    #[doc(alias = "ssl.protocol")]
    pub fn ssl_enabled_protocols(mut self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        self.tls.versions = versions.into_iter().collect();
        self.tls.versions.sort();
        self.tls.versions.dedup();
        self
    }

    /// Whether a broker's certificate must be valid for the host that the producer connects to. This host is in
    /// `bootstrap_servers` or in the broker's `advertised.listeners`. Default: true.
    ///
    /// With false, anybody with a certificate from a trusted CA can pose as the broker. A warning is then logged when the
    /// producer is built.
    ///
    /// kafka-python has the same name. Other name: `ssl.endpoint.identification.algorithm` (Java, librdkafka). With this
    /// name, `https` means true, and `none` or an empty string means false. In an environment variable, an empty string is
    /// an error.
    #[doc(alias = "ssl.endpoint.identification.algorithm")]
    pub fn ssl_check_hostname(mut self, check: bool) -> Self {
        self.tls.check_hostname = check;
        self
    }

    /// The TLS library. Default: native-tls if the feature `tls` is enabled, otherwise rustls. A library whose feature is
    /// not enabled is an error.
    ///
    /// rustls supports neither encrypted keys nor PKCS#12, and [`ssl_context`](Self::ssl_context) works with native-tls
    /// only. [`guide::tls`](crate::guide::tls) lists the other differences. In everything else, the two libraries behave
    /// alike.
    ///
    /// String values: `native-tls`, `rustls`. Only this crate has this setting.
    pub fn tls_backend(mut self, backend: TlsBackend) -> Self {
        self.tls.backend = Some(backend);
        self
    }

    /// A TLS connector of your own, instead of all other TLS settings except `security_protocol`. The connector decides
    /// which CAs are trusted, which certificate the client has, and whether host names are checked. It is an error to set
    /// another TLS setting too. The connector does not change when certificates are renewed.
    ///
    /// kafka-python has the same name. This setting has no string form. Requires the feature `tls`.
    #[cfg(feature = "tls")]
    pub fn ssl_context(mut self, connector: native_tls::TlsConnector) -> Self {
        self.tls.connector = Some(connector);
        self
    }

    /// Whether a setting names CAs or the client's certificate, which has a meaning only for encrypted connections.
    pub(super) fn asks_for_tls(&self) -> bool {
        self.has_connector() || self.set_of_tls().any(|(asks, _)| asks)
    }

    #[cfg(feature = "tls")]
    pub(super) fn has_connector(&self) -> bool {
        self.tls.connector.is_some()
    }

    #[cfg(not(feature = "tls"))]
    fn has_connector(&self) -> bool {
        false
    }

    fn backend(&self) -> TlsBackend {
        self.tls.backend.unwrap_or_default()
    }

    /// The settings that were set, without the connector and the back end, and whether each asks for TLS. A default value
    /// counts as not set, because listings of other clients contain their defaults.
    fn set_of_tls(&self) -> impl Iterator<Item = (bool, &'static str)> {
        let tls = &self.tls;
        let all = [
            (tls.ca_file.is_some(), true, "ssl_cafile"),
            (tls.ca_pem.is_some(), true, "ssl_ca_pem"),
            (tls.certificate_file.is_some(), true, "ssl_certfile"),
            (tls.certificate_pem.is_some(), true, "ssl_certificate_pem"),
            (tls.key_file.is_some(), true, "ssl_keyfile"),
            (tls.key_pem.is_some(), true, "ssl_key_pem"),
            (tls.crl_file.is_some(), true, "ssl_crlfile"),
            (tls.truststore_password.is_some(), false, "ssl_truststore_password"),
            (tls.keystore_password.is_some(), false, "ssl_keystore_password"),
            (tls.key_password.is_some(), false, "ssl_password"),
            (tls.ciphers.is_some(), false, "ssl_ciphers"),
            (tls.versions != TlsVersion::ALL, false, "ssl_enabled_protocols"),
            (!tls.check_hostname, false, "ssl_check_hostname"),
        ];
        all.into_iter().filter(|(is_set, ..)| *is_set).map(|(_, asks, name)| (asks, name))
    }

    /// Reads the files of the settings; `None` if connections are not encrypted.
    pub(super) fn load_tls(&self) -> Result<Option<Tls>, Vec<ConfigProblem>> {
        // The checks have reported a back end that is not in this build, and an empty list of versions.
        if !self.effective().security_protocol().is_encrypted()
            || self.backend().why_not().is_some()
            || self.tls.versions.is_empty()
        {
            return Ok(None);
        }
        Tls::load(self.tls_settings()).map(Some)
    }

    pub(super) fn tls_settings(&self) -> TlsSettings {
        let TlsConfig {
            ca_file,
            ca_pem,
            truststore_password,
            certificate_file,
            certificate_pem,
            keystore_password,
            key_file,
            key_pem,
            key_password,
            crl_file,
            ciphers,
            versions,
            check_hostname,
            backend,
            #[cfg(feature = "tls")]
            connector,
        } = self.tls.clone();
        let source = |file: Option<PathBuf>, file_name, pem: Option<Secret>, pem_name| match (file, pem) {
            (Some(path), _) => Some(self.named(file_name, Source::File(path))),
            (None, Some(text)) => Some(self.named(pem_name, Source::Text(text))),
            (None, None) => None,
        };
        let either = |first: &Option<Secret>, first_name, second: &Option<Secret>, second_name| match (
            first, second,
        ) {
            (None, Some(second)) => self.named(second_name, Some(second.clone())),
            (first, _) => self.named(first_name, first.clone()),
        };
        TlsSettings {
            backend: self.named("tls_backend", backend.unwrap_or_default()),
            authorities: source(ca_file, "ssl_cafile", ca_pem, "ssl_ca_pem"),
            authorities_password: self.named("ssl_truststore_password", truststore_password),
            certificate: source(certificate_file, "ssl_certfile", certificate_pem, "ssl_certificate_pem"),
            key: source(key_file, "ssl_keyfile", key_pem, "ssl_key_pem"),
            store_password: either(
                &keystore_password,
                "ssl_keystore_password",
                &key_password,
                "ssl_password",
            ),
            password: either(&key_password, "ssl_password", &keystore_password, "ssl_keystore_password"),
            revoked: crl_file.map(|path| self.named("ssl_crlfile", path)),
            ciphers: ciphers.map(|ciphers| self.named("ssl_ciphers", ciphers)),
            versions: self.named("ssl_enabled_protocols", versions),
            check_hostname: self.named("ssl_check_hostname", check_hostname),
            #[cfg(feature = "tls")]
            connector,
        }
    }

    fn named<T>(&self, name: &'static str, value: T) -> Named<T> {
        Named { setting: self.written_as(name).to_owned(), value }
    }
}

impl Checks<'_> {
    /// Checks for contradictions. The contents of files are checked when the files are read.
    pub(super) fn tls(&mut self) {
        let config = self.config;
        let protocol = config.effective().security_protocol();
        let connector = config.has_connector().then_some("ssl_context");
        let first = connector.or_else(|| config.set_of_tls().map(|(_, name)| name).next());
        if let Some(name) = first.filter(|_| !protocol.is_encrypted()) {
            let key = config.written_as("security_protocol");
            let why = format!(
                "{key} is {protocol}, so connections are not encrypted and this has no effect; set {key} to SSL or \
                 SASL_SSL, or remove this setting"
            );
            self.contradict_unshown(name, why);
        }
        let backend = config.backend();
        if let Some(why) = backend.why_not() {
            self.add(ConfigProblemKind::NotInThisBuild, "tls_backend", Some(backend.to_string()), why);
        } else if config.has_connector() && backend != TlsBackend::NativeTls {
            let why = format!(
                "it is a connector of native-tls, and {} is {backend}; remove one of the two",
                config.written_as("tls_backend")
            );
            self.contradict_unshown("ssl_context", why);
        }
        if config.has_connector() {
            for (_, name) in config.set_of_tls() {
                let why = "ssl_context is set and replaces this setting; configure the connector instead, or remove \
                           one of the two";
                self.contradict_unshown(name, why);
            }
        }
        let tls = &config.tls;
        if tls.versions.is_empty() {
            self.refuse_unshown("ssl_enabled_protocols", "it is empty; enable TLSv1.2, TLSv1.3 or both");
        }
        for (both, file, text) in [
            (tls.ca_file.is_some() && tls.ca_pem.is_some(), "ssl_cafile", "ssl_ca_pem"),
            (
                tls.certificate_file.is_some() && tls.certificate_pem.is_some(),
                "ssl_certfile",
                "ssl_certificate_pem",
            ),
            (tls.key_file.is_some() && tls.key_pem.is_some(), "ssl_keyfile", "ssl_key_pem"),
        ] {
            if both {
                let why = format!("{} is set too; remove one of the two", config.written_as(file));
                self.contradict_unshown(text, why);
            }
        }
    }
}

/// Its examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tls.md")]
struct Guide;
