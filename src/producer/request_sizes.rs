//! The size limit of requests for each broker. A broker that finds a request too large (its `socket.request.max.bytes`)
//! closes the connection without an answer, as it does when it dies. So after a connection has ended in the middle of a
//! request, the next requests are smaller for a while: for a second at first, and for twice as long each time that it
//! happens again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::NodeId;
use crate::producer::batch_sizes::Learned;
use crate::time::{Backoff, Instant};

#[derive(Default)]
pub(crate) struct RequestSizes {
    nodes: BTreeMap<NodeId, Node>,
}

struct Node {
    learned: Learned,
    /// The number of refusals since a request was answered that was as large as the assumed limit.
    refusals: u32,
}

impl RequestSizes {
    /// The size limit of requests to `node` for now, if there is one. A single batch is sent with any size.
    pub(crate) fn max_bytes(&self, node: NodeId, now: Instant) -> Option<usize> {
        let node = self.nodes.get(&node)?;
        (now.since(node.learned.refused_at()) < CAREFUL_FOR.nominal(node.refusals))
            .then(|| node.learned.max_bytes())
    }

    /// The broker closed the connection before it had answered a request of `bytes`. Of several requests that end at the
    /// same moment only the first counts, because a broker reads no further before it has answered.
    pub(crate) fn cut_off(&mut self, node: NodeId, bytes: usize, now: Instant) {
        match self.nodes.get_mut(&node) {
            None => {
                let learned = Learned::from(bytes, now);
                self.nodes.insert(node, Node { learned, refusals: 1 });
            }
            Some(known) if known.learned.refused_at() == now => {}
            Some(known) => {
                known.learned.refuse(bytes, now);
                known.refusals = known.refusals.saturating_add(1);
            }
        }
    }

    /// The broker answered a request of `bytes`.
    pub(crate) fn answered(&mut self, node: NodeId, bytes: usize, now: Instant) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        if bytes >= known.learned.refused() {
            self.nodes.remove(&node);
        } else {
            known.learned.take(bytes, now);
        }
    }
}

const CAREFUL_FOR: Backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(600) };

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::Broker(1);
    const MOST: usize = 5_000_000;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// A program that sends as much as it may, one request each 10 ms, to a broker that accepts `max_bytes`. Returns the
    /// number of connections that it loses.
    fn lost(max_bytes: usize, millis: u64) -> usize {
        let (mut sizes, mut lost) = (RequestSizes::default(), 0);
        for now in (0..millis).step_by(10).map(at) {
            let bytes = sizes.max_bytes(NODE, now).unwrap_or(MOST).min(MOST);
            if bytes > max_bytes {
                lost += 1;
                sizes.cut_off(NODE, bytes, now);
            } else {
                sizes.answered(NODE, bytes, now);
            }
        }
        lost
    }

    #[test]
    fn a_broker_that_takes_less_costs_few_connections() {
        for max_bytes in [200_000, 1_000_000, 2_097_152, 4_900_000] {
            let lost = lost(max_bytes, 3_600_000);
            assert!(lost < 22, "{lost} connections in an hour with a limit of {max_bytes}");
        }
        assert_eq!(lost(MOST, 60_000), 0);
    }

    #[test]
    fn a_broker_that_died_once_is_given_large_requests_again_after_a_second() {
        let mut sizes = RequestSizes::default();
        sizes.cut_off(NODE, 20_000, at(0));
        // The other requests that were lost with it say nothing more.
        sizes.cut_off(NODE, 100, at(0));
        assert_eq!(
            (sizes.max_bytes(NODE, at(999)), sizes.max_bytes(NodeId::Broker(2), at(0))),
            (Some(10_000), None)
        );
        assert_eq!(sizes.max_bytes(NODE, at(1000)), None);
        sizes.answered(NODE, MOST, at(1010));
        sizes.cut_off(NODE, 20_000, at(2000));
        assert_eq!(sizes.max_bytes(NODE, at(3000)), None, "a second again, not two");
    }
}
