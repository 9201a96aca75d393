//! What is wrong with an entry, and where.

use std::fmt;

/// Has no secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JaasError {
    /// Counted in characters from 1.
    at: usize,
    text: String,
}

impl JaasError {
    /// `before` is what stands before the place.
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
