//! The cipher suites of rustls, by their names in OpenSSL and Java.

use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::security::tls::ciphers::{Ciphers, of_java};

/// The suites and versions that are offered to brokers, in this order.
pub(super) struct Offer {
    pub(super) suites: Vec<SupportedCipherSuite>,
    pub(super) versions: &'static [&'static SupportedProtocolVersion],
}

impl Offer {
    /// The suites of `all` that are in `list`. As with OpenSSL, unknown names are ignored if another one of the same version
    /// is known.
    pub(super) fn of(list: &str, all: &[SupportedCipherSuite]) -> Result<Self, String> {
        let named = Ciphers::of(list)?;
        if let Some(word) = named.before.iter().find(|name| is_a_word(name)) {
            return Err(format!(
                "'{word}' names a group of cipher suites, and rustls accepts only single cipher suites; rustls supports {}",
                names(all)
            ));
        }
        let of_version = |is_wanted: fn(&SupportedCipherSuite) -> bool, named: &[String]| {
            let found: Vec<_> = named
                .iter()
                .filter_map(|name| all.iter().find(|it| is_wanted(it) && &name_of(it) == name).copied())
                .collect();
            match found.is_empty() && !named.is_empty() {
                true => Err(format!(
                    "rustls supports none of {}; rustls supports {}",
                    named.join(", "),
                    names(all)
                )),
                false => Ok(found),
            }
        };
        let is_1_3 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        let is_1_2 = |suite: &SupportedCipherSuite| suite.tls13().is_none();
        let before = of_version(is_1_2, &named.before)?;
        let mut suites = match &named.suites[..] {
            [] => all.iter().copied().filter(is_1_3).collect(),
            named => of_version(is_1_3, named)?,
        };
        let versions = if before.is_empty() { ONLY_1_3 } else { BOTH };
        suites.extend(before);
        Ok(Self { suites, versions })
    }

    pub(super) fn everything(all: &[SupportedCipherSuite]) -> Self {
        Self { suites: all.to_vec(), versions: BOTH }
    }
}

/// Whether it is a word such as `HIGH`, `!aNULL` or `DEFAULT@SECLEVEL=1`.
fn is_a_word(name: &str) -> bool {
    name.starts_with('-') || name.contains(['!', '+', '@']) || !name.contains(['-', '_'])
}

/// OpenSSL's name of the suite.
fn name_of(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => of_java(name),
    }
}

fn names(all: &[SupportedCipherSuite]) -> String {
    all.iter().map(name_of).collect::<Vec<_>>().join(", ")
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const ONLY_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use rustls::crypto::ring::ALL_CIPHER_SUITES;

    use super::*;

    fn offered(list: &str) -> Result<String, String> {
        Offer::of(list, ALL_CIPHER_SUITES).map(|offer| {
            let versions = if offer.versions.len() == 1 { "1.3 only: " } else { "" };
            format!("{versions}{}", names(&offer.suites))
        })
    }

    #[test]
    fn suites_are_offered_as_they_are_named() {
        let of_1_3 = "TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256";
        assert_eq!(
            names(ALL_CIPHER_SUITES),
            format!(
                "{of_1_3}, ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-ECDSA-CHACHA20-POLY1305, \
                 ECDHE-RSA-AES256-GCM-SHA384, ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-CHACHA20-POLY1305"
            )
        );
        let both = format!("{of_1_3}, ECDHE-RSA-CHACHA20-POLY1305, ECDHE-RSA-AES128-GCM-SHA256");
        for list in [
            "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA",
        ] {
            assert_eq!(offered(list), Ok(both.clone()));
        }
        assert_eq!(offered("TLS_AES_128_GCM_SHA256"), Ok("1.3 only: TLS_AES_128_GCM_SHA256".to_owned()));
        assert_eq!(
            offered("ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256"),
            Ok("TLS_AES_128_GCM_SHA256, ECDHE-RSA-AES128-GCM-SHA256".to_owned())
        );
    }

    #[test]
    fn what_rustls_does_not_have_is_refused_with_what_it_has() {
        for (list, said) in [
            ("AES256-SHA", "rustls supports none of AES256-SHA; rustls supports TLS_AES_256_GCM_SHA384, "),
            ("TLS_AES_128_CCM_SHA256", "rustls supports none of TLS_AES_128_CCM_SHA256; rustls supports "),
            ("HIGH", "'HIGH' names a group of cipher suites, and rustls accepts only single cipher suites; "),
            ("ECDHE-RSA-AES128-GCM-SHA256:!aNULL", "'!aNULL' names a group"),
            ("DEFAULT@SECLEVEL=1", "'DEFAULT@SECLEVEL=1' names a group"),
            (":", "the list contains no cipher suite; "),
        ] {
            let refused = offered(list).unwrap_err();
            assert!(refused.starts_with(said), "{list}: {refused}");
        }
    }
}
