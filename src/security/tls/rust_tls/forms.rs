//! Reads PEM, and keys that are not encrypted, with rustls.

use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;

use super::certificate::Certificate;
use super::der::Der;
use crate::error::turn_on;
use crate::security::Secret;
use crate::security::tls::identity::{Archive, Forms};
use crate::security::tls::pem::Block;
use crate::security::tls::settings::Named;

pub(super) enum Rustls {}

impl Forms for Rustls {
    type Certificate = CertificateDer<'static>;
    type Key = Arc<dyn SigningKey>;

    const READS_PKCS12: bool = false;

    fn certificate(block: &Block) -> Result<CertificateDer<'static>, String> {
        let pem = block.pem.text().unwrap_or_default().replace(&block.label, "CERTIFICATE");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        // OpenSSL may have appended its trust settings.
        let first = Der(&der).next().map_or(&[][..], |first| first.whole);
        match Certificate::of(first) {
            Some(_) => Ok(first.to_vec().into()),
            None => Err("the data is not an X.509 certificate".to_owned()),
        }
    }

    /// Reads PKCS#8, PKCS#1 and SEC1.
    fn key(block: &Block, _password: &Named<Option<Secret>>) -> Result<Arc<dyn SigningKey>, String> {
        if block.is_encrypted() {
            return Err(format!(
                "the key is encrypted, which rustls does not support; remove the password: openssl pkey -in KEY -out \
                 NEW_KEY, or {}",
                other()
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(block.pem.bytes())
            .map_err(|error| format!("the key can't be read: {error}"))?;
        any_supported_type(&key).map_err(|error| format!("the key can't be read: {error}"))
    }

    fn archive(_bytes: &Secret, _password: &Named<Option<Secret>>) -> Result<Archive<Self>, String> {
        Err(format!(
            "the data is a PKCS#12 file, which rustls does not support; convert the file to PEM: openssl pkcs12 -in FILE \
             -nodes -out NEW_FILE, or {}",
            other()
        ))
    }

    fn belong(certificate: &CertificateDer<'static>, key: &Arc<dyn SigningKey>) -> bool {
        let public = Certificate::of(certificate).map(|certificate| certificate.public_key);
        key.public_key().is_none_or(|own| Some(own.as_ref()) == public)
    }
}

/// How to get the back end that reads all of these.
fn other() -> String {
    if cfg!(feature = "tls") { "set tls_backend to native-tls".to_owned() } else { turn_on("tls") }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    #[test]
    fn hostile_rustls_keys() {
        crate::security::tls::tests::strike_keys::<super::Rustls>("rustls_keys");
    }
}
