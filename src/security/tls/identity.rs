//! Makes the trusted CAs and the client's identity from the contents of files, in any form. A back end reads one certificate,
//! key or archive. The checks of what belongs together, and their errors, are the same for all back ends.

use super::material::{Material, problem};
use super::pem::{Block, Form, wanted};
use super::settings::{Named, Source, TlsSettings};
use crate::error::ConfigProblem;
use crate::security::Secret;

/// The reading functions of a back end.
pub(super) trait Forms {
    type Certificate;
    type Key;

    /// Whether [`archive`](Self::archive) is supported.
    const READS_PKCS12: bool;

    fn certificate(block: &Block) -> Result<Self::Certificate, String>;

    /// # Errors
    /// Why it can't be read, and what to do.
    fn key(block: &Block, password: &Named<Option<Secret>>) -> Result<Self::Key, String>;

    fn archive(bytes: &Secret, password: &Named<Option<Secret>>) -> Result<Archive<Self>, String>;

    /// Whether `key` belongs to `certificate`.
    fn belong(certificate: &Self::Certificate, key: &Self::Key) -> bool;
}

/// The contents of a PKCS#12 file.
pub(super) struct Archive<F: Forms + ?Sized> {
    pub(super) certificate: Option<F::Certificate>,
    pub(super) others: Vec<F::Certificate>,
    pub(super) key: Option<F::Key>,
}

/// The client's identity.
pub(super) struct Identity<F: Forms> {
    pub(super) certificate: F::Certificate,
    /// The certificates between it and its CA.
    pub(super) between: Vec<F::Certificate>,
    pub(super) key: F::Key,
}

/// The CAs that the settings name, at least one; `None` if they name none.
pub(super) fn authorities<F: Forms>(
    settings: &TlsSettings,
    material: &Material,
) -> Result<Option<Vec<F::Certificate>>, ConfigProblem> {
    let (Some(Named { setting, value }), Some(bytes)) = (&settings.authorities, &material.authorities) else {
        return Ok(None);
    };
    let refuse = |why: String| problem(setting, value, why);
    let found: Vec<_> = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => certificates::<F>(&blocks).map_err(refuse)?,
        Form::Pkcs12 => {
            let opened = F::archive(bytes, &settings.authorities_password).map_err(refuse)?;
            opened.others.into_iter().chain(opened.certificate).collect()
        }
        other => return Err(refuse(other.is_not(CERTIFICATE, F::READS_PKCS12))),
    };
    if found.is_empty() {
        return Err(refuse(no_certificate::<F>()));
    }
    Ok(Some(found))
}

/// The client's identity, if the settings name one.
pub(super) fn own<F: Forms>(
    settings: &TlsSettings,
    material: &Material,
) -> Result<Option<Identity<F>>, ConfigProblem> {
    let (source, bytes) = match (&settings.certificate, &material.certificate) {
        (Some(source), Some(bytes)) => (source, bytes),
        _ => match &settings.key {
            None => return Ok(None),
            Some(Named { setting, value }) => {
                let why = "a key is set, but no certificate is set; set ssl_certfile too";
                return Err(problem(setting, value, why));
            }
        },
    };
    let refuse = |why: String| problem(&source.setting, &source.value, why);
    let (mut chain, own_key) = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => {
            let key = blocks.iter().find(|block| block.is_key());
            let key = match (&settings.key, key) {
                (None, Some(block)) => Some(F::key(block, &settings.password).map_err(refuse)?),
                _ => None,
            };
            (certificates::<F>(&blocks).map_err(refuse)?, key)
        }
        Form::Pkcs12 => {
            let opened = F::archive(bytes, &settings.store_password).map_err(refuse)?;
            (opened.certificate.into_iter().chain(opened.others).collect(), opened.key)
        }
        other => return Err(refuse(other.is_not(CERTIFICATE, F::READS_PKCS12))),
    };
    if chain.is_empty() {
        return Err(refuse(no_certificate::<F>()));
    }
    let certificate = chain.remove(0);
    let key = match (&settings.key, &material.key) {
        (Some(source), Some(bytes)) => key::<F>(settings, source, bytes)?,
        _ => own_key.ok_or_else(|| {
            refuse("the data contains a certificate, but no private key; set ssl_keyfile too".to_owned())
        })?,
    };
    if !F::belong(&certificate, &key) {
        let (at, of) = match &settings.key {
            Some(key) => (key, format!("the first certificate in {}", source.setting)),
            None => (source, "the first certificate of the same setting".to_owned()),
        };
        let why = format!("the key does not belong to {of}; use a certificate and its own key");
        return Err(problem(&at.setting, &at.value, why));
    }
    Ok(Some(Identity { certificate, between: chain, key }))
}

/// A key that is not in the source of the certificate.
fn key<F: Forms>(
    settings: &TlsSettings,
    Named { setting, value }: &Named<Source>,
    bytes: &Secret,
) -> Result<F::Key, ConfigProblem> {
    let refuse = |why: String| problem(setting, value, why);
    let found = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => {
            let block = blocks.iter().find(|block| block.is_key());
            block.map(|block| F::key(block, &settings.password).map_err(refuse)).transpose()?
        }
        Form::Pkcs12 => F::archive(bytes, &settings.store_password).map_err(refuse)?.key,
        other => return Err(refuse(other.is_not(KEY, F::READS_PKCS12))),
    };
    found.ok_or_else(|| {
        refuse(format!("the data contains no private key; use {}", wanted(KEY, F::READS_PKCS12)))
    })
}

fn certificates<F: Forms>(blocks: &[Block]) -> Result<Vec<F::Certificate>, String> {
    let blocks = blocks.iter().filter(|block| block.is_certificate());
    blocks
        .enumerate()
        .map(|(index, block)| {
            F::certificate(block).map_err(|why| format!("certificate {} can't be read: {why}", index + 1))
        })
        .collect()
}

fn no_certificate<F: Forms>() -> String {
    format!("the data contains no certificate; use {}", wanted(CERTIFICATE, F::READS_PKCS12))
}

/// PEM labels.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";
pub(super) const KEY: &str = "PRIVATE KEY";
