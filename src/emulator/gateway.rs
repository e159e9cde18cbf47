//! The data plane, as far as a rehearsal needs it: to prove that a secret works, and to spend what a key is allowed
//! (portkey-api.md 2.4 and 6).

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    call::{Answer, Call, Refusal},
    validate::integer,
    world::{Key, Kind, Status, World},
};

/// How many tokens a completion has, unless the request bounds them.
const USUAL_TOKENS: u64 = 16;
/// What a token costs, in USD. Ours: the service has a price list of models.
const TOKEN_PRICE: f64 = 0.01;
/// Far more than any model writes.
const MOST_TOKENS: u64 = 10_000_000;

pub(super) fn models(world: &mut World, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    caller(world, call, now, &["completions.write", "virtual_keys.list"])?;
    Ok(Answer::ok(
        json!({"object": "list", "data": [{"id": "emulated-model", "object": "model", "owned_by": "emulator"}]}),
    ))
}

/// Says nothing, and counts it: as many tokens as the request allows.
pub(super) fn complete(world: &mut World, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    let mut key = caller(world, call, now, &["completions.write"])?.clone();
    if call.overrides_config && !key.allows_config_override() {
        return Err(invalid("the config of the key cannot be overridden"));
    }
    let body = call.object().map_err(|_| invalid("the body is no JSON object"))?;
    let tokens = tokens(&body)?;
    let model = match body.get("model") {
        None => "emulated-model".to_owned(),
        Some(model) => model.as_str().ok_or_else(|| invalid("model is no string"))?.to_owned(),
    };
    if !body.get("messages").is_some_and(Value::is_array) {
        return Err(invalid("messages are missing"));
    }
    if !world.rate_windows.admits(&key, now) {
        return Err(Refusal::gateway(StatusCode::TOO_MANY_REQUESTS, "05", "Rate limit exceeded"));
    }
    world.rate_windows.count(&key, tokens, now);
    key.spend(tokens);
    // Spending is no update of the key: the date of its last update stays.
    world.keys.put(key);
    Ok(Answer::ok(json!({
        "id": format!("chatcmpl-{}", uuid::Uuid::new_v4()),
        "object": "chat.completion",
        "created": now.as_second(),
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
    })))
}

/// The key that calls, if it may.
fn caller<'w>(world: &'w World, call: &Call, now: Timestamp, any_of: &[&str]) -> Result<&'w Key, Refusal> {
    let unauthorised = |code, message| Refusal::gateway(StatusCode::UNAUTHORIZED, code, message);
    let invalid = || unauthorised("03", "Invalid API Key");
    let secret = call.secret.as_deref().ok_or_else(invalid)?;
    let key = world.keys.by_secret(secret).filter(|key| key.accepts(secret, now)).ok_or_else(invalid)?;
    if key.kind == Kind::OrganisationService {
        // Admin keys cannot call the data plane (portkey-api.md 5).
        return Err(invalid());
    }
    // By timestamp, whatever the status says (portkey-api.md 7).
    if key.has_expired(now) {
        return Err(unauthorised("01", "API Key has expired"));
    }
    if key.status == Status::Exhausted || key.is_used_up() {
        return Err(Refusal::gateway(StatusCode::PRECONDITION_FAILED, "04", "Usage limit exceeded"));
    }
    if !key.scopes.iter().any(|scope| any_of.contains(&scope.as_str())) {
        return Err(Refusal::gateway(StatusCode::FORBIDDEN, "033", "You do not have enough permissions"));
    }
    Ok(key)
}

fn invalid(message: &'static str) -> Refusal {
    Refusal::gateway(StatusCode::BAD_REQUEST, "02", message)
}

fn tokens(body: &Map<String, Value>) -> Result<u64, Refusal> {
    let bound = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(bound) => {
            let tokens = integer(bound).filter(|tokens| *tokens <= MOST_TOKENS);
            tokens.map(Some).ok_or_else(|| invalid("max_tokens is not valid"))
        }
    };
    let (newer, older) = (bound("max_completion_tokens")?, bound("max_tokens")?);
    Ok(newer.or(older).unwrap_or(USUAL_TOKENS))
}

impl Key {
    /// A bound config is locked by `allow_config_override: false`; without one the flag has no effect (portkey-api.md
    /// 3).
    fn allows_config_override(&self) -> bool {
        self.defaults.as_ref().is_none_or(|row| row.config_id.is_none() || row.allow_config_override)
    }

    /// Counts what was used, in what the limit counts: cost if it does not say (portkey-api.md 2.4).
    fn spend(&mut self, tokens: u64) {
        let counts_tokens =
            self.usage_limits.as_ref().is_some_and(|limits| limits.kind.as_deref() == Some("tokens"));
        #[expect(clippy::cast_precision_loss, reason = "tokens are far fewer than 2^53")]
        let tokens = tokens as f64;
        self.usage += if counts_tokens { tokens } else { tokens * TOKEN_PRICE };
        self.threshold_alert_sent |= self.is_past_threshold();
        if self.is_used_up() {
            self.status = Status::Exhausted;
        }
    }
}
