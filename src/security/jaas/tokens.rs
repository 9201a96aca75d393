//! The tokens of an entry, as in Java's `StreamTokenizer`.

use std::iter::Peekable;
use std::str::Chars;

use super::error::JaasError;
use crate::security::secret::Secret;

/// Reads the tokens of a text.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

pub(super) enum Token<'a> {
    Word(&'a str),
    /// Without quotes and escapes. It may be a secret, and must be wiped.
    Quoted(String),
    Equals,
    Semicolon,
    /// `{`, which is in no entry.
    Open,
    /// Any other character.
    Mark,
    End,
}

impl Token<'_> {
    /// Wipes a token that is refused.
    pub(super) fn wipe(self) {
        if let Self::Quoted(content) = self {
            drop(Secret::from(content));
        }
    }
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The text before the next token, and the token.
    pub(super) fn next(&mut self) -> Result<(&'a str, Token<'a>), JaasError> {
        self.pass_over_space()?;
        let (before, rest) = self.text.split_at(self.at);
        let Some(first) = rest.chars().next() else { return Ok((before, Token::End)) };
        if is_of_word(first) {
            let length = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
            self.at += length;
            return Ok((before, Token::Word(&rest[..length])));
        }
        self.at += first.len_utf8();
        let token = match first {
            '"' | '\'' => Token::Quoted(self.quoted(before, first)?),
            '=' => Token::Equals,
            ';' => Token::Semicolon,
            '{' => Token::Open,
            _ => Token::Mark,
        };
        Ok((before, token))
    }

    /// Skips space and comments.
    fn pass_over_space(&mut self) -> Result<(), JaasError> {
        loop {
            let (before, rest) = self.text.split_at(self.at);
            let spaces = rest.len() - rest.trim_start().len();
            let comment = match &rest[spaces..] {
                rest if rest.starts_with("//") => rest.find(['\n', '\r']).unwrap_or(rest.len()),
                rest if rest.starts_with("/*") => match rest[2..].find("*/") {
                    Some(length) => length + 4,
                    None => {
                        return Err(JaasError::after(
                            &self.text[..before.len() + spaces],
                            "the comment is not closed",
                        ));
                    }
                },
                _ => 0,
            };
            self.at += spaces + comment;
            if comment == 0 {
                return Ok(());
            }
        }
    }

    /// The text up to the closing quote, which is skipped.
    fn quoted(&mut self, before: &str, quote: char) -> Result<String, JaasError> {
        let rest = &self.text[self.at..];
        let Some(length) = length_of_quoted(rest, quote) else {
            return Err(JaasError::after(
                before,
                "the quote that begins here is not closed on the same line",
            ));
        };
        self.at += length + quote.len_utf8();
        Ok(without_escapes(&rest[..length]))
    }
}

/// The length of the text before the closing quote, if it is on this line.
fn length_of_quoted(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\n' | '\r' => return None,
            _ if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn without_escapes(text: &str) -> String {
    // Room for everything: a text that grows leaves parts of a password in memory.
    let mut content = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('0'..='7')) => content.push(octal(&mut letters)),
            ('\\', Some(_)) => content.extend(letters.next().map(escaped)),
            (letter, _) => content.push(letter),
        }
    }
    content
}

/// Up to three digits. If there are three, the first is at most 3: 377 is the largest code of one byte.
fn octal(letters: &mut Peekable<Chars<'_>>) -> char {
    let mut code = 0;
    let mut most = 3;
    while let Some(digit) =
        letters.next_if(|letter| most > 0 && letter.is_digit(8)).and_then(|digit| digit.to_digit(8))
    {
        most = if most == 3 && digit > 3 { 1 } else { most - 1 };
        code = code * 8 + digit;
    }
    char::from_u32(code).unwrap_or_default()
}

fn escaped(letter: char) -> char {
    match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        letter => letter,
    }
}

/// Whether the character needs no quotes.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || ['-', '_', '$', '.'].contains(&letter)
}
