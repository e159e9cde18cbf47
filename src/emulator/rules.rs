//! What an organisation or a workspace asks of keys, beyond what the API asks of everybody (portkey-api.md 3, 4 and 7).
//!
//! Lengths are in days. That the lifetimes are is inferred: their unit is not documented.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    call::Refusal,
    clock::{self, whole_second},
    patch::defaults_of,
    secret::new_secret,
    validate::{Field, Patch},
    world::{CreationMode, Key, Kind, RotationPolicy, SHORTEST_TRANSITION_MS, User, WorkspaceStatus, World},
};

/// The settings of an organisation, or of a workspace, whose own come first. 0 is none.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    #[serde(rename = "user_api_key_rotation_period")]
    pub(super) rotation_period: u16,
    /// How long new keys live that name no date.
    #[serde(rename = "user_api_key_ttl")]
    pub(super) usual_life: u16,
    #[serde(rename = "user_api_key_max_ttl")]
    pub(super) longest_life: u16,
    /// How many keys a user may have in a workspace; none or -1: any number.
    #[serde(rename = "user_api_key_count")]
    pub(super) most_keys: Option<i64>,
}

/// What some plans do not have (portkey-api.md 6).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Feature {
    /// Rate and usage limits on keys.
    Limits,
    /// The routes about users.
    Users,
    AuditLogs,
}

/// What a create or an update is about, as far as rules ask.
#[expect(clippy::struct_excessive_bools, reason = "each is a question that one rule asks")]
pub(super) struct Change {
    is_new: bool,
    sets_limits: bool,
    names_config: bool,
    moves_rotation: bool,
    clears_expiry: bool,
    sets_policy: bool,
}

impl Change {
    pub(super) fn of(patch: &Patch, is_new: bool) -> Self {
        Self {
            is_new,
            sets_limits: matches!(patch.rate_limits, Field::Value(_))
                || matches!(patch.usage_limits, Field::Value(_)),
            names_config: matches!(patch.config_id, Field::Value(_)),
            moves_rotation: patch.moves_rotation,
            clears_expiry: matches!(patch.expires_at, Field::Null),
            sets_policy: matches!(patch.rotation_policy, Field::Value(_)),
        }
    }
}

impl World {
    /// What holds in a workspace: its own setting, else that of the organisation.
    fn setting(&self, workspace_id: Option<&str>, read: impl Fn(&Settings) -> u16) -> Option<u16> {
        let workspace = workspace_id.and_then(|id| self.workspace(id));
        let own = workspace.map(|workspace| read(&workspace.settings)).filter(|value| *value > 0);
        own.or(Some(read(&self.organisation.settings)).filter(|value| *value > 0))
    }

    fn most_keys(&self, workspace_id: Option<&str>) -> Option<usize> {
        let workspace = workspace_id.and_then(|id| self.workspace(id));
        let own = workspace.and_then(|workspace| workspace.settings.most_keys);
        let count = own.or(self.organisation.settings.most_keys)?;
        // Negative: as many as they like.
        usize::try_from(count).ok()
    }

    /// Refuses what the plan of the organisation does not have.
    pub(super) fn needs_feature(&self, feature: Feature) -> Result<(), Refusal> {
        if self.organisation.plan_lacks.contains(&feature) {
            return Err(Refusal::forbidden("the plan does not have this"));
        }
        Ok(())
    }

    /// Whether the expiry of a key is bounded; only keys of users are (portkey-api.md 7).
    pub(super) fn enforces_expiry(&self, key: &Key) -> bool {
        key.kind == Kind::WorkspaceUser && self.longest_life(key).is_some()
    }

    fn longest_life(&self, key: &Key) -> Option<u16> {
        self.setting(key.workspace_id.as_deref(), |settings| settings.longest_life)
    }

    /// Applies the rules to a key that a body has been applied to.
    pub(super) fn enforce(&self, key: &mut Key, change: &Change, now: Timestamp) -> Result<(), Refusal> {
        if change.sets_limits {
            self.needs_feature(Feature::Limits)?;
        }
        if key.kind == Kind::WorkspaceUser {
            self.enforce_count(key, change)?;
            self.enforce_life(key, change)?;
            self.enforce_rotation(key, change, now)?;
            self.bind_usual_config(key, change);
        }
        self.enforce_metadata(key)
    }

    /// The code is inferred.
    fn enforce_count(&self, key: &Key, change: &Change) -> Result<(), Refusal> {
        let workspace_id = key.workspace_id.as_deref();
        let has = |other: &&Key| other.user_id == key.user_id && other.workspace_id == key.workspace_id;
        match self.most_keys(workspace_id) {
            Some(most) if change.is_new && self.keys.iter().filter(has).count() >= most => {
                Err(Refusal::invalid("the user has as many keys as are allowed"))
            }
            _ => Ok(()),
        }
    }

    /// A new key without a date gets the usual one. What a key without any date means under a longest life is inferred:
    /// a new one gets the longest, and one that has a date cannot lose it.
    fn enforce_life(&self, key: &mut Key, change: &Change) -> Result<(), Refusal> {
        let in_days =
            |days: u16| key.created_at.saturating_add(SignedDuration::from_hours(24 * i64::from(days))).ok();
        let usual = self.setting(key.workspace_id.as_deref(), |settings| settings.usual_life);
        let longest = self.longest_life(key);
        if change.is_new && key.expires_at.is_none() {
            key.expires_at = usual.or(longest).and_then(in_days);
        }
        let Some(latest) = longest.and_then(in_days) else { return Ok(()) };
        if key.expires_at.is_some_and(|at| at > latest) {
            return Err(Refusal::invalid("expires_at exceeds user_api_key_max_ttl"));
        }
        if change.clears_expiry && !change.is_new {
            return Err(Refusal::invalid("expires_at cannot be cleared under user_api_key_max_ttl"));
        }
        Ok(())
    }

    /// Another period is refused, the date is not editable later, and a policy that is missing is assigned; also in place
    /// of one that is cleared, which is inferred (portkey-api.md 4).
    fn enforce_rotation(&self, key: &mut Key, change: &Change, now: Timestamp) -> Result<(), Refusal> {
        let period = self.setting(key.workspace_id.as_deref(), |settings| settings.rotation_period);
        let Some(days) = period else { return Ok(()) };
        if change.moves_rotation && !change.is_new {
            return Err(Refusal::invalid(
                "next_rotation_at is not editable under user_api_key_rotation_period",
            ));
        }
        match &key.rotation_policy {
            Some(policy) if change.sets_policy && policy.days().is_some_and(|own| own != days) => {
                Err(Refusal::invalid("the rotation period is not user_api_key_rotation_period"))
            }
            Some(_) => Ok(()),
            None => {
                let assigned = RotationPolicy {
                    rotation_period: None,
                    rotation_period_days: Some(days),
                    next_rotation_at: clock::in_days(now, days),
                    key_transition_period_ms: SHORTEST_TRANSITION_MS,
                };
                key.rotation_policy = Some(assigned);
                Ok(())
            }
        }
    }

    fn bind_usual_config(&self, key: &mut Key, change: &Change) {
        let workspace = key.workspace_id.as_deref().and_then(|id| self.workspace(id));
        let usual =
            workspace.and_then(super::world::Workspace::usual_config).and_then(|slug| self.config(slug));
        if let Some(config) = usual.filter(|_| change.is_new && !change.names_config) {
            defaults_of(key).config_id = Some(config.id.clone());
        }
    }

    /// Checked on every write, and what the schemas have defaults for is written (portkey-api.md 3).
    fn enforce_metadata(&self, key: &mut Key) -> Result<(), Refusal> {
        let workspace = key.workspace_id.as_deref().and_then(|id| self.workspace(id));
        let schemas = [
            self.organisation.metadata_schema.as_ref(),
            workspace.and_then(|workspace| workspace.metadata_schema.as_ref()),
        ];
        for schema in schemas.into_iter().flatten() {
            let before = key.defaults.as_ref().and_then(|row| row.metadata.clone()).unwrap_or_default();
            let mut metadata = before.clone();
            for (name, value) in usual_metadata(schema) {
                metadata.entry(name).or_insert(value);
            }
            if metadata != before {
                defaults_of(key).metadata = Some(metadata.clone());
            }
            // A seed with a schema that is none is an error at the start.
            let fits = jsonschema::validator_for(schema)
                .is_ok_and(|schema| schema.is_valid(&Value::Object(metadata)));
            if !fits {
                return Err(Refusal::invalid("the metadata does not fit the schema"));
            }
        }
        Ok(())
    }

    /// Portkey makes these when a user joins (portkey-api.md 7); that there is one in each workspace is inferred. Nobody
    /// is told their secrets.
    pub(super) fn add_automatic_keys(&mut self, user: &User, now: Timestamp) {
        let active = self.workspaces.iter().filter(|workspace| workspace.status == WorkspaceStatus::Active);
        let workspaces: Vec<String> = active.map(|workspace| workspace.id.clone()).collect();
        for workspace_id in workspaces {
            let id = uuid::Uuid::new_v4().to_string();
            let mut key = Key {
                name: "default_user_key".to_owned(),
                description: Some("Created by portkey on joining organisation".to_owned()),
                creation_mode: CreationMode::Auto,
                scopes: vec!["completions.write".to_owned()],
                workspace_id: Some(workspace_id),
                user_id: Some(user.id.clone()),
                secret: new_secret(),
                ..Key::blank(id, Kind::WorkspaceUser, whole_second(now))
            };
            // Keys that are made so have the record (portkey-api.md 2.3).
            defaults_of(&mut key);
            self.note_issued(&key.id, &key.secret);
            self.keys.write(key);
        }
    }
}

/// The defaults of the properties of a schema.
fn usual_metadata(schema: &Value) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let usual = |(name, property): (&String, &Value)| Some((name.clone(), property.get("default")?.clone()));
    properties.into_iter().flatten().filter_map(usual).collect()
}

impl RotationPolicy {
    /// Its period, where weekly counts as 7 days and monthly as 30 (portkey-api.md 4).
    pub(super) fn days(&self) -> Option<u16> {
        match (self.rotation_period.as_deref(), self.rotation_period_days) {
            (Some("weekly"), _) => Some(7),
            (Some(_), _) => Some(30),
            (None, days) => days,
        }
    }
}
