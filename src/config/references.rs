//! Settings in the input. Their values may refer to a variable or a file through config providers.

use std::path::PathBuf;

use super::values::Refusal;
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::security::{HIDDEN, Secret};

/// A setting in the input.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) name: &'a str,
    /// The name as it is in the input.
    pub(super) written_as: &'a str,
    pub(super) value: &'a str,
    pub(super) place: Place,
}

/// The kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Pair,
    Variable,
    #[cfg(feature = "yaml")]
    Yaml {
        line: usize,
    },
}

impl Place {
    pub(super) fn line(self) -> Option<usize> {
        match self {
            Self::Pair | Self::Variable => None,
            #[cfg(feature = "yaml")]
            Self::Yaml { line } => Some(line),
        }
    }
}

/// The settings that begin with `config.providers`.
#[derive(Clone, Default)]
pub(super) struct Providers {
    pub(super) names: Vec<String>,
    /// Each with the name of its provider.
    pub(super) classes: Vec<(String, Class)>,
    pub(super) allowed_variables: Vec<(String, Vec<String>)>,
    pub(super) allowed_paths: Vec<(String, Vec<PathBuf>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Variables,
    Properties,
    Directory,
}

impl Class {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Variables, "EnvVarConfigProvider"),
        (Self::Properties, "FileConfigProvider"),
        (Self::Directory, "DirectoryConfigProvider"),
    ];

    pub(super) fn read(value: &str) -> Result<Self, Refusal> {
        let name = value.strip_prefix(PACKAGE).unwrap_or_default();
        let known = Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(class, _)| class);
        known.ok_or_else(|| Refusal {
            kind: ConfigProblemKind::NeedsCode,
            why: format!(
                "only Java can load this class; use {PACKAGE}EnvVarConfigProvider, FileConfigProvider or \
                 DirectoryConfigProvider, or pass the values to setters"
            ),
        })
    }
}

/// What is set for a provider.
pub(super) fn of<T: Clone>(all: &[(String, T)], provider: &str) -> Option<T> {
    all.iter().find(|(known, _)| known == provider).map(|(_, value)| value.clone())
}

/// A value with references.
#[derive(Clone)]
pub(super) struct Reference {
    /// As it is in the input.
    pub(super) written: String,
    pub(super) value: Secret,
}

impl Reference {
    /// What is shown instead of the value. The text around a reference may be a secret itself.
    pub(super) fn shown(&self, is_secret: bool) -> &str {
        // A password may be before the `@` of an address.
        let may_be_secret = is_secret || self.written.contains('@');
        if may_be_secret && !is_only_a_reference(&self.written) { HIDDEN } else { &self.written }
    }

    pub(super) fn value(&self) -> &str {
        self.value.text().unwrap_or_default().trim()
    }

    /// Removes the value from a problem that names it.
    pub(super) fn hide(&self, problem: &mut ConfigProblem) {
        if let Some(value) = &mut problem.value {
            *value = self.shown(false).to_owned();
        }
        let words = self.value().split(|letter: char| !letter.is_alphanumeric());
        // Shorter words are in many sentences.
        if words.filter(|word| word.len() > 3).any(|word| problem.why.contains(word)) {
            problem.why =
                "the value of this reference is not valid; correct the variable or the file that it names"
                    .to_owned();
        }
    }
}

pub(super) struct Split<'a> {
    pub(super) before: &'a str,
    pub(super) provider: &'a str,
    /// With the path before it, if it has one.
    pub(super) key: &'a str,
    pub(super) after: &'a str,
}

/// The first `${provider:key}` or `${provider:path:key}`.
pub(super) fn next_reference(text: &str) -> Option<Split<'_>> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("${")?;
        let end = start + text[start..].find('}')?;
        match text[start + 2..end].split_once(':') {
            Some((provider, key)) if !provider.contains("${") => {
                return Some(Split { before: &text[..start], provider, key, after: &text[end + 1..] });
            }
            // It is no reference; a reference may begin behind these two letters.
            _ => from = start + 2,
        }
    }
}

/// The providers that a value refers to, declared or not.
pub(super) fn providers_in(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let Split { provider, after, .. } = next_reference(text)?;
        text = after;
        Some(provider)
    })
}

fn is_only_a_reference(text: &str) -> bool {
    next_reference(text).is_some_and(|split| split.before.is_empty() && split.after.is_empty())
}

/// What all class names begin with.
pub(super) const PACKAGE: &str = "org.apache.kafka.common.config.provider.";
