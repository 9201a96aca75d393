//! Verifies a broker's certificate with webpki, and notes why it was refused.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{Certificate, name};
use crate::security::tls::refusal::{Refusal, Why};
use crate::sync::Mutex;

/// The trusted CAs and certificates.
pub(super) struct Trust {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// A certificate that is one of these is trusted even without a CA, as with OpenSSL and in Java. It is empty if webpki has
    /// to check revocation.
    pub(super) given: Vec<CertificateDer<'static>>,
    pub(super) check_hostname: bool,
}

impl Trust {
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let judged = if self.given.iter().any(|given| given == certificate) {
            is_timely(certificate, now)
                .and_then(|()| verify_server_name(&ParsedCertificate::try_from(certificate)?, host))
        } else {
            self.webpki.verify_server_cert(certificate, others, host, &[], now).map(|_| ())
        };
        match judged {
            // The name is checked last, so everything else is valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_hostname => Ok(()),
            other => other,
        }
    }
}

/// Verifies with `Trust` for one session, and notes the reason of a refusal.
pub(super) struct Judge {
    pub(super) trust: Arc<Trust>,
    pub(super) refusal: Noted,
}

pub(super) type Noted = Arc<Mutex<Option<Refusal>>>;

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.trust.judge(end_entity, intermediates, server_name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => {
                if let Error::InvalidCertificate(error) = &error {
                    *self.refusal.lock() = Some(refusal(error, end_entity, intermediates, now));
                }
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.webpki.supported_verify_schemes()
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

fn is_timely(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let read = Certificate::of(certificate).ok_or(CertificateError::BadEncoding)?;
    match now.as_secs() {
        now if now < read.not_before.as_secs() => Err(CertificateError::NotValidYet.into()),
        now if now > read.not_after.as_secs() => Err(CertificateError::Expired.into()),
        _ => Ok(()),
    }
}

/// The certificate of the chain that has the problem, and the problem. webpki returns only the problem.
fn refusal(
    error: &CertificateError,
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    now: UnixTime,
) -> Refusal {
    let now = now.as_secs();
    let Some(leaf) = Certificate::of(certificate) else {
        return Refusal {
            subject: None,
            issuer: String::new(),
            why: Why::Other("the certificate can't be read".to_owned()),
        };
    };
    let mut others: Vec<_> = others.iter().filter_map(|other| Certificate::of(other)).collect();
    let (blamed, why) = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let blamed = first(leaf, others, |it| it.not_after.as_secs() < now);
            let until = blamed.not_after.to_string();
            (blamed, Why::Expired { until })
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let blamed = first(leaf, others, |it| it.not_before.as_secs() > now);
            let from = blamed.not_before.to_string();
            (blamed, Why::NotYetValid { from })
        }
        CertificateError::UnknownIssuer => {
            // Follows the chain to the last certificate that the broker sent.
            let mut last = leaf;
            while let Some(at) = others.iter().position(|other| other.subject == last.issuer) {
                last = others.swap_remove(at);
            }
            (last, Why::UnknownIssuer)
        }
        CertificateError::Revoked => (leaf, Why::Revoked),
        CertificateError::UnknownRevocationStatus => (leaf, Why::NoList),
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            (leaf, Why::ListExpired)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let (names, common) = (leaf.hosts(), leaf.common_names());
            let why = match names.is_empty() && !common.is_empty() {
                true => Why::NamesNoHost { common },
                false => Why::OtherHost { names },
            };
            (leaf, why)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            (leaf, Why::NotForServers)
        }
        other => (leaf, Why::Other(said(other))),
    };
    Refusal { subject: Some(name(blamed.subject)), issuer: name(blamed.issuer), why }
}

fn first<'a>(
    leaf: Certificate<'a>,
    others: Vec<Certificate<'a>>,
    is_to_blame: impl Fn(&Certificate<'a>) -> bool,
) -> Certificate<'a> {
    match is_to_blame(&leaf) {
        true => leaf,
        false => others.into_iter().find(is_to_blame).unwrap_or(leaf),
    }
}

/// The text of the error, in plain words for the most frequent ones.
fn said(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::Other(inner) => inner.to_string(),
        other => other.to_string(),
    };
    match text.as_str() {
        "CaUsedAsEndEntity" => {
            "the certificate is a CA certificate; issue a server certificate for the broker, or set ssl_cafile to this \
             certificate"
                .to_owned()
        }
        "UnsupportedCertVersion" => {
            "the certificate has version 1, which has no subjectAltName; issue a certificate with subjectAltName".to_owned()
        }
        _ => text,
    }
}
