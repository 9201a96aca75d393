//! What a run tells of itself: what happened, for whoever wants to know why it failed, and how often rare things did.
//! Nothing of it changes the run, and it is no part of its trace.

use std::any::Any;
use std::collections::BTreeMap;

use super::{Me, me};

/// Something that happened.
pub(crate) struct Entry {
    /// Nanoseconds since the run began.
    pub(crate) at: u64,
    /// The name of the thread that told it.
    pub(crate) who: String,
    pub(crate) what: Box<dyn Any + Send>,
}

/// When, on which thread, and what.
type Line = (u64, usize, Box<dyn Any + Send>);

#[derive(Default)]
pub(super) struct Told {
    /// `None` in runs that nobody will ask.
    entries: Option<Vec<Line>>,
    counts: BTreeMap<&'static str, u64>,
}

impl Me {
    pub(crate) fn keep_a_story(&self) {
        self.run.lock().told.entries.get_or_insert_default();
    }

    /// Everything that was told until now, in order.
    pub(crate) fn take_story(&self) -> Vec<Entry> {
        let mut state = self.run.lock();
        let entries = state.told.entries.take().unwrap_or_default();
        let name = |thread: usize| state.threads[thread].name.clone();
        entries.into_iter().map(|(at, thread, what)| Entry { at, who: name(thread), what }).collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.run.lock().told.counts.clone()
    }
}

/// Tells something if the run of this thread keeps a story. The words are made when somebody asks.
pub(crate) fn tell<T: Any + Send>(what: impl FnOnce() -> T) {
    let Some(me) = me() else { return };
    let mut state = me.run.lock();
    let now = state.now;
    if let Some(entries) = &mut state.told.entries {
        entries.push((now, me.thread, Box::new(what())));
    }
}

/// Counts something rare in the run of this thread.
pub(crate) fn count(what: &'static str) {
    if let Some(me) = me() {
        *me.run.lock().told.counts.entry(what).or_default() += 1;
    }
}
