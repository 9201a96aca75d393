//! What `close` waits for.

use std::sync::mpsc::{RecvTimeoutError, channel};

use super::*;

/// A `send` that has found the producer open may be about to append: it is done before `close` looks for what is left.
#[test]
fn who_appends_at_this_moment_is_waited_for() {
    let source = Source::new();
    let (passed, is_told) = channel();
    std::thread::scope(|scope| {
        let appends = source.queue.state.lock();
        scope.spawn(|| {
            source.queue.pass_through();
            passed.send(()).unwrap();
        });
        assert_eq!(is_told.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout));
        drop(appends);
        assert_eq!(is_told.recv_timeout(Duration::from_secs(60)), Ok(()));
    });
}
