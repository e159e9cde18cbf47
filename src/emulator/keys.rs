//! The routes under `/v1/api-keys` (portkey-api.md 2 to 4).

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    audit,
    call::{Answer, Call, Refusal},
    clock::{whole_second, written},
    directory::optional,
    effect::Edit,
    paging::Page,
    permissions::{Action, Caller},
    secret::new_secret,
    show,
    switches::{DeletedKey, MissingListScope, RotationInTransition},
    validate::{self, Field, Patch},
    world::{Key, Kind, SHORTEST_TRANSITION_MS, WorkspaceStatus, World},
};

pub(super) fn list(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    let kinds = [Kind::OrganisationService, Kind::WorkspaceService, Kind::WorkspaceUser];
    let listable: Vec<Kind> = kinds.iter().copied().filter(|kind| caller.may(Action::List, *kind)).collect();
    if listable.is_empty() {
        return Err(Refusal::forbidden("needs a scope that lists keys"));
    }
    let page = Page::read(call, "page_size", "current_page", &world.switches)?;
    let workspace_id = match call.query("workspace_id") {
        Some(slug_or_id) => Some(reachable_workspace(world, caller, slug_or_id)?),
        None => caller.workspace_id(),
    };
    // Keys of the organisation are no part of a workspace's list.
    let hidden = kinds.iter().any(|kind| {
        !listable.contains(kind) && (workspace_id.is_none() || *kind != Kind::OrganisationService)
    });
    if hidden && world.switches.missing_list_scope == MissingListScope::Forbidden {
        return Err(Refusal::forbidden("needs the scopes that list every type of key"));
    }
    let ids: Option<HashSet<&str>> = call.query("ids").map(|ids| ids.split(',').map(str::trim).collect());
    let show = |key| show::row(key, world);
    if listable.len() == kinds.len() && workspace_id.is_none() && ids.is_none() {
        // What a client asks for most, page after page: nothing to filter, so only the page is looked at.
        return Ok(page.answer_all(world.keys.len(), world.keys.iter(), show));
    }
    let matches = |key: &&Key| {
        listable.contains(&key.kind)
            && workspace_id.is_none_or(|id| key.workspace_id.as_deref() == Some(id))
            && ids.as_ref().is_none_or(|ids| ids.contains(key.id.as_str()))
    };
    let found = world.keys.iter().filter(matches);
    Ok(page.answer(found, show))
}

pub(super) fn get(world: &World, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    let key = reachable_key(world, caller, id, Action::Read)?;
    Ok(Answer::ok(show::object(key, world)))
}

pub(super) fn create(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    (kind, sub_kind): (&str, &str),
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let kind = match (kind, sub_kind) {
        ("organisation", "service") => Kind::OrganisationService,
        ("workspace", "service") => Kind::WorkspaceService,
        ("workspace", "user") => Kind::WorkspaceUser,
        _ => return Err(Refusal::invalid("no such type of key")),
    };
    let body = call.object()?;
    if !caller.may(Action::Create, kind) {
        return Err(Refusal::forbidden(format!("needs {}.create", kind.scope_group())));
    }
    // Observed: 502, not 400, when scopes are missing or empty (portkey-api.md 2.2).
    match body.get("scopes") {
        None | Some(Value::Null) => return Err(Refusal::bad_gateway("scopes are missing")),
        Some(Value::Array(scopes)) if scopes.is_empty() => {
            return Err(Refusal::bad_gateway("scopes are empty"));
        }
        Some(_) => {}
    }
    // The organisation is that of the caller (portkey-api.md 2.2).
    optional(&body, "organisation_id")?;
    let patch = Patch::read(&body, &world.switches, now)?;
    if !matches!(patch.name, Field::Value(_)) {
        return Err(Refusal::invalid("name is missing"));
    }
    let mut key = Key {
        workspace_id: workspace_of_new(world, caller, kind, &body)?,
        user_id: user_of_new(world, kind, &body)?,
        ..Key::blank(Uuid::new_v4().to_string(), kind, whole_second(now))
    };
    // Writing the counters of a key that has none is meaningless.
    let patch = Patch { reset_usage: false, ..patch };
    patch.apply(&mut key, world, now)?;
    let receipt = json!({"id": key.id, "key": key.secret, "object": "api-key"});
    world.note_issued(&key.id, &key.secret);
    world.audit.note(audit::Action::Create, &key, caller, now);
    world.keys.write(key);
    Ok(Answer::ok(receipt))
}

pub(super) fn update(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    id: &str,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let mut key = reachable_key(world, caller, id, Action::Update)?.clone();
    // `type`, `workspace_id` and `user_id` are not part of the PUT; like any other unknown field they are ignored.
    Patch::read(&call.object()?, &world.switches, now)?.apply(&mut key, world, now)?;
    world.audit.note(audit::Action::Update, &key, caller, now);
    world.keys.write(key);
    Ok(Answer::ok(json!({})))
}

pub(super) fn delete(
    world: &mut World,
    caller: &Caller,
    id: &str,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let key = reachable_key(world, caller, id, Action::Delete)?.clone();
    world.audit.note(audit::Action::Delete, &key, caller, now);
    world.keys.erase(id);
    Ok(Answer::ok(json!({})))
}

pub(super) fn rotate(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    id: &str,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let mut key = reachable_key(world, caller, id, Action::Rotate)?.clone();
    let policy = key.rotation_policy.as_ref();
    let asked = validate::transition(&call.object()?, policy)?;
    if key.in_transition(now) {
        // At most two live secrets (portkey-api.md 4).
        let reason = "an earlier rotation is in transition";
        return Err(match world.switches.rotation_in_transition {
            RotationInTransition::Invalid => Refusal::invalid(reason),
            RotationInTransition::Conflict => Refusal::conflict(reason),
        });
    }
    let usual = policy.map_or(SHORTEST_TRANSITION_MS, |policy| policy.key_transition_period_ms);
    let secret = new_secret();
    let until = key.rotate(secret.clone(), now, asked.unwrap_or(usual));
    key.last_updated_at = whole_second(now);
    world.note_issued(id, &secret);
    world.audit.note_rotation(&key, Some(caller), now);
    world.keys.write(key);
    Ok(Answer::ok(json!({"id": id, "key": secret, "key_transition_expires_at": written(until)})))
}

/// A change by another writer, asked for by a fault. Says whether it was possible; a key that is not there is not
/// changed.
pub(super) fn edit(world: &mut World, edit: &Edit, now: Timestamp) -> bool {
    let named = || world.keys.iter().find(|key| key.name == edit.key);
    let Some(mut key) = world.keys.get(&edit.key).or_else(named).cloned() else { return false };
    match &edit.body {
        None => world.keys.erase(&key.id),
        Some(body) => {
            let changed =
                Patch::read(body, &world.switches, now).and_then(|patch| patch.apply(&mut key, world, now));
            if changed.is_err() {
                return false;
            }
            world.keys.write(key);
        }
    }
    true
}

fn reachable_key<'a>(
    world: &'a World,
    caller: &Caller,
    id: &str,
    action: Action,
) -> Result<&'a Key, Refusal> {
    let gone = || match world.switches.deleted_key {
        DeletedKey::NotFound => Refusal::not_found("no such key"),
        DeletedKey::Forbidden => Refusal::forbidden("no such key"),
    };
    let key = world.keys.get(id).ok_or_else(gone)?;
    caller.check(action, key.kind, key.workspace_id.as_deref())?;
    if let Some(workspace_id) = &key.workspace_id {
        // What is in an archived workspace is out of reach too: inferred from "later calls" (portkey-api.md 8).
        reachable_workspace(world, caller, workspace_id)?;
    }
    Ok(key)
}

/// The UUID of a live workspace that the caller may reach, by slug or UUID.
pub(super) fn reachable_workspace<'a>(
    world: &'a World,
    caller: &Caller,
    slug_or_id: &str,
) -> Result<&'a str, Refusal> {
    let workspace = world.workspace(slug_or_id).ok_or_else(|| Refusal::not_found("no such workspace"))?;
    if !caller.reaches(Some(&workspace.id)) {
        return Err(Refusal::forbidden("the caller belongs to another workspace"));
    }
    if workspace.status == WorkspaceStatus::Archived {
        // Observed: 403 AB03, not 404 (portkey-api.md 8).
        return Err(Refusal::forbidden("the workspace is archived"));
    }
    Ok(&workspace.id)
}

/// A workspace key implies its own workspace; an organisation key must name one.
fn workspace_of_new(
    world: &World,
    caller: &Caller,
    kind: Kind,
    body: &Map<String, Value>,
) -> Result<Option<String>, Refusal> {
    let named = optional(body, "workspace_id")?;
    if kind == Kind::OrganisationService {
        return Ok(None);
    }
    let named = named.or_else(|| caller.workspace_id());
    let slug_or_id = named.ok_or_else(|| Refusal::invalid("workspace_id is missing"))?;
    reachable_workspace(world, caller, slug_or_id).map(|id| Some(id.to_owned()))
}

fn user_of_new(world: &World, kind: Kind, body: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let named = optional(body, "user_id")?;
    if kind != Kind::WorkspaceUser {
        return Ok(None);
    }
    let id = named.ok_or_else(|| Refusal::invalid("user_id is missing"))?;
    match world.users.iter().find(|user| user.id == id) {
        Some(user) => Ok(Some(user.id.clone())),
        None => Err(Refusal::invalid("user_id is unknown")),
    }
}
