//! What the one scenario does not come to, each under the settings of the switch that it is about.

use portkey_sync::api::{Effect, WriteApi};
use portkey_sync::live::{Names, refresh};
use portkey_sync::plan::{Action, PlanOptions};
use portkey_sync::report::{Outcome, Repair};
use serde_json::json;

use crate::rehearsal::Rehearsal;
use crate::scenario::seed;
use crate::settings::{Settings, settings_of};

async fn rehearsal(name: &'static str, setting: &'static str, seed: &str) -> Rehearsal {
    Settings::one(name, setting).rehearsal(seed).await
}

const NEW: &str = "{version: 1, keys: [{name: new, workspace_id: ws-a-000001, scopes: [completions.write]}]}";

/// A create whose answer is lost is settled by a rotation, under whichever scope that needs.
pub(crate) async fn a_lost_create_is_recovered_whatever_scope_rotating_needs() {
    for setting in settings_of("rotation-scope") {
        let rehearsal = rehearsal("rotation-scope", setting, &seed()).await;
        rehearsal
            .fault(json!({"method": "POST", "path_contains": "/api-keys/", "then": {"drop_after": true}}))
            .await;
        let options = rehearsal.options();
        let plan = rehearsal.plan_with(NEW, &options).await;
        let report = rehearsal.apply(&plan).await;
        assert!(report.succeeded(), "{setting}: {report:#?}");
        assert_eq!(report.changes[0].repairs.last(), Some(&Repair::RotatedToRecover), "{setting}");
        assert!(rehearsal.plan_with(NEW, &options).await.changes.is_empty(), "{setting}");
    }
}

/// Either code of the refusal says that nothing was done, and it is not tried again.
pub(crate) async fn a_rotation_in_transition_is_refused_for_certain() {
    for setting in settings_of("rotation-in-transition") {
        let rehearsal = rehearsal("rotation-in-transition", setting, &seed()).await;
        let live = refresh(&rehearsal.reader, &Names::default()).await.unwrap();
        let id = live.keys.values().find(|key| key.name == "bare").unwrap().id.clone();
        rehearsal.writer.rotate_key(&id, None).await.unwrap();
        rehearsal.requests().await;
        let error = rehearsal.writer.rotate_key(&id, None).await.unwrap_err();
        assert_eq!(error.effect(), Effect::None, "{setting}: {error}");
        assert_eq!(rehearsal.requests().await.len(), 1, "{setting}");
    }
}

/// A running key that may not list user keys takes none of them for absent.
pub(crate) async fn without_a_list_scope_nothing_is_created_blindly() {
    let group = "workspace_service_api_keys";
    let admin = ["create", "read", "list", "update"].map(|action| format!("{group}.{action}")).join(", ");
    let seed = seed()
        + &format!(
            "  - {{name: ci, type: organisation-service, admin: true, scopes: [workspaces.list, \
             organisation_users.list, organisation_service_api_keys.list, workspace_user_api_keys.create, {admin}]}}\n"
        );
    let file = "{version: 1, keys: [{name: new, type: workspace-user, workspace_id: ws-a-000001, \
                user_id: ada@example.com, scopes: [completions.write]}]}";
    for setting in settings_of("missing-list-scope") {
        let rehearsal = rehearsal("missing-list-scope", setting, &seed).await;
        if *setting == "hides-rows" {
            let plan = rehearsal.plan_with(file, &rehearsal.options()).await;
            assert_eq!((plan.changes.len(), plan.blocked.len()), (0, 1), "{setting}: {:#?}", plan.blocked);
        } else {
            let error = refresh(&rehearsal.reader, &Names::default()).await.unwrap_err();
            assert_eq!(error.call().status(), Some(403), "{setting}");
        }
        std::fs::write(rehearsal.folder.path().join("keys.yaml"), file).unwrap();
        let output = rehearsal.program(&["apply", "--yes", "--secrets-file", "secrets"]);
        assert_ne!(output.status.code(), Some(0), "{setting}");
        assert!(rehearsal.requests().await.iter().all(|request| request.method == "GET"), "{setting}");
    }
}

/// Somebody deletes a key between plan and apply: nothing else is harmed, and the next plan is empty.
pub(crate) async fn a_key_that_somebody_else_deleted_stays_deleted() {
    let file = "{version: 1, keys: [{name: doomed, workspace_id: ws-a-000001, absent: true}]}";
    for setting in settings_of("deleted-key") {
        let rehearsal = rehearsal("deleted-key", setting, &seed()).await;
        let plan = rehearsal.plan_with(file, &PlanOptions::default()).await;
        assert_eq!(plan.count(Action::Delete), 1, "{setting}");
        rehearsal.fault(json!({"method": "GET", "then": {"edit": {"key": "doomed"}}})).await;
        rehearsal.requests().await;
        let report = rehearsal.apply(&plan).await;
        assert!(rehearsal.requests().await.iter().all(|request| request.method == "GET"), "{setting}");
        if *setting == "not-found" {
            assert!(report.succeeded(), "{setting}: {report:#?}");
        } else {
            // 403 can as well mean a missing scope, so this run does not take the key for deleted.
            assert!(matches!(report.changes[0].outcome, Outcome::Failed(_)), "{setting}: {report:#?}");
        }
        assert!(rehearsal.plan(file).await.changes.is_empty(), "{setting}");
    }
}

/// A whole map is sent, with what others wrote into it.
pub(crate) async fn metadata_of_others_that_is_no_text_does_not_stand_in_the_way_unseen() {
    let seed = seed()
        + "  - {name: theirs, type: workspace-service, workspace: ws-a-000001, scopes: [completions.write], \
                         metadata: {team: a, size: 3}}\n";
    let file = "{version: 1, keys: [{name: theirs, workspace_id: ws-a-000001, scopes: [completions.write], \
                metadata: {team: b}}]}";
    for setting in settings_of("metadata-values") {
        let rehearsal = rehearsal("metadata-values", setting, &seed).await;
        let report = rehearsal.apply(&rehearsal.plan(file).await).await;
        let again = rehearsal.plan(file).await;
        if *setting == "refused" {
            assert!(matches!(report.changes[0].outcome, Outcome::Failed(_)), "{setting}: {report:#?}");
            assert_eq!(again.changes.len(), 1, "{setting}");
        } else {
            assert!(report.succeeded(), "{setting}: {report:#?}");
            assert!(again.changes.is_empty(), "{setting}: {:#?}", again.changes);
            let objects = rehearsal.objects().await;
            let metadata =
                &objects.values().find(|key| key["name"] == "theirs").unwrap()["defaults"]["metadata"];
            let size = if *setting == "kept" { json!(3) } else { json!("3") };
            assert_eq!(metadata, &json!({"team": "b", "size": size}), "{setting}");
        }
    }
}

/// Rows and objects with a secret in them: it goes nowhere.
pub(crate) async fn a_raw_key_in_an_answer_is_not_repeated() {
    let secret = "the-secret-of-a-person-00000x";
    let seed = seed()
        + &format!(
            "  - {{name: laptop, type: workspace-user, workspace: ws-a-000001, user: ada@example.com, \
             scopes: [completions.write], secret: {secret}}}\n"
        );
    let file = "{version: 1, keys: [{name: laptop, type: workspace-user, workspace_id: ws-a-000001, \
                user_id: ada@example.com, scopes: [completions.write, prompts.render]}]}";
    let rehearsal = rehearsal("user-keys-in-answers", "raw", &seed).await;
    assert!(rehearsal.objects().await.values().any(|key| key["key"] == secret), "it is not shown at all");
    std::fs::write(rehearsal.folder.path().join("keys.yaml"), file).unwrap();
    for arguments in [
        &["plan", "-vvv"][..],
        &["plan", "--format", "json", "-vvv", "--log-format", "json"],
        &["apply", "--yes", "-vvv"],
        &["import", "-vvv"],
    ] {
        let output = rehearsal.program(arguments);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(said.contains("laptop") && !said.contains(secret), "{arguments:?}: {said}");
    }
}
