//! Each check against evidence that is in order, and against the same with one thing wrong.

use super::super::evidence::{Idle, Left};
use super::super::users::{Call, Unawaited};
use super::*;
use crate::error::Subject;
use crate::protocol::ErrorCode;
use crate::topic_partition::TopicPartition;

/// Eight records of two senders to two partitions, all stored.
fn honest() -> Evidence {
    let mut plan = Plan::draw(&mut fastrand::Rng::with_seed(1));
    plan.acks = Acks::All;
    plan.idempotence = Some(true);
    plan.retries = u32::MAX;
    plan.trouble = 6;
    plan.linger = millis(20);
    plan.delivery_timeout = Some(secs(4));
    plan.request_timeout = secs(1);
    plan.metadata_max_age = secs(300);
    plan.asks = false;
    plan.manual_flush = false;
    plan.purges = false;
    plan.weather = Weather::default();
    let (mut records, mut logs) = (Vec::new(), vec![Vec::new(), Vec::new()]);
    for number in 0..8_usize {
        let (sender, partition) = (number % 2, number / 2 % 2);
        let log: &mut Vec<Stored> = &mut logs[partition];
        let offset = log.len() as i64;
        let told = Told {
            sender,
            partition: Some(partition),
            key: Some(b"key".to_vec()),
            value: Some(format!("{sender}-{number}-").into_bytes()),
            headers: vec![("name".to_owned(), Some(b"h".to_vec())), ("name".to_owned(), None)],
            timestamp: Some(1000 + number as i64),
            at: AT,
            result: Answer::Stored { partition, offset, timestamp: 1000 + number as i64 },
        };
        log.push(Stored {
            offset,
            producer: 7,
            epoch: 0,
            sequence: offset as i32,
            timestamp: 1000 + number as i64,
            key: told.key.clone(),
            value: told.value.clone(),
            headers: as_kept(&told.headers),
        });
        records.push(told);
    }
    let mut harm = Harm::default();
    harm.healed_at = Some(Instant::ZERO + secs(30));
    let call = Call { who: 0, what: "get", limit: Some(secs(1)), began: AT, took: secs(1), ok: false };
    Evidence {
        plan,
        harm,
        closed: false,
        resolved: records.iter().map(|told| (told.mark().to_vec(), AT + millis(100))).collect(),
        records,
        calls: vec![call],
        unawaited: Vec::new(),
        callbacks: [3, 3],
        later: logs.clone(),
        logs,
        asked_for_ids: vec![AT, AT, AT + millis(90)],
        idle: Idle { lasted: secs(3600), polls: 40, dials: 4, requests: 12 },
        left: Left::default(),
    }
}

const AT: Instant = Instant::from_nanos(1_000_000_000);

/// The check finds nothing at first, and something when that is done; both logs are changed alike.
#[track_caller]
fn finds(check: Check, doctor: impl FnOnce(&mut Evidence)) {
    let mut evidence = honest();
    assert_eq!(check(&evidence), Ok(()));
    doctor(&mut evidence);
    assert!(check(&evidence).is_err(), "it was not found");
}

#[track_caller]
fn allows(check: Check, doctor: impl FnOnce(&mut Evidence)) {
    let mut evidence = honest();
    doctor(&mut evidence);
    assert_eq!(check(&evidence), Ok(()));
}

/// Both when everything had a result, and later.
fn in_logs(evidence: &mut Evidence, change: impl Fn(&mut Vec<Vec<Stored>>)) {
    change(&mut evidence.logs);
    change(&mut evidence.later);
}

fn timed_out(limit: Limit) -> Error {
    let waited_for = "for an answer".to_owned();
    Error::new(ErrorKind::Timeout { limit, value: secs(4), waited_for, brokers: Vec::new() })
}

fn refused(code: ErrorCode) -> Error {
    Error::new(ErrorKind::Broker {
        code,
        message: None,
        about: Subject::Partition(TopicPartition::new("t", 0)),
    })
}

#[test]
fn what_is_in_order_passes_all_checks() {
    if let Err(violation) = all(&honest()) {
        panic!("{violation:?}");
    }
}

#[test]
fn a_record_without_a_result_is_found() {
    finds(everything_has_a_result, |it| it.records[3].result = Answer::None);
}

#[test]
fn a_record_that_nobody_sent_or_that_is_another_is_found() {
    let check = what_is_stored_was_sent;
    finds(check, |it| drop(it.records.remove(2)));
    finds(check, |it| in_logs(it, |logs| logs[0][1].key = Some(b"kex".to_vec())));
    finds(check, |it| in_logs(it, |logs| logs[0][1].timestamp += 1));
    finds(check, |it| in_logs(it, |logs| logs[0][1].headers[0].1 = Some(b"x".to_vec())));
    finds(check, |it| {
        in_logs(it, |logs| {
            let moved = logs[0].remove(1);
            logs[1].push(moved);
        });
    });
}

#[test]
fn a_record_that_is_lost_misplaced_or_changed_by_a_byte_is_found() {
    let check = what_is_ok_stands_where_it_says;
    let lose = |it: &mut Evidence| in_logs(it, |logs| drop(logs[1].remove(2)));
    finds(check, lose);
    finds(check, |it| {
        in_logs(it, |logs| (logs[0][0].offset, logs[0][1].offset) = (logs[0][1].offset, logs[0][0].offset));
    });
    finds(check, |it| in_logs(it, |logs| logs[0][2].value.as_mut().unwrap()[0] ^= 1));
    finds(check, |it| it.records[0].result = Answer::Stored { partition: 1, offset: 0, timestamp: 1000 });
    allows(check, |it| {
        let stored = it.logs[1][2].clone();
        it.harm.lost.insert(stored.mark().to_vec(), vec![(1, stored.offset)]);
        lose(it);
    });
    let nowhere = |it: &mut Evidence| {
        it.records[0].result = Answer::Stored { partition: 0, offset: -1, timestamp: 1000 };
    };
    allows(check, nowhere);
    finds(check, |it| {
        nowhere(it);
        in_logs(it, |logs| drop(logs[0].remove(0)));
    });
    // Lost elsewhere is no excuse.
    finds(check, |it| {
        let stored = it.logs[1][2].clone();
        it.harm.lost.insert(stored.mark().to_vec(), vec![(0, stored.offset)]);
        lose(it);
    });
}

#[test]
fn a_record_that_was_said_not_to_be_written_is_found_however_late_it_comes() {
    let check = what_is_not_written_is_absent;
    finds(check, |it| it.records[1].result = Answer::Refused);
    finds(check, |it| it.records[1].result = Answer::Failed(refused(ErrorCode::INVALID_RECORD)));
    finds(check, |it| {
        it.records[1].result = Answer::Failed(refused(ErrorCode::INVALID_RECORD));
        it.logs[0].remove(1);
    });
    allows(check, |it| {
        it.records[1].result = Answer::Failed(refused(ErrorCode::INVALID_RECORD).maybe_written());
    });
}

#[test]
fn a_record_that_is_doubled_is_found() {
    let double = |it: &mut Evidence| {
        in_logs(it, |logs| logs[0].extend_from_within(..1));
    };
    finds(nothing_is_stored_twice, double);
    allows(nothing_is_stored_twice, |it| {
        it.harm.forgotten.insert(0, 1);
        double(it);
    });
}

#[test]
fn what_is_lost_or_fails_in_calm_is_found() {
    let calm = |it: &mut Evidence| (it.plan.trouble, it.plan.delivery_timeout) = (0, None);
    let check = nothing_is_lost_in_calm;
    allows(check, calm);
    finds(check, |it| {
        calm(it);
        it.records[0].result = Answer::Dropped;
        in_logs(it, |logs| drop(logs[0].remove(0)));
    });
    finds(check, |it| {
        calm(it);
        it.records[0].result = Answer::Failed(refused(ErrorCode::INVALID_RECORD));
    });
}

#[test]
fn records_that_have_changed_places_are_found() {
    let swap = |it: &mut Evidence| {
        in_logs(it, |logs| (logs[0][0].offset, logs[0][2].offset) = (logs[0][2].offset, logs[0][0].offset));
    };
    finds(each_sender_keeps_its_order, swap);
    allows(each_sender_keeps_its_order, |it| {
        it.harm.disordered.insert(0);
        swap(it);
    });
}

#[test]
fn a_sequence_that_is_left_out_or_used_twice_is_found() {
    finds(sequences_have_no_gap, |it| in_logs(it, |logs| logs[1][3].sequence += 1));
    finds(sequences_have_no_gap, |it| in_logs(it, |logs| logs[1][3].sequence -= 1));
    finds(sequences_have_no_gap, |it| in_logs(it, |logs| logs[1][3].epoch += 1));
    allows(sequences_have_no_gap, |it| in_logs(it, |logs| (logs[1][3].epoch, logs[1][3].sequence) = (1, 0)));
}

#[test]
fn what_comes_late_is_found() {
    finds(nothing_arrives_later, |it| drop(it.logs[0].pop()));
    finds(nothing_arrives_later, |it| drop(it.later[0].pop()));
}

#[test]
fn a_failure_without_a_reason_is_found() {
    let fails = |error: Error| move |it: &mut Evidence| it.records[0].result = Answer::Failed(error);
    let check = failures_have_a_reason;
    finds(check, fails(refused(ErrorCode::NOT_LEADER_OR_FOLLOWER)));
    finds(check, fails(timed_out(Limit::Close)));
    finds(check, fails(timed_out(Limit::MaxBlock)));
    finds(check, fails(Error::new(ErrorKind::Closed)));
    finds(check, fails(Error::new(ErrorKind::Bug { what: "no".to_owned() })));
    let last = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let topic_partition = TopicPartition::new("t", 0);
    let used_up = Error::new(ErrorKind::RetriesUsedUp { retries: 3, attempts: 4, topic_partition, last });
    finds(check, fails(used_up.clone()));
    allows(check, |it| {
        it.plan.retries = 3;
        fails(used_up)(it);
    });
    allows(check, fails(timed_out(Limit::DeliveryTimeout)));
    finds(check, |it| {
        it.plan.delivery_timeout = None;
        fails(timed_out(Limit::DeliveryTimeout))(it);
    });
    allows(check, fails(refused(ErrorCode::INVALID_RECORD)));
    finds(check, fails(Error::new(ErrorKind::Purged)));
    for (began, is_fine) in [(Instant::ZERO, false), (AT, true)] {
        let purge = Call { who: 0, what: "purge", limit: None, began, took: Duration::ZERO, ok: true };
        let doctor = |it: &mut Evidence| {
            it.calls.push(purge);
            fails(Error::new(ErrorKind::Purged))(it);
        };
        if is_fine { allows(check, doctor) } else { finds(check, doctor) }
    }
}

/// By time the first may fail 0.2 s early here.
#[test]
fn a_time_out_that_comes_too_early_or_too_late_is_found() {
    let fails_after = |millis_after: u64| {
        move |it: &mut Evidence| {
            it.records[0].result = Answer::Failed(timed_out(Limit::DeliveryTimeout));
            it.resolved.insert(it.records[0].mark().to_vec(), AT + millis(millis_after));
        }
    };
    finds(no_time_out_comes_early, fails_after(3799));
    allows(no_time_out_comes_early, fails_after(3801));
    finds(no_result_comes_late, fails_after(4051));
    allows(no_result_comes_late, fails_after(4049));
    allows(no_result_comes_late, |it| {
        it.harm.frozen.push((AT + secs(1), secs(5)));
        fails_after(9000)(it);
    });
}

#[test]
fn a_result_that_comes_long_after_all_was_healed_is_found() {
    let check = results_come_soon_once_all_is_healed;
    let resolved_at = |seconds: u64| {
        move |it: &mut Evidence| {
            it.resolved.insert(it.records[0].mark().to_vec(), Instant::ZERO + secs(seconds));
        }
    };
    finds(check, resolved_at(43));
    allows(check, resolved_at(42));
}

#[test]
fn a_call_that_is_too_long_is_found() {
    finds(calls_end_in_time, |it| it.calls[0].took = millis(1051));
    allows(calls_end_in_time, |it| it.calls[0].took = millis(1049));
    allows(calls_end_in_time, |it| (it.calls[0].limit, it.calls[0].took) = (None, secs(100)));
    allows(calls_end_in_time, |it| {
        it.harm.frozen.push((Instant::ZERO, secs(60)));
        it.calls[0].took = secs(50);
    });
}

#[test]
fn a_flush_that_ends_too_early_is_found() {
    finds(who_flushes_has_waited_for_all, |it| {
        let mark = it.records[0].mark().to_vec();
        it.unawaited.push(Unawaited { what: "flush", ended: AT, mark });
    });
}

#[test]
fn who_asks_again_without_a_rest_is_found() {
    finds(what_was_refused_is_not_asked_again_at_once, |it| {
        it.plan.first_epoch = 0;
        it.asked_for_ids[2] = AT + millis(79);
    });
}

#[test]
fn what_is_left_and_who_is_busy_for_nothing_is_found() {
    finds(callbacks_run_once, |it| it.callbacks = [3, 2]);
    finds(callbacks_run_once, |it| it.callbacks = [3, 4]);
    finds(nothing_is_left_behind, |it| it.left.memory = 1);
    finds(nothing_is_left_behind, |it| it.left.connections = 1);
    finds(idleness_is_quiet, |it| it.idle.polls = 10_000);
    finds(idleness_is_quiet, |it| it.idle.dials = 1000);
    finds(idleness_is_quiet, |it| it.idle.requests = 1000);
}
