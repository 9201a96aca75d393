//! Runs the interceptors of a producer. A failure in one of them changes nothing for the record and for the others.

use std::any::type_name;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Warnings;
use crate::error::{Count, Error};
use crate::producer::callback::{self, caught};
use crate::producer::future::{FutureRecordMetadata, RecordMetadata};
use crate::producer::interceptor::{InterceptedRecord, ProducerInterceptor};
use crate::sync::Mutex;
use crate::time::Clock;

/// An interceptor, and the name of its type for the log.
#[derive(Clone)]
pub(crate) struct NamedInterceptor {
    name: &'static str,
    interceptor: Arc<dyn ProducerInterceptor>,
}

impl NamedInterceptor {
    pub(crate) fn new<I: ProducerInterceptor + 'static>(interceptor: I) -> Self {
        Self { name: type_name::<I>(), interceptor: Arc::new(interceptor) }
    }
}

/// The interceptors of a producer, in the order in which they are called.
pub(crate) struct Interceptors {
    all: Vec<NamedInterceptor>,
    clock: Clock,
    warnings: Mutex<Warnings>,
}

impl Interceptors {
    /// `None` if there are no interceptors.
    pub(crate) fn new(all: Vec<NamedInterceptor>, clock: Clock) -> Option<Arc<Self>> {
        (!all.is_empty()).then(|| Arc::new(Self { all, clock, warnings: Mutex::default() }))
    }

    /// Passes `record` through all interceptors, and then to `send`. The result of the record gets to the interceptors.
    pub(crate) fn send(
        self: &Arc<Self>,
        record: &InterceptedRecord<'_>,
        send: impl FnOnce(&InterceptedRecord<'_>) -> Result<FutureRecordMetadata, Error>,
    ) -> Result<FutureRecordMetadata, Error> {
        let result = self.through(&self.all, record, send);
        match &result {
            Ok(future) => {
                let interceptors = Arc::clone(self);
                // It is the first callback of the record. It does not make a failure checked.
                future.on_completion(false, move |result| interceptors.acknowledge(result));
            }
            // An interceptor that sends a record for each failure would call itself without end.
            Err(_) if ACKNOWLEDGES.get() => {}
            Err(error) => {
                let _inside = callback::enter();
                self.acknowledge(Err(error));
            }
        }
        result
    }

    /// Each interceptor gets a record that borrows from the record before it. So there is nothing to undo if it fails.
    fn through<R>(
        &self,
        interceptors: &[NamedInterceptor],
        record: &InterceptedRecord<'_>,
        send: impl FnOnce(&InterceptedRecord<'_>) -> R,
    ) -> R {
        let Some((first, rest)) = interceptors.split_first() else { return send(record) };
        let mut changed = record.borrowed();
        // The text of the error is made, and the error is dropped, where a panic is caught.
        let call = || first.interceptor.on_send(&mut changed).map_err(|error| error.to_string());
        let (verb, words) = match caught(call) {
            Ok(Ok(())) => return self.through(rest, &changed, send),
            Ok(Err(words)) => ("failed", words),
            Err(words) => ("panicked", words),
        };
        self.log(first.name, "on_send", verb, &words, "the record is sent without the changes of this call");
        self.through(rest, record, send)
    }

    fn acknowledge(&self, result: Result<&RecordMetadata, &Error>) {
        let outer = ACKNOWLEDGES.replace(true);
        for NamedInterceptor { name, interceptor } in &self.all {
            if let Err(words) = caught(|| interceptor.on_acknowledgement(result)) {
                self.log(name, "on_acknowledgement", "panicked", &words, "the producer continues");
            }
        }
        ACKNOWLEDGES.set(outer);
    }

    #[cold]
    fn log(&self, name: &str, method: &str, verb: &str, words: &str, consequence: &str) {
        let what = format!("{method} of the interceptor {name} {verb}");
        let Some(repeats) = self.warnings.lock().should_log(&what, A_MINUTE, self.clock.now()) else {
            return;
        };
        let repeats = match repeats {
            0 => String::new(),
            more => format!(" ({} since the last line)", Count(more, "more time")),
        };
        // The logger may panic.
        caught(|| log::error!("{what}{repeats}: {words}; {consequence}")).ok();
    }
}

thread_local! {
    /// Whether this thread calls `on_acknowledgement` at this moment.
    static ACKNOWLEDGES: Cell<bool> = const { Cell::new(false) };
}

/// A failure of an interceptor can occur for each record.
const A_MINUTE: Duration = Duration::from_secs(60);
