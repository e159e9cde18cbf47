//! Listing keys.

use std::fmt::Write as _;

use reqwest::{Method, header::HeaderValue};
use serde_json::Value;

use crate::harness::{Rehearsal, assert_envelope, names, plain, text};

/// `count` keys, the last of the file being the newest.
fn crowd(count: usize) -> String {
    let mut seed = "clock: 2026-11-23T09:00:00Z\nworkspaces: [{slug: ws-a, name: A}]\nkeys:\n".to_owned();
    for n in 0..count {
        writeln!(seed, "  - {{name: k{n}, type: workspace-service, workspace: ws-a, scopes: [logs.view]}}")
            .unwrap();
    }
    seed
}

#[tokio::test]
async fn pages_count_from_0_and_the_total_is_told_past_the_end_too() {
    let rehearsal = Rehearsal::of(&crowd(5)).await;
    let mut seen = Vec::new();
    for page in 0..4 {
        let reply = rehearsal.get(&format!("/v1/api-keys?page_size=2&current_page={page}")).await.json;
        assert_eq!((&reply["object"], &reply["total"]), (&"list".into(), &6.into()), "page {page}");
        seen.extend(names(&reply));
    }
    assert_eq!(seen, ["admin", "k4", "k3", "k2", "k1", "k0"], "newest first");
}

#[tokio::test]
async fn a_page_holds_50_rows_unless_asked_and_100_at_most() {
    let rehearsal = Rehearsal::of(&crowd(120)).await;
    for (query, rows) in [("", 50), ("?page_size=100", 100), ("?page_size=1", 1)] {
        assert_eq!(names(&rehearsal.get(&format!("/v1/api-keys{query}")).await.json).len(), rows, "{query}");
    }
    for query in ["page_size=101", "page_size=0", "page_size=many", "current_page=-1"] {
        assert_envelope(&rehearsal.get(&format!("/v1/api-keys?{query}")).await, 400, "AB01", query);
    }
}

#[tokio::test]
async fn keys_of_the_same_second_keep_their_order_from_call_to_call() {
    let rehearsal = Rehearsal::start().await;
    for _ in 0..10 {
        rehearsal.create_plain().await;
    }
    let first = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(rehearsal.get("/v1/api-keys").await.json, first);
    let created: Vec<&Value> =
        first["data"].as_array().unwrap().iter().map(|row| &row["created_at"]).collect();
    assert!(created.is_sorted_by(|a, b| a.as_str() >= b.as_str()));
}

#[tokio::test]
async fn the_list_is_filtered_by_workspace_slug_or_uuid() {
    let rehearsal = Rehearsal::start().await;
    let uuid = rehearsal.workspace_uuid("Research").await;
    for workspace in ["ws-res-77c0de", &uuid] {
        let reply = rehearsal.get(&format!("/v1/api-keys?workspace_id={workspace}")).await.json;
        assert_eq!((names(&reply), &reply["total"]), (vec!["research".to_owned()], &1.into()));
    }
    let unknown = rehearsal.get("/v1/api-keys?workspace_id=ws-nowhere").await;
    assert_envelope(&unknown, 404, "AB08", "unknown workspace");
    let archived = rehearsal.get("/v1/api-keys?workspace_id=ws-old-000000").await;
    assert_envelope(&archived, 403, "AB03", "archived workspace");
}

#[tokio::test]
async fn the_list_is_filtered_by_ids() {
    let rehearsal = Rehearsal::start().await;
    let (one, two) = (rehearsal.id_of("checkout").await, rehearsal.id_of("research").await);
    let reply = rehearsal.get(&format!("/v1/api-keys?ids={one},{two},no-such-id")).await.json;
    assert_eq!(reply["total"], 2);
    assert_eq!(names(&reply), ["research", "checkout"]);
}

#[tokio::test]
async fn secrets_are_masked_in_lists() {
    let rehearsal = Rehearsal::start().await;
    let (_, secret) = rehearsal.create(plain()).await;
    let reply = rehearsal.get("/v1/api-keys").await;
    assert!(!reply.text.contains(&secret));
    let masks: Vec<String> =
        reply.json["data"].as_array().unwrap().iter().map(|row| text(&row["key"])).collect();
    assert!(masks.contains(&"sE*****3BM".to_owned()), "{masks:?}");
}

#[tokio::test]
async fn ten_thousand_keys_list_whole() {
    let rehearsal = Rehearsal::of(&crowd(10_000)).await;
    let mut ids = std::collections::HashSet::new();
    for page in 0..101 {
        let reply = rehearsal.get(&format!("/v1/api-keys?page_size=100&current_page={page}")).await.json;
        assert_eq!(reply["total"], 10_001);
        ids.extend(reply["data"].as_array().unwrap().iter().map(|row| text(&row["id"])));
    }
    assert_eq!(ids.len(), 10_001);
}

#[tokio::test]
async fn unknown_routes_are_ab08() {
    let rehearsal = Rehearsal::start().await;
    for (method, path) in [
        (Method::GET, "/v1/nowhere"),
        (Method::GET, "/"),
        (Method::GET, "/v2/api-keys"),
        (Method::GET, "/v1/api-keys/x/y/z"),
    ] {
        assert_envelope(&rehearsal.call(method, path, Value::Null).await, 404, "AB08", path);
    }
}

#[tokio::test]
async fn a_path_that_does_not_take_a_method_says_which_it_takes() {
    let rehearsal = Rehearsal::start().await;
    for (method, path, takes) in [
        (Method::PATCH, "/v1/api-keys/x", "GET, PUT, DELETE"),
        (Method::GET, "/v1/api-keys/x/rotate", "POST"),
        (Method::DELETE, "/v1/models", "GET"),
    ] {
        let reply = rehearsal.call(method, path, Value::Null).await;
        assert_eq!((reply.status.as_u16(), &reply.headers["allow"]), (405, &HeaderValue::from_static(takes)));
    }
}

#[tokio::test]
async fn the_paths_of_doc_bugs_are_not_there() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    for (method, path) in [
        (Method::POST, "/v1/admin/api-keys".to_owned()),
        (Method::GET, format!("/v1/api_keys/{id}")),
        (Method::DELETE, format!("/v1/api_keys/{id}")),
    ] {
        assert_envelope(&rehearsal.call(method, &path, Value::Null).await, 404, "AB08", &path);
    }
    let bearer = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/api-keys", rehearsal.running.local_addr());
    let reply = bearer.get(url).bearer_auth(rehearsal.running.admin_key()).send().await.unwrap();
    assert_eq!(reply.status(), 401, "a bearer token is no key");
}
