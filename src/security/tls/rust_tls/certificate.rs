//! The parts of a certificate (RFC 5280) that texts show and keys are compared with. It is not verified here.

use std::net::IpAddr;

use super::der::{BMP_STRING, Der, INTEGER, OBJECT, OCTETS, SEQUENCE, UTC_TIME};

/// Parts of a certificate, not parsed further.
pub(super) struct Certificate<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) not_before: Time,
    pub(super) not_after: Time,
    /// In the form in which a key returns its public key.
    pub(super) public_key: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Certificate<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let whole = Der(bytes).element(SEQUENCE)?;
        let mut parts = Der(Der(whole.content).element(SEQUENCE)?.content);
        // Version 1 is left out.
        let _version = parts.element(0xa0);
        let _serial = parts.element(INTEGER)?;
        let _signature = parts.element(SEQUENCE)?;
        let issuer = parts.element(SEQUENCE)?.content;
        let mut validity = Der(parts.element(SEQUENCE)?.content);
        let (not_before, not_after) = (Time::of(&mut validity)?, Time::of(&mut validity)?);
        let subject = parts.element(SEQUENCE)?.content;
        let public_key = parts.element(SEQUENCE)?.whole;
        let extensions = parts.find(|part| part.tag == 0xa3);
        let extensions = extensions.and_then(|part| Der(part.content).element(SEQUENCE));
        Some(Self {
            issuer,
            subject,
            not_before,
            not_after,
            public_key,
            extensions: extensions.map_or(&[], |extensions| extensions.content),
        })
    }

    /// The host names and addresses of the certificate.
    pub(super) fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        for extension in Der(self.extensions) {
            let mut parts = Der(extension.content);
            if parts.element(OBJECT).is_none_or(|object| object.content != SUBJECT_ALT_NAME) {
                continue;
            }
            let Some(value) = parts.find(|part| part.tag == OCTETS) else { continue };
            let names = Der(value.content).element(SEQUENCE).map_or(&[][..], |names| names.content);
            hosts.extend(Der(names).filter_map(|name| match name.tag {
                0x82 => Some(String::from_utf8_lossy(name.content).into_owned()),
                0x87 => {
                    let v4 = <[u8; 4]>::try_from(name.content).map(IpAddr::from);
                    let ip = v4.or_else(|_| <[u8; 16]>::try_from(name.content).map(IpAddr::from));
                    ip.ok().map(|ip| ip.to_string())
                }
                _ => None,
            }));
        }
        hosts
    }

    /// The CNs of its subject.
    pub(super) fn common_names(&self) -> Vec<String> {
        attributes(self.subject).filter(|(what, _)| *what == "CN").map(|(_, name)| name).collect()
    }
}

/// The name in OpenSSL's format: `C=DE, CN=broker`.
pub(super) fn name(name: &[u8]) -> String {
    attributes(name).map(|(what, value)| format!("{what}={value}")).collect::<Vec<_>>().join(", ")
}

fn attributes(name: &[u8]) -> impl Iterator<Item = (&'static str, String)> {
    let attributes = Der(name).flat_map(|set| Der(set.content));
    attributes.filter_map(|attribute| {
        let mut parts = Der(attribute.content);
        let object = parts.element(OBJECT)?.content;
        let (_, what) = ATTRIBUTES.iter().find(|(known, _)| *known == object)?;
        let value = parts.next()?;
        let text = match value.tag {
            BMP_STRING => {
                let (units, _) = value.content.as_chunks();
                String::from_utf16_lossy(&units.iter().copied().map(u16::from_be_bytes).collect::<Vec<_>>())
            }
            _ => String::from_utf8_lossy(value.content).into_owned(),
        };
        Some((*what, text))
    })
}

/// A time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Time {
    /// Reads `YYMMDDhhmmssZ`, or the same with four digits for the year.
    fn of(der: &mut Der<'_>) -> Option<Self> {
        let element = der.next()?;
        let mut digits = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
        let mut number = |count| {
            let (number, rest) = digits.split_at_checked(count)?;
            digits = rest;
            number.bytes().all(|digit| digit.is_ascii_digit()).then(|| number.parse::<u64>().ok())?
        };
        let year = match element.tag {
            UTC_TIME => match number(2)? {
                year @ 50.. => 1900 + year,
                year => 2000 + year,
            },
            _ => number(4)?,
        };
        let (month, day) = (number(2)?, number(2)?);
        let (hour, minute, second) = (number(2)?, number(2)?, number(2)?);
        let is_real = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
        is_real.then_some(Self { year, month, day, hour, minute, second })
    }

    /// Seconds since 1970, or 0 for an earlier time.
    pub(super) fn as_secs(&self) -> u64 {
        // Years begin in March, so that a leap day is the last day; see Howard Hinnant's `days_from_civil`.
        let year = if self.month > 2 { self.year } else { self.year.saturating_sub(1) };
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year;
        let days = days.saturating_sub(719_468);
        days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }
}

/// OpenSSL's format: `Jan  1 00:00:00 2021 GMT`.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Self { year, month, day, hour, minute, second } = self;
        let month = MONTHS.get(*month as usize - 1).unwrap_or(&"");
        write!(f, "{month} {day:>2} {hour:02}:{minute:02}:{second:02} {year} GMT")
    }
}

/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Objects (RFC 4519) and their short names. Other objects are rare and not shown.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use openssl::x509::X509;

    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};
    use crate::security::tls::certificates::{Authority, Leaf};

    fn der(pem: &str) -> Vec<u8> {
        X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap()
    }

    /// The result is the same as with OpenSSL.
    #[test]
    fn a_certificate_is_read_as_openssl_reads_it() {
        for valid in [(2020, 2049), (1999, 2090), (1970, 2050)] {
            let hosts = ["localhost", "*.example.com", "10.0.0.1", "::1"];
            let leaf = Leaf { name: "bröker", hosts: &hosts, valid, ..Leaf::default() };
            let der = der(&Authority::new("ca").issue(leaf).certificate);
            let (ours, theirs) = (Certificate::of(&der).unwrap(), X509::from_der(&der).unwrap());
            assert_eq!((name(ours.subject), name(ours.issuer)), ("CN=bröker".to_owned(), "CN=ca".to_owned()));
            assert_eq!(ours.common_names(), ["bröker"]);
            assert_eq!(ours.hosts(), hosts);
            assert_eq!(ours.not_before.to_string(), theirs.not_before().to_string());
            assert_eq!(ours.not_after.to_string(), theirs.not_after().to_string());
            assert_eq!(ours.public_key, theirs.public_key().unwrap().public_key_to_der().unwrap());
            let epoch = openssl::asn1::Asn1Time::from_unix(0).unwrap();
            let since = epoch.diff(theirs.not_after()).unwrap();
            assert_eq!(ours.not_after.as_secs(), since.days as u64 * 86_400 + since.secs as u64);
        }
        let none = der(&Authority::new("ca").issue(Leaf { hosts: &[], ..Leaf::default() }).certificate);
        assert!(Certificate::of(&none).unwrap().hosts().is_empty());
    }

    #[test]
    fn hostile_certificates() {
        let authority = Authority::new("ca");
        let hosts = ["localhost", "10.0.0.1", "::1"];
        let samples = [
            der(&authority.issue(Leaf::default()).certificate),
            der(&authority
                .issue(Leaf { name: "bröker", hosts: &hosts, valid: (1999, 2090), ..Leaf::default() })
                .certificate),
            // A BMPString, and other bytes after it.
            [
                &[0x30, 20, 0x31, 18, 0x30, 16, OBJECT, 3, 0x55, 4, 3, BMP_STRING, 9][..],
                &[0, b'a', 0xd8, 0, 1],
                &[0; 4],
            ]
            .concat(),
        ];
        attack("certificates", &samples, &[], |_, _, bytes| {
            in_proportion(bytes, 0, || drop((name(bytes), Der(bytes).count())));
            in_proportion(bytes, 0, || {
                let Some(read) = Certificate::of(bytes) else { return false };
                let times = (read.not_before.to_string(), read.not_after.as_secs());
                drop((name(read.subject), name(read.issuer), read.hosts(), read.common_names(), times));
                true
            })
        });
    }

    #[test]
    fn a_time_that_is_none_is_not_read() {
        let of =
            |tag: u8, text: &str| Time::of(&mut Der(&[&[tag, text.len() as u8], text.as_bytes()].concat()));
        assert_eq!(of(UTC_TIME, "491231235959Z").unwrap().to_string(), "Dec 31 23:59:59 2049 GMT");
        assert_eq!(of(UTC_TIME, "500101000000Z").unwrap().to_string(), "Jan  1 00:00:00 1950 GMT");
        assert_eq!(of(0x18, "20240229120000Z").unwrap().as_secs(), 1_709_208_000);
        for none in ["", "Z", "491331235959Z", "490031235959Z", "49123123595Z", "+91231235959Z", "äää"] {
            assert_eq!(of(UTC_TIME, none), None, "{none}");
        }
    }
}
