//! One run at a time in one working folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::private::{self, make_work_folder};

/// Held while a run writes; given back when it is dropped, or when the process dies.
#[derive(Debug)]
pub struct WorkLock {
    _file: File,
}

/// The folder is not ours to use.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another run is using `{}`", folder.display())]
    Taken {
        /// The working folder.
        folder: PathBuf,
    },
    /// The file system said no.
    #[error("`{}` cannot be locked", folder.display())]
    Io {
        /// The working folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl WorkLock {
    /// Takes the working folder for this process.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { folder: folder.to_owned(), source };
        make_work_folder(folder).map_err(failed)?;
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        let file = private::open(&path, options.write(true).create(true).truncate(false)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let lock = WorkLock::take(folder.path()).unwrap();
        assert!(matches!(WorkLock::take(folder.path()), Err(LockError::Taken { .. })));
        drop(lock);
        assert!(WorkLock::take(folder.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::os::unix::fs::symlink(&victim, folder.path().join("lock")).unwrap();
        assert!(matches!(WorkLock::take(folder.path()), Err(LockError::Io { .. })));
        assert!(!victim.exists());
    }
}
