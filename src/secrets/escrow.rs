//! The escrow: `.portkey-sync/escrow/`, one slot for each create and rotation in flight.
//!
//! A slot is one JSON object, readable by a person, padded with spaces to its full size before the call is
//! made: from then on, keeping the secret cannot fail for want of room. `.portkey-sync/` is 0700 and ignores
//! itself in git. Where the files name `age` recipients for it, secrets in it are encrypted; a later run goes on with
//! them only if it has an identity that reads them, else they are rescue copies for whoever has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::encryption::{self, Identities};
use super::journal::{self, Account};
use super::private::{self, make_private_folder, make_work_folder, sync_folder};
use crate::handoff::{CREATE_LEASE, rotate_lease};
use crate::killpoint;
use crate::model::{Escrowed, KeyId, Mask, Secret};

/// The size of a slot in bytes; names and secrets are far shorter.
const SLOT_SIZE: usize = 4096;

/// What a recipient adds to that: the header for an RSA key of 4096 bits takes about 900 bytes.
const RECIPIENT_SIZE: usize = 1024;

/// Longer than any transition, and short enough to be added to a date.
const LONGEST_TRANSITION: SignedDuration = SignedDuration::from_hours(24 * 366 * 100);

/// The version of the slots. One of a newer version may mean something else, so it is neither used nor touched.
const VERSION: u32 = 2;

/// The escrow of one working folder.
#[derive(Clone, Debug)]
pub struct Escrow {
    folder: PathBuf,
    /// Whom secrets are encrypted to; nobody for plain text.
    recipients: Vec<String>,
    /// What reads the secrets that were encrypted.
    identities: Identities,
}

/// A slot that is ready for its secret.
#[derive(Debug)]
pub struct Slot {
    path: PathBuf,
    file: File,
    content: Content,
    recipients: Vec<String>,
}

/// The escrow could not be used: nothing more may be created.
#[derive(Debug, thiserror::Error)]
#[error("the escrow at `{}` cannot be {verb}", path.display())]
pub struct EscrowError {
    path: PathBuf,
    verb: &'static str,
    source: io::Error,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    portkey_sync_escrow: u32,
    nonce: String,
    address: String,
    #[serde(alias = "reserved_at")]
    sent_at: Timestamp,
    #[serde(default = "create_lease")]
    lease_seconds: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transition_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<PlainSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
}

#[derive(Deserialize)]
struct Version {
    portkey_sync_escrow: u32,
}

/// A secret that is encrypted to somebody.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    /// As Portkey shows it.
    mask: String,
    /// An armoured `age` file.
    age: String,
}

/// A transition that can be reckoned with.
fn bounded(transition: SignedDuration) -> SignedDuration {
    transition.clamp(SignedDuration::ZERO, LONGEST_TRANSITION)
}

fn create_lease() -> i64 {
    CREATE_LEASE.as_secs()
}

/// Text of a secret inside a slot; the one place where a secret may be serialised.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct PlainSecret(String);

impl std::fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

impl Drop for PlainSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Escrow {
    /// The escrow beneath this working folder (`.portkey-sync`). Touches nothing.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.join("escrow"), recipients: Vec::new(), identities: Identities::default() }
    }

    /// Encrypts what it is given to these recipients; none for plain text.
    #[must_use]
    pub fn sealed_to(self, recipients: &[String]) -> Self {
        Self { recipients: recipients.to_vec(), ..self }
    }

    /// Reads what was encrypted with these.
    #[must_use]
    pub fn read_with(self, identities: Identities) -> Self {
        Self { identities, ..self }
    }

    /// Where the slots lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What earlier runs left here. A file that is no slot is no obstacle, but is mentioned; so is a slot of which the
    /// journal does not know that a run made it for this address.
    pub fn slots(&self) -> Vec<Escrowed> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        // Read later than the names: another run writes the line before it makes the slot.
        let journal = self.folder.with_file_name(journal::NAME);
        let Account { begun, newer, newer_version } = Account::of(&journal);
        if let Some(version) = newer_version {
            tracing::warn!(
                path = %journal.display(),
                version,
                "a newer portkey-sync wrote lines of the journal, which this one does not understand: the slots that they \
                 are about are neither used nor touched; run that version here"
            );
        }
        let mut slots = Vec::new();
        for path in paths {
            if path.extension().is_some_and(|extension| extension == "new") {
                continue;
            }
            match read(&path) {
                Ok(content) if self.slot_path(&content.nonce) != path => {
                    tracing::warn!(path = %path.display(), "this file in the escrow bears another slot's name");
                }
                // Said above.
                Ok(content) if newer.contains(&content.nonce) => {}
                Ok(content) if !begun.contains(&(content.nonce.clone(), content.address.clone())) => {
                    tracing::warn!(
                        path = %path.display(),
                        address = %content.address,
                        "this slot of the escrow is not used: by the journal beside it, no run has made it; once the plan \
                         has nothing more to do for its key, delete this file"
                    );
                }
                Ok(content) => slots.push(content.into_escrowed(&self.identities)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "this file in the escrow cannot be read");
                }
            }
        }
        slots.sort_by(|a, b| a.nonce.cmp(&b.nonce));
        slots
    }

    /// Takes away what a run left that was cut off while it made a slot; for a run that has the folder to itself.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "new") {
                drop(fs::remove_file(path));
            }
        }
    }

    /// Empties the slot of a secret that is committed.
    pub fn discard(&self, nonce: &str) -> Result<(), EscrowError> {
        let path = self.slot_path(nonce);
        let failed = |source| EscrowError { path: path.clone(), verb: "emptied", source };
        let content = read(&path).map_err(failed)?;
        let file = reopen(&path).map_err(failed)?;
        Slot { path: path.clone(), file, content, recipients: Vec::new() }.discard()
    }

    /// Makes a slot at full size and flushes it, before the call that will fill it.
    pub fn reserve(&self, slot: &Escrowed) -> Result<Slot, EscrowError> {
        let path = self.slot_path(&slot.nonce);
        let failed = |source| EscrowError { path: path.clone(), verb: "written", source };
        self.folder.parent().map_or(Ok(()), make_work_folder).map_err(failed)?;
        make_private_folder(&self.folder).map_err(failed)?;
        // Under a name of its own until it is whole: a slot cut off half-way would be no slot.
        let half = path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = private::open(&half, options.write(true).create(true).truncate(true)).map_err(failed)?;
        let content = Content {
            portkey_sync_escrow: VERSION,
            nonce: slot.nonce.clone(),
            address: slot.address.clone(),
            sent_at: slot.sent_at,
            lease_seconds: slot.lease.as_secs(),
            transition_seconds: slot.transition.map(|transition| transition.as_secs()),
            id: slot.id.as_ref().map(ToString::to_string),
            issued_at: None,
            secret: None,
            sealed: None,
        };
        killpoint::here("escrow: slot opened");
        let mut made = Slot { path: path.clone(), file, content, recipients: self.recipients.clone() };
        made.write()
            .and_then(|()| {
                killpoint::here("escrow: slot written");
                fs::rename(&half, &path)
            })
            .and_then(|()| {
                killpoint::here("escrow: slot renamed");
                sync_folder(&self.folder)
            })
            .map_err(failed)?;
        killpoint::here("escrow: slot flushed");
        Ok(made)
    }

    /// Opens the slot of an earlier run, with its secret.
    pub fn open(&self, nonce: &str) -> Result<(Slot, Secret), EscrowError> {
        let path = self.slot_path(nonce);
        let failed = |source| EscrowError { path: path.clone(), verb: "read", source };
        let content = read(&path).map_err(failed)?;
        let file = reopen(&path).map_err(failed)?;
        let secret = match (&content.secret, &content.sealed) {
            (Some(secret), _) => Ok(Secret::new(secret.0.clone())),
            (None, Some(sealed)) => self
                .identities
                .decrypt(sealed.age.as_bytes())
                .ok_or_else(|| failed(io::Error::other("no identity at hand reads its secret"))),
            (None, None) => Err(failed(io::Error::other("the slot holds no secret"))),
        }?;
        Ok((Slot { path, file, content, recipients: self.recipients.clone() }, secret))
    }

    /// The journal beside the escrow could not be written.
    pub fn journal_failed(&self, source: io::Error) -> EscrowError {
        EscrowError { path: self.folder.with_file_name(journal::NAME), verb: "written", source }
    }

    fn slot_path(&self, nonce: &str) -> PathBuf {
        self.folder.join(format!("{nonce}.json"))
    }
}

impl Content {
    /// What is known of the slot without showing its secret.
    fn into_escrowed(self, identities: &Identities) -> Escrowed {
        let Self {
            portkey_sync_escrow: _, nonce, address, sent_at, lease_seconds, transition_seconds, ..
        } = self;
        let is_sealed = |sealed: &Sealed| identities.decrypt(sealed.age.as_bytes()).is_none();
        let sealed = self.sealed.as_ref().is_some_and(is_sealed);
        let mask = match (self.secret, self.sealed) {
            (Some(mut secret), _) => Some(Secret::new(std::mem::take(&mut secret.0)).mask()),
            (None, Some(sealed)) => Some(Mask::of_live(sealed.mask)),
            (None, None) => None,
        };
        let transition = transition_seconds.map(|seconds| bounded(SignedDuration::from_secs(seconds)));
        // What the protocol gives it, whatever the slot says.
        let longest = transition.map_or(CREATE_LEASE, rotate_lease);
        Escrowed {
            nonce,
            address,
            id: self.id.map(KeyId::new),
            mask,
            sealed,
            sent_at,
            issued_at: self.issued_at,
            lease: SignedDuration::from_secs(lease_seconds).min(longest),
            transition,
        }
    }
}

impl Slot {
    /// Where the slot lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many recipients the secret in it is encrypted to; 0 for plain text.
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Notes that the create of this slot is found, and that its key is rotated or, with no transition, is not.
    pub fn recover(&mut self, id: &KeyId, transition: Option<SignedDuration>) -> Result<(), EscrowError> {
        self.content.id = Some(id.to_string());
        self.content.transition_seconds = transition.map(|transition| transition.as_secs());
        self.write().map_err(|source| EscrowError { path: self.path.clone(), verb: "written", source })
    }

    /// Writes the secret into the slot and flushes it.
    pub fn store(&mut self, id: &KeyId, secret: &Secret, issued_at: Timestamp) -> Result<(), EscrowError> {
        self.content.id = Some(id.to_string());
        self.content.issued_at = Some(issued_at);
        let path = self.path.clone();
        let failed = |source| EscrowError { path: path.clone(), verb: "written", source };
        if self.recipients.is_empty() {
            self.content.secret = Some(PlainSecret(secret.expose().to_owned()));
        } else {
            let file = encryption::encrypt(&self.recipients, secret).map_err(failed)?;
            let age = String::from_utf8(file).map_err(|error| failed(io::Error::other(error)))?;
            self.content.sealed = Some(Sealed { mask: secret.mask().as_str().to_owned(), age });
        }
        killpoint::here("escrow: before the secret is written");
        self.write().map_err(failed)?;
        killpoint::here("escrow: secret flushed");
        Ok(())
    }

    /// Overwrites the slot and takes it away: its secret is committed, or there is none.
    pub fn discard(mut self) -> Result<(), EscrowError> {
        let path = self.path.clone();
        let failed = |source| EscrowError { path: path.clone(), verb: "emptied", source };
        self.content.secret = None;
        self.content.sealed = None;
        self.write().map_err(failed)?;
        killpoint::here("escrow: slot emptied");
        fs::remove_file(&self.path).map_err(failed)?;
        killpoint::here("escrow: slot removed");
        self.path.parent().map_or(Ok(()), sync_folder).map_err(failed)
    }

    /// Writes in place: the room is there already, and a slot is never shorter than before.
    fn write(&mut self) -> io::Result<()> {
        let size = SLOT_SIZE + RECIPIENT_SIZE * self.recipients.len();
        let size = size.max(usize::try_from(self.file.metadata()?.len()).unwrap_or(size));
        let mut text = Zeroizing::new(Vec::with_capacity(size));
        serde_json::to_writer_pretty(&mut *text, &self.content)?;
        let padded = text.len().max(size - 1);
        text.resize(padded, b' ');
        text.push(b'\n');
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)?;
        self.file.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Content> {
    let text = private::read(path)?;
    // Before the rest of it, which may look different by then.
    let Version { portkey_sync_escrow: version } = serde_json::from_slice(&text)?;
    if version > VERSION {
        let message = format!(
            "a newer portkey-sync made this slot (version {version}, this one reads up to {VERSION}); run that version \
             here, which finishes it"
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    Ok(serde_json::from_slice(&text)?)
}

/// Opens a slot that is there.
fn reopen(path: &Path) -> io::Result<File> {
    private::open(path, OpenOptions::new().write(true))
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Journal};
    use super::*;

    fn create(nonce: &str) -> Escrowed {
        Escrowed {
            nonce: nonce.to_owned(),
            address: "organisation/ci".to_owned(),
            id: None,
            mask: None,
            sealed: false,
            sent_at: Timestamp::UNIX_EPOCH,
            issued_at: None,
            lease: CREATE_LEASE,
            transition: None,
        }
    }

    /// Reserves a slot as a run does: the journal has its line before.
    fn reserve(escrow: &Escrow, slot: &Escrowed) -> Slot {
        let entry = if slot.transition.is_some() { Entry::Rotate } else { Entry::Create };
        let journal = Journal::at(escrow.folder.parent().unwrap(), "one".to_owned());
        journal.add(&slot.nonce, entry, Some(&slot.address), None).unwrap();
        escrow.reserve(slot).unwrap()
    }

    #[test]
    fn a_stored_secret_is_found_again_and_a_discarded_one_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(&folder.path().join(".portkey-sync"));
        assert_eq!(escrow.slots(), []);
        let mut slot = reserve(&escrow, &create("n1"));
        assert_eq!(fs::metadata(slot.path()).unwrap().len(), SLOT_SIZE as u64);
        assert_eq!(escrow.slots(), [create("n1")], "a reserved slot holds nothing yet");
        let secret = Secret::new("abcdefghijklmnop".to_owned());
        slot.store(&KeyId::new("id"), &secret, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(fs::metadata(slot.path()).unwrap().len(), SLOT_SIZE as u64);

        let held = escrow.slots();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].mask, Some(secret.mask()));
        let (slot, again) = escrow.open("n1").unwrap();
        assert_eq!(again.expose(), secret.expose());
        slot.discard().unwrap();
        assert_eq!(escrow.slots(), []);
    }

    #[test]
    fn an_encrypted_slot_is_a_rescue_copy_unless_an_identity_is_at_hand() {
        use age::secrecy::ExposeSecret;
        let folder = tempfile::tempdir().unwrap();
        let identity = age::x25519::Identity::generate();
        let recipients: Vec<String> = vec![identity.to_public().to_string(); 3];
        let escrow = Escrow::at(folder.path()).sealed_to(&recipients);
        let mut slot = reserve(&escrow, &create("n1"));
        let size = fs::metadata(slot.path()).unwrap().len();
        let secret = Secret::new("abcdefghijklmnop".to_owned());
        slot.store(&KeyId::new("id"), &secret, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(fs::metadata(slot.path()).unwrap().len(), size, "the room was there");
        assert!(!fs::read_to_string(slot.path()).unwrap().contains("abcdef"));

        let held = escrow.slots();
        assert_eq!((held[0].mask.clone(), held[0].sealed), (Some(secret.mask()), true));
        assert!(escrow.open("n1").unwrap_err().source.to_string().contains("no identity"));

        let key = folder.path().join("key.txt");
        fs::write(&key, identity.to_string().expose_secret()).unwrap();
        let reader = Escrow::at(folder.path()).read_with(Identities::from_file(&key).unwrap());
        assert!(!reader.slots()[0].sealed);
        assert_eq!(reader.open("n1").unwrap().1.expose(), secret.expose());
        escrow.discard("n1").unwrap();
        assert_eq!(escrow.slots(), []);
    }

    #[cfg(unix)]
    #[test]
    fn slots_are_private_and_ignored_by_git() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join(".portkey-sync");
        let slot = Escrow::at(&work).reserve(&create("n1")).unwrap();
        assert_eq!(fs::metadata(slot.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&work).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(work.join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn a_foreign_file_in_the_escrow_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(folder.path());
        fs::create_dir_all(escrow.folder()).unwrap();
        fs::write(escrow.folder().join("notes.txt"), "hello").unwrap();
        assert_eq!(escrow.slots(), []);
    }

    #[test]
    fn a_slot_of_which_the_journal_does_not_know_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(folder.path());
        escrow.reserve(&create("n1")).unwrap();
        assert_eq!(escrow.slots(), [], "no line at all");
        let journal = Journal::at(folder.path(), "one".to_owned());
        journal.add("n1", Entry::Kept, Some("organisation/ci"), None).unwrap();
        journal.add("n2", Entry::Create, Some("organisation/ci"), None).unwrap();
        journal.add("n1", Entry::Create, Some("organisation/other"), None).unwrap();
        assert_eq!(escrow.slots(), [], "lines of other events, slots and addresses");
        journal.add("n1", Entry::Create, Some("organisation/ci"), None).unwrap();
        assert_eq!(escrow.slots(), [create("n1")]);
    }

    #[test]
    fn what_a_newer_version_left_is_neither_used_nor_touched() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(folder.path());
        let path = reserve(&escrow, &create("n1")).path().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let newer = text.replace("\"portkey_sync_escrow\": 2", "\"portkey_sync_escrow\": 3");
        // One that means what it says, and one of another shape.
        for newer in [newer.as_str(), r#"{"portkey_sync_escrow": 3, "slots": []}"#] {
            fs::write(&path, newer).unwrap();
            assert_eq!(escrow.slots(), []);
            let error = escrow.discard("n1").unwrap_err();
            assert!(error.source.to_string().contains("a newer portkey-sync made this slot (version 3"));
            assert!(escrow.open("n1").is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), newer);
        }
        fs::write(&path, text).unwrap();
        assert_eq!(escrow.slots(), [create("n1")]);
        // A line about it that means we do not know what.
        let journal = folder.path().join(journal::NAME);
        let lines = fs::read_to_string(&journal).unwrap();
        fs::write(&journal, format!("{lines}{{\"v\":2,\"nonce\":\"n1\",\"event\":\"moved\"}}\n")).unwrap();
        assert_eq!(escrow.slots(), []);
        fs::write(&journal, lines.replace("\"v\":1", "\"v\":2")).unwrap();
        assert_eq!(escrow.slots(), []);
    }

    #[test]
    fn no_slot_gives_itself_a_longer_lease_than_the_protocol_does() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(folder.path());
        let forever = SignedDuration::from_secs(i64::MAX);
        let hour = SignedDuration::from_hours(1);
        let lease = |nonce: &str, lease, transition| {
            reserve(&escrow, &Escrowed { lease, transition, ..create(nonce) });
            escrow.slots().into_iter().find(|slot| slot.nonce == nonce).unwrap().lease
        };
        assert_eq!(lease("n1", forever, None), CREATE_LEASE);
        assert_eq!(lease("n2", forever, Some(hour)), SignedDuration::from_mins(50));
        assert_eq!(lease("n3", SignedDuration::ZERO, Some(hour)), SignedDuration::ZERO);
        assert_eq!(lease("n4", forever, Some(forever)), rotate_lease(LONGEST_TRANSITION));
        let ever_ago = SignedDuration::from_secs(i64::MIN);
        assert_eq!(lease("n5", forever, Some(ever_ago)), rotate_lease(SignedDuration::ZERO));
    }

    #[cfg(unix)]
    #[test]
    fn a_slot_that_is_a_link_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let escrow = Escrow::at(folder.path());
        drop(reserve(&escrow, &create("n1")));
        let (slot, elsewhere) = (escrow.folder.join("n1.json"), folder.path().join("elsewhere"));
        fs::rename(&slot, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &slot).unwrap();
        assert_eq!(escrow.slots(), []);
        assert!(escrow.discard("n1").is_err() && escrow.open("n1").is_err());
        let victim = folder.path().join("victim");
        std::os::unix::fs::symlink(&victim, escrow.folder.join("n2.new")).unwrap();
        assert!(escrow.reserve(&create("n2")).is_err());
        assert!(!victim.exists());
    }
}
