//! A schedule for tests: of the threads of a run exactly one goes on at a time, and at every operation of `sync` a
//! seeded generator decides which. Time is a number; when nobody can go on, it jumps to the earliest deadline that
//! somebody waits for. If there is none, nobody ever will, and the run fails and says who waits where.
//!
//! Each simulated thread is one of the machine's, so the code under test is what it is in earnest. They hand one turn
//! around: whoever has not got it waits for it. The same seed gives the same run, and [`Run::trace`] says whether it did.

#![expect(clippy::disallowed_types, reason = "below the door: this is what watches those who go through it")]
#![cfg_attr(not(feature = "mock"), allow(dead_code, reason = "the simulation needs the mock broker"))]

mod told;

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use told::Told;
pub(crate) use told::count;
#[cfg(feature = "mock")]
pub(crate) use told::tell;

/// How much the generator meddles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// At one operation of so many another thread goes on; 0: only where this one has to wait.
    pub(crate) switch: u32,
    /// At one operation of so many some time passes; 0: only where nobody can go on.
    pub(crate) delay: u32,
    /// After so many operations in a row a thread gives its turn up all the same: it may be spinning.
    pub(crate) turn: u64,
}

/// One run of a seed.
pub(crate) struct Run {
    serial: u32,
    seed: u64,
    state: Mutex<State>,
}

struct State {
    habits: Habits,
    random: fastrand::Rng,
    now: u64,
    threads: Vec<Thread>,
    running: usize,
    failure: Option<Arc<str>>,
    numbers: u32,
    holders: BTreeMap<u32, usize>,
    trace: u64,
    operations: u64,
    /// Of these, in the turn that goes on.
    in_a_row: u64,
    told: Told,
}

struct Thread {
    name: String,
    waits: Option<Waits>,
    /// The last wait was ended by its deadline.
    timed_out: bool,
    done: bool,
    turn: Arc<Condvar>,
}

struct Waits {
    on: On,
    number: u32,
    deadline: Option<u64>,
    place: &'static Location<'static>,
}

/// What a thread can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Lock,
    Condvar,
    Network,
    /// The end of another thread.
    Thread,
    /// Its deadline, and nothing else.
    Time,
    /// That nobody else can go on without time passing.
    Quiet,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Notified,
    TimedOut,
    /// The run has failed, and this thread unwinds: nobody decides any more who goes on.
    Failed,
}

impl Woken {
    pub(crate) fn is_scheduled(self) -> bool {
        self != Self::Failed
    }
}

/// What a lock or a condition variable is called in a run: given at its first use there.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

/// A thread of a run.
#[derive(Clone)]
pub(crate) struct Me {
    run: Arc<Run>,
    thread: usize,
}

thread_local! {
    static ME: RefCell<Option<Me>> = const { RefCell::new(None) };
}

/// This thread, if it belongs to a run.
pub(crate) fn me() -> Option<Me> {
    ME.try_with(|me| me.borrow().clone()).ok().flatten()
}

/// Somebody else may go on here.
pub(crate) fn point() {
    if let Some(me) = me() {
        me.point();
    }
}

/// Of the run that this thread belongs to.
pub(crate) fn now() -> u64 {
    me().expect("simulated time is that of a run").now()
}

impl Run {
    /// Begins a run, with the calling thread as its first.
    pub(crate) fn begin(seed: u64, habits: Habits) -> Me {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let state = State {
            habits,
            random: fastrand::Rng::with_seed(seed),
            now: 0,
            threads: vec![Thread::new("the test's own")],
            running: 0,
            failure: None,
            numbers: 0,
            holders: BTreeMap::new(),
            trace: 0xcbf2_9ce4_8422_2325,
            operations: 0,
            in_a_row: 0,
            told: Told::default(),
        };
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let me = Me { run: Arc::new(Self { serial, seed, state: Mutex::new(state) }), thread: 0 };
        me.enter();
        me
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, state: &mut State, number: &Number) -> u32 {
        let known = number.0.load(Ordering::Relaxed);
        if known >> 32 == u64::from(self.serial) {
            return known as u32;
        }
        state.numbers += 1;
        number.0.store(u64::from(self.serial) << 32 | u64::from(state.numbers), Ordering::Relaxed);
        state.numbers
    }

    fn fail(&self, state: &mut State, what: &str) {
        if state.failure.is_some() {
            return;
        }
        let mut text = format!("seed {}: {what}", self.seed);
        for (index, thread) in state.threads.iter().enumerate() {
            let _ = write!(text, "\n  {} ({}): ", index, thread.name);
            let _ = match (&thread.waits, thread.done) {
                (_, true) => write!(text, "has ended"),
                (None, _) => write!(text, "can go on"),
                (Some(waits), _) => {
                    let holder = state.holders.get(&waits.number).filter(|_| waits.on == On::Lock);
                    let holder = holder.map_or(String::new(), |holder| format!(", which {holder} has"));
                    write!(text, "waits for {:?} {}{holder}, at {}", waits.on, waits.number, waits.place)
                }
            };
        }
        state.failure = Some(text.into());
        state.threads.iter().for_each(|thread| thread.turn.notify_all());
    }

    /// Gives the turn to one who can take it, after as little time as possible. Nobody has it if nobody is left.
    fn pass_on(&self, state: &mut State) {
        loop {
            let ready: Vec<usize> =
                (0..state.threads.len()).filter(|it| state.threads[*it].is_ready()).collect();
            if let Some(next) = state.random.choice(ready) {
                if state.running != next {
                    (state.running, state.in_a_row) = (next, 0);
                }
                state.threads[next].turn.notify_all();
                return;
            }
            if let Some(quiet) = state.threads.iter_mut().find(|thread| thread.waits_on(On::Quiet)) {
                quiet.wake(false);
            } else if let Some(deadline) = state.next_deadline() {
                state.now = state.now.max(deadline);
                state.wake_late();
            } else if state.threads.iter().all(|thread| thread.done) {
                return;
            } else {
                return self.fail(state, "nobody can ever go on");
            }
        }
    }
}

impl State {
    fn next_deadline(&self) -> Option<u64> {
        self.threads.iter().filter_map(|thread| thread.waits.as_ref()?.deadline).min()
    }

    fn wake_late(&mut self) {
        let now = self.now;
        for thread in &mut self.threads {
            if thread.waits.as_ref().and_then(|waits| waits.deadline).is_some_and(|deadline| deadline <= now)
            {
                thread.wake(true);
            }
        }
    }

    fn note(&mut self, word: u64) {
        self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }
}

impl Thread {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), waits: None, timed_out: false, done: false, turn: Arc::default() }
    }

    fn is_ready(&self) -> bool {
        self.waits.is_none() && !self.done
    }

    fn waits_on(&self, on: On) -> bool {
        self.waits.as_ref().is_some_and(|waits| waits.on == on)
    }

    fn wake(&mut self, timed_out: bool) {
        self.waits = None;
        self.timed_out = timed_out;
    }
}

impl Me {
    fn enter(&self) {
        ME.with(|me| *me.borrow_mut() = Some(self.clone()));
        fastrand::seed(self.run.seed ^ (self.thread as u64) << 32);
    }

    /// This thread belongs to no run any more.
    pub(crate) fn leave(self) {
        ME.with(|me| *me.borrow_mut() = None);
    }

    /// Nanoseconds since the run began. Once it has failed time flies, so that every wait with an end comes to it.
    pub(crate) fn now(&self) -> u64 {
        const HOUR: u64 = 3_600_000_000_000;
        let mut state = self.run.lock();
        if state.failure.is_some() {
            state.now = state.now.saturating_add(HOUR);
        }
        state.now
    }

    /// Another thread may go on here.
    pub(crate) fn point(&self) {
        let mut state = self.run.lock();
        if state.failure.is_some() {
            return self.give_way(state);
        }
        state.operations += 1;
        if state.operations > MOST_OPERATIONS {
            self.run.fail(&mut state, "it goes round in circles");
            return self.give_way(state);
        }
        state.in_a_row += 1;
        if state.in_a_row > state.habits.turn {
            // It spins, for something that another thread does, or time.
            let others = (0..state.threads.len()).any(|it| it != self.thread && state.threads[it].is_ready());
            if let Some(deadline) = state.next_deadline().filter(|_| !others) {
                state.now = state.now.max(deadline);
                state.wake_late();
            }
            state.in_a_row = 0;
            self.run.pass_on(&mut state);
            return drop(self.await_turn(state));
        }
        let Habits { switch, delay, .. } = state.habits;
        if delay > 0 && state.random.u32(..delay) == 0 {
            state.now += state.random.u64(..2_000_000);
            state.wake_late();
        }
        if switch > 0 && state.random.u32(..switch) == 0 {
            self.run.pass_on(&mut state);
            drop(self.await_turn(state));
        }
    }

    /// Waits until it is notified or until `deadline`.
    #[track_caller]
    pub(crate) fn park(&self, on: On, number: &Number, deadline: Option<u64>) -> Woken {
        let mut state = self.run.lock();
        let number = self.run.number(&mut state, number);
        self.park_in(state, on, number, deadline, Location::caller())
    }

    fn park_in<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        on: On,
        number: u32,
        deadline: Option<u64>,
        place: &'static Location<'static>,
    ) -> Woken {
        if state.failure.is_none() {
            state.threads[self.thread].waits = Some(Waits { on, number, deadline, place });
            state.wake_late();
            self.run.pass_on(&mut state);
            state = self.await_turn(state);
        }
        if state.failure.is_some() {
            self.give_way(state);
            return Woken::Failed;
        }
        if state.threads[self.thread].timed_out { Woken::TimedOut } else { Woken::Notified }
    }

    fn await_turn<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let turn = Arc::clone(&state.threads[self.thread].turn);
        while state.running != self.thread && state.failure.is_none() {
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// The run has failed: every thread of it ends by a panic, but not by two.
    fn give_way(&self, state: MutexGuard<'_, State>) {
        let failure = state.failure.clone();
        drop(state);
        if !std::thread::panicking() {
            panic!("{}", failure.as_deref().unwrap_or_default());
        }
    }

    /// Ends waits for `number`: one, or all.
    pub(crate) fn notify(&self, number: &Number, all: bool) {
        self.point();
        let mut state = self.run.lock();
        let number = self.run.number(&mut state, number);
        let is_meant = |thread: &Thread| {
            let is_meant =
                |waits: &Waits| matches!(waits.on, On::Condvar | On::Network) && waits.number == number;
            thread.waits.as_ref().is_some_and(is_meant)
        };
        let meant: Vec<usize> =
            (0..state.threads.len()).filter(|thread| is_meant(&state.threads[*thread])).collect();
        let woken = if all { meant } else { state.random.choice(meant).into_iter().collect() };
        woken.into_iter().for_each(|thread| state.threads[thread].wake(false));
    }

    pub(crate) fn has_locked(&self, number: &Number) {
        let mut state = self.run.lock();
        let number = self.run.number(&mut state, number);
        state.holders.insert(number, self.thread);
        state.note(u64::from(number) << 8 | self.thread as u64);
    }

    pub(crate) fn has_unlocked(&self, number: &Number) {
        let mut state = self.run.lock();
        let number = self.run.number(&mut state, number);
        state.holders.remove(&number);
        for thread in &mut state.threads {
            if thread.waits.as_ref().is_some_and(|waits| waits.number == number && waits.on == On::Lock) {
                thread.wake(false);
            }
        }
    }

    /// Lets everybody else go on until nobody can without time passing.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let place = Location::caller();
        self.park_in(self.run.lock(), On::Quiet, 0, None, place);
    }

    /// Waits until so much time has passed.
    #[track_caller]
    pub(crate) fn sleep(&self, nanos: u64) {
        let place = Location::caller();
        let state = self.run.lock();
        let until = state.now + nanos;
        self.park_in(state, On::Time, 0, Some(until), place);
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, nanos: u64) {
        let mut state = self.run.lock();
        state.now += nanos;
        state.wake_late();
    }

    /// What is waited for next.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.run.lock().next_deadline()
    }

    /// Starts a thread of this run. What comes back waits for its end.
    pub(crate) fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Box<dyn FnOnce() + Send>> {
        let mut state = self.run.lock();
        let thread = state.threads.len();
        state.threads.push(Thread::new(name));
        drop(state);
        let (mine, child) = (self.run.clone(), Me { run: Arc::clone(&self.run), thread });
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || child.live(body))?;
        Ok(Box::new(move || {
            let me = me().expect("a thread of a run is waited for in that run");
            let state = mine.lock();
            if !state.threads[thread].done {
                me.park_in(state, On::Thread, thread as u32, None, Location::caller());
            } else {
                drop(state);
            }
            drop(handle.join());
        }))
    }

    fn live(self, body: impl FnOnce()) {
        self.enter();
        drop(self.await_turn(self.run.lock()));
        let ended = catch_unwind(AssertUnwindSafe(body));
        let mut state = self.run.lock();
        if let Err(panic) = &ended {
            let what = format!("thread {} panicked: {}", self.thread, words_of(&**panic));
            self.run.fail(&mut state, &what);
        }
        state.threads[self.thread].done = true;
        for thread in &mut state.threads {
            let meant = |waits: &Waits| waits.on == On::Thread && waits.number == self.thread as u32;
            if thread.waits.as_ref().is_some_and(meant) {
                thread.wake(false);
            }
        }
        if state.failure.is_none() {
            self.run.pass_on(&mut state);
        }
        drop(state);
        self.leave();
    }

    /// Waits for the end of every other thread.
    pub(crate) fn await_others(&self) {
        loop {
            let state = self.run.lock();
            let Some(thread) =
                (0..state.threads.len()).find(|it| *it != self.thread && !state.threads[*it].done)
            else {
                return;
            };
            self.park_in(state, On::Thread, thread as u32, None, Location::caller());
        }
    }

    /// Ends the run: every thread of it unwinds.
    pub(crate) fn give_up(&self, what: &str) {
        let mut state = self.run.lock();
        self.run.fail(&mut state, what);
    }

    pub(crate) fn set_habits(&self, habits: Habits) {
        self.run.lock().habits = habits;
    }

    /// Something that the same seed must do again.
    pub(crate) fn note(&self, bytes: &[u8]) {
        let mut state = self.run.lock();
        state.note(self.thread as u64 ^ (bytes.len() as u64) << 16);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state.note(u64::from_le_bytes(word));
        }
    }

    /// Every lock that was handed over to whom, and everything that was [noted](Self::note), in one number.
    pub(crate) fn trace(&self) -> u64 {
        self.run.lock().trace
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// Far more than any run needs.
const MOST_OPERATIONS: u64 = 200_000_000;

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync;
    use crate::time::{Clock, Deadline};
    use std::time::Duration;

    const WILD: Habits = Habits { switch: 2, delay: 0, turn: 1000 };

    /// Runs `body` as the first thread of a run of its own, on a fresh thread of the machine; gives the trace.
    fn run(seed: u64, body: impl FnOnce(&Me) + Send + 'static) -> u64 {
        let body = move || {
            let me = Run::begin(seed, WILD);
            let ended = catch_unwind(AssertUnwindSafe(|| {
                body(&me);
                me.await_others();
            }));
            if let Err(panic) = ended {
                me.give_up("the test failed");
                me.leave();
                resume_unwind(panic);
            }
            let trace = me.trace();
            me.leave();
            trace
        };
        std::thread::spawn(body).join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Three threads add to a number that each reads and writes under two locks apart.
    fn add_in_two_steps(seed: u64) -> (u64, u32) {
        let sum = Arc::new(sync::Mutex::new(0));
        let seen = Arc::clone(&sum);
        let trace = run(seed, move |me| {
            for _ in 0..3 {
                let sum = Arc::clone(&sum);
                let add = move || {
                    let read = *sum.lock();
                    *sum.lock() = read + 1;
                };
                drop(me.spawn("adds", add).unwrap());
            }
        });
        let sum = *seen.lock();
        (trace, sum)
    }

    #[test]
    fn the_same_seed_is_the_same_run_and_seeds_find_what_one_order_hides() {
        let runs: Vec<_> = (0..50).map(add_in_two_steps).collect();
        assert_eq!(runs, (0..50).map(add_in_two_steps).collect::<Vec<_>>());
        assert!(runs.iter().any(|run| run.1 == 3) && runs.iter().any(|run| run.1 < 3), "{runs:?}");
        let traces: std::collections::BTreeSet<_> = runs.iter().map(|run| run.0).collect();
        assert!(traces.len() > 10, "{} different runs", traces.len());
    }

    #[test]
    fn time_jumps_to_the_next_deadline_when_nobody_can_go_on() {
        run(1, |me| {
            let lock = Arc::new((sync::Mutex::new(false), sync::Condvar::new()));
            let other = Arc::clone(&lock);
            me.spawn("waits for an hour", move || {
                let clock = Clock::Simulated;
                let deadline = Deadline::after(clock.now(), Duration::from_secs(3600));
                let mut told = other.0.lock();
                while !*told && !deadline.has_passed(clock.now()) {
                    told = clock.wait(&other.1, told, deadline);
                }
                assert_eq!(clock.now(), deadline.instant().unwrap());
            })
            .unwrap()();
        });
    }

    /// Even under a schedule that never switches by itself.
    #[test]
    fn who_spins_lets_others_go_on_and_time_pass() {
        for switch in [0, 2] {
            run(1, move |me| {
                me.set_habits(Habits { switch, ..WILD });
                let over = Arc::new(sync::AtomicBool::new(false));
                let tell = Arc::clone(&over);
                let sleeps = move || {
                    super::me().unwrap().sleep(1_000_000_000);
                    tell.store(true, sync::Ordering::SeqCst);
                };
                drop(me.spawn("sleeps", sleeps).unwrap());
                while !over.load(sync::Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            });
        }
    }

    #[test]
    #[should_panic(expected = "nobody can ever go on")]
    fn who_waits_for_each_other_is_found_and_told() {
        for seed in 0..100 {
            run(seed, |me| {
                let locks = Arc::new((sync::Mutex::new(()), sync::Mutex::new(())));
                let other = Arc::clone(&locks);
                let other_way_round = move || {
                    let _second = other.1.lock();
                    let _first = other.0.lock();
                };
                drop(me.spawn("the other way round", other_way_round).unwrap());
                let _first = locks.0.lock();
                let _second = locks.1.lock();
            });
        }
    }

    #[test]
    #[should_panic(expected = "seed 7: thread 1 panicked: on purpose")]
    fn a_panic_of_any_thread_ends_the_run_with_its_seed() {
        run(7, |me| {
            let join = me.spawn("panics", || panic!("on purpose")).unwrap();
            join();
        });
    }
}
