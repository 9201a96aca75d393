//! The certificate of a broker that was refused, and OpenSSL's errors of a session.

use std::error::Error as StdError;
use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef};

use crate::security::tls::reason::Reason;
use crate::security::tls::refusal::{Refusal, Why};

/// The refusal of the certificate that OpenSSL is checking. The codes are those of `x509_vfy.h`.
pub(super) fn refusal(context: &X509StoreContextRef) -> Refusal {
    let (error, certificate) = (context.error(), context.current_cert());
    let leaf = context.chain().and_then(|chain| chain.get(0));
    let why = match error.as_raw() {
        9 => Why::NotYetValid { from: certificate.map(|it| it.not_before().to_string()).unwrap_or_default() },
        10 => Why::Expired { until: certificate.map(|it| it.not_after().to_string()).unwrap_or_default() },
        2 | 18 | 19 | 20 | 21 => Why::UnknownIssuer,
        23 => Why::Revoked,
        3 => Why::NoList,
        12 => Why::ListExpired,
        62 | 64 => Why::OtherHost { names: leaf.or(certificate).map(names).unwrap_or_default() },
        26 => Why::NotForServers,
        _ => Why::Other(error.error_string().to_owned()),
    };
    Refusal {
        subject: certificate.map(|it| subject(it.subject_name())),
        issuer: certificate.map(|it| subject(it.issuer_name())).unwrap_or_default(),
        why,
    }
}

/// All names of a certificate.
fn names(certificate: &X509Ref) -> Vec<String> {
    let mut names = Vec::new();
    for name in certificate.subject_alt_names().iter().flatten() {
        if let Some(name) = name.dnsname() {
            names.push(name.to_owned());
        } else if let Some(bytes) = name.ipaddress() {
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let ip = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            names.extend(ip.map(|ip| ip.to_string()));
        }
    }
    if names.is_empty() {
        let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        names.extend(common.filter_map(|name| Some(name.data().to_string().ok()?.to_owned())));
    }
    names
}

fn subject(name: &X509NameRef) -> String {
    let parts = name.entries().filter_map(|entry| {
        let what = entry.object().nid().short_name().ok()?;
        Some(format!("{what}={}", entry.data().to_string().ok()?))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The reason in `error`, if it is an error of OpenSSL.
pub(crate) fn reason(error: &(dyn StdError + 'static)) -> Option<Reason> {
    if let Some(stack) = error.downcast_ref::<ErrorStack>() {
        return Some(of_stack(stack));
    }
    let error = error.downcast_ref::<openssl::ssl::Error>()?;
    Some(match (error.ssl_error(), error.io_error()) {
        (Some(stack), _) => of_stack(stack),
        (None, Some(error)) => Reason::of_io(error),
        (None, None) => Reason::End,
    })
}

fn of_stack(stack: &ErrorStack) -> Reason {
    // The first is the oldest. The others follow from it.
    let mut errors = stack.errors().iter().filter(|error| error.library_code() == LIBRARY_SSL);
    let Some(error) = errors.next() else { return Reason::Other };
    let said = error.reason().unwrap_or("OpenSSL returned no reason").to_owned();
    match error.reason_code() {
        UNEXPECTED_EOF => Reason::End,
        code @ ALERTS..ALERTS_END => Reason::Alert(code - ALERTS),
        156 | 155 | 198 | 267 => Reason::NotTls,
        121 | 181 | 191 | 252 | 258 | 266 | 396 => Reason::NothingInCommon(said),
        134 => Reason::Certificate(said),
        394 | 397 | 398 | 399 => Reason::Weak(said),
        _ => Reason::Local(said),
    }
}

/// `ERR_LIB_SSL`; the reasons are those of OpenSSL's `sslerr.h`.
const LIBRARY_SSL: i32 = 20;
const UNEXPECTED_EOF: i32 = 294;
/// From here on the codes are alerts of the peer.
const ALERTS: i32 = 1000;
const ALERTS_END: i32 = 1256;
