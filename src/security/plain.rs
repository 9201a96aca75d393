//! PLAIN (RFC 4616): sends the password itself. Anybody who can read the connection can read the password, so it needs TLS.

use super::mechanism::{SaslError, SaslExchange, SaslMechanism};
use super::secret::Secret;

#[derive(Clone, Debug)]
pub(crate) struct Plain {
    username: String,
    password: Secret,
}

impl Plain {
    pub(crate) const NAME: &str = "PLAIN";

    /// Refuses a user or a password that the message can't contain.
    pub(crate) fn new(username: impl Into<String>, password: Secret) -> Result<Self, SaslError> {
        let username = username.into();
        let wrong = match () {
            () if username.is_empty() => "the user name is empty",
            () if password.is_empty() => "the password is empty",
            () if username.contains('\0') => {
                "the user name contains a NUL character, which PLAIN does not allow"
            }
            () if password.bytes().contains(&0) => {
                "the password contains a NUL character, which PLAIN does not allow"
            }
            () if password.text().is_none() => "the password is not UTF-8, which PLAIN requires",
            () => return Ok(Self { username, password }),
        };
        Err(SaslError::refused(wrong))
    }
}

impl SaslMechanism for Plain {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        // One allocation: a vector that grows leaves parts of the password in memory.
        let mut message = Vec::with_capacity(self.username.len() + self.password.bytes().len() + 2);
        message.push(0);
        message.extend_from_slice(self.username.as_bytes());
        message.push(0);
        message.extend_from_slice(self.password.bytes());
        Ok(Box::new(Exchange(Secret::from(message))))
    }
}

struct Exchange(Secret);

impl SaslExchange for Exchange {
    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        Ok(std::mem::take(&mut self.0).into_bytes())
    }

    /// The broker has accepted the client, and there is nothing to check. What it adds is ignored, as in other clients.
    fn respond(&mut self, _: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        Ok(None)
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_stand_behind_a_nul_each() {
        let plain = Plain::new("alice", Secret::from("wörd")).unwrap();
        assert_eq!(plain.name(), "PLAIN");
        let mut exchange = plain.begin("broker").unwrap();
        let message = exchange.first().unwrap();
        assert_eq!(message, "\0alice\0wörd".as_bytes());
        assert_eq!(message.capacity(), message.len(), "nothing was moved");
        assert_eq!(exchange.respond(b""), Ok(None));
        assert_eq!(format!("{plain:?}"), "Plain { username: \"alice\", password: [hidden] }");
    }

    #[test]
    fn what_the_message_has_no_place_for_is_refused_without_being_shown() {
        let cases: [(&str, &[u8], &str); 5] = [
            ("", b"pw", "the user name is empty"),
            ("alice", b"", "the password is empty"),
            ("ali\0ce", b"pw", "the user name contains a NUL character, which PLAIN does not allow"),
            ("alice", b"p\0w", "the password contains a NUL character, which PLAIN does not allow"),
            ("alice", b"p\xffw", "the password is not UTF-8, which PLAIN requires"),
        ];
        for (username, password, expected) in cases {
            let error = Plain::new(username, Secret::from(password)).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.is_transient()), (expected, false));
        }
    }
}
