//! Files that take secrets: the `file` sink, the paths of `env_file`, and `--secrets-file`.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use zeroize::Zeroizing;

use super::SinkError;
use super::encryption::is_encrypted;
use super::private::{self, make_folders, sync_folder};
use crate::git::{Tracked, tracked};
use crate::killpoint;
use crate::model::{KeyAddress, KeyId, Secret};

/// Lines of a `--secrets-file` are written one at a time.
static SECRETS_FILE: Mutex<()> = Mutex::new(());

/// As much of a file's first line as tells what it is, in bytes.
const LINE: usize = 64;

/// How long secrets are, in bytes, with room to either side of what Portkey issues: 28.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// Checks that the folder takes a file and that nothing would be published or shown by it; where it lies.
pub(super) fn probe(target: &Path, is_sink: bool, folder: Option<&Path>) -> Result<PathBuf, SinkError> {
    let path = safe_path(target, is_sink, folder)?;
    let failed = |source| SinkError::Io { path: path.clone(), source };
    let parent = parent(&path);
    make_folders(parent).map_err(failed)?;
    match tracked(&path) {
        Tracked::No => {}
        Tracked::Yes => return Err(SinkError::Tracked { path }),
        Tracked::Unsure => return Err(SinkError::GitUnsure { path }),
    }
    if path.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    if !is_sink && path.exists() {
        check_private(&path)?;
        check_ours(&path)?;
        private::open(&path, OpenOptions::new().append(true)).map_err(failed)?;
    }
    // The name of the temporary file is random and the file is gone at the end of this line.
    tempfile::NamedTempFile::new_in(parent).map_err(failed)?.close().map_err(failed)?;
    Ok(path)
}

/// A file to which lines are added is empty or holds such lines: anything else was named by mistake.
fn check_ours(path: &Path) -> Result<(), SinkError> {
    let failed = |source| SinkError::Io { path: path.to_owned(), source };
    let mut start = Zeroizing::new(Vec::with_capacity(LINE));
    let file = private::open(path, OpenOptions::new().read(true)).map_err(failed)?;
    file.take(LINE as u64).read_to_end(&mut start).map_err(failed)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_ours = start.is_empty() || line.starts_with(br#"{"address":"#);
    if is_ours { Ok(()) } else { Err(SinkError::NotOurs { path: path.to_owned() }) }
}

/// A file in whose place a secret is put is a secret, or empty: anything else was named by mistake, or by somebody
/// who would like to see it gone. Secrets are one word; where somebody put one by hand, a newline may follow.
pub(super) fn check_replaceable(path: &Path) -> Result<(), SinkError> {
    let failed = |source| SinkError::Io { path: path.to_owned(), source };
    let mut start = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    match private::open(path, OpenOptions::new().read(true)) {
        Ok(file) => file.take(LONGEST as u64 + 2).read_to_end(&mut start).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let word = start.trim_ascii_end();
    let is_secret = (SHORTEST..=LONGEST).contains(&word.len())
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(byte));
    if word.is_empty() || is_secret || is_encrypted(&start) {
        Ok(())
    } else {
        Err(SinkError::Foreign { path: path.to_owned(), expected: "a secret" })
    }
}

/// A sink's file holds the secret and nothing else, not even a newline.
pub(super) fn write(target: &Path, folder: Option<&Path>, content: &[u8]) -> Result<(), SinkError> {
    let path = safe_path(target, true, folder)?;
    replace(&path, content).map_err(|source| SinkError::Io { path, source })
}

/// The secret in a sink's file.
pub(super) fn read(path: &Path) -> Option<Secret> {
    let text = fs::read_to_string(path).ok()?;
    (!text.is_empty()).then(|| Secret::new(text))
}

/// What a `--secrets-file` gains.
#[derive(Serialize)]
struct Line<'a> {
    address: &'a str,
    id: &'a str,
    key: &'a str,
}

impl Line<'_> {
    /// As JSON, with a newline. Has all its room from the start: a text that grows leaves pieces of itself in memory.
    fn text(&self) -> Zeroizing<Vec<u8>> {
        // At most six bytes for one, as in `\u0000`.
        let room = 64 + 6 * (self.address.len() + self.id.len() + self.key.len());
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        // Texts are always JSON, and a vector takes everything.
        drop(serde_json::to_writer(&mut *text, self));
        text.push(b'\n');
        text
    }
}

/// A `--secrets-file` gains one JSON line.
pub(super) fn append_line(
    target: &Path,
    address: &KeyAddress,
    id: &KeyId,
    secret: &Secret,
) -> Result<(), SinkError> {
    let path = safe_path(target, false, None)?;
    if path.exists() {
        check_private(&path)?;
    }
    let address = address.to_string();
    let line = Line { address: &address, id: id.as_str(), key: secret.expose() };
    append(&path, &line.text()).map_err(|source| SinkError::Io { path, source })
}

/// Puts a private file with this content in the place of whatever is there, atomically and flushed.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = parent(path);
    make_folders(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // One name per target, so that what a killed run left is replaced by the next delivery.
    let temporary = parent.join(format!(".portkey-sync-{name}.tmp"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&temporary, content).and_then(|()| {
        killpoint::here("sink: temporary file flushed");
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written?;
    killpoint::here("sink: file renamed");
    sync_folder(parent)
}

/// Makes a private file that was not there; a link that somebody put there is not followed.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private::open(path, OpenOptions::new().write(true).create_new(true))?;
    killpoint::here("sink: temporary file made");
    file.write_all(content)?;
    file.sync_all()
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let _one_at_a_time = SECRETS_FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let parent = parent(path);
    make_folders(parent)?;
    let mut file = private::open(path, OpenOptions::new().read(true).append(true).create(true))?;
    let length = file.metadata()?.len();
    // A line that a full disk once cut short does not spoil the next one.
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    let gap: &[u8] = if last == [b'\n'] { b"" } else { b"\n" };
    let written = file.write_all(gap).and_then(|()| file.write_all(line)).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a line is no secret delivered, but would be one leaked.
        file.set_len(length)?;
    }
    written?;
    sync_folder(parent)
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The target as a path that stays where it belongs. Looked at again right before each use; whoever can
/// swap a folder for a link in between can read the secrets anyway.
pub(super) fn safe_path(target: &Path, is_sink: bool, folder: Option<&Path>) -> Result<PathBuf, SinkError> {
    if !is_sink {
        let is_link = fs::symlink_metadata(target).is_ok_and(|found| found.file_type().is_symlink());
        return if is_link {
            Err(SinkError::Link { path: target.to_owned() })
        } else {
            Ok(target.to_owned())
        };
    }
    let folder = folder.ok_or(SinkError::NoFolder)?;
    let mut path = folder.to_owned();
    for component in target.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => continue,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(SinkError::Outside { path: target.to_owned() });
            }
        }
        if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_symlink()) {
            return Err(SinkError::Link { path });
        }
    }
    Ok(path)
}

/// Refuses a file to which a secret would be added for everybody to read.
fn check_private(path: &Path) -> Result<(), SinkError> {
    let found = fs::metadata(path).map_err(|source| SinkError::Io { path: path.to_owned(), source })?;
    #[cfg(unix)]
    let open_to_others = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let open_to_others = false;
    if found.is_file() && !open_to_others { Ok(()) } else { Err(SinkError::Open { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::super::Sinks;
    use super::*;
    use crate::model::{Delivery, Target};

    fn secrets_file(folder: &Path) -> (Delivery, PathBuf) {
        let path = folder.join("new.jsonl");
        let target = Target::File { path: path.clone(), recipients: Vec::new() };
        (Delivery { sink: None, target }, path)
    }

    fn sink(target: &str) -> Delivery {
        Delivery {
            sink: Some("dir".to_owned()),
            target: Target::File { path: target.into(), recipients: Vec::new() },
        }
    }

    fn give(delivery: &Delivery, folder: &Path, secret: &str) -> Result<(), SinkError> {
        let address = KeyAddress { workspace: None, user: None, name: "ci".to_owned() };
        let secret = Secret::new(secret.to_owned());
        let sinks = Sinks { folder: Some(folder.to_owned()), ..Sinks::default() };
        sinks.probe(delivery)?;
        sinks.deliver(delivery, &address, &KeyId::new("id-1"), &secret, Duration::from_mins(1))
    }

    #[test]
    fn a_file_holds_the_secret_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        give(&sink("secrets/research/ci"), folder.path(), "abcdefghijklmnop").unwrap();
        give(&sink("secrets/research/ci"), folder.path(), "defg").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("secrets/research/ci")).unwrap(), "defg");
        let names: Vec<_> = fs::read_dir(folder.path().join("secrets/research")).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing temporary is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_private_and_a_link_is_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        give(&sink("ci"), folder.path(), "abc").unwrap();
        let mode = fs::metadata(folder.path().join("ci")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("out")).unwrap();
        let error = give(&sink("out/ci"), folder.path(), "abc").unwrap_err();
        assert!(matches!(error, SinkError::Link { .. }), "{error}");
    }

    #[test]
    fn only_a_secret_or_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ci");
        for ours in [
            "",
            "\n",
            "gS8w71RiXYeUTiNB9dKxLeTrPYxh",
            "gS8w71RiXYeUTiNB9dKxLeTrPYxh\r\n",
            "age-encryption.org/v1\n...",
        ] {
            fs::write(&path, ours).unwrap();
            give(&sink("ci"), folder.path(), "abcdefghijklmnop").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "abcdefghijklmnop", "{ours:?}");
        }
        let long = "a".repeat(2000);
        for other in [
            "version: 1\nkeys: []\n",
            "1.0.0",
            "two words and some more",
            "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n",
            &long,
        ] {
            fs::write(&path, other).unwrap();
            let error = give(&sink("ci"), folder.path(), "abcdefghijklmnop").unwrap_err();
            assert!(matches!(error, SinkError::Foreign { .. }), "{other:?}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
    }

    #[test]
    fn a_path_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for target in ["../ci", "a/../../ci", "/etc/ci"] {
            let error = give(&sink(target), folder.path(), "abc").unwrap_err();
            assert!(matches!(error, SinkError::Outside { .. }), "{target}: {error}");
        }
    }

    #[test]
    fn a_file_that_git_tracks_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            Command::new("git")
                .args(args)
                .current_dir(folder.path())
                .output()
                .is_ok_and(|out| out.status.success())
        };
        if !git(&["init", "-q"]) {
            let said = "a_file_that_git_tracks_is_refused is not checked: git is not on this machine";
            let mut stderr = io::stderr();
            return writeln!(stderr, "{said}").unwrap();
        }
        fs::write(folder.path().join("ci"), "old").unwrap();
        assert!(git(&["add", "ci"]));
        let error = give(&sink("ci"), folder.path(), "abc").unwrap_err();
        assert!(matches!(error, SinkError::Tracked { .. }), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join("ci")).unwrap(), "old");
    }

    /// A line of ours that a full disk once cut short.
    const TORN: &str = "{\"address\":\"a/b\",\"ke";

    #[cfg(unix)]
    #[test]
    fn a_secrets_file_that_others_can_read_is_refused_and_a_torn_line_is_left_behind() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (delivery, path) = secrets_file(folder.path());
        fs::write(&path, TORN).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = give(&delivery, folder.path(), "abc").unwrap_err();
        assert!(matches!(error, SinkError::Open { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), TORN);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        give(&delivery, folder.path(), "abc").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("{TORN}\n{{\"address\"")), "{text}");
    }

    #[test]
    fn a_secrets_file_gains_one_line_per_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (delivery, path) = secrets_file(folder.path());
        give(&delivery, folder.path(), "abc").unwrap();
        give(&delivery, folder.path(), "def").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with(r#"{"address":"organisation/ci","id":"id-1","key":"abc"}"#));
    }
}
