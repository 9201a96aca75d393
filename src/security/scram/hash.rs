//! The computations of SCRAM (RFC 5802, section 3), for each hash.

use std::fmt::Debug;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use crate::security::secret::Secret;

/// A hash for SCRAM.
pub(crate) trait Hash: Debug + Send + Sync {
    /// The name of the mechanism with this hash.
    fn mechanism(&self) -> &'static str;

    /// H.
    fn digest(&self, bytes: &[u8]) -> Secret;

    /// HMAC.
    fn sign(&self, key: &[u8], message: &[u8]) -> Secret;

    /// Whether `signature` is the result of [`sign`](Self::sign). Takes the same time for all signatures.
    fn verifies(&self, key: &[u8], message: &[u8], signature: &[u8]) -> bool;

    /// Hi.
    fn stretch(&self, password: &[u8], salt: &[u8], iterations: u32) -> Secret;
}

macro_rules! hash {
    ($mechanism:literal, $hash:ident, $digest:ty) => {
        #[derive(Debug)]
        pub(crate) struct $hash;

        impl $hash {
            fn keyed(key: &[u8]) -> Hmac<$digest> {
                Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
            }
        }

        impl Hash for $hash {
            fn mechanism(&self) -> &'static str {
                $mechanism
            }

            fn digest(&self, bytes: &[u8]) -> Secret {
                Secret::from(&<$digest>::digest(bytes)[..])
            }

            fn sign(&self, key: &[u8], message: &[u8]) -> Secret {
                Secret::from(&Self::keyed(key).chain_update(message).finalize().into_bytes()[..])
            }

            fn verifies(&self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
                Self::keyed(key).chain_update(message).verify_slice(signature).is_ok()
            }

            fn stretch(&self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
                // Cloned for each round, so that the key is hashed only once.
                let keyed = Self::keyed(password);
                let first = keyed.clone().chain_update(salt).chain_update(1_u32.to_be_bytes());
                let mut last = first.finalize().into_bytes();
                let mut all = last;
                for _ in 1..iterations {
                    last = keyed.clone().chain_update(last).finalize().into_bytes();
                    all.iter_mut().zip(last).for_each(|(all, last)| *all ^= last);
                }
                Secret::from(&all[..])
            }
        }
    };
}

hash!("SCRAM-SHA-256", Sha256Hash, Sha256);
hash!("SCRAM-SHA-512", Sha512Hash, Sha512);
#[cfg(test)]
hash!("SCRAM-SHA-1", Sha1Hash, sha1::Sha1);

/// `SCRAM-SHA-256`.
pub(crate) static SHA_256: &dyn Hash = &Sha256Hash;
/// `SCRAM-SHA-512`.
pub(crate) static SHA_512: &dyn Hash = &Sha512Hash;

/// The client's proof for the text that both sides sign, and the key of the broker's signature.
pub(super) fn proof(hash: &dyn Hash, salted: &Secret, signed: &[u8]) -> (Secret, Secret) {
    let client_key = hash.sign(salted.bytes(), b"Client Key");
    let stored_key = hash.digest(client_key.bytes());
    let signature = hash.sign(stored_key.bytes(), signed);
    let proof: Vec<u8> =
        client_key.bytes().iter().zip(signature.bytes()).map(|(key, sign)| key ^ sign).collect();
    (Secret::from(proof), hash.sign(salted.bytes(), b"Server Key"))
}
