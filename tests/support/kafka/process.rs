//! Child processes that cannot outlive the test.
//!
//! Each command runs below a small `sh` that holds one end of a pipe from this process. When the
//! pipe closes, which the kernel sees to however this process ends, the shell kills the command.
//! Both are in a process group of their own, so that a Ctrl-C or a signal to the test's group
//! reaches them only through the pipe.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::clock::{Deadline, deadline_in, pause};

/// `$1` is a log file or empty, the rest is the command. With a log file the command's process id
/// is written to standard output; without one standard output is the command's.
const SUPERVISOR: &str = r#"
log=$1
shift
# When this process ends while a child is stopped, the kernel sends SIGHUP and SIGCONT to the group:
# it would end the shells before they can kill, and a JVM takes long over its farewell.
trap '' HUP
# A background command gets /dev/null as standard input, so the pipe needs another number.
exec 3<&0 </dev/null
if [ -n "$log" ]; then
    "$@" 3<&- >>"$log" 2>&1 &
else
    "$@" 3<&- &
fi
child=$!
{ read -r _ <&3; kill -KILL "$child"; } >/dev/null 2>&1 &
watcher=$!
if [ -n "$log" ]; then
    echo "$child"
fi
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

fn supervised(log: Option<&Path>, command: &[OsString]) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(SUPERVISOR)
        .arg("supervisor")
        .arg(log.unwrap_or(Path::new("")))
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    shell
}

/// A process that runs until it is told to end.
#[derive(Debug)]
pub struct Daemon {
    supervisor: Child,
    /// Closing it kills the process.
    lifeline: Option<ChildStdin>,
    pid: Pid,
}

impl Daemon {
    /// # Errors
    ///
    /// When the shell cannot be started. A command that cannot be shows only in its log and status.
    pub fn spawn(log: &Path, command: &[OsString]) -> Result<Self, String> {
        let mut supervisor = supervised(Some(log), command)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start sh: {error}"))?;
        let lifeline = supervisor.stdin.take();
        let stdout = supervisor.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|error| format!("the supervisor names no process: {error}"))?;
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("the supervisor names no process: {line:?}"))?;
        Ok(Self { supervisor, lifeline, pid })
    }

    /// The process itself, not its supervisor.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().expect("the supervisor is this process's child")
    }

    /// Does nothing when the process has ended already.
    pub fn signal(&mut self, signal: Signal) {
        // The supervisor is a child not waited for yet, so while it runs the id is not reused.
        if self.exit_status().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for the end of the process, `None` when the deadline passes first.
    pub fn wait(&mut self, deadline: Deadline) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            if deadline.passed() {
                return None;
            }
            pause(Duration::from_millis(10).min(deadline.remaining()));
        }
    }

    /// SIGKILL, also to a process that is frozen, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.lifeline = None;
        let gone = self.wait(deadline_in(Duration::from_secs(60)));
        assert!(gone.is_some(), "process {} outlives SIGKILL", self.pid());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            self.lifeline = None;
            // Reaps the supervisor; a panic here could meet another one.
            let _ = self.wait(deadline_in(Duration::from_secs(10)));
        }
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Runs a command to its end, or kills it after `limit`.
///
/// # Errors
///
/// When it cannot be started, is too slow or ends with a status other than 0; then the text has
/// the end of what it wrote.
pub fn run(command: &[OsString], limit: Duration) -> Result<Finished, String> {
    let name = command.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let deadline = deadline_in(limit);
    let mut supervisor = supervised(None, command)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start sh: {error}"))?;
    let mut lifeline = supervisor.stdin.take();
    let stdout = collect(supervisor.stdout.take().expect("stdout is piped"));
    let stderr = collect(supervisor.stderr.take().expect("stderr is piped"));

    let mut late = false;
    let mut wait = |output: &mpsc::Receiver<Vec<u8>>| {
        output.recv_timeout(deadline.remaining()).or_else(|_| {
            late = true;
            lifeline = None;
            // Both pipes end with the command.
            output.recv_timeout(Duration::from_secs(60))
        })
    };
    let stdout = wait(&stdout).map_err(|_| format!("does not end when killed: {name}"))?;
    let stderr = wait(&stderr).map_err(|_| format!("does not end when killed: {name}"))?;
    let status = supervisor.wait().map_err(|error| format!("cannot wait for {name}: {error}"))?;
    let finished = Finished { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() };
    if !late && status.success() {
        return Ok(finished);
    }
    let mut why = if late { format!("killed after {limit:?}: {name}") } else { format!("{status}: {name}") };
    // Maven complains on standard output, the Java tools on either.
    for output in [String::from_utf8_lossy(&finished.stdout), finished.stderr.into()] {
        let _ = write!(why, "\n{}", last_lines(&output, 30));
    }
    Err(why)
}

fn collect(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = from.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// The end of a text, for messages.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
