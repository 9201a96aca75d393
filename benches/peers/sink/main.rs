//! A broker that only acknowledges, for any client: no checksum, no log, nothing kept but counts.
//!
//! ```sh
//! cargo bench --bench peers_sink -- --port 19092 --partitions 6 --round-trip-ms 10
//! ```
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
    port: u16,
    partitions: i32,
    round_trip: Duration,
    tls: Option<SslAcceptor>,
    counts: counts::Counts,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut port, mut partitions, mut round_trip, mut tls) = (0, 6, Duration::ZERO, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("partitions") => partitions = arguments.value()?.parse()?,
            Long("round-trip-ms") => round_trip = Duration::from_secs_f64(milliseconds(&arguments.value()?)?),
            Long("tls") => tls = Some(tls::acceptor(arguments.value()?.as_ref())?),
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    if tls.is_some() && !round_trip.is_zero() {
        return Err("--tls knows no round trip: one thread reads and answers".into());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let counts = counts::Counts::default();
    let sink = Arc::new(Sink { port: address.port(), partitions, round_trip, tls, counts });
    let shared = Arc::clone(&sink);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sink = Arc::clone(&shared);
            std::thread::spawn(move || {
                if let Err(error) = connection::serve(&sink, stream) {
                    println!("a connection failed: {error}");
                }
            });
        }
    });
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
