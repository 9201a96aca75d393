//! Settings of the cluster that tests hold.

use crate::mock::cluster::Settings;
use crate::mock::handle::MockCluster;

/// Settings of a [`MockCluster`].
#[derive(Clone, Debug)]
pub struct MockClusterBuilder {
    brokers: usize,
    settings: Settings,
}

impl Default for MockClusterBuilder {
    fn default() -> Self {
        let settings = Settings {
            auto_create_topics: true,
            default_partitions: 1,
            leader_not_available_once: false,
            counting: false,
        };
        Self { brokers: 1, settings }
    }
}

impl MockCluster {
    /// A cluster of so many brokers with the settings of [`MockCluster::builder`].
    ///
    /// # Panics
    ///
    /// If there are to be no brokers, or the loopback interface has no port left.
    #[must_use]
    pub fn start(brokers: usize) -> Self {
        Self::builder().brokers(brokers).build()
    }

    /// For a cluster with other settings than the usual ones.
    #[must_use]
    pub fn builder() -> MockClusterBuilder {
        MockClusterBuilder::default()
    }
}

impl MockClusterBuilder {
    /// How many brokers; their node ids are 0, 1, and so on. Default: 1.
    #[must_use]
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Whether a topic is created when its metadata is asked for, unless the request says no. Default: true.
    #[must_use]
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.settings.auto_create_topics = create;
        self
    }

    /// How many partitions topics get that are created so. Default: 1.
    #[must_use]
    pub fn default_partitions(mut self, partitions: usize) -> Self {
        self.settings.default_partitions = partitions;
        self
    }

    /// Whether the answer that creates a topic says `LEADER_NOT_AVAILABLE`, as that of many a broker does; the next
    /// one has its leaders. Default: false.
    #[must_use]
    pub fn leader_not_available_once(mut self, once: bool) -> Self {
        self.settings.leader_not_available_once = once;
        self
    }

    /// Makes it a sink for measurements: batches are counted by their headers, with their checksums checked, and
    /// neither they nor the requests are kept.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.settings.counting = true;
        self
    }

    /// Starts the cluster.
    ///
    /// # Panics
    ///
    /// As [`MockCluster::start`].
    #[must_use]
    pub fn build(self) -> MockCluster {
        MockCluster::build(self.brokers, self.settings)
    }
}
