//! Portkey's data plane, asked one thing only: whether a delivered secret works.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::envelope::{LooseText, is_refusal, refusal};
use super::settings::{Base, ConnectError, key_header};
use super::transport::{KEY_HEADER, LONGEST_ANSWER, client, read, reason};
use crate::model::Secret;

/// The gateway's code for a key that is known and lacks a scope (portkey-api.md 6).
const MISSING_SCOPE: &str = "033";

/// The data plane, which takes the secrets of the keys themselves.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    base: Base,
}

/// What a secret turned out to be. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The gateway knows it.
    Works,
    /// The gateway does not know it: not yet, or it is wrong. Asking again may help.
    Rejected {
        /// What the gateway said.
        what: String,
    },
    /// Nothing can be said.
    Unclear {
        /// Why.
        what: String,
    },
}

impl Gateway {
    /// Builds the client. Nothing is sent yet.
    pub fn connect(
        url: &str,
        ca_bundle: Option<&Path>,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let base = Base::parse(url)?;
        let client = client(&base, ca_bundle, connect_timeout, timeout)?;
        Ok(Self { client, base })
    }

    /// Asks for the models with this secret, once.
    pub async fn prove(&self, secret: &Secret) -> Proof {
        let unclear = |what: String| Proof::Unclear { what };
        let key = match key_header(secret) {
            Ok(key) => key,
            Err(error) => return unclear(error.to_string()),
        };
        let mut url = self.base.url.clone();
        url.set_path(&format!("{}/models", url.path().trim_end_matches('/')));
        let response = match self.client.get(url).header(KEY_HEADER, key).send().await {
            Ok(response) => response,
            Err(error) => return unclear(format!("no answer: {}", reason(&error))),
        };
        let status = response.status().as_u16();
        let body = read(response, LONGEST_ANSWER).await.ok();
        let said = refusal(body.as_deref().map_or(&[], Vec::as_slice), LooseText::Shown, secret.expose());
        let code = said.vendor_code.as_deref();
        let what = [Some(status.to_string()), said.vendor_code.clone(), said.message];
        let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
        match status {
            200 if body.is_none() => unclear("200, and the answer was cut off".to_owned()),
            // A page of whatever stands in between is no answer of the gateway.
            200 => match serde_json::from_slice::<Value>(&body.unwrap_or_default()) {
                Ok(json) if !is_refusal(&json) => Proof::Works,
                _ => unclear("200, and the answer is no list of models".to_owned()),
            },
            // A spent budget is looked at after the key.
            412 => Proof::Works,
            403 if code == Some(MISSING_SCOPE) => Proof::Works,
            401 => Proof::Rejected { what },
            _ => unclear(what),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("base", &self.base.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_server::{Server, Step, ok, say};
    use super::*;

    const SECRET: &str = "hunter2hunter2hunter2";

    async fn prove(step: Step) -> Proof {
        let server = Server::start(vec![step]).await;
        let limit = Duration::from_secs(5);
        let gateway = Gateway::connect(&format!("http://{}/v1", server.address), None, limit, limit).unwrap();
        let proof = gateway.prove(&Secret::new(SECRET.to_owned())).await;
        assert_eq!(server.lines(), ["GET /v1/models"]);
        assert!(server.requests()[0].contains(&format!("x-portkey-api-key: {SECRET}\r\n")));
        proof
    }

    fn gateway_says(status: &str, code: &str) -> Step {
        say(
            status,
            "",
            &format!(r#"{{"status":"failure","error":{{"message":"no {SECRET}","code":"{code}"}}}}"#),
        )
    }

    #[tokio::test]
    async fn a_key_that_the_gateway_knows_works() {
        assert_eq!(prove(ok(r#"{"object":"list","data":[]}"#)).await, Proof::Works);
        assert_eq!(prove(gateway_says("403 Forbidden", "033")).await, Proof::Works);
        assert_eq!(prove(gateway_says("412 Precondition Failed", "04")).await, Proof::Works);
    }

    #[tokio::test]
    async fn an_unknown_key_is_rejected_without_being_shown() {
        let what = "401 03 no [the API key]".to_owned();
        assert_eq!(prove(gateway_says("401 Unauthorized", "03")).await, Proof::Rejected { what });
    }

    #[tokio::test]
    async fn anything_else_is_unclear() {
        for step in [
            gateway_says("403 Forbidden", "99"),
            say("403 Forbidden", "", "<html>"),
            gateway_says("429 Too Many Requests", "05"),
            say("500 Internal Server Error", "", ""),
            say("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n", ""),
            ok("<html>"),
            Step::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{}".to_vec()),
            Step::Close,
        ] {
            assert!(matches!(prove(step).await, Proof::Unclear { .. }));
        }
    }
}
