//! The coordinator of a group or a transactional id. Any broker is asked for it. It stays valid until it says that it is
//! not the coordinator any more, or until its connection is lost.
//!
//! ```text
//!             ask                  a broker is named
//!   Unknown ─────────▶ Asked ─────────────────────────▶ Known
//!    ▲ ▲                 │ no answer, or "not yet"        │ "not I", or lost
//!    │ └── back-off ─────┘                                │
//!    └───────────────────────────────────────────────────┘
//! ```

use crate::client::cluster::NodeId;
use crate::error::{Error, ErrorKind, Subject};
use crate::protocol::{ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator};
use crate::time::{Backoff, Deadline, Instant};

/// What is coordinated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(test), expect(dead_code, reason = "for idempotence and transactions"))]
pub(crate) enum Kind {
    Group,
    Transaction,
}

impl Key {
    /// The first version of FindCoordinator that can ask for it.
    pub(super) fn first_version(&self) -> i16 {
        match self.kind {
            Kind::Group => 0,
            Kind::Transaction => 1,
        }
    }
}

pub(super) struct Coordinator {
    key: Key,
    state: State,
    /// The number of requests in a row that found no coordinator.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may be requested from then on.
    Unknown(Instant),
    Asked,
    Known(NodeId),
}

/// The content of an answer.
#[derive(Debug)]
pub(super) enum Found {
    /// The coordinator.
    At { number: i32, host: String, port: u16 },
    /// There is none at the moment.
    NotYet,
    /// There will be none.
    Never(Error),
}

impl Coordinator {
    pub(super) fn new(key: Key) -> Self {
        Self { key, state: State::Unknown(Instant::ZERO), failures: 0 }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// When to request it, unless an answer is awaited.
    pub(super) fn next_request_at(&self) -> Deadline {
        match self.state {
            State::Unknown(from) => Deadline::at(from),
            State::Asked | State::Known(_) => Deadline::NEVER,
        }
    }

    pub(super) fn ask(&mut self) -> FindCoordinatorRequest {
        self.state = State::Asked;
        let Key { kind, name } = &self.key;
        let key_type = match kind {
            Kind::Group => 0,
            Kind::Transaction => 1,
        };
        let coordinator_keys = vec![name.clone()];
        FindCoordinatorRequest { key: name.clone(), key_type, coordinator_keys, ..Default::default() }
    }

    pub(super) fn answered(
        &mut self,
        response: FindCoordinatorResponse,
        retry: Backoff,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Found {
        let found = read(response, &self.key);
        match &found {
            Found::At { number, .. } => {
                self.state = State::Known(NodeId::Broker(*number));
                self.failures = 0;
            }
            Found::NotYet | Found::Never(_) => self.failed(retry, now, random),
        }
        found
    }

    /// The request got no answer, or no coordinator was named.
    pub(super) fn failed(&mut self, retry: Backoff, now: Instant, random: &mut fastrand::Rng) {
        self.failures = self.failures.saturating_add(1);
        self.state = State::Unknown(now + retry.delay(self.failures, random));
    }

    /// The node is not the coordinator any more, or can't be reached. The next one is requested at once.
    pub(super) fn lost(&mut self, node: NodeId) {
        if self.state == State::Known(node) {
            self.state = State::Unknown(Instant::ZERO);
        }
    }
}

/// Whether an answer means that the coordinator has to be looked for again.
pub(super) fn is_gone(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE)
}

fn read(response: FindCoordinatorResponse, key: &Key) -> Found {
    let FindCoordinatorResponse { error_code, error_message, node_id, host, port, coordinators, .. } =
        response;
    // From version 4 on there is a list.
    let one = FoundCoordinator { error_code, error_message, node_id, host, port, ..Default::default() };
    let found = match coordinators.is_empty() {
        true => Some(one),
        false => coordinators.into_iter().find(|found| found.key == key.name),
    };
    match found {
        None => Found::NotYet,
        Some(found) if found.error_code == ErrorCode::NONE => match u16::try_from(found.port) {
            Ok(port) if found.node_id >= 0 => Found::At { number: found.node_id, host: found.host, port },
            _ => Found::NotYet,
        },
        Some(FoundCoordinator { error_code: code, .. }) if code.is_retriable() => Found::NotYet,
        Some(FoundCoordinator { error_code: code, error_message: message, .. }) => {
            let about = match key.kind {
                Kind::Group => Subject::Group(key.name.as_str().into()),
                Kind::Transaction => Subject::TransactionalId(key.name.as_str().into()),
            };
            Found::Never(Error::new(ErrorKind::Broker { code, message, about }))
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;

    const RETRY: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(1000) };

    fn coordinator() -> (Coordinator, fastrand::Rng) {
        let key = Key { kind: Kind::Transaction, name: "id".to_owned() };
        (Coordinator::new(key), fastrand::Rng::with_seed(1))
    }

    fn old(error_code: ErrorCode) -> FindCoordinatorResponse {
        let host = "a".to_owned();
        FindCoordinatorResponse { error_code, node_id: 7, host, port: 9092, ..Default::default() }
    }

    #[test]
    fn it_is_found_by_old_answers_and_by_those_that_list() {
        let entry = |key: &str, node_id| FoundCoordinator {
            key: key.to_owned(),
            node_id,
            host: "a".to_owned(),
            port: 9092,
            ..Default::default()
        };
        let coordinators = vec![entry("other", 5), entry("id", 7)];
        let listed = FindCoordinatorResponse { coordinators, ..Default::default() };
        for response in [old(ErrorCode::NONE), listed] {
            let (mut coordinator, mut random) = coordinator();
            let request = coordinator.ask();
            assert_eq!((request.key.as_str(), request.key_type), ("id", 1));
            assert_eq!(request.coordinator_keys, ["id"]);
            assert_eq!(coordinator.next_request_at(), Deadline::NEVER);
            let found = coordinator.answered(response, RETRY, Instant::ZERO, &mut random);
            assert!(matches!(found, Found::At { number: 7, port: 9092, .. }), "{found:?}");
            assert_eq!(coordinator.state(), State::Known(NodeId::Broker(7)));
        }
    }

    #[test]
    fn groups_are_asked_for_as_such_and_by_every_version() {
        let key = |kind| Key { kind, name: "g".to_owned() };
        assert_eq!(Coordinator::new(key(Kind::Group)).ask().key_type, 0);
        assert_eq!([Kind::Group, Kind::Transaction].map(|kind| key(kind).first_version()), [0, 1]);
    }

    #[test]
    fn one_that_is_none_any_more_is_looked_for_at_once() {
        let (mut coordinator, mut random) = coordinator();
        coordinator.answered(old(ErrorCode::NONE), RETRY, Instant::ZERO, &mut random);
        coordinator.lost(NodeId::Broker(3));
        assert_eq!(coordinator.state(), State::Known(NodeId::Broker(7)), "another was lost");
        coordinator.lost(NodeId::Broker(7));
        assert!(coordinator.next_request_at().has_passed(Instant::ZERO));
        assert!(is_gone(ErrorCode::NOT_COORDINATOR) && !is_gone(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }

    #[test]
    fn one_that_is_not_there_yet_is_asked_for_later_each_time_and_one_that_is_refused_is_told() {
        let (mut coordinator, mut random) = coordinator();
        for least in [80, 160, 320] {
            let response = old(ErrorCode::COORDINATOR_NOT_AVAILABLE);
            let found = coordinator.answered(response, RETRY, Instant::ZERO, &mut random);
            assert!(matches!(found, Found::NotYet));
            let wait = coordinator.next_request_at().remaining(Instant::ZERO).unwrap();
            assert!(wait >= Duration::from_millis(least), "{wait:?}");
        }
        let response = old(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        let Found::Never(error) = coordinator.answered(response, RETRY, Instant::ZERO, &mut random) else {
            panic!("it was refused");
        };
        assert_eq!(error.broker_code(), Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    }
}
