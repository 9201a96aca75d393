//! A producer under load while brokers, connections and the producer itself are disturbed, and what became of each
//! record.
//!
//! The producer is a program of its own, ours or another client's, called as
//! `PROGRAM SERVERS TOPIC SECONDS RATE DIRECTORY ACKS`. It sends for `SECONDS`, from [`THREADS`] threads with
//! [`KEYS`] keys each, `RATE` records a second in all on the average: who was held up catches up. The contract:
//!
//! * `ACKS` is `all` (with the client's defaults) or `1` (without idempotence).
//! * The key is `THREAD-KEY`, decimal. The value has [`value_length`] bytes and begins with the record's number within
//!   its key, a u32, big-endian.
//! * `DIRECTORY/thread-N`, which is there, a pipe, gets an entry for each record whose future has resolved: u16 key, u32 number, i32 partition,
//!   i64 offset, big-endian, with partition -1 if it failed, and offset -1 if it is stored and nobody knows where.
//! * `DIRECTORY/sent` gets the number of records that were sent, in decimal, and is written last.
//! * Why records failed goes to standard error.

mod alarm;
mod ledger;
mod results;
mod script;
mod trusted;
mod verdict;
mod watch;

pub use self::alarm::Alarm;
pub use self::ledger::Ledger;
pub use self::results::Results;
pub use self::script::Script;
pub use self::trusted::{
    the_ledger_finds_each_kind_of_fault, what_a_leader_gives_up_is_read_from_its_console,
};
pub use self::verdict::Verdict;
pub use self::watch::{Bounds, Watch};

/// Threads that send.
pub const THREADS: usize = 4;
/// Keys of each thread.
pub const KEYS: usize = 64;

/// 0.1 to 1 KB, smaller ones more often, so that ten minutes find room on a disk.
pub fn value_length(key: usize, number: u32) -> usize {
    let spread = (number as usize * 7919 + key * 104_729) % 901;
    100 + spread * spread / 900
}

/// What a client writes of a record; `place` is (-1, -1) for one that has failed.
pub fn entry(key: u16, number: u32, (partition, offset): (i32, i64)) -> [u8; ledger::ENTRY] {
    let mut entry = [0; ledger::ENTRY];
    entry[..2].copy_from_slice(&key.to_be_bytes());
    entry[2..6].copy_from_slice(&number.to_be_bytes());
    entry[6..10].copy_from_slice(&partition.to_be_bytes());
    entry[10..].copy_from_slice(&offset.to_be_bytes());
    entry
}
