//! The broker's jars and what is built from them once: the reader, and archives for a quick start.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::dirs::{self, FileLock, in_dir};
use super::process::{Finished, run};
use super::train;

/// The versions that can be started; the first unless a test asks for another.
pub const VERSIONS: [&str; 2] = ["4.3.1", "3.9.2"];

/// Far more than a fetch takes, for slow lines; a fetch under way elsewhere is waited for.
const FETCH_LIMIT: Duration = Duration::from_secs(900);
const TOOL_LIMIT: Duration = Duration::from_secs(120);

const NEEDS_JDK: &str = "the tests against real brokers need a JDK, 17 or newer: install one \
    (Debian: openjdk-17-jdk-headless) and put it on PATH or into JAVA_HOME";
const NEEDS_MAVEN: &str = "the tests against real brokers fetch Apache Kafka with Maven: install \
    it (Debian: maven) and put mvn on PATH";

/// One for what is written to a console nobody reads, one for tools, whose standard output is data.
const BROKER_LOG4J: &str = "\
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=c
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c - %m%n
logger.s.name=kafka.server
logger.s.level=INFO
logger.c.name=state.change.logger
logger.c.level=INFO
logger.l.name=org.apache.kafka.storage.internals.log.UnifiedLog
logger.l.level=INFO
";
const TOOL_LOG4J: &str = "\
rootLogger.level=ERROR
rootLogger.appenderRef.c.ref=c
appender.c.type=Console
appender.c.name=c
appender.c.target=SYSTEM_ERR
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c - %m%n
";

/// Where things are.
#[derive(Clone, Debug)]
pub struct Install {
    version: &'static str,
    java: PathBuf,
    /// `…/libs/*`; java itself expands it. An archive fits only while the class path begins the
    /// same way, so nothing may come before it.
    class_path: OsString,
    /// Depends on the JDK and on the sources: an archive belongs to one of each.
    built: PathBuf,
    archives: Archives,
}

/// What a JVM does about its class-data archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Archives {
    Use,
    /// Written at the end of the JVM.
    Dump,
}

impl Install {
    /// Fetches and builds what is missing.
    ///
    /// # Panics
    ///
    /// When that fails: a machine without a JDK fails these tests, it does not skip them.
    pub fn get(version: &str) -> &'static Self {
        static INSTALLS: [OnceLock<Result<Install, String>>; VERSIONS.len()] =
            [const { OnceLock::new() }; VERSIONS.len()];
        let known = VERSIONS.iter().zip(&INSTALLS).find(|(known, _)| **known == version);
        let (version, install) = known.unwrap_or_else(|| panic!("{version} is none of {VERSIONS:?}"));
        match install.get_or_init(|| Self::make(version)) {
            Ok(install) => install,
            Err(why) => panic!("no Kafka {version} to test against: {why}"),
        }
    }

    fn make(version: &'static str) -> Result<Self, String> {
        let java = program("java").ok_or(NEEDS_JDK)?;
        let home = dirs::root().join(version);
        let libs = home.join("libs");
        let sources = ["ReadBack", "OneByOne", "Follow"]
            .map(|name| manifest_dir().join("tests/kafka").join(name).with_extension("java"));
        let built = home.join(format!("built-{:016x}", fingerprint(&java, &sources)?));
        fs::create_dir_all(&home).map_err(in_dir(&home))?;

        let mut install = Self {
            version,
            java,
            class_path: libs.join("*").into_os_string(),
            built: built.clone(),
            archives: Archives::Use,
        };
        // Written last, so a build that was cut off is not taken for a whole one.
        let complete = built.join("complete");
        if libs.is_dir() && complete.is_file() {
            return Ok(install);
        }

        let _lock = FileLock::acquire(&home.join("install.lock"), FETCH_LIMIT.as_secs())?;
        let fetch_first = !libs.is_dir();
        if fetch_first {
            fetch(version, &home, &libs)?;
        }
        // An archive belongs to the very files it was made from.
        if fetch_first || !complete.is_file() {
            if built.is_dir() {
                fs::remove_dir_all(&built).map_err(in_dir(&built))?;
            }
            fs::create_dir_all(&built).map_err(in_dir(&built))?;
            install.archives = Archives::Dump;
            install.build(&sources)?;
            install.archives = Archives::Use;
            fs::write(&complete, "").map_err(in_dir(&complete))?;
        }
        Ok(install)
    }

    fn build(&self, sources: &[PathBuf]) -> Result<(), String> {
        for (name, text) in [("broker.properties", BROKER_LOG4J), ("tool.properties", TOOL_LOG4J)] {
            fs::write(self.built.join(name), text).map_err(in_dir(&self.built))?;
        }
        let classes = self.built.join("classes");
        let mut compile: Vec<OsString> = vec![
            jdk_program(&self.java, "javac")?.into(),
            "-cp".into(),
            self.class_path.clone(),
            "-d".into(),
            classes.clone().into(),
        ];
        compile.extend(sources.iter().map(Into::into));
        run(&compile, TOOL_LIMIT)?;
        // A directory of classes on the class path would rule an archive out.
        let pack = [
            jdk_program(&self.java, "jar")?.into(),
            "cf".into(),
            self.own_classes().into(),
            "-C".into(),
            classes.into(),
            ".".into(),
        ];
        run(&pack, TOOL_LIMIT)?;
        train::train(self)
    }

    /// A key for TLS on 127.0.0.1, with a certificate that it has signed itself.
    pub(super) fn make_keystore(&self, file: &Path, password: &str) -> Result<(), String> {
        let mut command = vec![jdk_program(&self.java, "keytool")?.into(), "-genkeypair".into()];
        let options = "-alias broker -keyalg EC -groupname secp256r1 -validity 7 -dname CN=localhost \
                       -ext SAN=dns:localhost,ip:127.0.0.1 -storetype PKCS12 -storepass";
        command.extend(options.split_whitespace().chain([password, "-keystore"]).map(OsString::from));
        command.push(file.into());
        run(&command, TOOL_LIMIT).map(drop)
    }

    fn own_classes(&self) -> PathBuf {
        self.built.join("own.jar")
    }

    fn archive(&self, name: &str) -> PathBuf {
        self.built.join(format!("{name}.jsa"))
    }

    pub(super) fn archives(&self) -> [PathBuf; 2] {
        [self.archive("broker"), self.archive("tool")]
    }

    /// What a formatted log directory holds besides its own ids.
    pub(super) fn checkpoint(&self) -> PathBuf {
        self.built.join("bootstrap.checkpoint")
    }

    /// The name of a tool's main class, which most have changed with 4.0.
    pub(super) fn dump_log_segments(&self) -> &'static str {
        match self.version.split('.').next() {
            Some("3") => "kafka.tools.DumpLogSegments",
            _ => "org.apache.kafka.tools.DumpLogSegments",
        }
    }

    pub(super) fn broker_command(&self, options: &[String], properties: &Path) -> Vec<OsString> {
        let mut command = self.java_command("broker", self.class_path.clone());
        command.extend(options.iter().map(Into::into));
        command.extend(["kafka.Kafka".into(), properties.into()]);
        command
    }

    /// Runs the main class of one of Kafka's tools, or `ReadBack`.
    ///
    /// # Errors
    ///
    /// When it takes too long or fails, with the end of its output.
    pub fn tool(&self, main: &str, arguments: &[&str], limit: Duration) -> Result<Finished, String> {
        let class_path = self.class_path_with_own();
        // Only one process may write the archive, and the reader uses most classes.
        let mut command = if self.archives == Archives::Dump && main != "ReadBack" {
            vec![self.java.clone().into(), "-cp".into(), class_path]
        } else {
            self.java_command("tool", class_path)
        };
        command.push(main.into());
        command.extend(arguments.iter().map(Into::into));
        run(&command, limit)
    }

    /// A program of ours that runs until it is told to end.
    pub(super) fn own_program(&self, main: &str, arguments: &[String]) -> Vec<OsString> {
        let mut command = self.java_command("tool", self.class_path_with_own());
        command.push(main.into());
        command.extend(arguments.iter().map(Into::into));
        command
    }

    fn class_path_with_own(&self) -> OsString {
        let mut class_path = self.class_path.clone();
        class_path.push(":");
        class_path.push(self.own_classes());
        class_path
    }

    fn java_command(&self, kind: &str, class_path: OsString) -> Vec<OsString> {
        let option = match self.archives {
            Archives::Use => "-XX:SharedArchiveFile=",
            Archives::Dump => "-XX:ArchiveClassesAtExit=",
        };
        let mut archive = OsString::from(option);
        archive.push(self.archive(kind));
        let mut log4j = OsString::from("-Dlog4j2.configurationFile=");
        log4j.push(self.built.join(format!("{kind}.properties")));
        vec![
            self.java.clone().into(),
            "-Xmx256m".into(),
            "-XX:+UseSerialGC".into(),
            "-XX:TieredStopAtLevel=1".into(),
            // The JVM's own warnings go to standard output otherwise, amid a tool's data.
            "-Xlog:disable".into(),
            "-Xlog:all=warning:stderr".into(),
            archive,
            log4j,
            "-cp".into(),
            class_path,
        ]
    }
}

fn fetch(version: &str, home: &Path, libs: &Path) -> Result<(), String> {
    let maven = program("mvn").ok_or(NEEDS_MAVEN)?;
    let partial = home.join("libs.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(in_dir(&partial))?;
    }
    let mut output = OsString::from("-DoutputDirectory=");
    output.push(&partial);
    let command = [
        maven.into(),
        "-q".into(),
        "-B".into(),
        "-f".into(),
        manifest_dir().join("tests/kafka/pom.xml").into(),
        "dependency:copy-dependencies".into(),
        "-DincludeScope=runtime".into(),
        format!("-Dkafka.version={version}").into(),
        output,
    ];
    run(&command, FETCH_LIMIT)?;
    fs::rename(&partial, libs).map_err(in_dir(libs))
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program in `JAVA_HOME` or on the path, with symbolic links resolved.
fn program(name: &str) -> Option<PathBuf> {
    let java_home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    java_home
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .and_then(|file| file.canonicalize().ok())
}

/// The other programs of the same JDK; one may be a run-time environment only.
fn jdk_program(java: &Path, name: &str) -> Result<PathBuf, String> {
    let beside = java.with_file_name(name);
    if beside.is_file() {
        return Ok(beside);
    }
    program(name).ok_or_else(|| format!("{NEEDS_JDK}; there is a java, but no {name}"))
}

fn fingerprint(java: &Path, sources: &[PathBuf]) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    java.hash(&mut hasher);
    let launcher = fs::metadata(java).map_err(in_dir(java))?;
    launcher.modified().map_err(in_dir(java))?.hash(&mut hasher);
    for source in sources {
        fs::read(source).map_err(in_dir(source))?.hash(&mut hasher);
    }
    [BROKER_LOG4J, TOOL_LOG4J].hash(&mut hasher);
    Ok(hasher.finish())
}
