//! Values for the tests of this module: one story, an organisation of 60 keys.

mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::text::{Extent, Mode, PlanContext};
use super::{Style, Verbosity};
use crate::desired::{Origin, RuleId, codes};
use crate::diagnostic::{Place, Severity};
use crate::diff::{FieldChange, UnresolvedName};
use crate::model::{
    Amount, ConfigId, Delivery, Escrowed, KeyAddress, KeyCreate, KeyId, KeyKind, KeyUpdate, Mark, Mask,
    OrganisationId, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit, RotationPeriod, RotationPolicy,
    UsageLimits, WorkspaceId,
};
use crate::plan::{
    Action, At, Blocked, BlockedReason, Candidate, Causes, Change, Commit, DeniedRisk, Harm, KeySnapshot,
    LeftOut, MissingScope, Note, Plan, Reason, Refusal, Request, Risk, UnmentionedKey, Unproven, Waiting,
};
use crate::policy::Finding;

pub(super) use reports::{mixed_report, not_delivered, report};

pub(super) const PLAIN: Style = Style { color: false, width: 100 };

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn scope_sets() -> BTreeMap<String, BTreeSet<String>> {
    [("inference".to_owned(), ["completions.write", "prompts.render"].map(str::to_owned).into())].into()
}

pub(super) fn context(sets: &BTreeMap<String, BTreeSet<String>>) -> PlanContext<'_> {
    PlanContext {
        scope_sets: sets,
        files: "keys.yaml",
        verbosity: Verbosity::Normal,
        next_command: Some("portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88".to_owned()),
        mode: Mode::Preview,
        folder: Path::new("."),
        extent: Extent::Entries,
    }
}

/// `organisation/NAME` or `WORKSPACE/NAME`.
pub(super) fn address(text: &str) -> KeyAddress {
    let (workspace, name) = text.split_once('/').unwrap();
    let workspace = (workspace != "organisation").then(|| workspace.to_owned());
    KeyAddress { workspace, user: None, name: name.to_owned() }
}

pub(super) fn place(line: usize) -> Place {
    Place { file: "keys.yaml".to_owned(), line, column: 5 }
}

pub(super) fn snapshot(name: &str) -> KeySnapshot {
    KeySnapshot {
        id: KeyId::new("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2"),
        name: name.to_owned(),
        mask: Some(Mask::of_live("Xk*****7Qz".to_owned())),
        mark: None,
        status: "active".to_owned(),
        last_updated_at: Some(time("2026-11-20T16:02:11Z")),
        expires_at: None,
    }
}

/// A change of a live key with these fields.
pub(super) fn update(to: &str, line: usize, fields: Vec<FieldChange>) -> Change {
    let address = address(to);
    let before = snapshot(&address.name);
    Change {
        request: Request::Update {
            id: before.id.clone(),
            body: Box::new(KeyUpdate { reset_usage: Some(true), ..KeyUpdate::default() }),
        },
        address,
        place: Some(place(line)),
        action: Action::Update,
        before: Some(before),
        fields,
        written_scopes: Vec::new(),
        reason: None,
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

pub(super) fn adopt(to: &str) -> Change {
    let mark = Mark {
        by: Some("platform".to_owned()),
        id: Some("183f497a".to_owned()),
        at: Some("a1b2c3".to_owned()),
        ..Mark::default()
    };
    Change { action: Action::Adopt, ..update(to, 9, vec![FieldChange::Mark { before: None, after: mark }]) }
}

pub(super) fn create(to: &str, line: usize) -> Change {
    let address = address(to);
    let scopes = ["completions.write", "prompts.render", "logs.write"].map(str::to_owned).to_vec();
    let target = PathBuf::from(format!("secrets/{}/{}", address.group(), address.name));
    Change {
        request: Request::Create {
            body: Box::new(KeyCreate {
                kind: KeyKind::WorkspaceService,
                workspace_id: Some(WorkspaceId::new("6a1d")),
                user_id: None,
                fields: KeyUpdate {
                    name: Some(address.name.clone()),
                    scopes: Some(scopes.clone()),
                    ..KeyUpdate::default()
                },
            }),
            commit: Commit {
                fields: Box::default(),
                description: "Checkout, Europe".to_owned(),
                mark: Mark {
                    by: Some("platform".to_owned()),
                    at: Some("a1b2c3".to_owned()),
                    ..Mark::default()
                },
                deliveries: vec![Delivery {
                    sink: Some("dir".to_owned()),
                    target: crate::model::Target::File { path: target, recipients: Vec::new() },
                }],
                transition: None,
                prove: false,
            },
        },
        address,
        place: Some(place(line)),
        action: Action::Create,
        before: None,
        fields: vec![
            FieldChange::Description { before: String::new(), after: "Checkout, Europe".to_owned() },
            FieldChange::Scopes { added: scopes.clone(), dropped: Vec::new(), after: scopes },
            FieldChange::RateLimits { before: Vec::new(), after: vec![per_minute(100)] },
            FieldChange::UsageLimits { before: None, after: Some(budget(500.0)) },
            FieldChange::Metadata {
                before: BTreeMap::new(),
                after: BTreeMap::from([
                    ("environment".to_owned(), json!("prod")),
                    ("team".to_owned(), json!("payments and more")),
                ]),
            },
            FieldChange::ExpiresAt { before: None, after: Some(time("2027-06-30T00:00:00Z")) },
        ],
        written_scopes: vec!["inference".to_owned(), "logs.write".to_owned()],
        reason: None,
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

pub(super) fn delete(to: &str, reason: Reason) -> Change {
    let address = address(to);
    let before = KeySnapshot {
        id: KeyId::new("9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa"),
        status: "expired".to_owned(),
        expires_at: Some(time("2026-01-31T00:00:00Z")),
        ..snapshot(&address.name)
    };
    Change {
        request: Request::Delete { id: before.id.clone() },
        address,
        place: None,
        action: Action::Delete,
        before: Some(before),
        fields: Vec::new(),
        written_scopes: Vec::new(),
        reason: Some(reason),
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

pub(super) fn reset(to: &str, line: usize) -> Change {
    Change {
        action: Action::ResetUsage,
        reason: Some(Reason::UsageResetDue {
            after: time("2026-11-22T10:00:00Z"),
            last: Some(time("2026-11-01T00:00:00Z")),
        }),
        ..update(to, line, Vec::new())
    }
}

fn held_secret() -> Escrowed {
    Escrowed {
        nonce: "k7m2".to_owned(),
        id: Some(KeyId::new("183f497a-2c51-4a7e")),
        address: "payments/checkout".to_owned(),
        mask: Some(Mask::of_live("Xk*****7Qz".to_owned())),
        sealed: false,
        sent_at: time("2026-11-22T09:00:00Z"),
        issued_at: Some(time("2026-11-22T09:00:00Z")),
        lease: crate::handoff::CREATE_LEASE,
        transition: None,
    }
}

pub(super) fn deliver(to: &str, line: usize) -> Change {
    let created = create(to, line);
    let Request::Create { commit, .. } = created.request else { unreachable!() };
    let held = held_secret();
    let issued_at = held.sent_at;
    Change {
        action: Action::Deliver,
        before: Some(snapshot(&created.address.name)),
        fields: Vec::new(),
        reason: Some(Reason::Unfinished { issued_at }),
        request: Request::Deliver { id: KeyId::new("183f497a-2c51-4a7e"), held, commit },
        ..created
    }
}

pub(super) fn per_minute(value: u64) -> RateLimit {
    RateLimit { kind: RateLimitType::Requests, unit: RateLimitUnit::PerMinute, value }
}

pub(super) fn budget(dollars: f64) -> UsageLimits {
    UsageLimits {
        credit_limit: Amount::new(dollars),
        alert_threshold: Amount::new(400.0),
        periodic_reset: Some(PeriodicReset::Monthly),
        ..UsageLimits::default()
    }
}

/// Every kind of field change once or more.
pub(super) fn all_fields() -> Vec<FieldChange> {
    let text = |text: &str| text.to_owned();
    let set = |names: &[&str]| names.iter().map(|name| text(name)).collect::<BTreeSet<_>>();
    vec![
        FieldChange::Name { before: text("checkout-old"), after: text("checkout") },
        FieldChange::Description { before: text("Checkout"), after: text("Checkout, production") },
        FieldChange::Scopes {
            added: vec![text("completions.write"), text("prompts.render"), text("logs.write")],
            dropped: vec![text("logs.list")],
            after: vec![text("completions.write"), text("prompts.render"), text("logs.write")],
        },
        FieldChange::RateLimits {
            before: vec![
                per_minute(1000),
                RateLimit { kind: RateLimitType::Tokens, unit: RateLimitUnit::PerDay, value: 5 },
            ],
            after: vec![
                per_minute(0),
                RateLimit { kind: RateLimitType::Tokens, unit: RateLimitUnit::Other(text("rpq")), value: 1 },
            ],
        },
        FieldChange::UsageLimits {
            before: Some(budget(500.0)),
            after: Some(UsageLimits {
                credit_limit: Amount::new(2000.0),
                periodic_reset_days: Some(30),
                ..UsageLimits::default()
            }),
        },
        FieldChange::Metadata {
            before: BTreeMap::from([
                (text("owner"), json!("ann")),
                (text("team"), json!("research")),
                (text("tier"), json!(5)),
                (
                    text("routing"),
                    json!({"regions": ["eu-west", "us-east", "ap-south"], "retries": 3, "weights": [1]}),
                ),
            ]),
            after: BTreeMap::from([
                (text("team"), json!("payments")),
                (text("tier"), json!("5")),
                (text("stage"), json!("two words")),
                (
                    text("routing"),
                    json!({"regions": ["eu-west", "us-west", "ap-south"], "retries": 3, "weights": [1]}),
                ),
            ]),
        },
        FieldChange::ConfigId {
            before: None,
            after: Some(ConfigId::new("0c7f-uuid")),
            written: Some(text("pc-routing-9f8e")),
        },
        FieldChange::AllowConfigOverride { before: true, after: false },
        FieldChange::AlertEmails {
            before: set(&["a@example.com", "b@example.com"]),
            after: set(&["b@example.com", "c@example.com"]),
        },
        FieldChange::ExpiresAt { before: Some(time("2026-12-31T00:00:00Z")), after: None },
        FieldChange::RotationPolicy {
            before: Some(RotationPolicy {
                rotation_period: Some(RotationPeriod::Weekly),
                next_rotation_at: Some(time("2026-11-30T00:00:00Z")),
                ..RotationPolicy::default()
            }),
            after: Some(RotationPolicy {
                rotation_period: Some(RotationPeriod::Monthly),
                key_transition_period_ms: Some(86_400_000),
                ..RotationPolicy::default()
            }),
        },
        FieldChange::Mark {
            before: Some(Mark { by: Some(text("platform")), ..Mark::default() }),
            after: Mark { by: Some(text("platform")), keep: true, ..Mark::default() },
        },
    ]
}

pub(super) fn empty_plan() -> Plan {
    Plan {
        settled: Vec::new(),
        seen: BTreeSet::new(),
        organisation: Some(OrganisationId::new("a1b2c3d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d")),
        now: time("2026-11-22T10:04:31Z"),
        read_at: time("2026-11-22T10:04:31Z"),
        coming_up: Vec::new(),
        running_key: Some("ci-plan".to_owned()),
        changes: Vec::new(),
        waiting: Vec::new(),
        blocked: Vec::new(),
        refusals: Vec::new(),
        unmentioned: Vec::new(),
        declared: 52,
        in_sync: 52,
        live_total: 60,
        notes: Vec::new(),
        has_base: false,
        left_out: LeftOut::default(),
    }
}

pub(super) fn unmentioned(to: &str, prunable: bool) -> UnmentionedKey {
    UnmentionedKey { id: KeyId::new(format!("id-of-{to}")), address: address(to), prunable }
}

pub(super) fn waiting(to: &str, line: usize) -> Waiting {
    Waiting {
        address: address(to),
        place: place(line),
        action: Action::ResetUsage,
        until: Some(time("2026-12-01T12:00:00Z")),
        why: None,
        replaced: None,
    }
}

pub(super) fn blocked(to: &str, reason: BlockedReason) -> Blocked {
    Blocked { address: address(to), place: Some(place(74)), reason }
}

pub(super) fn ambiguous() -> BlockedReason {
    let candidate = |id: &str, created: &str, mask: &str| Candidate {
        id: KeyId::new(id),
        created_at: Some(time(created)),
        mask: Some(Mask::of_live(mask.to_owned())),
    };
    BlockedReason::Ambiguous {
        candidates: vec![
            candidate("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2", "2026-03-02T00:00:00Z", "Xk*****7Qz"),
            candidate("9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa", "2026-09-14T00:00:00Z", "b8*****Lm2"),
        ],
    }
}

pub(super) fn all_blocked() -> Vec<Blocked> {
    let id = || KeyId::new("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2");
    let text = |text: &str| text.to_owned();
    [
        ambiguous(),
        BlockedReason::PinMissing { id: id() },
        BlockedReason::Unresolved {
            name: UnresolvedName::Workspace(text("ws-paymnets")),
            nearest: Some(text("ws-payments")),
        },
        BlockedReason::Unresolved { name: UnresolvedName::User(text("ann@example.com")), nearest: None },
        BlockedReason::Unresolved { name: UnresolvedName::Config(text("pc-x")), nearest: None },
        BlockedReason::AbsenceUnproven(Unproven::ListIncomplete),
        BlockedReason::AbsenceUnproven(Unproven::MayNotList(KeyKind::WorkspaceService)),
        BlockedReason::Immutable { field: "workspace_id", before: text("ws-a"), after: text("ws-b") },
        BlockedReason::NothingToReplace { id: id() },
        BlockedReason::ClaimedTwice { id: id(), other: place(12) },
        BlockedReason::OtherOwner { by: text("research") },
        BlockedReason::LooksLikeRename { from: address("ws-payments/checkout"), agreeing: 6 },
        BlockedReason::NowhereToDeliver,
        BlockedReason::RunningKey { harm: Harm::Deleted },
        BlockedReason::RunningKey { harm: Harm::Expired },
        BlockedReason::RunningKey { harm: Harm::Narrowed },
        BlockedReason::RunningKey { harm: Harm::Rotated },
        BlockedReason::Protected,
        BlockedReason::CreationUnfinished { created_at: Some(time("2026-11-22T09:00:00Z")) },
        BlockedReason::NoRoomForMark { text: 180, mark: 45, managed: true },
        BlockedReason::NoRoomForMark { text: 155, mark: 45, managed: false },
        BlockedReason::Unreadable {
            field: "rotation_policy",
            error: text("GET /api-keys/183f answered 403"),
        },
        BlockedReason::RenamedOutside { id: KeyId::new("183f497a-2c51-4a7e"), name: text("prod-gateway") },
        BlockedReason::BadTarget { error: text("`..` is not a folder beneath the keys file") },
    ]
    .into_iter()
    .enumerate()
    .map(|(n, reason)| blocked(&format!("ws-payments/key-{:02}", n + 1), reason))
    .collect()
}

pub(super) fn all_refusals() -> Vec<Refusal> {
    let organisation = OrganisationId::new("ffff0000-1111");
    vec![
        Refusal::OtherOrganisation {
            fence: organisation.clone(),
            found: Some(OrganisationId::new("a1b2c3d4-5e6f")),
        },
        Refusal::OtherOrganisation { fence: organisation, found: None },
        Refusal::TooManyDeletes { planned: 12, limit: 5 },
        Refusal::TooManyChanges { planned: 1, limit: 0 },
        Refusal::PruneWithoutOwner,
        Refusal::PruneOfPart,
        Refusal::PruneWithBlocked { blocked: 1 },
        Refusal::PruneOfUnstableList,
        Refusal::UnknownContract { oddities: vec!["keys have a field `colour`".to_owned()] },
        Refusal::MissingScopes { key: "ci-plan".to_owned(), missing: missing_scopes() },
        Refusal::Policy { findings: vec![never_ends(1)] },
        Refusal::Policy { findings: (1..=12).map(of_policy_file).collect() },
        Refusal::Policy { findings: vec![waiver_trouble(codes::POLICY_WAIVER_EXPIRED)] },
        Refusal::Policy { findings: vec![waiver_trouble(codes::POLICY_WAIVER_TOO_LONG)] },
        Refusal::DeniedRisks {
            denied: vec![
                DeniedRisk {
                    address: address("ws-payments/checkout"),
                    risk: Risk::MintsKeys,
                    at: At::Field("scopes"),
                },
                DeniedRisk { address: address("ws-research/spike-2025"), risk: Risk::Deleted, at: At::Key },
            ],
        },
    ]
}

fn missing_scopes() -> Vec<MissingScope> {
    let keys = ["ws-a/a", "ws-a/b", "ws-a/c", "ws-b/d", "ws-b/e"].map(address);
    vec![MissingScope { scope: "workspace_service_api_keys.update".to_owned(), keys: keys.into() }]
}

pub(super) fn all_notes() -> Vec<Note> {
    vec![
        Note::ClockSkew { seconds: 73 },
        Note::UnknownToThisVersion("keys have a field `colour`".to_owned()),
        Note::HeldWithoutKey(held_secret()),
        Note::HeldUndelivered(held_secret()),
        Note::RescueCopy(Escrowed { sealed: true, ..held_secret() }),
        Note::RevokedAgainstFile { address: address("organisation/ci"), place: place(12), until: None },
        Note::NotTried { address: address("organisation/ci") },
        Note::RunningKeyUncertain { candidates: 0 },
        Note::RunningKeyUncertain { candidates: 3 },
        Note::ListUnstable,
        Note::MissingScopes { key: "ci-plan".to_owned(), missing: missing_scopes() },
        Note::RotateScopeDoubtful { key: "ci-plan".to_owned(), missing: missing_scopes() },
        Note::KeyCanWrite { key: "ci-plan".to_owned() },
        Note::Policy { findings: (1..=12).map(never_ends).collect() },
        Note::Policy { findings: vec![waiver_trouble(codes::POLICY_WAIVER_UNUSED)] },
    ]
}

fn never_ends(n: usize) -> Finding {
    Finding {
        origin: Origin::KeysFile,
        rule: RuleId::ExpiryRequired,
        code: RuleId::ExpiryRequired.code(),
        severity: Severity::Error,
        key: None,
        place: Place { file: "keys.yaml".to_owned(), line: n, column: 5 },
        inherited_by: None,
        message: format!("`ws-payments/key-{n:02}` never ends"),
        remedy: "write `expires_at:` in the key".to_owned(),
        waiver: None,
    }
}

fn of_policy_file(n: usize) -> Finding {
    Finding { origin: Origin::PolicyFile { name: "org/policy.yaml".to_owned() }, ..never_ends(n) }
}

fn waiver_trouble(code: &'static str) -> Finding {
    let message = "`expiry-required` is waived for `ws-payments/key-01`, which is in no file".to_owned();
    Finding { code, message, ..never_ends(7) }
}

/// The plan of the story.
pub(super) fn story() -> Plan {
    let mut plan = Plan {
        changes: vec![
            adopt("organisation/backstage"),
            adopt("organisation/ci-plan"),
            adopt("organisation/siem-export"),
            Change {
                written_scopes: vec!["inference".to_owned(), "workspace_service_api_keys.create".to_owned()],
                ..update(
                    "ws-payments/checkout",
                    27,
                    vec![
                        FieldChange::Scopes {
                            added: vec!["workspace_service_api_keys.create".to_owned()],
                            dropped: vec!["logs.list".to_owned()],
                            after: vec!["completions.write".to_owned()],
                        },
                        FieldChange::UsageLimits { before: Some(budget(500.0)), after: Some(budget(2000.0)) },
                        FieldChange::ExpiresAt { before: Some(time("2026-12-31T00:00:00Z")), after: None },
                    ],
                )
            },
            create("ws-payments/checkout-eu", 41),
            deliver("ws-payments/ledger-batch", 58),
            update(
                "ws-research/nightly-eval",
                81,
                vec![FieldChange::RateLimits {
                    before: vec![per_minute(1000)],
                    after: vec![per_minute(100)],
                }],
            ),
            reset("ws-research/search-index", 93),
            delete("ws-research/spike-2025", Reason::Pruned { by: "platform".to_owned() }),
        ],
        blocked: vec![blocked("ws-research/gateway-probe", ambiguous())],
        waiting: vec![waiting("ws-research/fraud-scoring", 66)],
        unmentioned: vec![unmentioned("ws-research/hand-made", false), unmentioned("ws-research/left", true)],
        in_sync: 44,
        ..empty_plan()
    };
    assess(&mut plan);
    plan.unmentioned.push(UnmentionedKey {
        id: KeyId::new("9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa"),
        ..unmentioned("ws-research/spike-2025", true)
    });
    plan
}

/// Gives every change the risks that a real plan would.
pub(super) fn assess(plan: &mut Plan) {
    crate::plan::assess(&mut plan.changes, plan.now);
}

/// Everything that a plan can hold.
pub(super) fn full_plan() -> Plan {
    let mut plan = story();
    plan.changes.push(Change {
        written_scopes: vec!["inference".to_owned(), "logs.write".to_owned()],
        running_key: true,
        reason: Some(Reason::RenamedOutside),
        ..update("ws-zeta/every-field", 120, all_fields())
    });
    plan.changes.push(delete("ws-zeta/gone", Reason::DeclaredAbsent));
    assess(&mut plan);
    plan.blocked = all_blocked();
    plan.refusals = all_refusals();
    plan.notes = all_notes();
    plan
}
