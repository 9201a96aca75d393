//! What a user thread of a seeded run does, and what it writes down of it.

use std::sync::Weak;

use super::*;

/// A record, and what its sender knows of it.
pub(super) struct Sent {
    /// Records of one sender to one partition keep their order.
    pub(super) sender: usize,
    pub(super) partition: Option<usize>,
    pub(super) value: Vec<u8>,
    pub(super) how: How,
}

pub(super) enum How {
    /// `send` gave it back.
    Refused,
    /// Nobody will ever look.
    Dropped,
    Kept(FutureRecordMetadata),
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) sent: Mutex<Vec<Sent>>,
    pub(super) callbacks: Mutex<[usize; 2]>,
    pub(super) closed: Mutex<bool>,
}

impl Ledger {
    fn note(&self, sent: Sent) {
        self.sent.lock().push(sent);
    }
}

pub(super) struct User {
    pub(super) number: usize,
    pub(super) partitions: usize,
    /// Bytes of a value.
    pub(super) most: usize,
    pub(super) random: fastrand::Rng,
    pub(super) ledger: Arc<Ledger>,
    pub(super) producer: Arc<KafkaProducer>,
}

/// Whoever sends from a callback: the producer's own thread.
const CALLBACKS: usize = 2;

impl User {
    pub(super) fn live(mut self) {
        let actions = self.random.usize(10..60);
        let mut futures = Vec::new();
        for action in 0..actions {
            match self.random.u8(..20) {
                0..=9 => futures.extend(self.send(action)),
                10..=12 => {
                    for burst in 0..self.random.usize(2..12) {
                        futures.extend(self.send(1000 + 100 * action + burst));
                    }
                }
                13 | 14 => {
                    if let Some(future) = self.random.choice(&futures) {
                        let result = future.get(millis(self.random.u64(..100)));
                        note(result.is_ok(), action);
                    }
                }
                15 => {
                    let flushed = self.producer.flush(millis(self.random.u64(..200)));
                    note(flushed.is_ok(), action);
                }
                16 | 17 => {
                    futures.iter().rev().take(1).for_each(|future| self.send_when_done(future, action))
                }
                18 if self.number == 0 && self.random.u8(..8) == 0 => {
                    let closed = self.producer.close(millis(self.random.u64(..2000)));
                    *self.ledger.closed.lock() = true;
                    note(closed.is_ok(), action);
                }
                _ => schedule::me().unwrap().sleep(self.random.u64(..5_000_000)),
            }
        }
    }

    fn send(&mut self, number: usize) -> Option<FutureRecordMetadata> {
        let mut value = format!("{}-{number}-", self.number).into_bytes();
        value.resize(value.len() + self.random.usize(..self.most), b'v');
        let partition = (self.random.u8(..5) > 0).then(|| self.random.usize(..self.partitions));
        let mut record = ProducerRecord::to("t").value(&value[..]);
        if let Some(partition) = partition {
            record = record.partition(partition as i32);
        }
        let result = if self.random.bool() {
            self.producer.send(record).ok()
        } else {
            self.producer.try_send(record).ok()
        };
        let keeps = self.random.u8(..8) > 0;
        let how = match &result {
            None => How::Refused,
            Some(future) if keeps => How::Kept(future.clone()),
            Some(_) => How::Dropped,
        };
        self.ledger.note(Sent { sender: self.number, partition, value, how });
        result.filter(|_| keeps)
    }

    fn send_when_done(&self, future: &FutureRecordMetadata, number: usize) {
        let (ledger, producer) = (Arc::clone(&self.ledger), Arc::downgrade(&self.producer));
        let value = format!("callback-{}-{number}", self.number).into_bytes();
        ledger.callbacks.lock()[0] += 1;
        future.add_both(move |_| {
            ledger.callbacks.lock()[1] += 1;
            let how = match Weak::upgrade(&producer) {
                None => How::Refused,
                Some(producer) => {
                    let record = ProducerRecord::to("t").partition(0).value(&value[..]);
                    producer.send(record).map_or(How::Refused, How::Kept)
                }
            };
            ledger.note(Sent { sender: CALLBACKS, partition: Some(0), value, how });
        });
    }
}

/// What a call came to is part of the trace.
fn note(is_ok: bool, action: usize) {
    if let Some(me) = schedule::me() {
        me.note(&[u8::from(is_ok), action as u8]);
    }
}
