//! Counters of rare things. A run of many seeds that never comes to them proves nothing about them.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Answer, Evidence};
use super::*;

/// How often each thing happened.
pub(super) type Counts = BTreeMap<&'static str, u64>;

/// Each happens so often at least, in every run of [`MANY`] seeds or more.
const LEAST: u64 = 20;
pub(super) const MANY: usize = 500;

const RARE: &[&str] = &[
    "duplicate answered",
    "epoch bumped",
    "epochs used up",
    "batch split under sequences",
    "expired in the middle of a window",
    "late answer of an expired batch",
    "cut after append",
    "memory wait",
    "logged in again",
    "leader hint used",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "UNKNOWN_PRODUCER_ID",
    "MESSAGE_TOO_LARGE",
    "NOT_LEADER_OR_FOLLOWER",
    "sealed by a user thread",
    "request half written when its connection ended",
    "flush timed out",
    "close timed out",
    "get timed out",
    "callback panicked",
    "topic made anew",
    "retries used up",
    "delivery timed out",
    "client frozen",
    "truncated by an unclean election",
    "lost with a log",
    "purged",
];

/// Those of one run: what it has counted itself, and what its evidence shows.
pub(super) fn count(mut counts: Counts, site: &Site, evidence: &Evidence) -> Counts {
    let mut add = |what, times: usize| *counts.entry(what).or_default() += times as u64;
    add("duplicate answered", usize::try_from(site.core.counts.duplicates).unwrap_or(usize::MAX));
    let requests = &site.core.requests;
    let batches = requests.iter().flat_map(|request| &request.batches).filter(|batch| batch.producer_id >= 0);
    let identities: BTreeSet<_> = batches.map(|batch| (batch.producer_id, batch.producer_epoch)).collect();
    let producers: BTreeSet<_> = identities.iter().map(|(producer, _)| producer).collect();
    add("epoch bumped", identities.len() - producers.len());
    let again =
        |request: &&crate::mock::MockRequest| request.api == ApiKey::SASL_HANDSHAKE && request.user.is_some();
    add("epochs used up", producers.len().saturating_sub(1));
    add("logged in again", requests.iter().filter(again).count());
    let late = |what| evidence.calls.iter().filter(move |call| call.what == what && !call.ok).count();
    add("flush timed out", late("flush"));
    add("close timed out", late("close"));
    let waited = |call: &&users::Call| call.what == "get" && !call.ok && Some(call.took) >= call.limit;
    add("get timed out", evidence.calls.iter().filter(waited).count());
    add("topic made anew", evidence.harm.remade.len());
    add("client frozen", evidence.harm.frozen.len());
    add("truncated by an unclean election", evidence.harm.unclean_elections);
    add("lost with a log", evidence.harm.lost.len());
    for told in &evidence.records {
        if let Answer::Failed(error) = &told.result {
            match error.kind() {
                ErrorKind::RetriesUsedUp { .. } => add("retries used up", 1),
                ErrorKind::Timeout { .. } => add("delivery timed out", 1),
                ErrorKind::Purged => add("purged", 1),
                _ => {}
            }
        }
    }
    counts
}

pub(super) fn add(all: &mut Counts, some: &Counts) {
    for (what, times) in some {
        *all.entry(what).or_default() += times;
    }
}

/// What fell short, in words; `None` if nothing did.
pub(super) fn shortfall(counts: &Counts) -> Option<String> {
    let times = |what: &&str| counts.get(*what).copied().unwrap_or_default();
    let short: Vec<String> = RARE
        .iter()
        .filter(|what| times(what) < LEAST)
        .map(|what| format!("{what}: {}", times(what)))
        .collect();
    (!short.is_empty()).then(|| format!("too rare, below {LEAST}: {}", short.join(", ")))
}

/// For people.
pub(super) fn table(counts: &Counts) -> String {
    let line = |what: &&str| format!("{:>9} {what}\n", counts.get(*what).copied().unwrap_or_default());
    RARE.iter().map(line).collect()
}

#[test]
fn what_is_too_rare_is_told() {
    let mut counts: Counts = RARE.iter().map(|what| (*what, LEAST)).collect();
    assert_eq!(shortfall(&counts), None);
    counts.insert("memory wait", LEAST - 1);
    counts.remove("leader hint used");
    assert_eq!(
        shortfall(&counts).as_deref(),
        Some("too rare, below 20: memory wait: 19, leader hint used: 0")
    );
}
