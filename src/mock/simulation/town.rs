//! Where brokers live: which machines a name stands for, and who listens at an address. Both change in a seeded run.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::mock::cluster::Cluster;

/// All names and addresses that there are.
#[derive(Default)]
pub(super) struct Town {
    names: BTreeMap<String, Vec<IpAddr>>,
    places: BTreeMap<SocketAddr, usize>,
    /// Addresses that were ever given away.
    given: u8,
    /// Whether metadata tell names or bare addresses.
    tells_names: bool,
    /// No name can be looked up: the answer is an error.
    pub(super) is_without_names: bool,
}

impl Town {
    /// Each broker gets an address and a name of its own, and `bootstrap` stands for all of them.
    pub(super) fn new(cluster: &mut Cluster, tells_names: bool) -> Self {
        let mut town = Self { tells_names, ..Self::default() };
        for broker in 0..cluster.brokers.len() {
            town.move_in(cluster, broker);
        }
        town.renew_bootstrap();
        town
    }

    /// At an address of its own, that was nobody's before.
    pub(super) fn move_in(&mut self, cluster: &mut Cluster, broker: usize) {
        self.given += 1;
        self.settle(cluster, broker, IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.given)));
    }

    /// Nobody listens any more where the broker did. What its name stands for stays.
    pub(super) fn move_out(&mut self, broker: usize) {
        self.places.retain(|_, resident| *resident != broker);
    }

    /// Two brokers change places, and their connections with them.
    pub(super) fn swap(&mut self, cluster: &mut Cluster, one: usize, other: usize) {
        let (Some(first), Some(second)) = (self.address(one), self.address(other)) else { return };
        self.settle(cluster, one, second);
        self.settle(cluster, other, first);
    }

    /// `bootstrap` stands for where brokers are now.
    pub(super) fn renew_bootstrap(&mut self) {
        let addresses = self.places.keys().map(SocketAddr::ip).collect();
        self.names.insert(BOOTSTRAP.to_owned(), addresses);
    }

    pub(super) fn broker_at(&self, address: SocketAddr) -> Option<usize> {
        self.places.get(&address).copied()
    }

    /// What a name stands for; bare addresses stand for themselves.
    pub(super) fn look_up(&self, host: &str) -> Option<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Some(vec![address]);
        }
        self.names.get(host).filter(|_| !self.is_without_names).cloned()
    }

    fn address(&self, broker: usize) -> Option<IpAddr> {
        self.places.iter().find(|(_, resident)| **resident == broker).map(|(address, _)| address.ip())
    }

    fn settle(&mut self, cluster: &mut Cluster, broker: usize, address: IpAddr) {
        let place = SocketAddr::new(address, PORT);
        self.places.retain(|at, resident| *resident != broker || *at == place);
        self.places.insert(place, broker);
        let name = name(broker);
        self.names.insert(name.clone(), vec![address]);
        let host = if self.tells_names { name } else { address.to_string() };
        cluster.brokers[broker].advertised = Some((host, PORT));
    }
}

pub(super) fn name(broker: usize) -> String {
    format!("node-{broker}")
}

pub(super) const BOOTSTRAP: &str = "bootstrap";
pub(super) const PORT: u16 = 9092;
