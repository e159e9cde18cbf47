//! A request as the routes see it, and what they answer.

use axum::{
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header, request::Parts},
    response::Response,
};
use serde_json::{Map, Value, json};

/// Far more than any body that Portkey takes.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// One request, read to its end.
pub(super) struct Call {
    pub(super) method: Method,
    /// The path without its query.
    pub(super) path: String,
    /// Path and query, as the request log shows it.
    pub(super) target: String,
    query: Vec<(String, String)>,
    /// The secret in `x-portkey-api-key`.
    pub(super) secret: Option<String>,
    /// There is an `x-portkey-config`.
    pub(super) overrides_config: bool,
    body: Bytes,
}

impl Call {
    pub(super) async fn read(request: Request<Body>) -> Result<Self, axum::Error> {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST_BODY).await?;
        let secret =
            headers.get("x-portkey-api-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self {
            method,
            path: uri.path().to_owned(),
            target: uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string),
            query: read_query(&uri),
            secret,
            overrides_config: headers.contains_key("x-portkey-config"),
            body,
        })
    }

    /// The last value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::invalid("the body is no JSON object"))
    }

    /// The body as a value of the emulator's own control routes.
    pub(super) fn control<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

fn read_query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// An answer before it becomes bytes.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content: Content,
}

/// The body of an answer.
pub(super) enum Content {
    Json(Value),
    Text {
        content_type: HeaderValue,
        text: String,
    },
    /// Said to be JSON.
    Bytes(&'static [u8]),
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(super) fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(body) }
    }

    /// The code in the envelope of an error.
    pub(super) fn code(&self) -> Option<&str> {
        let Content::Json(body) = &self.content else { return None };
        let code = body.pointer("/data/errorCode").or_else(|| body.pointer("/error/code"));
        code?.as_str()
    }

    /// The answer as bytes, with the `Date` that the virtual clock shows.
    pub(super) fn into_parts(self, date: &str) -> (Response<()>, Bytes) {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let (content_type, bytes) = match self.content {
            Content::Json(value) => (json, Bytes::from(value.to_string())),
            Content::Bytes(bytes) => (json, Bytes::from_static(bytes)),
            Content::Text { content_type, text } => (content_type, Bytes::from(text)),
        };
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Ok(date) = HeaderValue::from_str(date) {
            headers.insert(header::DATE, date);
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        (response, bytes)
    }
}

/// Why a call was not done: one of Portkey's answers, and the reason, which Portkey would keep to itself.
pub(super) struct Refusal {
    status: StatusCode,
    shape: Shape,
    /// What the path takes, where it does not take the method.
    allow: Option<HeaderValue>,
    /// For the emulator's log only. It names fields and rules, never values.
    pub(super) reason: String,
}

enum Shape {
    /// The Admin API's envelope.
    Admin { code: &'static str, message: &'static str },
    /// The gateway's envelope, of the data plane (portkey-api.md 6).
    Gateway { code: &'static str, message: &'static str },
    /// The proxy's page in front of a crashed backend.
    BadGateway,
}

impl Refusal {
    /// 400 AB01: generic, without the field (observed: portkey-api.md 6).
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::admin(StatusCode::BAD_REQUEST, "AB01", "Invalid request. Please check and try again.", reason)
    }

    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        let message = "You do not have enough permissions to execute this request";
        Self::admin(StatusCode::FORBIDDEN, "AB03", message, reason)
    }

    pub(super) fn internal(reason: impl Into<String>) -> Self {
        Self::admin(StatusCode::INTERNAL_SERVER_ERROR, "AB04", "Something went wrong", reason)
    }

    pub(super) fn unauthorised(reason: impl Into<String>) -> Self {
        Self::admin(StatusCode::UNAUTHORIZED, "AB05", "Unauthorised Request", reason)
    }

    pub(super) fn conflict(reason: impl Into<String>) -> Self {
        Self::admin(StatusCode::CONFLICT, "AB07", "Resource already exists", reason)
    }

    pub(super) fn not_found(reason: impl Into<String>) -> Self {
        Self::admin(StatusCode::NOT_FOUND, "AB08", "Resource not found", reason)
    }

    /// 405 for a path that is there; how Portkey answers is not known, this is what HTTP asks for.
    pub(super) fn method_not_allowed(allow: HeaderValue) -> Self {
        let message = "Method not allowed";
        let refusal = Self::admin(StatusCode::METHOD_NOT_ALLOWED, "AB01", message, "no such method here");
        Self { allow: Some(allow), ..refusal }
    }

    /// 502 in HTML: what missing scopes give on create (observed: portkey-api.md 2.2).
    pub(super) fn bad_gateway(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, Shape::BadGateway, reason)
    }

    pub(super) fn gateway(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self::new(status, Shape::Gateway { code, message }, message)
    }

    fn admin(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        Self::new(status, Shape::Admin { code, message }, reason)
    }

    fn new(status: StatusCode, shape: Shape, reason: impl Into<String>) -> Self {
        Self { status, shape, allow: None, reason: reason.into() }
    }

    pub(super) fn into_answer(self) -> Answer {
        let headers: Vec<_> = self.allow.into_iter().map(|methods| (header::ALLOW, methods)).collect();
        let body = match self.shape {
            Shape::Admin { code, message } => admin_envelope(code, message),
            Shape::Gateway { code, message } => {
                let message = format!("Portkey Error: {message}. Error Code: {code}");
                json!({"status": "failure", "message": message, "error": {"message": message, "code": code}})
            }
            Shape::BadGateway => {
                let content_type = HeaderValue::from_static("text/html");
                let text = "<html><head><title>502 Bad Gateway</title></head>\
                            <body><center><h1>502 Bad Gateway</h1></center></body></html>";
                let content = Content::Text { content_type, text: text.to_owned() };
                return Answer { status: self.status, headers, content };
            }
        };
        Answer { status: self.status, headers, content: Content::Json(body) }
    }
}

/// `{"success":false,"data":{"message":"…","errorCode":"AB03"}}` (observed: portkey-api.md 6).
pub(super) fn admin_envelope(code: &str, message: &str) -> Value {
    json!({"success": false, "data": {"message": message, "errorCode": code}})
}
