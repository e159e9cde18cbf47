//! What keys files mean, in a form that can be compared with what they meant at another time. How they are written
//! (order, comments, templates, places) is no part of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::desired::{Desired, DesiredKey, KeySpec, Presence, SecretSpec, Sink};
use crate::model::{KeyAddress, RotationPolicy, Setting, UsageLimits, meaning};

/// The meaning of the keys files of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesMeaning {
    /// The files as the user named them.
    pub names: Vec<String>,
    /// A digest of what stands beside the keys.
    pub settings: String,
    /// A digest for each entry, by its address.
    pub keys: BTreeMap<String, String>,
    /// The scope sets by name, for showing scopes as they were written.
    pub scope_sets: BTreeMap<String, BTreeSet<String>>,
}

/// What the files say otherwise than they did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesMoved {
    /// Whether anything beside the keys moved: the organisation, the owner, who can read the escrow.
    pub settings: bool,
    /// Addresses that are new.
    pub added: Vec<String>,
    /// Addresses that are gone.
    pub gone: Vec<String>,
    /// Addresses whose entries say something else.
    pub changed: Vec<String>,
}

impl FilesMeaning {
    /// What these files mean.
    pub fn of(desired: &Desired, names: Vec<String>) -> Self {
        let Desired {
            organisation,
            managed_by,
            scope_sets,
            // Each key has its own.
            sinks,
            escrow_recipients,
            keys,
            // The keys are judged anew.
            policies: _,
            // Where the files lie and whether all of them were read is not what they say.
            folder: _,
            complete: _,
        } = desired;
        let recipients: BTreeSet<&String> = escrow_recipients.iter().collect();
        let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for key in keys {
            entries.entry(key.address.to_string()).or_default().push(entry(key, sinks));
        }
        Self {
            names,
            settings: meaning(&json!([organisation, managed_by, recipients])),
            keys: entries
                .into_iter()
                .map(|(address, mut entries)| {
                    entries.sort_by_key(Value::to_string);
                    (address, meaning(&json!(entries)))
                })
                .collect(),
            scope_sets: scope_sets.clone(),
        }
    }

    /// What moved between this and a later state.
    pub fn moved(&self, now: &Self) -> FilesMoved {
        let without = |some: &Self, others: &Self| -> Vec<String> {
            some.keys.keys().filter(|address| !others.keys.contains_key(*address)).cloned().collect()
        };
        let is_changed =
            |(address, digest): &(&String, &String)| now.keys.get(*address).is_some_and(|now| now != *digest);
        FilesMoved {
            settings: self.settings != now.settings,
            added: without(now, self),
            gone: without(self, now),
            changed: self.keys.iter().filter(is_changed).map(|(address, _)| address.clone()).collect(),
        }
    }
}

impl FilesMoved {
    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn entry(key: &DesiredKey, sinks: &BTreeMap<String, Sink>) -> Value {
    let DesiredKey {
        address: KeyAddress { workspace: label, user: owner, name },
        place: _,
        kind,
        workspace,
        user,
        id,
        renamed_from,
        replaces,
        presence,
        protected,
        spec: fields,
        written_scopes: _,
        usage_reset_after,
        secret: wanted,
        field_places: _,
        inherited: _,
    } = key;
    let is_absent = match presence {
        Presence::Present => false,
        Presence::Absent => true,
    };
    json!({
        "address": [label, owner, name],
        "kind": kind.as_str(),
        "workspace": workspace,
        "user": user,
        "id": id,
        "renamed_from": setting(renamed_from, |name| json!(name)),
        "replaces": replaces,
        "absent": is_absent,
        "protected": protected,
        "spec": spec(fields),
        "usage_reset_after": usage_reset_after,
        "secret": secret(wanted, sinks),
    })
}

/// Left out, null and a value are three things.
fn setting<T>(setting: &Setting<T>, value: impl Fn(&T) -> Value) -> Value {
    match setting {
        Setting::Unmanaged => json!([]),
        Setting::Clear => json!([null]),
        Setting::Set(set) => json!([value(set)]),
    }
}

fn spec(spec: &KeySpec) -> Value {
    let KeySpec {
        description,
        scopes,
        rate_limits,
        usage_limits,
        metadata,
        config_id,
        allow_config_override,
        alert_emails,
        expires_at,
        rotation_policy,
    } = spec;
    let usage = |limits: &UsageLimits| {
        let UsageLimits { credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days } = limits;
        json!([credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days])
    };
    let policy = |policy: &RotationPolicy| {
        let RotationPolicy {
            rotation_period,
            rotation_period_days,
            next_rotation_at,
            key_transition_period_ms,
        } = policy;
        json!([rotation_period, rotation_period_days, next_rotation_at, key_transition_period_ms])
    };
    json!({
        "description": setting(description, |text| json!(text)),
        "scopes": scopes.as_ref().map(|scopes| scopes.iter().collect::<BTreeSet<_>>()),
        "rate_limits": setting(rate_limits, |limits| json!(limits.iter().collect::<BTreeSet<_>>())),
        "usage_limits": setting(usage_limits, usage),
        "metadata": setting(metadata, |map| json!(map)),
        "config_id": setting(config_id, |config| json!(config)),
        "allow_config_override": setting(allow_config_override, |allow| json!(allow)),
        "alert_emails": setting(alert_emails, |mails| json!(mails)),
        "expires_at": setting(expires_at, |at| json!(at)),
        "rotation_policy": setting(rotation_policy, policy),
    })
}

fn secret(secret: &SecretSpec, sinks: &BTreeMap<String, Sink>) -> Value {
    let SecretSpec { deliver_to, transition, rotate_after, max_age, until, delivered, first_rotate, verify } =
        secret;
    let deliver_to: BTreeMap<&String, Value> =
        deliver_to.iter().map(|name| (name, sinks.get(name).map_or(Value::Null, sink))).collect();
    json!({
        "deliver_to": deliver_to,
        "transition": transition.map(|length| length.as_millis().to_string()),
        "rotate_after": rotate_after,
        "max_age": max_age.map(|length| length.as_millis().to_string()),
        "until": until,
        "delivered": delivered.as_ref().map(ToString::to_string),
        "first_rotate": first_rotate,
        "verify": verify,
    })
}

fn sink(sink: &Sink) -> Value {
    match sink {
        Sink::File { template, recipients } => {
            json!(["file", template, recipients.iter().collect::<BTreeSet<_>>()])
        }
        Sink::EnvFile { template, variable } => json!(["env-file", template, variable]),
        Sink::Command { argv, env, timeout } => {
            json!(["command", argv, env.iter().collect::<BTreeSet<_>>(), timeout.as_millis().to_string()])
        }
    }
}
