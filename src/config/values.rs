//! The kinds of values. Each reads a value from a text and shows it as one.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::servers::without_account;
use super::types::{Acks, ParseAcksError, ParseSecurityProtocolError, SecurityProtocol, SocketOptions};
use crate::client::{AddressFamily, MetadataRecoveryStrategy};
use crate::error::ConfigProblemKind;
use crate::record::{Compression, ParseCompressionError};
use crate::security::{HIDDEN, Secret};

pub(super) struct Kind<T> {
    /// What a value looks like, for the documentation.
    pub(super) form: &'static str,
    pub(super) read: fn(&str) -> Result<T, Refusal>,
    pub(super) show: fn(&T) -> String,
}

/// Why a value is refused, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: ConfigProblemKind,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn not_in_this_build(why: impl Into<String>) -> Self {
        Self { kind: ConfigProblemKind::NotInThisBuild, why: why.into() }
    }

    pub(super) fn contradictory(why: impl Into<String>) -> Self {
        Self { kind: ConfigProblemKind::Contradictory, why: why.into() }
    }
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(why: T) -> Self {
        Self { kind: ConfigProblemKind::Invalid, why: why.into() }
    }
}

pub(super) const TEXT: Kind<Option<String>> = Kind {
    form: "string",
    read: |value| Ok((!is_none(value)).then(|| value.to_owned())),
    show: show_optional,
};

pub(super) const LIST: Kind<Vec<String>> = Kind {
    form: "list",
    read: |value| {
        // Python's None would be a host name.
        if !value.is_empty() && is_none(value) {
            return Err("it has no value; write at least one broker as host:port, or remove it".into());
        }
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(str::to_owned).collect())
    },
    show: |items| items.iter().map(|item| without_account(item)).collect::<Vec<_>>().join(","),
};

/// A list in which `none` means an empty list.
pub(super) const NAMES: Kind<Vec<String>> = Kind {
    form: "list",
    read: |value| if is_none(value) { Ok(Vec::new()) } else { (LIST.read)(value) },
    show: |names| show_optional(&(!names.is_empty()).then(|| names.join(","))),
};

pub(super) const FLAG: Kind<bool> = Kind {
    form: "`true` or `false`",
    read: |value| match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        // librdkafka accepts these two.
        "1" => Err("write true instead of 1".into()),
        "0" => Err("write false instead of 0".into()),
        _ => Err("write true or false".into()),
    },
    show: bool::to_string,
};

pub(super) const NUMBER: Kind<usize> =
    Kind { form: "number", read: |value| any_whole(value, "a whole number"), show: usize::to_string };

pub(super) const OPTIONAL_NUMBER: Kind<Option<usize>> =
    Kind { form: "number", read: |value| unless_none(value, NUMBER.read), show: show_optional };

/// In Java -1 means the system's size.
pub(super) const SOCKET_BUFFER: Kind<Option<usize>> = Kind {
    form: "number",
    read: |value| if value == "-1" { Ok(None) } else { (OPTIONAL_NUMBER.read)(value) },
    show: show_optional,
};

/// In kafka-python 3 `inf` means the largest number.
pub(super) const RETRIES: Kind<u32> = Kind {
    form: "number, or `inf`",
    read: |value| match value {
        "inf" => Ok(MOST_RETRIES),
        value => whole(value, "a whole number", 0..=MOST_RETRIES)
            .map_err(|refusal| format!("{}, or 'inf' for no limit", refusal.why).into()),
    },
    show: u32::to_string,
};

pub(super) const MILLIS: Kind<Duration> = Kind {
    form: "milliseconds",
    read: |value| any_whole(value, "a whole number of milliseconds").map(Duration::from_millis),
    show: |time| millis(*time),
};

/// An empty value is refused: an environment variable that is empty by mistake must not mean "no limit".
pub(super) const OPTIONAL_MILLIS: Kind<Option<Duration>> = Kind {
    form: "milliseconds, or `none`",
    read: |value| match value.parse::<u64>() {
        Ok(millis) => Ok(Some(Duration::from_millis(millis))),
        Err(_) if !value.is_empty() && is_none(value) => Ok(None),
        Err(_) => {
            Err("write a whole number of milliseconds, 0 or more, digits only, or 'none' for no limit".into())
        }
    },
    show: |time| show_optional(&time.filter(|time| *time != Duration::MAX).map(millis)),
};

/// A limit whose value for "no limit" is the longest `Duration`.
pub(super) const LIMIT_MILLIS: Kind<Duration> = Kind {
    form: "milliseconds, or `none`",
    read: |value| Ok((OPTIONAL_MILLIS.read)(value)?.unwrap_or(Duration::MAX)),
    show: |time| (OPTIONAL_MILLIS.show)(&Some(*time)),
};

/// In Java -1 means never.
pub(super) const IDLE_MILLIS: Kind<Option<Duration>> = Kind {
    form: "milliseconds, or `none`",
    read: |value| if value == "-1" { Ok(None) } else { (OPTIONAL_MILLIS.read)(value) },
    show: OPTIONAL_MILLIS.show,
};

pub(super) const SECONDS: Kind<Duration> = Kind {
    form: "seconds",
    read: |value| any_whole(value, "a whole number of seconds").map(Duration::from_secs),
    show: |time| time.as_secs_f64().to_string(),
};

pub(super) const FACTOR: Kind<f64> =
    Kind { form: "number from 0.5 to 1", read: |value| between(value, 0.5, 1.0), show: f64::to_string };

pub(super) const JITTER: Kind<f64> =
    Kind { form: "number from 0 to 0.25", read: |value| between(value, 0.0, 0.25), show: f64::to_string };

pub(super) const LEVEL: Kind<Option<i32>> = Kind {
    form: "number",
    read: |value| unless_none(value, |value| whole(value, "a whole number", i32::MIN..=i32::MAX)),
    show: show_optional,
};

/// A level that the codec does not have is refused even if another codec is chosen, as in Java.
pub(super) const GZIP_LEVEL: Kind<Option<i32>> = Kind {
    form: "number from 1 to 9",
    read: |value| match value {
        // zlib's number for its default level.
        "-1" => Ok(Some(6)),
        _ => unless_none(value, |value| {
            whole(value, "a whole number", 1..=9)
                .map_err(|refusal| format!("{}, or -1 for the default", refusal.why).into())
        }),
    },
    show: show_optional,
};

pub(super) const LZ4_LEVEL: Kind<Option<i32>> = Kind {
    form: "number from 1 to 17",
    read: |value| unless_none(value, |value| whole(value, "a whole number", 1..=17)),
    show: show_optional,
};

pub(super) const ZSTD_LEVEL: Kind<Option<i32>> = Kind {
    form: "number from -131072 to 22",
    read: |value| unless_none(value, |value| whole(value, "a whole number", -131_072..=22)),
    show: show_optional,
};

pub(super) const ACKS: Kind<Acks> = Kind {
    form: "`0`, `1` or `all`",
    read: |value| value.parse().map_err(|error: ParseAcksError| error.to_string().into()),
    show: Acks::to_string,
};

pub(super) const COMPRESSION: Kind<Compression> = Kind {
    form: "`none`, `gzip`, `snappy`, `lz4` or `zstd`",
    read: |value| match value {
        _ if is_none(value) => Ok(Compression::None),
        _ if value.eq_ignore_ascii_case("inherit") => Err(INHERIT.into()),
        _ => {
            let compression: Compression =
                value.parse().map_err(|error: ParseCompressionError| error.to_string())?;
            compression.why_not().map_or(Ok(compression), |why| Err(Refusal::not_in_this_build(why)))
        }
    },
    show: Compression::to_string,
};

pub(super) const RECOVERY: Kind<MetadataRecoveryStrategy> = Kind {
    form: "`rebootstrap` or `none`",
    read: |value| one_of(&MetadataRecoveryStrategy::ALL, value),
    show: MetadataRecoveryStrategy::to_string,
};

pub(super) const ADDRESS_FAMILY: Kind<AddressFamily> = Kind {
    form: "`any`, `v4` or `v6`",
    read: |value| one_of(&AddressFamily::ALL, value),
    show: AddressFamily::to_string,
};

const INHERIT: &str = "inherit refers to librdkafka's topic settings, which this crate does not have; remove it or name a codec";

pub(super) const SECURITY_PROTOCOL: Kind<SecurityProtocol> = Kind {
    form: "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    read: |value| {
        let protocol: SecurityProtocol =
            value.parse().map_err(|error: ParseSecurityProtocolError| error.to_string())?;
        protocol.why_not().map_or(Ok(protocol), |why| Err(Refusal::not_in_this_build(why)))
    },
    show: SecurityProtocol::to_string,
};

pub(super) const SECRET: Kind<Option<Secret>> = Kind {
    form: "string (secret)",
    read: |value| Ok((!is_none(value)).then(|| value.into())),
    show: |secret| show_optional(&secret.as_ref().map(|_| HIDDEN)),
};

/// A list of `NAME=0` or `NAME=1`.
pub(super) const SOCKET_OPTIONS: Kind<SocketOptions> = Kind {
    form: "list of `NAME=0` or `NAME=1`",
    read: |value| {
        let mut options = SocketOptions { no_delay: true, keep_alive: false };
        for option in value.split(',').map(str::trim).filter(|option| !is_none(option)) {
            let (name, on) = option.split_once('=').ok_or("write NAME=0 or NAME=1, separated by commas")?;
            let on = match on.trim() {
                "0" => false,
                "1" => true,
                other => return Err(format!("'{other}' is neither 0 nor 1; write 0 or 1").into()),
            };
            match name.trim() {
                "TCP_NODELAY" => options.no_delay = on,
                "SO_KEEPALIVE" => options.keep_alive = on,
                other => return Err(format!("'{other}' is not one of TCP_NODELAY, SO_KEEPALIVE").into()),
            }
        }
        Ok(options)
    },
    show: |options| {
        format!("TCP_NODELAY={},SO_KEEPALIVE={}", u8::from(options.no_delay), u8::from(options.keep_alive))
    },
};

/// The values that mean "not set" in Python, YAML and properties files.
pub(super) fn is_none(value: &str) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case("none") || value.eq_ignore_ascii_case("null")
}

fn between(value: &str, least: f64, most: f64) -> Result<f64, Refusal> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("write a number from {least} to {most}").into())
}

/// The value with this name, in upper case or lower case.
fn one_of<T: Copy + fmt::Display>(all: &[T], value: &str) -> Result<T, Refusal> {
    let named = all.iter().find(|known| known.to_string().eq_ignore_ascii_case(value)).copied();
    named.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(T::to_string).collect();
        format!("it must be one of {}", names.join(", ")).into()
    })
}

pub(super) fn unless_none<T>(
    value: &str,
    read: fn(&str) -> Result<T, Refusal>,
) -> Result<Option<T>, Refusal> {
    if is_none(value) { Ok(None) } else { read(value).map(Some) }
}

/// A time in milliseconds, with the fraction if there is one. The longest `Duration` has its name, because its number means
/// nothing to anybody.
pub(super) fn millis(time: Duration) -> String {
    if time == Duration::MAX {
        return "Duration::MAX".to_owned();
    }
    match time.subsec_nanos() % 1_000_000 {
        0 => time.as_millis().to_string(),
        fraction => format!("{}.{fraction:06}", time.as_millis()).trim_end_matches('0').to_owned(),
    }
}

pub(super) fn show_optional(value: &Option<impl fmt::Display>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The error does not name the largest value, because no real value comes near it.
fn any_whole<T: FromStr>(value: &str, what: &str) -> Result<T, Refusal> {
    value.parse().map_err(|_| {
        // In some settings of other clients it is the default.
        let hint = if value == "-1" { "; remove it for the default" } else { "" };
        format!("write {what}, 0 or more, digits only{hint}").into()
    })
}

fn whole<T>(value: &str, what: &str, range: RangeInclusive<T>) -> Result<T, Refusal>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let number = value.parse().ok().filter(|number| range.contains(number));
    number
        .ok_or_else(|| format!("write {what} from {} to {}, digits only", range.start(), range.end()).into())
}

const MOST_RETRIES: u32 = i32::MAX as u32;
