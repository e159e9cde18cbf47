//! The routes under `/v1/admin/users` (portkey-api.md 8).

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    call::{Answer, Call, Refusal},
    clock::{whole_second, written},
    directory::{newest_first, optional, required},
    paging::Page,
    permissions::Caller,
    rules::Feature,
    validate::is_email,
    world::{User, World},
};

/// The roles that can be given to a user.
const ROLES: [&str; 2] = ["admin", "member"];

pub(super) fn list(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    check(world, caller, "organisation_users.list")?;
    let page = Page::read(call, "pageSize", "currentPage", &world.switches)?;
    let found = newest_first(&world.users, |user| user.created_at)
        .filter(|user| call.query("email").is_none_or(|email| user.email == email))
        .filter(|user| call.query("role").is_none_or(|role| user.role == role));
    Ok(page.answer(found, |user| show(world, user)))
}

pub(super) fn get(world: &World, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    check(world, caller, "organisation_users.read")?;
    Ok(Answer::ok(show(world, found(world, id)?)))
}

/// An extension of the emulator: Portkey knows users by invitation only.
pub(super) fn create(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    check(world, caller, "organisation_users.create")?;
    let body = call.object()?;
    let email = required(&body, "email")?;
    if !is_email(email) {
        return Err(Refusal::invalid("email is not valid"));
    }
    if world.users.iter().any(|user| user.email == email) {
        return Err(Refusal::conflict("a user has this email"));
    }
    let role = optional(&body, "role")?.unwrap_or("member");
    if !ROLES.contains(&role) {
        return Err(Refusal::invalid("role is not valid"));
    }
    let user = User {
        id: Uuid::new_v4().to_string(),
        email: email.to_owned(),
        first_name: optional(&body, "first_name")?.unwrap_or_default().to_owned(),
        last_name: optional(&body, "last_name")?.unwrap_or_default().to_owned(),
        role: role.to_owned(),
        created_at: whole_second(now),
    };
    let shown = show(world, &user);
    if world.organisation.auto_user_keys {
        world.add_automatic_keys(&user, now);
    }
    world.users.push(user);
    Ok(Answer::ok(shown))
}

pub(super) fn update(world: &mut World, caller: &Caller, call: &Call, id: &str) -> Result<Answer, Refusal> {
    check(world, caller, "organisation_users.update")?;
    let body = call.object()?;
    let role = required(&body, "role")?;
    if !ROLES.contains(&role) {
        return Err(Refusal::invalid("role is not valid"));
    }
    let known = found(world, id)?;
    if known.role == role {
        // Observed: a role that is there already is refused (portkey-api.md 3).
        return Err(Refusal::invalid("the user has this role"));
    }
    for user in world.users.iter_mut().filter(|user| user.id == id) {
        role.clone_into(&mut user.role);
    }
    Ok(Answer::ok(json!({})))
}

/// Removing a user deletes their keys (portkey-api.md 7).
pub(super) fn delete(world: &mut World, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    check(world, caller, "organisation_users.delete")?;
    found(world, id)?;
    let keys = world.keys.ids(|key| key.user_id.as_deref() == Some(id));
    for key in &keys {
        world.keys.erase(key);
    }
    world.users.retain(|user| user.id != id);
    Ok(Answer::ok(json!({})))
}

fn check(world: &World, caller: &Caller, scope: &str) -> Result<(), Refusal> {
    world.needs_feature(Feature::Users)?;
    caller.needs(scope)
}

fn found<'w>(world: &'w World, id: &str) -> Result<&'w User, Refusal> {
    world.users.iter().find(|user| user.id == id).ok_or_else(|| Refusal::not_found("no such user"))
}

fn show(world: &World, user: &User) -> Value {
    // Membership is not modelled: every user belongs to every workspace.
    let workspace_ids: Vec<&str> = world.workspaces.iter().map(|workspace| workspace.id.as_str()).collect();
    json!({
        "object": "user",
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": user.role,
        "email": user.email,
        "created_at": written(user.created_at),
        "last_updated_at": written(user.created_at),
        "workspace_ids": workspace_ids,
    })
}
