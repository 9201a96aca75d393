//! Makes a failing seed smaller: as little of it as still fails by the same check.

use super::*;

/// What a seed's plan is to have less of. It is said as `records=40,trouble=3,calm`, in the variable
/// `KAFKA_PRODUCER_SIMULATION_LESS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Less {
    pub(super) records: Option<usize>,
    pub(super) trouble: Option<usize>,
    pub(super) users: Option<usize>,
    flags: Vec<&'static str>,
}

/// Each makes a plan simpler.
type Flag = (&'static str, fn(&mut Plan));

const FLAGS: &[Flag] = &[
    ("calm", |plan| plan.weather = Weather::default()),
    ("steady", |plan| plan.habits = Habits { turn: plan.habits.turn, ..STEADY }),
    ("open", |plan| plan.asks = false),
    ("plain", |plan| plan.compression = crate::record::Compression::None),
    ("lasting", |plan| (plan.metadata_max_age, plan.connections_max_idle) = (secs(300), None)),
    ("roomy", |plan| (plan.memory, plan.batch_max_bytes, plan.request_max_bytes) = (1 << 20, None, None)),
    ("open_end", |plan| plan.closes = None),
    ("fresh", |plan| plan.first_epoch = 0),
    ("trusted", |plan| plan.chooser = plan::Chooser::Default),
    ("small", |plan| plan.most = 20),
    ("lone", |plan| plan.in_flight = Some(1)),
    ("sent_at_once", |plan| plan.manual_flush = false),
    ("uncounted", |plan| plan.batch_records = None),
    ("kept", |plan| plan.purges = false),
    ("one_partition", |plan| plan.partitions = 1),
    ("one_broker", |plan| plan.brokers = 1),
];

impl Less {
    pub(super) fn asked_for() -> Self {
        std::env::var(VARIABLE).map_or_else(|_| Self::default(), |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut less = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("records", count)) => less.records = Some(count.parse().unwrap()),
                Some(("trouble", count)) => less.trouble = Some(count.parse().unwrap()),
                Some(("users", count)) => less.users = Some(count.parse().unwrap()),
                _ => {
                    let known = FLAGS.iter().find(|(name, _)| *name == part);
                    less.flags.push(known.unwrap_or_else(|| panic!("{VARIABLE} knows no {part}")).0);
                }
            }
        }
        less
    }

    pub(super) fn apply(&self, plan: &mut Plan) {
        plan.records = self.records.map_or(plan.records, |most| most.min(plan.records));
        plan.trouble = self.trouble.map_or(plan.trouble, |most| most.min(plan.trouble));
        plan.users = self.users.map_or(plan.users, |most| most.min(plan.users));
        plan.closes = plan.closes.filter(|closes| *closes < plan.users);
        FLAGS.iter().filter(|(name, _)| self.flags.contains(name)).for_each(|(_, simplify)| simplify(plan));
    }

    pub(super) fn words(&self) -> String {
        let numbers = [("records", self.records), ("trouble", self.trouble), ("users", self.users)];
        let numbers = numbers.into_iter().filter_map(|(name, count)| Some(format!("{name}={}", count?)));
        numbers.chain(self.flags.iter().map(|name| (*name).to_owned())).collect::<Vec<_>>().join(",")
    }

    /// Everything that is one step smaller, what leaves out most first.
    fn smaller(&self, plan: &Plan) -> Vec<Self> {
        let mut all = Vec::new();
        for count in [plan.records / 4, plan.records * 3 / 4] {
            all.extend(
                (count >= plan.users && count < plan.records)
                    .then(|| Self { records: Some(count), ..self.clone() }),
            );
        }
        for count in [plan.trouble / 2, plan.trouble.saturating_sub(1)] {
            all.extend((count < plan.trouble).then(|| Self { trouble: Some(count), ..self.clone() }));
        }
        all.extend((plan.users > 1).then(|| Self { users: Some(plan.users - 1), ..self.clone() }));
        for (name, _) in FLAGS.iter().filter(|(name, _)| !self.flags.contains(name)) {
            let mut less = self.clone();
            less.flags.push(name);
            all.push(less);
        }
        all
    }
}

const VARIABLE: &str = "KAFKA_PRODUCER_SIMULATION_LESS";

/// Tries smaller plans, so many times at most; `fails` says whether one fails as the first did.
pub(super) fn shrink(
    first: Less,
    most_runs: usize,
    plan_of: impl Fn(&Less) -> Plan,
    mut fails: impl FnMut(&Less) -> bool,
) -> Less {
    let (mut best, mut runs) = (first, 0);
    loop {
        let before = best.clone();
        // What did not help once is not tried again in a round.
        for index in 0.. {
            let smaller = best.smaller(&plan_of(&best));
            let Some(less) = smaller.get(index) else { break };
            if runs == most_runs {
                return best;
            }
            runs += 1;
            if fails(less) {
                best = less.clone();
            }
        }
        if best == before {
            return best;
        }
    }
}

#[test]
fn what_does_not_matter_is_left_out() {
    let plan_of = |less: &Less| {
        let mut plan = Plan::draw(&mut fastrand::Rng::with_seed(2));
        plan.trouble = 9;
        less.apply(&mut plan);
        plan
    };
    let runs = std::cell::Cell::new(0);
    // It fails if three things go wrong while brokers ask who one is.
    let fails = |less: &Less| {
        runs.set(runs.get() + 1);
        let plan = plan_of(less);
        plan.trouble >= 3 && !less.flags.contains(&"open") && plan.records >= 50
    };
    let less = shrink(Less::default(), 200, plan_of, fails);
    let plan = plan_of(&less);
    assert_eq!((plan.trouble, plan.users), (3, 1), "{less:?}");
    assert!((50..70).contains(&plan.records) && less.flags.len() == FLAGS.len() - 1, "{less:?}");
    assert!(runs.get() <= 200);
    assert_eq!(Less::parse(&less.words()), less);
    runs.set(0);
    shrink(Less::default(), 7, plan_of, |_| {
        runs.set(runs.get() + 1);
        true
    });
    assert_eq!(runs.get(), 7);
}
