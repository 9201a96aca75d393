//! Signed tokens for OAUTHBEARER (JWT by RS256), and the file by which brokers know the key (JWKS).

use openssl::base64;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use super::clock::unix_millis;

pub const ISSUER: &str = "test-issuer";
pub const AUDIENCE: &str = "kafka";

/// Who signs tokens.
pub struct TokenIssuer {
    key: PKey<Private>,
}

impl TokenIssuer {
    pub fn new() -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        Self { key }
    }

    /// What a broker reads to know the signature.
    pub fn key_set(&self) -> String {
        let rsa = self.key.rsa().expect("an RSA key");
        format!(
            r#"{{"keys":[{{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","n":"{}","e":"{}"}}]}}"#,
            url_safe(&rsa.n().to_vec()),
            url_safe(&rsa.e().to_vec())
        )
    }

    /// For `subject`, issued `age_secs` ago and good for `lifetime_secs` from then.
    pub fn token(&self, subject: &str, age_secs: i64, lifetime_secs: i64) -> String {
        let issued = unix_millis() / 1000 - age_secs;
        let expires = issued + lifetime_secs;
        let claims = format!(
            r#"{{"sub":"{subject}","iat":{issued},"exp":{expires},"aud":"{AUDIENCE}","iss":"{ISSUER}"}}"#
        );
        let header = url_safe(br#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#);
        let signed = format!("{header}.{}", url_safe(claims.as_bytes()));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", url_safe(&signature))
    }
}

fn url_safe(bytes: &[u8]) -> String {
    base64::encode_block(bytes).replace('+', "-").replace('/', "_").replace('=', "")
}
