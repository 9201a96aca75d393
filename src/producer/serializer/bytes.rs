//! Serializers of values that are bytes already.

use std::error::Error as StdError;

use crate::producer::serializer::context::SerializationContext;
use crate::producer::serializer::serialize::Serializer;

/// Stores bytes unchanged. This is the default serializer for keys and for values.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct BytesSerializer;

impl Serializer<[u8]> for BytesSerializer {
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn as_bytes<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        Some(value)
    }
}

/// Stores a string as UTF-8, like Java's `StringSerializer`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct StringSerializer;

impl Serializer<str> for StringSerializer {
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    #[inline]
    fn as_bytes<'a>(&self, value: &'a str) -> Option<&'a [u8]> {
        Some(value.as_bytes())
    }
}
