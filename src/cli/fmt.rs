//! `fmt`: keys files in their canonical form.
//!
//! Invariant: a file is replaced at once or not at all, and only by text that says the same.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::desired::{NotFormatted, format};
use crate::render;

use super::args::{FmtArgs, GlobalArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;

/// What keys files may hold together.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What came of one file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Canonical,
    Differs,
    NotFormatted,
}

pub(super) fn run(global: &GlobalArgs, args: &FmtArgs, output: &Output) -> Result<Exit, CommandError> {
    let paths = if args.paths.is_empty() { &global.files } else { &args.paths };
    let mut outcomes = Vec::new();
    for path in files(paths)? {
        outcomes.push(one(&path, args.check, output)?);
    }
    let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let (differ, left) = (count(Outcome::Differs), count(Outcome::NotFormatted));
    let noun = |n: usize| if n == 1 { "file" } else { "files" };
    let total = outcomes.len();
    if args.check && differ > 0 {
        output.talk(&format!(
            "{differ} of {total} {} would be formatted; portkey-sync fmt does it\n",
            noun(total)
        ));
    } else if !args.check && paths.iter().all(|path| path.as_os_str() != "-") {
        output.talk(&format!("{differ} of {total} {} formatted\n", noun(total)));
    }
    Ok(if left > 0 || args.check && differ > 0 { Exit::Failed } else { Exit::Done })
}

/// The files that are meant: folders stand for what lies right in them.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let is_yaml = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
                && path.is_file()
        };
        let mut found: Vec<PathBuf> = std::fs::read_dir(path)
            .and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()
            })
            .map_err(|error| failed(path, "read", error))?;
        found.retain(is_yaml);
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn one(path: &Path, check: bool, output: &Output) -> Result<Outcome, CommandError> {
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let before = read(path, is_stdin)?;
    let after = match format(&name, &before) {
        Ok(after) => after,
        Err(why) => {
            match why {
                NotFormatted::Invalid(diagnostics, sources) => {
                    output.complain(&render::text::diagnostics(&diagnostics, &sources, &output.stderr));
                }
                NotFormatted::Left(why) => output.complain(&format!(
                    "error: `{}` is left as it is: {}\n",
                    render::escape(&name),
                    render::text::left_alone(why)
                )),
            }
            return Ok(Outcome::NotFormatted);
        }
    };
    let outcome = if before == after { Outcome::Canonical } else { Outcome::Differs };
    if check {
        if outcome == Outcome::Differs {
            output.data(&render::text::format_diff(&name, &before, &after, &output.stdout));
        }
    } else if is_stdin {
        output.data(&after);
    } else if outcome == Outcome::Differs {
        replace(path, &after).map_err(|error| failed(path, "written", error))?;
    }
    Ok(outcome)
}

fn read(path: &Path, is_stdin: bool) -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    let read = if is_stdin {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| failed(path, "read", error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(CommandError::message(format!("`{}` holds more than 64 MiB", path.display())));
    }
    String::from_utf8(bytes)
        .map_err(|_| CommandError::message(format!("`{}` is not UTF-8 text", path.display())))
}

/// Through a file beside it, with the permissions of the one that was there; a link keeps leading there.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

fn failed(path: &Path, how: &str, error: std::io::Error) -> CommandError {
    CommandError::new(anyhow::Error::new(error).context(format!("`{}` cannot be {how}", path.display())))
}
