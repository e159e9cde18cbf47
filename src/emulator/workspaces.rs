//! The routes under `/v1/admin/workspaces` (portkey-api.md 8).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    call::{Answer, Call, Refusal},
    clock::{whole_second, written},
    directory::{into_map, newest_first, optional, required, shaped, slug},
    keys::reachable_workspace,
    paging::Page,
    permissions::Caller,
    rules::Settings,
    validate::{is_rate_limits_list, is_usage_limits_list},
    world::{User, Workspace, WorkspaceStatus, World},
};

pub(super) fn list(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    caller.needs("workspaces.list")?;
    let page = Page::read(call, "page_size", "current_page", &world.switches)?;
    let statuses = statuses(call.query("status").unwrap_or("active"))?;
    let plain = match call.query("name_format") {
        None => false,
        Some("plain") => true,
        Some(_) => return Err(Refusal::invalid("name_format is not valid")),
    };
    let found = newest_first(&world.workspaces, |workspace| workspace.created_at)
        .filter(|workspace| caller.reaches(Some(&workspace.id)))
        .filter(|workspace| call.query("name").is_none_or(|part| workspace.name.contains(part)))
        .filter(|workspace| call.query("exact_name").is_none_or(|name| workspace.name == name))
        .filter(|workspace| statuses.contains(&workspace.status));
    Ok(page.answer(found, |workspace| {
        let mut shown = show(workspace);
        if plain {
            shown.insert("name".into(), workspace.name.as_str().into());
        }
        Value::Object(shown)
    }))
}

fn statuses(asked: &str) -> Result<Vec<WorkspaceStatus>, Refusal> {
    let status = |name: &str| match name.trim() {
        "active" => Ok(WorkspaceStatus::Active),
        "archived" => Ok(WorkspaceStatus::Archived),
        _ => Err(Refusal::invalid("status is not valid")),
    };
    asked.split(',').map(status).collect()
}

pub(super) fn get(world: &World, caller: &Caller, slug_or_id: &str) -> Result<Answer, Refusal> {
    caller.needs("workspaces.read")?;
    let workspace = found(world, caller, slug_or_id)?;
    let mut shown = show(workspace);
    shown.insert("organisation_id".into(), world.organisation.id.as_str().into());
    let mut settings = Map::new();
    let Settings { rotation_period, usual_life, longest_life, most_keys } = &workspace.settings;
    settings.insert("user_api_key_ttl".into(), (*usual_life).into());
    settings.insert("user_api_key_max_ttl".into(), (*longest_life).into());
    settings.insert("user_api_key_count".into(), most_keys.unwrap_or(-1).into());
    if *rotation_period > 0 {
        settings.insert("user_api_key_rotation_period".into(), (*rotation_period).into());
    }
    shown.insert("settings".into(), settings.into());
    let users: Vec<Value> = world.users.iter().map(|user| show_member(user, workspace)).collect();
    shown.insert("users".into(), users.into());
    Ok(Answer::ok(Value::Object(shown)))
}

pub(super) fn create(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("workspaces.create")?;
    let body = call.object()?;
    let name = required(&body, "name")?;
    let created_at = whole_second(now);
    let mut workspace = Workspace {
        id: Uuid::new_v4().to_string(),
        slug: slug("ws", name),
        name: name.to_owned(),
        icon: None,
        description: None,
        defaults: None,
        usage_limits: None,
        rate_limits: None,
        settings: Settings::default(),
        metadata_schema: None,
        status: WorkspaceStatus::Active,
        is_default: world.workspaces.is_empty(),
        created_at,
        last_updated_at: Some(created_at),
    };
    change(&mut workspace, &body)?;
    check_usual_config(world, &workspace)?;
    let shown = Value::Object(show(&workspace));
    world.workspaces.push(workspace);
    Ok(Answer::ok(shown))
}

pub(super) fn update(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    slug_or_id: &str,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    caller.needs("workspaces.update")?;
    let body = call.object()?;
    let mut workspace = found(world, caller, slug_or_id)?.clone();
    change(&mut workspace, &body)?;
    check_usual_config(world, &workspace)?;
    workspace.last_updated_at = Some(whole_second(now));
    replace(world, workspace);
    Ok(Answer::ok(json!({})))
}

/// A deleted workspace is archived, as far as can be seen from outside: later calls answer 403, not 404 (portkey-api.md
/// 8). With `force_delete` its keys go too; that a workspace which has keys cannot go without is inferred.
pub(super) fn delete(
    world: &mut World,
    caller: &Caller,
    call: &Call,
    slug_or_id: &str,
) -> Result<Answer, Refusal> {
    caller.needs("workspaces.delete")?;
    let mut workspace = found(world, caller, slug_or_id)?.clone();
    let force = match call.object()?.get("force_delete") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool().ok_or_else(|| Refusal::invalid("force_delete is no boolean"))?,
    };
    let keys = world.keys.ids(|key| key.workspace_id.as_ref() == Some(&workspace.id));
    if !force && !keys.is_empty() {
        return Err(Refusal::conflict("the workspace has keys, and force_delete is not true"));
    }
    for id in &keys {
        world.keys.erase(id);
    }
    workspace.status = WorkspaceStatus::Archived;
    replace(world, workspace);
    Ok(Answer::ok(json!({})))
}

/// Membership is not modelled: every user belongs to every workspace.
pub(super) fn members(
    world: &World,
    caller: &Caller,
    call: &Call,
    slug_or_id: &str,
) -> Result<Answer, Refusal> {
    caller.needs("workspace_users.list")?;
    let page = Page::read(call, "page_size", "current_page", &world.switches)?;
    let workspace = found(world, caller, slug_or_id)?;
    let users = newest_first(&world.users, |user| user.created_at);
    Ok(page.answer(users, |user| show_member(user, workspace)))
}

fn found<'w>(world: &'w World, caller: &Caller, slug_or_id: &str) -> Result<&'w Workspace, Refusal> {
    let id = reachable_workspace(world, caller, slug_or_id)?;
    world.workspace(id).ok_or_else(|| Refusal::not_found("no such workspace"))
}

fn replace(world: &mut World, workspace: Workspace) {
    if let Some(place) = world.workspaces.iter_mut().find(|known| known.id == workspace.id) {
        *place = workspace;
    }
}

/// What a body says, field by field; a field that is left out stays.
fn change(workspace: &mut Workspace, body: &Map<String, Value>) -> Result<(), Refusal> {
    if body.contains_key("name") {
        required(body, "name")?.clone_into(&mut workspace.name);
    }
    if body.contains_key("description") {
        workspace.description = optional(body, "description")?.map(str::to_owned);
    }
    let fields = [
        ("defaults", is_defaults as fn(&Value) -> bool, &mut workspace.defaults),
        ("usage_limits", is_usage_limits_list, &mut workspace.usage_limits),
        ("rate_limits", is_rate_limits_list, &mut workspace.rate_limits),
    ];
    for (name, fits, place) in fields {
        if let Some(value) = shaped(body, name, fits)? {
            *place = Some(value).filter(|value| !value.is_null());
        }
    }
    Ok(())
}

fn check_usual_config(world: &World, workspace: &Workspace) -> Result<(), Refusal> {
    let Some(named) = workspace.usual_config() else { return Ok(()) };
    match world.config(named).filter(|config| config.workspace_id == workspace.id) {
        Some(_) => Ok(()),
        None => Err(Refusal::invalid("user_api_key_config is no config of this workspace")),
    }
}

fn is_defaults(value: &Value) -> bool {
    let is_texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    value.as_object().is_some_and(|defaults| {
        defaults.iter().all(|(name, value)| match name.as_str() {
            _ if value.is_null() => true,
            "metadata" => value.is_object(),
            "input_guardrails" | "output_guardrails" => is_texts(value),
            "user_api_key_config" => value.is_string(),
            _ => true,
        })
    })
}

fn show(workspace: &Workspace) -> Map<String, Value> {
    // An icon stands before the name unless `name_format=plain` is asked for.
    let name = match &workspace.icon {
        Some(icon) => format!("{icon} {}", workspace.name),
        None => workspace.name.clone(),
    };
    let shown = json!({
        "id": workspace.id,
        "slug": workspace.slug,
        "name": name,
        "icon": workspace.icon,
        "description": workspace.description,
        "created_at": written(workspace.created_at),
        "last_updated_at": written(workspace.last_updated_at.unwrap_or(workspace.created_at)),
        "defaults": workspace.defaults,
        "is_default": u8::from(workspace.is_default),
        "scim_source_id": null,
        "usage_limits": workspace.usage_limits,
        "rate_limits": workspace.rate_limits,
        "security_settings": {"membersViewApiKeys": true, "membersWriteApiKeys": true,
            "managersViewApiKeys": true, "managersWriteApiKeys": true},
        "status": workspace.status,
        "object": "workspace",
    });
    into_map(shown)
}

/// Ids and roles, no e-mail; the role sometimes has a prefix (portkey-api.md 8).
fn show_member(user: &User, workspace: &Workspace) -> Value {
    let role = match user.role.as_str() {
        "owner" | "admin" => "ws-admin",
        _ => "ws-member",
    };
    json!({
        "object": "workspace-user",
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "org_role": user.role,
        "role": role,
        "created_at": written(user.created_at),
        "last_updated_at": written(user.created_at),
        "status": "active",
        "workspace_id": workspace.id,
    })
}
