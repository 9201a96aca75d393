//! Requests to brokers: any request, with a typed tag that says what it is for and returns with its outcome.

use crate::client::coordinator::Key;
use crate::error::{BrokerTrouble, Error, ErrorKind, Stage};
use crate::protocol::{self, ErrorCode, Message, Request};

pub(super) type ResponseTo<R> = <R as Request>::Response;

/// What a request is for. It is returned once, with the outcome of the request.
pub(crate) trait Tag<E>: Send + 'static {
    type Request: Request + Send + 'static;

    /// The stage that errors name while the request is in flight or when it has failed.
    const STAGE: Stage;

    fn over(self, outcome: Outcome<ResponseTo<Self::Request>>) -> E;

    /// For requests to a coordinator: the code of an answer that may say that the node is not the coordinator any more.
    fn code(_response: &ResponseTo<Self::Request>) -> ErrorCode {
        ErrorCode::NONE
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Outcome<R> {
    Answered(R),
    /// All bytes of a request without an answer were passed to the kernel.
    Written,
    /// No answer will come.
    Lost(Loss),
}

/// A request that gets no answer any more.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) error: Error,
    /// The number of bytes that were sent. If it is not 0, the broker may have acted on the request.
    pub(crate) sent: usize,
    /// The broker closed the connection, as it does also if a request is too large for it.
    pub(crate) closed_by_peer: bool,
}

impl Loss {
    /// No connection has got it.
    pub(super) fn unsent(error: Error) -> Self {
        Self { error, sent: 0, closed_by_peer: false }
    }
}

/// The receiver of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "nodes and coordinators are for transactions"))]
pub(crate) enum Target {
    Node(crate::client::cluster::NodeId),
    /// The node that can answer soonest.
    Any,
    /// It is looked up first, and again if it is not the coordinator any more.
    Coordinator(Key),
}

/// How a connection ended, for the requests in flight on it.
#[derive(Clone, Debug)]
pub(super) enum ConnectionEnd {
    /// This client closed it, without a failure of the broker.
    Closed,
    Failed {
        trouble: BrokerTrouble,
        closed_by_peer: bool,
    },
}

impl ConnectionEnd {
    pub(super) fn loss(&self, stage: Stage, sent: usize, size: usize) -> Loss {
        match self {
            Self::Closed => Loss { error: Error::new(ErrorKind::Closed), sent, closed_by_peer: false },
            Self::Failed { trouble, closed_by_peer } => {
                // Only requests with records can be too large for a broker.
                let cut_off = (*closed_by_peer && sent > 0 && stage == Stage::Produce).then_some(size);
                let error = Error::new(ErrorKind::Network { trouble: trouble.clone(), cut_off });
                Loss { error, sent, closed_by_peer: *closed_by_peer }
            }
        }
    }
}

/// A request in flight, of any kind.
pub(super) trait Pending<E>: Send {
    fn stage(&self) -> Stage;

    /// Reads the answer. If it can't be read, the request is returned, and is lost with its connection.
    fn answered(self: Box<Self>, version: i16, frame: &[u8]) -> Result<Answer<E>, Unreadable<E>>;

    fn written(self: Box<Self>) -> E;

    fn lost(self: Box<Self>, loss: Loss) -> E;
}

/// The content of an answer.
pub(super) struct Answer<E> {
    pub(super) event: E,
    /// The number of milliseconds for which the broker asks for no requests (KIP-219).
    pub(super) throttle_ms: i32,
}

/// A request whose answer can't be read, and why.
pub(super) struct Unreadable<E> {
    pub(super) request: Box<dyn Pending<E>>,
    pub(super) cause: String,
}

/// The tag of a request in flight.
pub(super) struct Tagged<T>(pub(super) T);

impl<E, T: Tag<E>> Pending<E> for Tagged<T> {
    fn stage(&self) -> Stage {
        T::STAGE
    }

    fn answered(self: Box<Self>, version: i16, frame: &[u8]) -> Result<Answer<E>, Unreadable<E>> {
        match protocol::decode_response::<T::Request>(version, frame) {
            Ok((_, response)) => {
                let throttle_ms = T::Request::throttle_ms(&response, version);
                Ok(Answer { event: self.0.over(Outcome::Answered(response)), throttle_ms })
            }
            Err(error) => {
                let cause = format!("its {} response can't be read: {error}", T::Request::KEY);
                Err(Unreadable { request: self, cause })
            }
        }
    }

    fn written(self: Box<Self>) -> E {
        self.0.over(Outcome::Written)
    }

    fn lost(self: Box<Self>, loss: Loss) -> E {
        self.0.over(Outcome::Lost(loss))
    }
}
