//! The plan as a document.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::words::{CauseWord, RiskWord, cause_word};
use super::{ActionWord, DeliveryDocument, ExplainedDocument, FormatVersion, PlaceDocument, VERSION};
use crate::diff::FieldChange;
use crate::model::{KeyAddress, Mark, RotationPolicy, UsageLimits};
use crate::plan::{
    Action, Beside, Blocked, Causes, Change, Coming, Plan, Request, Review, Risk, RiskAt, UnmentionedKey,
    Waiting,
};
use crate::render::calls::calls;
use crate::render::words;

/// What `portkey-sync apply` would do. Nothing in here is secret.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync plan")]
pub(super) struct PlanDocument {
    format_version: FormatVersion,
    /// The version of portkey-sync that made the plan.
    tool_version: &'static str,
    /// Sixteen hexadecimal digits for `apply --expect-plan`.
    digest: String,
    /// The id of the organisation, if it could be told.
    pub(super) organisation: Option<String>,
    /// The moment for which the plan was made, by the server's clock, RFC 3339.
    pub(super) now: String,
    /// When the live keys were read; another time than `now` in a plan as of another moment.
    read_at: String,
    /// The name of the key that read, if it is known.
    running_key: Option<String>,
    pub(super) counts: Counts,
    /// The risks that there are, each with the number of changes that have it.
    pub(super) risks: Vec<RiskCount>,
    pub(super) writes: WritesDocument,
    /// What apply would do, by address.
    changes: Vec<ChangeDocument>,
    /// Due later; not a failure.
    waiting: Vec<WaitingDocument>,
    /// Entries for which a person must act; the changes do not wait for them.
    blocked: Vec<BlockedDocument>,
    /// Reasons why apply would write nothing at all.
    refusals: Vec<ExplainedDocument>,
    /// Live keys that are in no file.
    unmentioned: Vec<UnmentionedDocument>,
    /// What else a person should know.
    notes: Vec<ExplainedDocument>,
    /// What will happen to keys of the files in the next days, the first thing first. No part of the digest.
    coming_up: Vec<ComingDocument>,
    /// Entries whose live key is as they say.
    in_sync: usize,
    /// What is not done because it is drift (`--only-changed`).
    left_out: LeftOutDocument,
}

/// What is not done because it is drift.
#[derive(Serialize, JsonSchema)]
struct LeftOutDocument {
    /// Keys of which nothing else is to be done.
    keys: usize,
    /// Fields of all keys that stay.
    fields: usize,
}

/// Something that will happen to a key.
#[derive(Serialize, JsonSchema)]
struct ComingDocument {
    address: String,
    /// `expires`, `rotation-due`, `scheduled-rotation`, `usage-reset` or `previous-secret-ends`.
    what: &'static str,
    /// RFC 3339.
    at: String,
}

/// Numbers of keys and changes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Counts {
    live: usize,
    declared: usize,
    in_sync: usize,
    changes: usize,
    create: usize,
    deliver: usize,
    /// New secrets for keys that are there.
    rotate: usize,
    update: usize,
    reset_usage: usize,
    delete: usize,
    adopt: usize,
    waiting: usize,
    blocked: usize,
    unmentioned: usize,
}

/// The writes that apply would make, retries aside.
#[derive(Serialize, JsonSchema)]
pub(super) struct WritesDocument {
    post: usize,
    put: usize,
    delete: usize,
    total: usize,
}

/// One key's change.
#[derive(Serialize, JsonSchema)]
struct ChangeDocument {
    /// `organisation/NAME`, `WORKSPACE/NAME` or `WORKSPACE/USER/NAME`.
    address: String,
    /// Null for organisation keys.
    workspace: Option<String>,
    /// The owner of a user key, else null.
    user: Option<String>,
    name: String,
    action: ActionWord,
    /// Where the entry is; null for a pruned key.
    place: Option<PlaceDocument>,
    /// The live key; null for a create.
    id: Option<String>,
    fields: Vec<FieldDocument>,
    /// Why, where the fields do not say it.
    reason: Option<ReasonDocument>,
    /// Every write, in order. `<nonce>`, `<id>` and `<secret>` stand for what only the run will know.
    calls: Vec<CallDocument>,
    /// Where a new secret goes.
    deliver_to: Vec<DeliveryDocument>,
    /// Whether this could be the key that portkey-sync runs with.
    running_key: bool,
    /// What a reviewer should look at.
    risks: Vec<RiskDocument>,
    /// What the change comes of, with `--base` or `--base-ref`; `mixed` if its fields have different causes. Null
    /// if it is not known.
    cause: Option<CauseWord>,
}

/// A risk of a change, and where it stands.
#[derive(Serialize, JsonSchema)]
struct RiskDocument {
    risk: RiskWord,
    /// The field that it comes from, as in the keys file; null for the key as a whole.
    field: Option<&'static str>,
}

/// How many changes have a risk.
#[derive(Serialize, JsonSchema)]
pub(super) struct RiskCount {
    risk: RiskWord,
    changes: usize,
}

/// One field of a key, before and after; null is unset.
#[derive(Serialize, JsonSchema)]
pub(super) struct FieldDocument {
    /// As in the keys file; `mark` for the mark at the end of the description.
    field: &'static str,
    before: Value,
    after: Value,
    /// What the difference comes of; null if it is not known.
    cause: Option<CauseWord>,
}

/// Why a change is made.
#[derive(Serialize, JsonSchema)]
struct ReasonDocument {
    /// Stable and short, in kebab case.
    code: &'static str,
    /// For people.
    message: String,
}

/// One write.
#[derive(Serialize, JsonSchema)]
struct CallDocument {
    method: &'static str,
    /// Beneath the base URL.
    path: String,
    /// Null for a DELETE.
    body: Option<Value>,
}

/// Something that is due later.
#[derive(Serialize, JsonSchema)]
struct WaitingDocument {
    address: String,
    place: PlaceDocument,
    action: ActionWord,
    /// Not before, RFC 3339; null where a later run does it.
    until: Option<String>,
    /// Why a secret is to be replaced; null for other actions, and where a date of the file says it.
    why: Option<String>,
    /// The id of the key that is to go, where another one comes in its place; else null.
    replaced: Option<String>,
}

/// An entry for which a person must act.
#[derive(Serialize, JsonSchema)]
pub(super) struct BlockedDocument {
    address: String,
    place: Option<PlaceDocument>,
    #[serde(flatten)]
    why: ExplainedDocument,
}

/// A live key that is in no file.
#[derive(Serialize, JsonSchema)]
struct UnmentionedDocument {
    id: String,
    address: String,
    /// Whether `--prune` would delete it.
    prunable: bool,
}

/// What the files change since their base, as far as the files alone can say.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReviewDocument {
    changes: Vec<ReviewChangeDocument>,
    /// The risks that there are, each with the number of changes that have it.
    risks: Vec<RiskCount>,
    /// Addresses that the base mentions and the files do not: only `--prune` deletes these keys.
    dropped: Vec<String>,
    /// What else moved, which decides which key is meant and what may become of it.
    beside: Vec<BesideDocument>,
    /// Risks that `--deny-risk` does not allow.
    refusals: Vec<ExplainedDocument>,
}

/// Fields whose effect only the live keys can tell.
#[derive(Serialize, JsonSchema)]
struct BesideDocument {
    /// The entry; null for the root file.
    address: Option<String>,
    place: Option<PlaceDocument>,
    /// Names as in the file.
    fields: Vec<&'static str>,
}

/// What the files change about one key.
#[derive(Serialize, JsonSchema)]
struct ReviewChangeDocument {
    /// `organisation/NAME`, `WORKSPACE/NAME` or `WORKSPACE/USER/NAME`.
    address: String,
    action: ActionWord,
    place: Option<PlaceDocument>,
    fields: Vec<FieldDocument>,
    /// Why, where the fields do not say it.
    reason: Option<ReasonDocument>,
    /// Where a new secret goes.
    deliver_to: Vec<DeliveryDocument>,
    risks: Vec<RiskDocument>,
}

pub(super) fn review_document(review: &Review) -> ReviewDocument {
    let Review { changes, dropped, beside, refusal } = review;
    let of_change = |of: &Change| {
        let ChangeDocument { address, action, place, fields, reason, deliver_to, risks, .. } = change(of);
        ReviewChangeDocument { address, action, place, fields, reason, deliver_to, risks }
    };
    ReviewDocument {
        changes: changes.iter().map(of_change).collect(),
        risks: risk_counts(review.risks()),
        dropped: dropped.iter().map(ToString::to_string).collect(),
        beside: beside
            .iter()
            .map(|Beside { address, place, fields }| BesideDocument {
                address: address.as_ref().map(ToString::to_string),
                place: place.as_ref().map(Into::into),
                fields: fields.clone(),
            })
            .collect(),
        refusals: refusal.iter().map(|refusal| words::refusal(refusal).into()).collect(),
    }
}

fn risk_counts(counts: BTreeMap<Risk, usize>) -> Vec<RiskCount> {
    counts.into_iter().map(|(risk, changes)| RiskCount { risk: risk.into(), changes }).collect()
}

pub(super) fn document(plan: &Plan) -> PlanDocument {
    let Plan {
        organisation,
        now,
        read_at,
        running_key,
        changes,
        waiting,
        blocked,
        refusals,
        unmentioned,
        declared,
        in_sync,
        live_total,
        settled: _,
        seen: _,
        notes,
        coming_up,
        has_base: _,
        left_out,
    } = plan;
    let writes = plan.writes();
    PlanDocument {
        format_version: VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        digest: plan.digest(),
        organisation: organisation.as_ref().map(ToString::to_string),
        now: now.to_string(),
        read_at: read_at.to_string(),
        running_key: running_key.clone(),
        counts: Counts {
            live: *live_total,
            declared: *declared,
            in_sync: *in_sync,
            changes: changes.len(),
            create: plan.count(Action::Create),
            deliver: plan.count(Action::Deliver),
            rotate: plan.count(Action::Rotate),
            update: plan.count(Action::Update),
            reset_usage: plan.count(Action::ResetUsage),
            delete: plan.count(Action::Delete),
            adopt: plan.count(Action::Adopt),
            waiting: waiting.len(),
            blocked: blocked.len(),
            unmentioned: unmentioned.len(),
        },
        risks: risk_counts(plan.risks()),
        writes: WritesDocument {
            post: writes.post,
            put: writes.put,
            delete: writes.delete,
            total: writes.total(),
        },
        changes: changes.iter().map(change).collect(),
        waiting: waiting.iter().map(waiting_document).collect(),
        blocked: blocked.iter().map(blocked_document).collect(),
        refusals: refusals.iter().map(|refusal| words::refusal(refusal).into()).collect(),
        unmentioned: unmentioned.iter().map(unmentioned_document).collect(),
        notes: notes.iter().map(|note| words::note(note).into()).collect(),
        coming_up: coming_up.iter().map(coming_document).collect(),
        in_sync: *in_sync,
        left_out: LeftOutDocument { keys: left_out.keys, fields: left_out.fields },
    }
}

fn change(change: &Change) -> ChangeDocument {
    let Change {
        address,
        place,
        action,
        before,
        fields,
        written_scopes: _,
        reason,
        request,
        running_key,
        risks,
        causes,
    } = change;
    let KeyAddress { workspace, user, name } = address;
    let deliveries = match request {
        Request::Create { commit, .. } | Request::Deliver { commit, .. } | Request::Rotate { commit, .. } => {
            commit.deliveries.as_slice()
        }
        Request::Update { .. } | Request::Delete { .. } => &[],
    };
    ChangeDocument {
        address: address.to_string(),
        workspace: workspace.clone(),
        user: user.clone(),
        name: name.clone(),
        action: (*action).into(),
        place: place.as_ref().map(Into::into),
        id: before.as_ref().map(|key| key.id.to_string()),
        fields: fields.iter().map(|field| field_document(field, *action, causes)).collect(),
        reason: reason.as_ref().map(|reason| {
            let (code, message) = words::reason(reason);
            ReasonDocument { code, message }
        }),
        calls: calls(change)
            .into_iter()
            .map(|call| CallDocument { method: call.method, path: call.path, body: call.body })
            .collect(),
        deliver_to: deliveries.iter().map(Into::into).collect(),
        running_key: *running_key,
        risks: risks
            .iter()
            .map(|RiskAt { risk, at }| RiskDocument { risk: (*risk).into(), field: at.field() })
            .collect(),
        cause: cause_word(causes),
    }
}

pub(super) fn field_document(change: &FieldChange, action: Action, causes: &Causes) -> FieldDocument {
    let (before, after) = match change {
        FieldChange::Name { before, after } | FieldChange::Description { before, after } => {
            (json!(before), json!(after))
        }
        FieldChange::Scopes { added, dropped, after } => {
            let kept = after.iter().filter(|scope| !added.contains(scope));
            let before: BTreeSet<&String> = kept.chain(dropped).collect();
            (json!(before), json!(after))
        }
        FieldChange::RateLimits { before, after } => (json!(before), json!(after)),
        FieldChange::UsageLimits { before, after } => {
            (usage_limits(before.as_ref()), usage_limits(after.as_ref()))
        }
        FieldChange::Metadata { before, after } => (json!(before), json!(after)),
        FieldChange::ConfigId { before, after, written: _ } => (json!(before), json!(after)),
        FieldChange::AllowConfigOverride { before, after } => (json!(before), json!(after)),
        FieldChange::AlertEmails { before, after } => (json!(before), json!(after)),
        FieldChange::ExpiresAt { before, after } => (json!(before), json!(after)),
        FieldChange::RotationPolicy { before, after } => {
            (rotation_policy(before.as_ref()), rotation_policy(after.as_ref()))
        }
        FieldChange::Mark { before, after } => (before.as_ref().map_or(Value::Null, mark), mark(after)),
    };
    let field = match change {
        FieldChange::Mark { .. } => "mark",
        other => other.field(),
    };
    FieldDocument {
        field,
        before: if action == Action::Create { Value::Null } else { before },
        after,
        cause: causes.of(field).map(Into::into),
    }
}

fn mark(mark: &Mark) -> Value {
    if *mark == Mark::default() { Value::Null } else { json!(mark.to_string()) }
}

pub(super) fn usage_limits(limits: Option<&UsageLimits>) -> Value {
    limits.map_or(Value::Null, |limits| {
        let UsageLimits { credit_limit, kind: _, alert_threshold, periodic_reset, periodic_reset_days } =
            limits;
        json!({
            "type": limits.effective_kind(),
            "credit_limit": credit_limit,
            "alert_threshold": alert_threshold,
            "periodic_reset": periodic_reset,
            "periodic_reset_days": periodic_reset_days,
        })
    })
}

pub(super) fn rotation_policy(policy: Option<&RotationPolicy>) -> Value {
    policy.map_or(Value::Null, |policy| {
        let RotationPolicy {
            rotation_period,
            rotation_period_days,
            next_rotation_at,
            key_transition_period_ms: _,
        } = policy;
        json!({
            "rotation_period": rotation_period,
            "rotation_period_days": rotation_period_days,
            "next_rotation_at": next_rotation_at,
            "key_transition_period_ms": policy.effective_transition_ms(),
        })
    })
}

fn coming_document(coming: &Coming) -> ComingDocument {
    let Coming { at, address, what } = coming;
    ComingDocument { address: address.to_string(), what: words::event(*what).0, at: at.to_string() }
}

fn waiting_document(waiting: &Waiting) -> WaitingDocument {
    let Waiting { address, place, action, until, why, replaced } = waiting;
    WaitingDocument {
        address: address.to_string(),
        place: place.into(),
        action: (*action).into(),
        until: until.map(|until| until.to_string()),
        why: why.map(words::rotation),
        replaced: replaced.as_ref().map(ToString::to_string),
    }
}

pub(super) fn blocked_document(blocked: &Blocked) -> BlockedDocument {
    BlockedDocument {
        address: blocked.address.to_string(),
        place: blocked.place.as_ref().map(Into::into),
        why: words::blocked(blocked).into(),
    }
}

fn unmentioned_document(key: &UnmentionedKey) -> UnmentionedDocument {
    let UnmentionedKey { id, address, prunable } = key;
    UnmentionedDocument { id: id.to_string(), address: address.to_string(), prunable: *prunable }
}
