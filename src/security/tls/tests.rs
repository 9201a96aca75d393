//! Material in every form, and what is said of what can't be used.

use std::path::{Path, PathBuf};

use super::*;

use super::certificates::{Authority, Issued, Leaf};
use crate::protocol::hostile::{attack, in_proportion};
use crate::security::Secret;

/// A directory of the test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kafka-producer-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Option<Named<Source>> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        Some(file("ssl_", &path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn named<T>(setting: &str, value: T) -> Named<T> {
    Named { setting: setting.to_owned(), value }
}

fn file(setting: &str, path: &Path) -> Named<Source> {
    named(setting, Source::File(path.to_owned()))
}

fn text(setting: &str, pem: &str) -> Option<Named<Source>> {
    Some(named(setting, Source::Text(pem.into())))
}

fn settings(backend: TlsBackend) -> TlsSettings {
    TlsSettings {
        backend: named("tls_backend", backend),
        authorities: None,
        authorities_password: named("ssl_truststore_password", None),
        certificate: None,
        key: None,
        store_password: named("ssl_keystore_password", None),
        password: named("ssl_password", None),
        revoked: None,
        ciphers: None,
        versions: named("ssl_enabled_protocols", TlsVersion::ALL.to_vec()),
        check_hostname: named("ssl_check_hostname", true),
        #[cfg(feature = "tls")]
        connector: None,
    }
}

fn client() -> Issued {
    Authority::new("ca").issue(Leaf::default())
}

fn with_key(backend: TlsBackend, issued: &Issued, key: &str, password: Option<&str>) -> TlsSettings {
    TlsSettings {
        certificate: text("ssl_certfile", &issued.certificate),
        key: text("ssl_keyfile", key),
        password: named("ssl_password", password.map(Into::into)),
        ..settings(backend)
    }
}

/// What is wrong with them; empty if nothing is.
fn problems(settings: TlsSettings) -> Vec<String> {
    let problems = Tls::load(settings).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

const NONE: [&str; 0] = [];

each_backend! {
    keys_are_read_in_every_form,
    a_key_that_can_not_be_used_is_told_of,
    half_of_a_pair_is_told_of,
    a_file_that_can_not_be_used_is_told_of_with_its_path,
    all_that_is_wrong_is_told_at_once,
    files_are_read_again_and_half_of_a_renewal_changes_nothing,
    nothing_of_what_is_secret_is_shown,
}

fn keys_are_read_in_every_form(backend: TlsBackend) {
    let (ec, rsa) = (client(), Authority::new("ca").issue_rsa(Leaf::default()));
    for (issued, key, password) in [
        (&ec, ec.key.clone(), None),
        // A password that is not needed does no harm.
        (&ec, ec.key.clone(), Some("secret")),
        (&ec, ec.sec1_key(), None),
        (&rsa, rsa.key.clone(), None),
        (&rsa, rsa.pkcs1_key(), None),
    ] {
        let told = problems(with_key(backend, issued, &key, password));
        assert_eq!(told, NONE, "{}", key.lines().next().unwrap());
    }
    // With the certificate, in either order, and behind what OpenSSL writes before it.
    for both in [ec.both(), format!("Bag Attributes\n    friendlyName: c\n{}{}", ec.certificate, ec.key)] {
        let settings = TlsSettings { certificate: text("ssl_certfile", &both), ..settings(backend) };
        assert_eq!(problems(settings), NONE);
    }
}

/// Keys in each encrypted form, with the password "secret".
fn encrypted_keys() -> Vec<(Issued, String)> {
    let (ec, rsa) = (client(), Authority::new("ca").issue_rsa(Leaf::default()));
    let keys = [ec.encrypted_sec1_key("secret"), ec.encrypted_key("secret")].map(|key| (ec.clone(), key));
    let rsa_key = rsa.encrypted_key("secret");
    keys.into_iter().chain([(rsa, rsa_key)]).collect()
}

/// The settings with a PKCS#12 file and the password "secret", and the path of the file.
fn with_archive(backend: TlsBackend, directory: &Directory) -> (TlsSettings, String) {
    let archive = directory.write("client.p12", client().pkcs12("secret"));
    let store_password = named("ssl_keystore_password", Some("secret".into()));
    let path = directory.0.join("client.p12").display().to_string();
    (TlsSettings { certificate: archive, store_password, ..settings(backend) }, path)
}

#[test]
#[cfg(feature = "tls")]
fn openssl_reads_what_is_encrypted() {
    let backend = TlsBackend::NativeTls;
    for (issued, key) in encrypted_keys() {
        let told = |password| problems(with_key(backend, &issued, &key, password));
        assert_eq!(told(Some("secret")), NONE, "{}", key.lines().next().unwrap());
        assert_eq!(
            told(None),
            ["ssl_keyfile: the key is encrypted; set ssl_password to the password of the key"]
        );
        assert_eq!(
            told(Some("hunter2")),
            [
                "ssl_keyfile: ssl_password is not the password of the key; set ssl_password to the password of the key"
            ]
        );
    }
    let directory = Directory::new("archive");
    assert_eq!(problems(with_archive(backend, &directory).0), NONE);
}

#[test]
#[cfg(feature = "rustls")]
fn rustls_refuses_what_is_encrypted_by_name() {
    let backend = TlsBackend::Rustls;
    let instead = if cfg!(feature = "tls") {
        "set tls_backend to native-tls".to_owned()
    } else {
        crate::error::turn_on("tls")
    };
    for (issued, key) in encrypted_keys() {
        assert_eq!(
            problems(with_key(backend, &issued, &key, Some("secret"))),
            [format!(
                "ssl_keyfile: the key is encrypted, which rustls does not support; remove the password: openssl pkey \
                 -in KEY -out NEW_KEY, or {instead}"
            )]
        );
    }
    let directory = Directory::new("archive-rustls");
    let (settings, path) = with_archive(backend, &directory);
    let why = format!(
        "the data is a PKCS#12 file, which rustls does not support; convert the file to PEM: openssl pkcs12 -in FILE \
         -nodes -out NEW_FILE, or {instead}"
    );
    assert_eq!(problems(settings.clone()), [format!("ssl_ = '{path}': {why}")]);
    let authorities = TlsSettings { authorities: settings.certificate, certificate: None, ..settings };
    assert_eq!(problems(authorities), [format!("ssl_ = '{path}': {why}")]);
}

/// Only one of the two reads PKCS#12, and they say so.
fn or_archive(backend: TlsBackend) -> &'static str {
    if backend == TlsBackend::Rustls { "" } else { ", or PKCS#12" }
}

fn a_key_that_can_not_be_used_is_told_of(backend: TlsBackend) {
    let (own, other) = (client(), client());
    let told = |key: &str, password| problems(with_key(backend, &own, key, password));
    assert_eq!(
        told(&other.key, None),
        [
            "ssl_keyfile: the key does not belong to the first certificate in ssl_certfile; use a certificate and its \
             own key"
        ]
    );
    let or_archive = or_archive(backend);
    assert_eq!(
        told(&own.certificate, None),
        [format!(
            "ssl_keyfile: the data contains no private key; use PEM with -----BEGIN PRIVATE KEY-----{or_archive}"
        )]
    );
    let cut = own.key.replace('M', "N");
    assert!(
        told(&cut, None)[0].starts_with("ssl_keyfile: the key can't be read: "),
        "{:?}",
        told(&cut, None)
    );
}

fn half_of_a_pair_is_told_of(backend: TlsBackend) {
    let own = client();
    let only = |certificate: Option<&str>, key: Option<&str>| TlsSettings {
        certificate: certificate.and_then(|pem| text("ssl_certfile", pem)),
        key: key.and_then(|pem| text("ssl_keyfile", pem)),
        ..settings(backend)
    };
    assert_eq!(
        problems(only(Some(&own.certificate), None)),
        ["ssl_certfile: the data contains a certificate, but no private key; set ssl_keyfile too"]
    );
    assert_eq!(
        problems(only(None, Some(&own.key))),
        ["ssl_keyfile: a key is set, but no certificate is set; set ssl_certfile too"]
    );
}

fn a_file_that_can_not_be_used_is_told_of_with_its_path(backend: TlsBackend) {
    let directory = Directory::new(&format!("files-{backend}"));
    let told = |name: &str, bytes: &[u8]| {
        let mut authorities = directory.write(name, bytes);
        authorities.as_mut().unwrap().setting = "ssl.truststore.location".to_owned();
        let text = problems(TlsSettings { authorities, ..settings(backend) }).remove(0);
        let path = directory.0.join(name).display().to_string();
        text.strip_prefix(&format!("ssl.truststore.location = '{path}': ")).unwrap().to_owned()
    };
    let or_archive = or_archive(backend);
    let and_pem = match backend {
        TlsBackend::Rustls => {
            ", then convert FILE.p12 to PEM: openssl pkcs12 -in FILE.p12 -nodes -out FILE.pem"
        }
        _ => "",
    };
    assert_eq!(
        told("ca.jks", &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1]),
        format!(
            "the data is a Java keystore (JKS), which only Java can read; convert the keystore to PKCS#12: keytool \
             -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12{and_pem}"
        )
    );
    let give = format!("use PEM with -----BEGIN CERTIFICATE-----{or_archive}");
    assert_eq!(told("empty", b""), format!("the data is empty; {give}"));
    assert_eq!(told("text", b"hello"), format!("the data is neither PEM nor PKCS#12; {give}"));
    assert_eq!(told("key", client().key.as_bytes()), format!("the data contains no certificate; {give}"));
    let what = if backend == TlsBackend::Rustls { "not PEM" } else { "neither PEM nor PKCS#12" };
    assert_eq!(
        told("ca.der", &der(&client())),
        format!(
            "the data is {what}; if the data is DER, convert it to PEM: openssl x509 -inform DER -in FILE -out FILE.pem"
        )
    );
    let (first, second) = (client().certificate, client().certificate);
    let cut = format!("{first}{}", &second[..second.len() / 2]);
    assert_eq!(
        told("cut", cut.as_bytes()),
        "the PEM is incomplete: a -----BEGIN line has no -----END line; add the missing part"
    );
    let list = directory.0.join("cut.crl");
    std::fs::write(&list, "-----BEGIN X509 CRL-----\nAAAA\n").unwrap();
    assert_eq!(
        problems(TlsSettings { revoked: Some(named("ssl_crlfile", list.clone())), ..settings(backend) }),
        [format!(
            "ssl_crlfile = '{}': the PEM is incomplete: a -----BEGIN line has no -----END line; add the missing part",
            list.display()
        )]
    );
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(told("broken", broken.as_bytes()).starts_with("certificate 1 can't be read: "));
    if backend == TlsBackend::NativeTls {
        let archive = client().pkcs12("secret");
        assert_eq!(
            told("ca.p12", &archive),
            "the data is a PKCS#12 file; set ssl_truststore_password to the password of the file"
        );
    }
    let of = |path: &Path| {
        problems(TlsSettings { authorities: Some(file("ssl_cafile", path)), ..settings(backend) })
    };
    let missing = directory.0.join("missing");
    assert_eq!(
        of(&missing),
        [format!("ssl_cafile = '{}': the file does not exist; correct the path", missing.display())]
    );
    assert_eq!(
        of(&directory.0),
        [format!(
            "ssl_cafile = '{}': the path is a directory; use the path of a file",
            directory.0.display()
        )]
    );
}

fn all_that_is_wrong_is_told_at_once(backend: TlsBackend) {
    let missing = Path::new("/missing");
    let wrong = TlsSettings {
        authorities: Some(file("ssl_cafile", missing)),
        certificate: Some(file("ssl_certfile", missing)),
        key: Some(file("ssl_keyfile", missing)),
        ..settings(backend)
    };
    assert_eq!(problems(wrong).len(), 3);
    let wrong = TlsSettings {
        authorities: text("ssl_ca_pem", "x"),
        certificate: text("ssl_certificate_pem", "x"),
        ciphers: Some(named("ssl_ciphers", "NO-SUCH-CIPHER".to_owned())),
        ..settings(backend)
    };
    let problems = problems(wrong);
    assert_eq!(problems.len(), 3);
    let known = match backend {
        TlsBackend::Rustls => {
            "rustls supports none of NO-SUCH-CIPHER; rustls supports TLS_AES_256_GCM_SHA384, "
        }
        _ => {
            "this machine's OpenSSL supports none of the cipher suites (no cipher match); see `openssl ciphers`"
        }
    };
    assert!(problems[2].starts_with(&format!("ssl_ciphers = 'NO-SUCH-CIPHER': {known}")), "{}", problems[2]);
}

/// Certificates are renewed under a running producer, one file after the other.
fn files_are_read_again_and_half_of_a_renewal_changes_nothing(backend: TlsBackend) {
    let directory = Directory::new(&format!("renewal-{backend}"));
    let (first, second) = (client(), client());
    let mut tls = Tls::load(TlsSettings {
        certificate: directory.write("cert.pem", &first.certificate),
        key: directory.write("key.pem", &first.key),
        ..settings(backend)
    })
    .unwrap();
    let mut presented = || presented(&tls.connector().kind);
    assert_eq!(presented(), der(&first));
    directory.write("cert.pem", &second.certificate);
    assert_eq!(presented(), der(&first), "the key is not its own yet");
    directory.write("key.pem", &second.key);
    assert_eq!(presented(), der(&second));
    let third = client();
    directory.write("key.pem", &third.key);
    directory.write("cert.pem", format!("{}{}", third.certificate, &first.certificate[..100]));
    assert_eq!(presented(), der(&second), "the one between is not written yet");
    directory.write("cert.pem", format!("{}{}", third.certificate, first.certificate));
    assert_eq!(presented(), der(&third));
    directory.write("cert.pem", &second.certificate);
    directory.write("key.pem", &second.key);
    assert_eq!(presented(), der(&second));
    std::fs::remove_file(directory.0.join("key.pem")).unwrap();
    assert_eq!(presented(), der(&second), "it is not there for a moment");
}

fn der(issued: &Issued) -> Vec<u8> {
    openssl::x509::X509::from_pem(issued.certificate.as_bytes()).unwrap().to_der().unwrap()
}

/// The certificate that a connector shows to brokers.
fn presented(kind: &connector::Kind) -> Vec<u8> {
    match kind {
        #[cfg(feature = "tls")]
        connector::Kind::OpenSsl(own) => own.connector.context().certificate().unwrap().to_der().unwrap(),
        #[cfg(feature = "tls")]
        connector::Kind::Native(_) => panic!("nobody gave one"),
        #[cfg(feature = "rustls")]
        connector::Kind::Rustls(own) => {
            own.config.client_auth_cert_resolver.resolve(&[], &[]).unwrap().cert[0].to_vec()
        }
    }
}

fn nothing_of_what_is_secret_is_shown(backend: TlsBackend) {
    let own = client();
    let settings = with_key(backend, &own, &own.key, Some("hunter2"));
    let shown = format!("{settings:?} {:?}", Tls::load(settings.clone()).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("BEGIN"), "{shown}");
}

/// Certificates and keys in PEM, as a back end reads them.
pub(super) fn strike_keys<F: identity::Forms>(name: &str) {
    let leaf = Authority::new("ca").issue(Leaf::default());
    let samples = [
        leaf.sec1_key(),
        leaf.encrypted_sec1_key("secret"),
        [&leaf.certificate[..], &leaf.key].concat(),
        leaf.certificate,
        leaf.key,
    ];
    let password = Named { setting: "ssl_password".to_owned(), value: Some(Secret::from("secret")) };
    attack(name, &samples, &[b"-----", b"\n", b"MII", b"="], |_, _, bytes| {
        in_proportion(bytes, 0, || {
            let pem::Form::Pem(blocks) = pem::Form::of(bytes) else { return false };
            blocks.iter().fold(false, |taken, block| {
                taken | F::certificate(block).is_ok() | F::key(block, &password).is_ok()
            })
        })
    });
}
