//! One broker, and the attempts to reach it.
//!
//! ```text
//!           want                 addresses              connected               set up
//!   Idle ─────────▶ Resolving ─────────────▶ Connecting ──────────▶ SettingUp ────────────▶ Ready
//!    ▲                  │                      │    ▲ next address     │                      │
//!    │   time           ▼                      ▼    └──────────────────┤                      │ lost
//!    └───────────── BackingOff ◀───────────────┴───────────────────────┴──────────────────────┘
//! ```
//!
//! If a connection that was useful is lost while it is idle, the node goes back to Idle: a broker may close idle
//! connections, and the next request should not have to wait for that. Failures are forgotten only when a connection was
//! Ready and useful after that. A connection that is only accepted proves nothing (KAFKA-13879), and neither does one that
//! ends at its first request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::address;
use crate::client::connection::Connection;
use crate::client::responder::Responder;
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
    /// The addresses of the last look-up that were not tried yet in this round.
    pub(super) addresses: VecDeque<SocketAddr>,
    /// The number of failed rounds through all addresses since the last useful connection.
    pub(super) failures: u32,
    pub(super) trouble: Option<BrokerTrouble>,
    /// The node can't be used with this configuration. The failure will not pass by itself.
    pub(super) fatal: Option<Error>,
    /// The index of the mechanism that it is asked for, and whether that was changed since the last set-up that succeeded
    /// or failed. Otherwise a broker that refuses each one in turn would be dialled forever.
    pub(super) mechanism: usize,
    pub(super) has_changed_mechanism: bool,
    pub(super) warnings: Warnings,
    /// The broker asked for no requests until then (KIP-219).
    pub(super) throttled: Option<Instant>,
    throttle_warnings: Warnings,
    /// Something waits for it to be ready.
    pub(super) needed: bool,
    /// The cluster advertises another address by now. The requests of this connection are answered, and it gets no more.
    pub(super) moved: bool,
}

pub(super) enum State<E> {
    Idle,
    BackingOff(Pause),
    Resolving {
        lookup_id: u64,
        deadline: Deadline,
    },
    /// It has come as far as `stage`: TCP, a proxy or TLS.
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

/// No attempt before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// If it is needed.
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

    /// The connection, if it is ready.
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

    /// The connection in any state.
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

    /// Forgets the failures before its connection became useful, if it has. True if there were any.
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
                log::info!("{} can be reached again; {failures} were not logged", self.address());
            }
        }
        recovered
    }

    /// The cluster advertises another address. Failures at the old address say nothing about the new one.
    pub(super) fn move_to(&mut self, host: Arc<str>, port: u16) {
        (self.host, self.port) = (host, port);
        self.addresses.clear();
        self.failures = 0;
        self.trouble = None;
        self.fatal = None;
        // Failures that were not logged for the old address are not counted for the new one.
        self.warnings.end();
        self.moved = self.connection_id().is_some();
        if !self.moved {
            self.state = State::Idle;
        }
    }

    /// The broker asks for no requests. Returns until when it gets none.
    pub(super) fn throttle(&mut self, asked: Duration, now: Instant) -> Instant {
        if asked > LONGEST_QUIET && self.throttle_warnings.should_log("", QUIET_OF_WARNINGS, now).is_some() {
            let address = self.address();
            log::warn!(
                "{address} throttles this client for {asked:?} (throttle_time_ms); the producer sends requests again after {LONGEST_QUIET:?}"
            );
        }
        let until = now + asked.min(LONGEST_QUIET);
        // An answer with a shorter time may have been sent before the one with the longer time.
        *self.throttled.insert(self.throttled.map_or(until, |before| before.max(until)))
    }

    /// Nothing is known against it: it was not tried yet, or was useful and is idle.
    pub(super) fn is_untried(&self) -> bool {
        matches!(self.state, State::Idle) && self.failures == 0
    }

    /// It is being dialled or set up.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.state, State::Resolving { .. } | State::Connecting { .. } | State::SettingUp { .. })
    }

    /// When it may be dialled. `None` while there is a connection or an attempt.
    pub(super) fn dialable_from(&self, needed: bool) -> Option<Instant> {
        match self.state {
            State::Idle => Some(Instant::ZERO),
            State::BackingOff(pause) => Some(if needed { pause.until_if_needed } else { pause.until }),
            _ => None,
        }
    }

    /// Whether it can take a request now.
    pub(super) fn is_free(&self) -> bool {
        self.throttled.is_none() && self.usable().is_some()
    }

    /// The connection that may get requests. Not one that is being left, nor one whose login is being renewed.
    pub(super) fn usable(&self) -> Option<&Connection<E>> {
        self.connection().filter(|connection| !self.moved && connection.session().is_usable())
    }

    /// Its session, as long as the connection is to be kept.
    pub(super) fn session(&self) -> Option<&Session> {
        self.connection().filter(|_| !self.moved).map(Connection::session)
    }

    /// When a broker is late: an attempt takes too long, or a request is not answered.
    pub(super) fn late_from(&self) -> Deadline {
        match &self.state {
            State::Resolving { deadline, .. }
            | State::Connecting { deadline, .. }
            | State::SettingUp { deadline, .. } => *deadline,
            State::Ready(connection) => connection.deadline(),
            State::Idle | State::BackingOff(_) => Deadline::NEVER,
        }
    }

    /// When something else is due: a dial that is waited for, the end of an idle connection or of a throttle, the renewal
    /// or the end of a session.
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

    /// Its state when a response comes, and the name of the node for the log.
    pub(super) fn responder(&mut self) -> (Responder<'_>, &mut State<E>) {
        (Responder { host: &self.host, port: self.port, origin: self.origin }, &mut self.state)
    }

    pub(super) fn address(&self) -> String {
        address(&self.host, self.port)
    }

    /// A failure that may happen again. When it is ready, earlier failures do not count.
    pub(super) fn standing_trouble(&self) -> Option<&BrokerTrouble> {
        let on_the_way = |stage| {
            matches!(
                stage,
                Stage::Dns | Stage::Tcp | Stage::Proxy | Stage::Tls | Stage::ApiVersions | Stage::Sasl
            )
        };
        self.trouble.as_ref().filter(|trouble| !(self.is_ready() && on_the_way(trouble.stage)))
    }

    /// Why a request is not answered, as far as known.
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

/// A quota on requests asks for seconds, by default eleven at most. One on bytes has no upper limit, but a broker that
/// means more does not read earlier: the request times out and is sent again. A garbled answer can mean 24 days.
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
