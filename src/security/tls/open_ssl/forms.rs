//! Reads certificates, keys of every form, and PKCS#12 with OpenSSL.

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::security::Secret;
use crate::security::tls::identity::{Archive, Forms};
use crate::security::tls::pem::Block;
use crate::security::tls::settings::Named;

pub(super) enum OpenSsl {}

impl Forms for OpenSsl {
    type Certificate = X509;
    type Key = PKey<Private>;

    const READS_PKCS12: bool = true;

    fn certificate(block: &Block) -> Result<X509, String> {
        X509::from_pem(block.pem.bytes()).map_err(|error| first(&error))
    }

    /// Reads PKCS#8, PKCS#1 and SEC1, encrypted or not.
    fn key(block: &Block, password: &Named<Option<Secret>>) -> Result<PKey<Private>, String> {
        let given = password.value.as_ref().filter(|password| !password.is_empty());
        // Without this answer OpenSSL would ask at the terminal.
        let answer = |buffer: &mut [u8]| {
            let password = given.map(Secret::bytes).unwrap_or_default();
            match buffer.get_mut(..password.len()) {
                Some(room) => {
                    room.copy_from_slice(password);
                    Ok(password.len())
                }
                None => Ok(0),
            }
        };
        PKey::private_key_from_pem_callback(block.pem.bytes(), answer).map_err(|error| {
            let setting = &password.setting;
            match (block.is_encrypted(), given) {
                (true, None) => format!("the key is encrypted; set {setting} to the password of the key"),
                (true, Some(_)) if is_unsupported(&error) => format!(
                    "this machine's OpenSSL does not support the encryption of the key; encrypt the key again: \
                     openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW_KEY ({})",
                    first(&error)
                ),
                (true, Some(_)) => {
                    format!("{setting} is not the password of the key; set {setting} to the password of the key")
                }
                (false, _) => format!("the key can't be read: {}", first(&error)),
            }
        })
    }

    fn archive(bytes: &Secret, password: &Named<Option<Secret>>) -> Result<Archive<Self>, String> {
        let archive = Pkcs12::from_der(bytes.bytes())
            .map_err(|error| format!("the data is neither PEM nor PKCS#12: {}", first(&error)))?;
        let given = password.value.as_ref().and_then(Secret::text);
        let text = given.unwrap_or_default();
        if text.contains('\0') {
            return Err(format!(
                "{} contains a zero byte, which is not allowed in a PKCS#12 password",
                password.setting
            ));
        }
        let opened = archive.parse2(text).map_err(|error| match given {
            _ if is_unsupported(&error) => format!(
                "this machine's OpenSSL does not support the encryption of the PKCS#12 file; convert the file: openssl \
                 pkcs12 -legacy -in FILE -nodes | openssl pkcs12 -export -out NEW_FILE ({})",
                first(&error)
            ),
            None => format!("the data is a PKCS#12 file; set {} to the password of the file", password.setting),
            Some(_) => {
                format!(
                    "{0} is not the password of the PKCS#12 file; set {0} to the password of the file",
                    password.setting
                )
            }
        })?;
        let others = opened.ca.into_iter().flatten().collect();
        Ok(Archive { certificate: opened.cert, others, key: opened.pkey })
    }

    fn belong(certificate: &X509, key: &PKey<Private>) -> bool {
        certificate.public_key().is_ok_and(|public| public.public_eq(key))
    }
}

fn is_unsupported(error: &ErrorStack) -> bool {
    error.errors().iter().any(|error| error.reason() == Some("unsupported"))
}

/// The text of OpenSSL's error, without its place in the source code.
pub(super) fn first(error: &ErrorStack) -> String {
    let reason = error.errors().first().and_then(|error| error.reason());
    reason.unwrap_or("OpenSSL returned no reason").to_owned()
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    #[test]
    fn hostile_openssl_keys() {
        crate::security::tls::tests::strike_keys::<super::OpenSsl>("openssl_keys");
    }
}
