//! What must be true of calls: when they end, what they have waited for by then, and whom they have had called.

use super::super::users::Unawaited;
use super::*;

pub(super) fn calls_end_in_time(evidence: &Evidence) -> Result<(), Wrong> {
    for call in &evidence.calls {
        let frozen = evidence.frozen(call.began, call.began + call.took);
        if call.limit.is_some_and(|limit| call.took > limit + PUNCTUAL + frozen) {
            return Err((format!("{call:?}, frozen for {frozen:?}"), None));
        }
    }
    Ok(())
}

/// And who closes. What a thread has sent before has a result when the call comes back without "it was too long".
pub(super) fn who_flushes_has_waited_for_all(evidence: &Evidence) -> Result<(), Wrong> {
    match evidence.unawaited.first() {
        Some(Unawaited { what, ended, mark }) => {
            let record = String::from_utf8_lossy(&mark[..mark.len().min(24)]).into_owned();
            Err((format!("{record} had no result when {what} ended, at {ended:?}"), Some(mark.clone())))
        }
        None => Ok(()),
    }
}

/// Between two questions of which the first came to nothing there are 80 ms at least (`retry_backoff_ms`). How long either is
/// on its way differs, so three are looked at. Where the epochs of an id run out, another id is asked for at once.
pub(super) fn what_was_refused_is_not_asked_again_at_once(evidence: &Evidence) -> Result<(), Wrong> {
    const LEAST: Duration = Duration::from_millis(80);
    if evidence.plan.first_epoch > 0 {
        return Ok(());
    }
    match evidence.asked_for_ids.windows(3).find(|asked| asked[2].since(asked[0]) < LEAST) {
        Some(asked) => Err((format!("a producer id was asked for at {asked:?}"), None)),
        None => Ok(()),
    }
}

pub(super) fn callbacks_run_once(evidence: &Evidence) -> Result<(), Wrong> {
    let [asked, called] = evidence.callbacks;
    if asked == called { Ok(()) } else { Err((format!("{called} of {asked} callbacks ran"), None)) }
}
