//! A started emulator and a client of it.

use std::sync::atomic::{AtomicBool, Ordering};

use portkey_sync::emulator::{self, Options, Running, Seed};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::contract;

pub(crate) const SEED: &str = r#"
organisation: {name: Acme}
clock: 2026-11-23T09:00:00Z
workspaces:
  - {slug: ws-prod-1a2b3c, name: Production}
  - {slug: ws-res-77c0de, name: Research}
  - {slug: ws-old-000000, name: Old, status: archived}
users:
  - {email: ada@example.com, first_name: Ada, role: owner}
  - {email: bob@example.com}
configs:
  - {slug: pc-routing-9f8e, workspace: ws-prod-1a2b3c, config: {retry: {attempts: 2}}}
  - {slug: pc-research-11, workspace: ws-res-77c0de}
keys:
  - {name: root, type: organisation-service, admin: true, scopes: &admin [
      organisation_service_api_keys.create, organisation_service_api_keys.list, organisation_service_api_keys.read,
      organisation_service_api_keys.update, organisation_service_api_keys.delete, organisation_service_api_keys.rotate,
      workspace_service_api_keys.create, workspace_service_api_keys.list, workspace_service_api_keys.read,
      workspace_service_api_keys.update, workspace_service_api_keys.delete, workspace_service_api_keys.rotate,
      workspace_user_api_keys.create, workspace_user_api_keys.list, workspace_user_api_keys.read,
      workspace_user_api_keys.update, workspace_user_api_keys.delete, workspace_user_api_keys.rotate,
      workspaces.create, workspaces.read, workspaces.update, workspaces.delete, workspaces.list, workspace_users.list,
      organisation_users.create, organisation_users.list, organisation_users.read, organisation_users.update,
      organisation_users.delete, configs.create, configs.list, configs.read, configs.update, configs.delete, audit_logs.list]}
  - {name: manager, type: workspace-service, workspace: ws-prod-1a2b3c, secret: managers-secret-00000000mgr,
     scopes: [workspace_service_api_keys.create, workspace_service_api_keys.list, workspace_service_api_keys.read,
       workspace_service_api_keys.update, workspace_service_api_keys.delete, workspaces.list, configs.list]}
  - {name: checkout, type: workspace-service, workspace: ws-prod-1a2b3c, secret: sEcheckout-secret-000000s3BM,
     scopes: [completions.write], description: ""}
  - {name: research, type: workspace-service, workspace: ws-res-77c0de, scopes: [logs.view]}
  - {name: default_user_key, type: workspace-user, workspace: ws-prod-1a2b3c, user: bob@example.com,
     creation_mode: auto, scopes: [completions.write]}
  - {name: spent, type: workspace-service, workspace: ws-prod-1a2b3c, secret: spent-secret-00000000000spt,
     scopes: [completions.write], usage_limits: {credit_limit: 10, alert_threshold: 8}, usage: 10}
"#;

/// An emulator and somebody who calls it, who holds each answer against the OpenAPI document.
pub(crate) struct Rehearsal {
    pub(crate) running: Running,
    client: Client,
    /// Faults were asked for: what is answered need not be what the emulator says by itself.
    faulty: AtomicBool,
}

/// Status, body as JSON (null if it is none), body as text, and headers.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
    pub(crate) text: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Rehearsal {
    pub(crate) async fn start() -> Self {
        Self::of(SEED).await
    }

    pub(crate) async fn of(seed: &str) -> Self {
        Self::with(Options { seed: Some(Seed::from_yaml_str(seed).unwrap()), ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        // Fails if another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let running = emulator::start(options).await.unwrap();
        Self {
            running,
            client: Client::builder().no_proxy().build().unwrap(),
            faulty: AtomicBool::new(false),
        }
    }

    pub(crate) async fn try_call(
        &self,
        secret: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> reqwest::Result<Reply> {
        let url = format!("http://{}{path}", self.running.local_addr());
        let mut request = self.client.request(method.clone(), url);
        if !secret.is_empty() {
            request = request.header("x-portkey-api-key", secret);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        if !self.faulty.load(Ordering::Relaxed) {
            contract::assert_kept(&method, path, status, &headers, &text);
        }
        Ok(Reply { status, json: serde_json::from_str(&text).unwrap_or_default(), text, headers })
    }

    pub(crate) async fn call_as(&self, secret: &str, method: Method, path: &str, body: Value) -> Reply {
        self.try_call(secret, method, path, body).await.unwrap()
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Reply {
        self.call_as(self.running.admin_key(), method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, Value::Null).await
    }

    /// Creates a key and returns its id and secret.
    pub(crate) async fn create(&self, body: Value) -> (String, String) {
        let reply = self.call(Method::POST, "/v1/api-keys/workspace/service", body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        (text(&reply.json["id"]), text(&reply.json["key"]))
    }

    /// A key with nothing but a name and a scope.
    pub(crate) async fn create_plain(&self) -> String {
        self.create(plain()).await.0
    }

    pub(crate) async fn put(&self, id: &str, body: Value) {
        let reply = self.call(Method::PUT, &format!("/v1/api-keys/{id}"), body).await;
        assert_eq!((reply.status, reply.json), (StatusCode::OK, json!({})));
    }

    pub(crate) async fn refuses_put(&self, id: &str, body: Value) {
        let reply = self.call(Method::PUT, &format!("/v1/api-keys/{id}"), body.clone()).await;
        assert_envelope(&reply, 400, "AB01", &body.to_string());
    }

    pub(crate) async fn read(&self, id: &str) -> Value {
        let reply = self.get(&format!("/v1/api-keys/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json
    }

    pub(crate) async fn id_of(&self, name: &str) -> String {
        let rows = self.get("/v1/api-keys").await.json;
        let rows = rows["data"].as_array().unwrap();
        text(&rows.iter().find(|row| row["name"] == name).unwrap()["id"])
    }

    pub(crate) async fn workspace_uuid(&self, name: &str) -> String {
        text(&self.get(&format!("/v1/admin/workspaces?exact_name={name}")).await.json["data"][0]["id"])
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let reply = self.call_as("", method, &format!("/_emulator/{path}"), body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json
    }

    pub(crate) async fn advance(&self, by: &str) {
        self.control(Method::POST, "clock", json!({"advance": by})).await;
    }

    /// From here on, answers may be what the OpenAPI document does not say.
    pub(crate) fn expect_breaches(&self) {
        self.faulty.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.expect_breaches();
        self.control(Method::POST, "faults", json!([fault])).await;
    }

    pub(crate) async fn models(&self, secret: &str) -> u16 {
        self.call_as(secret, Method::GET, "/v1/models", Value::Null).await.status.as_u16()
    }
}

pub(crate) fn plain() -> Value {
    json!({"name": "plain", "workspace_id": "ws-prod-1a2b3c", "scopes": ["completions.write"]})
}

pub(crate) fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// As lists and reads show a secret: 2 characters, 5 asterisks, 3 characters.
pub(crate) fn mask(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    let (head, tail) = (&characters[..2], &characters[characters.len() - 3..]);
    head.iter().chain(&['*'; 5]).chain(tail).collect()
}

pub(crate) fn names(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|row| text(&row["name"])).collect()
}

pub(crate) fn assert_envelope(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text);
    assert_eq!(reply.json["success"], false, "{what}");
    assert_eq!(reply.json["data"]["errorCode"], code, "{what}");
    assert!(reply.json["data"]["message"].is_string(), "{what}");
}
