//! What a plan means, as a value that can be compared and hashed.
//!
//! Everything is destructured, so that a new field does not compile until somebody decides whether it is meaning.
//! What is left out is left out by name: places in the files, words for people, how a file writes a name, the key
//! that happens to run, and what of a live key changes by itself.

use serde_json::{Map, Value, json};

use super::{Action, Change, Commit, KeySnapshot, Plan, Reason, Request};
use crate::diff::FieldChange;
use crate::handoff::Why;
use crate::model::{
    CommittedSecret, Delivery, Escrowed, KeyAddress, KeyCreate, KeyUpdate, Mark, Mask, RotationPolicy,
    Target, UsageLimits, meaning,
};

/// The digest of the whole plan.
pub(super) fn plan(plan: &Plan) -> String {
    let Plan {
        organisation,
        changes,
        // When it was made and by whom.
        now: _,
        read_at: _,
        running_key: _,
        // What is not written; a change that comes of it is another change.
        waiting: _,
        blocked: _,
        refusals: _,
        // What is left alone.
        unmentioned: _,
        declared: _,
        in_sync: _,
        live_total: _,
        coming_up: _,
        // What this machine keeps for itself.
        settled: _,
        seen: _,
        notes: _,
        // What the base tells is for people.
        has_base: _,
        left_out: _,
    } = plan;
    let changes: Vec<Value> = changes.iter().map(change).collect();
    let organisation = organisation.as_ref().map(ToString::to_string);
    meaning(&json!({"portkey-sync plan": 2, "organisation": organisation, "changes": changes}))
}

/// What one change means.
pub(super) fn change(change: &Change) -> Value {
    let Change {
        address,
        place: _,
        action: what,
        before,
        fields,
        written_scopes: _,
        reason: why,
        request: how,
        running_key: _,
        // These follow from the rest.
        risks: _,
        causes: _,
    } = change;
    let fields: Vec<Value> = fields.iter().map(|one| field(one, is_stamped(change))).collect();
    json!({
        "address": key_address(address),
        "action": action(*what),
        "before": before.as_ref().map(|key| snapshot(key, *what)),
        "fields": fields,
        "reason": why.as_ref().map(reason),
        "request": request(how, stamped_mark(change)),
    })
}

fn key_address(address: &KeyAddress) -> Value {
    let KeyAddress { workspace, user, name } = address;
    json!([workspace, user, name])
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Adopt => "adopt",
        Action::Update => "update",
        Action::ResetUsage => "reset-usage",
        Action::Create => "create",
        Action::Deliver => "deliver",
        Action::Rotate => "rotate",
        Action::Delete => "delete",
    }
}

/// The live key, as far as the change relies on it. A delete relies on what it looks at once more, and on when the
/// key would have ended by itself.
fn snapshot(key: &KeySnapshot, action: Action) -> Value {
    let KeySnapshot { id, name, mask, mark, status: _, last_updated_at: _, expires_at } = key;
    let delete = (action == Action::Delete)
        .then(|| json!({"name": name, "mark": mark.as_ref().map(Mark::to_string), "expires_at": expires_at}));
    json!({"id": id, "mask": mask.as_ref().map(Mask::as_str), "delete": delete})
}

/// A mark that says *now* as the time of a secret that was accepted differs with each plan and means the same.
fn is_stamped(change: &Change) -> bool {
    change.reason == Some(Reason::Accepted)
}

/// How such a mark stands in the description, and how it would without the time.
fn stamped_mark(change: &Change) -> Option<(String, String)> {
    let after = change.fields.iter().find_map(|field| match field {
        FieldChange::Mark { after, .. } if is_stamped(change) => Some(after),
        _ => None,
    })?;
    Some((after.to_string(), without_stamp(after).to_string()))
}

fn without_stamp(mark: &Mark) -> Mark {
    let secret = mark
        .secret
        .clone()
        .map(|secret| CommittedSecret { issued_at: jiff::Timestamp::UNIX_EPOCH, ..secret });
    Mark { secret, ..mark.clone() }
}

/// What a change of one field means.
pub(super) fn field(change: &FieldChange, is_stamped: bool) -> Value {
    let (name, before, after) = match change {
        FieldChange::Name { before, after } => ("name", json!(before), json!(after)),
        FieldChange::Description { before, after } => ("description", json!(before), json!(after)),
        FieldChange::Scopes { added, dropped, after } => {
            ("scopes", json!([sorted(added), sorted(dropped)]), json!(sorted(after)))
        }
        FieldChange::RateLimits { before, after } => {
            let (mut before, mut after) = (before.clone(), after.clone());
            before.sort();
            after.sort();
            ("rate_limits", json!(before), json!(after))
        }
        FieldChange::UsageLimits { before, after } => {
            ("usage_limits", json!(before.as_ref().map(usage)), json!(after.as_ref().map(usage)))
        }
        FieldChange::Metadata { before, after } => ("metadata", json!(before), json!(after)),
        FieldChange::ConfigId { before, after, written: _ } => ("config_id", json!(before), json!(after)),
        FieldChange::AllowConfigOverride { before, after } => {
            ("allow_config_override", json!(before), json!(after))
        }
        FieldChange::AlertEmails { before, after } => ("alert_emails", json!(before), json!(after)),
        FieldChange::ExpiresAt { before, after } => ("expires_at", json!(before), json!(after)),
        FieldChange::RotationPolicy { before, after } => {
            // Beside a period the service computes the next date anew after each rotation (portkey-api.md 4).
            let computed = |policy: &RotationPolicy| {
                policy.rotation_period.is_some() || policy.rotation_period_days.is_some()
            };
            let before = before.as_ref().map(|before| policy(before, !computed(before)));
            ("rotation_policy", json!(before), json!(after.as_ref().map(|after| policy(after, true))))
        }
        FieldChange::Mark { before, after } => {
            let after = if is_stamped { without_stamp(after) } else { after.clone() };
            ("mark", json!(before.as_ref().map(Mark::to_string)), json!(after.to_string()))
        }
    };
    json!([name, before, after])
}

fn sorted(texts: &[String]) -> Vec<String> {
    let mut texts = texts.to_vec();
    texts.sort();
    texts
}

fn usage(limits: &UsageLimits) -> Value {
    let UsageLimits { credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days } = limits;
    json!([credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days])
}

fn policy(policy: &RotationPolicy, with_date: bool) -> Value {
    let RotationPolicy { rotation_period, rotation_period_days, next_rotation_at, key_transition_period_ms } =
        policy;
    let date = next_rotation_at.filter(|_| with_date);
    json!([rotation_period, rotation_period_days, date, key_transition_period_ms])
}

/// Why a change is made: an approval of one rotation is none of another.
pub(super) fn reason(reason: &Reason) -> Value {
    match reason {
        Reason::DeclaredAbsent => json!("declared-absent"),
        Reason::Pruned { by } => json!(["pruned", by]),
        // Since when it counts is for people: the reset is the same.
        Reason::UsageResetDue { after, last: _ } => json!(["usage-reset-due", after]),
        Reason::Unfinished { issued_at } => json!(["unfinished", issued_at]),
        Reason::RenamedOutside => json!("renamed-outside"),
        Reason::Rotation(why) => match why {
            Why::Unfinished => json!(["rotation", "unfinished"]),
            Why::ChangedOutside => json!(["rotation", "changed-outside"]),
            Why::NewSink => json!(["rotation", "new-sink"]),
            Why::Due(at) => json!(["rotation", "due", at]),
            Why::TooOld => json!(["rotation", "too-old"]),
            Why::First => json!(["rotation", "first"]),
            Why::Asked => json!(["rotation", "asked"]),
        },
        Reason::Accepted => json!("accepted"),
        // Its name is for people: the id says which key it is.
        Reason::Replaces { id, name: _ } => json!(["replaces", id]),
        Reason::Replaced { by } => json!(["replaced", by]),
        Reason::LeftOver => json!("left-over"),
    }
}

fn request(request: &Request, stamp: Option<(String, String)>) -> Value {
    match request {
        Request::Create { body: create, commit: finish } => {
            let KeyCreate { kind, workspace_id, user_id, fields } = &**create;
            json!({
                "kind": kind.as_str(),
                "workspace": workspace_id,
                "user": user_id,
                "body": body(fields),
                "commit": commit(finish),
            })
        }
        Request::Deliver { id, held, commit: finish } => {
            json!({"id": id, "held": slot(held), "commit": commit(finish)})
        }
        Request::Rotate { id, first, transition, commit: finish } => json!({
            "id": id,
            "first": body(first),
            "transition": transition.map(|length| length.to_string()),
            "commit": commit(finish),
        }),
        Request::Update { id, body: update } => {
            let mut members = body(update);
            if let (Some((before, after)), Some(Value::String(text))) =
                (stamp, members.get_mut("description"))
            {
                *text = text.replace(&before, &after);
            }
            json!({"id": id, "update": members})
        }
        Request::Delete { id } => json!({"id": id, "delete": true}),
    }
}

/// The members of a body, each as it is sent but for the order of what has none.
pub(super) fn body(update: &KeyUpdate) -> Map<String, Value> {
    let mut update = update.clone();
    if let Some(scopes) = &mut update.scopes {
        scopes.sort();
    }
    if let Some(Some(limits)) = &mut update.rate_limits {
        limits.sort();
    }
    match json!(update) {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// What is delivered and remembered.
pub(super) fn commit(commit: &Commit) -> Value {
    let Commit { fields, description, mark, deliveries, transition, prove } = commit;
    let mut deliveries: Vec<Value> = deliveries.iter().map(delivery).collect();
    deliveries.sort_by_key(Value::to_string);
    json!({
        "fields": body(fields),
        "description": description,
        "mark": mark.to_string(),
        "deliveries": deliveries,
        "transition": transition,
        "prove": prove,
    })
}

fn delivery(delivery: &Delivery) -> Value {
    let Delivery { sink, target } = delivery;
    let target = match target {
        Target::File { path, recipients } => json!(["file", path.to_string_lossy(), sorted(recipients)]),
        Target::EnvFile { path, variable } => json!(["env-file", path.to_string_lossy(), variable]),
        Target::Command { argv, env, timeout } => {
            json!(["command", argv, sorted(env), timeout.as_nanos().to_string()])
        }
    };
    json!([sink, target])
}

fn slot(held: &Escrowed) -> Value {
    let Escrowed {
        nonce,
        address,
        id,
        mask,
        // Who can read it differs from machine to machine.
        sealed: _,
        sent_at,
        issued_at,
        lease,
        transition,
    } = held;
    json!([
        nonce,
        address,
        id,
        mask.as_ref().map(Mask::as_str),
        sent_at,
        issued_at,
        lease.to_string(),
        transition.map(|length| length.to_string()),
    ])
}
