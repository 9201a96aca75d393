//! The trait that all serializers implement.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::producer::serializer::context::SerializationContext;

/// Converts keys or values of type `T` to bytes. Pass a serializer to [`build_with`](crate::ProducerConfig::build_with).
///
/// The producer calls the serializer on the thread that calls `send`, before the record takes memory. If the serializer
/// fails, `send` fails. If the serializer panics, `send` panics. The producer continues in both cases. The serializer is
/// not called for a null key or a null value.
///
/// A closure `Fn(&T) -> B` is also a serializer. `B` is `Vec<u8>`, `String`, an array of bytes, a `Cow` of bytes or of a
/// string, or an `Option` or a `Result` of these types. `None` means null. The closure must name the type of its argument:
/// `|order: &Order| …`.
///
/// [`BytesSerializer`](crate::BytesSerializer), [`StringSerializer`](crate::StringSerializer),
/// [`BigEndianSerializer`](crate::BigEndianSerializer), `JsonSerializer` (feature `json`) and `UuidSerializer` (feature
/// `uuid`) are included.
///
/// Several producers can share a serializer in an `Arc`. To choose a serializer at run time, pass a
/// `Box<dyn Serializer<T>>`.
///
/// ```
/// use kafka_producer::{SerializationContext, Serializer};
///
/// /// Stores the ID of the schema in a header.
/// struct WithSchema<S> {
///     id: u32,
///     serializer: S,
/// }
///
/// impl<T: ?Sized, S: Serializer<T>> Serializer<T> for WithSchema<S> {
///     fn serialize(
///         &self,
///         context: &SerializationContext<'_>,
///         value: &T,
///         out: &mut Vec<u8>,
///     ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///         context.add_header("schema-id", &self.id.to_be_bytes());
///         self.serializer.serialize(context, value, out)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a serializer of `{T}`",
    note = "pass a `Serializer` of the type that is sent, or a closure with the type of its argument: `|order: &Order| -> Vec<u8> {{ … }}`"
)]
pub trait Serializer<T: ?Sized>: Send + Sync {
    /// Appends the bytes of `value` to `out`. `out` is empty when this method is called. The producer reuses `out` for the
    /// next record.
    ///
    /// # Errors
    /// If `value` can't be serialized. `send` then fails with
    /// [`ErrorKind::Serialization`](crate::ErrorKind::Serialization), and the source of this failure is the returned error.
    fn serialize(
        &self,
        context: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>;

    /// Returns the bytes of `value` if `value` already contains the bytes to store. Then [`serialize`](Self::serialize) is
    /// not called, which saves one copy. The default implementation returns `None`.
    fn as_bytes<'a>(&self, value: &'a T) -> Option<&'a [u8]> {
        let _ = value;
        None
    }
}

/// Several producers can share a serializer in an `Arc`.
impl<T: ?Sized, S: Serializer<T> + ?Sized> Serializer<T> for Arc<S> {
    fn serialize(
        &self,
        context: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        (**self).serialize(context, value, out)
    }

    fn as_bytes<'a>(&self, value: &'a T) -> Option<&'a [u8]> {
        (**self).as_bytes(value)
    }
}

/// A program can choose a serializer in a `Box` at run time.
impl<T: ?Sized> Serializer<T> for Box<dyn Serializer<T>> {
    fn serialize(
        &self,
        context: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        (**self).serialize(context, value, out)
    }

    fn as_bytes<'a>(&self, value: &'a T) -> Option<&'a [u8]> {
        (**self).as_bytes(value)
    }
}
