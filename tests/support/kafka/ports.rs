//! Ports that are free now and that nobody takes by accident later.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

const LOWEST: u16 = 15_000;

/// A random number, other in each call and each process.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Free ports on the loopback interface, all different.
///
/// They lie below the range from which the kernel serves outgoing connections: from within it, a
/// connection of some other program could take the port of a node that is stopped, and a poll for
/// a node that is not up yet could connect to itself.
pub fn free_ports(count: usize) -> BTreeSet<u16> {
    let end = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|&start: &u16| start > LOWEST + 1_000)
        .unwrap_or(32_768);
    let mut ports = BTreeSet::new();
    // Bounded, so a machine without sockets does not hang the test.
    for _ in 0..10_000 {
        if ports.len() == count {
            return ports;
        }
        let offset = random() % u64::from(end - LOWEST);
        let port = LOWEST + u16::try_from(offset).expect("less than a port");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            ports.insert(port);
        }
    }
    panic!("no {count} free ports on 127.0.0.1");
}
