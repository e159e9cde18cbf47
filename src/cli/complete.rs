//! What a shell completes: addresses of keys, words for `explain`.
//!
//! Invariants: no connection, nothing is written, and whatever is wrong is answered with nothing: a person is in
//! the middle of a line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};

use crate::desired::{DesiredKey, FileArgument, load};
use crate::render::explain::Kind;
use crate::scopes::{Privilege, names, privilege};

use super::args::Cli;
use super::explain;

/// The variable by which a shell's script asks; its value is the shell. A name of our own: in an environment that
/// happens to have `COMPLETE`, an `apply` must still apply.
const ASKED_BY: &str = "PORTKEY_SYNC_COMPLETE";

/// A keys file of more bytes is not read for the sake of a completion.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Answers a shell, if one asks. `None`: this is a command line to run.
pub(super) fn answer(arguments: &[OsString]) -> Option<bool> {
    std::env::var_os(ASKED_BY)?;
    let folder = std::env::current_dir().ok();
    match CompleteEnv::with_factory(Cli::command)
        .var(ASKED_BY)
        .bin("portkey-sync")
        .try_complete(arguments, folder.as_deref())
    {
        Ok(true) => Some(true),
        Ok(false) => None,
        Err(error) => {
            let shown = error.print();
            drop(shown);
            Some(false)
        }
    }
}

/// The script that makes a shell ask this program.
pub(super) fn script(shell: clap_complete::Shell) -> std::io::Result<String> {
    let mut script = Vec::new();
    if let Some(completer) = Shells::builtins().completer(&shell.to_string()) {
        completer.write_registration(
            ASKED_BY,
            "portkey-sync",
            "portkey-sync",
            "portkey-sync",
            &mut script,
        )?;
    }
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Addresses of the keys in the files of this command line, and tails of them that are enough.
pub(super) fn addresses(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let files = files_of(&std::env::args_os().collect::<Vec<_>>());
    let too_large = |path: &PathBuf| std::fs::metadata(path).map_or(true, |found| found.len() > LARGEST_FILE);
    if files.iter().any(too_large) {
        return Vec::new();
    }
    let arguments: Vec<FileArgument> = files.into_iter().map(FileArgument::from).collect();
    let loaded = load(&arguments, &mut std::io::empty());
    let keys = loaded.desired.or(loaded.partial).map(|desired| desired.keys).unwrap_or_default();
    candidates(&keys, typed)
}

/// The whole address, or, for what cannot start one, the key's name if only one key has it.
fn candidates(keys: &[DesiredKey], typed: &str) -> Vec<CompletionCandidate> {
    let whole = keys.iter().map(|key| key.address.to_string());
    let names = keys
        .iter()
        .map(|key| &key.address.name)
        .filter(|name| keys.iter().filter(|other| other.address.has_tail(name)).count() == 1);
    let found: Vec<String> = whole.filter(|address| address.starts_with(typed)).collect();
    let found = if found.is_empty() {
        names.filter(|name| name.starts_with(typed)).cloned().collect()
    } else {
        found
    };
    // A completed word stands on a command line as it is, so what a shell or a terminal would act on is not offered.
    let is_plain = |word: &String| word.chars().all(|c| c.is_alphanumeric() || "-_./@+".contains(c));
    found.into_iter().filter(is_plain).map(CompletionCandidate::new).collect()
}

/// What `--file` says on the line that is completed.
fn files_of(arguments: &[OsString]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == "-f" || text == "--file" {
            files.extend(arguments.next().filter(|file| !file.is_empty()).map(PathBuf::from));
        } else if let Some(file) = text
            .strip_prefix("--file=")
            .or_else(|| text.strip_prefix("-f").filter(|_| !text.starts_with("--")))
        {
            files.push(PathBuf::from(file));
        }
    }
    // Standard input is the shell's, not a keys file.
    files.retain(|file| file.as_os_str() != "-");
    if files.is_empty() {
        files.push(PathBuf::from("keys.yaml"));
    }
    files
}

/// Kinds of words, scopes, fields and codes.
pub(super) fn topics(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let kinds = Kind::ALL.map(|kind| (kind.plural().to_owned(), kind.about().to_owned()));
    let words = Kind::ALL.into_iter().flat_map(explain::topics).map(|topic| (topic.name, topic.summary));
    kinds
        .into_iter()
        .chain(words)
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, about)| CompletionCandidate::new(name).help(Some(about.into())))
        .collect()
}

/// Classes of scopes, and scopes.
pub(super) fn scopes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let classes = Privilege::ALL.into_iter().map(|class| (class.word(), class.meaning().to_owned()));
    let scopes = names().map(|name| (name, privilege(name).word().to_owned()));
    classes
        .chain(scopes)
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, about)| CompletionCandidate::new(name).help(Some(about.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::parse_str;

    fn words(typed: &str) -> Vec<String> {
        let keys = "version: 1\nworkspaces: {pay: ws-pay, lab: ws-lab}\nkeys:\n  \
            - {name: checkout, workspace_id: pay, scopes: [logs.view]}\n  \
            - {name: nightly, workspace_id: pay, scopes: [logs.view]}\n  \
            - {name: nightly, workspace_id: lab, scopes: [logs.view]}\n  \
            - {name: \"x$(reboot)\", workspace_id: lab, scopes: [logs.view]}\n  \
            - {name: \"x; y\", workspace_id: lab, scopes: [logs.view]}\n";
        let keys = parse_str("k.yaml", keys).desired.unwrap().keys;
        let found = candidates(&keys, typed);
        found.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn an_address_is_completed_and_a_name_if_one_key_has_it() {
        assert_eq!(words("pay/"), ["pay/checkout", "pay/nightly"]);
        assert_eq!(words("lab/n"), ["lab/nightly"]);
        assert_eq!(words("che"), ["checkout"]);
        assert_eq!(words("nig"), Vec::<String>::new(), "two keys have this name");
        assert_eq!(words("").len(), 3, "what a shell would act on is not offered");
        assert_eq!(words("lab/x"), Vec::<String>::new());
        assert_eq!(words("x"), Vec::<String>::new());
    }

    #[test]
    fn a_class_of_scopes_is_completed_as_a_scope_is() {
        let of = |typed: &str| -> Vec<String> {
            let found = scopes(OsStr::new(typed));
            found.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(of("mi"), ["mints-keys"]);
        assert_eq!(of("prompts.ren"), ["prompts.render"]);
    }

    #[test]
    fn the_files_are_those_of_the_line() {
        let of = |line: &str| files_of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("portkey-sync plan"), [PathBuf::from("keys.yaml")]);
        assert_eq!(
            of("portkey-sync -f a plan --file=b -fc --file d"),
            ["a", "b", "c", "d"].map(PathBuf::from)
        );
        assert_eq!(of("portkey-sync -f - plan"), [PathBuf::from("keys.yaml")]);
        assert_eq!(of("portkey-sync plan -f"), [PathBuf::from("keys.yaml")]);
    }
}
