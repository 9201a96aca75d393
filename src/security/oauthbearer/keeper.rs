//! Keeps the token, and fetches the next one in time, without waiting for it.
//!
//! A provider may ask a server, but the sender thread, which begins exchanges, must not wait. So each fetch runs on its own
//! thread, one fetch at a time, unless one hangs. An exchange gets the current token. If that expires soon, the next fetch
//! begins, and the current token is used until then. If there is no token, the exchange fails for now, and the connection is
//! tried again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::extensions::Extensions;
use super::provider::{OauthToken, OauthTokenProvider};
use super::refresh::Refresh;
use crate::security::mechanism::SaslError;
use crate::security::secret::Secret;
use crate::sync::Mutex;
use crate::time::{Clock, Deadline, Instant};

/// A token that may be used.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) value: Secret,
    pub(super) extensions: Extensions,
    since: Instant,
    ends: Deadline,
}

/// One call of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fetch {
    number: u64,
    since: Instant,
}

/// The work of a thread.
pub(super) type Body = Box<dyn FnOnce() + Send>;
/// Runs the work on a thread.
pub(super) type Start = fn(Body) -> io::Result<()>;

pub(super) struct Keeper {
    provider: Arc<dyn OauthTokenProvider>,
    extensions: Extensions,
    refresh: Refresh,
    clock: Clock,
    start: Start,
    kept: Mutex<Kept>,
}

struct Kept {
    token: Option<Arc<Held>>,
    /// When the next token is needed, if there is one now.
    renewal: Deadline,
    /// The latest fetch, until it has a result.
    under_way: Option<Fetch>,
    /// The number of fetches that were begun.
    begun: u64,
    /// The number of fetches without a result: the current one, and earlier ones that hang. Each has a thread.
    unanswered: u32,
    /// The number of failures in a row.
    failures: u32,
    last_failure: Option<String>,
    /// No fetch begins before this time.
    rests_until: Instant,
    random: fastrand::Rng,
}

/// A token that brokers refuse is not replaced earlier, so that a provider that always returns the same token is not called
/// each time.
const SHORTEST_USE: Duration = Duration::from_secs(10);
/// A provider that has not returned after this time is called again on another thread, because the call may never return. The
/// time doubles with each call that hangs. Otherwise a provider that always hangs would cost one thread per minute.
const PATIENCE: Duration = Duration::from_secs(60);

impl Keeper {
    pub(super) fn new(
        provider: Arc<dyn OauthTokenProvider>,
        extensions: Extensions,
        refresh: Refresh,
        clock: Clock,
        start: Start,
    ) -> Self {
        let kept = Kept {
            token: None,
            renewal: Deadline::NEVER,
            under_way: None,
            begun: 0,
            unanswered: 0,
            failures: 0,
            last_failure: None,
            rests_until: Instant::ZERO,
            random: fastrand::Rng::new(),
        };
        Self { provider, extensions, refresh, clock, start, kept: Mutex::new(kept) }
    }

    /// The token, if there is one that has not expired. Begins to fetch the next one if it is time.
    pub(super) fn token(self: &Arc<Self>) -> Result<Arc<Held>, SaslError> {
        let now = self.clock.now();
        let begun = self.kept.lock().begin_fetch(now);
        if let Some(fetch) = begun {
            let keeper = Arc::clone(self);
            // Without the lock: it may have a result at once.
            if let Err(error) = (self.start)(Box::new(move || keeper.fetch(fetch))) {
                self.put(fetch, Err(format!("the thread that fetches a token can't be started: {error}")));
            }
        }
        self.kept.lock().usable(now)
    }

    /// Brokers do not accept this token, so another one is needed.
    pub(super) fn refused(&self, token: &Arc<Held>) {
        let mut kept = self.kept.lock();
        if kept.token.as_ref().is_some_and(|own| Arc::ptr_eq(own, token)) {
            kept.renewal = kept.renewal.min(Deadline::at(token.since + SHORTEST_USE));
        }
    }

    fn fetch(&self, fetch: Fetch) {
        // A panic must not leave the fetch without a result.
        let fetched = catch_unwind(AssertUnwindSafe(|| self.ask(fetch.since)));
        self.put(fetch, fetched.unwrap_or_else(|_| Err("the token provider panicked".to_owned())));
    }

    fn ask(&self, asked: Instant) -> Result<Held, String> {
        let OauthToken { value, lifetime } =
            self.provider.token().map_err(|error| format!("the token provider failed: {error}"))?;
        // Only visible characters (RFC 6750 allows even fewer): another one would end the token, and the rest would have
        // another meaning.
        if value.is_empty() || !value.bytes().iter().all(u8::is_ascii_graphic) {
            return Err(
                "the token provider returned a token that is empty or contains characters that are not allowed in a token"
                    .to_owned(),
            );
        }
        let extensions = Extensions::new(self.provider.extensions())
            .map_err(|why| format!("the token provider returned an extension that can't be used: {why}"))?;
        // Its lifetime began at the latest when the provider returned, and perhaps when it was called.
        let ends = Deadline::after(asked, lifetime);
        if ends.has_passed(self.clock.now()) {
            return Err("the token provider returned a token that has already expired".to_owned());
        }
        Ok(Held { value, extensions: extensions.and(&self.extensions), since: asked, ends })
    }

    fn put(&self, fetch: Fetch, fetched: Result<Held, String>) {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        kept.unanswered = kept.unanswered.saturating_sub(1);
        let is_late = kept.under_way != Some(fetch);
        if !is_late {
            kept.under_way = None;
        }
        match fetched {
            // The provider was called again since then: a later result is kept, unless this token is valid for longer.
            Ok(held) if is_late && kept.token.as_ref().is_some_and(|token| token.ends >= held.ends) => {}
            Err(_) if is_late => {}
            Ok(held) => {
                let lifetime = held.ends.remaining(fetch.since);
                let use_for = lifetime.map(|lifetime| self.refresh.time_of_use(lifetime, &mut kept.random));
                kept.renewal = Deadline::after(fetch.since, use_for);
                kept.token = Some(Arc::new(held));
                kept.failures = 0;
                kept.last_failure = None;
            }
            Err(words) => {
                kept.failures = kept.failures.saturating_add(1);
                let failures = kept.failures;
                let rest = self.refresh.backoff().delay(failures, &mut kept.random);
                kept.rests_until = now + rest;
                kept.last_failure = Some(words);
            }
        }
    }
}

impl Kept {
    /// Begins a fetch and returns it, if it is time for one.
    fn begin_fetch(&mut self, now: Instant) -> Option<Fetch> {
        let is_wanted = self.token.is_none() || self.renewal.has_passed(now);
        if !is_wanted || now < self.rests_until {
            return None;
        }
        if let Some(earlier) = self.under_way {
            if now.since(earlier.since) < self.patience() {
                return None;
            }
            self.last_failure = Some("the token provider has not returned and is called again".to_owned());
        }
        self.begun += 1;
        self.unanswered += 1;
        let fetch = Fetch { number: self.begun, since: now };
        self.under_way = Some(fetch);
        Some(fetch)
    }

    /// How long to wait for the current fetch.
    fn patience(&self) -> Duration {
        let hanging = self.unanswered.saturating_sub(1);
        PATIENCE.saturating_mul(1_u32.checked_shl(hanging).unwrap_or(u32::MAX))
    }

    /// The text is the same for each attempt, so that the log, which omits repetitions, has it once.
    fn usable(&self, now: Instant) -> Result<Arc<Held>, SaslError> {
        match (&self.token, &self.last_failure, self.under_way) {
            (Some(token), ..) if !token.ends.has_passed(now) => Ok(Arc::clone(token)),
            (_, Some(words), _) => Err(SaslError::transient(format!("no token is available: {words}"))),
            (_, None, Some(_)) => {
                Err(SaslError::transient("no token is available yet; the token provider has been called"))
            }
            (_, None, None) => Err(SaslError::transient(
                "the token has expired, and the token provider has not returned a new token yet",
            )),
        }
    }
}

/// Runs `body` on a new thread. No code waits for the thread, because a provider may never return.
pub(super) fn spawn(body: Body) -> io::Result<()> {
    std::thread::Builder::new().name("kafka-token".to_owned()).spawn(body).map(drop)
}
