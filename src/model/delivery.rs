//! Where a new secret goes, and what waits in the escrow.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{KeyId, Mask};

/// One place for a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The sink's name in the file; none for `--secrets-file`.
    pub sink: Option<String>,
    /// What takes it.
    pub target: Target,
}

/// What takes a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file: beneath the keys file's folder for a sink, as given for `--secrets-file`.
    File {
        /// The path.
        path: PathBuf,
        /// `age` recipients that it is encrypted to; none for plain text.
        recipients: Vec<String>,
    },
    /// One line of a file of `NAME=value` lines.
    EnvFile {
        /// The path, beneath the keys file's folder.
        path: PathBuf,
        /// The name of the line.
        variable: String,
    },
    /// A program that reads it on standard input.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The environment variables that it may see.
        env: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

impl Delivery {
    /// Six hexadecimal digits that stand for this place.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.sink.as_deref().unwrap_or("--secrets-file").as_bytes());
        hasher.update([0]);
        hasher.update(self.target.identity().as_bytes());
        hasher.finalize().iter().take(3).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Target {
    /// What tells this target from others.
    pub fn identity(&self) -> String {
        match self {
            Self::File { path, .. } => path.to_string_lossy().into_owned(),
            Self::EnvFile { path, variable } => format!("{}\0{variable}", path.to_string_lossy()),
            Self::Command { argv, .. } => argv.join("\0"),
        }
    }

    /// The file, and whether all of it is the secret; none for a program.
    pub fn file(&self) -> Option<(&Path, bool)> {
        match self {
            Self::File { path, .. } => Some((path, true)),
            Self::EnvFile { path, .. } => Some((path, false)),
            Self::Command { .. } => None,
        }
    }
}

/// For people: a path, a path and a name, or a program with its arguments.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "{}", path.display()),
            Self::EnvFile { path, variable } => write!(f, "{} ({variable})", path.display()),
            Self::Command { argv, .. } => f.write_str(&argv.join(" ")),
        }
    }
}

/// A slot of the escrow, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Escrowed {
    /// Names the slot, and the create in its key's mark.
    pub nonce: String,
    /// The address for which it was made.
    pub address: String,
    /// The key; not known for a create without an answer.
    pub id: Option<KeyId>,
    /// The mask of the secret in it; none if no answer came.
    pub mask: Option<Mask>,
    /// Whether nobody here can read that secret: it is a rescue copy, encrypted to others.
    pub sealed: bool,
    /// The service's time right before the request.
    pub sent_at: Timestamp,
    /// The service's time in the answer.
    pub issued_at: Option<Timestamp>,
    /// How long its secret may be delivered, counted from `sent_at`.
    pub lease: SignedDuration,
    /// For a rotation, or a create that was rotated because its answer was lost: how long the previous secret lives,
    /// counted from `sent_at`.
    pub transition: Option<SignedDuration>,
}
