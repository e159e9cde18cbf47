//! What cannot be said in a keys file is left out and said so; the rest is valid and plans to nothing.

use serde_json::{Value, json};

use super::*;
use crate::desired::Presence;

const WORKSPACE: &str = "5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c";

fn live(name: &str, with: &Value) -> Live {
    let mut row = json!({
        "id": "183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2", "name": name, "type": "workspace-service",
        "workspace_id": WORKSPACE, "scopes": ["completions.write"], "status": "active",
    });
    for (field, value) in with.as_object().unwrap() {
        row[field] = value.clone();
    }
    Live::from_rows(vec![row], "2026-11-22T10:00:00Z")
}

fn imported(name: &str, with: &Value) -> Imported {
    let slug = (WorkspaceId::new(WORKSPACE), "team-a".to_owned());
    let options = ImportOptions { workspaces: BTreeMap::from([slug]), ..ImportOptions::default() };
    let imported = import(&live(name, with), &options);
    let loaded = parse_str("import", &imported.text);
    let desired = loaded.desired.unwrap_or_else(|| panic!("{}", imported.text));
    assert_eq!(desired.keys.len(), imported.keys);
    assert!(desired.keys.iter().all(|key| key.presence == Presence::Present));
    imported
}

#[test]
fn names_that_yaml_could_misread_are_quoted() {
    for name in [
        "no", "on", "1_000", "0o17", "1e3", "12:30", "~", "null", "- a", "a: b", "#x", " x ", "'", "\u{2028}",
    ] {
        let imported = imported(name, &json!({}));
        if imported.keys == 1 {
            let desired = parse_str("import", &imported.text).desired.unwrap();
            assert_eq!(desired.keys[0].address.name, name, "{}", imported.text);
        } else {
            assert_eq!(imported.left_out.len(), 1, "{name:?} is neither in the file nor left out");
        }
    }
}

#[test]
fn a_workspace_whose_slug_looks_like_an_alias_stands_by_its_uuid() {
    assert!(imported("a", &json!({})).text.contains(&format!("workspace_id: {WORKSPACE}")));
}

#[test]
fn a_key_that_no_file_can_name_is_left_out_whole() {
    let imported = imported(&"x".repeat(101), &json!({}));
    assert_eq!(imported.keys, 0);
    assert_eq!(imported.left_out.len(), 1);
}

#[test]
fn limits_that_a_file_may_not_hold_are_not_managed() {
    let imported = imported("a", &json!({"usage_limits": {"credit_limit": 10, "alert_threshold": 20}}));
    assert!(imported.text.contains("# usage_limits is not managed here"), "{}", imported.text);
}

#[test]
fn scopes_without_a_dot_are_not_managed_and_new_ones_are_declared() {
    let odd = imported("a", &json!({"scopes": ["completions:write"]}));
    assert!(odd.text.contains("# scopes are not managed here"), "{}", odd.text);
    assert!(!odd.text.contains("known_scopes"), "{}", odd.text);
    let new = imported("a", &json!({"scopes": ["robots.dance"]}));
    assert!(new.text.contains("known_scopes"), "{}", new.text);
}

#[test]
fn text_in_comments_stays_on_its_line() {
    let imported = imported("a\nversion: 2", &json!({"creation_mode": "auto"}));
    assert_eq!(imported.keys, 0);
    assert!(imported.text.lines().all(|line| line != "version: 2"), "{}", imported.text);
}
