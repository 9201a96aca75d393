//! Finds the values that references name: variables, keys of files, and files.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::producer_config::ProducerConfig;
use super::references::{Class, Providers, of};
use crate::security::Secret;

/// Looks up what a reference to a declared provider names.
pub(super) struct LookUp<'a> {
    pub(super) providers: &'a Providers,
    pub(super) provider: &'a str,
    /// What looks like a reference may be a secret.
    pub(super) is_secret: bool,
}

impl LookUp<'_> {
    /// # Errors
    /// Why there is no value, without any value. If `is_secret`, without the path and the key.
    pub(super) fn value_of(&self, key: &str) -> Result<Secret, String> {
        let provider = self.provider;
        match of(&self.providers.classes, provider) {
            None => {
                Err(format!("config.providers.{provider}.class does not name a class that this crate has"))
            }
            Some(Class::Variables) => self.variable(key),
            Some(class) => {
                // On Windows a path has a colon too.
                let Some((path, key)) = key.rsplit_once(':') else {
                    return Err(format!(
                        "a reference to {provider} has a path and a key; write ${{{provider}:path:key}}"
                    ));
                };
                match class {
                    Class::Directory if key.contains(['/', '\\']) || key == ".." => {
                        let key = self.named("the key", format_args!("'{key}'"));
                        Err(format!("{key} is not the name of a file; write ${{{provider}:directory:file}}"))
                    }
                    Class::Directory => self.text_of(&Path::new(path).join(key)),
                    _ => self.property(Path::new(path), key),
                }
            }
        }
    }

    /// What the reference names. The name is left out if it may be a secret.
    fn named(&self, what: &str, name: impl Display) -> String {
        match self.is_secret {
            true => format!("{what} of the reference to {}", self.provider),
            false => format!("{what} {name}"),
        }
    }

    fn variable(&self, name: &str) -> Result<Secret, String> {
        let shown = || self.named("the environment variable", name);
        if of(&self.providers.allowed_variables, self.provider)
            .is_some_and(|allowed| !allowed.iter().any(|pattern| matches(pattern, name)))
        {
            return Err(format!(
                "config.providers.{}.param.allowlist.pattern does not allow {}",
                self.provider,
                shown()
            ));
        }
        let value = std::env::var_os(name).ok_or_else(|| format!("{} is not set", shown()))?;
        value.into_string().map(Secret::from).map_err(|_| format!("{} is not Unicode", shown()))
    }

    fn file(&self, path: &Path) -> String {
        self.named("the file", path.display())
    }

    fn text_of(&self, path: &Path) -> Result<Secret, String> {
        let failed = |error: std::io::Error| format!("{} can't be read: {error}", self.file(path));
        // Without links and `..`, which could lead out of an allowed directory.
        let real = fs::canonicalize(path).map_err(failed)?;
        let allows =
            |allowed: &PathBuf| fs::canonicalize(allowed).is_ok_and(|allowed| real.starts_with(allowed));
        if of(&self.providers.allowed_paths, self.provider).is_some_and(|paths| !paths.iter().any(allows)) {
            return Err(format!(
                "config.providers.{}.param.allowed.paths does not allow {}",
                self.provider,
                self.file(path)
            ));
        }
        fs::read_to_string(&real).map(Secret::from).map_err(failed)
    }

    fn property(&self, path: &Path, key: &str) -> Result<Secret, String> {
        let text = self.text_of(path)?;
        let pairs = ProducerConfig::parse_properties(text.text().unwrap_or_default())
            .map_err(|_| format!("{} is not a properties file", self.file(path)))?;
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key, Secret::from(value))).collect();
        let found = pairs.into_iter().find(|(known, _)| known == key);
        let wanted = if self.is_secret { "its key".to_owned() } else { format!("the key {key}") };
        found.map(|(_, value)| value).ok_or_else(|| format!("{} does not have {wanted}", self.file(path)))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split(".*");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
