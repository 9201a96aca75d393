//! Which certificates are believed: chains, lists of revoked ones, and what stands for itself. The back ends agree, but for
//! what `docs/tls.md` says.

use super::*;

each_backend! {
    a_revoked_certificate_is_refused_and_so_is_one_without_a_list,
    a_chain_leads_from_the_broker_to_whatever_is_trusted,
    a_certificate_that_stands_for_itself_is_believed_if_it_is_given,
    a_ca_that_has_expired,
    a_client_certificate_of_version_1_is_shown,
}

fn a_revoked_certificate_is_refused_and_so_is_one_without_a_list(backend: TlsBackend) {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let (bad, good) = (
        authority.issue(Leaf { name: "bad", serial: 5, ..Leaf::default() }),
        authority.issue(Leaf { name: "good", serial: 6, ..Leaf::default() }),
    );
    let directory =
        std::env::temp_dir().join(format!("kafka-producer-revoked-{backend}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let with = |list: String| {
        let path = directory.join("crl.pem");
        std::fs::write(&path, list).unwrap();
        TlsSettings { revoked: Some(named("ssl_crlfile", path)), ..settings(backend, &authority) }
    };
    let path = directory.join("crl.pem").display().to_string();
    let revoked = with(authority.revoked(&[5]));
    assert_eq!(
        refusal(revoked.clone(), "localhost", &bad, |_| {}),
        fatal(&format!(
            "the certificate 'CN=bad' of the broker has been revoked, according to ssl_crlfile '{path}'; replace the \
             certificate"
        ))
    );
    assert_eq!(refusal(revoked, "localhost", &good, |_| {}), None);
    assert_eq!(
        refusal(with(other.revoked(&[5])), "localhost", &good, |_| {}),
        fatal(&format!(
            "ssl_crlfile '{path}' has no revocation list of 'CN=ca', the issuer of the certificate 'CN=good' of the \
             broker; add this list"
        ))
    );
    assert_eq!(
        refusal(with(authority.revoked_until(&[5], 2022)), "localhost", &good, |_| {}),
        fatal(&format!(
            "the revocation list of 'CN=ca' in ssl_crlfile '{path}' has expired; fetch a new list"
        ))
    );
    std::fs::remove_dir_all(directory).unwrap();
}

fn a_chain_leads_from_the_broker_to_whatever_is_trusted(backend: TlsBackend) {
    let (root, stranger) = (Authority::new("root"), Authority::new("stranger"));
    let between = root.below("between");
    let own = between.issue(Leaf::default());
    let chain = |builder: &mut SslContextBuilder| {
        let pem = between.pem();
        builder.add_extra_chain_cert(X509::from_pem(pem.as_bytes()).unwrap()).unwrap();
    };
    assert_eq!(refusal(settings(backend, &root), "localhost", &own, chain), None);
    // As in Java a CA does not have to be a root.
    assert_eq!(refusal(settings(backend, &between), "localhost", &own, chain), None);
    assert_eq!(refusal(settings(backend, &between), "localhost", &own, |_| {}), None);
    let unknown = |subject: &str, issuer: &str| {
        fatal(&format!(
            "the certificate 'CN={subject}' of the broker was issued by 'CN={issuer}', which is not in ssl_cafile; add \
             the certificate of this CA"
        ))
    };
    assert_eq!(refusal(settings(backend, &stranger), "localhost", &own, chain), unknown("between", "root"));
    assert_eq!(refusal(settings(backend, &root), "localhost", &own, |_| {}), unknown("broker", "between"));
}

/// What many have who try TLS for the first time: one certificate, made by `openssl req -x509`.
fn a_certificate_that_stands_for_itself_is_believed_if_it_is_given(backend: TlsBackend) {
    let own = Issued::by_itself(&["localhost"], 2090);
    let trusting = |issued: &Issued| TlsSettings {
        authorities: text("ssl_cafile", issued.certificate.clone()),
        ..settings(backend, &Authority::new("ca"))
    };
    assert_eq!(refusal(trusting(&own), "localhost", &own, |_| {}), None);
    // Another of the same name is another.
    let other = Issued::by_itself(&["localhost"], 2090);
    assert!(refusal(trusting(&other), "localhost", &own, |_| {}).is_some());
    let (text, _) = refusal(trusting(&own), "127.0.0.1", &own, |_| {}).unwrap();
    assert!(
        text.starts_with("the broker's certificate is not for '127.0.0.1' but for 'localhost'; "),
        "{text}"
    );
    let old = Issued::by_itself(&["localhost"], 2021);
    let (text, _) = refusal(trusting(&old), "localhost", &old, |_| {}).unwrap();
    assert!(
        text.contains("'CN=itself' of the broker has expired (valid until Jan  1 00:00:00 2021 GMT)"),
        "{text}"
    );
}

fn a_ca_that_has_expired(backend: TlsBackend) {
    let authority = Authority::valid_until("old", 2021);
    let told = refusal(settings(backend, &authority), "localhost", &broker(&authority), |_| {});
    match backend {
        TlsBackend::Rustls => assert_eq!(told, None),
        _ => assert!(told.unwrap().0.starts_with("the certificate 'CN=old' of the broker has expired")),
    }
}

/// Without extensions, as `openssl x509 -req` makes one that is not told of any.
fn a_client_certificate_of_version_1_is_shown(backend: TlsBackend) {
    use openssl::asn1::{Asn1Integer, Asn1Time};
    let authority = Authority::new("ca");
    let key = openssl::pkey::PKey::private_key_from_pem(broker(&authority).key.as_bytes()).unwrap();
    let mut name = openssl::x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "client").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&openssl::bn::BigNum::from_u32(1).unwrap()).unwrap())
        .unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let client = builder.build();
    let pem = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let with_client = TlsSettings {
        certificate: text("ssl_certfile", pem(client.to_pem().unwrap())),
        key: text("ssl_keyfile", pem(key.private_key_to_pem_pkcs8().unwrap())),
        ..settings(backend, &authority)
    };
    let wants = |builder: &mut SslContextBuilder| {
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
        store.add_cert(client.clone()).unwrap();
        builder.set_verify_cert_store(store.build()).unwrap();
    };
    assert_eq!(refusal(with_client, "localhost", &broker(&authority), wants), None);
}
