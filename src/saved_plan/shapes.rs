//! The table of what a saved plan holds, type by type. A new field of the domain does not compile until it is here, or
//! named among what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form::{Form, Unfit, form, said};
use crate::desired::{Origin, RuleId, Waiver};
use crate::diagnostic::{Place, Severity};
use crate::diff::{FieldChange, UnresolvedName};
use crate::handoff::Why;
use crate::model::{
    Amount, CommittedSecret, ConfigId, DefaultsPatch, Delivery, Escrowed, KeyAddress, KeyCreate, KeyId,
    KeyKind, KeyUpdate, Mark, Mask, OrganisationId, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit,
    RotationPeriod, RotationPolicy, RotationPolicyPatch, Target, UsageLimits, UsageLimitsPatch, UsageType,
    UserId, WorkspaceId,
};
use crate::plan::{
    Action, At, Blocked, BlockedReason, Candidate, Cause, Causes, Change, Coming, Commit, DeniedRisk, Event,
    Harm, KeySnapshot, LeftOut, MissingScope, Note, Plan, Reason, Refusal, Request, Risk, RiskAt,
    UnmentionedKey, Unproven, Waiting,
};
use crate::policy::Finding;

form! {
    /// The plan, for being shown again and compared. It is never carried out itself: apply plans anew.
    struct PlanForm of Plan {
        organisation: Option<OrganisationId>,
        now: Timestamp,
        read_at: Timestamp,
        running_key: Option<String>,
        changes: Vec<Change>,
        waiting: Vec<Waiting>,
        blocked: Vec<Blocked>,
        refusals: Vec<Refusal>,
        unmentioned: Vec<UnmentionedKey>,
        declared: usize,
        in_sync: usize,
        live_total: usize,
        notes: Vec<Note>,
        has_base: bool,
        left_out: LeftOut,
        coming_up: Vec<Coming>,
    }
    // What only the run that made the plan could use.
    else settled, seen
}

form! {
    /// One key's change.
    struct ChangeForm of Change {
        address: KeyAddress,
        place: Option<Place>,
        action: Action,
        before: Option<KeySnapshot>,
        fields: Vec<FieldChange>,
        written_scopes: Vec<String>,
        reason: Option<Reason>,
        request: Request,
        running_key: bool,
        risks: Vec<RiskAt>,
        causes: Causes,
    }
}

form! {
    /// Where a key belongs, and its name.
    struct AddressForm of KeyAddress { workspace: Option<String>, user: Option<String>, name: String }
}

form! {
    /// A place in a keys file.
    struct PlaceForm of Place { file: String, line: usize, column: usize }
}

form! {
    /// What is done to a key.
    enum ActionForm of Action { Adopt, Update, ResetUsage, Create, Deliver, Rotate, Delete }
}

form! {
    /// The live key as the plan saw it.
    struct SnapshotForm of KeySnapshot {
        id: KeyId,
        name: String,
        mask: Option<Mask>,
        mark: Option<Mark>,
        status: String,
        last_updated_at: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    }
}

form! {
    /// The mark at the end of a description.
    struct MarkForm of Mark {
        new: Option<String>,
        by: Option<String>,
        id: Option<String>,
        at: Option<String>,
        secret: Option<CommittedSecret>,
        to: Vec<String>,
        keep: bool,
        unknown: Vec<String>,
    }
}

form! {
    /// What a mark says of a secret: two characters of its beginning, three of its end, and when it was issued.
    struct CommittedForm of CommittedSecret {
        ends: (String, String),
        issued_at: Timestamp,
        transition: Option<String>,
    }
}

form! {
    /// One field of a key, before and after.
    enum FieldForm of FieldChange {
        Name { before: String, after: String },
        Description { before: String, after: String },
        Scopes { added: Vec<String>, dropped: Vec<String>, after: Vec<String> },
        RateLimits { before: Vec<RateLimit>, after: Vec<RateLimit> },
        UsageLimits { before: Option<UsageLimits>, after: Option<UsageLimits> },
        Metadata { before: BTreeMap<String, Value>, after: BTreeMap<String, Value> },
        ConfigId { before: Option<ConfigId>, after: Option<ConfigId>, written: Option<String> },
        AllowConfigOverride { before: bool, after: bool },
        AlertEmails { before: BTreeSet<String>, after: BTreeSet<String> },
        ExpiresAt { before: Option<Timestamp>, after: Option<Timestamp> },
        RotationPolicy { before: Option<RotationPolicy>, after: Option<RotationPolicy> },
        Mark { before: Option<Mark>, after: Mark },
    }
}

form! {
    /// One rate limit.
    struct RateLimitForm of RateLimit { kind: RateLimitType, unit: RateLimitUnit, value: u64 }
}

form! {
    /// A budget.
    struct UsageLimitsForm of UsageLimits {
        credit_limit: Option<Amount>,
        kind: Option<UsageType>,
        alert_threshold: Option<Amount>,
        periodic_reset: Option<PeriodicReset>,
        periodic_reset_days: Option<u32>,
    }
}

form! {
    /// Portkey's own rotation schedule.
    struct RotationPolicyForm of RotationPolicy {
        rotation_period: Option<RotationPeriod>,
        rotation_period_days: Option<u32>,
        next_rotation_at: Option<Timestamp>,
        key_transition_period_ms: Option<u64>,
    }
}

form! {
    /// Why a change is made.
    enum ReasonForm of Reason {
        DeclaredAbsent,
        Pruned { by: String },
        UsageResetDue { after: Timestamp, last: Option<Timestamp> },
        Unfinished { issued_at: Timestamp },
        RenamedOutside,
        Rotation(why: Why),
        Accepted,
        Replaces { id: KeyId, name: String },
        Replaced { by: KeyId },
        LeftOver,
    }
}

form! {
    /// Why a secret is replaced.
    enum WhyForm of Why { Unfinished, ChangedOutside, NewSink, Due(at: Timestamp), TooOld, First, Asked }
}

form! {
    /// What is sent.
    enum RequestForm of Request {
        Create { body: Box<KeyCreate>, commit: Commit },
        Deliver { id: KeyId, held: Escrowed, commit: Commit },
        Rotate { id: KeyId, first: Box<KeyUpdate>, transition: Option<SignedDuration>, commit: Commit },
        Update { id: KeyId, body: Box<KeyUpdate> },
        Delete { id: KeyId },
    }
}

form! {
    /// The body of a create.
    struct CreateForm of KeyCreate {
        kind: KeyKind,
        workspace_id: Option<WorkspaceId>,
        user_id: Option<UserId>,
        fields: KeyUpdate,
    }
}

form! {
    /// The body of an update. What is left out stays as it is, null clears.
    struct UpdateForm of KeyUpdate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scopes: Option<Vec<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        rate_limits: Option<Option<Vec<RateLimit>>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        usage_limits: Option<Option<UsageLimitsPatch>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        defaults: Option<DefaultsPatch>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        alert_emails: Option<Option<Vec<String>>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        expires_at: Option<Option<Timestamp>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        rotation_policy: Option<Option<RotationPolicyPatch>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset_usage: Option<bool>,
    }
}

form! {
    /// `usage_limits` in a body.
    struct UsagePatchForm of UsageLimitsPatch {
        kind: Option<UsageType>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        credit_limit: Option<Option<Amount>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        alert_threshold: Option<Option<Amount>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        periodic_reset: Option<Option<PeriodicReset>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        periodic_reset_days: Option<Option<u32>>,
    }
}

form! {
    /// `defaults` in a body.
    struct DefaultsForm of DefaultsPatch {
        metadata: Option<BTreeMap<String, Value>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        config_id: Option<Option<ConfigId>>,
        allow_config_override: Option<bool>,
    }
}

form! {
    /// `rotation_policy` in a body.
    struct RotationPatchForm of RotationPolicyPatch {
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        rotation_period: Option<Option<RotationPeriod>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        rotation_period_days: Option<Option<u32>>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        next_rotation_at: Option<Option<Timestamp>>,
        key_transition_period_ms: Option<u64>,
    }
}

form! {
    /// How a new secret is delivered and remembered.
    struct CommitForm of Commit {
        fields: Box<KeyUpdate>,
        description: String,
        mark: Mark,
        deliveries: Vec<Delivery>,
        transition: Option<String>,
        prove: bool,
    }
}

form! {
    /// One place for a secret.
    struct DeliveryForm of Delivery { sink: Option<String>, target: Target }
}

form! {
    /// What takes a secret.
    enum TargetForm of Target {
        File { path: PathBuf, recipients: Vec<String> },
        EnvFile { path: PathBuf, variable: String },
        Command { argv: Vec<String>, env: Vec<String>, timeout: Duration },
    }
}

form! {
    /// A slot of the escrow, without the secret in it.
    struct EscrowedForm of Escrowed {
        nonce: String,
        address: String,
        id: Option<KeyId>,
        mask: Option<Mask>,
        sealed: bool,
        sent_at: Timestamp,
        issued_at: Option<Timestamp>,
        lease: SignedDuration,
        transition: Option<SignedDuration>,
    }
}

form! {
    /// Something that is due later.
    struct WaitingForm of Waiting {
        address: KeyAddress,
        place: Place,
        action: Action,
        until: Option<Timestamp>,
        why: Option<Why>,
        replaced: Option<KeyId>,
    }
}

form! {
    /// Something that will happen to a key.
    struct ComingForm of Coming { at: Timestamp, address: KeyAddress, what: Event }
}

form! {
    /// What will happen.
    enum EventForm of Event { Expires, RotationDue, ScheduledRotation, UsageReset, PreviousSecretEnds }
}

form! {
    /// A scope that the running key does not hold, and the keys that cannot be changed without it.
    struct MissingScopeForm of MissingScope { scope: String, keys: Vec<KeyAddress> }
}

form! {
    /// An entry for which a person must act.
    struct BlockedForm of Blocked { address: KeyAddress, place: Option<Place>, reason: BlockedReason }
}

form! {
    /// Why an entry is blocked.
    enum BlockedReasonForm of BlockedReason {
        Ambiguous { candidates: Vec<Candidate> },
        PinMissing { id: KeyId },
        Unresolved { name: UnresolvedName, nearest: Option<String> },
        AbsenceUnproven(why: Unproven),
        Immutable { field: &'static str, before: String, after: String },
        NothingToReplace { id: KeyId },
        ClaimedTwice { id: KeyId, other: Place },
        RenamedOutside { id: KeyId, name: String },
        OtherOwner { by: String },
        LooksLikeRename { from: KeyAddress, agreeing: usize },
        NowhereToDeliver,
        RunningKey { harm: Harm },
        Protected,
        CreationUnfinished { created_at: Option<Timestamp> },
        NotThere,
        StoredUnknown { live: Option<Mask> },
        StoredOther { delivered: Mask, live: Option<Mask> },
        NoRoomForMark { text: usize, mark: usize, managed: bool },
        Unreadable { field: &'static str, error: String },
        BadTarget { error: String },
    }
}

form! {
    /// One of several keys of one name.
    struct CandidateForm of Candidate { id: KeyId, created_at: Option<Timestamp>, mask: Option<Mask> }
}

form! {
    /// A name that stands for nothing.
    enum UnresolvedForm of UnresolvedName { Workspace(name: String), User(name: String), Config(name: String) }
}

form! {
    /// Why absence is not proven.
    enum UnprovenForm of Unproven { ListIncomplete, MayNotList(kind: KeyKind) }
}

form! {
    /// What would have happened to the running key.
    enum HarmForm of Harm { Deleted, Expired, Narrowed, Rotated }
}

form! {
    /// Why nothing at all would be written.
    enum RefusalForm of Refusal {
        OtherOrganisation { fence: OrganisationId, found: Option<OrganisationId> },
        TooManyDeletes { planned: usize, limit: usize },
        TooManyChanges { planned: usize, limit: usize },
        PruneWithoutOwner,
        PruneOfPart,
        PruneWithBlocked { blocked: usize },
        PruneOfUnstableList,
        UnknownContract { oddities: Vec<String> },
        MissingScopes { key: String, missing: Vec<MissingScope> },
        Policy { findings: Vec<Finding> },
        DeniedRisks { denied: Vec<DeniedRisk> },
    }
}

form! {
    /// What else a person should know.
    enum NoteForm of Note {
        ClockSkew { seconds: i64 },
        UnknownToThisVersion(what: String),
        RunningKeyUncertain { candidates: usize },
        ListUnstable,
        HeldWithoutKey(held: Escrowed),
        HeldUndelivered(held: Escrowed),
        RescueCopy(held: Escrowed),
        NotTried { address: KeyAddress },
        RevokedAgainstFile { address: KeyAddress, place: Place, until: Option<Timestamp> },
        MissingScopes { key: String, missing: Vec<MissingScope> },
        RotateScopeDoubtful { key: String, missing: Vec<MissingScope> },
        KeyCanWrite { key: String },
        Policy { findings: Vec<Finding> },
    }
}

form! {
    /// A live key that is in no file.
    struct UnmentionedForm of UnmentionedKey { id: KeyId, address: KeyAddress, prunable: bool }
}

form! {
    /// What a reviewer should look at, and where.
    struct RiskForm of RiskAt { risk: Risk, at: At }
}

form! {
    /// What a risk comes from.
    enum AtForm of At { Field(name: &'static str), Usage, Transition, Deliveries, Key }
}

form! {
    /// What each part of a change comes of.
    struct CausesForm of Causes { fields: BTreeMap<&'static str, Cause> }
}

form! {
    /// What a part of a change comes of.
    enum CauseForm of Cause { ThisChange, Drift, Due }
}

form! {
    /// What was left out because it is drift.
    struct LeftOutForm of LeftOut { keys: usize, fields: usize }
}

form! {
    /// A risk that is refused.
    struct DeniedForm of DeniedRisk { address: KeyAddress, risk: Risk, at: At }
}

form! {
    /// A rule that a key breaks, or a waiver that is none.
    struct FindingForm of Finding {
        origin: Origin,
        rule: RuleId,
        code: &'static str,
        severity: Severity,
        key: Option<KeyAddress>,
        place: Place,
        inherited_by: Option<Place>,
        message: String,
        remedy: String,
        waiver: Option<Waiver>,
    }
}

form! {
    /// Where a policy stands.
    enum OriginForm of Origin { KeysFile, PolicyFile { name: String } }
}

form! {
    /// How bad it is.
    enum SeverityForm of Severity { Warning, Error }
}

form! {
    /// One key is excepted from one rule, for a time.
    struct WaiverForm of Waiver { rule: RuleId, key: String, reason: String, until: Timestamp, place: Place }
}
