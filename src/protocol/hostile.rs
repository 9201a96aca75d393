//! Hostile bytes for every decoder: made from valid ones by one generator, counted, measured.
//!
//! [`attack`] is all that a test calls. What a run of all of them takes, and how it is seen that the inputs get everywhere:
//!
//! ```sh
//! # So many inputs over all decoders, in the shares below; `cargo test` alone runs half a million.
//! KAFKA_PRODUCER_HOSTILE_INPUTS=100000000 cargo test --release --all-features --lib hostile -- --nocapture --test-threads 1
//! # One input again, by the number that a failure prints.
//! KAFKA_PRODUCER_HOSTILE_INPUT=0x1234 cargo test --all-features --lib hostile_jaas
//! # Which lines of the decoders they reach.
//! .ci/hostile-coverage
//! ```
//!
//! # What may be set aside
//! At most 8 times the length of the input and 64 KiB, at any moment ([`in_proportion`]). Two kinds of decoders say how much
//! more: decompression is given a limit for its result, and may take twice that while the result grows; whoever asks the
//! mock for records as values gets them, each with the size of its struct. What zstd's C library takes for itself is not
//! seen by the counter.

#![cfg_attr(any(loom, shuttle), allow(dead_code, reason = "the decoders' tests are left out there"))]

use std::cell::Cell;

use fastrand::Rng;

/// All decoders that see a peer's or a user's bytes, and how many inputs of a million each gets.
const SHARES: &[(&str, usize)] = &[
    ("answers", 235_000),
    ("requests", 130_000),
    ("frames", 50_000),
    ("intake", 30_000),
    ("batches", 70_000),
    ("gzip", 15_000),
    ("snappy", 50_000),
    ("lz4", 50_000),
    ("zstd", 15_000),
    ("authentication", 25_000),
    ("scram", 60_000),
    ("oauthbearer", 25_000),
    ("jaas", 40_000),
    ("pem", 30_000),
    ("certificates", 50_000),
    ("rustls_keys", 3_000),
    ("openssl_keys", 2_000),
    ("proxies", 40_000),
    ("proxy_urls", 15_000),
    ("settings", 15_000),
    ("yaml", 10_000),
    ("servers", 15_000),
    ("ciphers", 10_000),
    ("mock_core", 13_000),
    ("mock_login", 2_000),
];

/// Has `read` read hostile bytes, as many as is this decoder's share: they are made of `samples` and, if it is a text,
/// `words` of its language. `read` gets the sample that most of the bytes are from and a source of its own choices, and says
/// whether it has taken them. The same number always makes the same input.
pub(crate) fn attack<S: AsRef<[u8]>>(
    name: &str,
    samples: &[S],
    words: &[&[u8]],
    mut read: impl FnMut(&S, &mut Rng, &[u8]) -> bool,
) {
    let mut input = |number: u64| {
        let mut random = Rng::with_seed(number);
        let (sample, bytes) = hostile(&mut random, samples, words);
        read(sample, &mut random, &bytes)
    };
    let mut told = Told { name, number: 0 };
    if let Some(number) = only_input() {
        told.number = number;
        input(number);
        return;
    }
    let inputs = inputs(name);
    let first = name.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
    MOST.set(0.0);
    let mut taken = 0;
    for index in 0..inputs {
        told.number = first.rotate_left(24).wrapping_add(index as u64);
        taken += usize::from(input(told.number));
    }
    let most = MOST.get() * 100.0;
    tell(&format!(
        "hostile {name}: {inputs} inputs, {taken} taken, at most {most:.0} % of what may be set aside"
    ));
    assert!(taken * 200 > inputs, "{name} took {taken} of {inputs} inputs, so this tests nothing");
    assert!(taken < inputs, "{name} took every input, so this tests nothing");
}

/// Runs `read` on hostile `input`: it may set aside 8 times as much as that, 64 KiB, and `more`.
pub(crate) fn in_proportion<R>(input: &[u8], more: usize, read: impl FnOnce() -> R) -> R {
    let mut result = None;
    let taken = allocation_counter::measure(|| result = Some(read())).bytes_max;
    let most = (8 * input.len() + (64 << 10) + more) as u64;
    assert!(taken <= most, "{taken} bytes were set aside for {} of input: {input:x?}", input.len());
    MOST.set(MOST.get().max(taken as f64 / most as f64));
    result.unwrap()
}

thread_local! {
    /// The largest part of what was allowed that anything took.
    static MOST: Cell<f64> = const { Cell::new(0.0) };
}

fn inputs(name: &str) -> usize {
    const USUALLY: usize = 500_000;
    let (_, share) = SHARES.iter().find(|(other, _)| *other == name).expect("it has a share");
    let all =
        std::env::var("KAFKA_PRODUCER_HOSTILE_INPUTS").map_or(USUALLY, |inputs| inputs.parse().unwrap());
    (share * (all / 1000)).div_ceil(1000)
}

fn only_input() -> Option<u64> {
    let number = std::env::var("KAFKA_PRODUCER_HOSTILE_INPUT").ok()?;
    Some(u64::from_str_radix(number.trim_start_matches("0x"), 16).expect("a number in hex"))
}

/// Says which input it was if the test fails.
struct Told<'a> {
    name: &'a str,
    number: u64,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let Self { name, number } = self;
        if std::thread::panicking() {
            tell(&format!("hostile {name}: it was KAFKA_PRODUCER_HOSTILE_INPUT={number:#x}"));
        }
    }
}

#[allow(clippy::print_stderr, reason = "of a test, for who runs it")]
fn tell(line: &str) {
    eprintln!("{line}");
}

/// Bytes that are mostly one of `samples`, and which.
fn hostile<'a, S: AsRef<[u8]>>(random: &mut Rng, samples: &'a [S], words: &[&[u8]]) -> (&'a S, Vec<u8>) {
    let sample = &samples[random.usize(..samples.len())];
    let valid = sample.as_ref();
    let mut bytes = match random.u8(..16) {
        0 => noise(random, 100),
        // A valid beginning, and then anything.
        1 => [&valid[..random.usize(..=valid.len())], &noise(random, 200)].concat(),
        // The beginning of one and the end of another.
        2 => {
            let other = samples[random.usize(..samples.len())].as_ref();
            [&valid[..random.usize(..=valid.len())], &other[random.usize(..=other.len())..]].concat()
        }
        // Few, because they are long: only in these does 8 times the length weigh more than 64 KiB.
        3 if random.u8(..32) == 0 && !valid.is_empty() => {
            valid.repeat(random.usize(..60_000) / valid.len() + 1)
        }
        3 => {
            let (from, to) = range(random, valid.len());
            [&valid[..to], &valid[from..to].repeat(random.usize(2..40)), &valid[to..]].concat()
        }
        4 if !words.is_empty() => {
            let count = random.usize(..30);
            (0..count).flat_map(|_| words[random.usize(..words.len())]).copied().collect()
        }
        _ => valid.to_vec(),
    };
    for _ in 0..random.usize(..5) {
        change(random, &mut bytes, words);
    }
    (sample, bytes)
}

fn noise(random: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.usize(..most)];
    random.fill(&mut bytes);
    bytes
}

fn range(random: &mut Rng, length: usize) -> (usize, usize) {
    let (a, b) = (random.usize(..=length), random.usize(..=length));
    (a.min(b), a.max(b))
}

/// One blow.
fn change(random: &mut Rng, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    // Lengths, counts and headers stand in front, so that is hit more often than its size deserves.
    let end = if random.bool() { bytes.len() } else { bytes.len().min(32) };
    let at = random.usize(..=end);
    match random.u8(..12) {
        0..=2 if at < bytes.len() => {
            let any = random.u8(..);
            bytes[at] =
                *pick(random, &[0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1), any]);
        }
        3 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        // Numbers over numbers.
        4 => overwrite(bytes, at, &pick(random, &[i16::MAX, i16::MIN, -1, -2, 0, 1, 255]).to_be_bytes()),
        5 => {
            let near = bytes.len() as i32 + random.i32(-5..5);
            let number = *pick(random, &[i32::MAX, i32::MIN, -1, -2, 0, 1, near, 0xffff, 1 << 24]);
            let number = if random.u8(..4) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
            overwrite(bytes, at, &number);
        }
        // Varints: the widest of 32 and of 64 bits, one that is wider, counts of i32::MAX.
        6 => {
            let varints: [&[u8]; 6] = [
                &[0xff, 0xff, 0xff, 0xff, 0x0f],
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
                &[0xff, 0xff, 0xff, 0xff, 0x07],
                &[0xff, 0x7f],
            ];
            let varint = *pick(random, &varints);
            if random.bool() {
                overwrite(bytes, at, varint)
            } else {
                drop(bytes.splice(at..at, varint.iter().copied()))
            }
        }
        7 => bytes.truncate(at),
        8 => {
            let (from, to) = range(random, bytes.len());
            drop(bytes.drain(from..to.min(from + 20)));
        }
        9 => {
            let (from, to) = range(random, bytes.len());
            let again = bytes[from..to.min(from + 100)].to_vec();
            drop(bytes.splice(at..at, again));
        }
        10 => bytes.extend(noise(random, 40)),
        _ if !words.is_empty() => {
            let word = *pick(random, words);
            drop(bytes.splice(at..at, word.iter().copied()));
        }
        _ => bytes.insert(at, random.u8(..)),
    }
}

fn pick<'a, T>(random: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[random.usize(..choices.len())]
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (old, new) in bytes[at..].iter_mut().zip(with) {
        *old = *new;
    }
}

#[test]
fn the_shares_are_a_million() {
    assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<usize>(), 1_000_000);
}
