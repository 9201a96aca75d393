//! `Compression`: which codec, as a user says it.

use std::fmt;
use std::str::FromStr;

use super::{Codec, InvalidLevel};
use crate::error::turn_on;

/// The codec that compresses batches.
///
/// A codec needs the cargo feature of the same name. If the feature is not enabled, an error names the feature. With the
/// setter, [`build`](crate::ProducerConfig::build) returns this error. If the setting is
/// a string, [`from_pairs`](crate::ProducerConfig::from_pairs), `from_shared`, `from_env` and so on already return it.
///
/// The level is a separate setting, [`compression_level`](crate::ProducerConfig::compression_level), as in the Java client
/// and in librdkafka. Only gzip and zstd have levels: gzip from 1 to 9 (default: 6, or 9 with
/// [`kafka_python_2`](crate::ProducerConfig::kafka_python_2)), zstd from -131072 to 22 (default: 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Batches are not compressed.
    #[default]
    None,
    /// gzip. The compression ratio is good, and the CPU cost is high. Every consumer supports gzip.
    Gzip,
    /// snappy. The compression ratio is moderate, and the CPU cost is low.
    Snappy,
    /// lz4. The compression ratio is moderate, and the CPU cost is low. Consumers read lz4 faster than the other codecs.
    /// lz4 is the usual choice for throughput.
    Lz4,
    /// zstd. The compression ratio is the best for its CPU cost. Brokers and consumers must have Kafka 2.1 or later.
    Zstd,
}

impl Compression {
    const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    fn is_built_in(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// Why it can't be used in this build, with what to do.
    pub(crate) fn why_not(self) -> Option<String> {
        let built_in =
            || Self::ALL.into_iter().filter(|codec| codec.is_built_in()).map(|codec| codec.to_string());
        (!self.is_built_in()).then(|| {
            let others = built_in().collect::<Vec<_>>().join(", ");
            format!("{self} is not enabled; {}; or use one of {others}", turn_on(&self.to_string()))
        })
    }

    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::NONE,
            Self::Gzip => Codec::GZIP,
            Self::Snappy => Codec::SNAPPY,
            Self::Lz4 => Codec::LZ4,
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
    /// Kafka's name of the codec. [`FromStr`] reads the same name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec().fmt(f)
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    /// Reads Kafka's name of a codec. Upper and lower case are equal.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|codec| codec.to_string().eq_ignore_ascii_case(text));
        named.ok_or(ParseCompressionError(()))
    }
}

/// The error for a string that is not the name of a [`Compression`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCompressionError(());

impl fmt::Display for ParseCompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the codec must be one of none, gzip, snappy, lz4, zstd")
    }
}

impl std::error::Error for ParseCompressionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_shown() {
        for compression in Compression::ALL {
            assert_eq!(compression.to_string().parse(), Ok(compression));
            assert_eq!(compression.to_string().to_uppercase().parse(), Ok(compression));
        }
        for text in ["", "brotli", "gzip ", "number 7"] {
            let error = text.parse::<Compression>().unwrap_err();
            assert_eq!(error.to_string(), "the codec must be one of none, gzip, snappy, lz4, zstd");
        }
    }

    #[test]
    fn a_codec_that_is_not_built_in_names_its_feature() {
        assert_eq!(Compression::None.why_not(), None);
        for compression in Compression::ALL {
            let why_not = compression.why_not();
            assert_eq!(why_not.is_none(), compression.is_built_in());
            let remedy = turn_on(&compression.to_string());
            let expected = format!("{compression} is not enabled; {remedy}; or use one of none");
            assert!(why_not.is_none_or(|why_not| why_not.starts_with(&expected)));
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
