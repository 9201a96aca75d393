//! Connections that end, or answer what was not asked, at the worst moment.

use super::idempotence::{assert_stored_where_they_say, await_all, send_all, single, stored, world};
use super::*;
use crate::mock::MockRule;
use crate::record::Compression;

type NewRule = fn() -> MockRule;

const ENDS: [(&str, NewRule); 4] = [
    ("reset before", MockRule::reset_before_append),
    ("reset after", MockRule::reset_after_append),
    ("cut before", MockRule::cut_before_append),
    ("cut after", MockRule::cut_after_append),
];

/// B51: with five batches under way the connection ends at any of them. All are over once, the oldest first, in their order.
#[test]
fn a_connection_that_ends_with_five_under_way_loses_doubles_and_reorders_nothing() {
    for (name, end) in ENDS {
        for skip in 0..5 {
            let mut world = world(1, single());
            world.core.faults.held[0] = true;
            let id = world.core.faults.add(end().on(ApiKey::PRODUCE).skip(skip), Default::default);
            let futures = send_all(&mut world, 0, 0..8);
            let order = Arc::new(Mutex::new(Vec::new()));
            for (future, number) in futures.iter().zip(0..8_u8) {
                let order = Arc::clone(&order);
                future.add_both(move |_| order.lock().push(number));
            }
            world.run_for(millis(10));
            world.core.faults.held[0] = false;
            await_all(&mut world, &futures);
            world.run_for(secs(5));
            assert_eq!(world.core.faults.acted(id), 1, "{name}, {skip}");
            assert_eq!(stored(&mut world, 0), (0..8).collect::<Vec<_>>(), "{name}, {skip}");
            assert_stored_where_they_say(&mut world, &futures, 0..8);
            assert_eq!(*order.lock(), (0..8).collect::<Vec<_>>(), "{name}, {skip}");
            assert_eq!(world.accumulator.pool().used(), 0);
        }
    }
}

/// B49: a broker closes what it finds idle in the moment in which a record goes out.
#[test]
fn a_connection_that_is_closed_as_a_record_goes_out_costs_a_moment() {
    for (name, end) in ENDS {
        let mut world = world(1, single());
        for value in 0..5 {
            world.run_for(MINUTE);
            world.core.faults.add(end().on(ApiKey::PRODUCE), Default::default);
            let futures = send_all(&mut world, 0, value..value + 1);
            let took = world.run_until(MINUTE, |_| futures[0].is_done());
            assert!(took < millis(250), "{name}: {took:?}");
            assert_stored_where_they_say(&mut world, &futures, value..value + 1);
        }
        assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 4], "{name}");
    }
    // The end is there when the record is written, and nobody has looked.
    let mut world = world(1, single());
    for value in 0..5 {
        world.run_for(MINUTE);
        let futures = send_all(&mut world, 0, value..value + 1);
        world.stop(0);
        world.core.cluster.brokers[0].running = true;
        let took = world.run_until(MINUTE, |_| futures[0].is_done());
        assert!(took < millis(250), "{took:?}");
        assert_stored_where_they_say(&mut world, &futures, value..value + 1);
    }
    assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 4]);
}

/// B55: the answer has the number of another request. Its connection ends, with both numbers in the error, and no other.
#[test]
fn an_answer_to_another_request_ends_its_connection_and_no_other() {
    for skip in 0..3 {
        let mut world = World::with_topic(2, 2, single());
        world.run_for(secs(1));
        let rule = MockRule::wrong_correlation_id().on(ApiKey::PRODUCE).broker(0).skip(skip);
        let id = world.core.faults.add(rule, Default::default);
        let dials = world.dials.len();
        let mut told = Vec::new();
        for value in 0..5 {
            let futures =
                [send_all(&mut world, 0, value..value + 1), send_all(&mut world, 1, value..value + 1)];
            world.settle();
            told.extend(world.troubles().into_iter().map(|trouble| trouble.cause));
            futures.iter().for_each(|futures| await_all(&mut world, futures));
            futures
                .iter()
                .for_each(|futures| assert_stored_where_they_say(&mut world, futures, value..value + 1));
        }
        assert_eq!(world.core.faults.acted(id), 1);
        assert_eq!(world.dials.len() - dials, 1, "{skip}: to the broker that has confused them");
        assert!(told.iter().any(|cause| cause.contains("correlation")), "{told:?}");
        for partition in 0..2 {
            assert_eq!(stored(&mut world, partition), [0, 1, 2, 3, 4]);
        }
    }
}

/// B04: the first attempts are lost before the broker acts on them, so that a later one is stored: by its checksum it is, byte
/// by byte, what is stored where nothing goes wrong.
#[test]
fn a_batch_that_is_sent_again_has_the_same_bytes() {
    for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let sums: Vec<_> = [0, 1, 3]
            .into_iter()
            .map(|losses| {
                let mut world = world(1, config().compression(codec));
                let rule = MockRule::cut_before_append().on(ApiKey::PRODUCE).times(losses);
                world.core.faults.add(rule, Default::default);
                let send = |number: u8| {
                    let value = [number; 100];
                    let record = ProducerRecord::to("t").partition(0).timestamp_ms(1).value(&value);
                    world.producer().try_send(record).unwrap()
                };
                let futures: Vec<_> = (0..100).map(send).collect();
                await_all(&mut world, &futures);
                assert!(futures.iter().all(FutureRecordMetadata::succeeded));
                assert_eq!(world.requests(ApiKey::PRODUCE), 1 + losses, "{codec}");
                let headers = world.core.cluster.partition_mut("t", 0).unwrap().log.headers();
                assert_eq!((headers.len(), headers[1].record_count), (2, 100), "{codec}");
                (headers[1].crc, headers[1].base_sequence)
            })
            .collect();
        assert!(sums.windows(2).all(|pair| pair[0] == pair[1]), "{codec}: {sums:?}");
    }
}
