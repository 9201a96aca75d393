//! Serializers turn the keys and values of a program into the bytes that Kafka stores.

mod big_endian;
mod bytes;
mod closure;
mod context;
#[cfg(feature = "json")]
mod json;
mod scratch;
mod serialize;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
#[cfg(feature = "uuid")]
mod uuid;

pub use big_endian::BigEndianSerializer;
pub use bytes::{BytesSerializer, StringSerializer};
pub use closure::Serialized;
pub(crate) use context::AddedHeader;
pub use context::SerializationContext;
#[cfg(feature = "json")]
pub use json::JsonSerializer;
pub(crate) use scratch::with_scratch;
pub use serialize::Serializer;
#[cfg(feature = "uuid")]
pub use uuid::UuidSerializer;
