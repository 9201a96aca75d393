//! One broker as we try to reach it.
//!
//! ```text
//!           want                 addresses              connected               set up
//!   Idle ─────────▶ Resolving ─────────────▶ Connecting ──────────▶ SettingUp ────────────▶ Ready
//!    ▲                  │                      │    ▲ next address     │                      │
//!    │   time           ▼                      ▼    └──────────────────┤                      │ lost
//!    └───────────── BackingOff ◀───────────────┴───────────────────────┴──────────────────────┘
//! ```
//!
//! A connection that was of use and is lost at rest goes back to Idle: a broker may close what is not used, and the next
//! request should not pay for it. Failures are forgotten only by a connection that got Ready and was of use after that:
//! one that is merely accepted proves nothing (KAFKA-13879), and neither does one whose first request is its end.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::address;
use crate::client::connection::Connection;
use crate::client::session::Session;
use crate::client::setup::Setup;
use crate::client::transport::ConnectionId;
use crate::client::warnings::Warnings;
use crate::error::{BrokerTrouble, Count, Error, NO_ANSWER_YET, Origin, Stage};
use crate::time::{Deadline, Instant};

pub(super) struct Node<E> {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) origin: Origin,
    pub(super) state: State<E>,
    /// Of the last look-up, not tried yet in this round.
    pub(super) addresses: VecDeque<SocketAddr>,
    /// Rounds through all addresses that failed, since the last connection that was of use.
    pub(super) failures: u32,
    pub(super) trouble: Option<BrokerTrouble>,
    /// With this configuration it can't be used: the trouble is none that passes.
    pub(super) fatal: Option<Error>,
    /// Which of our mechanisms it is asked for, and whether it has been changed since the last set-up that was done or has
    /// failed: a broker that takes each back would be dialled without end.
    pub(super) mechanism: usize,
    pub(super) has_changed_mechanism: bool,
    pub(super) warnings: Warnings,
    /// The broker asked for quiet until then (KIP-219).
    pub(super) throttled: Option<Instant>,
    throttle_warnings: Warnings,
    /// Something waits for it to be ready.
    pub(super) needed: bool,
    /// The cluster advertises it elsewhere by now: this connection is finished, not used again.
    pub(super) moved: bool,
}

pub(super) enum State<E> {
    Idle,
    BackingOff(Pause),
    Resolving {
        lookup_id: u64,
        deadline: Deadline,
    },
    /// It has come as far as `stage`: TCP, a proxy, TLS.
    Connecting {
        connection: ConnectionId,
        stage: Stage,
        deadline: Deadline,
    },
    SettingUp {
        setup: Setup,
        deadline: Deadline,
    },
    Ready(Connection<E>),
}

/// No attempt before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// If somebody needs it.
    pub(super) until_if_needed: Instant,
}

impl<E> Node<E> {
    pub(super) fn new(host: Arc<str>, port: u16, origin: Origin) -> Self {
        Self {
            host,
            port,
            origin,
            state: State::Idle,
            addresses: VecDeque::new(),
            failures: 0,
            trouble: None,
            fatal: None,
            mechanism: 0,
            has_changed_mechanism: false,
            warnings: Warnings::default(),
            throttled: None,
            throttle_warnings: Warnings::default(),
            needed: false,
            moved: false,
        }
    }

    /// The one that is ready.
    pub(super) fn connection(&self) -> Option<&Connection<E>> {
        match &self.state {
            State::Ready(connection) => Some(connection),
            _ => None,
        }
    }

    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection<E>> {
        match &mut self.state {
            State::Ready(connection) => Some(connection),
            _ => None,
        }
    }

    /// Of a connection in whatever state.
    pub(super) fn connection_id(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Connecting { connection, .. } => Some(*connection),
            State::SettingUp { setup, .. } => Some(setup.id()),
            State::Ready(connection) => Some(connection.id()),
            State::Idle | State::BackingOff(_) | State::Resolving { .. } => None,
        }
    }

    pub(super) fn awaits(&self, look_up: u64) -> bool {
        matches!(self.state, State::Resolving { lookup_id, .. } if lookup_id == look_up)
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_)) && !self.moved
    }

    /// Forgets what failed before its connection came to be of use, if it has. True if that is news.
    pub(super) fn recover(&mut self, now: Instant) -> bool {
        if self.moved || !self.connection().is_some_and(|connection| connection.is_useful(now)) {
            return false;
        }
        self.failures = 0;
        self.fatal = None;
        self.addresses.clear();
        let recovered = self.trouble.take().is_some();
        match recovered.then(|| self.warnings.end()).flatten() {
            None => {}
            Some(0) => log::info!("{} can be reached again", self.address()),
            Some(repeats) => {
                let failures = Count(repeats, "more failure");
                log::info!("{} can be reached again, after {failures} that were not logged", self.address());
            }
        }
        recovered
    }

    /// The cluster advertises it elsewhere. What went wrong where it was says nothing about where it is.
    pub(super) fn move_to(&mut self, host: Arc<str>, port: u16) {
        (self.host, self.port) = (host, port);
        self.addresses.clear();
        self.failures = 0;
        self.trouble = None;
        self.fatal = None;
        // What was not told of where it was is not to be told of where it is.
        self.warnings.end();
        self.moved = self.connection_id().is_some();
        if !self.moved {
            self.state = State::Idle;
        }
    }

    /// The broker asks for quiet. Returns until when it gets that.
    pub(super) fn throttle(&mut self, asked: Duration, now: Instant) -> Instant {
        if asked > LONGEST_QUIET && self.throttle_warnings.should_log("", QUIET_OF_WARNINGS, now).is_some() {
            let address = self.address();
            log::warn!(
                "{address} asks for no requests for {asked:?} (throttle_time_ms); it gets requests again after {LONGEST_QUIET:?}"
            );
        }
        let until = now + asked.min(LONGEST_QUIET);
        // An answer with a shorter time may have been on its way when the longer one was decided on.
        *self.throttled.insert(self.throttled.map_or(until, |before| before.max(until)))
    }

    /// Nothing is known against it: it was not tried yet, or was of use and is at rest.
    pub(super) fn is_untried(&self) -> bool {
        matches!(self.state, State::Idle) && self.failures == 0
    }

    /// On the way to being ready.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.state, State::Resolving { .. } | State::Connecting { .. } | State::SettingUp { .. })
    }

    /// May be dialled from then on; `None` while there is a connection, or one on the way.
    pub(super) fn dialable_from(&self, needed: bool) -> Option<Instant> {
        match self.state {
            State::Idle => Some(Instant::ZERO),
            State::BackingOff(pause) => Some(if needed { pause.until_if_needed } else { pause.until }),
            _ => None,
        }
    }

    /// Can be asked something now.
    pub(super) fn is_free(&self) -> bool {
        self.throttled.is_none() && self.usable().is_some()
    }

    /// The connection that requests may be given to: not one that is left, nor one that says who we are.
    pub(super) fn usable(&self) -> Option<&Connection<E>> {
        self.connection().filter(|connection| !self.moved && connection.session().is_usable())
    }

    /// Its session, as long as the connection is to be kept.
    pub(super) fn session(&self) -> Option<&Session> {
        self.connection().filter(|_| !self.moved).map(Connection::session)
    }

    /// When a broker is late: an attempt that takes too long, a request that is not answered.
    pub(super) fn late_from(&self) -> Deadline {
        match &self.state {
            State::Resolving { deadline, .. }
            | State::Connecting { deadline, .. }
            | State::SettingUp { deadline, .. } => *deadline,
            State::Ready(connection) => connection.deadline(),
            State::Idle | State::BackingOff(_) => Deadline::NEVER,
        }
    }

    /// When something else has to happen by itself: a dial that somebody waits for, the end of a connection that is not
    /// used, or of quiet, a session that is to be renewed or is over.
    pub(super) fn due_from(&self, max_idle: Duration) -> Deadline {
        let state = match &self.state {
            State::BackingOff(pause) if self.needed => Deadline::at(pause.until_if_needed),
            State::Ready(connection) if connection.load() == 0 => {
                Deadline::after(connection.last_used(), max_idle)
            }
            _ => Deadline::NEVER,
        };
        let is_quiet = self.connection().is_some_and(|connection| connection.load() == 0);
        let session = self.session().map_or(Deadline::NEVER, |session| session.due_from(is_quiet));
        self.throttled.map_or(Deadline::NEVER, Deadline::at).min(state).min(session)
    }

    pub(super) fn address(&self) -> String {
        address(&self.host, self.port)
    }

    /// What went wrong and may go wrong again: once it is ready, not what came before that.
    pub(super) fn standing_trouble(&self) -> Option<&BrokerTrouble> {
        let on_the_way = |stage| {
            matches!(
                stage,
                Stage::Dns | Stage::Tcp | Stage::Proxy | Stage::Tls | Stage::ApiVersions | Stage::Sasl
            )
        };
        self.trouble.as_ref().filter(|trouble| !(self.is_ready() && on_the_way(trouble.stage)))
    }

    /// What keeps a request from being answered, if anything is known to.
    pub(super) fn trouble_now(&self) -> Option<BrokerTrouble> {
        let waiting = |stage| Some(self.trouble_at(stage, NO_ANSWER_YET.to_owned()));
        if let Some(trouble) = self.standing_trouble() {
            return Some(trouble.clone());
        }
        match &self.state {
            State::Resolving { .. } => waiting(Stage::Dns),
            State::Connecting { stage, .. } => waiting(*stage),
            State::SettingUp { setup, .. } => waiting(setup.stage()),
            State::Ready(connection) if connection.load() > 0 => waiting(connection.stage()),
            _ => None,
        }
    }

    pub(super) fn trouble_at(&self, stage: Stage, cause: String) -> BrokerTrouble {
        BrokerTrouble { address: self.address(), origin: self.origin, stage, cause }
    }
}

/// A quota on requests asks for seconds, by default eleven at the most. One on bytes has no upper limit, but a broker that means
/// more does not read before: the request times out, and is sent again. A garbled answer can mean 24 days.
const LONGEST_QUIET: Duration = Duration::from_secs(300);
const QUIET_OF_WARNINGS: Duration = Duration::from_secs(3600);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_given_until_the_latest_time_that_was_asked_for_but_not_for_ever() {
        let mut node = Node::<()>::new("a".into(), 1, Origin::Metadata { broker: 1 });
        let mut until = |asked, now| {
            let now = Instant::ZERO + Duration::from_secs(now);
            node.throttle(Duration::from_secs(asked), now).since(Instant::ZERO).as_secs()
        };
        assert_eq!([until(10, 1), until(5, 2), until(10, 3)], [11, 11, 13]);
        assert_eq!([until(300, 4), until(2_147_483, 5), until(301, 6)], [304, 305, 306]);
    }

    #[test]
    fn what_failed_where_a_broker_was_is_not_counted_where_it_is() {
        let mut node = Node::<()>::new("a".into(), 1, Origin::Metadata { broker: 1 });
        let fail = |node: &mut Node<()>, millis| {
            let now = Instant::ZERO + Duration::from_millis(millis);
            let trouble = node.trouble_at(Stage::Tcp, "refused".to_owned());
            if node.trouble.is_none() {
                node.warnings.begin(now);
            }
            let told = node.warnings.should_log(&trouble.to_string(), Duration::MAX, now);
            node.trouble = Some(trouble);
            told
        };
        assert_eq!([0, 1, 2, 3].map(|millis| fail(&mut node, millis)), [Some(0), None, None, None]);
        node.move_to("b".into(), 1);
        assert_eq!([4, 5].map(|millis| fail(&mut node, millis)), [Some(0), None]);
        assert_eq!(node.warnings.end(), Some(1), "not 4");
    }
}
