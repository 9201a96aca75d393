//! Defects of ours in the sender thread, at each step of its loop.

use super::*;
use crate::error::{Certainty, ErrorKind};

/// What the defect has to say.
fn is_told(error: &Error, step: Step) {
    let ErrorKind::Bug { what } = error.kind() else { panic!("{step:?}: {error}") };
    assert_eq!(*what, format!("the background thread panicked: before {step:?}"));
}

#[test]
fn a_panic_at_any_step_fails_all_that_is_pending_with_its_cause() {
    for step in Step::ALL {
        let mut world = World::with_topic(1, 3, config().linger(secs(60)));
        // One is under way, and no answer comes; one lingers, with a thread that waits for it; a third is there for those
        // who flush.
        world.mischief.passing = Some(0);
        let under_way = world.send(0, b"v");
        let _flushed = world.producer().flush(Duration::ZERO);
        world.settle();
        let lingers = [world.send(1, b"v"), world.send(2, b"v")];
        let awaited = lingers[0].clone();
        let waits = world.spawn("waits", move |_| is_told(&awaited.get(None).unwrap_err(), step));
        let flushes = world.spawn("flushes", move |producer| {
            let error = producer.flush(None).unwrap_err();
            let ErrorKind::Undelivered { report } = error.kind() else { panic!("{error}") };
            is_told(report.first_error.as_ref().unwrap(), step);
        });
        world.settle();
        world.errands.add_before(step, move |_, _| panic!("before {step:?}"));
        SimWaker(Arc::clone(&world.shared)).wake();
        let all = |_: &World| under_way.is_done() && lingers.iter().all(FutureRecordMetadata::is_done);
        let took = world.run_until(secs(1), all);
        assert!(took < millis(1), "{step:?}: {took:?}");
        assert!(under_way.exception().unwrap().certainty() == Certainty::MaybeWritten);
        for future in lingers.iter().chain([&under_way]) {
            is_told(&future.exception().unwrap(), step);
        }
        waits(&mut world);
        flushes(&mut world);
        // And whoever comes later.
        is_told(&world.try_send(0, b"w").unwrap_err(), step);
        is_told(&world.producer().send(ProducerRecord::to("new").value("v")).unwrap_err(), step);
        assert!(world.producer().flush(None).is_ok(), "{step:?}: everything has been told");
        assert!(world.producer().close(None).is_ok(), "{step:?}");
    }
}
