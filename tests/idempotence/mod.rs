//! Scripts: what one test sends to one partition, step by step, made from a seed.

#![allow(
    unreachable_pub,
    reason = "`pub` marks what tests may use; inside a test binary nothing is reachable"
)]

use std::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};

/// 3 to 12 steps of two producers that nobody else is.
pub struct Script {
    pub seed: u64,
    pub steps: Vec<Step>,
}

/// What is sent for the partition: usually one batch, in order.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub producer_id: i64,
    pub epoch: i16,
    pub sequence: i32,
    /// How many records there are.
    pub count: i32,
    pub base_offset: i64,
    /// How far the header is from the records: count, and last offset.
    pub count_error: i32,
    pub delta_error: i32,
    pub batches: usize,
    pub has_wrong_crc: bool,
    pub is_control: bool,
    /// Of the values, so that it can be told whose they are.
    pub label: u64,
}

impl Step {
    /// A batch of one record.
    pub fn plain(sequence: i32) -> Self {
        Self {
            producer_id: 1,
            epoch: 0,
            sequence,
            count: 1,
            base_offset: 0,
            count_error: 0,
            delta_error: 0,
            batches: 1,
            has_wrong_crc: false,
            is_control: false,
            label: 0,
        }
    }

    pub fn encode(&self, timestamp: i64) -> Bytes {
        let mut bytes = BytesMut::new();
        (0..self.batches).for_each(|_| self.encode_batch(timestamp, &mut bytes));
        bytes.freeze()
    }

    fn encode_batch(&self, timestamp: i64, out: &mut BytesMut) {
        const CONTROL: i16 = 0x20;
        let mut after_crc = BytesMut::new();
        after_crc.put_i16(if self.is_control { CONTROL } else { 0 });
        after_crc.put_i32(self.count - 1 + self.delta_error);
        after_crc.put_i64(timestamp);
        after_crc.put_i64(timestamp);
        after_crc.put_i64(self.producer_id);
        after_crc.put_i16(self.epoch);
        after_crc.put_i32(self.sequence);
        after_crc.put_i32(self.count + self.count_error);
        for index in 0..self.count {
            let value = format!("{:016x}-{index:02}", self.label);
            let mut record = BytesMut::new();
            record.put_u8(0);
            // Timestamp, offset, key (null), then the value and no headers; all of them fit into one byte as zigzags.
            let fields = [0, index, -1, i32::try_from(value.len()).expect("a short value")];
            fields.into_iter().for_each(|field| record.put_u8(zigzag(field)));
            record.put_slice(value.as_bytes());
            record.put_u8(0);
            after_crc.put_u8(zigzag(i32::try_from(record.len()).expect("a short record")));
            after_crc.put_slice(&record);
        }
        let crc = crc32c::crc32c(&after_crc);
        out.put_i64(self.base_offset);
        out.put_i32(i32::try_from(4 + 1 + 4 + after_crc.len()).expect("a short batch"));
        out.put_i32(-1);
        out.put_u8(2);
        out.put_u32(if self.has_wrong_crc { !crc } else { crc });
        out.put_slice(&after_crc);
    }
}

/// Of a number from -64 to 63.
fn zigzag(number: i32) -> u8 {
    u8::try_from((number << 1) ^ (number >> 31)).ok().filter(|byte| *byte < 0x80).expect("a small number")
}

/// What a producer has done, if all of it was taken.
struct Producer {
    id: i64,
    epoch: i16,
    next: i32,
    sent: Vec<(i16, i32, i32)>,
}

impl Producer {
    fn new(id: i64, random: &mut fastrand::Rng) -> Self {
        let next = match random.u8(..10) {
            0..5 => 0,
            5..9 => i32::MAX - random.i32(0..12),
            _ => random.i32(0..=i32::MAX),
        };
        let epoch = *pick(random, &[0, 0, 0, 1, 7, i16::MAX - 1]);
        Self { id, epoch, next, sent: Vec::new() }
    }

    /// A batch that a broker takes which has taken all before it.
    fn next(&mut self, count: i32) -> Step {
        let sequence = self.next;
        self.next = after(sequence, count);
        self.sent.push((self.epoch, sequence, count));
        Step { producer_id: self.id, epoch: self.epoch, count, ..Step::plain(sequence) }
    }

    /// One of those it has sent, the newest far more often than the oldest.
    fn earlier(&self, random: &mut fastrand::Rng) -> Option<Step> {
        let back = random.usize(0..8).min(random.usize(0..8));
        let &(epoch, sequence, count) = self.sent.iter().rev().nth(back)?;
        Some(Step { producer_id: self.id, epoch, count, ..Step::plain(sequence) })
    }
}

impl Script {
    pub fn generate(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // A real broker remembers producers by their ids: nobody else has these.
        let id = i64::try_from(seed).expect("a small seed") * 10 + 1_000_000;
        let mut producers = [id, id + 1].map(|id| Producer::new(id, &mut random));
        let length = random.usize(3..=12);
        // Many at once are what shows how many are remembered.
        let mood = random.u8(..3);
        let steps = (0..length as u64).map(|at| {
            let producer = &mut producers[usize::from(random.u8(..5) == 0)];
            let step =
                if mood == 0 { window(producer, at, &mut random) } else { anything(producer, &mut random) };
            Step { label: seed << 8 | at, ..step }
        });
        Self { seed, steps: steps.collect() }
    }
}

/// Up to seven in a row, and then whichever of them.
fn window(producer: &mut Producer, at: u64, random: &mut fastrand::Rng) -> Step {
    match producer.earlier(random) {
        Some(step) if at >= 5 && random.u8(..4) > 0 => step,
        _ => producer.next(random.i32(1..4)),
    }
}

fn anything(producer: &mut Producer, random: &mut fastrand::Rng) -> Step {
    let count = random.i32(1..6);
    let ahead = Step { producer_id: producer.id, epoch: producer.epoch, count, ..Step::plain(producer.next) };
    match random.u8(..100) {
        0..38 => producer.next(count),
        38..52 => producer.earlier(random).unwrap_or(ahead),
        52..57 => match producer.earlier(random) {
            Some(step) => Step { count: step.count + *pick(random, &[-1, 1, 2]), ..step }.at_least_one(),
            None => ahead,
        },
        57..64 => Step { sequence: after(producer.next, random.i32(1..6)), ..ahead },
        64..67 => Step { sequence: after(producer.next, -random.i32(1..6)), ..ahead },
        67..74 => {
            producer.epoch = producer.epoch.saturating_add(random.i16(1..3));
            producer.next = 0;
            producer.next(count)
        }
        74..77 => Step { epoch: producer.epoch.saturating_add(1), sequence: random.i32(1..4), ..ahead },
        77..80 => Step { epoch: producer.epoch.saturating_add(1), ..ahead },
        80..84 => Step { epoch: producer.epoch - 1, sequence: *pick(random, &[0, ahead.sequence]), ..ahead },
        84..86 => Step { epoch: -1, ..ahead },
        86..88 => Step { producer_id: producer.id + 2, sequence: random.i32(0..=i32::MAX), ..ahead },
        88..90 => Step { producer_id: -1, epoch: -1, sequence: -1, ..ahead },
        90 => Step { sequence: *pick(random, &[-1, i32::MIN, -2]), ..ahead },
        91 => Step { base_offset: *pick(random, &[1, -1, 7, i64::MAX]), ..ahead },
        92 => Step { batches: 2, ..ahead },
        93 => Step { batches: 0, ..ahead },
        94..96 => Step { count_error: *pick(random, &[-1, 1, 5, -count]), ..ahead },
        96 => Step { delta_error: *pick(random, &[-1, 1, 5]), ..ahead },
        97 => {
            let error = *pick(random, &[-1, 1]);
            Step { count_error: error, delta_error: error, ..ahead }
        }
        98 => Step { has_wrong_crc: true, base_offset: random.i64(0..2), ..ahead },
        _ => Step { is_control: true, ..ahead },
    }
}

impl Step {
    fn at_least_one(self) -> Self {
        Self { count: self.count.max(1), ..self }
    }
}

/// 0 follows 2,147,483,647.
fn after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

fn pick<'a, T>(random: &mut fastrand::Rng, among: &'a [T]) -> &'a T {
    &among[random.usize(..among.len())]
}

/// The seed, and each step in a line.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the script of KAFKA_PRODUCER_SCRIPTS_SEED={} KAFKA_PRODUCER_SCRIPTS=1:", self.seed)?;
        self.steps.iter().enumerate().try_for_each(|(at, step)| writeln!(f, "  {at}: {step:?}"))
    }
}
