//! A problem of an entry, and its position.

use std::fmt;

/// Contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JaasError {
    /// The position in characters, from 1.
    at: usize,
    text: String,
}

impl JaasError {
    /// `before` is the text before the position.
    pub(super) fn after(before: &str, text: impl Into<String>) -> Self {
        Self { at: before.chars().count() + 1, text: text.into() }
    }

    #[cfg(test)]
    pub(super) fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for JaasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at, self.text)
    }
}
