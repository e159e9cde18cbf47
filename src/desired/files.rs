//! Reading keys files: arguments, folders, standard input, and what `include` patterns find.
//!
//! Invariants: nothing is parsed here; no more than the limit is read, whatever a file's size claims;
//! an included file lies beneath the folder of the file that includes it, links resolved.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;

use super::codes;
use super::complaints::Complaints;
use super::storage::{Kind, Storage};
use crate::diagnostic::{Diagnostic, Source, SourceId, Sources, Span};

/// How much all files together may hold.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How many files and folders one pattern may look at.
const MAX_LOOKS: usize = 100_000;

/// One `-f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileArgument {
    /// `-`: standard input.
    Stdin,
    /// A file, or a folder whose `*.yaml` and `*.yml` are meant.
    Path(PathBuf),
}

impl From<PathBuf> for FileArgument {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::Path(path) }
    }
}

/// Where a root file came from.
pub(super) struct Root {
    pub(super) source: SourceId,
    /// `None` for standard input.
    pub(super) folder: Option<PathBuf>,
}

/// How a file is come by, which says what to do if it is not there.
#[derive(Clone, Copy, Debug)]
pub(super) enum AskedBy {
    /// `--file`.
    File,
    /// `--policy`, or a saved plan that had it.
    Policy,
    /// The pattern that found it.
    Include(Span),
}

/// Reads files and remembers which.
pub(super) struct Files<'r> {
    pub(super) storage: &'r dyn Storage,
    stdin: &'r mut dyn Read,
    left: u64,
    pub(super) sources: Sources,
    /// Real path to the name under which it was read.
    seen: BTreeMap<PathBuf, String>,
}

impl<'r> Files<'r> {
    pub(super) fn new(storage: &'r dyn Storage, stdin: &'r mut dyn Read) -> Self {
        Self { storage, stdin, left: MAX_BYTES, sources: Sources::default(), seen: BTreeMap::new() }
    }

    /// Reads the files that an argument means.
    pub(super) fn read_argument(&mut self, argument: &FileArgument, out: &mut Complaints) -> Vec<Root> {
        let path = match argument {
            FileArgument::Stdin => {
                let source = self.read_stdin(out);
                return source.map(|source| Root { source, folder: None }).into_iter().collect();
            }
            FileArgument::Path(path) => path,
        };
        if !self.storage.is_folder(path) {
            let folder = parent(path);
            let source = self.read_file(path, &self.storage.shown(path), AskedBy::File, out);
            return source.map(|source| Root { source, folder: Some(folder) }).into_iter().collect();
        }
        let files = match yaml_files(self.storage, path) {
            Ok(files) => files,
            Err(error) => {
                out.push(unreadable(&self.storage.shown(path), &error));
                return Vec::new();
            }
        };
        if files.is_empty() {
            let name = self.storage.shown(path);
            out.push(
                Diagnostic::about(codes::UNREADABLE, name, "the folder holds no `*.yaml` and no `*.yml`")
                    .hint("name the file or the right folder with `-f`"),
            );
        }
        let mut roots = Vec::new();
        for file in files {
            if let Some(source) = self.read_file(&file, &self.storage.shown(&file), AskedBy::File, out) {
                roots.push(Root { source, folder: Some(path.clone()) });
            }
        }
        roots
    }

    fn read_stdin(&mut self, out: &mut Complaints) -> Option<SourceId> {
        let name = "<stdin>";
        if !self.remember(PathBuf::from("-"), name, None, out) {
            return None;
        }
        let mut bytes = Vec::new();
        if let Err(error) = self.stdin.take(self.left + 1).read_to_end(&mut bytes) {
            out.push(unreadable(name, &error));
            return None;
        }
        self.accept(name, bytes, out)
    }

    /// Reads a file; `asked` is how it was come by.
    pub(super) fn read_file(
        &mut self,
        path: &Path,
        name: &str,
        asked: AskedBy,
        out: &mut Complaints,
    ) -> Option<SourceId> {
        let read = || -> std::io::Result<(PathBuf, Option<Vec<u8>>)> {
            Ok((self.storage.real(path)?, self.storage.read(path, self.left)?))
        };
        match read() {
            Ok((real, bytes)) => {
                let included = match asked {
                    AskedBy::Include(span) => Some(span),
                    AskedBy::File | AskedBy::Policy => None,
                };
                if !self.remember(real, name, included, out) {
                    return None;
                }
                if let Some(bytes) = bytes {
                    return self.accept(name, bytes, out);
                }
                out.push(too_large(name));
                None
            }
            Err(error) => {
                let mut diagnostic = unreadable(name, &error);
                if error.kind() == std::io::ErrorKind::NotFound {
                    diagnostic = match asked {
                        AskedBy::File => diagnostic.hint("name the keys file with `-f`"),
                        AskedBy::Policy => diagnostic.hint(
                            "this is the policy file: say where it is with `--policy`; a saved plan keeps the name that it was made with",
                        ),
                        AskedBy::Include(_) => diagnostic,
                    };
                }
                out.push(diagnostic);
                None
            }
        }
    }

    /// Notes that a file is being read; false if it was before.
    fn remember(&mut self, real: PathBuf, name: &str, included: Option<Span>, out: &mut Complaints) -> bool {
        match self.seen.insert(real, name.to_owned()) {
            None => true,
            Some(before) => {
                let message = format!("`{name}` is read twice, before as `{before}`");
                let diagnostic = match included {
                    Some(span) => Diagnostic::error(codes::FILE_TWICE, span, message),
                    None => Diagnostic::about(codes::FILE_TWICE, name, message),
                };
                out.push(diagnostic.hint("let only one argument or `include` entry find it"));
                false
            }
        }
    }

    fn accept(&mut self, name: &str, bytes: Vec<u8>, out: &mut Complaints) -> Option<SourceId> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(length) else {
            out.push(too_large(name));
            return None;
        };
        self.left = left;
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
                out.push(
                    Diagnostic::about(codes::NOT_TEXT, name, format!("line {line} is not UTF-8 text"))
                        .hint("save the file as UTF-8"),
                );
                return None;
            }
        };
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        self.add(name, text, out)
    }

    /// Takes text as a file, unless it holds what no text has.
    pub(super) fn add(&mut self, name: &str, text: String, out: &mut Complaints) -> Option<SourceId> {
        let nul = text.find('\0');
        let source = self.sources.add(Source { name: name.to_owned(), text });
        if let Some(start) = nul {
            let span = Span { source, start, end: start };
            out.push(
                Diagnostic::error(codes::NOT_TEXT, span, "the file holds a NUL character")
                    .hint("save the file as UTF-8 text"),
            );
            return None;
        }
        Some(source)
    }
}

fn too_large(name: &str) -> Diagnostic {
    Diagnostic::about(codes::TOO_LARGE, name, "the keys files hold more than 64 MiB")
        .hint("split the organisation's keys over several runs")
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::about(codes::UNREADABLE, name, format!("cannot be read: {error}"))
}

/// The folder of a file; `.` if the path is a bare name.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn yaml_files(storage: &dyn Storage, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, kind) in storage.names_in(folder)? {
        let path = folder.join(name);
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && kind == Kind::File && !storage.is_folder(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Why a pattern finds nothing that can be read.
pub(super) enum Miss {
    /// It leads out of the folder.
    Outside(String),
    /// It is no pattern.
    Malformed(String),
    /// Nothing matches.
    Nothing,
}

/// The files that a pattern finds beneath a folder, sorted: names relative to the folder.
pub(super) fn matching(storage: &dyn Storage, folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, Miss> {
    let relative = Path::new(pattern);
    if relative.is_absolute() || pattern.contains('\\') {
        return Err(Miss::Outside("must be relative to the folder of the root file, with `/`".to_owned()));
    }
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if !relative.components().all(plain) {
        return Err(Miss::Outside("must stay beneath the folder of the root file, without `..`".to_owned()));
    }
    let pattern: PathBuf =
        relative.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let glob = pattern
        .to_str()
        .map(|pattern| GlobBuilder::new(pattern).literal_separator(true).build())
        .ok_or(Miss::Nothing)?
        .map_err(|error| Miss::Malformed(format!("is no pattern: {}", error.kind())))?
        .compile_matcher();

    let any_depth =
        pattern.components().any(|part| part.as_os_str().to_str().is_some_and(|part| part.contains("**")));
    let deepest = if any_depth { usize::MAX } else { pattern.components().count() };
    let fixed: PathBuf = pattern
        .components()
        .take(pattern.components().count().saturating_sub(1))
        .take_while(|part| part.as_os_str().to_str().is_some_and(|part| !part.contains(['*', '?', '[', '{'])))
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![fixed];
    let mut looks = 0;
    while let Some(inside) = folders.pop() {
        let Ok(entries) = storage.names_in(&folder.join(&inside)) else { continue };
        for (name, kind) in entries {
            looks += 1;
            if looks > MAX_LOOKS {
                return Err(Miss::Malformed(format!("looks at more than {MAX_LOOKS} files")));
            }
            let hidden = name.to_str().is_some_and(|name| name.starts_with('.'));
            let name = inside.join(name);
            if kind == Kind::Folder {
                if !hidden && name.components().count() < deepest {
                    folders.push(name);
                }
            } else if glob.is_match(&name) {
                found.push(name);
            }
        }
    }
    if found.is_empty() {
        return Err(Miss::Nothing);
    }
    found.sort();
    let root = storage.real(folder).map_err(|error| Miss::Malformed(error.to_string()))?;
    for name in &found {
        // A broken link is reported when it is read.
        if storage.real(&folder.join(name)).is_ok_and(|real| !real.starts_with(&root)) {
            return Err(Miss::Outside(format!(
                "finds `{}`, a link that leads out of the folder",
                name.display()
            )));
        }
    }
    Ok(found)
}
