//! What keeps a long run within bounds: progress is told, verified records are deleted, and the disk is looked at.

#![allow(clippy::disallowed_types, reason = "no model checker runs here")]
#![allow(clippy::print_stdout, reason = "it tells a person of the progress")]

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ledger::Ledger;
use super::{Alarm, Script};
use crate::support::clock::Stopwatch;
use crate::support::kafka::Trimmer;

const STEP: Duration = Duration::from_secs(5);
/// Nothing is verified while a leader is frozen or starts again, and nothing of it is deleted.
const DELAY: Duration = Duration::from_secs(300);
/// In a segment, in bytes, on the average.
const RECORD: u64 = 450;
const REPLICAS: u64 = 3;

/// Looks every few seconds, until it is dropped or told to finish.
#[derive(Debug)]
pub struct Watch {
    over: mpsc::Sender<()>,
    thread: JoinHandle<u64>,
}

/// What it may do.
#[derive(Debug)]
pub struct Bounds {
    pub trimmer: Trimmer,
    /// Records are deleted that long after they were verified: a replica that was away for a shorter time finds where
    /// it was in the leader's log.
    pub keep_for: Duration,
    /// In bytes. With more an alarm is raised.
    pub most_disk: u64,
}

impl Bounds {
    pub fn of(script: &Script, rate: u64, trimmer: Trimmer) -> Self {
        let keep_for = script.longest_freeze() + Duration::from_secs(15);
        let most_disk = (keep_for + DELAY).as_secs() * rate * RECORD * REPLICAS + (1 << 30);
        Self { trimmer, keep_for, most_disk }
    }
}

impl Watch {
    /// `dir` is the one whose size is looked at.
    pub fn start(dir: &Path, ledger: &Arc<Mutex<Ledger>>, alarm: &Alarm, bounds: Bounds) -> Self {
        let (over, ends) = mpsc::channel();
        let mut looks = Looks {
            bounds,
            dir: dir.to_owned(),
            ledger: Arc::clone(ledger),
            alarm: alarm.clone(),
            clock: Stopwatch::start(),
            verified: VecDeque::new(),
            deleted: BTreeMap::new(),
            minutes: 0,
            most: 0,
        };
        let thread = std::thread::spawn(move || {
            while ends.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                looks.look();
            }
            looks.most
        });
        Self { over, thread }
    }

    /// The most that was used of the disk.
    pub fn finish(self) -> u64 {
        drop(self.over);
        self.thread.join().expect("it panics nowhere")
    }
}

#[derive(Debug)]
struct Looks {
    bounds: Bounds,
    dir: PathBuf,
    ledger: Arc<Mutex<Ledger>>,
    alarm: Alarm,
    clock: Stopwatch,
    /// When, and up to which offsets.
    verified: VecDeque<(Duration, BTreeMap<i32, i64>)>,
    deleted: BTreeMap<i32, i64>,
    /// Of which was told.
    minutes: u64,
    most: u64,
}

impl Looks {
    fn look(&mut self) {
        let now = self.clock.elapsed();
        let ledger = self.ledger.lock().expect("nothing panics that has it");
        let ([results, read, verified], held) = (ledger.counts(), ledger.held());
        let (faults, examples) = (ledger.faults(), ledger.examples());
        self.verified.push_back((now, ledger.verified_to()));
        drop(ledger);

        let used = size_of(&self.dir);
        self.most = self.most.max(used);
        if used > self.bounds.most_disk {
            let most = self.bounds.most_disk >> 20;
            let used = used >> 20;
            self.alarm
                .raise(&format!("after {now:.0?} {used} MiB of the disk are used, not {most}; {examples}"));
        }
        let mut old = None;
        while self.verified.front().is_some_and(|(at, _)| now - *at >= self.bounds.keep_for) {
            old = self.verified.pop_front();
        }
        // Whoever looks for the cause of a fault wants to see what lies around it.
        if let Some((_, offsets)) = old.filter(|_| faults == 0) {
            self.deleted.extend(self.bounds.trimmer.delete_before(&offsets));
        }
        if now.as_secs() / 60 > self.minutes {
            self.minutes = now.as_secs() / 60;
            println!(
                "{:4} s: {results} results, {read} read, {verified} verified, {held} held; deleted up to {:?}; \
                 {} MiB of the disk; {faults} faults",
                now.as_secs(),
                self.deleted.values().collect::<Vec<_>>(),
                used >> 20,
            );
            print!("{examples}");
        }
    }
}

/// What the files below occupy, in bytes. Some vanish meanwhile.
fn size_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let about = entry.metadata().ok()?;
        Some(if about.is_dir() { size_of(&entry.path()) } else { about.blocks() * 512 })
    });
    sizes.sum()
}
