//! The number of a codec, and its name.

use std::fmt;

/// Which codec a batch was written with. Open: numbers without a name here are kept, for the error that names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Codec(pub(crate) u8);

impl Codec {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const GZIP: Self = Self(1);
    pub(crate) const SNAPPY: Self = Self(2);
    pub(crate) const LZ4: Self = Self(3);
    pub(crate) const ZSTD: Self = Self(4);

    /// All that Kafka knows, built in or not; a codec and its cargo feature have the same name.
    pub(super) const NAMES: [(Self, &str); 5] = [
        (Self::NONE, "none"),
        (Self::GZIP, "gzip"),
        (Self::SNAPPY, "snappy"),
        (Self::LZ4, "lz4"),
        (Self::ZSTD, "zstd"),
    ];

    pub(super) fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(codec, _)| *codec == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "number {}", self.0),
        }
    }
}
