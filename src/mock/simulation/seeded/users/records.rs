//! What users send.

use super::*;
use crate::record::Header;

/// Of a record, before it is one.
pub(super) struct Draft {
    partition: Option<usize>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
}

impl User {
    pub(super) fn send(&mut self) {
        let Some(producer) = self.producer.clone() else { return };
        self.left = self.left.saturating_sub(1);
        let draft = self.draft();
        let (way, what, limit) = match self.random.u8(..8) {
            0..=3 => (Way::Send, "send", self.plan.max_block),
            4..=6 => (Way::TrySend, "try_send", Duration::ZERO),
            _ => (Way::SendOwned, "send of a copy", self.plan.max_block),
        };
        let at = now();
        let sent = self.timed(what, Some(limit), || {
            let send = || draft.send(&producer, way);
            // A partitioner's panic comes out where it was called.
            catch_unwind(AssertUnwindSafe(send)).ok().flatten().ok_or(())
        });
        let how = match sent {
            Err(()) => How::Refused,
            Ok(future) => match self.random.u8(..8) {
                0 => How::Dropped,
                1..=3 => {
                    self.note_when_done(&future, draft.mark());
                    How::Kept(future)
                }
                _ => How::Kept(future),
            },
        };
        if let How::Kept(future) = &how {
            self.futures.push((draft.mark().to_vec(), future.clone()));
        }
        self.ledger.note(draft.sent(self.number, at, way, how));
    }

    fn draft(&mut self) -> Draft {
        self.sent += 1;
        let (mark, random) = (format!("{}-{}-", self.number, self.sent), &mut self.random);
        let mut value = mark.clone().into_bytes();
        value.resize(value.len() + random.usize(..self.plan.most), b'v');
        let shared = |random: &mut fastrand::Rng| format!("{}", random.u8(..30)).into_bytes();
        let (key, value) = match random.u8(..40) {
            0 => (Some(mark.into_bytes()), None),
            1 => (Some(mark.into_bytes()), Some(Vec::new())),
            2..=20 => (Some(shared(random)), Some(value)),
            _ => (None, Some(value)),
        };
        let header = |random: &mut fastrand::Rng| {
            let value = (random.u8(..4) > 0).then(|| vec![b'h'; random.usize(..6)]);
            (format!("name {}", random.u8(..3)), value)
        };
        let headers = match random.u8(..6) {
            0 => (0..random.usize(1..4)).map(|_| header(random)).collect(),
            _ => Vec::new(),
        };
        Draft {
            partition: match random.u16(..300) {
                0 => Some(99),
                1..=200 => Some(random.usize(..self.plan.partitions)),
                _ => None,
            },
            key,
            value,
            headers,
            timestamp: match random.u16(..400) {
                0 => Some(-1),
                1..=8 => Some(0),
                9..=30 => Some(random.i64(..4_000_000_000_000)),
                _ => None,
            },
        }
    }
}

impl Draft {
    /// What callbacks send.
    pub(super) fn plain(value: Vec<u8>) -> Self {
        Self { partition: Some(0), key: None, value: Some(value), headers: Vec::new(), timestamp: None }
    }

    pub(super) fn mark(&self) -> &[u8] {
        mark(self.key.as_deref(), self.value.as_deref())
    }

    pub(super) fn send(&self, producer: &KafkaProducer, way: Way) -> Option<FutureRecordMetadata> {
        let headers: Vec<_> =
            self.headers.iter().map(|(key, value)| Header::new(key, value.as_deref())).collect();
        let mut record =
            ProducerRecord::to("t").key(self.key.as_deref()).value(self.value.as_deref()).headers(&headers);
        if let Some(partition) = self.partition {
            record = record.partition(partition as i32);
        }
        if let Some(timestamp) = self.timestamp {
            record = record.timestamp_ms(timestamp);
        }
        match way {
            Way::Send | Way::Callback => producer.send(record).ok(),
            Way::TrySend => producer.try_send(record).ok(),
            Way::SendOwned => producer.send(record.into_owned().as_record()).ok(),
        }
    }

    pub(super) fn sent(self, sender: usize, at: Instant, way: Way, how: How) -> Sent {
        let Self { partition, key, value, headers, timestamp } = self;
        Sent { sender, partition, key, value, headers, timestamp, at, way, how }
    }
}
