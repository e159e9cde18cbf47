//! Whether the work folder is this machine's, or came with the repository.

use std::path::{Path, PathBuf};

use super::private::is_link;
use crate::git::{Tracked, tracked};

/// The work folder is not one that a run of ours has made.
#[derive(Debug, thiserror::Error)]
pub enum WorkFolderError {
    /// Whoever can change the repository could say which secret goes where.
    #[error("git tracks files in the work folder `{}`, which is for this machine alone", folder.display())]
    Tracked {
        /// The folder.
        folder: PathBuf,
    },
    /// Git is here and does not answer.
    #[error("git does not say whether it tracks files in the work folder `{}`", folder.display())]
    Unsure {
        /// The folder.
        folder: PathBuf,
    },
    /// It could lead anywhere.
    #[error("the work folder `{}` is a symbolic link", folder.display())]
    Link {
        /// The folder.
        folder: PathBuf,
    },
}

impl WorkFolderError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Tracked { .. } => {
                "find out who committed it; take it out with `git rm -r` and commit that, or give another --work-dir"
            }
            Self::Unsure { .. } => {
                "run `git status` there; a container often needs `git config --global --add safe.directory PATH`"
            }
            Self::Link { .. } => "give the folder itself with --work-dir, or take the link away",
        }
    }
}

/// Refuses a work folder that came with the repository: what lies in it would be believed. One that is not there is
/// as good as new, and so is one where there is no git or no repository.
pub fn check_work_folder(folder: &Path) -> Result<(), WorkFolderError> {
    let folder_of = || folder.to_owned();
    if is_link(folder) {
        return Err(WorkFolderError::Link { folder: folder_of() });
    }
    if !folder.exists() {
        return Ok(());
    }
    match tracked(folder) {
        Tracked::No => Ok(()),
        Tracked::Yes => Err(WorkFolderError::Tracked { folder: folder_of() }),
        Tracked::Unsure => Err(WorkFolderError::Unsure { folder: folder_of() }),
    }
}
