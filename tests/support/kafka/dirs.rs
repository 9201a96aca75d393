//! Files below the target directory: locks between test processes, and a directory for each run.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::support::clock::{Failure, deadline, retry};

/// Where everything about brokers goes, `target/kafka` with cargo's defaults.
pub fn root() -> PathBuf {
    // Cargo names a directory inside the target directory; that one follows each of the ways in
    // which the target directory can be chosen.
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("the directory is inside another one").join("kafka")
}

/// An exclusive lock that ends with this value or with the process.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// # Errors
    ///
    /// When the file cannot be created or another process keeps the lock for too long.
    pub fn acquire(path: &Path, seconds: u64) -> Result<Self, String> {
        retry(deadline(seconds), || match Self::try_acquire(path) {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => Err(Failure::Again(format!("another process holds the lock {}", path.display()))),
            Err(error) => Err(Failure::Fatal(format!("cannot lock {}: {error}", path.display()))),
        })
    }

    /// `None` when another process holds it.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A directory of its own for one cluster; removed at the end unless the test fails.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    keep: bool,
    _owner: FileLock,
}

const OWNER: &str = "owner.lock";
const KEEP: &str = "keep";
/// Logs of failed tests are read soon or never.
const KEEP_FOR: Duration = Duration::from_secs(24 * 3600);

impl RunDir {
    /// # Errors
    ///
    /// When the directory cannot be created.
    pub fn create() -> Result<Self, String> {
        let parent = root().join("run");
        fs::create_dir_all(&parent).map_err(in_dir(&parent))?;
        // Without it a sweep elsewhere could meet the moment between the directory and its lock.
        let _sweeping = FileLock::acquire(&parent.join("sweep.lock"), 60)?;
        sweep(&parent);
        let mut number = 0;
        loop {
            let path = parent.join(format!("{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let owner = FileLock::acquire(&path.join(OWNER), 60)?;
                    return Ok(Self { path, keep: false, _owner: owner });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(in_dir(&path)(error)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the directory for whoever looks into the failure.
    pub fn keep(&mut self) {
        self.keep = true;
        let _ = fs::write(self.path.join(KEEP), "");
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
            #[allow(clippy::print_stderr, reason = "says where the brokers' logs are")]
            {
                eprintln!("the brokers' files are kept in {}", self.path.display());
            }
        }
        if !self.keep {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes what killed tests left behind, and what failed ones did a day later.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if !path.is_dir() || !matches!(FileLock::try_acquire(&path.join(OWNER)), Ok(Some(_))) {
            continue;
        }
        let kept = fs::metadata(path.join(KEEP)).and_then(|keep| keep.modified());
        let fresh = kept.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < KEEP_FOR));
        if !fresh {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Names the directory in an error's text.
pub fn in_dir(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
