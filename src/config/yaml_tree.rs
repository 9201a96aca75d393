//! The structure of a YAML document.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::error::ConfigProblem;

pub(super) enum Node {
    Scalar(String),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Reported already.
    Refused,
}

/// A name, its line, and what belongs to it.
pub(super) type Entry = (String, usize, Node);

type Events<'a> = Parser<'a, StrInput<'a>>;

/// A document, which is a mapping.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<ConfigProblem>,
    documents: usize,
}

impl Tree {
    pub(super) fn read(yaml: &str) -> Self {
        let mut tree = Self::default();
        // A byte order mark, as some editors write it.
        let mut events = Parser::new_from_str(yaml.trim_start_matches('\u{feff}'));
        if let Err(problem) = tree.each(yaml, &mut events) {
            tree.problems.push(problem);
        }
        tree
    }

    /// # Errors
    /// Text after which nothing can be read.
    fn each(&mut self, yaml: &str, events: &mut Events<'_>) -> Result<(), ConfigProblem> {
        while let Some((event, span)) = next(yaml, events)? {
            match event {
                Event::DocumentStart(_) => {
                    self.documents += 1;
                    if self.documents > 1 {
                        return Err(at(&span, "another document begins here; write one document"));
                    }
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
                event => match self.node(yaml, events, event, &span, 0)? {
                    Node::Mapping(entries) => self.entries = entries,
                    Node::Scalar(nothing) if nothing.is_empty() || nothing == "null" => {}
                    Node::Refused => {}
                    Node::Scalar(_) | Node::List(_) => {
                        self.problems.push(at(&span, "settings are written as name: value"));
                    }
                },
            }
        }
        Ok(())
    }

    fn node(
        &mut self,
        yaml: &str,
        events: &mut Events<'_>,
        event: Event<'_>,
        span: &Span,
        depth: usize,
    ) -> Result<Node, ConfigProblem> {
        if depth > DEEPEST {
            return Err(at(span, "it is nested too deeply"));
        }
        let tag = match &event {
            Event::Scalar(.., tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                tag.as_ref()
            }
            _ => None,
        };
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && !tag.handle.is_empty()) {
            self.problems.push(at(span, format!("the tag {tag} is not supported; write the value itself")));
        }
        match event {
            Event::Alias(_) => {
                self.problems.push(at(span, "aliases are not supported; write the value again"));
                Ok(Node::Refused)
            }
            Event::Scalar(text, style, ..) => Ok(self.scalar(&text, style, span)),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match next(yaml, events)? {
                        None | Some((Event::SequenceEnd, _)) => return Ok(Node::List(items)),
                        Some((event, span)) => {
                            items.push(self.node(yaml, events, event, &span, depth + 1)?);
                        }
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut entries = Vec::new();
                loop {
                    let (event, span) = match next(yaml, events)? {
                        None | Some((Event::MappingEnd, _)) => return Ok(Node::Mapping(entries)),
                        Some(key) => key,
                    };
                    // The name may have a leading zero: it is no number.
                    let name = match event {
                        Event::Scalar(name, ..) => Some(name.into_owned()),
                        event => match self.node(yaml, events, event, &span, depth + 1)? {
                            Node::Refused => None,
                            _ => {
                                self.problems.push(at(&span, "the name of a setting is a string"));
                                None
                            }
                        },
                    };
                    let Some((event, value_span)) = next(yaml, events)? else { return Ok(Node::Refused) };
                    if name.as_deref() == Some("<<") {
                        self.problems
                            .push(at(&span, "merging (<<) is not supported; write the settings again"));
                        let reported = self.problems.len();
                        self.node(yaml, events, event, &value_span, depth + 1)?;
                        self.problems.truncate(reported);
                        continue;
                    }
                    let value = self.node(yaml, events, event, &value_span, depth + 1)?;
                    entries.extend(name.map(|name| (name, line(&span), value)));
                }
            }
            _ => Ok(Node::Refused),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: &Span) -> Node {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        match (style, text) {
            (ScalarStyle::Plain, "~") => Node::Scalar("null".to_owned()),
            (ScalarStyle::Plain, _) if digits.len() > 1 && digits.starts_with('0') && is_number => {
                let why = "a number that begins with 0 is octal in YAML 1.1 and decimal in YAML 1.2; remove the zeros, or \
                           put the value in quotes";
                self.problems.push(at(span, why));
                Node::Refused
            }
            _ => Node::Scalar(text.to_owned()),
        }
    }
}

fn next<'a>(yaml: &str, events: &mut Events<'a>) -> Result<Option<(Event<'a>, Span)>, ConfigProblem> {
    events.next_event().transpose().map_err(|error| {
        let line = error.marker().line();
        let text = yaml.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let blank = &text[..text.len() - text.trim_start().len()];
        let why = match blank.contains('\t') {
            true => "YAML does not allow tabs before a name; indent with blanks".to_owned(),
            false => format!("it is not YAML: {}", error.info()),
        };
        ConfigProblem::invalid("", None, why).at_line(line)
    })
}

fn at(span: &Span, why: impl Into<String>) -> ConfigProblem {
    ConfigProblem::invalid("", None, why).at_line(line(span))
}

fn line(span: &Span) -> usize {
    span.start.line()
}

/// Each level is a call of a function.
const DEEPEST: usize = 16;
