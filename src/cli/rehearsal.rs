//! An emulator's seed from a keys file: the organisation as it would be if all were as the file says.
//!
//! For a team that rehearses a change: the keys file before it is the seed, the one after it is planned.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::desired::{Desired, DesiredKey, FileArgument, Loaded, Presence, load};
use crate::emulator::Seed;
use crate::model::{
    CommittedSecret, Delivery, KeyId, Mark, RotationPolicy, Secret, Setting, UsageLimits, UserId,
    WorkspaceId, address_hash,
};
use crate::plan;
use crate::render;

use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;

/// Reads a seed, or makes one of a keys file, which says `version:` at its top.
pub(super) fn seed(path: &Path, output: &Output) -> Result<Seed, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let context = format!("the seed `{}` cannot be read", path.display());
        CommandError::new(anyhow::Error::new(error).context(context))
    })?;
    let top: Result<BTreeMap<String, Value>, _> = serde_yaml::from_str(&text);
    // One that is no YAML is told by its words, so that its mistakes are shown in their places.
    let says_version = || text.lines().any(|line| line.starts_with("version:"));
    if !top.map_or_else(|_| says_version(), |top| top.contains_key("version")) {
        return Seed::from_yaml_str(&text).map_err(|error| {
            CommandError::new(error).hint(format!(
                "{} is read as a seed; a keys file has `version: 1` at its top",
                path.display()
            ))
        });
    }
    let Loaded { desired, diagnostics, sources, .. } =
        load(&[FileArgument::from(path.to_owned())], &mut std::io::empty());
    let Some(desired) = desired else {
        output.complain(&render::text::diagnostics(&diagnostics, &sources, &output.stderr));
        return Err(CommandError::message(format!("the keys file `{}` cannot be a seed", path.display())));
    };
    Seed::from_yaml_str(&seed_of(&desired).to_string()).map_err(|error| {
        CommandError::new(error).hint(format!("the seed was made of the keys file {}", path.display()))
    })
}

/// Refuses a seed that would not be used, because the emulator goes on from its state: what is planned then is not
/// what was asked for.
pub(super) fn check_used(seed: Option<&Path>, state: &Path, remedy: &str) -> Result<(), CommandError> {
    let Some(seed) = seed.filter(|_| state.exists()) else { return Ok(()) };
    Err(CommandError::message(format!(
        "the seed `{}` would not be used: the emulator has a state, `{}`",
        seed.display(),
        state.display()
    ))
    .hint(remedy)
    .code("usage")
    .exit(Exit::Usage))
}

/// What there would be.
fn seed_of(desired: &Desired) -> Value {
    let mut named = Named {
        now: Timestamp::now(),
        workspaces: BTreeMap::new(),
        users: BTreeMap::new(),
        configs: BTreeMap::new(),
        namesakes: BTreeMap::new(),
    };
    let keys: Vec<&DesiredKey> =
        desired.keys.iter().filter(|key| key.presence == Presence::Present).collect();
    let keys: Vec<Value> = keys.iter().map(|key| named.key(key, desired)).collect();
    let mut organisation = Map::new();
    if let Some(id) = &desired.organisation {
        organisation.insert("id".into(), id.as_str().into());
    }
    json!({
        "organisation": organisation,
        "workspaces": named.workspaces.into_values().collect::<Vec<_>>(),
        "users": named.users.into_values().collect::<Vec<_>>(),
        "configs": named.configs.into_values().collect::<Vec<_>>(),
        "keys": keys,
    })
}

/// What the keys name, by what they call it.
struct Named {
    /// When all had been applied.
    now: Timestamp,
    workspaces: BTreeMap<String, Value>,
    users: BTreeMap<String, Value>,
    configs: BTreeMap<String, Value>,
    /// How many keys there were of each address: one name may be there twice.
    namesakes: BTreeMap<String, usize>,
}

impl Named {
    /// The slug and the UUID of a workspace; one of them is invented.
    fn workspace(&mut self, name: &str) -> (String, String) {
        let (slug, id) = slug_and_id(name, "ws");
        self.workspaces.insert(name.to_owned(), json!({"slug": slug, "id": id, "name": slug}));
        (slug, id)
    }

    /// The e-mail and the UUID of a user; one of them is invented.
    fn user(&mut self, name: &str) -> (String, String) {
        let (email, id) = match name.parse::<Uuid>() {
            Ok(_) => (format!("{name}@users.invalid"), name.to_owned()),
            Err(_) => (name.to_owned(), derived_id("user", name)),
        };
        self.users.insert(name.to_owned(), json!({"email": email, "id": id}));
        (email, id)
    }

    fn config(&mut self, name: &str, workspace: &str) -> String {
        let (slug, id) = slug_and_id(name, "pc");
        let config = json!({"slug": slug, "id": id, "workspace": workspace});
        self.configs.entry(name.to_owned()).or_insert(config);
        slug
    }

    fn key(&mut self, key: &DesiredKey, desired: &Desired) -> Value {
        let workspace = key.workspace.as_deref().map(|name| self.workspace(name));
        let user = key.user.as_deref().map(|name| self.user(name));
        let address = key.address.to_string();
        let count = self.namesakes.entry(address.clone()).or_default();
        *count += 1;
        let derived = || KeyId::new(derived_id("key", &format!("{address}#{count}")));
        let id = key.id.clone().unwrap_or_else(derived);
        let mut seed = Map::new();
        let mut put = |name: &str, value: Value| seed.insert(name.to_owned(), value);
        put("id", id.as_str().into());
        put("name", key.address.name.as_str().into());
        put("type", key.kind.as_str().into());
        put("scopes", json!(key.spec.scopes.as_deref().unwrap_or_default()));
        if let Some((slug, _)) = &workspace {
            put("workspace", slug.as_str().into());
        }
        if let Some((email, _)) = &user {
            put("user", email.as_str().into());
        }
        let spec = &key.spec;
        let mut mark = mark(key, desired, &id, workspace.as_ref(), user.as_ref());
        let sinks = plan::sinks(desired, key, Some(&id)).unwrap_or_default();
        if !sinks.is_empty() {
            let secret = format!("rehearsal-{}", derived_id("secret", id.as_str()));
            put("secret", secret.as_str().into());
            mark.secret = CommittedSecret::new(&Secret::new(secret).mask(), self.now, None);
            mark.to = sinks.iter().map(Delivery::hash).collect();
            mark.id = Some(id.short().to_owned());
        }
        // One that is still to come has not been made by any apply.
        if let Some(at) = key.usage_reset_after.filter(|at| *at <= self.now) {
            put("last_reset_at", json!(at));
        }
        let text = spec.description.value().map_or("", String::as_str);
        if mark != Mark::default() {
            put("description", mark.append_to(text).into());
        } else if !text.is_empty() {
            put("description", text.into());
        }
        if let Setting::Set(metadata) = &spec.metadata {
            let set: BTreeMap<_, _> = metadata.iter().filter(|(_, value)| value.is_some()).collect();
            put("metadata", json!(set));
        }
        put("rate_limits", json!(spec.rate_limits.value()));
        put("usage_limits", spec.usage_limits.value().map_or(Value::Null, usage_limits));
        put("rotation_policy", spec.rotation_policy.value().map_or(Value::Null, rotation_policy));
        put("alert_emails", json!(spec.alert_emails.value()));
        put("allow_config_override", json!(spec.allow_config_override.value()));
        put("expires_at", json!(spec.expires_at.value()));
        if let Setting::Set(config) = &spec.config_id {
            // A key of the organisation may be bound to a config of any workspace.
            let home = workspace.map_or_else(|| self.workspace("ws-main-5eed00").0, |(slug, _)| slug);
            seed.insert("config_id".to_owned(), self.config(config, &home).into());
        }
        seed.retain(|_, value| !value.is_null());
        seed.into()
    }
}

/// The mark that the key would carry once the file had been applied.
fn mark(
    key: &DesiredKey,
    desired: &Desired,
    id: &KeyId,
    workspace: Option<&(String, String)>,
    user: Option<&(String, String)>,
) -> Mark {
    let mut mark = Mark { by: desired.managed_by.clone(), keep: key.protected, ..Mark::default() };
    if mark.by.is_some() {
        let workspace = workspace.map(|(_, id)| WorkspaceId::new(id));
        let user = user.map(|(_, id)| UserId::new(id));
        mark.at = Some(address_hash(key.kind, workspace.as_ref(), user.as_ref(), &key.address.name));
    }
    if mark != Mark::default() {
        mark.id = Some(id.short().to_owned());
    }
    mark
}

fn usage_limits(limits: &UsageLimits) -> Value {
    let UsageLimits { credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days } = limits;
    without_nulls(json!({
        "credit_limit": credit_limit,
        "type": kind,
        "alert_threshold": alert_threshold,
        "periodic_reset": periodic_reset,
        "periodic_reset_days": periodic_reset_days,
    }))
}

fn rotation_policy(policy: &RotationPolicy) -> Value {
    let RotationPolicy { rotation_period, rotation_period_days, next_rotation_at, key_transition_period_ms } =
        policy;
    without_nulls(json!({
        "rotation_period": rotation_period,
        "rotation_period_days": rotation_period_days,
        "next_rotation_at": next_rotation_at,
        "key_transition_period_ms": key_transition_period_ms,
    }))
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// What is named by its slug or by its UUID, as both.
fn slug_and_id(name: &str, prefix: &str) -> (String, String) {
    match name.parse::<Uuid>() {
        Ok(_) => (format!("{prefix}-{name}"), name.to_owned()),
        Err(_) => (name.to_owned(), derived_id(prefix, name)),
    }
}

/// The same id for the same name, every time.
fn derived_id(kind: &str, name: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{kind}/{name}")).into();
    let mut head = [0; 16];
    for (to, from) in head.iter_mut().zip(digest) {
        *to = from;
    }
    uuid::Builder::from_random_bytes(head).into_uuid().to_string()
}
