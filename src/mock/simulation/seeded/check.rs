//! What must be true when a seeded run is over.

use std::collections::{BTreeMap, BTreeSet};

use super::users::{CALLBACKS, How, Sent, mark};
use super::*;
use crate::error::Certainty;

/// Where a record is stored, by its mark: the partition, and each offset there.
type Places = BTreeMap<Vec<u8>, (usize, Vec<i64>)>;

pub(super) fn everything(world: &mut World, ledger: &Ledger, plan: &Plan, harm: &Harm, me: &Me) {
    ledger.trace(me);
    let places = places(world);
    let sent = std::mem::take(&mut *ledger.sent.lock());
    let [asked, called] = *ledger.callbacks.lock();
    assert_eq!(asked, called, "every callback runs once");
    let closed = *ledger.closed.lock();
    let mut last = BTreeMap::new();
    for sent in &sent {
        let stored = places.get(sent.mark());
        outcome(sent, stored, plan, harm, closed, me);
        if let (Some(partition), Some((at, offsets))) = (sent.partition, stored) {
            assert_eq!(*at, partition);
            // What is sent by callbacks of different batches has no order to be kept.
            let keeps_order = plan.keeps_order() && !harm.disordered.contains(&partition);
            if sent.sender != CALLBACKS && keeps_order {
                let before = last.insert((sent.sender, partition), offsets[0]).unwrap_or(-1);
                assert!(before < offsets[0], "{:?}: {} after {before}", words(sent), offsets[0]);
            }
        }
    }
    let marks: BTreeSet<&[u8]> = sent.iter().map(Sent::mark).collect();
    assert!(places.keys().all(|mark| marks.contains(&mark[..])), "nobody has sent what is stored");
    drop(sent);
    assert_eq!(world.accumulator.pool().used(), 0, "memory comes back");
}

fn places(world: &mut World) -> Places {
    let mut places = Places::new();
    for partition in 0..world.core.cluster.topics["t"].partitions.len() {
        let log = &world.core.cluster.partition_mut("t", partition as i32).unwrap().log;
        for record in log.records().unwrap() {
            let mark = mark(record.key.as_deref(), record.value.as_deref());
            let place = places.entry(mark.to_vec()).or_insert((partition, Vec::new()));
            assert_eq!(place.0, partition, "stored in two partitions");
            place.1.push(record.offset);
        }
    }
    places
}

fn outcome(sent: &Sent, stored: Option<&(usize, Vec<i64>)>, plan: &Plan, harm: &Harm, closed: bool, me: &Me) {
    let times = stored.map_or(0, |(_, offsets)| offsets.len());
    me.note(&[times as u8]);
    let is_calm = plan.is_calm() && !closed;
    if plan.trouble == 0 || plan.is_idempotent() {
        let forgotten = stored.and_then(|(partition, _)| harm.forgotten.get(partition));
        assert!(times <= 1 + forgotten.unwrap_or(&0), "{} is stored {times} times", words(sent));
    }
    let future = match &sent.how {
        How::Refused => return assert_eq!(times, 0, "{} was refused and is stored", words(sent)),
        How::Dropped => return assert!(times == 1 || !is_calm, "{} is lost", words(sent)),
        How::Kept(future) => future,
    };
    assert!(future.is_done(), "{} has no result", words(sent));
    match (future.value(), future.exception()) {
        (Some(_), _) if plan.acks == Acks::None => assert!(times == 1 || !is_calm, "{} is lost", words(sent)),
        (Some(metadata), _) => {
            me.note(&metadata.offset().to_be_bytes());
            let is_lost = harm.has_lost(sent.mark(), metadata.partition() as usize, metadata.offset());
            let Some((partition, offsets)) = stored else {
                return assert!(is_lost, "{} is not stored at {metadata}", words(sent));
            };
            assert_eq!(*partition as i32, metadata.partition());
            // A broker that says no more than that it has it already does not say where.
            let is_there = metadata.offset() < 0 || offsets.contains(&metadata.offset());
            assert!(is_lost || is_there, "{} is at {offsets:?}, not at {metadata}", words(sent));
        }
        (None, Some(error)) => {
            assert!(!is_calm, "{}: {error}", words(sent));
            assert!(!matches!(error.kind(), ErrorKind::Bug { .. }), "{}: {error}", words(sent));
            me.note(error.to_string().as_bytes());
            if error.certainty() == Certainty::NotWritten {
                assert_eq!(times, 0, "{} is stored, and said not to be: {error}", words(sent));
            }
        }
        (None, None) => unreachable!("it is done"),
    }
}

fn words(sent: &Sent) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&sent.mark()[..sent.mark().len().min(20)])
}
