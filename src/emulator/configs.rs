//! The routes under `/v1/configs` (portkey-api.md 8).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    call::{Answer, Call, Refusal},
    clock::{whole_second, written},
    directory::{into_map, newest_first, optional, required, shaped, slug},
    keys::reachable_workspace,
    permissions::Caller,
    world::{Config, World},
};

/// Not paged (portkey-api.md 8).
pub(super) fn list(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    caller.needs("configs.list")?;
    let workspace_id = match call.query("workspace_id") {
        Some(slug_or_id) => Some(reachable_workspace(world, caller, slug_or_id)?),
        None => caller.workspace_id(),
    };
    let rows: Vec<Value> = newest_first(&world.configs, |config| config.created_at)
        .filter(|config| workspace_id.is_none_or(|id| config.workspace_id == id))
        .map(|config| Value::Object(show(world, config)))
        .collect();
    // The vendor's document has `success` here, clients look for the envelope of the other lists: both.
    Ok(Answer::ok(json!({"success": true, "object": "list", "total": rows.len(), "data": rows})))
}

pub(super) fn get(world: &World, caller: &Caller, slug: &str) -> Result<Answer, Refusal> {
    caller.needs("configs.read")?;
    let config = found(world, caller, slug)?;
    let mut shown = show(world, config);
    shown.insert("config".into(), config.content.to_string().into());
    shown.insert("format".into(), "json".into());
    shown.insert("type".into(), "ORG_CONFIG".into());
    shown.insert("version_id".into(), config.version_id.as_str().into());
    Ok(Answer::ok(Value::Object(shown)))
}

pub(super) fn create(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("configs.create")?;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let content = content(&body)?.ok_or_else(|| Refusal::invalid("config is missing"))?;
    let workspace =
        optional(&body, "workspace_id")?.filter(|id| !id.is_empty()).or_else(|| caller.workspace_id());
    // The workspace is optional with an organisation key; that this means the default one is inferred.
    let workspace = workspace
        .or_else(|| world.workspaces.iter().find(|known| known.is_default).map(|known| known.id.as_str()));
    let workspace = workspace.ok_or_else(|| Refusal::invalid("workspace_id is missing"))?;
    let workspace_id = reachable_workspace(world, caller, workspace)?.to_owned();
    let config = Config {
        id: Uuid::new_v4().to_string(),
        slug: slug("pc", name),
        name: name.to_owned(),
        workspace_id,
        content,
        version_id: Uuid::new_v4().to_string(),
        created_at: whole_second(now),
    };
    let shown = json!({"success": true, "data": {"id": config.id, "version_id": config.version_id, "slug": config.slug}});
    world.configs.push(config);
    Ok(Answer::ok(shown))
}

/// The content replaces the one before it, as a new version.
pub(super) fn update(world: &mut World, caller: &Caller, call: &Call, slug: &str) -> Result<Answer, Refusal> {
    caller.needs("configs.update")?;
    let mut config = found(world, caller, slug)?.clone();
    let body = call.object()?;
    if body.contains_key("name") {
        required(&body, "name")?.clone_into(&mut config.name);
    }
    if let Some(content) = content(&body)? {
        config.content = content;
    }
    config.version_id = Uuid::new_v4().to_string();
    let shown = json!({"success": true, "data": {"version_id": config.version_id}});
    if let Some(place) = world.configs.iter_mut().find(|known| known.id == config.id) {
        *place = config;
    }
    Ok(Answer::ok(shown))
}

/// A config that a key is bound to stays (observed: portkey-api.md 3), and so does the usual one of a workspace.
pub(super) fn delete(world: &mut World, caller: &Caller, slug: &str) -> Result<Answer, Refusal> {
    caller.needs("configs.delete")?;
    let config = found(world, caller, slug)?;
    let id = config.id.clone();
    if world.is_config_used(config) {
        return Err(Refusal::conflict("the config is in use"));
    }
    world.configs.retain(|config| config.id != id);
    Ok(Answer::ok(json!({})))
}

/// By slug: a UUID in this path is refused (portkey-api.md 8).
fn found<'w>(world: &'w World, caller: &Caller, slug: &str) -> Result<&'w Config, Refusal> {
    let config = world.config(slug).ok_or_else(|| Refusal::not_found("no such config"))?;
    if config.slug != slug {
        return Err(Refusal::forbidden("configs are named by slug here, not by UUID"));
    }
    if !caller.reaches(Some(&config.workspace_id)) {
        return Err(Refusal::forbidden("the config belongs to another workspace"));
    }
    Ok(config)
}

fn content(body: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    Ok(shaped(body, "config", Value::is_object)?.filter(|content| !content.is_null()))
}

fn show(world: &World, config: &Config) -> Map<String, Value> {
    let owner = world.users.first().map(|user| user.id.as_str());
    let shown = json!({
        "id": config.id,
        "name": config.name,
        "workspace_id": config.workspace_id,
        "slug": config.slug,
        "organisation_id": world.organisation.id,
        "is_default": 0,
        "status": "active",
        "owner_id": owner,
        "updated_by": owner,
        "created_at": written(config.created_at),
        "last_updated_at": written(config.created_at),
        "object": "config",
    });
    into_map(shown)
}
