//! The routes that name things: workspaces, users, configs (portkey-api.md 8).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    call::{Answer, Call, Refusal},
    clock::{whole_second, written},
    keys::reachable_workspace,
    paging::{self, Page},
    permissions::Caller,
    validate::is_email,
    world::{Config, User, Workspace, WorkspaceStatus, World},
};

pub(super) fn list_workspaces(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    caller.needs("workspaces.list")?;
    let page = Page::read(call, "page_size", "current_page")?;
    let statuses = call.query("status").unwrap_or("active");
    let status_matches = |status| {
        let name = match status {
            WorkspaceStatus::Active => "active",
            WorkspaceStatus::Archived => "archived",
        };
        statuses.split(',').any(|asked| asked.trim() == name)
    };
    let found = newest_first(&world.workspaces, |workspace| workspace.created_at)
        .filter(|workspace| caller.reaches(Some(&workspace.id)))
        .filter(|workspace| call.query("name").is_none_or(|part| workspace.name.contains(part)))
        .filter(|workspace| call.query("exact_name").is_none_or(|name| workspace.name == name))
        .filter(|workspace| status_matches(workspace.status));
    Ok(page.answer(found, |workspace| Value::Object(show_workspace(workspace))))
}

pub(super) fn get_workspace(world: &World, caller: &Caller, slug_or_id: &str) -> Result<Answer, Refusal> {
    caller.needs("workspaces.read")?;
    let id = reachable_workspace(world, caller, slug_or_id)?;
    let workspace = world.workspace(id).ok_or_else(|| Refusal::not_found("no such workspace"))?;
    let mut shown = show_workspace(workspace);
    shown.insert("organisation_id".into(), world.organisation.id.as_str().into());
    shown.insert(
        "settings".into(),
        json!({"user_api_key_ttl": 0, "user_api_key_max_ttl": 0, "user_api_key_count": -1}),
    );
    Ok(Answer::ok(Value::Object(shown)))
}

pub(super) fn create_workspace(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("workspaces.create")?;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let workspace = Workspace {
        id: Uuid::new_v4().to_string(),
        slug: slug("ws", name),
        name: name.to_owned(),
        description: optional(&body, "description").map(str::to_owned),
        defaults: body.get("defaults").filter(|defaults| defaults.is_object()).cloned(),
        status: WorkspaceStatus::Active,
        is_default: world.workspaces.is_empty(),
        created_at: whole_second(now),
    };
    let shown = Value::Object(show_workspace(&workspace));
    world.workspaces.push(workspace);
    Ok(Answer::ok(shown))
}

pub(super) fn list_users(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    caller.needs("organisation_users.list")?;
    let page = Page::read(call, "pageSize", "currentPage")?;
    let found = newest_first(&world.users, |user| user.created_at)
        .filter(|user| call.query("email").is_none_or(|email| user.email == email))
        .filter(|user| call.query("role").is_none_or(|role| user.role == role));
    Ok(page.answer(found, |user| show_user(world, user)))
}

pub(super) fn get_user(world: &World, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    caller.needs("organisation_users.read")?;
    let user = world.users.iter().find(|user| user.id == id);
    user.map(|user| Answer::ok(show_user(world, user))).ok_or_else(|| Refusal::not_found("no such user"))
}

/// An extension of the emulator: Portkey knows users by invitation only.
pub(super) fn create_user(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("organisation_users.create")?;
    let body = call.object()?;
    let email = required(&body, "email")?;
    if !is_email(email) {
        return Err(Refusal::invalid("email is not valid"));
    }
    if world.users.iter().any(|user| user.email == email) {
        return Err(Refusal::conflict("a user has this email"));
    }
    let user = User {
        id: Uuid::new_v4().to_string(),
        email: email.to_owned(),
        first_name: optional(&body, "first_name").unwrap_or_default().to_owned(),
        last_name: optional(&body, "last_name").unwrap_or_default().to_owned(),
        role: optional(&body, "role").unwrap_or("member").to_owned(),
        created_at: whole_second(now),
    };
    let shown = show_user(world, &user);
    world.users.push(user);
    Ok(Answer::ok(shown))
}

/// Not paged (portkey-api.md 8).
pub(super) fn list_configs(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    caller.needs("configs.list")?;
    let workspace_id = match call.query("workspace_id") {
        Some(slug_or_id) => Some(reachable_workspace(world, caller, slug_or_id)?),
        None => caller.workspace_id(),
    };
    let rows: Vec<Value> = newest_first(&world.configs, |config| config.created_at)
        .filter(|config| workspace_id.is_none_or(|id| config.workspace_id == id))
        .map(|config| Value::Object(show_config(world, config)))
        .collect();
    Ok(paging::list(rows.len(), &rows))
}

pub(super) fn get_config(world: &World, caller: &Caller, slug: &str) -> Result<Answer, Refusal> {
    caller.needs("configs.read")?;
    let config = world.config(slug).ok_or_else(|| Refusal::not_found("no such config"))?;
    if config.slug != slug {
        return Err(Refusal::forbidden("configs are read by slug, not by UUID"));
    }
    if !caller.reaches(Some(&config.workspace_id)) {
        return Err(Refusal::forbidden("the config belongs to another workspace"));
    }
    let mut shown = show_config(world, config);
    shown.insert("config".into(), config.content.to_string().into());
    shown.insert("format".into(), "json".into());
    shown.insert("type".into(), "ORG_CONFIG".into());
    shown.insert("version_id".into(), config.version_id.as_str().into());
    Ok(Answer::ok(Value::Object(shown)))
}

pub(super) fn create_config(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("configs.create")?;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let config = body.get("config").filter(|config| config.is_object());
    let config = config.ok_or_else(|| Refusal::invalid("config is no object"))?;
    let workspace =
        optional(&body, "workspace_id").filter(|id| !id.is_empty()).or_else(|| caller.workspace_id());
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
        content: config.clone(),
        version_id: Uuid::new_v4().to_string(),
        created_at: whole_second(now),
    };
    let shown = json!({"success": true, "data": {"id": config.id, "version_id": config.version_id, "slug": config.slug}});
    world.configs.push(config);
    Ok(Answer::ok(shown))
}

fn show_workspace(workspace: &Workspace) -> Map<String, Value> {
    let shown = json!({
        "id": workspace.id,
        "slug": workspace.slug,
        "name": workspace.name,
        "icon": null,
        "description": workspace.description,
        "created_at": written(workspace.created_at),
        "last_updated_at": written(workspace.created_at),
        "defaults": workspace.defaults,
        "is_default": u8::from(workspace.is_default),
        "scim_source_id": null,
        "usage_limits": null,
        "rate_limits": null,
        "security_settings": {"membersViewApiKeys": true, "membersWriteApiKeys": true,
            "managersViewApiKeys": true, "managersWriteApiKeys": true},
        "status": workspace.status,
        "object": "workspace",
    });
    into_map(shown)
}

fn show_user(world: &World, user: &User) -> Value {
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

fn show_config(world: &World, config: &Config) -> Map<String, Value> {
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

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn newest_first<T>(items: &[T], created_at: impl Fn(&T) -> Timestamp) -> impl Iterator<Item = &T> {
    let mut items: Vec<&T> = items.iter().collect();
    items.sort_by_key(|item| std::cmp::Reverse(created_at(item)));
    items.into_iter()
}

fn required<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    let text = optional(body, name).filter(|text| !text.is_empty());
    text.ok_or_else(|| Refusal::invalid(format!("{name} is missing")))
}

fn optional<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

/// `pc-protom-161488` for "Protomold Production": prefix, six characters of the name, six random digits.
fn slug(prefix: &str, name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let head: String = plain.chars().take(6).collect();
    format!("{prefix}-{}-{:06x}", head.trim_matches('-'), rand::random::<u32>() & 0x00ff_ffff)
}
