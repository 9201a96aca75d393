//! Brokers and the network between that stand still, swallow, or make no sense; and a client that stands still itself.

use super::*;

impl Scene<'_> {
    pub(super) fn hold(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        self.site.core.faults.held[broker] = true;
        None
    }

    pub(super) fn stall(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        let stalled = match self.random.bool() {
            true => &mut self.site.mischief.stalled,
            false => &mut self.site.mischief.stalled_after_handshake,
        };
        stalled.push(broker);
        None
    }

    pub(super) fn swallow_dials(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        self.site.black_holes.push(broker);
        self.end_connections(broker);
        None
    }

    pub(super) fn be_rude(&mut self) -> Option<MockRuleId> {
        let rudeness = [
            Rudeness::Leaves,
            Rudeness::HangsUp,
            Rudeness::TakesNoRecords,
            Rudeness::TakesAtMost(self.random.usize(200..2000)),
            Rudeness::Babbles,
            Rudeness::Mistakes,
        ];
        self.site.mischief.rudeness = Some(pick(self.random, &rudeness));
        let broker = self.broker();
        self.site.mischief.polite =
            (0..self.site.core.cluster.brokers.len()).filter(|it| *it != broker).collect();
        None
    }

    pub(super) fn throttle(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        self.site.core.cluster.brokers[broker].throttle_ms = self.random.i32(1..1000);
        None
    }

    /// Time passes, and nobody but the brokers does anything.
    pub(super) fn freeze(&mut self) -> Option<MockRuleId> {
        const STEP: Duration = Duration::from_secs(1);
        let (began, seconds) = (self.now(), self.random.u32(5..=60));
        for _ in 0..seconds {
            self.me.advance(STEP.as_nanos() as u64);
            self.site.live(self.now());
        }
        self.harm.frozen.push((began, STEP * seconds));
        None
    }

    pub(super) fn heal_network(&mut self) {
        self.site.mischief = Mischief::default();
        self.site.weather.mute_names = 0;
        self.site.black_holes.clear();
        self.site.core.release_held(|_| true);
    }

    pub(super) fn forget_rules(&mut self) {
        self.site.core.faults.clear();
    }
}
