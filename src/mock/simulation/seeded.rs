//! Runs of a seed: some user threads, the producer's own, and one that makes trouble, switched at any operation. The seed
//! draws settings, weather, trouble and the schedule; when it is over, everything has a result, and what is stored is
//! what the futures say.
//!
//! ```sh
//! KAFKA_PRODUCER_SIMULATION_SEEDS=5000 cargo test --release --lib --features mock seeded
//! KAFKA_PRODUCER_SIMULATION_SEEDS=4711..4712 cargo test --lib --features mock seeded
//! ```

use std::ops::Range;

use super::*;
use crate::config::Acks;
use crate::error::ErrorKind;
use crate::producer::LOOKS_AND_TAKES_APART;
use crate::sync::schedule::Me;

mod check;
mod plan;
mod troubles;
mod users;

use plan::{LIFETIMES, PASSWORD, Plan, USER, pick};
use troubles::Harm;
use users::Ledger;

/// Everything of one seed; the trace of it.
fn run(seed: u64, planted: bool) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let plan = Arc::new(Plan::draw(&mut random));
    let site = plan.site(&mut random);
    // Nobody meets a network that is not there yet.
    let me = schedule::Run::begin(seed, STEADY);
    let mut world = World::within(me.clone(), site, &plan.config());
    if planted {
        world.errand(|_, _| LOOKS_AND_TAKES_APART.set(true));
    }
    let ledger = Arc::new(Ledger::default());
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
            assert!(pending.is_none_or(Vec::is_empty), "seed {seed}: {pending:?}\n{plan:?}");
        }
        // Without acks what is said to be sent may be on its way.
        me.sleep(1_000_000_000);
        // Nobody goes on any more while it is looked at what has come of it.
        me.set_habits(STEADY);
        me.settle();
        harm
    });
    check::everything(&mut world, &ledger, &plan, &harm, &me);
    drop(ledger);
    drop(world);
    me.trace()
}

/// Each on a thread of the machine that has done nothing before: no thread remembers the last run.
fn on_its_own(seed: u64, planted: bool) -> std::thread::Result<u64> {
    std::thread::spawn(move || run(seed, planted)).join()
}

fn seeds(usually: u64) -> Range<u64> {
    let Ok(asked) = std::env::var("KAFKA_PRODUCER_SIMULATION_SEEDS") else { return 0..usually };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap(),
    }
}

#[test]
fn whatever_happens_everything_gets_a_result_and_the_results_are_true() {
    let failed: Vec<u64> = seeds(150).filter(|seed| on_its_own(*seed, false).is_err()).collect();
    assert!(failed.is_empty(), "seeds {failed:?}");
}

#[test]
fn the_same_seed_is_the_same_run_to_every_frame_lock_and_result() {
    let traces = |()| (0..20).map(|seed| on_its_own(seed, false).unwrap()).collect::<Vec<_>>();
    let (first, second) = (traces(()), traces(()));
    assert_eq!(first, second);
    let different: std::collections::BTreeSet<_> = first.into_iter().collect();
    assert_eq!(different.len(), 20);
}

/// The checks' own test: the sender looks at a batch under one lock and takes it under another. Between the two a user
/// thread can take it away to compress it; the sender finds nothing, and is not told when it is back.
#[test]
fn a_planted_lost_wake_up_is_found() {
    let found = (0..500).find(|seed| on_its_own(*seed, true).is_err());
    assert!(found.is_some(), "500 seeds did not find it");
}
