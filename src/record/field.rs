//! What can be a record's key or value.

/// What can be the key or value of a [`ProducerRecord`](crate::ProducerRecord): a reference to bytes or text for a
/// producer without serializers, a reference to `T` for one that has a serializer of `T`, or an `Option` of these.
///
/// There is nothing to implement. Of the types without a size, `[u8]` and `str` can be sent. In the place of another one
/// there is one with a size: `Vec<T>` for `[T]`, `Box<dyn Trait>` for `dyn Trait`.
///
/// A function that is generic over what it sends needs a type with a size, which `[u8]` and `str` do not have, or this trait
/// as a bound:
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
    /// The key or value; `None` is null.
    fn into_field(self) -> Option<&'a T>;
}

impl<'a, B: AsRef<[u8]> + ?Sized> IntoField<'a, [u8]> for &'a B {
    #[inline]
    fn into_field(self) -> Option<&'a [u8]> {
        Some(self.as_ref())
    }
}

impl<'a, S: AsRef<str> + ?Sized> IntoField<'a, str> for &'a S {
    #[inline]
    fn into_field(self) -> Option<&'a str> {
        Some(self.as_ref())
    }
}

impl<'a, T> IntoField<'a, T> for &'a T {
    #[inline]
    fn into_field(self) -> Option<&'a T> {
        Some(self)
    }
}

impl<'a, T: ?Sized, F: IntoField<'a, T>> IntoField<'a, T> for Option<F> {
    #[inline]
    fn into_field(self) -> Option<&'a T> {
        self?.into_field()
    }
}
