//! What can be wrong with compressing and with what was compressed.

use std::fmt;
use std::ops::RangeInclusive;

use super::codec::Codec;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CompressError {
    UnsupportedCodec {
        codec: Codec,
    },
    Level(InvalidLevel),
    /// The codec's library gave up; with the sizes of batches none of them is known to.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")),
        expect(dead_code, reason = "without codecs nothing fails")
    )]
    Failed {
        codec: Codec,
        why: &'static str,
    },
}

/// A level that the codec does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidLevel {
    pub(super) codec: Codec,
    pub(super) levels: Option<RangeInclusive<i32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecompressError {
    UnsupportedCodec {
        codec: Codec,
    },
    TooLarge {
        limit: usize,
    },
    /// Bytes that `codec` can't have made; the first of them, or what they belong to, begins at `at`.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")),
        expect(dead_code, reason = "without codecs nothing fails")
    )]
    Malformed {
        codec: Codec,
        at: usize,
        what: &'static str,
    },
}

/// Why a build lacks `codec`, and what to do about it.
struct Unsupported(Codec);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => {
                write!(f, "{name} is not enabled; enable the cargo feature `{name}` of kafka-producer")
            }
            None => write!(f, "the codec {} is not known", self.0),
        }
    }
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedCodec { codec } => write!(f, "{}", Unsupported(*codec)),
            Self::Level(error) => write!(f, "{error}"),
            Self::Failed { codec, why } => write!(f, "{codec} can't compress the records: {why}"),
        }
    }
}

impl fmt::Display for InvalidLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.levels {
            Some(levels) => {
                write!(f, "{} has levels from {} to {}", self.codec, levels.start(), levels.end())
            }
            None => write!(f, "{} has no levels", self.codec),
        }
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedCodec { codec } => write!(f, "{}", Unsupported(*codec)),
            Self::TooLarge { limit } => write!(f, "the decompressed records are larger than {limit} bytes"),
            Self::Malformed { codec, at, what } => {
                write!(f, "the records are not valid {codec}: at byte {at}, {what}")
            }
        }
    }
}

impl std::error::Error for CompressError {}
impl std::error::Error for InvalidLevel {}
impl std::error::Error for DecompressError {}
