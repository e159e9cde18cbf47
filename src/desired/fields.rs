//! The one table of fields: drives the checks, near misses and the JSON Schema.
//!
//! Invariant: constant data. What a field means to a key is decided in `lower`.

use super::formats::Format;
use super::rules::POLICY;
use super::sink_fields::{ESCROW, SINK};

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// Text of some format, never empty.
    Text(Format),
    /// A whole number within bounds.
    Integer(u64, u64),
    /// A number of dollars or tokens, at least 1.
    Amount,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// RFC 3339 or a bare date.
    Instant,
    /// `30m`, `24h`, `90d`.
    Duration,
    /// A list.
    List(&'static Shape),
    /// A list, or one item of it.
    OneOrMore(&'static Shape),
    /// A map with known fields.
    Fields(&'static Table),
    /// A map from names of a format to values.
    MapOf(Format, &'static Shape),
    /// Or `null`.
    OrNull(&'static Shape),
    /// One of these words, or a map with known fields.
    WordOr(&'static [&'static str], &'static Table),
    /// The list of keys, checked one by one.
    Keys,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// For people: the manual that an editor shows on hover.
    pub(super) doc: &'static str,
    pub(super) required: bool,
    /// Whether `defaults` and templates may hold it.
    pub(super) heritable: bool,
    /// JSON, or empty.
    pub(super) example: &'static str,
}

/// The fields of a map.
#[derive(Debug)]
pub(super) struct Table {
    /// With an article, for messages.
    pub(super) what: &'static str,
    pub(super) fields: &'static [Field],
    /// Only the heritable ones of them.
    pub(super) heritable_only: bool,
    /// At most one of each pair; an own one drops an inherited other.
    pub(super) exclusive: &'static [(&'static str, &'static str)],
    /// Fields that people write here and what to write instead.
    pub(super) instead: &'static [(&'static str, &'static str)],
}

impl Table {
    /// The fields that may stand in this map.
    pub(super) fn allowed(&self) -> impl Iterator<Item = &'static Field> {
        let heritable_only = self.heritable_only;
        self.fields.iter().filter(move |field| field.heritable || !heritable_only)
    }

    /// The field of this name, whether or not it may stand here.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

pub(super) const fn field(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, shape, doc, required: false, heritable: false, example: "" }
}

impl Field {
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn heritable(self) -> Self {
        Self { heritable: true, ..self }
    }

    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}

use Shape::{Choice, Duration, Fields, Instant, Integer, List, MapOf, OneOrMore, OrNull, Text};

/// The types of keys.
pub(super) const KINDS: &[&str] = &["workspace-service", "workspace-user", "organisation-service"];

/// The top of a root file.
pub(super) static ROOT: Table = Table {
    what: "a keys file",
    heritable_only: false,
    exclusive: &[],
    instead: &[
        ("organization", "write `organisation`"),
        ("organisation_id", "write `organisation`"),
        ("api_keys", "write `keys`"),
        ("includes", "write `include`"),
        ("template", "write `templates`"),
        ("default", "write `defaults`"),
    ],
    fields: &[
        field("version", Integer(1, 1), "The version of this format: 1. It must stand in one root file."),
        field(
            "organisation",
            Text(Format::Id),
            "A fence: the id of the only organisation that these files are for. A plan for any other is refused. Left out: any.",
        )
        .example("\"a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d\""),
        field(
            "managed_by",
            Text(Format::Owner),
            "Marks managed keys as ours, at the end of their descriptions, so that several teams can share an organisation and `--prune` knows what it may delete. One word. Left out: nothing is marked, and `--prune` is refused.",
        )
        .example("\"platform\""),
        field(
            "workspaces",
            MapOf(Format::Alias, &Text(Format::Workspace)),
            "Readable names for the slugs or UUIDs of workspaces. Keys name them in `workspace_id`, and addresses start with them.",
        )
        .example("{\"payments\": \"ws-prod-1a2b3c\"}"),
        field(
            "scope_sets",
            MapOf(Format::Alias, &List(&Text(Format::Scope))),
            "Named lists of scopes. Where a key lists its scopes, a name without a dot stands for a set.",
        )
        .example("{\"inference\": [\"completions.write\", \"prompts.render\"]}"),
        field(
            "known_scopes",
            List(&Text(Format::Scope)),
            "Scopes that are newer than the built-in list. Any other unknown scope is an error, because it is most likely a typing mistake.",
        )
        .example("[\"robots.invoke\"]"),
        field(
            "sinks",
            MapOf(Format::Alias, &Fields(&SINK)),
            "Where new secrets go, by name. Keys name them in `secret: {deliver_to: […]}`.",
        )
        .example("{\"dir\": {\"file\": \"secrets/{workspace}/{name}\"}}"),
        field(
            "escrow",
            Fields(&ESCROW),
            "How new secrets are kept on this machine until they are delivered. Left out: as plain text in a private folder.",
        )
        .example("{\"age\": [\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]}"),
        field(
            "include",
            List(&Fields(&INCLUDE)),
            "Other files with keys, as for teams that own theirs. Each entry is also a fence on what its files may hold.",
        )
        .example("[{\"files\": \"teams/payments/*.yaml\", \"workspaces\": [\"payments\"]}]"),
        field(
            "templates",
            MapOf(Format::Alias, &Fields(&TEMPLATE)),
            "Named sets of fields. A key takes one with `template: NAME`; its own fields win, maps merge field by field, lists replace.",
        )
        .example("{\"service\": {\"scopes\": [\"completions.write\"], \"expires_at\": \"2027-06-30\"}}"),
        field(
            "defaults",
            Fields(&DEFAULTS),
            "Fields for every key of this file and of the files that it includes. Templates and keys win over them; a key opts out of one with `unmanaged`.",
        )
        .example("{\"alert_emails\": [\"platform@example.com\"]}"),
        field("keys", Shape::Keys, "The keys. `[]` says that there are none. A live key that is not here is never changed, unless `--prune` asks for it."),
        field(
            "policy",
            Fields(&POLICY),
            "Rules about keys, in force for all files together with those of `--policy FILE`.",
        )
        .example("{\"use\": [\"recommended\"], \"rules\": {\"expiry-within\": {\"longest\": \"365d\"}}}"),
    ],
};

/// The top of an included file: the same table, so that a misplaced field is told from an unknown one.
pub(super) const INCLUDED_FIELDS: &[&str] = &["defaults", "templates", "keys"];

static INCLUDE: Table = Table {
    what: "an entry of `include`",
    heritable_only: false,
    exclusive: &[],
    instead: &[
        ("file", "write `files`"),
        ("path", "write `files`"),
        ("workspace", "write `workspaces`"),
        ("type", "write `types`"),
    ],
    fields: &[
        field(
            "files",
            OneOrMore(&Text(Format::Any)),
            "Files beneath the folder of the root file, or patterns such as `teams/*.yaml`. They hold `defaults`, `templates` and `keys`. A pattern that matches nothing is an error.",
        )
        .required()
        .example("\"teams/payments/*.yaml\""),
        field(
            "workspaces",
            List(&Text(Format::Workspace)),
            "A fence: the only workspaces that keys of these files may be in. Left out: any, and organisation keys as well.",
        )
        .example("[\"payments\"]"),
        field(
            "scopes",
            List(&Text(Format::Scope)),
            "A fence: the only scopes that keys of these files may have, sets by name. Left out: any.",
        )
        .example("[\"inference\", \"logs.write\"]"),
        field(
            "types",
            List(&Choice(KINDS)),
            "A fence: the only types that keys of these files may have. Left out: any.",
        ),
    ],
};

static DEFAULTS: Table = Table { what: "`defaults`", heritable_only: true, ..KEY_BASE };
static TEMPLATE: Table = Table { what: "a template", heritable_only: true, ..KEY_BASE };
/// An entry of `keys`.
pub(super) static KEY: Table = KEY_BASE;

const KEY_BASE: Table = Table {
    what: "a key",
    heritable_only: false,
    exclusive: &[("id", "replaces"), ("renamed_from", "replaces")],
    fields: KEY_FIELDS,
    instead: &[
        ("defaults", "write `metadata`, `config_id` and `allow_config_override` directly in the key"),
        ("workspace", "write `workspace_id`"),
        ("workspace_slug", "write `workspace_id`"),
        ("user", "write `user_id`"),
        ("user_email", "write `user_id`"),
        ("email", "write `user_id`"),
        ("scope", "write `scopes`"),
        ("sub_type", "write both parts in `type`, as in `type: workspace-service`"),
        ("sub-type", "write both parts in `type`, as in `type: workspace-service`"),
        ("organisation", "remove it; `organisation` stands at the top of the file"),
        ("organization", "remove it; `organisation` stands at the top of the file"),
        ("organisation_id", "remove it; the fence is `organisation` at the top of the file"),
        ("key", "remove it; Portkey makes the secret, and a file in git must not hold one"),
        ("status", "remove it; Portkey computes it. To end a key, set `expires_at`"),
        ("created_at", "remove it; Portkey computes it"),
        ("last_updated_at", "remove it; Portkey computes it"),
        ("updated_at", "remove it; Portkey computes it"),
        ("creation_mode", "remove it; Portkey computes it"),
        ("last_reset_at", "remove it; Portkey computes it. To reset the usage, write `usage_reset_after`"),
        ("next_usage_reset_at", "remove it; Portkey computes it from `usage_limits`"),
        ("reset_usage", "write `usage_reset_after` with the present time; it acts once"),
        ("expiry_enforced", "remove it; Portkey computes it from `expires_at`"),
        ("api_key_defaults_id", "remove it; Portkey computes it"),
        ("object", "remove it; it is part of the API's answers only"),
        ("rotate_after", "write it in `secret`"),
        ("max_age", "write it in `secret`"),
        ("deliver_to", "write it in `secret`"),
        ("credit_limit", "write it in `usage_limits`"),
        ("alert_threshold", "write it in `usage_limits`"),
        ("rotation_period", "write it in `rotation_policy`"),
        ("tags", "write `metadata`"),
        ("labels", "write `metadata`"),
        ("emails", "write `alert_emails`"),
        ("expiry", "write `expires_at`"),
        ("expires", "write `expires_at`"),
        ("config", "write `config_id`"),
    ],
};

/// What `unmanaged` may name.
const UNMANAGEABLE: &[&str] = &[
    "description",
    "scopes",
    "rate_limits",
    "usage_limits",
    "metadata",
    "config_id",
    "allow_config_override",
    "alert_emails",
    "expires_at",
    "rotation_policy",
    "usage_reset_after",
    "secret",
];

const KEY_FIELDS: &[Field] = &[
    field(
        "name",
        Text(Format::Name),
        "The key's name, 1 to 100 characters. Portkey allows two keys of one name; then each needs its `id`.",
    )
    .required()
    .example("\"checkout\""),
    field(
        "type",
        Choice(KINDS),
        "What the key is for: a program in a workspace (`workspace-service`, the default), a person in a workspace (`workspace-user`, needs `user_id`), or administration of the organisation (`organisation-service`). Cannot be changed later.",
    )
    .heritable()
    .example("\"workspace-service\""),
    field(
        "workspace_id",
        OrNull(&Text(Format::Workspace)),
        "The workspace: a name from `workspaces`, a slug (`ws-…`) or a UUID. Required for workspace keys; organisation keys have none, and `null` drops an inherited one. Cannot be changed later.",
    )
    .heritable()
    .example("\"payments\""),
    field(
        "user_id",
        OrNull(&Text(Format::User)),
        "The owner of a `workspace-user` key: an e-mail address or an id. Other types have none, and `null` drops an inherited one. Cannot be changed later.",
    )
    .heritable()
    .example("\"ann@example.com\""),
    field("template", Text(Format::Alias), "The template whose fields this key takes where it has none of its own; maps merge, lists do not.")
        .example("\"service\""),
    field(
        "id",
        Text(Format::Id),
        "Pins the entry to one live key: settles equal names and survives renames. If no live key has it, the entry is blocked and nothing is created.",
    )
    .example("\"183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2\""),
    field(
        "renamed_from",
        OrNull(&Text(Format::Name)),
        "The former name: finds the key under it, so that a rename keeps its id, secret and usage. `null` says that this is a new key and no rename. Can be taken out once it is applied.",
    )
    .example("\"checkout-old\""),
    field(
        "replaces",
        Text(Format::Id),
        "The id of the live key in whose place this one comes, where `type`, `workspace_id` or `user_id` have to change: this one is created and delivered, and the other is deleted in a run at least the transition later. New id, new secret; the usage history stays with the former key. Remove the field once that is done.",
    )
    .example("\"183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2\""),
    field("absent", Shape::Bool, "`true` deletes the key: a delete that was reviewed. The entry then holds only what identifies the key, and can be taken out once it is applied. Default: `false`."),
    field("protected", Shape::Bool, "`true`: never delete this key, even if its entry goes away; the mark on the key remembers it. To lift it, take this out and apply. Default: `false`."),
    field(
        "description",
        OrNull(&Text(Format::Description)),
        "What the key is for, at most 200 characters with the mark that portkey-sync adds at its end. `null` clears it.",
    )
    .heritable()
    .example("\"Checkout service, production\""),
    field(
        "scopes",
        List(&Text(Format::Scope)),
        "What the key may do: scopes such as `completions.write`, and sets by name. Replaces an inherited list. Required unless the key is pinned by `id`.",
    )
    .heritable()
    .example("[\"inference\", \"logs.write\"]"),
    field(
        "rate_limits",
        OrNull(&List(&Fields(&RATE_LIMIT))),
        "How many requests or tokens per time; at most one limit per type and unit. Replaces an inherited list. `null` or `[]` removes all.",
    )
    .heritable()
    .example("[{\"type\": \"requests\", \"unit\": \"rpm\", \"value\": 100}]"),
    field(
        "usage_limits",
        OrNull(&Fields(&USAGE_LIMITS)),
        "The budget, in US dollars or tokens. Merges into an inherited one; the result is sent whole, and what it does not set is cleared. `null` removes it.",
    )
    .heritable()
    .example("{\"credit_limit\": 500, \"alert_threshold\": 400, \"periodic_reset\": \"monthly\"}"),
    field(
        "metadata",
        OrNull(&MapOf(Format::MetadataName, &OrNull(&Text(Format::MetadataValue)))),
        "Text values that are stamped on the log of every request made with the key. Only the names given here are managed; `name: null` removes one, `metadata: null` removes all. Merges into inherited ones.",
    )
    .heritable()
    .example("{\"team\": \"payments\"}"),
    field(
        "config_id",
        OrNull(&Text(Format::Id)),
        "The routing config that the key is bound to: slug (`pc-…`) or UUID. `null` unbinds. With `allow_config_override: false` requests cannot choose another.",
    )
    .heritable()
    .example("\"pc-routing-9f8e\""),
    field(
        "allow_config_override",
        OrNull(&Shape::Bool),
        "Whether a request may bring a config of its own. `null` means the default, `true`.",
    )
    .heritable()
    .example("false"),
    field(
        "alert_emails",
        OrNull(&List(&Text(Format::Email))),
        "Who gets mail about budgets and rotations. Replaces an inherited list. `null` or `[]`: nobody.",
    )
    .heritable()
    .example("[\"platform@example.com\"]"),
    field(
        "expires_at",
        OrNull(&Instant),
        "When the key stops working: RFC 3339, or a date, which means midnight UTC. `null`: never.",
    )
    .heritable()
    .example("\"2027-06-30T00:00:00Z\""),
    field(
        "rotation_policy",
        OrNull(&Fields(&ROTATION_POLICY)),
        "Portkey's own rotation schedule. The new secrets are shown to nobody, so it suits keys that people read in the console; `secret: {max_age: …}` delivers instead. Merges into an inherited one; `null` removes it.",
    )
    .heritable()
    .example("{\"rotation_period\": \"monthly\", \"key_transition_period\": \"24h\"}"),
    field(
        "unmanaged",
        List(&Choice(UNMANAGEABLE)),
        "Fields that this key does not inherit from `defaults` or its template and whose live values are left alone.",
    )
    .example("[\"alert_emails\"]"),
    field(
        "usage_reset_after",
        OrNull(&Instant),
        "Resets the usage to 0 once, if it was last reset before this time and the time has come. Write the present time to reset now; it can stay in the file.",
    )
    .heritable()
    .example("\"2026-11-22T10:00:00Z\""),
    field(
        "secret",
        OrNull(&Fields(&SECRET)),
        "What happens to the key's secret: where it goes and when it is replaced. Merges into an inherited one; `null` drops it.",
    )
    .heritable()
    .example("{\"deliver_to\": [\"dir\"], \"max_age\": \"90d\", \"transition\": \"24h\"}"),
];

const RATE_LIMIT: Table = Table {
    what: "a rate limit",
    heritable_only: false,
    exclusive: &[],
    instead: &[("limit", "write `value`"), ("period", "write `unit`")],
    fields: &[
        field(
            "type",
            Choice(&["requests", "tokens"]),
            "What is counted: requests, or tokens of prompts and answers together.",
        )
        .required(),
        field(
            "unit",
            Choice(&["rps", "rpm", "rph", "rpd", "rpw"]),
            "Per second, minute, hour, day or week. Gateways before spring 2026 do not know `rpw`.",
        )
        .required(),
        field(
            "value",
            Integer(0, 9_007_199_254_740_991),
            "How many per `unit`, 0 or more. 0 means unlimited at the gateway, not blocked.",
        )
        .required(),
    ],
};

const USAGE_LIMITS: Table = Table {
    what: "`usage_limits`",
    heritable_only: false,
    exclusive: &[("periodic_reset", "periodic_reset_days")],
    instead: &[
        ("next_usage_reset_at", "remove it; Portkey computes it from the reset period"),
        ("current_usage", "remove it; Portkey computes it"),
        ("status", "remove it; Portkey computes it"),
        (
            "last_reset_at",
            "remove it; Portkey computes it. To reset the usage, write `usage_reset_after` in the key",
        ),
        ("reset_usage", "write `usage_reset_after` in the key"),
        ("is_threshold_alerts_sent", "remove it; Portkey computes it"),
        ("is_exhausted_alerts_sent", "remove it; Portkey computes it"),
        ("is_expired_alerts_sent", "remove it; Portkey computes it"),
        ("id", "remove it; Portkey computes it"),
        ("limit", "write `credit_limit`"),
        ("budget", "write `credit_limit`"),
        ("threshold", "write `alert_threshold`"),
    ],
    fields: &[
        field(
            "type",
            OrNull(&Choice(&["cost", "tokens"])),
            "What is counted: US dollars (`cost`) or tokens. `null` or left out: `cost`.",
        ),
        field("credit_limit", OrNull(&Shape::Amount), "The budget per period, in US dollars or tokens as `type` says: at least 1. Requests are refused once it is used up. `null` or left out: no limit.")
            .example("500"),
        field(
            "alert_threshold",
            OrNull(&Shape::Amount),
            "Mail goes to `alert_emails` above this, in the same unit; at least 1, at most `credit_limit`. `null` or left out: no mail.",
        )
        .example("400"),
        field(
            "periodic_reset",
            OrNull(&Choice(&["weekly", "monthly"])),
            "The budget starts anew every week or month. Without it or `periodic_reset_days` it never does. Excludes `periodic_reset_days`.",
        ),
        field(
            "periodic_reset_days",
            OrNull(&Integer(1, 365)),
            "The budget starts anew every so many days, 1 to 365. Excludes `periodic_reset`.",
        )
        .example("30"),
    ],
};

const ROTATION_POLICY: Table = Table {
    what: "`rotation_policy`",
    heritable_only: false,
    exclusive: &[
        ("rotation_period", "rotation_period_days"),
        ("key_transition_period", "key_transition_period_ms"),
    ],
    instead: &[
        ("status", "remove it; Portkey computes it"),
        ("transition", "write `key_transition_period`"),
        ("period", "write `rotation_period`"),
    ],
    fields: &[
        field(
            "rotation_period",
            OrNull(&Choice(&["weekly", "monthly"])),
            "Every Monday, or every first of the month, at 00:00 UTC. Excludes `rotation_period_days` and `next_rotation_at`.",
        ),
        field(
            "rotation_period_days",
            OrNull(&Integer(1, 365)),
            "Every so many days, 1 to 365. Excludes `rotation_period`.",
        ),
        field(
            "next_rotation_at",
            OrNull(&Instant),
            "The next rotation; Portkey moves it to midnight UTC. Compared only while it is in the future. Excludes `rotation_period`.",
        )
        .example("\"2027-01-01\""),
        field(
            "key_transition_period",
            OrNull(&Duration),
            "How long the previous secret lives on: at least 30 minutes (the default), less than the period.",
        )
        .example("\"24h\""),
        field(
            "key_transition_period_ms",
            OrNull(&Integer(0, 31_622_400_000)),
            "The same in milliseconds, as the API has it: at least 1800000. Excludes `key_transition_period`.",
        )
        .example("86400000"),
    ],
};

const SECRET: Table = Table {
    what: "`secret`",
    heritable_only: false,
    exclusive: &[],
    instead: &[
        ("sinks", "write `deliver_to`"),
        ("key_transition_period", "write `transition`"),
        ("value", "remove it; a file in git must not hold a secret"),
    ],
    fields: &[
        field("deliver_to", OrNull(&List(&Text(Format::Alias))), "The sinks that get a new secret, by name. Replaces an inherited list; `null` drops it. A sink added later gets a new secret, because the present one cannot be read.")
            .example("[\"dir\"]"),
        field(
            "transition",
            OrNull(&Duration),
            "How long the previous secret lives on after a rotation: at least `30m`, which is the default.",
        )
        .example("\"24h\""),
        field(
            "rotate_after",
            OrNull(&Instant),
            "Rotates the secret once, if it was issued before this time and the time has come. Write the present time to rotate now; it can stay in the file.",
        )
        .example("\"2026-11-22T10:00:00Z\""),
        field(
            "max_age",
            OrNull(&Duration),
            "Rotates the secret when it is older than this, at the next apply. Longer than the transition. `null` or left out: never for its age.",
        )
        .example("\"90d\""),
        field(
            "delivered",
            OrNull(&Text(Format::Any)),
            "The mask of the secret that the sinks already hold, as Portkey shows it. Answers what a plan asks about a key that was not created here.",
        )
        .example("\"ab*****xyz\""),
        field(
            "first",
            OrNull(&Choice(&["rotate"])),
            "`rotate`: give a key that was not created here a new secret and deliver that. Acts once.",
        )
        .example("\"rotate\""),
        field(
            "until",
            OrNull(&Instant),
            "No rotation before this time: when a transition ends that was begun elsewhere.",
        )
        .example("\"2026-11-23T10:00:00Z\""),
        field(
            "verify",
            OrNull(&Shape::Bool),
            "Whether a new secret is tried on the gateway before it counts as delivered. Not for organisation keys, which cannot call it. Default: `false`, unless `--verify-secrets`.",
        ),
    ],
};
