//! What must be true when a seeded run is over. Each check is a function of the evidence, so that its test can doctor it.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Answer, Evidence, Told};
use super::stranger::{Stored, as_kept};
use super::users::CALLBACKS;
use super::*;
use crate::error::{Certainty, Error, Limit};

mod calls;
#[cfg(test)]
mod tests;

use calls::{
    callbacks_run_once, calls_end_in_time, what_was_refused_is_not_asked_again_at_once,
    who_flushes_has_waited_for_all,
};

/// What a check says when it fails.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) check: &'static str,
    pub(super) what: String,
    /// The record that it is about.
    pub(super) mark: Option<Vec<u8>>,
}

/// What is wrong, and with which record.
type Wrong = (String, Option<Vec<u8>>);
type Check = fn(&Evidence) -> Result<(), Wrong>;

pub(super) fn all(evidence: &Evidence) -> Result<(), Violation> {
    for (check, function) in CHECKS {
        function(evidence).map_err(|(what, mark)| Violation { check, what, mark })?;
    }
    Ok(())
}

macro_rules! checks {
    ($($check:ident),* $(,)?) => { &[$((stringify!($check), $check)),*] };
}

const CHECKS: &[(&str, Check)] = checks![
    everything_has_a_result,
    what_is_stored_was_sent,
    what_is_ok_stands_where_it_says,
    what_is_not_written_is_absent,
    nothing_is_stored_twice,
    nothing_is_lost_in_calm,
    each_sender_keeps_its_order,
    sequences_have_no_gap,
    nothing_arrives_later,
    failures_have_a_reason,
    no_time_out_comes_early,
    no_result_comes_late,
    results_come_soon_once_all_is_healed,
    calls_end_in_time,
    who_flushes_has_waited_for_all,
    what_was_refused_is_not_asked_again_at_once,
    callbacks_run_once,
    nothing_is_left_behind,
    idleness_is_quiet,
];

fn wrong(about: &Told, what: impl std::fmt::Display) -> Result<(), Wrong> {
    let words = String::from_utf8_lossy(&about.mark()[..about.mark().len().min(24)]).into_owned();
    Err((format!("{words}: {what}"), Some(about.mark().to_vec())))
}

/// Where each record stands, by its mark: partition and what is stored.
fn places(logs: &[Vec<Stored>]) -> BTreeMap<&[u8], Vec<(usize, &Stored)>> {
    let mut places: BTreeMap<&[u8], Vec<_>> = BTreeMap::new();
    for (partition, log) in logs.iter().enumerate() {
        for stored in log {
            places.entry(stored.mark()).or_default().push((partition, stored));
        }
    }
    places
}

/// Whether these are the bytes that were sent, and the time that was given.
fn is_same(told: &Told, stored: &Stored) -> bool {
    told.key == stored.key
        && told.value == stored.value
        && as_kept(&told.headers) == stored.headers
        && told.timestamp.is_none_or(|timestamp| timestamp == stored.timestamp)
}

pub(super) fn everything_has_a_result(evidence: &Evidence) -> Result<(), Wrong> {
    match evidence.records.iter().find(|told| matches!(told.result, Answer::None)) {
        Some(told) => wrong(told, "has no result"),
        None => Ok(()),
    }
}

pub(super) fn what_is_stored_was_sent(evidence: &Evidence) -> Result<(), Wrong> {
    let sent: BTreeMap<&[u8], &Told> = evidence.records.iter().map(|told| (told.mark(), told)).collect();
    for (mark, stored) in places(&evidence.later) {
        let Some(told) = sent.get(mark) else {
            return Err((format!("nobody has sent {:?}", String::from_utf8_lossy(mark)), None));
        };
        for (partition, stored) in stored {
            if !is_same(told, stored) {
                return wrong(told, format_args!("is stored with other bytes: {stored:?}"));
            }
            if told.partition.is_some_and(|named| named != partition) {
                return wrong(told, format_args!("was for {:?} and is in {partition}", told.partition));
            }
        }
    }
    Ok(())
}

/// Unless harm has removed it from there.
pub(super) fn what_is_ok_stands_where_it_says(evidence: &Evidence) -> Result<(), Wrong> {
    if evidence.plan.acks == Acks::None {
        return Ok(());
    }
    for told in &evidence.records {
        let Answer::Stored { partition, offset, timestamp } = told.result else { continue };
        let log = evidence.logs.get(partition);
        // A broker that says no more than that it has the batch does not say where: then it stands anywhere in the log.
        let is_there = |stored: &&Stored| match offset {
            ..0 => stored.mark() == told.mark(),
            _ => stored.offset == offset,
        };
        let there = log.and_then(|log| log.iter().find(is_there));
        let stands = there.is_some_and(|stored| is_same(told, stored));
        if !stands && !evidence.harm.has_lost(told.mark(), partition, offset) {
            return wrong(told, format_args!("is not at {offset} in {partition}, there is {there:?}"));
        }
        if told.timestamp.is_some_and(|given| given != timestamp) && !evidence.plan.is_idempotent() {
            return wrong(told, format_args!("was told the time {timestamp}"));
        }
    }
    Ok(())
}

/// For ever, packets included that were late.
pub(super) fn what_is_not_written_is_absent(evidence: &Evidence) -> Result<(), Wrong> {
    let (early, late) = (places(&evidence.logs), places(&evidence.later));
    for told in &evidence.records {
        let is_absent = match &told.result {
            Answer::Refused => true,
            Answer::Failed(error) => error.certainty() == Certainty::NotWritten,
            _ => false,
        };
        if is_absent && (early.contains_key(told.mark()) || late.contains_key(told.mark())) {
            return wrong(told, "is stored, and was said not to be");
        }
    }
    Ok(())
}

pub(super) fn nothing_is_stored_twice(evidence: &Evidence) -> Result<(), Wrong> {
    if evidence.plan.trouble > 0 && !evidence.plan.is_idempotent() {
        return Ok(());
    }
    let places = places(&evidence.later);
    for told in &evidence.records {
        let stored = places.get(told.mark()).map_or(&[][..], Vec::as_slice);
        let forgotten = stored.first().and_then(|(partition, _)| evidence.harm.forgotten.get(partition));
        if stored.len() > 1 + forgotten.unwrap_or(&0) {
            return wrong(told, format_args!("is stored {} times", stored.len()));
        }
    }
    Ok(())
}

pub(super) fn nothing_is_lost_in_calm(evidence: &Evidence) -> Result<(), Wrong> {
    if !evidence.plan.is_calm() || evidence.closed {
        return Ok(());
    }
    let places = places(&evidence.logs);
    for told in &evidence.records {
        match &told.result {
            Answer::Failed(error) => return wrong(told, format_args!("failed: {error}")),
            Answer::Dropped | Answer::Stored { .. } if !places.contains_key(told.mark()) => {
                return wrong(told, "is lost");
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is sent by callbacks of different batches has no order to be kept.
pub(super) fn each_sender_keeps_its_order(evidence: &Evidence) -> Result<(), Wrong> {
    let places = places(&evidence.logs);
    let mut last = BTreeMap::new();
    for told in evidence.records.iter().filter(|told| told.sender != CALLBACKS) {
        let Some(stored) = places.get(told.mark()) else { continue };
        let (Some(partition), Some((_, stored))) = (told.partition, stored.first()) else { continue };
        if !evidence.plan.keeps_order() || evidence.harm.disordered.contains(&partition) {
            continue;
        }
        let before = last.insert((told.sender, partition), stored.offset).unwrap_or(-1);
        if before >= stored.offset {
            return wrong(told, format_args!("is at {}, behind one at {before}", stored.offset));
        }
    }
    Ok(())
}

/// Within an epoch, where the log has lost nothing and brokers have not forgotten what came before.
pub(super) fn sequences_have_no_gap(evidence: &Evidence) -> Result<(), Wrong> {
    let harm = &evidence.harm;
    let lossy: BTreeSet<usize> = harm.lost.values().flatten().map(|(partition, _)| *partition).collect();
    for (partition, log) in evidence.later.iter().enumerate() {
        if harm.disordered.contains(&partition) || lossy.contains(&partition) {
            continue;
        }
        let mut next = BTreeMap::new();
        for stored in log.iter().filter(|stored| stored.producer >= 0) {
            let next = next.entry((stored.producer, stored.epoch)).or_insert(0);
            if stored.sequence != *next {
                let (offset, found) = (stored.offset, stored.sequence);
                let what = format!("sequence {found} at {offset} in {partition}, where {next} is next");
                return Err((what, Some(stored.mark().to_vec())));
            }
            *next += 1;
        }
    }
    Ok(())
}

pub(super) fn nothing_arrives_later(evidence: &Evidence) -> Result<(), Wrong> {
    for (partition, (before, after)) in evidence.logs.iter().zip(&evidence.later).enumerate() {
        if before != after {
            let news = after.iter().find(|stored| !before.contains(stored));
            let mark = news.map(|stored| stored.mark().to_vec());
            return Err((format!("the log of {partition} has changed: {news:?}"), mark));
        }
    }
    Ok(())
}

/// A timeout, used-up retries, the end of the producer, the refusal of a broker, or an outcome that stays unknown.
pub(super) fn failures_have_a_reason(evidence: &Evidence) -> Result<(), Wrong> {
    for told in &evidence.records {
        if let Answer::Failed(error) = &told.result
            && !has_a_reason(error, told.at, evidence)
        {
            return wrong(told, format_args!("failed for no good reason: {error:?}"));
        }
    }
    Ok(())
}

fn has_a_reason(error: &Error, at: Instant, evidence: &Evidence) -> bool {
    let plan = &evidence.plan;
    let is_unknown = error.certainty() == Certainty::MaybeWritten;
    match error.kind() {
        ErrorKind::Timeout { limit: Limit::DeliveryTimeout, .. } => plan.delivery_timeout.is_some(),
        ErrorKind::Timeout { limit: Limit::Close, .. } | ErrorKind::Closed => evidence.closed,
        ErrorKind::RetriesUsedUp { .. } => plan.retries < u32::MAX,
        ErrorKind::Broker { code, .. } | ErrorKind::RefusedWithBatch { code, .. } => {
            plan.trouble > 0 && (!code.is_retriable() || is_unknown)
        }
        ErrorKind::RefusedAsTooLarge { .. } | ErrorKind::NoProducerId { .. } => plan.trouble > 0,
        ErrorKind::LeftOut { .. } | ErrorKind::Network { .. } => plan.trouble > 0 && is_unknown,
        ErrorKind::Purged => !is_unknown && evidence.was_purged_after(at),
        _ => false,
    }
}

/// The most that a record may fail before its time is over: it goes with the rest of its batch.
fn may_be_early(plan: &Plan, limit: Duration) -> Duration {
    plan.linger.max(secs(1).min(limit / 20))
}

pub(super) fn no_time_out_comes_early(evidence: &Evidence) -> Result<(), Wrong> {
    let Some(limit) = evidence.plan.delivery_timeout else { return Ok(()) };
    let early = may_be_early(&evidence.plan, limit);
    for (told, at) in resolved(evidence) {
        let Answer::Failed(error) = &told.result else { continue };
        let took = at.since(told.at);
        if matches!(error.kind(), ErrorKind::Timeout { limit: Limit::DeliveryTimeout, .. })
            && took + early < limit
        {
            return wrong(told, format_args!("failed after {took:?} of {limit:?}: {error}"));
        }
    }
    Ok(())
}

/// Nobody waits for longer than `delivery_timeout` says.
pub(super) fn no_result_comes_late(evidence: &Evidence) -> Result<(), Wrong> {
    let Some(limit) = evidence.plan.delivery_timeout else { return Ok(()) };
    let ends = evidence.ends_of_sends();
    for (told, at) in resolved(evidence) {
        let sent = ends.get(&(told.sender, told.at)).copied().unwrap_or(told.at);
        let took = at.since(sent);
        if took > limit + PUNCTUAL + evidence.frozen(sent, at) {
            return wrong(told, format_args!("got its result after {took:?} of {limit:?}"));
        }
    }
    Ok(())
}

/// What is under way then has met the last of the trouble: an answer that was held back for up to 3 s, or is never to come
/// (`request_timeout`, twice, as a request may wait behind another); a connection to be made (2 s, with a back-off of 1 s on
/// either side); a broker that asks for 2 s of peace. Then everything goes out, request by request.
pub(super) fn results_come_soon_once_all_is_healed(evidence: &Evidence) -> Result<(), Wrong> {
    let (plan, Some(healed)) = (&evidence.plan, evidence.harm.healed_at) else { return Ok(()) };
    if plan.manual_flush {
        return Ok(());
    }
    let records = u32::try_from(evidence.records.len()).unwrap_or(u32::MAX);
    let most = secs(10) + plan.linger + 2 * plan.request_timeout + records * plan.weather.delay;
    let ends = evidence.ends_of_sends();
    for (told, at) in resolved(evidence) {
        let sent = ends.get(&(told.sender, told.at)).copied().unwrap_or(told.at);
        let took = at.since(sent.max(healed));
        if took > most {
            return wrong(
                told,
                format_args!("got its result {took:?} after all was well, not within {most:?}"),
            );
        }
    }
    Ok(())
}

fn resolved(evidence: &Evidence) -> impl Iterator<Item = (&Told, Instant)> {
    evidence.records.iter().filter_map(|told| Some((told, *evidence.resolved.get(told.mark())?)))
}

/// Of a limit of time.
const PUNCTUAL: Duration = Duration::from_millis(50);

pub(super) fn nothing_is_left_behind(evidence: &Evidence) -> Result<(), Wrong> {
    let left = &evidence.left;
    if left.memory == 0 && left.connections == 0 { Ok(()) } else { Err((format!("{left:?}"), None)) }
}

/// Each request costs some polls; a producer asks for metadata when they are old, and logs in anew where sessions end.
pub(super) fn idleness_is_quiet(evidence: &Evidence) -> Result<(), Wrong> {
    let (plan, idle) = (&evidence.plan, &evidence.idle);
    let every = |period: Duration| (idle.lasted.as_nanos() / period.as_nanos().max(1)) as u64;
    let refreshes = every(plan.metadata_max_age) + 2;
    let brokers = u64::try_from(MOST_BROKERS).unwrap_or(u64::MAX);
    let logins = if plan.asks { every(millis(900)) * brokers } else { 0 };
    // A connection that was closed as idle is made anew for the next refresh.
    let dials = 2 * refreshes + brokers;
    let requests = 8 * (refreshes + logins);
    if idle.dials > dials || idle.requests > requests || idle.polls > 8 * requests {
        return Err((format!("{idle:?}, not {dials} dials and {requests} requests"), None));
    }
    Ok(())
}

const MOST_BROKERS: usize = 8;
