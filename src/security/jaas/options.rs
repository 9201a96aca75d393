//! The options of an entry: `option="value"`, up to the semicolon.

use super::error::JaasError;
use super::tokens::{Token, Tokens};
use crate::security::secret::Secret;

/// The options in their order. Each is removed by the code that knows it.
pub(super) struct Options<'a> {
    /// The text before the semicolon.
    before_end: &'a str,
    list: Vec<Given<'a>>,
}

struct Given<'a> {
    /// The text before it.
    before: &'a str,
    name: &'a str,
    value: Secret,
}

const EXTENSION: &str = "extension_";

impl<'a> Options<'a> {
    pub(super) fn read(tokens: &mut Tokens<'a>) -> Result<Self, JaasError> {
        let mut list: Vec<Given<'a>> = Vec::new();
        loop {
            let (before, name) = match tokens.next()? {
                (before_end, Token::Semicolon) => return Ok(Self { before_end, list }),
                (before, Token::Word(name)) => (before, name),
                (before, Token::End) => {
                    return Err(JaasError::after(before, "the semicolon at the end of the entry is missing"));
                }
                (before, other) => {
                    other.wipe();
                    return Err(JaasError::after(before, NEEDS_QUOTES));
                }
            };
            match tokens.next()? {
                (_, Token::Equals) => {}
                (_, other) => {
                    other.wipe();
                    return Err(JaasError::after(before, NEEDS_QUOTES));
                }
            }
            let value = match tokens.next()? {
                (_, Token::Quoted(value)) => Secret::from(value),
                (_, Token::Word(value)) => Secret::from(value),
                (before, _) => return Err(JaasError::after(before, "the value is missing or needs quotes")),
            };
            if list.iter().any(|given| given.name == name) {
                return Err(JaasError::after(before, "the option is set twice"));
            }
            list.push(Given { before, name, value });
        }
    }

    fn take(&mut self, name: &str) -> Option<Given<'a>> {
        let at = self.list.iter().position(|given| given.name == name)?;
        Some(self.list.remove(at))
    }

    fn needed(&mut self, name: &str) -> Result<Given<'a>, JaasError> {
        match self.take(name) {
            Some(given) if given.value.is_empty() => {
                Err(JaasError::after(given.before, format!("the option {name} is empty")))
            }
            Some(given) => Ok(given),
            None => Err(JaasError::after(self.before_end, format!("the option {name} is missing"))),
        }
    }

    pub(super) fn username(&mut self) -> Result<String, JaasError> {
        self.needed("username").map(|given| given.text().to_owned())
    }

    pub(super) fn password(&mut self) -> Result<Secret, JaasError> {
        self.needed("password").map(|given| given.value)
    }

    /// In Java any value other than true is false.
    pub(super) fn is_token(&mut self) -> Result<bool, JaasError> {
        match self.take("tokenauth") {
            None => Ok(false),
            Some(given) if given.text().eq_ignore_ascii_case("true") => Ok(true),
            Some(given) if given.text().eq_ignore_ascii_case("false") => Ok(false),
            Some(given) => Err(JaasError::after(given.before, "the option tokenauth must be true or false")),
        }
    }

    /// The extensions that are sent with a token, by their names without the prefix.
    pub(super) fn extensions(&mut self) -> Vec<(String, String)> {
        let extensions = self.list.extract_if(.., |given| given.name.starts_with(EXTENSION));
        extensions.map(|given| (given.name[EXTENSION.len()..].to_owned(), given.text().to_owned())).collect()
    }

    /// Refuses the options that are left. `known` names the supported ones.
    pub(super) fn finish(self, known: &str) -> Result<(), JaasError> {
        let Some(given) = self.list.first() else { return Ok(()) };
        let families = [
            (
                "user_",
                "the options user_NAME are for the entry of a broker; a client sets username and password",
            ),
            ("unsecured", "unsecured tokens (unsecuredLogin...) are not supported; set a token provider"),
            (
                "clientId",
                "fetching tokens from a server (clientId) is not supported yet; set a token provider",
            ),
            (
                "clientSecret",
                "fetching tokens from a server (clientSecret) is not supported yet; set a token provider",
            ),
            ("scope", "fetching tokens from a server (scope) is not supported yet; set a token provider"),
            ("ssl", "fetching tokens from a server (ssl...) is not supported yet; set a token provider"),
            ("serviceName", "serviceName is for Kerberos; remove the option"),
        ];
        // The error has the family and not the name: after a value without quotes, this may be a part of a password.
        let family = families.iter().find(|(family, _)| given.name.starts_with(family));
        let text = match family {
            Some((_, text)) => (*text).to_owned(),
            None => format!("this option is not supported; the module supports {known}"),
        };
        Err(JaasError::after(given.before, text))
    }
}

impl Given<'_> {
    /// The value, which was made from text.
    fn text(&self) -> &str {
        self.value.text().unwrap_or_default()
    }
}

const NEEDS_QUOTES: &str = "OPTION=\"VALUE\" or the semicolon is expected here; a value needs quotes if the value \
                            contains characters other than letters, digits, - _ $ and .";
