//! What a batch remembers of its attempts.

use super::*;
use crate::error::{BrokerTrouble, Certainty, Error, ErrorKind, Origin, Stage};
use crate::producer::result::BatchResult;

pub(super) fn trouble() -> BrokerTrouble {
    let (address, cause) = ("b:9092".to_owned(), "none".to_owned());
    BrokerTrouble { address, origin: Origin::Bootstrap, stage: Stage::Produce, cause }
}

#[test]
fn parts_of_a_batch_that_may_have_been_written_may_have_been_too() {
    let source = Source::new();
    let closed = || Error::new(ErrorKind::Closed);
    for maybe_written in [true, false] {
        let (mut batch, futures) = source.batch(4);
        batch.attempt_failed(closed(), maybe_written);
        for part in batch.split(70, &ENCODING) {
            part.complete(BatchResult::Failed(closed()));
        }
        let expected = if maybe_written { Certainty::MaybeWritten } else { Certainty::NotWritten };
        assert!(futures.iter().all(|future| future.exception().unwrap().certainty() == expected));
    }
}
