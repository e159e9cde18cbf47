use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::test_server::{DATE, Server, Step, ok, refuse, say};
use super::super::transport::{Cut, LONGEST_ANSWER, read};
use super::super::{Effect, ErrorKind};
use super::*;
use crate::model::{KeyKind, WorkspaceId};

const API_KEY: &str = "hunter2hunter2hunter2";
const RECEIPT: &str = r#"{"id":"k2","key":"S3cretS3cretS3cret","object":"api-key"}"#;

fn settings(base_url: String) -> Settings {
    Settings {
        timeout: Duration::from_secs(5),
        retry_deadline: Duration::from_secs(5),
        max_attempts: 3,
        backoff_base: Duration::from_millis(1),
        ..Settings::new(base_url, Secret::new(API_KEY.to_owned()))
    }
}

async fn serve(script: Vec<Step>) -> (Server, Reader, Writer) {
    let server = Server::start(script).await;
    let (reader, writer) = connect(settings(format!("http://{}/v1", server.address))).unwrap();
    (server, reader, writer)
}

fn id() -> KeyId {
    KeyId::new("k1")
}

fn new_key() -> KeyCreate {
    KeyCreate {
        kind: KeyKind::WorkspaceUser,
        workspace_id: Some(WorkspaceId::new("ws-1")),
        user_id: None,
        fields: KeyUpdate { name: Some("n".to_owned()), ..KeyUpdate::default() },
    }
}

fn rename() -> KeyUpdate {
    KeyUpdate { name: Some("n".to_owned()), ..KeyUpdate::default() }
}

/// A body that is shorter than its header says.
fn cut_off() -> Step {
    Step::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"id\":\"k1\",".to_vec())
}

fn too_many(retry_after: &str) -> Step {
    say("429 Too Many Requests", &format!("retry-after: {retry_after}\r\n"), "")
}

// Requests.

#[tokio::test]
async fn a_list_asks_for_the_longest_page_and_shows_who_asks() {
    let (server, reader, _) =
        serve(vec![ok(r#"{"object":"list","total":201,"data":[{"id":"k1","key":"abcdefghxyz"}]}"#)]).await;
    let page = reader.list_keys(2).await.unwrap();
    assert_eq!((page.rows.len(), page.total), (1, Some(201)));
    assert_eq!(page.rows[0].mask.as_ref().unwrap().as_str(), "ab*****xyz");
    assert_eq!(page.answered_at.unwrap().to_string(), "2026-11-22T10:04:00Z");
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /v1/api-keys?page_size=100&current_page=2 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nx-portkey-api-key: {API_KEY}\r\n")), "{request}");
    assert!(request.contains("\r\nuser-agent: portkey-sync/"), "{request}");
    assert!(request.contains("\r\naccept-encoding: gzip\r\n"), "{request}");
}

#[tokio::test]
async fn each_read_has_its_own_path_and_parameters() {
    let empty = || ok(r#"{"data":[]}"#);
    let (server, reader, _) =
        serve(vec![ok(r#"{"id":"k1"}"#), empty(), empty(), empty(), empty(), empty()]).await;
    reader.get_key(&id()).await.unwrap();
    reader.list_workspaces(0).await.unwrap();
    reader.list_users(1).await.unwrap();
    assert_eq!(reader.find_user("a+b@example.com").await.unwrap(), None);
    reader.list_configs(None).await.unwrap();
    reader.list_configs(Some("ws-1")).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "GET /v1/api-keys/k1",
            "GET /v1/admin/workspaces?page_size=100&current_page=0&status=active%2Carchived",
            "GET /v1/admin/users?pageSize=100&currentPage=1",
            "GET /v1/admin/users?pageSize=100&currentPage=0&email=a%2Bb%40example.com",
            "GET /v1/configs",
            "GET /v1/configs?workspace_id=ws-1",
        ]
    );
}

#[tokio::test]
async fn each_write_has_its_own_method_path_and_body() {
    let (server, _, writer) = serve(vec![ok(RECEIPT), ok("{}"), ok("{}"), ok(RECEIPT), ok(RECEIPT)]).await;
    writer.create_key(&new_key()).await.unwrap();
    writer.update_key(&id(), &rename()).await.unwrap();
    writer.delete_key(&id()).await.unwrap();
    writer.rotate_key(&id(), None).await.unwrap();
    writer.rotate_key(&id(), Some(3_600_000)).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "POST /v1/api-keys/workspace/user",
            "PUT /v1/api-keys/k1",
            "DELETE /v1/api-keys/k1",
            "POST /v1/api-keys/k1/rotate",
            "POST /v1/api-keys/k1/rotate",
        ]
    );
    let bodies: Vec<String> =
        server.requests().iter().map(|r| r.split_once("\r\n\r\n").unwrap().1.to_owned()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"workspace_id":"ws-1","name":"n"}"#,
            r#"{"name":"n"}"#,
            "",
            "{}",
            r#"{"key_transition_period_ms":3600000}"#
        ]
    );
}

#[tokio::test]
async fn a_user_is_found_even_if_the_service_does_not_filter() {
    let everybody =
        r#"{"total":2,"data":[{"id":"u1","email":"a@example.com"},{"id":"u2","email":"B@Example.com"}]}"#;
    let (_server, reader, _) = serve(vec![ok(everybody), ok(everybody)]).await;
    assert_eq!(reader.find_user("b@example.com").await.unwrap().unwrap().id.as_str(), "u2");
    assert_eq!(reader.find_user("c@example.com").await.unwrap(), None);
}

#[tokio::test]
async fn an_id_cannot_reach_beyond_its_place_in_the_path() {
    let (server, _, writer) = serve(vec![ok("{}")]).await;
    writer.delete_key(&KeyId::new("../configs?x=1#é")).await.unwrap();
    assert_eq!(server.lines(), ["DELETE /v1/api-keys/..%2Fconfigs%3Fx%3D1%23%C3%A9"]);
    for text in ["", ".", ".."] {
        let error = writer.delete_key(&KeyId::new(text)).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::NotSent { .. }), "{error}");
        assert_eq!((error.attempts, error.effect()), (0, Effect::None));
    }
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn the_answer_for_another_key_is_refused() {
    let (_server, reader, _) = serve(vec![ok(r#"{"id":"k9"}"#)]).await;
    let error = reader.get_key(&id()).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /api-keys/k1 answered 200, but it is another key (1 attempt)");
}

// Receipts.

#[tokio::test]
async fn a_receipt_yields_the_secret_once_and_shows_it_nowhere() {
    let rotated =
        r#"{"id":"k1","key":"S3cretS3cretS3cret","key_transition_expires_at":"2026-11-23T10:04:00.000Z"}"#;
    let (_server, _, writer) = serve(vec![ok(RECEIPT), ok(rotated)]).await;
    let created = writer.create_key(&new_key()).await.unwrap();
    assert_eq!((created.id.as_str(), created.secret.expose()), ("k2", "S3cretS3cretS3cret"));
    assert_eq!(created.answered_at.unwrap().to_string(), "2026-11-22T10:04:00Z");
    assert!(!format!("{created:?}").contains("S3cret"));
    let rotated = writer.rotate_key(&id(), None).await.unwrap();
    assert_eq!(rotated.previous_expires_at.unwrap().to_string(), "2026-11-23T10:04:00Z");
    assert!(!format!("{rotated:?}").contains("S3cret"));
}

#[tokio::test]
async fn a_secret_that_came_is_kept_whatever_else_is_wrong_with_the_receipt() {
    for body in [
        r#"{"key":"S3cret"}"#,
        r#"{"key":"S3cret","id":7,"key_transition_expires_at":"soon"}"#,
        r#"{"key":"S3cret","error":"partly","success":false}"#,
    ] {
        let (_server, _, writer) = serve(vec![ok(body)]).await;
        let rotated = writer.rotate_key(&id(), None).await.unwrap();
        assert_eq!((rotated.id, rotated.secret.expose()), (id(), "S3cret"), "{body}");
        assert_eq!(rotated.previous_expires_at, None);
    }
}

#[tokio::test]
async fn a_receipt_without_a_usable_secret_is_an_unknown_outcome_and_is_not_repeated() {
    for (body, problem) in [
        ("{}", "the receipt's `key` is missing"),
        (r#"{"id":"k","key":""}"#, "the receipt's `key` is empty"),
        (r#"{"id":"k","key":"ab*****xyz"}"#, "the receipt's `key` is masked"),
        (r#"{"id":"k","key":{"S3cret":1}}"#, "the receipt's `key` is not text"),
        (r#"{"key":"S3cret"}"#, "the receipt has no `id`"),
        (r#"["S3cret"]"#, "the receipt is no object"),
        (r#"{"id":"k","key":"S3cret"#, "the answer was cut off"),
        ("S3cret", "the answer is not JSON"),
        ("", "the answer is empty"),
        ("<html>S3cret</html>", "the answer is an HTML page"),
    ] {
        let (server, _, writer) = serve(vec![ok(body), ok(RECEIPT)]).await;
        let error = writer.create_key(&new_key()).await.unwrap_err();
        let shown = format!("POST /api-keys/workspace/user answered 200, but {problem} (1 attempt)");
        assert_eq!(error.to_string(), shown);
        assert_eq!(error.effect(), Effect::Unknown);
        assert!(!format!("{error:?}").contains("S3cret"));
        assert_eq!(server.lines().len(), 1);
    }
}

// Retries.

#[tokio::test]
async fn a_read_is_repeated_through_every_passing_trouble() {
    for trouble in [
        || Step::Close,
        cut_off,
        || ok("{\"data\":["),
        || ok("<html>"),
        || ok(""),
        || say("500 Internal Server Error", "", ""),
        || say("502 Bad Gateway", "", "<html>"),
        || say("503 Service Unavailable", "retry-after: 0\r\n", ""),
        || too_many("0"),
    ] {
        let (server, reader, _) = serve(vec![trouble(), trouble(), ok(r#"{"data":[]}"#)]).await;
        assert_eq!(reader.list_keys(0).await.unwrap().rows, []);
        assert_eq!(server.lines().len(), 3);
    }
}

#[tokio::test]
async fn a_read_gives_up_after_the_last_attempt_and_counts_them() {
    let fail = || refuse("500 Internal Server Error", "AB04");
    let (server, reader, _) = serve(vec![fail(), fail(), fail(), ok("{}")]).await;
    let error = reader.get_key(&id()).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /api-keys/k1 answered 500 AB04 \"no\" (3 attempts)");
    assert_eq!((error.attempts, error.effect()), (3, Effect::None));
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_refusal_and_a_malformed_answer_are_not_repeated() {
    for step in [
        refuse("403 Forbidden", "AB03"),
        refuse("404 Not Found", "AB08"),
        refuse("501 Not Implemented", "AB04"),
        ok("[]"),
    ] {
        let (server, reader, _) = serve(vec![step, ok("{}")]).await;
        assert_eq!(reader.get_key(&id()).await.unwrap_err().attempts, 1);
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_create_of_unknown_outcome_is_sent_once() {
    for trouble in [
        Step::Close,
        cut_off(),
        say("502 Bad Gateway", "", ""),
        say("503 Service Unavailable", "retry-after: 0\r\n", ""),
    ] {
        let (server, _, writer) = serve(vec![trouble, ok(RECEIPT)]).await;
        let error = writer.create_key(&new_key()).await.unwrap_err();
        assert_eq!((error.attempts, error.effect()), (1, Effect::Unknown), "{error}");
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_given_up_in_time() {
    let server = Server::start(vec![Step::Stall, Step::Stall, Step::Stall, Step::Stall]).await;
    let settings = settings(format!("http://{}/v1", server.address));
    let (reader, writer) = connect(Settings { timeout: Duration::from_millis(10), ..settings }).unwrap();
    let error = writer.create_key(&new_key()).await.unwrap_err();
    let shown = "POST /api-keys/workspace/user had no answer within 0.01 s (1 attempt)";
    assert_eq!(error.to_string(), shown);
    assert_eq!(error.effect(), Effect::Unknown);
    let error = reader.get_key(&id()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TimedOut { .. }), "{error}");
    assert_eq!((error.attempts, error.effect()), (3, Effect::None));
}

#[tokio::test]
async fn a_create_that_was_one_too_many_is_sent_again() {
    let (server, _, writer) = serve(vec![too_many("0"), too_many("0"), ok(RECEIPT)]).await;
    assert_eq!(writer.create_key(&new_key()).await.unwrap().attempts, 3);
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_call_that_reaches_nobody_is_tried_again_and_had_no_effect() {
    let (_server, _, writer) = serve(vec![]).await;
    let error = writer.create_key(&new_key()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NotReached { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!((error.attempts, error.effect()), (3, Effect::None));
}

#[tokio::test]
async fn an_update_is_repeated_and_an_earlier_unknown_outcome_is_not_forgotten() {
    let (_server, _, writer) = serve(vec![cut_off(), Step::Close, ok("{}")]).await;
    assert_eq!(writer.update_key(&id(), &rename()).await.unwrap().attempts, 3);
    let (_server, _, writer) = serve(vec![Step::Close, refuse("403 Forbidden", "AB03")]).await;
    let error = writer.update_key(&id(), &rename()).await.unwrap_err();
    assert_eq!((error.status(), error.effect()), (Some(403), Effect::Unknown));
    let (_server, _, writer) = serve(vec![refuse("403 Forbidden", "AB03")]).await;
    assert_eq!(writer.update_key(&id(), &rename()).await.unwrap_err().effect(), Effect::None);
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_is_done_when_nothing_is_found_any_more() {
    let (_server, _, writer) = serve(vec![Step::Close, refuse("404 Not Found", "AB08")]).await;
    assert_eq!(writer.delete_key(&id()).await.unwrap().attempts, 2);
    let (_server, _, writer) = serve(vec![too_many("0"), refuse("404 Not Found", "AB08")]).await;
    let error = writer.delete_key(&id()).await.unwrap_err();
    assert_eq!((error.status(), error.effect()), (Some(404), Effect::None));
    // 403 may mean that it is gone, and may mean something else.
    let (_server, _, writer) = serve(vec![Step::Close, refuse("403 Forbidden", "AB03")]).await;
    assert_eq!(writer.delete_key(&id()).await.unwrap_err().effect(), Effect::Unknown);
}

#[tokio::test]
async fn an_update_that_is_answered_with_nothing_at_all_is_done() {
    let (_server, _, writer) = serve(vec![ok(""), say("204 No Content", "", "")]).await;
    writer.update_key(&id(), &rename()).await.unwrap();
    writer.delete_key(&id()).await.unwrap();
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_taken_for_a_success() {
    let login = || say("200 OK", "content-type: text/html\r\n", "<!doctype html><p>Log in");
    let (_server, _, writer) = serve(vec![login(), login(), login()]).await;
    let error = writer.update_key(&id(), &rename()).await.unwrap_err();
    let shown = "PUT /api-keys/k1 answered 200, but the answer is an HTML page (3 attempts)";
    assert_eq!(error.to_string(), shown);
    assert_eq!(error.effect(), Effect::Unknown);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun_and_holds_everybody_back() {
    let (server, reader, writer) = serve(vec![too_many("3600"), ok("{}")]).await;
    let begun = Instant::now();
    let error = reader.get_key(&id()).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /api-keys/k1 answered 429, asking to wait 3600 s (1 attempt)");
    let error = writer.delete_key(&id()).await.unwrap_err();
    assert!(error.to_string().starts_with("DELETE /api-keys/k1 was not sent: the service asked"), "{error}");
    assert_eq!((error.attempts, error.effect()), (0, Effect::None));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn retry_after_may_be_a_date_on_the_services_own_clock() {
    let (_server, reader, _) = serve(vec![too_many(DATE), ok(r#"{"id":"k1"}"#)]).await;
    reader.get_key(&id()).await.unwrap();
    let (_server, reader, _) = serve(vec![too_many("Sun, 22 Nov 2026 11:04:00 GMT")]).await;
    let error = reader.get_key(&id()).await.unwrap_err();
    assert!(error.to_string().contains("asking to wait 3600 s"), "{error}");
}

#[tokio::test]
async fn too_many_requests_are_borne_until_the_deadline_not_until_a_number_of_attempts() {
    let script = (0..6).map(|_| too_many("0")).chain([ok(r#"{"id":"k1"}"#)]).collect();
    let (server, reader, _) = serve(script).await;
    reader.get_key(&id()).await.unwrap();
    assert_eq!(server.lines().len(), 7);
}

// Answers.

#[tokio::test]
async fn a_success_that_says_it_failed_is_a_failure() {
    let (_server, _, writer) =
        serve(vec![ok(r#"{"success":false,"data":{"message":"no","errorCode":"AB01"}}"#)]).await;
    let error = writer.update_key(&id(), &rename()).await.unwrap_err();
    assert_eq!(error.to_string(), "PUT /api-keys/k1 answered 200 AB01 \"no\" (1 attempt)");
    assert_eq!(error.effect(), Effect::Unknown);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_the_other_host_only() {
    let (other, _, _) = serve(vec![ok(r#"{"id":"k1"}"#)]).await;
    let location = format!("location: http://{}/v1/api-keys/k1?token=abc\r\n", other.address);
    let (_server, reader, _) = serve(vec![say("307 Temporary Redirect", &location, "")]).await;
    let error = reader.get_key(&id()).await.unwrap_err();
    let shown = format!("GET /api-keys/k1 answered 307, a redirect to http://{} (1 attempt)", other.address);
    assert_eq!(error.to_string(), shown);
    assert_eq!(other.lines().len(), 0);
}

#[tokio::test]
async fn a_compressed_answer_is_read_and_a_cut_one_is_not() {
    // `{"id":"k1"}`, by gzip -n.
    let body = [
        31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 171, 86, 202, 76, 81, 178, 82, 202, 54, 84, 170, 5, 0, 22, 234, 7,
        95, 11, 0, 0, 0,
    ];
    let answer = |body: &[u8]| {
        let mut bytes = Vec::new();
        write!(bytes, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len())
            .unwrap();
        bytes.extend_from_slice(body);
        Step::Say(bytes)
    };
    let (server, reader, _) = serve(vec![answer(&body[..15]), answer(&body)]).await;
    reader.get_key(&id()).await.unwrap();
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn an_answer_is_read_into_room_of_its_length_and_one_that_names_none_comes_in_whole() {
    let body = "0123456789".repeat(30_000);
    let unnamed = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes();
    let server = Server::start(vec![ok(&body), Step::Say(unnamed), ok(&body)]).await;
    let get = || reqwest::get(format!("http://{}/", server.address));
    // A vector that had to grow would have left a copy behind, and more room than was asked for.
    let exact = read(get().await.unwrap(), LONGEST_ANSWER).await.ok().unwrap();
    assert_eq!((exact.as_slice(), exact.capacity()), (body.as_bytes(), body.len()));
    let grown = read(get().await.unwrap(), LONGEST_ANSWER).await.ok().unwrap();
    assert!(grown.as_slice() == body.as_bytes());
    assert!(matches!(read(get().await.unwrap(), body.len() - 1).await, Err(Cut::TooLong)));
}

#[tokio::test]
async fn an_error_names_the_page_the_row_and_the_field() {
    let (_server, reader, _) = serve(vec![ok(r#"{"data":[{"id":"k1"},{"id":"k2","scopes":"all"}]}"#)]).await;
    let error = reader.list_keys(3).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /api-keys?page_size=100&current_page=3 answered 200, but page 3 is malformed: \
         row 1: `scopes` is \"all\", not a list (1 attempt)"
    );
}

#[tokio::test]
async fn the_clock_starts_with_the_first_answer_be_it_a_refusal() {
    let (_server, reader, _) = serve(vec![refuse("403 Forbidden", "AB03")]).await;
    assert!(reader.clock().is_none());
    reader.get_key(&id()).await.unwrap_err();
    let now = reader.clock().unwrap().now();
    assert_eq!(now.strftime("%Y-%m-%dT%H:%M").to_string(), "2026-11-22T10:04");
}

// Connecting.

#[test]
fn plain_http_to_another_machine_is_refused() {
    let error = connect(settings("http://portkey.example/v1".to_owned())).unwrap_err();
    assert_eq!(error.to_string(), "refusing to send the API key to `portkey.example` over plain HTTP");
    assert!(error.hint().unwrap().contains("https"));
}

#[test]
fn a_key_that_no_header_can_hold_is_refused_without_showing_it() {
    let settings = Settings::new("https://api.portkey.ai/v1", Secret::new("hunter2\r\nx-evil: 1".to_owned()));
    let error = connect(settings).unwrap_err();
    assert_eq!(error.to_string(), "the API key has more than one line");
}

/// Two authorities that vouch for nobody.
const AUTHORITIES: &str = include_str!("test_authorities.pem");

fn bundle(text: &str) -> (tempfile::NamedTempFile, Option<PathBuf>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_owned();
    (file, Some(path))
}

#[test]
fn a_ca_bundle_that_holds_no_certificate_is_refused_by_name() {
    let with =
        |ca_bundle| connect(Settings { ca_bundle, ..settings("https://portkey.example/v1".to_owned()) });
    let (_file, several) = bundle(AUTHORITIES);
    with(several).unwrap();
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let (file, path) = bundle(text);
        let error = with(path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the CA bundle `{}` ", file.path().display())), "{error}");
    }
    let error = with(Some(PathBuf::from("/nowhere/ca.pem"))).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the CA bundle `/nowhere/ca.pem`");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_tried_again() {
    let server = Server::start(vec![say("400 Bad Request", "", "")]).await;
    let (_file, ca_bundle) = bundle(AUTHORITIES);
    let settings = Settings { ca_bundle, ..settings(format!("https://{}/v1", server.address)) };
    let (_, writer) = connect(settings).unwrap();
    let error = writer.create_key(&new_key()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Untrusted { .. }), "{error}");
    assert_eq!((error.attempts, error.effect()), (1, Effect::None));
}

// Secrets.

#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_and_no_error_holds_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    // With one subscriber alone, tracing asks only the thread that comes by a log line first, and that
    // may be another test's: then the line is off for everybody.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let echo = format!(r#"{{"message":"the key {API_KEY} may not"}}"#);
    let (_server, reader, writer) = serve(vec![
        too_many("0"),
        ok(RECEIPT),
        say("403 Forbidden", "", &echo),
        ok(r#"{"id":"k1","key":"S3cretS3cretS3cret","scopes":3}"#),
    ])
    .await;
    writer.create_key(&new_key()).await.unwrap();
    let refused = writer.rotate_key(&id(), None).await.unwrap_err();
    let malformed = reader.get_key(&id()).await.unwrap_err();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("trying again") && log.contains("status=200"), "{log}");
    for shown in [log, format!("{refused} {refused:?}"), format!("{malformed} {malformed:?} {writer:?}")] {
        assert!(!shown.contains("S3cret") && !shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_refusal_that_goes_on_and_on_is_reported_without_its_text() {
    let mut endless = b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec();
    endless.resize(200_000, b'x');
    let (_server, _, writer) = serve(vec![Step::Say(endless)]).await;
    let error = writer.create_key(&new_key()).await.unwrap_err();
    assert_eq!(error.to_string(), "POST /api-keys/workspace/user answered 500 (1 attempt)");
    assert_eq!(error.effect(), Effect::Unknown);
}
