//! The TLS settings, in each client's spelling.

use super::*;
use crate::config::SecurityProtocol;

fn text(pairs: &[(&str, &str)]) -> String {
    match ProducerConfig::from_pairs(pairs.iter().copied()).and_then(|config| config.settings()) {
        Ok(_) => "taken".to_owned(),
        Err(error) => problems_of(&error.to_string()),
    }
}

/// Without the feature the error says what to turn on. Settings that do not ask for TLS are accepted.
#[test]
#[cfg(not(any(feature = "tls", feature = "rustls")))]
fn without_the_feature_each_setting_names_it() {
    let needs =
        &format!("TLS is not enabled; {}; or enable the feature `rustls`", crate::error::turn_on("tls"));
    assert_eq!(text(&[("security.protocol", "SSL")]), format!("security.protocol = 'SSL': {needs}"));
    assert_eq!(text(&[("ssl_cafile", "/ca")]), format!("ssl_cafile = '/ca': {needs}"));
    assert_eq!(text(&[("tls_backend", "rustls")]), format!("tls_backend = 'rustls': {needs}"));
    assert_eq!(text(&[("ssl.key.pem", "x")]), format!("ssl.key.pem: {needs}"));
    let typed = ProducerConfig::new().security_protocol(SecurityProtocol::Ssl).settings();
    assert!(typed.map(|_| ()).unwrap_err().to_string().contains(needs));
    assert_eq!(text(&[("ssl_check_hostname", "True"), ("ssl_cafile", "None")]), "taken");
}

#[cfg(any(feature = "tls", feature = "rustls"))]
mod built_in {
    use super::*;

    /// Every name, and how the value is shown under the documented name.
    #[test]
    fn each_name_sets_what_it_says() {
        for (names, value, shown) in [
            (&["ssl_cafile", "ssl.ca.location", "ssl.truststore.location"][..], "/ca", "ssl_cafile: /ca"),
            (&["ssl_ca_pem", "ssl.ca.pem", "ssl.truststore.certificates"], "x", "ssl_ca_pem: [hidden]"),
            (&["ssl.truststore.password"], "x", "ssl_truststore_password: [hidden]"),
            (
                &["ssl_certfile", "ssl.certificate.location", "ssl.keystore.location"],
                "/cert",
                "ssl_certfile: /cert",
            ),
            (
                &["ssl_certificate_pem", "ssl.certificate.pem", "ssl.keystore.certificate.chain"],
                "x",
                "ssl_certificate_pem: [hidden]",
            ),
            (&["ssl.keystore.password"], "x", "ssl_keystore_password: [hidden]"),
            (&["ssl_keyfile", "ssl.key.location"], "/key", "ssl_keyfile: /key"),
            (&["ssl_key_pem", "ssl.key.pem", "ssl.keystore.key"], "x", "ssl_key_pem: [hidden]"),
            (&["ssl_password", "ssl.key.password"], "x", "ssl_password: [hidden]"),
            (&["ssl_crlfile", "ssl.crl.location"], "/crl", "ssl_crlfile: /crl"),
            (&["ssl_ciphers", "ssl.cipher.suites"], "a:b", "ssl_ciphers: a:b"),
            (&["ssl.enabled.protocols"], "TLSv1.3", "ssl_enabled_protocols: TLSv1.3"),
            (
                &["ssl_enabled_protocols"],
                "TLSv1.3, tlsv1.2,TLSv1.3",
                "ssl_enabled_protocols: TLSv1.2,TLSv1.3",
            ),
            (&["ssl_enabled_protocols"], "", "ssl_enabled_protocols: TLSv1.2,TLSv1.3"),
            (&["tls_backend"], "rustls", "tls_backend: rustls"),
            (&["tls_backend"], "native-tls", "tls_backend: native-tls"),
            (&["ssl_check_hostname"], "False", "ssl_check_hostname: false"),
            (&["ssl.endpoint.identification.algorithm"], "", "ssl_check_hostname: false"),
            (&["ssl.endpoint.identification.algorithm"], "none", "ssl_check_hostname: false"),
            (&["ssl.endpoint.identification.algorithm"], "HTTPS", "ssl_check_hostname: true"),
        ] {
            for name in names {
                let config = ProducerConfig::from_pairs([(*name, value)]).unwrap();
                assert!(format!("{config:?}").contains(shown), "{name}: {config:?}");
            }
        }
    }

    #[test]
    fn a_setting_that_is_given_twice_is_told_of_and_a_secret_is_not_shown() {
        assert_eq!(
            text(&[("ssl.truststore.location", "/a"), ("ssl.ca.location", "/b")]),
            "ssl.ca.location = '/b': ssl.truststore.location = '/a' is set too; remove one of the two"
        );
        assert_eq!(
            text(&[("ssl_password", "hunter2"), ("ssl.key.password", "hunter3")]),
            "ssl.key.password: ssl_password is set too; remove one of the two"
        );
        assert_eq!(
            text(&[("ssl_cafile", "/missing"), ("ssl.ca.pem", "hunter2")]),
            "ssl.ca.pem: ssl_cafile is set too; remove one of the two; ssl_cafile = '/missing': the file does not exist; \
             correct the path"
        );
    }

    #[test]
    fn an_old_version_of_tls_is_told_of() {
        let old = "versions before TLS 1.2 are not safe (RFC 8996) and not supported; write TLSv1.2, TLSv1.3 or both";
        assert_eq!(
            text(&[("ssl.enabled.protocols", "TLSv1")]),
            format!("ssl.enabled.protocols = 'TLSv1': {old}")
        );
        assert_eq!(
            text(&[("ssl.enabled.protocols", "TLSv1.2,TLSv1.4")]),
            "ssl.enabled.protocols = 'TLSv1.2,TLSv1.4': write TLSv1.2, TLSv1.3 or both, separated by commas"
        );
        assert_eq!(
            text(&[("security.protocol", "SSL"), ("ssl.enabled.protocols", ",")]),
            "ssl.enabled.protocols: it is empty; enable TLSv1.2, TLSv1.3 or both"
        );
        assert_eq!(
            text(&[
                ("security.protocol", "SSL"),
                ("ssl.enabled.protocols", "TLSv1.2"),
                ("ssl.cipher.suites", "TLS_AES_256_GCM_SHA384")
            ]),
            "ssl.cipher.suites = 'TLS_AES_256_GCM_SHA384': all suites are of TLS 1.3, which ssl.enabled.protocols does not \
             enable; add a suite of TLS 1.2, or enable TLSv1.3"
        );
    }

    #[test]
    fn librdkafkas_probe_is_told_what_to_write() {
        assert_eq!(
            text(&[("security.protocol", "SSL"), ("ssl.ca.location", "probe")]),
            "ssl.ca.location = 'probe': the file does not exist; to use the system's CAs (librdkafka's probe), remove \
             the setting"
        );
    }

    /// A back end in this build is accepted. native-tls is the default if it is in this build.
    #[test]
    fn a_back_end_is_one_of_those_that_are_built_in() {
        for (backend, feature, is_built_in) in
            [("native-tls", "tls", cfg!(feature = "tls")), ("rustls", "rustls", cfg!(feature = "rustls"))]
        {
            let missing = format!(
                "tls_backend = '{backend}': the library is not enabled; {}",
                crate::error::turn_on(feature)
            );
            let expected = if is_built_in { "taken".to_owned() } else { missing };
            assert_eq!(text(&[("tls_backend", backend)]), expected);
            // It is reported only once, also if it would be used.
            assert_eq!(text(&[("tls_backend", backend), ("security.protocol", "SSL")]), expected);
        }
        assert_eq!(
            text(&[("tls_backend", "schannel")]),
            "tls_backend = 'schannel': the library must be native-tls or rustls"
        );
        let default = ProducerConfig::new().tls_settings().backend.value;
        assert_eq!(default.to_string(), if cfg!(feature = "tls") { "native-tls" } else { "rustls" });
    }

    #[test]
    #[cfg(all(feature = "tls", feature = "rustls"))]
    fn a_ready_connector_is_not_given_to_rustls() {
        let connector = native_tls::TlsConnector::new().unwrap();
        let config = ProducerConfig::new().ssl_context(connector);
        assert!(config.settings().unwrap().socket.tls.is_some());
        let error =
            config.tls_backend(crate::security::tls::TlsBackend::Rustls).settings().map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the configuration can't be used: ssl_context: it is a connector of native-tls, and tls_backend is rustls; \
             remove one of the two"
        );
    }

    /// The tutorials of kafka-python do not set the protocol.
    #[test]
    fn who_says_whom_to_trust_asks_for_tls() {
        let protocol = |pairs: &[(&str, &str)]| {
            ProducerConfig::from_pairs(pairs.iter().copied()).unwrap().effective().security_protocol()
        };
        assert_eq!(protocol(&[]), SecurityProtocol::Plaintext);
        assert_eq!(protocol(&[("ssl_check_hostname", "true")]), SecurityProtocol::Plaintext);
        assert_eq!(protocol(&[("ssl_cafile", "/ca")]), SecurityProtocol::Ssl);
        assert_eq!(
            text(&[("security.protocol", "PLAINTEXT"), ("ssl.truststore.location", "/ca")]),
            "ssl.truststore.location: security.protocol is PLAINTEXT, so connections are not encrypted and this has no \
             effect; set security.protocol to SSL or SASL_SSL, or remove this setting"
        );
        let settings = ProducerConfig::new().security_protocol(SecurityProtocol::Ssl).settings().unwrap();
        assert!(settings.socket.tls.is_some());
    }

    /// A user must not believe that a connection is encrypted if it is not.
    #[test]
    fn what_does_nothing_without_tls_is_refused() {
        let refused = |name: &str, key: &str| {
            format!(
                "{name}: {key} is PLAINTEXT, so connections are not encrypted and this has no effect; set {key} to SSL \
                 or SASL_SSL, or remove this setting"
            )
        };
        let mut all = vec![
            ("ssl.truststore.password", "x"),
            ("ssl.keystore.password", "x"),
            ("ssl.key.password", "x"),
            ("ssl.cipher.suites", "TLS_AES_256_GCM_SHA384"),
            ("ssl.endpoint.identification.algorithm", ""),
            ("ssl_check_hostname", "False"),
        ];
        for setting in &all {
            assert_eq!(text(&[*setting]), refused(setting.0, "security_protocol"));
        }
        all.extend([("ssl.crl.location", "/crl"), ("ssl.key.pem", "x"), ("ssl.keystore.location", "/cert")]);
        for setting in all {
            let explicit = text(&[("security.protocol", "PLAINTEXT"), setting]);
            assert_eq!(explicit, refused(setting.0, "security.protocol"));
        }
        for default in [
            ("ssl_check_hostname", "True"),
            ("ssl.endpoint.identification.algorithm", "https"),
            ("ssl.cipher.suites", "null"),
            ("ssl.key.password", "null"),
        ] {
            assert_eq!(text(&[("security.protocol", "PLAINTEXT"), default]), "taken");
        }
    }

    /// It would send the password unencrypted.
    #[test]
    #[cfg(feature = "tls")]
    fn a_ready_connector_without_tls_is_refused() {
        let config = ProducerConfig::new()
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl_mechanism("PLAIN")
            .sasl_plain_username("alice")
            .sasl_plain_password("hunter2")
            .ssl_context(native_tls::TlsConnector::new().unwrap());
        assert_eq!(
            config.settings().map(|_| ()).unwrap_err().to_string(),
            "the configuration can't be used: ssl_context: security_protocol is SASL_PLAINTEXT, so connections are not \
             encrypted and this has no effect; set security_protocol to SSL or SASL_SSL, or remove this setting"
        );
    }

    /// It would be ignored, and connections would be made that the setting should prevent.
    #[test]
    #[cfg(feature = "tls")]
    fn what_a_ready_connector_takes_the_place_of_is_refused() {
        let with_connector = |pairs: &[(&str, &str)]| {
            let config = ProducerConfig::from_pairs(pairs.iter().copied()).unwrap();
            config.ssl_context(native_tls::TlsConnector::new().unwrap()).settings().map(|_| ())
        };
        for setting in [
            ("ssl.ca.location", "/ca"),
            ("ssl_ca_pem", "x"),
            ("ssl_certfile", "/cert"),
            ("ssl_certificate_pem", "x"),
            ("ssl_keyfile", "/key"),
            ("ssl_key_pem", "x"),
            ("ssl_crlfile", "/crl"),
            ("ssl.truststore.password", "x"),
            ("ssl.keystore.password", "x"),
            ("ssl_password", "x"),
            ("ssl_ciphers", "x"),
            ("ssl.enabled.protocols", "TLSv1.2"),
            ("ssl.endpoint.identification.algorithm", ""),
        ] {
            let told = problems_of(&with_connector(&[setting]).unwrap_err().to_string());
            let expected = format!(
                "{}: ssl_context is set and replaces this setting; configure the connector instead, or remove one of \
                 the two",
                setting.0
            );
            // Files are read in any case.
            assert!(told.starts_with(&expected), "{told}");
        }
        assert!(with_connector(&[("ssl_check_hostname", "True"), ("tls_backend", "native-tls")]).is_ok());
    }

    /// An environment variable that is not set must not change which CAs are trusted.
    #[test]
    fn an_empty_text_turns_no_protection_off() {
        for name in
            ["ssl_cafile", "ssl.ca.location", "ssl.truststore.location", "ssl.crl.location", "ssl_keyfile"]
        {
            let why = "it is empty; name a file, or remove it";
            assert_eq!(text(&[("security.protocol", "SSL"), (name, "")]), format!("{name} = '': {why}"));
        }
        for name in ["ssl.ca.pem", "ssl.truststore.certificates", "ssl.keystore.key", "ssl_certificate_pem"] {
            let told = text(&[("security.protocol", "SSL"), (name, "")]);
            assert_eq!(told, format!("{name}: it is empty; give PEM, or remove it"));
        }
        for (name, value) in [("ssl_cafile", "None"), ("ssl.crl.location", "none"), ("ssl.ca.pem", "null")] {
            assert_eq!(text(&[(name, value)]), "taken");
        }
        for value in ["null", "None", "httpss"] {
            assert_eq!(
                text(&[("security.protocol", "SSL"), ("ssl.endpoint.identification.algorithm", value)]),
                format!(
                    "ssl.endpoint.identification.algorithm = '{value}': write https to check the host name, or 'none' to disable the check; an empty value disables it too, as in Java (librdkafka rejects an empty value)"
                )
            );
        }
    }

    #[test]
    fn that_hosts_are_not_checked_is_told() {
        let notes = |pairs: &[(&str, &str)]| {
            ProducerConfig::from_pairs(pairs.iter().copied()).unwrap().effective().notes()
        };
        assert_eq!(notes(&[("security.protocol", "SSL")]), [""; 0]);
        for (name, value) in [("ssl_check_hostname", "False"), ("ssl.endpoint.identification.algorithm", "")]
        {
            assert_eq!(
                notes(&[("security.protocol", "SSL"), (name, value)]),
                [format!(
                    "{name} disables the check of the broker's host name; anybody with a certificate from a trusted \
                     CA can impersonate the broker"
                )]
            );
        }
    }

    #[test]
    fn a_password_of_a_store_is_that_of_its_key_unless_that_has_its_own() {
        let passwords = |pairs: &[(&str, &str)]| {
            let settings = ProducerConfig::from_pairs(pairs.iter().copied()).unwrap().tls_settings();
            [settings.store_password, settings.password].map(|password| {
                let value = password.value.as_ref().and_then(|value| value.text()).unwrap_or("-").to_owned();
                (password.setting, value)
            })
        };
        let told = |first: (&str, &str), second: (&str, &str)| {
            [first, second].map(|(setting, value)| (setting.to_owned(), value.to_owned()))
        };
        let (store, key) = (("ssl.keystore.password", "s"), ("ssl.key.password", "k"));
        assert_eq!(passwords(&[store, key]), told(store, key));
        assert_eq!(passwords(&[store]), told(store, store));
        assert_eq!(passwords(&[key]), told(key, key));
        assert_eq!(passwords(&[]), told(("ssl_keystore_password", "-"), ("ssl_password", "-")));
    }
}
