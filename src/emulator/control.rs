//! The routes under `/_emulator/`: no part of Portkey, without authentication, for tests and rehearsals.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call, Refusal},
    clock::{Clock, written},
    faults::{FaultScript, Faults},
    openapi::openapi,
    server::{Inner, Server, Stale},
};

/// Answers a control request, with the virtual time after it.
pub(super) fn answer(server: &Server, call: &Call) -> (Answer, Timestamp) {
    let mut inner = server.lock();
    let answer = dispatch(server, &mut inner, call).unwrap_or_else(Problem::into_answer);
    (answer, inner.clock.now())
}

/// Why a control request was not done; unlike Portkey, the emulator says so.
enum Problem {
    Said(String),
    UnknownRoute,
}

impl Problem {
    fn into_answer(self) -> Answer {
        match self {
            Self::Said(message) => Answer::json(StatusCode::BAD_REQUEST, json!({"error": message})),
            Self::UnknownRoute => Refusal::not_found("no such control route").into_answer(),
        }
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Said(error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Move {
    Advance(String),
    Set(Timestamp),
}

fn dispatch(server: &Server, inner: &mut Inner, call: &Call) -> Result<Answer, Problem> {
    let (get, post, delete) =
        (call.method == Method::GET, call.method == Method::POST, call.method == Method::DELETE);
    match call.path.as_str() {
        "/_emulator/requests" if get => Ok(Answer::ok(inner.log.show())),
        "/_emulator/requests" if delete => {
            inner.log.clear();
            Ok(done())
        }
        "/_emulator/clock" if get => Ok(now(inner)),
        "/_emulator/clock" if post => {
            match call.control()? {
                Move::Advance(by) => inner.clock.advance(&by)?,
                Move::Set(to) => inner.clock = Clock::starting_at(to),
            }
            inner.save()?;
            Ok(now(inner))
        }
        "/_emulator/faults" if get => Ok(Answer::ok(inner.faults.show())),
        "/_emulator/faults" if post => {
            inner.faults.add(FaultScript::from_value(call.control()?).map_err(Problem::Said)?);
            Ok(Answer::ok(inner.faults.show()))
        }
        "/_emulator/faults" if delete => {
            inner.faults.clear();
            server.accept_all_connections();
            inner.stale = Stale::default();
            Ok(done())
        }
        "/_emulator/reset" if post => {
            (inner.world, inner.clock, _) = server.origin.build()?;
            inner.faults = Faults::of(&server.origin.faults);
            server.accept_all_connections();
            inner.stale = Stale::default();
            inner.log.clear();
            inner.save()?;
            Ok(done())
        }
        "/_emulator/openapi.json" if get => Ok(Answer::ok(openapi())),
        "/_emulator/secrets" if get => Ok(Answer::ok(secrets(inner))),
        _ => Err(Problem::UnknownRoute),
    }
}

fn done() -> Answer {
    Answer::ok(json!({}))
}

fn now(inner: &Inner) -> Answer {
    Answer::ok(json!({"now": written(inner.clock.now())}))
}

/// Every secret ever issued, so that a test can search outputs for leaks.
fn secrets(inner: &Inner) -> Value {
    let secrets: Vec<Value> = inner
        .world
        .issued
        .iter()
        .map(|issued| {
            let key = inner.world.keys.get(&issued.key_id);
            let state = match key {
                Some(key) if key.secret == issued.secret => "current",
                Some(key) if key.accepts(&issued.secret, inner.clock.now()) => "previous",
                _ => "retired",
            };
            json!({"key_id": issued.key_id, "secret": issued.secret, "state": state})
        })
        .collect();
    json!({"secrets": secrets})
}
