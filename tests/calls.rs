//! What a plan and an apply cost, counted by the emulator; and an import of many keys.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod rehearsal;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use portkey_sync::emulator::{Options, RotationPolicyInRows, Seed, Switches};
use portkey_sync::plan::Plan;
use rehearsal::{Rehearsal, Request, program};
use serde_json::{Value, json};

const KEYS: usize = 1_000;
const DIFFERENT: usize = 50;
const WORKSPACES: [(&str, &str); 2] = [
    ("ws-pay-000001", "11111111-aaaa-4aaa-8aaa-000000000001"),
    ("ws-res-000002", "22222222-bbbb-4bbb-8bbb-000000000002"),
];
const CONFIGS: [&str; 2] = ["pc-pay-1", "pc-res-1"];

/// Which names the file uses where it could write ids, and what else it manages.
#[derive(Clone, Copy, Default)]
struct Uses {
    slugs: bool,
    /// So many user keys, each of another user, by e-mail.
    emails: usize,
    configs: bool,
    /// So many keys with a rotation policy.
    rotation_policies: usize,
}

fn id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

fn user_id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-0000000000ee")
}

/// A thousand keys in all, the running key included; the first fifty have another limit than the file says.
fn seed() -> Value {
    let admin = json!({"name": "admin", "type": "organisation-service", "admin": true, "scopes": [
        "organisation_service_api_keys.list", "organisation_service_api_keys.read",
        "workspace_service_api_keys.list", "workspace_service_api_keys.read", "workspace_service_api_keys.update",
        "workspace_user_api_keys.list", "workspace_user_api_keys.read", "workspace_user_api_keys.update",
        "workspaces.list", "organisation_users.list", "configs.list",
    ]});
    let keys = (1..KEYS).map(|number| {
        let mut key = json!({
            "id": id(number),
            "name": format!("key-{number}"),
            "type": "workspace-service",
            "workspace": WORKSPACES[number % 2].0,
            "scopes": ["completions.write"],
            "usage_limits": {"credit_limit": if number <= DIFFERENT { 1 } else { 10 }},
        });
        if number <= 20 {
            key["type"] = "workspace-user".into();
            key["user"] = format!("user-{number}@example.com").into();
        }
        if number == KEYS - 1 {
            // Some row must have one, or nothing tells whether rows carry it.
            key["rotation_policy"] = json!({"rotation_period": "monthly"});
        }
        key
    });
    let configs = CONFIGS
        .iter()
        .zip(WORKSPACES)
        .map(|(slug, (workspace, _))| json!({"slug": slug, "workspace": workspace}));
    let configs: Vec<Value> = configs.collect();
    json!({
        "clock": "2026-11-23T09:00:00Z",
        "organisation": {"name": "Acme"},
        "workspaces": WORKSPACES.map(|(slug, id)| json!({"slug": slug, "id": id, "name": slug})),
        "users": (1..=20)
            .map(|number| json!({"email": format!("user-{number}@example.com"), "id": user_id(number)}))
            .collect::<Vec<_>>(),
        "configs": configs,
        "keys": std::iter::once(admin).chain(keys).collect::<Vec<_>>(),
    })
}

fn file(uses: Uses) -> String {
    let keys = (1..KEYS).map(|number| {
        let (slug, id) = WORKSPACES[number % 2];
        let mut key = json!({
            "name": format!("key-{number}"),
            "workspace_id": if uses.slugs { slug } else { id },
            "scopes": ["completions.write"],
            "usage_limits": {"credit_limit": 10},
        });
        if number <= 20 {
            key["type"] = "workspace-user".into();
            let by_email = number <= uses.emails;
            key["user_id"] =
                if by_email { format!("user-{number}@example.com") } else { user_id(number) }.into();
        }
        if uses.configs && number > DIFFERENT && number <= DIFFERENT + 4 {
            key["config_id"] = CONFIGS[number % 2].into();
        }
        // Not of those that differ otherwise; the last one has it already.
        if number >= KEYS - uses.rotation_policies {
            key["rotation_policy"] = json!({"rotation_period": "monthly"});
        }
        key
    });
    json!({"version": 1, "keys": keys.collect::<Vec<_>>()}).to_string()
}

async fn rehearsal(rows_carry_rotation_policy: bool) -> Rehearsal {
    Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(&seed().to_string()).unwrap()),
        switches: rows_carry_rotation_policy.then_some(Switches {
            rotation_policy_in_rows: RotationPolicyInRows::Shown,
            ..Switches::default()
        }),
        ..Options::default()
    })
    .await
}

/// The plan and the requests that it took, sorted.
async fn planned(rehearsal: &Rehearsal, uses: Uses) -> (Plan, Vec<String>) {
    rehearsal.requests().await;
    let plan = rehearsal.plan(&file(uses)).await;
    assert!(plan.blocked.is_empty() && plan.refusals.is_empty(), "{:#?} {:#?}", plan.blocked, plan.refusals);
    (plan, calls(rehearsal.requests().await))
}

fn calls(requests: Vec<Request>) -> Vec<String> {
    assert!(requests.iter().all(|request| request.status == 200), "{requests:#?}");
    let mut calls: Vec<String> =
        requests.into_iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    calls.sort();
    calls
}

/// The pages of the list, each once.
fn pages() -> Vec<String> {
    (0..10).map(|page| format!("GET /v1/api-keys?page_size=100&current_page={page}")).collect()
}

fn pages_and(more: &[&str]) -> Vec<String> {
    let mut calls = pages();
    calls.extend(more.iter().map(|call| (*call).to_owned()));
    calls.sort();
    calls
}

const WORKSPACE_PAGE: &str = "GET /v1/admin/workspaces?page_size=100&current_page=0&status=active%2Carchived";

#[tokio::test]
async fn a_plan_of_a_thousand_keys_reads_ten_pages_and_nothing_else() {
    let rehearsal = rehearsal(false).await;
    let (plan, calls) = planned(&rehearsal, Uses::default()).await;
    assert_eq!(plan.live_total, KEYS);
    assert_eq!(plan.changes.len(), DIFFERENT);
    assert_eq!(calls, pages());
}

#[tokio::test]
async fn names_are_resolved_only_if_the_file_uses_them_and_each_kind_once() {
    let rehearsal = rehearsal(false).await;
    let of = async |uses: Uses| planned(&rehearsal, uses).await.1;
    assert_eq!(of(Uses { slugs: true, ..Uses::default() }).await, pages_and(&[WORKSPACE_PAGE]));
    let user = |n| format!("GET /v1/admin/users?pageSize=100&currentPage=0&email=user-{n}%40example.com");
    assert_eq!(of(Uses { emails: 2, ..Uses::default() }).await, pages_and(&[&user(1), &user(2)]));
    // More users than a few are read by the page.
    let users = "GET /v1/admin/users?pageSize=100&currentPage=0";
    assert_eq!(of(Uses { emails: 20, ..Uses::default() }).await, pages_and(&[users]));
    // The configs of each workspace that has one in the file.
    let configs = WORKSPACES.map(|(slug, _)| format!("GET /v1/configs?workspace_id={slug}"));
    assert_eq!(
        of(Uses { slugs: true, configs: true, ..Uses::default() }).await,
        pages_and(&[WORKSPACE_PAGE, &configs[0], &configs[1]])
    );
}

#[tokio::test]
async fn a_key_is_read_on_its_own_only_where_rows_do_not_tell_its_rotation_policy() {
    let uses = Uses { rotation_policies: 5, ..Uses::default() };
    let thin = rehearsal(false).await;
    let (plan, calls) = planned(&thin, uses).await;
    let own = (KEYS - 5..KEYS).map(|number| format!("GET /v1/api-keys/{}", id(number))).collect::<Vec<_>>();
    assert_eq!(calls, pages_and(&own.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(plan.changes.len(), DIFFERENT + 4);

    let full = rehearsal(true).await;
    let (same_plan, calls) = planned(&full, uses).await;
    assert_eq!(calls, pages());
    assert_eq!(same_plan.changes.len(), DIFFERENT + 4);
}

#[tokio::test]
async fn an_apply_adds_a_put_for_each_key_that_differs_and_the_pages_that_verify() {
    let rehearsal = rehearsal(false).await;
    let (plan, _) =
        planned(&rehearsal, Uses { slugs: true, emails: 2, configs: false, rotation_policies: 0 }).await;
    let report = rehearsal.apply(&plan).await;
    assert!(report.succeeded());
    let puts: Vec<String> =
        (1..=DIFFERENT).map(|number| format!("PUT /v1/api-keys/{}", id(number))).collect();
    assert_eq!(
        calls(rehearsal.requests().await),
        pages_and(&puts.iter().map(String::as_str).collect::<Vec<_>>())
    );
    assert_eq!(report.writes(), DIFFERENT);
    assert_eq!(report.verifications, 1);
}

#[tokio::test]
async fn an_apply_of_nothing_calls_nobody() {
    let rehearsal = rehearsal(false).await;
    let (plan, _) = planned(&rehearsal, Uses::default()).await;
    rehearsal.apply(&plan).await;
    let (empty, _) = planned(&rehearsal, Uses::default()).await;
    assert!(empty.changes.is_empty());
    let report = rehearsal.apply(&empty).await;
    assert!(report.succeeded());
    assert_eq!(rehearsal.requests().await, []);
}

/// What keys can look like when nobody had a file in mind: every kind and field, hostile names, twins.
fn strange_seed() -> Value {
    let mut seed = seed();
    let names = [
        "yes",
        "no",
        "null",
        "~",
        "on",
        "1_000",
        "0x1F",
        "012",
        "1:30",
        "1e3",
        "1.5",
        "42",
        ".inf",
        "2026-11-22",
        "a: b",
        "# c",
        " lead",
        "trail ",
        "- d",
        "*e",
        "&f",
        "!g",
        "%h",
        "@i",
        "`j",
        "{k",
        "[l",
        "\"m\"",
        "it's",
        "n\\o",
        "ключ 🔑",
        "p/q",
        "?",
        ":",
        "|",
        ">",
        "<<",
        "=",
        "---",
        "y",
        "N",
        "true",
        "False",
        "NULL",
        "",
    ];
    let keys = seed["keys"].as_array_mut().unwrap();
    for (key, number) in keys.iter_mut().skip(21).zip(0..) {
        let name = names[number % (names.len() - 1)];
        let text = names[number / 3 % names.len()];
        key["name"] = name.into();
        key["description"] = if number % 5 == 0 { format!("{text}\nand\n") } else { text.to_owned() }.into();
        key["metadata"] = json!({name: text, "team": "payments"});
        match number % 7 {
            0 => key["rate_limits"] = json!([{"type": "tokens", "unit": "rpd", "value": number}]),
            1 => {
                key["usage_limits"] =
                    json!({"credit_limit": 12.5, "type": "tokens", "periodic_reset_days": 14});
            }
            2 => key["expires_at"] = "2027-06-30T23:59:59Z".into(),
            3 => key["alert_emails"] = json!(["ops@example.com"]),
            4 => key["allow_config_override"] = false.into(),
            5 => key["scopes"] = json!(["logs.write", "future.scope", "completions.write"]),
            _ => {
                key["rotation_policy"] =
                    json!({"rotation_period_days": 30, "key_transition_period_ms": 3_600_000});
            }
        }
    }
    seed
}

/// Imports what the emulator holds and plans the result with the program.
fn import_and_plan(rehearsal: &Rehearsal) -> (String, std::process::Output) {
    let imported = rehearsal.program(&["import", "--output", "imported.yaml"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let text = fs::read_to_string(rehearsal.folder.path().join("imported.yaml")).unwrap();
    (text, rehearsal.program(&["plan", "-f", "imported.yaml", "--detailed-exitcode"]))
}

fn assert_empty(plan: &std::process::Output) {
    let (stdout, stderr) = (String::from_utf8_lossy(&plan.stdout), String::from_utf8_lossy(&plan.stderr));
    assert_eq!(plan.status.code(), Some(0), "{stdout}{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_a_thousand_keys_changes_nothing_and_its_plan_is_empty() {
    let rehearsal = Rehearsal::of(&strange_seed().to_string()).await;
    let before = rehearsal.objects().await;
    rehearsal.requests().await;
    let (text, plan) = import_and_plan(&rehearsal);
    assert!(rehearsal.requests().await.iter().all(|request| request.method == "GET"));
    assert_empty(&plan);
    let file = rehearsal::read(&text);
    assert_eq!(file.keys.len(), KEYS);
    // Nothing was left unmanaged to get there.
    assert!(!text.contains("is not managed here"), "{text}");
    for key in &file.keys {
        let object = &before[key.id.as_ref().unwrap().as_str()];
        assert_eq!(object["name"], key.address.name);
        let text = object["description"].as_str().unwrap_or_default();
        // A line break at the end cannot be said, and is left as it is.
        assert_eq!(key.spec.description.value().map_or("", String::as_str), text.trim_end_matches('\n'));
        let scopes = object["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap());
        let written = key.spec.scopes.iter().flatten().map(String::as_str);
        assert_eq!(scopes.collect::<BTreeSet<_>>(), written.collect());
    }
}

#[test]
fn an_import_of_the_example_organisation_has_an_empty_plan() {
    let folder = tempfile::tempdir().unwrap();
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/organisation.yaml");
    let seed = seed.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--emulator"]).collect();
        program(folder.path(), &arguments).output().unwrap()
    };
    let imported = run(&["import", "--output", "imported.yaml", "--seed", seed]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    assert_empty(&run(&["plan", "-f", "imported.yaml", "--detailed-exitcode"]));
    let file = rehearsal::read(&fs::read_to_string(folder.path().join("imported.yaml")).unwrap());
    assert!(file.keys.len() > 30, "{} keys", file.keys.len());
}
