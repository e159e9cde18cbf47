//! Recorded shapes: answers of the service in every form that portkey-api.md 2.3 tells of, with values of our own making.
//!
//! The emulator has to give them and the client has to read them, each by itself: neither can be wrong in a way that only
//! the other shares.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod rehearsal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use portkey_sync::api::WriteApi;
use portkey_sync::live::LiveKey;
use portkey_sync::model::{KeyId, Secret};
use rehearsal::{Rehearsal, read};
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}

fn seed() -> String {
    fs::read_to_string(folder().join("seed.yaml")).unwrap()
}

fn shape(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

/// Every shape by its name.
fn shapes() -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter_map(|path| Some(path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned()));
    names.map(|name| (name.clone(), shape(&name))).collect()
}

/// What is in an answer, without the values that are new each time: fields, types and forms.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), form(value))).collect::<Map<_, _>>().into()
        }
        Value::String(text) => {
            text.chars().map(|c| if c.is_ascii_alphanumeric() { 'x' } else { c }).collect::<String>().into()
        }
        value => value.clone(),
    }
}

#[tokio::test]
async fn the_emulator_answers_the_recorded_shapes() {
    let rehearsal = Rehearsal::of(&seed()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut shapes: Vec<(String, Value)> = shapes().into_iter().collect();
    assert!(shapes.len() >= 12, "{}", shapes.len());
    // Receipts are of writes, which the reads must not see.
    shapes.sort_by_key(|(name, _)| name.ends_with("-receipt"));
    for (name, shape) in shapes {
        let (method, path) = shape["request"].as_str().unwrap().split_once(' ').unwrap();
        let url = format!("{}{path}", rehearsal.running.base_url());
        let mut request = client.request(method.parse().unwrap(), url);
        request = request.header("x-portkey-api-key", rehearsal.running.admin_key());
        if let Some(body) = shape.get("body") {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(json!(answer.status().as_u16()), shape["status"], "{name}");
        let answer: Value = answer.json().await.unwrap();
        if name.ends_with("-receipt") {
            // Secrets may hold + and /, which ids and dates do not.
            let plain = |value: &Value| {
                let mut value = value.clone();
                value["key"] = json!(value["key"].as_str().unwrap().chars().count());
                form(&value)
            };
            assert_eq!(plain(&answer), plain(&shape["answer"]), "{name}");
        } else {
            assert_eq!(answer, shape["answer"], "{name}");
        }
    }
}

/// Someone who answers the recorded shapes, whatever the emulator itself would say.
async fn recorded() -> Rehearsal {
    let rehearsal = Rehearsal::of("{}").await;
    for shape in shapes().values() {
        let (method, target) = shape["request"].as_str().unwrap().split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        rehearsal
            .fault(json!({
                "method": method,
                "path": format!("/v1{path}"),
                "times": "always",
                "then": {"status": shape["status"], "body": shape["answer"]},
            }))
            .await;
    }
    rehearsal
}

const FILE: &str = "
version: 1
keys:
  - {name: bare, workspace_id: ws-shapes-0a1b2c, scopes: [completions.write]}
  - {name: full, workspace_id: ws-shapes-0a1b2c, scopes: [completions.write, prompts.render], description: Everything,
     rate_limits: [{type: requests, unit: rpm, value: 100}],
     usage_limits: {credit_limit: 500, type: cost, alert_threshold: 400, periodic_reset: monthly},
     metadata: {team: payments}, config_id: pc-shapes-0a1b2c, allow_config_override: false,
     alert_emails: [ops@example.com], expires_at: 2027-06-30T00:00:00Z,
     rotation_policy: {rotation_period: monthly, key_transition_period_ms: 3600000}}
  - {name: spent, workspace_id: ws-shapes-0a1b2c, scopes: [completions.write], description: null, rate_limits: null,
     usage_limits: {credit_limit: 10, periodic_reset_days: 30}, metadata: null, config_id: null,
     allow_config_override: null, alert_emails: null, expires_at: null, rotation_policy: null}
  - {name: lapsed, workspace_id: ws-shapes-0a1b2c, scopes: [completions.write], usage_limits: null,
     expires_at: 2026-11-01T00:00:00Z}
  - {name: default_user_key, type: workspace-user, workspace_id: ws-shapes-0a1b2c, user_id: ada@example.com,
     scopes: [completions.write], description: Created by portkey on joining organisation, allow_config_override: true}
";

#[tokio::test]
async fn the_client_reads_the_recorded_shapes_as_what_they_mean() {
    let rehearsal = recorded().await;
    let live = rehearsal.live(&read(FILE)).await;
    let by_name = |name: &str| -> &LiveKey { live.keys.values().find(|key| key.name == name).unwrap() };
    assert_eq!(live.keys.len(), 6);
    assert!(live.oddities.is_empty(), "{:?}", live.oddities);
    assert_eq!(live.organisation.as_ref().unwrap().as_str(), "0c5f9a1e-2b3c-4d5e-8f60-718293a4b5c6");
    let statuses = ["bare", "full", "spent", "lapsed"].map(|name| by_name(name).status.as_str());
    assert_eq!(statuses, ["active", "active", "exhausted", "expired"]);
    assert!(by_name("default_user_key").created_automatically);
    assert!(!by_name("bare").created_automatically);

    // A file that says what the shapes mean differs in nothing from them.
    let plan = rehearsal.plan(FILE).await;
    assert!(plan.changes.is_empty() && !plan.needs_a_person(), "{:#?} {:#?}", plan.changes, plan.blocked);
    // And each field that says something else is seen to differ.
    let other = FILE
        .replace("value: 100", "value: 200")
        .replace("credit_limit: 500", "credit_limit: 600")
        .replace("team: payments", "team: fraud")
        .replace("allow_config_override: false", "allow_config_override: true")
        .replace("ops@example.com", "dev@example.com")
        .replace("2027-06-30", "2028-06-30")
        .replace("rotation_period: monthly", "rotation_period: weekly")
        .replace("Everything", "Something");
    let plan = rehearsal.plan(&other).await;
    let fields: Vec<&str> =
        plan.changes[0].fields.iter().map(portkey_sync::diff::FieldChange::field).collect();
    assert_eq!((plan.changes.len(), fields.len()), (1, 8), "{fields:?}");
}

#[tokio::test]
async fn the_client_reads_a_rotation_receipt() {
    let rehearsal = recorded().await;
    let id = KeyId::new("11111111-2222-4333-8444-5555555555a1");
    let receipt = rehearsal.writer.rotate_key(&id, None).await.unwrap();
    let shape = shape("rotate-receipt");
    assert_eq!(json!(receipt.id.as_str()), shape["answer"]["id"]);
    let secret = Secret::new(shape["answer"]["key"].as_str().unwrap().to_owned());
    assert_eq!(receipt.secret.mask(), secret.mask());
    assert_eq!(
        receipt.previous_expires_at.map(|at| at.to_string()),
        shape["answer"]["key_transition_expires_at"].as_str().map(str::to_owned)
    );
}
