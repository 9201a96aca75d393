//! How each Rust type that a message may hold stands on the wire.

use super::api::ApiKey;
use super::code::ErrorCode;
use super::segments::Segments;
use super::wire::{DecodeError, DecodeErrorKind, Reader, Uuid};
use super::writer::Writer;

/// The version a message is written or read in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    number: i16,
    flexible: bool,
}

impl Version {
    /// Version `number` of a message whose versions are flexible (KIP-482) from `flexible_since` on.
    pub(crate) fn new(number: i16, flexible_since: i16) -> Self {
        Self { number, flexible: number >= flexible_since }
    }

    pub(crate) fn is_flexible(self) -> bool {
        self.flexible
    }

    pub(crate) fn is_within(self, since: i16, until: i16) -> bool {
        (since..=until).contains(&self.number)
    }
}

/// A type with a place in messages. `Option<T>` is what may be null.
pub(crate) trait Field: Sized {
    fn write(&self, out: &mut Writer, version: Version);

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError>;
}

/// Writes a field that may be null only since version `since`; before, null is written as the empty value.
pub(crate) fn write_nullable<T>(value: &Option<T>, since: i16, out: &mut Writer, version: Version)
where
    T: Field + Default,
    Option<T>: Field,
{
    match value {
        None if !version.is_within(since, i16::MAX) => T::default().write(out, version),
        _ => value.write(out, version),
    }
}

/// Reads a field that may be null only since version `since`.
pub(crate) fn read_nullable<T>(
    since: i16,
    input: &mut Reader<'_>,
    version: Version,
) -> Result<Option<T>, DecodeError>
where
    T: Field,
    Option<T>: Field,
{
    if version.is_within(since, i16::MAX) {
        Field::read(input, version)
    } else {
        T::read(input, version).map(Some)
    }
}

/// A tagged field that this build has no name for, kept so that it can be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownTag {
    pub(crate) tag: u32,
    pub(crate) content: Vec<u8>,
}

/// Mostly none. Behind a box, because every struct of every message has them: an answer with ten thousand partitions would
/// take a fifth more memory for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnknownTags(Option<Box<TagList>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TagList(Vec<UnknownTag>);

impl UnknownTags {
    fn keep(&mut self, tag: u32, content: &mut Reader<'_>) -> Result<(), DecodeError> {
        let TagList(tags) = &mut **self.0.get_or_insert_default();
        if tags.len() == tags.capacity() {
            // As a vector grows, and what it grew out of is there until all is moved.
            content.spend((2 * tags.len()).max(8) * size_of::<UnknownTag>())?;
            tags.reserve_exact(tags.len().max(4));
        }
        tags.push(UnknownTag { tag, content: owned_bytes(content)? });
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &UnknownTag> {
        self.0.iter().flat_map(|tags| &tags.0)
    }
}

fn owned_bytes(content: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    content.spend(content.left())?;
    Ok(content.rest().to_vec())
}

/// Writes the tagged section of a struct: the fields it knows, and those it kept without knowing them.
pub(crate) fn write_tags(mut known: Vec<(u32, Writer)>, unknown: &UnknownTags, out: &mut Writer) {
    for UnknownTag { tag, content } in unknown.iter() {
        let mut field = Writer::default();
        field.bytes(content);
        known.push((*tag, field));
    }
    out.tagged_fields(known);
}

/// Reads the tagged section of a struct. `known` says whether the tag was its own; it then has read the content.
pub(crate) fn read_tags<'a>(
    input: &mut Reader<'a>,
    mut known: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, DecodeError>,
) -> Result<UnknownTags, DecodeError> {
    let mut unknown = UnknownTags::default();
    input.tagged_fields(|tag, content| {
        if !known(tag, content)? {
            unknown.keep(tag, content)?;
        }
        Ok(())
    })?;
    Ok(unknown)
}

macro_rules! plain_fields {
    ($($type:ty: $method:ident),*) => {$(
        impl Field for $type {
            fn write(&self, out: &mut Writer, _: Version) {
                out.$method(*self);
            }

            fn read(input: &mut Reader<'_>, _: Version) -> Result<Self, DecodeError> {
                input.$method()
            }
        }
    )*};
}

plain_fields!(bool: bool, i8: i8, i16: i16, i32: i32, i64: i64, Uuid: uuid);

impl Field for ErrorCode {
    fn write(&self, out: &mut Writer, _: Version) {
        out.i16(self.code());
    }

    fn read(input: &mut Reader<'_>, _: Version) -> Result<Self, DecodeError> {
        input.i16().map(Self::new)
    }
}

impl Field for ApiKey {
    fn write(&self, out: &mut Writer, _: Version) {
        out.i16(self.0);
    }

    fn read(input: &mut Reader<'_>, _: Version) -> Result<Self, DecodeError> {
        input.i16().map(Self)
    }
}

impl Field for String {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_string(Some(self), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let text = input.string(version.flexible)?;
        input.spend(text.len())?;
        Ok(text.to_owned())
    }
}

impl Field for Option<String> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_string(self.as_deref(), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let Some(text) = input.nullable_string(version.flexible)? else { return Ok(None) };
        input.spend(text.len())?;
        Ok(Some(text.to_owned()))
    }
}

/// `bytes` in the schemas. A type of its own, because `Vec<u8>` would be an array of one-byte integers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Field for Bytes {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_bytes(Some(&self.0), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let bytes = input.bytes(version.flexible)?;
        input.spend(bytes.len())?;
        Ok(Self(bytes.to_vec()))
    }
}

impl Field for Option<Bytes> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_bytes(self.as_ref().map(|bytes| bytes.0.as_slice()), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let Some(bytes) = input.nullable_bytes(version.flexible)? else { return Ok(None) };
        input.spend(bytes.len())?;
        Ok(Some(Bytes(bytes.to_vec())))
    }
}

impl Field for Segments {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_segments(Some(self), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Bytes::read(input, version).map(|bytes| bytes.0.into())
    }
}

impl Field for Option<Segments> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_segments(self.as_ref(), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Ok(Option::<Bytes>::read(input, version)?.map(|bytes| bytes.0.into()))
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_length(Some(self.len()), version.flexible);
        self.iter().for_each(|element| element.write(out, version));
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let start = *input;
        Option::<Self>::read(input, version)?.ok_or_else(|| start.error(DecodeErrorKind::Null))
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    fn write(&self, out: &mut Writer, version: Version) {
        match self {
            None => out.nullable_length(None, version.flexible),
            Some(elements) => elements.write(out, version),
        }
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let Some(count) = input.nullable_array(version.flexible)? else { return Ok(None) };
        let mut elements = input.room_for(count)?;
        for _ in 0..count {
            elements.push(T::read(input, version)?);
        }
        Ok(Some(elements))
    }
}
