//! Generated organisations and keys files for them.

use std::collections::{BTreeSet, hash_map::DefaultHasher};
use std::fmt;
use std::hash::{Hash, Hasher};

use portkey_sync::model::{KeyKind, UserId, WorkspaceId, address_hash};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::oracle::SCOPE_SET;

const WORKSPACES: [(&str, &str, &str); 3] = [
    ("payments", "ws-pay-000001", "11111111-aaaa-4aaa-8aaa-000000000001"),
    ("research", "ws-res-000002", "22222222-bbbb-4bbb-8bbb-000000000002"),
    ("sup-port_3", "ws-sup-000003", "33333333-cccc-4ccc-8ccc-000000000003"),
];
const USERS: [(&str, &str); 2] = [
    ("ada@example.com", "aaaaaaaa-0000-4000-8000-0000000000aa"),
    ("bob@example.com", "bbbbbbbb-0000-4000-8000-0000000000bb"),
];
/// Slug, id, and the number of the workspace. The third workspace has none.
const CONFIGS: [(&str, &str, usize); 3] = [
    ("pc-pay-1", "cccccccc-0000-4000-8000-000000000001", 0),
    ("pc-pay-2", "cccccccc-0000-4000-8000-000000000002", 0),
    ("pc-res-1", "cccccccc-0000-4000-8000-000000000003", 1),
];
const OWNER: &str = "platform";
const ADMIN_ID: &str = "00000000-0000-4000-8000-00000000000a";
const ADMIN_SCOPES: [&str; 22] = [
    "organisation_service_api_keys.create",
    "organisation_service_api_keys.list",
    "organisation_service_api_keys.read",
    "organisation_service_api_keys.update",
    "organisation_service_api_keys.delete",
    "organisation_service_api_keys.rotate",
    "workspace_service_api_keys.create",
    "workspace_service_api_keys.list",
    "workspace_service_api_keys.read",
    "workspace_service_api_keys.update",
    "workspace_service_api_keys.delete",
    "workspace_service_api_keys.rotate",
    "workspace_user_api_keys.create",
    "workspace_user_api_keys.list",
    "workspace_user_api_keys.read",
    "workspace_user_api_keys.update",
    "workspace_user_api_keys.delete",
    "workspace_user_api_keys.rotate",
    "workspaces.list",
    "organisation_users.list",
    "configs.list",
    "analytics.view",
];

/// `{}` is the number that makes a name its key's own.
const NAMES: [&str; 24] = [
    "checkout-{}",
    "checkout-{}",
    "{}",
    "0x{}",
    "01{}",
    "1_00{}",
    "1:3{}",
    "1e{}",
    ".{}",
    "yes: {}",
    "# {}",
    " lead {}",
    "trail {} ",
    "- {}",
    "*a{}",
    "&b{}",
    "!c {}",
    "%d {}",
    "`e{}",
    "{a: {}}",
    "[a, {}]",
    "\"q\" 'q' {}",
    "a/../{}\\",
    "ключ 🔑\u{202e}\u{2028} {}",
];
const TEXTS: [&str; 22] = [
    "Checkout service, production",
    "",
    " ",
    "yes",
    "null",
    "~",
    "1.5",
    "0o17",
    "2026-11-22",
    "a: b # c",
    "# not a comment",
    " lead and trail ",
    "two\nlines",
    "a\n\n  indented\nend",
    "tab\there",
    "\"quoted\"",
    "it's",
    "{a: [b]}",
    "- item",
    "[portkey] sync",
    "日本語 🔑 ünïcode\u{2028}",
    "ends with a bracket]",
];

/// What a key is and where.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: KeyKind,
    workspace: usize,
    user: usize,
}

/// Keys of one place and one name: twins can be told apart by their ids only.
#[derive(Clone, Debug)]
struct Group {
    place: Place,
    name: &'static str,
    keys: Vec<Draft>,
}

/// A live key and what the file says about it.
#[derive(Clone, Debug)]
struct Draft {
    fields: Map<String, Value>,
    text: Option<String>,
    mark: MarkShape,
    automatic: bool,
    fate: Fate,
    spec: Spec,
}

/// What an entry of the file manages.
#[derive(Clone, Debug)]
struct Spec {
    scopes: Vec<String>,
    manages_scopes: bool,
    fields: Map<String, Value>,
    protected: Option<bool>,
    /// How the workspace and the user are written.
    names: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MarkShape {
    None,
    Ours,
    OursKeep,
    OursDelivered,
    OursWithNews,
    OursInTheMiddle,
    Stranger,
    Copied,
    InFlight,
    NobodysKeep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unmentioned,
    ByName,
    Pinned,
    PinnedRename,
    RenamedFrom,
    /// Found by the mark under a name that the file does not know.
    Moved,
    Absent,
    PinnedAbsent,
}

/// How the running key is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admin {
    Unmentioned,
    Described,
    Narrowed,
    Ended,
    Absent,
}

/// How the file is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) shuffle: u64,
    pub(crate) block_style: bool,
    pub(crate) aliases: bool,
}

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) managed_by: bool,
    pub(crate) rows_carry_rotation_policy: bool,
    pub(crate) prune: bool,
    pub(crate) writing: Writing,
    admin: Admin,
    groups: Vec<Group>,
    creates: Vec<(Place, &'static str, Spec, bool)>,
}

/// What somebody needs to see what went wrong.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows_carry_rotation_policy, prune, .. } = self;
        writeln!(f, "rows carry rotation_policy: {rows_carry_rotation_policy}; prune: {prune}")?;
        writeln!(f, "file: {}\nlive:", self.file(self.writing))?;
        self.keys().iter().try_for_each(|key| writeln!(f, "  {}", key.seed()))
    }
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let writing = (any::<u64>(), any::<bool>(), any::<bool>())
        .prop_map(|(shuffle, block_style, aliases)| Writing { shuffle, block_style, aliases });
    let admin = prop_oneof![
        6 => Just(Admin::Unmentioned),
        2 => Just(Admin::Described),
        1 => Just(Admin::Narrowed),
        1 => Just(Admin::Ended),
        1 => Just(Admin::Absent),
    ];
    let create = place()
        .prop_flat_map(|place| (Just(place), select(&NAMES[..]), spec(place), prop::bool::weighted(0.8)));
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        writing,
        admin,
        prop::collection::vec(group(), 2..=8),
        prop::collection::vec(create, 0..=2),
    )
        .prop_map(|(managed_by, rows_carry_rotation_policy, prune, writing, admin, groups, creates)| {
            Case { managed_by, rows_carry_rotation_policy, prune, writing, admin, groups, creates }
        })
}

fn place() -> impl Strategy<Value = Place> {
    let kind = prop_oneof![
        2 => Just(KeyKind::OrganisationService),
        5 => Just(KeyKind::WorkspaceService),
        3 => Just(KeyKind::WorkspaceUser),
    ];
    (kind, 0..WORKSPACES.len(), 0..USERS.len()).prop_map(|(kind, workspace, user)| Place {
        kind,
        workspace,
        user,
    })
}

fn group() -> impl Strategy<Value = Group> {
    let size = prop_oneof![9 => 1..=1_usize, 1 => 2..=2_usize];
    (place(), select(&NAMES[..]), size).prop_flat_map(|(place, name, size)| {
        prop::collection::vec(draft(place), size).prop_map(move |keys| Group { place, name, keys })
    })
}

fn draft(place: Place) -> impl Strategy<Value = Draft> {
    let mark = prop_oneof![
        8 => Just(MarkShape::None),
        4 => Just(MarkShape::Ours),
        1 => Just(MarkShape::OursKeep),
        1 => Just(MarkShape::OursDelivered),
        1 => Just(MarkShape::OursWithNews),
        1 => Just(MarkShape::OursInTheMiddle),
        1 => Just(MarkShape::Stranger),
        1 => Just(MarkShape::Copied),
        1 => Just(MarkShape::InFlight),
        1 => Just(MarkShape::NobodysKeep),
    ];
    let fate = prop_oneof![
        5 => Just(Fate::Unmentioned),
        6 => Just(Fate::ByName),
        4 => Just(Fate::Pinned),
        1 => Just(Fate::PinnedRename),
        2 => Just(Fate::RenamedFrom),
        2 => Just(Fate::Moved),
        2 => Just(Fate::Absent),
        1 => Just(Fate::PinnedAbsent),
    ];
    let text = prop_oneof![
        2 => Just(None),
        8 => select(&TEXTS[..]).prop_map(|text| Some(text.to_owned())),
        1 => Just(Some("a line break at the end\n".to_owned())),
        1 => Just(Some("long ".repeat(34))),
    ];
    let yes = prop::bool::weighted;
    (live_fields(place), text, mark, yes(0.15), fate, spec(place), yes(0.3)).prop_map(
        move |(fields, text, mark, automatic, fate, spec, agrees)| Draft {
            spec: if agrees { spec.agreeing_with(&fields) } else { spec },
            fields,
            text,
            mark,
            automatic: automatic && place.kind == KeyKind::WorkspaceUser,
            fate,
        },
    )
}

/// A field that is left out, or one of these.
fn maybe(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![Just(None), value.prop_map(Some)].boxed()
}

/// Not managed, cleared or set.
fn three_states(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![2 => Just(None), 1 => Just(Some(Value::Null)), 2 => value.prop_map(Some)].boxed()
}

fn map_of(
    fields: Vec<(&'static str, BoxedStrategy<Option<Value>>)>,
) -> impl Strategy<Value = Map<String, Value>> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values.prop_map(move |values| {
        names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
    })
}

fn live_fields(place: Place) -> impl Strategy<Value = Map<String, Value>> {
    map_of(vec![
        ("scopes", scopes(place.kind).prop_map(|scopes| Some(json!(scopes))).boxed()),
        ("rate_limits", maybe(rate_limits(0))),
        ("usage_limits", maybe(usage_limits())),
        ("usage", maybe(select(vec![json!(0), json!(0.5), json!(11)]))),
        ("metadata", maybe(live_metadata())),
        ("config_id", config(place, false)),
        ("allow_config_override", maybe(any::<bool>().prop_map(Value::from))),
        ("alert_emails", maybe(emails(0))),
        ("expires_at", maybe(expiry())),
        ("rotation_policy", maybe(rotation_policy(false))),
        ("last_reset_at", maybe(Just(json!("2026-11-23T08:30:00Z")))),
    ])
}

fn spec(place: Place) -> impl Strategy<Value = Spec> {
    let fields = map_of(vec![
        ("description", three_states(select(&TEXTS[..]).prop_map(Value::from))),
        ("rate_limits", three_states(rate_limits(0))),
        ("usage_limits", three_states(usage_limits())),
        ("metadata", three_states(metadata())),
        ("config_id", config(place, true)),
        ("allow_config_override", three_states(any::<bool>().prop_map(Value::from))),
        ("alert_emails", three_states(emails(0))),
        ("expires_at", three_states(expiry())),
        ("rotation_policy", three_states(rotation_policy(true))),
        (
            "usage_reset_after",
            prop_oneof![
                4 => Just(None),
                1 => select(vec!["2026-11-22T10:00:00Z", "2026-11-23T08:00:00Z", "2030-01-01T00:00:00Z"])
                    .prop_map(|at| Some(at.into())),
            ]
            .boxed(),
        ),
    ]);
    let protected = prop_oneof![5 => Just(None), 1 => Just(Some(false)), 1 => Just(Some(true))];
    let with_set = prop::bool::weighted(0.3);
    (scopes(place.kind), with_set, prop::bool::weighted(0.8), fields, protected, 0..3_usize).prop_map(
        move |(mut scopes, with_set, manages_scopes, fields, protected, names)| {
            if with_set && place.kind != KeyKind::OrganisationService {
                scopes.push(SCOPE_SET.0);
            }
            let scopes = scopes.into_iter().map(str::to_owned).collect();
            Spec { scopes, manages_scopes, fields, protected, names }
        },
    )
}

fn scopes(kind: KeyKind) -> impl Strategy<Value = Vec<&'static str>> {
    let scopes = if kind == KeyKind::OrganisationService {
        vec!["workspaces.list", "workspaces.read", "audit_logs.list", "analytics.view", "logs.export"]
    } else {
        vec!["completions.write", "prompts.render", "logs.write", "logs.view", "guardrails.invoke"]
    };
    subsequence(scopes, 1..=3).prop_shuffle()
}

fn rate_limits(least: usize) -> impl Strategy<Value = Value> {
    let kinds = ["requests", "tokens"].iter();
    let windows: Vec<(&str, &str)> =
        kinds.flat_map(|kind| ["rps", "rpm", "rph", "rpd", "rpw"].map(|unit| (*kind, unit))).collect();
    let value = select(vec![0_u64, 1, 100, 9_007_199_254_740_991]);
    (subsequence(windows, least..=3).prop_shuffle(), prop::collection::vec(value, 3)).prop_map(
        |(windows, values)| {
            let limits = windows.iter().zip(values);
            limits.map(|((kind, unit), value)| json!({"type": kind, "unit": unit, "value": value})).collect()
        },
    )
}

/// As the API takes them; the alert is never above the limit.
fn usage_limits() -> impl Strategy<Value = Value> {
    let amounts = select(vec![
        json!({"credit_limit": 1}),
        json!({"credit_limit": 10}),
        json!({"credit_limit": 12.5}),
        json!({"credit_limit": 500, "alert_threshold": 400}),
        json!({"credit_limit": 10, "alert_threshold": 1.5}),
        json!({"credit_limit": 10, "alert_threshold": 10}),
    ]);
    let kind = select(vec![json!({}), json!({"type": "cost"}), json!({"type": "tokens"})]);
    let reset = select(vec![
        json!({}),
        json!({"periodic_reset": "weekly"}),
        json!({"periodic_reset": "monthly"}),
        json!({"periodic_reset_days": 1}),
        json!({"periodic_reset_days": 365}),
    ]);
    (amounts, kind, reset).prop_map(|(amounts, kind, reset)| merged(&[&amounts, &kind, &reset]))
}

fn merged(parts: &[&Value]) -> Value {
    let parts = parts.iter().filter_map(|part| part.as_object());
    Value::Object(parts.flat_map(Clone::clone).collect())
}

const METADATA_NAMES: [&str; 8] = ["team", "env", "übung", "a b", "no", "1.5", "x: y", "# z"];

fn metadata() -> impl Strategy<Value = Value> {
    let value = prop_oneof![1 => Just(Value::Null), 3 => select(&TEXTS[..]).prop_map(Value::from)];
    entries(value, 1)
}

/// What others may have written: not only text.
fn live_metadata() -> impl Strategy<Value = Value> {
    let odd = select(vec![json!(true), json!(5), json!(1.5), json!({"a": ["b"]})]);
    entries(prop_oneof![1 => odd, 4 => select(&TEXTS[..]).prop_map(Value::from)], 0)
}

fn entries(value: impl Strategy<Value = Value>, least: usize) -> impl Strategy<Value = Value> {
    let names = subsequence(METADATA_NAMES.to_vec(), least..=3);
    (names, prop::collection::vec(value, 3))
        .prop_map(|(names, values)| Value::Object(names.into_iter().map(str::to_owned).zip(values).collect()))
}

/// A config that the key can be bound to; by slug in a seed, by slug or id in the file.
fn config(place: Place, in_file: bool) -> BoxedStrategy<Option<Value>> {
    let reaches = |workspace| place.kind == KeyKind::OrganisationService || workspace == place.workspace;
    let mut configs = vec![None];
    for (slug, id, _) in CONFIGS.iter().filter(|(_, _, workspace)| reaches(*workspace)) {
        configs.push(Some(json!(slug)));
        if in_file {
            configs.push(Some(json!(id)));
        }
    }
    if in_file {
        configs.push(Some(Value::Null));
    }
    select(configs).boxed()
}

/// The id that a config has in answers, however it is written.
pub(crate) fn config_uuid(written: &Value) -> Value {
    let known = CONFIGS.iter().find(|(slug, _, _)| written == slug);
    known.map_or_else(|| written.clone(), |(_, id, _)| json!(id))
}

fn emails(least: usize) -> impl Strategy<Value = Value> {
    let emails = vec!["ops@example.com", "ann+x@mail.example.com", "z@example.org"];
    subsequence(emails, least..=3).prop_shuffle().prop_map(|emails| json!(emails))
}

fn expiry() -> impl Strategy<Value = Value> {
    select(vec![
        json!("2025-01-01T00:00:00Z"),
        json!("2026-11-23T08:00:00Z"),
        json!("2026-11-23T11:00:00Z"),
        json!("2027-06-30T00:00:00Z"),
        json!("2027-06-30T02:00:00+02:00"),
        json!("2030-12-31T23:59:59.500Z"),
    ])
}

fn rotation_policy(in_file: bool) -> impl Strategy<Value = Value> {
    let schedules = select(vec![
        json!({"rotation_period": "weekly"}),
        json!({"rotation_period": "monthly"}),
        json!({"rotation_period_days": 2}),
        json!({"rotation_period_days": 365}),
        json!({"next_rotation_at": "2027-03-01T00:00:00Z"}),
        json!({"rotation_period_days": 90, "next_rotation_at": "2027-03-01T00:00:00Z"}),
    ]);
    let mut transitions = vec![
        json!({}),
        json!({"key_transition_period_ms": 1_800_000}),
        json!({"key_transition_period_ms": 3_600_000}),
    ];
    if in_file {
        transitions.push(json!({"key_transition_period": "24h"}));
    }
    // Portkey moves a date to midnight.
    let time = select(if in_file { vec!["00:00:00", "17:45:10"] } else { vec!["00:00:00"] });
    (schedules, select(transitions), time).prop_map(|(mut schedule, transition, time)| {
        if let Some(next) = schedule.get_mut("next_rotation_at") {
            *next = format!("2027-03-01T{time}Z").into();
        }
        merged(&[&schedule, &transition])
    })
}

/// A live key as the case has it in the end.
struct LiveKey<'a> {
    id: String,
    number: usize,
    place: Place,
    name: String,
    mark: MarkShape,
    fate: Fate,
    draft: &'a Draft,
}

impl Case {
    fn keys(&self) -> Vec<LiveKey<'_>> {
        let mut keys = Vec::new();
        for (group, place) in self.groups.iter().zip(0..) {
            let twins = group.keys.len() > 1;
            for draft in &group.keys {
                let number = keys.len() + 1;
                let fate = match draft.fate {
                    Fate::ByName if twins => Fate::Pinned,
                    Fate::RenamedFrom if twins => Fate::PinnedRename,
                    Fate::Moved if twins || !self.managed_by => Fate::PinnedRename,
                    Fate::Absent if twins => Fate::PinnedAbsent,
                    fate => fate,
                };
                keys.push(LiveKey {
                    id: format!(
                        "{:08x}-0000-4000-8000-{number:012x}",
                        0xa000_0000_u32 + u32::try_from(number).unwrap()
                    ),
                    number,
                    place: group.place,
                    name: group.name.replace("{}", &format!("{}", place + 7)),
                    mark: if fate == Fate::Moved { MarkShape::Ours } else { draft.mark },
                    fate,
                    draft,
                });
            }
        }
        keys
    }

    /// What the emulator holds at first.
    pub(crate) fn seed(&self) -> Value {
        self.seed_in_order(0)
    }

    /// The same with the keys listed in another order.
    pub(crate) fn seed_in_order(&self, shuffle: u64) -> Value {
        let mut keys = vec![json!({
            "id": ADMIN_ID, "name": "admin", "type": "organisation-service", "admin": true,
            "scopes": ADMIN_SCOPES, "secret": "admin-secret-0000000000-adm", "last_updated_at": "2026-11-20T00:00:00Z",
        })];
        keys.extend(self.keys().iter().map(LiveKey::seed));
        keys.sort_by_key(|key| hash(shuffle, &key["id"].to_string()));
        json!({
            "clock": "2026-11-23T09:00:00Z",
            "organisation": {"name": "Acme"},
            "workspaces": WORKSPACES.map(|(name, slug, id)| json!({"name": name, "slug": slug, "id": id})),
            "users": USERS.map(|(email, id)| json!({"email": email, "id": id})),
            "configs": CONFIGS.map(|(slug, id, workspace)| {
                json!({"slug": slug, "id": id, "workspace": WORKSPACES[workspace].1})
            }),
            "keys": keys,
        })
    }

    /// The entries of the file: the name, the id of the live key that is meant, and the entry.
    pub(crate) fn entries(&self) -> Vec<(String, Option<String>, Value)> {
        let mut entries = Vec::new();
        for key in self.keys() {
            if let Some(entry) = key.entry() {
                entries.push((text(&entry["name"]), Some(key.id), entry));
            }
        }
        for ((place, name, spec, says_new), number) in self.creates.iter().zip(1000..) {
            let name = name.replace("{}", &number.to_string());
            let mut entry = spec.entry(*place, &name, true);
            if *says_new {
                entry.insert("renamed_from".to_owned(), Value::Null);
            }
            entries.push((name, None, Value::Object(entry)));
        }
        let admin = |more: Value| {
            let scopes = json!(ADMIN_SCOPES);
            merged(&[&json!({"name": "admin", "type": "organisation-service", "scopes": scopes}), &more])
        };
        let admin = match self.admin {
            Admin::Unmentioned => return entries,
            Admin::Described => admin(json!({"description": "Made by hand"})),
            Admin::Narrowed => admin(json!({"scopes": ["workspaces.list"]})),
            Admin::Ended => admin(json!({"expires_at": "2030-01-01T00:00:00Z"})),
            Admin::Absent => json!({"name": "admin", "type": "organisation-service", "absent": true}),
        };
        entries.push(("admin".to_owned(), Some(ADMIN_ID.to_owned()), admin));
        entries
    }

    /// The keys file.
    pub(crate) fn file(&self, writing: Writing) -> String {
        let mut root = json!({
            "version": 1,
            "scope_sets": {SCOPE_SET.0: SCOPE_SET.1, "unused": ["logs.list"]},
            "keys": self.entries().into_iter().map(|(_, _, entry)| entry).collect::<Vec<_>>(),
        });
        if self.managed_by {
            root["managed_by"] = OWNER.into();
        }
        if writing.aliases {
            root["workspaces"] = Value::Object(
                WORKSPACES.map(|(alias, slug, _)| (alias.to_owned(), slug.into())).into_iter().collect(),
            );
        }
        let root = arranged(root, writing.shuffle, false);
        if writing.block_style { block(&root, "") } else { serde_json::to_string_pretty(&root).unwrap() }
    }

    /// The live keys that no entry means.
    pub(crate) fn unmentioned(&self) -> BTreeSet<String> {
        let mut ids: BTreeSet<String> =
            self.keys().into_iter().filter(|key| key.fate == Fate::Unmentioned).map(|key| key.id).collect();
        if self.admin == Admin::Unmentioned {
            ids.insert(ADMIN_ID.to_owned());
        }
        ids
    }

    /// The keys that an apply may delete.
    pub(crate) fn may_be_deleted(&self, prune: bool) -> BTreeSet<String> {
        let may = |key: &LiveKey<'_>| {
            let ours = matches!(
                key.mark,
                MarkShape::Ours
                    | MarkShape::OursDelivered
                    | MarkShape::OursWithNews
                    | MarkShape::OursInTheMiddle
            );
            match key.fate {
                Fate::Absent | Fate::PinnedAbsent => {
                    matches!(key.mark, MarkShape::None | MarkShape::Copied | MarkShape::InFlight)
                        || (ours && self.managed_by)
                }
                Fate::Unmentioned => prune && self.managed_by && ours && !key.draft.automatic,
                _ => false,
            }
        };
        self.keys().into_iter().filter(may).map(|key| key.id).collect()
    }
}

impl LiveKey<'_> {
    /// How the entry is called.
    fn name_in_file(&self) -> String {
        match self.fate {
            Fate::PinnedRename | Fate::RenamedFrom | Fate::Moved => format!("renamed #{}", self.number),
            _ => self.name.clone(),
        }
    }

    fn entry(&self) -> Option<Value> {
        let name = self.name_in_file();
        let mut entry = match self.fate {
            Fate::Unmentioned => return None,
            Fate::Absent | Fate::PinnedAbsent => {
                let mut entry = self.place.entry(&name, self.draft.spec.names);
                entry.insert("absent".to_owned(), true.into());
                entry
            }
            Fate::Pinned | Fate::PinnedRename => {
                self.draft.spec.entry(self.place, &name, self.draft.spec.manages_scopes)
            }
            Fate::ByName | Fate::RenamedFrom | Fate::Moved => self.draft.spec.entry(self.place, &name, true),
        };
        match self.fate {
            Fate::Pinned | Fate::PinnedRename | Fate::PinnedAbsent => {
                entry.insert("id".to_owned(), self.id.as_str().into());
            }
            Fate::RenamedFrom => {
                entry.insert("renamed_from".to_owned(), self.name.as_str().into());
            }
            _ => {}
        }
        Some(Value::Object(entry))
    }

    fn seed(&self) -> Value {
        let Self { id, number, place, name, draft, .. } = self;
        let mut key = draft.fields.clone();
        let mut put = |field: &str, value: Value| key.insert(field.to_owned(), value);
        put("id", id.as_str().into());
        put("name", name.as_str().into());
        put("type", place.kind.as_str().into());
        put("secret", format!("{number:02}-secret-0000000000-{number:03}").into());
        put("last_updated_at", "2026-11-21T00:00:00Z".into());
        if place.kind != KeyKind::OrganisationService {
            put("workspace", WORKSPACES[place.workspace].1.into());
        }
        if place.kind == KeyKind::WorkspaceUser {
            put("user", USERS[place.user].0.into());
        }
        if draft.automatic {
            put("creation_mode", "auto".into());
        }
        if let Some(description) = self.description() {
            put("description", description.into());
        }
        Value::Object(key)
    }

    fn description(&self) -> Option<String> {
        let short = &self.id[..8];
        let workspace = (self.place.kind != KeyKind::OrganisationService)
            .then(|| WorkspaceId::new(WORKSPACES[self.place.workspace].2));
        let user = (self.place.kind == KeyKind::WorkspaceUser).then(|| UserId::new(USERS[self.place.user].1));
        let at = address_hash(self.place.kind, workspace.as_ref(), user.as_ref(), &self.name_in_file());
        let ours = format!("[portkey-sync by={OWNER} id={short} at={at}");
        let mark = match self.mark {
            MarkShape::None => return self.draft.text.clone(),
            MarkShape::Ours => format!("{ours}]"),
            MarkShape::OursKeep => format!("{ours} keep]"),
            MarkShape::OursDelivered => format!("{ours} secret=ab.xyz@20261122T1004Z to=3f29a1]"),
            MarkShape::OursWithNews => format!("{ours} colour=blue]"),
            MarkShape::OursInTheMiddle => format!("{ours}], said somebody"),
            MarkShape::Stranger => format!("[portkey-sync by=security id={short}]"),
            MarkShape::Copied => format!("[portkey-sync by={OWNER} id=ffffffff at={at}]"),
            MarkShape::InFlight => "[portkey-sync new=abcdefghijkm]".to_owned(),
            MarkShape::NobodysKeep => format!("[portkey-sync id={short} keep]"),
        };
        let text =
            self.draft.text.as_deref().filter(|text| text.chars().count() + mark.chars().count() < 200);
        Some(match text {
            Some(text) if !text.is_empty() => format!("{text} {mark}"),
            _ => mark,
        })
    }
}

impl Place {
    /// The fields that say which key is meant.
    fn entry(self, name: &str, written: usize) -> Map<String, Value> {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), name.into());
        entry.insert("type".to_owned(), self.kind.as_str().into());
        if self.kind != KeyKind::OrganisationService {
            let (_, slug, id) = WORKSPACES[self.workspace];
            entry.insert("workspace_id".to_owned(), if written == 0 { id } else { slug }.into());
        }
        if self.kind == KeyKind::WorkspaceUser {
            let (email, id) = USERS[self.user];
            entry.insert("user_id".to_owned(), if written == 1 { id } else { email }.into());
        }
        entry
    }
}

impl Spec {
    /// What the live key has already.
    fn agreeing_with(self, live: &Map<String, Value>) -> Self {
        let is_managed = |name: &str| !matches!(name, "scopes" | "usage" | "last_reset_at" | "metadata");
        let mut fields: Map<_, _> = live.clone().into_iter().filter(|(name, _)| is_managed(name)).collect();
        fields.extend(self.fields.into_iter().filter(|(name, _)| name == "usage_reset_after"));
        let scopes = live["scopes"].as_array().into_iter().flatten().rev().map(text).collect();
        Self { scopes, fields, protected: None, manages_scopes: self.manages_scopes, names: self.names }
    }

    fn entry(&self, place: Place, name: &str, manages_scopes: bool) -> Map<String, Value> {
        let mut entry = place.entry(name, self.names);
        if manages_scopes {
            entry.insert("scopes".to_owned(), json!(self.scopes));
        }
        if let Some(protected) = self.protected {
            entry.insert("protected".to_owned(), protected.into());
        }
        entry.extend(self.fields.clone());
        entry
    }
}

/// Maps and the lists without a meaning to their order, in an order that depends on the number alone.
fn arranged(value: Value, shuffle: u64, is_set: bool) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.into_iter().collect();
            fields.sort_by_key(|(name, _)| hash(shuffle, name));
            let arrange = |(name, value): (String, Value)| {
                let is_set = matches!(name.as_str(), "keys" | "rate_limits" | "alert_emails");
                let value = arranged(value, shuffle, is_set);
                (name, value)
            };
            Value::Object(fields.into_iter().map(arrange).collect())
        }
        Value::Array(mut items) => {
            if is_set {
                items.sort_by_key(|item| hash(shuffle, &item.to_string()));
            }
            items.into_iter().map(|item| arranged(item, shuffle, false)).collect()
        }
        other => other,
    }
}

/// YAML in block style, with every way to write text.
fn block(value: &Value, indent: &str) -> String {
    let deeper = format!("{indent}  ");
    let item = |head: &str, value: &Value| match value {
        Value::Object(map) if !map.is_empty() => format!("{head}\n{}", block(value, &deeper)),
        Value::Array(items) if !items.is_empty() => format!("{head}\n{}", block(value, &deeper)),
        Value::String(text) => format!("{head} {}\n", scalar(text)),
        other => format!("{head} {other}\n"),
    };
    match value {
        Value::Object(map) => {
            map.iter().map(|(name, value)| item(&format!("{indent}{}:", scalar(name)), value)).collect()
        }
        Value::Array(items) => items.iter().map(|value| item(&format!("{indent}-"), value)).collect(),
        other => other.to_string(),
    }
}

/// Plain where nobody could misread it, else in one of the two kinds of quotes.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./ ".contains(c);
    let word = |text: &str| matches!(text, "yes" | "no" | "null");
    if text.starts_with(char::is_alphabetic) && text.chars().all(plain) && !text.ends_with(' ') && !word(text)
    {
        return text.to_owned();
    }
    let one_line = !text.contains(char::is_control);
    if one_line && hash(0, text).is_multiple_of(2) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        json!(text).to_string()
    }
}

fn hash(shuffle: u64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (shuffle, text).hash(&mut hasher);
    hasher.finish()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
