//! A keys file, live rows, and what is known of them.

use serde_json::{Value, json};

use super::*;
use crate::desired::parse_str;
use crate::live::{Completeness, RunningKey};

const NOW: &str = "2026-11-22T10:00:00Z";
const WORKSPACE: &str = "5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c";

#[expect(clippy::needless_pass_by_value, reason = "every caller makes it in place")]
fn row(name: &str, with: Value) -> Value {
    let mut row = json!({
        "id": format!("{name:0<8}-0000-4000-8000-000000000000"), "key": "ab*****xyz", "name": name,
        "type": "workspace-service", "organisation_id": "org-1", "workspace_id": WORKSPACE, "status": "active",
        "created_at": "2026-03-01T00:00:00Z", "scopes": ["completions.write"],
    });
    for (field, value) in with.as_object().unwrap() {
        row[field] = value.clone();
    }
    row
}

fn desired(keys: &str) -> Desired {
    parse_str("keys.yaml", &format!("version: 1\nworkspaces: {{w: {WORKSPACE}}}\n{keys}")).desired.unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_age_of_a_secret_is_known_only_of_one_that_was_delivered() {
    let mark = |mask: &str| json!({"key": mask, "description": "x [portkey-sync id=a0000000 secret=ab.xyz@20260901T000000Z+24h]"});
    let issued = |with: Value| {
        let live = Live::from_rows(vec![row("a", with)], NOW);
        let none = Desired::default();
        let holdings = inventory(&none, &live, &Directory::default());
        (holdings[0].issued, holdings[0].previous_until())
    };
    let september = time("2026-09-01T00:00:00Z");
    assert_eq!(issued(mark("ab*****xyz")), (Issued::At(september), Some(time("2026-09-02T00:00:00Z"))));
    // Rotated by others since, nobody knows when.
    assert_eq!(issued(mark("cd*****uvw")), (Issued::NotBefore(september), None));
    assert_eq!(issued(json!({})), (Issued::NotBefore(time("2026-03-01T00:00:00Z")), None));
    assert_eq!(issued(json!({"created_at": null})), (Issued::Unknown, None));
}

#[test]
fn a_secret_of_unknown_age_could_be_too_old() {
    let rows = vec![row("a", json!({"created_at": null})), row("b", json!({"created_at": NOW}))];
    let live = Live::from_rows(rows, NOW);
    let none = Desired::default();
    let holdings = inventory(&none, &live, &Directory::default());
    let filter = Filter { secret_older_than: Some(jiff::SignedDuration::from_hours(1)), ..Filter::default() };
    let listed: Vec<_> =
        holdings.iter().filter(|holding| filter.admits(holding, live.now)).map(|one| &one.key.name).collect();
    assert_eq!(listed, ["a"]);
}

#[test]
fn a_limit_that_is_not_enforced_is_none() {
    let of = |with: Value| {
        let live = Live::from_rows(vec![row("a", with)], NOW);
        let none = Desired::default();
        let holdings = inventory(&none, &live, &Directory::default());
        (holdings[0].has_budget(), holdings[0].is_rate_limited())
    };
    assert_eq!(of(json!({})), (false, false));
    assert_eq!(
        of(
            json!({"usage_limits": {"credit_limit": 0}, "rate_limits": [{"type": "requests", "unit": "rpm", "value": 0}]})
        ),
        (false, false)
    );
    assert_eq!(of(json!({"usage_limits": {"alert_threshold": 5}})), (false, false));
    assert_eq!(
        of(
            json!({"usage_limits": {"credit_limit": 0.5}, "rate_limits": [{"type": "requests", "unit": "rpm", "value": 1}]})
        ),
        (true, true)
    );
}

#[test]
fn every_key_that_an_entry_could_mean_is_mentioned_and_only_a_certain_one_is_compared() {
    let twins = ["11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"];
    let mut rows: Vec<Value> = twins.iter().map(|id| row("twin", json!({"id": id}))).collect();
    rows.push(row("a", json!({"scopes": ["logs.view"]})));
    rows.push(row("other", json!({})));
    let live = Live::from_rows(rows, NOW);
    let desired = desired(
        "keys:\n- {name: twin, workspace_id: w, scopes: [logs.view]}\n- {name: a, workspace_id: w, scopes: [logs.list]}\n",
    );
    let holdings = inventory(&desired, &live, &Directory::default());
    let told: Vec<_> = holdings
        .iter()
        .map(|one| {
            (one.address.to_string(), one.entry.as_ref().map(|entry| (entry.certain, entry.fields.len())))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("w/a".to_owned(), Some((true, 1))),
            ("w/other".to_owned(), None),
            ("w/twin".to_owned(), Some((false, 0))),
            ("w/twin".to_owned(), Some((false, 0))),
        ]
    );
    assert_eq!(find(&holdings, "twin").len(), 2);
    assert_eq!(find(&holdings, twins[1]).len(), 1);
    assert_eq!(find(&holdings, "win").len(), 0);
    assert_eq!(find(&holdings, "").len(), 0);
}

#[test]
fn a_key_that_is_to_be_renamed_is_found_by_either_name() {
    let live = Live::from_rows(vec![row("before", json!({}))], NOW);
    let desired = desired(
        "keys:\n- {name: after, renamed_from: before, workspace_id: w, scopes: [completions.write]}\n",
    );
    let holdings = inventory(&desired, &live, &Directory::default());
    assert_eq!(find(&holdings, "w/before").len(), 1);
    assert_eq!(find(&holdings, "w/after").len(), 1);
}

#[test]
fn without_files_a_key_has_the_names_that_the_service_lists() {
    let user = json!({"type": "workspace-user", "user_id": "u-1"});
    let live = Live::from_rows(vec![row("a", json!({})), row("b", user)], NOW);
    let mut directory = Directory::default();
    let addresses = |directory: &Directory| -> Vec<String> {
        inventory(&Desired::default(), &live, directory).iter().map(|one| one.address.to_string()).collect()
    };
    assert_eq!(addresses(&directory), [format!("{WORKSPACE}/a"), format!("{WORKSPACE}/u-1/b")]);
    directory.workspaces.insert(WorkspaceId::new(WORKSPACE), "ws-slug".to_owned());
    directory.users.insert(UserId::new("u-1"), "ann@example.com".to_owned());
    assert_eq!(addresses(&directory), ["ws-slug/a", "ws-slug/ann@example.com/b"]);
}

#[test]
fn what_the_running_key_does_not_list_may_be_missing() {
    let scopes = |scopes: &[&str]| {
        let own = row(
            "me",
            json!({"key": "ru*****ner", "scopes": scopes, "type": "organisation-service", "workspace_id": null}),
        );
        let mut live = Live::from_rows(vec![own], NOW);
        let running = RunningKey::recognise(&live, &Mask::of_live("ru*****ner".to_owned()));
        let whole = sight(&live, &running);
        live.completeness = Completeness::Unstable { total: 2, seen: 1 };
        assert!(!sight(&live, &running).is_whole());
        whole.hidden
    };
    // The one kind that was seen is seen.
    assert_eq!(scopes(&[]), [KeyKind::WorkspaceService, KeyKind::WorkspaceUser]);
    assert_eq!(scopes(&["workspace_service_api_keys.list"]), [KeyKind::WorkspaceUser]);
    assert!(scopes(&["workspace_service_api_keys.list", "workspace_user_api_keys.list"]).is_empty());
}

#[test]
fn every_scope_of_the_catalogue_allows_what_its_name_says() {
    for (scope, allows) in [
        ("workspace_service_api_keys.create", Allows::ChangeKeys),
        ("organisation_service_api_keys.rotate", Allows::ChangeKeys),
        ("workspace_user_api_keys.list", Allows::Read),
        ("completions.write", Allows::Call),
        ("prompts.render", Allows::Call),
        ("logs.export", Allows::Read),
        ("configs.update", Allows::Change),
        ("something.newer", Allows::Change),
        ("nodot", Allows::Change),
    ] {
        assert_eq!(Allows::of(scope), allows, "{scope}");
    }
    let keys = crate::scopes::names().filter(|scope| Allows::of(scope) == Allows::ChangeKeys).count();
    // Four verbs for each of three kinds.
    assert_eq!(keys, 12);
}

#[test]
fn who_can_mint_keys_is_whoever_holds_a_scope_of_that_class() {
    let scope = |name: &str| json!({"scopes": [name]});
    let rows = vec![
        row("create", scope("workspace_service_api_keys.create")),
        row("update", scope("workspace_user_api_keys.update")),
        row("rotate", scope("organisation_service_api_keys.rotate")),
        row("delete", scope("workspace_service_api_keys.delete")),
        row("list", scope("workspace_service_api_keys.list")),
    ];
    let live = Live::from_rows(rows, NOW);
    let none = Desired::default();
    let holdings = inventory(&none, &live, &Directory::default());
    let can = |class: &str| -> Vec<&str> {
        let can = vec![ScopePattern::parse(class, &live).unwrap()];
        let filter = Filter { can, ..Filter::default() };
        let listed = holdings.iter().filter(|holding| filter.admits(holding, live.now));
        listed.map(|holding| holding.key.name.as_str()).collect()
    };
    assert_eq!(can("mints-keys"), ["create", "rotate", "update"]);
    assert_eq!(can("administers"), ["delete"]);
    assert_eq!(can("reads"), ["list"]);
    assert!(can("writes").is_empty());
    let slip = ScopePattern::parse("mint-keys", &live).unwrap_err();
    assert!(
        matches!(slip, ScopePatternError::Unknown { nearest: Some(nearest), .. } if nearest == "mints-keys")
    );
}

#[test]
fn a_pattern_fits_a_scope_or_is_an_error() {
    let live = Live::from_rows(vec![row("a", json!({"scopes": ["brand.new"]}))], NOW);
    assert!(ScopePattern::parse("brand.new", &live).is_ok());
    assert!(ScopePattern::parse("*_api_keys.create", &live).is_ok());
    for text in ["brand.old", "*.nothing", "[", ""] {
        assert!(ScopePattern::parse(text, &live).is_err(), "{text}");
    }
}
