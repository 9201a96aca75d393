//! `Compression`: which codec, as a user says it.

use std::fmt;
use std::str::FromStr;

use super::{Codec, InvalidLevel};

/// The codec that batches are compressed with.
///
/// A variant exists if the crate's feature of the same name is on, so a program that names a codec does not compile
/// without it; a text that names one fails to [parse](FromStr), with an error that says which feature to turn on.
///
/// The level is a setting of its own, as it is with the Java client, librdkafka and franz-go: the one word is all that
/// most programs need, and in a configuration file either may change without the other. Only gzip (1 to 9, default 6)
/// and zstd (-131072 to 22, default 3) have levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Records go out as they are.
    #[default]
    None,
    /// The codec that every consumer can read, at a good ratio and a high cost in CPU.
    #[cfg(feature = "gzip")]
    Gzip,
    /// Cheap in CPU, at a modest ratio.
    #[cfg(feature = "snappy")]
    Snappy,
    /// Cheap in CPU, at a modest ratio, and the fastest for consumers: the usual choice for throughput.
    #[cfg(feature = "lz4")]
    Lz4,
    /// The best ratio for its CPU; needs brokers and consumers of Kafka 2.1 or later.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// Those of this build.
    const ALL: &[Self] = &[
        Self::None,
        #[cfg(feature = "gzip")]
        Self::Gzip,
        #[cfg(feature = "snappy")]
        Self::Snappy,
        #[cfg(feature = "lz4")]
        Self::Lz4,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::NONE,
            #[cfg(feature = "gzip")]
            Self::Gzip => Codec::GZIP,
            #[cfg(feature = "snappy")]
            Self::Snappy => Codec::SNAPPY,
            #[cfg(feature = "lz4")]
            Self::Lz4 => Codec::LZ4,
            #[cfg(feature = "zstd")]
            Self::Zstd => Codec::ZSTD,
        }
    }

    /// Its bits in the attributes of a batch.
    pub(crate) fn attributes(self) -> i16 {
        self.codec().0.into()
    }

    /// Whether there is such a level; the error says which there are.
    pub(crate) fn check_level(self, level: i32) -> Result<(), InvalidLevel> {
        super::check_level(self.codec(), level)
    }
}

impl fmt::Display for Compression {
    /// The name that [`FromStr`] reads, which is Kafka's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec().fmt(f)
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    /// Reads Kafka's name of a codec, in small or capital letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Codec::NAMES.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        let built_in =
            Self::ALL.iter().find(|compression| Some(compression.codec()) == known.map(|(codec, _)| codec));
        built_in.copied().ok_or(ParseCompressionError { not_built_in: known.map(|(_, name)| name) })
    }
}

/// The text names no codec, or one that is not built in. The message says which there are, and which feature of the
/// crate to turn on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCompressionError {
    not_built_in: Option<&'static str>,
}

impl ParseCompressionError {
    /// Whether there is such a codec, and this build does not have it.
    pub(crate) fn is_known(&self) -> bool {
        self.not_built_in.is_some()
    }
}

impl fmt::Display for ParseCompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.not_built_in {
            Some(name) => write!(
                f,
                "{name} is not in this build; turn on the cargo feature `{name}` of kafka-producer, or use one of "
            )?,
            None => f.write_str("it must be one of ")?,
        }
        for (index, compression) in Compression::ALL.iter().enumerate() {
            write!(f, "{}{compression}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseCompressionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_shown() {
        for &compression in Compression::ALL {
            assert_eq!(compression.to_string().parse(), Ok(compression));
            assert_eq!(compression.to_string().to_uppercase().parse(), Ok(compression));
        }
        assert_eq!("none".parse(), Ok(Compression::None));
        let built_in = Compression::ALL.iter().map(Compression::to_string).collect::<Vec<_>>().join(", ");
        for text in ["", "brotli", "gzip ", "number 7"] {
            let error = text.parse::<Compression>().unwrap_err();
            assert_eq!(error.to_string(), format!("it must be one of {built_in}"));
        }
    }

    #[test]
    fn a_codec_that_is_not_built_in_names_its_feature() {
        for (name, built_in) in [
            ("gzip", cfg!(feature = "gzip")),
            ("snappy", cfg!(feature = "snappy")),
            ("lz4", cfg!(feature = "lz4")),
            ("zstd", cfg!(feature = "zstd")),
        ] {
            let parsed = name.parse::<Compression>();
            assert_eq!(parsed.is_ok(), built_in, "{name}");
            if let Err(error) = parsed {
                let expected = format!(
                    "{name} is not in this build; turn on the cargo feature `{name}` of kafka-producer, or use one of \
                     none"
                );
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn a_level_out_of_range_names_the_range() {
        let refusal =
            |compression: Compression, level| compression.check_level(level).unwrap_err().to_string();
        assert_eq!(refusal(Compression::None, 1), "none has no levels");
        #[cfg(feature = "gzip")]
        {
            assert_eq!(refusal(Compression::Gzip, 0), "gzip has levels from 1 to 9");
            assert_eq!(refusal(Compression::Gzip, 10), "gzip has levels from 1 to 9");
            assert_eq!(Compression::Gzip.check_level(9), Ok(()));
        }
        #[cfg(feature = "lz4")]
        assert_eq!(refusal(Compression::Lz4, 9), "lz4 has no levels");
        #[cfg(feature = "zstd")]
        {
            assert_eq!(refusal(Compression::Zstd, 23), "zstd has levels from -131072 to 22");
            assert_eq!(Compression::Zstd.check_level(-5), Ok(()));
        }
    }

    #[test]
    fn attributes_are_kafkas_numbers() {
        let names =
            Compression::ALL.iter().map(|compression| (compression.attributes(), compression.to_string()));
        for (number, name) in names {
            assert_eq!(["none", "gzip", "snappy", "lz4", "zstd"][usize::try_from(number).unwrap()], name);
        }
    }
}
