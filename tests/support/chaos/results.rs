//! A client's files of results, as pipes: what is written is read at once, so that nothing of it is left on the disk.

#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::fs::{CWD, Mode, OFlags, fcntl_setfl, mkfifoat, open};

use super::ledger::{ENTRY, Ledger};
use super::{Alarm, THREADS};

/// Threads that enter results into the ledger while the client runs.
#[derive(Debug)]
pub struct Results {
    /// Until these are closed a pipe has no end, not before the client opens it either.
    open: Vec<File>,
    readers: Vec<JoinHandle<()>>,
}

impl Results {
    /// Makes the files of the directory.
    ///
    /// # Errors
    ///
    /// When a pipe cannot be made.
    pub fn read(dir: &Path, ledger: &Arc<Mutex<Ledger>>, alarm: &Alarm) -> std::io::Result<Self> {
        let mut results = Self { open: Vec::new(), readers: Vec::new() };
        for thread in 0..THREADS {
            let path = dir.join(format!("thread-{thread}"));
            mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
            // Either end waits for the other one otherwise.
            let pipe = open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
            results.open.push(File::options().write(true).open(&path)?);
            fcntl_setfl(&pipe, OFlags::empty())?;
            let (ledger, alarm) = (Arc::clone(ledger), alarm.clone());
            results.readers.push(std::thread::spawn(move || {
                if let Err(why) = enter_all(thread, pipe.into(), &ledger) {
                    alarm.raise(&why);
                }
            }));
        }
        Ok(results)
    }

    /// When the client has ended: waits for the rest.
    pub fn finish(self) {
        drop(self.open);
        self.readers
            .into_iter()
            .for_each(|reader| reader.join().expect("it raises an alarm in place of panics"));
    }
}

fn enter_all(thread: usize, mut pipe: File, ledger: &Mutex<Ledger>) -> Result<(), String> {
    let mut bytes = vec![0; 1 << 16];
    let mut filled = 0;
    loop {
        let more = match pipe.read(&mut bytes[filled..]) {
            Ok(more) => more,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the results of thread {thread}: {error}")),
        };
        if more == 0 {
            let whole = filled == 0;
            return whole
                .then_some(())
                .ok_or_else(|| format!("the last result of thread {thread} is cut off"));
        }
        filled += more;
        let whole = filled - filled % ENTRY;
        let mut ledger = ledger.lock().expect("nothing panics that has it");
        for entry in bytes[..whole].chunks_exact(ENTRY) {
            ledger.enter(thread, entry.try_into().expect("chunks of that length"))?;
        }
        drop(ledger);
        bytes.copy_within(whole..filled, 0);
        filled -= whole;
    }
}
