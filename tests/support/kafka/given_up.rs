//! What leaders have taken and not kept: with `acks=1` a record that was acknowledged can be among it.

use std::ops::Range;

use super::Cluster;

/// Offsets that a leader gave to records, and whose records it then removed from its log, since a later leader did not
/// have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub partition: i32,
    /// The leader's, in which each offset was given to one record.
    pub leader_epoch: i32,
    pub offsets: Range<i64>,
}

impl Cluster {
    /// From what the brokers have written to their consoles since the cluster was started.
    #[track_caller]
    pub fn given_up(&self, topic: &str) -> Vec<GivenUp> {
        self.consoles().flat_map(|console| given_up(topic, &console)).collect()
    }

    /// See [`forgotten`].
    #[track_caller]
    pub fn forgotten(&self, topic: &str) -> usize {
        self.consoles().map(|console| forgotten(topic, &console)).sum()
    }

    fn consoles(&self) -> impl Iterator<Item = String> {
        self.node_ids().map(|node| {
            let console = self.console_log(node);
            let text = std::fs::read(&console).unwrap_or_else(|why| panic!("{}: {why}", console.display()));
            String::from_utf8_lossy(&text).into_owned()
        })
    }
}

/// How many batches of the topic a broker has refused as out of order although it has stored their sequence numbers. A
/// broker that starts again knows only the last batch of each producer.
pub fn forgotten(topic: &str, console: &str) -> usize {
    let is_forgotten = |line: &str| {
        let (_, place) =
            line.split_once("Out of order sequence number for producer ")?.1.split_once(" in partition ")?;
        let (place, numbers) = place.split_once(": ")?;
        partition(topic, place)?;
        let (incoming, end) = numbers.split_once(" (incoming seq. number), ")?;
        Some(number::<i64>(incoming)? <= number(end)?)
    };
    console.lines().filter(|line| is_forgotten(line) == Some(true)).count()
}

/// Where one broker's log of a partition ends, and what it got in there as the leader.
#[derive(Debug, Default)]
struct Replica {
    partition: i32,
    /// The epoch and the first offset, while it leads.
    leads: Option<(i32, i64)>,
    led: Vec<(i32, Range<i64>)>,
}

/// From one broker's console.
pub fn given_up(topic: &str, console: &str) -> Vec<GivenUp> {
    let (mut replicas, mut all) = (Vec::<Replica>::new(), Vec::new());
    for line in console.lines() {
        let Some((partition, event)) = event(topic, line) else { continue };
        let known = replicas.iter().position(|replica| replica.partition == partition);
        let at = known.unwrap_or_else(|| {
            replicas.push(Replica { partition, ..Replica::default() });
            replicas.len() - 1
        });
        let replica = &mut replicas[at];
        match event {
            Event::Starts { leads, end } => {
                if let Some((epoch, start)) = replica.leads.take() {
                    replica.led.push((epoch, start..end));
                }
                replica.leads = leads.map(|epoch| (epoch, end));
            }
            Event::Truncates { to } => {
                for (leader_epoch, led) in &mut replica.led {
                    let offsets = led.start.max(to)..led.end;
                    led.end = led.end.min(to);
                    if !offsets.is_empty() {
                        all.push(GivenUp { partition, leader_epoch: *leader_epoch, offsets });
                    }
                }
                replica.led.retain(|(_, led)| !led.is_empty());
            }
        }
    }
    all
}

enum Event {
    /// Something new, in `leads` as the leader of that epoch, when its log ended at `end`.
    Starts {
        leads: Option<i32>,
        end: i64,
    },
    Truncates {
        to: i64,
    },
}

/// What a line of Kafka's own log says of a partition of the topic.
fn event(topic: &str, line: &str) -> Option<(i32, Event)> {
    if let Some((before, after)) = line.split_once(" starts at leader epoch ") {
        let (epoch, after) = after.split_once(" from offset ")?;
        let end = number(after)?;
        let (place, leads) = match before.split_once(" Leader ") {
            Some((_, place)) => (place, Some(number(epoch)?)),
            None => (before.split_once(" Follower ")?.1, None),
        };
        return Some((partition(topic, place)?, Event::Starts { leads, end }));
    }
    let (before, after) = line.split_once("] Truncating to offset ")?;
    let (_, place) = before.split_once("[UnifiedLog partition=")?;
    Some((partition(topic, place)?, Event::Truncates { to: number(after)? }))
}

/// `TOPIC-PARTITION` and whatever follows.
fn partition(topic: &str, place: &str) -> Option<i32> {
    number(place.strip_prefix(topic)?.strip_prefix('-')?)
}

/// The digits that the text begins with.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}
