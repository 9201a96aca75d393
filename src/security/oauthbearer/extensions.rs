//! The extensions that are sent with a token (KIP-342).

/// Names and values that the message can contain.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions(Vec<(String, String)>);

impl Extensions {
    /// The error does not contain values, which may be secrets.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Result<Self, String> {
        for (at, (name, value)) in pairs.iter().enumerate() {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(format!(
                    "the name of an extension must be one or more ASCII letters, not {name:?}"
                ));
            }
            if name.eq_ignore_ascii_case("auth") {
                return Err(
                    "an extension can't be named auth, because auth is the name of the token".to_owned()
                );
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(format!("the extension {name} is set twice"));
            }
            let is_said = |byte: u8| byte.is_ascii_graphic() || b" \t\r\n".contains(&byte);
            if value.is_empty() || !value.bytes().all(is_said) {
                return Err(format!(
                    "the value of the extension {name} must not be empty and must contain only visible ASCII characters \
                     and white space"
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// These extensions, and those of `more` with other names.
    pub(super) fn and(mut self, more: &Self) -> Self {
        let missing = more.0.iter().filter(|(name, _)| self.0.iter().all(|(own, _)| own != name));
        let missing: Vec<_> = missing.cloned().collect();
        self.0.extend(missing);
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}
