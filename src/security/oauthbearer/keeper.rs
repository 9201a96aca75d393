//! Keeps the token, and has the next one fetched in time, without ever waiting for it.
//!
//! A provider may ask a server, and the sender's thread, which begins exchanges, may not wait. So each fetch has a thread,
//! which ends with it; one at a time, unless one hangs. Who wants a token gets the one that is there; one that is nearly over
//! starts the next fetch and serves until then. With none at all an exchange fails as "not yet": the connection is tried
//! again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::extensions::Extensions;
use super::provider::{OauthToken, OauthTokenProvider};
use crate::security::mechanism::SaslError;
use crate::security::secret::Secret;
use crate::sync::Mutex;
use crate::time::{Backoff, Clock, Deadline, Instant};

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

/// What a thread runs.
pub(super) type Body = Box<dyn FnOnce() + Send>;
/// Has it run by a thread.
pub(super) type Start = fn(Body) -> io::Result<()>;

pub(super) struct Keeper {
    provider: Arc<dyn OauthTokenProvider>,
    extensions: Extensions,
    clock: Clock,
    start: Start,
    kept: Mutex<Kept>,
}

struct Kept {
    token: Option<Arc<Held>>,
    /// When the next one is wanted, if there is one now.
    renewal: Deadline,
    /// The latest fetch, until it has an answer.
    under_way: Option<Fetch>,
    /// Fetches that were begun.
    begun: u64,
    /// Those without an answer: the one under way, and earlier ones that hang. Each has a thread.
    unanswered: u32,
    /// In a row.
    failures: u32,
    last_failure: Option<String>,
    /// No fetch before that.
    rests_until: Instant,
    random: fastrand::Rng,
}

/// Java's `sasl.login.retry.backoff.ms` and `sasl.login.retry.backoff.max.ms`.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(10) };
/// A token that brokers refuse is not replaced before that: a provider that gives the same one again is not asked each time.
const SHORTEST_USE: Duration = Duration::from_secs(10);
/// A provider that has not answered for so long is asked again, by another thread: its call may never return. It doubles
/// with each call that hangs, or one that hangs each time would cost a thread a minute.
const PATIENCE: Duration = Duration::from_secs(60);

impl Keeper {
    pub(super) fn new(
        provider: Arc<dyn OauthTokenProvider>,
        extensions: Extensions,
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
        Self { provider, extensions, clock, start, kept: Mutex::new(kept) }
    }

    /// The token, if there is one that is not over. Has the next one fetched if it is time.
    pub(super) fn token(self: &Arc<Self>) -> Result<Arc<Held>, SaslError> {
        let now = self.clock.now();
        let begun = self.kept.lock().begin_fetch(now);
        if let Some(fetch) = begun {
            let keeper = Arc::clone(self);
            // Unlocked: it may have an answer at once.
            if let Err(error) = (self.start)(Box::new(move || keeper.fetch(fetch))) {
                self.put(fetch, Err(format!("no thread can be started to fetch a token: {error}")));
            }
        }
        self.kept.lock().usable(now)
    }

    /// Brokers do not accept it: another one is wanted.
    pub(super) fn refused(&self, token: &Arc<Held>) {
        let mut kept = self.kept.lock();
        if kept.token.as_ref().is_some_and(|own| Arc::ptr_eq(own, token)) {
            kept.renewal = kept.renewal.min(Deadline::at(token.since + SHORTEST_USE));
        }
    }

    fn fetch(&self, fetch: Fetch) {
        // A panic must not leave the fetch without an answer.
        let fetched = catch_unwind(AssertUnwindSafe(|| self.ask(fetch.since)));
        self.put(fetch, fetched.unwrap_or_else(|_| Err("the token provider panicked".to_owned())));
    }

    fn ask(&self, asked: Instant) -> Result<Held, String> {
        let OauthToken { value, lifetime } =
            self.provider.token().map_err(|error| format!("the token provider failed: {error}"))?;
        // Visible characters (RFC 6750 knows even fewer): any other would end the token, and the rest mean something else.
        if value.is_empty() || !value.bytes().iter().all(u8::is_ascii_graphic) {
            return Err(
                "the token provider returned a token that is empty or contains characters that no token has"
                    .to_owned(),
            );
        }
        let extensions = Extensions::new(self.provider.extensions())
            .map_err(|why| format!("an extension of the token provider can't be used: {why}"))?;
        // Its time has begun at the latest when the provider answered, perhaps when it was asked.
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
            // The provider was asked again since then: what is known from later stays, unless this token lasts longer.
            Ok(held) if is_late && kept.token.as_ref().is_some_and(|token| token.ends >= held.ends) => {}
            Err(_) if is_late => {}
            Ok(held) => {
                let lifetime = held.ends.remaining(fetch.since);
                kept.renewal = Deadline::after(fetch.since, lifetime.map(|lifetime| lifetime / 5 * 4));
                kept.token = Some(Arc::new(held));
                kept.failures = 0;
                kept.last_failure = None;
            }
            Err(words) => {
                kept.failures = kept.failures.saturating_add(1);
                let failures = kept.failures;
                let rest = BACKOFF.delay(failures, &mut kept.random);
                kept.rests_until = now + rest;
                kept.last_failure = Some(words);
            }
        }
    }
}

impl Kept {
    /// The fetch to be made, if it is time for one; then that is under way.
    fn begin_fetch(&mut self, now: Instant) -> Option<Fetch> {
        let is_wanted = self.token.is_none() || self.renewal.has_passed(now);
        if !is_wanted || now < self.rests_until {
            return None;
        }
        if let Some(earlier) = self.under_way {
            if now.since(earlier.since) < self.patience() {
                return None;
            }
            self.last_failure = Some("the token provider has not returned, so it is called again".to_owned());
        }
        self.begun += 1;
        self.unanswered += 1;
        let fetch = Fetch { number: self.begun, since: now };
        self.under_way = Some(fetch);
        Some(fetch)
    }

    /// With the fetch that is under way.
    fn patience(&self) -> Duration {
        let hanging = self.unanswered.saturating_sub(1);
        PATIENCE.saturating_mul(1_u32.checked_shl(hanging).unwrap_or(u32::MAX))
    }

    /// The words are the same at each attempt, so that a log which leaves out repetitions has them once.
    fn usable(&self, now: Instant) -> Result<Arc<Held>, SaslError> {
        match (&self.token, &self.last_failure, self.under_way) {
            (Some(token), ..) if !token.ends.has_passed(now) => Ok(Arc::clone(token)),
            (_, Some(words), _) => Err(SaslError::passing(format!("there is no token: {words}"))),
            (_, None, Some(_)) => {
                Err(SaslError::passing("there is no token yet; the token provider has been called"))
            }
            (_, None, None) => Err(SaslError::passing(
                "the token has expired and the token provider has not returned a new one yet",
            )),
        }
    }
}

/// By a thread that ends with it. Nobody waits for it, as a provider may never answer.
pub(super) fn spawn(body: Body) -> io::Result<()> {
    std::thread::Builder::new().name("kafka-token".to_owned()).spawn(body).map(drop)
}
