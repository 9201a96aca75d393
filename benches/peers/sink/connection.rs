//! One connection: requests are read as they come, answers go out when they are due.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::ApiKey;
use openssl::ssl::SslStream;

use crate::Sink;
use crate::answers;
use crate::produce::{self, Produced, read_array};

pub(crate) fn serve(sink: &Arc<Sink>, node: usize, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match &sink.tls {
        None => answer_all(sink, node, stream.try_clone()?, stream),
        Some(acceptor) => {
            let stream = acceptor.accept(stream).map_err(io::Error::other)?;
            let stream = Shared(Arc::new(Mutex::new(stream)));
            answer_all(sink, node, stream.clone(), stream)
        }
    }
}

/// A session for who reads and who writes: one thread, in turn.
#[derive(Clone)]
struct Shared(Arc<Mutex<SslStream<TcpStream>>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn answer_all(
    sink: &Arc<Sink>,
    node: usize,
    out: impl Write + Send + 'static,
    requests: impl Read,
) -> io::Result<()> {
    let mut answers = Answers::new(sink, sink.round_trip(node), Box::new(out));
    let mut requests = BufReader::with_capacity(READ_AT_ONCE, requests);
    // Of each partition. Another connection begins anew: there is no log that would know.
    let mut offsets = HashMap::new();
    while !requests.fill_buf()?.is_empty() {
        let length = u32::from_be_bytes(read_array(&mut requests)?);
        let mut frame = requests.by_ref().take(length.into());
        let (key, version) =
            (i16::from_be_bytes(read_array(&mut frame)?), i16::from_be_bytes(read_array(&mut frame)?));
        let correlation = i32::from_be_bytes(read_array(&mut frame)?);
        if key == ApiKey::Produce as i16 {
            let produced = produce::read(&mut frame, version)?;
            produce::skip(&mut frame, u64::MAX)?;
            count(sink, node, length as usize, &produced);
            if produced.acks != 0 {
                sink.counts.waits();
                let answer = produce::answer(&produced, &mut offsets, version);
                answers.send(answers::frame(correlation, version, &answer)?, true)?;
            }
        } else {
            let mut body = Vec::new();
            frame.read_to_end(&mut body)?;
            answers.send(answers::answer(sink, key, version, correlation, body)?, false)?;
        }
    }
    Ok(())
}

fn count(sink: &Sink, node: usize, bytes: usize, produced: &Produced) {
    let batches = || produced.topics.iter().flat_map(|(_, batches)| batches);
    let records = batches().map(|batch| batch.records).sum();
    sink.counts.came(bytes, batches().count() as u64, records);
    if sink.is_slow(node) {
        sink.counts.came_slowly(records);
    }
}

/// The way back, which may be long.
enum Answers {
    AtOnce(Arc<Sink>, Box<dyn Write>),
    /// Each with the time when it is due: a line, in which any number may wait.
    Delayed(Duration, mpsc::Sender<(Instant, Vec<u8>, bool)>),
}

impl Answers {
    fn new(sink: &Arc<Sink>, round_trip: Duration, mut stream: Box<dyn Write + Send>) -> Self {
        if round_trip.is_zero() {
            return Self::AtOnce(Arc::clone(sink), stream);
        }
        let (line, end) = mpsc::channel::<(Instant, Vec<u8>, bool)>();
        let shared = Arc::clone(sink);
        thread::spawn(move || {
            for (due, answer, produced) in end {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if produced {
                    shared.counts.answered();
                }
                // Whoever has gone wants no more answers; the counts go on.
                let _ = stream.write_all(&answer);
            }
        });
        Self::Delayed(round_trip, line)
    }

    fn send(&mut self, answer: Vec<u8>, produced: bool) -> io::Result<()> {
        match self {
            Self::AtOnce(sink, stream) => {
                if produced {
                    sink.counts.answered();
                }
                stream.write_all(&answer)
            }
            Self::Delayed(round_trip, line) => {
                line.send((Instant::now() + *round_trip, answer, produced)).map_err(io::Error::other)
            }
        }
    }
}

/// Small enough to stay in a processor's cache while it is read and written again and again.
const READ_AT_ONCE: usize = 256 << 10;
