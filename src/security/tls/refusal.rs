//! The text about a certificate of the broker that was refused.

use super::reason::Blame;

/// The certificate and the reason. They are noted during verification, when the certificate is available.
#[derive(Debug)]
pub(super) struct Refusal {
    /// For example `CN=broker`; `None` if there was no certificate.
    pub(super) subject: Option<String>,
    pub(super) issuer: String,
    pub(super) why: Why,
}

/// Times are in OpenSSL's format: `Jan  1 00:00:00 2021 GMT`.
#[derive(Debug)]
pub(super) enum Why {
    NotYetValid {
        from: String,
    },
    Expired {
        until: String,
    },
    UnknownIssuer,
    Revoked,
    NoList,
    ListExpired,
    /// The certificate is for these names and addresses.
    OtherHost {
        names: Vec<String>,
    },
    /// The certificate has a host name only in its CN, where rustls does not look.
    #[cfg(feature = "rustls")]
    NamesNoHost {
        common: Vec<String>,
    },
    NotForServers,
    /// The back end's own text.
    Other(String),
}

impl Refusal {
    /// The text, which says what to do.
    pub(super) fn text(&self, host: &str, blame: &Blame) -> String {
        let which = match &self.subject {
            Some(subject) => format!("the certificate '{}'", shown(subject)),
            None => "the certificate".to_owned(),
        };
        let issuer = shown(&self.issuer);
        let revoked = &blame.revoked;
        match &self.why {
            Why::NotYetValid { from } => format!(
                "{which} of the broker is not valid before {from}; check the clocks of this machine and of the broker"
            ),
            Why::Expired { until } => format!(
                "{which} of the broker has expired (valid until {until}); renew the certificate, or check this machine's \
                 clock"
            ),
            Why::UnknownIssuer => match &blame.authorities {
                Some(authorities) => format!(
                    "{which} of the broker was issued by '{issuer}', which is not in {authorities}; add the certificate \
                     of this CA"
                ),
                None => format!(
                    "{which} of the broker was issued by '{issuer}', which this system does not trust; set ssl_cafile to \
                     the certificate of this CA"
                ),
            },
            Why::Revoked => {
                format!(
                    "{which} of the broker has been revoked, according to {revoked}; replace the certificate"
                )
            }
            Why::NoList => {
                format!(
                    "{revoked} has no revocation list of '{issuer}', the issuer of {which} of the broker; add this list"
                )
            }
            Why::ListExpired => {
                format!("the revocation list of '{issuer}' in {revoked} has expired; fetch a new list")
            }
            // The text does not say that the check can be turned off: an attacker could make users do so.
            Why::OtherHost { names } => format!(
                "the broker's certificate is not for '{host}' but for {}; use a name from the certificate in \
                 bootstrap_servers and in the broker's advertised.listeners, or add '{host}' to the certificate",
                listed(names)
            ),
            #[cfg(feature = "rustls")]
            Why::NamesNoHost { common } => format!(
                "the broker's certificate has the CN {} and no subjectAltName, and rustls looks for '{host}' only in \
                 subjectAltName; issue a certificate with subjectAltName, or set tls_backend to native-tls",
                listed(common)
            ),
            Why::NotForServers => format!(
                "{which} of the broker is not a server certificate; issue a certificate with extendedKeyUsage serverAuth"
            ),
            Why::Other(reason) => {
                let authorities = blame.authorities.as_deref().unwrap_or("the list of CAs of this system");
                format!(
                    "{which} of the broker is not accepted: {reason}; check that {authorities} has the certificate of the \
                     CA that issued it ('{issuer}')"
                )
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    const NAMED: usize = 10;
    let quoted = |names: &[String]| {
        names.iter().map(|name| format!("'{}'", shown(name))).collect::<Vec<_>>().join(", ")
    };
    match names.len() {
        0 => "no host at all".to_owned(),
        count if count > NAMED => format!("{} and {} more", quoted(&names[..NAMED]), count - NAMED),
        _ => quoted(names),
    }
}

/// A text of the peer, made safe for logs.
fn shown(text: &str) -> String {
    text.chars().take(300).flat_map(char::escape_debug).collect()
}
