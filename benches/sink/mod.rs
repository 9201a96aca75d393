//! A broker that only counts, in a process of its own: the same program, started to be one.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use kafka_producer::mock::{MockCluster, MockClusterBuilder};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the broker's process does: it tells its address, and answers each line it reads by what it has counted.
///
/// `words`: how many brokers, whether `alice` has to log in (`login`), whether it is by TLS (`tls`).
pub(crate) fn run(words: &[String]) -> Outcome<()> {
    let brokers = words.first().map_or(Ok(1), |word| word.parse())?;
    let mut builder = MockCluster::builder().counting().brokers(brokers);
    if words.iter().any(|word| word == "login") {
        builder = builder.sasl_user("alice", "secret");
    }
    let certificate = certify(&mut builder, words)?;
    let cluster = builder.build();
    let mut out = std::io::stdout();
    writeln!(out, "{}", cluster.bootstrap_servers())?;
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["topic", partitions] => cluster.create_topic("load", partitions.parse()?),
            ["hold"] => cluster.hold_responses(),
            ["stop"] => (0..brokers).for_each(|broker| cluster.stop_broker(broker)),
            ["advertise", port] => {
                let port = port.parse()?;
                (0..brokers).for_each(|broker| cluster.broker(broker).advertise("127.0.0.1", port));
            }
            ["certificate"] => {
                writeln!(out, "{}", certificate.replace('\n', "|"))?;
                continue;
            }
            ["count"] => {}
            _ => return Err(format!("a sink does not know {line:?}").into()),
        }
        let counted = cluster.counted();
        writeln!(out, "{} {} {} {}", counted.records, counted.batches, counted.bytes, counted.requests)?;
    }
    Ok(())
}

#[cfg(feature = "tls")]
fn certify(builder: &mut MockClusterBuilder, words: &[String]) -> Outcome<String> {
    if !words.iter().any(|word| word == "tls") {
        return Ok(String::new());
    }
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let certificate = made.cert.pem();
    *builder = builder.clone().tls(&certificate, &made.signing_key.serialize_pem());
    Ok(certificate)
}

#[cfg(not(feature = "tls"))]
fn certify(_: &mut MockClusterBuilder, _: &[String]) -> Outcome<String> {
    Ok(String::new())
}

pub(crate) struct Sink {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Sink {
    /// And its address.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<(Self, String)> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = process.stdout.take().map(BufReader::new).ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut sink = Self { process, out };
        let address = sink.line()?;
        Ok((sink, address))
    }

    pub(crate) fn ask(&mut self, question: &str) -> std::io::Result<Vec<u64>> {
        Ok(self.ask_for_text(question)?.split(' ').filter_map(|number| number.parse().ok()).collect())
    }

    /// What its brokers show, in PEM.
    pub(crate) fn certificate(&mut self) -> std::io::Result<String> {
        Ok(self.ask_for_text("certificate")?.replace('|', "\n"))
    }

    fn ask_for_text(&mut self, question: &str) -> std::io::Result<String> {
        if let Some(stdin) = &mut self.process.stdin {
            writeln!(stdin, "{question}")?;
        }
        self.line()
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Stops the whole process, or lets it go on: its brokers take connections and bytes and say nothing.
    #[cfg(unix)]
    pub(crate) fn freeze(&self, frozen: bool) -> std::io::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(&self.process), signal).map_err(Into::into)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = self.freeze(false);
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
