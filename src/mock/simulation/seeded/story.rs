//! The story of a run that failed, for people: who did what when, what was asked and answered, what went wrong. It ends with
//! everything about the record at fault.

use std::collections::BTreeSet;

use super::evidence::{Answer, Told};
use super::*;
use crate::mock::simulation::tales::Asked;

/// What a run leaves behind, however it ends.
pub(super) struct Remains {
    pub(super) me: Me,
    pub(super) plan: Arc<Plan>,
    pub(super) ledger: Arc<Ledger>,
}

struct Line {
    at: u64,
    text: String,
    is_about_it: bool,
}

/// The last lines of the story, so many, and all that are about the record with this mark.
pub(super) fn tell(remains: &Remains, last: usize, mark: Option<&[u8]>) -> String {
    let mut lines = lines(remains, mark);
    lines.sort_by_key(|line| line.at);
    let mut text = format!("The story, its last {last} of {} lines:\n", lines.len());
    for line in &lines[lines.len().saturating_sub(last)..] {
        text += &line.words();
    }
    if let Some(mark) = mark {
        text += &format!("Everything about {}:\n", String::from_utf8_lossy(&mark[..mark.len().min(24)]));
        lines.iter().filter(|line| line.is_about_it).for_each(|line| text += &line.words());
    }
    text
}

impl Line {
    fn words(&self) -> String {
        format!("{:>12.6} s  {}\n", self.at as f64 / 1e9, self.text)
    }
}

fn lines(remains: &Remains, mark: Option<&[u8]>) -> Vec<Line> {
    let (mut lines, mut asked, mut brought) = (Vec::new(), Asked::new(), BTreeSet::new());
    for entry in remains.me.take_story() {
        let Some(tale) = entry.what.downcast_ref::<Tale>() else { continue };
        let text = tale.words(&mut asked);
        if mark.is_some_and(|mark| tale.brings(mark)) {
            brought.insert(tale.exchange());
        }
        let is_about_it = matches!(tale, Tale::Fault(_)) || brought.contains(&tale.exchange());
        lines.push(Line { at: entry.at, text: format!("{:<16} {text}", entry.who), is_about_it });
    }
    for sent in &*remains.ledger.sent.lock() {
        let told = Told::of(sent);
        let is_about_it = mark == Some(told.mark());
        lines.push(Line { at: told.at.nanos(), text: told.words(), is_about_it });
    }
    for call in &*remains.ledger.calls.lock() {
        let users::Call { who, what, limit, began, took, ok } = call;
        let result = if *ok { "ok" } else { "failed" };
        let text = format!("{:<16} {what}({limit:?}) took {took:?}, {result}", user(*who));
        lines.push(Line { at: began.nanos(), text, is_about_it: false });
    }
    for (resolved, at) in &*remains.ledger.resolved.lock() {
        let words = String::from_utf8_lossy(&resolved[..resolved.len().min(24)]).into_owned();
        let text = format!("{:<16} {words} has its result", "the sender");
        lines.push(Line { at: at.nanos(), text, is_about_it: mark == Some(&resolved[..]) });
    }
    lines
}

fn user(number: usize) -> String {
    if number == users::CALLBACKS { "a callback".to_owned() } else { format!("user {number}") }
}

impl Told {
    fn words(&self) -> String {
        let mark = String::from_utf8_lossy(&self.mark()[..self.mark().len().min(24)]).into_owned();
        let place =
            self.partition.map_or("any partition".to_owned(), |partition| format!("partition {partition}"));
        let result = match &self.result {
            Answer::Refused => "refused".to_owned(),
            Answer::Dropped => "its future is dropped".to_owned(),
            Answer::Stored { partition, offset, .. } => format!("in the end at {offset} in {partition}"),
            Answer::Failed(error) => format!("in the end {:?}: {error}", error.certainty()),
            Answer::None => "never a result".to_owned(),
        };
        format!("{:<16} sends {mark} to {place}: {result}", user(self.sender))
    }
}
