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
/// There is nothing to implement: all that fits is here.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a key or value of type `{T}`",
    note = "give a reference; a producer without serializers takes bytes: `&[u8]`, `&str`, `&Vec<u8>`, …"
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
