//! The sender thread: the one loop, and the only place that uses both the producer's logic and the sockets.

#[cfg(test)]
mod errands;
mod reporting;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::client::SharedMetadata;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::net::{Io, Network};
use crate::producer::{MetricsSource, Sender, TopicTable, enter, has_run, panic_message};
use crate::time::{Clock, Deadline};
use crate::topic_partition::TopicPartition;

/// The body of a thread.
pub(crate) type Body = Box<dyn FnOnce() + Send>;
/// Waits until a thread has ended.
pub(crate) type Join = Box<dyn FnOnce() + Send>;

#[cfg(test)]
pub(crate) use errands::{Errands, Step};
pub(crate) use reporting::Reporting;

/// Everything that the thread owns or ends.
pub(crate) struct SenderThread<N: Network> {
    pub(crate) sender: Sender,
    pub(crate) io: Io<N>,
    pub(crate) clock: Clock,
    pub(crate) topics: Arc<TopicTable>,
    pub(crate) metadata: Arc<SharedMetadata>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) metrics: MetricsSource,
    pub(crate) reporting: Reporting,
    #[cfg(test)]
    pub(crate) errands: Errands,
}

/// Why the loop ended.
enum Left {
    /// The producer is closed and nothing is left to do.
    Over,
    /// This is the copy of the thread in a forked child.
    Forked,
}

impl<N: Network> SenderThread<N> {
    /// Runs until the producer ends. No panic leaves this function.
    pub(crate) fn run(mut self) {
        // Callbacks, loggers and the destructors of captured values run on this thread. A call that waits there would wait
        // for itself.
        let _inside = enter();
        self.lifecycle.runs_here();
        let error = match catch_unwind(AssertUnwindSafe(|| self.go_round())) {
            Ok(Ok(Left::Over)) => None,
            // Everything that this thread has belongs to the parent, and locks may be held forever. The child ends with
            // this thread.
            Ok(Ok(Left::Forked)) => return std::mem::forget(self),
            Ok(Err(error)) => Some(broken(format!("polling the sockets failed: {error}"))),
            Err(panic) => {
                let error = broken(format!("the background thread panicked: {}", panic_message(&*panic)));
                std::mem::forget(panic);
                Some(error)
            }
        };
        // After a panic the sender's state may be anything. So each step is run on its own, the most important one first,
        // and the threads that wait for the end are woken in any case.
        let Self { mut sender, mut io, clock, topics, metadata, lifecycle, metrics, mut reporting, .. } =
            self;
        // This comes first: records that are appended before it are failed below, and none is appended after it.
        if let Some(error) = &error {
            quietly(|| lifecycle.broke(error.clone()));
        }
        quietly(|| metadata.wake());
        let mut brokers = Vec::new();
        if error.is_none() {
            quietly(|| brokers = sender.give_up_rest(&topics.queues()));
        }
        let failure = |topic_partition: &TopicPartition, maybe_written: bool| {
            let failure = |waited_for| lifecycle.failure(waited_for, brokers.clone());
            match maybe_written {
                true => {
                    failure(format!("while waiting for the response to the records for {topic_partition}"))
                        .maybe_written()
                }
                false => failure(format!("before the records for {topic_partition} could be sent")),
            }
        };
        let fail_queued = |sender: &mut Sender| {
            // Each queue is failed on its own, too. What stops one must not leave the futures of another one waiting.
            let mut queues = Vec::new();
            quietly(|| queues = topics.queues());
            queues.iter().for_each(|queue| quietly(|| sender.fail_queued(&failure, queue)));
        };
        fail_queued(&mut sender);
        quietly(|| sender.fail_in_flight(&failure, clock.now()));
        // An answer that was read at the end may have put a batch back, and a panic may have left it there.
        fail_queued(&mut sender);
        quietly(|| reporting.report_last(&metrics));
        if lifecycle.check_process().is_err() {
            // One of the callbacks has forked.
            return std::mem::forget((sender, io, metrics, reporting));
        }
        quietly(|| drop(io.flush(&clock, sender.client_mut())));
        quietly(|| drop(sender));
        lifecycle.ended();
        if let Some(error) = error {
            quietly(|| log::error!("{error}; all records without a result have failed"));
        }
    }

    fn go_round(&mut self) -> io::Result<Left> {
        let Self { sender, io, clock, topics, lifecycle, metrics, reporting, .. } = self;
        let mut heard = clock.now();
        let measures = metrics.recorder().is_on();
        loop {
            #[cfg(test)]
            let run_errands = |step, sender: &mut Sender| {
                while let Some(errand) = self.errands.next(step) {
                    errand(sender, clock.now());
                }
            };
            #[cfg(test)]
            run_errands(Step::Hear, sender);
            let now = clock.now();
            if measures {
                metrics.recorder().polled(io.take_polls(now), now);
            }
            sender.hear(now, heard);
            #[cfg(test)]
            run_errands(Step::Act, sender);
            let acted = sender.act(clock.now(), heard);
            reporting.report_due(metrics, clock);
            // A callback may fork and return in the child, too. There, this loop would write to the parent's brokers and
            // read their answers.
            if has_run() && lifecycle.check_process().is_err() {
                return Ok(Left::Forked);
            }
            if !acted {
                // A thread that has seen the producer open appends under the lock of its queue. After this no thread does.
                topics.pass_through();
                if sender.is_over(clock.now()) {
                    if sender.has_unfinished() {
                        // This thread may have been delayed. An answer that is in a socket by now has come in time.
                        heard = io.wait(Deadline::at(clock.now()), clock, sender.client_mut())?;
                        sender.hear(clock.now(), heard);
                    }
                    return Ok(Left::Over);
                }
            }
            #[cfg(test)]
            run_errands(Step::Write, sender);
            let start = measures.then(|| clock.now());
            io.flush(clock, sender.client_mut())?;
            #[cfg(test)]
            run_errands(Step::Sleep, sender);
            let now = clock.now();
            if let Some(start) = start {
                io.note_flush(now.since(start));
            }
            let deadline = sender.sleep_until(now).min(reporting.next());
            #[cfg(test)]
            run_errands(Step::Wait, sender);
            heard = io.wait(deadline, clock, sender.client_mut())?;
        }
    }
}

/// On the way out, one more panic changes nothing. Its payload may panic when it is dropped.
fn quietly(step: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
        std::mem::forget(panic);
    }
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::Bug { what })
}
