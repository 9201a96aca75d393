//! Certificates of every kind for tests, and keys in every form.

use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::X509;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Who issues certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM; the key is PKCS#8.
#[derive(Clone, Debug)]
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

/// What is special about a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    pub name: &'a str,
    /// Names and addresses.
    pub hosts: &'a [&'a str],
    /// Years of its first and its last first of January.
    pub valid: (i32, i32),
    pub serial: u64,
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        Self { name: "broker", hosts: &["localhost", "127.0.0.1"], valid: (2020, 2090), serial: 7 }
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::valid_until(name, 2090)
    }

    pub fn valid_until(name: &str, year: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(authority(name, year), key).expect("a certificate") }
    }

    /// One between this and what it issues.
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::signed_by(authority(name, 2090), key, &self.issuer);
        Self { issuer: issuer.expect("a certificate") }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn issue(&self, leaf: Leaf<'_>) -> Issued {
        self.issue_for(leaf, KeyPair::generate().expect("a key"))
    }

    /// With an RSA key, for the forms that only those have.
    pub fn issue_rsa(&self, leaf: Leaf<'_>) -> Issued {
        let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let pem = String::from_utf8(key.private_key_to_pem_pkcs8().expect("PEM")).expect("PEM is ASCII");
        self.issue_for(leaf, KeyPair::from_pem(&pem).expect("a key"))
    }

    fn issue_for(&self, leaf: Leaf<'_>, key: KeyPair) -> Issued {
        let hosts: Vec<String> = leaf.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, leaf.name);
        params.not_before = date_time_ymd(leaf.valid.0, 1, 1);
        params.not_after = date_time_ymd(leaf.valid.1, 1, 1);
        params.serial_number = Some(SerialNumber::from(leaf.serial));
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A list with these serial numbers, good until 2090.
    pub fn revoked(&self, serials: &[u64]) -> String {
        self.revoked_until(serials, 2090)
    }

    pub fn revoked_until(&self, serials: &[u64], year: i32) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

fn authority(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

impl Issued {
    /// A certificate that stands for itself, as `openssl req -x509` makes one: a CA's by its form.
    pub fn by_itself(hosts: &[&str], until: i32) -> Self {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name.push(DnType::CommonName, "itself");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Key and certificate in one text, as brokers want them.
    pub fn both(&self) -> String {
        format!("{}{}", self.key, self.certificate)
    }

    fn key(&self) -> PKey<openssl::pkey::Private> {
        PKey::private_key_from_pem(self.key.as_bytes()).expect("a key")
    }

    /// PKCS#8, encrypted as OpenSSL does it today (PBES2).
    pub fn encrypted_key(&self, password: &str) -> String {
        let pem = self.key().private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes());
        text(pem.expect("PEM"))
    }

    /// PKCS#1 of an RSA key.
    pub fn pkcs1_key(&self) -> String {
        text(self.key().rsa().expect("an RSA key").private_key_to_pem().expect("PEM"))
    }

    /// SEC1 of an elliptic curve's key.
    pub fn sec1_key(&self) -> String {
        text(self.key().ec_key().expect("an EC key").private_key_to_pem().expect("PEM"))
    }

    /// The same, encrypted in the old way (`Proc-Type: 4,ENCRYPTED`).
    pub fn encrypted_sec1_key(&self, password: &str) -> String {
        let key = self.key().ec_key().expect("an EC key");
        text(key.private_key_to_pem_passphrase(Cipher::aes_256_cbc(), password.as_bytes()).expect("PEM"))
    }

    /// Both in PKCS#12.
    pub fn pkcs12(&self, password: &str) -> Vec<u8> {
        let certificate = X509::from_pem(self.certificate.as_bytes()).expect("a certificate");
        let key = self.key();
        let archive = Pkcs12::builder().name("client").pkey(&key).cert(&certificate).build2(password);
        archive.expect("an archive").to_der().expect("DER")
    }
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).expect("PEM is ASCII")
}
