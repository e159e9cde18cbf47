//! One entry of `keys` to one [`DesiredKey`]: merged, resolved, checked against itself.

mod fence;
mod limits;
pub(super) mod scopes;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::check::{Checker, Entry, Kind, Map, Name, Value, What};
use super::codes;
use super::complaints::Complaints;
use super::key_fields::KEY;
use super::merge::merge;
use super::table::{Shape, Table};
use super::world::{Fence, Template, World};
use super::yaml::Node;
use super::{DesiredKey, KeySpec, Presence};
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span, nearest};
use crate::model::{KeyAddress, KeyId, KeyKind, Setting};

/// The keys of one file and what they inherit.
pub(super) struct Part {
    pub(super) source: SourceId,
    pub(super) defaults: Map,
    /// Of an included file; the root's are in the world.
    pub(super) templates: BTreeMap<Name, Template>,
    pub(super) keys: Vec<Node>,
    pub(super) fence: Option<Rc<Fence>>,
}

/// A key and the places that checks across keys need.
pub(super) struct Lowered {
    pub(super) key: DesiredKey,
    pub(super) name: Span,
    pub(super) id: Option<Span>,
    pub(super) renamed_from: Option<Span>,
    pub(super) replaces: Option<Span>,
    pub(super) deliver_to: Vec<(String, Span)>,
}

/// How a key is called in messages.
pub(super) struct Key<'k> {
    name: &'k str,
    span: Span,
}

impl Key<'_> {
    /// An error about a field, with the key as the second place if the field is inherited.
    fn blame(&self, code: &'static str, entry: &Entry, message: impl Into<String>) -> Diagnostic {
        let diagnostic = Diagnostic::error(code, entry.value.span, message);
        match &entry.from {
            Some(from) => diagnostic.also(self.span, format!("`{}` inherits it from {from}", self.name)),
            None => diagnostic,
        }
    }

    /// What is said at the second place of a mistake.
    fn origin(&self, what: &str, entry: &Entry) -> String {
        match &entry.from {
            Some(from) => format!("`{}` inherits {what} from {from}", self.name),
            None => format!("{what} is here"),
        }
    }
}

/// Lowers keys one by one.
pub(super) struct Lowering<'w> {
    world: &'w World,
    sources: &'w Sources,
}

const ABSENT_MAY_HAVE: [&str; 7] = ["name", "type", "workspace_id", "user_id", "id", "absent", "protected"];

impl<'w> Lowering<'w> {
    pub(super) fn new(world: &'w World, sources: &'w Sources) -> Self {
        Self { world, sources }
    }

    /// Lowers an entry. `None` if it cannot even be called by an address.
    pub(super) fn key(&self, part: &Part, node: Node, out: &mut Complaints) -> Option<Lowered> {
        let span = node.span(part.source);
        let mut checker = Checker { source: part.source, out };
        let value = checker.value(What::Item("keys"), &Shape::Fields(&KEY), node);
        let Kind::Map(own) = value.kind else { return None };
        let name_entry = own.get("name")?.clone();
        let name = name_entry.value.text()?.to_owned();
        let names = Key { name: &name, span: name_entry.value.span };

        let absent = flag(&own, "absent");
        let presence = if absent { Presence::Absent } else { Presence::Present };
        if absent {
            check_absent(&own, out);
        }
        let merged = self.merged(part, own, absent, out);

        let kind = merged
            .get("type")
            .map_or(Some(KeyKind::WorkspaceService), |entry| entry.value.text().and_then(KeyKind::parse));
        let workspace = self.workspace(&names, &merged, kind, out);
        let user = self.user(&names, &merged, kind, out);
        let (secret, deliver_to) = match merged.get("secret").and_then(|entry| entry.value.map()) {
            Some(fields) if !absent => secret::lower(fields, self.world, out),
            _ => Default::default(),
        };
        let mut written_scopes = Vec::new();
        let spec = if absent {
            KeySpec::default()
        } else {
            self.spec(&names, &merged, kind, &mut written_scopes, out)
        };
        if let Some(fence) = &part.fence {
            let belongs = fence::Belongs { kind, workspace: workspace.as_ref() };
            fence::check(&names, fence, &merged, belongs, self.world, out);
        }

        let kind = kind?;
        // A key without its workspace has no address, and the reason has been told.
        if kind != KeyKind::OrganisationService && workspace.is_none() {
            return None;
        }
        let (workspace, shown) = workspace.unzip();
        let text = |field: &str| merged.get(field).and_then(|entry| entry.value.text()).map(str::to_owned);
        let usage_reset_after = match merged.get("usage_reset_after").map(|entry| &entry.value.kind) {
            Some(Kind::Instant(instant)) if !absent => Some(*instant),
            _ => None,
        };
        let lowered = Lowered {
            key: DesiredKey {
                address: KeyAddress { workspace: shown, user: user.clone(), name: name.clone() },
                place: self.sources.place(span),
                kind,
                workspace,
                user,
                id: text("id").map(KeyId::new),
                replaces: text("replaces").map(KeyId::new).filter(|_| !absent),
                renamed_from: setting(&merged, "renamed_from", |value| value.text().map(str::to_owned)),
                presence,
                protected: flag(&merged, "protected"),
                spec,
                written_scopes,
                usage_reset_after,
                secret,
                field_places: self.field_places(&merged),
                inherited: inherited(&merged),
            },
            name: name_entry.value.span,
            id: merged.get("id").map(|entry| entry.value.span),
            renamed_from: merged.get("renamed_from").map(|entry| entry.value.span),
            replaces: merged.get("replaces").map(|entry| entry.value.span),
            deliver_to,
        };
        if lowered.key.renamed_from.value() == Some(&lowered.key.address.name)
            && let Some(span) = lowered.renamed_from
        {
            out.push(
                Diagnostic::error(codes::INVALID_VALUE, span, "`renamed_from` is the key's present name")
                    .hint("write the former name, or remove it once the rename is applied"),
            );
        }
        Some(lowered)
    }

    /// The key's fields over its template's over the defaults, without what is unmanaged.
    fn merged(&self, part: &Part, own: Map, absent: bool, out: &mut Complaints) -> Map {
        let mut base = part.defaults.clone();
        if absent {
            // A key that goes has no settings, and inherits none.
            base.retain(|field, _| ABSENT_MAY_HAVE.contains(&&**field));
        } else if let Some(entry) = own.get("template")
            && let Some(name) = entry.value.text()
        {
            if let Some(template) = part.templates.get(name).or_else(|| self.world.templates.get(name)) {
                base = merge(&base, template.fields.clone(), &KEY);
            } else {
                let message = format!("there is no template `{name}`");
                let diagnostic = Diagnostic::error(codes::UNKNOWN_TEMPLATE, entry.value.span, message);
                let names = part.templates.keys().chain(self.world.templates.keys());
                out.push(match nearest(name, names.map(|name| &**name)) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic.hint(format!("define it: `templates: {{{name}: {{…}}}}`")),
                });
            }
        }
        if let Some(unmanaged) = own.get("unmanaged") {
            for (field, span) in unmanaged.value.texts() {
                base.remove(field);
                if let Some(entry) = own.get(field) {
                    out.push(
                        Diagnostic::error(
                            codes::EXCLUSIVE_FIELDS,
                            span,
                            format!("`{field}` is listed as unmanaged and set as well"),
                        )
                        .also(entry.name, "set here")
                        .hint("keep one of them"),
                    );
                }
            }
        }
        merge(&base, own, &KEY)
    }

    /// The workspace as the API takes it and as people call it.
    fn workspace(
        &self,
        key: &Key<'_>,
        merged: &Map,
        kind: Option<KeyKind>,
        out: &mut Complaints,
    ) -> Option<(String, String)> {
        let entry = merged.get("workspace_id").filter(|entry| !entry.value.is_null());
        let Some(entry) = entry else {
            if matches!(kind, Some(KeyKind::WorkspaceService | KeyKind::WorkspaceUser)) {
                let diagnostic = Diagnostic::error(
                    codes::MISSING_FIELD,
                    key.span,
                    format!("`{}` needs `workspace_id`", key.name),
                );
                out.push(self.with_type(key, merged, diagnostic).hint(
                    "add `workspace_id:`, or write `type: organisation-service` if the key belongs to the organisation",
                ));
            }
            return None;
        };
        if kind == Some(KeyKind::OrganisationService) {
            let diagnostic = key.blame(
                codes::WORKSPACE_NOT_FOR_TYPE,
                entry,
                "an organisation-service key has no workspace",
            );
            let hint = if entry.from.is_some() {
                format!("write `workspace_id: null` in `{}`", key.name)
            } else {
                "remove `workspace_id`, or write `type: workspace-service`".to_owned()
            };
            out.push(self.with_type(key, merged, diagnostic).hint(hint));
            return None;
        }
        self.world.workspace(entry.value.text()?, entry.value.span, out)
    }

    fn user(
        &self,
        key: &Key<'_>,
        merged: &Map,
        kind: Option<KeyKind>,
        out: &mut Complaints,
    ) -> Option<String> {
        let kind = kind?;
        let entry = merged.get("user_id").filter(|entry| !entry.value.is_null());
        match (kind, entry) {
            (KeyKind::WorkspaceUser, Some(entry)) => entry.value.text().map(str::to_owned),
            (KeyKind::WorkspaceUser, None) => {
                let diagnostic = Diagnostic::error(
                    codes::MISSING_FIELD,
                    key.span,
                    format!("`{}` needs `user_id`", key.name),
                );
                out.push(
                    self.with_type(key, merged, diagnostic)
                        .hint("add the owner's e-mail address or id: `user_id: ann@example.com`"),
                );
                None
            }
            (_, Some(entry)) => {
                let message = format!("{} key has no owner", with_article(kind));
                let diagnostic = key.blame(codes::USER_NOT_FOR_TYPE, entry, message);
                out.push(
                    self.with_type(key, merged, diagnostic)
                        .hint("remove `user_id`, or write `type: workspace-user`"),
                );
                None
            }
            (_, None) => None,
        }
    }

    /// Adds the place that decided the type, if one did.
    #[expect(clippy::unused_self, reason = "reads like the other steps")]
    fn with_type(&self, key: &Key<'_>, merged: &Map, diagnostic: Diagnostic) -> Diagnostic {
        match merged.get("type") {
            Some(entry) if entry.from.is_some() => {
                diagnostic.also(entry.value.span, key.origin("its type", entry))
            }
            Some(entry) => diagnostic.also(entry.value.span, "its type is here"),
            None => diagnostic,
        }
    }

    fn spec(
        &self,
        key: &Key<'_>,
        merged: &Map,
        kind: Option<KeyKind>,
        written_scopes: &mut Vec<String>,
        out: &mut Complaints,
    ) -> KeySpec {
        let text = |value: &Value| value.text().map(str::to_owned);
        let mut spec = KeySpec {
            description: setting(merged, "description", |value| {
                // A block of text ends with a line break that nobody means.
                value.text().map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            }),
            scopes: self.scopes(key, merged, kind, written_scopes, out),
            rate_limits: Setting::Unmanaged,
            usage_limits: Setting::Unmanaged,
            metadata: Setting::Unmanaged,
            config_id: setting(merged, "config_id", text),
            allow_config_override: setting(merged, "allow_config_override", |value| match value.kind {
                Kind::Bool(allowed) => Some(allowed),
                _ => None,
            }),
            alert_emails: setting(merged, "alert_emails", |value| {
                Some(value.texts().map(|(email, _)| email.to_owned()).collect::<BTreeSet<_>>())
            }),
            expires_at: setting(merged, "expires_at", |value| match value.kind {
                Kind::Instant(instant) => Some(instant),
                _ => None,
            }),
            rotation_policy: Setting::Unmanaged,
        };
        if spec.description.value().is_some_and(String::is_empty) {
            spec.description = Setting::Clear;
        }
        if spec.alert_emails.value().is_some_and(BTreeSet::is_empty) {
            spec.alert_emails = Setting::Clear;
        }
        if let Some(entry) = merged.get("rate_limits") {
            spec.rate_limits = match &entry.value.kind {
                Kind::Null => Setting::Clear,
                Kind::List(_) => limits::rate_limits(&entry.value, out),
                _ => Setting::Unmanaged,
            };
        }
        if let Some(entry) = merged.get("metadata") {
            spec.metadata = metadata(entry, out);
        }
        if let Some(entry) = merged.get("usage_limits") {
            spec.usage_limits = match &entry.value.kind {
                Kind::Null => Setting::Clear,
                Kind::Map(fields) => limits::usage_limits(key, entry, fields, out),
                _ => Setting::Unmanaged,
            };
        }
        if let Some(entry) = merged.get("rotation_policy") {
            spec.rotation_policy = match &entry.value.kind {
                Kind::Null => Setting::Clear,
                Kind::Map(fields) => {
                    let sinks = merged
                        .get("secret")
                        .and_then(|entry| entry.value.map())
                        .and_then(|secret| secret.get("deliver_to"))
                        .filter(|entry| !entry.value.list().is_empty());
                    let is_service = kind.is_some_and(|kind| kind != KeyKind::WorkspaceUser);
                    secret::check_rotation(key, entry, sinks, is_service, out);
                    limits::rotation_policy(key, entry, fields, out)
                }
                _ => Setting::Unmanaged,
            };
        }
        spec
    }

    fn scopes(
        &self,
        key: &Key<'_>,
        merged: &Map,
        kind: Option<KeyKind>,
        written: &mut Vec<String>,
        out: &mut Complaints,
    ) -> Option<Vec<String>> {
        let Some(entry) = merged.get("scopes") else {
            if !merged.contains_key("id") {
                out.push(
                    Diagnostic::error(
                        codes::MISSING_FIELD,
                        key.span,
                        format!("`{}` needs `scopes`", key.name),
                    )
                    .hint(
                        "list what the key may do; only a key pinned by `id` may leave its scopes unmanaged",
                    ),
                );
            }
            return None;
        };
        let Kind::List(items) = &entry.value.kind else { return None };
        if items.is_empty() {
            out.push(
                key.blame(codes::EMPTY_SCOPES, entry, "a key needs at least one scope")
                    .hint("list what the key may do, or leave the field out for a key pinned by `id`"),
            );
            return None;
        }
        written.extend(entry.value.texts().map(|(scope, _)| scope.to_owned()));
        // An inherited list has been checked where it stands.
        let listed = scopes::expand(&entry.value, self.world, entry.from.is_none(), out);
        if let Some(kind) = kind {
            for listed in &listed {
                let Some((who, instead)) = scopes::not_for(listed.scope, kind) else { continue };
                let mut diagnostic = Diagnostic::error(
                    codes::SCOPE_NOT_FOR_TYPE,
                    listed.written,
                    format!("{} key cannot hold `{}`", with_article(kind), listed.scope),
                )
                .label(who);
                if let Some((set, span)) = listed.set {
                    diagnostic = diagnostic.also(span, format!("it is in the scope set `{set}`"));
                }
                if let Some(from) = &entry.from {
                    diagnostic =
                        diagnostic.also(key.span, format!("`{}` inherits its scopes from {from}", key.name));
                }
                diagnostic = self.with_type(key, merged, diagnostic);
                let line = self.sources.place(key.span).line;
                out.push(match instead {
                    Some(kind) => diagnostic.hint(format!(
                        "write `type: {kind}` in `{}` (line {line}), or remove the scope",
                        key.name
                    )),
                    None => diagnostic.hint(format!("remove the scope from `{}` (line {line})", key.name)),
                });
            }
        }
        Some(listed.into_iter().map(|listed| listed.scope.to_owned()).collect())
    }

    fn field_places(&self, merged: &Map) -> BTreeMap<&'static str, crate::diagnostic::Place> {
        let place = |table: &Table, (name, entry): (&Name, &Entry)| {
            table.field(name).map(|field| (field.name, self.sources.place(entry.name)))
        };
        merged.iter().filter_map(|field| place(&KEY, field)).collect()
    }
}

/// The fields that are not the key's own.
fn inherited(merged: &Map) -> BTreeSet<&'static str> {
    let inherited = merged.iter().filter(|(_, entry)| entry.from.is_some());
    inherited.filter_map(|(name, _)| KEY.field(name)).map(|field| field.name).collect()
}

fn metadata(entry: &Entry, out: &mut Complaints) -> Setting<BTreeMap<String, Option<String>>> {
    match &entry.value.kind {
        Kind::Null => Setting::Clear,
        Kind::Map(fields) if fields.is_empty() => {
            out.push(
                Diagnostic::warning(codes::NO_EFFECT, entry.name, "`metadata: {}` manages nothing")
                    .hint("write `metadata: null` to remove all, or remove the field"),
            );
            Setting::Unmanaged
        }
        Kind::Map(fields) => Setting::Set(
            fields
                .iter()
                .map(|(name, entry)| (name.to_string(), entry.value.text().map(str::to_owned)))
                .collect(),
        ),
        _ => Setting::Unmanaged,
    }
}

fn check_absent(own: &Map, out: &mut Complaints) {
    for (field, entry) in own {
        if !ABSENT_MAY_HAVE.contains(&&**field) {
            out.push(
                Diagnostic::error(
                    codes::ABSENT_MANAGES,
                    entry.name,
                    format!("a key that is to be absent cannot have `{field}`"),
                )
                .hint("remove the field, or remove `absent: true`"),
            );
        }
    }
    if flag(own, "protected")
        && let (Some(protected), Some(absent)) = (own.get("protected"), own.get("absent"))
    {
        out.push(
            Diagnostic::error(
                codes::ABSENT_PROTECTED,
                protected.name,
                "a protected key cannot be asked to be absent",
            )
            .also(absent.name, "`absent` is here")
            .hint("remove one of the two"),
        );
    }
}

fn flag(map: &Map, field: &str) -> bool {
    map.get(field).is_some_and(|entry| matches!(entry.value.kind, Kind::Bool(true)))
}

fn setting<T>(map: &Map, field: &str, read: impl Fn(&Value) -> Option<T>) -> Setting<T> {
    match map.get(field).map(|entry| &entry.value) {
        Some(value) if value.is_null() => Setting::Clear,
        Some(value) if !value.is_invalid() => read(value).map_or(Setting::Unmanaged, Setting::Set),
        Some(_) | None => Setting::Unmanaged,
    }
}

fn with_article(kind: KeyKind) -> String {
    let article = if kind == KeyKind::OrganisationService { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Milliseconds as the file would say them.
fn duration_in_words(ms: u64) -> String {
    for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if ms > 0 && ms.is_multiple_of(factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    format!("{ms}ms")
}
