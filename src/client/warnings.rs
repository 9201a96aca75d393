//! Which warnings are logged. Repeated ones are counted and not logged.

use std::time::Duration;

use crate::time::Instant;

/// The warnings that were logged, by their text.
#[derive(Default)]
pub(crate) struct Warnings {
    logged: Vec<Logged>,
    /// A warning was logged since the last end.
    logged_since_end: bool,
}

struct Logged {
    what: String,
    at: Instant,
    /// How often it has happened since without being logged.
    repeats: u64,
}

impl Warnings {
    /// Whether to log `what`, and how often it was not logged before. It is not logged again before `quiet` is over.
    pub(crate) fn should_log(&mut self, what: &str, quiet: Duration, now: Instant) -> Option<u64> {
        if let Some(logged) = self.logged.iter_mut().find(|logged| logged.what == what) {
            if now.since(logged.at) < quiet {
                logged.repeats += 1;
                return None;
            }
            logged.at = now;
            self.logged_since_end = true;
            return Some(std::mem::take(&mut logged.repeats));
        }
        // Warnings that differ each time must not be logged without a limit either.
        if self.logged.len() == MOST {
            self.logged.retain(|logged| now.since(logged.at) < WHILE_IT_FLAPS);
        }
        if self.logged.len() == MOST {
            return None;
        }
        self.logged.push(Logged { what: what.to_owned(), at: now, repeats: 0 });
        self.logged_since_end = true;
        Some(0)
    }

    /// A new failure begins. Warnings that were logged before may be logged again, except very recent ones.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.logged.retain(|logged| now.since(logged.at) < WHILE_IT_FLAPS);
    }

    /// The failure is over. Returns whether to log that, and how many warnings were not logged.
    pub(crate) fn end(&mut self) -> Option<u64> {
        std::mem::take(&mut self.logged_since_end)
            .then(|| self.logged.iter_mut().map(|logged| std::mem::take(&mut logged.repeats)).sum())
    }
}

/// A failure that ends and comes again within this time is logged once.
const WHILE_IT_FLAPS: Duration = Duration::from_secs(10);
const MOST: usize = 8;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_repeats_itself_is_counted() {
        let mut warnings = Warnings::default();
        let start = Instant::ZERO + 100 * SECOND;
        assert_eq!(warnings.should_log("refused", 60 * SECOND, start), Some(0));
        for second in 1..60 {
            assert_eq!(warnings.should_log("refused", 60 * SECOND, start + second * SECOND), None);
        }
        assert_eq!(warnings.should_log("refused", 60 * SECOND, start + 60 * SECOND), Some(59));
        assert_eq!(warnings.should_log("unreachable", 60 * SECOND, start + 60 * SECOND), Some(0));
    }

    /// A broker that is down for an hour gives one warning. One that comes and goes gives one each ten seconds.
    #[test]
    fn what_is_over_is_news_when_it_begins_again_but_not_at_once() {
        let mut warnings = Warnings::default();
        let hear = |warnings: &mut Warnings, second| {
            warnings.should_log("refused", Duration::MAX, Instant::ZERO + second * SECOND)
        };
        assert_eq!(hear(&mut warnings, 0), Some(0));
        assert!((1..3600).all(|second| hear(&mut warnings, second).is_none()));
        assert_eq!(warnings.end(), Some(3599));
        warnings.begin(Instant::ZERO + 3600 * SECOND);
        assert_eq!(hear(&mut warnings, 3600), Some(0));
        assert_eq!(warnings.end(), Some(0));
        warnings.begin(Instant::ZERO + 3601 * SECOND);
        assert_eq!((hear(&mut warnings, 3601), warnings.end()), (None, None));
    }

    #[test]
    fn old_warnings_make_room_only_where_there_is_none() {
        let mut warnings = Warnings::default();
        let mut hear = |what: &str, second| {
            warnings.should_log(what, Duration::MAX, Instant::ZERO + second * SECOND).is_some()
        };
        assert!(hear("old", 1) && hear("another", 20));
        assert!(!hear("old", 21), "it is not forgotten for another");
        assert!((0..).take(MOST - 2).all(|number: u64| hear(&number.to_string(), 22)));
        assert!(hear("one more", 23), "in the place of the old one");
        assert!(!hear("one too many", 24));
    }

    #[test]
    fn what_always_says_something_else_is_not_told_without_end() {
        let mut warnings = Warnings::default();
        let logged = (0..1000).filter(|number: &u64| {
            warnings.should_log(&number.to_string(), Duration::MAX, Instant::ZERO + SECOND).is_some()
        });
        assert_eq!(logged.count(), MOST);
    }
}
