//! What partitions lose and forget, and how many there are.

use super::*;

impl Scene<'_> {
    /// One that was behind leads: it does not have the newest records, and knows of producers what its own records tell.
    pub(super) fn elect_uncleanly(&mut self) -> Option<MockRuleId> {
        let partition = self.lose_tail()?;
        let able = self.site.core.cluster.able();
        let leader = self.random.choice(able);
        let partition = &mut self.topic().partitions[partition];
        partition.leader = leader.unwrap_or(partition.leader);
        partition.leader_epoch += 1;
        self.harm.unclean_elections += 1;
        None
    }

    /// The leader stays and has lost them.
    pub(super) fn lose_log(&mut self) -> Option<MockRuleId> {
        self.lose_tail();
        None
    }

    /// Whatever is under way: brokers do not do so.
    pub(super) fn forget_producers(&mut self) -> Option<MockRuleId> {
        let partition = self.partition();
        self.topic().partitions[partition].log.forget_producers();
        self.harm.forgets(partition);
        None
    }

    /// Where nobody has sent anything for a while, as brokers do after a day.
    pub(super) fn expire_producers(&mut self) -> Option<MockRuleId> {
        const IDLE: Duration = Duration::from_millis(300);
        let recently = self.now().since(Instant::ZERO).saturating_sub(IDLE);
        let requests = self.site.core.requests.iter().rev().take_while(|request| request.at > recently);
        let busy: Vec<i32> =
            requests.flat_map(|request| &request.batches).map(|batch| batch.partition).collect();
        for partition in 0..self.topic().partitions.len() {
            if !busy.contains(&(partition as i32)) {
                self.topic().partitions[partition].log.forget_producers();
                self.harm.forgets(partition);
            }
        }
        None
    }

    /// It is made anew in a moment. Until then it is led from elsewhere, and whoever is told so is told late: when the next
    /// topic of its name is known, whose epochs begin at 0.
    pub(super) fn doom_topic(&mut self) -> Option<MockRuleId> {
        let able = self.site.core.cluster.able();
        for index in 0..self.topic().partitions.len() {
            let before = self.topic().partitions[index].leader;
            let others: Vec<usize> = able.iter().copied().filter(|able| *able != before).collect();
            let leader = self.random.choice(others);
            let epochs = self.random.i32(1..4);
            let partition = &mut self.topic().partitions[index];
            partition.leader = leader.unwrap_or(partition.leader);
            partition.leader_epoch += epochs;
        }
        let late = self.plan.request_timeout * 3 / 4;
        self.rule(MockRule::delay(late).on(ApiKey::PRODUCE).times(4));
        self.harm.dooms_topic = true;
        None
    }

    pub(super) fn remake_topic(&mut self) {
        self.harm.dooms_topic = false;
        let count = self.topic().partitions.len();
        for partition in 0..count {
            let log = &self.site.core.cluster.topics["t"].partitions[partition].log;
            self.harm.loses(partition, log, 0);
            self.harm.forgets(partition);
        }
        let (cluster, most) = (&mut self.site.core.cluster, self.plan.partitions);
        assert!(cluster.delete_topic("t") && cluster.create_topic("t", count.max(most)));
        self.seat_leaders(0);
        self.harm.remade.push(self.now());
    }

    pub(super) fn add_partitions(&mut self) -> Option<MockRuleId> {
        let count = self.topic().partitions.len();
        let more = self.random.usize(1..=2);
        self.site.core.cluster.add_partitions("t", count + more);
        self.seat_leaders(count);
        None
    }

    pub(super) fn limit_batches(&mut self) -> Option<MockRuleId> {
        self.topic().max_message_bytes = pick(self.random, &[150, 300, 600]);
        None
    }

    /// New partitions, from this one on, are led by brokers that are there.
    fn seat_leaders(&mut self, from: usize) {
        let able = self.site.core.cluster.able();
        for partition in &mut self.topic().partitions[from..] {
            if let Some(leader) = able.get(partition.leader % able.len().max(1)) {
                partition.leader = *leader;
            }
        }
    }

    fn lose_tail(&mut self) -> Option<usize> {
        let partition = self.partition();
        let log =
            &mut self.site.core.cluster.topics.get_mut("t").expect("it is there").partitions[partition].log;
        // A batch is lost as a whole.
        let most = if self.random.bool() { log.next_offset() } else { log.next_offset().min(40) };
        let from = log.start_of_batch(log.next_offset() - self.random.i64(0..=most));
        self.harm.loses(partition, log, from);
        log.truncate(from);
        self.harm.disordered.insert(partition);
        Some(partition)
    }
}

/// `max.message.bytes`, as brokers have it.
pub(super) const USUAL_MOST: usize = 1_048_588;
