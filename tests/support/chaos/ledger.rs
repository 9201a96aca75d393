//! What each future said, beside what the Java consumer reads.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::{KEYS, THREADS, value_length};
use crate::support::kafka::{GivenUp, Head};

/// Examples of each kind of fault that are kept.
const EXAMPLES: usize = 5;
const ENTRY: usize = 18;

/// One word for each record, since there are millions: what its future said in two bits, whether it was found there in
/// one, how often it was read in five, then its partition in eight and its offset in the rest.
#[derive(Clone, Copy, Debug)]
struct Word(u64);

impl Word {
    const UNRESOLVED: Self = Self(0);
    const FAILED: u64 = 1;
    const STORED: u64 = 2;
    const STORED_SOMEWHERE: u64 = 3;
    /// It was read at the place where it was said to be.
    const FOUND: u64 = 4;
    const SAID: u64 = 3;
    const SEEN: u64 = 8;

    fn place(self) -> (i32, i64) {
        ((self.0 >> 8 & 0xff) as i32, (self.0 >> 16) as i64)
    }

    fn said(self) -> u64 {
        self.0 & Self::SAID
    }

    fn seen(self) -> u64 {
        (self.0 & 0xff) / Self::SEEN
    }
}

/// All records of a run, by key and number.
#[derive(Debug)]
pub struct Ledger {
    keys: Vec<Vec<Word>>,
    /// The highest number read so far, for each key.
    newest: Vec<Option<u32>>,
    last: Option<(i32, i64)>,
    verdict: Verdict,
}

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

impl Ledger {
    /// From what the client has written.
    ///
    /// # Errors
    ///
    /// When a file is missing or an entry makes no sense.
    pub fn load(dir: &Path) -> io::Result<Self> {
        let keys = vec![Vec::new(); THREADS * KEYS];
        let newest = vec![None; keys.len()];
        let mut ledger = Self { keys, newest, last: None, verdict: Verdict::default() };
        let sent = std::fs::read_to_string(dir.join("sent"))?;
        ledger.verdict.sent = sent.trim().parse().map_err(io::Error::other)?;
        let mut resolved = 0;
        for thread in 0..THREADS {
            let mut from = BufReader::new(File::open(dir.join(format!("thread-{thread}")))?);
            let mut entry = [0; ENTRY];
            while !from.fill_buf()?.is_empty() {
                from.read_exact(&mut entry)?;
                ledger.enter(thread, &entry)?;
                resolved += 1;
            }
        }
        ledger.verdict.unresolved = ledger.verdict.sent - resolved;
        Ok(ledger)
    }

    fn enter(&mut self, thread: usize, entry: &[u8; ENTRY]) -> io::Result<()> {
        let key = thread * KEYS + usize::from(u16::from_be_bytes(part(entry, 0)));
        let number = u32::from_be_bytes(part(entry, 2)) as usize;
        let (partition, offset) = (i32::from_be_bytes(part(entry, 6)), i64::from_be_bytes(part(entry, 10)));
        let word = match (partition, offset) {
            (-1, _) => Word::FAILED,
            (_, -1) => Word::STORED_SOMEWHERE,
            _ => Word::STORED | (partition as u64) << 8 | (offset as u64) << 16,
        };
        let words = self.keys.get_mut(key).ok_or_else(|| io::Error::other("no such key"))?;
        if words.len() <= number {
            words.resize(number + 1, Word::UNRESOLVED);
        }
        if words[number].said() != 0 {
            return Err(io::Error::other(format!("record {number} of {} has two results", name(key))));
        }
        words[number] = Word(word);
        Ok(())
    }

    /// The next record that is read, those of one partition in the order of offsets.
    pub fn see(&mut self, head: &Head) {
        let here = (head.partition, head.offset);
        assert!(
            self.last.is_none_or(|last| last.0 != here.0 || last.1 < here.1),
            "offsets went back at {here:?}"
        );
        self.last = Some(here);
        let known = key(&head.key).filter(|&key| head.value_length == value_length(key, head.number));
        let Some(key) = known else {
            return self.verdict.note("foreign", || format!("{head:?}"));
        };
        let (words, number) = (&mut self.keys[key], head.number as usize);
        if words.len() <= number {
            // Its future has no result.
            words.resize(number + 1, Word::UNRESOLVED);
        }
        let word = &mut words[number];
        if word.said() == Word::STORED && word.place() == here {
            word.0 |= Word::FOUND;
        }
        if word.seen() > 0 {
            let said = *word;
            if word.seen() < 31 {
                word.0 += Word::SEEN;
            }
            return self.verdict.note("doubled", || {
                format!("record {number} of {} is at {here:?} again, told was {:?}", name(key), said.place())
            });
        }
        word.0 += Word::SEEN;
        match self.newest[key] {
            Some(newest) if newest > head.number => self.verdict.note("reordered", || {
                format!("record {number} of {} is at {here:?}, after {newest}", name(key))
            }),
            _ => self.newest[key] = Some(head.number),
        }
    }

    /// When all is read.
    pub fn close(mut self, given_up: &[GivenUp]) -> Verdict {
        let mut not_there = Vec::new();
        for (key, words) in self.keys.iter().enumerate() {
            for (number, word) in words.iter().enumerate() {
                let text = || format!("record {number} of {}, told was {:?}", name(key), word.place());
                match word.said() {
                    Word::STORED if word.0 & Word::FOUND == 0 => not_there.push((word.place(), key, number)),
                    Word::STORED_SOMEWHERE if word.seen() == 0 => self.verdict.note("untrue", text),
                    _ => {}
                }
                match (word.said(), word.seen()) {
                    (Word::FAILED, 0) => self.verdict.note("failed", text),
                    (Word::FAILED, _) => {
                        self.verdict.note("failed", text);
                        self.verdict.note("failed but stored", text);
                    }
                    (Word::STORED | Word::STORED_SOMEWHERE, 0) => self.verdict.note("lost", text),
                    (Word::STORED_SOMEWHERE, _) => self.verdict.note("nowhere", text),
                    (Word::STORED, _) if word.0 & Word::FOUND == 0 => self.verdict.note("misplaced", text),
                    _ => {}
                }
            }
        }
        not_there.sort_unstable();
        for here in not_there.chunk_by(|one, other| one.0 == other.0) {
            let (partition, offset) = here[0].0;
            let had = |of: &&GivenUp| of.partition == partition && of.offsets.contains(&offset);
            // A leader had one record there, so a second one that is told to have been there is one too many.
            for &(place, key, number) in here.iter().skip(given_up.iter().filter(had).count()) {
                self.verdict
                    .note("untrue", || format!("record {number} of {}, told was {place:?}", name(key)));
            }
        }
        self.verdict
    }
}

impl Verdict {
    /// What a table of verdicts begins with.
    pub const COLUMNS: &str =
        "     sent unresolved  failed (stored)    lost  doubled reordered misplaced  untrue nowhere foreign";

    fn note(&mut self, kind: &'static str, example: impl Fn() -> String) {
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

    /// Some records of each kind that went wrong.
    pub fn examples(&self) -> String {
        let line = |(kind, of): (&&str, &Vec<String>)| format!("{kind}: {}\n", of.join("; "));
        self.examples.iter().map(line).collect()
    }

    /// Every record is stored once, in order, where its future said.
    pub fn is_exactly_once(&self) -> bool {
        let Self { unresolved, failed, lost, doubled, reordered, misplaced, nowhere, foreign, .. } = *self;
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

fn part<const N: usize>(entry: &[u8; ENTRY], at: usize) -> [u8; N] {
    std::array::from_fn(|index| entry[at + index])
}

fn key(text: &[u8]) -> Option<usize> {
    let (thread, key) = std::str::from_utf8(text).ok()?.split_once('-')?;
    let (thread, key) = (thread.parse::<usize>().ok()?, key.parse::<usize>().ok()?);
    (thread < THREADS && key < KEYS).then_some(thread * KEYS + key)
}

fn name(key: usize) -> String {
    format!("{}-{}", key / KEYS, key % KEYS)
}
