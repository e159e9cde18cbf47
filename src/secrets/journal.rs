//! The journal: `.portkey-sync/journal.jsonl`, what runs on this machine did with secrets, one JSON object a line.
//!
//! It is only ever added to, flushed line by line, readable by a person and without any secret. A later run
//! learns from it which sinks have a secret already. A line that was cut off by a crash is passed over.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::private::{self, make_work_folder, sync_folder};
use crate::killpoint;

/// The file in the working folder.
pub(super) const NAME: &str = "journal.jsonl";

/// The version of the lines.
const VERSION: u32 = 1;

/// A journal that has grown beyond this many bytes is put aside as `journal.1.jsonl` before the next run.
const LARGE: u64 = 4 << 20;

/// The journal of one working folder.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    run: String,
    lock: Mutex<()>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A create is about to be sent.
    Create,
    /// A rotation is about to be sent.
    Rotate,
    /// The service answered, and the secret is in the escrow.
    Kept,
    /// A sink has the secret.
    Delivered,
    /// The mark says so.
    Committed,
    /// Nothing came of it, and it is over.
    Dropped,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    v: u32,
    at: Timestamp,
    run: String,
    nonce: String,
    event: Entry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sink: Option<String>,
}

impl Journal {
    /// The journal beneath this working folder. Touches nothing.
    pub fn at(folder: &Path, run: String) -> Self {
        Self { path: folder.join(NAME), run, lock: Mutex::new(()) }
    }

    /// Puts a large journal aside; for when nothing is in flight, because a slot without its line here is not used.
    pub fn tidy(&self) -> io::Result<()> {
        let is_large = fs::symlink_metadata(&self.path).is_ok_and(|found| found.len() > LARGE);
        if is_large && Account::of(&self.path).newer_version.is_none() {
            fs::rename(&self.path, self.path.with_extension("1.jsonl"))?;
        }
        Ok(())
    }

    /// Adds a line and flushes it.
    pub fn add(
        &self,
        nonce: &str,
        event: Entry,
        address: Option<&str>,
        sink: Option<&str>,
    ) -> io::Result<()> {
        let line = Line {
            v: VERSION,
            at: Timestamp::now(),
            run: self.run.clone(),
            nonce: nonce.to_owned(),
            event,
            address: address.map(str::to_owned),
            sink: sink.map(str::to_owned),
        };
        let text = format!("{}\n", serde_json::to_string(&line)?);
        let _one_at_a_time = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_new = !self.path.exists();
        if let Some(folder) = self.path.parent().filter(|_| is_new) {
            make_work_folder(folder)?;
        }
        let mut file = private::open(&self.path, OpenOptions::new().read(true).append(true).create(true))?;
        // A line that was cut off stays alone on its line.
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::Start(length - 1))?;
            file.read_exact(&mut last)?;
        }
        killpoint::here("journal: before a line");
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new {
            self.path.parent().map_or(Ok(()), sync_folder)?;
        }
        killpoint::here("journal: line flushed");
        Ok(())
    }

    /// The sinks, by hash, that have the secret of this slot already.
    pub fn delivered(&self, nonce: &str) -> BTreeSet<String> {
        // A journal that is not there, or is a link, says nothing.
        lines(&private::read(&self.path).unwrap_or_default())
            .into_iter()
            .filter(|line| line.nonce == nonce && line.event == Entry::Delivered)
            .filter_map(|line| line.sink)
            .collect()
    }
}

/// What a journal says of the slots beside it, from one reading of it.
pub(super) struct Account {
    /// The slots that runs have begun, with the addresses for which they did; without those of [`Self::newer`].
    pub(super) begun: BTreeSet<(String, String)>,
    /// The slots of which a newer version has written something.
    pub(super) newer: BTreeSet<String>,
    /// The newest version of lines that this program does not understand, if there are any.
    pub(super) newer_version: Option<u32>,
}

impl Account {
    pub(super) fn of(path: &Path) -> Self {
        let text = private::read(path).unwrap_or_default();
        let mut later: Vec<AnyLine> = whole(&text);
        later.retain(|line| line.v > VERSION);
        let newer_version = later.iter().map(|line| line.v).max();
        let newer: BTreeSet<String> = later.into_iter().filter_map(|line| line.nonce).collect();
        let begun = lines(&text)
            .into_iter()
            .filter(|line| !newer.contains(&line.nonce))
            .filter(|line| matches!(line.event, Entry::Create | Entry::Rotate))
            .filter_map(|line| Some((line.nonce, line.address?)))
            .collect();
        Self { begun, newer, newer_version }
    }
}

/// What is read of a line whatever its version.
#[derive(Deserialize)]
struct AnyLine {
    v: u32,
    nonce: Option<String>,
}

/// The lines of versions that this program understands.
fn lines(text: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = whole(text);
    lines.retain(|line| line.v <= VERSION);
    lines
}

/// The lines that are whole.
fn whole<T: DeserializeOwned>(text: &[u8]) -> Vec<T> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_delivered_is_remembered_across_runs_and_torn_lines() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join(".portkey-sync");
        let first = Journal::at(&work, "one".to_owned());
        first.add("n1", Entry::Create, Some("a/b"), None).unwrap();
        first.add("n1", Entry::Delivered, None, Some("3f29a1")).unwrap();
        let mut file = OpenOptions::new().append(true).open(work.join("journal.jsonl")).unwrap();
        file.write_all(br#"{"v":1,"at":"2026-"#).unwrap();
        let second = Journal::at(&work, "two".to_owned());
        second.add("n1", Entry::Delivered, None, Some("aaaaaa")).unwrap();
        second.add("n2", Entry::Delivered, None, Some("bbbbbb")).unwrap();
        assert_eq!(second.delivered("n1"), BTreeSet::from(["3f29a1".to_owned(), "aaaaaa".to_owned()]));
        assert_eq!(second.delivered("n3"), BTreeSet::new());
    }

    #[test]
    fn a_large_journal_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path(), "one".to_owned());
        journal.tidy().unwrap();
        fs::write(folder.path().join("journal.jsonl"), vec![b'\n'; usize::try_from(LARGE).unwrap() + 1])
            .unwrap();
        journal.tidy().unwrap();
        assert!(folder.path().join("journal.1.jsonl").exists());
        assert!(!folder.path().join("journal.jsonl").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_journal_that_is_a_link_is_neither_written_nor_believed() {
        let folder = tempfile::tempdir().unwrap();
        let (work, victim) = (folder.path().join("work"), folder.path().join("bashrc"));
        fs::create_dir(&work).unwrap();
        std::os::unix::fs::symlink(&victim, work.join(NAME)).unwrap();
        let journal = Journal::at(&work, "one".to_owned());
        let error = journal.add("n1", Entry::Create, Some("a/$(id)"), None).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(!victim.exists());
        let other = Journal::at(folder.path(), "two".to_owned());
        other.add("n1", Entry::Delivered, Some("a/b"), Some("3f29a1")).unwrap();
        fs::rename(folder.path().join(NAME), &victim).unwrap();
        assert!(journal.delivered("n1").is_empty() && Account::of(&work.join(NAME)).begun.is_empty());
    }
}
