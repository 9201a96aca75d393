//! A Java program of ours that connects to this process and talks with it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::process::{Daemon, last_lines};
use super::{Cluster, PATIENCE_SECS};
use crate::support::clock::{Failure, deadline, retry};

impl Cluster {
    /// Starts it with the port as its first argument and waits for its connection. The program ends with the second
    /// value.
    pub(super) fn called_back(
        &self,
        main: &str,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<(TcpStream, Daemon), String> {
        let told = |error: std::io::Error| error.to_string();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(told)?;
        listener.set_nonblocking(true).map_err(told)?;
        let port = listener.local_addr().map_err(told)?.port().to_string();
        let arguments: Vec<String> = std::iter::once(port).chain(arguments).collect();
        let log = self.dir().join(format!("{main}.log"));
        let mut process = Daemon::spawn(&log, &self.install.own_program(main, &arguments))?;
        let stream = retry(deadline(PATIENCE_SECS), || {
            if let Some(status) = process.exit_status() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::Fatal(format!("it has ended ({status}): {}", last_lines(&said, 30))));
            }
            listener.accept().map_err(|error| Failure::Again(error.to_string()))
        })?
        .0;
        stream.set_nonblocking(false).map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        Ok((stream, process))
    }
}
