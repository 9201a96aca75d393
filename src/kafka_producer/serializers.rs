//! The serializers of a producer: from a record of the program to a record of bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::bytes_producer::BytesRecord;
use crate::error::{Error, ErrorKind};
use crate::metrics::is_sampled;
use crate::observation::Observer;
use crate::producer::{AddedHeader, SerializationContext, Serializer, with_scratch};
use crate::producer_record::ProducerRecord;
use crate::record::{Header, RecordFields};

pub(super) struct Serializers<K: ?Sized, V: ?Sized> {
    key: Arc<dyn Serializer<K>>,
    value: Arc<dyn Serializer<V>>,
    /// Makes the key of a record without a key from the value.
    key_maker: Option<Arc<dyn Serializer<V>>>,
}

impl<K: ?Sized, V: ?Sized> Serializers<K, V> {
    pub(super) fn new(
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
        key_maker: Option<Arc<dyn Serializer<V>>>,
    ) -> Self {
        Self { key: Arc::new(key), value: Arc::new(value), key_maker }
    }

    /// Runs `send` on the record for `topic` that has the bytes of key and value.
    #[inline]
    pub(super) fn serialize<R>(
        &self,
        topic: &str,
        record: &ProducerRecord<'_, K, V>,
        observer: &Observer,
        send: impl FnOnce(&BytesRecord<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let key = record.key.and_then(|key| self.key.as_bytes(key));
        let value = record.value.and_then(|value| self.value.as_bytes(value));
        if key.is_some() != record.key.is_some()
            || value.is_some() != record.value.is_some()
            || (key.is_none() && self.key_maker.is_some())
        {
            return self.call(topic, record, (key, value), observer, send);
        }
        send(&BytesRecord::new(
            topic,
            record.details,
            RecordFields { key, value, headers: record.all_headers() },
        ))
    }

    /// `key` and `value` are the bytes of those that are bytes already.
    fn call<R>(
        &self,
        topic: &str,
        record: &ProducerRecord<'_, K, V>,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        observer: &Observer,
        send: impl FnOnce(&BytesRecord<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let recorder = observer.recorder();
        // Reading the clock for each record would take longer than many serializers do.
        let start = (recorder.is_on() && is_sampled()).then(|| observer.clock().now());
        let not_serialized = |error: Error| error.of_record_for(topic, record.details.partition);
        with_scratch(|scratch| {
            let context = SerializationContext::key(topic, record.all_headers());
            let key = match (key, record.key, &self.key_maker) {
                (None, Some(key), _) => bytes_of(&*self.key, &context, Some(key), &mut scratch.key),
                (None, None, Some(maker)) => bytes_of(&**maker, &context, record.value, &mut scratch.key),
                (key, ..) => Ok(key),
            };
            let key = key.map_err(not_serialized)?;
            let added = context.into_added_headers();
            let headers = with_added(record.all_headers(), &added);

            let context = SerializationContext::value(topic, &headers);
            let value = match value {
                None => bytes_of(&*self.value, &context, record.value, &mut scratch.value),
                value => Ok(value),
            };
            let value = value.map_err(not_serialized)?;
            let added = context.into_added_headers();
            let headers = with_added(&headers, &added);

            if let Some(start) = start {
                let end = observer.clock().now();
                recorder.serialized(end.since(start), end);
            }
            let fields = RecordFields { key, value, headers: &headers };
            send(&BytesRecord::new(topic, record.details, fields))
        })
    }
}

/// `None` is null.
fn bytes_of<'a, T: ?Sized>(
    serializer: &dyn Serializer<T>,
    context: &SerializationContext<'_>,
    value: Option<&T>,
    out: &'a mut Vec<u8>,
) -> Result<Option<&'a [u8]>, Error> {
    let Some(value) = value else { return Ok(None) };
    match serializer.serialize(context, value, out) {
        Ok(()) if context.is_null() => Ok(None),
        Ok(()) => Ok(Some(out)),
        Err(cause) => {
            let (topic, is_key, reason) = (context.topic().into(), context.is_key(), cause.to_string());
            Err(Error::with_source(ErrorKind::Serialization { topic, is_key, reason }, cause))
        }
    }
}

fn with_added<'a>(headers: &'a [Header<'a>], added: &'a [AddedHeader]) -> Cow<'a, [Header<'a>]> {
    if added.is_empty() {
        return Cow::Borrowed(headers);
    }
    let added = added.iter().map(|(key, value)| Header { key, value: value.as_deref() });
    Cow::Owned(headers.iter().copied().chain(added).collect())
}
