//! Every diagnostic code with what it means: one table for the checks, `explain` and the manual.
//!
//! A code is stable: it may be retired, never given another meaning.

/// What people can look up about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code, as in `scope-not-for-type`.
    pub code: &'static str,
    /// What is wrong.
    pub meaning: &'static str,
    /// A line of a keys file that gets it.
    pub example: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The explanation of a code.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code == code)
}

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal, $example:literal, $remedy:literal;)+) => {
        $(pub(crate) const $name: &str = $code;)+

        /// Every code, sorted.
        pub const EXPLANATIONS: &[Explanation] = &[
            $(Explanation { code: $code, meaning: $meaning, example: $example, remedy: $remedy }),+
        ];
    };
}

codes! {
    ABSENT_MANAGES = "absent-manages",
        "An entry with `absent: true` also sets fields, which a deleted key cannot have.",
        "{name: spike, absent: true, scopes: [logs.view]}",
        "Keep `name`, `type`, `workspace_id`, `user_id` and `id`; remove the rest.";
    ABSENT_PROTECTED = "absent-protected",
        "An entry asks for its key to be deleted and to be protected from deletion.",
        "{name: spike, absent: true, protected: true}",
        "Remove one of the two.";
    ALERT_ABOVE_LIMIT = "alert-above-limit",
        "`alert_threshold` is above `credit_limit`, so the alert would never be sent. The values may come from two places.",
        "usage_limits: {credit_limit: 100, alert_threshold: 200}",
        "Lower the threshold or raise the limit.";
    ALERT_WITHOUT_LIMIT = "alert-without-limit",
        "`alert_threshold` is set, but there is no `credit_limit` that it could warn about.",
        "usage_limits: {alert_threshold: 200}",
        "Add `credit_limit`, or remove the threshold.";
    AMBIGUOUS_SCALAR = "ambiguous-scalar",
        "An unquoted value means different things to different YAML tools: `no`, `on`, `012`, `1_000`, `1:30`, `.inf`.",
        "name: no",
        "Put text in quotes; write numbers in plain decimal digits and booleans as `true` or `false`.";
    CONFLICTING_DEFINITIONS = "conflicting-definitions",
        "Two files, or two places, define the same thing.",
        "managed_by: platform   # and in the other file: managed_by: security",
        "Keep one of the definitions.";
    DUPLICATE_ADDRESS = "duplicate-address",
        "Two entries have one address, so nobody can tell which live key each means.",
        "keys: [{name: ci, …}, {name: ci, …}]",
        "Rename or remove one. If there really are two keys of that name, pin each with its `id`.";
    DUPLICATE_ID = "duplicate-id",
        "Two entries are pinned to the same key.",
        "keys: [{name: a, id: 183f…}, {name: b, id: 183f…}]",
        "Remove one of the entries or correct its `id`.";
    DUPLICATE_RATE_LIMIT = "duplicate-rate-limit",
        "Two rate limits count the same thing in the same window; the gateway would use only one.",
        "rate_limits: [{type: requests, unit: rpm, value: 1}, {type: requests, unit: rpm, value: 2}]",
        "Keep one of them.";
    DUPLICATE_SCOPE = "duplicate-scope",
        "Warning: a scope or a set is listed twice in one list.",
        "scopes: [logs.view, logs.view]",
        "Remove one of them.";
    DUPLICATE_YAML_KEY = "duplicate-yaml-key",
        "A map has the same field twice. Most YAML tools would silently take the last.",
        "{name: a, name: b}",
        "Remove one of them.";
    EMPTY_FILE = "empty-file",
        "A file holds nothing. An empty file never means that there are no keys.",
        "",
        "Write `version: 1` and `keys: []` if there are really no keys.";
    EMPTY_ROTATION_POLICY = "empty-rotation-policy",
        "`rotation_policy` says neither how often nor when to rotate.",
        "rotation_policy: {key_transition_period: 24h}",
        "Add `rotation_period`, `rotation_period_days` or `next_rotation_at`; or write `rotation_policy: null`.";
    EMPTY_SCOPES = "empty-scopes",
        "A list of scopes is empty, and Portkey refuses a key without scopes.",
        "scopes: []",
        "List at least one scope.";
    EXCLUSIVE_FIELDS = "exclusive-fields",
        "Two fields that exclude each other are both set.",
        "usage_limits: {credit_limit: 5, periodic_reset: weekly, periodic_reset_days: 7}",
        "Keep one of them.";
    FILE_TWICE = "file-twice",
        "A file is read twice: given twice, given and included, or included by two entries.",
        "include: [{files: \"teams/*.yaml\"}, {files: teams/payments.yaml}]",
        "Make the patterns disjoint.";
    INCLUDE_NOTHING = "include-nothing",
        "An `include` pattern matches no file. A typing mistake must not make keys disappear.",
        "include: [{files: \"taems/*.yaml\"}]",
        "Correct the pattern or remove the entry.";
    INCLUDE_OUTSIDE = "include-outside",
        "An `include` pattern or the file it finds leads out of the folder of the root file.",
        "include: [{files: ../other/keys.yaml}]",
        "Move the file beneath the root file's folder; no `..`, no absolute path, no link that leads out.";
    INVALID_PATTERN = "invalid-pattern",
        "A policy rule has a pattern that is no regular expression, no pattern of names, or too large.",
        "name-pattern: {pattern: \"[a-z\"}",
        "Correct the pattern. Regular expressions are those of Rust's `regex`: no look-around, no back-references.";
    INVALID_SINK_PATH = "invalid-sink-path",
        "The path of a file sink is not beneath the folder, has an unknown placeholder, or a key's name does not fit into it.",
        "sinks: {dir: {file: \"/etc/{nam}\"}}",
        "Use a relative path without `..`; the placeholders are `{workspace}`, `{user}`, `{name}` and `{id}`.";
    INVALID_VALUE = "invalid-value",
        "A value has the right type, but is none that this field can have.",
        "rate_limits: [{type: requests, unit: rpx, value: 1}]",
        "Write one of the values that the message names.";
    MARK_IN_DESCRIPTION = "mark-in-description",
        "A description holds `[portkey-sync …]`, which is where portkey-sync keeps its own notes on the live key.",
        "description: \"Checkout [portkey-sync by=me]\"",
        "Remove the bracket from the file.";
    MERGE_KEY = "merge-key",
        "YAML merge keys are not supported: tools disagree about them, and templates do the same with better messages.",
        "- {<<: *base, name: ci}",
        "Put the shared fields under `templates:` and write `template: NAME` in the key.";
    MISPLACED_FIELD = "misplaced-field",
        "A known field stands where it has no meaning, as `name` in `defaults` or `sinks` in an included file.",
        "defaults: {name: ci}",
        "Move it to where the message says.";
    MISSING_FIELD = "missing-field",
        "A required field is not there.",
        "keys: [{type: organisation-service}]",
        "Add the field.";
    NO_EFFECT = "no-effect",
        "Warning: a setting has no effect as it stands.",
        "metadata: {}",
        "Do what the message says, or remove the setting.";
    NOT_SUPPORTED_YET = "not-supported-yet",
        "The field belongs to version 1 of the file, but this version of the program cannot do it yet; ignoring it would be worse.",
        "secret: {max_age: 90d}",
        "Remove the field, or use the alternative that the message names.";
    NOT_TEXT = "not-text",
        "The file is not UTF-8 text, or holds NUL characters.",
        "",
        "Save it as UTF-8 without NUL characters.";
    OUTSIDE_FENCE = "outside-fence",
        "A key in an included file is in a workspace, has a scope or is of a type that its `include` entry does not allow.",
        "include: [{files: team.yaml, scopes: [logs.view]}]   # and in it: scopes: [logs.export]",
        "Change the key, or widen the fence in the root file.";
    POLICY_WAIVER_EXPIRED = "policy-waiver-expired",
        "A waiver has ended, and excepts its key no longer.",
        "{rule: expiry-required, key: payments/checkout, reason: vendor, until: 2025-01-01}",
        "Let the key keep the rule and remove the waiver, or give the waiver a new end.";
    POLICY_WAIVER_TOO_LONG = "policy-waiver-too-long",
        "A waiver ends more than 366 days from now, and so is none: nobody would look at it again.",
        "{rule: expiry-required, key: payments/checkout, reason: vendor, until: 2099-01-01}",
        "Let it end sooner, and extend it when the time comes.";
    POLICY_WAIVER_UNUSED = "policy-waiver-unused",
        "Warning: a waiver excepts nothing: its key is in no file, or keeps the rule, or the rule is not in force.",
        "{rule: expiry-required, key: payments/checkotu, reason: vendor, until: 2027-03-01}",
        "Remove the waiver or correct its `key`. A rule of the policy file can be waived in that file only.";
    ROTATION_CONFLICT = "rotation-conflict",
        "`rotation_period` and `next_rotation_at` are both set; Portkey's documents contradict each other on what that does.",
        "rotation_policy: {rotation_period: weekly, next_rotation_at: 2027-01-01}",
        "Keep one of them; write `null` for an inherited one.";
    ROTATION_TRANSITION = "rotation-transition",
        "The transition is shorter than 30 minutes, or not shorter than the time between two rotations.",
        "rotation_policy: {rotation_period: weekly, key_transition_period: 7d}",
        "Choose a transition of at least 30 minutes that ends before the next rotation.";
    ROTATION_UNDELIVERED = "rotation-undelivered",
        "Portkey's own rotation shows the new secret to nobody. Beside `deliver_to` it is an error, because the stored secret would go stale; on a service key alone it is a warning.",
        "{rotation_policy: {rotation_period: weekly}, secret: {deliver_to: [vault]}}",
        "Remove `rotation_policy` or `deliver_to`.";
    SAME_TARGET = "same-target",
        "Two keys, or two sinks of one key, deliver into the same file, so one secret would overwrite the other.",
        "sinks: {dir: {file: secrets/key}}",
        "Use placeholders that tell them apart, as in `secrets/{workspace}/{name}`.";
    SCOPE_NOT_FOR_TYPE = "scope-not-for-type",
        "A key of this type cannot hold the scope. Either may be inherited.",
        "{type: organisation-service, scopes: [completions.write]}",
        "Change the type or remove the scope.";
    SEVERAL_DOCUMENTS = "several-documents",
        "The file has more than one YAML document.",
        "---",
        "Put each document into a file of its own.";
    TOO_COMPLEX = "too-complex",
        "The file has too many values, or anchors and aliases that multiply them.",
        "b: [*a, *a, *a, *a, *a, *a, *a, *a, *a]",
        "Use `templates`, `defaults` and `scope_sets` instead of anchors; split very large files.";
    TOO_DEEP = "too-deep",
        "Lists and maps are nested more than 64 levels deep.",
        "[[[[[[[[…",
        "A keys file needs seven levels; check the brackets.";
    TOO_LARGE = "too-large",
        "The files together hold more than 64 MiB.",
        "",
        "Split the organisation's keys over several runs.";
    TOO_MANY_ERRORS = "too-many-errors",
        "There are a thousand errors or more; reading stopped there.",
        "",
        "Correct the ones that are shown, then look again.";
    UNKNOWN_FIELD = "unknown-field",
        "There is no such field here.",
        "{name: ci, scope: [logs.view]}",
        "Correct the spelling; `docs/keys.schema.json` lists all fields.";
    UNKNOWN_SCOPE = "unknown-scope",
        "No scope of this name is known.",
        "scopes: [logs.veiw]",
        "Correct the spelling; if Portkey has a newer scope, add it to `known_scopes`.";
    UNKNOWN_SCOPE_SET = "unknown-scope-set",
        "A scope without a dot names a set, and there is no set of this name.",
        "scopes: [inferense]",
        "Correct the spelling or define the set under `scope_sets`.";
    UNKNOWN_SINK = "unknown-sink",
        "`deliver_to` names a sink that is not declared.",
        "secret: {deliver_to: [valt]}",
        "Correct the spelling or declare the sink under `sinks` in the root file.";
    UNKNOWN_TEMPLATE = "unknown-template",
        "There is no template of this name.",
        "{name: ci, template: servise}",
        "Correct the spelling or define the template under `templates`.";
    UNKNOWN_WORKSPACE = "unknown-workspace",
        "The workspace is neither a declared name nor looks like a slug (`ws-…`) or a UUID.",
        "workspace_id: paymets",
        "Correct the spelling or declare the name under `workspaces`.";
    UNLIMITED_RATE_LIMIT = "unlimited-rate-limit",
        "Warning: the gateway skips a rate limit of 0, so it allows everything.",
        "rate_limits: [{type: requests, unit: rpm, value: 0}]",
        "Write a limit above 0, or remove the entry if the key should be unlimited.";
    UNLISTED_SCOPE = "unlisted-scope",
        "Warning: the scope was seen in Portkey's gateway or changelog, but is not in its documented list.",
        "scopes: [logs.read]",
        "Check that the key can do what it should; add the scope to `known_scopes` to silence this.";
    UNREADABLE = "unreadable",
        "A file or folder cannot be read.",
        "",
        "Check the path and its permissions.";
    USER_NOT_FOR_TYPE = "user-not-for-type",
        "A service key has a `user_id`. Only user keys have an owner.",
        "{name: ci, type: workspace-service, user_id: ann@example.com}",
        "Remove `user_id`, or write `type: workspace-user`.";
    WEEKLY_RATE_LIMIT = "weekly-rate-limit",
        "Warning: gateways before spring 2026 do not know the unit `rpw`.",
        "rate_limits: [{type: requests, unit: rpw, value: 700}]",
        "Use `rpd` unless all your gateways are newer.";
    WORKSPACE_NOT_FOR_TYPE = "workspace-not-for-type",
        "An organisation key has a `workspace_id`.",
        "{name: ci, type: organisation-service, workspace_id: payments}",
        "Remove `workspace_id` (`workspace_id: null` drops an inherited one), or choose a workspace type.";
    WRONG_TYPE = "wrong-type",
        "A value has the wrong type: text, number, boolean, list, map or nothing where something else belongs.",
        "alert_emails: ops@example.com",
        "Write what the message asks for.";
    YAML_SYNTAX = "yaml-syntax",
        "The file is not YAML.",
        "keys: [",
        "Correct the place; tabs cannot indent, and text with `: ` or ` #` goes in quotes.";
    YAML_TAG = "yaml-tag",
        "YAML tags are not supported.",
        "name: !!str 5",
        "Remove the tag; put text in quotes.";
}
