//! HTTP's CONNECT (RFC 9110, section 9.3.6), with Basic authentication (RFC 7617) if a user is set. The proxy resolves names.
//!
//! ```text
//!   Status ──1xx──▶ head, and Status again
//!      │   └─other─▶ refused
//!      │ 2xx
//!      ▼
//!    head ──its empty line──▶ Open
//! ```

use super::refusal::Refusal;
use super::settings::{Account, Proxy};
use super::target::Target;
use crate::security::Secret;

pub(crate) struct HttpConnect {
    out: Secret,
    /// The number of bytes of `out` that are written.
    gone: usize,
    has_account: bool,
    setting: String,
    /// The number of bytes of the answer so far.
    taken: usize,
    /// The line that has come only partly.
    line: Vec<u8>,
    status: Option<Status>,
    /// The authentication schemes that come with status 407.
    offered: Vec<String>,
}

struct Status {
    code: u16,
    /// For example `407 Proxy Authentication Required`.
    text: String,
}

impl HttpConnect {
    pub(super) fn begin(proxy: &Proxy, target: &Target) -> Self {
        Self {
            out: request(target, proxy.account.as_ref()),
            gone: 0,
            has_account: proxy.account.is_some(),
            setting: proxy.setting.clone(),
            taken: 0,
            line: Vec::new(),
            status: None,
            offered: Vec::new(),
        }
    }

    pub(super) fn outgoing(&self) -> &[u8] {
        self.out.bytes().get(self.gone..).unwrap_or_default()
    }

    pub(super) fn written(&mut self, count: usize) {
        self.gone += count;
        if self.outgoing().is_empty() {
            (self.out, self.gone) = (Secret::default(), 0);
        }
    }

    pub(super) fn received(&mut self, bytes: &mut &[u8]) -> Result<bool, Refusal> {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
            self.taken += taken.len();
            if self.taken > LONGEST {
                return Err(Refusal::passing(format!(
                    "sent a response whose header is longer than {LONGEST} bytes"
                )));
            }
            self.line.extend_from_slice(taken);
            *bytes = rest;
            if self.status.is_none() && !begins_like(&self.line, BEGINNING) {
                return Err(Refusal::fatal(format!(
                    "sent a response that is not HTTP; if the proxy is a SOCKS5 proxy, write socks5:// in {}",
                    self.setting
                )));
            }
            if end.is_some() && self.take_line()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The refusal that is known when the proxy has closed the connection.
    pub(super) fn ended(&self) -> Option<Refusal> {
        self.status.as_ref().filter(|status| status.code == WHO_ARE_YOU).map(|status| self.refused(status))
    }

    /// True if the head has ended and the connection leads to the broker.
    fn take_line(&mut self) -> Result<bool, Refusal> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        let Some(status) = &self.status else {
            let status = Status::read(line)
                .ok_or_else(|| Refusal::passing("sent a response that is not valid HTTP"))?;
            // For any other status the rest does not matter.
            if !matches!(status.code, 100..=299 | WHO_ARE_YOU) {
                return Err(self.refused(&status));
            }
            self.status = Some(status);
            return Ok(false);
        };
        match (line, status.code) {
            ("", 200..=299) => return Ok(true),
            // It is not the final answer.
            ("", 100..=199) => self.status = None,
            ("", _) => return Err(self.refused(status)),
            (line, WHO_ARE_YOU) => self.note_offer(line),
            // The length and coding of a 2xx are ignored (RFC 9110, section 9.3.6).
            _ => {}
        }
        Ok(false)
    }

    /// `Proxy-Authenticate: Negotiate, Basic realm="x"` offers two schemes. A part without an equals sign in its first word
    /// begins a scheme.
    fn note_offer(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        if !name.eq_ignore_ascii_case("Proxy-Authenticate") {
            return;
        }
        let is_name = |word: &&str| {
            word.len() <= 20 && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        let words = value.split(',').filter_map(|part| part.split_whitespace().next()).filter(is_name);
        for word in words {
            if self.offered.len() < MOST_OFFERED && self.offered.iter().all(|known| known != word) {
                self.offered.push(word.to_owned());
            }
        }
    }

    fn refused(&self, Status { code, text }: &Status) -> Refusal {
        let setting = &self.setting;
        match code {
            407 => {
                let is_basic = |name: &String| name.eq_ignore_ascii_case("Basic");
                Refusal::fatal(match (&self.offered[..], self.has_account) {
                    (offered @ [_, ..], _) if !offered.iter().any(is_basic) => format!(
                        "requires the authentication scheme {}, and only Basic is supported ({text})",
                        offered.join(" or ")
                    ),
                    (_, false) => format!(
                        "requires a user and a password ({text}); write http://user:password@host:port in {setting}"
                    ),
                    (_, true) => format!(
                        "rejected the user and the password ({text}); correct the user and the password in {setting}"
                    ),
                })
            }
            401 | 403 => Refusal::fatal(format!(
                "does not allow connections to the broker ({text}); change the rules of the proxy: many proxies allow \
                 only port 443"
            )),
            300..=399 | 400 | 405 | 501 | 505 => Refusal::fatal(format!(
                "does not support CONNECT ({text}); set {setting} to a proxy that supports CONNECT"
            )),
            _ => Refusal::passing(format!("can't connect to the broker ({text})")),
        }
    }
}

impl Status {
    fn read(line: &str) -> Option<Self> {
        let (version, rest) = line.split_once(' ')?;
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_known = matches!(version.as_bytes(), [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9']);
        if !is_known || code.len() != 3 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let code = code.parse().ok().filter(|code| (100..=999).contains(code))?;
        let reason: String = reason.chars().take(LONGEST_REASON).collect();
        let text = format!("{code} {}", reason.escape_debug()).trim_end().to_owned();
        Some(Self { code, text })
    }
}

/// Whether both are equal up to the shorter length.
fn begins_like(line: &[u8], beginning: &[u8]) -> bool {
    line.iter().zip(beginning).all(|(a, b)| a == b)
}

fn request(target: &Target, account: Option<&Account>) -> Secret {
    let authority = target.authority();
    let length = account.map_or(0, |account| account.user.bytes().len() + account.password.bytes().len());
    // Room for everything: a vector that grows leaves the password in memory.
    let mut out = Vec::with_capacity(2 * authority.len() + 2 * length + 200);
    out.extend_from_slice(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").as_bytes());
    if let Some(Account { user, password }) = account {
        let mut pair = Vec::with_capacity(length + 1);
        pair.extend_from_slice(user.bytes());
        pair.push(b':');
        pair.extend_from_slice(password.bytes());
        out.extend_from_slice(b"Proxy-Authorization: Basic ");
        base64(Secret::from(pair).bytes(), &mut out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

/// RFC 4648, section 4. These few lines are not worth a dependency for every program.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { letter } else { b'=' });
        }
    }
}

const BEGINNING: &[u8] = b"HTTP/1.";
/// Proxy Authentication Required.
const WHO_ARE_YOU: u16 = 407;
/// The largest length of the answer's head, with all 1xx answers before it.
const LONGEST: usize = 64 << 10;
/// The largest length of a status's text in an error.
const LONGEST_REASON: usize = 60;
const MOST_OFFERED: usize = 8;
