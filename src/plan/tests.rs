//! One `check`: a keys file, live rows, and the plan as lines.

use serde_json::{Value, json};

mod causes;

use super::*;
use crate::desired::parse_str;
use crate::live::Live;
use crate::model::Target;

pub(super) const NOW: &str = "2026-11-22T10:00:00Z";
const WORKSPACE: &str = "5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c";

/// The key that the tool runs with: it may list everything.
pub(super) fn runner() -> Value {
    row(
        "runner",
        json!({
            "type": "organisation-service", "workspace_id": null, "key": "ru*****ner",
            "scopes": ["organisation_service_api_keys.list", "workspace_service_api_keys.list", "workspace_user_api_keys.list"],
        }),
    )
}

/// A live row with nothing set; the id is made from the name.
#[expect(clippy::needless_pass_by_value, reason = "every caller makes it in place")]
pub(super) fn row(name: &str, with: Value) -> Value {
    let mut row = json!({
        "id": id(name), "key": "ab*****xyz", "name": name, "description": null, "type": "workspace-service",
        "organisation_id": "org-1", "workspace_id": WORKSPACE, "user_id": null, "status": "active",
        "created_at": "2026-03-01T00:00:00.000Z", "last_updated_at": "2026-03-01T00:00:00.000Z",
        "creation_mode": "api", "rate_limits": [], "usage_limits": null, "reset_usage": null, "expires_at": null,
        "last_reset_at": null, "alert_emails": null, "expiry_enforced": 0, "allow_config_override": null,
        "api_key_defaults_id": null, "scopes": ["completions.write"],
        "defaults": {"metadata": null, "config_id": null}, "object": "api-key",
    });
    for (field, value) in with.as_object().unwrap() {
        row[field] = value.clone();
    }
    row
}

pub(super) fn id(name: &str) -> String {
    let mut text = format!("{name}-00000000");
    text.truncate(8);
    format!("{text}-0000-4000-8000-000000000000")
}

pub(super) struct Case {
    yaml: String,
    pub(super) rows: Vec<Value>,
    options: PlanOptions,
    now: &'static str,
}

pub(super) fn case(yaml: &str, mut rows: Vec<Value>) -> Case {
    rows.push(runner());
    Case {
        yaml: format!("version: 1\nworkspaces: {{w: {WORKSPACE}}}\n{yaml}"),
        rows,
        options: PlanOptions::default(),
        now: NOW,
    }
}

impl Case {
    pub(super) fn at(mut self, now: &'static str) -> Self {
        self.now = now;
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut PlanOptions)) -> Self {
        change(&mut self.options);
        self
    }

    pub(super) fn plan(self) -> Plan {
        let now = self.now;
        self.plan_at(now)
    }

    /// As of another moment than the one at which the keys were read.
    pub(super) fn plan_at(self, now: &str) -> Plan {
        let loaded = parse_str("keys.yaml", &self.yaml);
        let mut desired = loaded.desired.unwrap_or_else(|| {
            let messages: Vec<_> = loaded.diagnostics.iter().map(|found| &found.message).collect();
            panic!("{messages:?}")
        });
        desired.folder = Some(PathBuf::from("."));
        let mut live = Live::from_rows(self.rows, self.now);
        live.names.workspaces.insert("ws-same".to_owned(), crate::model::WorkspaceId::new(WORKSPACE));
        let mask = Mask::of_live("ru*****ner".to_owned());
        let running = RunningKey::recognise(&live, &mask);
        plan(&Inputs {
            desired: &desired,
            live: &live,
            running: &running,
            now: now.parse().unwrap(),
            options: &self.options,
        })
    }

    /// The plan as lines: `update w/a {body}`, `blocked w/a Reason {…}`, `refused …`, `waiting …`.
    #[track_caller]
    fn check(self, expected: &[&str]) {
        assert_eq!(lines(&self.plan()), expected);
    }
}

pub(super) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        let action = format!("{:?}", change.action).to_lowercase();
        let body = match &change.request {
            Request::Create { body, .. } => serde_json::to_string(body).unwrap(),
            Request::Update { body, .. } => serde_json::to_string(body).unwrap(),
            Request::Deliver { held, .. } => held.nonce.clone(),
            Request::Rotate { first, .. } => serde_json::to_string(first).unwrap(),
            Request::Delete { id } => id.short().to_owned(),
        };
        lines.push(format!("{action} {} {body}", change.address));
    }
    lines.extend(plan.blocked.iter().map(|blocked| {
        let reason = format!("{:?}", blocked.reason);
        let reason = reason.split([' ', '(']).next().unwrap_or_default();
        format!("blocked {} {reason}", blocked.address)
    }));
    lines.extend(plan.refusals.iter().map(|refusal| format!("refused {refusal:?}")));
    lines.extend(plan.waiting.iter().map(|waiting| {
        let until = waiting.until.map(|until| until.to_string()).unwrap_or_default();
        format!("waiting {} {until}", waiting.address)
    }));
    lines
}

pub(super) fn one(fields: &str) -> String {
    format!("keys:\n- {{name: a, workspace_id: w, scopes: [completions.write], {fields}}}\n")
}

#[test]
fn every_shape_of_unset_agrees_with_a_cleared_field() {
    let yaml =
        one("description: null, rate_limits: null, usage_limits: null, metadata: null, config_id: null, \
         allow_config_override: null, alert_emails: null, expires_at: null, rotation_policy: null");
    for shape in [
        json!({}),
        json!({"description": "", "rate_limits": null, "alert_emails": [], "defaults": {"metadata": {}}}),
        json!({"usage_limits": {"is_expired_alerts_sent": true}, "allow_config_override": 1, "defaults": null}),
        json!({"rotation_policy": null, "usage_limits": {}, "allow_config_override": true}),
    ] {
        case(&yaml, vec![row("a", shape)]).check(&[]);
    }
}

#[test]
fn a_field_that_the_file_leaves_out_is_not_managed() {
    let busy = row(
        "a",
        json!({
            "description": "mine", "rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}],
            "usage_limits": {"credit_limit": 10}, "alert_emails": ["a@b.example"], "expires_at": "2027-01-01T00:00:00Z",
            "defaults": {"metadata": {"k": "v"}, "config_id": "c"}, "allow_config_override": 0,
        }),
    );
    case(&one(""), vec![busy]).check(&[]);
}

#[test]
fn cleared_fields_are_sent_as_explicit_nulls_in_one_put() {
    let yaml =
        one("description: null, rate_limits: [], usage_limits: null, metadata: null, config_id: null, \
         allow_config_override: null, alert_emails: [], expires_at: null, rotation_policy: null");
    let busy = row(
        "a",
        json!({
            "description": "mine", "rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}],
            "usage_limits": {"credit_limit": 10}, "alert_emails": ["a@b.example"], "expires_at": "2027-01-01T00:00:00Z",
            "defaults": {"metadata": {"k": "v"}, "config_id": "c"}, "allow_config_override": 0,
            "rotation_policy": {"rotation_period": "monthly", "status": "ACTIVE"},
        }),
    );
    case(&yaml, vec![busy]).check(&[
        r#"update w/a {"description":"","rate_limits":null,"usage_limits":null,"defaults":{"metadata":{},"config_id":null,"allow_config_override":true},"alert_emails":null,"expires_at":null,"rotation_policy":null}"#,
    ]);
}

#[test]
fn limits_are_sent_whole_with_a_null_for_what_the_file_has_not() {
    let live = row(
        "a",
        json!({"usage_limits": {
            "credit_limit": 10.0, "type": "tokens", "alert_threshold": 8, "periodic_reset": "weekly", "current_usage": 3.5,
        }}),
    );
    case(&one("usage_limits: {credit_limit: 10, periodic_reset_days: 7}"), vec![live]).check(&[
        r#"update w/a {"usage_limits":{"type":"cost","credit_limit":10,"alert_threshold":null,"periodic_reset":null,"periodic_reset_days":7}}"#,
    ]);
}

#[test]
fn an_absent_type_of_budget_is_cost_and_whole_numbers_may_come_as_floats() {
    for live in [
        json!({"credit_limit": 10.0}),
        json!({"credit_limit": "10", "type": "cost", "is_exhausted_alerts_sent": 0}),
    ] {
        case(&one("usage_limits: {credit_limit: 10}"), vec![row("a", json!({"usage_limits": live}))])
            .check(&[]);
    }
}

#[test]
fn metadata_changes_managed_entries_and_sends_the_whole_map() {
    let live = row("a", json!({"defaults": {"metadata": {"keep": {"deep": 1}, "set": "old", "drop": "x"}}}));
    case(&one("metadata: {set: new, drop: null}"), vec![live])
        .check(&[r#"update w/a {"defaults":{"metadata":{"keep":{"deep":1},"set":"new"}}}"#]);
}

#[test]
fn scopes_and_emails_are_sets_and_scopes_are_sent_in_the_order_of_the_file() {
    let yaml = "keys:\n- {name: a, workspace_id: w, scopes: [logs.view, completions.write], alert_emails: [b@x.example, a@x.example]}\n";
    let same =
        json!({"scopes": ["completions.write", "logs.view"], "alert_emails": ["a@x.example", "b@x.example"]});
    case(yaml, vec![row("a", same)]).check(&[]);
    case(yaml, vec![row("a", json!({"alert_emails": ["a@x.example", "b@x.example"]}))])
        .check(&[r#"update w/a {"scopes":["logs.view","completions.write"]}"#]);
}

#[test]
fn a_date_that_the_service_moved_to_midnight_is_no_difference() {
    let yaml = one("rotation_policy: {next_rotation_at: 2026-12-24T15:00:00Z}");
    let policy = |next: &str| {
        row(
            "a",
            json!({"rotation_policy": {"next_rotation_at": next, "key_transition_period_ms": 1_800_000}}),
        )
    };
    case(&yaml, vec![policy("2026-12-24T00:00:00Z")]).check(&[]);
    case(&yaml, vec![policy("2026-12-25T00:00:00Z")]).check(&[]);
    case(&yaml, vec![policy("2026-12-26T00:00:00Z")])
        .check(&[r#"update w/a {"rotation_policy":{"next_rotation_at":"2026-12-24T15:00:00Z"}}"#]);
    let past = one("rotation_policy: {next_rotation_at: 2026-10-01}");
    case(&past, vec![row("a", json!({}))]).check(&[]);
}

#[test]
fn a_computed_next_rotation_is_not_compared_nor_cleared() {
    let live = json!({"rotation_policy": {
        "rotation_period": "weekly", "next_rotation_at": "2026-11-23T00:00:00Z", "key_transition_period_ms": 3_600_000, "status": "ACTIVE",
    }});
    case(
        &one("rotation_policy: {rotation_period: weekly, key_transition_period: 1h}"),
        vec![row("a", live.clone())],
    )
    .check(&[]);
    case(&one("rotation_policy: {rotation_period: monthly}"), vec![row("a", live)]).check(&[
        r#"update w/a {"rotation_policy":{"rotation_period":"monthly","key_transition_period_ms":1800000}}"#,
    ]);
}

#[test]
fn two_live_keys_of_one_name_are_blocked_unless_one_is_pinned() {
    let mut twin = row("a", json!({}));
    twin["id"] = json!(id("twin"));
    case(&one(""), vec![row("a", json!({})), twin.clone()]).check(&["blocked w/a Ambiguous"]);
    case(&one(&format!("id: {}", id("twin"))), vec![row("a", json!({})), twin]).check(&[]);
}

#[test]
fn a_pin_that_is_not_there_is_no_create_and_a_pinned_key_cannot_move() {
    case(&one("id: nobody"), vec![row("a", json!({}))]).check(&["blocked w/a PinMissing"]);
    let elsewhere = row("a", json!({"workspace_id": "8be21c44-1f0d-4c7b-a1a9-3f5d6677c0de"}));
    case(&one(&format!("id: {}", id("a"))), vec![elsewhere]).check(&["blocked w/a Immutable"]);
}

#[test]
fn a_key_is_renamed_by_its_pin_by_its_former_name_or_not_at_all() {
    let former = || vec![row("old", json!({}))];
    case(&one(&format!("id: {}", id("old"))), former()).check(&[r#"update w/a {"name":"a"}"#]);
    case(&one("renamed_from: old"), former()).check(&[r#"update w/a {"name":"a"}"#]);
    case(&one(""), former()).check(&["blocked w/a NowhereToDeliver"]);
}

#[test]
fn two_entries_that_mean_one_key_are_both_blocked() {
    // The files cannot know that the slug and the UUID are one workspace.
    let yaml = "keys:\n- {name: a, workspace_id: w, scopes: [completions.write]}\n- {name: a, workspace_id: ws-same, scopes: [completions.write]}\n";
    case(yaml, vec![row("a", json!({}))])
        .check(&["blocked w/a ClaimedTwice", "blocked ws-same/a ClaimedTwice"]);
}

const TWO: &str = "sinks: {dir: {file: \"s/{name}\"}}\nkeys:\n- {name: old, workspace_id: w, absent: true}\n- {name: new, workspace_id: w, scopes: [completions.write], secret: {deliver_to: [dir]}";

#[test]
fn a_delete_and_a_create_that_look_like_a_rename_are_blocked() {
    let live = || vec![row("old", json!({}))];
    case(&format!("{TWO}}}\n"), live()).check(&["blocked w/new LooksLikeRename"]);
    case(&format!("{TWO}, renamed_from: null}}\n"), live()).check(&[
        &format!(
            r#"create w/new {{"workspace_id":"{WORKSPACE}","name":"new","scopes":["completions.write"]}}"#
        ),
        "delete w/old old-0000",
    ]);
    case(&format!("{TWO}, description: other}}\n"), live()).check(&[
        &format!(r#"create w/new {{"workspace_id":"{WORKSPACE}","name":"new","description":"other","scopes":["completions.write"]}}"#),
        "delete w/old old-0000",
    ]);
}

#[test]
fn a_create_needs_proof_that_the_key_is_absent() {
    let yaml = "sinks: {dir: {file: \"s/{name}\"}}\nkeys:\n- {name: nn, workspace_id: w, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
    let blind = || {
        let mut case = case(yaml, vec![]);
        case.rows[0]["scopes"] = json!(["organisation_service_api_keys.list"]);
        case
    };
    blind().check(&["blocked w/nn AbsenceUnproven"]);
    let create =
        format!(r#"create w/nn {{"workspace_id":"{WORKSPACE}","name":"nn","scopes":["completions.write"]}}"#);
    blind().with(|options| options.absence = Absence::Assumed).check(&[&create]);
    let mut seen = blind();
    seen.rows.push(row("neighbour", json!({})));
    seen.check(&[&create]);
}

const OWNED: &str = "managed_by: platform\n";

/// The mark that an entry `w/NAME` of `platform` carries.
fn mark(name: &str, by: &str, extra: &str) -> String {
    let at = crate::model::address_hash(
        crate::model::KeyKind::WorkspaceService,
        Some(&crate::model::WorkspaceId::new(WORKSPACE)),
        None,
        name,
    );
    format!("[portkey-sync by={by} id={} at={at}{extra}]", KeyId::new(id(name)).short())
}

#[test]
fn keys_without_a_mark_are_adopted_and_keys_of_others_are_not_touched() {
    let yaml = format!("{OWNED}{}", one(""));
    let ours = mark("a", "platform", "");
    case(&yaml, vec![row("a", json!({"description": "text"}))])
        .check(&[&format!(r#"adopt w/a {{"description":"text {ours}"}}"#)]);
    case(&yaml, vec![row("a", json!({"description": format!("text {ours}")}))]).check(&[]);
    let theirs = row("a", json!({"description": mark("a", "data", "")}));
    case(&yaml, vec![theirs.clone()]).check(&["blocked w/a OtherOwner"]);
    case(&one(""), vec![theirs.clone()]).check(&[]);
    case(&one("expires_at: 2027-01-01"), vec![theirs]).check(&["blocked w/a OtherOwner"]);
}

#[test]
fn a_bracket_that_is_not_this_keys_mark_is_text_and_stays() {
    let ours = mark("a", "platform", "");
    for foreign in [mark("other", "platform", ""), "[portkey-sync by=platform]".to_owned()] {
        let copied = || row("a", json!({"description": foreign}));
        case(&format!("{OWNED}{}", one("")), vec![copied()])
            .check(&[&format!(r#"adopt w/a {{"description":"{foreign} {ours}"}}"#)]);
        case(&format!("{OWNED}keys: []\n"), vec![copied()])
            .with(|options| options.prune = Prune::Delete)
            .check(&[]);
    }
}

#[test]
fn a_description_is_compared_without_its_mark_and_sent_with_it() {
    let live = || vec![row("a", json!({"description": format!("text {}", mark("a", "platform", ""))}))];
    case(&format!("{OWNED}{}", one("description: text")), live()).check(&[]);
    let ours = mark("a", "platform", "");
    case(&format!("{OWNED}{}", one("description: more")), live())
        .check(&[&format!(r#"update w/a {{"description":"more {ours}"}}"#)]);
    case(&format!("{OWNED}{}", one("description: null")), live())
        .check(&[&format!(r#"update w/a {{"description":"{ours}"}}"#)]);
}

#[test]
fn a_key_that_somebody_renamed_is_recognised_by_its_mark_but_not_deleted_by_it() {
    let mut renamed = row("a", json!({"description": mark("a", "platform", "")}));
    renamed["name"] = json!("changed by hand");
    case(&format!("{OWNED}{}", one("")), vec![renamed.clone()]).check(&[r#"update w/a {"name":"a"}"#]);
    case(&format!("{OWNED}keys:\n- {{name: a, workspace_id: w, absent: true}}\n"), vec![renamed])
        .check(&["blocked w/a RenamedOutside"]);
}

#[test]
fn equal_hashes_of_two_names_do_not_make_one_key_of_them() {
    // Found by search: both hash to the same six digits in this workspace.
    let hash = |name: &str| {
        let workspace = crate::model::WorkspaceId::new(WORKSPACE);
        crate::model::address_hash(crate::model::KeyKind::WorkspaceService, Some(&workspace), None, name)
    };
    let mut seen = BTreeMap::new();
    let (first, second) = (0..)
        .map(|n| format!("k{n}"))
        .find_map(|name| seen.insert(hash(&name), name.clone()).map(|earlier| (earlier, name)))
        .unwrap();
    let live = row(&first, json!({"description": mark(&first, "platform", "")}));
    let yaml = format!("{OWNED}keys:\n- {{name: {second}, workspace_id: w, scopes: [completions.write]}}\n");
    case(&yaml, vec![live]).check(&[&format!("blocked w/{second} NowhereToDeliver")]);
}

#[test]
fn a_description_without_room_for_the_mark_is_blocked() {
    let long = "x".repeat(190);
    case(&format!("{OWNED}{}", one("")), vec![row("a", json!({"description": long}))])
        .check(&["blocked w/a NoRoomForMark"]);
}

#[test]
fn protection_is_kept_on_the_key_and_outlives_its_entry() {
    let yaml = one("protected: true");
    let kept = format!("[portkey-sync id={} keep]", KeyId::new(id("a")).short());
    case(&yaml, vec![row("a", json!({}))]).check(&[&format!(r#"update w/a {{"description":"{kept}"}}"#)]);
    let live = row("a", json!({"description": kept}));
    case("keys:\n- {name: a, workspace_id: w, absent: true}\n", vec![live]).check(&["blocked w/a Protected"]);
}

#[test]
fn the_running_key_is_not_deleted_expired_or_narrowed() {
    let me = |fields: &str| format!("keys:\n- {{name: runner, type: organisation-service, {fields}}}\n");
    case(&me("absent: true"), vec![]).check(&["blocked organisation/runner RunningKey"]);
    case(&me("scopes: [organisation_service_api_keys.list]"), vec![])
        .check(&["blocked organisation/runner RunningKey"]);
    case(&me(&format!("id: {}, expires_at: 2027-01-01", id("runner"))), vec![])
        .check(&["blocked organisation/runner RunningKey"]);
    case(&me(&format!("id: {}, rotation_policy: {{rotation_period: monthly}}", id("runner"))), vec![])
        .check(&["blocked organisation/runner RunningKey"]);
    let wider = "scopes: [organisation_service_api_keys.list, workspace_service_api_keys.list, workspace_user_api_keys.list, workspaces.list]";
    let plan = case(&me(wider), vec![]).plan();
    assert_eq!(plan.count(Action::Update), 1);
    assert!(plan.changes[0].running_key);
}

#[test]
fn the_caller_may_name_the_running_key_but_not_against_its_mask() {
    let live = Live::from_rows(vec![row("a", json!({})), runner()], NOW);
    let mask = Mask::of_live("ru*****ner".to_owned());
    let told = |name: &str, mask: &Mask| RunningKey::told(&live, mask, &KeyId::new(id(name)));
    assert!(told("runner", &mask).unwrap().recognised);
    assert!(told("a", &mask).is_err(), "another key shows our mask");
    assert!(told("typo", &mask).is_err());
    let previous = Mask::of_live("pr*****ous".to_owned());
    assert!(told("runner", &previous).unwrap().could_be(&KeyId::new(id("runner"))));
}

#[test]
fn a_key_that_merely_could_be_the_running_one_proves_no_absence() {
    let yaml = "sinks: {dir: {file: \"s/{name}\"}}\nkeys:\n- {name: nn, workspace_id: w, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
    let mut case = case(yaml, vec![]);
    case.rows[0]["key"] = json!("ot*****her");
    case.check(&["blocked w/nn AbsenceUnproven"]);
}

#[test]
fn a_delete_that_cannot_be_seen_is_not_taken_for_done() {
    let mut case = case("keys:\n- {name: gone, workspace_id: w, absent: true}\n", vec![]);
    case.rows[0]["scopes"] = json!(["organisation_service_api_keys.list"]);
    case.check(&["blocked w/gone AbsenceUnproven"]);
}

#[test]
fn a_backend_that_does_not_say_when_usage_was_reset_blocks_the_trigger() {
    let mut silent = row("a", json!({}));
    silent.as_object_mut().unwrap().remove("last_reset_at");
    case(&one("usage_reset_after: 2026-11-22T09:00:00Z"), vec![silent]).check(&["blocked w/a Unreadable"]);
}

#[test]
fn ids_mean_the_same_in_capitals() {
    let yaml = format!(
        "keys:\n- {{name: a, workspace_id: {}, id: {}, scopes: [completions.write]}}\n",
        WORKSPACE.to_uppercase(),
        "183F497A-2C51-4A7E-9D0B-51B6C1D0A9E2"
    );
    let mut live = row("a", json!({}));
    live["id"] = json!("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2");
    case(&yaml, vec![live]).check(&[]);
}

#[test]
fn while_the_running_key_is_not_recognised_every_key_that_manages_keys_is_treated_as_it() {
    let yaml = "keys:\n- {name: manager, type: organisation-service, absent: true}\n- {name: a, workspace_id: w, absent: true}\n";
    let manager = row(
        "manager",
        json!({"type": "organisation-service", "workspace_id": null, "scopes": ["workspace_service_api_keys.update"]}),
    );
    let mut case = case(yaml, vec![manager, row("a", json!({}))]);
    case.rows.last_mut().unwrap()["key"] = json!("ot*****her");
    case.check(&["delete w/a a-000000", "blocked organisation/manager RunningKey"]);
}

#[test]
fn prune_deletes_what_carries_our_mark_and_nothing_else() {
    let others = || {
        vec![
            row("ours", json!({"description": mark("ours", "platform", "")})),
            row("kept", json!({"description": mark("kept", "platform", " keep")})),
            row("auto", json!({"description": mark("auto", "platform", ""), "creation_mode": "auto"})),
            row("theirs", json!({"description": mark("theirs", "data", "")})),
            row("bare", json!({})),
        ]
    };
    let yaml = format!("{OWNED}keys: []\n");
    let listed = case(&yaml, others()).plan();
    assert_eq!(lines(&listed), Vec::<String>::new());
    let prunable: Vec<_> =
        listed.unmentioned.iter().filter(|key| key.prunable).map(|key| key.address.name.as_str()).collect();
    assert_eq!(prunable, ["ours"]);
    case(&yaml, others()).with(|options| options.prune = Prune::Delete).check(
        &["delete w/ours ours-000"]
            .map(|line| line.replace("w/", &format!("{WORKSPACE}/")))
            .each_ref()
            .map(String::as_str),
    );
}

#[test]
fn prune_is_refused_without_an_owner_with_targets_and_beside_blocked_keys() {
    let prune = |options: &mut PlanOptions| options.prune = Prune::Delete;
    case("keys: []\n", vec![]).with(prune).check(&["refused PruneWithoutOwner"]);
    case(&format!("{OWNED}keys: []\n"), vec![])
        .with(|options| {
            prune(options);
            options.targets = Some(BTreeSet::new());
        })
        .check(&["refused PruneOfPart"]);
    case(&format!("{OWNED}{}", one("id: nobody")), vec![])
        .with(prune)
        .check(&["blocked w/a PinMissing", "refused PruneWithBlocked { blocked: 1 }"]);
}

#[test]
fn more_deletions_than_allowed_refuse_the_whole_plan() {
    let names = ["a", "b", "c", "d"];
    let yaml: String = std::iter::once("keys:\n".to_owned())
        .chain(names.iter().map(|name| format!("- {{name: {name}, workspace_id: w, absent: true}}\n")))
        .collect();
    let rows = || names.iter().map(|name| row(name, json!({}))).collect::<Vec<_>>();
    let plan = case(&yaml, rows()).plan();
    assert_eq!(plan.refusals, [Refusal::TooManyDeletes { planned: 4, limit: 3 }]);
    let plan = case(&yaml, rows()).with(|options| options.max_deletes = Some(4)).plan();
    assert_eq!(plan.refusals, []);
    let plan = case(&yaml, rows()).with(|options| {
        options.max_deletes = Some(4);
        options.max_changes = Some(2);
    });
    assert_eq!(plan.plan().refusals, [Refusal::TooManyChanges { planned: 4, limit: 2 }]);
}

#[test]
fn files_for_another_organisation_are_refused() {
    let yaml = format!("organisation: org-2\n{}", one(""));
    let plan = case(&yaml, vec![row("a", json!({}))]).plan();
    assert_eq!(
        plan.refusals,
        [Refusal::OtherOrganisation {
            fence: OrganisationId::new("org-2"),
            found: Some(OrganisationId::new("org-1"))
        }]
    );
}

#[test]
fn usage_is_reset_once_for_each_time_that_is_asked_for() {
    let yaml = one("usage_reset_after: 2026-11-22T09:00:00Z");
    case(&yaml, vec![row("a", json!({}))]).check(&[r#"resetusage w/a {"reset_usage":true}"#]);
    case(&yaml, vec![row("a", json!({"last_reset_at": "2026-11-22T09:00:00Z"}))]).check(&[]);
    case(&yaml, vec![row("a", json!({"created_at": "2026-11-22T09:30:00Z"}))]).check(&[]);
    case(&one("usage_reset_after: 2026-11-23"), vec![row("a", json!({}))])
        .check(&["waiting w/a 2026-11-23T00:00:00Z"]);
    case(&one("usage_reset_after: 2026-11-22, expires_at: 2027-01-01"), vec![row("a", json!({}))])
        .check(&[r#"update w/a {"expires_at":"2027-01-01T00:00:00Z","reset_usage":true}"#]);
}

#[test]
fn a_create_that_another_run_left_is_finished_only_with_its_secret() {
    let yaml = "sinks: {dir: {file: \"s/{name}\"}}\nkeys:\n- {name: nn, workspace_id: w, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
    let made_at =
        |time: &str| vec![row("nn", json!({"description": "[portkey-sync new=abc]", "created_at": time}))];
    let unfinished = || made_at(NOW);
    case(yaml, unfinished()).check(&["blocked w/nn CreationUnfinished"]);
    // Nobody is at it any more, and nobody has its secret.
    case(yaml, made_at("2026-11-01T00:00:00Z")).check(&["rotate w/nn {}"]);
    let held = |mask: &str| Escrowed {
        nonce: "abc".to_owned(),
        id: Some(KeyId::new(id("nn"))),
        address: "w/nn".to_owned(),
        mask: Some(Mask::of_live(mask.to_owned())),
        sealed: false,
        sent_at: NOW.parse().unwrap(),
        issued_at: Some(NOW.parse().unwrap()),
        lease: crate::handoff::CREATE_LEASE,
        transition: None,
    };
    case(yaml, unfinished())
        .with(|options| options.slots = vec![held("ab*****xyz")])
        .check(&["deliver w/nn abc"]);
    case(yaml, unfinished())
        .with(|options| options.slots = vec![held("zz*****zzz")])
        .check(&["rotate w/nn {}"]);
}

#[test]
fn an_organisation_key_that_is_to_be_tried_is_said_to_be_not() {
    let yaml = "sinks: {dir: {file: \"s/{name}\"}}\nkeys:\n- {name: ci, type: organisation-service, scopes: [workspaces.list], secret: {deliver_to: [dir], verify: true}}\n- {name: a, workspace_id: w, scopes: [logs.view], secret: {deliver_to: [dir], verify: true}}\n";
    let plan = case(yaml, Vec::new()).with(|options| options.absence = Absence::Assumed).plan();
    let untried: Vec<_> = plan.notes.iter().filter(|note| matches!(note, Note::NotTried { .. })).collect();
    assert_eq!(untried.len(), 1, "{:?}", plan.notes);
    let proven: Vec<bool> =
        plan.changes.iter().filter_map(|change| Some(change.request.commit()?.prove)).collect();
    assert_eq!(proven, [false, true]);
}

#[test]
fn a_key_is_replaced_by_a_create_and_a_delete_a_transition_later() {
    let yaml = format!(
        "sinks: {{dir: {{file: \"s/{{name}}\"}}}}\nkeys:\n- {{name: a, workspace_id: w, scopes: [completions.write], replaces: {}, \
         secret: {{deliver_to: [dir], transition: 24h}}}}\n",
        id("old")
    );
    let former = |description: &str| row("old", json!({"name": "a", "description": description}));
    let to = Delivery {
        sink: Some("dir".to_owned()),
        target: Target::File { path: PathBuf::from("s/a"), recipients: Vec::new() },
    };
    let new_of = |issued: &str| {
        let id = id("new");
        let mark = format!("[portkey-sync id={} secret=ab.xyz@{issued} to={}]", id.split_at(8).0, to.hash());
        row("new", json!({"name": "a", "description": mark}))
    };
    // The former key bears the very name, and is not taken for this entry's.
    let plan = case(&yaml, vec![former("")]).plan();
    assert_eq!((plan.changes[0].action, plan.changes.len()), (Action::Create, 1));
    assert!(matches!(&plan.changes[0].reason, Some(Reason::Replaces { name, .. }) if name == "a"));
    assert!(plan.changes[0].risks.iter().any(|found| found.risk == Risk::Replaced));
    assert!(plan.unmentioned.iter().all(|key| key.id != KeyId::new(id("old"))));

    case(&yaml, Vec::new()).check(&["blocked w/a NothingToReplace"]);

    let both =
        |issued: &str, former_says: &str| case(&yaml, vec![former(former_says), new_of(issued)]).plan();
    let fresh = both("20261122T090000Z", "");
    assert_eq!((fresh.changes.len(), fresh.waiting.len()), (0, 1), "{:?}", fresh.changes);
    assert_eq!(fresh.waiting[0].until, Some("2026-11-23T09:00:00Z".parse().unwrap()));
    assert_eq!(fresh.waiting[0].replaced, Some(KeyId::new(id("old"))));

    let old_enough = both("20261121T090000Z", "");
    assert_eq!((old_enough.changes.len(), old_enough.changes[0].action), (1, Action::Delete));
    assert_eq!(old_enough.changes[0].before.as_ref().unwrap().id, KeyId::new(id("old")));

    let kept = both("20261121T090000Z", &format!("[portkey-sync id={} keep]", id("old").split_at(8).0));
    assert!(matches!(kept.blocked[0].reason, BlockedReason::Protected), "{:?}", kept.changes);

    case(&yaml, vec![new_of("20261121T090000Z")]).check(&[]);

    // Nothing is deleted for a key whose secret is not where it belongs.
    let old_enough = |description: &str, mask: &str| {
        let new = row("new", json!({"name": "a", "description": description, "key": mask}));
        let plan = case(&yaml, vec![former(""), new]).plan();
        assert!(plan.changes.iter().all(|change| change.action != Action::Delete), "{description} {mask}");
    };
    let mark = format!("[portkey-sync id={} secret=ab.xyz@20261101T090000Z", id("new").split_at(8).0);
    old_enough("", "ab*****xyz");
    old_enough(&format!("{mark} to={}]", to.hash()), "cd*****new");
    old_enough(&format!("{mark} to=aaaaaa]"), "ab*****xyz");
    old_enough("[portkey-sync new=abc]", "ab*****xyz");

    // Another entry means the former key, by its name or by its id: that one is to stay.
    let other = "- {name: kept, workspace_id: w, scopes: [completions.write]}\n";
    let named = row("old", json!({"name": "kept"}));
    let plan = case(&format!("{yaml}{other}"), vec![named, new_of("20261121T090000Z")]).plan();
    assert!(matches!(plan.blocked[0].reason, BlockedReason::ClaimedTwice { .. }), "{:?}", plan.changes);
    assert_eq!(plan.changes.len(), 0);
}

#[test]
fn only_targets_are_planned() {
    let yaml = "keys:\n- {name: a, workspace_id: w, scopes: [logs.view]}\n- {name: b, workspace_id: w, scopes: [logs.view]}\n";
    let b = KeyAddress { workspace: Some("w".to_owned()), user: None, name: "b".to_owned() };
    case(yaml, vec![row("a", json!({})), row("b", json!({}))])
        .with(|options| options.targets = Some(BTreeSet::from([b])))
        .check(&[r#"update w/b {"scopes":["logs.view"]}"#]);
}

#[test]
fn the_digest_stands_for_what_would_be_written() {
    let digest = |yaml: &str, with: Value| case(yaml, vec![row("a", with)]).plan().digest();
    let base = digest(&one("expires_at: 2027-01-01"), json!({}));
    assert_eq!(base, digest(&one("expires_at: 2027-01-01T00:00:00Z"), json!({"last_updated_at": NOW})));
    assert_ne!(base, digest(&one("expires_at: 2027-01-02"), json!({})));
    assert_ne!(base, digest(&one("expires_at: 2027-01-01"), json!({"key": "cd*****xyz"})));
    assert_eq!(base.len(), 16);
}
