//! A call that did not do what it was to do: what came of it, and what that can mean.

use std::fmt;
use std::time::Duration;

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
        /// Where and what, as in ``row 17 of page 3: `expires_at` is "soon", not a time``.
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
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Interrupted { .. } => None,
        }
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
            Self::TimedOut { after } => write!(f, "had no answer within {} s", after.as_secs_f64()),
            Self::Interrupted { reason } => write!(f, "was interrupted: {reason}"),
            Self::Status(answer) => write!(f, "answered {answer}"),
            Self::Unreadable { status, fault } => write!(f, "answered {status}, but {fault}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, vendor_code, message, retry_after, location } = self;
        write!(f, "{status}")?;
        if let Some(code) = vendor_code {
            write!(f, " {code}")?;
        }
        if let Some(message) = message {
            write!(f, " \"{message}\"")?;
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
        if is_deceptive(c) {
            cleaned.extend(c.escape_unicode());
        } else if c.is_control() {
            cleaned.extend(c.escape_default());
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// Characters that hide, or turn text around.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
