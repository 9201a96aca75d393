//! SOCKS5 (RFC 1928), with user and password if they are set (RFC 1929). The proxy resolves names.
//!
//! ```text
//!   Method ──"a password"──▶ Password
//!      │ "nothing"              │ accepted
//!      ▼                        │
//!   Request ◀───────────────────┘
//!      │ connected
//!      ▼
//!    Open
//! ```

use std::net::IpAddr;

use super::refusal::Refusal;
use super::settings::{Account, Proxy};
use super::target::{Host, Target};
use crate::security::Secret;

pub(crate) struct Socks5 {
    step: Step,
    account: Option<Account>,
    target: Target,
    setting: String,
    out: Secret,
    /// The number of bytes of `out` that are written.
    gone: usize,
    /// The bytes of the answer to this step so far, at most 262.
    answer: Vec<u8>,
}

/// The step whose answer is expected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Method,
    Password,
    Request,
    Open,
}

impl Socks5 {
    pub(super) fn begin(proxy: &Proxy, target: Target) -> Self {
        let Proxy { account, setting, .. } = proxy.clone();
        let methods = match account {
            None => vec![VERSION, 1, NOTHING],
            // A proxy that recognizes the client's address may choose no authentication.
            Some(_) => vec![VERSION, 2, NOTHING, PASSWORD],
        };
        let (step, out) = (Step::Method, methods.into());
        Self { step, account, target, setting, out, gone: 0, answer: Vec::new() }
    }

    pub(super) fn outgoing(&self) -> &[u8] {
        self.out.bytes().get(self.gone..).unwrap_or_default()
    }

    pub(super) fn written(&mut self, count: usize) {
        self.gone += count;
    }

    pub(super) fn received(&mut self, bytes: &mut &[u8]) -> Result<bool, Refusal> {
        loop {
            match self.wanted()? {
                None => return Ok(true),
                Some(wanted) if self.answer.len() < wanted => {
                    let missing = wanted - self.answer.len();
                    let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
                    if taken.is_empty() {
                        return Ok(false);
                    }
                    self.answer.extend_from_slice(taken);
                    *bytes = rest;
                }
                Some(_) => {
                    self.go_on();
                    if self.step != Step::Open && !bytes.is_empty() {
                        return Err(Refusal::passing("sent data before the request"));
                    }
                }
            }
        }
    }

    /// The length of the answer, as far as its bytes so far show it; `None` if no answer is expected. Refuses at the first wrong
    /// byte, because proxies that refuse do not always send the rest.
    fn wanted(&self) -> Result<Option<usize>, Refusal> {
        Ok(Some(match (self.step, &self.answer[..]) {
            (Step::Open, _) => return Ok(None),
            (Step::Method | Step::Request, [version, ..]) if *version != VERSION => {
                return Err(Refusal::fatal(format!(
                    "sent a response that is not SOCKS5; if the proxy is an HTTP proxy, write http:// in {}",
                    self.setting
                )));
            }
            (Step::Method, [_, method]) => {
                self.check_method(*method)?;
                2
            }
            // The version should be that of RFC 1929, but some proxies send that of SOCKS, so it is not checked.
            (Step::Password, [_, status]) if *status != 0 => {
                return Err(Refusal::fatal(format!(
                    "rejected the user and the password; correct the user and the password in {}",
                    self.setting
                )));
            }
            (Step::Method | Step::Password, _) => 2,
            (Step::Request, [_, reply, ..]) if *reply != 0 => return Err(self.refused(*reply)),
            // The address of the proxy's own end is not needed, but it comes before the broker's first byte.
            (Step::Request, [_, _, _, IPV4, ..]) => 4 + 4 + 2,
            (Step::Request, [_, _, _, IPV6, ..]) => 4 + 16 + 2,
            (Step::Request, [_, _, _, NAME, length, ..]) => 5 + usize::from(*length) + 2,
            (Step::Request, [_, _, _, NAME]) => 5,
            (Step::Request, [_, _, _, kind, ..]) => {
                return Err(Refusal::passing(format!(
                    "sent a response with an address of the unknown type {kind}"
                )));
            }
            (Step::Request, _) => 4,
        }))
    }

    fn check_method(&self, method: u8) -> Result<(), Refusal> {
        let setting = &self.setting;
        Err(Refusal::fatal(match (method, &self.account) {
            (NOTHING, _) | (PASSWORD, Some(_)) => return Ok(()),
            (NO_METHOD, None) => format!(
                "requires a user and a password; write socks5://user:password@host:port in {setting}"
            ),
            (NO_METHOD, Some(_)) => {
                "requires an authentication method that is not supported; only user and password are supported"
                    .to_owned()
            }
            (method, _) => format!("chose authentication method {method}, which was not offered"),
        }))
    }

    /// Goes to the next step. The answer is complete and valid.
    fn go_on(&mut self) {
        let answer = std::mem::take(&mut self.answer);
        (self.step, self.out) = match (self.step, &self.account) {
            (Step::Method, Some(account)) if answer.get(1) == Some(&PASSWORD) => {
                (Step::Password, password(account))
            }
            (Step::Method | Step::Password, _) => (Step::Request, request(&self.target)),
            (Step::Request | Step::Open, _) => (Step::Open, Secret::default()),
        };
        self.gone = 0;
    }

    fn refused(&self, reply: u8) -> Refusal {
        let passing = |why: &str| {
            Refusal::passing(format!("can't connect to the broker: {why} (SOCKS5 reply {reply})"))
        };
        match reply {
            1 => passing("general failure"),
            2 => Refusal::fatal(
                "does not allow connections to the broker (SOCKS5 reply 2); change the rules of the proxy",
            ),
            3 => passing("network unreachable"),
            4 => passing("host unreachable"),
            5 => passing("connection refused"),
            6 => passing("TTL expired"),
            7 => Refusal::fatal("does not support the command CONNECT (SOCKS5 reply 7); use another proxy"),
            8 => {
                let what = match self.target.host() {
                    Host::Name(_) => "host names",
                    Host::Address(IpAddr::V4(_)) => "IPv4 addresses",
                    Host::Address(IpAddr::V6(_)) => "IPv6 addresses",
                };
                Refusal::fatal(format!(
                    "does not support {what} (SOCKS5 reply 8); use another proxy, or let the broker advertise another \
                     kind of address"
                ))
            }
            _ => passing("unknown reason"),
        }
    }
}

/// RFC 1929, section 2. The lengths fit into a byte: the settings refuse more than 255 bytes.
fn password(Account { user, password }: &Account) -> Secret {
    let mut message = Vec::with_capacity(3 + user.bytes().len() + password.bytes().len());
    message.push(1);
    for text in [user, password] {
        let text = &text.bytes()[..text.bytes().len().min(LONGEST)];
        message.push(text.len() as u8);
        message.extend_from_slice(text);
    }
    message.into()
}

/// RFC 1928, section 4.
fn request(target: &Target) -> Secret {
    let mut message = vec![VERSION, CONNECT, 0];
    match target.host() {
        Host::Address(IpAddr::V4(address)) => {
            message.push(IPV4);
            message.extend_from_slice(&address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            message.push(IPV6);
            message.extend_from_slice(&address.octets());
        }
        Host::Name(name) => {
            message.extend_from_slice(&[NAME, name.len() as u8]);
            message.extend_from_slice(name.as_bytes());
        }
    }
    message.extend_from_slice(&target.port.to_be_bytes());
    message.into()
}

/// The largest length of a user or a password.
pub(super) const LONGEST: usize = 255;

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
// Methods.
const NOTHING: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
// Kinds of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
