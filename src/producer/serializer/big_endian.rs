//! Numbers as the Java client stores them.

use std::error::Error as StdError;

use crate::producer::serializer::context::SerializationContext;
use crate::producer::serializer::serialize::Serializer;

/// Stores a number or a `bool` as the Java client does: in big-endian byte order, with the width of its type.
///
/// | type | bytes | Java's serializer |
/// |---|---|---|
/// | `i16` | 2 | `ShortSerializer` |
/// | `i32` | 4 | `IntegerSerializer` |
/// | `i64` | 8 | `LongSerializer` |
/// | `f32` | 4 | `FloatSerializer` |
/// | `f64` | 8 | `DoubleSerializer` |
/// | `bool` | 1 (0 or 1) | `BooleanSerializer` |
/// | `i8`, `u8`, `u16`, `u32`, `u64` | 1, 1, 2, 4, 8 | none |
///
/// An unsigned number has the same bytes as the signed number of the same width and bits. Every NaN of type `f64` is stored
/// with the same bytes, as in Java.
///
/// ```
/// use kafka_producer::{BigEndianSerializer, KafkaProducer, ProducerRecord, StringSerializer};
///
/// let producer: KafkaProducer<i32, str> =
///     KafkaProducer::builder().build_with(BigEndianSerializer, StringSerializer)?;
/// let record = ProducerRecord::to("orders").key(&258).value("book"); // the key is 00 00 01 02
/// # let _ = producer.try_send(record);
/// # Ok::<(), kafka_producer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
#[doc(alias = "ShortSerializer")]
#[doc(alias = "IntegerSerializer")]
#[doc(alias = "LongSerializer")]
#[doc(alias = "FloatSerializer")]
#[doc(alias = "DoubleSerializer")]
#[doc(alias = "BooleanSerializer")]
pub struct BigEndianSerializer;

macro_rules! big_endian {
    ($( $type:ty: |$value:ident| $bytes:expr ),* $(,)?) => {$(
        impl Serializer<$type> for BigEndianSerializer {
            fn serialize(
                &self,
                _: &SerializationContext<'_>,
                $value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<(), Box<dyn StdError + Send + Sync>> {
                out.extend_from_slice(&$bytes);
                Ok(())
            }
        }
    )*};
}

big_endian! {
    i8: |value| value.to_be_bytes(),
    i16: |value| value.to_be_bytes(),
    i32: |value| value.to_be_bytes(),
    i64: |value| value.to_be_bytes(),
    u8: |value| value.to_be_bytes(),
    u16: |value| value.to_be_bytes(),
    u32: |value| value.to_be_bytes(),
    u64: |value| value.to_be_bytes(),
    f32: |value| value.to_be_bytes(),
    // Java has `doubleToLongBits` here, and `floatToRawIntBits` for `f32`.
    f64: |value| if value.is_nan() { JAVAS_NAN } else { value.to_bits() }.to_be_bytes(),
    bool: |value| [u8::from(*value)],
}

/// The NaN that `doubleToLongBits` returns for every NaN.
const JAVAS_NAN: u64 = 0x7ff8_0000_0000_0000;
