//! The request log, and misbehaviour on demand.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use portkey_sync::emulator::{FaultScript, Options};
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
        &format!("POST   /v1/api-keys/{id}/rotate 200"),
        &format!("PUT    /v1/api-keys/{id} 400"),
        "name is not valid",
        "GET    /v1/models 200",
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
async fn a_status_after_is_answered_once_the_effect_is_there() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"method": "POST", "then": {"status_after": 502, "envelope": "html"}})).await;
    let admin = rehearsal.running.admin_key();
    let reply = rehearsal.try_call(admin, Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    assert_eq!(reply.unwrap().status, 502);
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

/// The statuses of so many reads under a script; none: the connection was cut.
async fn statuses(rehearsal: &Rehearsal, reads: usize) -> Vec<Option<u16>> {
    let mut statuses = Vec::new();
    for _ in 0..reads {
        let admin = rehearsal.running.admin_key();
        let reply = rehearsal.try_call(admin, Method::GET, "/v1/api-keys", Value::Null).await;
        statuses.push(reply.ok().map(|reply| reply.status.as_u16()));
    }
    statuses
}

async fn under(script: &Value) -> Rehearsal {
    let faults = FaultScript::from_yaml_str(&script.to_string()).unwrap();
    let rehearsal = Rehearsal::with(Options { faults, ..Options::default() }).await;
    rehearsal.expect_breaches();
    rehearsal
}

#[tokio::test]
async fn chance_is_the_same_under_the_same_seed_and_another_under_another() {
    let fault = json!({"method": "GET", "probability": 0.5, "then": {"status": 503}});
    let other = json!({"method": "GET", "probability": 0.3, "then": {"status": 500}});
    let run = async |seed: u64, faults: Value| {
        statuses(&under(&json!({"seed": seed, "faults": faults})).await, 40).await
    };
    let first = run(7, json!([fault])).await;
    assert_eq!(run(7, json!([fault])).await, first);
    assert_ne!(run(8, json!([fault])).await, first);
    let hit = first.iter().filter(|status| **status == Some(503)).count();
    assert!((8..=32).contains(&hit), "{hit} of 40");
    // Another fault beside it does not change where this one falls.
    let both = run(7, json!([fault, other])).await;
    let falls =
        |statuses: &[Option<u16>]| statuses.iter().map(|status| *status == Some(503)).collect::<Vec<_>>();
    assert_eq!(falls(&both), falls(&first));
}

#[tokio::test]
async fn a_probability_of_one_always_acts_and_of_zero_never() {
    let always = under(&json!([{"probability": 1, "then": {"status": 503}}])).await;
    assert_eq!(statuses(&always, 5).await, [Some(503); 5]);
    let never = under(&json!([{"probability": 0, "then": {"status": 503}}])).await;
    assert_eq!(statuses(&never, 5).await, [Some(200); 5]);
    let twice = under(&json!([{"probability": 1, "times": 2, "skip": 1, "then": {"status": 503}}])).await;
    assert_eq!(statuses(&twice, 5).await, [Some(200), Some(503), Some(503), Some(200), Some(200)]);
}

#[tokio::test]
async fn a_fault_can_act_without_end() {
    let rehearsal = under(&json!([{"times": "always", "then": {"status": 500}}])).await;
    assert_eq!(statuses(&rehearsal, 20).await, [Some(500); 20]);
    let shown = rehearsal.control(Method::GET, "faults", Value::Null).await;
    assert_eq!((&shown["faults"][0]["seen"], &shown["faults"][0]["acted"]), (&json!(20), &json!(20)));
    rehearsal.control(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(statuses(&rehearsal, 1).await, [Some(200)]);
}

#[tokio::test]
async fn a_reset_brings_back_the_script_from_the_start() {
    let rehearsal = under(&json!([{"then": {"status": 500}}])).await;
    assert_eq!(statuses(&rehearsal, 2).await, [Some(500), Some(200)]);
    rehearsal.control(Method::POST, "reset", Value::Null).await;
    assert_eq!(statuses(&rehearsal, 2).await, [Some(500), Some(200)]);
}

#[tokio::test]
async fn a_path_pattern_stands_for_whole_segments() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    rehearsal.fault(json!({"path": "/v1/api-keys/*", "times": "always", "then": {"status": 418}})).await;
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{id}")).await.status, 418);
    assert_eq!(rehearsal.get(&format!("/v1/api-keys/{id}?x=y")).await.status, 418);
    assert_eq!(rehearsal.get("/v1/api-keys").await.status, 200);
    let reply = rehearsal.call(Method::POST, &format!("/v1/api-keys/{id}/rotate"), Value::Null).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn an_error_comes_in_any_envelope_that_was_seen() {
    let rehearsal = Rehearsal::start().await;
    let said = "Fault injected by the emulator";
    for (envelope, body) in [
        ("admin", json!({"success": false, "data": {"message": said, "errorCode": "AB03"}})),
        ("flat", json!({"errorCode": "AB03", "message": said})),
        ("error", json!({"error": {"message": said, "code": "AB03"}})),
        ("message", json!({"message": said})),
        (
            "gateway",
            json!({"status": "failure", "message": said, "error": {"message": said, "code": "AB03"}}),
        ),
    ] {
        rehearsal.fault(json!({"then": {"status": 403, "envelope": envelope}})).await;
        let reply = rehearsal.get("/v1/api-keys").await;
        assert_eq!((reply.status.as_u16(), reply.json), (403, body), "{envelope}");
    }
    rehearsal.fault(json!({"then": {"status": 502, "envelope": "html"}})).await;
    let reply = rehearsal.get("/v1/api-keys").await;
    assert!(reply.text.contains("<h1>502 Bad Gateway</h1>"), "{}", reply.text);
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    rehearsal.fault(json!({"then": {"status": 502, "envelope": "empty"}})).await;
    assert_eq!(rehearsal.get("/v1/api-keys").await.text, "");
}

#[tokio::test]
async fn every_code_of_the_reference_comes_with_its_status() {
    let rehearsal = Rehearsal::start().await;
    for (status, code) in [
        (400, "AB01"),
        (401, "AB05"),
        (402, "AB09"),
        (403, "AB03"),
        (404, "AB08"),
        (409, "AB07"),
        (429, "AB06"),
        (500, "AB04"),
    ] {
        rehearsal.fault(json!({"then": {"status": status}})).await;
        let reply = rehearsal.get("/v1/api-keys").await;
        assert_eq!((reply.status.as_u16(), &reply.json["data"]["errorCode"]), (status, &json!(code)));
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back_or_not() {
    let rehearsal = Rehearsal::start().await;
    for (retry_after, header) in [
        (json!(7), Some("7")),
        (json!("Tue, 24 Nov 2026 09:00:00 GMT"), Some("Tue, 24 Nov 2026 09:00:00 GMT")),
    ] {
        rehearsal.fault(json!({"then": {"status": 429, "retry_after": retry_after}})).await;
        let reply = rehearsal.get("/v1/api-keys").await;
        assert_eq!(reply.headers.get("retry-after").map(|value| value.to_str().unwrap()), header);
    }
    rehearsal.fault(json!({"then": {"status": 429}})).await;
    assert_eq!(rehearsal.get("/v1/api-keys").await.headers.get("retry-after"), None);
}

/// What a plain connection gets when it sends a request.
async fn exchange(rehearsal: &Rehearsal) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Write};

    let address = rehearsal.running.local_addr();
    let exchange = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /v1/api-keys HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        Ok(received)
    });
    exchange.await.unwrap()
}

#[tokio::test]
async fn a_connection_ends_in_order_or_by_a_reset() {
    let rehearsal = Rehearsal::start().await;
    for effect in ["drop_before", "drop_after"] {
        rehearsal.fault(json!({"then": {effect: true}})).await;
        assert_eq!(exchange(&rehearsal).await.unwrap(), b"", "{effect}");
    }
    for effect in ["reset_before", "reset_after"] {
        rehearsal.fault(json!({"then": {effect: true}})).await;
        let error = exchange(&rehearsal).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{effect}");
    }
}

#[tokio::test]
async fn a_reset_before_has_no_effect_and_a_reset_after_has_it() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/api-keys/workspace/service";
    for (effect, there) in [("reset_before", 0), ("reset_after", 1)] {
        rehearsal.fault(json!({"method": "POST", "then": {effect: true}})).await;
        let admin = rehearsal.running.admin_key();
        assert!(rehearsal.try_call(admin, Method::POST, path, plain()).await.is_err());
        let keys = names(&rehearsal.get("/v1/api-keys").await.json);
        assert_eq!(keys.iter().filter(|name| *name == "plain").count(), there, "{effect}");
    }
}

#[tokio::test]
async fn refused_connections_are_reset_before_anything_is_read() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"then": {"refuse_connections": 2}})).await;
    for _ in 0..3 {
        let error = exchange(&rehearsal).await.unwrap_err();
        let expected = [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe];
        assert!(expected.contains(&error.kind()), "{error}");
    }
    assert!(exchange(&rehearsal).await.unwrap().starts_with(b"HTTP/1.1 401"));
    let log = rehearsal.control(Method::GET, "requests", Value::Null).await;
    assert_eq!(log["total"], 2, "what was refused was never a request");
}

#[tokio::test]
async fn a_slow_body_comes_whole_and_late() {
    let rehearsal = Rehearsal::start().await;
    let whole = rehearsal.get("/v1/api-keys").await.text;
    rehearsal.fault(json!({"then": {"slow_body_ms": 50}})).await;
    let started = Instant::now();
    assert_eq!(rehearsal.get("/v1/api-keys").await.text, whole);
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_garbage_body_is_no_text_and_the_request_had_its_effect() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"method": "POST", "then": {"garbage_body": true}})).await;
    let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    assert_eq!((reply.status.as_u16(), reply.json), (200, Value::Null));
    assert!(reply.text.contains('\u{fffd}'), "{}", reply.text);
    assert!(names(&rehearsal.get("/v1/api-keys").await.json).contains(&"plain".to_owned()));
}

#[tokio::test]
async fn reads_are_stale_for_a_while_by_the_virtual_clock() {
    let rehearsal = Rehearsal::start().await;
    let (one, two) = (rehearsal.create_plain().await, rehearsal.create_plain().await);
    rehearsal.fault(json!({"method": "PUT", "then": {"stale_for": "30s"}})).await;
    rehearsal.put(&one, json!({"name": "first"})).await;
    rehearsal.put(&two, json!({"name": "second"})).await;
    for id in [&one, &two] {
        assert_eq!(rehearsal.read(id).await["name"], "plain", "both, and again and again");
    }
    assert!(!names(&rehearsal.get("/v1/api-keys").await.json).contains(&"first".to_owned()));
    rehearsal.advance("31s").await;
    assert_eq!(rehearsal.read(&one).await["name"], "first");
    assert_eq!(rehearsal.read(&two).await["name"], "second");
}

#[tokio::test]
async fn the_log_names_each_fault_that_fired() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.fault(json!({"name": "slow and broken", "then": {"delay_ms": 1, "status": 500}})).await;
    rehearsal.fault(json!({"then": {"hide_row": true}})).await;
    rehearsal.get("/v1/api-keys").await;
    let log = rehearsal.control(Method::GET, "requests", Value::Null).await;
    let expect = json!(["slow and broken: status", "slow and broken: delay_ms", "hide_row"]);
    assert_eq!(log["requests"][0]["faults"], expect);
}

#[test]
fn a_script_that_makes_no_sense_is_refused_with_the_number_of_the_fault() {
    for (script, reason) in [
        ("[{then: {status: 500}}, {then: {}}]", "fault 2: `then` names no effect"),
        ("[{then: {status: 500}, times: sometimes}]", "fault 1: `times` is neither a number nor `always`"),
        ("[{then: {status: 500}, times: 0}]", "fault 1: `times` is 0"),
        ("[{then: {status: 500}, probability: 20}]", "fault 1: `probability` 20 is not between 0 and 1"),
        ("[{then: {retry_after: 1}}]", "need a `status`"),
        ("[{then: {status: 429, retry_after: []}}]", "`retry_after` is neither"),
        ("[{then: {status: 500, body: {}, envelope: flat}}]", "exclude each other"),
        ("[{then: {stale_for: a while}}]", "no duration such as 30s: `a while`"),
        ("[{then: {status: 500, envelope: paper}}]", "unknown variant `paper`"),
        ("{seed: 1}", "missing field `faults`"),
        ("{faults: [], sead: 1}", "sead"),
        ("nonsense", "a list of faults, or an object with `faults`, is expected"),
        ("[", "the faults are not valid"),
    ] {
        let error = FaultScript::from_yaml_str(script).err().expect(script).to_string();
        assert!(error.contains(reason), "{script}: {error}");
    }
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
