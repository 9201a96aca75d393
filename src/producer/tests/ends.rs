//! `outcome::decide`: every end of an attempt, with and without retries left, given up or not.

use super::order::numbered;
use super::*;
use crate::error::{Certainty, Error, ErrorKind};
use crate::producer::outcome::{Action, AttemptOutcome, RetryPolicy, decide};
use crate::producer::partition::{Partition, SendRules};
use crate::protocol::{ErrorCode, ProducePartitionResponse};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Stored,
    Again { maybe_written: bool },
    Split,
    Failed(Certainty),
    Forgotten,
    Kept,
    Renumbered,
}

fn answer(error_code: ErrorCode) -> ProducePartitionResponse {
    ProducePartitionResponse { error_code, ..Default::default() }
}

fn is(action: &Action) -> Is {
    match action {
        Action::Forget => Is::Forgotten,
        Action::Keep { .. } => Is::Kept,
        Action::Renumber { .. } => Is::Renumbered,
        Action::Split => Is::Split,
        Action::SendAgain { maybe_written, .. } => Is::Again { maybe_written: *maybe_written },
        Action::Complete(result) => result.error().map_or(Is::Stored, |error| Is::Failed(error.certainty())),
    }
}

#[test]
fn every_end_of_an_attempt_means_one_thing() {
    const MAYBE: Is = Is::Failed(Certainty::MaybeWritten);
    const NOT: Is = Is::Failed(Certainty::NotWritten);
    const AGAIN: Is = Is::Again { maybe_written: false };
    const AGAIN_MAYBE: Is = Is::Again { maybe_written: true };
    let lost = Error::new(ErrorKind::Closed);
    let (ok, passes) = (answer(ErrorCode::NONE), answer(ErrorCode::NOT_ENOUGH_REPLICAS));
    let (passes_maybe, too_large) =
        (answer(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND), answer(ErrorCode::MESSAGE_TOO_LARGE));
    let (stays, unknown) = (answer(ErrorCode::TOPIC_AUTHORIZATION_FAILED), answer(ErrorCode::new(999)));
    let (left, unsent) = (
        AttemptOutcome::Lost { error: &lost, sent: true },
        AttemptOutcome::Lost { error: &lost, sent: false },
    );
    // The end, and what it means with retries left and without.
    let table = [
        ("ok", AttemptOutcome::Answered(&ok), Is::Stored, Is::Stored),
        ("written", AttemptOutcome::Written, Is::Stored, Is::Stored),
        ("passes", AttemptOutcome::Answered(&passes), AGAIN, NOT),
        ("passes, written perhaps", AttemptOutcome::Answered(&passes_maybe), AGAIN_MAYBE, MAYBE),
        ("too large", AttemptOutcome::Answered(&too_large), Is::Split, Is::Split),
        ("stays", AttemptOutcome::Answered(&stays), NOT, NOT),
        ("unknown", AttemptOutcome::Answered(&unknown), MAYBE, MAYBE),
        ("left out", AttemptOutcome::LeftOut, AGAIN_MAYBE, MAYBE),
        ("lost, bytes sent", left, AGAIN_MAYBE, MAYBE),
        ("lost, nothing sent", unsent, AGAIN, NOT),
    ];
    let source = Source::new();
    let partition = Partition::new(Arc::clone(&source.queue), SendRules { window: 1, idempotence: false });
    let retry_policy = RetryPolicy { retries: 1, delivery_timeout: Some(Duration::from_secs(10)) };
    for (name, end, with_retries, without) in table {
        let (mut batch, _futures) = source.batch(2);
        let broker = Arc::new(attempts::trouble());
        batch.begin_attempt(&broker);
        let (now, late) = (batch.created(), batch.created() + Duration::from_secs(10));
        assert_eq!(is(&decide(&batch, &partition, end, &retry_policy, now)), with_retries, "{name}");
        assert_eq!(is(&decide(&batch, &partition, end, &retry_policy, late)), without, "{name}, time over");
        batch.begin_attempt(&broker);
        assert_eq!(
            is(&decide(&batch, &partition, end, &retry_policy, now)),
            without,
            "{name}, no retries left"
        );
        batch.give_up(Error::new(ErrorKind::Closed));
        let expected = if with_retries == Is::Stored { Is::Stored } else { Is::Forgotten };
        assert_eq!(is(&decide(&batch, &partition, end, &retry_policy, now)), expected, "{name}");
    }
}

#[test]
fn a_single_record_that_is_too_large_is_not_cut_up() {
    let source = Source::new();
    let partition = Partition::new(Arc::clone(&source.queue), SendRules { window: 1, idempotence: false });
    let (batch, _futures) = source.batch(1);
    let retry_policy = RetryPolicy { retries: 9, delivery_timeout: None };
    let answer = answer(ErrorCode::MESSAGE_TOO_LARGE);
    let action =
        decide(&batch, &partition, AttemptOutcome::Answered(&answer), &retry_policy, batch.created());
    assert_eq!(is(&action), Is::Failed(Certainty::NotWritten));
}

#[test]
fn metadata_is_asked_for_after_a_loss_and_after_codes_of_a_leader_that_moved() {
    let lost = Error::new(ErrorKind::Closed);
    for sent in [true, false] {
        assert!(AttemptOutcome::Lost { error: &lost, sent }.wants_metadata());
    }
    assert!(AttemptOutcome::Answered(&answer(ErrorCode::NOT_LEADER_OR_FOLLOWER)).wants_metadata());
    assert!(!AttemptOutcome::Answered(&answer(ErrorCode::NONE)).wants_metadata());
    assert!(!AttemptOutcome::LeftOut.wants_metadata() && !AttemptOutcome::Written.wants_metadata());
}

/// With numbers a broker's words about them mean something, and what was given up may be needed by those behind it.
#[test]
fn ends_of_numbered_batches_depend_on_those_before_them() {
    const AGAIN: Is = Is::Again { maybe_written: false };
    let lost = Error::new(ErrorKind::Closed);
    let gap = answer(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let (unknown, fenced) =
        (answer(ErrorCode::UNKNOWN_PRODUCER_ID), answer(ErrorCode::INVALID_PRODUCER_EPOCH));
    let (known, refused) = (answer(ErrorCode::DUPLICATE_SEQUENCE_NUMBER), answer(ErrorCode::INVALID_RECORD));
    let left = AttemptOutcome::Lost { error: &lost, sent: true };
    let unsent = AttemptOutcome::Lost { error: &lost, sent: false };
    // The end, and what it means for the oldest, for one behind it, and for one that was given up.
    let table = [
        ("a gap", AttemptOutcome::Answered(&gap), Is::Renumbered, AGAIN, Is::Forgotten),
        ("unknown", AttemptOutcome::Answered(&unknown), Is::Renumbered, Is::Renumbered, Is::Forgotten),
        ("fenced", AttemptOutcome::Answered(&fenced), Is::Renumbered, Is::Renumbered, Is::Forgotten),
        ("known", AttemptOutcome::Answered(&known), Is::Stored, Is::Stored, Is::Stored),
        (
            "refused",
            AttemptOutcome::Answered(&refused),
            Is::Failed(Certainty::NotWritten),
            Is::Failed(Certainty::NotWritten),
            Is::Forgotten,
        ),
        ("lost", left, Is::Again { maybe_written: true }, Is::Again { maybe_written: true }, Is::Kept),
        ("not sent", unsent, AGAIN, AGAIN, Is::Kept),
    ];
    let retry_policy = RetryPolicy { retries: 9, delivery_timeout: None };
    for (name, end, oldest, behind, given_up) in table {
        let source = Source::new();
        let (mut partition, ordinals) = numbered(&source, 2);
        let decision = |partition: &Partition, batch: &SealedBatch| {
            is(&decide(batch, partition, end, &retry_policy, batch.created()))
        };
        let second = partition.take(ordinals[1]).unwrap();
        assert_eq!(decision(&partition, &second), behind, "{name}");
        let mut first = partition.take(ordinals[0]).unwrap();
        assert_eq!(decision(&partition, &first), oldest, "{name}");
        first.give_up(Error::new(ErrorKind::Closed));
        assert_eq!(decision(&partition, &first), given_up, "{name}");
    }
}
