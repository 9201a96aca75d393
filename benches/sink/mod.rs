//! A broker that only counts, in a process of its own: the same program, started with `--sink`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use kafka_producer::mock::MockCluster;

/// What the broker's process does: it tells its address, and on each line it reads what it has counted.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = MockCluster::builder().counting().build();
    let mut out = std::io::stdout();
    writeln!(out, "{}", cluster.bootstrap_servers())?;
    for line in std::io::stdin().lines() {
        if let Some(partitions) = line?.strip_prefix("topic ") {
            cluster.create_topic("load", partitions.parse()?);
        }
        let counted = cluster.counted();
        writeln!(out, "{} {} {} {}", counted.records, counted.batches, counted.bytes, counted.requests)?;
    }
    Ok(())
}

pub(crate) struct Sink {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Sink {
    /// And its address.
    pub(crate) fn start() -> std::io::Result<(Self, String)> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = process.stdout.take().map(BufReader::new).ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut sink = Self { process, out };
        let address = sink.line()?;
        Ok((sink, address))
    }

    pub(crate) fn ask(&mut self, question: &str) -> std::io::Result<Vec<u64>> {
        if let Some(stdin) = &mut self.process.stdin {
            writeln!(stdin, "{question}")?;
        }
        Ok(self.line()?.split(' ').filter_map(|number| number.parse().ok()).collect())
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
