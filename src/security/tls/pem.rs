//! Recognizes the form of a file or text by its bytes: PEM, PKCS#12, or a Java keystore, which only Java can read.

use std::fmt;

use crate::security::Secret;

/// The form of the material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The blocks in their order.
    Pem(Vec<Block>),
    Pkcs12,
    /// DER without base64, or other ASN.1.
    Der,
    JavaKeystore,
    /// Incomplete PEM.
    CutOff,
    Empty,
    Unknown,
}

/// One block, which begins with `-----BEGIN LABEL-----`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) label: String,
    /// The whole block, in the lines that OpenSSL expects.
    pub(super) pem: Secret,
}

/// Shows only the label, because the block may be a key.
impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Block").field(&self.label).finish()
    }
}

impl Block {
    pub(super) fn is_certificate(&self) -> bool {
        matches!(&*self.label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    pub(super) fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }

    pub(super) fn is_encrypted(&self) -> bool {
        let has_header = |pem: &str| pem.lines().nth(1).is_some_and(|line| line.ends_with("ENCRYPTED"));
        self.label == "ENCRYPTED PRIVATE KEY" || self.pem.text().is_some_and(has_header)
    }
}

impl Form {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => return Self::JavaKeystore,
            // A sequence whose length has two or more bytes. Certificates and keys are not shorter.
            [0x30, length @ 0x80..=0x84, rest @ ..] => {
                // PKCS#12 begins with its version, 3 (RFC 7292, section 4).
                let content = rest.get(usize::from(length - 0x80)..).unwrap_or_default();
                return if content.starts_with(&[2, 1, 3]) { Self::Pkcs12 } else { Self::Der };
            }
            _ => {}
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Unknown };
        if text.trim().is_empty() {
            return Self::Empty;
        }
        match blocks(text) {
            None => Self::CutOff,
            Some(blocks) if blocks.is_empty() => Self::Unknown,
            Some(blocks) => Self::Pem(blocks),
        }
    }
}

impl Form {
    /// Why this form is refused, and what to do. Not every back end reads PKCS#12.
    pub(super) fn is_not(&self, label: &str, reads_pkcs12: bool) -> String {
        let wanted = wanted(label, reads_pkcs12);
        match self {
            Self::JavaKeystore => {
                let and_then = match reads_pkcs12 {
                    true => "",
                    false => {
                        ", then convert FILE.p12 to PEM: openssl pkcs12 -in FILE.p12 -nodes -out FILE.pem"
                    }
                };
                format!(
                    "the data is a Java keystore (JKS), which only Java can read; convert the keystore to PKCS#12: keytool \
                     -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12{and_then}"
                )
            }
            Self::Der => {
                let command = if label.ends_with("KEY") { "pkey" } else { "x509" };
                let what = if reads_pkcs12 { "neither PEM nor PKCS#12" } else { "not PEM" };
                format!(
                    "the data is {what}; if the data is DER, convert it to PEM: openssl {command} -inform DER -in FILE \
                     -out FILE.pem"
                )
            }
            Self::CutOff => {
                "the PEM is incomplete: a -----BEGIN line has no -----END line; add the missing part"
                    .to_owned()
            }
            Self::Empty => format!("the data is empty; use {wanted}"),
            _ => format!("the data is neither PEM nor PKCS#12; use {wanted}"),
        }
    }
}

/// The label of a list of revoked certificates.
#[cfg(any(feature = "rustls", not(any(windows, target_vendor = "apple"))))]
pub(super) const LIST: &str = "X509 CRL";

/// What to give if a block with this label was expected.
pub(super) fn wanted(label: &str, reads_pkcs12: bool) -> String {
    format!("PEM with -----BEGIN {label}-----{}", if reads_pkcs12 { ", or PKCS#12" } else { "" })
}

/// The blocks of a text. Text between blocks, such as `Bag Attributes`, is ignored. A text from a properties file or from the
/// environment may have `\n` instead of line ends, or no line ends.
///
/// `None` if a block has no end. The blocks before it do not count either: otherwise a file that is being written would be
/// read as a shorter one.
fn blocks(text: &str) -> Option<Vec<Block>> {
    let text = without_escapes(text);
    let mut blocks = Vec::with_capacity(text.text().unwrap_or_default().matches(BEGIN).count());
    let mut rest = text.text().unwrap_or_default();
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end)?;
        blocks.push(Block { label: label.to_owned(), pem: in_lines(label, body, &end) });
        rest = after;
    }
    Some(blocks)
}

const BEGIN: &str = "-----BEGIN ";

/// One allocation: a text that grows leaves parts of a key in memory.
fn without_escapes(text: &str) -> Secret {
    let mut plain = String::with_capacity(text.len());
    for (index, line) in text.split("\\n").enumerate() {
        if index > 0 {
            plain.push('\n');
        }
        plain.extend(line.split('\r'));
    }
    plain.into()
}

/// The block in lines. The old form of an encrypted key has headers before the base64, and an empty line in between.
fn in_lines(label: &str, body: &str, end: &str) -> Secret {
    // There may be many small blocks, so reserve no more than needed.
    let mut pem = String::with_capacity(body.len() + body.len() / 64 + 2 * end.len() + 10);
    pem.push_str(&format!("-----BEGIN {label}-----\n"));
    let body = match body.trim_start().split_once("\n\n") {
        Some((headers, base64)) if headers.contains(':') => {
            pem.push_str(headers);
            pem.push_str("\n\n");
            base64
        }
        _ => body,
    };
    for (index, letter) in body.chars().filter(|letter| !letter.is_whitespace()).enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push('\n');
    pem.push_str(end);
    pem.push('\n');
    pem.into()
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};

    #[test]
    fn a_form_is_told_by_the_bytes() {
        assert_eq!(Form::of(b""), Form::Empty);
        assert_eq!(Form::of(b" \n "), Form::Empty);
        assert_eq!(Form::of(b"hello"), Form::Unknown);
        let whole = "-----BEGIN A-----\nQUJD\n-----END A-----";
        for cut in ["-----BEGIN A-----\nQUJD\n-----END A----", "-----BEGIN A-----\nQU", "-----BEGIN A"] {
            assert_eq!(Form::of(cut.as_bytes()), Form::CutOff);
            assert_eq!(Form::of(format!("{whole}\n{cut}").as_bytes()), Form::CutOff, "{cut}");
        }
        assert_eq!(Form::of(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]), Form::JavaKeystore);
        assert_eq!(Form::of(&[0x30, 0x82, 9, 9, 2, 1, 3, 0x30]), Form::Pkcs12);
        assert_eq!(Form::of(&[0x30, 0x80, 2, 1, 3, 0x30]), Form::Pkcs12, "of no given length");
        // A certificate, a key, and what ends too early.
        for der in [&[0x30, 0x82, 9, 9, 0x30, 0x82, 9, 9][..], &[0x30, 0x81, 200, 2, 1, 0], &[0x30, 0x84, 0]]
        {
            assert_eq!(Form::of(der), Form::Der);
        }
    }

    #[test]
    fn der_is_told_of_with_the_command_that_makes_it_pem() {
        for (label, command) in
            [("CERTIFICATE", "x509"), ("PRIVATE KEY", "pkey"), ("ENCRYPTED PRIVATE KEY", "pkey")]
        {
            assert_eq!(
                Form::Der.is_not(label, true),
                format!(
                    "the data is neither PEM nor PKCS#12; if the data is DER, convert it to PEM: openssl {command} \
                     -inform DER -in FILE -out FILE.pem"
                )
            );
        }
    }

    #[test]
    fn blocks_come_out_in_lines_however_they_went_in() {
        let base64 = "QUJD".repeat(20);
        let expected = format!("-----BEGIN A-----\n{}\n{}\n-----END A-----\n", &base64[..64], &base64[64..]);
        for text in [
            format!("Bag Attributes\n x: 1\n-----BEGIN A-----\n{base64}\n-----END A-----\n"),
            format!("-----BEGIN A-----\\n{base64}\\n-----END A-----"),
            format!("-----BEGIN A-----\r\n{}\r\n{}\r\n-----END A-----", &base64[..40], &base64[40..]),
            format!("-----BEGIN A----- {base64} -----END A----- and more"),
        ] {
            let Form::Pem(blocks) = Form::of(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(
                blocks.iter().map(|block| block.pem.text().unwrap()).collect::<Vec<_>>(),
                [&expected],
                "{text}"
            );
        }
    }

    #[test]
    fn the_headers_of_an_old_encrypted_key_stay() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nQUJD\n\
                    -----END EC PRIVATE KEY-----\n";
        let Form::Pem(blocks) = Form::of(text.as_bytes()) else { panic!() };
        assert_eq!(blocks[0].pem.text(), Some(text));
        assert!(blocks[0].is_encrypted() && blocks[0].is_key() && !blocks[0].is_certificate());
    }

    #[test]
    fn hostile_pem() {
        let words: [&[u8]; 14] = [
            b"-----BEGIN CERTIFICATE-----",
            b"-----END CERTIFICATE-----",
            b"-----BEGIN ",
            b"-----END ",
            b"-----",
            b"CERTIFICATE",
            b"ENCRYPTED PRIVATE KEY",
            b"\\n",
            b"\r\n",
            b"Proc-Type: 4,ENCRYPTED",
            b"QUJD",
            b"\xff\xfe",
            b"\xfe\xed\xfe\xed",
            b"0\x82",
        ];
        let samples: [&[u8]; 6] = [
            b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
            b"-----BEGIN A-----\\nQUJD\\n-----END A-----",
            b"-----BEGIN -----END -----",
            b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,00\n\nQUJD\n-----END EC PRIVATE KEY-----",
            &[0x30, 0x82, 9, 9, 2, 1, 3, 0x30],
            &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2],
        ];
        attack("pem", &samples, &words, |_, _, bytes| match in_proportion(bytes, 0, || Form::of(bytes)) {
            Form::Pem(blocks) => {
                let of = |block: &Block| (block.is_certificate(), block.is_key(), block.is_encrypted());
                let _ = blocks.iter().map(of).collect::<Vec<_>>();
                true
            }
            form => {
                assert!(!form.is_not("PRIVATE KEY", true).is_empty() && !form.is_not("A", false).is_empty());
                false
            }
        });
    }
}
