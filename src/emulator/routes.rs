//! Which path leads where, and who may go there.

use axum::http::Method;
use jiff::Timestamp;

use super::{
    call::{Answer, Call, Refusal},
    directory, gateway, keys,
    permissions::Caller,
    server::Inner,
    world::World,
};

/// Answers a request under `/v1`.
pub(super) fn dispatch(inner: &mut Inner, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    let unknown = || Refusal::not_found("no such route");
    let path = call.path.strip_prefix("/v1/").ok_or_else(unknown)?;
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let world = &mut inner.world;
    let (get, post) = (call.method == Method::GET, call.method == Method::POST);
    if get && matches!(segments.as_slice(), ["models"]) {
        return gateway::models(world, call, now);
    }
    let caller = authenticate(world, call, now)?;
    let caller = &caller;
    match segments.as_slice() {
        ["api-keys", ..] if get && inner.stale_reads > 0 => {
            inner.stale_reads -= 1;
            world.keys.swap_latest();
            let answer = read_keys(world, caller, call, &segments);
            world.keys.swap_latest();
            answer
        }
        ["api-keys", ..] if get => read_keys(world, caller, call, &segments),
        ["api-keys", id, "rotate"] if post => keys::rotate(world, caller, call, id, now),
        ["api-keys", kind, sub_kind] if post => keys::create(world, caller, call, (kind, sub_kind), now),
        ["api-keys", id] if call.method == Method::PUT => keys::update(world, caller, call, id, now),
        ["api-keys", id] if call.method == Method::DELETE => keys::delete(world, caller, id),
        ["admin", "workspaces"] if get => directory::list_workspaces(world, caller, call),
        ["admin", "workspaces"] if post => directory::create_workspace(world, caller, call, now),
        ["admin", "workspaces", id] if get => directory::get_workspace(world, caller, id),
        // Observed: 400, not 404 (portkey-api.md 8).
        ["workspaces", ..] => Err(Refusal::invalid("workspaces lie under /admin")),
        ["admin", "users"] if get => directory::list_users(world, caller, call),
        ["admin", "users"] if post => directory::create_user(world, caller, call, now),
        ["admin", "users", id] if get => directory::get_user(world, caller, id),
        ["configs"] if get => directory::list_configs(world, caller, call),
        ["configs"] if post => directory::create_config(world, caller, call, now),
        ["configs", slug] if get => directory::get_config(world, caller, slug),
        _ => Err(unknown()),
    }
}

fn read_keys(world: &World, caller: &Caller, call: &Call, segments: &[&str]) -> Result<Answer, Refusal> {
    match segments {
        ["api-keys"] => keys::list(world, caller, call),
        ["api-keys", id] => keys::get(world, caller, id),
        _ => Err(Refusal::not_found("no such route")),
    }
}

/// The key that calls, by its current or previous secret.
fn authenticate(world: &World, call: &Call, now: Timestamp) -> Result<Caller, Refusal> {
    let secret = call.secret.as_deref().ok_or_else(|| Refusal::unauthorised("no x-portkey-api-key"))?;
    match world.keys.by_secret(secret).filter(|key| key.accepts(secret, now)) {
        Some(key) if key.has_expired(now) => Err(Refusal::unauthorised("the calling key has expired")),
        Some(key) => Ok(Caller::of(key, world.switches.rotation_scope)),
        None => Err(Refusal::unauthorised("no key has this secret")),
    }
}
