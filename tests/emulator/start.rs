//! Options, seeds, the state file.

use std::collections::HashSet;

use portkey_sync::emulator::{self, Error, Options, Seed};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, SEED, assert_envelope, names, plain, text};

#[tokio::test]
async fn unseeded_it_holds_one_workspace_one_user_and_a_live_admin_key() {
    let rehearsal = Rehearsal::with(Options {
        admin_key: Some("an-admin-key-of-my-own-0000".to_owned()),
        ..Options::default()
    })
    .await;
    assert_eq!(rehearsal.running.admin_key(), "an-admin-key-of-my-own-0000");
    assert_eq!(rehearsal.running.base_url(), format!("http://{}/v1", rehearsal.running.local_addr()));
    let keys = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(names(&keys), ["admin"]);
    assert_eq!(keys["data"][0]["type"], "organisation-service");
    assert_eq!(keys["data"][0]["workspace_id"], Value::Null);
    assert_eq!(rehearsal.get("/v1/admin/workspaces").await.json["total"], 1);
    assert_eq!(rehearsal.get("/v1/admin/users").await.json["total"], 1);
}

#[tokio::test]
async fn an_admin_key_given_beside_a_seed_becomes_the_secret_of_the_marked_key() {
    let rehearsal = Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(SEED).unwrap()),
        admin_key: Some("an-admin-key-of-my-own-0000".to_owned()),
        ..Options::default()
    })
    .await;
    let keys =
        rehearsal.call_as("an-admin-key-of-my-own-0000", Method::GET, "/v1/api-keys", Value::Null).await;
    let root =
        keys.json["data"].as_array().unwrap().iter().find(|row| row["name"] == "root").unwrap().clone();
    assert_eq!(root["key"], "an*****000");
    assert!(!names(&keys.json).contains(&"admin".to_owned()));
}

#[tokio::test]
async fn an_admin_key_that_an_unmarked_key_has_makes_that_key_the_administrative_one() {
    let seed = |mark: &str| {
        let yaml = format!(
            "keys: [{{name: ci, type: organisation-service, scopes: [workspaces.list], secret: secret-of-ci-0000}}{mark}]"
        );
        Options {
            seed: Some(Seed::from_yaml_str(&yaml).unwrap()),
            admin_key: Some("secret-of-ci-0000".to_owned()),
            ..Options::default()
        }
    };
    let rehearsal = Rehearsal::with(seed("")).await;
    assert_eq!(rehearsal.get("/v1/admin/workspaces").await.status, 200);
    assert_eq!(rehearsal.get("/v1/api-keys").await.status, 403, "with its own scopes only");
    let other = ", {name: root, type: organisation-service, scopes: [], admin: true}";
    let error = emulator::start(seed(other)).await.err().unwrap();
    assert!(error.to_string().contains("that of key `ci`"), "{error}");
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    let error = emulator::start(options).await.err().unwrap();
    assert_eq!(error.to_string(), "`0.0.0.0:0` is not a loopback address");
}

#[tokio::test]
async fn the_state_survives_a_restart_and_the_seed_is_then_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/state.json");
    let options = Options {
        seed: Some(Seed::from_yaml_str(SEED).unwrap()),
        state: Some(state.clone()),
        ..Options::default()
    };
    let first = Rehearsal::with(options.clone()).await;
    let (id, secret) = first.create(plain()).await;
    first.advance("20d").await;
    let (admin, before) = (first.running.admin_key().to_owned(), first.read(&id).await);
    // No orderly end: what was acknowledged must be on disk already.
    drop(first);

    let second = Rehearsal::with(options).await;
    assert_eq!(second.running.admin_key(), admin);
    assert_eq!(second.read(&id).await, before);
    assert_eq!(second.models(&secret).await, 200);
    let now = text(&second.control(Method::GET, "clock", Value::Null).await["now"]);
    assert!(now.starts_with("2026-12-13T09:0"), "{now}");
    second.running.stop().await.unwrap();

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_state_file_that_cannot_be_read_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    for (content, message) in [("precious", "is not a state file"), ("{\"format\": 99}", "has format 99")] {
        std::fs::write(&state, content).unwrap();
        let error = emulator::start(Options { state: Some(state.clone()), ..Options::default() })
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(std::fs::read_to_string(&state).unwrap(), content);
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_saved_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/state.json");
    let rehearsal = Rehearsal::with(Options { state: Some(state.clone()), ..Options::default() }).await;
    std::fs::remove_dir_all(state.parent().unwrap()).unwrap();
    rehearsal.expect_breaches();
    let reply = rehearsal.call(Method::POST, "/v1/admin/workspaces", json!({"name": "W"})).await;
    assert_envelope(&reply, 500, "AB04", "unsaved");
}

#[tokio::test]
async fn a_state_file_serves_one_emulator_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().join("state.json")), ..Options::default() };
    let first = Rehearsal::with(options.clone()).await;
    let error = emulator::start(options.clone()).await.err().unwrap();
    assert!(error.to_string().ends_with("is in use by another emulator"), "{error}");
    first.running.stop().await.unwrap();
    assert!(emulator::start(options).await.is_ok());
}

/// The first fenced block of a language on the page for users.
fn block_of_the_docs(language: &str) -> &'static str {
    let page = include_str!("../../docs/emulator.md");
    page.split_once(&format!("```{language}\n")).and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

#[tokio::test]
async fn the_seed_and_the_faults_of_the_docs_work() {
    let rehearsal = Rehearsal::of(block_of_the_docs("yaml")).await;
    assert_eq!(
        rehearsal.get("/v1/api-keys").await.json["total"],
        1,
        "its administrative key lists service keys only"
    );
    let faults = serde_json::from_str(block_of_the_docs("json")).unwrap();
    let pending = rehearsal.control(Method::POST, "faults", faults).await;
    assert_eq!(pending["faults"][0]["fault"]["times"], 2);
}

#[tokio::test]
async fn writes_at_the_same_time_all_count() {
    let rehearsal = Rehearsal::start().await;
    let ids = futures_util::future::join_all((0..20).map(|_| rehearsal.create_plain())).await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 20);
    assert_eq!(rehearsal.get("/v1/api-keys").await.json["total"], 26);
}

#[test]
fn a_seed_with_an_unknown_field_is_refused_by_its_name() {
    let error =
        Seed::from_yaml_str("keys:\n  - {name: a, type: organisation-service, scopes: [], colour: red}\n");
    let Err(Error::SeedSyntax(source)) = error else { panic!("it was accepted") };
    assert!(source.to_string().contains("colour"), "{source}");
}

#[test]
fn a_seed_is_read_from_json_too() {
    assert!(Seed::from_yaml_str(r#"{"workspaces": [{"slug": "ws-a", "name": "A"}], "keys": []}"#).is_ok());
}
