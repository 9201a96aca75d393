//! Writing the primitive types of the protocol, one pass, lengths patched in afterwards.

use super::segments::{Frame, FrameBuilder, Segments};
use super::wire::Uuid;

/// Collects one message. Bytes given as [`Segments`] are referred to, not copied.
#[derive(Default)]
pub(crate) struct Writer {
    frame: FrameBuilder,
}

impl Writer {
    /// A writer of one frame: room for the length stands in front until [`Writer::into_frame`] fills it in.
    pub(crate) fn for_frame() -> Self {
        let mut writer = Self::default();
        writer.bytes(&[0; LENGTH_SIZE]);
        writer
    }

    pub(crate) fn into_frame(mut self) -> Frame {
        let length = clamp_i32(self.frame.len().saturating_sub(LENGTH_SIZE));
        if let Some(prefix) = self.frame.bytes.first_chunk_mut() {
            *prefix = length.to_be_bytes();
        }
        self.frame.build()
    }

    /// All that was written, shared bytes included.
    pub(crate) fn len(&self) -> usize {
        self.frame.len()
    }

    /// Just bytes, without a length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.frame.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.bytes(&[u8::from(value)]);
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.bytes(&value.0);
    }

    pub(crate) fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes(&[value.to_le_bytes()[0] | 0x80]);
            value >>= 7;
        }
        self.bytes(&[value.to_le_bytes()[0]]);
    }

    pub(crate) fn nullable_string(&mut self, value: Option<&str>, flexible: bool) {
        match value {
            None if flexible => self.unsigned_varint(0),
            None => self.i16(-1),
            Some(text) if flexible => {
                self.compact_length(text.len());
                self.bytes(text.as_bytes());
            }
            Some(text) => {
                let text = fit(text);
                self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
                self.bytes(text.as_bytes());
            }
        }
    }

    pub(crate) fn nullable_bytes(&mut self, value: Option<&[u8]>, flexible: bool) {
        self.nullable_length(value.map(<[u8]>::len), flexible);
        self.bytes(value.unwrap_or_default());
    }

    /// Bytes with their length, which are wiped when the frame goes.
    pub(crate) fn secret_bytes(&mut self, value: &[u8], flexible: bool) {
        self.frame.expect_secret(value.len());
        self.nullable_bytes(Some(value), flexible);
    }

    /// The rest of the frame, which is wiped when it goes.
    pub(crate) fn secret(&mut self, bytes: &[u8]) {
        self.frame.expect_secret(bytes.len());
        self.bytes(bytes);
    }

    pub(crate) fn nullable_segments(&mut self, value: Option<&Segments>, flexible: bool) {
        self.nullable_length(value.map(Segments::len), flexible);
        if let Some(segments) = value {
            segments.append_to(&mut self.frame);
        }
    }

    /// What stands before bytes and before the elements of an array.
    pub(crate) fn nullable_length(&mut self, length: Option<usize>, flexible: bool) {
        match length {
            None if flexible => self.unsigned_varint(0),
            None => self.i32(-1),
            Some(length) if flexible => self.compact_length(length),
            Some(length) => self.i32(clamp_i32(length)),
        }
    }

    fn compact_length(&mut self, length: usize) {
        self.unsigned_varint(clamp_i32(length).cast_unsigned() + 1);
    }

    /// Tagged fields, which the protocol wants in the order of their tags. Writes their count too.
    pub(crate) fn tagged_fields(&mut self, mut fields: Vec<(u32, Self)>) {
        fields.sort_by_key(|&(tag, _)| tag);
        self.unsigned_varint(clamp_i32(fields.len()).cast_unsigned());
        for (tag, content) in fields {
            self.unsigned_varint(tag);
            self.unsigned_varint(clamp_i32(content.len()).cast_unsigned());
            self.frame.append(content.frame);
        }
    }
}

/// Strings are limited where they enter (topic names, client id, transactional id). One that is too long for its
/// length field all the same is cut, so that the frame remains one that the broker can read and refuse.
fn fit(text: &str) -> &str {
    let most = usize::from(i16::MAX.unsigned_abs());
    debug_assert!(text.len() <= most, "a string of {} bytes reached the wire", text.len());
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn clamp_i32(length: usize) -> i32 {
    debug_assert!(i32::try_from(length).is_ok(), "{length} bytes in one message");
    i32::try_from(length).unwrap_or(i32::MAX)
}

pub(crate) const LENGTH_SIZE: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::wire::Reader;
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.frame.build().to_vec()
    }

    #[test]
    fn varints_are_read_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX] {
            let bytes = written(|out| out.unsigned_varint(value));
            assert_eq!(Reader::new(&bytes).unsigned_varint(), Ok(value));
        }
    }

    #[test]
    fn null_and_empty_differ() {
        assert_eq!(written(|out| out.nullable_string(None, false)), [0xff, 0xff]);
        assert_eq!(written(|out| out.nullable_string(Some(""), false)), [0, 0]);
        assert_eq!(written(|out| out.nullable_string(None, true)), [0]);
        assert_eq!(written(|out| out.nullable_string(Some("é"), true)), [3, 0xc3, 0xa9]);
        assert_eq!(written(|out| out.nullable_bytes(None, false)), [0xff; 4]);
        assert_eq!(written(|out| out.nullable_bytes(Some(&[]), true)), [1]);
    }

    #[test]
    fn tags_are_sorted() {
        let field = |byte| {
            let mut content = Writer::default();
            content.bytes(&[byte]);
            content
        };
        let bytes = written(|out| out.tagged_fields(vec![(9, field(1)), (2, field(3))]));
        assert_eq!(bytes, [2, 2, 1, 3, 9, 1, 1]);
    }

    #[test]
    fn the_length_counts_shared_bytes() {
        let mut writer = Writer::for_frame();
        let mut segments = Segments::default();
        segments.push_shared(std::sync::Arc::new(vec![7; 5]));
        writer.nullable_segments(Some(&segments), true);
        assert_eq!(writer.into_frame().to_vec(), [0, 0, 0, 6, 6, 7, 7, 7, 7, 7]);
    }
}
