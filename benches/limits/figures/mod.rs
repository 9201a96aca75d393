//! The scenarios, each in a process of its own, so that none finds what another has left behind.

#![allow(clippy::print_stdout, reason = "it prints figures")]
#![allow(clippy::disallowed_methods, reason = "it measures time, and lets it pass")]
#![allow(clippy::disallowed_types, reason = "the crate's own atomics are not public")]
#![allow(unreachable_pub, dead_code, reason = "a benchmark and a test each use a part")]

mod down;
mod expiries;
mod idle;
mod kept_time;
mod lives;
#[path = "../../measure/mod.rs"]
mod measure;
mod memory;
mod metrics;
mod silence;
#[path = "../../sink/mod.rs"]
mod sink;
mod steady;
mod table;

use std::ffi::OsString;
use std::io::BufRead;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use table::Row;

pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A few seconds, on a machine that does ten other things.
    Quick,
    Full,
}

impl Scale {
    fn pick<T>(self, quick: T, full: T) -> T {
        if self == Self::Quick { quick } else { full }
    }

    /// What a wait may take longer than it was given. The machine may be busy while tests run.
    fn slack(self) -> Duration {
        self.pick(Duration::from_secs(2), Duration::from_millis(50))
    }
}

/// Name, what it does, and whether it has a short version.
type Scenario = (&'static str, fn(Scale) -> Outcome, bool);

const SCENARIOS: &[Scenario] = &[
    ("idle", idle::idle, false),
    ("known", idle::known_partitions, false),
    ("down", down::down, true),
    ("time", kept_time::kept_time, true),
    ("frozen", kept_time::frozen_client, true),
    ("memory-answer", |scale| memory::memory(scale, "answer"), true),
    ("memory-hold", |scale| memory::memory(scale, "hold"), true),
    ("memory-stop", |scale| memory::memory(scale, "stop"), false),
    ("memory-freeze", |scale| memory::memory(scale, "freeze"), false),
    ("lives", lives::lives, true),
    ("expiries", expiries::expiries, true),
    ("steady", steady::steady, true),
    ("metrics", metrics::metrics, false),
];

/// Name, and what another process of this program does, started by a scenario.
type Part = (&'static str, fn(&[String]) -> Outcome);

const PARTS: &[Part] =
    &[("sink", sink::run), ("memory", memory::one), ("frozen", kept_time::calls_of_a_frozen_client)];

pub fn main(scale: Scale) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--part", name, ..] => part(name, &arguments[2..]),
        ["--scenario", name] => scenario(scale, name),
        // `cargo test -- --list` and the like: there is one test, which is everything.
        _ if arguments.iter().any(|argument| argument == "--list") => return ExitCode::SUCCESS,
        _ => return all(scale, &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Each scenario whose name is among `names`; all if there are none.
fn all(scale: Scale, names: &[String]) -> ExitCode {
    let names: Vec<&String> = names.iter().filter(|name| !name.starts_with('-')).collect();
    let wanted = |(name, _, is_quick): &&Scenario| {
        (scale == Scale::Full || *is_quick) && (names.is_empty() || names.iter().any(|wanted| wanted == name))
    };
    let is_known = |name: &String| SCENARIOS.iter().any(|(known, ..)| known == name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        println!("there is no scenario {unknown}");
        return ExitCode::FAILURE;
    }
    table::head();
    let mut is_well = true;
    for (name, ..) in SCENARIOS.iter().filter(wanted) {
        match run(name) {
            Ok(rows) => is_well &= rows > 0,
            Err(error) => {
                println!("{name}: {error}");
                is_well = false;
            }
        }
    }
    println!("{}", if is_well { "all is within its limit" } else { "NOT all is within its limit" });
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In a process of its own; shows its rows as they come. An error if one is over its limit.
fn run(name: &str) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let mut process = this_program()?.args(["--scenario", name]).stdout(Stdio::piped()).spawn()?;
    let (mut rows, mut over) = (0, 0);
    if let Some(out) = process.stdout.take() {
        for line in std::io::BufReader::new(out).lines() {
            let line = line?;
            match Row::parse(&line) {
                Some(row) => {
                    rows += 1;
                    over += usize::from(!row.is_within);
                    row.show();
                }
                None => println!("{line}"),
            }
        }
    }
    let status = process.wait()?;
    match (status.success(), over) {
        (true, 0) => Ok(rows),
        (true, over) => Err(format!("{over} of {rows} figures are over their limit").into()),
        (false, _) => Err(format!("it failed: {status}").into()),
    }
}

fn scenario(scale: Scale, name: &str) -> Outcome {
    let known = SCENARIOS.iter().find(|(known, ..)| *known == name).ok_or("there is no such scenario")?;
    known.1(scale)
}

fn part(name: &str, arguments: &[String]) -> Outcome {
    let known = PARTS.iter().find(|(known, _)| *known == name).ok_or("there is no such part")?;
    known.1(arguments)
}

fn this_program() -> std::io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// The same program, to play a part.
fn part_of_its_own(
    name: &str,
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> std::io::Result<Command> {
    let mut command = this_program()?;
    command.args(["--part", name]).args(arguments.into_iter().map(Into::into));
    Ok(command)
}
