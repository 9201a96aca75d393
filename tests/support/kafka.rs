//! Real Apache Kafka brokers for integration tests.
//!
//! ```ignore
//! let cluster = Cluster::start(3);
//! cluster.create_topic("orders", 3, 3, &[("min.insync.replicas", "2")]);
//! // … produce to cluster.bootstrap_servers() …
//! let records = cluster.read_back("orders");
//! ```
//!
//! Nodes are named by their broker ids, 1 to the number of nodes. All methods panic with a sentence
//! when what they promise cannot be had; every wait has a deadline.

mod acls;
mod admin;
mod builder;
mod called_back;
mod dirs;
mod fetch;
mod follow;
mod given_up;
mod install;
mod java_producer;
mod node;
mod ports;
mod process;
mod read_back;
mod train;
mod trim;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;

use self::dirs::RunDir;
use self::install::Install;
use self::node::Node;
use crate::support::clock::{Deadline, Failure, deadline, retry};

pub use self::acls::{Operation, Resource};
pub use self::admin::PartitionState;
pub use self::builder::ClusterBuilder;
pub use self::fetch::FetchedBatch;
pub use self::follow::{Complete, Follower, Head};
pub use self::given_up::{GivenUp, forgotten, given_up};
pub use self::install::VERSIONS;
pub use self::java_producer::JavaProducer;
pub use self::ports::free_ports;
pub use self::process::Daemon;
pub use self::read_back::{JvmRecord, PartitionSummary, SummaryCrc};
pub use self::trim::Trimmer;
pub use self::wire::Wire;

/// For one exchange with a broker; longer than the limits that requests give to brokers.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a state that brokers reach on their own.
const PATIENCE_SECS: u64 = 120;
/// A broker that is to be thrown away is not waited for any longer.
const FAREWELL: Duration = Duration::from_millis(300);

/// Brokers that run until the value is dropped or the test's process ends, however it does.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    install: Install,
    /// After the nodes: their files go last.
    run_dir: RunDir,
}

impl Cluster {
    /// Starts that many nodes, each broker and controller, and waits until topics can be created.
    #[track_caller]
    pub fn start(nodes: usize) -> Self {
        Self::builder(nodes).start()
    }

    /// For a cluster with settings of its own.
    pub fn builder(nodes: usize) -> ClusterBuilder {
        ClusterBuilder::new(nodes)
    }

    /// `host:port` of every node, separated by commas.
    pub fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers_of(node::PLAINTEXT)
    }

    /// The same for a listener added with [`ClusterBuilder::listener`].
    pub fn bootstrap_servers_of(&self, listener: &str) -> String {
        let addresses = self.nodes.iter().map(|node| node.address(listener));
        let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
        addresses.join(",")
    }

    /// Broker ids of all nodes, of those that are down too.
    pub fn node_ids(&self) -> impl Iterator<Item = i32> + '_ {
        self.nodes.iter().map(|node| node.id)
    }

    /// Where clients reach the node.
    #[track_caller]
    pub fn address(&self, node: i32) -> SocketAddr {
        self.node(node).address(node::PLAINTEXT)
    }

    /// Where the node listens under that name, wherever clients are told that it is.
    #[track_caller]
    pub fn address_of(&self, node: i32, listener: &str) -> SocketAddr {
        self.node(node).address(listener)
    }

    /// The broker's process, `None` while it is down.
    #[track_caller]
    pub fn pid(&self, node: i32) -> Option<i32> {
        self.node(node).pid()
    }

    /// The directory with the segments of the node's partitions.
    #[track_caller]
    pub fn log_dir(&self, node: i32) -> PathBuf {
        self.node(node).log_dir()
    }

    /// What the broker wrote to its console.
    #[track_caller]
    pub fn console_log(&self, node: i32) -> PathBuf {
        self.node(node).console()
    }

    /// A place for files of the test, removed together with the cluster's.
    pub fn dir(&self) -> &Path {
        self.run_dir.path()
    }

    /// A connection to the node for requests of the test's own.
    #[track_caller]
    pub fn connect(&self, node: i32) -> Wire {
        let address = self.address(node);
        Wire::connect(address, PATIENCE)
            .unwrap_or_else(|error| panic!("cannot connect to node {node} at {address}: {error}"))
    }

    /// SIGTERM, and waits until the process is gone. Leaders move away first, so the other nodes
    /// must still make up a quorum.
    #[track_caller]
    pub fn stop_node(&mut self, node: i32) {
        self.try_stop_node(node, Duration::from_secs(PATIENCE_SECS)).unwrap_or_else(|why| panic!("{why}"));
    }

    pub(self) fn try_stop_node(&mut self, node: i32, limit: Duration) -> Result<(), String> {
        let node = self.node_mut(node);
        node.terminate();
        if node.wait_for_end(limit) {
            return Ok(());
        }
        Err(format!("node {} does not end {limit:?} after SIGTERM; {}", node.id, node.last_words()))
    }

    /// SIGKILL, and waits until the process is gone.
    #[track_caller]
    pub fn kill_node(&mut self, node: i32) {
        self.node_mut(node).kill();
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    #[track_caller]
    pub fn freeze_node(&mut self, node: i32) {
        self.node_mut(node).set_frozen(true);
    }

    /// SIGCONT.
    #[track_caller]
    pub fn thaw_node(&mut self, node: i32) {
        self.node_mut(node).set_frozen(false);
    }

    /// Starts a node that was stopped or killed, on its old ports, and waits until it answers and
    /// is a member of the cluster.
    #[track_caller]
    pub fn start_node(&mut self, node: i32) {
        let install = self.install.clone();
        let started = self.node_mut(node).spawn(&install);
        started
            .and_then(|()| self.wait_until_ready(deadline(PATIENCE_SECS)))
            .unwrap_or_else(|why| panic!("cannot start node {node} again: {why}"));
    }

    /// Starts each node again whose process ended though nobody asked for it, and gives the end of what each wrote.
    #[track_caller]
    pub fn start_what_ended(&mut self) -> Vec<String> {
        let ended = self.nodes.iter_mut().filter_map(|node| {
            let last_words = node.check_alive().err()?;
            // Nothing is left to kill.
            node.kill();
            Some((node.id, last_words))
        });
        let ended: Vec<(i32, String)> = ended.collect();
        for (node, _) in &ended {
            self.start_node(*node);
        }
        ended.into_iter().map(|(_, last_words)| last_words).collect()
    }

    #[track_caller]
    fn node(&self, id: i32) -> &Node {
        let count = self.nodes.len();
        let node = self.nodes.iter().find(|node| node.id == id);
        node.unwrap_or_else(|| panic!("no node {id}, there are 1 to {count}"))
    }

    #[track_caller]
    fn node_mut(&mut self, id: i32) -> &mut Node {
        let count = self.nodes.len();
        let node = self.nodes.iter_mut().find(|node| node.id == id);
        node.unwrap_or_else(|| panic!("no node {id}, there are 1 to {count}"))
    }

    /// The nodes that can be asked.
    fn answering(&self) -> impl Iterator<Item = &Node> + '_ {
        self.nodes.iter().filter(|node| node.answers())
    }

    /// Waits until all running nodes answer and each of them knows all of them.
    fn wait_until_ready(&mut self, deadline: Deadline) -> Result<(), String> {
        for node in &mut self.nodes {
            if node.answers() {
                retry(deadline, || node.check_alive().map_err(Failure::Fatal).and_then(|()| probe(node)))?;
            }
        }
        let running: Vec<i32> = self.answering().map(|node| node.id).collect();
        retry(deadline, || {
            for node in &mut self.nodes {
                node.check_alive().map_err(Failure::Fatal)?;
            }
            for &id in &running {
                let known = self.broker_ids_known_to(id).map_err(Failure::Again)?;
                if !running.iter().all(|id| known.contains(id)) {
                    return Err(Failure::Again(format!(
                        "of the nodes {running:?}, node {id} knows only {known:?}; {}",
                        self.node(id).last_words()
                    )));
                }
            }
            Ok(())
        })
    }
}

/// One ApiVersions exchange.
fn probe(node: &Node) -> Result<(), Failure> {
    // Short, since the process is looked at between the attempts. The kernel accepts connections
    // before the broker is ready to answer them.
    let patience = Duration::from_secs(2);
    let answer = Wire::connect(node.address(node::PLAINTEXT), patience)
        .and_then(|mut wire| wire.call(0, &ApiVersionsRequest::default()));
    match answer {
        Ok(answer) if answer.error_code == 0 => Ok(()),
        Ok(answer) => Err(Failure::Again(format!(
            "node {} answers ApiVersions with error {}",
            node.id, answer.error_code
        ))),
        Err(error) => {
            Err(Failure::Again(format!("node {} does not answer: {error}; {}", node.id, node.last_words())))
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All at once: a node waits for the quorum that it would need to hand its leaders over.
        for node in &mut self.nodes {
            node.terminate();
        }
        let farewell = crate::support::clock::deadline_in(FAREWELL);
        for node in &mut self.nodes {
            let patience = if node.is_frozen() { Duration::ZERO } else { farewell.remaining() };
            if !node.wait_for_end(patience) {
                node.kill();
            }
        }
    }
}
