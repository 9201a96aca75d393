//! The rules that a test has ordered, and what they come to for a request.

use std::sync::Arc;
use std::time::Duration;

use crate::mock::cluster::View;
use crate::mock::rule::{Action, Edit, Failure, MockRule, MockRuleId, Moment};
use crate::protocol::{ApiKey, ErrorCode};

#[cfg(test)]
mod tests;

#[derive(Default)]
pub(super) struct Faults {
    /// Oldest first.
    rules: Vec<Ordered>,
    /// How often each rule has acted, by its id.
    acted: Vec<usize>,
    /// Brokers whose answers wait.
    pub(super) held: Vec<bool>,
}

struct Ordered {
    id: MockRuleId,
    rule: MockRule,
    /// Of when the rule was added, if it has a use for it.
    view: Option<Arc<View>>,
}

/// What rules are matched against.
pub(super) struct Subject<'a> {
    pub(super) broker: usize,
    pub(super) api: ApiKey,
    pub(super) is_answered: bool,
    /// Of a token: the answer to it is a signature.
    pub(super) awaits_proof: bool,
    pub(super) targets: Vec<Target<'a>>,
}

impl Default for Subject<'_> {
    fn default() -> Self {
        let api = ApiKey::API_VERSIONS;
        Self { broker: 0, api, is_answered: true, awaits_proof: false, targets: Vec::new() }
    }
}

/// What a request is about: a partition of Produce, a topic of Metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
}

/// What is to happen to one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By topic and partition, as the rule named it; nothing of it is "all of them".
    failures: Vec<(Option<String>, Option<i32>, Failure)>,
    omitted: Vec<(String, Option<i32>)>,
    repeated: Vec<(String, Option<i32>)>,
    pub(super) extra: Option<(String, i32)>,
    pub(super) link: Link,
    pub(super) delay: Option<Duration>,
    pub(super) hold: bool,
    pub(super) throttle_ms: Option<i32>,
    pub(super) view: Option<Arc<View>>,
    pub(super) edit: Option<Edit>,
    pub(super) token_edit: Option<Edit>,
    /// A signature is to be a wrong one.
    pub(super) forges: bool,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    #[default]
    Stays,
    Cut {
        moment: Moment,
        reset: bool,
    },
    CutAfterBytes(usize),
    Drip {
        bytes: usize,
        every: Duration,
    },
    BlackHole(Moment),
    LosesAnswer,
}

impl Faults {
    pub(super) fn new(brokers: usize) -> Self {
        Self { held: vec![false; brokers], ..Self::default() }
    }

    /// `view` is what the cluster looks like now.
    pub(super) fn add(&mut self, rule: MockRule, view: impl FnOnce() -> View) -> MockRuleId {
        let id = MockRuleId(self.acted.len());
        self.acted.push(0);
        let view = matches!(rule.action, Action::StaleMetadata).then(|| Arc::new(view()));
        self.rules.push(Ordered { id, rule, view });
        id
    }

    pub(super) fn remove(&mut self, id: MockRuleId) {
        self.rules.retain(|ordered| ordered.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn acted(&self, id: MockRuleId) -> usize {
        self.acted[id.0]
    }

    /// Whether no rule could act on anything; then no plan is needed.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Which rules act on a request, and what they make of it. Those that have acted often enough go.
    pub(super) fn plan(&mut self, subject: &Subject<'_>) -> Plan {
        let mut plan = Plan::default();
        for Ordered { id, rule, view } in &mut self.rules {
            if !rule.matches(subject) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times == 0 || !plan.has_room(rule, subject) {
                continue;
            }
            if rule.times != usize::MAX {
                rule.times -= 1;
            }
            self.acted[id.0] += 1;
            plan.take(rule, view.clone());
        }
        self.rules.retain(|ordered| ordered.rule.times > 0);
        plan
    }
}

/// The shortest ways to order what tests order most.
impl Faults {
    pub(super) fn fail_produce(&mut self, topic: &str, partition: i32, code: ErrorCode, times: usize) {
        let rule = MockRule::fail(code).on(ApiKey::PRODUCE).partition(topic, partition);
        self.add(rule.times(times), View::default);
    }

    pub(super) fn fail_metadata(&mut self, topic: &str, code: ErrorCode, times: usize) {
        self.add(MockRule::fail(code).on(ApiKey::METADATA).topic(topic).times(times), View::default);
    }

    pub(super) fn fail_init_producer_id(&mut self, code: ErrorCode, times: usize) {
        self.add(MockRule::fail(code).on(ApiKey::INIT_PRODUCER_ID).times(times), View::default);
    }

    /// Of any broker, or of this one.
    pub(super) fn cut_produce_responses(&mut self, broker: impl Into<Option<usize>>, times: usize) {
        let rule = MockRule::cut_after_append().on(ApiKey::PRODUCE).times(times);
        self.add(MockRule { broker: broker.into(), ..rule }, View::default);
    }
}

impl MockRule {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.api.is_none_or(|api| api == subject.api)
            && self.broker.is_none_or(|broker| broker == subject.broker)
            && (subject.is_answered || !self.action.is_about_the_answer())
            && self.action.is_for(subject)
            && (self.topic.is_none() || subject.targets.iter().any(|target| self.is_about(target)))
    }

    fn is_about(&self, target: &Target<'_>) -> bool {
        self.topic.as_deref().is_none_or(|topic| topic == target.topic)
            && (self.partition.is_none() || target.partition.is_none() || self.partition == target.partition)
    }
}

impl Action {
    fn is_about_the_answer(&self) -> bool {
        !matches!(
            self,
            Self::Fail(_) | Self::BlackHole(Moment::Before) | Self::Cut { moment: Moment::Before, .. }
        )
    }

    fn is_for(&self, subject: &Subject<'_>) -> bool {
        let api = subject.api;
        match self {
            Self::OmitPartition | Self::RepeatPartition | Self::ExtraPartition(..) => api == ApiKey::PRODUCE,
            Self::StaleMetadata => api == ApiKey::METADATA,
            Self::EditToken(_) => api == ApiKey::SASL_AUTHENTICATE,
            Self::ForgeSignature => subject.awaits_proof && api == ApiKey::SASL_AUTHENTICATE,
            _ => true,
        }
    }
}

impl Plan {
    /// Whatever is asked fails.
    pub(super) fn failing(code: ErrorCode) -> Self {
        let failure = Failure { code, appends: None, words: None };
        Self { failures: vec![(None, None, failure)], ..Self::default() }
    }

    /// Whether the request is acted on at all.
    pub(super) fn acts(&self) -> bool {
        !matches!(self.link, Link::Cut { moment: Moment::Before, .. } | Link::BlackHole(Moment::Before))
    }

    /// Whether a rule has anything left to do, after older ones.
    fn has_room(&self, rule: &MockRule, subject: &Subject<'_>) -> bool {
        let any = |is_taken: &dyn Fn(&Target<'_>) -> bool| {
            subject.targets.iter().any(|target| rule.is_about(target) && !is_taken(target))
        };
        match &rule.action {
            // Partitions that it does not lead a broker refuses by itself.
            Action::Fail(_) if subject.api == ApiKey::PRODUCE => {
                any(&|target| self.failure(target.topic, target.partition).is_some())
            }
            Action::Fail(_) if subject.targets.is_empty() => self.failures.is_empty(),
            Action::Fail(_) => any(&|target| self.failure(target.topic, rule.partition).is_some()),
            Action::OmitPartition => any(&|target| among(&self.omitted, target.topic, target.partition)),
            Action::RepeatPartition => any(&|target| among(&self.repeated, target.topic, target.partition)),
            Action::Cut { .. }
            | Action::CutAfterBytes(_)
            | Action::Drip { .. }
            | Action::BlackHole(_)
            | Action::LoseAnswer => self.link == Link::Stays,
            Action::Delay(_) => self.delay.is_none(),
            Action::Hold => !self.hold,
            Action::Throttle(_) => self.throttle_ms.is_none(),
            Action::StaleMetadata => self.view.is_none(),
            Action::ExtraPartition(..) => self.extra.is_none(),
            Action::Edit(_) => self.edit.is_none(),
            Action::EditToken(_) => self.token_edit.is_none(),
            Action::ForgeSignature => !self.forges,
        }
    }

    fn take(&mut self, rule: &MockRule, view: Option<Arc<View>>) {
        let place = || (rule.topic.clone().unwrap_or_default(), rule.partition);
        match &rule.action {
            Action::Fail(failure) => {
                self.failures.push((rule.topic.clone(), rule.partition, failure.clone()))
            }
            Action::OmitPartition => self.omitted.push(place()),
            Action::RepeatPartition => self.repeated.push(place()),
            Action::Cut { moment, reset } => self.link = Link::Cut { moment: *moment, reset: *reset },
            Action::CutAfterBytes(bytes) => self.link = Link::CutAfterBytes(*bytes),
            Action::Drip { bytes, every } => self.link = Link::Drip { bytes: *bytes, every: *every },
            Action::BlackHole(moment) => self.link = Link::BlackHole(*moment),
            Action::Delay(by) => self.delay = Some(*by),
            Action::Hold => self.hold = true,
            Action::Throttle(milliseconds) => self.throttle_ms = Some(*milliseconds),
            Action::StaleMetadata => self.view = view,
            Action::ExtraPartition(topic, partition) => self.extra = Some((topic.clone(), *partition)),
            Action::Edit(edit) => self.edit = Some(edit.clone()),
            Action::EditToken(edit) => self.token_edit = Some(edit.clone()),
            Action::ForgeSignature => self.forges = true,
            Action::LoseAnswer => self.link = Link::LosesAnswer,
        }
    }

    /// How a partition fails, or (without one) a topic as a whole.
    pub(super) fn failure(&self, topic: &str, partition: Option<i32>) -> Option<&Failure> {
        let about = |wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| wanted == topic);
        let mut failures = self.failures.iter();
        let is_it = |(wanted, number, _): &&(_, Option<i32>, _)| {
            about(wanted) && (number.is_none() || *number == partition)
        };
        failures.find(is_it).map(|(.., failure)| failure)
    }

    /// How a request fails that is about no topics.
    pub(super) fn whole_failure(&self) -> Option<ErrorCode> {
        self.failures.first().map(|(.., failure)| failure.code)
    }

    /// And in which words, if it has a place for them.
    pub(super) fn words(&self) -> Option<String> {
        self.failures.first().and_then(|(.., failure)| failure.words.as_deref()).map(str::to_owned)
    }

    pub(super) fn omits(&self, topic: &str, partition: i32) -> bool {
        among(&self.omitted, topic, Some(partition))
    }

    pub(super) fn repeats(&self, topic: &str, partition: i32) -> bool {
        among(&self.repeated, topic, Some(partition))
    }
}

/// No topic in the list is all of them.
fn among(places: &[(String, Option<i32>)], topic: &str, partition: Option<i32>) -> bool {
    places.iter().any(|(wanted, number)| {
        (wanted.is_empty() || wanted == topic) && (number.is_none() || *number == partition)
    })
}
