//! One `check`: the files as they were, as they are, live rows, and each change with its causes.

use super::*;

/// The plan of the files with a base.
fn with_base(base: &str, yaml: &str, rows: Vec<Value>, older: Older) -> Plan {
    let base = format!("version: 1\nworkspaces: {{w: {WORKSPACE}}}\n{base}");
    let base = parse_str("base.yaml", &base).desired.unwrap();
    case(yaml, rows)
        .with(|options| {
            options.base = Some(base);
            options.older = older;
            options.secrets_file = Some(PathBuf::from("secrets.jsonl"));
        })
        .plan()
}

fn causes(plan: &Plan) -> Vec<String> {
    let change = |change: &Change| {
        let action = format!("{:?}", change.action).to_lowercase();
        let parts = change.causes.fields.iter().map(|(part, cause)| format!("{part}:{}", cause.word()));
        format!("{action} {} {}", change.address, parts.collect::<Vec<_>>().join(" "))
    };
    plan.changes.iter().map(change).collect()
}

#[track_caller]
fn check(base: &str, yaml: &str, rows: Vec<Value>, expected: &[&str]) {
    assert_eq!(causes(&with_base(base, yaml, rows, Older::Included)), expected);
}

/// What is left with `--only-changed`: the changes with their bodies, and how many keys and fields are left out.
#[track_caller]
fn check_only_changed(base: &str, yaml: &str, rows: Vec<Value>, expected: &[&str], left_out: (usize, usize)) {
    let plan = with_base(base, yaml, rows, Older::LeftOut);
    assert_eq!(lines(&plan), expected);
    assert_eq!((plan.left_out.keys, plan.left_out.fields), left_out);
    assert!(plan.changes.iter().all(|change| !change.causes.all().contains(&Cause::Drift)));
}

fn live() -> Value {
    json!({"description": "by hand", "expires_at": "2027-01-01T00:00:00Z"})
}

#[test]
fn a_field_that_the_base_would_set_as_well_is_drift_and_another_one_is_this_change() {
    let base = one("description: ours, expires_at: 2027-01-01");
    let head = one("description: ours, expires_at: 2028-01-01");
    check(&base, &head, vec![row("a", live())], &["update w/a description:drift expires_at:this-change"]);
    check_only_changed(
        &base,
        &head,
        vec![row("a", live())],
        &[r#"update w/a {"expires_at":"2028-01-01T00:00:00Z"}"#],
        (0, 1),
    );
}

#[test]
fn a_key_with_nothing_but_drift_is_left_out_and_counted() {
    let file = one("description: ours");
    check(&file, &file, vec![row("a", live())], &["update w/a description:drift"]);
    check_only_changed(&file, &file, vec![row("a", live())], &[], (1, 1));
}

#[test]
fn a_field_that_the_files_begin_to_manage_is_this_change() {
    check(
        &one(""),
        &one("description: ours"),
        vec![row("a", live())],
        &["update w/a description:this-change"],
    );
}

#[test]
fn a_field_is_told_apart_as_a_whole() {
    let keys = |scopes: &str| format!("keys:\n- {{name: a, workspace_id: w, scopes: [{scopes}]}}\n");
    check(
        &keys("completions.write, logs.write"),
        &keys("completions.write, logs.write, logs.view"),
        vec![row("a", json!({}))],
        &["update w/a scopes:this-change"],
    );
    // The order of the file is no change.
    check(
        &keys("completions.write, logs.write"),
        &keys("logs.write, completions.write"),
        vec![row("a", json!({"scopes": []}))],
        &["update w/a scopes:drift"],
    );
}

#[test]
fn a_key_under_a_new_name_is_known_by_the_live_key() {
    let base = "keys:\n- {name: a, workspace_id: w, scopes: [completions.write], description: ours}\n";
    let head = "keys:\n- {name: b, renamed_from: a, workspace_id: w, scopes: [completions.write], description: ours}\n";
    check(base, head, vec![row("a", live())], &["update w/b description:drift name:this-change"]);
}

#[test]
fn a_create_that_the_base_would_make_as_well_is_drift() {
    let file = one("expires_at: 2028-01-01");
    check(&file, &file, vec![row("b", json!({}))], &["create w/a key:drift"]);
    check_only_changed(&file, &file, vec![row("b", json!({}))], &[], (1, 0));
    check("keys: []\n", &file, vec![row("b", json!({}))], &["create w/a key:this-change"]);
    let other = one("expires_at: 2029-01-01");
    check(&other, &file, vec![row("b", json!({}))], &["create w/a key:this-change"]);
}

#[test]
fn a_delete_is_this_change_if_the_base_would_keep_the_key() {
    let gone = "keys:\n- {name: a, workspace_id: w, absent: true}\n";
    check(&one(""), gone, vec![row("a", json!({}))], &["delete w/a key:this-change"]);
    check(gone, gone, vec![row("a", json!({}))], &["delete w/a key:drift"]);
    check_only_changed(gone, gone, vec![row("a", json!({}))], &[], (1, 0));
}

#[test]
fn a_reset_is_due_unless_this_change_set_its_date() {
    let file = one("usage_reset_after: 2026-11-01");
    check(&file, &file, vec![row("a", json!({}))], &["resetusage w/a usage_reset_after:due"]);
    check(&one(""), &file, vec![row("a", json!({}))], &["resetusage w/a usage_reset_after:this-change"]);
    // What is due is no drift.
    check_only_changed(
        &file,
        &file,
        vec![row("a", json!({}))],
        &[r#"resetusage w/a {"reset_usage":true}"#],
        (0, 0),
    );
}

#[test]
fn a_rotation_is_due_unless_this_change_set_its_date() {
    let id = id("a");
    let short = id.split_at(8).0;
    let target = crate::model::Target::File { path: PathBuf::from("secrets/a"), recipients: Vec::new() };
    let to = Delivery { sink: Some("dir".to_owned()), target }.hash();
    let mark = format!("[portkey-sync id={short} secret=ab.xyz@20260301T0000Z to={to}]");
    let marked = || vec![row("a", json!({"description": mark}))];
    let sink = "sinks: {dir: {file: \"secrets/{name}\"}}\n";
    let with = |secret: &str| format!("{sink}{}", one(&format!("secret: {{deliver_to: [dir]{secret}}}")));
    let dated = with(", rotate_after: 2026-11-01");
    check(&dated, &dated, marked(), &["rotate w/a secret:due"]);
    let before = with(", rotate_after: 2026-01-01");
    check(&before, &dated, marked(), &["rotate w/a secret:this-change"]);
}

#[test]
fn an_adoption_by_an_owner_whom_the_base_had_too_is_drift() {
    let file = format!("managed_by: platform\n{}", one(""));
    check(&file, &file, vec![row("a", json!({}))], &["adopt w/a mark:drift"]);
    check(&one(""), &file, vec![row("a", json!({}))], &["adopt w/a mark:this-change"]);
    check_only_changed(&file, &file, vec![row("a", json!({}))], &[], (1, 0));
}

#[test]
fn without_a_base_only_what_is_due_has_a_cause() {
    let yaml = one("description: ours");
    assert_eq!(causes(&case(&yaml, vec![row("a", live())]).plan()), ["update w/a "]);
    let yaml = one("usage_reset_after: 2026-11-01");
    assert_eq!(causes(&case(&yaml, vec![row("a", json!({}))]).plan()), ["resetusage w/a key:due"]);
    let yaml = one("usage_reset_after: 2026-11-01, description: ours");
    assert_eq!(causes(&case(&yaml, vec![row("a", live())]).plan()), ["update w/a "]);
}

#[test]
fn a_denied_risk_refuses_the_plan_and_an_absent_one_does_not() {
    let yaml = one("expires_at: null");
    let plan = |risk| {
        case(&yaml, vec![row("a", live())]).with(|options| options.deny_risks = BTreeSet::from([risk])).plan()
    };
    let denied = plan(Risk::ExpiryRemoved);
    assert!(denied.needs_a_person());
    let [Refusal::DeniedRisks { denied }] = denied.refusals.as_slice() else {
        panic!("{:?}", denied.refusals)
    };
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].address.to_string(), "w/a");
    assert!(!plan(Risk::ExpiryExtended).needs_a_person());
}
