//! Config providers (KIP-297, KIP-421): values that refer to a variable, a file or a directory.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::key::{Given, Key, aliased_keys};
use super::look_up::LookUp;
use super::producer_config::ProducerConfig;
use super::references::{Class, PACKAGE, Providers, Reference, Split, Text, next_reference, of};
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
    /// Sets the settings of providers, which the values of other settings need. Each problem has the name of its provider.
    pub(super) fn set_providers(
        &mut self,
        given: &mut Given,
        texts: &[Text<'_>],
    ) -> Vec<(ConfigProblem, Provider)> {
        let mut problems = Vec::new();
        let name_of = |text: &Text<'_>| text.name.trim().replace('.', "_");
        let mut refuse = |text: &Text<'_>, refusal: Refusal, provider: Provider| {
            let Refusal { kind, why } = refusal;
            let (key, line) = (text.written_as.trim().to_owned(), text.place.line());
            // Another parameter may be the secret of a provider that only Java has.
            let name = name_of(text);
            let is_shown = name == "config_providers" || SHOWN.iter().any(|end| name.ends_with(end));
            let value = is_shown.then(|| text.value.to_owned());
            problems.push((ConfigProblem { kind, key, line, value, why }, provider));
        };
        let (lists, parameters): (Vec<&Text<'_>>, Vec<&Text<'_>>) =
            texts.iter().partition(|text| name_of(text) == "config_providers");
        for text in &lists {
            let trimmed = Text { written_as: text.written_as.trim(), value: text.value.trim(), ..**text };
            if let Err(refusal) = KEYS[0].set(self, given, trimmed, None) {
                refuse(text, refusal, Provider::All);
            }
        }
        let mut refused_classes = Vec::new();
        for text in &parameters {
            let name = name_of(text);
            let name = name.strip_prefix(PREFIX).unwrap_or_default();
            if let Err(refusal) = self.providers.set(name, text.value.trim()) {
                let provider = self.providers.owner(name);
                refused_classes.extend(provider.clone().filter(|_| name.ends_with("_class")));
                refuse(text, refusal, provider.map_or(Provider::NotDeclared, Provider::Declared));
            }
        }
        for name in self.providers.without_class().filter(|name| !refused_classes.contains(name)) {
            let class = match name.as_str() {
                "file" => "FileConfigProvider",
                "dir" | "directory" => "DirectoryConfigProvider",
                _ => "EnvVarConfigProvider",
            };
            let why = format!("set config.providers.{name}.class too, for example to {PACKAGE}{class}");
            lists
                .last()
                .into_iter()
                .for_each(|text| refuse(text, why.clone().into(), Provider::Declared(name.clone())));
        }
        for text in parameters {
            let name = name_of(text);
            let name = name.strip_prefix(PREFIX).unwrap_or_default();
            if let Some(why) = self.providers.without_effect(name) {
                let provider = self.providers.owner(name);
                refuse(text, why.into(), provider.map_or(Provider::NotDeclared, Provider::Declared));
            }
        }
        problems
    }
}

/// The provider that a problem is about.
pub(super) enum Provider {
    /// The list of providers itself.
    All,
    Declared(String),
    /// It is not in the list.
    NotDeclared,
}

impl Provider {
    /// Whether the problem matters, if values refer to the `used` providers.
    pub(super) fn is_needed(&self, used: &BTreeSet<String>) -> bool {
        match self {
            Self::All => true,
            Self::Declared(name) => used.contains(name),
            Self::NotDeclared => false,
        }
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
        let Some((provider, parameter)) = self.split(name) else {
            return Err(
                "config.providers does not have this provider; add it there, or remove this setting".into()
            );
        };
        match parameter {
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

    /// The declared provider of a parameter, and the name of the parameter.
    fn split<'a>(&self, name: &'a str) -> Option<(String, &'a str)> {
        let parameter =
            |known: &String| name.strip_prefix(known.replace('.', "_").as_str())?.strip_prefix('_');
        self.names.iter().find_map(|known| Some((known.clone(), parameter(known)?)))
    }

    fn owner(&self, name: &str) -> Option<String> {
        self.split(name).map(|(provider, _)| provider)
    }

    fn without_class(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|name| of(&self.classes, name).is_none())
    }

    /// The value with its references replaced; `None` if it has none. As in Java, what looks like a reference to a provider
    /// that is not declared is no reference.
    ///
    /// # Errors
    /// Why a reference has no value, without any value. If `is_secret`, what looks like a reference may be a secret: only
    /// the name of a declared provider is in the error.
    pub(super) fn resolve(&self, written: &str, is_secret: bool) -> Result<Option<Reference>, String> {
        let (mut value, mut rest) = (String::new(), written);
        let mut is_found = false;
        while let Some(reference) = next_reference(rest) {
            let Split { before, provider, key, after } = reference;
            value.push_str(before);
            rest = after;
            match self.names.iter().find(|name| *name == provider) {
                Some(name) => {
                    is_found = true;
                    let found = LookUp { providers: self, provider: name, is_secret }.value_of(key)?;
                    value.push_str(found.text().unwrap_or_default());
                }
                // Everybody who writes these names means a reference.
                None if ["env", "file", "dir", "directory"].contains(&provider) => {
                    return Err(match is_secret {
                        true => "it refers to a provider that config.providers does not have; add the provider, or call \
                                 the setter, which takes each value as it is"
                            .to_owned(),
                        false => format!(
                            "config.providers does not have the provider '{provider}'; add it, and set \
                             config.providers.{provider}.class"
                        ),
                    });
                }
                None => value.extend(["${", provider, ":", key, "}"]),
            }
        }
        value.push_str(rest);
        let value = Secret::from(value);
        Ok(is_found.then(|| Reference { written: written.to_owned(), value }))
    }
}

fn put<T>(all: &mut Vec<(String, T)>, provider: String, value: T) {
    all.retain(|(known, _)| *known != provider);
    all.push((provider, value));
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

const PREFIX: &str = "config_providers_";
/// The ends of the names of parameters whose values are no secrets.
const SHOWN: [&str; 3] = ["_class", "_param_allowlist_pattern", "_param_allowed_paths"];
