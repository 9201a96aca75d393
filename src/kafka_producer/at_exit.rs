//! The end of the process: producers that nobody has dropped, in a `static` or leaked, send what is buffered.
//!
//! Rust runs no destructors of statics. `dtor` has the linker list a function of ours among those that run when the
//! process ends: when `main` returns and after `std::process::exit`, not when it aborts or is killed. On Linux and the
//! other systems of ELF that is `.fini_array`, on macOS and Windows `atexit`. It runs after what the program has
//! registered with `atexit`, so what is sent there is still taken. Other threads go on meanwhile, the senders' among
//! them; on Windows that is so only when `main` returns, as `std::process::exit` ends all other threads first. In a
//! library that is loaded at run time it runs when that is unloaded.
//!
//! Thread-locals with a destructor are gone on the thread that ends the process. Nothing here has one, nor what it calls;
//! a logger may, and if it panics over it, that is swallowed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::closer::Closer;
use crate::error::Limit;
use crate::process::PerProcess;
use crate::sync::Mutex;

/// The producers that may be there at the end; none is kept alive by that. A forked child has none of its parent's: what
/// those hold is the parent's to send.
static LIVE: PerProcess<Mutex<Vec<Live>>> = PerProcess::new();

struct Live {
    exit_timeout: Duration,
    closer: Weak<Closer>,
}

/// From here on the end of the process closes the producer, if it is still there then, for at most `exit_timeout`.
pub(super) fn register(closer: &Arc<Closer>, exit_timeout: Duration) {
    if exit_timeout.is_zero() {
        return;
    }
    let mut live = LIVE.get_or_make(Mutex::default).lock();
    live.retain(|live| live.closer.strong_count() > 0);
    live.push(Live { exit_timeout, closer: Arc::downgrade(closer) });
}

// What a model checker watches lives only as long as a model.
#[cfg(not(any(loom, shuttle)))]
dtor::declarative::dtor! {
    #[dtor(unsafe)]
    fn at_exit() {
        // A panic must not leave a function that C calls.
        quietly(close_all);
    }
}

/// All at once, so that all share the same time: it takes no longer than the longest `exit_timeout`.
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
            // The thread that ends the process can't wait for itself.
            let (result, whose) = match closer.lifecycle.is_sender_here() {
                true => (closer.result_now(), " inside a callback"),
                false => (closer.result(), ""),
            };
            if let Err(error) = result {
                log::warn!("the process ends{whose}, and not all records were delivered: {error}");
            }
        });
    }
}

fn quietly(step: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
        std::mem::forget(panic);
    }
}
