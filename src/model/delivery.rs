//! Where secrets go, and where they wait.

use std::path::PathBuf;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Mask;

/// One place for a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The sink's name in the file; none for `--secrets-file`.
    pub sink: Option<String>,
    /// The file: beneath the keys file's folder for a sink, as given for `--secrets-file`.
    pub target: PathBuf,
}

impl Delivery {
    /// Six hexadecimal digits that stand for this place.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.sink.as_deref().unwrap_or("--secrets-file").as_bytes());
        hasher.update([0]);
        hasher.update(self.target.to_string_lossy().as_bytes());
        hasher.finalize().iter().take(3).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What is known of a secret in the escrow without looking at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSecret {
    /// The nonce of the create it came from, which names its slot.
    pub nonce: String,
    /// The key's address when it was created.
    pub address: String,
    /// Its mask.
    pub mask: Mask,
    /// When it was issued.
    pub issued_at: Timestamp,
}
