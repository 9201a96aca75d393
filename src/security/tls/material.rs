//! The contents of the files and texts of the settings when they were read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::settings::{Named, Source, TlsSettings};
use crate::error::ConfigProblem;
use crate::security::Secret;

/// Everything that a connector is made of. If two are equal, their connectors are equal too.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    pub(super) authorities: Option<Secret>,
    pub(super) certificate: Option<Secret>,
    pub(super) key: Option<Secret>,
    pub(super) revoked: Option<Secret>,
}

impl Material {
    /// Reads everything, or returns the problem of each setting.
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut read = |source: &Option<Named<Source>>| {
            let Named { setting, value } = source.as_ref()?;
            match value {
                Source::Text(text) => Some(text.clone()),
                Source::File(path) => match read_file(path) {
                    Ok(bytes) => Some(bytes),
                    Err(why) => {
                        problems.push(problem(setting, value, why));
                        None
                    }
                },
            }
        };
        let revoked = settings.revoked.as_ref().map(|Named { setting, value }| Named {
            setting: setting.clone(),
            value: Source::File(value.clone()),
        });
        let material = Self {
            authorities: read(&settings.authorities),
            certificate: read(&settings.certificate),
            key: read(&settings.key),
            revoked: read(&revoked),
        };
        if problems.is_empty() { Ok(material) } else { Err(problems) }
    }
}

/// A problem with the material of a setting. The problem shows a path, but not a text.
pub(super) fn problem(setting: &str, source: &Source, why: impl Into<String>) -> ConfigProblem {
    let value = match source {
        Source::File(path) => Some(path.display().to_string()),
        Source::Text(_) => None,
    };
    ConfigProblem::invalid(setting, value, why)
}

fn read_file(path: &Path) -> Result<Secret, String> {
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        // Room for everything: a vector that grows leaves copies of a key in memory.
        let length = file.metadata().map_or(0, |metadata| metadata.len().min(LARGEST));
        let mut bytes = Vec::with_capacity(length as usize + 1);
        // A path that names a device by mistake must not use up all memory.
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read().map(Secret::from) {
        Ok(bytes) if bytes.bytes().len() as u64 > LARGEST => {
            Err(format!("the file has more than {LARGEST} bytes, which is too large for certificates or keys"))
        }
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound if path == Path::new("probe") => {
                "the file does not exist; to use the system's CAs (librdkafka's probe), remove the setting"
                    .to_owned()
            }
            io::ErrorKind::NotFound => "the file does not exist; correct the path".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "this process has no permission to read the file; grant the permission to the user of the process"
                    .to_owned()
            }
            io::ErrorKind::IsADirectory => "the path is a directory; use the path of a file".to_owned(),
            _ => format!("the file can't be read: {error}"),
        }),
    }
}

const LARGEST: u64 = 16 << 20;
