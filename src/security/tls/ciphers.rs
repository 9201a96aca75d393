//! Reads lists of cipher suites, in the form of OpenSSL, Java or librdkafka.

/// The suites of a list by TLS version, with OpenSSL's names. There is at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ciphers {
    /// The suites of TLS 1.3.
    pub(super) suites: Vec<String>,
    /// The suites of TLS 1.2.
    pub(super) before: Vec<String>,
}

impl Ciphers {
    /// Reads names that are separated by colons or commas. A list with suites of only one version does not change those of
    /// the other version, but a list with only suites of TLS 1.3 makes TLS 1.3 the only version.
    pub(super) fn of(list: &str) -> Result<Self, String> {
        let names = list.split([':', ',']).map(str::trim).filter(|name| !name.is_empty());
        let (suites, before): (Vec<_>, Vec<_>) =
            names.map(of_java).partition(|name| name.starts_with("TLS_"));
        if suites.is_empty() && before.is_empty() {
            return Err("the list contains no cipher suite; remove the setting to use the default".to_owned());
        }
        Ok(Self { suites, before })
    }
}

/// OpenSSL's name for Java's name: `ECDHE-RSA-AES128-GCM-SHA256` for `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. The suites of
/// TLS 1.3 have the same name in both.
pub(super) fn of_java(name: &str) -> String {
    let Some((exchange, cipher)) = name.strip_prefix("TLS_").and_then(|name| name.split_once("_WITH_"))
    else {
        return name.to_owned();
    };
    let cipher = cipher.replace("AES_128", "AES128").replace("AES_256", "AES256").replace("_CBC_", "_");
    let cipher = match cipher.as_str() {
        "CHACHA20_POLY1305_SHA256" => "CHACHA20_POLY1305",
        cipher => cipher,
    };
    let name = if exchange == "RSA" { cipher.to_owned() } else { format!("{exchange}_{cipher}") };
    name.replace('_', "-")
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};

    #[test]
    fn names_of_java_and_of_openssl_are_read() {
        let read = |list| {
            let ciphers = Ciphers::of(list)?;
            Ok::<_, String>((ciphers.suites.join(" "), ciphers.before.join(" ")))
        };
        let both = |suites: &str, before: &str| Ok((suites.to_owned(), before.to_owned()));
        assert_eq!(
            read("TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            both("TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256")
        );
        assert_eq!(read("HIGH:!aNULL"), both("", "HIGH !aNULL"));
        assert_eq!(
            read("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_RSA_WITH_AES_256_CBC_SHA"),
            both("", "ECDHE-ECDSA-CHACHA20-POLY1305 AES256-SHA")
        );
        assert!(read(" , ").is_err());
    }

    #[test]
    fn hostile_ciphers() {
        let samples = [
            "TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "HIGH:!aNULL",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_RSA_WITH_AES_256_CBC_SHA",
        ];
        let words: [&[u8]; 7] = [b":", b",", b" ", b"TLS_", b"_WITH_", b"AES_128", b"_CBC_"];
        attack("ciphers", &samples, &words, |_, _, bytes| {
            let text = String::from_utf8_lossy(bytes);
            in_proportion(text.as_bytes(), 0, || Ciphers::of(&text).is_ok())
        });
    }
}
