//! The data plane, as far as a test needs it to prove that a secret works: `GET /v1/models` (portkey-api.md 6).

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::{
    call::{Answer, Call, Refusal},
    world::{Kind, Status, World},
};

pub(super) fn models(world: &World, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    let invalid = || Refusal::gateway(StatusCode::UNAUTHORIZED, "03", "Invalid API Key");
    let secret = call.secret.as_deref().ok_or_else(invalid)?;
    let key = world.keys.by_secret(secret).filter(|key| key.accepts(secret, now)).ok_or_else(invalid)?;
    if key.kind == Kind::OrganisationService {
        // Admin keys cannot call the data plane.
        return Err(invalid());
    }
    // By timestamp, whatever the status says (portkey-api.md 7).
    if key.has_expired(now) {
        return Err(Refusal::gateway(StatusCode::UNAUTHORIZED, "01", "API Key has expired"));
    }
    if key.status == Status::Exhausted || key.is_used_up() {
        return Err(Refusal::gateway(StatusCode::PRECONDITION_FAILED, "04", "Usage limit exceeded"));
    }
    let enough = ["completions.write", "virtual_keys.list"];
    if !key.scopes.iter().any(|scope| enough.contains(&scope.as_str())) {
        return Err(Refusal::gateway(StatusCode::FORBIDDEN, "033", "You do not have enough permissions"));
    }
    Ok(Answer::ok(
        json!({"object": "list", "data": [{"id": "emulated-model", "object": "model", "owned_by": "emulator"}]}),
    ))
}
