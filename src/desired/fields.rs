//! The fields of a keys file: with `key_fields`, `sink_fields` and `rules` the one table that drives the checks, near
//! misses and the JSON Schema.
//!
//! Invariant: constant data. What a field means to a key is decided in `lower`.

use super::formats::Format;
use super::key_fields::{DEFAULTS, KINDS, TEMPLATE};
use super::rules::POLICY;
use super::sink_fields::{ESCROW, SINK};
use super::table::Shape::{self, Choice, Fields, Integer, List, MapOf, OneOrMore, Text};
use super::table::{Table, field};

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
