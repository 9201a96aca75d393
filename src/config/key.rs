//! A setting that texts can name: reads its value from a text, and shows it as one.

use std::collections::BTreeMap;

use super::producer_config::{ProducerConfig, Written};
use super::references::{Place, Reference, Text};
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
    /// Takes the value of another configuration.
    pub(super) copy: fn(&mut ProducerConfig, &ProducerConfig),
    /// What a value looks like, for the documentation.
    #[cfg_attr(not(any(test, feature = "yaml")), expect(dead_code, reason = "only YAML has lists"))]
    pub(super) form: &'static str,
    /// What the setting means, for the documentation. Empty if `name` is another client's.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test writes the documentation"))]
    pub(super) meaning: &'static str,
}

impl Key {
    /// The value as it may be shown. For a value of a provider it is the reference.
    pub(super) fn shown(&self, config: &ProducerConfig) -> String {
        let value = (self.show)(config);
        let reference = config.written_for(self.of).and_then(|written| written.reference.as_ref());
        reference.map_or_else(|| value.clone(), |reference| reference.shown(value == HIDDEN).to_owned())
    }

    /// Sets it to `value`, unless one of the `given` texts has set it to another value before. A value from before these
    /// texts is replaced.
    pub(super) fn set(
        &self,
        config: &mut ProducerConfig,
        given: &mut Given,
        text: Text<'_>,
        reference: Option<Reference>,
    ) -> Result<(), Refusal> {
        // Somebody who writes an empty value in a file may want no check, as in Java.
        let may_be_empty = reference.is_none() && text.place == Place::Pair;
        if self.of == "ssl_check_hostname" && !may_be_empty {
            let value = reference.as_ref().map_or(text.value, Reference::value);
            if value.trim().is_empty() {
                return Err(
                    "it is empty; write https to check the host name, or 'none' to disable the check".into(),
                );
            }
        }
        let (before, before_is_shown_as) = ((self.show)(config), self.shown(config));
        (self.set)(config, reference.as_ref().map_or(text.value, Reference::value))?;
        let after = (self.show)(config);
        let name = text.written_as.to_owned();
        let place = text.place;
        let written = Written { name, place, value: after.clone(), show: self.show, reference };
        config.written.insert(self.of, written);
        let name = match place.line() {
            Some(line) => format!("{} in line {line}", text.written_as),
            None => text.written_as.to_owned(),
        };
        match given.insert(self.of, name) {
            // The error must not reveal whether two secrets are equal.
            Some(earlier) if after == HIDDEN => {
                Err(Refusal::contradictory(format!("{earlier} is set too; remove one of the two")))
            }
            Some(earlier) if after != before => Err(Refusal::contradictory(format!(
                "{earlier} = '{before_is_shown_as}' is set too; remove one of the two"
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
    ($section:ident: $( $name:ident $(= $other:ident)*: $kind:ident $field:tt = $meaning:literal );* $(;)?) => {
        pub(super) const KEYS: &[Key] = &[$(
            aliased_keys!(@ $section, $name, $name, $kind, $field, $meaning),
            $( aliased_keys!(@ $section, $other, $name, $kind, $field, ""), )*
        )*];
    };
    (@ $section:ident, $name:ident, $of:ident, $kind:ident, ($($field:ident).+), $meaning:literal) => {
        Key {
            name: stringify!($name),
            of: stringify!($of),
            set: |config, value| ($kind.read)(value).map(|value| config.$section.$($field).+ = value),
            show: |config| ($kind.show)(&config.$section.$($field).+),
            copy: |config, from| config.$section.$($field).+ = from.$section.$($field).+.clone(),
            form: $kind.form,
            meaning: $meaning,
        }
    };
}
pub(super) use aliased_keys;
