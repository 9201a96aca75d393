//! Little memory, and many who want it.

use super::*;
use crate::error::{ErrorKind, SizeLimit};

/// B30, R11: eight threads want more than there is, and everything lingers for a minute: nobody waits for that, and batches are
/// not of one record each.
#[test]
fn who_waits_for_memory_waits_for_no_linger_and_batches_stay_large() {
    // Each partition has less than a batch when it is all taken: none is full, and nobody flushes.
    let config = config().linger(secs(60)).buffer_memory(32 << 10).delivery_timeout(None);
    let mut world = World::with_topic(1, 4, config);
    let users: Vec<_> = (0..8)
        .map(|user| {
            world.spawn(&format!("user {user}"), move |producer| {
                for _ in 0..100 {
                    let record = ProducerRecord::to("t").partition(user % 4).value(&[0; 300]);
                    producer.send(record).unwrap();
                }
            })
        })
        .collect();
    let start = world.clock.now();
    users.into_iter().for_each(|join| join(&mut world));
    let took = world.clock.now().since(start);
    assert!(took < secs(1), "{took:?}");
    let _ = world.spawn("flushes", |producer| producer.flush(None).unwrap());
    world.run_until(secs(1), |world| world.core.counts.records == 804);
    let counts = world.core.counts;
    assert!(counts.records > 4 * counts.batches, "{counts:?}");
}

/// B29: what can never be sent is refused at once, also when there is no memory and others wait for some.
#[test]
fn what_can_not_be_sent_is_refused_at_once_though_memory_is_full() {
    let mut world = World::with_topic(1, 1, config().buffer_memory(16 << 10).max_block(secs(10)));
    world.core.faults.held[0] = true;
    while world.try_send(0, &[0; 1000]).is_ok() {}
    let waits = world.spawn("waits", |producer| {
        producer.send(ProducerRecord::to("t").partition(0).value(&[0; 1000])).unwrap();
    });
    world.run_for(secs(1));
    let start = world.clock.now();
    let refused = |record: ProducerRecord<'_>| world.producer().send(record).unwrap_err();
    let error = refused(ProducerRecord::to("t").value(&[0; 20_000]));
    let by_memory =
        matches!(error.kind(), ErrorKind::RecordTooLarge { limited_by: SizeLimit::BufferMemory, .. });
    assert!(by_memory, "{error}");
    assert!(!refused(ProducerRecord::to("t").value("v").timestamp_ms(-1)).is_timeout());
    assert!(!refused(ProducerRecord::to("t")).is_timeout());
    assert_eq!(world.clock.now(), start);
    world.core.faults.held[0] = false;
    waits(&mut world);
    assert!(world.clock.now().since(start) < secs(1), "who waited has not waited for them");
}

/// B62: the size of a record is counted with its headers and all that is around it: the largest that is let in is within the
/// limit as it is stored, and hardly below it.
#[test]
fn the_largest_record_that_is_let_in_is_stored_and_the_next_is_refused() {
    let mut world = World::with_topic(1, 1, config().max_request_size(1000));
    let (mut largest, mut refused) = (None, Vec::new());
    for len in 700..1000 {
        let value = vec![b'v'; len];
        let record = ProducerRecord::to("t").partition(0).key("key").value(&value).header("name", "value");
        match world.producer().try_send(record) {
            Ok(future) => {
                assert!(refused.is_empty(), "{len}: a smaller one was refused");
                largest = Some((len, future.clone()));
                world.run_until(secs(1), |_| future.is_done());
                assert!(future.succeeded(), "{len}: {:?}", future.exception());
            }
            Err(error) => {
                let ErrorKind::RecordTooLarge { size, limit: 1000, .. } = error.kind() else {
                    panic!("{error}")
                };
                refused.push(*size);
            }
        }
    }
    let (len, future) = largest.unwrap();
    assert_eq!(refused[0], 1001, "{len} bytes are let in");
    let log = &world.core.cluster.partition_mut("t", 0).unwrap().log;
    let batch = log.headers().last().unwrap().len;
    // Its deltas may take 15 bytes, and take two.
    assert!((980..=1000).contains(&batch), "{batch} bytes");
    let stored = world.core.cluster.partition_mut("t", 0).unwrap().log.records().unwrap();
    let last = stored.last().unwrap();
    assert_eq!(
        (Some(last.offset), last.value.as_ref().map(Vec::len)),
        (future.value().unwrap().offset(), Some(len))
    );
    assert_eq!(last.headers, [("name".to_owned(), Some(b"value".to_vec()))]);
}
