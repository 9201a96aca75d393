//! A record's key or value: bytes already, or what a serializer makes bytes of.

use std::any::type_name;
use std::fmt;

/// A key or a value, borrowed.
#[doc(hidden)]
pub enum Field<'a, T: ?Sized> {
    Bytes(&'a [u8]),
    /// For the producer's serializer.
    Value(&'a T),
}

impl<T: ?Sized> Clone for Field<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Field<'_, T> {}

/// Without payload.
impl<T: ?Sized> fmt::Debug for Field<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Value(_) => write!(f, "a {}", type_name::<T>()),
        }
    }
}

/// What can be the key or value of a [`ProducerRecord`](crate::ProducerRecord): a reference to bytes or text for a
/// producer without serializers, a reference to `T` for one that has a serializer of `T`; an `Option` of these.
///
/// There is nothing to implement: all that fits is here. Of types without a size of their own these are `[u8]` and
/// `str`; in the place of another there is one with a size, `Vec<T>` for `[T]`, `Box<dyn Trait>` for `dyn Trait`.
///
/// A function that is generic over what is sent asks for a type with a size, which `[u8]` and `str` are not, or for
/// this trait:
///
/// ```
/// use kafka_producer::{Error, FutureRecordMetadata, IntoField, KafkaProducer, ProducerRecord};
///
/// fn put<'a, V: ?Sized>(producer: &KafkaProducer<str, V>, value: &'a V) -> Result<FutureRecordMetadata, Error>
/// where
///     &'a V: IntoField<'a, V>,
/// {
///     producer.send(ProducerRecord::to("events").value(value))
/// }
/// # let _ = (put::<str>, put::<u64>);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a key or value of type `{T}`",
    note = "give a reference (`&value`), or an `Option` of one (`text.as_deref()`)",
    note = "a producer without serializers takes bytes: `&[u8]`, `&str`, `&Vec<u8>`, …; one with a serializer of `T` takes `&T`"
)]
pub trait IntoField<'a, T: ?Sized> {
    #[doc(hidden)]
    fn into_field(self) -> Option<Field<'a, T>>;
}

impl<'a, B: AsRef<[u8]> + ?Sized> IntoField<'a, [u8]> for &'a B {
    #[inline]
    fn into_field(self) -> Option<Field<'a, [u8]>> {
        Some(Field::Bytes(self.as_ref()))
    }
}

impl<'a, S: AsRef<str> + ?Sized> IntoField<'a, str> for &'a S {
    #[inline]
    fn into_field(self) -> Option<Field<'a, str>> {
        Some(Field::Value(self.as_ref()))
    }
}

impl<'a, T> IntoField<'a, T> for &'a T {
    #[inline]
    fn into_field(self) -> Option<Field<'a, T>> {
        Some(Field::Value(self))
    }
}

impl<'a, T: ?Sized, F: IntoField<'a, T>> IntoField<'a, T> for Option<F> {
    #[inline]
    fn into_field(self) -> Option<Field<'a, T>> {
        self?.into_field()
    }
}
