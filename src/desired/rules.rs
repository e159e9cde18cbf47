//! The one table of policy rules: what each demands, its settings, examples and remedy. Drives the reading
//! of `policy:`, the JSON Schema, the manual and `explain`.
//!
//! An id is stable: it may be retired, never given another meaning. Invariant: constant data. Whether a key
//! keeps a rule is decided in `policy`.

use super::formats::Format;
use super::key_fields::KINDS;
use super::table::Shape::{Choice, Duration, Fields, Instant, Integer, List, Text, WordOr};
use super::table::{Field, Table, field};

/// What people can look up about a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// Which rule.
    pub id: RuleId,
    /// As the file writes it: `expiry-required`.
    pub name: &'static str,
    /// The code of its findings: `policy-expiry-required`.
    pub code: &'static str,
    /// What it demands, and what counts where the file leaves a field out.
    pub meaning: &'static str,
    /// The rule as one writes it beneath `rules:`.
    pub example: &'static str,
    /// A key that breaks the example.
    pub failing: &'static str,
    /// A key that keeps it.
    pub passing: &'static str,
    /// What to do.
    pub remedy: &'static str,
    fields: &'static [Field],
}

impl RuleInfo {
    /// The settings that this rule has besides those of every rule: name and meaning.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.fields.iter().skip(ANY_RULE.len()).map(|field| (field.name, field.doc))
    }
}

/// Every rule, sorted by name.
pub fn rules() -> &'static [RuleInfo] {
    INFOS
}

/// The rule of this name, or the one that a code like `policy-expiry-required` belongs to.
pub fn explain_rule(name: &str) -> Option<&'static RuleInfo> {
    INFOS.iter().find(|rule| rule.name == name || rule.code == name)
}

/// A set of rules with settings, chosen by `use:`.
#[derive(Clone, Copy, Debug)]
pub struct RuleSet {
    /// As `use:` names it.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// What it stands for, as it could be written beneath `rules:`.
    pub rules: &'static str,
}

/// The built-in sets, the stricter ones later.
pub const RULE_SETS: [RuleSet; 2] = [
    RuleSet {
        name: "recommended",
        meaning: "What most organisations want to know about; only what is certainly a mistake is an error.",
        rules: r"description-pattern: {severity: warning, pattern: '\S'}
expiry-required: {severity: warning, types: [workspace-user]}
limits-required: warning
mints-keys-only: warning
no-unlimited: error
",
    },
    RuleSet {
        name: "strict",
        meaning: "Every key ends, every secret is replaced, every budget has a limit and a reader.",
        rules: r"alert-email-required: error
description-pattern: {severity: error, pattern: '\S'}
expiry-required: error
expiry-within: {severity: error, longest: 366d}
limits-required: {severity: error, limits: budget}
mints-keys-only: error
no-unlimited: error
secret-age: {severity: error, longest: 90d}
",
    },
];

const SET_NAMES: &[&str] = &["recommended", "strict"];
const LEVELS: &[&str] = &["error", "warning", "off"];

const SEVERITY: Field = field(
    "severity",
    Choice(LEVELS),
    "`error` (the default) fails `validate` and makes `plan` and `apply` refuse; `warning` is shown; `off` drops a rule of a set.",
);
const TYPES: Field = field("types", List(&Choice(KINDS)), "Only keys of these types. Left out: all.");
const WORKSPACES: Field = field(
    "workspaces",
    List(&Text(Format::Workspace)),
    "Only keys in these workspaces: names from `workspaces`, slugs, UUIDs, or patterns of slugs such as `ws-prod-*`. Left out: all, and organisation keys as well.",
)
.example("[\"ws-prod-*\"]");

/// The settings of every rule.
pub(super) const ANY_RULE: &[Field] = &[SEVERITY, TYPES, WORKSPACES];
const LONGEST: &[Field] = &[
    SEVERITY,
    TYPES,
    WORKSPACES,
    field("longest", Duration, "The longest that is allowed. Required.").example("\"365d\""),
];
const LIMITS: &[Field] = &[
    SEVERITY,
    TYPES,
    WORKSPACES,
    field(
        "limits",
        Choice(&["either", "budget", "rate", "both"]),
        "What is needed: a budget (`usage_limits` with a `credit_limit`), a rate limit above 0, `both`, or `either`, which is the default.",
    ),
];
const PATTERN: &[Field] = &[
    SEVERITY,
    TYPES,
    WORKSPACES,
    field(
        "pattern",
        Text(Format::Any),
        "A regular expression that must match somewhere in the text; `^` and `$` tie it to the ends. Required.",
    )
    .example("\"^[a-z-]+$\""),
];
const SCOPES: &[Field] = &[
    SEVERITY,
    TYPES,
    WORKSPACES,
    field(
        "scopes",
        List(&Text(Format::Scope)),
        "The forbidden scopes, or patterns of them such as `*_api_keys.*`. Required.",
    )
    .example("[\"logs.export\", \"*_api_keys.*\"]"),
];
const KEYS: &[Field] = &[
    SEVERITY,
    TYPES,
    WORKSPACES,
    field(
        "keys",
        List(&Text(Format::Any)),
        "The keys that may, by address; `*` stands for anything but a slash. Left out: none.",
    )
    .example("[\"organisation/ci\"]"),
];

macro_rules! table {
    ($($variant:ident = $name:literal, $settings:ident, $meaning:literal, $example:literal, $failing:literal, $passing:literal, $remedy:literal;)+) => {
        /// Which rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RuleId {
            $(#[doc = $meaning] $variant,)+
        }

        impl RuleId {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that the file has for it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The code of its findings.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => concat!("policy-", $name)),+ }
            }

            /// The rule as one writes it.
            pub fn example(self) -> &'static str {
                match self { $(Self::$variant => $example),+ }
            }

            /// The rule of this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }

        const INFOS: &[RuleInfo] = &[$(RuleInfo {
            id: RuleId::$variant,
            name: $name,
            code: concat!("policy-", $name),
            meaning: $meaning,
            example: $example,
            failing: $failing,
            passing: $passing,
            remedy: $remedy,
            fields: $settings,
        }),+];

        const NAMES: &[&str] = &[$($name),+];

        /// What stands beneath `rules:`.
        pub(super) static RULES: Table = Table {
            what: "`rules`",
            heritable_only: false,
            exclusive: &[],
            instead: &[],
            fields: &[$(field(
                $name,
                WordOr(LEVELS, &Table {
                    what: concat!("`", $name, "`"),
                    heritable_only: false,
                    exclusive: &[],
                    instead: &[("level", "write `severity`"), ("type", "write `types`"), ("workspace", "write `workspaces`")],
                    fields: $settings,
                }),
                $meaning,
            )),+],
        };
    };
}

table! {
    AlertEmailRequired = "alert-email-required", ANY_RULE,
        "Somebody gets mail about the key's budget and rotations: `alert_emails` is not empty. Left out counts as nobody.",
        "alert-email-required: error",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], alert_emails: []}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], alert_emails: [ops@example.com]}",
        "Write `alert_emails: [...]` in the key, its template or the defaults.";
    DescriptionPattern = "description-pattern", PATTERN,
        "The description matches a pattern. A description that is empty or left out does not.",
        "description-pattern: {pattern: '^[A-Z].{10,}'}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], description: todo}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], description: Checkout service in production}",
        "Write a `description` that matches.";
    ExpiryRequired = "expiry-required", ANY_RULE,
        "The key ends: `expires_at` is a time. `null` counts as never, and so does a key whose `expires_at` is left out.",
        "expiry-required: {severity: error, types: [workspace-user]}",
        "{name: notebook, type: workspace-user, user_id: ann@example.com, workspace_id: payments, scopes: [completions.write]}",
        "{name: notebook, type: workspace-user, user_id: ann@example.com, workspace_id: payments, scopes: [completions.write], expires_at: 2027-03-01}",
        "Write `expires_at` in the key.";
    ExpiryWithin = "expiry-within", LONGEST,
        "The key ends within so long from now. A key that never ends, or whose `expires_at` is left out, does not.",
        "expiry-within: {longest: 365d}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], expires_at: 2029-01-01}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], expires_at: 2027-03-01}",
        "Let `expires_at` be sooner, and extend it when the time comes.";
    LimitsRequired = "limits-required", LIMITS,
        "The key has a budget or a rate limit. A limit that is left out, removed or 0 is none. Unless `types` says otherwise this is for keys of workspaces: organisation keys call no models.",
        "limits-required: {limits: budget}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], rate_limits: [{type: requests, unit: rpm, value: 60}]}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], usage_limits: {credit_limit: 500}}",
        "Write `usage_limits` or `rate_limits`.";
    MintsKeysOnly = "mints-keys-only", KEYS,
        "Only the listed keys may have a scope that makes, changes or rotates keys, because whoever has one has all scopes. Scopes that are left out give nothing, and are allowed.",
        "mints-keys-only: {keys: [organisation/ci]}",
        "{name: deputy, type: organisation-service, scopes: [workspace_service_api_keys.create]}",
        "{name: ci, type: organisation-service, scopes: [workspace_service_api_keys.create]}",
        "Remove the scope, or have the key listed in the rule's `keys`.";
    NamePattern = "name-pattern", PATTERN,
        "The name matches a pattern.",
        "name-pattern: {pattern: '^[a-z][a-z0-9-]*$'}",
        "{name: My Key, workspace_id: payments, scopes: [completions.write]}",
        "{name: checkout-eu, workspace_id: payments, scopes: [completions.write]}",
        "Rename the key; `renamed_from` keeps its id and its secret.";
    NoUnlimited = "no-unlimited", ANY_RULE,
        "No rate limit is 0, which looks like a limit and means unlimited. Rate limits that are left out are allowed.",
        "no-unlimited: error",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], rate_limits: [{type: requests, unit: rpm, value: 0}]}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], rate_limits: [{type: requests, unit: rpm, value: 60}]}",
        "Write a limit above 0, or remove the entry.";
    ScopesForbidden = "scopes-forbidden", SCOPES,
        "No key has one of these scopes. Scopes that are left out give nothing, and are allowed.",
        "scopes-forbidden: {scopes: [logs.export, '*_api_keys.*'], types: [workspace-service]}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write, logs.export]}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write, logs.write]}",
        "Remove the scope from the key, or from the set or template that it comes with.";
    SecretAge = "secret-age", LONGEST,
        "The secret is replaced before it is so old: by `secret: {max_age}` with a sink, or by the period of `rotation_policy`. Left out counts as never, and so does what is held up for longer: by `until`, `next_rotation_at` or `transition`.",
        "secret-age: {longest: 90d}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], secret: {max_age: 180d, deliver_to: [dir]}}",
        "{name: checkout, workspace_id: payments, scopes: [completions.write], secret: {max_age: 30d, deliver_to: [dir]}}",
        "Write `secret: {max_age: 90d, deliver_to: [...]}`, or a shorter age.";
}

/// An entry of `waivers`.
pub(super) const WAIVER: Table = Table {
    what: "a waiver",
    heritable_only: false,
    exclusive: &[],
    instead: &[
        ("expires", "write `until`"),
        ("expires_at", "write `until`"),
        ("rules", "write `rule`, and one waiver for each"),
        ("keys", "write `key`, and one waiver for each"),
        ("address", "write `key`"),
        ("why", "write `reason`"),
    ],
    fields: &[
        field("rule", Choice(NAMES), "The rule that is waived.").required(),
        field("key", Text(Format::Any), "The whole address of the key, as plans show it.")
            .required()
            .example("\"payments/checkout\""),
        field("reason", Text(Format::Any), "Why; for whoever reads it when it ends.").required(),
        field(
            "until",
            Instant,
            "When the waiver ends: at that instant, a bare date at its midnight UTC. At most 366 days ahead; an ended waiver is an error.",
        )
        .required()
        .example("\"2027-03-01\""),
    ],
};

const USE: Field = field(
    "use",
    List(&Choice(SET_NAMES)),
    "Built-in sets of rules; of several, the last has the say. `rules` overrides them setting by setting.",
);
const RULES_FIELD: Field = field("rules", Fields(&RULES), "Rules by name: a severity, or a map of settings.");
const WAIVERS: Field = field(
    "waivers",
    List(&Fields(&WAIVER)),
    "Exceptions: one key from one rule of this policy, with a reason and an end.",
);

/// `policy:` in a root file.
pub(super) static POLICY: Table = Table {
    what: "`policy`",
    heritable_only: false,
    exclusive: &[],
    instead: &[("sets", "write `use`"), ("extends", "write `use`"), ("exceptions", "write `waivers`")],
    fields: &[USE, RULES_FIELD, WAIVERS],
};

/// The file that `--policy` names: the same map at its top.
pub(super) static POLICY_FILE: Table = Table {
    what: "a policy file",
    heritable_only: false,
    exclusive: &[],
    instead: &[
        ("policy", "write what stands in it at the top of the file"),
        ("keys", "remove it; keys stand in keys files"),
    ],
    fields: &[
        field("version", Integer(1, 1), "The version of this format: 1.").required(),
        USE,
        RULES_FIELD,
        WAIVERS,
    ],
};
