//! The catalogue of scopes, as docs/portkey-api.md 5 has it, asked of the emulator scope by scope.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Rehearsal, assert_envelope, plain, with};

/// The rows of a table of section 5 whose head begins so.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/portkey-api.md");
    let (_, rest) = page.split_once(head).unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands before a remark in brackets.
fn plain_text(cell: &'static str) -> &'static str {
    cell.split('(').next().unwrap().trim()
}

/// Which types hold each scope: A, S, U.
fn catalogue() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut catalogue: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut groups: Vec<&str> = Vec::new();
    for row in table("| Group | Actions | Types |") {
        let named = plain_text(row[0]);
        if named != "same three" {
            groups = named.split(", ").collect();
        }
        // Remarks in brackets hold commas too.
        let mut depth = 0;
        let actions: String = row[1]
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '(');
                let kept = depth == 0;
                depth -= i32::from(*c == ')');
                kept
            })
            .collect();
        let types: Vec<&str> = plain_text(row[2]).split(' ').collect();
        for action in actions.split(", ").map(str::trim) {
            let actions = match action {
                "crudl" => vec!["create", "read", "update", "delete", "list"],
                action => vec![action],
            };
            for (group, action) in
                groups.iter().flat_map(|group| actions.iter().map(move |action| (group, action)))
            {
                catalogue.entry(format!("{group}.{action}")).or_default().extend(&types);
            }
        }
    }
    catalogue
}

#[tokio::test]
async fn every_scope_of_the_reference_is_taken_by_its_types_and_by_no_other() {
    let rehearsal = Rehearsal::start().await;
    let bob = rehearsal.get("/v1/admin/users?email=bob@example.com").await.json["data"][0]["id"].clone();
    let catalogue = catalogue();
    assert_eq!(catalogue.len(), 139);
    let types = [("A", "organisation/service"), ("S", "workspace/service"), ("U", "workspace/user")];
    let held = |letter| catalogue.values().filter(|types| types.contains(letter)).count();
    assert_eq!(types.map(|(letter, _)| held(letter)), [133, 91, 79]);
    for (scope, holders) in &catalogue {
        for (letter, kind) in types {
            let body = with(with(plain(), "scopes", json!([scope])), "user_id", bob.clone());
            let reply = rehearsal.call(Method::POST, &format!("/v1/api-keys/{kind}"), body).await;
            let expect = if holders.contains(letter) { 200 } else { 400 };
            assert_eq!(reply.status, expect, "{scope} for {kind}");
        }
    }
}

#[tokio::test]
async fn names_that_are_no_scopes_are_refused() {
    let rehearsal = Rehearsal::start().await;
    let mut refused = 0;
    for row in table("| Name | Where | Grade |") {
        for name in
            row[0].split(", ").map(|name| plain_text(name).split(' ').next().unwrap().trim_matches('`'))
        {
            let name = name.replace('*', "list");
            let body = with(plain(), "scopes", json!([name]));
            let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", body).await;
            assert_envelope(&reply, 400, "AB01", &name);
            refused += 1;
        }
    }
    assert!(refused >= 14, "{refused}");
}
