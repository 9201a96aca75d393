//! The end of a batch: its result, its failures for `flush`, and its callbacks, in the order in which they must come.

use std::sync::Arc;

use crate::producer::result::{BatchResult, Completer, ResultSlot};
use crate::producer::unfinished::Unfinished;

/// The completer of a batch's slot, and its entry among the unfinished batches, in the order in which they must end.
pub(crate) struct Completion {
    completer: Option<Completer>,
    pub(super) slot: Arc<ResultSlot>,
    /// The last field, so it is dropped last: when `flush` returns, the failures whose futures are gone have been counted.
    entry: Entry,
}

/// The entry among the unfinished batches. The batch leaves when this is dropped, and in no other way. So a batch leaves
/// once, also if user code panics.
struct Entry {
    unfinished: Arc<Unfinished>,
    batch_id: u64,
    /// If the batch was split, each part leaves by itself.
    in_parts: bool,
}

impl Completion {
    /// Also returns the flush epoch of the batch.
    pub(crate) fn new(
        completer: Completer,
        slot: Arc<ResultSlot>,
        unfinished: Arc<Unfinished>,
    ) -> (Self, u64) {
        let (batch_id, epoch) = unfinished.enter(Arc::clone(&slot));
        let entry = Entry { unfinished, batch_id, in_parts: false };
        (Self { completer: Some(completer), slot, entry }, epoch)
    }

    pub(super) fn batch_id(&self) -> u64 {
        self.entry.batch_id
    }

    /// One for each part of a batch that is split.
    pub(super) fn split(mut self, sizes: &[u32]) -> Vec<Self> {
        let Some(completer) = self.completer.take() else { return Vec::new() };
        let Entry { unfinished, batch_id, in_parts } = &mut self.entry;
        unfinished.split(*batch_id, sizes.len());
        *in_parts = true;
        let part = |(slot, completer)| Self {
            completer: Some(completer),
            slot,
            entry: Entry { unfinished: Arc::clone(unfinished), batch_id: *batch_id, in_parts: false },
        };
        completer.split(sizes).into_iter().map(part).collect()
    }

    pub(super) fn complete(mut self, result: BatchResult, records: u32) {
        let Some(completer) = self.completer.take() else { return };
        let failed = result.error().is_some();
        // Before the callbacks: a thread that waits for a shorter time than the callbacks take must see the failure, too.
        completer.complete(result, records, || {
            if failed {
                self.slot.note_error(records);
                self.entry.unfinished.failed(&self.slot);
            }
        });
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(lost) = self.completer.take() {
            lost.lose(|| self.entry.unfinished.failed(&self.slot));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.in_parts {
            self.unfinished.leave(self.batch_id);
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::observation::Observer;
    use crate::time::Clock;
    use crate::topic_partition::TopicPartition;

    #[test]
    fn a_batch_that_is_lost_is_noted_before_its_callbacks_run() {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(Clock::System));
        let unfinished = Arc::new(Unfinished::default());
        let (completion, _) = Completion::new(completer, Arc::clone(&slot), Arc::clone(&unfinished));
        let (tell, told) = mpsc::channel();
        // A flush that waits for a shorter time than the callback takes.
        let flush = move || unfinished.report(&unfinished.cut(), None, Default::default()).is_err();
        slot.on_completion(0, false, Box::new(move |_, _| tell.send(flush()).unwrap()));
        drop(completion);
        assert!(told.recv().unwrap(), "flush says that all is well");
    }
}
