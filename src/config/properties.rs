//! Reads strings in the form of Java's properties files.

use super::producer_config::ProducerConfig;
use crate::error::{ConfigProblem, Error, ErrorKind};

impl ProducerConfig {
    /// Parses the contents of a properties file, like `java.util.Properties`. It supports comments (`#`, `!`), keys that
    /// end at `=`, `:` or a blank, lines that continue after a `\`, and escapes (`\n`, `\t`, `\:`, `\u00e9`). If a key
    /// occurs twice, the last value is used.
    ///
    /// Read the file as UTF-8. Java's own loader reads ISO-8859-1 by default. Files for librdkafka and kcat can be parsed
    /// too if no value contains a `\`, because a `\` begins an escape.
    ///
    /// Pass the result to [`from_pairs`](Self::from_pairs), or to [`from_shared`](Self::from_shared) if other clients use
    /// the file too.
    ///
    /// ```
    /// use kafka_producer::ProducerConfig;
    ///
    /// let text = r#"
    ///     ! the test cluster
    ///     bootstrap.servers = a:9092, b:9092
    ///     linger.ms: 5
    ///     client.id = \
    ///         orders
    /// "#;
    /// let config = ProducerConfig::from_pairs(ProducerConfig::parse_properties(text)?)?;
    /// # let _ = config;
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] lists each line that has a `\u` without four hexadecimal digits after it.
    pub fn parse_properties(text: &str) -> Result<Vec<(String, String)>, Error> {
        let (mut pairs, mut problems): (Vec<(String, String)>, _) = (Vec::new(), Vec::new());
        for (number, line) in logical_lines(text) {
            match pair(&line) {
                Ok((key, value)) => match pairs.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, earlier)) => *earlier = value,
                    None => pairs.push((key, value)),
                },
                Err(why) => problems.push(ConfigProblem::invalid("", None, why).at_line(number)),
            }
        }
        if problems.is_empty() { Ok(pairs) } else { Err(Error::new(ErrorKind::Config { problems })) }
    }
}

/// The lines without comments and blank lines. Lines that continue are joined. Each has the number of its first line, from 1.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut whole: Option<(usize, String)> = None;
    let mut natural = natural_lines(text).enumerate().peekable();
    while let Some((index, raw)) = natural.next() {
        let line = raw.trim_start_matches(BLANK);
        let is_new = whole.as_ref().is_none_or(|(_, text)| text.is_empty());
        // If the text ends after a line with nothing but a `\`, that is an empty pair.
        let is_end = whole.is_some() && raw.is_empty() && natural.peek().is_none();
        if is_new && !is_end && (line.is_empty() || line.starts_with(['#', '!'])) {
            whole = None;
            continue;
        }
        let (number, mut text) = whole.take().unwrap_or((index + 1, String::new()));
        text.push_str(line);
        let slashes = line.len() - line.trim_end_matches('\\').len();
        if slashes % 2 == 1 {
            text.pop();
            whole = Some((number, text));
        } else {
            lines.push((number, text));
        }
    }
    lines.extend(whole);
    lines
}

/// Lines end with `\n`, `\r` or both.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Key and value of one line, with escapes decoded.
fn pair(line: &str) -> Result<(String, String), &'static str> {
    let mut is_escaped = false;
    let end = line.find(|letter: char| {
        let ends = !is_escaped && (BLANK.contains(&letter) || letter == '=' || letter == ':');
        is_escaped = letter == '\\' && !is_escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANK);
    Ok((unescape(key)?, unescape(value)?))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    // Java's characters have 16 bits: a larger character is written as two.
    let mut units = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('u') => {
                    let digits = letters
                        .as_str()
                        .get(..4)
                        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
                    let digits = digits.ok_or(r"four hexadecimal digits must follow \u")?;
                    units.push(u16::from_str_radix(digits, 16).unwrap_or_default());
                    letters.nth(3);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];
