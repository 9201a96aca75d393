//! The kinds of values of TLS settings.

use std::path::PathBuf;

use super::values::{Kind, SECRET, is_none, show_optional, unless_none};
use crate::security::Secret;
use crate::security::tls::{TlsBackend, TlsVersion};

/// An empty value is refused: an environment variable that is empty by mistake must not mean "trust all CAs of the system"
/// or "no certificate is revoked".
pub(super) const PATH: Kind<Option<PathBuf>> = Kind {
    form: "file",
    read: |value| match value.is_empty() {
        true => Err("it is empty; name a file, or remove it".into()),
        false => Ok((!is_none(value)).then(|| value.into())),
    },
    show: |path| show_optional(&path.as_ref().map(|path| path.display())),
};

/// An empty value is refused, for the same reason.
pub(super) const PEM: Kind<Option<Secret>> = Kind {
    form: "PEM",
    read: |value| match value.is_empty() {
        true => Err("it is empty; give PEM, or remove it".into()),
        false => (SECRET.read)(value),
    },
    show: SECRET.show,
};

pub(super) const TLS_VERSIONS: Kind<Vec<TlsVersion>> = Kind {
    form: "list of `TLSv1.2` and `TLSv1.3`",
    read: |value| {
        if is_none(value) {
            return Ok(TlsVersion::ALL.to_vec());
        }
        let mut versions = Vec::new();
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let named =
                TlsVersion::ALL.into_iter().find(|version| version.to_string().eq_ignore_ascii_case(name));
            versions.push(named.ok_or(match name {
                "SSLv3" | "TLSv1" | "TLSv1.0" | "TLSv1.1" => {
                    "versions before TLS 1.2 are not safe (RFC 8996) and not supported; write TLSv1.2, TLSv1.3 or both"
                }
                _ => "write TLSv1.2, TLSv1.3 or both, separated by commas",
            })?);
        }
        versions.sort();
        versions.dedup();
        Ok(versions)
    },
    show: |versions| versions.iter().map(TlsVersion::to_string).collect::<Vec<_>>().join(","),
};

pub(super) const TLS_BACKEND: Kind<Option<TlsBackend>> = Kind {
    form: "`native-tls` or `rustls`",
    read: |value| {
        unless_none(value, |value| Ok(value.parse::<TlsBackend>().map_err(|error| error.to_string())?))
    },
    show: |backend| backend.unwrap_or_default().to_string(),
};

/// For no check Java writes an empty value, and librdkafka `none`. Python's `None` and Java's `null` mean that nothing was
/// set, so they must not turn the check off.
pub(super) const HOSTNAME_CHECK: Kind<bool> = Kind {
    form: "`https` or `none`",
    read: |value| match value {
        _ if value.eq_ignore_ascii_case("https") => Ok(true),
        "" | "none" => Ok(false),
        _ => Err(HTTPS_OR_NONE.into()),
    },
    show: |check| if *check { "https" } else { "none" }.to_owned(),
};

const HTTPS_OR_NONE: &str = "write https to check the host name, or 'none' to disable the check; an empty value disables it too, as in Java (librdkafka rejects an empty value)";
