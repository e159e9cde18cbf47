//! Where keys files lie: in folders of this machine, or in a revision of a git repository.
//!
//! Both answer the same few questions, so that what `-f` and `include` mean is decided in one place.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    /// A file, or a link, which is followed when it is read.
    File,
}

/// Something that holds files.
pub(super) trait Storage {
    /// What a path is called in messages.
    fn shown(&self, path: &Path) -> String;
    fn is_folder(&self, path: &Path) -> bool;
    /// The names in a folder, in any order.
    fn names_in(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Kind)>>;
    /// The one path of a file or folder, links resolved.
    fn real(&self, path: &Path) -> io::Result<PathBuf>;
    /// The content of a file, or nothing if it holds more than the limit.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>>;
}

/// The folders of this machine.
pub(super) struct Disk;

impl Storage for Disk {
    fn shown(&self, path: &Path) -> String {
        path.display().to_string()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn names_in(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
        fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                let kind = if entry.file_type()?.is_dir() { Kind::Folder } else { Kind::File };
                Ok((PathBuf::from(entry.file_name()), kind))
            })
            .collect()
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = fs::File::open(path)?;
        if file.metadata()?.len() > limit {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}
