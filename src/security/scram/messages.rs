//! The messages of SCRAM (RFC 5802, section 7): writes those of the client, and reads those of the broker.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::security::mechanism::SaslError;

/// No channel binding, and no other identity.
pub(super) const GS2_HEADER: &str = "n,,";
/// [`GS2_HEADER`] in base64.
const GS2_HEADER_AGAIN: &str = "biws";

/// With fewer, passwords could be guessed from recorded exchanges (RFC 7677). With more, a broker could block the thread for
/// seconds.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// A user name in the form of messages, in which comma and equals sign have a meaning.
pub(super) fn escaped(username: &str) -> String {
    username.replace('=', "=3D").replace(',', "=2C")
}

/// The client's first message without its header. `username` is escaped.
pub(super) fn client_first_bare(username: &str, nonce: &str, is_token: bool) -> String {
    let extension = if is_token { ",tokenauth=true" } else { "" };
    format!("n={username},r={nonce}{extension}")
}

/// The client's last message up to the proof.
pub(super) fn client_final_unproven(nonce: &str) -> String {
    format!("c={GS2_HEADER_AGAIN},r={nonce}")
}

/// The broker's first message.
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    /// The whole message.
    pub(super) text: &'a str,
    /// The client's nonce, followed by the broker's.
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8], our_nonce: &str) -> Result<Self, SaslError> {
        let (text, mut attributes) = attributes(message)?;
        let nonce = attributes.take('r', "the nonce")?;
        let salt = attributes.take('s', "the salt")?;
        let iterations = attributes.take('i', "the number of iterations")?;
        attributes.finish()?;
        let is_theirs_too = nonce.strip_prefix(our_nonce).is_some_and(|theirs| !theirs.is_empty());
        if !is_theirs_too || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unreadable("the nonce does not extend the client's nonce"));
        }
        let salt = decoded(salt, "the salt")?;
        let iterations = counted(iterations)?;
        Ok(Self { text, nonce, salt, iterations })
    }
}

/// The broker's last message.
#[derive(Debug)]
pub(super) struct ServerFinal {
    pub(super) signature: Vec<u8>,
}

impl ServerFinal {
    pub(super) fn parse(message: &[u8]) -> Result<Self, SaslError> {
        let (_, mut attributes) = attributes(message)?;
        let signature = attributes.take('v', "the broker's signature")?;
        attributes.finish()?;
        Ok(Self { signature: decoded(signature, "the broker's signature")? })
    }
}

/// The rest of a message: `a=value,b=value`.
struct Attributes<'a>(std::str::Split<'a, char>);

fn attributes(message: &[u8]) -> Result<(&str, Attributes<'_>), SaslError> {
    let text = std::str::from_utf8(message).map_err(|_| unreadable("the message is not UTF-8"))?;
    if let Some(error) = text.strip_prefix("e=") {
        return Err(told(error));
    }
    if text.starts_with("m=") {
        return Err(unreadable("the message requires an unknown extension (m=)"));
    }
    Ok((text, Attributes(text.split(','))))
}

impl<'a> Attributes<'a> {
    /// The value of the next attribute, which must be `name`.
    fn take(&mut self, name: char, what: &str) -> Result<&'a str, SaslError> {
        let next = self.0.next().and_then(|attribute| attribute.strip_prefix(name)?.strip_prefix('='));
        match next {
            Some(value) if !value.is_empty() && !value.contains('\0') => Ok(value),
            _ => Err(unreadable(&format!("{what} ({name}=) is missing or in the wrong place"))),
        }
    }

    /// Other attributes may follow and are ignored, but not those that have another place or meaning.
    fn finish(self) -> Result<(), SaslError> {
        for attribute in self.0 {
            let name = attribute.split_once('=').map_or("", |(name, _)| name);
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
            if !is_name || ["a", "n", "m", "r", "c", "s", "i", "p", "v", "e"].contains(&name) {
                return Err(unreadable("an attribute is in the wrong place"));
            }
        }
        Ok(())
    }
}

fn decoded(value: &str, what: &str) -> Result<Vec<u8>, SaslError> {
    STANDARD.decode(value).map_err(|_| unreadable(&format!("{what} is not base64")))
}

fn counted(iterations: &str) -> Result<u32, SaslError> {
    let is_number = iterations.bytes().all(|byte| byte.is_ascii_digit()) && !iterations.starts_with('0');
    if !is_number {
        return Err(unreadable("the iteration count is not a number"));
    }
    // A number that does not fit is too large.
    match iterations.parse().unwrap_or(u32::MAX) {
        number if ITERATIONS.contains(&number) => Ok(number),
        number => {
            let (least, most) = (ITERATIONS.start(), ITERATIONS.end());
            let asked = if number == u32::MAX { "too many".to_owned() } else { number.to_string() };
            Err(SaslError::refused(format!(
                "the broker requires {asked} SCRAM iterations; this client accepts {least} to {most}"
            )))
        }
    }
}

/// The broker's error (`e=`) as an error of this crate.
fn told(error: &str) -> SaslError {
    let error = error.split(',').next().unwrap_or_default();
    match error {
        "invalid-proof" => SaslError::refused("the broker says that the password is wrong (invalid-proof)"),
        "unknown-user" => SaslError::refused("the broker says that it does not know the user (unknown-user)"),
        "no-resources" | "other-error" => SaslError::transient(format!(
            "the broker says that it can't authenticate the client now ({error})"
        )),
        error => {
            // The text comes from the broker: at most one line, without control characters.
            let words: String = error.chars().take(100).collect();
            SaslError::refused(format!("the broker rejected the authentication: {}", words.escape_debug()))
        }
    }
}

fn unreadable(why: &str) -> SaslError {
    SaslError::refused(format!("the broker's SCRAM message can't be used: {why}"))
}
