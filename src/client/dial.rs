//! Whom to dial and when, and what follows when it comes to nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::NodeId;
use crate::client::connection::Purpose;
use crate::client::kafka_client::{ClientEvent, KafkaClient};
use crate::client::node::{Node, State};
use crate::client::transport::{Command, ConnectionId};
use crate::error::{Error, ErrorKind, Stage};
use crate::time::{Deadline, Instant};

impl KafkaClient {
    /// Nobody can be asked: dial one, unless one that promises as much is on the way. The cluster's own brokers first,
    /// and `bootstrap_servers` again when all of those have failed (KIP-899).
    pub(super) fn dial_any(&mut self, now: Instant) {
        let dialable = self.candidates().filter(|(.., from)| from.has_passed(now));
        // The fewest failures first: so a list is gone through, in its order, before anyone is tried twice.
        let next = dialable.min_by_key(|(id, node, _)| (node.failures, !is_known(*id), *id));
        if let Some(id) = next.map(|(id, ..)| id) {
            self.dial(id, now);
        }
    }

    /// When [`dial_any`](Self::dial_any) finds somebody.
    pub(super) fn next_dial(&self) -> Deadline {
        self.candidates().map(|(.., from)| from).min().unwrap_or(Deadline::NEVER)
    }

    /// Whom to dial when nobody can be asked, and from when on. One list for the dial and for the wait: if they do not
    /// agree, the wait is over at once and nothing is done, again and again.
    fn candidates(&self) -> impl Iterator<Item = (NodeId, &Node, Deadline)> {
        let has_hope = |node: &Node| node.failures == 0 && !node.moved;
        let members = || self.nodes.iter().filter(|(id, _)| self.is_member(**id));
        let all_failed = !members().any(|(id, node)| is_known(*id) && has_hope(node));
        // Of many brokers that swallow everything some are on the way at any time: that must not keep us from others.
        let coming = members().filter(|(_, node)| node.is_coming()).map(|(_, node)| node.failures).min();
        let promises = move |node: &Node| coming.is_none_or(|failures| node.failures < failures);
        let allowed = members().filter(move |(id, node)| (is_known(**id) || all_failed) && promises(node));
        allowed.filter_map(|(id, node)| Some((*id, node, Deadline::at(node.dialable_from()?))))
    }

    pub(super) fn dial(&mut self, id: NodeId, now: Instant) {
        let number = self.next_id;
        self.next_id += 1;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let attempt = node.failures.saturating_add(1);
        let deadline = Deadline::after(now, self.settings.setup_timeout.delay(attempt, &mut self.random));
        if let Some(address) = node.addresses.pop_front() {
            let connection = ConnectionId(number);
            node.state = State::Connecting { connection, deadline };
            self.connections.insert(connection, id);
            self.commands.push_back(Command::Connect { connection, address });
        } else {
            node.state = State::Resolving { ticket: number, deadline };
            self.tickets.insert(number, id);
            let (host, port) = (Arc::clone(&node.host), node.port);
            self.commands.push_back(Command::Resolve { ticket: number, host, port });
        }
        self.publish_troubles();
    }

    /// An attempt, or a connection, came to nothing.
    pub(super) fn fail(&mut self, id: NodeId, stage: Stage, cause: String, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        // Where it was before it moved says nothing about where it is.
        let moved = node.moved;
        let cause = if moved { format!("{cause}, at its address of before") } else { cause };
        let trouble = node.trouble_at(stage, cause);
        self.disconnect(id, now, &Error::new(ErrorKind::Network { trouble: trouble.clone() }));
        let Some(node) = self.nodes.get_mut(&id) else { return };
        // One warning for each change of state: what goes on as it was is not news.
        if node.trouble.is_none() {
            node.warnings.begin(now);
        }
        let text = trouble.to_string();
        match node.warnings.is_news(&text, Duration::MAX, now) {
            None => log::debug!("{text}"),
            Some(_) => log::warn!("{text}"),
        }
        if moved {
            // It is not on the way there any more.
            return self.publish_troubles();
        }
        node.trouble = Some(trouble);
        let next_address = !node.addresses.is_empty();
        self.publish_troubles();
        if next_address {
            return self.dial(id, now);
        }
        let Some(node) = self.nodes.get_mut(&id) else { return };
        // What it led may be led by another by now.
        self.metadata.want();
        node.failures = node.failures.saturating_add(1);
        node.state = State::BackingOff(now + self.settings.reconnect.delay(node.failures, &mut self.random));
        if self.metadata.is_due(now) {
            self.ask_for_metadata(now);
        }
    }

    /// Ends whatever there is of a connection, without a judgement; the node is idle then.
    pub(super) fn disconnect(&mut self, id: NodeId, now: Instant, error: &Error) {
        self.judge(id, now);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.moved = false;
        if let Some(connection) = node.connection_id() {
            self.connections.remove(&connection);
            self.commands.push_back(Command::Close { connection });
        }
        let lost = match std::mem::replace(&mut node.state, State::Idle) {
            State::Resolving { ticket, .. } => {
                self.tickets.remove(&ticket);
                Vec::new()
            }
            State::Handshaking { connection, .. } | State::Ready(connection) => connection.lost(),
            State::Idle | State::BackingOff(_) | State::Connecting { .. } => Vec::new(),
        };
        for lost in lost {
            match lost.purpose {
                Purpose::ApiVersions => {}
                Purpose::Metadata => self.metadata.failed(now, &mut self.random),
                Purpose::Produce(request) => {
                    self.events.push_back(ClientEvent::Lost {
                        request,
                        sent: lost.sent,
                        error: error.clone(),
                    });
                }
            }
        }
    }

    /// Closes what is not needed any more once nothing is under way on it: bootstrap connections when the brokers are
    /// known and nobody asks for metadata, and connections to where a broker was before it moved.
    pub(super) fn retire(&mut self, now: Instant) {
        let known = !self.metadata.snapshot().brokers.is_empty() && !self.metadata.is_due(now);
        let retired = |id: &NodeId, node: &Node| {
            // One that is not ready yet has nothing under way that anybody would miss.
            let quiet = !matches!(&node.state, State::Ready(connection) if connection.load() > 0);
            let bootstrap = matches!(id, NodeId::Bootstrap(_)) && matches!(node.state, State::Ready(_));
            quiet && node.connection_id().is_some() && (node.moved || (known && bootstrap))
        };
        let retired: Vec<NodeId> =
            self.nodes.iter().filter(|(id, node)| retired(id, node)).map(|(id, _)| *id).collect();
        if retired.is_empty() {
            return;
        }
        for id in retired {
            self.disconnect(id, now, &Error::new(ErrorKind::Closed));
        }
        self.publish_troubles();
    }
}

/// Told by the cluster, not by the configuration.
fn is_known(id: NodeId) -> bool {
    matches!(id, NodeId::Broker(_))
}
