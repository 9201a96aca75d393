//! `OwnedRecord`: a record that owns what it holds.

use std::borrow::Borrow;
use std::fmt;

use super::{Details, ProducerRecord};
use crate::record::Header;

/// A [`ProducerRecord`] that owns its topic, key, value and headers, so that it can be kept: in a retry queue, in a channel,
/// in the closure of a callback. It is made by [`ProducerRecord::into_owned`], which copies everything.
///
/// ```
/// use std::collections::VecDeque;
///
/// use kafka_producer::{Error, KafkaProducer, OwnedRecord, ProducerRecord};
///
/// /// Sends `record`, or keeps it if there is no room for it now.
/// fn send_or_keep(
///     producer: &KafkaProducer,
///     later: &mut VecDeque<OwnedRecord>,
///     record: ProducerRecord<'_>,
/// ) -> Result<(), Error> {
///     match producer.try_send(record.clone()) {
///         Ok(_) => Ok(()),
///         Err(error) if error.is_retriable() => {
///             later.push_back(record.into_owned());
///             Ok(())
///         }
///         Err(error) => Err(error),
///     }
/// }
///
/// /// Sends what was kept, in the same order, until there is no room again.
/// fn send_kept(producer: &KafkaProducer, later: &mut VecDeque<OwnedRecord>) -> Result<(), Error> {
///     while let Some(record) = later.front() {
///         match producer.try_send(record.as_record()) {
///             Ok(_) => later.pop_front(),
///             Err(error) if error.is_retriable() => break,
///             Err(error) => return Err(error),
///         };
///     }
///     Ok(())
/// }
/// # let _ = (send_or_keep, send_kept);
/// ```
pub struct OwnedRecord<K: ToOwned + ?Sized = [u8], V: ToOwned + ?Sized = [u8]> {
    topic: String,
    details: Details,
    key: Option<K::Owned>,
    value: Option<V::Owned>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> OwnedRecord<K, V> {
    pub(super) fn of(record: &ProducerRecord<'_, K, V>) -> Self {
        let owned = |header: &Header<'_>| (header.key.to_owned(), header.value.map(<[u8]>::to_owned));
        Self {
            topic: record.topic.to_owned(),
            details: record.details,
            key: record.key.map(K::to_owned),
            value: record.value.map(V::to_owned),
            headers: record.all_headers().iter().map(owned).collect(),
        }
    }

    /// The same record, borrowed, as `send` takes it. If there are headers, this allocates a list for them.
    pub fn as_record(&self) -> ProducerRecord<'_, K, V> {
        let record = ProducerRecord {
            details: self.details,
            key: self.key.as_ref().map(Borrow::borrow),
            value: self.value.as_ref().map(Borrow::borrow),
            ..ProducerRecord::to(&self.topic)
        };
        let headers = self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
        record.with_headers(headers.collect())
    }

    /// The topic that the record is for.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The key; `None` if it is null.
    pub fn key(&self) -> Option<&K> {
        self.key.as_ref().map(Borrow::borrow)
    }

    /// The value; `None` if it is null.
    pub fn value(&self) -> Option<&V> {
        self.value.as_ref().map(Borrow::borrow)
    }
}

impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> Clone for OwnedRecord<K, V> {
    fn clone(&self) -> Self {
        Self::of(&self.as_record())
    }
}

impl<'a, K: ToOwned + ?Sized, V: ToOwned + ?Sized> From<ProducerRecord<'a, K, V>> for OwnedRecord<K, V> {
    fn from(record: ProducerRecord<'a, K, V>) -> Self {
        Self::of(&record)
    }
}

/// Without payload: sizes, not bytes.
impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> fmt::Debug for OwnedRecord<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_record().fmt_as("OwnedRecord", f)
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn an_owned_record_outlives_what_it_was_made_of_and_shows_no_payload() {
        let owned = {
            let (topic, key, value) = ("t".to_owned(), b"key".to_vec(), "value".to_owned());
            let record: ProducerRecord<'_> = ProducerRecord::to(&topic)
                .key(&key)
                .value(&value)
                .partition(3)
                .timestamp_ms(77)
                .header("a", b"1")
                .null_header("b");
            OwnedRecord::from(record)
        };
        for owned in [owned.clone(), owned] {
            assert_eq!(owned.topic(), "t");
            assert_eq!((owned.key(), owned.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
            let record = owned.as_record();
            assert_eq!((record.details.partition, record.details.timestamp), (Some(3), Some(77)));
            assert!(record.all_headers() == [Header::new("a", b"1"), Header::null("b")]);
            assert_eq!(
                format!("{owned:?}"),
                "OwnedRecord { topic: \"t\", partition: Some(3), timestamp: Some(77), key: Some([u8] of 3 bytes), \
                 value: Some([u8] of 5 bytes), headers: 2 }"
            );
        }
    }

    #[test]
    fn typed_keys_and_values_are_cloned_and_null_stays_null() {
        let value = vec![1_u64, 2];
        let record: ProducerRecord<'_, str, Vec<u64>> = ProducerRecord::to("t").value(&value);
        let owned = record.into_owned();
        drop(value);
        assert_eq!((owned.key(), owned.value()), (None, Some(&vec![1, 2])));
        assert!(owned.as_record().all_headers().is_empty());
    }
}
