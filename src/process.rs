//! Which process this is. A forked child has a copy of all memory, and of the threads only the one that forked.
//!
//! So whatever belongs to a producer is dead in a child: nobody sends, a lock that another thread held at that moment
//! stays locked for ever, and the sockets are still the parent's. Every call finds that out before it locks anything or
//! writes a byte.
//!
//! Only the kernel knows, and asking it takes some 50 to 100 ns, more than a `send`. So [`Process::is_another`], which
//! asks, is for calls that wait, wake the sender or reserve memory, and [`Process::was_another`], which asks once for
//! each tick of the coarse clock, for what is done with each record.

use std::cell::Cell;
use std::sync::OnceLock;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

thread_local! {
    /// When this thread asked last, by the coarse clock, and what it was told. Without a destructor, so it is there at a
    /// thread's very end.
    static ASKED: Cell<(i64, u32)> = const { Cell::new((i64::MIN, 0)) };
}

impl Process {
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// One that is not there.
    #[cfg(test)]
    pub(crate) const ELSEWHERE: Self = Self(u32::MAX);

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    /// Whether this is not the current one: then we are in a forked child.
    pub(crate) fn is_another(self) -> bool {
        let is_another = self != Self::current();
        if is_another {
            // From now on the quick question knows it too.
            ASKED.set((i64::MIN, 0));
        }
        is_another
    }

    /// As [`is_another`](Self::is_another), as of the first time in this millisecond, `wall`, that this thread wanted to
    /// know: a child is not found out before the next tick if its parent's thread had asked in the tick in which it
    /// forked.
    #[inline]
    pub(crate) fn was_another(self, wall: i64) -> bool {
        let (at, process) = ASKED.get();
        if at == wall { process != self.0 } else { self.ask(wall) }
    }

    #[cold]
    fn ask(self, wall: i64) -> bool {
        let current = Self::current();
        ASKED.set((wall, current.0));
        self != current
    }
}

/// What there is one of in each process, for a `static`: a child begins anew and does not touch its parent's, which may
/// be locked for ever.
pub(crate) struct PerProcess<T> {
    first: InstanceCell<T>,
}

type InstanceCell<T> = OnceLock<Box<Instance<T>>>;

struct Instance<T> {
    process: Process,
    value: T,
    /// For the child of a process, if it is one.
    next: InstanceCell<T>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { first: OnceLock::new() }
    }

    /// This process's own, if it has any yet.
    pub(crate) fn get(&self) -> Option<&T> {
        self.find().ok()
    }

    /// This process's own, made now if it has none yet.
    pub(crate) fn get_or_make(&self, make: impl Fn() -> T) -> &T {
        loop {
            match self.find() {
                Ok(value) => return value,
                Err(cell) => {
                    let instance =
                        Instance { process: Process::current(), value: make(), next: OnceLock::new() };
                    // Another thread may have been quicker. Not `get_or_init`: a fork while `make` runs would leave
                    // the place locked in the child.
                    drop(cell.set(Box::new(instance)));
                }
            }
        }
    }

    /// It, or the place where it belongs.
    fn find(&self) -> Result<&T, &InstanceCell<T>> {
        let (current, mut cell) = (Process::current(), &self.first);
        while let Some(instance) = cell.get() {
            if instance.process == current {
                return Ok(&instance.value);
            }
            cell = &instance.next;
        }
        Err(cell)
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const CHILD: Process = Process::ELSEWHERE;

    #[test]
    fn a_thread_asks_once_a_tick() {
        let own = Process::current();
        assert!(!own.is_another() && CHILD.is_another());
        assert!(!own.was_another(1) && CHILD.was_another(1));
        // As it is in a child of a thread that has asked in this tick.
        ASKED.set((2, CHILD.0));
        assert!(own.was_another(2) && !CHILD.was_another(2));
        assert!(!own.was_another(3) && CHILD.was_another(3));
        // Whoever has really asked is believed.
        ASKED.set((4, CHILD.0));
        assert!(!CHILD.was_another(4) && CHILD.is_another() && CHILD.was_another(4));
    }

    #[test]
    fn a_child_does_not_use_what_is_its_parents() {
        let per_process = PerProcess::new();
        assert!(per_process.get().is_none());
        let parents = Instance { process: CHILD, value: 1, next: OnceLock::new() };
        assert!(per_process.first.set(Box::new(parents)).is_ok());
        assert!(per_process.get().is_none());
        assert_eq!(*per_process.get_or_make(|| 2), 2);
        assert_eq!((per_process.get(), *per_process.get_or_make(|| 3)), (Some(&2), 2));
    }
}
