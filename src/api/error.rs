//! A call that did not do what it was to do: what came of it, and what that can mean.

use std::fmt;
use std::time::Duration;

use crate::escape::is_deceptive;

/// A failed call, after every attempt that was allowed.
///
/// Text from the service is short and holds no control characters; no body, no secret and no
/// request header is ever part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} {kind}{}", Attempts(*.attempts))]
pub struct ApiError {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path behind the base URL, with its query: `/api-keys/183f497a-…`.
    pub path: String,
    /// How many requests were sent; 0 if none was.
    pub attempts: u32,
    /// What came of the last attempt.
    pub kind: ErrorKind,
    /// See [`ApiError::effect`].
    pub(super) effect: Effect,
}

/// Whether a write may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Certainly not.
    None,
    /// Perhaps: live state has to be looked at.
    Unknown,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing was sent: the id cannot stand in a path, or everybody has to wait beyond the deadline.
    NotSent {
        /// Why.
        reason: String,
    },
    /// No connection: name not found, refused, TLS, or nobody answered. Nothing was sent.
    NotReached {
        /// Why.
        reason: String,
    },
    /// The connection could not be made safe: a certificate that nobody vouches for, or no TLS at
    /// all on the other side. Nothing was sent, and trying again would not help.
    Untrusted {
        /// Why.
        reason: String,
    },
    /// The request went out and no whole answer came in time.
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection ended before there was an answer.
    Interrupted {
        /// Why.
        reason: String,
    },
    /// The service, or something on the way to it, said no.
    Status(Answer),
    /// The status was a success, but the answer cannot be used.
    Unreadable {
        /// The status.
        status: u16,
        /// What is wrong.
        fault: Fault,
    },
}

/// A refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; 200 if the body nevertheless said that it failed.
    pub status: u16,
    /// `AB03` and the like.
    pub vendor_code: Option<String>,
    /// What the service said about it.
    pub message: Option<String>,
    /// Whether it was a page for a browser, which is not repeated here.
    pub html: bool,
    /// How long it asked to wait.
    pub retry_after: Option<Duration>,
    /// Where it tried to send us; redirects are not followed, since they would carry the API key.
    pub location: Option<String>,
}

/// What is wrong with a successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ended too early.
    CutOff,
    /// It is too long to be true.
    TooLong,
    /// It is no JSON.
    NotJson {
        /// What it is: `an HTML page`, `empty`, `not JSON`.
        what: &'static str,
    },
    /// It is JSON of an unexpected shape.
    Shape {
        /// Where and what, as in ``page 3 is malformed: row 17: `expires_at` is "soon", not a time``.
        /// Rows count from 0, as pages do.
        what: String,
    },
}

impl ApiError {
    /// Whether the write may have been carried out by any of its attempts. Reads have no effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The status of the last answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            ErrorKind::Status(answer) => Some(answer.status),
            ErrorKind::Unreadable { status, .. } => Some(*status),
            ErrorKind::NotSent { .. }
            | ErrorKind::NotReached { .. }
            | ErrorKind::Untrusted { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Interrupted { .. } => None,
        }
    }

    /// What this answer can mean here: the service uses one code for several things
    /// (portkey-api.md 6).
    pub fn meaning(&self) -> Option<&'static str> {
        match &self.kind {
            ErrorKind::Status(answer) => self.meaning_of(answer),
            ErrorKind::Unreadable { fault: Fault::NotJson { .. }, .. } => {
                Some("something else than the Admin API answers at the base URL: a proxy, or a login page")
            }
            ErrorKind::Unreadable { fault: Fault::Shape { .. }, .. } => {
                Some("the service has changed, or the base URL leads to another one")
            }
            ErrorKind::Unreadable { fault: Fault::CutOff | Fault::TooLong, .. }
            | ErrorKind::NotSent { .. }
            | ErrorKind::NotReached { .. }
            | ErrorKind::Untrusted { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Interrupted { .. } => None,
        }
    }

    fn meaning_of(&self, answer: &Answer) -> Option<&'static str> {
        let creates = self.method == "POST" && !self.rotates();
        match answer.status {
            300..=399 => Some("the service has moved, or a login page is in the way"),
            400 | 409 if self.rotates() => {
                Some("an earlier rotation may still be in transition, or the period is not allowed")
            }
            400 => Some("the service finds the request invalid, and does not say which field"),
            401 => Some("the API key is wrong, expired or deleted"),
            402 => Some("the organisation's subscription is used up"),
            403 => Some(
                "one of: it is gone, it belongs to another workspace, the API key lacks a scope, \
                 the organisation's plan or its security settings forbid it",
            ),
            404 if answer.vendor_code.is_some() => Some("there is no such thing any more, or never was"),
            404 => Some("there is no such thing, or the base URL is not that of the Admin API"),
            409 => Some("it exists already, or something else depends on it"),
            429 => Some("too many requests for this API key or organisation"),
            // Observed: a create without scopes is answered with 502 (portkey-api.md 2.2).
            502 if creates => Some("trouble on the way to the service, or a key without scopes"),
            500.. => Some("trouble at the service or on the way to it"),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        if self.effect == Effect::Unknown {
            return Some("whether it took effect is not known; `portkey-sync plan` shows what is live");
        }
        match &self.kind {
            ErrorKind::NotReached { .. } => {
                Some("check the base URL, the network, and HTTPS_PROXY and NO_PROXY in the environment")
            }
            ErrorKind::Untrusted { .. } => Some(
                "if the service or a proxy has a certificate authority of its own, name its file with --ca-bundle",
            ),
            ErrorKind::Status(answer) => match answer.status {
                300..=399 => Some("if the new place is to be trusted, make it the base URL"),
                401 => Some("check PORTKEY_ADMIN_API_KEY, PORTKEY_API_KEY or the file of --api-key-file"),
                403 => Some("README.md lists the scopes that the API key needs, under \"The API key\""),
                404 if answer.vendor_code.is_none() => {
                    Some("the base URL of Portkey's cloud is https://api.portkey.ai/v1")
                }
                429 => Some("lower --concurrency, or run again later"),
                _ => None,
            },
            ErrorKind::Unreadable { fault: Fault::NotJson { .. }, .. } => {
                Some("the base URL of Portkey's cloud is https://api.portkey.ai/v1")
            }
            ErrorKind::Unreadable { .. }
            | ErrorKind::NotSent { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Interrupted { .. } => None,
        }
    }

    fn rotates(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/rotate")
    }
}

/// ` (3 attempts)`; nothing for a request that was never sent.
struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (1 attempt)"),
            more => write!(f, " ({more} attempts)"),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { reason } => write!(f, "was not sent: {reason}"),
            Self::NotReached { reason } => write!(f, "did not reach the service: {reason}"),
            Self::Untrusted { reason } => write!(f, "found no safe connection: {reason}"),
            Self::TimedOut { after } => write!(f, "had no answer within {} s", after.as_secs_f64()),
            Self::Interrupted { reason } => write!(f, "was interrupted: {reason}"),
            Self::Status(answer) => write!(f, "answered {answer}"),
            Self::Unreadable { status, fault } => write!(f, "answered {status}, but {fault}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, vendor_code, message, html, retry_after, location } = self;
        write!(f, "{status}")?;
        if let Some(code) = vendor_code {
            write!(f, " {code}")?;
        }
        if let Some(message) = message {
            write!(f, " \"{message}\"")?;
        }
        if *html {
            f.write_str(", an HTML page")?;
        }
        if let Some(wait) = retry_after {
            write!(f, ", asking to wait {} s", wait.as_secs())?;
        }
        if let Some(location) = location {
            write!(f, ", a redirect to {location}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("the answer was cut off"),
            Self::TooLong => f.write_str("the answer is too long"),
            Self::NotJson { what } => write!(f, "the answer is {what}"),
            Self::Shape { what } => f.write_str(what),
        }
    }
}

/// Text from elsewhere, fit to be shown: one line, no control or invisible characters, not longer
/// than `limit` characters.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut cleaned = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == limit {
            cleaned.push('…');
            break;
        }
        if c.is_control() {
            cleaned.extend(c.escape_default());
        } else if is_deceptive(c) {
            cleaned.extend(c.escape_unicode());
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &'static str, path: &str, status: u16) -> ApiError {
        let answer = Answer {
            status,
            vendor_code: Some("AB03".to_owned()),
            message: Some("not allowed".to_owned()),
            ..Answer::default()
        };
        let kind = ErrorKind::Status(answer);
        ApiError { method, path: path.to_owned(), attempts: 1, kind, effect: Effect::None }
    }

    #[test]
    fn an_error_says_method_path_status_code_message_and_attempts() {
        let mut error = refused("PUT", "/api-keys/183f497a", 403);
        assert_eq!(
            error.to_string(),
            r#"PUT /api-keys/183f497a answered 403 AB03 "not allowed" (1 attempt)"#
        );
        error.attempts = 3;
        error.kind = ErrorKind::Status(Answer { status: 502, html: true, ..Answer::default() });
        assert_eq!(error.to_string(), "PUT /api-keys/183f497a answered 502, an HTML page (3 attempts)");
    }

    #[test]
    fn forbidden_is_said_to_have_several_meanings() {
        let meaning = refused("GET", "/api-keys/183f497a", 403).meaning().unwrap();
        for word in ["gone", "workspace", "scope", "plan", "security settings"] {
            assert!(meaning.contains(word), "{meaning}");
        }
    }

    #[test]
    fn one_status_means_different_things_to_different_calls() {
        let meaning = |method, path, status| refused(method, path, status).meaning().unwrap();
        assert!(meaning("POST", "/api-keys/workspace/service", 502).contains("without scopes"));
        assert!(!meaning("PUT", "/api-keys/k", 502).contains("without scopes"));
        assert!(meaning("POST", "/api-keys/k/rotate", 409).contains("in transition"));
        assert!(meaning("POST", "/api-keys/k/rotate", 400).contains("in transition"));
        assert!(meaning("PUT", "/api-keys/k", 409).contains("exists already"));
    }

    #[test]
    fn a_not_found_that_is_not_the_admin_apis_own_hints_at_the_base_url() {
        let mut error = refused("GET", "/api-keys/k", 404);
        assert_eq!(error.hint(), None);
        error.kind = ErrorKind::Status(Answer { status: 404, ..Answer::default() });
        assert!(error.hint().unwrap().contains("/v1"));
        assert!(error.meaning().unwrap().contains("base URL"));
    }

    #[test]
    fn every_documented_code_has_a_meaning() {
        for status in [307, 400, 401, 402, 403, 404, 409, 429, 500, 502, 503] {
            assert!(refused("PUT", "/api-keys/k", status).meaning().is_some(), "{status}");
        }
    }

    #[test]
    fn a_write_of_unknown_outcome_hints_at_a_look() {
        let mut error = refused("PUT", "/api-keys/k", 403);
        assert!(error.hint().unwrap().contains("lists the scopes"));
        error.effect = Effect::Unknown;
        assert!(error.hint().unwrap().contains("plan"));
    }

    #[test]
    fn shown_text_is_short_and_on_one_line() {
        assert_eq!(clean(" plain text ", 20), "plain text");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("a\nb\u{7}\u{9b}\u{200b}\u{feff}é", 20), r"a\nb\u{7}\u{9b}\u{200b}\u{feff}é");
    }
}
