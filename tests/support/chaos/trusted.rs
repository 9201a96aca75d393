//! What judges a run is tried before it is trusted.

use super::{Ledger, Verdict, value_length};
use crate::support::kafka::{GivenUp, Head, forgotten, given_up};

/// Sent of key 0-0, and where they were told to be, by number: well, lost, doubled, overtaken, overtaking, misplaced,
/// nowhere, failed, failed but stored, lost where another is, lost where the first lost one was, lost with nobody
/// knowing where it was; 12 has no result.
const TOLD: [(i32, i64); 12] =
    [(0, 0), (0, 1), (0, 3), (0, 5), (0, 4), (0, 60), (0, -1), (-1, -1), (-1, -1), (0, 2), (0, 1), (0, -1)];
/// Number and offset.
const READ: [(u32, i64); 8] = [(0, 0), (2, 2), (2, 3), (4, 4), (3, 5), (5, 6), (6, 7), (8, 8)];

/// One record of each, in whatever order it hears of them.
///
/// # Panics
///
/// When it is not to be trusted.
pub fn the_ledger_finds_each_kind_of_fault() {
    each_kind_is_found(|ledger| {
        (0..TOLD.len()).for_each(|number| tell(ledger, number));
        (0..READ.len()).for_each(|at| read(ledger, at));
    });
    // While a run goes on, it reads some before it hears of them.
    each_kind_is_found(|ledger| {
        (0..READ.len()).for_each(|at| read(ledger, at));
        (0..TOLD.len()).rev().for_each(|number| tell(ledger, number));
    });
    each_kind_is_found(|ledger| {
        for turn in 0..TOLD.len() {
            if turn < READ.len() {
                read(ledger, turn);
            }
            tell(ledger, turn);
        }
    });
    what_is_verified_is_not_held();
    faults_are_found_long_after();
    what_can_still_come_is_no_fault();
    nothing_has_two_results();
}

/// # Panics
///
/// When it is not to be trusted.
pub fn what_a_leader_gives_up_is_read_from_its_console() {
    let leads = |epoch: i32, from: i64| {
        format!(
            "INFO state.change.logger - [Broker id=2] Leader chaos-1 with topic id Some(x) starts at leader epoch {epoch} \
                 from offset {from} with partition epoch 9, high watermark 0, ISR [2]. Previous leader None."
        )
    };
    let follows = |epoch: i32, from: i64| {
        format!(
            "INFO state.change.logger - [Broker id=2] Follower chaos-1 starts at leader epoch {epoch} from offset {from} \
                 with partition epoch 9 and high watermark 0. Current leader is 1."
        )
    };
    let truncates =
        |to: i64| format!("INFO x - [UnifiedLog partition=chaos-1, dir=/d] Truncating to offset {to}");
    let refused = |incoming: u32| {
        let line = "OutOfOrderSequenceException: Out of order sequence number for producer 0 at offset 91072 in partition chaos-0";
        forgotten(
            "chaos",
            &format!("{line}: {incoming} (incoming seq. number), 91071 (current end sequence number)"),
        )
    };
    assert_eq!([90678, 91071, 91073].map(refused), [1, 1, 0], "what comes too early is not forgotten");
    let told = |lines: &[String]| given_up("chaos", &lines.join("\n"));
    let of = |leader_epoch, offsets| GivenUp { partition: 1, leader_epoch, offsets };

    // What it copied from another leader is not what it has given offsets to.
    assert_eq!(told(&[follows(0, 0), leads(1, 10), follows(2, 30), truncates(5)]), [of(1, 10..30)]);
    assert_eq!(
        told(&[leads(1, 10), follows(2, 30), truncates(25), truncates(20)]),
        [of(1, 25..30), of(1, 20..25)]
    );
    // The records behind the first 30 are another leader's.
    assert_eq!(told(&[leads(1, 10), follows(2, 30), follows(3, 50), truncates(40)]), []);
    assert_eq!(
        told(&[leads(1, 10), leads(3, 20), follows(4, 30), truncates(15)]),
        [of(1, 15..20), of(3, 20..30)]
    );
    let elsewhere = ["chaos-11", "chaos-2", "chaos"].map(|place| truncates(0).replace("chaos-1", place));
    assert_eq!(told(&[&[leads(1, 10), follows(2, 30)][..], &elsewhere].concat()), []);
}

fn each_kind_is_found(happens: impl FnOnce(&mut Ledger)) {
    let mut ledger = Ledger::new();
    happens(&mut ledger);
    let foreign = Head { partition: 1, offset: 0, key: b"0-0".to_vec(), value_length: 1, number: 0 };
    ledger.see(&foreign);
    assert!(ledger.faults() > 0, "{ledger:?}");
    // One of the two that are told to have been at 1, and neither the one at 60 nor, in this partition, the one at 2.
    let of = |partition, offsets| GivenUp { partition, leader_epoch: 0, offsets };
    let verdict = ledger.close(13, &[of(0, 1..2), of(0, 59..60), of(0, 61..70), of(1, 0..70)]);
    assert_eq!(counts(&verdict), [13, 1, 2, 1, 4, 1, 1, 1, 4, 1, 1], "{}", verdict.examples());
    assert!(!verdict.is_exactly_once(0));
}

fn what_is_verified_is_not_held() {
    let mut ledger = Ledger::new();
    well(&mut ledger, 0..1_000);
    assert_eq!((ledger.held(), ledger.faults(), ledger.counts()), (0, 0, [1_000; 3]));

    // Read and not yet told: it is not deleted, and neither is what comes behind it.
    see(&mut ledger, 1_000, 1_000);
    well(&mut ledger, 1_001..1_010);
    assert_eq!((ledger.held(), ledger.faults(), ledger.verified_to()[&0]), (10, 0, 1_000));
    enter(&mut ledger, 1_000, (0, 1_000)).expect("its only result");
    assert_eq!((ledger.held(), ledger.verified_to()[&0]), (0, 1_010));

    let verdict = ledger.close(1_010, &[]);
    assert!(verdict.is_exactly_once(0), "{verdict:?}");
}

fn faults_are_found_long_after() {
    let mut ledger = Ledger::new();
    well(&mut ledger, 0..100);
    // 100 is lost, 101 fails and 102 is said to be where 103 is: nothing waits for them.
    enter(&mut ledger, 100, (0, 100)).expect("its only result");
    enter(&mut ledger, 101, (-1, -1)).expect("its only result");
    enter(&mut ledger, 102, (0, 103)).expect("its only result");
    for number in 103..5_000 {
        enter(&mut ledger, number, (0, i64::from(number))).expect("its only result");
    }
    // Somebody else's is at 100.
    let foreign = Head { partition: 0, offset: 100, key: b"9-9".to_vec(), value_length: 1, number: 0 };
    ledger.see(&foreign);
    (103..5_000).for_each(|number| see(&mut ledger, number, i64::from(number)));
    assert_eq!((ledger.held(), ledger.faults()), (3, 4), "{}", ledger.examples());

    // One that was verified long ago is there again, and the failed and the misplaced one are there after all.
    see(&mut ledger, 3, 5_000);
    see(&mut ledger, 101, 5_001);
    see(&mut ledger, 102, 5_002);
    let verdict = ledger.close(5_001, &[]);
    // Those two come after later ones of their key, of course.
    assert_eq!(counts(&verdict), [5_001, 1, 1, 1, 1, 1, 2, 1, 2, 0, 1], "{}", verdict.examples());
}

fn what_can_still_come_is_no_fault() {
    let mut ledger = Ledger::new();
    enter(&mut ledger, 0, (0, 0)).expect("its only result");
    enter(&mut ledger, 1, (0, -1)).expect("its only result");
    see(&mut ledger, 0, 0);
    assert_eq!((ledger.held(), ledger.faults()), (1, 0), "{}", ledger.examples());
    see(&mut ledger, 1, 1);
    assert_eq!(ledger.faults(), 1, "stored, and nobody was told where");
}

fn nothing_has_two_results() {
    let mut ledger = Ledger::new();
    well(&mut ledger, 0..100);
    assert!(enter(&mut ledger, 7, (0, 7)).is_err(), "of one that is verified");
    enter(&mut ledger, 100, (0, 200)).expect("its only result");
    assert!(enter(&mut ledger, 100, (0, 200)).is_err(), "of one that is not read yet");
    enter(&mut ledger, 101, (-1, -1)).expect("its only result");
    see(&mut ledger, 102, 201);
    assert_eq!(ledger.faults(), 2, "{}", ledger.examples());
    assert!(enter(&mut ledger, 101, (0, 201)).is_err(), "of one that has failed");
}

fn tell(ledger: &mut Ledger, number: usize) {
    enter(ledger, number as u32, TOLD[number]).expect("its only result");
}

fn read(ledger: &mut Ledger, at: usize) {
    let (number, offset) = READ[at];
    see(ledger, number, offset);
}

/// Each where its number says.
fn well(ledger: &mut Ledger, numbers: std::ops::Range<u32>) {
    for number in numbers {
        see(ledger, number, i64::from(number));
        enter(ledger, number, (0, i64::from(number))).expect("its only result");
    }
}

fn see(ledger: &mut Ledger, number: u32, offset: i64) {
    let (key, value_length) = (b"0-0".to_vec(), value_length(0, number));
    ledger.see(&Head { partition: 0, offset, key, value_length, number });
}

fn enter(ledger: &mut Ledger, number: u32, place: (i32, i64)) -> Result<(), String> {
    ledger.enter(0, &super::entry(0, number, place))
}

fn counts(verdict: &Verdict) -> Vec<u64> {
    let line = verdict.to_string();
    line.split_whitespace().map(|count| count.parse().expect("columns are counts")).collect()
}
