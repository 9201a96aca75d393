//! Runs of a seed: some user threads, the producer's own, and one that makes trouble, switched at any operation. The seed
//! draws settings, weather, trouble and the schedule; when it is over, everything has a result, and what is stored is
//! what the futures say.
//!
//! ```sh
//! KAFKA_PRODUCER_SIMULATION_SEEDS=5000 cargo test --release --lib --features mock seeded
//! KAFKA_PRODUCER_SIMULATION_SEEDS=4711..4712 cargo test --lib --features mock seeded
//! ```
//!
//! A seed that fails is tried again with less of everything (`shrink.rs`), and tells the story of the smallest run that
//! still fails, and how to run it again. From 500 seeds on, rare things must have happened often enough (`rarities.rs`).

use std::any::Any;
use std::ops::Range;
use std::sync::OnceLock;

use super::*;
use crate::config::Acks;
use crate::error::ErrorKind;
use crate::sync::schedule::Me;

mod check;
mod evidence;
mod plan;
mod rarities;
mod shrink;
mod story;
mod stranger;
mod troubles;
mod users;

use check::Violation;
use evidence::{Evidence, Idle, Left, Told};
use plan::{LIFETIMES, PASSWORD, Plan, USER, pick};
use shrink::Less;
use story::Remains;
use troubles::Harm;
use users::Ledger;

/// A seed, and what is asked of it besides.
#[derive(Clone, Debug, Default)]
struct Order {
    seed: u64,
    less: Less,
}

/// What a run that went well comes to.
struct Outcome {
    trace: u64,
    counts: rarities::Counts,
}

struct Failure {
    violation: Violation,
    remains: Option<Remains>,
}

impl Order {
    fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    fn plan(&self, random: &mut fastrand::Rng) -> Plan {
        let mut plan = Plan::draw(random);
        self.less.apply(&mut plan);
        plan
    }

    /// On a thread of the machine that has done nothing before: no thread remembers the last run.
    fn run(&self) -> Result<Outcome, Failure> {
        let (order, remains) = (self.clone(), Arc::new(OnceLock::new()));
        let kept = Arc::clone(&remains);
        let ended = std::thread::spawn(move || run(&order, &kept)).join();
        let violation = match ended {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(violation)) => violation,
            Err(panic) => broken_off(&*panic),
        };
        let remains = Arc::into_inner(remains).and_then(OnceLock::into_inner);
        Err(Failure { violation, remains })
    }

    /// Makes it smaller, and tells of the smallest.
    fn explain(self, first: Failure) -> String {
        const MOST_RUNS: usize = 40;
        const LINES: usize = 120;
        let check = first.violation.check;
        let plan_of = |less: &Less| {
            let order = Self { less: less.clone(), ..self.clone() };
            order.plan(&mut fastrand::Rng::with_seed(self.seed))
        };
        let mut failure = first;
        let less = shrink::shrink(self.less.clone(), MOST_RUNS, plan_of, |less| {
            match (Self { less: less.clone(), ..self.clone() }).run() {
                Err(smaller) if smaller.violation.check == check => {
                    failure = smaller;
                    true
                }
                _ => false,
            }
        });
        let Failure { violation, remains } = failure;
        let seed = self.seed;
        let mark = violation.mark.as_deref();
        let story = remains.as_ref().map(|remains| {
            format!("{}\nThe smallest plan: {:?}", story::tell(remains, LINES, mark), remains.plan)
        });
        format!(
            "{}\nseed {seed}: {}: {}\nTo run it again:\n  KAFKA_PRODUCER_SIMULATION_LESS='{}' \
             KAFKA_PRODUCER_SIMULATION_SEEDS={seed}..{} cargo test --lib --features mock \
             whatever_happens -- --nocapture",
            story.unwrap_or_default(),
            violation.check,
            violation.what,
            less.words(),
            seed + 1,
        )
    }
}

/// A run that did not come to its end: somebody panicked, or nobody can go on.
fn broken_off(panic: &(dyn Any + Send)) -> Violation {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let what = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let stuck = [
        "nobody can ever go on",
        "somebody waits for ever",
        "it goes round in circles",
        "the sender goes round in circles",
        "still pending",
    ];
    let check = stuck.into_iter().find(|stuck| what.contains(stuck)).unwrap_or("a thread panicked");
    Violation { check, what, mark: None }
}

fn run(order: &Order, remains: &OnceLock<Remains>) -> Result<Outcome, Violation> {
    let seed = order.seed;
    let mut random = fastrand::Rng::with_seed(seed);
    let plan = Arc::new(order.plan(&mut random));
    let site = plan.site(&mut random);
    // Nobody meets a network that is not there yet.
    let me = schedule::Run::begin(seed, STEADY);
    me.keep_a_story();
    let ledger = Arc::new(Ledger::default());
    let kept = Remains { me: me.clone(), plan: Arc::clone(&plan), ledger: Arc::clone(&ledger) };
    assert!(remains.set(kept).is_ok());
    let mut world = World::within(me.clone(), site, &plan.config());
    let users = users::spawn(&me, &plan, world.producer(), &ledger, &mut random);
    let harm = world.lend(|world| {
        me.set_habits(plan.habits);
        let harm = troubles::make(world, &plan, &ledger, &me, &mut random);
        users.into_iter().for_each(|join| join());
        // Nothing stands in the way any more. The second time is for what callbacks have sent meanwhile.
        for _ in 0..2 {
            let flushed = world.producer().flush(secs(120));
            let pending = flushed.as_ref().err().and_then(|error| match error.kind() {
                ErrorKind::Undelivered { report } => Some(&report.pending),
                _ => None,
            });
            assert!(pending.is_none_or(Vec::is_empty), "still pending: {pending:?}");
        }
        // Without acks what is said to be sent may be on its way.
        me.sleep(1_000_000_000);
        world.shared.with(|site| site.patience = None);
        // Nobody goes on any more while it is looked at what has come of it.
        me.set_habits(STEADY);
        me.settle();
        harm
    });
    let logs = stranger::read(&world);
    let idle = idle(&mut world, &plan);
    let later = stranger::read(&world);
    let left = end(&mut world);
    let for_ids = world.core.requests.iter().filter(|request| request.api == ApiKey::INIT_PRODUCER_ID);
    let asked_for_ids = for_ids.map(|request| Instant::ZERO + request.at).collect();
    let evidence = Evidence {
        plan: Plan::clone(&plan),
        harm,
        closed: *ledger.closed.lock(),
        records: ledger.sent.lock().iter().map(Told::of).collect(),
        calls: ledger.calls.lock().clone(),
        unawaited: ledger.unawaited.lock().clone(),
        resolved: ledger.resolved.lock().clone(),
        callbacks: *ledger.callbacks.lock(),
        logs,
        later,
        asked_for_ids,
        idle,
        left,
    };
    ledger.trace(&me);
    note(&me, &evidence);
    check::all(&evidence)?;
    let counts = rarities::count(me.counts(), &world, &evidence);
    acted(&plan, &evidence.harm, &world)?;
    drop(world);
    Ok(Outcome { trace: me.trace(), counts })
}

/// Lets an hour pass in which nobody does anything; less where metadata are asked for all the time. A topic that somebody
/// has waited for is asked about until `max_block` is over, even if a failure has ended the call.
fn idle(world: &mut World, plan: &Plan) -> Idle {
    world.weather = Weather::default();
    world.run_for(plan.max_block + secs(1));
    let lasted = secs(3600).min(plan.metadata_max_age * 12).max(secs(2));
    let before = (world.steps, world.dials.len(), world.core.requests.len());
    world.run_for(lasted);
    let polls = world.steps - before.0;
    let (dials, requests) = (world.dials.len() - before.1, world.core.requests.len() - before.2);
    Idle { lasted, polls, dials: dials as u64, requests: requests as u64 }
}

/// Lets go of the producer. When this returns all its threads have ended; if they do not, the run fails.
fn end(world: &mut World) -> Left {
    let producer = world.producer.take();
    world.lend(|world| {
        drop(producer);
        world.me.await_others();
    });
    Left { memory: world.accumulator.pool().used(), connections: world.links.len() + world.attempts.len() }
}

/// What has come of it is a part of the trace.
fn note(me: &Me, evidence: &Evidence) {
    for told in &evidence.records {
        match &told.result {
            evidence::Answer::Stored { offset, .. } => me.note(&offset.to_be_bytes()),
            evidence::Answer::Failed(error) => me.note(error.to_string().as_bytes()),
            _ => {}
        }
    }
    evidence.logs.iter().flatten().for_each(|stored| me.note(stored.mark()));
}

/// In each run that is not calm something goes wrong several times. What was ordered has gone wrong if it came to that.
fn acted(plan: &Plan, harm: &Harm, site: &Site) -> Result<(), Violation> {
    let has_acted = |fault: &&troubles::Fault| fault.rule.is_none_or(|rule| site.core.faults.acted(rule) > 0);
    let acted = harm.faults.iter().filter(has_acted).count();
    if acted >= plan.trouble.min(troubles::LEAST) {
        return Ok(());
    }
    let what = format!("{acted} of {} faults acted", harm.faults.len());
    Err(Violation { check: "something goes wrong", what, mark: None })
}

fn seeds(usually: u64) -> Range<u64> {
    let Ok(asked) = std::env::var("KAFKA_PRODUCER_SIMULATION_SEEDS") else { return 0..usually };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap(),
    }
}

/// Runs seeds on as many threads as the machine has cores.
fn run_all(seeds: Range<u64>) -> (rarities::Counts, Vec<(Order, Failure)>) {
    let (next, less) = (Mutex::new(seeds.clone()), Less::asked_for());
    let work = || {
        let (mut counts, mut failed) = (rarities::Counts::new(), Vec::new());
        loop {
            let Some(seed) = next.lock().next() else { return (counts, failed) };
            let order = Order { less: less.clone(), ..Order::of(seed) };
            match order.run() {
                Ok(outcome) => rarities::add(&mut counts, &outcome.counts),
                Err(failure) => failed.push((order, failure)),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let (mut counts, mut failed) = (rarities::Counts::new(), Vec::new());
        for worker in workers {
            let (some, more) = worker.join().expect("it contains what panics");
            rarities::add(&mut counts, &some);
            failed.extend(more);
        }
        failed.sort_by_key(|(order, _)| order.seed);
        (counts, failed)
    })
}

#[test]
fn whatever_happens_everything_gets_a_result_and_the_results_are_true() {
    let seeds = seeds(40);
    let many = seeds.clone().count() >= rarities::MANY;
    let (counts, failed) = run_all(seeds);
    let told: Vec<String> = failed
        .iter()
        .map(|(order, Failure { violation, .. })| {
            format!("{}: {}: {}", order.seed, violation.check, violation.what)
        })
        .collect();
    if let Some((order, failure)) = failed.into_iter().next() {
        panic!("{}\n{} seeds failed:\n{}", order.explain(failure), told.len(), told.join("\n"));
    }
    if many {
        let short = rarities::shortfall(&counts);
        assert!(short.is_none(), "{}\n{}", rarities::table(&counts), short.unwrap_or_default());
    }
}

#[test]
fn the_same_seed_is_the_same_run_to_every_frame_lock_and_result() {
    let traces =
        || (0..10).map(|seed| Order::of(seed).run().ok().map(|outcome| outcome.trace)).collect::<Vec<_>>();
    let (first, second) = (traces(), traces());
    assert_eq!(first, second);
    let different: std::collections::BTreeSet<_> = first.into_iter().flatten().collect();
    assert_eq!(different.len(), 10);
}
