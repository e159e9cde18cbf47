//! Keys files as a revision of a git repository has them.
//!
//! A pull request is not trusted: nothing is checked out and no hook, filter, pager or helper runs. Git is asked for
//! names and contents only, in the way of [`crate::git`].

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use super::storage::{Kind, Storage};
use crate::git;

/// How much one answer of git may hold.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How many links may lead to one file.
const MAX_LINKS: usize = 10;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no git on the `PATH`.
    #[error("git was not found on the PATH")]
    NoGit,
    /// The text cannot name a revision.
    #[error("`{rev}` cannot name a revision")]
    BadName {
        /// The text.
        rev: String,
    },
    /// The folder is in no repository, or git does not speak of it.
    #[error("`{folder}` is not in a git repository that can be read: {said}")]
    NoRepository {
        /// The folder.
        folder: String,
        /// What git said.
        said: String,
    },
    /// There is no such revision here.
    #[error("there is no revision `{rev}` in this repository")]
    NoRevision {
        /// The name.
        rev: String,
        /// Whether history was cut off when the repository was cloned.
        shallow: bool,
    },
    /// Several references bear the name, and git would silently take one of them.
    #[error("`{rev}` can mean {}", named.join(" or "))]
    Ambiguous {
        /// The name.
        rev: String,
        /// In full.
        named: Vec<String>,
    },
    /// A keys file lies outside of the repository.
    #[error("`{path}` lies outside of the repository")]
    Outside {
        /// The file.
        path: String,
    },
    /// Standard input has no former state.
    #[error("standard input is in no revision")]
    Stdin,
    /// Git failed.
    #[error("git {command} failed: {said}")]
    Failed {
        /// Its subcommand.
        command: String,
        /// What it said.
        said: String,
    },
}

impl RevisionError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoGit => Some("install git, or give the former files with --base FILE"),
            Self::BadName { .. } => Some("name a branch, a tag or a commit, as in origin/main"),
            Self::NoRepository { .. } => Some(
                "run in a clone of the repository; a container often needs `git config --global --add safe.directory PATH`",
            ),
            Self::NoRevision { shallow: true, .. } => Some(
                "this clone is shallow: fetch the revision, or check out with the whole history (fetch-depth: 0)",
            ),
            Self::NoRevision { shallow: false, .. } => Some("fetch it first, as in git fetch origin main"),
            Self::Ambiguous { .. } => {
                Some("write the one that is meant in full; a tag of a branch's name would hide the branch")
            }
            Self::Outside { .. } => Some("give the former files with --base FILE"),
            Self::Stdin => Some("name the keys file with -f, or give the former files with --base FILE"),
            Self::Failed { .. } => {
                Some("if this is a partial clone, fetch the revision with its files first")
            }
        }
    }
}

/// One revision's files.
#[derive(Debug)]
pub struct Revision {
    /// The program.
    git: PathBuf,
    /// The repository's folder, links resolved.
    root: PathBuf,
    /// As the caller wrote it.
    name: String,
    /// By path beneath the root.
    files: BTreeMap<PathBuf, Blob>,
}

#[derive(Debug)]
struct Blob {
    object: String,
    is_link: bool,
}

impl Revision {
    /// Looks up a revision of the repository that holds `folder`, and what files it has.
    pub fn open(name: &str, folder: &Path) -> Result<Self, RevisionError> {
        let program = git::program().ok_or(RevisionError::NoGit)?;
        // What begins with `^` is what is not to be listed.
        let bad = name.is_empty() || name.starts_with(['-', '^']) || name.chars().any(char::is_control);
        if bad {
            return Err(RevisionError::BadName { rev: name.to_owned() });
        }
        let ask = |args: &[&str]| run(&program, folder, args);
        let root = ask(&["rev-parse", "--show-toplevel"]).map_err(|error| match error {
            RevisionError::Failed { said, .. } => {
                RevisionError::NoRepository { folder: folder.display().to_string(), said }
            }
            other => other,
        })?;
        let root = PathBuf::from(line(&root));
        let root = std::fs::canonicalize(&root).unwrap_or(root);
        let named = references(name, &program, folder);
        if named.len() > 1 {
            return Err(RevisionError::Ambiguous { rev: name.to_owned(), named });
        }
        let wanted = format!("{name}^{{commit}}");
        let Ok(commit) = ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]) else {
            let shallow = ask(&["rev-parse", "--is-shallow-repository"]);
            let shallow = shallow.is_ok_and(|answer| line(&answer) == "true");
            return Err(RevisionError::NoRevision { rev: name.to_owned(), shallow });
        };
        let tree = ask(&["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", &line(&commit)])?;
        Ok(Self { files: entries(&tree), git: program, root, name: name.to_owned() })
    }

    /// A path as the caller wrote it, beneath the repository's root; none if it lies elsewhere.
    fn beneath(&self, path: &Path) -> Option<PathBuf> {
        let absolute = std::path::absolute(path).ok()?;
        // The folder may be gone by now, or reached through a link.
        let whole = plain(&absolute);
        let known = whole.ancestors().find_map(|known| Some((known, std::fs::canonicalize(known).ok()?)));
        let resolved = match known {
            // The file itself may be a link now that was none then.
            Some((known, _)) if known == whole => {
                let parent = std::fs::canonicalize(whole.parent()?).ok()?;
                if whole.is_dir() {
                    std::fs::canonicalize(&whole).ok()?
                } else {
                    parent.join(whole.file_name()?)
                }
            }
            Some((known, real)) => real.join(whole.strip_prefix(known).ok()?),
            None => whole,
        };
        resolved.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// Whether the revision has a file or a folder there.
    pub fn has(&self, path: &Path) -> Result<bool, RevisionError> {
        let inside =
            self.beneath(path).ok_or_else(|| RevisionError::Outside { path: path.display().to_string() })?;
        Ok(self.files.contains_key(&inside) || self.is_folder(path))
    }

    fn blob(&self, path: &Path) -> io::Result<(PathBuf, &Blob)> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no such file in that revision");
        let mut inside = self.beneath(path).ok_or_else(missing)?;
        for _ in 0..MAX_LINKS {
            let blob = self.files.get(&inside).ok_or_else(missing)?;
            if !blob.is_link {
                return Ok((inside, blob));
            }
            let target = self.content(blob, MAX_BYTES)?.unwrap_or_default();
            let target = String::from_utf8(target).map_err(io::Error::other)?;
            let folder = inside.parent().unwrap_or(Path::new(""));
            inside = climb(folder, Path::new(&target)).ok_or_else(missing)?;
        }
        Err(io::Error::other("too many links"))
    }

    fn content(&self, blob: &Blob, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let bytes = limited(&self.git, &self.root, &["cat-file", "blob", &blob.object], limit);
        bytes.map_err(io::Error::other)
    }
}

impl Storage for Revision {
    fn shown(&self, path: &Path) -> String {
        format!("{}:{}", self.name, path.display())
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.beneath(path).is_some_and(|folder| {
            let first = self.files.range(folder.clone()..).next();
            first.is_some_and(|(file, _)| file.starts_with(&folder) && *file != folder)
                || folder.as_os_str().is_empty()
        })
    }

    fn names_in(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
        let folder = self.beneath(folder).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut names = BTreeMap::new();
        let inside = self.files.range(folder.clone()..).map(|(file, _)| file);
        for file in inside.skip_while(|file| **file == folder).take_while(|file| file.starts_with(&folder)) {
            let Ok(rest) = file.strip_prefix(&folder) else { continue };
            let mut parts = rest.components();
            let Some(first) = parts.next() else { continue };
            let kind = if parts.next().is_some() { Kind::Folder } else { Kind::File };
            names.insert(PathBuf::from(first.as_os_str()), kind);
        }
        Ok(names.into_iter().collect())
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if self.is_folder(path) {
            let folder = self.beneath(path).unwrap_or_default();
            return Ok(self.root.join(folder));
        }
        self.blob(path).map(|(inside, _)| self.root.join(inside))
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let (_, blob) = self.blob(path)?;
        self.content(blob, limit)
    }
}

/// A path without `.` and with `..` taken literally.
fn plain(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => whole.push(part),
        }
    }
    whole
}

/// A link's target beneath the root, seen from the link's folder; none if it leads out.
fn climb(folder: &Path, target: &Path) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in target.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(path)
}

/// `MODE TYPE OBJECT<tab>PATH`, each ended by a NUL.
fn entries(listing: &[u8]) -> BTreeMap<PathBuf, Blob> {
    let entry = |record: &[u8]| {
        let record = String::from_utf8_lossy(record).into_owned();
        let (facts, path) = record.split_once('\t')?;
        let mut facts = facts.split(' ');
        let (mode, kind, object) = (facts.next()?, facts.next()?, facts.next()?);
        // A submodule is another repository's business.
        (kind == "blob")
            .then(|| (PathBuf::from(path), Blob { object: object.to_owned(), is_link: mode == "120000" }))
    };
    listing.split(|byte| *byte == 0).filter_map(entry).collect()
}

fn line(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).trim_end_matches(['\n', '\r']).to_owned()
}

/// The references that bear a name. Git prefers a tag to a branch, so a tag could stand in for the base.
fn references(name: &str, program: &Path, folder: &Path) -> Vec<String> {
    let full: Vec<String> =
        ["tags", "heads", "remotes"].iter().map(|kind| format!("refs/{kind}/{name}")).collect();
    let mut args = vec!["for-each-ref", "--format=%(refname)", "--"];
    args.extend(full.iter().map(String::as_str));
    let said = run(program, folder, &args).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines().filter(|line| full.iter().any(|name| name == line)).map(str::to_owned).collect()
}

fn run(program: &Path, folder: &Path, args: &[&str]) -> Result<Vec<u8>, RevisionError> {
    limited(program, folder, args, MAX_BYTES)?.ok_or_else(|| RevisionError::Failed {
        command: args.first().copied().unwrap_or_default().to_owned(),
        said: "it answered more than 64 MiB".to_owned(),
    })
}

/// What git answers, or nothing if that is more than the limit.
fn limited(
    program: &Path,
    folder: &Path,
    args: &[&str],
    limit: u64,
) -> Result<Option<Vec<u8>>, RevisionError> {
    let failed = |said: String| RevisionError::Failed {
        command: args.first().copied().unwrap_or_default().to_owned(),
        said,
    };
    let mut command = git::command(program, folder);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    let mut said = Vec::new();
    // Git says a line or two when it fails, far less than a pipe holds.
    let read = child.stdout.take().map_or(Ok(0), |out| out.take(limit + 1).read_to_end(&mut bytes));
    let too_much = u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit;
    if too_much {
        drop(child.kill());
    }
    if let Some(err) = child.stderr.take() {
        drop(err.take(4096).read_to_end(&mut said));
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    read.map_err(|error| failed(error.to_string()))?;
    if too_much {
        return Ok(None);
    }
    if !status.success() {
        let said = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned();
        return Err(failed(if said.is_empty() { status.to_string() } else { said }));
    }
    Ok(Some(bytes))
}
