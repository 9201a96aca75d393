//! Brokers come, go, move and are cut off; leaders change.

use super::*;

impl Scene<'_> {
    pub(super) fn stop(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        self.site.stop(broker);
        None
    }

    pub(super) fn restart(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        self.end_connections(broker);
        None
    }

    /// It goes on for its clients: it leads what it has led, and tells what it knew. Others lead for the rest of the
    /// cluster, and what is appended to it is lost.
    pub(super) fn cut_off(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        if self.site.core.cluster.able().contains(&broker) {
            self.site.core.cut_off(broker);
        }
        None
    }

    pub(super) fn add(&mut self) -> Option<MockRuleId> {
        const MOST: usize = 6;
        if self.site.core.cluster.brokers.len() < MOST {
            let broker = self.site.core.cluster.add_broker(town::PORT);
            self.site.core.faults.held.push(false);
            self.in_town(|town, cluster| town.move_in(cluster, broker));
            self.lead_some(broker);
        }
        None
    }

    /// For good: others lead from now on, and nobody tells of it.
    pub(super) fn remove(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        if self.site.core.cluster.able().iter().any(|able| *able != broker) {
            self.rejoin(broker);
            self.site.core.cluster.leave_leaders(broker);
            self.site.stop(broker);
            self.in_town(|town, _| town.move_out(broker));
            self.harm.removed.insert(broker);
        }
        None
    }

    pub(super) fn move_away(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        if !self.harm.removed.contains(&broker) {
            self.in_town(|town, cluster| town.move_in(cluster, broker));
            self.end_connections(broker);
        }
        None
    }

    pub(super) fn swap(&mut self) -> Option<MockRuleId> {
        let (one, other) = (self.broker(), self.broker());
        self.in_town(|town, cluster| town.swap(cluster, one, other));
        self.end_connections(one);
        self.end_connections(other);
        None
    }

    /// All brokers move, and the names of those to begin with as well.
    pub(super) fn rename(&mut self) -> Option<MockRuleId> {
        for broker in 0..self.site.core.cluster.brokers.len() {
            if !self.harm.removed.contains(&broker) {
                self.in_town(|town, cluster| town.move_in(cluster, broker));
                self.end_connections(broker);
            }
        }
        if self.random.bool() {
            self.in_town(|town, _| town.renew_bootstrap());
        }
        None
    }

    pub(super) fn lose_names(&mut self) -> Option<MockRuleId> {
        self.in_town(|town, _| town.is_without_names = true);
        // Or nobody would look one up.
        self.restart()
    }

    pub(super) fn move_leader(&mut self) -> Option<MockRuleId> {
        let (broker, partition) = (self.broker(), self.partition());
        if self.site.core.cluster.able().contains(&broker) {
            let partition = &mut self.topic().partitions[partition];
            partition.leader = broker;
            partition.leader_epoch += 1;
        }
        None
    }

    pub(super) fn change_password(&mut self) -> Option<MockRuleId> {
        let password = pick(self.random, &["another", "another", PASSWORD]);
        self.give_password(password);
        // Who has logged in has to do it again.
        self.restart()
    }

    pub(super) fn change_lifetime(&mut self) -> Option<MockRuleId> {
        self.site.core.cluster.settings.credentials.lifetime = pick(self.random, &LIFETIMES);
        None
    }

    pub(super) fn heal_logins(&mut self) {
        self.give_password(PASSWORD);
    }

    pub(super) fn heal_brokers(&mut self) {
        for broker in 0..self.site.core.cluster.brokers.len() {
            self.rejoin(broker);
            self.site.core.faults.held[broker] = false;
            let healed = &mut self.site.core.cluster.brokers[broker];
            healed.running = !self.harm.removed.contains(&broker);
            healed.throttle_ms = 0;
        }
        self.in_town(|town, _| {
            town.is_without_names = false;
            town.renew_bootstrap();
        });
        let removed: Vec<usize> = self.harm.removed.iter().copied().collect();
        removed.into_iter().for_each(|broker| self.site.core.cluster.leave_leaders(broker));
    }

    fn rejoin(&mut self, broker: usize) {
        if let Some(island) = self.site.core.rejoin(broker) {
            self.harm.loses_island(&island, &self.site.core.cluster);
        }
    }

    /// Where brokers ask for one.
    fn give_password(&mut self, password: &str) {
        let credentials = &mut self.site.core.cluster.settings.credentials;
        if credentials.are_asked_for() {
            credentials.set_user(USER, password);
        }
    }

    fn lead_some(&mut self, broker: usize) {
        for partition in &mut self.site.core.cluster.topics.get_mut("t").expect("it is there").partitions {
            if self.random.bool() {
                partition.leader = broker;
                partition.leader_epoch += 1;
            }
        }
    }

    /// As a broker does that is started again at once.
    pub(super) fn end_connections(&mut self, broker: usize) {
        self.site.stop(broker);
        self.site.core.cluster.brokers[broker].running = !self.harm.removed.contains(&broker);
    }

    fn in_town(&mut self, act: impl FnOnce(&mut Town, &mut crate::mock::cluster::Cluster)) {
        act(self.site.town.as_mut().expect("seeded runs have one"), &mut self.site.core.cluster);
    }
}
