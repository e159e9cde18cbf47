//! How git is asked, by whoever asks it.
//!
//! The repository is not trusted: it is what a pull request made of it. So the program is never one that the
//! repository brought along, what could make it start a program or reach the network is off, a folder that only looks
//! like a repository is none, and git sees of the environment what it needs to find its settings: none of our keys,
//! and no `GIT_…` variable that points it elsewhere.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Turned off, whatever the repository's own configuration says.
const SETTINGS: [&str; 7] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.askPass=",
    "credential.helper=",
    "protocol.allow=never",
    // A folder of the pull request that looks like a repository is none.
    "safe.bareRepository=explicit",
];

/// Where git finds the settings of this machine and its owner, `safe.directory` among them.
const PASSED_ON: [&str; 7] =
    ["HOME", "XDG_CONFIG_HOME", "SYSTEMROOT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "PROGRAMDATA"];

/// Git on this machine, from the absolute folders of the `PATH` only.
pub(crate) fn program() -> Option<PathBuf> {
    let name = if cfg!(windows) { "git.exe" } else { "git" };
    search_path().into_iter().map(|folder| folder.join(name)).find(|git| git.is_file())
}

/// The absolute folders of the `PATH`: a relative one may be a folder of the repository.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// A question to git in this folder; its words are to be added.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("PATH", std::env::join_paths(search_path()).unwrap_or_default())
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .args(["--no-pager", "--no-replace-objects", "--no-optional-locks"]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.arg("-C").arg(folder);
    command
}

/// Whether git tracks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracked {
    /// It does.
    Yes,
    /// It does not, or there is no git or no repository.
    No,
    /// There is a repository, and git will not speak of it: often "dubious ownership" in a container.
    Unsure,
}

/// Whether git tracks this file, or anything in this folder.
pub(crate) fn tracked(path: &Path) -> Tracked {
    let Some(git) = program() else { return Tracked::No };
    // The folder may itself be a repository, or a part of the one around it.
    let inside = if path.is_dir() { is_listed(&git, path, OsStr::new(".")) } else { Tracked::No };
    let Some(name) = path.file_name().filter(|_| inside == Tracked::No) else { return inside };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    is_listed(&git, folder, name)
}

/// Whether git lists this name in this folder, or something beneath it.
fn is_listed(git: &Path, folder: &Path, name: &OsStr) -> Tracked {
    // Where the file system does not tell `A` from `a`, another spelling is the same file.
    let icase = if cfg!(any(windows, target_os = "macos")) { ",icase" } else { "" };
    let mut wanted = OsString::from(format!(":(literal{icase})"));
    wanted.push(name);
    let status = command(git, folder)
        .args(["ls-files", "--error-unmatch", "--"])
        .arg(wanted)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Tracked::Yes,
        Ok(Some(1)) | Err(_) => Tracked::No,
        Ok(_) if is_in_repository(folder) => Tracked::Unsure,
        Ok(_) => Tracked::No,
    }
}

fn is_in_repository(folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};

    use super::*;

    /// A repository with `kept` and `[ab]` in it; none where there is no git.
    fn repository() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("kept")).unwrap();
        fs::write(folder.path().join("kept/file"), "old").unwrap();
        fs::write(folder.path().join("[ab]"), "old").unwrap();
        fs::write(folder.path().join("a"), "new").unwrap();
        let Some(git) = program() else {
            writeln!(io::stderr(), "not checked: git is not on this machine").unwrap();
            return None;
        };
        for words in [&["init", "-q"][..], &["add", "kept", ":(literal)[ab]"]] {
            assert!(command(&git, folder.path()).args(words).status().unwrap().success());
        }
        Some(folder)
    }

    #[test]
    fn a_tracked_file_and_the_folder_of_one_are_told_from_others() {
        let Some(repository) = repository() else { return };
        let root = repository.path();
        for name in ["kept/file", "kept", "kept/.", "[ab]", "."] {
            assert_eq!(tracked(&root.join(name)), Tracked::Yes, "{name}");
        }
        for name in ["a", "missing", "missing/file", "kept/other"] {
            assert_eq!(tracked(&root.join(name)), Tracked::No, "{name}");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(tracked(&elsewhere.path().join("kept")), Tracked::No);
    }

    #[test]
    fn a_folder_that_looks_like_a_repository_does_not_answer_for_the_one_around_it() {
        let Some(repository) = repository() else { return };
        let kept = repository.path().join("kept");
        fs::create_dir_all(kept.join("objects")).unwrap();
        fs::create_dir_all(kept.join("refs")).unwrap();
        fs::write(kept.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(kept.join("config"), "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\n")
            .unwrap();
        assert_ne!(tracked(&kept.join("file")), Tracked::No);
    }
}
