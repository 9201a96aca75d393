//! Where each value of a configuration comes from.

use std::fmt;
use std::slice;

use super::key::Key;
use super::keys;
use super::producer_config::{Defaults, ProducerConfig, Written};
use super::references::Place;

impl ProducerConfig {
    /// Returns all settings with their values, their defaults and their origins. Print it to see which layer has set a value:
    ///
    /// ```
    /// use kafka_producer::{ProducerConfig, SettingOrigin};
    ///
    /// let config = ProducerConfig::from_pairs([("linger.ms", "5")])?.buffer_memory(64 << 20);
    /// let explanation = config.explain();
    /// println!("{explanation}");
    ///
    /// let linger = explanation.iter().find(|setting| setting.name() == "linger_ms").unwrap();
    /// assert_eq!((linger.value(), linger.default_value()), ("5", "0"));
    /// assert!(matches!(linger.origin(), SettingOrigin::Pair { name, .. } if name == "linger.ms"));
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// The values are those of [`entries`](Self::entries), with two differences:
    ///
    /// - The value of a [`client_id`](Self::client_id) that is not set is `generated`.
    /// - The settings without a string form, such as [`interceptor`](Self::interceptor) and `ssl_context`, are at the end of
    ///   the list with the value `set`, if a setter has set them.
    ///
    /// No secret is shown.
    pub fn explain(&self) -> Explanation {
        let named = keys::all().filter(|key| key.name == key.of).map(|key| self.explained(key));
        let of_code = self.set_by_code().into_iter().filter(|(_, is_set)| *is_set);
        let of_code = of_code.map(|(name, _)| ExplainedSetting {
            name,
            value: "set".to_owned(),
            default: "none".to_owned(),
            origin: SettingOrigin::Setter,
        });
        Explanation { settings: named.chain(of_code).collect() }
    }

    /// The settings that no string can set, and whether they are set.
    fn set_by_code(&self) -> Vec<(&'static str, bool)> {
        vec![
            #[cfg(feature = "tls")]
            ("ssl_context", self.has_connector()),
            ("interceptor", !self.interceptors.is_empty()),
            ("metric_reporter", !self.metrics.reporters.is_empty()),
            ("sasl_oauth_token_provider", self.sasl.token_provider.is_some()),
            ("register_sasl_mechanism", !self.sasl.registered.is_empty()),
        ]
    }

    fn explained(&self, key: &'static Key) -> ExplainedSetting {
        let preset = match self.defaults {
            Defaults::Ours => Self::default(),
            Defaults::KafkaPython2 => Self::kafka_python_2(),
        };
        let mut unset = self.clone();
        (key.copy)(&mut unset, &preset);
        // `build` chooses the name. As a string, `none` is what can be read again.
        let shown = |config: &Self, value: String| match key.name {
            "client_id" if config.client_id.is_none() => "generated".to_owned(),
            _ => value,
        };
        let raw_default = (key.show)(&unset);
        let is_changed = (key.show)(self) != raw_default;
        let (value, default) = (shown(self, key.shown(self)), shown(&unset, raw_default));
        let origin = match self.written_for(key.name) {
            Some(written) => written.origin(),
            None if is_changed || value != default => SettingOrigin::Setter,
            None if (key.show)(&preset) != (key.show)(&Self::default()) => SettingOrigin::Preset,
            None => SettingOrigin::Default,
        };
        ExplainedSetting { name: key.name, value, default, origin }
    }
}

impl Written {
    fn origin(&self) -> SettingOrigin {
        let name = self.name.clone();
        match self.place {
            Place::Pair => SettingOrigin::Pair { name },
            Place::Variable => SettingOrigin::Variable { name },
            #[cfg(feature = "yaml")]
            Place::Yaml { line } => SettingOrigin::Yaml { name, line },
        }
    }
}

/// The settings of a configuration, and the origins of their values: see [`ProducerConfig::explain`]. The `Display` form is a
/// table with one line for each setting.
#[derive(Clone, Debug)]
pub struct Explanation {
    settings: Vec<ExplainedSetting>,
}

impl Explanation {
    /// Returns the settings, in the order of [`ProducerConfig::entries`], and then the settings without a string form that
    /// are set.
    pub fn iter(&self) -> slice::Iter<'_, ExplainedSetting> {
        self.settings.iter()
    }
}

impl<'a> IntoIterator for &'a Explanation {
    type Item = &'a ExplainedSetting;
    type IntoIter = slice::Iter<'a, ExplainedSetting>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A table with the columns setting, value, default, and origin.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["setting", "value", "default", "origin"].map(str::to_owned);
        let rows = self.iter().map(|setting| {
            let ExplainedSetting { name, value, default, origin } = setting;
            [(*name).to_owned(), value.clone(), default.clone(), origin.to_string()]
        });
        let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths = [width(0), width(1), width(2)];
        for (index, [name, value, default, origin]) in rows.iter().enumerate() {
            let [first, second, third] = widths;
            let end = if index + 1 < rows.len() { "\n" } else { "" };
            write!(f, "{name:first$}  {value:second$}  {default:third$}  {origin}{end}")?;
        }
        Ok(())
    }
}

/// A setting, its value, and the origin of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedSetting {
    name: &'static str,
    value: String,
    default: String,
    origin: SettingOrigin,
}

impl ExplainedSetting {
    /// Returns the name of the setting.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value, as [`ProducerConfig::get`] returns it. It is `generated` for a `client_id` that is not set, and
    /// `set` for a setting without a string form.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the value that the setting would have if it were not set. This value can depend on other settings, and on
    /// [`kafka_python_2`](ProducerConfig::kafka_python_2).
    pub fn default_value(&self) -> &str {
        &self.default
    }

    /// Returns the origin of the value.
    pub fn origin(&self) -> &SettingOrigin {
        &self.origin
    }
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingOrigin {
    /// The value is the default. This is also the origin if a setter has set the value of the default.
    Default,
    /// The value is a default of [`kafka_python_2`](ProducerConfig::kafka_python_2) that differs from the default of this
    /// crate.
    Preset,
    /// A setter has set the value.
    Setter,
    /// The value was in pairs, for example those of a properties file.
    #[non_exhaustive]
    Pair {
        /// The name in the pair, for example `linger.ms`.
        name: String,
    },
    /// The value was in an environment variable that [`with_env`](ProducerConfig::with_env) has read.
    #[non_exhaustive]
    Variable {
        /// The name of the variable, for example `ORDERS_KAFKA_LINGER_MS`.
        name: String,
    },
    /// The value was in YAML.
    #[cfg(feature = "yaml")]
    #[non_exhaustive]
    Yaml {
        /// The name in the document, for example `linger_ms`.
        name: String,
        /// The line of the name, from 1.
        line: usize,
    },
}

/// For example `default`, `setter`, `linger.ms`, `linger.ms in line 3`, or `variable ORDERS_KAFKA_LINGER_MS`.
impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::Preset => f.pad("kafka_python_2"),
            Self::Setter => f.pad("setter"),
            Self::Pair { name } => f.pad(name),
            Self::Variable { name } => f.pad(&format!("variable {name}")),
            #[cfg(feature = "yaml")]
            Self::Yaml { name, line } => f.pad(&format!("{name} in line {line}")),
        }
    }
}
