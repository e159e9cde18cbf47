//! The request log, and misbehaviour on demand.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use portkey_sync::emulator::Options;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, names, plain, text};

#[tokio::test]
async fn requests_are_logged_with_their_query_and_counted_by_method() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.get("/v1/api-keys?page_size=100&current_page=0").await;
    rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", json!({})).await;
    rehearsal.control(Method::GET, "clock", Value::Null).await;
    let log = rehearsal.control(Method::GET, "requests", Value::Null).await;
    let expect = json!({
        "total": 2, "by_method": {"GET": 1, "POST": 1},
        "requests": [
            {"method": "GET", "path": "/v1/api-keys?page_size=100&current_page=0", "status": 200},
            {"method": "POST", "path": "/v1/api-keys/workspace/service", "status": 502}
        ]
    });
    assert_eq!(log, expect);
    rehearsal.control(Method::DELETE, "requests", Value::Null).await;
    assert_eq!(rehearsal.control(Method::GET, "requests", Value::Null).await["total"], 0);
}

/// What emulators log from here on. For the whole process, since the interest in a log line is cached across threads;
/// lines of other tests come along.
fn captured_log() -> Arc<Mutex<Vec<u8>>> {
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&log);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("emulator=trace")
        .with_ansi(false)
        .with_writer(move || Sink(Arc::clone(&sink)))
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
}

#[tokio::test]
async fn each_request_is_a_log_line_and_none_holds_a_secret() {
    let log = captured_log();
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(plain()).await;
    rehearsal.call(Method::POST, &format!("/v1/api-keys/{id}/rotate"), Value::Null).await;
    rehearsal.call(Method::PUT, &format!("/v1/api-keys/{id}"), json!({"name": {"secret": secret}})).await;
    rehearsal.models(&secret).await;
    let secrets = rehearsal.control(Method::GET, "secrets", Value::Null).await;
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    for line in [
        &format!("POST /v1/api-keys/{id}/rotate 200"),
        &format!("PUT /v1/api-keys/{id} 400"),
        "name is not valid",
        "GET /v1/models 200",
    ] {
        assert!(log.contains(line), "no `{line}` in {log}");
    }
    for issued in secrets["secrets"].as_array().unwrap() {
        assert!(!log.contains(issued["secret"].as_str().unwrap()), "{log}");
    }
}

#[tokio::test]
async fn a_status_fault_answers_in_place_of_the_route_once() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"then": {"status": 429, "headers": {"retry-after": "7"}}})).await;
    let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    assert_eq!((reply.status.as_u16(), &reply.json["data"]["errorCode"]), (429, &json!("AB06")));
    assert_eq!(reply.headers["retry-after"], "7");
    let reply = rehearsal.get("/v1/api-keys").await;
    assert!(!names(&reply.json).contains(&"plain".to_owned()), "it had no effect");
    let log = rehearsal.control(Method::GET, "requests", Value::Null).await;
    assert_eq!(log["requests"][0]["faults"], json!(["status"]));
    assert_eq!(log["requests"][1].get("faults"), None);
}

#[tokio::test]
async fn a_status_fault_sends_the_body_and_type_that_it_is_given() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"then": {"status": 503, "body": "<h1>busy</h1>"}})).await;
    rehearsal
        .fault(json!({"skip": 1, "then": {"status": 400, "body": "no", "content_type": "text/plain"}}))
        .await;
    rehearsal.fault(json!({"skip": 2, "then": {"status": 200, "body": {"data": []}}})).await;
    let expect = [
        (503, "text/html", "<h1>busy</h1>"),
        (400, "text/plain", "no"),
        (200, "application/json", "{\"data\":[]}"),
    ];
    for (status, content_type, body) in expect {
        let reply = rehearsal.get("/v1/api-keys").await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (status, body));
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with(content_type));
    }
}

#[tokio::test]
async fn a_fault_chooses_by_method_and_path_lets_some_pass_and_fires_some_times() {
    let rehearsal = Rehearsal::start().await;
    rehearsal
        .fault(json!({"method": "GET", "path_contains": "current_page=1", "skip": 1, "times": 2, "then": {"status": 500}}))
        .await;
    let mut statuses = Vec::new();
    for page in [1, 0, 1, 0, 1, 1] {
        statuses.push(rehearsal.get(&format!("/v1/api-keys?current_page={page}")).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 500, 200, 500, 200]);
    assert_eq!(rehearsal.control(Method::GET, "faults", Value::Null).await["faults"], json!([]));
}

#[tokio::test]
async fn a_drop_before_cuts_the_connection_and_has_no_effect() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"method": "POST", "then": {"drop_before": true}})).await;
    let admin = rehearsal.running.admin_key();
    let path = "/v1/api-keys/workspace/service";
    let error = rehearsal.try_call(admin, Method::POST, path, plain()).await.err().unwrap();
    assert!(error.is_request() && error.status().is_none(), "{error}");
    assert!(!names(&rehearsal.get("/v1/api-keys").await.json).contains(&"plain".to_owned()));
    let log = rehearsal.control(Method::GET, "requests", Value::Null).await;
    let expect = json!({"method": "POST", "path": path, "status": null, "faults": ["drop_before"]});
    assert_eq!(log["requests"][0], expect);
}

#[tokio::test]
async fn of_a_dropped_answer_not_one_byte_leaves() {
    use std::io::{Read, Write};

    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"then": {"drop_before": true}})).await;
    rehearsal.fault(json!({"skip": 1, "then": {"drop_after": true}})).await;
    for _ in 0..2 {
        let address = rehearsal.running.local_addr();
        let exchange = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /v1/api-keys HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut received = Vec::new();
            // Closed or reset, both are an end; only what came before counts.
            stream.read_to_end(&mut received).ok();
            received
        });
        assert_eq!(exchange.await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_drop_after_cuts_the_connection_once_the_effect_is_there() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"method": "POST", "then": {"drop_after": true}})).await;
    let admin = rehearsal.running.admin_key();
    let reply = rehearsal.try_call(admin, Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    assert!(reply.is_err());
    assert!(names(&rehearsal.get("/v1/api-keys").await.json).contains(&"plain".to_owned()));
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_announced_length() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"then": {"truncate_body": 10}})).await;
    let request = rehearsal.try_call(rehearsal.running.admin_key(), Method::GET, "/v1/api-keys", Value::Null);
    let error = request.await.err().unwrap();
    assert!(
        error.is_body() || error.is_decode(),
        "the head and the beginning came, the rest did not: {error}"
    );
    assert_eq!(rehearsal.get("/v1/api-keys").await.status, 200);
}

#[tokio::test]
async fn a_delay_and_the_latency_hold_an_answer_back() {
    let rehearsal =
        Rehearsal::with(Options { latency: Duration::from_millis(20), ..Options::default() }).await;
    rehearsal.fault(json!({"then": {"delay_ms": 30}})).await;
    let started = Instant::now();
    rehearsal.get("/v1/api-keys").await;
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn stale_reads_show_the_state_before_the_latest_write() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    rehearsal.fault(json!({"method": "PUT", "then": {"stale_reads": 2}})).await;
    rehearsal.put(&id, json!({"name": "renamed"})).await;
    assert_eq!(rehearsal.read(&id).await["name"], "plain");
    assert!(names(&rehearsal.get("/v1/api-keys").await.json).contains(&"plain".to_owned()));
    assert_eq!(rehearsal.read(&id).await["name"], "renamed");

    rehearsal.fault(json!({"method": "POST", "then": {"stale_reads": 1}})).await;
    let other = rehearsal.create_plain().await;
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{other}")).await.status, 404);
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{other}")).await.status, 200);

    rehearsal.fault(json!({"method": "DELETE", "then": {"stale_reads": 1}})).await;
    rehearsal.call(Method::DELETE, &format!("/v1/api-keys/{other}"), Value::Null).await;
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{other}")).await.status, 200);
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{other}")).await.status, 404);
}

#[tokio::test]
async fn a_page_can_repeat_a_row_or_lack_one() {
    let rehearsal = Rehearsal::start().await;
    let whole = names(&rehearsal.get("/v1/api-keys").await.json);
    rehearsal.fault(json!({"then": {"duplicate_row": true}})).await;
    rehearsal.fault(json!({"skip": 1, "then": {"hide_row": true}})).await;
    let repeated = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(names(&repeated), [&whole[..], &whole[..1]].concat());
    let lacking = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(names(&lacking), whole[1..]);
    assert_eq!((&repeated["total"], &lacking["total"]), (&json!(6), &json!(6)));
}

#[tokio::test]
async fn another_writer_can_change_or_delete_a_key_between_two_requests() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    rehearsal.fault(json!({"then": {"edit": {"key": id, "body": {"name": "theirs"}}}})).await;
    assert_eq!(rehearsal.read(&id).await["name"], "theirs");
    rehearsal.fault(json!({"method": "PUT", "then": {"edit": {"key": "theirs"}}})).await;
    let reply = rehearsal.call(Method::PUT, &format!("/v1/api-keys/{id}"), json!({"name": "ours"})).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_with_its_reason() {
    let rehearsal = Rehearsal::start().await;
    for (fault, reason) in [
        (json!({"then": {}}), "no effect"),
        (json!({"then": {"status": 99}}), "99"),
        (json!({"then": {"explode": true}}), "explode"),
        (json!({"when": "now", "then": {"status": 500}}), "when"),
        (json!({"then": {"body": "x", "delay_ms": 1}}), "need a `status`"),
        (json!({"then": {"status": 500, "headers": {"a b": "c"}}}), "`a b`"),
    ] {
        let reply = rehearsal.call_as("", Method::POST, "/_emulator/faults", json!([fault])).await;
        assert_eq!(reply.status, 400);
        assert!(text(&reply.json["error"]).contains(reason), "{}", reply.text);
    }
    assert_eq!(rehearsal.control(Method::GET, "faults", Value::Null).await["faults"], json!([]));
}
