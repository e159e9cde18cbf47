//! Encrypts secrets to `age` recipients, so that a CI runner without a store can keep them as artefacts, and reads
//! what was encrypted to us.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Decryptor, Encryptor, IdentityFile, Recipient, ssh, x25519};
use zeroize::Zeroizing;

use crate::model::Secret;

/// No secret of Portkey's is nearly as long, in bytes.
const LONGEST_SECRET: usize = 4096;

/// A text is no recipient. Never repeats the text: somebody may have pasted a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Neither `age1…` nor a public ssh key.
    #[error("is no recipient")]
    Unknown,
    /// It is the other half of the pair.
    #[error("is a private key, which belongs to nobody but its owner")]
    Private,
    /// ssh keys of this kind cannot be encrypted to.
    #[error("is an ssh key of a kind that cannot be encrypted to")]
    Unsupported,
}

/// Checks what stands under `age` in a keys file.
pub fn check_recipient(text: &str) -> Result<(), RecipientError> {
    recipient(text).map(drop)
}

/// The secret as an armoured file that each of the recipients can read with `age -d`.
pub(super) fn encrypt(recipients: &[String], secret: &Secret) -> io::Result<Vec<u8>> {
    let recipients: Vec<Box<dyn Recipient + Send>> =
        recipients.iter().map(|text| recipient(text)).collect::<Result<_, _>>().map_err(io::Error::other)?;
    let all = recipients.iter().map(|recipient| &**recipient as &dyn Recipient);
    let encryptor = Encryptor::with_recipients(all).map_err(io::Error::other)?;
    let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armour)?;
    writer.write_all(secret.expose().as_bytes())?;
    writer.finish()?.finish()
}

/// Whether a file begins as encrypted ones do, in either form.
pub(super) fn is_encrypted(start: &[u8]) -> bool {
    start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") || start.starts_with(b"age-encryption.org/v1")
}

fn recipient(text: &str) -> Result<Box<dyn Recipient + Send>, RecipientError> {
    let text = text.trim();
    if text.starts_with("AGE-SECRET-KEY-") || text.starts_with("-----BEGIN") {
        return Err(RecipientError::Private);
    }
    if let Ok(recipient) = text.parse::<x25519::Recipient>() {
        return Ok(Box::new(recipient));
    }
    match text.parse::<ssh::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(ssh::ParseRecipientKeyError::Invalid(_)) => Err(RecipientError::Unknown),
        Err(_) => Err(RecipientError::Unsupported),
    }
}

/// Private keys that read what was encrypted to their other halves.
#[derive(Clone, Default)]
pub struct Identities(Vec<Arc<dyn age::Identity + Send + Sync>>);

/// The file holds no identity that can be used.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` holds no identity: an `AGE-SECRET-KEY-1…` or an ssh private key without a passphrase")]
pub struct IdentityError {
    path: String,
    source: io::Error,
}

impl IdentityError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "give the file that `age-keygen -o FILE` wrote, or an ssh private key of a recipient"
    }
}

impl Identities {
    /// Reads an identity file of `age`, or an ssh private key.
    pub fn from_file(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError { path: path.display().to_string(), source };
        let text = Zeroizing::new(std::fs::read(path).map_err(failed)?);
        if text.trim_ascii_start().starts_with(b"-----BEGIN") {
            let identity =
                ssh::Identity::from_buffer(BufReader::new(text.as_slice()), None).map_err(failed)?;
            return match identity {
                ssh::Identity::Unencrypted(_) => Ok(Self(vec![Arc::new(identity)])),
                ssh::Identity::Encrypted(_) => Err(failed(io::Error::other("the key has a passphrase"))),
                ssh::Identity::Unsupported(_) => {
                    Err(failed(io::Error::other("keys of this kind cannot decrypt")))
                }
            };
        }
        let file = IdentityFile::from_buffer(BufReader::new(text.as_slice())).map_err(failed)?;
        let identities = file.into_identities().map_err(|error| failed(io::Error::other(error)))?;
        if identities.is_empty() {
            return Err(failed(io::Error::other("the file is empty")));
        }
        Ok(Self(identities.into_iter().map(Arc::from).collect()))
    }

    /// The secret in an armoured file, if one of these identities can read it.
    pub(super) fn decrypt(&self, file: &[u8]) -> Option<Secret> {
        let decryptor = Decryptor::new(ArmoredReader::new(file)).ok()?;
        let identities = self.0.iter().map(|identity| &**identity as &dyn age::Identity);
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET));
        let reader = decryptor.decrypt(identities).ok()?;
        reader.take(LONGEST_SECRET as u64).read_to_end(&mut text).ok()?;
        String::from_utf8(std::mem::take(&mut *text)).ok().map(Secret::new)
    }
}

/// Says how many there are, and nothing else.
impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made for this test, and of no other use.
    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust";

    #[test]
    fn each_recipient_can_read_it_and_nobody_else() {
        let (one, two, other) =
            (x25519::Identity::generate(), x25519::Identity::generate(), x25519::Identity::generate());
        let recipients = vec![one.to_public().to_string(), two.to_public().to_string(), SSH.to_owned()];
        let secret = Secret::new("abcdefghijklmnop".to_owned());
        let file = encrypt(&recipients, &secret).unwrap();
        assert!(file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        assert!(!String::from_utf8_lossy(&file).contains("abcdef"));
        let read = |identity: x25519::Identity| {
            let identities = Identities(vec![Arc::new(identity)]);
            identities.decrypt(&file).map(|secret| secret.expose().to_owned())
        };
        assert_eq!(read(one).as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(read(two).as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(read(other), None);
        assert!(Identities::default().decrypt(&file).is_none());
    }

    #[test]
    fn identities_are_read_from_files_and_never_shown() {
        use age::secrecy::ExposeSecret;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.txt");
        let identity = x25519::Identity::generate();
        let text = identity.to_string();
        std::fs::write(&path, format!("# created: today\n{}\n", text.expose_secret())).unwrap();
        let read = Identities::from_file(&path).unwrap();
        let file = encrypt(&[identity.to_public().to_string()], &Secret::new("abc".to_owned())).unwrap();
        assert_eq!(read.decrypt(&file).unwrap().expose(), "abc");
        assert_eq!(format!("{read:?}"), "Identities(1)");

        for wrong in
            ["", "# nothing\n", "AGE-SECRET-KEY-1NONSENSE\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"]
        {
            std::fs::write(&path, wrong).unwrap();
            let error = Identities::from_file(&path).unwrap_err();
            assert!(!format!("{error} {:?}", error.source).contains("NONSENSE"));
        }
        assert!(Identities::from_file(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn what_is_no_recipient_is_told_without_repeating_it() {
        assert_eq!(check_recipient(SSH), Ok(()));
        assert_eq!(check_recipient("age1xyz"), Err(RecipientError::Unknown));
        assert_eq!(check_recipient(""), Err(RecipientError::Unknown));
        assert_eq!(check_recipient("AGE-SECRET-KEY-1QQQ"), Err(RecipientError::Private));
        assert_eq!(check_recipient("-----BEGIN OPENSSH PRIVATE KEY-----"), Err(RecipientError::Private));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA== x";
        assert!(check_recipient(ecdsa).is_err());
    }
}
