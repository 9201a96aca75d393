//! A tunnel over a wire that the test holds in its hands: every cut, every wait, every end.

use std::collections::VecDeque;

use super::*;
use crate::net::proxy::parse_proxy_url;

/// What happens when the wire is read.
enum Event {
    Bytes(Vec<u8>),
    Block,
    Fail(io::ErrorKind),
    End,
}

use Event::{Block, Bytes, End, Fail};

/// What is not connected at once, takes `room` bytes and then none, and does as it is told.
struct Wire {
    dial: VecDeque<io::Result<bool>>,
    incoming: VecDeque<Event>,
    room: usize,
    /// Would-block comes after each write.
    is_full: bool,
    write_fails: Option<io::ErrorKind>,
    written: Vec<u8>,
}

impl Wire {
    fn new(room: usize, incoming: impl IntoIterator<Item = Event>) -> Self {
        let dial = [Ok(false), Ok(true)].into();
        let incoming = incoming.into_iter().collect();
        Self { dial, incoming, room, is_full: false, write_fails: None, written: Vec::new() }
    }
}

impl Stream for Wire {
    fn finish_connect(&mut self) -> io::Result<bool> {
        self.dial.pop_front().expect("it was not asked again after true")
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.pop_front() {
            None | Some(Block) => Err(io::ErrorKind::WouldBlock.into()),
            Some(Fail(kind)) => Err(kind.into()),
            Some(End) => Ok(0),
            Some(Bytes(bytes)) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.incoming.push_front(Bytes(bytes[count..].to_vec()));
                }
                Ok(count)
            }
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(kind) = self.write_fails {
            return Err(kind.into());
        }
        if std::mem::replace(&mut self.is_full, self.room < usize::MAX) {
            self.is_full = false;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let slice = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        let count = slice.len().min(self.room);
        self.written.extend_from_slice(&slice[..count]);
        Ok(count)
    }
}

fn tunnel(url: &str, wire: Wire) -> Tunnel<Wire> {
    let proxy = parse_proxy_url(url, "proxy_url").unwrap();
    Tunnel::new(wire, Arc::new(proxy), "broker", 9092).unwrap()
}

/// One readiness after the other until it stands or has failed.
fn connect(tunnel: &mut Tunnel<Wire>) -> io::Result<()> {
    for _ in 0..1000 {
        assert_eq!(tunnel.stage(), Stage::Proxy);
        if tunnel.finish_connect()? {
            return Ok(());
        }
    }
    panic!("it waits for ever");
}

fn failure(result: io::Result<()>) -> (String, bool) {
    let error = result.unwrap_err();
    let failure = StreamFailure::of(&error).unwrap();
    assert_eq!(failure.stage, Stage::Proxy);
    (failure.cause.clone(), failure.is_fatal)
}

fn read_all(tunnel: &mut Tunnel<Wire>, size: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match tunnel.read(&mut buffer) {
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return all;
            }
        }
    }
}

/// The URL, what the proxy answers to each of our messages, and all that we say.
type Kind = (&'static str, Vec<Vec<u8>>, Vec<u8>);

fn kinds() -> [Kind; 2] {
    let request = b"\x05\x01\x00\x03\x06broker\x23\x84";
    [
        (
            "socks5://me:secret@proxy",
            vec![vec![5, 2], vec![1, 0], vec![5, 0, 0, 1, 127, 0, 0, 1, 4, 56]],
            [&[5, 2, 0, 2][..], b"\x01\x02me\x06secret", request].concat(),
        ),
        (
            "http://proxy:3128",
            vec![b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n".to_vec()],
            b"CONNECT broker:9092 HTTP/1.1\r\nHost: broker:9092\r\n\r\n".to_vec(),
        ),
    ]
}

/// Whatever comes together and whatever apart, with waits everywhere: what is said is the same, and the broker's first
/// bytes are read however little is read at a time.
#[test]
fn bytes_behind_the_answer_are_the_brokers() {
    for (url, answers, said) in kinds() {
        for piece in 1..30 {
            for room in [1, 3, usize::MAX] {
                for size in [1, 7, 100] {
                    let (last, first) = answers.split_last().unwrap();
                    let last = [&last[..], b"from the broker"].concat();
                    let answers = first.iter().chain([&last]);
                    let pieces = answers.flat_map(|answer| answer.chunks(piece));
                    let wire = Wire::new(
                        room,
                        pieces.flat_map(|piece| {
                            [Bytes(piece.to_vec()), Fail(io::ErrorKind::Interrupted), Block]
                        }),
                    );
                    let mut tunnel = tunnel(url, wire);
                    connect(&mut tunnel).unwrap();
                    assert_eq!(tunnel.stream.written, said);
                    assert!(tunnel.finish_connect().unwrap(), "it stays connected");
                    let mut read = read_all(&mut tunnel, size);
                    while !tunnel.stream.incoming.is_empty() {
                        read.extend(read_all(&mut tunnel, size));
                    }
                    assert_eq!(read, b"from the broker", "{url} {piece} {room} {size}");
                    tunnel.stream.room = usize::MAX;
                    tunnel.stream.is_full = false;
                    tunnel.write_vectored(&[IoSlice::new(b"to the broker")]).unwrap();
                    assert!(tunnel.stream.written.ends_with(b"to the broker"));
                }
            }
        }
    }
}

#[test]
fn an_end_at_each_byte_is_one_of_the_proxy() {
    for (url, answers, _) in kinds() {
        let all: Vec<u8> = answers.concat();
        for cut in 0..all.len() {
            for end in [None, Some(io::ErrorKind::ConnectionReset), Some(io::ErrorKind::TimedOut)] {
                let mut left = cut;
                let mut events = Vec::new();
                for answer in &answers {
                    let count = answer.len().min(left);
                    left -= count;
                    if count > 0 {
                        events.extend([Bytes(answer[..count].to_vec()), Block]);
                    }
                }
                events.push(end.map_or(End, Fail));
                let (cause, is_fatal) = failure(connect(&mut tunnel(url, Wire::new(usize::MAX, events))));
                let name = if url.starts_with("http") {
                    "the proxy http://proxy:3128"
                } else {
                    "the proxy socks5://proxy:1080"
                };
                let expected = match (end, cut) {
                    (Some(io::ErrorKind::TimedOut), _) => {
                        format!("{name} can't be used: the connection failed: timed out")
                    }
                    (_, 0) => format!(
                        "{name} closed the connection without a response; the proxy may be shutting down, or may not \
                         support {}",
                        if url.starts_with("http") { "HTTP" } else { "SOCKS5" }
                    ),
                    _ => format!("{name} closed the connection in the middle of its response"),
                };
                assert_eq!((cause, is_fatal), (expected, false), "{cut} bytes");
            }
        }
    }
}

#[test]
fn a_proxy_that_is_not_there_is_told_as_that() {
    let mut wire = Wire::new(usize::MAX, []);
    wire.dial = [Err(io::ErrorKind::ConnectionRefused.into())].into();
    assert_eq!(
        failure(connect(&mut tunnel("http://proxy:3128", wire))),
        ("the proxy http://proxy:3128 can't be reached: connection refused".to_owned(), false)
    );
}

/// It refuses, and takes nothing any more: what it has said counts.
#[test]
fn a_refusal_is_read_of_who_takes_nothing() {
    let refusal = b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec();
    let mut wire = Wire::new(usize::MAX, [Block, Bytes(refusal), End]);
    wire.write_fails = Some(io::ErrorKind::BrokenPipe);
    let (cause, is_fatal) = failure(connect(&mut tunnel("http://proxy:3128", wire)));
    assert!(is_fatal && cause.contains("(403 Forbidden)"), "{cause}");
    let mut wire = Wire::new(usize::MAX, []);
    wire.write_fails = Some(io::ErrorKind::TimedOut);
    let (cause, is_fatal) = failure(connect(&mut tunnel("http://proxy:3128", wire)));
    assert_eq!(cause, "the proxy http://proxy:3128 can't be used: the connection failed: timed out");
    assert!(!is_fatal);
}
