//! Serializers turn the keys and values of a program into the bytes that Kafka stores.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::record::Header;

/// Converts keys or values of type `T` to bytes. Pass a serializer to [`build_with`](crate::ProducerConfig::build_with).
///
/// The producer calls the serializer on the thread that calls `send`, before the record takes memory. If the serializer
/// fails, `send` fails. If the serializer panics, `send` panics. The producer continues in both cases. The serializer is
/// not called for a null key or a null value.
///
/// A closure `Fn(&T) -> B` is also a serializer. `B` is `Vec<u8>`, `String`, an array of bytes, a `Cow` of bytes or of a
/// string, or a `Result` of these types. The closure must name the type of its argument: `|order: &Order| …`.
///
/// Several producers can share a serializer in an `Arc`. To choose a serializer at run time, pass a
/// `Box<dyn Serializer<T>>`.
///
/// ```
/// use kafka_producer::{SerializationContext, Serializer};
///
/// /// Like Java's `IntegerSerializer`.
/// struct BigEndian;
///
/// impl Serializer<i32> for BigEndian {
///     fn serialize(
///         &self,
///         _: &SerializationContext<'_>,
///         value: &i32,
///         out: &mut Vec<u8>,
///     ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///         out.extend_from_slice(&value.to_be_bytes());
///         Ok(())
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

/// The topic and the headers of the record for which a [`Serializer`] is called. The context also says whether the
/// serializer is called for the key or for the value.
///
/// The producer creates this context. [`key`](Self::key) and [`value`](Self::value) are for tests of a serializer, and for
/// a serializer that calls another serializer.
///
/// ```
/// use kafka_producer::{SerializationContext, Serializer, StringSerializer};
///
/// let mut out = Vec::new();
/// StringSerializer.serialize(&SerializationContext::value("orders", &[]), "ä", &mut out)?;
/// assert_eq!(out, "ä".as_bytes());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SerializationContext<'a> {
    topic: &'a str,
    headers: &'a [Header<'a>],
    is_key: bool,
}

impl<'a> SerializationContext<'a> {
    /// Creates the context for the key of a record for `topic` with `headers`.
    pub fn key(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self { topic, headers, is_key: true }
    }

    /// Creates the context for the value of a record for `topic` with `headers`.
    pub fn value(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self { topic, headers, is_key: false }
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the headers of the record.
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.headers
    }

    /// Returns `true` for the key of the record, and `false` for the value of the record.
    pub fn is_key(&self) -> bool {
        self.is_key
    }
}

impl fmt::Display for SerializationContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a record for '{}'", if self.is_key { "key" } else { "value" }, self.topic)
    }
}

impl<T, F, B> Serializer<T> for F
where
    T: ?Sized,
    F: Fn(&T) -> B + Send + Sync,
    B: Serialized,
{
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self(value).append_to(out)
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

/// The return type of a closure that is a [`Serializer`]. To return another type, call `.to_vec()` or implement this trait.
#[diagnostic::on_unimplemented(
    message = "a serializer can't return `{Self}`",
    note = "it returns `Vec<u8>`, `String`, an array of bytes, a `Cow` of bytes or text, or a `Result` of these; for other \
            types return `.to_vec()`"
)]
pub trait Serialized {
    /// Appends the bytes to `out`.
    ///
    /// # Errors
    /// If the closure has returned an error. This method returns the same error.
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>>;
}

impl Serialized for Vec<u8> {
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
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
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self.into_bytes().append_to(out)
    }
}

impl Serialized for Cow<'_, [u8]> {
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(&self);
        Ok(())
    }
}

impl Serialized for Cow<'_, str> {
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl<const N: usize> Serialized for [u8; N] {
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        out.extend_from_slice(&self);
        Ok(())
    }
}

impl<B: Serialized, E: Into<Box<dyn StdError + Send + Sync>>> Serialized for Result<B, E> {
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        self.map_err(Into::into)?.append_to(out)
    }
}

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

/// The buffers that a thread's serializers write to. They are kept for the next record.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { key: Vec::new(), value: Vec::new() }) };
}

/// Runs `with` on this thread's empty buffers. A serializer that sends a record itself gets new buffers.
pub(crate) fn with_scratch<R>(with: impl FnOnce(&mut Scratch) -> R) -> R {
    // In the destructor of a thread-local the buffers may be gone. Then new ones are used.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.key.clear();
    scratch.value.clear();
    let result = with(&mut scratch);
    // A very large buffer is not kept until the thread ends.
    if scratch.key.capacity().max(scratch.value.capacity()) <= LARGEST_KEPT {
        SCRATCH.try_with(|kept| kept.set(scratch)).ok();
    }
    result
}

const LARGEST_KEPT: usize = 1 << 20;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    fn bytes<T: ?Sized>(serializer: &impl Serializer<T>, value: &T) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let context = SerializationContext::value("t", &[]);
        serializer.serialize(&context, value, &mut out).map(|()| out).map_err(|error| error.to_string())
    }

    #[test]
    fn closures_return_bytes_text_arrays_or_what_kept_them_from_it() {
        assert_eq!(bytes(&|value: &u16| vec![*value as u8], &7), Ok(vec![7]));
        assert_eq!(bytes(&|value: &u16| value.to_string(), &700), Ok(b"700".to_vec()));
        assert_eq!(bytes(&|value: &u16| value.to_be_bytes(), &258), Ok(vec![1, 2]));
        let parse = |value: &str| value.parse::<i32>().map(i32::to_be_bytes);
        assert_eq!(bytes(&parse, "1"), Ok(vec![0, 0, 0, 1]));
        assert_eq!(bytes(&parse, "one"), Err("invalid digit found in string".to_owned()));
        let known =
            |number: &u8| if *number == 0 { Cow::Borrowed("none") } else { Cow::Owned(number.to_string()) };
        assert_eq!((bytes(&known, &0), bytes(&known, &7)), (Ok(b"none".to_vec()), Ok(b"7".to_vec())));
        let known = |number: &u8| Cow::<'static, [u8]>::Owned(vec![*number]);
        assert_eq!(bytes(&known, &7), Ok(vec![7]));
        assert_eq!(bytes(&StringSerializer, "ä"), Ok("ä".as_bytes().to_vec()));
        assert_eq!(bytes(&BytesSerializer, &[0, 255][..]), Ok(vec![0, 255]));
    }

    #[test]
    fn serializers_are_shared_and_chosen_at_run_time() {
        let chosen: Box<dyn Serializer<str>> = Box::new(StringSerializer);
        assert_eq!(bytes(&chosen, "a"), Ok(b"a".to_vec()));
        let shared = Arc::new(|text: &str| text.to_uppercase());
        assert_eq!(bytes(&Arc::clone(&shared), "a"), bytes(&shared, "a"));
        let shared: Arc<dyn Serializer<str>> = shared;
        assert_eq!(bytes(&shared, "a"), Ok(b"A".to_vec()));
    }

    #[test]
    fn buffers_are_kept_empty_and_not_if_they_are_giants() {
        let capacity = with_scratch(|scratch| {
            scratch.value.extend_from_slice(&[1; 1000]);
            // A serializer that sends.
            with_scratch(|inner| assert_eq!((inner.key.len(), inner.value.capacity()), (0, 0)));
            scratch.value.capacity()
        });
        with_scratch(|scratch| assert_eq!((scratch.value.len(), scratch.value.capacity()), (0, capacity)));
        with_scratch(|scratch| scratch.key.reserve(LARGEST_KEPT + 1));
        with_scratch(|scratch| assert_eq!(scratch.key.capacity(), 0));
    }
}
