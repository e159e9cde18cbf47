//! The one table of fields: drives the checks, near misses and the JSON Schema.
//!
//! Invariant: constant data. What a field means to a key is decided in `lower`.

use super::formats::Format;
use super::rules::POLICY;

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
        field("version", Integer(1, 1), "The version of this format: 1."),
        field(
            "organisation",
            Text(Format::Id),
            "A fence: the id of the only organisation that these files are for. Any other is refused.",
        ),
        field(
            "managed_by",
            Text(Format::Owner),
            "Marks managed keys as ours, at the end of their descriptions, so that several teams can share an organisation and `--prune` knows what it may delete. One word.",
        )
        .example("\"platform\""),
        field(
            "workspaces",
            MapOf(Format::Alias, &Text(Format::Workspace)),
            "Readable names for the slugs or UUIDs of workspaces.",
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
            "Scopes that are newer than the built-in list. Any other unknown scope is an error.",
        ),
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
        .example("{\"age\": [\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudwps0cq0h2gvp\"]}"),
        field(
            "include",
            List(&Fields(&INCLUDE)),
            "Other files with keys. Each entry is also a fence on what its files may hold.",
        ),
        field(
            "templates",
            MapOf(Format::Alias, &Fields(&TEMPLATE)),
            "Named sets of fields. A key takes one with `template: NAME`; its own fields win.",
        ),
        field(
            "defaults",
            Fields(&DEFAULTS),
            "Fields for every key of this file and of the files that it includes. Templates and keys win over them.",
        ),
        field("keys", Shape::Keys, "The keys. `[]` says that there are none."),
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

static SINK: Table = Table {
    what: "a sink",
    heritable_only: false,
    exclusive: &[("file", "command"), ("file", "env_file"), ("command", "env_file")],
    instead: &[("path", "write `file`"), ("cmd", "write `command`"), ("exec", "write `command`")],
    fields: &[
        field(
            "file",
            Text(Format::SinkPath),
            "A file beneath the folder of the keys file; it holds the secret and nothing else. `{workspace}`, `{user}`, `{name}` and `{id}` are filled in, each as one component of the path.",
        )
        .example("\"secrets/{workspace}/{name}\""),
        field(
            "command",
            List(&Text(Format::Any)),
            "A program and its arguments; the secret comes on its standard input. No shell is involved, placeholders fill in each argument, and the program runs only if the caller allows it (`--allow-command`).",
        )
        .example("[gh, secret, set, PORTKEY_API_KEY, --repo, \"acme/{name}\"]"),
        field(
            "env",
            List(&Text(Format::Any)),
            "The environment variables that the command may see, besides `PATH` and `HOME`.",
        )
        .example("[GH_TOKEN]"),
        field("timeout", Duration, "How long the command may take; 60 seconds unless said."),
        field(
            "env_file",
            Text(Format::SinkPath),
            "A file of `NAME=value` lines beneath the folder of the keys file, in which one line is replaced or added.",
        ),
        field(
            "variable",
            Text(Format::Any),
            "The name of the line in `env_file`. What placeholders fill in is written in capitals, with `_` for all but letters and digits.",
        )
        .example("\"PORTKEY_{name}\""),
        field(
            "age",
            List(&Text(Format::Any)),
            "Recipients that the `file` is encrypted to: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.",
        ),
    ],
};

static ESCROW: Table = Table {
    what: "`escrow`",
    heritable_only: false,
    exclusive: &[],
    instead: &[("recipients", "write `age`")],
    fields: &[
        field(
            "age",
            List(&Text(Format::Any)),
            "Recipients that secrets in the escrow are encrypted to: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`. A run that dies can then be finished only by one that has such a recipient's private key (`--age-identity`); for the others the escrow is a rescue copy, and the key gets another secret.",
        )
        .required(),
    ],
};

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
        ),
        field(
            "scopes",
            List(&Text(Format::Scope)),
            "A fence: the only scopes that keys of these files may have, sets by name. Left out: any.",
        ),
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
    exclusive: &[],
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
        "What the key is for: a program in a workspace (`workspace-service`, the default), a person in a workspace, or administration of the organisation. Cannot be changed later.",
    )
    .heritable(),
    field(
        "workspace_id",
        OrNull(&Text(Format::Workspace)),
        "The workspace: a name from `workspaces`, a slug (`ws-…`) or a UUID. Required for workspace keys; organisation keys have none, and `null` drops an inherited one. Cannot be changed later.",
    )
    .heritable(),
    field(
        "user_id",
        OrNull(&Text(Format::User)),
        "The owner of a `workspace-user` key: an e-mail address or an id. Cannot be changed later.",
    )
    .heritable(),
    field("template", Text(Format::Alias), "The template whose fields this key takes where it has none of its own."),
    field(
        "id",
        Text(Format::Id),
        "Pins the entry to one live key: settles equal names and survives renames. A key that is not found is an error.",
    ),
    field(
        "renamed_from",
        OrNull(&Text(Format::Name)),
        "The former name: finds the key under it, so that a rename keeps its id, secret and usage. `null` says that this is a new key and no rename.",
    ),
    field(
        "replaces",
        Text(Format::Id),
        "The id of a key that this one replaces. Not supported yet.",
    ),
    field("absent", Shape::Bool, "`true` deletes the key: a delete that was reviewed."),
    field("protected", Shape::Bool, "`true`: never delete this key, even if its entry goes away."),
    field(
        "description",
        OrNull(&Text(Format::Description)),
        "What the key is for, at most 200 characters. `null` clears it.",
    )
    .heritable(),
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
        "How many requests or tokens per time; at most one limit per type and unit. Replaces an inherited list. `null` removes all.",
    )
    .heritable()
    .example("[{\"type\": \"requests\", \"unit\": \"rpm\", \"value\": 100}]"),
    field(
        "usage_limits",
        OrNull(&Fields(&USAGE_LIMITS)),
        "The budget. Merges into an inherited one; the result is sent whole. `null` removes it.",
    )
    .heritable()
    .example("{\"credit_limit\": 500, \"alert_threshold\": 400, \"periodic_reset\": \"monthly\"}"),
    field(
        "metadata",
        OrNull(&MapOf(Format::MetadataName, &OrNull(&Text(Format::MetadataValue)))),
        "Text values that are stamped on every request. Only the names given here are managed; `name: null` removes one, `metadata: null` removes all. Merges into inherited ones.",
    )
    .heritable()
    .example("{\"team\": \"payments\"}"),
    field(
        "config_id",
        OrNull(&Text(Format::Id)),
        "The config that the key is bound to: slug (`pc-…`) or UUID. `null` unbinds.",
    )
    .heritable(),
    field(
        "allow_config_override",
        OrNull(&Shape::Bool),
        "Whether a request may bring a config of its own. `null` means the default, `true`.",
    )
    .heritable(),
    field(
        "alert_emails",
        OrNull(&List(&Text(Format::Email))),
        "Who gets mail about budgets and rotations. Replaces an inherited list. `null` or `[]`: nobody.",
    )
    .heritable(),
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
        "Portkey's own rotation schedule. The new secrets are shown to nobody, so it suits keys that people read in the console. Merges into an inherited one; `null` removes it.",
    )
    .heritable(),
    field(
        "unmanaged",
        List(&Choice(UNMANAGEABLE)),
        "Fields that this key does not inherit and whose live values are left alone.",
    ),
    field(
        "usage_reset_after",
        OrNull(&Instant),
        "Resets the usage to 0 once, if it was last reset before this time and the time has come.",
    )
    .heritable(),
    field(
        "secret",
        OrNull(&Fields(&SECRET)),
        "What happens to the key's secret. Merges into an inherited one.",
    )
    .heritable(),
];

const RATE_LIMIT: Table = Table {
    what: "a rate limit",
    heritable_only: false,
    exclusive: &[],
    instead: &[("limit", "write `value`"), ("period", "write `unit`")],
    fields: &[
        field("type", Choice(&["requests", "tokens"]), "What is counted.").required(),
        field(
            "unit",
            Choice(&["rps", "rpm", "rph", "rpd", "rpw"]),
            "Per second, minute, hour, day or week. Older gateways do not know `rpw`.",
        )
        .required(),
        field("value", Integer(0, 9_007_199_254_740_991), "How many. 0 means unlimited at the gateway.")
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
            "What is counted: US dollars (`cost`, the default) or tokens.",
        ),
        field("credit_limit", OrNull(&Shape::Amount), "The budget, at least 1."),
        field(
            "alert_threshold",
            OrNull(&Shape::Amount),
            "Mail goes out above this; at least 1, at most `credit_limit`.",
        ),
        field(
            "periodic_reset",
            OrNull(&Choice(&["weekly", "monthly"])),
            "The budget starts anew every week or month. Excludes `periodic_reset_days`.",
        ),
        field(
            "periodic_reset_days",
            OrNull(&Integer(1, 365)),
            "The budget starts anew every so many days, 1 to 365. Excludes `periodic_reset`.",
        ),
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
            "The next rotation; Portkey moves it to midnight UTC. Excludes `rotation_period`.",
        ),
        field(
            "key_transition_period",
            OrNull(&Duration),
            "How long the previous secret lives on: at least 30 minutes (the default), less than the period.",
        )
        .example("\"24h\""),
        field(
            "key_transition_period_ms",
            OrNull(&Integer(0, 31_622_400_000)),
            "The same in milliseconds, as the API has it.",
        ),
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
        field("deliver_to", OrNull(&List(&Text(Format::Alias))), "The sinks that get a new secret, by name.")
            .example("[\"dir\"]"),
        field(
            "transition",
            OrNull(&Duration),
            "How long the previous secret lives on after a rotation: at least 30 minutes, which is the default.",
        ),
        field(
            "rotate_after",
            OrNull(&Instant),
            "Rotates the secret once, if it was issued before this time and the time has come.",
        ),
        field(
            "max_age",
            OrNull(&Duration),
            "Rotates the secret when it is older than this. Longer than the transition.",
        ),
        field(
            "delivered",
            OrNull(&Text(Format::Any)),
            "The mask of the secret that the sinks already hold, as Portkey shows it: `ab*****xyz`. Answers what a plan asks about a key that was not created here.",
        ),
        field(
            "first",
            OrNull(&Choice(&["rotate"])),
            "`rotate`: give a key that was not created here a new secret and deliver that.",
        ),
        field(
            "until",
            OrNull(&Instant),
            "No rotation before this time: when a transition ends that was begun elsewhere.",
        ),
        field(
            "verify",
            OrNull(&Shape::Bool),
            "Whether a new secret is tried on the gateway before it counts as delivered.",
        ),
    ],
};
