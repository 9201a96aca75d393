//! A setting that texts can name: reads its value from a text, and shows it as one.

use std::collections::BTreeMap;

use super::producer_config::{ProducerConfig, Written};
use super::values::Refusal;
use crate::security::HIDDEN;

/// One setting that a text can name.
pub(crate) struct Key {
    /// kafka-python's name, or a name in its spelling. With dots it is the Java client's name.
    pub(crate) name: &'static str,
    /// The name of the setting in the documentation. It differs from `name` if `name` is another client's.
    pub(super) of: &'static str,
    pub(super) set: fn(&mut ProducerConfig, &str) -> Result<(), Refusal>,
    pub(crate) show: fn(&ProducerConfig) -> String,
}

impl Key {
    /// Sets it to `value`, unless one of the `given` texts has set it to another value before. A value from before these
    /// texts is replaced.
    pub(super) fn set(
        &self,
        config: &mut ProducerConfig,
        given: &mut Given,
        written_as: &str,
        value: &str,
    ) -> Result<(), Refusal> {
        let before = (self.show)(config);
        (self.set)(config, value)?;
        let after = (self.show)(config);
        let written = Written { name: written_as.to_owned(), value: after.clone(), show: self.show };
        config.written.insert(self.of, written);
        match given.insert(self.of, written_as.to_owned()) {
            // The error must not reveal whether two secrets are equal.
            Some(earlier) if after == HIDDEN => {
                Err(Refusal::contradictory(format!("{earlier} is set too; remove one of the two")))
            }
            Some(earlier) if after != before => Err(Refusal::contradictory(format!(
                "{earlier} = '{before}' is set too; remove one of the two"
            ))),
            _ => Ok(()),
        }
    }
}

/// The settings that the texts of one call have set so far, with their names in these texts.
pub(super) type Given = BTreeMap<&'static str, String>;

/// Makes `KEYS` for the settings in one `$section` of the configuration. Each has kafka-python's name, or this crate's name in
/// its spelling, followed by the names of Java and librdkafka.
macro_rules! aliased_keys {
    ($section:ident: $( $name:ident $(= $other:ident)*: $kind:ident($field:ident) );* $(;)?) => {
        pub(super) const KEYS: &[Key] = &[$(
            aliased_keys!(@ $section, $name, $name, $kind, $field),
            $( aliased_keys!(@ $section, $other, $name, $kind, $field), )*
        )*];
    };
    (@ $section:ident, $name:ident, $of:ident, $kind:ident, $field:ident) => {
        Key {
            name: stringify!($name),
            of: stringify!($of),
            set: |config, value| ($kind.read)(value).map(|value| config.$section.$field = value),
            show: |config| ($kind.show)(&config.$section.$field),
        }
    };
}
pub(super) use aliased_keys;
