//! The life of a producer, shared by all its parts: whether it is open, until when it may close, how it ended.
//!
//! ```text
//!   from      event                          to
//!   Open      close(deadline, limit)         Closing(deadline, limit)
//!   Closing   close, with an earlier one     Closing(that one): the earliest decides for all who close
//!   Closing   close, with a later one        as it was
//!   any       broke(error), once             Closing(.., defect): the sender thread can't go on, and fails what is left
//!   Closing   ended, by the sender thread    Ended(the same)
//! ```
//!
//! The first caller of `close` whose wait is over computes the result. It is kept for the others.
//!
//! # Appending and the end
//!
//! `send` must not take a lock that all threads share. So it reads [`is_open`](Lifecycle::is_open), an atomic, **under the
//! lock of its partition's queue**. No record is appended to a queue that was emptied for good:
//!
//! - The sender thread empties a queue under that lock, after the producer was closed. A thread that locks the queue later
//!   synchronizes with that unlock, so it sees the store of "not open". The ordering of the lock is enough; the atomic
//!   needs none.
//! - A thread that locked the queue before has finished when the queue is emptied. Its record is among those that are taken
//!   out.
//! - A queue that is not in the topic table when the sender thread lists all queues is made later, under the lock of the
//!   table. So its first user sees the store, too.
//!
//! An append that has read "open" may still hold the queue's lock when `close` is called. Its record must be delivered, and
//! not be found only at the very end. So the sender thread takes all those locks once before it assumes that nothing is
//! left (`thread.rs`). A model checker runs the first two points (`producer/models.rs`).

use std::cell::Cell;
use std::time::Duration;

use crate::error::{BrokerTrouble, Error, ErrorKind, Limit};
use crate::process::Process;
use crate::sync::{AtomicBool, Condvar, Mutex, Ordering};
use crate::time::{Clock, Deadline, Instant};

/// Shared by a producer, its sender thread, and everything that they wait for.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// The process that the sender thread belongs to.
    process: Process,
    /// A copy of "the phase is `Open`", for code that can't take the lock.
    open: AtomicBool,
    /// No other lock is taken while this one is held.
    phase: Mutex<Phase>,
    changed: Condvar,
    /// The result of `close`, once it is known. It has its own lock, because computing the result takes all other locks.
    close_result: Mutex<Option<Result<(), Error>>>,
}

thread_local! {
    /// On a sender thread: the address of its producer's lifecycle. It has no destructor, so it exists until the very end
    /// of a thread, where `std::thread::current` may not work.
    static SENDS_FOR: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
enum Phase {
    Open,
    Closing(Reason),
    Ended(Reason),
}

/// Why a producer is not open any more. At least one field is set.
#[derive(Clone, Debug, Default)]
struct Reason {
    /// A caller closes the producer.
    closing: Option<Closing>,
    /// A defect of this crate ended the sender thread.
    defect: Option<Error>,
}

impl Phase {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Open => None,
            Self::Closing(reason) | Self::Ended(reason) => Some(reason),
        }
    }
}

/// The deadline until which everything should have a result, and the limit that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) deadline: Deadline,
    pub(crate) limit: Limit,
    /// The value of the limit. `None` is no limit.
    pub(crate) value: Option<Duration>,
}

impl Closing {
    pub(crate) fn after(now: Instant, limit: Limit, value: Option<Duration>) -> Self {
        Self { deadline: Deadline::after(now, value), limit, value }
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            process: Process::current(),
            open: AtomicBool::new(true),
            phase: Mutex::new(Phase::Open),
            changed: Condvar::new(),
            close_result: Mutex::new(None),
        }
    }
}

impl Lifecycle {
    /// The lifecycle in a forked child of `process`.
    #[cfg(test)]
    pub(crate) fn of(process: Process) -> Self {
        Self { process, ..Self::default() }
    }

    /// Whether records are accepted. See above for when this value is reliable.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Checks that this is the process that built the producer, and not a forked child of it. It is called before any lock
    /// is taken.
    ///
    /// # Errors
    /// [`ErrorKind::UsedAfterFork`].
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.process.is_another() { Err(self.used_after_fork()) } else { Ok(()) }
    }

    /// As [`check_process`](Self::check_process), at the cost of one comparison, as of the last tick of the coarse clock,
    /// which shows `wall` milliseconds.
    #[inline]
    pub(crate) fn check_process_at(&self, wall: i64) -> Result<(), Error> {
        if self.process.was_another(wall) { Err(self.used_after_fork()) } else { Ok(()) }
    }

    #[cold]
    pub(crate) fn used_after_fork(&self) -> Error {
        Error::new(ErrorKind::UsedAfterFork { process: self.process.id() })
    }

    /// From here on records are refused. The caller has to wake the threads that wait for other things than the end.
    pub(crate) fn close(&self, closing: Closing) {
        let mut phase = self.phase.lock();
        let reason = match &mut *phase {
            Phase::Open => &mut Reason::default(),
            Phase::Closing(reason) => reason,
            Phase::Ended(_) => return,
        };
        if reason.closing.is_some_and(|before| before.deadline <= closing.deadline) {
            return;
        }
        reason.closing = Some(closing);
        *phase = Phase::Closing(reason.clone());
        self.open.store(false, Ordering::Release);
        drop(phase);
        // Threads that wait for the end wait no longer than the earliest deadline.
        self.changed.notify_all();
    }

    /// The sender thread can't go on.
    pub(crate) fn broke(&self, error: Error) {
        let mut phase = self.phase.lock();
        let mut reason = phase.reason().cloned().unwrap_or_default();
        reason.defect.get_or_insert(error);
        *phase = Phase::Closing(reason);
        self.open.store(false, Ordering::Release);
    }

    /// Called by the sender thread, so that it is recognized.
    pub(crate) fn runs_here(&self) {
        SENDS_FOR.set(std::ptr::from_ref(self).addr());
    }

    /// Whether this is the sender thread itself. It can't wait for its own end.
    pub(crate) fn is_sender_here(&self) -> bool {
        SENDS_FOR.get() == std::ptr::from_ref(self).addr()
    }

    /// The sender thread has ended. Everything has a result.
    pub(crate) fn ended(&self) {
        let mut phase = self.phase.lock();
        *phase = Phase::Ended(phase.reason().cloned().unwrap_or_default());
        self.open.store(false, Ordering::Release);
        drop(phase);
        self.changed.notify_all();
    }

    /// The earliest deadline of all callers that close the producer.
    pub(crate) fn closing(&self) -> Option<Closing> {
        if self.is_open() {
            return None;
        }
        self.phase.lock().reason()?.closing
    }

    /// The defect that ended the sender thread, if one did.
    pub(crate) fn defect(&self) -> Option<Error> {
        self.phase.lock().reason()?.defect.clone()
    }

    /// The error of a call that is made when the producer is not open any more, or that waits when it is closed.
    #[cold]
    pub(crate) fn refusal(&self) -> Error {
        self.defect().unwrap_or_else(|| Error::new(ErrorKind::Closed))
    }

    /// The error of a record that was accepted before the end and has no result at the end. It says what ended the producer
    /// and which limit expired. Without a limit there is no such record: the sender thread then ends only when everything has
    /// a result.
    #[cold]
    pub(crate) fn failure(&self, waited_for: String, brokers: Vec<BrokerTrouble>) -> Error {
        match (self.defect(), self.closing()) {
            (None, Some(Closing { limit, value: Some(value), .. })) => {
                Error::new(ErrorKind::Timeout { limit, value, waited_for, brokers })
            }
            _ => self.refusal(),
        }
    }

    /// Waits for the end of the sender thread, until `grace` after the earliest deadline of all callers. False if the
    /// thread has not ended by then.
    pub(crate) fn wait(&self, clock: &Clock, grace: Duration) -> bool {
        let mut phase = self.phase.lock();
        loop {
            if let Phase::Ended(_) = *phase {
                return true;
            }
            let earliest = phase.reason().and_then(|reason| reason.closing?.deadline.instant());
            let deadline = earliest.map_or(Deadline::NEVER, |at| Deadline::at(at + grace));
            if deadline.has_passed(clock.now()) {
                return false;
            }
            phase = clock.wait(&self.changed, phase, deadline);
        }
    }

    /// The result of `close`. The first caller computes it, and all callers get the same.
    pub(crate) fn close_result(&self, find_out: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        // Under the lock, because the other callers wait for the result.
        self.close_result.lock().get_or_insert_with(find_out).clone()
    }

    /// Whether the sender thread has ended.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Ended(_))
    }

    /// Whether a caller of `close` has got a result already.
    pub(crate) fn has_close_result(&self) -> bool {
        self.close_result.lock().is_some()
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    fn after(millis: u64) -> Closing {
        Closing::after(Instant::ZERO, Limit::Close, Some(Duration::from_millis(millis)))
    }

    #[test]
    fn the_earliest_deadline_decides_whoever_comes_first() {
        let lifecycle = Lifecycle::default();
        assert!(lifecycle.is_open() && lifecycle.closing().is_none());
        lifecycle.close(Closing::after(Instant::ZERO, Limit::Close, None));
        assert!(!lifecycle.is_open());
        for (given, decides) in [(200, 200), (300, 200), (100, 100)] {
            lifecycle.close(after(given));
            assert_eq!(lifecycle.closing(), Some(after(decides)));
        }
        lifecycle.ended();
        lifecycle.close(after(1));
        assert_eq!(lifecycle.closing(), Some(after(100)));
        assert!(lifecycle.refusal().is_closed());
    }

    #[test]
    fn a_record_that_the_end_has_failed_says_what_ended_and_which_limit_ran_out() {
        for (limit, text) in [
            (Limit::Close, "the producer was closed; the close timeout of 1s expired for it"),
            (Limit::Drop, "the producer was dropped; the drop timeout of 1s expired for it"),
            (Limit::Exit, "the process ended; exit_timeout_ms of 1s expired for it"),
        ] {
            let lifecycle = Lifecycle::default();
            lifecycle.close(Closing::after(Instant::ZERO, limit, Some(Duration::from_secs(1))));
            let error = lifecycle.failure("for it".to_owned(), Vec::new());
            assert_eq!(error.to_string(), text);
            assert!(error.is_closed() && error.is_timeout() && !error.is_pending());
        }
    }

    #[test]
    fn a_defect_is_the_reason_whoever_closes_before_or_after() {
        for closes_before in [true, false] {
            let lifecycle = Lifecycle::default();
            if closes_before {
                lifecycle.close(after(1));
            }
            lifecycle.broke(Error::new(ErrorKind::Spawn));
            lifecycle.close(after(2));
            // A callback may keep the sender thread from ending. The caller of `close` does not wait for that.
            assert!(!lifecycle.wait(&Clock::System, Duration::ZERO));
            lifecycle.ended();
            assert!(!lifecycle.is_open() && lifecycle.wait(&Clock::System, Duration::ZERO));
            for error in [lifecycle.refusal(), lifecycle.failure(String::new(), Vec::new())] {
                assert!(matches!(error.kind(), ErrorKind::Spawn), "{error}");
            }
        }
    }

    #[test]
    fn whoever_waits_without_end_is_woken_by_an_earlier_deadline() {
        let lifecycle = Lifecycle::default();
        lifecycle.close(Closing::after(Instant::ZERO, Limit::Close, None));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| lifecycle.wait(&Clock::System, Duration::ZERO));
            lifecycle.close(after(0));
            assert!(!waits.join().unwrap());
        });
    }

    #[test]
    fn all_are_told_what_the_first_found_out() {
        let lifecycle = Lifecycle::default();
        assert!(!lifecycle.has_close_result());
        assert!(lifecycle.close_result(|| Err(Error::new(ErrorKind::Spawn))).is_err());
        assert!(lifecycle.close_result(|| Ok(())).is_err() && lifecycle.has_close_result());
    }
}
