//! Config providers (KIP-297, KIP-421): values that refer to a variable, a file or a directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::key::{Given, Key, aliased_keys};
use super::producer_config::ProducerConfig;
use super::references::{Class, PACKAGE, Providers, Reference, Split, Text, next_reference};
use super::values::{Kind, NAMES, Refusal};
use crate::error::{ConfigProblem, ConfigProblemKind};
use crate::security::Secret;

aliased_keys! { providers:
    config_providers: PROVIDERS(names)
        = "The names of the config providers. Each has a class: `config.providers.NAME.class`.";
}

/// Java lists it as `[]` if it is not set.
const PROVIDERS: Kind<Vec<String>> = Kind {
    form: NAMES.form,
    read: |value| if value == "[]" { Ok(Vec::new()) } else { (NAMES.read)(value) },
    show: NAMES.show,
};

pub(super) fn is_of_providers(name: &str) -> bool {
    name == "config_providers" || name.starts_with(PREFIX)
}

impl ProducerConfig {
    /// Sets the settings of providers, which the values of other settings need.
    pub(super) fn set_providers(&mut self, given: &mut Given, texts: &[Text<'_>]) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let name_of = |text: &Text<'_>| text.name.trim().replace('.', "_");
        let mut refuse = |text: &Text<'_>, refusal: Refusal| {
            let Refusal { kind, why } = refusal;
            let (key, line) = (text.written_as.trim().to_owned(), text.place.line());
            // Another parameter may be the secret of a provider that only Java has.
            let name = name_of(text);
            let is_shown = name == "config_providers" || SHOWN.iter().any(|end| name.ends_with(end));
            let value = is_shown.then(|| text.value.to_owned());
            problems.push(ConfigProblem { kind, key, line, value, why });
        };
        let (lists, parameters): (Vec<&Text<'_>>, Vec<&Text<'_>>) =
            texts.iter().partition(|text| name_of(text) == "config_providers");
        for text in &lists {
            let trimmed = Text { written_as: text.written_as.trim(), value: text.value.trim(), ..**text };
            if let Err(refusal) = KEYS[0].set(self, given, trimmed, None) {
                refuse(text, refusal);
            }
        }
        let mut has_refused_class = false;
        for text in &parameters {
            let name = name_of(text);
            if let Err(refusal) =
                self.providers.set(name.strip_prefix(PREFIX).unwrap_or_default(), text.value.trim())
            {
                has_refused_class |= name.ends_with("_class");
                refuse(text, refusal);
            }
        }
        if let (Some(name), Some(text), false) =
            (self.providers.without_class(), lists.last(), has_refused_class)
        {
            let class = match name {
                "file" => "FileConfigProvider",
                "dir" | "directory" => "DirectoryConfigProvider",
                _ => "EnvVarConfigProvider",
            };
            let why = format!("set config.providers.{name}.class too, for example to {PACKAGE}{class}");
            refuse(text, why.into());
        }
        for text in parameters {
            if let Some(why) =
                self.providers.without_effect(name_of(text).strip_prefix(PREFIX).unwrap_or_default())
            {
                refuse(text, why.into());
            }
        }
        problems
    }
}

impl Providers {
    /// Why the parameter has no effect, if it is one that the class of its provider does not have.
    fn without_effect(&self, name: &str) -> Option<&'static str> {
        let class_of = |ending: &str| of(&self.classes, &name.strip_suffix(ending)?.replace('_', "."));
        match (class_of("_param_allowlist_pattern"), class_of("_param_allowed_paths")) {
            (Some(Class::Properties | Class::Directory), _) => {
                Some("only EnvVarConfigProvider has it; set param.allowed.paths")
            }
            (_, Some(Class::Variables)) => Some(
                "only FileConfigProvider and DirectoryConfigProvider have it; set param.allowlist.pattern",
            ),
            _ => None,
        }
    }

    /// Sets `name_class` or `name_param_...`.
    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let of = |known: &String| {
            name.strip_prefix(known.replace('.', "_").as_str())?.strip_prefix('_').map(str::to_owned)
        };
        let Some((provider, parameter)) =
            self.names.iter().find_map(|known| Some((known.clone(), of(known)?)))
        else {
            return Err(
                "config.providers does not have this provider; add it there, or remove this setting".into()
            );
        };
        match parameter.as_str() {
            "class" => put(&mut self.classes, provider, Class::read(value)?),
            "param_allowlist_pattern" => put(&mut self.allowed_variables, provider, pattern(value)?),
            "param_allowed_paths" => {
                let paths = value.split(',').map(str::trim).filter(|path| !path.is_empty());
                put(&mut self.allowed_paths, provider, paths.map(PathBuf::from).collect());
            }
            _ => {
                return Err(Refusal {
                    kind: ConfigProblemKind::Unknown,
                    why: "a provider has class, param.allowlist.pattern and param.allowed.paths; remove it"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    fn without_class(&self) -> Option<&str> {
        self.names.iter().find(|name| of(&self.classes, name).is_none()).map(String::as_str)
    }

    /// The value with its references replaced; `None` if it has none.
    ///
    /// # Errors
    /// Why a reference has no value, without any value.
    pub(super) fn resolve(&self, written: &str) -> Result<Option<Reference>, String> {
        let (mut value, mut rest) = (String::new(), written);
        let mut is_found = false;
        while let Some(reference) = next_reference(rest) {
            let Split { before, provider, key, after } = reference;
            value.push_str(before);
            rest = after;
            match self.names.iter().find(|name| *name == provider) {
                Some(name) => {
                    is_found = true;
                    value.push_str(self.look_up(name, key)?.text().unwrap_or_default());
                }
                None if !self.names.is_empty() => {
                    return Err(format!(
                        "'{provider}' is not a provider; config.providers has {}",
                        self.names.join(", ")
                    ));
                }
                None if ["env", "file", "dir", "directory"].contains(&provider) => {
                    return Err(format!(
                        "it refers to the provider '{provider}', and config.providers is not set; set \
                         config.providers={provider} and config.providers.{provider}.class"
                    ));
                }
                // As in Java.
                None => value.extend(["${", provider, ":", key, "}"]),
            }
        }
        value.push_str(rest);
        let value = Secret::from(value);
        Ok(is_found.then(|| Reference { written: written.to_owned(), value }))
    }

    fn look_up(&self, provider: &str, key: &str) -> Result<Secret, String> {
        match of(&self.classes, provider) {
            None => Err(format!("config.providers.{provider}.class is not set")),
            Some(Class::Variables) => self.variable(provider, key),
            Some(class) => {
                // On Windows a path has a colon too.
                let Some((path, key)) = key.rsplit_once(':') else {
                    return Err(format!(
                        "a reference to {provider} has a path and a key; write ${{{provider}:path:key}}"
                    ));
                };
                match class {
                    Class::Directory if key.contains(['/', '\\']) || key == ".." => Err(format!(
                        "'{key}' is not the name of a file; write ${{{provider}:directory:file}}"
                    )),
                    Class::Directory => self.text_of(provider, &Path::new(path).join(key)),
                    _ => property(&self.text_of(provider, Path::new(path))?, path, key),
                }
            }
        }
    }

    fn variable(&self, provider: &str, name: &str) -> Result<Secret, String> {
        if of(&self.allowed_variables, provider)
            .is_some_and(|allowed| !allowed.iter().any(|pattern| matches(pattern, name)))
        {
            return Err(format!(
                "config.providers.{provider}.param.allowlist.pattern does not allow the variable {name}"
            ));
        }
        let value =
            std::env::var_os(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        value
            .into_string()
            .map(Secret::from)
            .map_err(|_| format!("the environment variable {name} is not Unicode"))
    }

    fn text_of(&self, provider: &str, path: &Path) -> Result<Secret, String> {
        let failed = |error: std::io::Error| format!("the file {} can't be read: {error}", path.display());
        // Without links and `..`, which could lead out of an allowed directory.
        let real = fs::canonicalize(path).map_err(failed)?;
        let allows =
            |allowed: &PathBuf| fs::canonicalize(allowed).is_ok_and(|allowed| real.starts_with(allowed));
        if of(&self.allowed_paths, provider).is_some_and(|paths| !paths.iter().any(allows)) {
            return Err(format!(
                "config.providers.{provider}.param.allowed.paths does not allow the file {}",
                path.display()
            ));
        }
        fs::read_to_string(&real).map(Secret::from).map_err(failed)
    }
}

fn property(text: &Secret, path: &str, key: &str) -> Result<Secret, String> {
    let pairs = ProducerConfig::parse_properties(text.text().unwrap_or_default())
        .map_err(|_| format!("the file {path} is not a properties file"))?;
    let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key, Secret::from(value))).collect();
    let found = pairs.into_iter().find(|(known, _)| known == key);
    found.map(|(_, value)| value).ok_or_else(|| format!("the file {path} does not have the key {key}"))
}

fn put<T>(all: &mut Vec<(String, T)>, provider: String, value: T) {
    all.retain(|(known, _)| *known != provider);
    all.push((provider, value));
}

fn of<T: Clone>(all: &[(String, T)], provider: &str) -> Option<T> {
    all.iter().find(|(known, _)| known == provider).map(|(_, value)| value.clone())
}

/// Java accepts any regular expression. This is the part of it that lists of names need.
fn pattern(text: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = text.split('|').map(|name| name.trim_matches(['^', '$']).to_owned()).collect();
    let is_plain = |name: &String| {
        name.replace(".*", "").bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match names.iter().all(is_plain) {
        true => Ok(names),
        false => Err(
            "write names, separated by '|'; each name can contain '.*', and no other pattern is supported"
                .into(),
        ),
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

const PREFIX: &str = "config_providers_";
/// The ends of the names of parameters whose values are no secrets.
const SHOWN: [&str; 3] = ["_class", "_param_allowlist_pattern", "_param_allowed_paths"];
