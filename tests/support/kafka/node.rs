//! One broker: its files, its process and what can be done to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::dirs::in_dir;
use super::install::Install;
use super::ports::random;
use super::process::{Daemon, last_lines};
use crate::support::clock::{Failure, deadline_in, retry};

/// Names of the listeners every node has.
pub const PLAINTEXT: &str = "PLAINTEXT";
pub const CONTROLLER: &str = "CONTROLLER";

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: i32,
    /// By name of the listener.
    pub(super) ports: BTreeMap<String, u16>,
    dir: PathBuf,
    jvm_options: Vec<String>,
    process: Option<Daemon>,
    frozen: bool,
}

impl Node {
    pub(super) fn new(id: i32, ports: BTreeMap<String, u16>, dir: PathBuf, jvm_options: Vec<String>) -> Self {
        Self { id, ports, dir, jvm_options, process: None, frozen: false }
    }

    pub(super) fn address(&self, listener: &str) -> SocketAddr {
        let Some(&port) = self.ports.get(listener) else {
            panic!("no listener {listener}, there are {:?}", self.ports);
        };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn properties(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    pub(super) fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// The end of what the broker wrote.
    pub(super) fn last_words(&self) -> String {
        let path = self.console();
        let text = fs::read(&path).unwrap_or_default();
        let end = last_lines(&String::from_utf8_lossy(&text), 40);
        format!("the end of {}:\n{end}", path.display())
    }

    /// Writes the properties and an empty log directory.
    pub(super) fn format(
        &self,
        install: &Install,
        properties: &str,
        cluster_id: &str,
        with_tool: Option<&[String]>,
    ) -> Result<(), String> {
        let data = self.log_dir();
        fs::create_dir_all(&data).map_err(in_dir(&data))?;
        let path = self.properties();
        fs::write(&path, properties).map_err(in_dir(&path))?;
        if let Some(arguments) = with_tool {
            let path = path.to_string_lossy();
            let mut all = vec!["format", "-t", cluster_id, "-c", &path];
            all.extend(arguments.iter().map(String::as_str));
            let limit = Duration::from_secs(120);
            install.tool("kafka.tools.StorageTool", &all, limit)?;
            return Ok(());
        }
        // What the tool writes, without a JVM for each node.
        let checkpoint = data.join("bootstrap.checkpoint");
        fs::copy(install.checkpoint(), &checkpoint).map_err(in_dir(&checkpoint))?;
        let meta = format!(
            "version=1\nnode.id={}\ncluster.id={cluster_id}\ndirectory.id={}\n",
            self.id,
            random_uuid()
        );
        let path = data.join("meta.properties");
        fs::write(&path, meta).map_err(in_dir(&path))
    }

    pub(super) fn spawn(&mut self, install: &Install) -> Result<(), String> {
        assert!(self.process.is_none(), "node {} runs already", self.id);
        let command = install.broker_command(&self.jvm_options, &self.properties());
        self.process = Some(Daemon::spawn(&self.console(), &command)?);
        self.frozen = false;
        Ok(())
    }

    /// Whether the node can be expected to answer.
    pub(super) fn answers(&self) -> bool {
        self.process.is_some() && !self.frozen
    }

    pub(super) fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(Daemon::pid)
    }

    /// Says so when the process has ended though nobody asked it to.
    pub(super) fn check_alive(&mut self) -> Result<(), String> {
        let status = self.process.as_mut().and_then(Daemon::exit_status);
        match status {
            None => Ok(()),
            Some(status) => Err(format!("node {} has ended ({status}); {}", self.id, self.last_words())),
        }
    }

    pub(super) fn terminate(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::TERM);
        }
    }

    /// Whether the process ended in time; then the node can be started again.
    pub(super) fn wait_for_end(&mut self, limit: Duration) -> bool {
        let Some(process) = &mut self.process else {
            return true;
        };
        let ended = process.wait(deadline_in(limit)).is_some();
        if ended {
            self.process = None;
        }
        ended
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
        self.frozen = false;
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen
    }

    pub(super) fn set_frozen(&mut self, frozen: bool) {
        let Some(process) = &mut self.process else {
            panic!("node {} does not run", self.id);
        };
        process.signal(if frozen { Signal::STOP } else { Signal::CONT });
        self.frozen = frozen;
        if frozen {
            // The signal is only sent by then: on a busy machine a thread goes on for long enough to answer a request.
            let pid = process.pid();
            let still = retry(deadline_in(Duration::from_secs(30)), || match threads_that_run(pid) {
                0 => Ok(()),
                count => Err(Failure::Again(format!("{count} threads run"))),
            });
            still.unwrap_or_else(|why| panic!("node {} does not freeze: {why}", self.id));
        }
    }
}

/// Threads of a process that are not stopped; none where that can't be told.
fn threads_that_run(pid: i32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    // The state follows the name, which is in parentheses and may hold some itself.
    states
        .filter(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('T')))
        .count()
}

/// A properties file; a later line overrides an earlier one of the same key.
pub(super) fn properties_text<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    lines.into_iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key}={}", value.replace('\\', "\\\\"));
        text
    })
}

/// 16 random bytes the way Kafka prints them. The first letter is not a dash, which its tools
/// would take for an option, and the last one has only two bits.
pub(super) fn random_uuid() -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
    let bits = (u128::from(random()) << 64) | u128::from(random());
    (0..21)
        .map(|place| char::from(LETTERS[(bits >> (5 * place)) as usize % LETTERS.len()]))
        .chain(['A'])
        .collect()
}
