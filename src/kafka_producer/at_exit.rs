//! The end of the process: producers that are not dropped, because they are in a `static` or leaked, send what is buffered.
//!
//! Rust runs no destructors of statics. `dtor` makes the linker list a function of this crate among those that run when the
//! process ends: when `main` returns and after `std::process::exit`, not when the process aborts or is killed. On Linux and
//! other ELF systems that list is `.fini_array`, on macOS and Windows it is `atexit`. The function runs after the functions
//! that the program has registered with `atexit`, so records that those send are sent too. Other threads, also the sender
//! threads, go on meanwhile. On Windows they go on only when `main` returns, because `std::process::exit` ends all other
//! threads first. In a library that is loaded at run time the function runs when the library is unloaded.
//!
//! On the thread that ends the process, thread-locals with a destructor are gone. This code and what it calls have none. A
//! logger may have one. If it panics because of that, the panic is ignored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::closer::Closer;
use crate::error::Limit;
use crate::process::PerProcess;
use crate::sync::Mutex;

/// The producers that may exist at the end. The list keeps none of them alive. A forked child has none of its parent's
/// producers: the parent sends their records.
static LIVE: PerProcess<Mutex<Vec<Live>>> = PerProcess::new();

struct Live {
    exit_timeout: Duration,
    closer: Weak<Closer>,
}

/// If the producer still exists when the process ends, the process closes it, with the limit `exit_timeout`.
pub(super) fn register(closer: &Arc<Closer>, exit_timeout: Duration) {
    if exit_timeout.is_zero() {
        return;
    }
    let mut live = LIVE.get_or_make(Mutex::default).lock();
    live.retain(|live| live.closer.strong_count() > 0);
    live.push(Live { exit_timeout, closer: Arc::downgrade(closer) });
}

// State that a model checker watches lives only as long as one model.
#[cfg(not(any(loom, shuttle)))]
dtor::declarative::dtor! {
    #[dtor(unsafe)]
    fn at_exit() {
        // A panic must not leave a function that C calls.
        quietly(close_all);
    }
}

/// Closes all producers at once, so that it takes no longer than the longest `exit_timeout`.
fn close_all() {
    let Some(live) = LIVE.get() else { return };
    let live: Vec<Live> = std::mem::take(&mut *live.lock());
    let live: Vec<(Duration, Arc<Closer>)> = live
        .into_iter()
        .filter_map(|live| Some((live.exit_timeout, live.closer.upgrade()?)))
        .filter(|(_, closer)| !closer.lifecycle.has_close_result())
        .collect();
    for (exit_timeout, closer) in &live {
        let timeout = if closer.lifecycle.is_sender_here() { Duration::ZERO } else { *exit_timeout };
        quietly(|| closer.begin(Limit::Exit, Some(timeout)));
    }
    for (_, closer) in &live {
        quietly(|| {
            // If the sender thread itself ends the process, it can't wait for its own end.
            let (result, whose) = match closer.lifecycle.is_sender_here() {
                true => (closer.result_now(), " inside a callback"),
                false => (closer.result(), ""),
            };
            if let Err(error) = result {
                log::warn!("the process ends{whose}; some records were not delivered: {error}");
            }
        });
    }
}

fn quietly(step: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
        std::mem::forget(panic);
    }
}
