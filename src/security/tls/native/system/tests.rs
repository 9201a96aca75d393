use super::*;
use crate::security::tls::TlsBackend;
use crate::security::tls::certificates::{Authority, Leaf};

fn named<T>(setting: &str, value: T) -> Named<T> {
    Named { setting: setting.to_owned(), value }
}

fn problems(settings: &TlsSettings) -> Vec<String> {
    let problems = own(settings, &Material::read(settings).unwrap()).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// Options that the system's library does not have are refused by name.
#[test]
fn what_the_system_does_not_do_is_refused_by_name() {
    let authority = Authority::new("ca");
    let client = authority.issue(Leaf::default());
    let text = |setting: &str, pem: &str| Some(named(setting, Source::Text(pem.into())));
    let settings = TlsSettings {
        backend: named("tls_backend", TlsBackend::NativeTls),
        authorities: text("ssl_cafile", &authority.pem()),
        authorities_password: named("ssl_truststore_password", None),
        certificate: text("ssl_certfile", &client.certificate),
        key: text("ssl_keyfile", &client.key),
        store_password: named("ssl_keystore_password", None),
        password: named("ssl_password", None),
        revoked: None,
        ciphers: None,
        versions: Named { setting: "ssl_enabled_protocols".to_owned(), value: TlsVersion::ALL.to_vec() },
        check_hostname: named("ssl_check_hostname", true),
        connector: None,
    };
    assert_eq!(problems(&settings), [""; 0]);
    let one_file =
        TlsSettings { certificate: text("ssl_certfile", &client.both()), key: None, ..settings.clone() };
    assert_eq!(problems(&one_file), [""; 0]);
    for (key, form) in
        [(client.sec1_key(), "neither PKCS#8 nor PKCS#12"), (client.encrypted_key("hunter2"), "encrypted")]
    {
        let refused = TlsSettings {
            key: text("ssl_keyfile", &key),
            ciphers: Some(named("ssl_ciphers", "HIGH".to_owned())),
            ..settings.clone()
        };
        assert_eq!(
            problems(&refused),
            [
                format!(
                    "ssl_keyfile: a key that is {form} is not supported on this system; convert the key to PKCS#8 \
                     without a password, or to PKCS#12: openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW_KEY"
                ),
                "ssl_ciphers = 'HIGH': the TLS library of this operating system does not support this setting; remove \
                 the setting"
                    .to_owned()
            ]
        );
    }
}
