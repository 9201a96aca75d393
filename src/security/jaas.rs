//! `sasl.jaas.config` of Java's clients: one entry, `MODULE required option="value" ...;`.
//!
//! It is read as by Java, but an option that would have no effect is refused. An error names the position and not the text
//! at that position: if a quote is missing, that text may be a password.

mod error;
mod options;
mod tokens;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

pub(crate) use self::error::JaasError;
use self::options::Options;
use self::tokens::{Token, Tokens};
use super::secret::Secret;

/// The client's identity, for one family of mechanisms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JaasLogin {
    /// `PlainLoginModule`.
    Plain { username: String, password: Secret },
    /// `ScramLoginModule`, for both hashes. With `is_token`, name and password are those of a delegation token (`tokenauth`).
    Scram { username: String, password: Secret, is_token: bool },
    /// `OAuthBearerLoginModule`: the token comes from elsewhere.
    OauthBearer {
        /// `extension_NAME=VALUE` (KIP-342).
        extensions: Vec<(String, String)>,
    },
}

#[derive(Clone, Copy)]
enum Module {
    Plain,
    Scram,
    OauthBearer,
}

/// Compared with the end of the name: programs that contain a renamed Java client have a longer name.
const MODULES: &[(&str, Module)] = &[
    ("org.apache.kafka.common.security.plain.PlainLoginModule", Module::Plain),
    ("org.apache.kafka.common.security.scram.ScramLoginModule", Module::Scram),
    ("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule", Module::OauthBearer),
];

impl JaasLogin {
    /// # Errors
    /// The problem and its position.
    pub(crate) fn parse(text: &str) -> Result<Self, JaasError> {
        let mut tokens = Tokens::new(text);
        let module = module(&mut tokens)?;
        let (before, flag) = tokens.next()?;
        let flags = ["required", "requisite", "sufficient", "optional"];
        if !matches!(flag, Token::Word(word) if flags.iter().any(|flag| flag.eq_ignore_ascii_case(word))) {
            flag.wipe();
            return Err(JaasError::after(before, "`required` must follow the module name"));
        }
        let mut options = Options::read(&mut tokens)?;
        let (before, rest) = tokens.next()?;
        if !matches!(rest, Token::End) {
            rest.wipe();
            return Err(JaasError::after(
                before,
                "only one entry is allowed, and the entry ended at the previous semicolon",
            ));
        }
        let (login, known) = match module {
            Module::Plain => {
                let (username, password) = (options.username()?, options.password()?);
                (Self::Plain { username, password }, "username and password")
            }
            Module::Scram => {
                let (username, password, is_token) =
                    (options.username()?, options.password()?, options.is_token()?);
                (Self::Scram { username, password, is_token }, "username, password and tokenauth")
            }
            Module::OauthBearer => (Self::OauthBearer { extensions: options.extensions() }, "extension_NAME"),
        };
        options.finish(known)?;
        Ok(login)
    }

    /// The mechanisms of its module.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { .. } => "SCRAM",
            Self::OauthBearer { .. } => "OAUTHBEARER",
        }
    }
}

fn module(tokens: &mut Tokens<'_>) -> Result<Module, JaasError> {
    let (before, name) = tokens.next()?;
    let refuse = |text: &str| Err(JaasError::after(before, text));
    let Token::Word(name) = name else {
        name.wipe();
        return refuse("the name of a login module must come first, without quotes");
    };
    if let Some((_, module)) = MODULES.iter().find(|(known, _)| is_named(name, known)) {
        return Ok(*module);
    }
    if name.ends_with("Krb5LoginModule") {
        return refuse("Krb5LoginModule is for Kerberos (GSSAPI), which is not supported yet");
    }
    if name.ends_with("IAMLoginModule") {
        return refuse("IAMLoginModule is for AWS_MSK_IAM, which is not supported yet");
    }
    if let (_, Token::Open) = tokens.next()? {
        return refuse("the value is a complete JAAS file; set only the entry between the braces");
    }
    let known: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
    refuse(&format!("the login module must be one of: {}", known.join(", ")))
}

/// Whether `name` is `known`, in any package.
fn is_named(name: &str, known: &str) -> bool {
    name.strip_suffix(known).is_some_and(|place| place.is_empty() || place.ends_with('.'))
}
