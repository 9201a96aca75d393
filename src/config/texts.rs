//! Reads a configuration from strings, and shows it as strings.

use std::ffi::OsString;
use std::fmt;

use super::checks;
use super::dialect::Dialect;
use super::key::Given;
use super::keys::{self, Unset};
use super::named_partitioner::NamedPartitioner;
use super::producer_config::ProducerConfig;
use super::providers::{self, Provider};
use super::references::{Place, Text};
use crate::error::{ConfigProblem, ConfigProblemKind, Error, ErrorKind};

impl ProducerConfig {
    /// Reads settings from pairs of a name and a value. A name is kafka-python's name (`linger_ms`) or the Java
    /// client's name (`linger.ms`). Durations are in milliseconds and sizes are in bytes, unless the name has another
    /// unit. Spaces around a name or a value
    /// are ignored. In many optional settings, such as `sasl_mechanism`, the values `none` and `null` (in lower or upper
    /// case) and an empty value mean "not set". For timeouts, files and PEM, an empty value is an error. For a timeout that can be
    /// unlimited, such as `max_block_ms`, `none` means no limit.
    ///
    /// All settings of kafka-python, of the Java client and of librdkafka's producer are known. A setting that is not
    /// supported yet is accepted only with a value that changes nothing (`transaction.timeout.ms=60000`). A setting that
    /// is not in the pairs keeps its default. If the program calls setters afterwards, they override the pairs.
    ///
    /// Serializers and your own partitioners are code, which a string can't contain: see [`build_with`](Self::build_with) and
    /// [`partitioner`](Self::partitioner). The names of Java's serializers for bytes and strings are accepted, and so are
    /// the names of the partitioners of this crate.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use kafka_producer::ProducerConfig;
    ///
    /// // For example from a reader of properties files or of the environment.
    /// let texts = HashMap::from([
    ///     ("bootstrap.servers".to_owned(), "localhost:9092".to_owned()),
    ///     ("linger.ms".to_owned(), "5".to_owned()),
    /// ]);
    /// let config = ProducerConfig::from_pairs(&texts)?.client_id("orders");
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] lists all of these problems:
    /// - a name that is unknown
    /// - a value that can't be read
    /// - a setting that is given twice with different values, under the same name or under two names
    ///
    /// If there is such a problem, the error also contains the problems that [`build`](Self::build) would find in the other
    /// settings of the pairs.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        Self::default().with_pairs(pairs)
    }

    /// Like [`from_pairs`](Self::from_pairs), but settings that are not in the pairs keep their current values. Settings in
    /// the pairs replace the current values, even if an earlier call has set them from pairs or environment variables.
    ///
    /// Use it to apply pairs to [`kafka_python_2`](Self::kafka_python_2), to the program's own defaults, or to the settings
    /// of a file. All names of a setting mean the same setting: `linger.ms` replaces `queue.buffering.max.ms`.
    ///
    /// # Errors
    /// Same as [`from_pairs`](Self::from_pairs). A setting that is given twice is an error only within the same call.
    pub fn with_pairs<K, V>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        let problems = self.set_strictly(as_they_are(&pairs));
        self.unless_refused(problems)
    }

    /// Reads settings that other clients use too, for example from a file that the consumers of the same program also read.
    /// `dialect` is the client that the settings were written for. Some names have different meanings in different
    /// clients. `dialect` decides which meaning applies. Of the defaults, only the default of `partitioner` depends
    /// on it: see [`Dialect::Librdkafka`].
    ///
    /// Settings that this crate does not use are ignored. The second part of the result lists them:
    ///
    /// - settings of consumers, serializers and other programs ([`ConfigProblemKind::Inapplicable`])
    /// - unknown and misspelled names ([`Unknown`](ConfigProblemKind::Unknown))
    /// - settings of a config provider that this crate can't use, if no used value refers to the provider
    ///   ([`Inapplicable`](ConfigProblemKind::Inapplicable))
    /// - names of code, such as `value.serializer=...AvroSerializer` ([`NeedsCode`](ConfigProblemKind::NeedsCode))
    /// - settings that are not supported yet, if records are delivered in the same way without them
    ///   ([`NotSupportedYet`](ConfigProblemKind::NotSupportedYet))
    ///
    /// Log the list, or return an error if the list contains a setting that the program needs. TLS settings are never in
    /// the list: each TLS setting is used or is an error, even if its name is misspelled. Misspelled names of SASL
    /// settings, of `acks` and of `enable.idempotence` are errors too. TLS settings with a
    /// `security_protocol` without TLS are an error of [`build`](Self::build). SASL settings with one without SASL are too.
    /// There is one exception: with [`Dialect::Java`], Java's default `sasl.mechanism=GSSAPI` is in the list instead.
    ///
    /// ```
    /// use kafka_producer::{Dialect, ProducerConfig};
    ///
    /// let texts = [
    ///     ("bootstrap.servers", "localhost:9092"),
    ///     ("linger.ms", "5"),
    ///     ("session.timeout.ms", "45000"),
    ///     ("schema.registry.url", "http://localhost:8081"),
    /// ];
    /// let (config, unused) = ProducerConfig::from_shared(Dialect::Java, texts)?;
    /// assert_eq!(unused.len(), 2);
    /// for setting in &unused {
    ///     println!("not used: {setting}");
    /// }
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a value that can't be read, for a setting that is given twice with different values, and
    /// for an unsupported setting that matters for safety (`transactional.id`). The settings in the list are not errors.
    pub fn from_shared<K, V>(
        dialect: Dialect,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, Vec<ConfigProblem>), Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut config = Self::default();
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        if dialect == Dialect::Librdkafka {
            config.default_partitioner = NamedPartitioner::of_librdkafka();
        }
        let unset = config.set_all(dialect, Reading::Shared, as_they_are(&pairs));
        let (unused, refused): (Vec<_>, Vec<_>) = unset.into_iter().partition(|unset| unset.may_be_left_out);
        let default_of_java =
            if dialect == Dialect::Java { config.leave_out_default_mechanism_of_java() } else { None };
        let config = config.unless_refused(refused.into_iter().map(|unset| unset.problem).collect())?;
        let mut unused: Vec<_> =
            unused.into_iter().map(|unset| unset.problem).chain(default_of_java).collect();
        // Other clients need the setting and its value.
        for ConfigProblem { why, .. } in &mut unused {
            let remedy = ["; remove it", "; only "].iter().filter_map(|remedy| why.find(remedy)).min();
            why.truncate(remedy.unwrap_or(why.len()));
        }
        Ok((config, unused))
    }

    /// Reads settings from environment variables. The name of a variable is the prefix, followed by the name of a setting
    /// in capital letters. With the prefix `ORDERS_KAFKA_`, the variable `ORDERS_KAFKA_LINGER_MS=5` sets `linger_ms`.
    ///
    /// Every name that [`from_pairs`](Self::from_pairs) accepts can be used, with `_` instead of a dot. A value means
    /// the same as in `from_pairs`, even if [`with_env`](Self::with_env) overrides a configuration of librdkafka.
    ///
    /// Each variable with the prefix must be a setting. Choose a prefix that no other program uses: the scripts of Kafka's
    /// brokers read variables that begin with `KAFKA_`. If no variable has the prefix, all settings keep their defaults.
    ///
    /// # Errors
    /// Same as [`from_pairs`](Self::from_pairs). The error contains the names of the variables. A value that is not Unicode
    /// is an error too.
    pub fn from_env(prefix: &str) -> Result<Self, Error> {
        Self::default().with_env(prefix)
    }

    /// Like [`from_env`](Self::from_env), but settings without a variable keep their current values. So variables can
    /// override a file:
    ///
    /// ```
    /// use kafka_producer::{Dialect, Error, ProducerConfig};
    ///
    /// fn configure(file: &str) -> Result<ProducerConfig, Error> {
    ///     let pairs = ProducerConfig::parse_properties(file)?;
    ///     let (config, unused) = ProducerConfig::from_shared(Dialect::Java, pairs)?;
    ///     for setting in &unused {
    ///         println!("not used: {setting}");
    ///     }
    ///     config.with_env("ORDERS_KAFKA_")
    /// }
    ///
    /// let config = configure("linger.ms=5")?;
    /// assert_eq!(config.get("linger_ms").as_deref(), Some("5"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// A variable with the value `none` removes an optional setting of the file, such as `sasl_plain_username`.
    ///
    /// # Errors
    /// Same as [`from_env`](Self::from_env).
    pub fn with_env(self, prefix: &str) -> Result<Self, Error> {
        self.with_variables(prefix, std::env::vars_os())
    }

    pub(super) fn with_variables(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        let (mut pairs, mut problems) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            let Some(key) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
            match value.into_string() {
                // A variable that is empty by mistake must not turn the check of the host name off.
                Ok(value)
                    if value.trim().is_empty()
                        && key
                            .trim()
                            .replace('.', "_")
                            .eq_ignore_ascii_case("ssl_endpoint_identification_algorithm") =>
                {
                    let why =
                        "it is empty; write https to check the host name, or 'none' to disable the check";
                    problems.push(ConfigProblem::invalid(format!("{prefix}{key}"), None, why));
                }
                Ok(value) => pairs.push((key.to_ascii_lowercase(), format!("{prefix}{key}"), value)),
                Err(_) => problems.push(ConfigProblem::invalid(
                    format!("{prefix}{key}"),
                    None,
                    "the value of this variable is not Unicode; correct it",
                )),
            }
        }
        let texts = pairs.iter().map(|(name, written_as, value)| Text {
            name,
            written_as,
            value,
            place: Place::Variable,
        });
        problems.extend(self.set_strictly(texts));
        self.unless_refused(problems)
    }

    /// Returns the value of the setting `name` as a string. It is the value that was set, or the default. `name` is a name
    /// that [`from_pairs`](Self::from_pairs) accepts. A secret is shown as `[hidden]`, and a value of a config provider as
    /// its reference (`${env:NAME}`). The result is `None` if the setting does not exist.
    ///
    /// ```
    /// use kafka_producer::{KafkaProducer, ProducerConfig};
    ///
    /// let config = ProducerConfig::from_pairs([("linger.ms", "5")])?;
    /// assert_eq!(config.get("linger_ms").as_deref(), Some("5"));
    /// assert_eq!(config.get("batch.size").as_deref(), Some("16384"));
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    pub fn get(&self, name: &str) -> Option<String> {
        let name = name.trim().replace('.', "_");
        keys::all().find(|key| key.name == name).map(|key| key.shown(self))
    }

    /// Returns all settings that this build supports, with their values, as [`get`](Self::get) returns them. Each
    /// setting is listed once, with kafka-python's name or with the name that this crate gives it. The value is `none`
    /// if the setting has no value or means no limit. Times are in milliseconds.
    ///
    /// `compression_gzip_level`, `compression_zstd_level`, `compression_lz4_level` and `ssl_keystore_password` are
    /// settings of their own, because other clients have them: they are listed too. `reconnect_backoff_max_ms` has two
    /// defaults, and the larger one is listed.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        keys::all().filter(|key| key.name == key.of).map(|key| (key.name, key.shown(self)))
    }

    fn set_all<'a>(
        &mut self,
        dialect: Dialect,
        reading: Reading,
        texts: impl IntoIterator<Item = Text<'a>>,
    ) -> Vec<Unset> {
        let mut given = Given::new();
        let is_of_providers =
            |text: &Text<'_>| providers::is_of_providers(&text.name.trim().replace('.', "_"));
        let (of_providers, texts): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_of_providers);
        let needed = || texts.iter().flat_map(|text| keys::providers_for(dialect, text)).map(str::to_owned);
        let needed = if reading == Reading::Shared { Some(needed().collect()) } else { None };
        let problems = self.set_providers(&mut given, &of_providers);
        let problem = |(mut problem, provider): (ConfigProblem, Provider)| {
            let may_be_left_out = needed.as_ref().is_some_and(|needed| !provider.is_needed(needed));
            if may_be_left_out {
                problem.kind = ConfigProblemKind::Inapplicable;
                problem.why = "no setting that this crate uses refers to the provider".to_owned();
            }
            Unset { problem, may_be_left_out }
        };
        let mut unset: Vec<_> = problems.into_iter().map(problem).collect();
        unset.extend(texts.into_iter().filter_map(|text| keys::set(self, &mut given, dialect, text).err()));
        unset
    }

    /// Each setting that can't be set is a problem.
    pub(super) fn set_strictly<'a>(
        &mut self,
        texts: impl IntoIterator<Item = Text<'a>>,
    ) -> Vec<ConfigProblem> {
        let unset = self.set_all(Dialect::KafkaPython, Reading::Strict, texts);
        unset.into_iter().map(|unset| unset.problem).collect()
    }

    /// If there are problems, the error also has those that the checks find in the settings that were given.
    pub(super) fn unless_refused(self, mut problems: Vec<ConfigProblem>) -> Result<Self, Error> {
        if problems.is_empty() {
            return Ok(self);
        }
        // Without the protocol that was meant it can't be said whether settings of SASL and TLS are used.
        let is_protocol =
            |key: &str| key.replace('.', "_").to_ascii_lowercase().ends_with("security_protocol");
        let protocol_is_unknown = problems.iter().any(|problem| is_protocol(&problem.key));
        let needs_protocol = |key: &str| {
            let written = self.written.iter().find(|(_, written)| written.name == key);
            let name = written.map_or(key, |(name, _)| name);
            name.starts_with("sasl") || name.starts_with("ssl")
        };
        let more = checks::problems(&self).into_iter().filter(|more| {
            let is_given = self.written.values().any(|written| written.name == more.key);
            is_given
                && problems.iter().all(|problem| problem.key != more.key)
                && !(protocol_is_unknown && needs_protocol(&more.key))
        });
        problems.extend(more.collect::<Vec<_>>());
        Err(Error::new(ErrorKind::Config { problems: self.located(problems) }))
    }
}

/// Shows all settings with their values or defaults, without secrets.
impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProducerConfig");
        for (name, value) in self.entries() {
            debug.field(name, &format_args!("{value}"));
        }
        debug.finish()
    }
}

/// Which settings are errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Each that is not used.
    Strict,
    /// Those that are needed. Other programs use the configuration too.
    Shared,
}

fn as_they_are<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> impl Iterator<Item = Text<'_>> {
    pairs.iter().map(|(key, value)| Text {
        name: key.as_ref(),
        written_as: key.as_ref(),
        value: value.as_ref(),
        place: Place::Pair,
    })
}

/// All settings on one line for the log, in the form of a properties file.
pub(super) fn listing(config: &ProducerConfig) -> String {
    config.entries().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
