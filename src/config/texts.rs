//! A configuration read from texts, and shown as one.

use std::ffi::OsString;
use std::fmt;

use super::checks;
use super::dialect::Dialect;
use super::keys::{self, Unset};
use super::producer_config::ProducerConfig;
use crate::error::{ConfigProblem, Error, ErrorKind};

impl ProducerConfig {
    /// Reads settings from texts: kafka-python's names (`linger_ms`) or the Java client's (`linger.ms`), durations in
    /// milliseconds, sizes in bytes. Spaces around a key or a value do not count; `none`, `null` and an empty value say
    /// nothing where there may be nothing.
    ///
    /// Both clients' settings are all known. One whose feature is not there yet is taken at the value that says what is
    /// done anyway (`security.protocol=PLAINTEXT`) and refused at any other. What is not named keeps its default; setters
    /// called afterwards win.
    ///
    /// Serializers and partitioners are code, which a text can't be: see [`build_with`](Self::build_with) and
    /// [`partitioner`](Self::partitioner). Java's serializers of bytes and strings may be named all the same.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use kafka_producer::ProducerConfig;
    ///
    /// // As a reader of properties files or of the environment gives them.
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
    /// [`ErrorKind::Config`] listing every key that is unknown, every value that can't be read, and every setting that
    /// was given twice with different values. If there are any, what [`build`](Self::build) would refuse of the
    /// settings that could be read is listed as well.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        Self::default().with_pairs(pairs)
    }

    /// As [`from_pairs`](Self::from_pairs), where what is not named stays as it is: for texts upon
    /// [`kafka_python_2`](Self::kafka_python_2), or upon a program's own defaults.
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs).
    pub fn with_pairs<K, V>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let unset = self.set_all(Dialect::KafkaPython, pairs);
        self.unless_refused(unset.into_iter().map(|unset| unset.problem).collect())
    }

    /// Reads settings that other clients use too, as those of a file that the consumers of the same program have. `dialect`
    /// is the client that they were written for: it decides where two clients mean different things by one name.
    ///
    /// What this crate has no use for is left out and listed in the second part of the result: settings of consumers and of
    /// serializers, names that no producer has, code (`value.serializer=...AvroSerializer`), and what this crate does not
    /// have yet, as far as records are delivered without it as well. Log the list, or fail on what the program can't do
    /// without.
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
    /// As [`from_pairs`](Self::from_pairs), for a setting of a producer that asks for something that is not supported yet
    /// and that matters for safety (`transactional.id`), has a value that can't be read, or was given twice.
    pub fn from_shared<K, V>(
        dialect: Dialect,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, Vec<ConfigProblem>), Error>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut config = Self::default();
        let unset = config.set_all(dialect, pairs);
        let (unused, refused): (Vec<_>, Vec<_>) = unset.into_iter().partition(|unset| unset.may_be_left_out);
        let problems = |unset: Vec<Unset>| unset.into_iter().map(|unset| unset.problem).collect();
        Ok((config.unless_refused(problems(refused))?, problems(unused)))
    }

    /// Reads settings from the environment: of each variable whose name begins with `prefix` the rest of the name, in small
    /// letters. With the prefix `ORDERS_KAFKA_` the variable `ORDERS_KAFKA_LINGER_MS=5` sets `linger_ms`. Choose a prefix
    /// that no other program uses: scripts of Kafka's brokers read variables that begin with `KAFKA_`.
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs); also a variable whose value is not Unicode.
    pub fn from_env(prefix: &str) -> Result<Self, Error> {
        Self::default().with_variables(prefix, std::env::vars_os())
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
                Ok(value) => pairs.push((key.to_ascii_lowercase(), value)),
                Err(_) => problems.push(ConfigProblem::invalid(
                    format!("{prefix}{key}"),
                    None,
                    "the value of this variable is not Unicode; correct it",
                )),
            }
        }
        problems.extend(self.set_all(Dialect::KafkaPython, pairs).into_iter().map(|unset| unset.problem));
        self.unless_refused(problems)
    }

    fn set_all<K, V>(&mut self, dialect: Dialect, pairs: impl IntoIterator<Item = (K, V)>) -> Vec<Unset>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let set = |(key, value): (K, V)| keys::set(self, dialect, key.as_ref(), value.as_ref()).err();
        pairs.into_iter().filter_map(set).collect()
    }

    /// If there are problems, with what is wrong besides with the settings that were given.
    fn unless_refused(self, mut problems: Vec<ConfigProblem>) -> Result<Self, Error> {
        if problems.is_empty() {
            return Ok(self);
        }
        let more = checks::problems(&self).into_iter().filter(|more| {
            let is_given = self.written.values().any(|key| *key == more.key);
            is_given && problems.iter().all(|problem| problem.key != more.key)
        });
        problems.extend(more.collect::<Vec<_>>());
        Err(Error::new(ErrorKind::Config { problems }))
    }
}

/// As it acts, with what was not set; without secrets.
impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProducerConfig");
        for key in keys::all().filter(|key| key.name == key.of) {
            debug.field(key.name, &format_args!("{}", (key.show)(self)));
        }
        debug.finish()
    }
}

/// For the log: the same on one line, as a file would have it.
pub(super) fn listing(config: &ProducerConfig) -> String {
    let documented = keys::all().filter(|key| key.name == key.of);
    let shown: Vec<String> = documented.map(|key| format!("{}={}", key.name, (key.show)(config))).collect();
    shown.join(" ")
}
