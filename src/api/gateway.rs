//! Portkey's data plane, asked for one thing: whether it takes a secret.

use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::settings::{Base, ConnectError, key_header};
use super::transport::client;
use crate::model::Secret;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: Client,
    base: Base,
}

/// What the gateway says of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It knows it: 200, 403 for a missing scope, or 412 for an exhausted budget (portkey-api.md 6).
    Works,
    /// 401: it does not know it, or not yet.
    Rejected {
        /// The answer, in short.
        what: String,
    },
    /// Anything else.
    Unclear {
        /// The answer, in short.
        what: String,
    },
}

impl Gateway {
    /// Builds the client. Nothing is sent yet.
    pub fn connect(url: &str, ca_bundle: Option<&Path>, timeout: Duration) -> Result<Self, ConnectError> {
        let base = Base::parse(url)?;
        let client = client(&base, ca_bundle, timeout, timeout)?;
        Ok(Self { client, base })
    }

    /// Asks once, with a request that costs nothing and that each kind of key may make or is told it may not.
    pub async fn prove(&self, secret: &Secret) -> Proof {
        let Ok(header) = key_header(secret) else {
            return Proof::Unclear { what: "the secret cannot stand in a header".to_owned() };
        };
        let url = format!("{}/models", self.base.url.as_str().trim_end_matches('/'));
        let mut answer = match self.client.get(url).header("x-portkey-api-key", header).send().await {
            Ok(answer) => answer,
            Err(error) => return Proof::Unclear { what: error.without_url().to_string() },
        };
        let status = answer.status();
        let mut body = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            body.extend_from_slice(&part);
            if body.len() > LONGEST_ANSWER {
                break;
            }
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_missing_scope = error.pointer("/error/code").is_some_and(|code| {
            code.as_str() == Some("033") || code.as_str() == Some("33") || code.as_i64() == Some(33)
        });
        let what = format!("it answered {}", status.as_u16());
        match status.as_u16() {
            200 | 412 => Proof::Works,
            403 if is_missing_scope => Proof::Works,
            401 => Proof::Rejected { what },
            _ => Proof::Unclear { what },
        }
    }
}
