//! The partitioners choose what other clients choose. `tests/vectors/partitions/README.md` says how the files were made.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeSet;

use kafka_producer::{DefaultPartitioner, KeyHash, PartitionContext, Partitioner as _};

const COUNTS: &str = "1 3 6 7 64 1000";

macro_rules! vectors {
    ($name:literal) => {
        include_str!(concat!("vectors/partitions/", $name, ".txt"))
    };
}

fn keys() -> Vec<Vec<u8>> {
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
    let keys: Vec<Vec<u8>> =
        vectors!("keys").lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect();
    assert_eq!(keys.len(), 10_000);
    keys
}

/// Compares the partitions of all keys for each number of partitions. Returns how many keys have partitions in the file.
fn compare(name: &str, expected: &str, choose: impl Fn(&[u8], i32) -> i32) -> usize {
    let mut lines = expected.lines();
    assert_eq!(lines.next(), Some(COUNTS), "{name}");
    let counts: Vec<i32> = COUNTS.split(' ').map(|count| count.parse().unwrap()).collect();
    let mut compared = 0;
    let keys = keys();
    assert_eq!(lines.clone().count(), keys.len(), "{name}");
    for (key, line) in keys.iter().zip(lines) {
        if line.starts_with('-') {
            continue;
        }
        let chosen: Vec<String> = counts.iter().map(|count| choose(key, *count).to_string()).collect();
        assert_eq!(chosen.join(" "), line, "{name}: the key {key:?}");
        compared += 1;
    }
    compared
}

#[test]
fn keys_have_the_partitions_that_other_clients_choose() {
    for (name, expected, hash) in [
        ("Java", vectors!("java-murmur2"), KeyHash::Murmur2),
        ("kafka-python", vectors!("kafka-python-murmur2"), KeyHash::Murmur2),
        ("librdkafka, murmur2", vectors!("librdkafka-murmur2"), KeyHash::Murmur2),
        ("librdkafka, consistent", vectors!("librdkafka-consistent"), KeyHash::Crc32),
        ("librdkafka, fnv1a", vectors!("librdkafka-fnv1a"), KeyHash::Fnv1a),
        ("Sarama", vectors!("sarama-hash"), KeyHash::Fnv1a),
        ("Sarama, reference", vectors!("sarama-reference"), KeyHash::SaramaReference),
        ("Sarama, CRC-32", vectors!("sarama-crc32"), KeyHash::SaramaCrc32),
        #[cfg(feature = "partitioners")]
        ("sha256 mod N", vectors!("sha256"), KeyHash::Sha256),
    ] {
        assert_eq!(compare(name, expected, |key, count| hash.partition(key, count)), 10_000);
    }
}

#[cfg(feature = "partitioners")]
mod ring {
    use kafka_producer::HashRingPartitioner;

    use super::*;

    #[test]
    fn the_ring_of_python_chooses_the_same() {
        let ring = HashRingPartitioner::like_hash_ring();
        let compared =
            compare("hash_ring", vectors!("hash-ring"), |key, count| ring.partition_of(key, count));
        assert!(compared > 5000, "{compared}");
    }

    #[test]
    fn few_keys_move_when_a_partition_is_added_and_all_of_them_to_it() {
        let ring = HashRingPartitioner::new();
        let keys = keys();
        let of = |count: i32| keys.iter().map(|key| ring.partition_of(key, count)).collect::<Vec<_>>();
        let mut before = of(1);
        for count in 2..=100 {
            let after = of(count);
            let moved: Vec<i32> =
                before.iter().zip(&after).filter(|(a, b)| a != b).map(|(_, to)| *to).collect();
            assert!(moved.iter().all(|to| *to == count - 1), "some move between old partitions at {count}");
            let share = moved.len() as f64 / keys.len() as f64;
            assert!(share <= 1.0 / f64::from(count) + 0.02, "{share} of the keys move at {count} partitions");
            before = after;
        }
    }
}

#[test]
fn without_a_key_each_partition_with_a_leader_is_chosen_at_random() {
    let chosen = |available: &[i32]| -> BTreeSet<i32> {
        let record = PartitionContext::new("t", 10).with_available_partitions(available);
        (0..1000).map(|_| DefaultPartitioner.partition(&record)).collect()
    };
    assert_eq!(chosen(&[2, 5, 7]), BTreeSet::from([2, 5, 7]));
    assert_eq!(chosen(&[]), (0..10).collect(), "none has a leader");
}
