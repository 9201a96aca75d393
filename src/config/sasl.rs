//! The SASL settings: setters, names, and the mechanisms that are made from them.

use std::sync::Arc;
use std::time::Duration;

use super::checks::Checks;
use super::key::{Key, aliased_keys};
use super::producer_config::ProducerConfig;
use super::types::SecurityProtocol;
use super::values::{FACTOR, JITTER, MILLIS, NAMES, SECONDS, SECRET, TEXT};
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::security::{JaasLogin, OauthBearer, OauthTokenProvider, SaslError, SaslMechanism, with_password};
use crate::time::Clock;

aliased_keys! { sasl:
    sasl_mechanism = sasl_mechanisms: NAMES(mechanisms)
        = "The mechanism that the producer authenticates with, or a list of them. It is required if `security_protocol` has SASL.";
    sasl_plain_username = sasl_username: TEXT(username)
        = "The user name for `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`.";
    sasl_plain_password = sasl_password: SECRET(password)
        = "The password for `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`.";
    sasl_login_refresh_window_factor: FACTOR(refresh.window_factor)
        = "The part of its lifetime after which a token of `OAUTHBEARER` is replaced.";
    sasl_login_refresh_window_jitter: JITTER(refresh.window_jitter)
        = "A random extra time is added to `sasl_login_refresh_window_factor`. This is its maximum, as a part of the lifetime of the token.";
    sasl_login_refresh_min_period_seconds: SECONDS(refresh.min_period)
        = "How long a token is used at least before it is replaced.";
    sasl_login_refresh_buffer_seconds: SECONDS(refresh.buffer)
        = "A token is replaced at least this long before it expires.";
    sasl_login_retry_backoff_ms: MILLIS(refresh.retry_backoff)
        = "How long the producer waits after the first failure to get a token. Each further failure doubles the wait.";
    sasl_login_retry_backoff_max_ms: MILLIS(refresh.retry_backoff_max)
        = "The longest wait before the token provider is called again.";
    sasl_jaas_config: SECRET(jaas)
        = "The user name and the password in the form of Java's clients.";
}

impl ProducerConfig {
    /// The SASL mechanism that the producer authenticates with. It is `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`,
    /// `OAUTHBEARER`, or a mechanism that was passed to [`register_sasl_mechanism`](Self::register_sasl_mechanism). The two
    /// SCRAM mechanisms require the feature `scram`. Default: none.
    ///
    /// If [`security_protocol`](Self::security_protocol) is [`SaslSsl`](SecurityProtocol::SaslSsl) or
    /// [`SaslPlaintext`](SecurityProtocol::SaslPlaintext), this setting is required. With any other protocol it is an
    /// error.
    ///
    /// The value can be a list of mechanisms, separated by commas. The producer uses the first mechanism that the broker
    /// offers. A list of several mechanisms can contain `PLAIN` and `OAUTHBEARER` only with `SaslSsl`. The reason is that
    /// without TLS, the broker, or anybody between the producer and the broker, could choose one of these mechanisms to
    /// read the password or the token. A registered mechanism is accepted in every list, but it can have the same risk.
    ///
    /// kafka-python has the same name. Other name: `sasl.mechanisms` (librdkafka).
    #[doc(alias = "sasl.mechanisms")]
    pub fn sasl_mechanism(mut self, mechanism: impl AsRef<str>) -> Self {
        self.sasl.mechanisms = (NAMES.read)(mechanism.as_ref()).unwrap_or_default();
        self
    }

    /// The user name for `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`. Default: none.
    ///
    /// kafka-python has the same name. Other name: `sasl.username` (librdkafka).
    #[doc(alias = "sasl.username")]
    pub fn sasl_plain_username(mut self, username: impl Into<String>) -> Self {
        self.sasl.username = Some(username.into());
        self
    }

    /// The password for `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`. No `Debug` output, log line or error shows it. The
    /// password is wiped when its memory is freed. Default: none.
    ///
    /// kafka-python has the same name. Other name: `sasl.password` (librdkafka).
    #[doc(alias = "sasl.password")]
    pub fn sasl_plain_password(mut self, password: impl Into<String>) -> Self {
        self.forget_text("sasl_plain_password");
        self.sasl.password = Some(password.into().into());
        self
    }

    /// The user name and the password in the form of Java's clients, as one entry of a JAAS file. The entry names one of
    /// these modules:
    ///
    /// - `PlainLoginModule`
    /// - `ScramLoginModule`, with `tokenauth="true"` for delegation tokens (KIP-48)
    /// - `OAuthBearerLoginModule`, with `extension_NAME` for extensions (KIP-342)
    ///
    /// This setting replaces [`sasl_plain_username`](Self::sasl_plain_username) and
    /// [`sasl_plain_password`](Self::sasl_plain_password). No `Debug` output, log line or error shows it. Default: none.
    ///
    /// ```no_run
    /// use kafka_producer::ProducerConfig;
    ///
    /// let config = ProducerConfig::from_pairs([
    ///     ("bootstrap.servers", "broker-1.example.com:9093"),
    ///     ("security.protocol", "SASL_SSL"),
    ///     ("sasl.mechanism", "PLAIN"),
    ///     (
    ///         "sasl.jaas.config",
    ///         r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="secret";"#,
    ///     ),
    /// ])?;
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    #[doc(alias = "sasl.jaas.config")]
    pub fn sasl_jaas_config(mut self, entry: impl Into<String>) -> Self {
        self.forget_text("sasl_jaas_config");
        self.sasl.jaas = Some(entry.into().into());
        self
    }

    /// The provider of the tokens for `OAUTHBEARER` (KIP-255). `OAUTHBEARER` requires a provider. Default: none.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use kafka_producer::{OauthToken, ProducerConfig, SecurityProtocol};
    ///
    /// # fn ask_the_server() -> Result<String, std::io::Error> { Ok("x".to_owned()) }
    /// let config = ProducerConfig::new()
    ///     .security_protocol(SecurityProtocol::SaslSsl)
    ///     .sasl_mechanism("OAUTHBEARER")
    ///     .sasl_oauth_token_provider(|| Ok(OauthToken::new(ask_the_server()?, Duration::from_secs(300))));
    /// # let _ = config;
    /// ```
    ///
    /// kafka-python has the same name. Java has `sasl.login.callback.handler.class` instead. This setting has no string
    /// form.
    #[doc(alias = "sasl.login.callback.handler.class")]
    pub fn sasl_oauth_token_provider(mut self, provider: impl OauthTokenProvider + 'static) -> Self {
        self.sasl.token_provider = Some(Arc::new(provider));
        self
    }

    /// The part of its lifetime after which a token is replaced, from 0.5 to 1. When a connection needs a token after
    /// that time, the next token is fetched in the background, and the current token stays in use until it arrives. Default: 0.8.
    ///
    /// Java calls it `sasl.login.refresh.window.factor`. This setting and the next five apply to
    /// [`sasl_oauth_token_provider`](Self::sasl_oauth_token_provider).
    pub fn sasl_login_refresh_window_factor(mut self, factor: f64) -> Self {
        self.sasl.refresh.window_factor = factor;
        self
    }

    /// The maximum of a random part of the lifetime that is added to
    /// [`sasl_login_refresh_window_factor`](Self::sasl_login_refresh_window_factor), from 0 to 0.25. The part is random, so that
    /// many clients do not fetch tokens at the same moment. Default: 0.05.
    ///
    /// Java calls it `sasl.login.refresh.window.jitter`.
    pub fn sasl_login_refresh_window_jitter(mut self, jitter: f64) -> Self {
        self.sasl.refresh.window_jitter = jitter;
        self
    }

    /// How long a token is used at least before it is replaced. Default: 60 s. If the lifetime of a token is not longer than
    /// this time and [`sasl_login_refresh_buffer`](Self::sasl_login_refresh_buffer) together, neither of them applies.
    ///
    /// Setting name: `sasl_login_refresh_min_period_seconds`, in seconds. Java calls it
    /// `sasl.login.refresh.min.period.seconds`.
    #[doc(alias = "sasl_login_refresh_min_period_seconds")]
    pub fn sasl_login_refresh_min_period(mut self, time: Duration) -> Self {
        self.sasl.refresh.min_period = time;
        self
    }

    /// A token is replaced at least this long before it expires. Default: 300 s.
    ///
    /// Setting name: `sasl_login_refresh_buffer_seconds`, in seconds. Java calls it `sasl.login.refresh.buffer.seconds`.
    #[doc(alias = "sasl_login_refresh_buffer_seconds")]
    pub fn sasl_login_refresh_buffer(mut self, time: Duration) -> Self {
        self.sasl.refresh.buffer = time;
        self
    }

    /// How long the producer waits after the first failure of the token provider before it calls the provider again. Each
    /// further failure doubles the wait, up to [`sasl_login_retry_backoff_max`](Self::sasl_login_retry_backoff_max). Each
    /// wait is changed at random by up to ±20 %. Default: 100 ms.
    ///
    /// Setting name: `sasl_login_retry_backoff_ms`. Java calls it `sasl.login.retry.backoff.ms`.
    #[doc(alias = "sasl_login_retry_backoff_ms")]
    pub fn sasl_login_retry_backoff(mut self, time: Duration) -> Self {
        self.sasl.refresh.retry_backoff = time;
        self
    }

    /// The longest wait before the token provider is called again, without the random ±20 %. Default: 10 s.
    ///
    /// Setting name: `sasl_login_retry_backoff_max_ms`. Java calls it `sasl.login.retry.backoff.max.ms`.
    #[doc(alias = "sasl_login_retry_backoff_max_ms")]
    pub fn sasl_login_retry_backoff_max(mut self, time: Duration) -> Self {
        self.sasl.refresh.retry_backoff_max = time;
        self
    }

    /// Adds a mechanism that this crate does not have, or replaces a mechanism of this crate. The mechanism is used if
    /// [`sasl_mechanism`](Self::sasl_mechanism) names it.
    ///
    /// kafka-python has a function with the same name. This setting has no string form.
    pub fn register_sasl_mechanism(mut self, mechanism: impl SaslMechanism + 'static) -> Self {
        self.sasl.registered.push(Arc::new(mechanism));
        self
    }

    /// The mechanisms of the configuration, the preferred one first; none without SASL.
    ///
    /// # Errors
    /// The setting that is wrong, and why.
    pub(super) fn sasl_mechanisms(&self) -> Result<Vec<Arc<dyn SaslMechanism>>, (&'static str, String)> {
        let protocol = self.effective().security_protocol();
        let names = &self.sasl.mechanisms;
        if !protocol.has_sasl() {
            return match self.sasl.first_that_is_set() {
                None => Ok(Vec::new()),
                Some(key) => {
                    let key_of_protocol = self.written_as("security_protocol");
                    let why = format!(
                        "{key_of_protocol} is {protocol}, which has no SASL; this setting would have no effect; set \
                         {key_of_protocol} to SASL_SSL or SASL_PLAINTEXT, or remove this setting"
                    );
                    Err((key, why))
                }
            };
        }
        if names.is_empty() {
            let why = format!(
                "security_protocol {protocol} needs a mechanism: set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
            );
            return Err(("sasl_mechanism", why));
        }
        if names.len() > 1 && protocol == SecurityProtocol::SaslPlaintext {
            for (readable, what) in [("PLAIN", "password"), ("OAUTHBEARER", "token")] {
                if names.iter().any(|name| name == readable) {
                    let why = format!(
                        "without TLS, an attacker on the network could select {readable} from this list and read the \
                         {what}; set security_protocol to SASL_SSL, or remove {readable} from the list"
                    );
                    return Err(("sasl_mechanism", why));
                }
            }
        }
        let login = self.sasl_login()?;
        names.iter().map(|name| self.sasl_mechanism_named(name, &login)).collect()
    }

    /// Java's clients write their default mechanism into every listing, and ignore it without SASL. What Java ignores is
    /// returned, and is not set any more.
    pub(super) fn leave_out_default_mechanism_of_java(&mut self) -> Option<ConfigProblem> {
        let protocol = self.effective().security_protocol();
        if protocol.has_sasl() || self.sasl.mechanisms != ["GSSAPI"] {
            return None;
        }
        let key = self.written_as("sasl_mechanism").to_owned();
        let why = format!("{} is {protocol}, which has no SASL", self.written_as("security_protocol"));
        let value = std::mem::take(&mut self.sasl.mechanisms).pop();
        Some(ConfigProblem { kind: ConfigProblemKind::Inapplicable, key, line: None, value, why })
    }

    fn sasl_login(&self) -> Result<Option<JaasLogin>, (&'static str, String)> {
        let Some(jaas) = &self.sasl.jaas else { return Ok(None) };
        let both = [
            (self.sasl.username.is_some(), "sasl_plain_username"),
            (self.sasl.password.is_some(), "sasl_plain_password"),
        ];
        if let Some((_, other)) = both.into_iter().find(|(is_set, _)| *is_set) {
            let why = format!("{} is set too; remove one of the two", self.written_as(other));
            return Err(("sasl_jaas_config", why));
        }
        let login = JaasLogin::parse(jaas.text().unwrap_or_default());
        login.map(Some).map_err(|error| ("sasl_jaas_config", error.to_string()))
    }

    fn sasl_mechanism_named(
        &self,
        name: &str,
        login: &Option<JaasLogin>,
    ) -> Result<Arc<dyn SaslMechanism>, (&'static str, String)> {
        let sasl = &self.sasl;
        if let Some(registered) = sasl.registered.iter().rev().find(|mechanism| mechanism.name() == name) {
            return Ok(Arc::clone(registered));
        }
        let refuse = |why: String| Err(("sasl_mechanism", why));
        let as_problem = |error: SaslError| ("sasl_mechanism", format!("{name}: {error}"));
        match (name, login) {
            ("OAUTHBEARER", None | Some(JaasLogin::OauthBearer { .. })) => {
                let Some(provider) = sasl.token_provider.clone() else {
                    return refuse(
                        "OAUTHBEARER needs tokens: call ProducerConfig::sasl_oauth_token_provider (fetching them from a server is not supported yet)"
                            .to_owned(),
                    );
                };
                let extensions = match login {
                    Some(JaasLogin::OauthBearer { extensions }) => extensions.clone(),
                    _ => Vec::new(),
                };
                let bearer = OauthBearer::new(provider, extensions, sasl.refresh, Clock::System)
                    .map_err(as_problem)?;
                Ok(Arc::new(bearer))
            }
            ("PLAIN", Some(JaasLogin::Plain { username, password })) => {
                with_password(name, username, password.clone(), false).map_err(as_problem)
            }
            ("SCRAM-SHA-256" | "SCRAM-SHA-512", Some(JaasLogin::Scram { username, password, is_token })) => {
                with_password(name, username, password.clone(), *is_token).map_err(as_problem)
            }
            ("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512", None) => match (&sasl.username, &sasl.password) {
                (Some(username), Some(password)) => {
                    with_password(name, username, password.clone(), false).map_err(as_problem)
                }
                _ => refuse(format!(
                    "{name} needs a user and a password: set sasl_plain_username and sasl_plain_password, or \
                     sasl_jaas_config"
                )),
            },
            ("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER", Some(login)) => refuse(format!(
                "{} has the login module for {}; the module must match the mechanism",
                self.written_as("sasl_jaas_config"),
                login.family()
            )),
            ("GSSAPI", _) => refuse(
                "Kerberos (GSSAPI) is not supported yet; use another mechanism of the brokers".to_owned(),
            ),
            _ => refuse(format!(
                "{name} is not a known mechanism; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or register it with \
                 ProducerConfig::register_sasl_mechanism"
            )),
        }
    }
}

impl Checks<'_> {
    /// Checks that the mechanisms can be made, and that none is set for a protocol without SASL.
    pub(super) fn sasl(&mut self) {
        let refresh = &self.config.sasl.refresh;
        for (key, value, kind) in [
            ("sasl_login_refresh_window_factor", refresh.window_factor, FACTOR),
            ("sasl_login_refresh_window_jitter", refresh.window_jitter, JITTER),
        ] {
            let shown = (kind.show)(&value);
            if let Err(refusal) = (kind.read)(&shown) {
                self.refuse(key, shown, refusal.why);
            }
        }
        match self.config.sasl_mechanisms() {
            Ok(_) => {}
            Err((key @ "sasl_mechanism", why)) if !self.config.sasl.mechanisms.is_empty() => {
                self.refuse(key, self.config.sasl.mechanisms.join(","), why);
            }
            Err((key, why)) if !self.config.effective().security_protocol().has_sasl() => {
                self.contradict_unshown(key, why);
            }
            Err((key, why)) => self.refuse_unshown(key, why),
        }
    }
}

/// Its examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/sasl.md")]
struct Guide;
