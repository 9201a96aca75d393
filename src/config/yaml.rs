//! Reads settings from YAML.
//!
//! Only the structure is YAML's. A scalar is read as it is written, and the setting decides what it means. So no value depends
//! on the version of YAML: in YAML 1.1 `no` is a boolean and `010` is eight.

use super::keys;
use super::producer_config::ProducerConfig;
use super::references::{Place, Text};
use super::yaml_tree::{Entry, Node, Tree};
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
    /// together. The name of a group is left out if its first word is `kafka`, `producer` or `config`, or if the name of the
    /// setting begins with the same word.
    ///
    /// `brokers` is another name for `bootstrap_servers`. A broker is a string, or a mapping with `host` (or `ip`), `port`,
    /// and optionally `name`, which has no effect. Any other field in the mapping is an error. Only
    /// [`from_shared`](Self::from_shared) accepts it and lists it as unused, unless the field is about TLS or SASL. For
    /// example:
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
        let Document { settings, mut problems } = Document::read(yaml);
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
        let Document { settings, problems } = Document::read(yaml);
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

/// What a document contains, without its structure.
struct Document {
    settings: Vec<Setting>,
    problems: Vec<ConfigProblem>,
}

impl Document {
    fn read(yaml: &str) -> Self {
        let Tree { entries, problems, .. } = Tree::read(yaml);
        let mut document = Self { settings: Vec::new(), problems };
        document.settings_of(&mut Vec::new(), entries);
        document
    }

    fn settings_of(&mut self, groups: &mut Vec<String>, entries: Vec<Entry>) {
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
                Node::List(items) => match self.joined(&written_as, items) {
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

    fn joined(&mut self, list: &str, items: Vec<Node>) -> Result<String, String> {
        let mut texts = Vec::new();
        for item in items {
            match item {
                Node::Scalar(text) => texts.push(text),
                Node::Mapping(fields) => texts.push(self.address(list, fields)?),
                Node::List(_) => return Err("it has a list in a list".to_owned()),
                Node::Refused => {}
            }
        }
        Ok(texts.join(","))
    }

    /// The address of a broker that is written as a mapping. What else the mapping has is a setting below `list`, the first
    /// time. There is no such setting.
    fn address(&mut self, list: &str, fields: Vec<Entry>) -> Result<String, String> {
        let (mut host, mut port) = (None, None);
        for (name, line, value) in fields {
            let field = match name.as_str() {
                "host" | "ip" => &mut host,
                "port" => &mut port,
                "name" => continue,
                // A program that ignores it would send without the protection that is meant here.
                _ if keys::is_of_security(&name) => {
                    return Err(format!(
                        "a broker has only host (or ip), port and name; write '{name}' as a setting of the producer"
                    ));
                }
                _ => {
                    let name = format!("{list}.{name}");
                    if self.settings.iter().all(|setting| setting.name != name) {
                        let value = match value {
                            Node::Scalar(value) => value,
                            Node::List(_) | Node::Mapping(_) | Node::Refused => String::new(),
                        };
                        self.settings.push(Setting { written_as: name.clone(), name, value, line });
                    }
                    continue;
                }
            };
            match value {
                Node::Scalar(value) if field.is_none() => *field = Some(value),
                _ => return Err(format!("a broker must have only one {name}, and it must be a string")),
            }
        }
        let host = host.ok_or("a broker has no host; write host (or ip) and port")?;
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        Ok(port.map_or(host.clone(), |port| format!("{host}:{port}")))
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
