//! The broker's side of TLS, by a certificate that is made for this run.

use std::error::Error;
use std::fs;
use std::path::Path;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;

/// The certificate to trust goes to the file `authority`.
pub(crate) fn acceptor(authority: &Path) -> Result<SslAcceptor, Box<dyn Error>> {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let certificate = issued.cert.pem();
    fs::write(authority, &certificate)?;
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_certificate(&*X509::from_pem(certificate.as_bytes())?)?;
    builder.set_private_key(&*PKey::private_key_from_pem(issued.signing_key.serialize_pem().as_bytes())?)?;
    Ok(builder.build())
}
