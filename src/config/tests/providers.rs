//! Values that refer to variables and files.

use std::path::PathBuf;

use super::*;
use crate::config::texts::listing;

const CLASS: &str = "org.apache.kafka.common.config.provider.";

/// A directory that is removed at the end of the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("kafka-producer-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(path.join(name), text).unwrap());
        Self(path)
    }

    fn reference(&self, provider: &str, rest: &str) -> String {
        format!("${{{provider}:{}{rest}}}", self.0.display())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with(providers: &str, more: &[(&str, &str)]) -> Result<ProducerConfig, crate::error::Error> {
    let classes =
        [("env", "EnvVarConfigProvider"), ("file", "FileConfigProvider"), ("dir", "DirectoryConfigProvider")];
    let used = classes.iter().filter(|(name, _)| providers.split(',').any(|used| used == *name));
    let mut pairs: Vec<(String, String)> = used
        .map(|(name, class)| (format!("config.providers.{name}.class"), format!("{CLASS}{class}")))
        .collect();
    // The order does not matter.
    pairs.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    pairs.push(("config.providers".to_owned(), providers.to_owned()));
    ProducerConfig::from_pairs(pairs)
}

fn refused(providers: &str, more: &[(&str, &str)]) -> String {
    let error = with(providers, more).and_then(|config| config.settings().map(|_| ())).unwrap_err();
    problems_of(&error.to_string())
}

#[test]
fn a_value_is_a_variable_a_key_of_a_file_or_a_file() {
    let files = Files::new(
        "values",
        &[("secrets.properties", "# ours\nid = orders-7\nlinger: 5"), ("password", "hunter2\n")],
    );
    let config = with(
        "env,file,dir",
        &[
            ("client.id", &files.reference("file", "/secrets.properties:id")),
            ("linger.ms", &files.reference("file", "/secrets.properties:linger")),
            ("sasl.plain.password", &files.reference("dir", ":password")),
            ("sasl.plain.username", "${env:CARGO_PKG_NAME}-${env:CARGO_PKG_NAME}"),
            ("acks", "1"),
        ],
    )
    .unwrap();
    assert_eq!((config.client_id.as_deref(), config.linger), (Some("orders-7"), Duration::from_millis(5)));
    assert_eq!(config.sasl.password.as_ref().and_then(|secret| secret.text()), Some("hunter2"));
    assert_eq!(config.sasl.username.as_deref(), Some("kafka-producer-kafka-producer"));
    // Whatever the setting is: the reference is shown, not the value.
    let shown = format!("{config:?} {} {:?}", config.explain(), config.get("client_id"));
    assert!(
        !shown.contains("orders-7") && !shown.contains("hunter2") && !shown.contains("kafka-producer-kafka"),
        "{shown}"
    );
    assert_eq!(config.get("client_id").unwrap(), files.reference("file", "/secrets.properties:id"));
    assert_eq!(config.get("sasl_plain_password").unwrap(), files.reference("dir", ":password"));
    assert!(listing(&config).contains("client_id=${file:"));
    // A setter replaces the value, and is shown.
    let config = config.client_id("mine").sasl_plain_password("hunter3");
    assert_eq!(config.get("client_id").unwrap(), "mine");
    assert_eq!(config.get("sasl_plain_password").unwrap(), "[hidden]");
}

/// What is around a reference may be a part of the secret.
#[test]
fn a_secret_around_a_reference_is_not_shown() {
    let config = with("env", &[("sasl.plain.password", "hunter2${env:CARGO_PKG_NAME}")]).unwrap();
    assert_eq!(config.get("sasl_plain_password").unwrap(), "[hidden]");
    let config = with("env", &[("bootstrap.servers", "u:hunter2@${env:CARGO_PKG_NAME}:1")]).unwrap();
    let shown = format!("{} {:?} {:?}", config.explain(), config, config.settings().map(|_| ()).unwrap_err());
    assert!(!shown.contains("hunter2"), "{shown}");
    let text = refused("env", &[("sasl.plain.password", "hunter2${env:KP_UNSET}")]);
    assert_eq!(text, "sasl.plain.password: the environment variable of the reference to env is not set");
}

/// A password may look like a reference: then its name, its path and its key are parts of the password.
#[test]
fn an_error_of_a_secret_does_not_quote_what_may_be_the_secret() {
    let files = Files::new("unquoted", &[("hunter2", "id = orders"), ("bad", "id = \\u12")]);
    let file = |rest: &str| files.reference("file", rest);
    let nothing = "No such file or directory (os error 2)";
    for (value, why) in [
        ("${env:hunter2}".to_owned(), "the environment variable of the reference to env is not set".to_owned()),
        (
            file("/none-hunter2:id"),
            format!("the file of the reference to file can't be read: {nothing}"),
        ),
        (file("/bad:id"), "the file of the reference to file is not a properties file".to_owned()),
        (file("/hunter2:name-hunter2"), "the file of the reference to file does not have its key".to_owned()),
        (
            files.reference("dir", ":../hunter2"),
            "the key of the reference to dir is not the name of a file; write ${dir:directory:file}".to_owned(),
        ),
        (
            "${directory:hunter2}".to_owned(),
            "it refers to a provider that config.providers does not have; add the provider, or call the setter, \
             which takes each value as it is"
                .to_owned(),
        ),
    ] {
        let text = refused("env,file,dir", &[("sasl.plain.password", &value)]);
        assert_eq!(text, format!("sasl.plain.password: {why}"), "{value}");
    }
    let allowlist = ("config.providers.env.param.allowlist.pattern", "A");
    let paths = ("config.providers.file.param.allowed.paths", "/nowhere");
    assert_eq!(
        refused("env", &[allowlist, ("sasl.plain.password", "${env:hunter2}")]),
        "sasl.plain.password: config.providers.env.param.allowlist.pattern does not allow the environment variable of the \
         reference to env"
    );
    assert_eq!(
        refused("file", &[paths, ("sasl.plain.password", &file("/hunter2:id"))]),
        "sasl.plain.password: config.providers.file.param.allowed.paths does not allow the file of the reference to file"
    );
}

/// As in Java. There is no escape.
#[test]
fn a_reference_to_a_provider_that_is_not_declared_stays_as_it_is() {
    let value = "${vault:secret:key}-${env:CARGO_PKG_NAME}-${x:y}";
    let config = with("env", &[("client.id", value), ("sasl.plain.password", "${hunter2:x}")]).unwrap();
    assert_eq!(config.client_id.as_deref(), Some("${vault:secret:key}-kafka-producer-${x:y}"));
    assert_eq!(config.sasl.password.as_ref().and_then(|secret| secret.text()), Some("${hunter2:x}"));
    // A setter takes each value as it is.
    assert_eq!(config.client_id("${env:x}").get("client_id").as_deref(), Some("${env:x}"));
}

/// Other programs that use the file have values for it.
#[test]
fn a_provider_that_no_used_value_refers_to_is_left_out_of_a_shared_configuration() {
    let vault = [
        ("config.providers", "env,vault"),
        ("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
        ("config.providers.vault.class", "io.lenses.connect.secrets.providers.VaultSecretProvider"),
        ("config.providers.vault.param.token", "hvs.hunter2"),
        ("config.providers.aws.class", "com.example.Aws"),
        ("client.id", "${env:CARGO_PKG_NAME}"),
        // Of a consumer.
        ("group.id", "${vault:secret:group}"),
        // Code.
        ("value.serializer", "${vault:secret:serializer}"),
    ];
    let (config, unused) = ProducerConfig::from_shared(Dialect::Java, vault).unwrap();
    assert_eq!(config.client_id.as_deref(), Some("kafka-producer"));
    let unused: Vec<String> = unused.iter().map(ToString::to_string).collect();
    let why = "no setting that this crate uses refers to the provider";
    assert_eq!(
        unused[..3],
        [
            format!(
                "config.providers.vault.class = 'io.lenses.connect.secrets.providers.VaultSecretProvider': {why}"
            ),
            format!("config.providers.vault.param.token: {why}"),
            format!("config.providers.aws.class = 'com.example.Aws': {why}"),
        ]
    );
    assert_eq!(unused.len(), 5, "{unused:?}");
    // A used value needs it, and strict reading checks it anyway.
    let used = [&vault[..], &[("linger.ms", "${vault:secret:linger}")]].concat();
    let error = ProducerConfig::from_shared(Dialect::Java, used).unwrap_err().to_string();
    assert!(
        error.contains("config.providers.vault.class = ") && error.contains("only Java can load"),
        "{error}"
    );
    assert!(
        error.contains("config.providers.vault.class does not name") && !error.contains("aws"),
        "{error}"
    );
    let error = ProducerConfig::from_pairs(vault[..6].iter().copied()).unwrap_err().to_string();
    assert!(error.contains("vault.class") && error.contains("aws.class"), "{error}");
    // Without a class.
    let (_, unused) = ProducerConfig::from_shared(Dialect::Java, [("config.providers", "vault")]).unwrap();
    assert_eq!(unused[0].to_string(), format!("config.providers = 'vault': {why}"));
}

#[test]
fn a_reference_without_a_value_is_refused() {
    let files =
        Files::new("missing", &[("secrets.properties", "id = orders"), ("bad.properties", "id = \\u12")]);
    let file = |rest: &str| files.reference("file", rest);
    let path = files.0.display();
    for (value, why) in [
        ("${env:KP_UNSET}".to_owned(), "the environment variable KP_UNSET is not set".to_owned()),
        ("x${env:KP_UNSET}:1".to_owned(), "the environment variable KP_UNSET is not set".to_owned()),
        (
            file("/secrets.properties:name"),
            format!("the file {path}/secrets.properties does not have the key name"),
        ),
        (file("/bad.properties:id"), format!("the file {path}/bad.properties is not a properties file")),
        (
            file("/none.properties:id"),
            format!("the file {path}/none.properties can't be read: No such file or directory (os error 2)"),
        ),
        (
            "${file:secrets.properties}".to_owned(),
            "a reference to file has a path and a key; write ${file:path:key}".to_owned(),
        ),
        (
            files.reference("dir", ":../x"),
            "the key '../x' is not the name of a file; write ${dir:directory:file}".to_owned(),
        ),
        (
            "${directory:/run:key}".to_owned(),
            "config.providers does not have the provider 'directory'; add it, and set \
             config.providers.directory.class"
                .to_owned(),
        ),
    ] {
        assert_eq!(
            refused("env,file,dir", &[("client.id", &value)]),
            format!("client.id = '{value}': {why}")
        );
    }
}

#[test]
fn a_provider_that_can_not_work_is_refused() {
    for (providers, more, why) in [
        ("vault", vec![], format!(
            "config.providers = 'vault': set config.providers.vault.class too, for example to {CLASS}EnvVarConfigProvider")),
        ("vault", vec![("config.providers.vault.class", "com.example.Vault")], format!(
            "config.providers.vault.class = 'com.example.Vault': only Java can load this class; use \
             {CLASS}EnvVarConfigProvider, FileConfigProvider or DirectoryConfigProvider, or pass the values to setters")),
        ("env", vec![("config.providers.evn.class", "x")],
            "config.providers.evn.class = 'x': config.providers does not have this provider; add it there, or remove this \
             setting".to_owned()),
        ("env", vec![("config.providers.env.param.allow", "x")],
            "config.providers.env.param.allow: a provider has class, param.allowlist.pattern and \
             param.allowed.paths; remove it".to_owned()),
        ("env", vec![("config.providers.env.param.allowlist.pattern", "[A-Z]+")],
            "config.providers.env.param.allowlist.pattern = '[A-Z]+': write names, separated by '|'; each name can contain \
             '.*', and no other pattern is supported".to_owned()),
    ] {
        assert_eq!(refused(providers, &more), why);
    }
    // Nothing is resolved without a provider; a value that surely was meant as a reference is refused.
    let error =
        ProducerConfig::from_pairs([("sasl.plain.password", "${env:PASSWORD}")]).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "it refers to a provider that config.providers does not have; add the provider, or call the setter, which \
             takes each value as it is"
        ),
        "{error}"
    );
    let config = ProducerConfig::from_pairs([("client.id", "${a:b}${c}")]).unwrap();
    assert_eq!(config.client_id.as_deref(), Some("${a:b}${c}"));
    // Without a colon it is no reference.
    let text = refused("env", &[("bootstrap.servers", "${KAFKA_HOST}:9092")]);
    assert!(text.ends_with("contains a placeholder; replace it with a host name"), "{text}");
    assert!(with("[]", &[]).is_ok() && with("", &[]).is_ok());
}

#[test]
fn a_provider_reads_only_what_is_allowed() {
    let files = Files::new("allowed", &[("a.properties", "id = orders"), ("b", "orders")]);
    let others = Files::new("others", &[("a.properties", "id = orders")]);
    let allowed = files.0.display().to_string();
    let paths = |path: &str| {
        with("file", &[("config.providers.file.param.allowed.paths", &allowed), ("client.id", path)])
            .map(|_| ())
    };
    assert!(paths(&files.reference("file", "/a.properties:id")).is_ok());
    for outside in [
        others.reference("file", "/a.properties:id"),
        files.reference(
            "file",
            &format!("/../{}/a.properties:id", others.0.file_name().unwrap().to_str().unwrap()),
        ),
    ] {
        let error = paths(&outside).unwrap_err().to_string();
        assert!(
            error.contains("config.providers.file.param.allowed.paths does not allow the file "),
            "{error}"
        );
    }
    let variable = |pattern: &str| {
        let pattern = ("config.providers.env.param.allowlist.pattern", pattern);
        with("env", &[pattern, ("client.id", "${env:CARGO_PKG_NAME}")]).is_ok()
    };
    for pattern in ["CARGO_PKG_NAME", "CARGO_.*", ".*_NAME", "A|CARGO_.*NAME", ".*", "^CARGO.*PKG.*$"] {
        assert!(variable(pattern), "{pattern}");
    }
    for pattern in ["CARGO_PKG", "PKG_NAME", "CARGO_.*X", "X.*", "", "A|B", "CARGO_PKG_NAME.*_NAME"] {
        assert!(!variable(pattern), "{pattern}");
    }
}

/// An error that quotes the value would show it.
#[test]
fn a_value_that_is_refused_is_not_shown() {
    let files =
        Files::new("refused", &[("s", "hunter2:hunter2"), ("n", "77777777777777777777777"), ("z", "0")]);
    let hidden = "the value of this reference is not valid; correct the variable or the file that it names";
    let dir = |name: &str| files.reference("dir", &format!(":{name}"));
    for (key, name, why) in [
        ("bootstrap.servers", "s", hidden),
        ("acks", "s", "it must be 0, 1 or all"),
        ("socket_options", "s", "write NAME=0 or NAME=1, separated by commas"),
        ("linger.ms", "n", "write a whole number of milliseconds, 0 or more, digits only"),
        ("buffer.memory", "z", "it must be at least 1"),
        ("api_version", "s", "setting the version of the brokers is not supported yet; remove it"),
    ] {
        assert_eq!(refused("dir", &[(key, &dir(name))]), format!("{key} = '{}': {why}", dir(name)));
    }
    let twice = refused("dir", &[("client_id", &dir("s")), ("client.id", "x")]);
    assert_eq!(
        twice,
        format!("client.id = 'x': client_id = '{}' is set too; remove one of the two", dir("s"))
    );
}

#[test]
fn references_are_replaced_in_every_layer() {
    let config = with("env", &[]).unwrap();
    let variable = ("K_CLIENT_ID".into(), "${env:CARGO_PKG_NAME}".into());
    let by_variable = config.clone().with_variables("K_", [variable]).unwrap();
    assert_eq!(by_variable.client_id.as_deref(), Some("kafka-producer"));
    let (shared, _) = ProducerConfig::from_shared(
        Dialect::Java,
        [
            ("config.providers", "env"),
            ("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
            ("client.id", "${env:CARGO_PKG_NAME}"),
        ],
    )
    .unwrap();
    assert_eq!(shared.client_id.as_deref(), Some("kafka-producer"));
    #[cfg(feature = "yaml")]
    {
        let yaml = format!(
            "client_id: ${{env:CARGO_PKG_NAME}}\nconfig.providers: [env]\nconfig.providers.env.class: {CLASS}EnvVarConfigProvider"
        );
        assert_eq!(ProducerConfig::from_yaml(&yaml).unwrap().client_id.as_deref(), Some("kafka-producer"));
    }
}

/// A provider of Kafka Connect, whose token is as secret as the values that it provides.
#[test]
fn a_parameter_of_a_provider_of_java_is_not_shown() {
    let pairs = [
        ("config.providers", "vault"),
        ("config.providers.vault.class", "io.lenses.connect.secrets.providers.VaultSecretProvider"),
        ("config.providers.vault.param.token", "hvs.hunter2"),
    ];
    for pairs in [&pairs[..], &pairs[1..]] {
        let error = ProducerConfig::from_pairs(pairs.iter().copied()).unwrap_err();
        assert!(error.to_string().contains("config.providers.vault.param.token"), "{error}");
        assert!(!format!("{error} {error:?} {error:#?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_restriction_that_the_provider_does_not_have_is_refused() {
    let allowed = ("config.providers.file.param.allowlist.pattern", "KAFKA_.*");
    let error = with("file", &[allowed]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("set param.allowed.paths"), "{error}");
    let allowed = ("config.providers.env.param.allowed.paths", "/run/secrets");
    let error = with("env", &[allowed]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("set param.allowlist.pattern"), "{error}");
}

/// A variable or a file that is empty by mistake.
#[cfg(any(feature = "tls", feature = "rustls"))]
#[test]
fn a_reference_to_nothing_does_not_disable_the_check_of_names() {
    let files = Files::new("empty-check", &[("check", "")]);
    let reference = files.reference("dir", ":check");
    for (value, is_fine) in [(reference.as_str(), false), ("", true)] {
        let read = with("dir", &[("ssl.endpoint.identification.algorithm", value)]);
        assert_eq!(read.is_ok(), is_fine, "{value}");
    }
}
