//! What came in, and how much of it was under way at once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::measure::cpu;

#[derive(Default)]
pub(crate) struct Counts {
    records: AtomicU64,
    batches: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// Of the records, those of the slow node.
    slow_records: AtomicU64,
    /// Produce requests that were read and are not answered yet.
    under_way: AtomicU64,
    most_under_way: AtomicU64,
    /// Of this process when it last told, in nanoseconds.
    cpu: AtomicU64,
}

impl Counts {
    /// A Produce request of `bytes` with these batches.
    pub(crate) fn came(&self, bytes: usize, batches: u64, records: u64) {
        self.records.fetch_add(records, Relaxed);
        self.batches.fetch_add(batches, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn came_slowly(&self, records: u64) {
        self.slow_records.fetch_add(records, Relaxed);
    }

    pub(crate) fn waits(&self) {
        let under_way = self.under_way.fetch_add(1, Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Relaxed);
    }

    pub(crate) fn answered(&self) {
        self.under_way.fetch_sub(1, Relaxed);
    }

    /// What was counted since this was last asked, as one line.
    pub(crate) fn take(&self) -> String {
        let cpu = cpu().as_nanos() as u64;
        let used = cpu - self.cpu.swap(cpu, Relaxed);
        let [records, batches, requests, bytes, slow, most] = [
            &self.records,
            &self.batches,
            &self.requests,
            &self.bytes,
            &self.slow_records,
            &self.most_under_way,
        ]
        .map(|count| count.swap(0, Relaxed));
        format!(
            "records={records} batches={batches} requests={requests} bytes={bytes} slow_records={slow} most_under_way={most} cpu_s={:.2}",
            used as f64 / 1e9
        )
    }
}
