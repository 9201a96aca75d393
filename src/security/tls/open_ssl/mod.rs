//! The back end for OpenSSL. It has the options that native-tls does not pass on.

mod forms;
mod refusal;

pub(super) use self::refusal::reason;

use std::io::{self, Read, Write};
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, SslConnector, SslConnectorBuilder, SslFiletype, SslMethod, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::store::{X509Lookup, X509StoreBuilder, X509StoreBuilderRef};
use openssl::x509::verify::X509VerifyFlags;

use self::forms::OpenSsl;
use super::ciphers::Ciphers;
use super::identity;
use super::material::{Material, problem};
use super::pem::{Form, LIST};
use super::refusal::Refusal;
use super::session::{Broken, Session};
use super::settings::{Named, Source, TlsSettings};
use super::version::TlsVersion;
use crate::error::ConfigProblem;
use crate::sync::Mutex;

/// A connector of OpenSSL.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) connector: SslConnector,
    check_hostname: bool,
}

/// Makes a connector from the settings, or returns their problems.
pub(super) fn own(settings: &TlsSettings, material: &Material) -> Result<Own, Vec<ConfigProblem>> {
    let defect = |error: ErrorStack| {
        let why = format!("this machine's OpenSSL can't be used: {}", forms::first(&error));
        vec![ConfigProblem::invalid("security_protocol", None, why)]
    };
    let mut problems = Vec::new();
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(defect)?;
    let (least, most) = match (settings.allows(TlsVersion::Tls12), settings.allows(TlsVersion::Tls13)) {
        (true, false) => (SslVersion::TLS1_2, Some(SslVersion::TLS1_2)),
        (false, true) => (SslVersion::TLS1_3, None),
        _ => (SslVersion::TLS1_2, None),
    };
    builder.set_min_proto_version(Some(least)).map_err(defect)?;
    builder.set_max_proto_version(most).map_err(defect)?;
    match identity::authorities::<OpenSsl>(settings, material) {
        Err(problem) => problems.push(problem),
        Ok(None) => {}
        Ok(Some(certificates)) => {
            let mut store = X509StoreBuilder::new().map_err(defect)?;
            for certificate in certificates {
                store.add_cert(certificate).map_err(defect)?;
            }
            // As in Java, the given certificates are trusted even if they are no roots.
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN).map_err(defect)?;
            builder.set_cert_store(store.build());
        }
    }
    if let Some(Named { setting, value }) = &settings.revoked {
        // Only the broker's own certificate is checked, as in Python: few CAs have a list of the CA above them.
        let store = builder.cert_store_mut();
        let load = |store: &mut X509StoreBuilderRef| {
            store.add_lookup(X509Lookup::file())?.load_crl_file(value, SslFiletype::PEM)?;
            store.set_flags(X509VerifyFlags::CRL_CHECK)
        };
        // OpenSSL would use the lists before one that is cut off in its first line.
        let form = material.revoked.as_ref().map(|bytes| Form::of(bytes.bytes()));
        if let Some(cut @ Form::CutOff) = form {
            problems.push(problem(setting, &Source::File(value.clone()), cut.is_not(LIST, false)));
        } else if let Err(error) = load(store) {
            let why = format!(
                "the file contains no revocation list ({}); use PEM with -----BEGIN X509 CRL-----",
                forms::first(&error)
            );
            problems.push(problem(setting, &Source::File(value.clone()), why));
        }
    }
    match identity::own::<OpenSsl>(settings, material) {
        Err(problem) => problems.push(problem),
        Ok(None) => {}
        Ok(Some(own)) => {
            builder.set_certificate(&own.certificate).map_err(defect)?;
            for certificate in own.between {
                builder.add_extra_chain_cert(certificate).map_err(defect)?;
            }
            builder.set_private_key(&own.key).map_err(defect)?;
        }
    }
    if let Some(Named { setting, value }) = &settings.ciphers {
        let refused = |why| ConfigProblem::invalid(setting.clone(), Some(value.clone()), why);
        match Ciphers::of(value) {
            Err(why) => problems.push(refused(why)),
            Ok(ciphers) => {
                problems.extend(settings.without_version(&ciphers));
                if let Err(error) = set_ciphers(&mut builder, &ciphers) {
                    problems.push(refused(format!(
                        "this machine's OpenSSL supports none of the cipher suites ({}); see `openssl ciphers`",
                        forms::first(&error)
                    )));
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(Own { connector: builder.build(), check_hostname: settings.check_hostname.value })
    } else {
        Err(problems)
    }
}

/// OpenSSL has one list for TLS 1.3 and one for all older versions.
fn set_ciphers(builder: &mut SslConnectorBuilder, ciphers: &Ciphers) -> Result<(), ErrorStack> {
    if ciphers.before.is_empty() {
        builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    } else {
        builder.set_cipher_list(&ciphers.before.join(":"))?;
    }
    if !ciphers.suites.is_empty() {
        builder.set_ciphersuites(&ciphers.suites.join(":"))?;
    }
    Ok(())
}

impl Own {
    pub(super) fn begin<S: Read + Write + Send + 'static>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<Box<dyn Session<S>>, Broken> {
        let refusal = Noted::default();
        let begin = || {
            let mut session = self.connector.configure()?.verify_hostname(self.check_hostname);
            let noted = Arc::clone(&refusal);
            session.set_verify_callback(SslVerifyMode::PEER, move |is_good, context| {
                if !is_good {
                    noted.lock().get_or_insert_with(|| refusal::refusal(context));
                }
                is_good
            });
            SslStream::new(session.into_ssl(host)?, stream)
        };
        match begin() {
            Ok(stream) => Ok(Box::new(OwnSession { stream, refusal })),
            Err(error) => Err(Broken { error: error.into(), refusal: None }),
        }
    }
}

struct OwnSession<S> {
    stream: SslStream<S>,
    refusal: Noted,
}

type Noted = Arc<Mutex<Option<Refusal>>>;

impl<S: Read + Write + Send> Session<S> for OwnSession<S> {
    fn handshake(&mut self) -> Result<bool, Broken> {
        match self.stream.connect() {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(false),
            Err(error) => Err(Broken { error: error.into(), refusal: self.refusal.lock().take() }),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn close(&mut self) {
        let _ = self.stream.shutdown();
    }

    fn stream(&self) -> Option<&S> {
        Some(self.stream.get_ref())
    }
}
