//! The digest of a plan: every meaning changes it, nothing else does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portkey_sync::diagnostic::Place;
use portkey_sync::diff::FieldChange;
use portkey_sync::handoff::Why;
use portkey_sync::model::{
    Amount, CommittedSecret, ConfigId, DefaultsPatch, Delivery, Escrowed, KeyAddress, KeyCreate, KeyId,
    KeyKind, KeyUpdate, Mark, Mask, OrganisationId, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit,
    RotationPeriod, RotationPolicy, RotationPolicyPatch, Target, UsageLimits, UsageLimitsPatch, UsageType,
    UserId, WorkspaceId,
};
use portkey_sync::plan::{
    Action, At, Cause, Causes, Change, Commit, KeySnapshot, LeftOut, Plan, Reason, Request, Risk, RiskAt,
    UnmentionedKey,
};
use proptest::prelude::*;
use serde_json::json;

/// One thing that a plan says, set to something made of a number.
type Meaning = (&'static str, fn(&mut Plan, u32));

const UPDATE: usize = 0;
const CREATE: usize = 1;
const DELIVER: usize = 2;
const ROTATE: usize = 3;
const DELETE: usize = 4;

fn time(n: u32) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::from(n)).unwrap()
}

fn length(n: u32) -> SignedDuration {
    SignedDuration::from_mins(30 + i64::from(n))
}

fn text(n: u32) -> String {
    format!("text {n}")
}

fn amount(n: u32) -> Option<Amount> {
    Amount::new(f64::from(n))
}

fn mask(n: u32) -> Mask {
    Mask::of_live(format!("ab*****{:03}", n % 1000))
}

fn mark(n: u32) -> Mark {
    Mark { by: Some("platform".to_owned()), id: Some(format!("{n:08}")), ..Mark::default() }
}

fn limits(n: u32) -> UsageLimits {
    UsageLimits { credit_limit: amount(n), ..UsageLimits::default() }
}

fn rate(n: u32) -> Vec<RateLimit> {
    let value = u64::from(n);
    let limit = |unit| RateLimit { kind: RateLimitType::Requests, unit, value };
    vec![limit(RateLimitUnit::PerMinute), limit(RateLimitUnit::PerDay)]
}

fn policy(n: u32) -> RotationPolicy {
    RotationPolicy {
        rotation_period: Some(RotationPeriod::Monthly),
        key_transition_period_ms: Some(u64::from(n)),
        ..RotationPolicy::default()
    }
}

fn commit() -> Commit {
    Commit {
        fields: Box::default(),
        description: text(0),
        mark: mark(0),
        deliveries: vec![
            Delivery {
                sink: Some("dir".to_owned()),
                target: Target::File { path: "a".into(), recipients: vec!["x".to_owned(), "y".to_owned()] },
            },
            Delivery {
                sink: Some("env".to_owned()),
                target: Target::EnvFile { path: "b".into(), variable: "V".to_owned() },
            },
            Delivery {
                sink: None,
                target: Target::Command {
                    argv: vec!["gh".to_owned(), "set".to_owned()],
                    env: vec!["A".to_owned(), "B".to_owned()],
                    timeout: Duration::from_mins(1),
                },
            },
        ],
        transition: Some("30m".to_owned()),
        prove: false,
    }
}

fn change(name: &str, action: Action, request: Request) -> Change {
    Change {
        address: KeyAddress { workspace: Some("prod".to_owned()), user: None, name: name.to_owned() },
        place: Some(Place { file: "keys.yaml".to_owned(), line: 7, column: 5 }),
        action,
        before: Some(KeySnapshot {
            id: KeyId::new(name),
            name: name.to_owned(),
            mask: Some(mask(0)),
            mark: Some(mark(0)),
            status: "active".to_owned(),
            last_updated_at: Some(time(0)),
            expires_at: Some(time(0)),
        }),
        fields: Vec::new(),
        written_scopes: vec!["inference".to_owned()],
        reason: None,
        request,
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

/// One change of each kind, with all fields.
fn plan() -> Plan {
    let id = KeyId::new("id");
    let update = Change {
        fields: vec![
            FieldChange::Name { before: text(0), after: text(0) },
            FieldChange::Description { before: text(0), after: text(0) },
            FieldChange::Scopes {
                added: vec![text(0), text(1)],
                dropped: vec![text(2), text(3)],
                after: vec![text(0), text(1), text(4)],
            },
            FieldChange::RateLimits { before: rate(0), after: rate(0) },
            FieldChange::UsageLimits { before: Some(limits(0)), after: Some(limits(0)) },
            FieldChange::Metadata {
                before: BTreeMap::from([("a".to_owned(), json!({"x": 1, "y": 2}))]),
                after: BTreeMap::from([("a".to_owned(), json!("b"))]),
            },
            FieldChange::ConfigId { before: None, after: Some(ConfigId::new("c")), written: Some(text(0)) },
            FieldChange::AllowConfigOverride { before: true, after: false },
            FieldChange::AlertEmails { before: BTreeSet::new(), after: BTreeSet::from([text(0), text(1)]) },
            FieldChange::ExpiresAt { before: None, after: Some(time(0)) },
            FieldChange::RotationPolicy { before: Some(policy(0)), after: Some(policy(0)) },
            FieldChange::Mark { before: None, after: mark(0) },
        ],
        reason: Some(Reason::UsageResetDue { after: time(0), last: Some(time(0)) }),
        ..change("a", Action::Update, Request::Update { id: id.clone(), body: Box::default() })
    };
    let create = Request::Create {
        body: Box::new(KeyCreate {
            kind: KeyKind::WorkspaceService,
            workspace_id: Some(WorkspaceId::new("w")),
            user_id: Some(UserId::new("u")),
            fields: KeyUpdate { name: Some(text(0)), ..KeyUpdate::default() },
        }),
        commit: commit(),
    };
    let held = Escrowed {
        nonce: "n".to_owned(),
        address: "prod/c".to_owned(),
        id: Some(id.clone()),
        mask: Some(mask(0)),
        sealed: false,
        sent_at: time(0),
        issued_at: Some(time(0)),
        lease: length(0),
        transition: Some(length(0)),
    };
    let rotate = Request::Rotate {
        id: id.clone(),
        first: Box::default(),
        transition: Some(length(0)),
        commit: commit(),
    };
    Plan {
        organisation: Some(OrganisationId::new("acme")),
        now: time(0),
        read_at: time(0),
        running_key: Some("ci".to_owned()),
        changes: vec![
            update,
            Change { before: None, ..change("b", Action::Create, create) },
            change("c", Action::Deliver, Request::Deliver { id: id.clone(), held, commit: commit() }),
            Change {
                reason: Some(Reason::Rotation(Why::Due(time(0)))),
                ..change("d", Action::Rotate, rotate)
            },
            Change {
                reason: Some(Reason::Pruned { by: "platform".to_owned() }),
                ..change("e", Action::Delete, Request::Delete { id })
            },
        ],
        waiting: Vec::new(),
        blocked: Vec::new(),
        refusals: Vec::new(),
        unmentioned: Vec::new(),
        declared: 5,
        in_sync: 0,
        live_total: 5,
        settled: Vec::new(),
        seen: BTreeSet::new(),
        notes: Vec::new(),
        coming_up: Vec::new(),
        has_base: false,
        left_out: LeftOut::default(),
    }
}

fn before(plan: &mut Plan, index: usize) -> &mut KeySnapshot {
    plan.changes[index].before.as_mut().unwrap()
}

fn body(plan: &mut Plan) -> &mut KeyUpdate {
    let Request::Update { body, .. } = &mut plan.changes[UPDATE].request else { panic!() };
    body
}

fn first(plan: &mut Plan) -> &mut KeyUpdate {
    let Request::Rotate { first, .. } = &mut plan.changes[ROTATE].request else { panic!() };
    first
}

fn new_key(plan: &mut Plan) -> &mut KeyCreate {
    let Request::Create { body, .. } = &mut plan.changes[CREATE].request else { panic!() };
    body
}

fn held(plan: &mut Plan) -> &mut Escrowed {
    let Request::Deliver { held, .. } = &mut plan.changes[DELIVER].request else { panic!() };
    held
}

fn commit_of(plan: &mut Plan, index: usize) -> &mut Commit {
    match &mut plan.changes[index].request {
        Request::Create { commit, .. } | Request::Deliver { commit, .. } | Request::Rotate { commit, .. } => {
            commit
        }
        Request::Update { .. } | Request::Delete { .. } => panic!(),
    }
}

fn target(plan: &mut Plan, delivery: usize) -> &mut Target {
    &mut commit_of(plan, ROTATE).deliveries[delivery].target
}

fn set_field(plan: &mut Plan, index: usize, field: FieldChange) {
    plan.changes[UPDATE].fields[index] = field;
}

fn usage_patch(plan: &mut Plan, patch: UsageLimitsPatch) {
    body(plan).usage_limits = Some(Some(patch));
}

fn policy_patch(plan: &mut Plan, patch: RotationPolicyPatch) {
    body(plan).rotation_policy = Some(Some(patch));
}

/// Everything that is meaning: each set to something that the plan does not say yet, whatever the number.
const MEANINGS: &[Meaning] = &[
    ("organisation", |plan, n| plan.organisation = Some(OrganisationId::new(text(n)))),
    ("no organisation", |plan, _| plan.organisation = None),
    ("a change less", |plan, n| drop(plan.changes.remove(n as usize % 5))),
    ("address.workspace", |plan, n| plan.changes[UPDATE].address.workspace = Some(text(n))),
    ("address.user", |plan, n| plan.changes[UPDATE].address.user = Some(text(n))),
    ("address.name", |plan, n| plan.changes[UPDATE].address.name = text(n)),
    ("action", |plan, _| plan.changes[UPDATE].action = Action::Adopt),
    ("no key", |plan, _| plan.changes[UPDATE].before = None),
    ("before.id", |plan, n| before(plan, UPDATE).id = KeyId::new(text(n))),
    ("before.mask", |plan, n| before(plan, UPDATE).mask = Some(mask(n))),
    ("deleted name", |plan, n| before(plan, DELETE).name = text(n)),
    ("deleted mark", |plan, n| before(plan, DELETE).mark = Some(mark(n))),
    ("deleted end", |plan, n| before(plan, DELETE).expires_at = Some(time(n))),
    ("a field less", |plan, n| drop(plan.changes[UPDATE].fields.remove(n as usize % 12))),
    ("name before", |plan, n| set_field(plan, 0, FieldChange::Name { before: text(n), after: text(0) })),
    ("name after", |plan, n| set_field(plan, 0, FieldChange::Name { before: text(0), after: text(n) })),
    ("description before", |plan, n| {
        set_field(plan, 1, FieldChange::Description { before: text(n), after: text(0) });
    }),
    ("description after", |plan, n| {
        set_field(plan, 1, FieldChange::Description { before: text(0), after: text(n) });
    }),
    ("scopes added", |plan, n| {
        let FieldChange::Scopes { added, .. } = &mut plan.changes[UPDATE].fields[2] else { panic!() };
        added.push(text(n));
    }),
    ("scopes dropped", |plan, n| {
        let FieldChange::Scopes { dropped, .. } = &mut plan.changes[UPDATE].fields[2] else { panic!() };
        dropped.push(text(n));
    }),
    ("scopes after", |plan, n| {
        let FieldChange::Scopes { after, .. } = &mut plan.changes[UPDATE].fields[2] else { panic!() };
        after.push(text(n));
    }),
    ("rate before", |plan, n| {
        set_field(plan, 3, FieldChange::RateLimits { before: rate(n), after: rate(0) });
    }),
    ("rate after", |plan, n| set_field(plan, 3, FieldChange::RateLimits { before: rate(0), after: rate(n) })),
    ("budget before", |plan, n| {
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(n)), after: Some(limits(0)) });
    }),
    ("budget after", |plan, n| {
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: Some(limits(n)) });
    }),
    ("no budget", |plan, _| {
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: None });
    }),
    ("budget kind", |plan, n| {
        let after = UsageLimits { kind: Some(UsageType::Other(text(n))), ..limits(0) };
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: Some(after) });
    }),
    ("budget threshold", |plan, n| {
        let after = UsageLimits { alert_threshold: amount(n), ..limits(0) };
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: Some(after) });
    }),
    ("budget reset", |plan, n| {
        let after = UsageLimits { periodic_reset: Some(PeriodicReset::Other(text(n))), ..limits(0) };
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: Some(after) });
    }),
    ("budget days", |plan, n| {
        let after = UsageLimits { periodic_reset_days: Some(n), ..limits(0) };
        set_field(plan, 4, FieldChange::UsageLimits { before: Some(limits(0)), after: Some(after) });
    }),
    ("metadata before", |plan, n| {
        let FieldChange::Metadata { before, .. } = &mut plan.changes[UPDATE].fields[5] else { panic!() };
        before.insert("a".to_owned(), json!({"x": 1, "y": [n]}));
    }),
    ("metadata after", |plan, n| {
        let FieldChange::Metadata { after, .. } = &mut plan.changes[UPDATE].fields[5] else { panic!() };
        after.insert(text(n), json!("b"));
    }),
    ("config before", |plan, n| {
        let FieldChange::ConfigId { before, .. } = &mut plan.changes[UPDATE].fields[6] else { panic!() };
        *before = Some(ConfigId::new(text(n)));
    }),
    ("config after", |plan, n| {
        let FieldChange::ConfigId { after, .. } = &mut plan.changes[UPDATE].fields[6] else { panic!() };
        *after = Some(ConfigId::new(text(n)));
    }),
    ("override before", |plan, _| {
        set_field(plan, 7, FieldChange::AllowConfigOverride { before: false, after: false });
    }),
    ("override after", |plan, _| {
        set_field(plan, 7, FieldChange::AllowConfigOverride { before: true, after: true });
    }),
    ("emails before", |plan, n| {
        let FieldChange::AlertEmails { before, .. } = &mut plan.changes[UPDATE].fields[8] else { panic!() };
        before.insert(text(n));
    }),
    ("emails after", |plan, n| {
        let FieldChange::AlertEmails { after, .. } = &mut plan.changes[UPDATE].fields[8] else { panic!() };
        after.insert(text(n + 10));
    }),
    ("end before", |plan, n| {
        set_field(plan, 9, FieldChange::ExpiresAt { before: Some(time(n)), after: Some(time(0)) });
    }),
    ("end after", |plan, n| {
        set_field(plan, 9, FieldChange::ExpiresAt { before: None, after: Some(time(n)) });
    }),
    ("policy before", |plan, n| {
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(policy(n)), after: Some(policy(0)) });
    }),
    ("policy after", |plan, n| {
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(policy(0)), after: Some(policy(n)) });
    }),
    ("policy date", |plan, n| {
        let after = RotationPolicy { next_rotation_at: Some(time(n)), ..policy(0) };
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(policy(0)), after: Some(after) });
    }),
    ("policy days", |plan, n| {
        let after = RotationPolicy { rotation_period_days: Some(n), ..policy(0) };
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(policy(0)), after: Some(after) });
    }),
    ("policy period", |plan, n| {
        let after = RotationPolicy { rotation_period: Some(RotationPeriod::Other(text(n))), ..policy(0) };
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(policy(0)), after: Some(after) });
    }),
    ("mark before", |plan, n| {
        set_field(plan, 11, FieldChange::Mark { before: Some(mark(n)), after: mark(0) });
    }),
    ("mark after", |plan, n| set_field(plan, 11, FieldChange::Mark { before: None, after: mark(n) })),
    ("reset after", |plan, n| {
        plan.changes[UPDATE].reason = Some(Reason::UsageResetDue { after: time(n), last: Some(time(0)) });
    }),
    ("no reason", |plan, _| plan.changes[UPDATE].reason = None),
    ("owner of the pruned", |plan, n| plan.changes[DELETE].reason = Some(Reason::Pruned { by: text(n) })),
    ("declared absent", |plan, _| plan.changes[DELETE].reason = Some(Reason::DeclaredAbsent)),
    ("left over", |plan, _| plan.changes[DELETE].reason = Some(Reason::LeftOver)),
    ("replaced", |plan, n| plan.changes[DELETE].reason = Some(Reason::Replaced { by: KeyId::new(text(n)) })),
    ("replaces", |plan, n| {
        plan.changes[CREATE].reason = Some(Reason::Replaces { id: KeyId::new(text(n)), name: text(0) });
    }),
    ("date of a rotation", |plan, n| plan.changes[ROTATE].reason = Some(Reason::Rotation(Why::Due(time(n))))),
    ("cause of a rotation", |plan, _| plan.changes[ROTATE].reason = Some(Reason::Rotation(Why::TooOld))),
    ("unfinished since", |plan, n| {
        plan.changes[DELIVER].reason = Some(Reason::Unfinished { issued_at: time(n) });
    }),
    ("id of an update", |plan, n| {
        let Request::Update { id, .. } = &mut plan.changes[UPDATE].request else { panic!() };
        *id = KeyId::new(text(n));
    }),
    ("body.name", |plan, n| body(plan).name = Some(text(n))),
    ("body.description", |plan, n| body(plan).description = Some(text(n))),
    ("body.scopes", |plan, n| body(plan).scopes = Some(vec![text(n)])),
    ("body.rate_limits", |plan, n| body(plan).rate_limits = Some(Some(rate(n)))),
    ("body.rate_limits cleared", |plan, _| body(plan).rate_limits = Some(None)),
    ("body.usage_limits cleared", |plan, _| body(plan).usage_limits = Some(None)),
    ("body.usage_limits.type", |plan, n| {
        usage_patch(
            plan,
            UsageLimitsPatch { kind: Some(UsageType::Other(text(n))), ..UsageLimitsPatch::default() },
        );
    }),
    ("body.usage_limits.credit_limit", |plan, n| {
        usage_patch(plan, UsageLimitsPatch { credit_limit: Some(amount(n)), ..UsageLimitsPatch::default() });
    }),
    ("body.usage_limits.alert_threshold", |plan, n| {
        usage_patch(
            plan,
            UsageLimitsPatch { alert_threshold: Some(amount(n)), ..UsageLimitsPatch::default() },
        );
    }),
    ("body.usage_limits.periodic_reset", |plan, n| {
        let periodic_reset = Some(Some(PeriodicReset::Other(text(n))));
        usage_patch(plan, UsageLimitsPatch { periodic_reset, ..UsageLimitsPatch::default() });
    }),
    ("body.usage_limits.periodic_reset_days", |plan, n| {
        usage_patch(
            plan,
            UsageLimitsPatch { periodic_reset_days: Some(Some(n)), ..UsageLimitsPatch::default() },
        );
    }),
    ("body.metadata", |plan, n| {
        let metadata = Some(BTreeMap::from([("a".to_owned(), json!(n))]));
        body(plan).defaults = Some(DefaultsPatch { metadata, ..DefaultsPatch::default() });
    }),
    ("body.config_id", |plan, n| {
        let config_id = Some(Some(ConfigId::new(text(n))));
        body(plan).defaults = Some(DefaultsPatch { config_id, ..DefaultsPatch::default() });
    }),
    ("body.config_id cleared", |plan, _| {
        body(plan).defaults = Some(DefaultsPatch { config_id: Some(None), ..DefaultsPatch::default() });
    }),
    ("body.allow_config_override", |plan, _| {
        body(plan).defaults =
            Some(DefaultsPatch { allow_config_override: Some(true), ..DefaultsPatch::default() });
    }),
    ("body.alert_emails", |plan, n| body(plan).alert_emails = Some(Some(vec![text(n)]))),
    ("body.expires_at", |plan, n| body(plan).expires_at = Some(Some(time(n)))),
    ("body.expires_at cleared", |plan, _| body(plan).expires_at = Some(None)),
    ("body.rotation_policy cleared", |plan, _| body(plan).rotation_policy = Some(None)),
    ("body.rotation_policy.rotation_period", |plan, n| {
        let rotation_period = Some(Some(RotationPeriod::Other(text(n))));
        policy_patch(plan, RotationPolicyPatch { rotation_period, ..RotationPolicyPatch::default() });
    }),
    ("body.rotation_policy.rotation_period_days", |plan, n| {
        policy_patch(
            plan,
            RotationPolicyPatch { rotation_period_days: Some(Some(n)), ..RotationPolicyPatch::default() },
        );
    }),
    ("body.rotation_policy.next_rotation_at", |plan, n| {
        let next_rotation_at = Some(Some(time(n)));
        policy_patch(plan, RotationPolicyPatch { next_rotation_at, ..RotationPolicyPatch::default() });
    }),
    ("body.rotation_policy.key_transition_period_ms", |plan, n| {
        let key_transition_period_ms = Some(u64::from(n));
        policy_patch(
            plan,
            RotationPolicyPatch { key_transition_period_ms, ..RotationPolicyPatch::default() },
        );
    }),
    ("body.reset_usage", |plan, _| body(plan).reset_usage = Some(true)),
    ("kind of a new key", |plan, _| new_key(plan).kind = KeyKind::WorkspaceUser),
    ("workspace of a new key", |plan, n| new_key(plan).workspace_id = Some(WorkspaceId::new(text(n)))),
    ("user of a new key", |plan, n| new_key(plan).user_id = Some(UserId::new(text(n)))),
    ("fields of a new key", |plan, n| new_key(plan).fields.name = Some(text(n))),
    ("held.nonce", |plan, n| held(plan).nonce = text(n)),
    ("held.address", |plan, n| held(plan).address = text(n)),
    ("held.id", |plan, n| held(plan).id = Some(KeyId::new(text(n)))),
    ("held.mask", |plan, n| held(plan).mask = Some(mask(n))),
    ("held.sent_at", |plan, n| held(plan).sent_at = time(n)),
    ("held.issued_at", |plan, n| held(plan).issued_at = Some(time(n))),
    ("held.lease", |plan, n| held(plan).lease = length(n)),
    ("held.transition", |plan, n| held(plan).transition = Some(length(n))),
    ("id of a delivery", |plan, n| {
        let Request::Deliver { id, .. } = &mut plan.changes[DELIVER].request else { panic!() };
        *id = KeyId::new(text(n));
    }),
    ("id of a rotation", |plan, n| {
        let Request::Rotate { id, .. } = &mut plan.changes[ROTATE].request else { panic!() };
        *id = KeyId::new(text(n));
    }),
    ("first PUT of a rotation", |plan, n| first(plan).name = Some(text(n))),
    ("transition", |plan, n| {
        let Request::Rotate { transition, .. } = &mut plan.changes[ROTATE].request else { panic!() };
        *transition = Some(length(n));
    }),
    ("id of a delete", |plan, n| {
        let Request::Delete { id } = &mut plan.changes[DELETE].request else { panic!() };
        *id = KeyId::new(text(n));
    }),
    ("commit.fields", |plan, n| commit_of(plan, DELIVER).fields.name = Some(text(n))),
    ("commit.description", |plan, n| commit_of(plan, CREATE).description = text(n)),
    ("commit.mark.new", |plan, n| commit_of(plan, CREATE).mark.new = Some(text(n))),
    ("commit.mark.by", |plan, n| commit_of(plan, CREATE).mark.by = Some(text(n))),
    ("commit.mark.at", |plan, n| commit_of(plan, CREATE).mark.at = Some(text(n))),
    ("commit.mark.id", |plan, n| commit_of(plan, CREATE).mark.id = Some(text(n))),
    ("commit.mark.secret", |plan, n| {
        commit_of(plan, CREATE).mark.secret = CommittedSecret::new(&mask(n), time(0), None);
    }),
    ("commit.mark.to", |plan, n| commit_of(plan, CREATE).mark.to = vec![text(n)]),
    ("commit.mark.keep", |plan, _| commit_of(plan, CREATE).mark.keep = true),
    ("commit.mark.unknown", |plan, n| commit_of(plan, CREATE).mark.unknown = vec![text(n)]),
    ("commit.transition", |plan, n| commit_of(plan, ROTATE).transition = Some(text(n))),
    ("commit.prove", |plan, _| commit_of(plan, ROTATE).prove = true),
    ("a delivery less", |plan, n| drop(commit_of(plan, CREATE).deliveries.remove(n as usize % 3))),
    ("delivery.sink", |plan, n| commit_of(plan, CREATE).deliveries[0].sink = Some(text(n))),
    ("file.path", |plan, n| {
        let Target::File { path, .. } = target(plan, 0) else { panic!() };
        *path = PathBuf::from(text(n));
    }),
    ("file.recipients", |plan, n| {
        let Target::File { recipients, .. } = target(plan, 0) else { panic!() };
        recipients[0] = text(n);
    }),
    ("env_file.path", |plan, n| {
        let Target::EnvFile { path, .. } = target(plan, 1) else { panic!() };
        *path = PathBuf::from(text(n));
    }),
    ("env_file.variable", |plan, n| {
        let Target::EnvFile { variable, .. } = target(plan, 1) else { panic!() };
        *variable = text(n);
    }),
    ("command.argv", |plan, n| {
        let Target::Command { argv, .. } = target(plan, 2) else { panic!() };
        argv[1] = text(n);
    }),
    ("order of command.argv", |plan, _| {
        let Target::Command { argv, .. } = target(plan, 2) else { panic!() };
        argv.swap(0, 1);
    }),
    ("command.env", |plan, n| {
        let Target::Command { env, .. } = target(plan, 2) else { panic!() };
        env[1] = text(n);
    }),
    ("command.timeout", |plan, n| {
        let Target::Command { timeout, .. } = target(plan, 2) else { panic!() };
        *timeout = Duration::from_mins(1) + Duration::from_millis(u64::from(n));
    }),
];

/// What is no meaning.
const OTHERWISE: &[Meaning] = &[
    ("now", |plan, n| plan.now = time(n)),
    ("running_key", |plan, n| plan.running_key = Some(text(n))),
    ("counts", |plan, n| {
        plan.declared = n as usize;
        plan.in_sync = n as usize;
        plan.live_total = n as usize;
    }),
    ("what is left alone", |plan, n| {
        let address = KeyAddress { workspace: None, user: None, name: text(n) };
        plan.unmentioned.push(UnmentionedKey { id: KeyId::new(text(n)), address, prunable: true });
    }),
    ("what this machine keeps", |plan, n| {
        plan.settled.push(text(n));
        plan.seen.insert(KeyId::new(text(n)));
    }),
    ("since when usage counts", |plan, n| {
        plan.changes[UPDATE].reason = Some(Reason::UsageResetDue { after: time(0), last: Some(time(n)) });
    }),
    ("place", |plan, n| {
        plan.changes[UPDATE].place = Some(Place { file: text(n), line: n as usize, column: 1 });
    }),
    ("written scopes", |plan, n| plan.changes[UPDATE].written_scopes = vec![text(n)]),
    ("written config", |plan, n| {
        let FieldChange::ConfigId { written, .. } = &mut plan.changes[UPDATE].fields[6] else { panic!() };
        *written = Some(text(n));
    }),
    ("which key runs", |plan, n| plan.changes[n as usize % 5].running_key = true),
    ("who can read the escrow", |plan, _| held(plan).sealed = true),
    ("what follows from the rest", |plan, _| {
        plan.has_base = true;
        plan.left_out.keys = 1;
        plan.changes[UPDATE].risks.push(RiskAt { risk: Risk::Deleted, at: At::Key });
        plan.changes[UPDATE].causes = Causes::whole(Cause::Drift);
    }),
    ("bookkeeping", |plan, n| {
        let key = before(plan, DELETE);
        key.last_updated_at = Some(time(n));
        key.status = text(n);
    }),
    ("order of scopes", |plan, _| {
        let FieldChange::Scopes { added, dropped, after } = &mut plan.changes[UPDATE].fields[2] else {
            panic!()
        };
        added.reverse();
        dropped.reverse();
        after.reverse();
    }),
    ("order of rate limits", |plan, _| {
        let FieldChange::RateLimits { before, after } = &mut plan.changes[UPDATE].fields[3] else { panic!() };
        before.reverse();
        after.reverse();
    }),
    ("order of places for a secret", |plan, _| commit_of(plan, CREATE).deliveries.reverse()),
    ("order of recipients", |plan, _| {
        let Target::File { recipients, .. } = target(plan, 0) else { panic!() };
        recipients.reverse();
    }),
    ("order in metadata", |plan, _| {
        let FieldChange::Metadata { before, .. } = &mut plan.changes[UPDATE].fields[5] else { panic!() };
        before.insert("a".to_owned(), json!({"y": 2, "x": 1}));
    }),
    ("next date of Portkey's own schedule", |plan, n| {
        let before = RotationPolicy { next_rotation_at: Some(time(n)), ..policy(0) };
        set_field(plan, 10, FieldChange::RotationPolicy { before: Some(before), after: Some(policy(0)) });
    }),
];

fn with((_, set): &Meaning, n: u32) -> Plan {
    let mut plan = plan();
    set(&mut plan, n);
    plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_change_of_meaning_changes_the_digest_each_in_its_own_way(n in 5_u32..900) {
        let mut seen = BTreeMap::from([(plan().digest(), "as it was")]);
        for meaning in MEANINGS {
            let digest = with(meaning, n).digest();
            let before = seen.insert(digest, meaning.0);
            prop_assert_eq!(before, None, "{} with {}", meaning.0, n);
        }
    }

    #[test]
    fn two_values_of_one_meaning_have_two_digests(
        n in 5_u32..900, m in 5_u32..900, index in 0..MEANINGS.len(),
    ) {
        let (one, other) = (with(&MEANINGS[index], n), with(&MEANINGS[index], m));
        prop_assert_eq!(one == other, one.digest() == other.digest(), "{}", MEANINGS[index].0);
    }

    #[test]
    fn what_is_no_meaning_leaves_the_digest_as_it_is(n in 5_u32..900) {
        for one in OTHERWISE {
            let changed = with(one, n);
            // Objects of JSON are equal in any order; their text is not.
            prop_assert!(format!("{changed:?}") != format!("{:?}", plan()), "{} changes nothing", one.0);
            prop_assert_eq!(changed.digest(), plan().digest(), "{}", one.0);
        }
    }
}

/// An acceptance is stamped with the time of its plan, and is the same acceptance a minute later.
#[test]
fn the_time_of_an_acceptance_is_no_meaning_and_what_is_accepted_is() {
    let accepted = |at: u32, n: u32| {
        let after = Mark { secret: CommittedSecret::new(&mask(n), time(at), None), ..mark(0) };
        let description = Some(after.append_to("Checkout"));
        let body = Box::new(KeyUpdate { description, ..KeyUpdate::default() });
        let request = Request::Update { id: KeyId::new("a"), body };
        let mut plan = plan();
        plan.now = time(at);
        plan.changes = vec![Change {
            fields: vec![FieldChange::Mark { before: None, after }],
            reason: Some(Reason::Accepted),
            ..change("a", Action::Adopt, request)
        }];
        plan.digest()
    };
    assert_eq!(accepted(0, 7), accepted(60, 7));
    assert_ne!(accepted(0, 7), accepted(0, 8));
}

/// A new field breaks this until it is among what is meaning or among what is not.
#[test]
fn the_tables_have_a_row_for_every_field() {
    let mut plan = plan();
    let Plan {
        organisation: _,
        now: _,
        read_at: _,
        running_key: _,
        changes: _,
        waiting: _,
        blocked: _,
        refusals: _,
        unmentioned: _,
        declared: _,
        in_sync: _,
        live_total: _,
        settled: _,
        seen: _,
        notes: _,
        coming_up: _,
        has_base: _,
        left_out: _,
    } = &plan;
    let Change {
        address: KeyAddress { workspace: _, user: _, name: _ },
        place: _,
        action: _,
        before: _,
        fields: _,
        written_scopes: _,
        reason: _,
        request: _,
        running_key: _,
        risks: _,
        causes: _,
    } = &plan.changes[UPDATE];
    let KeySnapshot { id: _, name: _, mask: _, mark: _, status: _, last_updated_at: _, expires_at: _ } =
        before(&mut plan, UPDATE);
    let KeyUpdate {
        name: _,
        description: _,
        scopes: _,
        rate_limits: _,
        usage_limits: _,
        defaults: _,
        alert_emails: _,
        expires_at: _,
        rotation_policy: _,
        reset_usage: _,
    } = body(&mut plan);
    let KeyCreate { kind: _, workspace_id: _, user_id: _, fields: _ } = new_key(&mut plan);
    let Escrowed {
        nonce: _,
        address: _,
        id: _,
        mask: _,
        sealed: _,
        sent_at: _,
        issued_at: _,
        lease: _,
        transition: _,
    } = held(&mut plan);
    let Commit { fields: _, description: _, mark: _, deliveries: _, transition: _, prove: _ } =
        commit_of(&mut plan, CREATE);
    let Mark { new: _, by: _, id: _, at: _, secret: _, to: _, keep: _, unknown: _ } = mark(0);
    // As many rows as there are names above, those of patches included.
    let rows = |prefix: &str| MEANINGS.iter().filter(|(name, _)| name.starts_with(prefix)).count();
    assert_eq!((rows("held."), rows("commit.mark."), rows("body.")), (8, 8, 24));
}
