//! Produce answers that are not about what was asked (B16), or that say less or other than it seems (B20), with several
//! numbered batches under way.

use super::idempotence::{assert_stored_where_they_say, await_all, numbers, send_all, single, stored, world};
use super::*;
use crate::mock::MockRule;

const PARTITIONS: usize = 3;

/// Five batches of each partition, and their answers only when all are under way.
fn send_fives(world: &mut World) -> Vec<Vec<FutureRecordMetadata>> {
    world.core.faults.held[0] = true;
    let mut futures: Vec<Vec<_>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    for value in 0..5 {
        // Each time a request with a batch of each of them.
        for (partition, of) in futures.iter_mut().enumerate() {
            of.extend(send_all(world, partition, value..value + 1));
        }
        world.settle();
    }
    world.core.faults.held[0] = false;
    futures
}

/// All is stored once and in order, where the futures say, and the partitions are still in the order of their numbers.
fn assert_all_is_well(world: &mut World, futures: &[Vec<FutureRecordMetadata>], case: &str) {
    for (partition, futures) in (0..).zip(futures) {
        await_all(world, futures);
        assert_eq!(stored(world, partition), (0..5).collect::<Vec<_>>(), "{case}");
        assert_stored_where_they_say(world, futures, 0..5);
        assert!(numbers(world, partition).iter().all(|(_, epoch, _)| *epoch == 0), "{case}");
    }
    assert_eq!(world.accumulator.pool().used(), 0, "{case}");
}

/// B16: the answer to one of five requests, or to several, leaves a partition out, has one twice, or has one that was not
/// asked about: of another topic, of a number that there is not, or one that has other batches under way.
#[test]
fn an_answer_about_other_partitions_changes_nothing_for_them() {
    let rules = [
        ("left out", MockRule::omit_partition().partition("t", 0)),
        ("all left out", MockRule::omit_partition().topic("t")),
        ("twice", MockRule::repeat_partition().partition("t", 0)),
        ("a second one that says otherwise", MockRule::extra_partition("t", 1)),
        ("no such partition", MockRule::extra_partition("t", 9)),
        ("no such topic", MockRule::extra_partition("other", 1)),
    ];
    for (name, rule) in rules {
        for skip in 0..5 {
            for times in [1, 2, 7] {
                let mut world = world(PARTITIONS, single());
                let id = world.core.faults.add(rule.clone().skip(skip).times(times), Default::default);
                let futures = send_fives(&mut world);
                assert_all_is_well(&mut world, &futures, &format!("{name}, {times} times after {skip}"));
                assert!(world.core.faults.acted(id) > 0);
            }
        }
    }
}

/// The answer to the first says that a partition is stored which only the second is about.
#[test]
fn an_answer_to_one_request_is_none_to_another() {
    let mut world = world(PARTITIONS, single());
    world.core.faults.held[0] = true;
    world.core.faults.add(MockRule::extra_partition("t", 1), Default::default);
    let first = send_all(&mut world, 0, 0..1);
    world.settle();
    let second = send_all(&mut world, 1, 0..1);
    world.settle();
    assert_eq!(world.requests(ApiKey::PRODUCE), 2);
    world.core.faults.held[0] = false;
    for futures in [&first, &second] {
        await_all(&mut world, futures);
        assert_stored_where_they_say(&mut world, futures, 0..1);
    }
}

/// What is left out is sent again, after the same pause as what is refused: nobody waits for a timeout.
#[test]
fn what_an_answer_leaves_out_is_sent_again_soon() {
    let mut world = world(PARTITIONS, single());
    world.core.faults.add(MockRule::omit_partition().partition("t", 1), Default::default);
    let futures = send_fives(&mut world);
    let took = world.run_until(MINUTE, |_| futures.iter().flatten().all(FutureRecordMetadata::is_done));
    assert!(took < millis(125), "{took:?}");
    assert_all_is_well(&mut world, &futures, "");
}

/// Whatever answers leave out, repeat and add, in any order, together with lost answers and leaders that move.
#[test]
fn answers_about_anything_lose_and_double_nothing() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::with_topic(2, PARTITIONS, single());
        for _ in 0..random.usize(2..12) {
            let partition = random.i32(0..PARTITIONS as i32);
            let rule = match random.u8(..5) {
                0 => MockRule::omit_partition().partition("t", partition),
                1 => MockRule::repeat_partition().partition("t", partition),
                // Of those that it asks about an answer must say what is true, or nobody could know.
                2 => MockRule::extra_partition("t", PARTITIONS as i32),
                3 => MockRule::cut_after_append().on(ApiKey::PRODUCE),
                _ => MockRule::fail(ErrorCode::NOT_LEADER_OR_FOLLOWER).partition("t", partition),
            };
            let rule = rule.skip(random.usize(..6)).times(random.usize(1..4));
            world.core.faults.add(rule.on(ApiKey::PRODUCE), Default::default);
        }
        let mut futures: Vec<Vec<_>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
        for value in 0..30 {
            for (partition, of) in futures.iter_mut().enumerate() {
                of.extend(send_all(&mut world, partition, value..value + 1));
            }
            if random.u8(..10) == 0 {
                let moved = world.core.cluster.partition_mut("t", random.usize(..PARTITIONS) as i32).unwrap();
                (moved.leader, moved.leader_epoch) = (1 - moved.leader, moved.leader_epoch + 1);
            }
            world.run_for(millis(random.u64(..30)));
        }
        for (partition, futures) in (0..).zip(&futures) {
            await_all(&mut world, futures);
            assert_eq!(stored(&mut world, partition), (0..30).collect::<Vec<_>>(), "seed {seed}");
            assert_stored_where_they_say(&mut world, futures, 0..30);
        }
    }
}

/// The times are more than 2^31 ms apart.
const TIMES: [i64; 3] = [1_700_000_000_000, 1_700_000_000_000 + (1 << 31) + 7, 1_600_000_000_000];
/// Where the answer to a request with one partition has the offset and, behind it, the time of the append, of eight bytes
/// each: after the lengths, the id of the topic, the number of the partition and the code.
const BASE_OFFSET: usize = 33;

/// Sends three records in one batch, of which the request or the answer meets `fault`; returns what their futures say.
fn told(world: &mut World, fault: MockRule) -> Vec<(Option<i64>, i64)> {
    world.core.faults.add(fault.on(ApiKey::PRODUCE), Default::default);
    let send = |time| {
        let record = ProducerRecord::to("t").partition(0).timestamp_ms(time).value("three");
        world.producer().try_send(record).unwrap()
    };
    let futures = TIMES.map(send);
    await_all(world, &futures);
    let more = send_all(world, 0, 0..3);
    await_all(world, &more);
    assert!(more.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(stored(world, 0), [0, 1, 2]);
    futures
        .iter()
        .map(|future| future.value().unwrap())
        .map(|told| (told.offset(), told.timestamp_ms()))
        .collect()
}

/// Writes numbers into an answer, from the offset on.
fn says(numbers: &'static [i64]) -> MockRule {
    MockRule::edit_response(move |answer| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        answer[BASE_OFFSET..BASE_OFFSET + bytes.len()].copy_from_slice(&bytes);
    })
}

/// B20: the offset that each future gives, and the time: the broker's own only where the topic wants it.
#[test]
fn offsets_and_times_are_the_brokers_where_it_tells_them() {
    const BROKERS: i64 = 1_800_000_000_000;
    let [first, second, third] = TIMES;
    let ours = vec![(Some(1), first), (Some(2), second), (Some(3), third)];
    let nowhere = vec![(None, first), (None, second), (None, third)];
    let table = [
        ("nothing is wrong", MockRule::delay(millis(1)), ours.clone()),
        (
            "LogAppendTime",
            says(&[1, BROKERS]),
            vec![(Some(1), BROKERS), (Some(2), BROKERS), (Some(3), BROKERS)],
        ),
        ("no offset", says(&[-1]), nowhere.clone()),
        // It is stored, and the broker has forgotten where.
        ("known", MockRule::fail_after_append(ErrorCode::DUPLICATE_SEQUENCE_NUMBER), nowhere),
        // The broker tells where, and the time of the newest record as if it were its own.
        ("known again", MockRule::cut_after_append(), ours),
    ];
    for (name, fault, expected) in table {
        let mut world = world(1, config());
        assert_eq!(told(&mut world, fault), expected, "{name}");
        let log = &world.core.cluster.partition_mut("t", 0).unwrap().log;
        let times: Vec<i64> = log.records().unwrap()[1..4].iter().map(|record| record.timestamp).collect();
        assert_eq!(times, TIMES, "{name}");
        assert_eq!(log.headers()[1].record_count, 3, "{name}");
    }
}
