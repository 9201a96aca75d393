//! A setting as a text: how it is read into a configuration, and shown.

use super::producer_config::ProducerConfig;
use super::values::Refusal;
use crate::security::HIDDEN;

/// One setting that a text can name.
pub(crate) struct Key {
    /// kafka-python's name, or one in its spelling; the Java client's is the same with dots.
    pub(crate) name: &'static str,
    /// The name under which it is documented: the same, unless another client calls it so.
    pub(super) of: &'static str,
    pub(super) set: fn(&mut ProducerConfig, &str) -> Result<(), Refusal>,
    pub(crate) show: fn(&ProducerConfig) -> String,
}

impl Key {
    /// Sets it to what `value` says, unless it has been set to something else by a text.
    pub(super) fn set(&self, config: &mut ProducerConfig, key: &str, value: &str) -> Result<(), Refusal> {
        let before = (self.show)(config);
        (self.set)(config, value)?;
        let after = (self.show)(config);
        match config.written.insert(self.of, key.to_owned()) {
            // Whether two secrets are the same is nobody's business either.
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

/// Makes `KEYS` of settings that stand together in the configuration's `$section`: kafka-python's names, or ours in its
/// spelling, each followed by what Java and librdkafka call it.
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
