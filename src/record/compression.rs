//! Codecs of record batches, by the number that stands in a batch's attributes.

use std::borrow::Cow;
use std::fmt;

/// Which codec a batch was written with. Open: numbers without a name here are kept, for the error that names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Codec(pub(crate) u8);

impl Codec {
    pub(crate) const NONE: Self = Self(0);
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.pad(name),
            None => write!(f, "number {}", self.0),
        }
    }
}

/// The bytes that `codec` made `bytes` of; an error if there are more than `limit`, or the codec is not built in.
pub(crate) fn decompress(codec: Codec, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
    if codec != Codec::NONE {
        return Err(DecompressError::UnsupportedCodec { codec });
    }
    if bytes.len() > limit {
        return Err(DecompressError::TooLarge { limit });
    }
    Ok(Cow::Borrowed(bytes))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecompressError {
    UnsupportedCodec { codec: Codec },
    TooLarge { limit: usize },
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedCodec { codec } => write!(f, "the codec {codec} is not supported by this build"),
            Self::TooLarge { limit } => write!(f, "the records take more than {limit} bytes"),
        }
    }
}

impl std::error::Error for DecompressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_is_not_built_in_is_named() {
        assert_eq!(decompress(Codec::NONE, b"abc", 3).unwrap().as_ref(), b"abc");
        assert_eq!(decompress(Codec::NONE, b"abc", 2), Err(DecompressError::TooLarge { limit: 2 }));
        let error = decompress(Codec(7), b"abc", 3).unwrap_err();
        assert_eq!(error.to_string(), "the codec number 7 is not supported by this build");
        assert_eq!(Codec(3).to_string(), "lz4");
    }
}
