//! Closures as serializers.

use std::borrow::Cow;
use std::error::Error as StdError;

use crate::producer::serializer::context::SerializationContext;
use crate::producer::serializer::serialize::Serializer;

impl<T, F, B> Serializer<T> for F
where
    T: ?Sized,
    F: Fn(&T) -> B + Send + Sync,
    B: Serialized,
{
    fn serialize(
        &self,
        context: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self(value).append_to(context, out)
    }
}

/// The return type of a closure that is a [`Serializer`]. To return another type, call `.to_vec()` or implement this trait.
#[diagnostic::on_unimplemented(
    message = "a serializer can't return `{Self}`",
    note = "it returns `Vec<u8>`, `String`, an array of bytes, a `Cow` of bytes or text, or an `Option` or a `Result` of these; for other \
            types return `.to_vec()`"
)]
pub trait Serialized {
    /// Appends the bytes to `out`, or calls [`set_null`](SerializationContext::set_null).
    ///
    /// # Errors
    /// If the closure has returned an error. This method returns the same error.
    fn append_to(
        self,
        context: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

impl Serialized for Vec<u8> {
    fn append_to(
        self,
        _: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        // The closure has allocated already, so the bytes are not copied.
        if out.is_empty() {
            *out = self
        } else {
            out.extend_from_slice(&self)
        }
        Ok(())
    }
}

impl Serialized for String {
    fn append_to(
        self,
        context: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self.into_bytes().append_to(context, out)
    }
}

impl Serialized for Cow<'_, [u8]> {
    fn append_to(
        self,
        _: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(&self);
        Ok(())
    }
}

impl Serialized for Cow<'_, str> {
    fn append_to(
        self,
        _: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl<const N: usize> Serialized for [u8; N] {
    fn append_to(
        self,
        _: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(&self);
        Ok(())
    }
}

/// `None` means null.
impl<B: Serialized> Serialized for Option<B> {
    fn append_to(
        self,
        context: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        match self {
            Some(bytes) => bytes.append_to(context, out),
            None => {
                context.set_null();
                Ok(())
            }
        }
    }
}

impl<B: Serialized, E: Into<Box<dyn StdError + Send + Sync>>> Serialized for Result<B, E> {
    fn append_to(
        self,
        context: &SerializationContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self.map_err(Into::into)?.append_to(context, out)
    }
}
