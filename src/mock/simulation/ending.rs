//! The end of a producer, and of records that nobody took: in time, and whatever callbacks do with it.

use super::*;
use crate::error::ErrorKind;
use crate::mock::MockRule;

/// What keeps records from being delivered.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    /// Nobody listens any more.
    Gone,
    /// Connections stand, and nothing is read.
    Mute,
    /// Records are taken, and no answer comes.
    Silent,
    /// The answer that names the producer is still to come.
    NoProducerId,
}

/// B25, R3: `close` ends when its time is over, and so does everything else: the futures, the thread, the next `close`.
#[test]
fn close_is_over_in_time_whatever_keeps_records_back() {
    for obstacle in [Obstacle::Gone, Obstacle::Mute, Obstacle::Silent, Obstacle::NoProducerId] {
        let mut world = World::new(1, config());
        if matches!(obstacle, Obstacle::NoProducerId) {
            let rule = MockRule::lose_response().on(ApiKey::INIT_PRODUCER_ID).forever();
            world.core.faults.add(rule, Default::default);
            assert!(world.core.cluster.create_topic("t", 1));
            world.ask_for("t");
            world.run_until(secs(1), |world| knows(world, "t"));
        } else {
            world.meet_topic(1);
        }
        match obstacle {
            Obstacle::Gone => world.stop(0),
            Obstacle::Mute => world.mischief.stalled = vec![0],
            Obstacle::Silent => world.core.faults.held[0] = true,
            Obstacle::NoProducerId => {}
        }
        let futures: Vec<_> = (0..10).map(|_| world.send(0, b"v")).collect();
        world.run_for(millis(300));
        let closed = Arc::new(Mutex::new(Vec::new()));
        let place = Arc::clone(&closed);
        let join = world.spawn("closes", move |producer| {
            for limit in [secs(1), secs(5)] {
                let start = Clock::Simulated.now();
                let text = producer.close(limit).unwrap_err().to_string();
                place.lock().push((Clock::Simulated.now().since(start), text));
            }
        });
        world.run_for(millis(999));
        assert!(closed.lock().is_empty() && !futures[0].is_done(), "{obstacle:?}");
        world.run_for(millis(50));
        let [first, second] = &closed.lock().clone()[..] else { panic!("{obstacle:?}: it still waits") };
        assert_about(first.0, secs(1));
        assert_eq!(second.0, Duration::ZERO, "{obstacle:?}");
        assert_eq!(first.1, second.1, "{obstacle:?}: the next one says the same");
        for future in &futures {
            assert!(future.exception().unwrap().is_closed(), "{obstacle:?}");
        }
        assert!(world.try_send(0, b"w").unwrap_err().is_closed());
        assert_eq!(world.accumulator.pool().used(), 0, "{obstacle:?}");
        // The sender's thread is waited for at the end of the world.
        join(&mut world);
    }
}

#[test]
fn close_sends_the_batches_of_all_partitions_without_waiting_for_linger() {
    let mut world = World::with_topic(3, 100, config().linger(MINUTE));
    let futures: Vec<_> = (0..100).map(|partition| world.send(partition, b"v")).collect();
    world.run_for(secs(1));
    assert!(!futures.iter().any(FutureRecordMetadata::is_done));
    let start = world.clock.now();
    let join = world.spawn("closes", |producer| producer.close(secs(5)).unwrap());
    join(&mut world);
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert_about(world.clock.now().since(start), Duration::ZERO);
}

/// By what a record fails whose callback calls the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Expiry,
    Close,
    /// The callback of what has expired closes the producer.
    ExpiryAndClosesItself,
}

/// B31, R4: callbacks of failures may call anything; nothing waits, and a panic keeps nobody.
#[test]
fn a_callback_of_what_has_failed_may_call_anything() {
    for by in [By::Expiry, By::Close, By::ExpiryAndClosesItself] {
        let mut world = World::with_topic(1, 1, config().request_timeout(secs(1)).delivery_timeout(secs(5)));
        world.stop(0);
        let future = world.send(0, b"v");
        let told = Arc::new(Mutex::new(None));
        let (place, inside, own) = (Arc::clone(&told), Arc::clone(world.producer()), future.clone());
        future.add_errback(|_| panic!("on purpose"));
        future.add_errback(move |error| {
            assert_eq!(own.get(None).unwrap_err().to_string(), error.to_string());
            let flush = inside.flush(None).map_err(|error| error.kind().clone());
            assert!(matches!(flush, Err(ErrorKind::CalledFromCallback { .. })), "{flush:?}");
            let next = inside.send(ProducerRecord::to("t").partition(0).value("w"));
            if by == By::ExpiryAndClosesItself {
                let _ = inside.close(secs(60));
            }
            *place.lock() = Some((Clock::Simulated.now(), next));
        });
        if by == By::Close {
            let _ = world.spawn("closes", |producer| drop(producer.close(secs(5))));
        }
        let start = world.clock.now();
        world.run_until(secs(6), |_| told.lock().is_some());
        let (at, next) = told.lock().take().unwrap();
        assert_about(at.since(start), secs(5));
        match by {
            By::Expiry => {
                let next = next.unwrap();
                world.core.cluster.brokers[0].running = true;
                world.run_until(secs(4), |_| next.is_done());
                assert!(next.succeeded(), "it was sent after the first had failed");
            }
            By::Close => assert!(next.unwrap_err().is_closed()),
            By::ExpiryAndClosesItself => {
                let next = next.unwrap();
                world.run_until(secs(1), |_| next.is_done());
                assert!(next.exception().unwrap().is_closed());
            }
        }
        world.run_for(millis(1));
        assert_eq!(world.accumulator.pool().used(), 0, "{by:?}");
    }
}
