//! What users write down of what they have sent, and of the calls that they have made.

use std::collections::BTreeMap;

use super::*;

/// A record, and what its sender knows of it.
pub(in super::super) struct Sent {
    /// Records of one sender to one partition keep their order, but for those of [`CALLBACKS`].
    pub(in super::super) sender: usize,
    pub(in super::super) partition: Option<usize>,
    pub(in super::super) key: Option<Vec<u8>>,
    pub(in super::super) value: Option<Vec<u8>>,
    pub(in super::super) headers: Vec<(String, Option<Vec<u8>>)>,
    /// As given; without one it is the time of the call.
    pub(in super::super) timestamp: Option<i64>,
    /// When the call began.
    pub(in super::super) at: Instant,
    pub(in super::super) way: Way,
    pub(in super::super) how: How,
}

/// By which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Way {
    Send,
    TrySend,
    SendOwned,
    /// By `send` inside a callback, which does not wait.
    Callback,
}

pub(in super::super) enum How {
    /// The call gave it back, or a partitioner panicked.
    Refused,
    /// Nobody will ever look.
    Dropped,
    Kept(FutureRecordMetadata),
}

/// A call that may wait.
#[derive(Clone, Debug)]
pub(in super::super) struct Call {
    pub(in super::super) who: usize,
    pub(in super::super) what: &'static str,
    /// `None` is for ever.
    pub(in super::super) limit: Option<Duration>,
    pub(in super::super) began: Instant,
    pub(in super::super) took: Duration,
    pub(in super::super) ok: bool,
}

/// A call that has said that it has waited for everything, and a record of its thread that had no result then.
#[derive(Clone, Debug)]
pub(in super::super) struct Unawaited {
    pub(in super::super) what: &'static str,
    pub(in super::super) ended: Instant,
    pub(in super::super) mark: Vec<u8>,
}

#[derive(Default)]
pub(in super::super) struct Ledger {
    pub(in super::super) sent: Mutex<Vec<Sent>>,
    pub(in super::super) calls: Mutex<Vec<Call>>,
    pub(in super::super) unawaited: Mutex<Vec<Unawaited>>,
    /// When futures got their results, as callbacks saw it; of a part of the records, by their marks.
    pub(in super::super) resolved: Mutex<BTreeMap<Vec<u8>, Instant>>,
    /// Asked for, and called.
    pub(in super::super) callbacks: Mutex<[usize; 2]>,
    pub(in super::super) closed: Mutex<bool>,
}

/// What no two records have in common: the value, or if there is none or an empty one, the key.
pub(in super::super) fn mark<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> &'a [u8] {
    value.filter(|value| !value.is_empty()).or(key).unwrap_or_default()
}

impl Ledger {
    /// The same seed sends the same records by the same calls, which take as long.
    pub(in super::super) fn trace(&self, me: &Me) {
        for Sent { way, at, timestamp, headers, .. } in &*self.sent.lock() {
            me.note(&[*way as u8, headers.len() as u8]);
            me.note(&at.nanos().to_be_bytes());
            me.note(&timestamp.unwrap_or(-1).to_be_bytes());
        }
        for Call { who, what, limit, began, took, ok } in &*self.calls.lock() {
            me.note(what.as_bytes());
            me.note(&[*who as u8, u8::from(*ok), u8::from(limit.is_some())]);
            me.note(&began.nanos().to_be_bytes());
            me.note(&took.as_nanos().to_be_bytes());
        }
    }

    pub(super) fn note(&self, sent: Sent) {
        self.sent.lock().push(sent);
    }

    pub(super) fn time<T, E>(
        &self,
        who: usize,
        what: &'static str,
        limit: Option<Duration>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let began = now();
        let result = call();
        let (took, ok) = (now().since(began), result.is_ok());
        self.calls.lock().push(Call { who, what, limit, began, took, ok });
        result
    }
}

/// Whoever sends from callbacks: the producer's own thread, or one that adds a callback to what is done.
pub(in super::super) const CALLBACKS: usize = usize::MAX;
