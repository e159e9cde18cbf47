//! The requests of the vendor's own documentation: for each, a keys file under `examples/vendor/` whose plan is that
//! one request.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod rehearsal;

use std::fs;
use std::path::Path;

use portkey_sync::plan::{Plan, Request};
use rehearsal::Rehearsal;
use serde_json::{Value, json};

/// What the vendor's document shows as the body of each call, and the path here.
fn samples() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        (
            "update_api_key",
            "PUT",
            "/api-keys/10000000-0000-4000-8000-000000000001",
            json!({
                "name": "API_KEY_NAME_0909",
                "rate_limits": [{"type": "requests", "unit": "rpm", "value": 100}],
                "scopes": [
                    "organisation_users.create",
                    "organisation_users.read",
                    "organisation_users.update",
                    "organisation_users.delete",
                    "organisation_users.list",
                    "organisation_service_api_keys.create",
                    "organisation_service_api_keys.update",
                    "organisation_service_api_keys.read",
                    "organisation_service_api_keys.delete",
                    "organisation_service_api_keys.list",
                    "workspaces.delete",
                    "workspaces.create",
                    "workspaces.read",
                    "workspaces.update",
                    "workspaces.list",
                    "logs.export",
                    "logs.list",
                    "logs.view",
                    "configs.create",
                    "configs.update",
                    "configs.delete",
                    "configs.read",
                    "configs.list",
                    "virtual_keys.create",
                    "virtual_keys.update",
                    "virtual_keys.delete",
                    "virtual_keys.duplicate",
                    "virtual_keys.read",
                    "virtual_keys.list",
                    "virtual_keys.copy",
                    "workspace_service_api_keys.create",
                    "workspace_service_api_keys.delete",
                    "workspace_service_api_keys.update",
                    "workspace_service_api_keys.read",
                    "workspace_service_api_keys.list",
                    "workspace_user_api_keys.create",
                    "workspace_user_api_keys.delete",
                    "workspace_user_api_keys.update",
                    "workspace_user_api_keys.read",
                    "workspace_user_api_keys.list",
                    "workspace_users.create",
                    "workspace_users.read",
                    "workspace_users.update",
                    "workspace_users.delete",
                    "workspace_users.list",
                    "analytics.view"
                ]
            }),
        ),
        (
            "reset_usage",
            "PUT",
            "/api-keys/20000000-0000-4000-8000-000000000002",
            json!({"reset_usage": true}),
        ),
        (
            "update_usage_limits",
            "PUT",
            "/api-keys/30000000-0000-4000-8000-000000000003",
            json!({"usage_limits": {"credit_limit": 10, "periodic_reset": "monthly", "alert_threshold": 8}}),
        ),
        (
            "set_expiry",
            "PUT",
            "/api-keys/40000000-0000-4000-8000-000000000004",
            json!({"expires_at": "2026-12-31T23:59:59Z"}),
        ),
        (
            "set_rotation_policy",
            "PUT",
            "/api-keys/50000000-0000-4000-8000-000000000005",
            json!({"rotation_policy": {"rotation_period": "monthly", "key_transition_period_ms": 3_600_000}}),
        ),
        (
            "create_service_key",
            "POST",
            "/api-keys/workspace/service",
            json!({"name": "API_KEY_NAME_0909", "scopes": ["completions.write"]}),
        ),
    ]
}

fn example(name: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vendor").join(name).with_extension("yaml");
    fs::read_to_string(&path).unwrap()
}

/// Method, path and body of the only change; of a create, what the vendor's sample does not show left out.
fn only_call(plan: &Plan) -> (&'static str, String, Value) {
    assert!(plan.blocked.is_empty() && plan.refusals.is_empty(), "{:#?} {:#?}", plan.blocked, plan.refusals);
    let [change] = plan.changes.as_slice() else { panic!("{:#?}", plan.changes) };
    match &change.request {
        Request::Update { id, body } => ("PUT", format!("/api-keys/{id}"), json!(body)),
        Request::Create { body, .. } => {
            let (kind, sub_kind) = body.kind.create_path();
            ("POST", format!("/api-keys/{kind}/{sub_kind}"), json!(body))
        }
        other => panic!("{other:#?}"),
    }
}

/// The vendor's sample leaves the workspace to the caller's key; a key of the organisation must name it.
fn with_workspace(mut body: Value, method: &str) -> Value {
    if method == "POST" {
        body["workspace_id"] = "7c1e0b93-52d4-4f0a-8f6e-3b9a5d7c2e11".into();
    }
    body
}

#[tokio::test]
async fn each_sample_of_the_vendor_is_the_whole_plan_of_its_keys_file() {
    let rehearsal = Rehearsal::of(&example("organisation")).await;
    for (name, method, path, body) in samples() {
        let plan = rehearsal.plan(&example(name)).await;
        assert_eq!(only_call(&plan), (method, path.to_owned(), with_workspace(body, method)), "{name}");
    }
}

#[tokio::test]
async fn each_sample_of_the_vendor_is_sent_once_and_leaves_nothing_to_do() {
    let rehearsal = Rehearsal::of(&example("organisation")).await;
    for (name, method, path, _) in samples() {
        let file = example(name);
        let plan = rehearsal.plan(&file).await;
        rehearsal.requests().await;
        let report = rehearsal.apply(&plan).await;
        assert!(report.succeeded(), "{name}: {report:#?}");
        let writes: Vec<_> = rehearsal
            .requests()
            .await
            .into_iter()
            .filter(|request| request.method != "GET")
            .map(|request| (request.method, request.path))
            .collect();
        assert_eq!(writes[0], (method.to_owned(), format!("/v1{path}")), "{name}");
        // A create is followed by the PUT that commits its secret.
        let id = report.changes[0].id.as_ref().unwrap();
        let commit = ("PUT".to_owned(), format!("/v1/api-keys/{id}"));
        let more: &[_] = if method == "POST" { &[commit] } else { &[] };
        assert_eq!(&writes[1..], more, "{name}");
        let again = rehearsal.plan(&file).await;
        assert!(again.changes.is_empty() && again.blocked.is_empty(), "{name}: {again:#?}");
    }
}

#[tokio::test]
async fn a_created_sample_is_told_from_its_description_and_has_nothing_else_set() {
    let rehearsal = Rehearsal::of(&example("organisation")).await;
    let plan = rehearsal.plan(&example("create_service_key")).await;
    let before = rehearsal.objects().await;
    let report = rehearsal.apply(&plan).await;
    let id = report.changes[0].id.as_ref().unwrap().as_str().to_owned();
    let after = rehearsal.objects().await;
    assert!(!before.contains_key(&id));
    let created = &after[&id];
    assert_eq!(created["name"], "API_KEY_NAME_0909");
    assert_eq!(created["type"], "workspace-service");
    assert_eq!(created["workspace_id"], "7c1e0b93-52d4-4f0a-8f6e-3b9a5d7c2e11");
    assert_eq!(created["scopes"], json!(["completions.write"]));
    for unset in ["user_id", "usage_limits", "expires_at", "alert_emails", "allow_config_override"] {
        assert_eq!(created[unset], Value::Null, "{unset}");
    }
    assert_eq!(created["rate_limits"], json!([]));
    let description = created["description"].as_str().unwrap();
    assert!(description.starts_with(&format!("[portkey-sync id={} secret=", &id[..8])), "{description}");
    assert!(!description.contains("new="), "{description}");
    let secret = rehearsal.folder.path().join("secrets/ws-sample-4d2f01/API_KEY_NAME_0909");
    let stored = fs::read_to_string(secret).unwrap();
    assert!(created["key"].as_str().unwrap().ends_with(&stored.trim()[stored.trim().len() - 3..]));
}

#[test]
fn the_program_prints_each_sample_of_the_vendor_as_the_only_call() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vendor");
    let path = |name: &str| examples.join(name).with_extension("yaml").to_str().unwrap().to_owned();
    let seed = path("organisation");
    for (name, method, call, body) in samples() {
        // A state that is there already would be used in place of the seed.
        let folder = tempfile::tempdir().unwrap();
        let file = path(name);
        let arguments = ["plan", "--emulator", "--seed", &seed, "-f", &file, "--format", "json"];
        let output = rehearsal::program(folder.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        let changes = plan["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{name}: {plan:#}");
        let calls = changes[0]["calls"].as_array().unwrap();
        let mut first = calls[0].clone();
        if method == "POST" {
            // Ours: what ties the new key to the run, and the PUT that commits its secret.
            let description = first["body"].as_object_mut().unwrap().remove("description").unwrap();
            assert_eq!(description, "[portkey-sync new=<nonce>]");
            assert_eq!((calls.len(), &calls[1]["method"]), (2, &json!("PUT")), "{plan:#}");
        } else {
            assert_eq!(calls.len(), 1, "{name}: {plan:#}");
        }
        let expected = json!({"method": method, "path": call, "body": with_workspace(body, method)});
        assert_eq!(first, expected, "{name}");
    }
}
