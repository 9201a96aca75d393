//! How a cluster is set up and started.

use std::collections::BTreeMap;
use std::fs;

use super::dirs::{RunDir, in_dir};
use super::install::{Install, VERSIONS};
use super::node::{self, Node, properties_text, random_uuid};
use super::ports::free_ports;
use super::{Cluster, PATIENCE_SECS};
use crate::support::clock::deadline;

/// Each attempt has other ports; several in a row are taken only when something else is wrong.
const ATTEMPTS: usize = 5;

/// Java takes no shorter one.
const KEYSTORE_PASSWORD: &str = "secret";

/// Settings of a [`Cluster`] to be started.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    nodes: usize,
    version: String,
    /// Listener name and security protocol.
    listeners: Vec<(String, String)>,
    /// Node (all if none), listener name and where clients are told that it is.
    advertised: Vec<(Option<i32>, String, String)>,
    properties: Vec<(Option<i32>, String, String)>,
    jvm_options: Vec<String>,
    /// `Some` when the real tool has to format.
    format: Option<Vec<String>>,
}

impl ClusterBuilder {
    pub(super) fn new(nodes: usize) -> Self {
        assert!(nodes > 0, "a cluster has nodes");
        Self {
            nodes,
            version: VERSIONS[0].into(),
            listeners: vec![
                (node::PLAINTEXT.into(), "PLAINTEXT".into()),
                (node::CONTROLLER.into(), "PLAINTEXT".into()),
            ],
            advertised: Vec::new(),
            properties: Vec::new(),
            jvm_options: Vec::new(),
            format: None,
        }
    }

    /// One of [`VERSIONS`](super::VERSIONS).
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// A broker property of every node. Later ones win, also over the harness' own.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.push((None, key.into(), value.into()));
        self
    }

    /// A broker property of one node.
    pub fn node_property(mut self, node: i32, key: &str, value: &str) -> Self {
        self.properties.push((Some(node), key.into(), value.into()));
        self
    }

    /// One more listener on every node, with a port of its own. One that needs a certificate (`SSL`) gets a new one that
    /// nobody has signed.
    pub fn listener(mut self, name: &str, security_protocol: &str) -> Self {
        self.listeners.push((name.into(), security_protocol.into()));
        self
    }

    /// Clients of the listener are told to go to `address`, wherever it is.
    pub fn advertised(mut self, listener: &str, address: &str) -> Self {
        self.advertised.push((None, listener.into(), address.into()));
        self
    }

    /// The same for one node's listener, as when each node has a proxy of its own.
    pub fn node_advertised(mut self, node: i32, listener: &str, address: &str) -> Self {
        self.advertised.push((Some(node), listener.into(), address.into()));
        self
    }

    /// An option of the brokers' JVMs, such as `-Xmx512m`.
    pub fn jvm_option(mut self, option: &str) -> Self {
        self.jvm_options.push(option.into());
        self
    }

    /// An argument of the formatting tool, such as `--add-scram`. Costs half a second for a node.
    pub fn format_argument(mut self, argument: &str) -> Self {
        self.format.get_or_insert_default().push(argument.into());
        self
    }

    pub(super) fn format_with_tool(mut self) -> Self {
        self.format.get_or_insert_default();
        self
    }

    /// Notices a dead or frozen node after about one second in place of nine. On a machine that is
    /// busy enough a healthy node can then be taken for a dead one, so only tests of failover ask
    /// for it.
    pub fn quick_failover(self) -> Self {
        self.property("broker.heartbeat.interval.ms", "200")
            .property("broker.session.timeout.ms", "1000")
            .property("controller.quorum.fetch.timeout.ms", "600")
            .property("controller.quorum.election.timeout.ms", "300")
            .property("controller.quorum.election.backoff.max.ms", "200")
    }

    /// Starts the nodes and waits until topics can be created.
    #[track_caller]
    pub fn start(self) -> Cluster {
        let started = self.start_from(Install::get(&self.version));
        started.unwrap_or_else(|why| panic!("cannot start {} broker(s): {why}", self.nodes))
    }

    pub(super) fn start_from(&self, install: &Install) -> Result<Cluster, String> {
        let mut attempt = 1;
        loop {
            let mut cluster = self.lay_out(install)?;
            let mut started = cluster.nodes.iter_mut().try_for_each(|node| node.spawn(install));
            if started.is_ok() {
                started = cluster.wait_until_ready(deadline(PATIENCE_SECS));
            }
            let Err(why) = started else {
                return Ok(cluster);
            };
            // Between the look for free ports and the start someone else can take one.
            if attempt == ATTEMPTS || !cluster.port_was_taken() {
                cluster.run_dir.keep();
                return Err(why);
            }
            attempt += 1;
        }
    }

    fn lay_out(&self, install: &Install) -> Result<Cluster, String> {
        let run_dir = RunDir::create()?;
        let count = self.nodes * self.listeners.len();
        let mut ports = free_ports(count).into_iter();
        let names = || self.listeners.iter().map(|(name, _)| name.clone());
        let ids = 1..=i32::try_from(self.nodes).expect("a handful of nodes");
        let nodes: Vec<Node> = ids
            .map(|id| {
                let ports: BTreeMap<String, u16> = names().zip(ports.by_ref()).collect();
                let dir = run_dir.path().join(format!("node-{id}"));
                Node::new(id, ports, dir, self.jvm_options.clone())
            })
            .collect();

        let keystore = run_dir.path().join("broker.p12");
        let encrypted = self.listeners.iter().any(|(_, protocol)| protocol.ends_with("SSL"));
        if encrypted {
            install.make_keystore(&keystore, KEYSTORE_PASSWORD)?;
        }
        let cluster_id = random_uuid();
        let voters: Vec<String> =
            nodes.iter().map(|node| format!("{}@{}", node.id, node.address(node::CONTROLLER))).collect();
        for node in &nodes {
            let mut own = self.base_properties(node, &voters.join(","));
            if encrypted {
                own.push(("ssl.keystore.location", keystore.to_string_lossy().into_owned()));
                own.push(("ssl.keystore.password", KEYSTORE_PASSWORD.into()));
            }
            let asked = self.properties.iter();
            let asked = asked.filter(|(only, _, _)| only.is_none_or(|id| id == node.id));
            let text = properties_text(
                own.iter()
                    .map(|(key, value)| (*key, value.as_str()))
                    .chain(asked.map(|(_, key, value)| (key.as_str(), value.as_str()))),
            );
            node.format(install, &text, &cluster_id, self.format.as_deref())?;
        }
        Ok(Cluster { nodes, install: install.clone(), run_dir })
    }

    fn base_properties(&self, node: &Node, voters: &str) -> Vec<(&'static str, String)> {
        let replicas = self.nodes.min(3);
        let listeners = self.listeners.iter();
        let addresses = listeners.clone().map(|(name, _)| format!("{name}://{}", node.address(name)));
        let protocols = listeners.clone().map(|(name, protocol)| format!("{name}:{protocol}"));
        // A controller's is not advertised this way.
        let brokers = listeners.filter(|(name, _)| name != node::CONTROLLER).map(|(name, _)| {
            let elsewhere = self
                .advertised
                .iter()
                .find(|(only, advertised, _)| only.is_none_or(|id| id == node.id) && advertised == name);
            let own = || node.address(name).to_string();
            format!("{name}://{}", elsewhere.map_or_else(own, |(_, _, address)| address.clone()))
        });
        vec![
            ("process.roles", "broker,controller".into()),
            ("node.id", node.id.to_string()),
            ("controller.quorum.voters", voters.into()),
            ("listeners", addresses.collect::<Vec<_>>().join(",")),
            ("advertised.listeners", brokers.collect::<Vec<_>>().join(",")),
            ("listener.security.protocol.map", protocols.collect::<Vec<_>>().join(",")),
            ("inter.broker.listener.name", node::PLAINTEXT.into()),
            ("controller.listener.names", node::CONTROLLER.into()),
            ("log.dirs", node.log_dir().to_string_lossy().into_owned()),
            ("offsets.topic.replication.factor", replicas.to_string()),
            ("offsets.topic.num.partitions", "3".into()),
            ("transaction.state.log.replication.factor", replicas.to_string()),
            ("transaction.state.log.min.isr", replicas.min(2).to_string()),
            ("transaction.state.log.num.partitions", "3".into()),
            ("group.initial.rebalance.delay.ms", "0".into()),
            // 128 MiB by default, allocated at the start: with a small heap that is the end.
            ("log.cleaner.dedupe.buffer.size", "4194304".into()),
            ("num.network.threads", "2".into()),
            ("num.io.threads", "4".into()),
        ]
    }
}

impl Cluster {
    fn port_was_taken(&self) -> bool {
        self.nodes.iter().any(|node| {
            let console = fs::read(node.console()).map_err(in_dir(&node.console()));
            console.is_ok_and(|text| {
                let text = String::from_utf8_lossy(&text);
                text.contains("Address already in use") || text.contains("BindException")
            })
        })
    }
}
