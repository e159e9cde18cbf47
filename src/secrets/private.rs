//! Files and folders that are for their owner alone.
//!
//! Every file of the work folder is opened here, and none through a link: whoever can put a file into the repository
//! can put a link there, and what is written would go wherever it leads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// Opens a file that is no link; one that is made is for its owner alone.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if is_link(path) {
        return Err(followed());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // One that is put there between the look and this.
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}

/// What is in a file that is no link.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = open(path, OpenOptions::new().read(true))?;
    // In one piece: a buffer that grows leaves what it held behind.
    let size = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether there is a link, wherever it leads.
pub(super) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink())
}

fn followed() -> io::Error {
    io::Error::other("it is a symbolic link, and secrets do not follow links")
}

/// Makes the work folder, 0700, and lets git ignore all of it.
pub fn make_work_folder(folder: &Path) -> io::Result<()> {
    make_private_folder(folder)?;
    let ignore = folder.join(".gitignore");
    match OpenOptions::new().write(true).create_new(true).open(ignore) {
        Ok(mut file) => io::Write::write_all(&mut file, b"*\n"),
        // Whatever it is, it is not written through.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder that only its owner can look into; one that is there already is closed to others.
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    if is_link(folder) {
        return Err(followed());
    }
    make_folders(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Makes a folder and its missing parents, private, each flushed as a name in the one above it.
pub(super) fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folders(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        // Another key's delivery may have been faster.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => Err(error),
        _ => sync_folder(parent),
    }
}

/// Flushes the names in a folder, so that a new file survives a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Folders cannot be opened for this on every system; where they can, they are.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _: &Path = folder;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_is_not_followed_whether_or_not_it_leads_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        symlink(&victim, &link).unwrap();
        let append = || open(&link, OpenOptions::new().append(true).create(true));
        assert!(append().unwrap_err().to_string().contains("symbolic link"));
        assert!(!victim.exists());
        fs::write(&victim, "before").unwrap();
        assert!(append().is_err() && read(&link).is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "before");
        assert_eq!(*read(&victim).unwrap(), b"before");
    }

    #[test]
    fn what_is_made_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = open(&path, OpenOptions::new().write(true).create(true).truncate(true)).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_gitignore_that_is_a_link_to_nothing_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (work, victim) = (folder.path().join("work"), folder.path().join("victim"));
        fs::create_dir(&work).unwrap();
        symlink(&victim, work.join(".gitignore")).unwrap();
        make_work_folder(&work).unwrap();
        assert!(!victim.exists());
    }
}
