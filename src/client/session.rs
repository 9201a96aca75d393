//! The lifetime of a login, and its renewal on the same connection (KIP-368).
//!
//! ```text
//!               no lifetime
//!   Endless ◀──────────────── granted ──lifetime──▶ Limited ──85 to 95 % of it──▶ Renewing
//!                                ▲                     │ all of it                  │   │ refused
//!                                └─────────────────────┼────────────────────────────┘   ▼
//!                                                      ▼                              failed
//!                                    Ended ──answered──▶ closed, and dialled again when needed
//! ```
//!
//! From the handshake until the broker accepts, nothing but tokens is written: a broker closes the connection for anything
//! else. Requests that were written before are answered before, because a broker handles one request at a time. So all of
//! it goes through the queue of the connection, as requests do.
//!
//! The Java client renews a login only when it has something to send. Kafka's brokers allow that, because they check the
//! time only when a request comes. Other brokers close the connection when the lifetime is over, and the first record after
//! an idle time would wait for a new login. So this client renews on time, as long as the connection is kept. A renewal
//! does not count as use of the connection. Otherwise an idle connection would be kept forever.

use std::time::Duration;

use crate::client::authentication::{Authentication, Grant, Line, Login, Progress};
use crate::client::failure::Failure;
use crate::client::versions::Versions;
use crate::time::{Deadline, Instant};

pub(super) enum Session {
    Endless,
    Limited {
        login: Login,
        renewal: Deadline,
        end: Deadline,
        /// Why the last renewal failed.
        trouble: Option<String>,
    },
    Renewing(Authentication),
    /// There are requests in flight, which still get their answers.
    Ended {
        trouble: Option<String>,
    },
}

impl Session {
    /// The session after an exchange that ended at `now`.
    pub(super) fn of(grant: Option<Grant>, now: Instant, random: &mut fastrand::Rng) -> Self {
        let Some(Grant { login, lifetime: Some(lifetime) }) = grant else { return Self::Endless };
        // Spread, so that the connections of many producers do not all renew at the same moment.
        let share = EARLIEST + (LATEST - EARLIEST) * random.f64();
        let renewal = Deadline::after(now, lifetime.mul_f64(share).max(SHORTEST));
        Self::Limited { login, renewal, end: Deadline::after(now, lifetime), trouble: None }
    }

    pub(super) fn is_renewing(&self) -> bool {
        matches!(self, Self::Renewing(_))
    }

    /// The lifetime is over, so nothing may be sent.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        match self {
            Self::Limited { end, .. } => end.has_passed(now),
            Self::Ended { .. } => true,
            Self::Endless | Self::Renewing(_) => false,
        }
    }

    /// The connection may get requests.
    pub(super) fn is_usable(&self) -> bool {
        matches!(self, Self::Endless | Self::Limited { .. })
    }

    /// When it has to be renewed, or its connection closed. `is_quiet`: no request is in flight there.
    pub(super) fn due_from(&self, is_quiet: bool) -> Deadline {
        match self {
            Self::Limited { renewal, end, .. } => *renewal.min(end),
            Self::Ended { .. } if is_quiet => Deadline::at(Instant::ZERO),
            Self::Endless | Self::Renewing(_) | Self::Ended { .. } => Deadline::NEVER,
        }
    }

    /// It is over, so nothing more is sent.
    pub(super) fn end(&mut self) {
        if let Self::Limited { trouble, .. } = self {
            *self = Self::Ended { trouble: trouble.take() };
        }
    }

    /// Why a session is over.
    pub(super) fn why_over(&self) -> String {
        match self {
            Self::Limited { trouble: Some(trouble), .. } | Self::Ended { trouble: Some(trouble) } => {
                format!("the session ended before it could be renewed: {trouble}")
            }
            _ => {
                "the session ended before it could be renewed; raise connections.max.reauth.ms of the broker"
                    .to_owned()
            }
        }
    }

    /// Begins to renew the login, with the same mechanism: a broker accepts no other. `None` if the mechanism can't begin.
    /// Then it is tried again soon, because the session is still valid.
    pub(super) fn renew(&mut self, versions: &Versions, now: Instant) -> Result<Option<Line>, Failure> {
        let Self::Limited { login, renewal, end, trouble } = self else { return Ok(None) };
        match Authentication::begin_again(login.clone(), versions) {
            Ok((authentication, line)) => {
                *self = Self::Renewing(authentication);
                Ok(Some(line))
            }
            Err(Failure::Attempt { cause, .. } | Failure::Refused { cause, .. }) => {
                log::debug!("the SASL session can't be renewed yet: {cause}");
                *trouble = Some(cause);
                let rest = end.remaining(now).map(|left| (left / 10).max(SHORTEST_REST));
                *renewal = Deadline::after(now, rest);
                Ok(None)
            }
        }
    }

    /// Reads the answer to the last message. Returns the next message, if there is one.
    pub(super) fn frame(
        &mut self,
        frame: &[u8],
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Result<Option<Line>, Failure> {
        let Self::Renewing(authentication) = self else { return Ok(None) };
        match authentication.frame(frame)? {
            Progress::Say(line) => Ok(Some(line)),
            Progress::Over(grant) => {
                *self = Self::of(Some(grant), now, random);
                Ok(None)
            }
        }
    }
}

/// Parts of the lifetime, as in the Java client. They leave enough time for slow networks and for clocks that differ.
const EARLIEST: f64 = 0.85;
const LATEST: f64 = 0.95;
/// Brokers refuse to begin twice within a second.
const SHORTEST: Duration = Duration::from_secs(1);
/// The shortest time before a mechanism that was not ready is tried again.
const SHORTEST_REST: Duration = Duration::from_millis(50);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::security::{SaslError, SaslExchange, SaslMechanism};

    struct Silent;

    impl SaslMechanism for Silent {
        fn name(&self) -> &str {
            "SILENT"
        }

        fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
            Err(SaslError::refused("it never speaks"))
        }
    }

    /// When the renewal is due, in milliseconds.
    fn due(lifetime: Duration, random: &mut fastrand::Rng) -> u128 {
        let login = Login { mechanism: Arc::new(Silent), host: "a".into() };
        let grant = Grant { login, lifetime: Some(lifetime) };
        let session = Session::of(Some(grant), Instant::ZERO, random);
        let from = session.due_from(true).instant().map(|at| at.since(Instant::ZERO));
        from.map_or(u128::MAX, |from| from.as_millis())
    }

    #[test]
    fn it_is_due_at_85_to_95_percent_spread_out() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut all: Vec<u128> = (0..1000).map(|_| due(Duration::from_secs(100), &mut random)).collect();
        all.sort_unstable();
        assert!(all[0] >= 85_000 && all[999] <= 95_000, "{} {}", all[0], all[999]);
        assert!(all[0] < 86_000 && all[999] > 94_000, "{} {}", all[0], all[999]);
        all.dedup();
        assert!(all.len() > 900, "{}", all.len());
    }

    #[test]
    fn brokers_are_not_asked_twice_within_a_second_whatever_the_lifetime() {
        let due = |millis| due(Duration::from_millis(millis), &mut fastrand::Rng::with_seed(1));
        assert_eq!([due(1050), due(500)], [1000, 500], "not before a second, but for the end");
        assert_eq!(due(i64::MAX.cast_unsigned()), u128::MAX, "never");
    }

    /// The session is still valid, so nothing ends because of it. Its end says why it was not renewed.
    #[test]
    fn a_mechanism_that_can_not_begin_is_put_off_until_the_end() {
        let login = Login { mechanism: Arc::new(Silent), host: "a".into() };
        let grant = Grant { login, lifetime: Some(Duration::from_secs(10)) };
        let mut session = Session::of(Some(grant), Instant::ZERO, &mut fastrand::Rng::with_seed(1));
        let (nine, ten) = (Instant::ZERO + Duration::from_secs(9), Instant::ZERO + Duration::from_secs(10));
        assert!(matches!(session.renew(&Vec::new(), nine), Ok(None)));
        assert!(session.is_usable() && !session.due_from(false).has_passed(nine));
        assert!(session.is_over(ten));
        session.end();
        assert!(!session.is_usable() && session.due_from(false) == Deadline::NEVER);
        assert!(session.due_from(true).has_passed(ten));
        assert_eq!(session.why_over(), "the session ended before it could be renewed: it never speaks");
    }
}
