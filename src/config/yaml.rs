//! Reads settings from YAML.
//!
//! Only the structure is YAML's. A scalar is read as it is written, and the setting decides what it means. So no value depends
//! on the version of YAML: in YAML 1.1 `no` is a boolean and `010` is eight.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::keys;
use super::producer_config::ProducerConfig;
use super::references::{Place, Text};
use crate::error::{ConfigProblem, Error, ErrorKind};

impl ProducerConfig {
    /// Reads settings from YAML. The document is a mapping of names to values. Names and values mean the same as in
    /// [`from_pairs`](Self::from_pairs). A list can be a YAML list or a string with commas. Requires the feature `yaml`.
    ///
    /// ```
    /// use kafka_producer::ProducerConfig;
    ///
    /// let config = ProducerConfig::from_yaml(
    ///     "
    ///     bootstrap_servers: [broker1:9092, broker2:9092]
    ///     acks: all
    ///     linger.ms: 5
    ///     ",
    /// )?;
    /// assert_eq!(config.get("linger_ms").as_deref(), Some("5"));
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// Settings can be in groups. `kafka: {acks: all}` sets `acks`. `ssl: {cafile: ca.pem}` and
    /// `ssl_config: {ssl_cafile: ca.pem}` set `ssl_cafile`: the name of a setting is the names of its groups and its own name
    /// together. A group does not count if its first word is `kafka`, `producer` or `config`, or if the name of the setting
    /// begins with this word anyway.
    ///
    /// `brokers` is another name for `bootstrap_servers`. A broker is a string, or a mapping with `host` (or `ip`), `port`,
    /// and optionally `name`, which has no effect:
    ///
    /// ```
    /// use kafka_producer::ProducerConfig;
    ///
    /// let config = ProducerConfig::from_yaml(
    ///     "
    ///     brokers:
    ///       - {name: broker1, ip: 10.0.0.1, port: 9093}
    ///       - {name: broker2, ip: 10.0.0.2, port: 9093}
    ///     ",
    /// )?;
    /// assert_eq!(config.get("bootstrap_servers").as_deref(), Some("10.0.0.1:9093,10.0.0.2:9093"));
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// A value is read as it is written, with or without quotes. Booleans are `true` and `false`. `null` and `~` mean the
    /// string `null`, and no value means the empty string. Put a value in quotes if it contains ` #` or `: `, or if it begins
    /// with a special character.
    ///
    /// # Errors
    /// Same as [`from_pairs`](Self::from_pairs). [`ConfigProblem::line`] is the line of the setting. These are errors too:
    /// - text that is not YAML, for example text that is indented with tabs
    /// - several documents
    /// - anchors that are used (`*name`, `<<`) and tags other than YAML's own (`!vault`)
    /// - a list or a mapping for a setting that takes one value
    /// - a number that begins with 0, because YAML 1.1 and 1.2 read it differently
    pub fn from_yaml(yaml: &str) -> Result<Self, Error> {
        Self::default().with_yaml(yaml)
    }

    /// Like [`from_yaml`](Self::from_yaml), but settings that are not in the document keep their current values.
    ///
    /// # Errors
    /// Same as [`from_yaml`](Self::from_yaml).
    pub fn with_yaml(mut self, yaml: &str) -> Result<Self, Error> {
        let Document { settings, mut problems, .. } = Document::read(yaml);
        let texts = settings.iter().map(|setting| Text {
            name: &setting.name,
            written_as: &setting.written_as,
            value: &setting.value,
            place: Place::Yaml { line: setting.line },
        });
        problems.extend(self.set_strictly(texts));
        self.unless_refused(problems)
    }

    /// Parses YAML into pairs of a name and a value, for [`from_shared`](Self::from_shared). The structure is the one that
    /// [`from_yaml`](Self::from_yaml) reads. Requires the feature `yaml`.
    ///
    /// ```
    /// use kafka_producer::{Dialect, ProducerConfig};
    ///
    /// let pairs = ProducerConfig::parse_yaml("{bootstrap.servers: 'localhost:9092', group.id: orders}")?;
    /// let (config, unused) = ProducerConfig::from_shared(Dialect::Java, pairs)?;
    /// assert_eq!(unused[0].to_string(), "group.id: it is a setting of consumers");
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] lists what can't be read. It is described at [`from_yaml`](Self::from_yaml).
    pub fn parse_yaml(yaml: &str) -> Result<Vec<(String, String)>, Error> {
        let Document { settings, problems, .. } = Document::read(yaml);
        match problems.is_empty() {
            true => Ok(settings.into_iter().map(|setting| (setting.name, setting.value)).collect()),
            false => Err(Error::new(ErrorKind::Config { problems })),
        }
    }
}

struct Setting {
    name: String,
    /// The names of its groups and its own name.
    written_as: String,
    value: String,
    line: usize,
}

enum Node {
    Scalar(String),
    List(Vec<Node>),
    Mapping(Vec<(String, usize, Node)>),
    /// Reported already.
    Refused,
}

type Events<'a> = Parser<'a, StrInput<'a>>;

/// What a document contains, without its structure.
#[derive(Default)]
struct Document {
    settings: Vec<Setting>,
    problems: Vec<ConfigProblem>,
    documents: usize,
}

impl Document {
    fn read(yaml: &str) -> Self {
        let mut document = Self::default();
        // A byte order mark, as some editors write it.
        let mut events = Parser::new_from_str(yaml.trim_start_matches('\u{feff}'));
        if let Err(problem) = document.each(yaml, &mut events) {
            document.problems.push(problem);
        }
        document
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
                    Node::Mapping(entries) => self.settings_of(&mut Vec::new(), entries),
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
        match event {
            Event::Alias(_) => {
                self.problems.push(at(span, "aliases are not supported; write the value again"));
                Ok(Node::Refused)
            }
            Event::Scalar(_, _, _, Some(tag)) if !tag.is_yaml_core_schema() && !tag.handle.is_empty() => {
                let why = format!("the tag {tag} is not supported; write the value itself");
                self.problems.push(at(span, why));
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

    fn settings_of(&mut self, groups: &mut Vec<String>, entries: Vec<(String, usize, Node)>) {
        for (name, line, node) in entries {
            groups.push(name.trim().to_owned());
            let written_as = groups.join(".");
            let name = name_of(groups);
            let refuse = |why: &str| ConfigProblem::invalid(written_as.clone(), None, why).at_line(line);
            let value = match node {
                Node::Refused => None,
                Node::Scalar(value) => Some(value),
                Node::Mapping(_) if keys::takes_a_value(&name) => {
                    self.problems.push(refuse("it takes a value, and here it has settings below it"));
                    None
                }
                Node::Mapping(entries) => {
                    self.settings_of(groups, entries);
                    None
                }
                Node::List(items) => match joined(items) {
                    Ok(_) if keys::takes_one_value(&name) => {
                        self.problems.push(refuse("it takes one value, and here it has a list"));
                        None
                    }
                    Ok(value) => Some(value),
                    Err(why) => {
                        self.problems.push(refuse(&why));
                        None
                    }
                },
            };
            self.settings.extend(value.map(|value| Setting { name, written_as, value, line }));
            groups.pop();
        }
    }
}

/// The name of the setting that has this name in these groups.
fn name_of(path: &[String]) -> String {
    let is_like = |name: &str| keys::is_known(name) || keys::closest(name).is_some();
    let in_groups = |count: usize| match path[count..].join(".") {
        name if name == "brokers" => "bootstrap_servers".to_owned(),
        name => name,
    };
    let is_left_out = |group: &String, name: &str| {
        let word = first_word(group);
        ["kafka", "producer", "config"].contains(&word) || word == first_word(name)
    };
    match in_groups(0) {
        full if keys::is_known(&full) => full,
        full => (1..path.len())
            .map(|count| (&path[..count], in_groups(count)))
            .filter(|(groups, name)| groups.iter().all(|group| is_left_out(group, name)))
            .map(|(_, name)| name)
            .find(|name| is_like(name))
            .unwrap_or(full),
    }
}

fn first_word(name: &str) -> &str {
    name.split(['_', '.', '-']).next().unwrap_or_default()
}

fn joined(items: Vec<Node>) -> Result<String, String> {
    let mut texts = Vec::new();
    for item in items {
        match item {
            Node::Scalar(text) => texts.push(text),
            Node::Mapping(fields) => texts.push(address(fields)?),
            Node::List(_) => return Err("it has a list in a list".to_owned()),
            Node::Refused => {}
        }
    }
    Ok(texts.join(","))
}

/// The address of a broker that is written as a mapping.
fn address(fields: Vec<(String, usize, Node)>) -> Result<String, String> {
    let (mut host, mut port) = (None, None);
    for (name, _, value) in fields {
        let field = match name.as_str() {
            "host" | "ip" => &mut host,
            "port" => &mut port,
            "name" => continue,
            _ => return Err(format!("a broker has host (or ip), port and name, but not '{name}'")),
        };
        match value {
            Node::Scalar(value) if field.is_none() => *field = Some(value),
            _ => return Err(format!("a broker has one {name}, as a string")),
        }
    }
    let host = host.ok_or("a broker has no host; write host (or ip) and port")?;
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    Ok(port.map_or(host.clone(), |port| format!("{host}:{port}")))
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
