//! Values as JSON.

use std::error::Error as StdError;

use serde::Serialize;

use crate::producer::serializer::context::SerializationContext;
use crate::producer::serializer::serialize::Serializer;

/// Stores any value that serde can serialize as JSON in UTF-8. Requires the feature `json`.
///
/// The JSON is compact: it has no blanks and no line breaks outside of strings. Python's `json.dumps`, which programs with
/// kafka-python often use, writes the same value in a different form. A consumer that parses the JSON reads the same value,
/// but equal values have different bytes. This matters for keys, because the bytes of a key choose its partition.
///
/// | | this serializer | `json.dumps` |
/// |---|---|---|
/// | after `,` and `:` | nothing | a blank, unless `separators=(",", ":")` is set |
/// | characters other than ASCII | as UTF-8 | as `\uXXXX`, unless `ensure_ascii=False` is set |
/// | order of keys | the order of a struct's fields; `serde_json::Value` sorts its keys, unless `serde_json` has the feature `preserve_order` | the order of insertion, unless `sort_keys=True` is set |
/// | NaN and infinity | `null` | `NaN`, `Infinity` and `-Infinity`, which are not valid JSON |
///
/// `send` fails if the value has no JSON form, for example a map whose keys are lists.
///
/// ```
/// use kafka_producer::{JsonSerializer, KafkaProducer, ProducerRecord, StringSerializer};
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     items: Vec<String>,
///     cents: u64,
/// }
///
/// let producer: KafkaProducer<str, Order> =
///     KafkaProducer::builder().build_with(StringSerializer, JsonSerializer)?;
/// let order = Order { items: vec!["book".to_owned()], cents: 1_999 };
/// let record = ProducerRecord::to("orders").key("ada").value(&order); // {"items":["book"],"cents":1999}
/// # let _ = producer.try_send(record);
/// # Ok::<(), kafka_producer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
#[doc(alias = "json_serializer")]
pub struct JsonSerializer;

impl<T: Serialize + ?Sized> Serializer<T> for JsonSerializer {
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(serde_json::to_writer(out, value)?)
    }
}
