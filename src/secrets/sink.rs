//! Sinks: probed before a secret is made, and given it afterwards.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{command, encryption, env_file, file_sink};
use crate::killpoint;
use crate::model::{Delivery, KeyAddress, KeyId, Mask, Secret, Target};

/// What sinks need to know of the caller.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    /// The folder of the keys file, beneath which files lie and in which commands run.
    pub folder: Option<PathBuf>,
    /// The programs that may be run (`--allow-command`).
    pub allowed: BTreeSet<String>,
}

/// A secret cannot be, or was not, delivered.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The path leaves the keys file's folder.
    #[error("`{}` does not lie beneath the folder of the keys file", path.display())]
    Outside {
        /// The target.
        path: PathBuf,
    },
    /// Keys files from standard input have no folder.
    #[error("a file sink lies beside the keys file, and standard input has no folder")]
    NoFolder,
    /// A link could lead anywhere.
    #[error("`{}` is a symbolic link, and secrets do not follow links", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Others could read what is added to it.
    #[error("`{}` can be read by others, and secrets would be added to it", path.display())]
    Open {
        /// The target.
        path: PathBuf,
    },
    /// It holds something else than what would be added to it.
    #[error("`{}` is there, and is no file of secrets", path.display())]
    NotOurs {
        /// The target.
        path: PathBuf,
    },
    /// It holds something else than what a sink puts there.
    #[error("`{}` is there, and does not hold {expected}: it would be overwritten", path.display())]
    Foreign {
        /// The target.
        path: PathBuf,
        /// What such a sink writes.
        expected: &'static str,
    },
    /// Git is here and does not answer, so a tracked file cannot be told from another.
    #[error("git does not say whether it tracks `{}`", path.display())]
    GitUnsure {
        /// The target.
        path: PathBuf,
    },
    /// A tracked file would be committed with the secret in it.
    #[error("`{}` is tracked by git: the next commit would publish the secret", path.display())]
    Tracked {
        /// The target.
        path: PathBuf,
    },
    /// There is no such program.
    #[error("there is no program `{program}` on this machine")]
    NoProgram {
        /// As the sink names it.
        program: String,
    },
    /// The caller did not allow the program.
    #[error("the program `{program}` is not allowed here")]
    NotAllowed {
        /// As the sink names it.
        program: String,
    },
    /// The program failed.
    #[error("`{program}` {status}{}", words.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
    Command {
        /// As the sink names it.
        program: String,
        /// How it ended.
        status: String,
        /// What it wrote to standard error, if that may be shown.
        words: Option<String>,
    },
    /// The program took too long and was killed, with all that it had started.
    #[error("`{program}` took longer than {}s and was killed", limit.as_secs())]
    Slow {
        /// As the sink names it.
        program: String,
        /// What it may take: its timeout, or less if the secret may not be delivered for so long any more.
        limit: Duration,
    },
    /// The file system said no.
    #[error("`{}` cannot be written", path.display())]
    Io {
        /// The target.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SinkError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Outside { .. } => Some("write a path without `..` beneath the folder of the keys file"),
            Self::NoFolder => Some("give the keys file by its path, or use --secrets-file PATH"),
            Self::Link { .. } => Some("put a real folder or file there"),
            Self::Tracked { .. } => {
                Some("`git rm --cached` the file and add it to .gitignore, or choose another path")
            }
            Self::NotOurs { .. } => {
                Some("--secrets-file takes a new file, or one that it has written before")
            }
            Self::Foreign { .. } => Some("move it away if it may go, or let the sink write to another path"),
            Self::Open { .. } => Some("chmod 600 it, or choose a path where nothing is"),
            Self::GitUnsure { .. } => Some(
                "run `git status` there; a container often needs `git config --global --add safe.directory PATH`",
            ),
            Self::NotAllowed { .. } => {
                Some("allow it with --allow-command, if this file is to be trusted with that")
            }
            Self::NoProgram { .. } => Some("install it, or correct the sink's `command`"),
            Self::Slow { .. } => Some("see what keeps it, or give the sink a longer `timeout`"),
            Self::Command { .. } => Some(
                "run it by hand to see what it needs; a sink's program sees only the variables that `env` names",
            ),
            Self::Io { .. } => None,
        }
    }
}

impl Sinks {
    /// Checks that a secret could be delivered, before one is made: the folder takes a file, the program is there
    /// and allowed. Runs nothing.
    pub fn probe(&self, delivery: &Delivery) -> Result<(), SinkError> {
        match &delivery.target {
            Target::File { path, .. } => {
                let is_sink = delivery.sink.is_some();
                let path = file_sink::probe(path, is_sink, self.folder.as_deref())?;
                if is_sink { file_sink::check_replaceable(&path) } else { Ok(()) }
            }
            Target::EnvFile { path, .. } => {
                env_file::probe(&file_sink::probe(path, true, self.folder.as_deref())?)
            }
            Target::Command { argv, .. } => {
                let program = argv.first().map_or("", String::as_str);
                if !self.allowed.contains(program) {
                    return Err(SinkError::NotAllowed { program: program.to_owned() });
                }
                let found = command::resolve(program, self.folder.as_deref());
                found.map(drop).ok_or_else(|| SinkError::NoProgram { program: program.to_owned() })
            }
        }
    }

    /// Delivers. A program may take as long as its sink says, and at most `left`: so long may this secret still be
    /// delivered.
    pub fn deliver(
        &self,
        delivery: &Delivery,
        address: &KeyAddress,
        id: &KeyId,
        secret: &Secret,
        left: Duration,
    ) -> Result<(), SinkError> {
        let folder = self.folder.as_deref();
        killpoint::here("sink: before a delivery");
        match &delivery.target {
            Target::File { path, .. } if delivery.sink.is_none() => {
                file_sink::append_line(path, address, id, secret)?;
            }
            Target::File { path, recipients } if recipients.is_empty() => {
                file_sink::write(path, folder, secret.expose().as_bytes())?;
            }
            Target::File { path, recipients } => {
                let file = encryption::encrypt(recipients, secret)
                    .map_err(|source| SinkError::Io { path: path.clone(), source })?;
                file_sink::write(path, folder, &file)?;
            }
            Target::EnvFile { path, variable } => {
                let path = file_sink::safe_path(path, true, folder)?;
                env_file::write(&path, variable, secret).map_err(|source| SinkError::Io { path, source })?;
            }
            Target::Command { argv, env, timeout } => {
                self.probe(delivery)?;
                command::run(argv, env, left.min(*timeout), folder, secret)?;
            }
        }
        killpoint::here("sink: after a delivery");
        Ok(())
    }

    /// The mask of what a sink holds, where it can be read; programs are never run for this.
    pub fn stored(&self, delivery: &Delivery) -> Option<Mask> {
        let folder = self.folder.as_deref();
        match &delivery.target {
            Target::File { path, recipients } if delivery.sink.is_some() && recipients.is_empty() => {
                let path = file_sink::safe_path(path, true, folder).ok()?;
                file_sink::read(&path).map(|secret| secret.mask())
            }
            Target::EnvFile { path, variable } => {
                let path = file_sink::safe_path(path, true, folder).ok()?;
                env_file::read(&path, variable).map(|secret| secret.mask())
            }
            Target::File { .. } | Target::Command { .. } => None,
        }
    }
}
