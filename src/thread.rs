//! The sender thread: the one loop, and the only place where the producer's logic and the sockets meet.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::client::SharedMetadata;
use crate::error::{Error, ErrorKind};
use crate::net::{Io, Network};
use crate::producer::{Sender, TopicTable};
use crate::sync::{Condvar, Mutex};
use crate::time::{Clock, Deadline};

/// Everything the thread owns or ends.
pub(crate) struct SenderThread<N: Network> {
    pub(crate) sender: Sender,
    pub(crate) io: Io<N>,
    pub(crate) clock: Clock,
    pub(crate) topics: Arc<TopicTable>,
    pub(crate) metadata: Arc<SharedMetadata>,
    pub(crate) exit: Arc<Exit>,
}

impl<N: Network + Send + 'static> SenderThread<N>
where
    N::Stream: Send,
{
    pub(crate) fn spawn(self, name: String) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(name).spawn(move || self.run())
    }

    fn run(mut self) {
        let error = match catch_unwind(AssertUnwindSafe(|| self.go_round())) {
            Ok(Ok(())) => Error::new(ErrorKind::Closed),
            Ok(Err(error)) => broken(format!("the sender's poll failed: {error}")),
            Err(panic) => {
                let error = broken(format!("the sender panicked: {}", words_of(&*panic)));
                std::mem::forget(panic);
                error
            }
        };
        // After a panic the sender's state may be anything. So each step is on its own, the one that matters most
        // comes first, and whoever waits for the end is told in any case.
        let Self { mut sender, mut io, clock, topics, metadata, exit } = self;
        if !error.is_closed() {
            quietly(|| *exit.cause.lock() = Some(error.clone()));
        }
        // Closed first: what is appended before is failed below, and nothing is after.
        quietly(|| topics.close());
        quietly(|| metadata.close());
        if error.is_closed() {
            quietly(|| sender.give_up_rest(&topics.queues()));
        }
        let fail_queued = |sender: &mut Sender| {
            // Each queue on its own as well: what stops one must not leave the futures of another waiting.
            let mut queues = Vec::new();
            quietly(|| queues = topics.queues());
            queues
                .iter()
                .for_each(|queue| quietly(|| sender.fail_queued(&error, std::slice::from_ref(queue))));
        };
        fail_queued(&mut sender);
        quietly(|| sender.fail_under_way(&error, clock.now()));
        // An answer heard at the very end may have put a batch back, and a panic kept it there.
        fail_queued(&mut sender);
        quietly(|| drop(io.flush(&clock, sender.client_mut())));
        quietly(|| drop(sender));
        exit.done();
        if !error.is_closed() {
            quietly(|| log::error!("{error}; every record that waited has failed"));
        }
    }

    fn go_round(&mut self) -> io::Result<()> {
        let Self { sender, io, clock, .. } = self;
        loop {
            sender.hear(clock.now());
            if !sender.act(clock.now()) {
                return Ok(());
            }
            io.flush(clock, sender.client_mut())?;
            let deadline = sender.sleep_until(clock.now());
            io.wait(deadline, clock, sender.client_mut())?;
        }
    }
}

/// On the way out one more panic changes nothing; what it throws may panic when it is dropped.
fn quietly(step: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
        std::mem::forget(panic);
    }
}

fn broken(what: String) -> Error {
    Error::new(ErrorKind::Bug { what })
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// "The sender thread has ended", for those who wait for it no longer than they want.
#[derive(Default)]
pub(crate) struct Exit {
    over: Mutex<bool>,
    changed: Condvar,
    /// Of an end that nobody asked for.
    cause: Mutex<Option<Error>>,
}

impl Exit {
    fn done(&self) {
        *self.over.lock() = true;
        self.changed.notify_all();
    }

    /// Why it has ended, if not because of `close`.
    pub(crate) fn cause(&self) -> Option<Error> {
        self.cause.lock().clone()
    }

    /// False if the deadline came first.
    pub(crate) fn wait(&self, clock: &Clock, deadline: Deadline) -> bool {
        let mut over = self.over.lock();
        while !*over {
            if deadline.has_passed(clock.now()) {
                return false;
            }
            over = clock.wait(&self.changed, over, deadline);
        }
        true
    }
}
