//! From file arguments to [`Desired`] or every complaint: the order of the steps.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Desired;
use super::across;
use super::check::{Checker, Entry, Kind, Map};
use super::codes;
use super::complaints::Complaints;
use super::fields;
use super::files::{AskedBy, FileArgument, Files, Miss, Root, matching};
use super::key_fields::KEY;
use super::lower::{Lowered, Lowering, Part};
use super::merge::{mark_inherited, merge};
use super::policy::{self, Origin, Policy};
use super::revision::{Revision, RevisionError};
use super::rules;
use super::scalar::{Plain, classify};
use super::storage::{Disk, Storage};
use super::world::{World, declare_templates};
use super::yaml::{self, Content};
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::model::OrganisationId;

/// What came of reading the files.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the files say; only if there is no error among the diagnostics.
    pub desired: Option<Desired>,
    /// What could be read of files with errors: for what must work on one key while another one's entry is broken.
    pub partial: Option<Desired>,
    /// Every complaint, sorted by file, place and code.
    pub diagnostics: Vec<Diagnostic>,
    /// The files, which the diagnostics point into.
    pub sources: Sources,
    /// The names of workspaces, and the slugs or UUIDs that they stand for.
    pub workspaces: BTreeMap<String, String>,
    /// The root files.
    pub(super) roots: Roots,
}

/// Which of the files are roots.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots {
    pub(super) sources: Vec<SourceId>,
    /// Whether the text of every one was there to be read.
    pub(super) all_read: bool,
}

/// Which rules for keys are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyArgument<'p> {
    /// None, not even to be complained about: for what must work whatever a policy says.
    Ignored,
    /// Those of the root file.
    InRoot,
    /// Those of the root file, and those of this file.
    InRootAnd(&'p Path),
}

/// Reads keys files: several are one root together. `stdin` is read for `-`.
pub fn load(arguments: &[FileArgument], stdin: &mut dyn Read) -> Loaded {
    load_with(arguments, PolicyArgument::InRoot, stdin)
}

/// Reads keys files, and rules for them.
pub fn load_with(arguments: &[FileArgument], policy: PolicyArgument<'_>, stdin: &mut dyn Read) -> Loaded {
    load_from(&Disk, arguments, policy, stdin)
}

/// Reads keys files as a revision has them; those that it has not are left out, and with none of them there are no
/// keys. Its rules are not asked: what counts is whether the files keep those of today.
pub fn load_revision(arguments: &[FileArgument], revision: &Revision) -> Result<Loaded, RevisionError> {
    let mut there = Vec::new();
    for argument in arguments {
        match argument {
            FileArgument::Stdin => return Err(RevisionError::Stdin),
            FileArgument::Path(path) if revision.has(path)? => there.push(argument.clone()),
            FileArgument::Path(_) => {}
        }
    }
    if there.is_empty() {
        return Ok(Loaded {
            desired: Some(Desired::default()),
            partial: None,
            diagnostics: Vec::new(),
            sources: Sources::default(),
            workspaces: BTreeMap::new(),
            roots: Roots::default(),
        });
    }
    Ok(load_from(revision, &there, PolicyArgument::Ignored, &mut std::io::empty()))
}

fn load_from(
    storage: &dyn Storage,
    arguments: &[FileArgument],
    policy: PolicyArgument<'_>,
    stdin: &mut dyn Read,
) -> Loaded {
    let mut out = Complaints::default();
    let mut files = Files::new(storage, stdin);
    let mut roots = Vec::new();
    if arguments.is_empty() {
        // Nothing asked for must not read as "no keys".
        out.push(
            Diagnostic::about(codes::UNREADABLE, "", "no keys file was given")
                .hint("name it with `-f keys.yaml`"),
        );
    }
    for argument in arguments {
        roots.extend(files.read_argument(argument, &mut out));
    }
    let folder = roots.iter().find_map(|root| root.folder.clone());
    let complete = roots.iter().all(|root| root.folder.is_some());
    finish(files, Given { roots, folder, complete, policy }, out)
}

/// Reads one root file from memory. It cannot include others.
pub fn parse_str(name: &str, text: &str) -> Loaded {
    let mut out = Complaints::default();
    let mut nothing = std::io::empty();
    let mut files = Files::new(&Disk, &mut nothing);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = files.add(name, text.to_owned(), &mut out);
    let roots = source.map(|source| Root { source, folder: None }).into_iter().collect();
    finish(files, Given { roots, folder: None, complete: true, policy: PolicyArgument::InRoot }, out)
}

/// What is to be read.
struct Given<'p> {
    roots: Vec<Root>,
    folder: Option<PathBuf>,
    complete: bool,
    policy: PolicyArgument<'p>,
}

/// A root file once its fields are checked.
struct Checked {
    source: SourceId,
    folder: Option<PathBuf>,
    fields: Map,
}

fn finish(mut files: Files<'_>, given: Given<'_>, mut out: Complaints) -> Loaded {
    let Given { roots, folder, complete, policy: wanted } = given;
    let given =
        Roots { sources: roots.iter().map(|root| root.source).collect(), all_read: !out.has_errors() };
    let position =
        if wanted == PolicyArgument::Ignored { Position::RootWithoutPolicy } else { Position::Root };
    let mut checked = Vec::new();
    for Root { source, folder } in roots {
        if let Some(fields) = read_fields(&files, source, position, &mut out) {
            checked.push(Checked { source, folder, fields });
        }
    }
    // A file that could not be read may hold whatever seems to be missing.
    if !out.has_errors() {
        check_whole(&checked, &files.sources, &mut out);
    }
    let mut world = World::default();
    for root in &mut checked {
        world.declare(&mut root.fields, &mut out);
    }
    world.check(&mut out);
    let policies = policies(&mut files, wanted, &mut world, &mut out);

    let mut parts = Vec::new();
    for Checked { source, folder, mut fields } in checked {
        let defaults = take_defaults(&mut fields);
        world.check_inheritable(&defaults, &mut out);
        let includes = fields.remove("include");
        let keys = take_keys(&mut fields);
        if let Some(includes) = includes {
            let folder = folder.as_deref();
            parts.extend(include(&mut files, folder, &includes, &defaults, &world, &mut out));
        }
        parts.push(Part { source, defaults, templates: BTreeMap::new(), keys, fence: None });
    }

    let lowering = Lowering::new(&world, &files.sources);
    let mut keys = Vec::new();
    for mut part in parts {
        for node in std::mem::take(&mut part.keys) {
            if out.is_full() {
                break;
            }
            keys.extend(lowering.key(&part, node, &mut out));
        }
    }
    across::check(&keys, &world, &mut out);

    let has_errors = out.has_errors();
    let diagnostics = out.finish(&files.sources);
    let workspaces = world.named_workspaces();
    let read = Desired { policies, ..assemble(world, keys, folder, complete) };
    let (desired, partial) = if has_errors { (None, Some(read)) } else { (Some(read), None) };
    Loaded { desired, partial, diagnostics, sources: files.sources, workspaces, roots: given }
}

fn assemble(world: World, keys: Vec<Lowered>, folder: Option<PathBuf>, complete: bool) -> Desired {
    let mut keys: Vec<_> = keys.into_iter().map(|lowered| lowered.key).collect();
    keys.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
    Desired {
        organisation: world.organisation.map(|(id, _)| OrganisationId::new(id)),
        managed_by: world.managed_by.map(|(owner, _)| owner),
        scope_sets: world
            .scope_sets
            .into_iter()
            .map(|(name, set)| (name.to_string(), set.scopes.into_iter().map(|(scope, _)| scope).collect()))
            .collect(),
        sinks: world
            .sinks
            .into_iter()
            .filter_map(|(name, sink)| Some((name.to_string(), sink.sink?)))
            .collect(),
        policies: Vec::new(),
        escrow_recipients: world.escrow.map(|(recipients, _)| recipients).unwrap_or_default(),
        keys,
        folder,
        complete,
    }
}

/// The policies: the root's, then that of the policy file.
fn policies(
    files: &mut Files<'_>,
    argument: PolicyArgument<'_>,
    world: &mut World,
    out: &mut Complaints,
) -> Vec<Policy> {
    let mut policies = Vec::new();
    if let Some((fields, span)) = world.policy.take() {
        policies.push(policy::lower(&fields, Origin::KeysFile, span.source, world, &files.sources, out));
    }
    if let PolicyArgument::InRootAnd(path) = argument {
        let name = path.display().to_string();
        let source = files.read_file(path, &name, AskedBy::Policy, out);
        if let Some(source) = source
            && let Some(fields) = read_fields(files, source, Position::Policy, out)
        {
            let origin = Origin::PolicyFile { name };
            policies.push(policy::lower(&fields, origin, source, world, &files.sources, out));
        }
    }
    policies
}

/// Where a file stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Root,
    RootWithoutPolicy,
    Included,
    Policy,
}

/// Parses a file and checks the fields at its top.
fn read_fields(files: &Files<'_>, source: SourceId, position: Position, out: &mut Complaints) -> Option<Map> {
    let text = &files.sources.get(source)?.text;
    let tree = yaml::parse(source, text, out);
    let start = Span { source, start: 0, end: 0 };
    let Some(tree) = tree else {
        if !out.has_errors_in(source) {
            out.push(empty_file(start, position));
        }
        return None;
    };
    let span = tree.span(source);
    match tree.content {
        Content::Plain(text) if classify(&text) == Plain::Null => {
            out.push(empty_file(start, position));
            None
        }
        Content::Map(entries) => {
            let entries = match position {
                Position::Root | Position::Policy => entries,
                Position::RootWithoutPolicy => {
                    entries.into_iter().filter(|(name, _)| name.text() != Some("policy")).collect()
                }
                Position::Included => entries
                    .into_iter()
                    .filter(|(name, _)| {
                        let field = name.text().and_then(|name| fields::ROOT.field(name));
                        let misplaced = field.filter(|field| !fields::INCLUDED_FIELDS.contains(&field.name));
                        if let Some(field) = misplaced {
                            out.push(
                                Diagnostic::error(
                                    codes::MISPLACED_FIELD,
                                    name.span(source),
                                    format!("an included file cannot hold `{}`", field.name),
                                )
                                .hint("write it in the root file"),
                            );
                        }
                        misplaced.is_none()
                    })
                    .collect(),
            };
            let table = if position == Position::Policy { &rules::POLICY_FILE } else { &fields::ROOT };
            let fields = Checker { source, out }.fields(table, entries, span);
            if position == Position::Included && !fields.contains_key("keys") {
                out.push(
                    Diagnostic::error(codes::MISSING_FIELD, span, "an included file needs `keys`")
                        .hint("write `keys: []` if it has none"),
                );
            }
            Some(fields)
        }
        _ => {
            out.push(match position {
                Position::Policy => Diagnostic::error(codes::WRONG_TYPE, span, "a policy file must be a map")
                    .hint("start with `version: 1`, then `rules:` and a map"),
                Position::Root | Position::RootWithoutPolicy | Position::Included => {
                    Diagnostic::error(codes::WRONG_TYPE, span, "a keys file must be a map")
                        .hint("start with `version: 1`, then `keys:` and a list")
                }
            });
            None
        }
    }
}

fn empty_file(span: Span, position: Position) -> Diagnostic {
    Diagnostic::error(codes::EMPTY_FILE, span, "the file is empty").hint(match position {
        Position::Root | Position::RootWithoutPolicy => {
            "write `version: 1` and `keys: []` if there are no keys"
        }
        Position::Policy => "write `version: 1` and `rules: {}` if there are no rules",
        Position::Included => "write `keys: []` if it has none",
    })
}

/// Checks what one of the root files must have.
fn check_whole(roots: &[Checked], sources: &Sources, out: &mut Complaints) {
    let Some(first) = roots.first() else { return };
    let any = |field: &str| roots.iter().any(|root| root.fields.contains_key(field));
    let name = sources.get(first.source).map_or("", |source| source.name.as_str());
    if !any("version") {
        out.push(
            Diagnostic::about(codes::MISSING_FIELD, name, "a keys file needs `version`")
                .hint("write `version: 1` at the top"),
        );
    }
    if !any("keys") && !any("include") {
        out.push(
            Diagnostic::about(codes::MISSING_FIELD, name, "a keys file needs `keys`")
                .hint("write `keys: []` if there are no keys"),
        );
    }
}

fn take_defaults(fields: &mut Map) -> Map {
    let Some(Entry { value, .. }) = fields.remove("defaults") else { return Map::new() };
    let Kind::Map(mut defaults) = value.kind else { return Map::new() };
    mark_inherited(&mut defaults, &Rc::from("these `defaults`"));
    defaults
}

fn take_keys(fields: &mut Map) -> Vec<yaml::Node> {
    match fields.remove("keys").map(|entry| entry.value.kind) {
        Some(Kind::Nodes(nodes)) => nodes,
        _ => Vec::new(),
    }
}

/// Reads the files that the entries of `include` find.
fn include(
    files: &mut Files<'_>,
    folder: Option<&Path>,
    includes: &Entry,
    defaults: &Map,
    world: &World,
    out: &mut Complaints,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let Some(folder) = folder else {
        out.push(
            Diagnostic::error(
                codes::MISPLACED_FIELD,
                includes.name,
                "standard input cannot include files, because it lies in no folder",
            )
            .hint("name the root file with `-f`, or give the other files with `-f` as well"),
        );
        return parts;
    };
    for entry in includes.value.list() {
        let Some(fields) = entry.map() else { continue };
        let fence = Rc::new(world.fence(fields, out));
        let patterns = fields.get("files").into_iter().flat_map(|entry| entry.value.texts());
        for (pattern, span) in patterns {
            for name in found(files.storage, folder, pattern, span, out) {
                let path = folder.join(&name);
                let shown = files.storage.shown(if folder == Path::new(".") { &name } else { &path });
                let Some(source) = files.read_file(&path, &shown, AskedBy::Include(span), out) else {
                    continue;
                };
                let Some(mut fields) = read_fields(files, source, Position::Included, out) else { continue };
                let mut templates = BTreeMap::new();
                declare_templates(&mut templates, Some(&world.templates), &mut fields, out);
                let own = take_defaults(&mut fields);
                for inheritable in templates.values().map(|template| &template.fields).chain([&own]) {
                    world.check_inheritable(inheritable, out);
                }
                parts.push(Part {
                    source,
                    defaults: merge(defaults, own, &KEY),
                    templates,
                    keys: take_keys(&mut fields),
                    fence: Some(Rc::clone(&fence)),
                });
            }
        }
    }
    parts
}

fn found(
    storage: &dyn Storage,
    folder: &Path,
    pattern: &str,
    span: Span,
    out: &mut Complaints,
) -> Vec<PathBuf> {
    match matching(storage, folder, pattern) {
        Ok(found) => found,
        Err(miss) => {
            out.push(match miss {
                Miss::Outside(reason) => {
                    Diagnostic::error(codes::INCLUDE_OUTSIDE, span, format!("`{pattern}` {reason}"))
                        .hint("move the file beneath that folder, or give it with `-f` as well")
                }
                Miss::Malformed(reason) => {
                    Diagnostic::error(codes::INVALID_VALUE, span, format!("`{pattern}` {reason}"))
                }
                Miss::Nothing => {
                    Diagnostic::error(codes::INCLUDE_NOTHING, span, format!("`{pattern}` matches no file"))
                        .hint("correct the pattern, or remove it if the files are gone for good")
                }
            });
            Vec::new()
        }
    }
}
