//! What each future said, beside what the Java consumer reads, whichever comes first.
//!
//! Records whose future has told the very place where they were read are done with, and only counted: an older number
//! than the ones that are kept of its key was stored before. So what is held does not grow with the length of a run
//! that is read while it goes on, but with what is on its way and with what has gone wrong.

use std::collections::{BTreeMap, VecDeque};

use super::verdict::Verdict;
use super::{KEYS, THREADS, value_length};
use crate::support::kafka::{GivenUp, Head};

/// The length of one result in a client's file.
pub const ENTRY: usize = 18;

/// Partition and offset.
type Place = (i32, i64);

/// One word for each record, since there are millions: what its future said in two bits, whether it was found there in
/// one, how often it was read in five, then its partition in eight and its offset in the rest. Before there is a
/// result, the place is where it was read first.
#[derive(Clone, Copy, Debug)]
struct Word(u64);

impl Word {
    const UNRESOLVED: u64 = 0;
    const FAILED: u64 = 1;
    const STORED: u64 = 2;
    const STORED_SOMEWHERE: u64 = 3;
    /// It was read at the place where it was said to be.
    const FOUND: u64 = 4;
    const SAID: u64 = 3;
    const SEEN: u64 = 8;

    fn place(self) -> Place {
        ((self.0 >> 8 & 0xff) as i32, (self.0 >> 16) as i64)
    }

    fn put(&mut self, (partition, offset): Place) {
        self.0 = self.0 & 0xff | (partition as u64) << 8 | (offset as u64) << 16;
    }

    fn said(self) -> u64 {
        self.0 & Self::SAID
    }

    fn seen(self) -> u64 {
        (self.0 & 0xff) / Self::SEEN
    }

    fn is_found(self) -> bool {
        self.0 & Self::FOUND != 0
    }
}

/// The records of one key.
#[derive(Debug, Default)]
struct Window {
    /// The number of the first word. Of those below nothing is missing but for the strays.
    first: u32,
    words: VecDeque<Word>,
    /// The highest number read so far.
    newest: Option<u32>,
}

/// All records of a run, by key and number.
#[derive(Debug)]
pub struct Ledger {
    windows: Vec<Window>,
    /// Records that are not where they should be. What they count as is said in the end.
    strays: BTreeMap<(usize, u32), Word>,
    /// Where a record was read again before its future had a result.
    copies: BTreeMap<(usize, u32), Vec<Place>>,
    /// The offset after the last one read of each partition.
    read_to: BTreeMap<i32, i64>,
    results: u64,
    read: u64,
    verified: u64,
    verdict: Verdict,
}

impl Ledger {
    pub fn new() -> Self {
        Self {
            windows: (0..THREADS * KEYS).map(|_| Window::default()).collect(),
            strays: BTreeMap::new(),
            copies: BTreeMap::new(),
            read_to: BTreeMap::new(),
            results: 0,
            read: 0,
            verified: 0,
            verdict: Verdict::default(),
        }
    }

    /// The next result of a thread's records, as the client has written it.
    ///
    /// # Errors
    ///
    /// When it makes no sense.
    pub fn enter(&mut self, thread: usize, entry: &[u8; ENTRY]) -> Result<(), String> {
        let key = thread * KEYS + usize::from(u16::from_be_bytes(part(entry, 0)));
        let number = u32::from_be_bytes(part(entry, 2));
        let place = (i32::from_be_bytes(part(entry, 6)), i64::from_be_bytes(part(entry, 10)));
        if key >= self.windows.len() {
            return Err(format!("thread {thread} has no key {key}"));
        }
        let twice = || format!("record {number} of {} has two results", name(key));
        let word = word(&mut self.windows, &mut self.strays, key, number).ok_or_else(twice)?;
        if word.said() != Word::UNRESOLVED {
            return Err(twice());
        }
        self.results += 1;
        let copies = self.copies.remove(&(key, number)).unwrap_or_default();
        word.0 |= match place {
            (-1, _) => Word::FAILED,
            (_, -1) => Word::STORED_SOMEWHERE,
            _ => Word::STORED,
        };
        if word.said() == Word::STORED {
            if word.seen() > 0 && word.place() == place || copies.contains(&place) {
                word.0 |= Word::FOUND;
            }
            word.put(place);
        }
        self.settle(key);
        Ok(())
    }

    /// The next record that is read, those of one partition in the order of offsets.
    pub fn see(&mut self, head: &Head) {
        let here = (head.partition, head.offset);
        self.read += 1;
        self.read_to.insert(head.partition, head.offset + 1);
        let known = key(&head.key).filter(|&key| head.value_length == value_length(key, head.number));
        let Some(key) = known else {
            return self.verdict.note("foreign", || format!("{head:?}"));
        };
        let number = head.number;
        let Some(word) = word(&mut self.windows, &mut self.strays, key, number) else {
            return self.verdict.note("doubled", || {
                format!("record {number} of {} is at {here:?} again, long after the first", name(key))
            });
        };
        if word.said() == Word::STORED && word.place() == here {
            word.0 |= Word::FOUND;
        }
        if word.seen() > 0 {
            let before = *word;
            if word.seen() < 31 {
                word.0 += Word::SEEN;
            }
            if word.said() == Word::UNRESOLVED {
                self.copies.entry((key, number)).or_default().push(here);
            }
            self.verdict.note("doubled", || {
                format!("record {number} of {} is at {here:?} again, {}", name(key), about(before))
            });
            return self.settle(key);
        }
        word.0 += Word::SEEN;
        if word.said() == Word::UNRESOLVED {
            word.put(here);
        }
        let newest = &mut self.windows[key].newest;
        match *newest {
            Some(newest) if newest > number => self.verdict.note("reordered", || {
                format!("record {number} of {} is at {here:?}, after {newest}", name(key))
            }),
            _ => *newest = Some(number),
        }
        self.settle(key);
    }

    /// Lets go of a key's oldest records, as far as all is known of them.
    fn settle(&mut self, key: usize) {
        let window = &mut self.windows[key];
        while let Some(&word) = window.words.front() {
            let passed = || {
                let (partition, offset) = word.place();
                self.read_to.get(&partition).is_some_and(|&to| to > offset)
            };
            match word.said() {
                Word::STORED if word.is_found() => self.verified += 1,
                Word::STORED if !passed() => return,
                Word::UNRESOLVED => return,
                Word::STORED_SOMEWHERE if word.seen() == 0 => return,
                _ => {
                    self.strays.insert((key, window.first), word);
                }
            }
            window.words.pop_front();
            window.first += 1;
        }
    }

    /// For each partition, the offset below which every record that was read has a result.
    pub fn verified_to(&self) -> BTreeMap<i32, i64> {
        let mut to = self.read_to.clone();
        let words = self.windows.iter().flat_map(|window| &window.words);
        for word in words.filter(|word| word.said() == Word::UNRESOLVED && word.seen() > 0) {
            let (partition, offset) = word.place();
            to.entry(partition).and_modify(|to| *to = offset.min(*to));
        }
        to
    }

    /// Results that have come, records that were read, and those that were found where their futures said.
    pub fn counts(&self) -> [u64; 3] {
        [self.results, self.read, self.verified]
    }

    /// Records about which something is still to be said.
    pub fn held(&self) -> usize {
        self.windows.iter().map(|window| window.words.len()).sum::<usize>() + self.strays.len()
    }

    /// What has gone wrong until now.
    pub fn faults(&self) -> u64 {
        self.verdict.seen() + self.strays.len() as u64
    }

    /// Some of them.
    pub fn examples(&self) -> String {
        let line = |(&(key, number), &word): (&(usize, u32), &Word)| {
            format!("record {number} of {} is not in its place, {}\n", name(key), about(word))
        };
        let strays: String = self.strays.iter().take(5).map(line).collect();
        self.verdict.examples() + &strays
    }

    /// When so many were sent and all is read.
    pub fn close(mut self, sent: u64, given_up: &[GivenUp]) -> Verdict {
        assert!(sent >= self.results, "{} results of {sent} records", self.results);
        (self.verdict.sent, self.verdict.unresolved) = (sent, sent - self.results);
        let mut not_there = Vec::new();
        let kept = self.windows.iter().enumerate().flat_map(|(key, window)| {
            window.words.iter().zip(window.first..).map(move |(&word, number)| ((key, number), word))
        });
        let strays = self.strays.iter().map(|(&which, &word)| (which, word));
        for ((key, number), word) in strays.chain(kept) {
            let text = || format!("record {number} of {}, {}", name(key), about(word));
            match word.said() {
                Word::STORED if !word.is_found() => not_there.push((word.place(), key, number)),
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
                (Word::STORED, _) if !word.is_found() => self.verdict.note("misplaced", text),
                _ => {}
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

/// `None` for a record that is done with.
fn word<'a>(
    windows: &'a mut [Window],
    strays: &'a mut BTreeMap<(usize, u32), Word>,
    key: usize,
    number: u32,
) -> Option<&'a mut Word> {
    let window = &mut windows[key];
    let Some(at) = number.checked_sub(window.first) else {
        return strays.get_mut(&(key, number));
    };
    let at = at as usize;
    if window.words.len() <= at {
        window.words.resize(at + 1, Word(Word::UNRESOLVED));
    }
    Some(&mut window.words[at])
}

fn about(word: Word) -> String {
    match word.said() {
        Word::UNRESOLVED => "no result yet".to_owned(),
        Word::FAILED => "told was an error".to_owned(),
        Word::STORED_SOMEWHERE => "told was no offset".to_owned(),
        _ => format!("told was {:?}", word.place()),
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
