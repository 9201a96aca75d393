//! The result of a batch: a slot that the futures of all its records share, and the only right to complete it.
//!
//! ```text
//!   Pending ──complete──▶ Stored │ Failed          once, by the owner of the Completer; its Drop is a completion too
//!      └──────split─────▶ Split into other slots    the records have moved: ask there
//! ```
//!
//! A failure counts as unchecked until a future or a callback has looked at it. When the last handle of a slot is dropped,
//! nothing can look at it any more. The [`Observer`] then counts it, for the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, Error, ErrorKind, Limit};
use crate::observation::Observer;
use crate::producer::callback::{self, caught};
use crate::producer::failures::Failures;
use crate::protocol::RecordError;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::time::Deadline;
use crate::topic_partition::TopicPartition;

/// The result of a batch.
#[derive(Clone, Debug)]
pub(crate) enum BatchResult {
    Stored {
        /// The offset of the first record. `None` if no broker has named it (acks=0).
        base_offset: Option<i64>,
        /// The broker's own time, if the topic uses it (`message.timestamp.type=LogAppendTime`).
        log_append_time: Option<i64>,
    },
    Failed(Error),
    /// The whole batch was refused because of some of its records. The broker names them by their index in the batch.
    Refused {
        error: Error,
        blamed: Arc<[RecordError]>,
    },
}

impl BatchResult {
    /// The same result, with errors that name the partition.
    fn at(self, topic_partition: &TopicPartition) -> Self {
        match self {
            Self::Stored { .. } => self,
            Self::Failed(error) => Self::Failed(error.at(topic_partition)),
            Self::Refused { error, blamed } => Self::Refused { error: error.at(topic_partition), blamed },
        }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Stored { .. } => None,
            Self::Failed(error) | Self::Refused { error, .. } => Some(error),
        }
    }
}

/// The status of a batch.
enum Status {
    Pending,
    Done(BatchResult),
    /// Refused as too large and split: each part with the index of its first record.
    Split(Arc<[(u32, Arc<ResultSlot>)]>),
}

/// The result of one batch, shared by the futures of its records.
pub(crate) struct ResultSlot {
    pub(super) topic_partition: Arc<TopicPartition>,
    pub(super) observer: Arc<Observer>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    status: Status,
    callbacks: Vec<(u32, Callback)>,
    waiting: u32,
    /// What the first thread that waits has to do.
    hasten: Option<Hasten>,
    progress: Progress,
    /// The records whose failure the program has looked at.
    looked_at: BTreeSet<u32>,
    /// Where the other failures are counted, for `flush`.
    counted: Option<Arc<Failures>>,
}

/// The progress of a batch, for the errors of calls that run out of time.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// The number of records when it was last counted. It is not counted while the batch grows.
    pub(crate) records: u32,
    /// The broker that has the batch and has not answered yet.
    pub(crate) in_flight: Option<Arc<BrokerTrouble>>,
    /// The error of the last attempt.
    pub(crate) last_error: Option<Error>,
}

/// Sends a batch that waits for more records, because a thread waits for its result now.
pub(crate) type Hasten = Box<dyn FnOnce() + Send>;

/// Takes the index of the record in the batch that was sent, and the result of that batch.
pub(super) type Callback = Box<dyn FnOnce(u32, &BatchResult) + Send>;

impl ResultSlot {
    /// The slot, and the only right to complete it.
    pub(crate) fn new(
        topic_partition: Arc<TopicPartition>,
        observer: Arc<Observer>,
    ) -> (Arc<Self>, Completer) {
        let state = State {
            status: Status::Pending,
            callbacks: Vec::new(),
            waiting: 0,
            hasten: None,
            progress: Progress::default(),
            looked_at: BTreeSet::new(),
            counted: None,
        };
        let slot =
            Arc::new(Self { topic_partition, observer, state: Mutex::new(state), changed: Condvar::new() });
        (Arc::clone(&slot), Completer { slot: Some(slot) })
    }

    /// The first thread that waits for the result calls `hasten`, with no lock held. False if a thread waits already.
    pub(crate) fn on_first_wait(&self, hasten: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.state.lock();
        let nobody_waits = state.waiting == 0;
        if nobody_waits && state.hasten.is_none() {
            state.hasten = Some(Box::new(hasten));
        }
        nobody_waits
    }

    pub(crate) fn topic_partition(&self) -> &Arc<TopicPartition> {
        &self.topic_partition
    }

    pub(crate) fn note_records(&self, records: u32) {
        self.state.lock().progress.records = records;
    }

    /// For metrics: the batch has failed.
    pub(crate) fn note_error(&self, records: u32) {
        let (recorder, topic) = (self.observer.recorder(), &self.topic_partition.topic);
        if recorder.is_on() {
            recorder.records_failed(topic, records, self.observer.clock().now());
        }
    }

    pub(crate) fn note_attempt(&self, broker: Arc<BrokerTrouble>) {
        self.state.lock().progress.in_flight = Some(broker);
    }

    pub(crate) fn note_failure(&self, error: &Error) {
        let progress = &mut self.state.lock().progress;
        progress.in_flight = None;
        progress.last_error = Some(error.clone());
    }

    /// The progress of the batch, with all its parts. `None` if it has a result.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let parts = {
            let state = self.state.lock();
            match &state.status {
                Status::Done(_) => return None,
                Status::Pending => return Some(state.progress.clone()),
                Status::Split(parts) => Arc::clone(parts),
            }
        };
        let parts = parts.iter().filter_map(|(_, part)| part.progress());
        parts.reduce(|first, next| Progress {
            records: first.records + next.records,
            in_flight: first.in_flight.or(next.in_flight),
            last_error: first.last_error.or(next.last_error),
        })
    }

    /// The batch has failed. Adds the records whose failure the program has not looked at to the counter that `failures`
    /// chooses. The counter goes down for each that the program looks at later.
    pub(crate) fn count_failures(&self, failures: impl FnOnce(&Error) -> Arc<Failures>) {
        let mut state = self.state.lock();
        let Some((unchecked, error)) = state.unchecked() else { return };
        let failures = failures(error);
        failures.add(unchecked);
        state.counted = Some(failures);
    }

    /// `None` in a forked child if the lock is held by a thread that does not exist there.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        self.state.lock_unless(|| self.observer.process().is_another())
    }

    /// Whether this is a forked child, as of the last tick of the coarse clock. A slot without a result gets none there.
    fn was_forked_off(&self) -> bool {
        self.observer.process().was_another(self.observer.clock().wall_millis())
    }

    /// The result in a forked child for a slot that had none when the process forked. The parent may get another.
    #[cold]
    fn forked_off(&self) -> BatchResult {
        let process = self.observer.process().id();
        BatchResult::Failed(
            Error::new(ErrorKind::UsedAfterFork { process }).maybe_written().at(&self.topic_partition),
        )
    }

    /// The result of record `index`, with its index in the batch that was sent.
    pub(super) fn wait(&self, mut index: u32, deadline: Deadline) -> Option<(u32, BatchResult)> {
        let (mut slot, mut held) = (self, None);
        loop {
            let moved = {
                let Some(mut state) = slot.lock() else { return Some((index, slot.forked_off())) };
                loop {
                    match &state.status {
                        Status::Done(result) => {
                            let result = result.clone();
                            if result.error().is_some() {
                                state.look_at(index);
                            }
                            return Some((index, result));
                        }
                        Status::Split(parts) => break part_of(parts, &mut index),
                        Status::Pending => {}
                    }
                    if slot.observer.process().is_another() {
                        return Some((index, slot.forked_off()));
                    }
                    if deadline.has_passed(slot.observer.clock().now()) {
                        return None;
                    }
                    if let Some(hasten) = state.hasten.take() {
                        drop(state);
                        hasten();
                        state = slot.state.lock();
                        continue;
                    }
                    state.waiting += 1;
                    state = slot.observer.clock().wait(&slot.changed, state, deadline);
                    state.waiting -= 1;
                }
            };
            slot = held.insert(moved);
        }
    }

    pub(super) fn is_done(&self, mut index: u32) -> bool {
        let (mut slot, mut held) = (self, None);
        loop {
            let Some(state) = slot.lock() else { return true };
            let moved = match &state.status {
                Status::Pending => return slot.was_forked_off(),
                Status::Done(_) => return true,
                Status::Split(parts) => part_of(parts, &mut index),
            };
            drop(state);
            slot = held.insert(moved);
        }
    }

    /// Runs `callback` on completion. If the batch is complete, it runs now, on this thread.
    ///
    /// `sees_failure` is false for a callback that is called only for stored records: it does not look at failures.
    pub(super) fn on_completion(&self, mut index: u32, sees_failure: bool, callback: Callback) {
        let (mut slot, mut held) = (self, None);
        loop {
            let Some(mut state) = slot.lock() else {
                return run(callback, index, &slot.forked_off(), &slot.topic_partition);
            };
            let moved = match &state.status {
                Status::Split(parts) => part_of(parts, &mut index),
                Status::Pending if slot.was_forked_off() => {
                    drop(state);
                    return run(callback, index, &slot.forked_off(), &slot.topic_partition);
                }
                Status::Pending => {
                    if sees_failure {
                        state.looked_at.insert(index);
                    }
                    state.callbacks.push((index, callback));
                    return;
                }
                Status::Done(result) => {
                    let result = result.clone();
                    if sees_failure {
                        state.look_at(index);
                    }
                    drop(state);
                    return run(callback, index, &result, &slot.topic_partition);
                }
            };
            drop(state);
            slot = held.insert(moved);
        }
    }

    /// The error of a `get` that has no result after `value`. `None` if the result has come since.
    #[cold]
    pub(super) fn timed_out(&self, value: Duration) -> Option<Error> {
        let Self { topic_partition, observer, .. } = self;
        let Progress { in_flight, last_error, .. } = self.progress()?;
        let how_far = match &last_error {
            Some(error) => format!("; the last attempt: {error}"),
            None if in_flight.is_some() => String::new(),
            None => "; the record has not been sent yet".to_owned(),
        };
        let kind = ErrorKind::Timeout {
            limit: Limit::Call,
            value,
            waited_for: format!("while waiting for the response to a record for {topic_partition}{how_far}"),
            brokers: observer.troubles(in_flight.as_deref()),
        };
        let error = match &last_error {
            Some(last) => Error::after(kind, last),
            None => Error::new(kind),
        };
        Some(error.at(topic_partition))
    }

    /// The number of records that failed and that the program has not looked at.
    #[cfg(test)]
    pub(super) fn unchecked(&self) -> u64 {
        self.state.lock().unchecked().map_or(0, |(records, _)| records)
    }

    /// The number of threads that wait for the result.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> u32 {
        self.state.lock().waiting
    }
}

impl State {
    fn look_at(&mut self, index: u32) {
        if self.looked_at.insert(index)
            && let Some(failures) = &self.counted
        {
            failures.take_one();
        }
    }

    /// The number of records that failed and that the program has not looked at, and the error.
    fn unchecked(&self) -> Option<(u64, &Error)> {
        let Status::Done(result) = &self.status else { return None };
        let error = result.error()?;
        let unchecked = u64::from(self.progress.records).saturating_sub(self.looked_at.len() as u64);
        (unchecked > 0).then_some((unchecked, error))
    }
}

impl Drop for ResultSlot {
    fn drop(&mut self) {
        let Some(state) = self.lock() else { return };
        let Some((unchecked, error)) = state.unchecked() else { return };
        // `flush` or `close` has reported these failures already, and `close` reports what the end of the producer failed.
        let is_reported = state.counted.as_ref().is_some_and(|failures| failures.is_reported());
        if !is_reported && !error.is_closed() {
            self.observer.overlook(unchecked, error);
        }
    }
}

/// The part that record `index` has moved to, with its index there.
fn part_of(parts: &[(u32, Arc<ResultSlot>)], index: &mut u32) -> Arc<ResultSlot> {
    let at = parts.partition_point(|(first, _)| first <= index).saturating_sub(1);
    let (first, slot) = &parts[at];
    *index -= first;
    Arc::clone(slot)
}

/// The right, and the duty, to complete a [`ResultSlot`]. If it is dropped without a result, in any function, the slot
/// fails. So no future waits forever for a batch that was lost.
pub(crate) struct Completer {
    slot: Option<Arc<ResultSlot>>,
}

impl Completer {
    /// Sets the result, wakes the threads that wait, does what is `due`, then runs the callbacks, which may take long.
    pub(crate) fn complete(mut self, result: BatchResult, records: u32, due: impl FnOnce()) {
        self.set_result(result, records, due);
    }

    /// Splits the batch into parts of these numbers of records. Futures and callbacks move to the slots of the parts.
    pub(crate) fn split(mut self, sizes: &[u32]) -> Vec<(Arc<ResultSlot>, Self)> {
        let Some(slot) = self.slot.take() else { return Vec::new() };
        let part = |records: &u32| {
            let (part, completer) =
                ResultSlot::new(Arc::clone(&slot.topic_partition), Arc::clone(&slot.observer));
            part.note_records(*records);
            (part, completer)
        };
        let parts: Vec<_> = sizes.iter().map(part).collect();
        let firsts = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + size)));
        let table: Arc<[_]> = firsts.zip(parts.iter().map(|(part, _)| Arc::clone(part))).collect();
        let mut state = slot.state.lock();
        let (callbacks, looked_at) =
            (std::mem::take(&mut state.callbacks), std::mem::take(&mut state.looked_at));
        state.status = Status::Split(Arc::clone(&table));
        drop(state);
        // The parts can't be completed before this function returns, so no callback comes too late.
        for (mut index, callback) in callbacks {
            let part = part_of(&table, &mut index);
            part.state.lock().callbacks.push((index, callback));
        }
        for mut index in looked_at {
            part_of(&table, &mut index).state.lock().looked_at.insert(index);
        }
        slot.changed.notify_all();
        parts
    }

    /// As dropping it, but does what is `due` before the callbacks run.
    pub(crate) fn lose(mut self, due: impl FnOnce()) {
        self.set_lost(due);
    }

    fn set_lost(&mut self, due: impl FnOnce()) {
        let Some(progress) = self.slot.as_ref().and_then(|slot| slot.progress()) else { return };
        let what = "a batch was dropped without a result".to_owned();
        let error = Error::new(ErrorKind::Bug { what }).maybe_written();
        self.set_result(BatchResult::Failed(error), progress.records.max(1), due);
    }

    fn set_result(&mut self, result: BatchResult, records: u32, due: impl FnOnce()) {
        let Some(slot) = self.slot.take() else { return };
        let result = result.at(&slot.topic_partition);
        let mut state = slot.state.lock();
        state.status = Status::Done(result.clone());
        state.progress.records = records;
        let (callbacks, hasten) = (std::mem::take(&mut state.callbacks), state.hasten.take());
        let somebody_waits = state.waiting > 0;
        drop(state);
        drop(hasten);
        if somebody_waits {
            slot.changed.notify_all();
        }
        due();
        for (index, callback) in callbacks {
            run(callback, index, &result, &slot.topic_partition);
        }
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        self.set_lost(|| ());
    }
}

/// Runs user code. It may panic, and it must not wait for the thread that it runs on.
fn run(callback: Callback, index: u32, result: &BatchResult, topic_partition: &TopicPartition) {
    let _inside = callback::enter();
    if let Err(words) = caught(|| callback(index, result)) {
        // The logger may panic, too.
        caught(|| log::error!("a callback for {topic_partition} panicked: {words}; the producer continues"))
            .ok();
    }
}
