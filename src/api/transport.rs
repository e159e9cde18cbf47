//! One call over HTTP: its attempts, its deadline, and what came of it.

use std::fmt;
use std::path::Path;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Response, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::clock::{ServerClock, http_date, retry_after};
use super::envelope::{LooseText, is_html, is_refusal, refusal, refusal_in};
use super::error::{Answer, ApiError, Effect, ErrorKind, Fault, clean};
use super::retry::{self, Gate, Next, Verb};
use super::settings::{Base, ConnectError, Settings, key_header};

/// A hundred rows are some hundred kilobytes; an answer beyond this is not what was asked for.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Room for an answer that does not say how long it is.
const USUAL_ANSWER: usize = 64 * 1024;

/// The explanation of a refusal is short.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// Longer than any run, and short enough for every clock.
const LONGEST_DEADLINE: Duration = Duration::from_hours(24);

/// The longest reason of a failed connection that is shown.
const LONGEST_REASON: usize = 200;

pub(super) const KEY_HEADER: HeaderName = HeaderName::from_static("x-portkey-api-key");

const USER_AGENT: &str = concat!("portkey-sync/", env!("CARGO_PKG_VERSION"), " (+reconciler of API keys)");

/// Shared by both halves of the API.
pub(super) struct Transport {
    client: Client,
    base: Base,
    /// Replaced when the run gives its own key a new secret.
    key: RwLock<HeaderValue>,
    timeout: Duration,
    retry_deadline: Duration,
    max_attempts: u32,
    backoff_base: Duration,
    gate: Gate,
    clock: OnceLock<ServerClock>,
}

/// What is asked for.
pub(super) struct Call {
    verb: Verb,
    /// Behind the base URL, encoded, with the query.
    path: String,
    body: Option<Vec<u8>>,
    /// Why it cannot be sent.
    flaw: Option<String>,
}

/// A successful answer.
pub(super) struct Reply {
    pub(super) json: Value,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) attempts: u32,
}

/// One request and what came of it.
struct Attempt {
    result: Result<Value, ErrorKind>,
    answered_at: Option<Timestamp>,
}

impl Call {
    /// A call to the path that these segments make; whatever is in them stays within its segment.
    pub(super) fn new(verb: Verb, segments: &[&str]) -> Self {
        let mut call = Self { verb, path: String::new(), body: None, flaw: None };
        for segment in segments {
            // An empty id would turn a call for one key into one for the list, and URLs resolve dots
            // even if they are encoded.
            if matches!(*segment, "" | "." | "..") {
                call.flaw = Some(format!("`{segment}` is no id"));
            }
            call.path.push('/');
            encode(segment, &mut call.path);
        }
        call
    }

    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        encode(name, &mut self.path);
        self.path.push('=');
        encode(value, &mut self.path);
        self
    }

    pub(super) fn body(mut self, body: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(bytes),
            Err(error) => self.flaw = Some(format!("its body cannot be written: {error}")),
        }
        self
    }

    pub(super) fn failed(&self, kind: ErrorKind, attempts: u32, effect: Effect) -> ApiError {
        ApiError { method: self.verb.as_str(), path: self.path.clone(), attempts, kind, effect }
    }

    /// The error for an answer that is no use, though the service was content.
    pub(super) fn misunderstood(&self, reply_attempts: u32, what: String) -> ApiError {
        let kind = ErrorKind::Unreadable { status: 200, fault: Fault::Shape { what } };
        let effect = retry::effect(self.verb, &kind);
        self.failed(kind, reply_attempts, effect)
    }
}

/// Leaves the unreserved characters of RFC 3986 as they are.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl Transport {
    /// Takes the settings over: the key's text is wiped once it stands in its header.
    pub(super) fn new(settings: Settings) -> Result<Self, ConnectError> {
        let Settings {
            base_url,
            api_key,
            ca_bundle,
            connect_timeout,
            timeout,
            retry_deadline,
            max_attempts,
            backoff_base,
        } = settings;
        let base = Base::parse(&base_url)?;
        let key = key_header(&api_key)?;
        Ok(Self {
            client: client(&base, ca_bundle.as_deref(), connect_timeout, timeout)?,
            base,
            key: RwLock::new(key),
            timeout,
            retry_deadline,
            max_attempts,
            backoff_base,
            gate: Gate::new(backoff_base),
            clock: OnceLock::new(),
        })
    }

    fn key(&self) -> HeaderValue {
        self.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls with this secret from now on.
    pub(super) fn use_key(&self, secret: &crate::model::Secret) -> Result<(), ConnectError> {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key_header(secret)?;
        Ok(())
    }

    pub(super) fn clock(&self) -> Option<ServerClock> {
        self.clock.get().copied()
    }

    /// Makes the call, again if that is allowed and may help.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, ApiError> {
        let address = format!("{}{}", self.base.url.as_str().trim_end_matches('/'), call.path);
        let url = match (&call.flaw, Url::parse(&address)) {
            (None, Ok(url)) => url,
            (Some(flaw), _) => return Err(call.failed(not_sent(flaw.clone()), 0, Effect::None)),
            (None, Err(error)) => return Err(call.failed(not_sent(error.to_string()), 0, Effect::None)),
        };
        let deadline = Instant::now() + self.retry_deadline.min(LONGEST_DEADLINE);
        let mut pauses = retry::pauses(self.backoff_base);
        let (mut attempts, mut failures) = (0, 0);
        let mut effect = Effect::None;
        let mut last = None;
        loop {
            if let Err(wait) = self.gate.pass(deadline).await {
                let kind = last.unwrap_or_else(|| {
                    not_sent(format!("the service asked for a pause, which lasts {} s more", wait.as_secs()))
                });
                return Err(call.failed(kind, attempts, effect));
            }
            attempts += 1;
            let Attempt { result, answered_at } = self.attempt(call, url.clone()).await;
            let kind = match result {
                Ok(json) => return Ok(Reply { json, answered_at, attempts }),
                Err(kind) => kind,
            };
            if call.verb == Verb::Delete && effect == Effect::Unknown && status_of(&kind) == Some(404) {
                // An earlier attempt did it, and its answer was lost.
                return Ok(Reply { json: Value::Null, answered_at, attempts });
            }
            if retry::effect(call.verb, &kind) == Effect::Unknown {
                effect = Effect::Unknown;
            }
            let next = retry::next(call.verb, &kind);
            let pause = match (next, asked_pause(&kind)) {
                // The service knows best when it will serve again, and this pause is everybody's.
                (Next::AgainTogether, Some(asked)) => asked.max(self.backoff_base),
                (_, asked) => pauses.next().unwrap_or_default().max(asked.unwrap_or_default()),
            };
            match next {
                Next::GiveUp => return Err(call.failed(kind, attempts, effect)),
                Next::Again => failures += 1,
                Next::AgainTogether => self.gate.close_for(pause),
            }
            let in_time = Instant::now().checked_add(pause).is_some_and(|at| at <= deadline);
            if failures >= self.max_attempts || !in_time {
                return Err(call.failed(kind, attempts, effect));
            }
            let failed = call.failed(kind, attempts, effect);
            tracing::warn!(error = %failed, pause_ms = millis(pause), "trying again");
            if next == Next::Again {
                sleep(pause).await;
            }
            last = Some(failed.kind);
        }
    }

    async fn attempt(&self, call: &Call, url: Url) -> Attempt {
        let method = match call.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let mut request = self.client.request(method, url).header(KEY_HEADER, self.key());
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let begun = Instant::now();
        let (verb, path) = (call.verb.as_str(), &call.path);
        crate::killpoint::here("call: before it is sent");
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let kind = self.unanswered(&error);
                tracing::debug!(method = verb, %path, error = %kind, ms = millis(begun.elapsed()), "request");
                return Attempt { result: Err(kind), answered_at: None };
            }
        };
        crate::killpoint::here("call: the answer begins");
        let status = response.status();
        let answered_at = header(response.headers(), &DATE).and_then(http_date);
        if let Some(at) = answered_at {
            self.clock.get_or_init(|| ServerClock::start(at));
        }
        let result = if status.is_success() {
            self.success(call.verb, response).await
        } else {
            Err(ErrorKind::Status(self.refused(call.verb, response, answered_at).await))
        };
        crate::killpoint::here("call: the answer is read");
        tracing::debug!(
            method = verb,
            %path,
            status = status.as_u16(),
            ms = millis(begun.elapsed()),
            "request"
        );
        Attempt { result, answered_at }
    }

    /// Why there was no answer.
    fn unanswered(&self, error: &reqwest::Error) -> ErrorKind {
        let reason = reason(error);
        if error.is_connect() {
            if is_tls(error) { ErrorKind::Untrusted { reason } } else { ErrorKind::NotReached { reason } }
        } else if error.is_builder() {
            not_sent(reason)
        } else if error.is_timeout() {
            ErrorKind::TimedOut { after: self.timeout }
        } else {
            ErrorKind::Interrupted { reason }
        }
    }

    /// Reads the answer to a call that succeeded, if it can be read and agrees that it did.
    async fn success(&self, verb: Verb, response: Response) -> Result<Value, ErrorKind> {
        let status = response.status().as_u16();
        let unreadable = |fault| ErrorKind::Unreadable { status, fault };
        let body = match read(response, LONGEST_ANSWER).await {
            Ok(body) => body,
            Err(Cut::TooLong) => return Err(unreadable(Fault::TooLong)),
            Err(Cut::TimedOut) => return Err(ErrorKind::TimedOut { after: self.timeout }),
            Err(Cut::Broken) => return Err(unreadable(Fault::CutOff)),
        };
        if body.trim_ascii().is_empty() {
            return match verb {
                // `{}` is all that these say anyway.
                Verb::Put | Verb::Delete => Ok(Value::Null),
                Verb::Get | Verb::Post => Err(unreadable(Fault::NotJson { what: "empty" })),
            };
        }
        match serde_json::from_slice(&body) {
            // What shows a key is a key or a receipt, whatever else it says: no secret is given away.
            Ok(json) if is_refusal(&json) && !json.get("key").is_some_and(Value::is_string) => {
                let said = refusal_in(&json, self.key().to_str().unwrap_or_default());
                let (vendor_code, message) = (said.vendor_code, said.message);
                Err(ErrorKind::Status(Answer { status, vendor_code, message, ..Answer::default() }))
            }
            Ok(json) => Ok(json),
            Err(_) if is_html(&body) => Err(unreadable(Fault::NotJson { what: "an HTML page" })),
            Err(error) if error.is_eof() => Err(unreadable(Fault::CutOff)),
            Err(_) => Err(unreadable(Fault::NotJson { what: "not JSON" })),
        }
    }

    async fn refused(&self, verb: Verb, response: Response, answered_at: Option<Timestamp>) -> Answer {
        let status = response.status();
        let retry_after =
            header(response.headers(), &RETRY_AFTER).and_then(|text| retry_after(text, answered_at));
        let location = header(response.headers(), &LOCATION)
            .filter(|_| status.is_redirection())
            .and_then(|text| destination(response.url(), text));
        let body = read(response, LONGEST_REFUSAL).await.unwrap_or_default();
        let loose_text = match verb {
            // Creates and rotations: what a proxy wraps can be the answer with the new secret in it.
            Verb::Post => LooseText::Withheld,
            Verb::Get | Verb::Put | Verb::Delete => LooseText::Shown,
        };
        let said = refusal(&body, loose_text, self.key().to_str().unwrap_or_default());
        Answer {
            status: status.as_u16(),
            vendor_code: said.vendor_code,
            // The status has a name; a body that only repeats it adds nothing.
            message: said.message.filter(|text| Some(text.as_str()) != status.canonical_reason()),
            html: said.html,
            retry_after,
            location,
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("base", &self.base.url.as_str()).finish_non_exhaustive()
    }
}

pub(super) fn client(
    base: &Base,
    ca_bundle: Option<&Path>,
    connect_timeout: Duration,
    timeout: Duration,
) -> Result<Client, ConnectError> {
    // Without a provider reqwest panics; somebody else may have installed one already, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        .gzip(true)
        // Many servers close an idle connection after 5 s. A create that goes out on one in that moment
        // has an unknown outcome, so connections are given up before the servers do.
        .pool_idle_timeout(Duration::from_secs(4))
        // A redirect would carry the API key to another host.
        .redirect(reqwest::redirect::Policy::none())
        // What is sent again, and when, is decided here alone.
        .retry(reqwest::retry::never());
    if base.loopback {
        builder = builder.no_proxy();
    }
    let authorities = ca_bundle.map(certificates).transpose()?.unwrap_or_default();
    builder = if base.url.scheme() == "http" {
        // Building fails on a machine without authorities, though none is needed here.
        builder.tls_certs_only(authorities)
    } else {
        builder.https_only(true).tls_certs_merge(authorities)
    };
    builder.build().map_err(|error| ConnectError::Client { reason: reason(&error) })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, ConnectError> {
    let bytes =
        std::fs::read(path).map_err(|source| ConnectError::ReadCaBundle { path: path.to_owned(), source })?;
    let refuse = |problem: String| ConnectError::CaBundle { path: path.to_owned(), problem };
    let certificates = Certificate::from_pem_bundle(&bytes)
        .map_err(|error| refuse(format!("is no list of certificates: {}", reason(&error))))?;
    if certificates.is_empty() {
        return Err(refuse("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

/// Why a body did not come in whole.
pub(super) enum Cut {
    TooLong,
    TimedOut,
    Broken,
}

/// Reads the body into memory that is wiped afterwards, for it may hold a secret.
pub(super) async fn read(mut response: Response, limit: usize) -> Result<Zeroizing<Vec<u8>>, Cut> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Zeroizing::new(Vec::with_capacity(expected.unwrap_or(USUAL_ANSWER).min(limit)));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > limit => return Err(Cut::TooLong),
            Ok(Some(chunk)) => append(&mut body, &chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Cut::TimedOut),
            Err(_) => return Err(Cut::Broken),
        }
    }
}

/// Never lets the vector grow by itself: it would move, and leave an unwiped copy behind.
fn append(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = body.len().saturating_add(chunk.len());
    if length > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(body.capacity().saturating_mul(2))));
        larger.extend_from_slice(body);
        // The smaller one is wiped here.
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Where a redirect leads: scheme and host, since the rest may hold a token.
fn destination(from: &Url, location: &str) -> Option<String> {
    let to = from.join(location).ok()?;
    let host = to.host_str()?;
    let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(clean(&format!("{}://{host}{port}", to.scheme()), LONGEST_REASON))
}

fn asked_pause(kind: &ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::Status(answer) => answer.retry_after,
        _ => None,
    }
}

fn status_of(kind: &ErrorKind) -> Option<u16> {
    match kind {
        ErrorKind::Status(answer) => Some(answer.status),
        _ => None,
    }
}

fn not_sent(reason: String) -> ErrorKind {
    ErrorKind::NotSent { reason }
}

/// The innermost cause, which is the one that says something.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    clean(&innermost.to_string(), LONGEST_REASON)
}

/// Whether TLS itself said no, rather than the network.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // An I/O error hides what it wraps from the chain of sources.
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => is_tls(wrapped),
        None => error.source().is_some_and(is_tls),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
