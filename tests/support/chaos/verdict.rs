//! What became of the records, and examples of what went wrong.

use std::collections::BTreeMap;
use std::fmt;

/// Examples of each kind of fault that are kept.
const EXAMPLES: usize = 5;

/// What became of the records.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub sent: u64,
    /// Futures without a result.
    pub unresolved: u64,
    pub failed: u64,
    /// Of those, how many are there all the same.
    pub failed_but_stored: u64,
    /// Acknowledged and not there.
    pub lost: u64,
    /// Copies beyond the first.
    pub doubled: u64,
    /// Whose first copy comes after one of a later record of its key.
    pub reordered: u64,
    /// Stored, but not at the offset that was told.
    pub misplaced: u64,
    /// Not where it was told to be, and no leader has given up a record that it had there; or lost, and nobody could
    /// tell where it was. No broker is to blame for these.
    pub untrue: u64,
    /// Stored, and the client could not tell where.
    pub nowhere: u64,
    /// With another value than was sent, or one that nobody sent.
    pub foreign: u64,
    examples: BTreeMap<&'static str, Vec<String>>,
}

impl Verdict {
    /// What a table of verdicts begins with.
    pub const COLUMNS: &str =
        "     sent unresolved  failed (stored)    lost  doubled reordered misplaced  untrue nowhere foreign";

    pub(super) fn note(&mut self, kind: &'static str, example: impl Fn() -> String) {
        let count = match kind {
            "failed" => &mut self.failed,
            "failed but stored" => &mut self.failed_but_stored,
            "lost" => &mut self.lost,
            "doubled" => &mut self.doubled,
            "reordered" => &mut self.reordered,
            "misplaced" => &mut self.misplaced,
            "untrue" => &mut self.untrue,
            "nowhere" => &mut self.nowhere,
            "foreign" => &mut self.foreign,
            other => unreachable!("nobody counts {other}"),
        };
        *count += 1;
        let examples = self.examples.entry(kind).or_default();
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    /// Those that were counted as they were read.
    pub(super) fn seen(&self) -> u64 {
        self.doubled + self.reordered + self.foreign
    }

    /// Some records of each kind that went wrong.
    pub fn examples(&self) -> String {
        let line = |(kind, of): (&&str, &Vec<String>)| format!("{kind}: {}\n", of.join("; "));
        self.examples.iter().map(line).collect()
    }

    /// Every record is stored once, in order, where its future said. If brokers have `forgotten` batches, the future of a
    /// stored record may say that it may be stored.
    pub fn is_exactly_once(&self, forgotten: usize) -> bool {
        let Self { unresolved, lost, doubled, reordered, misplaced, untrue, nowhere, foreign, .. } = *self;
        let failed = if forgotten == 0 { self.failed } else { self.failed - self.failed_but_stored + untrue };
        [unresolved, failed, lost, doubled, reordered, misplaced, nowhere, foreign] == [0; 8]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9} {:10} {:7} {:8} {:7} {:8} {:9} {:9} {:7} {:7} {:7}",
            self.sent,
            self.unresolved,
            self.failed,
            self.failed_but_stored,
            self.lost,
            self.doubled,
            self.reordered,
            self.misplaced,
            self.untrue,
            self.nowhere,
            self.foreign
        )
    }
}
