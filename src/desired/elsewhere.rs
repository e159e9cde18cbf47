//! What files with errors still say about some keys: for what must work while something else is broken.
//!
//! Every error is an obstacle unless it certainly concerns none of the keys, neither what they use, nor the fence. What
//! cannot be told is an obstacle. Invariant: no key is taken for another one because a part of the files could not be
//! read; whether that part may hold a key of the same name is said, and is for the live keys to settle.

use std::collections::BTreeSet;

use super::check::unknown_field;
use super::codes;
use super::complaints::Complaints;
use super::fields;
use super::key_fields;
use super::load::Loaded;
use super::table::Table;
use super::yaml::{self, Content, Node};
use super::{Desired, DesiredKey, KeySpec, SecretSpec};
use crate::diagnostic::{Diagnostic, Label, Severity, SourceId, Span};
use crate::model::KeyAddress;

/// What has to be known about the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// All that their entries say, and what these use.
    Entry,
    /// Which keys they are.
    Identity,
}

/// What the files say about the keys that some words call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The files, as far as they can be relied on.
    pub desired: Desired,
    /// The errors that concern none of these keys.
    pub elsewhere: usize,
    /// Whether what could not be read may hold a key of the same name.
    pub hidden: bool,
    /// The words for which there is no entry that can be relied on, for [`Need::Identity`] only.
    pub without_entry: Vec<WithoutEntry>,
}

/// A word that calls no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutEntry {
    /// The word.
    pub word: String,
    /// Whether the files have an entry of this name that says nothing else of which key it is, so that a tail of an
    /// address is enough.
    pub is_named: bool,
}

impl DesiredKey {
    /// Whether a word is the key's address or a tail of it, with the workspace's alias or what that stands for.
    pub fn is_called(&self, word: &str) -> bool {
        self.address.has_tail(word) || self.unaliased().has_tail(word)
    }

    /// Whether a word is the whole address.
    pub fn is_wholly_called(&self, word: &str) -> bool {
        self.address.to_string() == word || self.unaliased().to_string() == word
    }

    fn unaliased(&self) -> KeyAddress {
        KeyAddress { workspace: self.workspace.clone(), ..self.address.clone() }
    }

    /// Which key it is, and nothing that it should be.
    fn identity(&self) -> Self {
        Self {
            spec: KeySpec::default(),
            written_scopes: Vec::new(),
            usage_reset_after: None,
            secret: SecretSpec::default(),
            ..self.clone()
        }
    }
}

impl Loaded {
    /// What the files say about the keys that these words call, or that they cannot be relied on for them.
    pub fn about(&self, words: &[String], need: Need) -> Option<About> {
        if let Some(desired) = &self.desired {
            let without_entry = match need {
                Need::Entry => Vec::new(),
                Need::Identity => {
                    let is_missing = |word: &&String| !desired.keys.iter().any(|key| key.is_called(word));
                    let words = words.iter().filter(is_missing).cloned();
                    words.map(|word| WithoutEntry { word, is_named: false }).collect()
                }
            };
            return Some(About { desired: desired.clone(), elsewhere: 0, hidden: false, without_entry });
        }
        Survey::of(self, words, need)?.about(self.partial.clone()?)
    }
}

/// One part of a map or list.
struct Part<'n> {
    name: Option<&'n str>,
    start: usize,
    end: usize,
    node: &'n Node,
}

/// A file, cut up.
struct Outline {
    source: SourceId,
    is_root: bool,
    tree: Node,
    /// Of the names at the top; none if the file is one `{…}`, all ends of which are known.
    column: Option<usize>,
}

/// Where an error stands, seen from the keys that are called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// It may matter.
    Obstacle,
    /// In an entry that is called.
    Entry { source: SourceId, start: usize },
    /// It does not matter.
    Elsewhere,
    /// It does not matter, but a key may be hidden by it.
    Hiding,
}

struct Survey<'l> {
    loaded: &'l Loaded,
    words: &'l [String],
    need: Need,
    outlines: Vec<Outline>,
    /// The starts of the entries that are called, whether or not they could be read.
    called: BTreeSet<(SourceId, usize)>,
    /// The starts of all that these entries consist of, wherever an anchor has put it.
    touched: BTreeSet<(SourceId, usize)>,
    workspaces: BTreeSet<String>,
    templates: BTreeSet<String>,
    scope_sets: BTreeSet<String>,
    sinks: BTreeSet<String>,
}

/// Fields that say which key an entry means.
const IDENTITY: [&str; 7] = ["name", "id", "type", "workspace_id", "user_id", "renamed_from", "template"];

impl<'l> Survey<'l> {
    fn of(loaded: &'l Loaded, words: &'l [String], need: Need) -> Option<Self> {
        if !loaded.roots.all_read {
            return None;
        }
        let outlines = loaded.sources.ids().filter_map(|source| {
            let text = &loaded.sources.get(source)?.text;
            let tree = yaml::parse(source, text, &mut Complaints::default())?;
            let Content::Map(entries) = &tree.content else { return None };
            let flow = text.get(tree.span(source).start..).is_some_and(|text| text.starts_with('{'));
            let (first, _) = entries.first()?;
            let column = (!flow).then(|| loaded.sources.place(first.span(source)).column);
            Some(Outline { source, is_root: loaded.roots.sources.contains(&source), tree, column })
        });
        let mut survey = Self {
            loaded,
            words,
            need,
            outlines: outlines.collect(),
            called: BTreeSet::new(),
            touched: BTreeSet::new(),
            workspaces: BTreeSet::new(),
            templates: BTreeSet::new(),
            scope_sets: BTreeSet::new(),
            sinks: BTreeSet::new(),
        };
        survey.find_called();
        Some(survey)
    }

    fn keys(&self) -> &[DesiredKey] {
        self.loaded.partial.as_ref().map_or(&[], |partial| &partial.keys)
    }

    fn is_called(&self, key: &DesiredKey) -> bool {
        self.words.iter().any(|word| key.is_called(word))
    }

    /// Finds the entries, what they use, and what they are made of.
    fn find_called(&mut self) {
        let places: BTreeSet<_> =
            self.keys().iter().filter(|key| self.is_called(key)).map(|key| key.place.clone()).collect();
        let has_name = |name: &str| {
            self.words
                .iter()
                .any(|word| word == name || word.strip_suffix(name).is_some_and(|w| w.ends_with('/')))
        };
        let (mut called, mut touched) = (BTreeSet::new(), BTreeSet::new());
        let (mut workspaces, mut templates) = (BTreeSet::new(), BTreeSet::new());
        for outline in &self.outlines {
            for entry in outline.part("keys").iter().flat_map(|keys| outline.parts(keys.node, keys.end)) {
                let span = Span { source: outline.source, start: entry.start, end: entry.end };
                let is_named = text_of(entry.node, "name").is_some_and(has_name);
                if is_named || places.contains(&self.loaded.sources.place(span)) {
                    called.insert((outline.source, entry.start));
                    touch(entry.node, outline.source, &mut touched);
                    templates.extend(text_of(entry.node, "template").map(str::to_owned));
                    workspaces.extend(text_of(entry.node, "workspace_id").map(str::to_owned));
                }
            }
        }
        let is_near = |outline: &&Outline| {
            outline.is_root || called.iter().any(|(source, _)| *source == outline.source)
        };
        for outline in self.outlines.iter().filter(is_near) {
            for used in outline.part("templates").iter().flat_map(|all| outline.parts(all.node, all.end)) {
                if used.name.is_some_and(|name| templates.contains(name)) {
                    touch(used.node, outline.source, &mut touched);
                }
            }
            if let Some(defaults) = outline.part("defaults") {
                touch(defaults.node, outline.source, &mut touched);
            }
        }
        let (mut scope_sets, mut sinks) = (BTreeSet::new(), BTreeSet::new());
        for key in self.keys().iter().filter(|key| self.is_called(key)) {
            scope_sets.extend(key.written_scopes.iter().cloned());
            sinks.extend(key.secret.deliver_to.iter().cloned());
            workspaces.extend(key.address.workspace.iter().cloned());
        }
        workspaces.extend(
            self.words.iter().filter_map(|word| word.split_once('/')).map(|(first, _)| first.to_owned()),
        );
        (self.called, self.touched) = (called, touched);
        (self.workspaces, self.templates, self.scope_sets, self.sinks) =
            (workspaces, templates, scope_sets, sinks);
    }

    fn about(self, mut desired: Desired) -> Option<About> {
        let errors =
            self.loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let (mut elsewhere, mut hidden) = (0, false);
        // Entries that are called and have errors, and those of them that may mean another key.
        let (mut flawed, mut doubtful) = (BTreeSet::new(), BTreeSet::new());
        for error in errors {
            match self.place(error) {
                Where::Obstacle => return None,
                Where::Entry { .. } if self.need == Need::Entry => return None,
                Where::Entry { source, start } => {
                    (elsewhere, hidden) = (elsewhere + 1, true);
                    flawed.insert((source, start));
                    let labels = error.primary.iter().chain(&error.secondary);
                    let doubted = labels.filter_map(|label| self.doubted(label));
                    doubtful.extend(doubted);
                }
                Where::Elsewhere => elsewhere += 1,
                Where::Hiding => (elsewhere, hidden) = (elsewhere + 1, true),
            }
        }
        if self.need == Need::Entry {
            let known = desired.keys.iter().any(|key| self.is_called(key));
            return known.then_some(About { desired, elsewhere, hidden, without_entry: Vec::new() });
        }
        let starts = |keys: &BTreeSet<(SourceId, usize)>| -> BTreeSet<_> {
            let spans =
                keys.iter().map(|(source, start)| Span { source: *source, start: *start, end: *start });
            spans.map(|span| self.loaded.sources.place(span)).collect()
        };
        let (flawed, doubtful) = (starts(&flawed), starts(&doubtful));
        desired.keys.retain(|key| !doubtful.contains(&key.place));
        for key in &mut desired.keys {
            if flawed.contains(&key.place) {
                *key = key.identity();
            }
        }
        let missing = self.words.iter().filter(|word| !desired.keys.iter().any(|key| key.is_called(word)));
        let without_entry = missing
            .map(|word| WithoutEntry { word: word.clone(), is_named: self.is_only_named(word) })
            .collect();
        Some(About { desired, elsewhere, hidden, without_entry })
    }

    /// Whether there is an entry of this name, and none of this name with a pin or a former name.
    fn is_only_named(&self, word: &str) -> bool {
        let mut entries = self.outlines.iter().flat_map(|outline| {
            let keys = outline.part("keys");
            keys.into_iter().flat_map(|keys| outline.parts(keys.node, keys.end)).collect::<Vec<_>>()
        });
        let mut named = entries.by_ref().filter(|entry| text_of(entry.node, "name") == Some(word)).peekable();
        named.peek().is_some()
            && named.all(|entry| {
                let Content::Map(fields) = &entry.node.content else { return false };
                fields
                    .iter()
                    .filter_map(|(name, _)| name.text())
                    .all(|name| !matches!(meant(&key_fields::KEY, name), Some("id" | "renamed_from")))
            })
    }

    /// Where an error stands, and what else it is about.
    fn place(&self, error: &Diagnostic) -> Where {
        let Some(primary) = &error.primary else {
            // A file that could not be read, and all roots could.
            let of_file = [codes::UNREADABLE, codes::NOT_TEXT, codes::TOO_LARGE, codes::FILE_TWICE];
            return if of_file.contains(&error.code) { Where::Hiding } else { Where::Obstacle };
        };
        let is_touched = |label: &Label| self.touched.contains(&(label.span.source, label.span.start));
        let main = self.locate(primary.span);
        if self.need == Need::Entry && is_touched(primary) {
            return Where::Obstacle;
        }
        let mut others = error.secondary.iter().map(|label| self.locate(label.span));
        // Which of two definitions counts is for both places to say.
        let is_double = [codes::DUPLICATE_YAML_KEY, codes::CONFLICTING_DEFINITIONS].contains(&error.code);
        let other = others.find(|other| match other {
            Where::Obstacle => is_double,
            Where::Entry { .. } => true,
            Where::Elsewhere | Where::Hiding => false,
        });
        match (main, other) {
            (Where::Obstacle, _) => Where::Obstacle,
            (Where::Entry { .. }, Some(Where::Obstacle)) => Where::Obstacle,
            (Where::Entry { .. }, _) => main,
            (Where::Elsewhere | Where::Hiding, Some(other)) => other,
            (Where::Elsewhere | Where::Hiding, None) => main,
        }
    }

    fn locate(&self, span: Span) -> Where {
        let Some(outline) = self.outlines.iter().find(|outline| outline.source == span.source) else {
            let is_root = self.loaded.roots.sources.contains(&span.source);
            return if is_root { Where::Obstacle } else { Where::Hiding };
        };
        let has_called = self.called.iter().any(|(source, _)| *source == span.source);
        if !outline.is_root && !has_called {
            // Also where it stands in an entry without a name.
            return Where::Hiding;
        }
        let tops = outline.parts(&outline.tree, usize::MAX);
        if let Some(top) = tops.iter().find(|top| top.start == span.start) {
            return self.in_field(outline, top, span);
        }
        // At the top, but no field: one that stands twice, a merge key, what the parser stumbled on.
        if outline.column.is_some_and(|column| self.loaded.sources.place(span).column <= column) {
            return Where::Obstacle;
        }
        match tops.iter().find(|top| (top.start..top.end).contains(&span.start)) {
            Some(top) => self.in_field(outline, top, span),
            None => Where::Obstacle,
        }
    }

    fn in_field(&self, outline: &Outline, top: &Part<'_>, span: Span) -> Where {
        let needs_entry = self.need == Need::Entry;
        let if_needed = |is_needed: bool| if is_needed { Where::Obstacle } else { Where::Elsewhere };
        let children = outline.parts(top.node, top.end);
        let child = children.iter().find(|child| (child.start..child.end).contains(&span.start));
        let child_name = child.and_then(|child| child.name);
        let is_used = |used: &BTreeSet<String>| child_name.is_none_or(|name| used.contains(name));
        let name = top.name.unwrap_or_default();
        match meant(&fields::ROOT, name) {
            Some("keys") if name == "keys" => match child {
                None => Where::Obstacle,
                Some(child) if self.called.contains(&(outline.source, child.start)) => {
                    Where::Entry { source: outline.source, start: child.start }
                }
                Some(child) if text_of(child.node, "name").is_none() => Where::Hiding,
                Some(_) => Where::Elsewhere,
            },
            Some("sinks") => if_needed(needs_entry && is_used(&self.sinks)),
            Some("templates") => if_needed(needs_entry && is_used(&self.templates)),
            Some("scope_sets") => if_needed(needs_entry && is_used(&self.scope_sets)),
            Some("workspaces") => {
                if_needed(is_used(&self.workspaces) && (needs_entry || child_name.is_some()))
            }
            Some("defaults" | "escrow") => if_needed(needs_entry),
            Some("policy" | "known_scopes") => Where::Elsewhere,
            // The fence around the file of a key that is called counts.
            Some("include") => {
                let is_root = |source: &SourceId| self.loaded.roots.sources.contains(source);
                let only_roots = self.called.iter().all(|(source, _)| is_root(source));
                if needs_entry && !only_roots { Where::Obstacle } else { Where::Hiding }
            }
            Some(_) => Where::Obstacle,
            None => if_needed(is_like_an_organisation(top.node)),
        }
    }

    /// The entry, if what is wrong here may be which key it means.
    fn doubted(&self, label: &Label) -> Option<(SourceId, usize)> {
        let Where::Entry { source, start } = self.locate(label.span) else { return None };
        let outline = self.outlines.iter().find(|outline| outline.source == source)?;
        let keys = outline.part("keys")?;
        let entry = outline.parts(keys.node, keys.end).into_iter().find(|entry| entry.start == start)?;
        let parts = outline.parts(entry.node, entry.end);
        let field = parts.iter().find(|part| (part.start..part.end).contains(&label.span.start));
        let is_harmless = field
            .and_then(|field| field.name)
            .is_some_and(|name| meant(&key_fields::KEY, name).is_none_or(|meant| !IDENTITY.contains(&meant)));
        (!is_harmless).then_some((source, start))
    }
}

impl Outline {
    fn part(&self, name: &str) -> Option<Part<'_>> {
        self.parts(&self.tree, usize::MAX).into_iter().find(|part| part.name == Some(name))
    }

    /// The parts of a map or list that ends here. The end of a block is not known, only where the next one starts.
    fn parts<'n>(&self, node: &'n Node, end: usize) -> Vec<Part<'n>> {
        let mut parts: Vec<Part<'n>> = match &node.content {
            Content::Map(entries) => entries
                .iter()
                .map(|(name, node)| Part {
                    name: name.text(),
                    start: name.span(self.source).start,
                    end: node.span(self.source).end,
                    node,
                })
                .collect(),
            Content::List(items) => {
                let part = |node: &'n Node| {
                    let Span { start, end, .. } = node.span(self.source);
                    Part { name: None, start, end, node }
                };
                items.iter().map(part).collect()
            }
            Content::Plain(_) | Content::Quoted(_) => Vec::new(),
        };
        parts.sort_by_key(|part| part.start);
        if self.column.is_some() {
            let ends: Vec<usize> = parts.iter().skip(1).map(|next| next.start).chain([end]).collect();
            for (part, end) in parts.iter_mut().zip(ends) {
                part.end = end;
            }
        }
        parts
    }
}

fn touch(node: &Node, source: SourceId, touched: &mut BTreeSet<(SourceId, usize)>) {
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        touched.insert((source, node.span(source).start));
        match &node.content {
            Content::List(items) => left.extend(items),
            Content::Map(entries) => left.extend(entries.iter().flat_map(|(name, node)| [name, node])),
            Content::Plain(_) | Content::Quoted(_) => {}
        }
    }
}

fn text_of<'n>(entry: &'n Node, field: &str) -> Option<&'n str> {
    let Content::Map(fields) = &entry.content else { return None };
    fields.iter().find(|(name, _)| name.text() == Some(field)).and_then(|(_, value)| value.text())
}

/// The field that a name stands for, perhaps misspelt.
fn meant(table: &Table, name: &str) -> Option<&'static str> {
    let known = table.field(name).map(|field| field.name);
    known.or_else(|| unknown_field(table, name, Span::default()).1)
}

/// Whether an unknown field may be the fence under another name.
fn is_like_an_organisation(node: &Node) -> bool {
    node.text().is_none_or(|text| text.len() == 36 && text.matches('-').count() == 4)
}
