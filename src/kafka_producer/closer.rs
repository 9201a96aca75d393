//! The end of a producer, as its users bring it about: `close`, dropping it, and the end of the process.

use std::sync::Arc;
use std::time::Duration;

use crate::client::SharedMetadata;
use crate::error::{Error, Limit};
use crate::lifecycle::{Closing, Lifecycle};
use crate::producer::{Inbox, PartitionQueue, RecordAccumulator, TopicTable, is_inside};
use crate::sync::Mutex;
use crate::thread::Join;
use crate::time::Clock;

/// What ends a producer. Apart from the producer, which may be dropped: the exit hook finds it by a `Weak`.
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
                    "close was called inside a callback: it does not wait, and records without a result fail"
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

    /// The producer is dropped: sends what is left, for at most five seconds; what fails after that is logged. In a forked
    /// child nothing happens at all.
    pub(super) fn dropped(self: &Arc<Self>) {
        if self.lifecycle.check_process().is_err() {
            // To let go of a thread that is not there may hit another one, which has got its place in memory.
            std::mem::forget(Arc::clone(self));
            return;
        }
        if self.lifecycle.has_close_result() {
            return;
        }
        self.begin(Limit::Drop, Some(DROP_TIMEOUT));
        if is_inside() {
            // Nobody can wait here; the thread goes on by itself.
            return;
        }
        if let Err(error) = self.result() {
            log::warn!("a producer was dropped, and not all records were delivered: {error}");
        }
        self.join();
    }

    /// Refuses further records, wakes who blocks, and tells the sender.
    pub(super) fn begin(&self, limit: Limit, value: Option<Duration>) {
        self.lifecycle.close(Closing::after(self.clock.now(), limit, value));
        self.accumulator.pool().wake();
        self.metadata.wake();
        self.inbox.close();
    }

    /// Waits for the end, at most until the earliest deadline of all who close; tells all of them the same.
    pub(super) fn result(&self) -> Result<(), Error> {
        // The thread keeps the deadline itself. The grace is for failing the rest; a callback that blocks the thread
        // for longer must not block whoever closes.
        if !self.lifecycle.wait(&self.clock, GRACE) {
            log::warn!("the background thread has not ended in time, because a callback is still running");
        }
        self.result_now()
    }

    /// As things are.
    pub(super) fn result_now(&self) -> Result<(), Error> {
        let closing = self.lifecycle.closing();
        self.lifecycle.close_result(|| self.accumulator.close(closing, &self.topics))
    }

    /// Lets the thread go that has run to its end.
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
