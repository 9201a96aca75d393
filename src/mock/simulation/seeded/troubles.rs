//! What goes wrong in a seeded run, when, and how it is healed.

use super::*;
use crate::mock::cluster::Topic;
use crate::mock::{MockRule, MockRuleId};

mod answers;
mod brokers;
mod harm;
mod logs;
mod network;

pub(super) use harm::{Fault, Harm};

/// Where trouble is made.
struct Scene<'a> {
    site: &'a mut Site,
    harm: &'a mut Harm,
    random: &'a mut fastrand::Rng,
    me: &'a Me,
    plan: &'a Plan,
}

/// Makes all the trouble of a run, one fault after another, and heals everything at the end.
pub(super) fn make(world: &World, plan: &Plan, ledger: &Ledger, me: &Me, random: &mut fastrand::Rng) -> Harm {
    let mut harm = Harm::default();
    let mut number = 0;
    while number < plan.trouble || !has_enough(world, plan, &harm) {
        if number > 0 {
            await_records(ledger, me, random, plan.records * number / plan.trouble);
        }
        let table = if number == 0 { FIRST } else { FAULTS };
        number += 1;
        world.shared.with(|site| Scene { site, harm: &mut harm, random, me, plan }.make(table));
        world.shared.stir();
        if harm.dooms_topic {
            me.sleep(random.u64(20_000_000..300_000_000));
            world.shared.with(|site| Scene { site, harm: &mut harm, random, me, plan }.remake_topic());
            world.shared.stir();
        }
        if random.u8(..3) == 0 {
            me.sleep(random.u64(..500_000_000));
            world.shared.with(|site| Scene { site, harm: &mut harm, random, me, plan }.heal_a_while());
            world.shared.stir();
        }
    }
    me.sleep(random.u64(..500_000_000));
    world.shared.with(|site| {
        Scene { site, harm: &mut harm, random, me, plan }.heal();
        site.patience = Some(Instant::from_nanos(me.now()) + PATIENCE);
    });
    world.shared.stir();
    harm.healed_at = Some(Instant::from_nanos(me.now()));
    harm
}

/// So that each fault meets some. Not for ever: what went wrong before may keep users waiting.
fn await_records(ledger: &Ledger, me: &Me, random: &mut fastrand::Rng, records: usize) {
    let most = random.u64(100_000_000..1_500_000_000);
    let until = me.now() + most;
    while ledger.sent.lock().len() < records && me.now() < until {
        me.sleep(random.u64(..40_000_000));
    }
    me.sleep(random.u64(..60_000_000));
}

/// Whether enough has gone wrong, or so much was ordered that no more is to be had.
fn has_enough(world: &World, plan: &Plan, harm: &Harm) -> bool {
    const MOST: usize = 60;
    let has_acted =
        |site: &Site, fault: &Fault| fault.rule.is_none_or(|rule| site.core.faults.acted(rule) > 0);
    let acted = world.shared.with(|site| harm.faults.iter().filter(|it| has_acted(site, it)).count());
    acted >= plan.trouble.min(LEAST) || harm.faults.len() >= MOST
}

impl Scene<'_> {
    fn make(&mut self, table: &[Row]) {
        let all: u32 = table.iter().map(|(weight, ..)| weight).sum();
        let mut lot = self.random.u32(..all);
        for (weight, name, fault) in table {
            if lot < *weight {
                let fault = Fault { name, at: self.now(), rule: fault(self) };
                self.me.note(fault.name.as_bytes());
                self.me.note(&fault.at.nanos().to_be_bytes());
                self.me.note(&[u8::from(fault.rule.is_some())]);
                schedule::tell(|| Tale::Fault(fault.name));
                return self.harm.faults.push(fault);
            }
            lot -= weight;
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.me.now())
    }

    /// Any that there is, whatever state it is in.
    fn broker(&mut self) -> usize {
        self.random.usize(..self.site.core.cluster.brokers.len())
    }

    fn topic(&mut self) -> &mut Topic {
        self.site.core.cluster.topics.get_mut("t").expect("it is there")
    }

    fn partition(&mut self) -> usize {
        let count = self.topic().partitions.len();
        self.random.usize(..count)
    }

    fn rule(&mut self, rule: MockRule) -> Option<MockRuleId> {
        let Core { faults, cluster, .. } = &mut self.site.core;
        Some(faults.add(rule, || cluster.view()))
    }

    /// Nothing stands in the way any more.
    fn heal(&mut self) {
        self.heal_a_while();
        self.forget_rules();
    }

    /// Nothing but what is still to happen to requests that are to come.
    fn heal_a_while(&mut self) {
        self.heal_network();
        self.heal_logins();
        self.heal_brokers();
        self.topic().max_message_bytes = logs::USUAL_MOST;
    }
}

/// So long users may go on when everything is healed: far more than the most that they send, pause and wait.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Of the faults of a run that is not calm so many act.
pub(super) const LEAST: usize = 5;

/// How often each comes, what it is called, and what it does. A rule acts, if it does, on requests that come later.
type Row = (u32, &'static str, fn(&mut Scene<'_>) -> Option<MockRuleId>);

/// What goes wrong at the very beginning: producer ids are asked for then, and hardly later.
const FIRST: &[Row] = &[
    (4, "InitProducerId goes wrong", |it| it.spoil_init_producer_id()),
    (1, "Metadata goes wrong", |it| it.spoil_metadata()),
    (1, "setting up connections goes wrong", |it| it.spoil_set_up()),
    (2, "a broker stops", |it| it.stop()),
    (1, "no name can be looked up", |it| it.lose_names()),
];

const FAULTS: &[Row] = &[
    (4, "a broker stops", |it| it.stop()),
    (4, "a broker is started again", |it| it.restart()),
    (3, "a broker is cut off from its controller", |it| it.cut_off()),
    (2, "a broker is added", |it| it.add()),
    (2, "a broker is removed", |it| it.remove()),
    (2, "a broker comes back at another address", |it| it.move_away()),
    (1, "two brokers change places", |it| it.swap()),
    (2, "names change their addresses", |it| it.rename()),
    (1, "no name can be looked up", |it| it.lose_names()),
    (6, "a leader moves", |it| it.move_leader()),
    (2, "a password is changed", |it| it.change_password()),
    (1, "sessions get another lifetime", |it| it.change_lifetime()),
    (2, "a broker answers nobody", |it| it.hold()),
    (2, "a broker reads nothing", |it| it.stall()),
    (2, "dials to a broker are swallowed", |it| it.swallow_dials()),
    (2, "a broker is rude", |it| it.be_rude()),
    (2, "a broker holds clients back", |it| it.throttle()),
    (3, "the client is frozen", |it| it.freeze()),
    (3, "an unclean election loses records", |it| it.elect_uncleanly()),
    (1, "a log is lost", |it| it.lose_log()),
    (4, "a partition forgets its producers", |it| it.forget_producers()),
    (4, "idle producers expire", |it| it.expire_producers()),
    (2, "the topic is made anew, and answers about that of before are on their way", |it| it.doom_topic()),
    (2, "partitions are added", |it| it.add_partitions()),
    (5, "batches may be as large as", |it| it.limit_batches()),
    (10, "Produce goes wrong", |it| it.spoil_produce()),
    (5, "Produce fails", |it| it.fail_produce()),
    (4, "an answer to Produce says too little or too much", |it| it.misanswer_produce()),
    (4, "Metadata goes wrong", |it| it.spoil_metadata()),
    (3, "metadata are stale", |it| it.tell_stale_metadata()),
    (4, "setting up connections goes wrong", |it| it.spoil_set_up()),
];
