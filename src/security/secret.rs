//! The type of all secrets.

use std::fmt;
use std::hint::black_box;

use crate::protocol::wipe;

/// A password, a key or a token. It is shown as `[hidden]`, and wiped when it is dropped.
#[derive(Clone, Default)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, if it is UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, for sending. The caller must wipe them.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Takes over the text's memory, so no copy stays in memory.
impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Copies the text. Its owner must wipe the original.
impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// Takes the same time for all bytes; only the length has an influence.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(&other.0).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
        self.0.len() == other.0.len() && differences == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Shown instead of a secret.
pub(crate) const HIDDEN: &str = "[hidden]";

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::from("open sesame");
        assert_eq!(format!("{secret:?} {:?} {:#?}", Some(&secret), [&secret]), {
            "[hidden] Some([hidden]) [\n    [hidden],\n]"
        });
    }

    #[test]
    fn secrets_are_equal_if_all_their_bytes_are() {
        let secret = Secret::from("abc");
        assert_eq!(secret, Secret::from("abc".to_owned()));
        assert_eq!(secret.clone(), secret);
        for other in ["abd", "bbc", "ab", "abcd", ""] {
            assert_ne!(secret, Secret::from(other), "{other}");
        }
        assert_eq!(Secret::from(vec![0xff]).text(), None);
        assert_eq!(secret.text(), Some("abc"));
    }
}
