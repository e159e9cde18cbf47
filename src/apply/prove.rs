//! Shows that the gateway takes a new secret before it counts as delivered.

use std::time::Duration;

use crate::api::{Gateway, Proof};
use crate::model::Secret;

/// How long a gateway may take to learn of a new secret (portkey-api.md 6: it is told about every minute).
const PATIENCE: Duration = Duration::from_secs(90);

/// The first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Asks until the gateway takes the secret, or says why it does not.
pub(super) async fn prove(gateway: &Gateway, secret: &Secret) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let what = match gateway.prove(secret).await {
            Proof::Works => return Ok(()),
            Proof::Rejected { what } | Proof::Unclear { what } => what,
        };
        if tokio::time::Instant::now() + pause > deadline {
            return Err(what);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
