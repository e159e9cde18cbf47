//! One rule, one key: is it kept?

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Workspaces};
use crate::desired::{Demand, DesiredKey, Globs, Limits, Origin, Policy, Presence, Rule};
use crate::model::{KeyAddress, KeyKind, RotationPeriod, Setting};
use crate::scopes::{Privilege, privilege};

/// How a key breaks a rule.
struct Breach {
    /// The field that breaks it, if the file has it.
    field: &'static str,
    message: String,
    remedy: String,
}

/// Whether a rule is for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It is not.
    Beyond,
    /// It may be: one of the two names a workspace by slug, the other by UUID, and nobody here knows which is which.
    Possible,
    /// It is.
    Within,
}

/// What the keys break, in the order of keys and rules.
pub(super) fn findings(
    policy: &Policy,
    keys: &[DesiredKey],
    workspaces: &Workspaces,
    now: Timestamp,
) -> Vec<Finding> {
    let present = keys.iter().filter(|key| key.presence == Presence::Present);
    present
        .flat_map(|key| policy.rules.iter().map(move |rule| (key, rule)))
        .filter_map(|(key, rule)| {
            let reach = reach(rule, key, workspaces);
            if reach == Reach::Beyond {
                return None;
            }
            let mut breach = breach(policy, rule, key, now)?;
            if reach == Reach::Possible {
                breach.remedy += "; or, if its workspace is another one, name that as the rule does: both by slug, or both by UUID, and the rule in one form only";
            }
            Some(finding(policy, rule, key, breach))
        })
        .collect()
}

fn finding(policy: &Policy, rule: &Rule, key: &DesiredKey, breach: Breach) -> Finding {
    let own = key.field_places.get("name").unwrap_or(&key.place);
    let place = key.field_places.get(breach.field).unwrap_or(own);
    let id = rule.demand.rule();
    Finding {
        origin: policy.origin.clone(),
        rule: id,
        code: id.code(),
        severity: rule.severity,
        key: Some(key.address.clone()),
        place: place.clone(),
        inherited_by: key.inherited.contains(breach.field).then(|| own.clone()),
        message: breach.message,
        remedy: breach.remedy,
        waiver: None,
    }
}

/// Whether the rule is for keys of this type and workspace.
fn reach(rule: &Rule, key: &DesiredKey, workspaces: &Workspaces) -> Reach {
    let kinds_of_its_own = match &rule.demand {
        // Organisation keys call no models.
        Demand::Limits(_) if rule.kinds.is_none() => key.kind != KeyKind::OrganisationService,
        _ => true,
    };
    if !kinds_of_its_own || rule.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&key.kind)) {
        return Reach::Beyond;
    }
    match (&rule.workspaces, &key.workspace) {
        (None, _) => Reach::Within,
        (Some(_), None) => Reach::Beyond,
        (Some(globs), Some(workspace)) => among(globs, workspace, workspaces),
    }
}

/// Whether a workspace is one of those that a rule names. It has a slug and a UUID. A rule that names either must not
/// be escaped by writing the other: it is another workspace's only where both of its names are known.
fn among(globs: &Globs, workspace: &str, workspaces: &Workspaces) -> Reach {
    if globs.matches(workspace) {
        return Reach::Within;
    }
    match workspaces.other_name(workspace) {
        Some(other) if globs.matches(other) => Reach::Within,
        Some(_) => Reach::Beyond,
        None if could_be_slug(workspace) && globs.texts().any(could_be_uuid) => Reach::Possible,
        None if !could_be_slug(workspace) && globs.texts().any(could_be_slug) => Reach::Possible,
        None => Reach::Beyond,
    }
}

/// What the slugs of workspaces begin with.
const SLUG: &str = "ws-";
const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

/// Whether a name, or a pattern of names, can be that of a slug.
fn could_be_slug(text: &str) -> bool {
    let start = text.split(WILDCARDS).next().unwrap_or_default().to_ascii_lowercase();
    // A pattern may go on with the rest of it.
    start.starts_with(SLUG) || (start.len() < text.len() && SLUG.starts_with(&start))
}

/// Whether a name, or a pattern of names, can be that of a UUID.
fn could_be_uuid(text: &str) -> bool {
    text.contains(['[', '{']) || text.chars().all(|c| c.is_ascii_hexdigit() || "-*?".contains(c))
}

/// The names under which a policy may speak of a key. The alias of a workspace counts only beside the keys:
/// a policy file must not depend on what the keys files call a workspace.
pub(super) fn names(origin: &Origin, key: &DesiredKey) -> Vec<String> {
    let plain = KeyAddress { workspace: key.workspace.clone(), ..key.address.clone() }.to_string();
    match origin {
        Origin::KeysFile => vec![key.address.to_string(), plain],
        Origin::PolicyFile { .. } => vec![plain],
    }
}

fn breach(policy: &Policy, rule: &Rule, key: &DesiredKey, now: Timestamp) -> Option<Breach> {
    let spec = &key.spec;
    let address = &key.address;
    let found =
        |field, message: String, remedy: &str| Some(Breach { field, message, remedy: remedy.to_owned() });
    match &rule.demand {
        Demand::AlertEmail => match spec.alert_emails.value() {
            Some(_) => None,
            None => found(
                "alert_emails",
                format!("nobody gets mail about `{address}`"),
                "write `alert_emails: [ops@example.com]`, in the key or in the defaults",
            ),
        },
        Demand::Description(pattern) => match spec.description.value() {
            Some(text) if pattern.matches(text) => None,
            Some(_) => found(
                "description",
                format!("the description of `{address}` does not match `{}`", pattern.as_str()),
                "write a description that matches",
            ),
            None => found(
                "description",
                format!("`{address}` has no description, which is to match `{}`", pattern.as_str()),
                "write `description:` in the key",
            ),
        },
        Demand::Name(pattern) if pattern.matches(&address.name) => None,
        Demand::Name(pattern) => found(
            "name",
            format!("the name of `{address}` does not match `{}`", pattern.as_str()),
            "rename it; with `renamed_from` the key keeps its id and its secret",
        ),
        Demand::Expiry => endless(key),
        Demand::ExpiryWithin(longest) => match spec.expires_at.value() {
            None => endless(key),
            Some(end) => within(key, *end, *longest, now),
        },
        Demand::Limits(limits) => without_limits(key, *limits),
        Demand::MintsKeysOnly(allowed) => {
            let minting = held(key, |scope| privilege(scope) == Privilege::MintsKeys);
            if minting.is_empty() || names(&policy.origin, key).iter().any(|name| allowed.matches(name)) {
                return None;
            }
            found(
                "scopes",
                format!("`{address}` can come by any scope, because it has {}", minting.join(", ")),
                "remove what makes, changes or rotates keys, or have the key listed in the rule `mints-keys-only`",
            )
        }
        Demand::ScopesForbidden(forbidden) => {
            let held = held(key, |scope| forbidden.matches(scope));
            if held.is_empty() {
                return None;
            }
            let message = format!("`{address}` has {}, which must not be", held.join(", "));
            found("scopes", message, "remove it from the key, or from the set or template that it comes with")
        }
        Demand::NoUnlimited => {
            let limit = spec.rate_limits.value()?.iter().find(|limit| limit.value == 0)?;
            let message = format!(
                "the limit of `{address}` on {} ({}) is 0, which means unlimited",
                limit.kind, limit.unit
            );
            found("rate_limits", message, "write a limit above 0, or remove the entry")
        }
        Demand::SecretAge(longest) => old_secret(key, *longest, now),
    }
}

/// The scopes of a key for which this holds, in backticks.
fn held(key: &DesiredKey, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let scopes = key.spec.scopes.iter().flatten();
    scopes.filter(|scope| wanted(scope)).map(|scope| format!("`{scope}`")).collect()
}

fn endless(key: &DesiredKey) -> Option<Breach> {
    let address = &key.address;
    let message = match key.spec.expires_at {
        Setting::Set(_) => return None,
        Setting::Clear => format!("`{address}` never ends"),
        Setting::Unmanaged => format!("the file does not say when `{address}` ends"),
    };
    Some(Breach { field: "expires_at", message, remedy: "write `expires_at:` in the key".to_owned() })
}

fn within(key: &DesiredKey, end: Timestamp, longest: SignedDuration, now: Timestamp) -> Option<Breach> {
    // An end beyond what a clock can say allows all.
    let latest = now.checked_add(longest).ok()?;
    (end > latest).then(|| Breach {
        field: "expires_at",
        message: format!("`{}` ends {end}, which is more than {} from now", key.address, days(longest)),
        remedy: format!("write `expires_at: {}` or sooner", day_of(latest)),
    })
}

/// The day on which a time lies, as a bare date: its midnight is not after the time.
fn day_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn without_limits(key: &DesiredKey, limits: Limits) -> Option<Breach> {
    let budget = key.spec.usage_limits.value().is_some_and(|limits| limits.credit_limit.is_some());
    let rate = key.spec.rate_limits.value().is_some_and(|limits| limits.iter().any(|limit| limit.value > 0));
    let (field, lacks, remedy) = match limits {
        Limits::Either if !budget && !rate => {
            ("usage_limits", "neither a budget nor a rate limit", "write `usage_limits:` or `rate_limits:`")
        }
        Limits::Budget | Limits::Both if !budget => {
            ("usage_limits", "no budget", "write `usage_limits: {credit_limit: …}`")
        }
        Limits::Rate | Limits::Both if !rate => {
            ("rate_limits", "no rate limit", "write `rate_limits: [{type: requests, unit: rpm, value: …}]`")
        }
        Limits::Either | Limits::Budget | Limits::Rate | Limits::Both => return None,
    };
    let message = format!("`{}` has {lacks}", key.address);
    Some(Breach { field, message, remedy: remedy.to_owned() })
}

fn old_secret(key: &DesiredKey, longest: SignedDuration, now: Timestamp) -> Option<Breach> {
    let ways = [by_age(key, longest, now), by_schedule(key, longest, now)];
    if ways.iter().flatten().any(Result::is_ok) {
        return None;
    }
    let address = &key.address;
    let (field, message) = ways.into_iter().flatten().find_map(Result::err).unwrap_or_else(|| {
        ("secret", format!("the secret of `{address}` is never replaced, and {} are allowed", days(longest)))
    });
    let remedy = format!(
        "write `secret: {{max_age: {}, deliver_to: […]}}`, and nothing that holds it up",
        days(longest)
    );
    Some(Breach { field, message, remedy })
}

/// How a way to replace a secret keeps the rule, or the field by which it does not, and why.
type Kept = Result<(), (&'static str, String)>;

/// By `max_age`, if the file has one.
fn by_age(key: &DesiredKey, longest: SignedDuration, now: Timestamp) -> Option<Kept> {
    let secret = &key.secret;
    let age = secret.max_age?;
    let address = &key.address;
    let broken = |message: String| Err(("secret", message));
    // No rotation begins while the former one is in transition.
    let lives = secret.transition.map_or(age, |transition| age.max(transition));
    Some(if secret.deliver_to.is_empty() {
        broken(format!(
            "the secret of `{address}` is not replaced by `max_age`, because it has no `deliver_to`"
        ))
    } else if lives > longest {
        broken(lives_too_long(address, lives, longest))
    } else if let Some(until) = secret.until.filter(|until| is_beyond(*until, longest, now)) {
        broken(format!(
            "the secret of `{address}` is not replaced before {until} (`until`), and {} are allowed",
            days(longest)
        ))
    } else {
        Ok(())
    })
}

/// By Portkey's own schedule, if the file has one.
fn by_schedule(key: &DesiredKey, longest: SignedDuration, now: Timestamp) -> Option<Kept> {
    let policy = key.spec.rotation_policy.value()?;
    let days_of = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
    let period = match (&policy.rotation_period, policy.rotation_period_days) {
        (Some(RotationPeriod::Weekly), _) => days_of(7),
        (Some(RotationPeriod::Monthly), _) => days_of(31),
        (_, Some(days)) => days_of(days),
        (Some(RotationPeriod::Other(_)) | None, None) => return None,
    };
    let address = &key.address;
    let broken = |message: String| Err(("rotation_policy", message));
    Some(if period > longest {
        broken(lives_too_long(address, period, longest))
    } else if let Some(next) = policy.next_rotation_at.filter(|next| is_beyond(*next, longest, now)) {
        broken(format!(
            "the secret of `{address}` is not replaced before {next} (`next_rotation_at`), and {} are allowed",
            days(longest)
        ))
    } else {
        Ok(())
    })
}

fn lives_too_long(address: &KeyAddress, lives: SignedDuration, longest: SignedDuration) -> String {
    format!("the secret of `{address}` lives for {}, and {} are allowed", days(lives), days(longest))
}

/// Whether a time is further away than this. Nothing is further than a clock can say.
fn is_beyond(time: Timestamp, longest: SignedDuration, now: Timestamp) -> bool {
    now.checked_add(longest).is_ok_and(|latest| time > latest)
}

/// A length as the file would say it.
fn days(length: SignedDuration) -> String {
    let hours = length.as_hours();
    match length.as_secs() {
        seconds if seconds % 86_400 == 0 => format!("{}d", hours / 24),
        seconds if seconds % 3_600 == 0 => format!("{hours}h"),
        seconds => format!("{seconds}s"),
    }
}
