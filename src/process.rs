//! The identity of the process. A forked child has a copy of all memory, but only the thread that forked.
//!
//! So a producer is unusable in a child: no thread sends, a lock that another thread held stays locked forever, and the
//! sockets belong to the parent. Every call checks this before it locks anything or writes a byte.
//!
//! Only the kernel knows the process, and asking it takes 50 to 100 ns, more than a `send`. So calls that wait, wake the
//! sender or reserve memory use [`Process::is_another`], which asks the kernel. Code that runs for each record uses
//! [`Process::was_another`], which asks once for each tick of the coarse clock.

use std::cell::Cell;
use std::sync::OnceLock;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

thread_local! {
    /// When this thread asked the kernel last, by the coarse clock, and the answer. It has no destructor, so it exists
    /// until the very end of a thread.
    static ASKED: Cell<(i64, u32)> = const { Cell::new((i64::MIN, 0)) };
}

impl Process {
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// A process that does not exist.
    #[cfg(test)]
    pub(crate) const ELSEWHERE: Self = Self(u32::MAX);

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    /// Whether this is not the current process. Then this code runs in a forked child.
    pub(crate) fn is_another(self) -> bool {
        let is_another = self != Self::current();
        if is_another {
            // From now on `was_another` knows it, too.
            ASKED.set((i64::MIN, 0));
        }
        is_another
    }

    /// As [`is_another`](Self::is_another), but it asks the kernel only once per millisecond `wall` in each thread. If the
    /// thread has asked in the tick in which it forks, the child is detected only after that tick.
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

/// A value that exists once in each process, for a `static`. A child starts with a new one and does not touch its parent's,
/// which may be locked forever.
pub(crate) struct PerProcess<T> {
    first: InstanceCell<T>,
}

type InstanceCell<T> = OnceLock<Box<Instance<T>>>;

struct Instance<T> {
    process: Process,
    value: T,
    /// The value of a child of this process, if there is one.
    next: InstanceCell<T>,
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { first: OnceLock::new() }
    }

    /// The value of this process, if it exists.
    pub(crate) fn get(&self) -> Option<&T> {
        self.find().ok()
    }

    /// The value of this process. It is made now if it does not exist.
    pub(crate) fn get_or_make(&self, make: impl Fn() -> T) -> &T {
        loop {
            match self.find() {
                Ok(value) => return value,
                Err(cell) => {
                    let instance =
                        Instance { process: Process::current(), value: make(), next: OnceLock::new() };
                    // Another thread may have been faster. This is not `get_or_init`: if the process forks while `make`
                    // runs, the cell would stay locked in the child.
                    drop(cell.set(Box::new(instance)));
                }
            }
        }
    }

    /// The value, or the empty cell that it belongs to.
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
        // The state of a child whose parent thread has asked in this tick.
        ASKED.set((2, CHILD.0));
        assert!(own.was_another(2) && !CHILD.was_another(2));
        assert!(!own.was_another(3) && CHILD.was_another(3));
        // An answer of the kernel is believed.
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
