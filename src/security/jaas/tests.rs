use super::*;
use crate::protocol::hostile::{attack, in_proportion};

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const OAUTH: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

fn plain(username: &str, password: &str) -> JaasLogin {
    JaasLogin::Plain { username: username.to_owned(), password: Secret::from(password) }
}

fn refused(text: &str) -> String {
    let error = JaasLogin::parse(text).unwrap_err().to_string();
    assert!(!error.contains("s3cret"), "{text}: {error}");
    error
}

#[test]
fn entries_of_published_configurations_are_read() {
    let cases = [
        // As Confluent Cloud writes it.
        (format!("{PLAIN} required username='KEY' password='SECRET/+=';"), plain("KEY", "SECRET/+=")),
        // As Event Hubs does.
        (
            format!(
                "{PLAIN} required username=\"$ConnectionString\" \
                 password=\"Endpoint=sb://x.example/;SharedAccessKeyName=n;SharedAccessKey=k=\";"
            ),
            plain("$ConnectionString", "Endpoint=sb://x.example/;SharedAccessKeyName=n;SharedAccessKey=k="),
        ),
        // From a properties file with continued lines, by a client under another name.
        (
            format!(
                "  kafkashaded.{PLAIN} REQUIRED // her\n\tusername = \"alice\"\r\n  password=pass_w-o.r$d ; // that is all"
            ),
            plain("alice", "pass_w-o.r$d"),
        ),
        (format!("{PLAIN}/* why not */optional password=p/**/username=ü;"), plain("ü", "p")),
        (
            format!("{SCRAM} required username=\"alice\" password=\"alice-secret\";"),
            JaasLogin::Scram {
                username: "alice".to_owned(),
                password: Secret::from("alice-secret"),
                is_token: false,
            },
        ),
        (
            format!("{SCRAM} requisite username=\"id\" password=\"hmac\" tokenauth=\"True\";"),
            JaasLogin::Scram { username: "id".to_owned(), password: Secret::from("hmac"), is_token: true },
        ),
        (
            format!("{SCRAM} sufficient username=\"id\" password=\"hmac\" tokenauth=false;"),
            JaasLogin::Scram { username: "id".to_owned(), password: Secret::from("hmac"), is_token: false },
        ),
        (format!("{OAUTH} required;"), JaasLogin::OauthBearer { extensions: Vec::new() }),
        (
            format!("{OAUTH} required extension_logicalCluster='lkc-1' extension_pool='p';"),
            JaasLogin::OauthBearer {
                extensions: [("logicalCluster", "lkc-1"), ("pool", "p")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec(),
            },
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(JaasLogin::parse(&text), Ok(expected), "{text}");
    }
}

#[test]
fn escapes_in_quotes_are_those_of_java() {
    let password =
        |written: &str| match JaasLogin::parse(&format!("{PLAIN} required username=u password={written};")) {
            Ok(JaasLogin::Plain { password, .. }) => password.text().unwrap().to_owned(),
            other => panic!("{written}: {other:?}"),
        };
    for (written, expected) in [
        (r#""a\"b\\c\'d""#, r#"a"b\c'd"#),
        (r#"'a"b\'c'"#, r#"a"b'c"#),
        (r#""\a\b\f\n\r\t\v\x""#, "\u{7}\u{8}\u{c}\n\r\t\u{b}x"),
        // Up to three octal digits, and no more than 255.
        (r#""\101\1013\7\08\377\477""#, "AA3\u{7}\u{0}8\u{ff}'7"),
        (r#""a // b /* c */ ; = { ü""#, "a // b /* c */ ; = { ü"),
    ] {
        assert_eq!(password(written), expected, "{written}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_without_its_content() {
    let at = |text: &str, place: &str| text.find(place).map(|at| text[..at].chars().count() + 1).unwrap();
    let expect = |text: String, place: &str, expected: &str| {
        let error = refused(&text);
        // The end, if the place has no name.
        let at = if place.is_empty() { text.chars().count() + 1 } else { at(&text, place) };
        assert!(
            error.starts_with(&format!("at character {at}: ")) && error.contains(expected),
            "{text}: {error}"
        );
    };
    let wanted = "OPTION=\"VALUE\" or the semicolon is expected here; a value needs quotes";
    expect(String::new(), "", "name of a login module must come first");
    expect("\"s3cret\" required;".to_owned(), "\"", "without quotes");
    expect("s3cret".to_owned(), "s3cret", "the login module must be one of: org.apache.kafka");
    expect(format!("x{PLAIN} required;"), "x", "the login module must be one of");
    expect(
        "com.sun.security.auth.module.Krb5LoginModule required;".to_owned(),
        "com",
        "Kerberos (GSSAPI), which is not supported yet",
    );
    expect("software.amazon.msk.auth.iam.IAMLoginModule required;".to_owned(), "soft", "AWS_MSK_IAM");
    expect(format!("KafkaClient {{ {PLAIN} required; }};"), "Kafka", "a complete JAAS file");
    expect(PLAIN.to_owned(), "", "`required` must follow");
    expect(format!("{PLAIN} username=u password=s3cret;"), "username", "`required` must follow");
    expect(
        format!("{PLAIN} required username=u password=s3cret"),
        "",
        "the semicolon at the end of the entry is missing",
    );
    expect(
        format!("{PLAIN} required username=u password=s3cret; other required;"),
        "other",
        "only one entry",
    );
    expect(format!("{PLAIN} required username=u;"), ";", "the option password is missing");
    expect(format!("{PLAIN} required password=s3cret;"), ";", "the option username is missing");
    expect(format!("{PLAIN} required username='' password=s3cret;"), "username", "username is empty");
    expect(format!("{SCRAM} required username=u password='';"), "password", "password is empty");
    expect(
        format!("{PLAIN} required ü=1 username=u password='s3cret"),
        "'",
        "the quote that begins here is not closed",
    );
    expect(
        format!("{PLAIN} required username=u password='s3cret\n';"),
        "'",
        "the quote that begins here is not closed",
    );
    expect(
        format!("{PLAIN} required username=u password='s3cret\\"),
        "'",
        "the quote that begins here is not closed",
    );
    expect(format!("{PLAIN} required username=u password=my s3cret;"), "s3cret", wanted);
    expect(format!("{PLAIN} required username=u password=s3cret!;"), "!", wanted);
    expect(format!("{PLAIN} required username=u password=a+s3cret;"), "+", wanted);
    expect(format!("{PLAIN} required username=u 's3cret' password=x;"), "'", wanted);
    expect(format!("{PLAIN} required username=u password=;"), ";", "the value is missing or needs quotes");
    expect(
        format!("{PLAIN} required username=u password==s3cret;"),
        "=s3cret",
        "the value is missing or needs quotes",
    );
    expect(format!("{PLAIN} required username=u password 's3cret';"), "password", wanted);
    expect(
        format!("{PLAIN} required username=u password=a s3cret=b;"),
        "s3cret",
        "the module supports username and password",
    );
    expect(
        format!("{PLAIN} required username=u password=s3cret tokenauth=true;"),
        "tokenauth",
        "the module supports username and",
    );
    expect(format!("{PLAIN} required username=u password=x username=s3cret;"), "username=s3", "is set twice");
    expect(
        format!("{PLAIN} required username=u password=x user_alice=s3cret;"),
        "user_alice",
        "for the entry of a broker",
    );
    expect(format!("{SCRAM} required username=u password=x serviceName=k;"), "serviceName", "for Kerberos");
    expect(
        format!("{SCRAM} required username=u password=s3cret tokenauth=yes;"),
        "tokenauth",
        "must be true or false",
    );
    expect(
        format!("{OAUTH} required unsecuredLoginStringClaim_sub=\"alice\";"),
        "unsec",
        "unsecured tokens (unsecuredLogin",
    );
    expect(
        format!("{OAUTH} required clientId=\"a\" clientSecret=\"s3cret\";"),
        "clientId",
        "(clientId) is not supported yet; set a token",
    );
    expect(
        format!("{OAUTH} required scope=x;"),
        "scope",
        "(scope) is not supported yet; set a token provider",
    );
    expect(format!("{OAUTH} required username=s3cret;"), "username", "the module supports extension_NAME");
    expect(format!("{PLAIN} required /* username=u password=s3cret;"), "/*", "the comment is not closed");
}

#[test]
fn a_login_does_not_show_its_password() {
    let login = JaasLogin::parse(&format!("{PLAIN} required username=u password=s3cret;")).unwrap();
    assert_eq!(format!("{login:?}"), "Plain { username: \"u\", password: [hidden] }");
}

#[test]
fn hostile_jaas() {
    let words = [
        PLAIN,
        SCRAM,
        OAUTH,
        "required",
        "username",
        "password",
        "tokenauth",
        "extension_a",
        "=",
        ";",
        "'",
        "\"",
        "\\",
        "\\47",
        "/*",
        "*/",
        "//",
        "\n",
        " ",
        " ",
        " ",
        "{",
        "ü",
        "\u{2028}",
        "a",
        "true",
        "'b c'",
        "\0",
    ]
    .map(str::as_bytes);
    let samples = [
        format!("{PLAIN} required username=\"u\\n\" password='p';"),
        format!("{SCRAM} required username=u password=p tokenauth=true; // end"),
        format!("{OAUTH} required extension_a=\"b\";"),
        format!("{PLAIN} required username=\"\\101\\7\\477\" /* here */ password='p';"),
        "com.sun.security.auth.module.Krb5LoginModule required;".to_owned(),
        "software.amazon.msk.auth.iam.IAMLoginModule required;".to_owned(),
        format!("KafkaClient {{ {PLAIN} required; }};"),
        format!("{PLAIN} required username=u password=p serviceName=s;"),
    ];
    attack("jaas", &samples, &words, |_, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        match in_proportion(text.as_bytes(), 0, || JaasLogin::parse(&text)) {
            Ok(login) => !login.family().is_empty(),
            Err(error) => {
                assert!((1..=text.chars().count() + 1).contains(&error.at()), "{text:?}: {error}");
                false
            }
        }
    });
}
