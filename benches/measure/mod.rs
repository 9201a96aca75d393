//! What a benchmark measures of its own process.

#![allow(dead_code, reason = "no benchmark measures all of it")]

use std::path::PathBuf;
use std::time::Duration;

/// What this process has used of the processors, user and system.
pub(crate) fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn stopwatch() -> impl Fn() -> Duration {
    let start = std::time::Instant::now();
    move || start.elapsed()
}

/// What of this process is in memory now, in KiB.
pub(crate) fn resident() -> u64 {
    of_this_process("VmRSS:")
}

/// The most that it ever was, in KiB.
pub(crate) fn peak() -> u64 {
    of_this_process("VmHWM:")
}

pub(crate) fn threads() -> u64 {
    of_this_process("Threads:")
}

/// Open file descriptors, but for the one it takes to count them.
pub(crate) fn descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() as u64).saturating_sub(1)
}

/// A thread of this process, as the kernel counts.
pub(crate) struct Task(PathBuf);

impl Task {
    pub(crate) fn named(name: &str) -> std::io::Result<Self> {
        for task in std::fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            if std::fs::read_to_string(task.join("comm"))?.trim_end() == name {
                return Ok(Self(task));
            }
        }
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("no thread is called {name}")))
    }

    /// How often it has given the processor up to wait, and so was woken.
    pub(crate) fn waits(&self) -> std::io::Result<u64> {
        number(&std::fs::read_to_string(self.0.join("status"))?, "voluntary_ctxt_switches:")
    }

    /// What it has used of the processors.
    pub(crate) fn cpu(&self) -> std::io::Result<Duration> {
        let text = std::fs::read_to_string(self.0.join("schedstat"))?;
        let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
        nanos.map(Duration::from_nanos).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
    }
}

fn of_this_process(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status");
    status
        .and_then(|status| number(&status, key))
        .unwrap_or_else(|error| panic!("/proc/self/status: {error}"))
}

fn number(status: &str, key: &str) -> std::io::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, format!("no {key}")))
}
