//! What the root files declare for all keys: aliases, scope sets, sinks, templates, fences.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::check::{Entry, Kind, Map, Name, Value};
use super::codes;
use super::complaints::Complaints;
use super::lower::scopes::{self, Listed};
use super::merge::mark_inherited;
use super::sinks::{self, Sink};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::KeyKind;

/// The declarations of all root files together.
#[derive(Default)]
pub(super) struct World {
    pub(super) organisation: Option<(String, Span)>,
    pub(super) managed_by: Option<(String, Span)>,
    workspaces: BTreeMap<Name, (String, Span)>,
    /// The first alias of each slug or UUID, so that one workspace has one name in addresses.
    aliases: BTreeMap<String, Name>,
    pub(super) scope_sets: BTreeMap<Name, ScopeSet>,
    pub(super) known_scopes: BTreeSet<String>,
    pub(super) sinks: BTreeMap<Name, DeclaredSink>,
    /// The recipients of the escrow, and where it is declared.
    pub(super) escrow: Option<(Vec<String>, Span)>,
    pub(super) templates: BTreeMap<Name, Template>,
    /// The root's policy and where it stands.
    pub(super) policy: Option<(Map, Span)>,
}

/// A scope set and where its scopes stand.
pub(super) struct ScopeSet {
    name: Span,
    pub(super) scopes: Vec<(String, Span)>,
}

/// A sink and where it is declared.
pub(super) struct DeclaredSink {
    pub(super) name: Span,
    /// None if it was complained about.
    pub(super) sink: Option<Sink>,
}

/// A template and where it is defined.
pub(super) struct Template {
    name: Span,
    pub(super) fields: Map,
}

/// What an `include` entry allows. `None` allows all.
pub(super) struct Fence {
    pub(super) workspaces: Option<(BTreeSet<String>, Span)>,
    pub(super) scopes: Option<(BTreeSet<String>, Span)>,
    pub(super) kinds: Option<(Vec<KeyKind>, Span)>,
}

impl Fence {
    /// Where it stands; none if it keeps nothing out.
    pub(super) fn place(&self) -> Option<Span> {
        let Self { workspaces, scopes, kinds } = self;
        let (workspaces, scopes) =
            (workspaces.as_ref().map(|(_, at)| *at), scopes.as_ref().map(|(_, at)| *at));
        workspaces.or(scopes).or(kinds.as_ref().map(|(_, at)| *at))
    }
}

impl World {
    /// Takes over the declarations of one root file. Templates are taken out of the map.
    pub(super) fn declare(&mut self, root: &mut Map, out: &mut Complaints) {
        if let Some(entry) = root.get("organisation") {
            define(&mut self.organisation, "organisation", entry, out);
        }
        if let Some(entry) = root.get("managed_by") {
            define(&mut self.managed_by, "managed_by", entry, out);
        }
        for (name, entry) in children(root, "workspaces") {
            if &**name == "organisation" {
                out.push(
                    Diagnostic::error(
                        codes::INVALID_VALUE,
                        entry.name,
                        "a workspace cannot be called `organisation`",
                    )
                    .hint("`organisation/NAME` is the address of the organisation's own keys"),
                );
            }
            let Some(target) = entry.value.text() else { continue };
            if let Some((_, before)) = self.workspaces.get(name) {
                out.push(twice("the workspace", name, entry.name, *before));
            } else {
                let alias = self.aliases.entry(target.to_owned()).or_insert_with(|| name.clone());
                if name < alias {
                    alias.clone_from(name);
                }
                self.workspaces.insert(name.clone(), (target.to_owned(), entry.name));
            }
        }
        for (name, entry) in children(root, "scope_sets") {
            if let Some(before) = self.scope_sets.get(name) {
                out.push(twice("the scope set", name, entry.name, before.name));
                continue;
            }
            if matches!(&entry.value.kind, Kind::List(scopes) if scopes.is_empty()) {
                out.push(
                    Diagnostic::error(
                        codes::EMPTY_SCOPES,
                        entry.value.span,
                        format!("the scope set `{name}` is empty"),
                    )
                    .hint("list its scopes or remove it"),
                );
            }
            let scopes = entry.value.texts().map(|(scope, span)| (scope.to_owned(), span)).collect();
            self.scope_sets.insert(name.clone(), ScopeSet { name: entry.name, scopes });
        }
        if let Some(entry) = root.get("known_scopes") {
            for (scope, span) in entry.value.texts() {
                if !scope.contains('.') {
                    out.push(
                        Diagnostic::error(
                            codes::INVALID_VALUE,
                            span,
                            format!("`{scope}` is no name of a scope"),
                        )
                        .hint("a scope has a dot, as in `completions.write`"),
                    );
                }
                self.known_scopes.insert(scope.to_owned());
            }
        }
        for (name, entry) in children(root, "sinks") {
            if let Some(before) = self.sinks.get(name) {
                out.push(twice("the sink", name, entry.name, before.name));
                continue;
            }
            let sink = sinks::declared(name, entry, out);
            self.sinks.insert(name.clone(), DeclaredSink { name: entry.name, sink });
        }
        if let Some(entry) = root.get("escrow") {
            let recipients = sinks::recipients(entry, out);
            match &self.escrow {
                Some((before, place)) if *before != recipients => {
                    out.push(twice("the", "escrow", entry.name, *place));
                }
                _ => self.escrow = Some((recipients, entry.name)),
            }
        }
        declare_templates(&mut self.templates, None, root, out);
        if let Some(entry) = root.remove("policy")
            && let Kind::Map(fields) = entry.value.kind
        {
            match &self.policy {
                None => self.policy = Some((fields, entry.name)),
                Some((_, before)) => out.push(
                    Diagnostic::error(
                        codes::CONFLICTING_DEFINITIONS,
                        entry.name,
                        "`policy` is defined twice",
                    )
                    .also(*before, "first here")
                    .hint("write all rules in one of the files"),
                ),
            }
        }
    }

    /// Checks what can only be checked once every root file is known.
    pub(super) fn check(&self, out: &mut Complaints) {
        for (name, set) in &self.scope_sets {
            for (scope, span) in &set.scopes {
                if scope.contains('.') {
                    scopes::check_known(scope, *span, self, out);
                } else {
                    out.push(
                        Diagnostic::error(
                            codes::UNKNOWN_SCOPE,
                            *span,
                            format!("the scope set `{name}` holds `{scope}`, which is no scope"),
                        )
                        .hint("sets hold scopes only, such as `completions.write`, and no other sets"),
                    );
                }
            }
        }
        for template in self.templates.values() {
            self.check_inheritable(&template.fields, out);
        }
    }

    /// Checks the scopes of `defaults` or of a template, whether or not a key inherits them.
    pub(super) fn check_inheritable(&self, fields: &Map, out: &mut Complaints) {
        if let Some(scopes) = fields.get("scopes") {
            scopes::expand(&scopes.value, self, true, out);
        }
    }

    /// The slug or UUID of a workspace as written, and its name for people.
    pub(super) fn workspace(
        &self,
        written: &str,
        span: Span,
        out: &mut Complaints,
    ) -> Option<(String, String)> {
        if let Some((target, _)) = self.workspaces.get(written) {
            return Some((target.clone(), self.alias_of(target).unwrap_or(written).to_owned()));
        }
        if looks_like_a_workspace(written) {
            let shown = self.alias_of(written).unwrap_or(written).to_owned();
            return Some((written.to_owned(), shown));
        }
        let message = format!("there is no workspace `{written}`");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_WORKSPACE, span, message);
        out.push(match nearest(written, self.workspaces.keys().map(|name| &**name)) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint(format!(
                "declare it at the top of the root file: `workspaces: {{{written}: ws-…}}`, or write its slug or UUID"
            )),
        });
        None
    }

    /// The names of workspaces, and what they stand for.
    pub(super) fn named_workspaces(&self) -> BTreeMap<String, String> {
        self.workspaces.iter().map(|(name, (target, _))| (name.to_string(), target.clone())).collect()
    }

    fn alias_of(&self, target: &str) -> Option<&str> {
        self.aliases.get(target).map(|alias| &**alias)
    }

    /// The fence of an `include` entry.
    pub(super) fn fence(&self, entry: &Map, out: &mut Complaints) -> Fence {
        let workspaces = entry.get("workspaces").map(|entry| {
            let resolved = entry
                .value
                .texts()
                .filter_map(|(written, span)| self.workspace(written, span, out))
                .map(|(target, _)| target)
                .collect();
            (resolved, entry.name)
        });
        let scopes = entry.get("scopes").map(|entry| {
            let listed = scopes::expand(&entry.value, self, true, out);
            (listed.into_iter().map(|Listed { scope, .. }| scope.to_owned()).collect(), entry.name)
        });
        let kinds = entry.get("types").map(|entry| {
            (entry.value.texts().filter_map(|(kind, _)| KeyKind::parse(kind)).collect(), entry.name)
        });
        Fence { workspaces, scopes, kinds }
    }
}

/// Moves the templates of a file into `templates`. Those of an included file are seen by its own
/// keys only, and must not hide one of the root's.
pub(super) fn declare_templates(
    templates: &mut BTreeMap<Name, Template>,
    outer: Option<&BTreeMap<Name, Template>>,
    file: &mut Map,
    out: &mut Complaints,
) {
    let Some(Entry { value: Value { kind: Kind::Map(declared), .. }, .. }) = file.remove("templates") else {
        return;
    };
    for (name, entry) in declared {
        let before = templates.get(&name).or_else(|| outer.and_then(|outer| outer.get(&name)));
        if let Some(before) = before {
            out.push(twice("the template", &name, entry.name, before.name));
            continue;
        }
        let Kind::Map(mut fields) = entry.value.kind else { continue };
        mark_inherited(&mut fields, &Rc::from(format!("template `{name}`")));
        templates.insert(name, Template { name: entry.name, fields });
    }
}

fn define(slot: &mut Option<(String, Span)>, field: &str, entry: &Entry, out: &mut Complaints) {
    let Some(text) = entry.value.text() else { return };
    match slot {
        None => *slot = Some((text.to_owned(), entry.value.span)),
        Some((before, _)) if before == text => {}
        Some((before, place)) => out.push(
            Diagnostic::error(
                codes::CONFLICTING_DEFINITIONS,
                entry.value.span,
                format!("`{field}` is `{text}` here and `{before}` elsewhere"),
            )
            .also(*place, "the other is here")
            .hint("keep one of them"),
        ),
    }
}

fn twice(what: &str, name: &str, here: Span, before: Span) -> Diagnostic {
    Diagnostic::error(codes::CONFLICTING_DEFINITIONS, here, format!("{what} `{name}` is defined twice"))
        .also(before, "first here")
        .hint("keep one of them")
}

fn children<'m>(map: &'m Map, name: &str) -> impl Iterator<Item = (&'m Name, &'m Entry)> {
    map.get(name).and_then(|entry| entry.value.map()).into_iter().flatten()
}

/// `ws-…`, or 36 characters with dashes: the vendor's own examples are not valid UUIDs.
pub(super) fn looks_like_a_workspace(text: &str) -> bool {
    let is_uuid_like = text.len() == 36
        && text.matches('-').count() == 4
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_uuid_like || text.strip_prefix("ws-").is_some_and(|rest| !rest.is_empty())
}
