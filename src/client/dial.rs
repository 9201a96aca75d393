//! Decides which node to dial, when, and for how long. The client carries it out.
//!
//! A node backs off after each round through its addresses that failed: up to `reconnect_backoff_max_ms` if it is not
//! needed, and for about a second at most if it is. A leader with records is needed. If no node can be asked for metadata,
//! all nodes are needed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::NodeId;
use crate::client::node::{Node, Pause, State};
use crate::client::options::AddressFamily;
use crate::client::transport::{Command, ConnectionId};
use crate::error::Stage;
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct DialSettings {
    /// The limit of a first attempt, and of later ones as they fail (KIP-601).
    pub(crate) setup_timeout: Backoff,
    /// Between two attempts at a broker that is not needed,
    pub(crate) reconnect: Backoff,
    /// and at one that is needed.
    pub(crate) reconnect_needed: Backoff,
}

pub(super) struct Dialling {
    settings: DialSettings,
    /// The number of the next look-up or connection.
    next_number: u64,
}

/// Which node to dial if no node can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Now(NodeId),
    /// None before this. Then decide again.
    Wait(Deadline),
}

impl Dialling {
    pub(super) fn new(settings: DialSettings) -> Self {
        Self { settings, next_number: 0 }
    }

    /// Begins an attempt: with the next address of the last look-up if there is one, otherwise with a look-up.
    pub(super) fn begin<E>(
        &mut self,
        node: &mut Node<E>,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Command {
        let number = self.next_number;
        self.next_number += 1;
        let limit = self.settings.setup_timeout.delay(node.failures.saturating_add(1), random);
        let deadline = Deadline::after(now, limit);
        // Code that still waits for the node says so again. Nothing else would ever reset this.
        node.needed = false;
        let (host, port) = (Arc::clone(&node.host), node.port);
        match node.addresses.pop_front() {
            Some(address) => {
                let connection = ConnectionId(number);
                node.state = State::Connecting { connection, stage: Stage::Tcp, deadline };
                Command::Connect { connection, address, host, port }
            }
            None => {
                node.state = State::Resolving { lookup_id: number, deadline };
                Command::Resolve { lookup_id: number, host, port }
            }
        }
    }

    /// The limit of the current attempt, before it is spread. Otherwise each failure would have another text and be logged.
    pub(super) fn limit<E>(&self, node: &Node<E>) -> Duration {
        self.settings.setup_timeout.nominal(node.failures.saturating_add(1))
    }

    /// How long to back off after `failures` failed rounds, with `others` that back off, too.
    pub(super) fn pause(
        &self,
        failures: u32,
        is_fatal: bool,
        others: usize,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Pause {
        let until = now + self.settings.reconnect.delay(failures, random);
        let crowd = Duration::from_secs(others as u64) / DIALS_A_SECOND;
        let if_needed = now + self.settings.reconnect_needed.delay(failures, random).max(crowd);
        Pause { until, until_if_needed: if is_fatal { until } else { if_needed.min(until) } }
    }

    /// How long a connection has to last to count as useful by that alone. Then dials are as rare as with the longest
    /// back-off.
    pub(super) fn proof(&self) -> Duration {
        self.settings.reconnect.max
    }
}

/// Which of `members` to dial if no node can be asked, unless one that is as promising is being dialled. The brokers of the
/// cluster come first, and `bootstrap_servers` again when all of those have failed (KIP-899). Among several, the one with
/// the fewest failures: so every node is tried once before one is tried twice.
pub(super) fn next<'a, E: 'a>(
    members: impl Iterator<Item = (NodeId, &'a Node<E>)> + Clone,
    now: Instant,
) -> Next {
    let has_hope = |node: &Node<E>| node.failures == 0 && !node.moved;
    let all_failed = !members.clone().any(|(id, node)| is_known(id) && has_hope(node));
    // Of many brokers that do not answer, some are being dialled at any time. They must not delay the others.
    let coming = members.clone().filter(|(_, node)| node.is_coming()).map(|(_, node)| node.failures).min();
    let promises = |node: &Node<E>| coming.is_none_or(|failures| node.failures < failures);
    // One list for the dial and for the wait. If they did not agree, the wait could end at once without a dial.
    let candidates: Vec<_> = members
        .filter(|(id, node)| (is_known(*id) || all_failed) && promises(node))
        .filter_map(|(id, node)| Some((id, node.failures, Deadline::at(node.dialable_from(true)?))))
        .collect();
    let dialable = candidates.iter().filter(|(.., from)| from.has_passed(now));
    match dialable.min_by_key(|(id, failures, _)| (*failures, !is_known(*id), *id)) {
        Some((id, ..)) => Next::Now(*id),
        None => Next::Wait(candidates.iter().map(|(.., from)| *from).min().unwrap_or(Deadline::NEVER)),
    }
}

/// The addresses of a look-up that may be used, or why there are none.
pub(super) fn addresses(
    found: std::io::Result<Vec<SocketAddr>>,
    family: AddressFamily,
) -> Result<VecDeque<SocketAddr>, String> {
    match found {
        Ok(addresses) if addresses.is_empty() => Err("the name has no address".to_owned()),
        Ok(addresses) => {
            let of_family: VecDeque<_> =
                addresses.into_iter().filter(|address| family.has(*address)).collect();
            match of_family.is_empty() {
                true => Err(format!("no address is of the family {family} (broker_address_family)")),
                false => Ok(of_family),
            }
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The cluster has named it, not the configuration.
fn is_known(id: NodeId) -> bool {
    matches!(id, NodeId::Broker(_))
}

/// The most dials per second for all needed brokers together. Of a thousand brokers that are down, not each is dialled
/// every second.
const DIALS_A_SECOND: u32 = 50;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::Origin;

    fn dialling() -> Dialling {
        let backoff = |max| Backoff { initial: Duration::from_millis(50), max };
        Dialling::new(DialSettings {
            setup_timeout: backoff(Duration::from_secs(30)),
            reconnect: backoff(Duration::from_secs(30)),
            reconnect_needed: backoff(Duration::from_secs(1)),
        })
    }

    #[test]
    fn who_is_needed_rests_a_second_at_most_and_who_is_not_or_can_not_be_mended_longer() {
        let (dialling, mut random) = (dialling(), fastrand::Rng::with_seed(1));
        let mut rest = |failures, is_fatal, others| {
            let pause = dialling.pause(failures, is_fatal, others, Instant::ZERO, &mut random);
            (pause.until.since(Instant::ZERO), pause.until_if_needed.since(Instant::ZERO))
        };
        let (long, short) = rest(20, false, 6);
        assert!(
            long >= Duration::from_secs(24) && short <= Duration::from_millis(1200),
            "{long:?} {short:?}"
        );
        assert!(rest(1, false, 6).1 <= Duration::from_millis(60));
        let (long, short) = rest(20, true, 6);
        assert_eq!(long, short, "fatal");
        assert!(rest(20, false, 1000).1 >= Duration::from_secs(20), "one of a thousand");
    }

    #[test]
    fn only_addresses_of_the_family_are_used() {
        let (v4, v6) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([0_u16; 8], 1)));
        let of = |found: &[SocketAddr], family| addresses(Ok(found.to_vec()), family).map(Vec::from);
        assert_eq!(of(&[v6, v4], AddressFamily::Any), Ok(vec![v6, v4]));
        assert_eq!(of(&[v6, v4], AddressFamily::V4), Ok(vec![v4]));
        assert_eq!(of(&[v6, v4], AddressFamily::V6), Ok(vec![v6]));
        let none = "no address is of the family v6 (broker_address_family)";
        assert_eq!(of(&[v4], AddressFamily::V6), Err(none.to_owned()));
        assert_eq!(of(&[], AddressFamily::Any), Err("the name has no address".to_owned()));
    }

    #[test]
    fn the_dial_and_the_wait_agree() {
        let (mut dialling, mut random) = (dialling(), fastrand::Rng::with_seed(1));
        let mut nodes: Vec<(NodeId, Node<()>)> = (0..3)
            .map(|number| (NodeId::Broker(number), Node::new("a".into(), 1, Origin::Bootstrap)))
            .collect();
        let mut now = Instant::ZERO;
        for _ in 0..100 {
            match next(nodes.iter().map(|(id, node)| (*id, node)), now) {
                Next::Now(id) => {
                    let (_, node) = nodes.iter_mut().find(|(other, _)| *other == id).unwrap();
                    dialling.begin(node, now, &mut random);
                    node.failures += 1;
                    node.state = State::BackingOff(dialling.pause(node.failures, false, 2, now, &mut random));
                }
                Next::Wait(until) => {
                    assert!(!until.has_passed(now));
                    now = until.instant().unwrap();
                }
            }
        }
        let tried: Vec<u32> = nodes.iter().map(|(_, node)| node.failures).collect();
        assert!(tried.iter().max().unwrap() - tried.iter().min().unwrap() <= 3, "{tried:?}");
    }
}
