//! The end of a producer: `close`, dropping it, and the end of the process.

use std::sync::Arc;
use std::time::Duration;

use crate::client::SharedMetadata;
use crate::error::{Error, Limit};
use crate::lifecycle::{Closing, Lifecycle};
use crate::producer::{Inbox, PartitionQueue, RecordAccumulator, TopicTable, is_inside};
use crate::sync::Mutex;
use crate::thread::Join;
use crate::time::Clock;

/// The parts that are needed to end a producer. They are separate from the producer, which may be dropped: the exit hook
/// holds a `Weak` of them.
pub(super) struct Closer {
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) accumulator: RecordAccumulator,
    pub(super) topics: Arc<TopicTable>,
    pub(super) metadata: Arc<SharedMetadata>,
    pub(super) inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    pub(super) clock: Clock,
    pub(super) thread: Mutex<Option<Join>>,
}

impl Closer {
    pub(super) fn close(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.lifecycle.check_process()?;
        if is_inside() {
            if timeout != Some(Duration::ZERO) {
                log::warn!(
                    "close was called inside a callback; it returns at once, and pending records fail"
                );
            }
            self.begin(Limit::Close, Some(Duration::ZERO));
            return Ok(());
        }
        self.begin(Limit::Close, timeout);
        let result = self.result();
        self.join();
        result
    }

    /// The producer is dropped. Sends what is buffered, for at most five seconds. Failures are logged. In a forked child
    /// this does nothing.
    pub(super) fn dropped(self: &Arc<Self>) {
        if self.lifecycle.check_process().is_err() {
            // Dropping the handle of a thread that does not exist here could hit another thread that has its memory.
            std::mem::forget(Arc::clone(self));
            return;
        }
        if self.lifecycle.has_close_result() {
            return;
        }
        self.begin(Limit::Drop, Some(DROP_TIMEOUT));
        if is_inside() {
            // This thread must not wait for itself. The sender thread ends later without it.
            return;
        }
        if let Err(error) = self.result() {
            log::warn!("a producer was dropped; some records were not delivered: {error}");
        }
        self.join();
    }

    /// Refuses further records, wakes the threads that wait, and notifies the sender.
    pub(super) fn begin(&self, limit: Limit, value: Option<Duration>) {
        self.lifecycle.close(Closing::after(self.clock.now(), limit, value));
        self.accumulator.pool().wake();
        self.metadata.wake();
        self.inbox.close();
    }

    /// Waits for the end, at most until the earliest deadline of all callers. All of them get the same result.
    pub(super) fn result(&self) -> Result<(), Error> {
        // The sender thread keeps the deadline itself. The grace is for the time it takes to fail the records that are
        // left. If a callback blocks the thread for longer, the caller of `close` does not wait for it.
        if !self.lifecycle.wait(&self.clock, GRACE) {
            log::warn!("the background thread has not ended in time, because a callback is still running");
        }
        self.result_now()
    }

    /// The result without waiting.
    pub(super) fn result_now(&self) -> Result<(), Error> {
        let closing = self.lifecycle.closing();
        self.lifecycle.close_result(|| self.accumulator.close(closing, &self.topics))
    }

    /// Joins the sender thread if it has ended.
    fn join(&self) {
        if !self.lifecycle.is_ended() {
            return;
        }
        let join = self.thread.lock().take();
        if let Some(join) = join {
            join();
        }
    }
}

const DROP_TIMEOUT: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_millis(25);
