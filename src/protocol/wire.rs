//! Reading the primitive types of the protocol out of borrowed bytes.
//!
//! Nothing here trusts a length: bytes are lent before anything is copied, and a count announced by the peer is
//! weighed against what is left of the input before memory is set aside for it. All that is set aside for one input
//! is paid for out of one credit, 8 times its length and 48 KiB: elements in memory may be many times larger than
//! they are on the wire, and arrays stand inside arrays.

use std::fmt;

/// Walks over bytes; every method takes what it returns off the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// Where `input` begins in the whole, so that errors inside a part name the place in the whole.
    base: usize,
    /// How many bytes may still be set aside for what is read.
    credit: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, base: 0, credit: credit(input.len()) }
    }

    /// How far into the whole input the next byte is.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.at
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.input.len() - self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.input[self.at..].get(..count) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => Err(self.error(DecodeErrorKind::Truncated { wanted: count, left: self.left() })),
        }
    }

    /// A reader of the next `count` bytes, which leave this one. The credit goes with it, until
    /// [`take_back`](Self::take_back).
    pub(crate) fn sub(&mut self, count: usize) -> Result<Self, DecodeError> {
        let base = self.offset();
        Ok(Self { input: self.take(count)?, at: 0, base, credit: std::mem::take(&mut self.credit) })
    }

    /// What a [`sub`](Self::sub) has left of the credit.
    pub(crate) fn take_back(&mut self, sub: &Self) {
        self.credit = sub.credit;
    }

    /// Before `bytes` are set aside for what is read.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.credit.checked_sub(bytes) {
            Some(credit) => {
                self.credit = credit;
                Ok(())
            }
            None => Err(self.error(DecodeErrorKind::TooMuch { bytes })),
        }
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.input[self.at..];
        self.at = self.input.len();
        rest
    }

    /// Refuses what nobody has read.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            count => Err(self.error(DecodeErrorKind::TrailingBytes { count })),
        }
    }

    /// An error at the place this reader has come to.
    pub(crate) fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { kind, offset: self.offset(), field: None }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Any byte but zero is true, as brokers have it.
    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.u8()? != 0)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid)
    }

    /// An unsigned varint of at most 32 bits (KIP-482).
    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let value = self.base_128(u32::BITS)?;
        u32::try_from(value).map_err(|_| self.error(DecodeErrorKind::VarintTooLong { bits: u32::BITS }))
    }

    /// A zigzag varint of at most 32 bits, as records have it.
    pub(crate) fn varint(&mut self) -> Result<i32, DecodeError> {
        let value = self.unsigned_varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A zigzag varint of at most 64 bits.
    pub(crate) fn varlong(&mut self) -> Result<i64, DecodeError> {
        let value = self.base_128(u64::BITS)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Seven bits a byte, the lowest first, the top bit set on all but the last byte.
    fn base_128(&mut self, bits: u32) -> Result<u64, DecodeError> {
        let start = *self;
        let mut value = 0_u64;
        let mut shift = 0;
        loop {
            let byte = self.u8()?;
            let low = u64::from(byte & 0x7f);
            if shift >= bits || (low << shift) >> shift != low {
                return Err(start.error(DecodeErrorKind::VarintTooLong { bits }));
            }
            value |= low << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// A length of 16 bits; null is -1.
    fn short_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let start = *self;
        let length = i64::from(self.i16()?);
        start.length_or_null(length)
    }

    /// A length of 32 bits; null is -1.
    fn long_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let start = *self;
        let length = i64::from(self.i32()?);
        start.length_or_null(length)
    }

    fn length_or_null(&self, length: i64) -> Result<Option<usize>, DecodeError> {
        match length {
            -1 => Ok(None),
            _ => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.error(DecodeErrorKind::NegativeLength { length })),
            },
        }
    }

    /// A varint length that is one higher than what it says; null is 0.
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize))
    }

    pub(crate) fn nullable_string(&mut self, flexible: bool) -> Result<Option<&'a str>, DecodeError> {
        let length = if flexible { self.compact_length()? } else { self.short_length()? };
        length.map(|length| self.utf8(length)).transpose()
    }

    pub(crate) fn string(&mut self, flexible: bool) -> Result<&'a str, DecodeError> {
        let start = *self;
        self.nullable_string(flexible)?.ok_or_else(|| start.error(DecodeErrorKind::Null))
    }

    /// The next `length` bytes, as text.
    pub(crate) fn utf8(&mut self, length: usize) -> Result<&'a str, DecodeError> {
        let start = *self;
        std::str::from_utf8(self.take(length)?).map_err(|_| start.error(DecodeErrorKind::NotUtf8))
    }

    pub(crate) fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, DecodeError> {
        let length = if flexible { self.compact_length()? } else { self.long_length()? };
        length.map(|length| self.take(length)).transpose()
    }

    pub(crate) fn bytes(&mut self, flexible: bool) -> Result<&'a [u8], DecodeError> {
        let start = *self;
        self.nullable_bytes(flexible)?.ok_or_else(|| start.error(DecodeErrorKind::Null))
    }

    /// How many elements follow, or null. Never more than there are bytes left, since each takes one at least.
    pub(crate) fn nullable_array(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let start = *self;
        let count = if flexible { self.compact_length()? } else { self.long_length()? };
        match count {
            Some(count) if count > self.left() => {
                Err(start.error(DecodeErrorKind::TooMany { count, left: self.left() }))
            }
            count => Ok(count),
        }
    }

    /// An empty vector with room for `count` elements. It then never grows: one that does takes up to three times as much
    /// for a while.
    pub(crate) fn room_for<T>(&mut self, count: usize) -> Result<Vec<T>, DecodeError> {
        self.spend(count.saturating_mul(size_of::<T>()))?;
        Ok(Vec::with_capacity(count))
    }

    /// Hands each tagged field (KIP-482) to `field`: its tag, and a reader of just its bytes.
    pub(crate) fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            let mut content = self.sub(size as usize)?;
            field(tag, &mut content)?;
            content.finish()?;
            self.take_back(&content);
        }
        Ok(())
    }

    pub(crate) fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        self.tagged_fields(|_, content| {
            content.rest();
            Ok(())
        })
    }
}

/// What may be set aside for an input of `length` bytes.
fn credit(length: usize) -> usize {
    length.saturating_mul(8).saturating_add(48 << 10)
}

/// Shows how much is left, never the bytes, which may be somebody's data.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("offset", &self.offset()).field("left", &self.left()).finish()
    }
}

/// A topic's identity: unlike its name, never used again once the topic is deleted. All zeros is "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl Uuid {
    pub(crate) const ZERO: Self = Self([0; 16]);
}

/// As Kafka's tools print it: URL-safe base 64 without padding.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const DIGIT_COUNT: u32 = 22;
        let bits = u128::from_be_bytes(self.0);
        for index in 0..DIGIT_COUNT {
            // 22 digits are 132 bits: the last digit holds the four spare ones, as zeros.
            let above = 128_u32.checked_sub(6 * (index + 1));
            let digit = above.map_or(bits << 4, |above| bits >> above) & 0x3f;
            write!(f, "{}", char::from(DIGITS[digit as usize]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

/// Bytes that are not what they should be: what is wrong, in which field if that is known, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    pub(crate) kind: DecodeErrorKind,
    /// From the start of the frame, or of whatever was decoded on its own.
    pub(crate) offset: usize,
    /// `Struct.field`, the innermost one.
    pub(crate) field: Option<&'static str>,
}

impl DecodeError {
    /// Names the field that was being read, unless one further in was named already.
    pub(crate) fn within(self, field: &'static str) -> Self {
        Self { field: self.field.or(Some(field)), ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeErrorKind {
    Truncated {
        wanted: usize,
        left: usize,
    },
    TrailingBytes {
        count: usize,
    },
    VarintTooLong {
        bits: u32,
    },
    NegativeLength {
        length: i64,
    },
    TooMany {
        count: usize,
        left: usize,
    },
    /// What is read would take more memory than is set aside for an input of that length.
    TooMuch {
        bytes: usize,
    },
    Null,
    NotUtf8,
    /// The message has no such version, or none that we speak.
    Version {
        version: i16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::Truncated { wanted, left } => {
                write!(f, "{wanted} more bytes were expected, but only {left} bytes are left")?;
            }
            DecodeErrorKind::TrailingBytes { count } => {
                write!(f, "{count} bytes follow the end of the message")?
            }
            DecodeErrorKind::VarintTooLong { bits } => write!(f, "a varint has more than {bits} bits")?,
            DecodeErrorKind::NegativeLength { length } => write!(f, "the length {length} is negative")?,
            DecodeErrorKind::TooMany { count, left } => {
                write!(f, "the message claims {count} elements, but only {left} bytes are left")?;
            }
            DecodeErrorKind::TooMuch { bytes } => {
                write!(
                    f,
                    "{bytes} more bytes of memory would be needed, which is too much for a message of this length"
                )?;
            }
            DecodeErrorKind::Null => write!(f, "null is not allowed")?,
            DecodeErrorKind::NotUtf8 => write!(f, "a string is not UTF-8")?,
            DecodeErrorKind::Version { version } => write!(f, "version {version} is not supported")?,
        }
        if let Some(field) = self.field {
            write!(f, " in {field}")?;
        }
        write!(f, ", at byte {}", self.offset)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind<T: fmt::Debug>(result: Result<T, DecodeError>) -> DecodeErrorKind {
        result.unwrap_err().kind
    }

    #[test]
    fn integers_are_big_endian() {
        let mut reader = Reader::new(&[0xff, 0, 2, 0xff, 0xff, 0xff, 0xfe, 1, 9]);
        assert_eq!(reader.i8(), Ok(-1));
        assert_eq!(reader.i16(), Ok(2));
        assert_eq!(reader.i32(), Ok(-2));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.offset(), 8);
        assert_eq!(kind(reader.i16()), DecodeErrorKind::Truncated { wanted: 2, left: 1 });
        assert_eq!(kind(reader.finish()), DecodeErrorKind::TrailingBytes { count: 1 });
    }

    #[test]
    fn varints_may_not_be_wider_than_their_type() {
        assert_eq!(Reader::new(&[0xac, 0x02]).unsigned_varint(), Ok(300));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unsigned_varint(), Ok(u32::MAX));
        let too_long = DecodeErrorKind::VarintTooLong { bits: 32 };
        assert_eq!(kind(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x10]).unsigned_varint()), too_long);
        assert_eq!(kind(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]).unsigned_varint()), too_long);
        assert_eq!(Reader::new(&[0x01]).varint(), Ok(-1));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(i32::MIN));
        let widest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&widest).varlong(), Ok(i64::MIN));
        let wider = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(kind(Reader::new(&wider).varlong()), DecodeErrorKind::VarintTooLong { bits: 64 });
        assert_eq!(kind(Reader::new(&[0x80]).varint()), DecodeErrorKind::Truncated { wanted: 1, left: 0 });
    }

    #[test]
    fn null_is_not_empty() {
        assert_eq!(Reader::new(&[0xff, 0xff]).nullable_string(false), Ok(None));
        assert_eq!(Reader::new(&[0, 0]).nullable_string(false), Ok(Some("")));
        assert_eq!(Reader::new(&[0]).nullable_string(true), Ok(None));
        assert_eq!(Reader::new(&[1]).nullable_string(true), Ok(Some("")));
        assert_eq!(kind(Reader::new(&[0]).string(true)), DecodeErrorKind::Null);
        assert_eq!(Reader::new(&[0xff; 4]).nullable_bytes(false), Ok(None));
        let negative = DecodeErrorKind::NegativeLength { length: -2 };
        assert_eq!(kind(Reader::new(&[0xff, 0xff, 0xff, 0xfe]).nullable_bytes(false)), negative);
    }

    #[test]
    fn an_incredible_count_reserves_nothing() {
        let mut reader = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 0]);
        let too_many = DecodeErrorKind::TooMany { count: 0x7fff_ffff, left: 1 };
        assert_eq!(kind(reader.nullable_array(false)), too_many);
        let room = |count| Reader::new(&[0; 10]).room_for::<[u8; 1024]>(count).map(|room| room.capacity());
        assert_eq!(room(48), Ok(48));
        assert_eq!(kind(room(49)), DecodeErrorKind::TooMuch { bytes: 49 << 10 });
    }

    #[test]
    fn parts_pay_out_of_the_same_credit() {
        let mut reader = Reader::new(&[1, 7, 2, 9, 9]);
        reader.spend(40 << 10).unwrap();
        let within = reader.tagged_fields(|_, content| {
            content.rest();
            content.spend(8 << 10)
        });
        assert_eq!((within, reader.is_empty()), (Ok(()), true));
        assert_eq!(reader.spend(40), Ok(()));
        let error = reader.spend(1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 more bytes of memory would be needed, which is too much for a message of this length, at byte 5"
        );
    }

    #[test]
    fn errors_inside_a_part_name_the_place_in_the_whole() {
        // One tagged field: tag 7, two bytes.
        let mut reader = Reader::new(&[1, 7, 2, 9, 9]);
        let result = reader.tagged_fields(|tag, field| {
            assert_eq!(tag, 7);
            field.u8()?;
            field.i32().map(drop).map_err(|error| error.within("Inner.field").within("Outer.field"))
        });
        let error = result.unwrap_err();
        let sentence = "4 more bytes were expected, but only 1 bytes are left in Inner.field, at byte 4";
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn uuids_print_as_kafka_prints_them() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }
}
