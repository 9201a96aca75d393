//! A broker that only acknowledges, for any client: no checksum, no log, nothing kept but counts.
//!
//! ```sh
//! cargo bench --bench peers_sink -- --port 19092 --partitions 6 --round-trip-ms 10
//! ```
//!
//! `--nodes 3` makes three brokers, which lead the partitions in turn. With `--slow-node-ms 200` the last of them has this
//! round trip, and its records are counted apart too.
//!
//! With `--tls ca.pem` connections are encrypted, and the certificate to trust is written to that file.
//!
//! Prints its address. For each line on its standard input it prints what it has counted since the last one, and with
//! the end of its input it ends. Each answer is written so many milliseconds after the last byte of its request came,
//! however many requests are on the way. Every topic exists. Each batch's header is read, its records are counted and
//! thrown away.

#![allow(clippy::print_stdout, reason = "it tells what it counts")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time, and lets it pass")]
#![allow(clippy::disallowed_types, reason = "the crate's own atomics are not public")]

mod answers;
mod connection;
mod counts;
#[path = "../../measure/mod.rs"]
mod measure;
mod produce;
mod tls;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use openssl::ssl::SslAcceptor;

/// What all connections share.
struct Sink {
    /// Of each node.
    ports: Vec<u16>,
    partitions: i32,
    round_trip: Duration,
    /// Of the last node, if it differs.
    slow: Option<Duration>,
    tls: Option<SslAcceptor>,
    counts: counts::Counts,
}

impl Sink {
    fn is_slow(&self, node: usize) -> bool {
        self.slow.is_some() && node + 1 == self.ports.len()
    }

    fn round_trip(&self, node: usize) -> Duration {
        self.slow.filter(|_| self.is_slow(node)).unwrap_or(self.round_trip)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut port, mut partitions, mut round_trip, mut tls) = (0, 6, Duration::ZERO, None);
    let (mut nodes, mut slow) = (1, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("nodes") => nodes = arguments.value()?.parse()?,
            Long("slow-node-ms") => {
                slow = Some(Duration::from_secs_f64(milliseconds(&arguments.value()?)?));
            }
            Long("port") => port = arguments.value()?.parse()?,
            Long("partitions") => partitions = arguments.value()?.parse()?,
            Long("round-trip-ms") => round_trip = Duration::from_secs_f64(milliseconds(&arguments.value()?)?),
            Long("tls") => tls = Some(tls::acceptor(arguments.value()?.as_ref())?),
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    if tls.is_some() && !(round_trip.is_zero() && slow.is_none()) {
        return Err("--tls knows no round trip: one thread reads and answers".into());
    }
    // Only the first node has the port that was asked for.
    let bind = |node: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, if node == 0 { port } else { 0 }));
    let listeners = (0..nodes).map(bind).collect::<Result<Vec<_>, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let ports = addresses.iter().map(std::net::SocketAddr::port).collect();
    let counts = counts::Counts::default();
    let sink = Arc::new(Sink { ports, partitions, round_trip, slow, tls, counts });
    for (node, listener) in listeners.into_iter().enumerate() {
        let shared = Arc::clone(&sink);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sink = Arc::clone(&shared);
                std::thread::spawn(move || {
                    if let Err(error) = connection::serve(&sink, node, stream) {
                        println!("a connection failed: {error}");
                    }
                });
            }
        });
    }
    let address = addresses.first().ok_or("--nodes is at least 1")?;
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    for line in std::io::stdin().lines() {
        line?;
        writeln!(out, "{}", sink.counts.take())?;
    }
    Ok(())
}

/// As seconds; a fraction is allowed.
fn milliseconds(text: &std::ffi::OsStr) -> Result<f64, Box<dyn std::error::Error>> {
    let number: f64 = text.to_str().unwrap_or_default().parse()?;
    if (0.0..=60_000.0).contains(&number) {
        Ok(number / 1e3)
    } else {
        Err("a round trip is 0 to 60000 ms".into())
    }
}
