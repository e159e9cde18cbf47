//! Encrypts a secret to `age` recipients, so that a CI runner without a store can keep it as an artefact.

use std::io::Write;

use age::armor::{ArmoredWriter, Format};
use age::{Encryptor, Recipient, ssh, x25519};

use crate::model::Secret;

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
pub(super) fn encrypt(recipients: &[String], secret: &Secret) -> Result<Vec<u8>, std::io::Error> {
    let recipients: Vec<Box<dyn Recipient + Send>> = recipients
        .iter()
        .map(|text| recipient(text))
        .collect::<Result<_, _>>()
        .map_err(std::io::Error::other)?;
    let all = recipients.iter().map(|recipient| &**recipient as &dyn Recipient);
    let encryptor = Encryptor::with_recipients(all).map_err(std::io::Error::other)?;
    let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armour)?;
    writer.write_all(secret.expose().as_bytes())?;
    writer.finish()?.finish()
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

/// The plain text of an encrypted file.
#[cfg(test)]
fn decrypt(file: &[u8], identity: &dyn age::Identity) -> Option<String> {
    use std::io::Read;
    use std::iter;
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(file)).ok()?;
    let mut text = String::new();
    decryptor.decrypt(iter::once(identity)).ok()?.read_to_string(&mut text).ok()?;
    Some(text)
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
        assert_eq!(decrypt(&file, &one).as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(decrypt(&file, &two).as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(decrypt(&file, &other), None);
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
