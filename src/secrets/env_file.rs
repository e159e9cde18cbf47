//! The `env_file` sink: one line of a file of `NAME=value` lines; the others stay as they are.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::file_sink::{parent, replace};
use super::{SinkError, private};
use crate::model::Secret;

/// Beside the file, and shared by all such files of the folder.
const LOCK: &str = ".portkey-sync.lock";

/// One writer per path in this process; a lock file beside it keeps other processes out.
static WRITERS: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// Replaces or adds the line, atomically.
pub(super) fn write(path: &Path, variable: &str, secret: &Secret) -> io::Result<()> {
    let writer = {
        let mut writers = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(writers.entry(path.to_owned()).or_default())
    };
    let _one_at_a_time = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let _no_other_process = lock_folder(parent(path))?;
    let before = Zeroizing::new(match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    });
    let line = Zeroizing::new(format!("{variable}={}\n", quoted(secret.expose())));
    let mut after = Zeroizing::new(String::with_capacity(before.len() + line.len() + 1));
    let mut is_written = false;
    for old in before.split_inclusive('\n') {
        if name_of(old) != Some(variable) {
            after.push_str(old);
        } else if !is_written {
            after.push_str(&line);
            is_written = true;
        }
    }
    if !is_written {
        if !after.is_empty() && !after.ends_with('\n') {
            after.push('\n');
        }
        after.push_str(&line);
    }
    replace(path, after.as_bytes())
}

/// The secret in the file, if there is one.
pub(super) fn read(path: &Path, variable: &str) -> Option<Secret> {
    let text = Zeroizing::new(fs::read_to_string(path).ok()?);
    let line = text.lines().find(|line| name_of(line) == Some(variable))?;
    let value = line.split_once('=')?.1.trim();
    Some(Secret::new(value.trim_matches('\'').to_owned()))
}

fn name_of(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    Some(name.strip_prefix("export ").unwrap_or(name).trim())
}

/// As it is if every reader takes it so, else in single quotes, in which nothing has a meaning.
fn quoted(secret: &str) -> String {
    let is_plain = secret.chars().all(|c| c.is_ascii_alphanumeric() || "+/=_-.".contains(c));
    if is_plain { secret.to_owned() } else { format!("'{secret}'") }
}

/// Refuses a link where the lock is to be, and a file that is no such file.
pub(super) fn probe(path: &Path) -> Result<(), SinkError> {
    let lock = parent(path).join(LOCK);
    if private::is_link(&lock) {
        return Err(SinkError::Link { path: lock });
    }
    let failed = |source| SinkError::Io { path: path.to_owned(), source };
    let text = match fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let is_ours = std::str::from_utf8(&text).is_ok_and(begins_with_a_line);
    if is_ours {
        Ok(())
    } else {
        Err(SinkError::Foreign { path: path.to_owned(), expected: "lines `NAME=value`" })
    }
}

/// Whether the first line that says something is `NAME=value`. Of what comes after it, values may have many lines.
fn begins_with_a_line(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    first.is_none_or(|line| name_of(line).is_some_and(|name| !name.is_empty() && is_name(name)))
}

fn lock_folder(folder: &Path) -> io::Result<File> {
    private::make_folders(folder)?;
    let mut options = OpenOptions::new();
    let file = private::open(&folder.join(LOCK), options.write(true).create(true).truncate(false))?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn one_line_changes_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        write(&path, "NEW", &secret("a1+/=")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "NEW=a1+/=\n");
        fs::write(&path, "# head\nA=1\nexport KEY=old\nKEY=older\nB=2").unwrap();
        write(&path, "KEY", &secret("fresh")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# head\nA=1\nKEY=fresh\nB=2");
        write(&path, "C", &secret("x y$z")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# head\nA=1\nKEY=fresh\nB=2\nC='x y$z'\n");
        assert_eq!(read(&path, "C").unwrap().expose(), "x y$z");
        assert!(read(&path, "D").is_none());
    }

    #[test]
    fn a_file_of_something_else_is_not_taken_for_one_of_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for ours in ["", "# head\n", "\nexport A=1\nB=2", "A='one\ntwo'\n", "my.name=x"] {
            fs::write(&path, ours).unwrap();
            assert!(probe(&path).is_ok(), "{ours:?}");
        }
        for other in ["version: 1\nkeys: []\n", "{\"a\": \"b=c\"}", "[section]\nA=1\n", "\u{0}\u{1}=2", "A\n"]
        {
            fs::write(&path, other).unwrap();
            let error = probe(&path).unwrap_err();
            assert!(matches!(error, SinkError::Foreign { .. }), "{other:?}: {error}");
        }
        fs::write(&path, [0xff, b'=', b'1']).unwrap();
        assert!(probe(&path).is_err());
    }

    #[test]
    fn many_writers_of_one_file_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::thread::scope(|scope| {
            for n in 0..16 {
                let path = &path;
                scope.spawn(move || write(path, &format!("K{n}"), &secret("s")).unwrap());
            }
        });
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 16);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_link_is_seen_before_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::os::unix::fs::symlink(&victim, folder.path().join(LOCK)).unwrap();
        let path = folder.path().join(".env");
        assert!(matches!(probe(&path), Err(SinkError::Link { .. })));
        assert!(write(&path, "KEY", &secret("fresh")).is_err());
        assert!(!victim.exists() && !path.exists());
    }
}
