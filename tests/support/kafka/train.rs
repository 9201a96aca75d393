//! One run of a broker and of the reader for the sake of the class-data archives: with them a JVM
//! starts in half the time.

use std::time::Duration;

use super::Cluster;
use super::install::Install;

/// Leaves the archives and a formatted directory's checkpoint in place.
pub(super) fn train(install: &Install) -> Result<(), String> {
    let mut cluster = Cluster::builder(1)
        // Writes the checkpoint that later clusters copy.
        .format_with_tool()
        .start_from(install)?;
    let formatted = cluster.log_dir(1).join("bootstrap.checkpoint");
    std::fs::copy(&formatted, install.checkpoint())
        .map_err(|error| format!("{}: {error}", formatted.display()))?;
    cluster.create_topic("training", 1, 1, &[]);
    // Classes are archived at a regular end only.
    cluster.read_back("training");
    cluster.try_stop_node(1, Duration::from_secs(120))?;
    for archive in install.archives() {
        if !archive.is_file() {
            return Err(format!("the JVM wrote no class-data archive {}", archive.display()));
        }
    }
    Ok(())
}
