//! A configuration read from texts, and shown as one.

use std::fmt;

use super::checks;
use super::keys;
use super::producer_config::ProducerConfig;
use crate::error::{Error, ErrorKind};

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
        let mut problems: Vec<_> = pairs
            .into_iter()
            .filter_map(|(key, value)| keys::set(&mut self, key.as_ref(), value.as_ref()))
            .collect();
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

impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProducerConfig");
        for key in keys::all().filter(|key| key.name == key.of) {
            debug.field(key.name, &format_args!("{}", (key.show)(self)));
        }
        debug.finish()
    }
}
