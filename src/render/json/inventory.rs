//! Live keys as documents.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{FieldDocument, field_document, rotation_policy, usage_limits};
use super::{FormatVersion, PlaceDocument, VERSION};
use crate::inventory::{Holding, Issued, Sight};
use crate::model::{KeyKind, Setting};
use crate::plan::{Action, Causes};

/// Live keys, by address.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync list")]
pub(super) struct ListDocument {
    format_version: FormatVersion,
    tool_version: &'static str,
    /// The id of the organisation, if it could be told.
    organisation: Option<String>,
    /// The server's time, RFC 3339.
    now: String,
    /// How many live keys were seen, listed or not.
    live: usize,
    sight: SightDocument,
    /// The keys that were asked for.
    keys: Vec<KeyDocument>,
}

/// One live key.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync show")]
pub(super) struct ShowDocument {
    format_version: FormatVersion,
    tool_version: &'static str,
    /// The id of the organisation, if it could be told.
    organisation: Option<String>,
    /// The server's time, RFC 3339.
    now: String,
    key: KeyDocument,
    /// What differs from the entry in the file; null if no entry means exactly this key.
    differences: Option<Vec<FieldDocument>>,
}

/// Whether all keys were seen.
#[derive(Serialize, JsonSchema)]
struct SightDocument {
    /// Whether no key can be missing.
    whole: bool,
    /// Kinds whose keys may be missing.
    may_be_missing: Vec<&'static str>,
    /// The only workspace whose keys the running key sees; null if it sees all.
    only_workspace: Option<String>,
}

/// A live key. Values have the shape that they have in a keys file; null is unset.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact, told to programs by its name")]
struct KeyDocument {
    address: String,
    id: String,
    name: String,
    /// Null for a type that this version does not know.
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    /// Its UUID; null for organisation keys.
    workspace_id: Option<String>,
    /// Its slug, where it is known.
    workspace: Option<String>,
    user_id: Option<String>,
    status: String,
    /// Whether Portkey made it by itself when a user joined.
    created_automatically: bool,
    description: String,
    scopes: Vec<String>,
    usage_limits: Value,
    /// Whether a limit on usage is enforced; a limit of 0 is not.
    has_budget: bool,
    rate_limits: Value,
    /// Whether a rate limit is enforced; a limit of 0 is not.
    is_rate_limited: bool,
    expires_at: Option<String>,
    config_id: Option<String>,
    allow_config_override: bool,
    alert_emails: Vec<String>,
    metadata: Value,
    rotation_policy: Value,
    /// Whether `rotation_policy` is known; list rows may not carry it.
    rotation_policy_known: bool,
    created_at: Option<String>,
    last_updated_at: Option<String>,
    last_reset_at: Option<String>,
    secret: SecretDocument,
    /// The mark, as it stands in the description.
    mark: Option<String>,
    /// The mark's `by=`.
    managed_by: Option<String>,
    /// The mark's `keep`.
    protected: bool,
    /// The entry that mentions the key; null if none does.
    place: Option<PlaceDocument>,
}

/// What is known of the secret. The secret itself never is.
#[derive(Serialize, JsonSchema)]
struct SecretDocument {
    /// Its first two and last three characters.
    mask: Option<String>,
    /// When it was issued, if that is known for certain.
    issued_at: Option<String>,
    /// Else the time before which it was not issued: it is at most that old.
    not_issued_before: Option<String>,
    /// Until when the secret before it works or worked; null if there was none or nothing is known.
    previous_works_until: Option<String>,
}

/// See [`super::list`].
pub(super) fn list_document(
    organisation: Option<&str>,
    now: Timestamp,
    live: usize,
    sight: &Sight,
    holdings: &[&Holding<'_>],
) -> ListDocument {
    let Sight { list_is_whole: _, hidden, only } = sight;
    ListDocument {
        format_version: VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        organisation: organisation.map(str::to_owned),
        now: now.to_string(),
        live,
        sight: SightDocument {
            whole: sight.is_whole(),
            may_be_missing: hidden.iter().map(|kind| kind.as_str()).collect(),
            only_workspace: only.as_ref().map(ToString::to_string),
        },
        keys: holdings.iter().map(|holding| key(holding)).collect(),
    }
}

/// See [`super::key`].
pub(super) fn show_document(
    organisation: Option<&str>,
    now: Timestamp,
    holding: &Holding<'_>,
) -> ShowDocument {
    let entry = holding.entry.as_ref().filter(|entry| entry.certain && !entry.is_to_go());
    ShowDocument {
        format_version: VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        organisation: organisation.map(str::to_owned),
        now: now.to_string(),
        key: key(holding),
        differences: entry.map(|entry| {
            entry
                .fields
                .iter()
                .map(|change| field_document(change, Action::Update, &Causes::default()))
                .collect()
        }),
    }
}

fn key(holding: &Holding<'_>) -> KeyDocument {
    let live = holding.key;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let (issued_at, not_issued_before) = match holding.issued {
        Issued::At(at) => (Some(at), None),
        Issued::NotBefore(at) => (None, Some(at)),
        Issued::Unknown => (None, None),
    };
    KeyDocument {
        address: holding.address.to_string(),
        id: live.id.to_string(),
        name: live.name.clone(),
        kind: live.kind.map(KeyKind::as_str),
        workspace_id: live.workspace.as_ref().map(ToString::to_string),
        workspace: holding.slug.clone(),
        user_id: live.user.as_ref().map(ToString::to_string),
        status: live.status.clone(),
        created_automatically: live.created_automatically,
        description: live.description.clone(),
        scopes: live.scopes.iter().cloned().collect(),
        usage_limits: usage_limits(live.usage_limits.as_ref()),
        has_budget: holding.has_budget(),
        rate_limits: json!(live.rate_limits),
        is_rate_limited: holding.is_rate_limited(),
        expires_at: time(live.expires_at),
        config_id: live.config_id.as_ref().map(ToString::to_string),
        allow_config_override: live.allow_config_override,
        alert_emails: live.alert_emails.iter().cloned().collect(),
        metadata: json!(live.metadata),
        rotation_policy: rotation_policy(live.rotation_policy.value()),
        rotation_policy_known: match live.rotation_policy {
            Setting::Unmanaged => false,
            Setting::Clear | Setting::Set(_) => true,
        },
        created_at: time(live.created_at),
        last_updated_at: time(live.last_updated_at),
        last_reset_at: time(live.last_reset_at),
        secret: SecretDocument {
            mask: live.mask.as_ref().map(ToString::to_string),
            issued_at: time(issued_at),
            not_issued_before: time(not_issued_before),
            previous_works_until: time(holding.previous_until()),
        },
        mark: live.mark.as_ref().map(ToString::to_string),
        managed_by: holding.owner().map(str::to_owned),
        protected: live.mark.as_ref().is_some_and(|mark| mark.keep),
        place: holding.entry.as_ref().map(|entry| PlaceDocument::from(&entry.desired.place)),
    }
}
