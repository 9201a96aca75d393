//! What is asked of brokers: any request, with a typed tag that says what it is for and comes back with what became of it.

use crate::client::coordinator::Key;
use crate::error::{BrokerTrouble, Error, ErrorKind, Stage};
use crate::protocol::{self, ErrorCode, Message, Request};

pub(super) type ResponseTo<R> = <R as Request>::Response;

/// What a request is for. It comes back, once, with what became of the request.
pub(crate) trait Tag<E>: Send + 'static {
    type Request: Request + Send + 'static;

    /// What a broker is said to be busy with, or to have failed at, meanwhile.
    const STAGE: Stage;

    fn over(self, outcome: Outcome<ResponseTo<Self::Request>>) -> E;

    /// For what is asked of a coordinator: the code by which an answer says that it is none any more.
    fn code(_response: &ResponseTo<Self::Request>) -> ErrorCode {
        ErrorCode::NONE
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome<R> {
    Answered(R),
    /// All bytes of a request that gets no answer are with the kernel.
    Written,
    /// No answer will come.
    Lost(Loss),
}

/// A request that gets no answer any more.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) error: Error,
    /// Bytes of it that had left: with the first the broker may have acted on it.
    pub(crate) sent: usize,
    /// The broker ended the connection: so it does, too, where a request is larger than it takes.
    pub(crate) closed_by_peer: bool,
}

impl Loss {
    /// It never got as far as a connection.
    pub(super) fn unsent(error: Error) -> Self {
        Self { error, sent: 0, closed_by_peer: false }
    }
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "nodes and coordinators are for transactions"))]
pub(crate) enum Target {
    Node(crate::client::cluster::NodeId),
    /// Whoever answers soonest.
    Any,
    /// Found out first, and anew when it turns out to be none any more.
    Coordinator(Key),
}

/// How a connection ended, for the requests that were under way on it.
#[derive(Clone, Debug)]
pub(super) enum ConnectionEnd {
    /// By us, without a fault of the broker's.
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
                // Only records make requests that a broker may find too large.
                let cut_off = (*closed_by_peer && sent > 0 && stage == Stage::Produce).then_some(size);
                let error = Error::new(ErrorKind::Network { trouble: trouble.clone(), cut_off });
                Loss { error, sent, closed_by_peer: *closed_by_peer }
            }
        }
    }
}

/// A request under way, whatever it is.
pub(super) trait Pending<E>: Send {
    fn stage(&self) -> Stage;

    /// Reads its answer. If that can't be read the request is given back, to be lost with its connection.
    fn answered(self: Box<Self>, version: i16, frame: &[u8]) -> Result<Answer<E>, Unreadable<E>>;

    fn written(self: Box<Self>) -> E;

    fn lost(self: Box<Self>, loss: Loss) -> E;
}

/// What an answer says.
pub(super) struct Answer<E> {
    pub(super) event: E,
    /// For so many milliseconds from now on the broker asks for quiet (KIP-219).
    pub(super) throttle_ms: i32,
}

/// A request whose answer can't be read, and why.
pub(super) struct Unreadable<E> {
    pub(super) request: Box<dyn Pending<E>>,
    pub(super) cause: String,
}

/// A tag on its way.
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
                let cause = format!("its {} answer can't be read: {error}", T::Request::KEY);
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
