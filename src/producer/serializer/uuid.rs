//! UUIDs as the Java client stores them.

use std::error::Error as StdError;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::producer::serializer::context::SerializationContext;
use crate::producer::serializer::serialize::Serializer;

/// Stores a [`Uuid`] as Java's `UUIDSerializer` does: as a string of 36 characters with hyphens and lowercase digits, in
/// UTF-8. Requires the feature `uuid`.
///
/// To store the 16 bytes of the UUID instead, pass the closure `|id: &Uuid| id.into_bytes()`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct UuidSerializer;

impl Serializer<Uuid> for UuidSerializer {
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &Uuid,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let mut text = [0; Hyphenated::LENGTH];
        out.extend_from_slice(value.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(())
    }
}
