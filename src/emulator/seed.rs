//! What an emulated organisation holds at the start, from YAML or JSON.
//!
//! ```yaml
//! organisation: {id: …, name: Acme}      # optional; rules: settings?, metadata_schema?, auto_user_keys?, …
//! clock: 2026-11-23T09:00:00Z            # optional: the virtual clock starts here
//! switches: {expiry-clearing: never}     # optional: `Switches`
//! workspaces:
//!   - {slug: ws-prod-1a2b3c, name: Production}        # id?, icon?, status? (active, archived)
//! users:
//!   - {email: ada@example.com}                        # id?, first_name?, last_name?, role?
//! configs:
//!   - {slug: pc-routing-9f8e, workspace: ws-prod-1a2b3c}   # id?, name?, config?
//! keys:
//!   - name: checkout
//!     type: workspace-service
//!     workspace: ws-prod-1a2b3c          # slug; for workspace keys
//!     user: ada@example.com              # e-mail; for user keys
//!     scopes: [completions.write]
//!     usage_limits: {credit_limit: 500, periodic_reset: monthly}
//!     usage: 12.5
//!     secret: not-a-real-secret-1234567    # otherwise random
//! ```
//!
//! A key may further have `id`, `description`, `rate_limits`, `metadata`, `config_id` (slug), `allow_config_override`,
//! `alert_emails`, `expires_at`, `rotation_policy`, `status`, `creation_mode`, `created_at`, `last_updated_at`,
//! `last_reset_at` and `admin`. Unknown fields are errors.
//!
//! Ids that are not given are derived from names, so that the same seed gives the same ids. A seed may hold what the
//! API would refuse, such as scopes that are not in the catalogue: a rehearsal starts from what is there.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    path::Path,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    Error,
    audit::AuditLog,
    clock::whole_second,
    rate_windows::RateWindows,
    rules::{Feature, Settings},
    secret::new_secret,
    switches::Switches,
    world::{
        Config, CreationMode, Defaults, Key, Keys, Kind, Organisation, RateLimit, RotationPolicy, Status,
        UsageLimits, User, Workspace, WorkspaceStatus, World,
    },
};

/// What an emulated organisation holds at the start; `docs/emulator.md` describes the format.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    organisation: SeedOrganisation,
    pub(super) clock: Option<Timestamp>,
    pub(super) switches: Switches,
    workspaces: Vec<SeedWorkspace>,
    users: Vec<SeedUser>,
    configs: Vec<SeedConfig>,
    keys: Vec<SeedKey>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedOrganisation {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    settings: Settings,
    metadata_schema: Option<Value>,
    #[serde(default)]
    auto_user_keys: bool,
    #[serde(default)]
    withheld_scopes: Vec<String>,
    #[serde(default)]
    plan_lacks: Vec<Feature>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedWorkspace {
    id: Option<String>,
    slug: String,
    name: String,
    icon: Option<String>,
    status: Option<WorkspaceStatus>,
    #[serde(default)]
    settings: Settings,
    metadata_schema: Option<Value>,
    user_api_key_config: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedUser {
    id: Option<String>,
    email: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    role: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedConfig {
    id: Option<String>,
    slug: String,
    name: Option<String>,
    workspace: String,
    config: Option<Map<String, Value>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedKey {
    id: Option<String>,
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    workspace: Option<String>,
    user: Option<String>,
    scopes: Vec<String>,
    description: Option<String>,
    rate_limits: Option<Vec<RateLimit>>,
    usage_limits: Option<UsageLimits>,
    metadata: Option<Map<String, Value>>,
    config_id: Option<String>,
    allow_config_override: Option<bool>,
    alert_emails: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
    rotation_policy: Option<RotationPolicy>,
    status: Option<Status>,
    creation_mode: Option<CreationMode>,
    created_at: Option<Timestamp>,
    last_updated_at: Option<Timestamp>,
    last_reset_at: Option<Timestamp>,
    secret: Option<String>,
    #[serde(default)]
    admin: bool,
    usage: Option<f64>,
}

/// Masks of shorter secrets would show most of them.
const SHORTEST_SECRET: usize = 12;

impl Seed {
    /// Reads a seed from YAML or JSON.
    pub fn from_yaml_str(text: &str) -> Result<Self, Error> {
        serde_yaml::from_str(text).map_err(Error::SeedSyntax)
    }

    /// Reads a seed from a file of YAML or JSON.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::SeedUnreadable { path: path.to_owned(), source })?;
        Self::from_yaml_str(&text)
    }

    /// What there is without a seed: one workspace, one user.
    pub(super) fn unseeded() -> Self {
        Self {
            workspaces: vec![SeedWorkspace {
                id: None,
                slug: "ws-main-5eed00".to_owned(),
                name: "Main".to_owned(),
                icon: None,
                status: None,
                settings: Settings::default(),
                metadata_schema: None,
                user_api_key_config: None,
            }],
            users: vec![SeedUser {
                id: None,
                email: "someone@example.com".to_owned(),
                first_name: "Some".to_owned(),
                last_name: "One".to_owned(),
                role: Some("owner".to_owned()),
            }],
            ..Self::default()
        }
    }

    /// The world of this seed, with everything that it names found.
    pub(super) fn build(&self, now: Timestamp) -> Result<World, Error> {
        let name = self.organisation.name.clone().unwrap_or_else(|| "Emulated organisation".to_owned());
        let id = self.organisation.id.clone().unwrap_or_else(|| derived_id(&format!("organisation/{name}")));
        // Dates that the seed leaves out are fixed, for the same bytes on every start.
        let past = self.clock.unwrap_or(FALLBACK_START).saturating_sub(SignedDuration::from_hours(24));
        let past = whole_second(past.unwrap_or(Timestamp::MIN));
        let mut world = World {
            organisation: self.organisation.build(id, name),
            workspaces: self
                .workspaces
                .iter()
                .enumerate()
                .map(|(n, seed)| seed.build(n == 0, past))
                .collect(),
            users: self.users.iter().map(|seed| seed.build(past)).collect(),
            configs: Vec::new(),
            keys: Keys::default(),
            audit: AuditLog::default(),
            rate_windows: RateWindows::default(),
            issued: Vec::new(),
            admin: None,
            switches: self.switches,
        };
        unique("workspace slug", world.workspaces.iter().map(|workspace| workspace.slug.as_str()))?;
        unique("user e-mail", world.users.iter().map(|user| user.email.as_str()))?;
        unique("config slug", self.configs.iter().map(|config| config.slug.as_str()))?;
        for config in &self.configs {
            let config = config.build(&world, past)?;
            world.configs.push(config);
        }
        self.check_rules(&world)?;
        self.build_keys(&mut world, past, now)?;
        Ok(world)
    }

    /// Rules that could not be followed are found at the start.
    fn check_rules(&self, world: &World) -> Result<(), Error> {
        let schemas =
            self.workspaces.iter().map(|workspace| (workspace.slug.as_str(), &workspace.metadata_schema));
        for (whose, schema) in schemas.chain([("the organisation", &self.organisation.metadata_schema)]) {
            let Some(schema) = schema else { continue };
            jsonschema::validator_for(schema).map_err(|error| {
                Error::Seed(format!("the `metadata_schema` of {whose} is no JSON Schema: {error}"))
            })?;
        }
        for workspace in &world.workspaces {
            let Some(slug) = workspace.usual_config() else { continue };
            let config = world.config(slug).filter(|config| config.workspace_id == workspace.id);
            if config.is_none() {
                let slug = format!("`{}` has the config `{slug}`, which is not in it", workspace.slug);
                return Err(Error::Seed(format!("workspace {slug}")));
            }
        }
        Ok(())
    }

    fn build_keys(&self, world: &mut World, past: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut namesakes: HashMap<String, usize> = HashMap::new();
        let workspaces: HashMap<String, String> =
            world.workspaces.iter().map(|w| (w.slug.clone(), w.id.clone())).collect();
        let users: HashMap<String, String> =
            world.users.iter().map(|u| (u.email.clone(), u.id.clone())).collect();
        for (seed, second) in self.keys.iter().zip(0..) {
            let created = past.saturating_add(SignedDuration::from_secs(second)).unwrap_or(past);
            let mut key = seed.build(world, &workspaces, &users, created, now)?;
            let address = format!(
                "key/{}/{}/{}/{}",
                seed.kind.name(),
                seed.workspace.as_deref().unwrap_or_default(),
                seed.user.as_deref().unwrap_or_default(),
                seed.name
            );
            let count = namesakes.entry(address.clone()).or_default();
            *count += 1;
            key.id = seed.id.clone().unwrap_or_else(|| derived_id(&format!("{address}#{count}")));
            if let Some(defaults) = &mut key.defaults {
                defaults.id = derived_id(&format!("defaults/{}", key.id));
            }
            if world.keys.get(&key.id).is_some() {
                return Err(Error::Seed(format!("two keys have the id `{}`", key.id)));
            }
            if world.keys.by_secret(&key.secret).is_some() {
                return Err(Error::Seed(format!("key `{}` has the secret of another key", key.name)));
            }
            if seed.admin && world.admin.replace(key.id.clone()).is_some() {
                return Err(Error::Seed("two keys are marked `admin`".to_owned()));
            }
            world.note_issued(&key.id, &key.secret);
            world.keys.put(key);
        }
        Ok(())
    }
}

/// 2026-01-02, the start of a seed without a clock.
const FALLBACK_START: Timestamp = Timestamp::constant(1_767_312_000, 0);

impl SeedOrganisation {
    fn build(&self, id: String, name: String) -> Organisation {
        let Self { settings, metadata_schema, auto_user_keys, withheld_scopes, plan_lacks, .. } =
            self.clone();
        Organisation { id, name, settings, metadata_schema, auto_user_keys, withheld_scopes, plan_lacks }
    }
}

impl SeedWorkspace {
    fn build(&self, is_default: bool, created_at: Timestamp) -> Workspace {
        Workspace {
            id: self.id.clone().unwrap_or_else(|| derived_id(&format!("workspace/{}", self.slug))),
            slug: self.slug.clone(),
            name: self.name.clone(),
            icon: self.icon.clone(),
            description: None,
            defaults: self.user_api_key_config.as_ref().map(|slug| json!({"user_api_key_config": slug})),
            usage_limits: None,
            rate_limits: None,
            settings: self.settings.clone(),
            metadata_schema: self.metadata_schema.clone(),
            last_updated_at: None,
            status: self.status.unwrap_or(WorkspaceStatus::Active),
            is_default,
            created_at,
        }
    }
}

impl SeedUser {
    fn build(&self, created_at: Timestamp) -> User {
        User {
            id: self.id.clone().unwrap_or_else(|| derived_id(&format!("user/{}", self.email))),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            role: self.role.clone().unwrap_or_else(|| "member".to_owned()),
            created_at,
        }
    }
}

impl SeedConfig {
    fn build(&self, world: &World, created_at: Timestamp) -> Result<Config, Error> {
        let workspace = world.workspace(&self.workspace).ok_or_else(|| {
            Error::Seed(format!(
                "config `{}` is in workspace `{}`, which is not in the seed",
                self.slug, self.workspace
            ))
        })?;
        Ok(Config {
            id: self.id.clone().unwrap_or_else(|| derived_id(&format!("config/{}", self.slug))),
            slug: self.slug.clone(),
            name: self.name.clone().unwrap_or_else(|| self.slug.clone()),
            workspace_id: workspace.id.clone(),
            content: Value::Object(self.config.clone().unwrap_or_default()),
            version_id: derived_id(&format!("config version/{}", self.slug)),
            created_at,
        })
    }
}

impl SeedKey {
    /// The key, its id aside.
    fn build(
        &self,
        world: &World,
        workspaces: &HashMap<String, String>,
        users: &HashMap<String, String>,
        created: Timestamp,
        now: Timestamp,
    ) -> Result<Key, Error> {
        let (workspace_id, user_id) = self.place(workspaces, users)?;
        let created_at = whole_second(self.created_at.unwrap_or(created));
        let mut usage_limits = self.usage_limits.clone();
        if let Some(limits) = usage_limits.as_mut().filter(|limits| limits.next_usage_reset_at.is_none()) {
            limits.next_usage_reset_at = limits.next_after(now, world.switches.weekly_usage_reset);
        }
        let mut rotation_policy = self.rotation_policy.clone();
        if let Some(policy) = rotation_policy.as_mut().filter(|policy| policy.next_rotation_at.is_none()) {
            policy.next_rotation_at = policy.next_after(now);
        }
        let limit = usage_limits.as_ref().and_then(|limits| limits.credit_limit.as_ref()?.as_f64());
        let spent = if self.status == Some(Status::Exhausted) { limit } else { None };
        let mut key = Key {
            id: String::new(),
            name: self.name.clone(),
            description: self.description.clone(),
            kind: self.kind,
            workspace_id,
            user_id,
            status: Status::Active,
            created_at,
            last_updated_at: whole_second(self.last_updated_at.unwrap_or(created_at)),
            creation_mode: self.creation_mode.unwrap_or(CreationMode::Ui),
            scopes: self.scopes.clone(),
            rate_limits: self.rate_limits.clone(),
            usage_limits,
            usage: self.usage.or(spent).unwrap_or_default(),
            threshold_alert_sent: false,
            last_reset_at: self.last_reset_at,
            alert_emails: self.alert_emails.clone(),
            expires_at: self.expires_at,
            defaults: self.defaults(world)?,
            rotation_policy,
            expired_alert_sent: self.status == Some(Status::Expired),
            secret: self.checked_secret()?,
            previous: None,
        };
        key.threshold_alert_sent = key.is_past_threshold();
        let natural = if key.is_used_up() { Status::Exhausted } else { Status::Active };
        key.status = self.status.unwrap_or(natural);
        Ok(key)
    }

    fn checked_secret(&self) -> Result<String, Error> {
        match &self.secret {
            None => Ok(new_secret()),
            Some(secret) if secret.chars().count() >= SHORTEST_SECRET => Ok(secret.clone()),
            Some(_) => Err(Error::Seed(format!(
                "the secret of key `{}` is shorter than {SHORTEST_SECRET} characters",
                self.name
            ))),
        }
    }

    /// The ids of the workspace and the user, which must suit the type.
    fn place(
        &self,
        workspaces: &HashMap<String, String>,
        users: &HashMap<String, String>,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let wrong = |what: &str| {
            Err(Error::Seed(format!("key `{}` of type `{}` {what}", self.name, self.kind.name())))
        };
        if self.admin && self.kind != Kind::OrganisationService {
            return wrong("cannot be marked `admin`");
        }
        match (self.kind, &self.workspace, &self.user) {
            (Kind::OrganisationService, None, None) => return Ok((None, None)),
            (Kind::OrganisationService, ..) => return wrong("can have neither `workspace` nor `user`"),
            (Kind::WorkspaceService, _, Some(_)) => return wrong("cannot have a `user`"),
            (Kind::WorkspaceUser, _, None) => return wrong("needs a `user`"),
            (Kind::WorkspaceService | Kind::WorkspaceUser, None, _) => return wrong("needs a `workspace`"),
            (Kind::WorkspaceService | Kind::WorkspaceUser, Some(_), _) => {}
        }
        let workspace_id = match self.workspace.as_ref().map(|slug| (slug, workspaces.get(slug))) {
            Some((slug, None)) => {
                return wrong(&format!("is in workspace `{slug}`, which is not in the seed"));
            }
            Some((_, id)) => id.cloned(),
            None => None,
        };
        let user_id = match self.user.as_ref().map(|email| (email, users.get(email))) {
            Some((email, None)) => return wrong(&format!("is of user `{email}`, who is not in the seed")),
            Some((_, id)) => id.cloned(),
            None => None,
        };
        Ok((workspace_id, user_id))
    }

    /// The defaults record, if anything was ever written to it; keys created automatically have one (portkey-api.md
    /// 2.3).
    fn defaults(&self, world: &World) -> Result<Option<Defaults>, Error> {
        let unknown = |slug: &str| {
            Error::Seed(format!("key `{}` has the config `{slug}`, which is not in the seed", self.name))
        };
        let find =
            |slug: &String| world.config(slug).map(|config| config.id.clone()).ok_or_else(|| unknown(slug));
        let config_id = self.config_id.as_ref().map(find).transpose()?;
        let metadata = self.metadata.clone().filter(|map| !map.is_empty());
        let written = metadata.is_some()
            || config_id.is_some()
            || self.allow_config_override.is_some()
            || self.creation_mode == Some(CreationMode::Auto);
        Ok(written.then(|| Defaults {
            id: String::new(),
            metadata,
            config_id,
            allow_config_override: self.allow_config_override.unwrap_or(true),
        }))
    }
}

fn unique<'a>(what: &str, values: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(Error::Seed(format!("the {what} `{value}` is given twice")));
        }
    }
    Ok(())
}

/// An id in the shape of a UUID that depends on the name alone.
pub(super) fn derived_id(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let mut id = String::with_capacity(36);
    for (n, byte) in digest.iter().take(16).enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // The version and variant digits of a UUID that somebody else defines (version 8).
        let byte = match n {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        // Writing to a string cannot fail.
        if write!(id, "{byte:02x}").is_err() {
            break;
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(yaml: &str) -> String {
        let built = Seed::from_yaml_str(yaml).and_then(|seed| seed.build(FALLBACK_START));
        let error = built.err().expect("an error");
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn derived_ids_are_uuids_that_depend_on_the_name_alone() {
        let id = derived_id("workspace/ws-prod");
        assert_eq!(id, derived_id("workspace/ws-prod"));
        assert_ne!(id, derived_id("workspace/ws-test"));
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().to_string(), id);
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_dates() {
        let yaml = "{workspaces: [{slug: ws-a, name: A}], keys: [{name: k, type: workspace-service, workspace: ws-a, \
                    scopes: [logs.list]}, {name: k, type: workspace-service, workspace: ws-a, scopes: []}]}";
        let ids = || {
            let world = Seed::from_yaml_str(yaml).unwrap().build(FALLBACK_START).unwrap();
            world.keys.iter().map(|key| (key.id.clone(), key.created_at)).collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
        assert_eq!(ids().len(), 2);
    }

    #[test]
    fn a_seed_names_what_is_wrong_with_it() {
        assert!(fails("{keyz: []}").contains("keyz"));
        assert!(
            fails("{keys: [{name: k, type: workspace-service, scopes: []}]}").contains("needs a `workspace`")
        );
        assert!(
            fails("{keys: [{name: k, type: workspace-service, workspace: ws-x, scopes: []}]}")
                .contains("`ws-x`")
        );
        assert!(fails("{workspaces: [{slug: a, name: A}, {slug: a, name: B}]}").contains("given twice"));
        assert!(
            fails("{keys: [{name: k, type: organisation-service, scopes: [], secret: short}]}")
                .contains("shorter")
        );
    }
}
