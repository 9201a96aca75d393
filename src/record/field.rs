//! The types that a record accepts as key or value.

/// A type that a [`ProducerRecord`](crate::ProducerRecord) accepts as a key or as a value.
///
/// - A producer without serializers accepts references to bytes or to strings: `&[u8]`, `&str`, `&Vec<u8>` and so on.
/// - A producer with a serializer of `T` accepts `&T`.
/// - An `Option` of these types is also accepted. `None` means null.
///
/// Programs do not need to implement this trait. `[u8]` and `str` are the only unsized types that can be sent. Use `Vec<T>`
/// instead of `[T]`, and `Box<dyn Trait>` instead of `dyn Trait`.
///
/// A generic function can send values of a type parameter. The type parameter must be `Sized`, or the function needs this
/// trait as a bound:
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
    note = "pass a reference (`&value`), or an `Option` of one (`text.as_deref()`)",
    note = "a producer without serializers takes bytes: `&[u8]`, `&str`, `&Vec<u8>`, …; a producer with a serializer of `T` takes `&T`"
)]
pub trait IntoField<'a, T: ?Sized>: sealed::Sealed {
    /// Returns the key or the value. `None` means null.
    fn into_field(self) -> Option<&'a T>;
}

/// Every type that can be passed has an implementation already, so nothing is lost by this.
mod sealed {
    pub trait Sealed {}

    impl<T: ?Sized> Sealed for &T {}

    impl<T> Sealed for Option<T> {}
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
