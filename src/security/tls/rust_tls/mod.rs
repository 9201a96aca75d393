//! The back end for rustls with ring: TLS without OpenSSL. It uses no process-wide provider of cryptography, and does not
//! resume sessions: each connection checks the broker's certificate again.

mod certificate;
mod der;
mod forms;
mod session;
mod suites;
mod verifier;

pub(super) use self::session::reason;

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

use self::forms::Rustls;
use self::session::RustlsSession;
use self::suites::Offer;
use self::verifier::{Judge, Noted, Trust};
use super::ciphers::Ciphers;
use super::identity;
use super::material::{Material, problem};
use super::pem::{Form, LIST, wanted};
use super::session::{Broken, Session};
use super::settings::{Named, Source, TlsSettings};
use super::version::TlsVersion;
use crate::error::ConfigProblem;

/// Begins sessions with rustls.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) config: Arc<ClientConfig>,
    trust: Arc<Trust>,
}

/// Makes a connector from the settings, or returns their problems.
pub(super) fn own(settings: &TlsSettings, material: &Material) -> Result<Own, Vec<ConfigProblem>> {
    let defect = |error: &dyn fmt::Display| {
        let why = format!("rustls can't be used: {error}");
        vec![ConfigProblem::invalid("security_protocol", None, why)]
    };
    let mut problems = Vec::new();
    let (roots, given) = roots(settings, material).unwrap_or_else(|problem| {
        problems.push(problem);
        (RootCertStore::empty(), Vec::new())
    });
    let lists = lists(settings, material).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    let identity = identity::own::<Rustls>(settings, material).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let mut provider = ring::default_provider();
    let all = &provider.cipher_suites;
    let offer = match &settings.ciphers {
        None => Offer::everything(all),
        Some(Named { setting, value }) => Offer::of(value, all).unwrap_or_else(|why| {
            problems.push(ConfigProblem::invalid(setting.clone(), Some(value.clone()), why));
            Offer::everything(all)
        }),
    };
    let ciphers = settings.ciphers.as_ref().and_then(|ciphers| Ciphers::of(&ciphers.value).ok());
    problems.extend(ciphers.and_then(|ciphers| settings.without_version(&ciphers)));
    let versions: Vec<_> =
        offer.versions.iter().copied().filter(|version| allows(settings, version)).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    provider.cipher_suites = offer.suites;
    let provider = Arc::new(provider);
    let given = if lists.is_empty() { given } else { Vec::new() };
    let webpki = webpki(roots, lists, Arc::clone(&provider)).map_err(|error| match &settings.revoked {
        Some(Named { setting, value }) => {
            let why = format!("a revocation list in the file can't be used: {error}");
            vec![problem(setting, &Source::File(value.clone()), why)]
        }
        None => defect(&error),
    })?;
    let trust = Arc::new(Trust { webpki, given, check_hostname: settings.check_hostname.value });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| defect(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Judge {
            trust: Arc::clone(&trust),
            refusal: Noted::default(),
        }));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = std::iter::once(own.certificate).chain(own.between).collect();
            // rustls' own method refuses certificates of version 1, which brokers accept.
            let own = SingleCertAndKey::from(CertifiedKey::new(chain, own.key));
            builder.with_client_cert_resolver(Arc::new(own))
        }
    };
    config.resumption = Resumption::disabled();
    Ok(Own { config: Arc::new(config), trust })
}

type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

/// The trusted CAs, and those among them that the settings name.
fn allows(settings: &TlsSettings, version: &SupportedProtocolVersion) -> bool {
    TlsVersion::ALL.into_iter().any(|known| {
        let number = match known {
            TlsVersion::Tls12 => ProtocolVersion::TLSv1_2,
            TlsVersion::Tls13 => ProtocolVersion::TLSv1_3,
        };
        number == version.version && settings.allows(known)
    })
}

fn roots(settings: &TlsSettings, material: &Material) -> Result<Roots, ConfigProblem> {
    let mut roots = RootCertStore::empty();
    let given = identity::authorities::<Rustls>(settings, material)?.unwrap_or_default();
    if let Some(Named { setting, value }) = &settings.authorities {
        for (index, certificate) in given.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| {
                problem(setting, value, format!("certificate {} can't be used: {error}", index + 1))
            })?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let error = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            let why = format!(
                "no CAs are set, and this system has no CAs{error}; set the CAs that issued the brokers' certificates"
            );
            return Err(ConfigProblem::invalid("ssl_cafile", None, why));
        }
    }
    Ok((roots, given))
}

fn lists(
    settings: &TlsSettings,
    material: &Material,
) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigProblem> {
    let (Some(Named { setting, value }), Some(bytes)) = (&settings.revoked, &material.revoked) else {
        return Ok(Vec::new());
    };
    let refuse = |why: String| {
        let why = format!("the file contains no revocation list ({why}); use {}", wanted(LIST, false));
        problem(setting, &Source::File(value.clone()), why)
    };
    let blocks = match Form::of(bytes.bytes()) {
        Form::Pem(blocks) => blocks,
        cut @ Form::CutOff => {
            return Err(problem(setting, &Source::File(value.clone()), cut.is_not(LIST, false)));
        }
        _ => return Err(refuse("the file is not PEM".to_owned())),
    };
    let lists = blocks.iter().filter(|block| block.label == LIST);
    let lists: Result<Vec<_>, _> =
        lists.map(|block| CertificateRevocationListDer::from_pem_slice(block.pem.bytes())).collect();
    match lists {
        Ok(none) if none.is_empty() => Err(refuse("the PEM contains something else".to_owned())),
        Ok(lists) => Ok(lists),
        Err(error) => Err(refuse(error.to_string())),
    }
}

fn webpki(
    roots: RootCertStore,
    lists: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, VerifierBuilderError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(lists)
        // As with OpenSSL: few CAs have a list of the CA above them.
        .only_check_end_entity_revocation()
        .enforce_revocation_expiration()
        .build()
}

impl Own {
    pub(super) fn begin<S: Read + Write + Send + 'static>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<Box<dyn Session<S>>, Broken> {
        let broken = |error: Error| Broken { error: error.into(), refusal: None };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            broken(Error::General(format!(
                "'{host}' can't be a host name in a certificate; use another name for the broker"
            )))
        })?;
        let refusal = Noted::default();
        let mut config = ClientConfig::clone(&self.config);
        let judge = Judge { trust: Arc::clone(&self.trust), refusal: Arc::clone(&refusal) };
        config.dangerous().set_certificate_verifier(Arc::new(judge));
        let connection = ClientConnection::new(Arc::new(config), name).map_err(broken)?;
        Ok(Box::new(RustlsSession { connection, stream, taken: 0, refusal }))
    }
}
