//! `policy:` of the root file and the file that `--policy` names: rules with their settings, waivers.
//!
//! The two are read into two policies that know nothing of each other. Whoever may write the keys files
//! can neither loosen nor waive what the policy file says; for the same reason it cannot use names that
//! the keys files give meaning to, such as aliases of workspaces.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::check::{Checker, Entry, Kind, Map, Value};
use super::codes;
use super::complaints::Complaints;
use super::lower::scopes::check_known;
use super::patterns::{Globs, Pattern};
use super::rules::{RULE_SETS, RULES, RuleId, RuleSet};
use super::world::{World, looks_like_a_workspace};
use super::yaml::{self, Content};
use crate::diagnostic::{Diagnostic, Place, Severity, SourceId, Sources, Span};
use crate::model::KeyKind;
use crate::scopes;

/// The rules of one source, and its exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who says so.
    pub origin: Origin,
    /// In the order of the table; those that are off are not here.
    pub rules: Vec<Rule>,
    /// In the order of the file.
    pub waivers: Vec<Waiver>,
}

/// Where a policy stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Beside the keys.
    KeysFile,
    /// In the file that the caller named.
    PolicyFile {
        /// Its name as given.
        name: String,
    },
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What breaking it is.
    pub severity: Severity,
    /// Only keys of these types. `None` if nothing is said.
    pub kinds: Option<BTreeSet<KeyKind>>,
    /// Only keys in these workspaces, by slug or UUID in whatever letters, aliases resolved.
    pub workspaces: Option<Globs>,
    /// What it demands.
    pub demand: Demand,
}

/// What a rule demands, with its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// `alert-email-required`.
    AlertEmail,
    /// `description-pattern`.
    Description(Pattern),
    /// `expiry-required`.
    Expiry,
    /// `expiry-within`.
    ExpiryWithin(SignedDuration),
    /// `limits-required`.
    Limits(Limits),
    /// `mints-keys-only`: the addresses of those that may.
    MintsKeysOnly(Globs),
    /// `name-pattern`.
    Name(Pattern),
    /// `no-unlimited`.
    NoUnlimited,
    /// `scopes-forbidden`.
    ScopesForbidden(Globs),
    /// `secret-age`.
    SecretAge(SignedDuration),
}

impl Demand {
    /// The rule that demands this.
    pub fn rule(&self) -> RuleId {
        match self {
            Self::AlertEmail => RuleId::AlertEmailRequired,
            Self::Description(_) => RuleId::DescriptionPattern,
            Self::Expiry => RuleId::ExpiryRequired,
            Self::ExpiryWithin(_) => RuleId::ExpiryWithin,
            Self::Limits(_) => RuleId::LimitsRequired,
            Self::MintsKeysOnly(_) => RuleId::MintsKeysOnly,
            Self::Name(_) => RuleId::NamePattern,
            Self::NoUnlimited => RuleId::NoUnlimited,
            Self::ScopesForbidden(_) => RuleId::ScopesForbidden,
            Self::SecretAge(_) => RuleId::SecretAge,
        }
    }
}

/// Which limits `limits-required` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// One of the two.
    Either,
    /// `usage_limits` with a `credit_limit`.
    Budget,
    /// A rate limit above 0.
    Rate,
    /// Both.
    Both,
}

/// One key is excepted from one rule, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// From what.
    pub rule: RuleId,
    /// The address of the key, as written.
    pub key: String,
    /// Why.
    pub reason: String,
    /// It holds before this instant.
    pub until: Timestamp,
    /// Where it stands.
    pub place: Place,
}

/// Reads the checked map of a policy.
pub(super) fn lower(
    fields: &Map,
    origin: Origin,
    source: SourceId,
    world: &World,
    sources: &Sources,
    out: &mut Complaints,
) -> Policy {
    let chosen = fields.get("use").map(|entry| &entry.value);
    let sets: Vec<Map> = chosen
        .into_iter()
        .flat_map(Value::texts)
        .filter_map(|(name, _)| RULE_SETS.iter().find(|set| set.name == name))
        .map(|set| rules_of(set, source, out))
        .collect();
    let own = fields.get("rules").and_then(|entry| entry.value.map());
    let mut reading =
        Reading { layers: own.into_iter().chain(sets.iter().rev()).collect(), origin: &origin, world, out };
    let rules = RuleId::ALL.iter().filter_map(|id| reading.rule(*id)).collect();
    let waivers = waivers(fields, sources, out);
    Policy { origin, rules, waivers }
}

/// A built-in set as if it were written in the file.
fn rules_of(set: &RuleSet, source: SourceId, out: &mut Complaints) -> Map {
    let Some(tree) = yaml::parse(source, set.rules, out) else { return Map::new() };
    let span = tree.span(source);
    match tree.content {
        Content::Map(entries) => Checker { source, out }.fields(&RULES, entries, span),
        Content::List(_) | Content::Plain(_) | Content::Quoted(_) => Map::new(),
    }
}

/// Reads rules out of layers: what the file says, then the sets from the last to the first.
struct Reading<'r> {
    layers: Vec<&'r Map>,
    origin: &'r Origin,
    world: &'r World,
    out: &'r mut Complaints,
}

impl<'r> Reading<'r> {
    /// A setting of a rule, from the nearest layer that has it.
    fn setting(&self, id: RuleId, name: &str) -> Option<&'r Value> {
        self.layers.iter().find_map(|layer| {
            let value = &layer.get(id.name())?.value;
            match &value.kind {
                Kind::Map(settings) => settings.get(name).map(|entry| &entry.value),
                _ if name == "severity" => Some(value),
                _ => None,
            }
        })
    }

    /// A rule, unless it is off, not mentioned or wrong.
    fn rule(&mut self, id: RuleId) -> Option<Rule> {
        let written: &Entry = self.layers.iter().find_map(|layer| layer.get(id.name()))?;
        let severity = match self.setting(id, "severity").map(|value| &value.kind) {
            None => Severity::Error,
            Some(Kind::Text(word)) => match word.as_str() {
                "off" => return None,
                "warning" => Severity::Warning,
                _ => Severity::Error,
            },
            Some(_) => return None,
        };
        for name in ["types", "workspaces"] {
            if let Some(value) = self
                .setting(id, name)
                .filter(|value| matches!(&value.kind, Kind::List(list) if list.is_empty()))
            {
                self.out.push(
                    Diagnostic::error(
                        codes::INVALID_VALUE,
                        value.span,
                        format!("`{name}` is empty, so the rule is for no key"),
                    )
                    .hint("name some, leave it out, or write `off` for the rule"),
                );
            }
        }
        let kinds = self
            .setting(id, "types")
            .map(|value| value.texts().filter_map(|(kind, _)| KeyKind::parse(kind)).collect());
        let workspaces = self.setting(id, "workspaces").map(|value| self.workspaces(value));
        let demand = self.demand(id, written)?;
        Some(Rule { severity, kinds, workspaces, demand })
    }

    fn demand(&mut self, id: RuleId, written: &Entry) -> Option<Demand> {
        Some(match id {
            RuleId::AlertEmailRequired => Demand::AlertEmail,
            RuleId::ExpiryRequired => Demand::Expiry,
            RuleId::NoUnlimited => Demand::NoUnlimited,
            RuleId::ExpiryWithin => Demand::ExpiryWithin(self.longest(id, written)?),
            RuleId::SecretAge => Demand::SecretAge(self.longest(id, written)?),
            RuleId::DescriptionPattern => Demand::Description(self.pattern(id, written)?),
            RuleId::NamePattern => Demand::Name(self.pattern(id, written)?),
            RuleId::LimitsRequired => {
                Demand::Limits(match self.setting(id, "limits").and_then(Value::text) {
                    Some("budget") => Limits::Budget,
                    Some("rate") => Limits::Rate,
                    Some("both") => Limits::Both,
                    _ => Limits::Either,
                })
            }
            RuleId::MintsKeysOnly => {
                let keys = self.setting(id, "keys");
                Demand::MintsKeysOnly(keys.map(|keys| self.globs(keys, "a key")).unwrap_or_default())
            }
            RuleId::ScopesForbidden => Demand::ScopesForbidden(self.forbidden(id, written)?),
        })
    }

    fn needed(&mut self, id: RuleId, written: &Entry, name: &str) -> Option<&'r Value> {
        let value = self.setting(id, name);
        if value.is_none() {
            self.out.push(
                Diagnostic::error(
                    codes::MISSING_FIELD,
                    written.name,
                    format!("`{}` needs `{name}`", id.name()),
                )
                .hint(format!("add it, as in `{}`", id.example())),
            );
        }
        value.filter(|value| !value.is_invalid())
    }

    fn longest(&mut self, id: RuleId, written: &Entry) -> Option<SignedDuration> {
        match self.needed(id, written, "longest")?.kind {
            Kind::Duration(ms) => i64::try_from(ms).ok().map(SignedDuration::from_millis),
            _ => None,
        }
    }

    fn pattern(&mut self, id: RuleId, written: &Entry) -> Option<Pattern> {
        let value = self.needed(id, written, "pattern")?;
        match Pattern::new(value.text()?) {
            Ok(pattern) => Some(pattern),
            Err(refusal) => {
                self.out.push(bad_pattern("`pattern`", value.span, &refusal));
                None
            }
        }
    }

    /// The forbidden scopes. A typing mistake must not forbid nothing.
    fn forbidden(&mut self, id: RuleId, written: &Entry) -> Option<Globs> {
        let value = self.needed(id, written, "scopes")?;
        if value.list().is_empty() {
            self.out.push(
                Diagnostic::error(codes::EMPTY_SCOPES, value.span, "`scopes` forbids nothing")
                    .hint("list scopes, or write `scopes-forbidden: off`"),
            );
        }
        for (text, span) in value.texts() {
            let mut one = Globs::default();
            if one.add(text).is_err() {
                continue; // said below
            }
            let newer = &self.world.known_scopes;
            if scopes::names().any(|scope| one.matches(scope)) || newer.iter().any(|scope| one.matches(scope))
            {
                continue;
            }
            if is_glob(text) || !text.contains('.') {
                let message = format!("`{text}` matches no scope");
                self.out.push(
                    Diagnostic::error(codes::UNKNOWN_SCOPE, span, message).hint(
                        "write scopes, or patterns of them such as `logs.*`; sets have no meaning here",
                    ),
                );
            } else {
                check_known(text, span, self.world, self.out);
            }
        }
        Some(self.globs(value, "a scope"))
    }

    fn globs(&mut self, value: &Value, what: &str) -> Globs {
        let mut globs = Globs::default();
        for (text, span) in value.texts() {
            if let Err(refusal) = globs.add(text) {
                self.out.push(bad_pattern(&format!("the pattern of {what}"), span, &refusal));
            }
        }
        globs
    }

    fn workspaces(&mut self, value: &Value) -> Globs {
        let mut globs = Globs::default();
        for (text, span) in value.texts() {
            let resolved = match self.origin {
                _ if is_glob(text) || looks_like_a_workspace(text) => text.to_owned(),
                Origin::KeysFile => match self.world.workspace(text, span, self.out) {
                    Some((target, _)) => target,
                    None => continue,
                },
                Origin::PolicyFile { .. } => {
                    self.out.push(
                        Diagnostic::error(
                            codes::UNKNOWN_WORKSPACE,
                            span,
                            format!("`{text}` is neither the slug of a workspace nor a UUID"),
                        )
                        .hint("write the slug (`ws-…`): the names that keys files have for workspaces mean nothing in a policy file, because their authors could change them"),
                    );
                    continue;
                }
            };
            if let Err(refusal) = globs.add_in_whatever_letters(&resolved) {
                self.out.push(bad_pattern("the pattern of a workspace", span, &refusal));
            }
        }
        globs
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn bad_pattern(what: &str, span: Span, refusal: &str) -> Diagnostic {
    Diagnostic::error(codes::INVALID_PATTERN, span, format!("{what} {refusal}"))
}

fn waivers(fields: &Map, sources: &Sources, out: &mut Complaints) -> Vec<Waiver> {
    let mut waivers = Vec::new();
    let mut seen: BTreeMap<(RuleId, String), Span> = BTreeMap::new();
    for value in fields.get("waivers").map_or(&[][..], |entry| entry.value.list()) {
        let Some(fields) = value.map() else { continue };
        let text = |name: &str| fields.get(name).and_then(|entry| entry.value.text());
        let (Some(rule), Some(key), Some(reason)) =
            (text("rule").and_then(RuleId::parse), text("key"), text("reason"))
        else {
            continue;
        };
        let Some(Kind::Instant(until)) = fields.get("until").map(|entry| &entry.value.kind) else { continue };
        let span = fields.get("rule").map_or(value.span, |entry| entry.value.span);
        if let Some(before) = seen.insert((rule, key.to_owned()), span) {
            out.push(
                Diagnostic::error(
                    codes::CONFLICTING_DEFINITIONS,
                    span,
                    format!("`{}` is waived for `{key}` twice", rule.name()),
                )
                .also(before, "first here")
                .hint("keep one of them"),
            );
        }
        waivers.push(Waiver {
            rule,
            key: key.to_owned(),
            reason: reason.to_owned(),
            until: *until,
            place: sources.place(span),
        });
    }
    waivers
}
