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

/// Writes the tagged section of a struct: the fields it knows, and those it kept without knowing them.
pub(crate) fn write_tags(mut known: Vec<(u32, Writer)>, unknown: &[UnknownTag], out: &mut Writer) {
    for UnknownTag { tag, content } in unknown {
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
) -> Result<Vec<UnknownTag>, DecodeError> {
    let mut unknown = Vec::new();
    input.tagged_fields(|tag, mut content| {
        if !known(tag, &mut content)? {
            unknown.push(UnknownTag { tag, content: content.rest().to_vec() });
        }
        content.finish()
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
        input.string(version.flexible).map(str::to_owned)
    }
}

impl Field for Option<String> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_string(self.as_deref(), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Ok(input.nullable_string(version.flexible)?.map(str::to_owned))
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
        Ok(Self(input.bytes(version.flexible)?.to_vec()))
    }
}

impl Field for Option<Bytes> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_bytes(self.as_ref().map(|bytes| bytes.0.as_slice()), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Ok(input.nullable_bytes(version.flexible)?.map(|bytes| Bytes(bytes.to_vec())))
    }
}

impl Field for Segments {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_segments(Some(self), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Ok(input.bytes(version.flexible)?.to_vec().into())
    }
}

impl Field for Option<Segments> {
    fn write(&self, out: &mut Writer, version: Version) {
        out.nullable_segments(self.as_ref(), version.flexible);
    }

    fn read(input: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        Ok(input.nullable_bytes(version.flexible)?.map(|bytes| bytes.to_vec().into()))
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
        let mut elements = input.room_for(count);
        for _ in 0..count {
            elements.push(T::read(input, version)?);
        }
        Ok(Some(elements))
    }
}
