//! Makes a connector for the library of the operating system if that is not OpenSSL, with the options of native-tls.

use native_tls::{Certificate, Identity, Protocol, TlsConnector};

use crate::error::ConfigProblem;
use crate::security::Secret;
use crate::security::tls::identity::{CERTIFICATE, KEY};
use crate::security::tls::material::{Material, problem};
use crate::security::tls::pem::{Block, Form, wanted};
use crate::security::tls::settings::{Named, Source, TlsSettings};
use crate::security::tls::version::TlsVersion;

/// Makes a connector from the settings, or returns their problems.
pub(crate) fn own(settings: &TlsSettings, material: &Material) -> Result<TlsConnector, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let mut builder = TlsConnector::builder();
    let protocol = |version| match version {
        TlsVersion::Tls12 => Protocol::Tlsv12,
        TlsVersion::Tls13 => Protocol::Tlsv13,
    };
    builder.min_protocol_version(settings.versions.value.iter().min().copied().map(protocol));
    builder.max_protocol_version(settings.versions.value.iter().max().copied().map(protocol));
    builder.danger_accept_invalid_hostnames(!settings.check_hostname.value);
    if let (Some(source), Some(bytes)) = (&settings.authorities, &material.authorities) {
        match authorities(source, bytes) {
            Err(problem) => problems.push(problem),
            Ok(certificates) => {
                builder.disable_built_in_roots(true);
                for certificate in certificates {
                    builder.add_root_certificate(certificate);
                }
            }
        }
    }
    match identity(settings, material) {
        Err(problem) => problems.push(problem),
        Ok(None) => {}
        Ok(Some(identity)) => drop(builder.identity(identity)),
    }
    if let Some(Named { setting, value }) = &settings.revoked {
        problems.push(problem(setting, &Source::File(value.clone()), NOT_HERE));
    }
    if let Some(Named { setting, value }) = &settings.ciphers {
        problems.push(ConfigProblem::invalid(setting.clone(), Some(value.clone()), NOT_HERE));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    builder.build().map_err(|error| {
        let why = format!("the TLS library of this operating system can't be used: {error}");
        vec![ConfigProblem::invalid("security_protocol", None, why)]
    })
}

fn authorities(
    Named { setting, value }: &Named<Source>,
    bytes: &Secret,
) -> Result<Vec<Certificate>, ConfigProblem> {
    let refuse = |why: String| problem(setting, value, why);
    let blocks = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => blocks,
        Form::Pkcs12 => {
            return Err(refuse(format!("PKCS#12 is not supported for CAs on this system; use {PEM}")));
        }
        other => return Err(refuse(other.is_not(CERTIFICATE, true))),
    };
    let blocks = blocks.iter().filter(|block| block.is_certificate());
    let certificates: Result<Vec<_>, _> =
        blocks.map(|block| Certificate::from_pem(block.pem.bytes())).collect();
    match certificates {
        Err(error) => Err(refuse(format!("a certificate can't be read: {error}"))),
        Ok(none) if none.is_empty() => {
            Err(refuse(format!("the data contains no certificate; use {}", wanted(CERTIFICATE, true))))
        }
        Ok(certificates) => Ok(certificates),
    }
}

fn identity(settings: &TlsSettings, material: &Material) -> Result<Option<Identity>, ConfigProblem> {
    let (source, bytes) = match (&settings.certificate, &material.certificate, &settings.key) {
        (Some(source), Some(bytes), _) => (source, bytes),
        (_, _, None) => return Ok(None),
        (_, _, Some(Named { setting, value })) => {
            let why = "a key is set, but no certificate is set; set ssl_certfile too";
            return Err(problem(setting, value, why));
        }
    };
    let refuse = |why: String| problem(&source.setting, &source.value, why);
    let password = &settings.store_password;
    let chain = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => blocks,
        Form::Pkcs12 => {
            let given = password.value.as_ref().and_then(Secret::text).unwrap_or_default();
            let identity = Identity::from_pkcs12(bytes.bytes(), given);
            return identity.map(Some).map_err(|error| {
                refuse(format!(
                    "the PKCS#12 file can't be read, or {} is not its password: {error}",
                    password.setting
                ))
            });
        }
        other => return Err(refuse(other.is_not(CERTIFICATE, true))),
    };
    let (key_source, key_blocks) = match (&settings.key, &material.key) {
        (Some(source), Some(bytes)) => match Form::of(bytes.bytes()) {
            Form::Pem(blocks) => (source, blocks),
            other => return Err(problem(&source.setting, &source.value, other.is_not(KEY, true))),
        },
        _ => (source, chain.clone()),
    };
    let refuse_key = |why: String| problem(&key_source.setting, &key_source.value, why);
    let key = key_blocks.iter().find(|block| block.is_key());
    let key = key
        .ok_or_else(|| refuse_key(format!("the data contains no private key; use {}", wanted(KEY, true))))?;
    if key.label != "PRIVATE KEY" {
        return Err(refuse_key(format!(
            "a key that is {} is not supported on this system; convert the key to PKCS#8 without a password, or to \
             PKCS#12: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW_KEY",
            if key.is_encrypted() { "encrypted" } else { "neither PKCS#8 nor PKCS#12" }
        )));
    }
    let certificates = chain.iter().filter(|block| block.is_certificate());
    let pem: Vec<u8> = certificates.flat_map(|Block { pem, .. }| pem.bytes().iter().copied()).collect();
    let identity = Identity::from_pkcs8(&pem, key.pem.bytes());
    identity
        .map(Some)
        .map_err(|error| refuse_key(format!("the key and its certificate can't be used: {error}")))
}

const PEM: &str = "PEM with -----BEGIN CERTIFICATE-----";
const NOT_HERE: &str =
    "the TLS library of this operating system does not support this setting; remove the setting";

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
