//! Finds mechanisms by their names in Kafka.

use std::sync::Arc;

use super::mechanism::{SaslError, SaslMechanism};
use super::plain::Plain;
#[cfg(feature = "scram")]
use super::scram::{SHA_256, SHA_512, Scram};
use super::secret::Secret;

/// The mechanism `name` for a user with a password. With `is_token` they are the id and the HMAC of a delegation token
/// (KIP-48), which only SCRAM supports.
///
/// # Errors
/// If there is no such mechanism, if it is not in this build, or if its messages can't contain them. The text contains no
/// secret.
pub(crate) fn with_password(
    name: &str,
    username: &str,
    password: Secret,
    is_token: bool,
) -> Result<Arc<dyn SaslMechanism>, SaslError> {
    match name {
        Plain::NAME if is_token => {
            Err(SaslError::refused("PLAIN does not support delegation tokens; use SCRAM"))
        }
        Plain::NAME => Ok(Arc::new(Plain::new(username, password)?)),
        #[cfg(feature = "scram")]
        "SCRAM-SHA-256" => Ok(Arc::new(Scram::new(SHA_256, username, password, is_token)?)),
        #[cfg(feature = "scram")]
        "SCRAM-SHA-512" => Ok(Arc::new(Scram::new(SHA_512, username, password, is_token)?)),
        #[cfg(not(feature = "scram"))]
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            Err(SaslError::refused(format!("{name} is not enabled; {}", crate::error::turn_on("scram"))))
        }
        _ => Err(SaslError::refused(
            "the mechanisms with a password are PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512",
        )),
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    fn named(name: &str, is_token: bool) -> Result<String, String> {
        let mechanism = with_password(name, "alice", Secret::from("secret"), is_token);
        mechanism.map(|mechanism| mechanism.name().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn mechanisms_are_found_by_their_names() {
        assert_eq!(named("PLAIN", false), Ok("PLAIN".to_owned()));
        assert!(named("PLAIN", true).is_err_and(|error| error.contains("delegation tokens")));
        assert!(named("GSSAPI", false).is_err_and(|error| error.contains("SCRAM-SHA-512")));
        for name in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            #[cfg(feature = "scram")]
            assert_eq!((named(name, false), named(name, true)), (Ok(name.to_owned()), Ok(name.to_owned())));
            #[cfg(not(feature = "scram"))]
            assert!(
                named(name, false).is_err_and(|error| error.starts_with(name) && error.contains("`scram`"))
            );
        }
    }
}
