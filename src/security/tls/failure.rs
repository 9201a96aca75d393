//! Why a session failed, in one sentence that says what to change.

use std::error::Error as StdError;
use std::io;

#[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
use super::open_ssl;
use super::reason::{Blame, Reason};
#[cfg(feature = "rustls")]
use super::rust_tls;

/// Why there is no session, or why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) cause: String,
    /// With these settings, and these certificates on both sides, every attempt fails.
    pub(crate) is_fatal: bool,
}

/// The failure of a handshake. `refused` is the text about the broker's certificate, if it was refused. `has_heard` says
/// whether the peer has sent anything. `silences` counts the peers in a row that have sent nothing.
pub(super) fn of_handshake(
    error: &(dyn StdError + 'static),
    refused: Option<String>,
    has_heard: bool,
    silences: u64,
    blame: &Blame,
) -> Failure {
    if let Some(refused) = refused {
        return fatal(refused);
    }
    match reason_of(error) {
        // A broker or proxy that starts or stops does the same, but not each time.
        Reason::End if !has_heard => Failure {
            cause: "the peer closed the connection at the start of the TLS handshake, as a broker does on a port without \
                    TLS: use the port of an SSL or SASL_SSL listener, or set security_protocol to the protocol of this port"
                .to_owned(),
            is_fatal: silences >= SILENCES,
        },
        Reason::End => {
            passing("the broker closed the connection in the middle of the TLS handshake".to_owned())
        }
        Reason::Alert(alert) => of_alert(alert, blame),
        Reason::NotTls => fatal(
            "the response of the peer is not TLS: use the port of an SSL or SASL_SSL listener, or set security_protocol \
             to the protocol of this port"
                .to_owned(),
        ),
        Reason::NothingInCommon(reason) => fatal(format!(
            "client and broker have no TLS version or no cipher in common ({reason}): compare the broker's \
             ssl.enabled.protocols and ssl.cipher.suites with {}",
            blame.ciphers
        )),
        #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
        Reason::Weak(reason) => fatal(format!(
            "the broker's keys or certificates are weaker than this machine's OpenSSL accepts ({reason}): renew the keys \
             and certificates, or lower OpenSSL's security level with {}, for example DEFAULT@SECLEVEL=1",
            blame.ciphers
        )),
        Reason::Certificate(reason) => fatal(format!("the broker's certificate is not accepted: {reason}")),
        Reason::Local(reason) => passing(format!("TLS failed: {reason}")),
        Reason::Other if blame.is_ready_made => {
            fatal(format!("TLS with the connector of ssl_context failed: {error}"))
        }
        Reason::Other => passing(format!("TLS failed: {error}")),
    }
}

/// The failure of a session after the handshake. With TLS 1.3 the broker checks the client's certificate only then.
pub(super) fn of_session(error: &(dyn StdError + 'static), blame: &Blame) -> Option<Failure> {
    match reason_of(error) {
        Reason::End => None,
        Reason::Alert(alert) => Some(of_alert(alert, blame)),
        Reason::NotTls => Some(passing("the peer sent bytes that are not TLS".to_owned())),
        #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
        Reason::Weak(reason) => Some(passing(format!("TLS failed: {reason}"))),
        Reason::NothingInCommon(reason) | Reason::Certificate(reason) | Reason::Local(reason) => {
            Some(passing(format!("TLS failed: {reason}")))
        }
        Reason::Other => Some(passing(format!("TLS failed: {error}"))),
    }
}

fn reason_of(error: &(dyn StdError + 'static)) -> Reason {
    let mut next = Some(error);
    while let Some(error) = next {
        #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
        if let Some(reason) = open_ssl::reason(error) {
            return reason;
        }
        #[cfg(feature = "rustls")]
        if let Some(reason) = rust_tls::reason(error) {
            return reason;
        }
        next = match error.downcast_ref::<io::Error>() {
            None => error.source(),
            Some(error) => match error.get_ref() {
                Some(inner) => Some(inner),
                None => return Reason::of_io(error),
            },
        };
    }
    Reason::Other
}

fn passing(cause: String) -> Failure {
    Failure { cause, is_fatal: false }
}

fn fatal(cause: String) -> Failure {
    Failure { cause, is_fatal: true }
}

/// The failure if the broker sent an alert.
fn of_alert(alert: i32, blame: &Blame) -> Failure {
    let name = ALERT_NAMES.iter().find(|(code, _)| *code == alert).map_or("unknown", |(_, name)| name);
    let said = format!("the broker sent the TLS alert {name} ({alert})");
    fatal(match (alert, &blame.certificate) {
        (70 | 71 | 86, _) => format!(
            "the broker accepts neither TLS 1.2 nor TLS 1.3 from this client: {said}; see the broker's \
             ssl.enabled.protocols and {}",
            blame.ciphers
        ),
        (40, None) if !blame.is_ready_made => format!(
            "the broker accepts no cipher of this client, or the broker requires a client certificate and no certificate \
             is set: {said}; set ssl_certfile and ssl_keyfile, or see the broker's ssl.cipher.suites and {}",
            blame.ciphers
        ),
        (40, _) => format!(
            "the broker accepts no cipher of this client: {said}; see the broker's ssl.cipher.suites and {}",
            blame.ciphers
        ),
        (112, _) => {
            format!(
                "the broker does not know the host name that the client sent: {said}; use another host name"
            )
        }
        (41..=46 | 48 | 49 | 51 | 116, None) if !blame.is_ready_made => {
            format!(
                "the broker requires a client certificate, and no certificate is set: {said}; set ssl_certfile and \
                 ssl_keyfile"
            )
        }
        (45, Some(certificate)) => {
            format!(
                "the broker says that the certificate in {certificate} has expired: {said}; renew the certificate"
            )
        }
        (48 | 46, Some(certificate)) => format!(
            "the broker does not trust the CA of the certificate in {certificate}: {said}; use a certificate that was \
             issued by a CA in the broker's ssl.truststore.location"
        ),
        (41..=46 | 49 | 51 | 116, Some(certificate)) => {
            format!(
                "the broker rejected the certificate in {certificate}: {said}; use a certificate that the broker accepts"
            )
        }
        _ => return passing(format!("the broker ended the TLS session: {said}")),
    })
}

/// With the back-off between them, this many attempts take less than a second.
const SILENCES: u64 = 3;

const ALERT_NAMES: &[(i32, &str)] = &[
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (112, "unrecognized_name"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
];
