//! Applies a valid body to a key: the merge semantics of PUT (portkey-api.md 3), shared with create.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    call::Refusal,
    clock, permissions,
    rules::Change,
    switches::{
        DescriptionClearing, EmptyAlertEmails, EmptyRateLimits, ExpiredKeyRenewal, ExpiryClearing,
        LastUpdatedAt, MetadataClearing, MetadataInPut, Switches, UnfitScopes, UsageLimitsInPut,
    },
    validate::{Field, Patch, UsagePatch},
    world::{Defaults, Key, Status, UsageLimits, World},
};

type Metadata = serde_json::Map<String, serde_json::Value>;

impl Patch {
    /// Changes `key`, a copy that is stored only if this succeeds.
    pub(super) fn apply(self, key: &mut Key, world: &World, now: Timestamp) -> Result<(), Refusal> {
        let config_id = self.resolve_config(key, world)?;
        let change = Change::of(&self, world.keys.get(&key.id).is_none());
        let before = key.clone();
        let switches = &world.switches;
        let Self {
            name,
            description,
            scopes,
            rate_limits,
            usage_limits,
            reset_usage,
            alert_emails,
            expires_at,
            rotation_policy,
            moves_rotation: _,
            metadata,
            config_id: _,
            allow_config_override,
        } = self;
        match name {
            Field::Absent => {}
            Field::Null => return Err(Refusal::invalid("name cannot be null")),
            Field::Value(name) => key.name = name,
        }
        change_description(description, switches.description_clearing, key);
        match scopes {
            Field::Absent => {}
            Field::Null => return Err(Refusal::invalid("scopes cannot be null")),
            Field::Value(scopes) => {
                check_scopes(key, &scopes, switches.unfit_scopes)?;
                key.scopes = scopes;
            }
        }
        let rate_limits = match (switches.empty_rate_limits, is_empty(&rate_limits)) {
            (EmptyRateLimits::Clears, true) => Field::Null,
            (EmptyRateLimits::Ignored, true) => Field::Absent,
            _ => rate_limits,
        };
        rate_limits.merge_into(&mut key.rate_limits);
        change_usage_limits(usage_limits, switches, key, now)?;
        if reset_usage {
            key.reset_usage(now);
        }
        let alert_emails = match (switches.empty_alert_emails, is_empty(&alert_emails)) {
            (EmptyAlertEmails::Clears, true) => Field::Null,
            (EmptyAlertEmails::Ignored, true) => Field::Absent,
            _ => alert_emails,
        };
        alert_emails.merge_into(&mut key.alert_emails);
        change_expiry(expires_at, switches, key, now);
        rotation_policy.merge_into(&mut key.rotation_policy);
        let metadata = change_metadata(metadata, switches, key);
        change_defaults(metadata, config_id, allow_config_override.into_option(), key);
        world.enforce(key, &change, now)?;
        let moves = match switches.last_updated_at {
            LastUpdatedAt::Moves => true,
            LastUpdatedAt::MovesOnDifference => *key != before,
            LastUpdatedAt::Stays => false,
        };
        if moves {
            key.last_updated_at = clock::whole_second(now);
        }
        Ok(())
    }

    /// A config goes in as slug or UUID and reads back as UUID. That it must belong to the key's workspace is
    /// inferred.
    fn resolve_config(&self, key: &Key, world: &World) -> Result<Field<String>, Refusal> {
        let slug_or_id = match &self.config_id {
            Field::Absent => return Ok(Field::Absent),
            Field::Null => return Ok(Field::Null),
            Field::Value(slug_or_id) => slug_or_id,
        };
        let reaches = |workspace_id: &str| key.workspace_id.as_deref().is_none_or(|own| own == workspace_id);
        match world.config(slug_or_id) {
            Some(config) if reaches(&config.workspace_id) => Ok(Field::Value(config.id.clone())),
            Some(_) => Err(Refusal::invalid("config_id is of another workspace")),
            None => Err(Refusal::invalid("config_id is unknown")),
        }
    }
}

/// The list replaces the whole.
fn check_scopes(key: &Key, scopes: &[String], unfit: UnfitScopes) -> Result<(), Refusal> {
    if scopes.is_empty() {
        return Err(Refusal::invalid("scopes cannot be empty"));
    }
    if unfit == UnfitScopes::Accepted {
        return Ok(());
    }
    match scopes.iter().find(|scope| !permissions::may_hold(key.kind, scope)) {
        Some(_) => Err(Refusal::invalid(format!("a scope is unknown or not for {}", key.kind.name()))),
        None => Ok(()),
    }
}

fn is_empty<T>(list: &Field<Vec<T>>) -> bool {
    matches!(list, Field::Value(list) if list.is_empty())
}

fn change_description(change: Field<String>, clearing: DescriptionClearing, key: &mut Key) {
    use DescriptionClearing::{ByEmpty, ByNull, Either, Neither};
    match (change, clearing) {
        (Field::Absent, _) | (Field::Null, ByEmpty | Neither) => {}
        (Field::Null, Either | ByNull) => key.description = Some(String::new()),
        (Field::Value(text), ByNull | Neither) if text.is_empty() => {}
        (Field::Value(text), _) => key.description = Some(text),
    }
}

fn change_usage_limits(
    change: Field<UsagePatch>,
    switches: &Switches,
    key: &mut Key,
    now: Timestamp,
) -> Result<(), Refusal> {
    let before = key.usage_limits.take();
    key.usage_limits = match change {
        Field::Absent => {
            key.usage_limits = before;
            return Ok(());
        }
        Field::Null => None,
        Field::Value(patch) => patch.merged_with(&before.clone().unwrap_or_default(), switches, now)?,
    };
    // Raising the limit reactivates (portkey-api.md 3); a limit beneath the usage exhausts.
    if key.usage_limits != before && key.status != Status::Expired {
        key.status = if key.is_used_up() { Status::Exhausted } else { Status::Active };
    }
    rearm_threshold_alert(key, before.as_ref());
    Ok(())
}

/// Raising the limit, or raising or nulling the threshold, arms the alert again (portkey-api.md 3). It is sent again with
/// the next thing spent.
fn rearm_threshold_alert(key: &mut Key, before: Option<&UsageLimits>) {
    let amount = |number: Option<&serde_json::Number>| number.and_then(serde_json::Number::as_f64);
    let (before, after) = (before, key.usage_limits.as_ref());
    let limits =
        |limits: Option<&UsageLimits>| amount(limits.and_then(|limits| limits.credit_limit.as_ref()));
    let thresholds =
        |limits: Option<&UsageLimits>| amount(limits.and_then(|limits| limits.alert_threshold.as_ref()));
    let is_raised = |from: Option<f64>, to: Option<f64>| match (from, to) {
        (Some(from), Some(to)) => to > from,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if is_raised(limits(before), limits(after)) || is_raised(thresholds(before), thresholds(after)) {
        key.threshold_alert_sent = false;
    }
}

impl UsagePatch {
    /// The merged limits; none if nothing of them is left.
    fn merged_with(
        self,
        before: &UsageLimits,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Option<UsageLimits>, Refusal> {
        let mut limits = match switches.usage_limits_in_put {
            UsageLimitsInPut::Merges => before.clone(),
            // The date belongs to the server and goes with the period.
            UsageLimitsInPut::Replaces => {
                UsageLimits { next_usage_reset_at: before.next_usage_reset_at, ..UsageLimits::default() }
            }
        };
        self.credit_limit.merge_into(&mut limits.credit_limit);
        self.kind.merge_into(&mut limits.kind);
        self.alert_threshold.merge_into(&mut limits.alert_threshold);
        self.periodic_reset.merge_into(&mut limits.periodic_reset);
        self.periodic_reset_days.merge_into(&mut limits.periodic_reset_days);
        if limits.periodic_reset.is_some() && limits.periodic_reset_days.is_some() {
            return Err(Refusal::invalid("periodic_reset and periodic_reset_days exclude each other"));
        }
        let amount =
            |number: &Option<serde_json::Number>| number.as_ref().and_then(serde_json::Number::as_f64);
        if let (Some(threshold), Some(limit)) =
            (amount(&limits.alert_threshold), amount(&limits.credit_limit))
            && threshold > limit
        {
            return Err(Refusal::invalid("alert_threshold exceeds credit_limit"));
        }
        let same_period = limits.periodic_reset == before.periodic_reset
            && limits.periodic_reset_days == before.periodic_reset_days;
        match self.next_usage_reset_at {
            Field::Value(at) => limits.next_usage_reset_at = Some(at),
            Field::Absent if same_period => {}
            Field::Absent | Field::Null => {
                limits.next_usage_reset_at = limits.next_after(now, switches.weekly_usage_reset);
            }
        }
        Ok((limits != UsageLimits::default()).then_some(limits))
    }
}

fn change_expiry(change: Field<Timestamp>, switches: &Switches, key: &mut Key, now: Timestamp) {
    match (change, switches.expiry_clearing) {
        (Field::Null, ExpiryClearing::Never) => {}
        (change, _) => change.merge_into(&mut key.expires_at),
    }
    let revives = switches.expired_key_renewal == ExpiredKeyRenewal::Revives;
    if revives && key.status == Status::Expired && !key.has_expired(now) {
        key.status = if key.is_used_up() { Status::Exhausted } else { Status::Active };
        key.expired_alert_sent = false;
    }
}

/// What is to become of the metadata: the whole map, null if it is cleared.
fn change_metadata(change: Field<Metadata>, switches: &Switches, key: &Key) -> Field<Metadata> {
    use MetadataClearing::{ByEmpty, ByNull, Either, Neither};
    match (change, switches.metadata_clearing) {
        (Field::Absent, _) | (Field::Null, ByEmpty | Neither) => Field::Absent,
        (Field::Null, Either | ByNull) => Field::Null,
        (Field::Value(map), ByNull | Neither) if map.is_empty() => Field::Absent,
        (Field::Value(map), Either | ByEmpty) if map.is_empty() => Field::Null,
        (Field::Value(map), _) => match switches.metadata_in_put {
            MetadataInPut::Replaces => Field::Value(map),
            MetadataInPut::Merges => {
                let before = key.defaults.as_ref().and_then(|row| row.metadata.clone());
                let mut merged = before.unwrap_or_default();
                merged.extend(map);
                merged.retain(|_, value| !value.is_null());
                if merged.is_empty() { Field::Null } else { Field::Value(merged) }
            }
        },
    }
}

/// The row behind `defaults` appears with the first thing written to it and then stays.
fn change_defaults(
    metadata: Field<Metadata>,
    config_id: Field<String>,
    allow_config_override: Option<bool>,
    key: &mut Key,
) {
    let writes = matches!(metadata, Field::Value(_))
        || matches!(config_id, Field::Value(_))
        || allow_config_override.is_some();
    if key.defaults.is_none() && !writes {
        return;
    }
    let defaults = defaults_of(key);
    metadata.merge_into(&mut defaults.metadata);
    config_id.merge_into(&mut defaults.config_id);
    if let Some(allowed) = allow_config_override {
        defaults.allow_config_override = allowed;
    }
}

/// The row behind `defaults`, new if nothing was written to it yet.
pub(super) fn defaults_of(key: &mut Key) -> &mut Defaults {
    key.defaults.get_or_insert_with(|| Defaults {
        id: Uuid::new_v4().to_string(),
        metadata: None,
        config_id: None,
        allow_config_override: true,
    })
}
