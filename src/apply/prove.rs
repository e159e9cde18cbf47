//! Shows that the gateway takes a new secret before it counts as delivered.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::api::{Gateway, Proof};
use crate::model::Secret;

/// How long a gateway may take to learn of a new secret (portkey-api.md 6: it is told about every minute).
const PATIENCE: Duration = Duration::from_secs(90);

/// The first pause; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What a lease keeps for what comes after the proof.
const MARGIN: Duration = Duration::from_secs(30);

/// Why a secret is not proven.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unproven {
    /// What the gateway said last.
    pub(super) cause: String,
    /// Whether it would have been asked for longer, had the secret's lease allowed it.
    pub(super) cut_short: bool,
}

/// Asks until the gateway takes the secret, or says why it does not; at most as long as the lease lasts.
pub(super) async fn prove(gateway: &Gateway, secret: &Secret, lease: Duration) -> Result<(), Unproven> {
    let begun = Instant::now();
    let lease_end = begun + lease.min(PATIENCE + MARGIN);
    let deadline = begun + lease.saturating_sub(MARGIN).min(PATIENCE);
    let mut pause = FIRST_PAUSE;
    let mut cause = "no answer while its lease lasts".to_owned();
    loop {
        match timeout_at(lease_end, gateway.prove(secret)).await {
            Ok(Proof::Works) => return Ok(()),
            Ok(Proof::Rejected { what } | Proof::Unclear { what }) => cause = what,
            Err(_) => return Err(Unproven { cause, cut_short: true }),
        }
        if Instant::now() + pause > deadline {
            return Err(Unproven { cause, cut_short: deadline < begun + PATIENCE });
        }
        sleep(pause).await;
        pause *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::test_server::{Server, Step, say};

    async fn within(lease: Duration, script: Vec<Step>) -> (Result<(), Unproven>, usize) {
        let server = Server::start(script).await;
        let limit = Duration::from_secs(30);
        let gateway = Gateway::connect(&format!("http://{}/v1", server.address), None, limit, limit).unwrap();
        let proof = prove(&gateway, &Secret::new("hunter2hunter2hunter2".to_owned()), lease).await;
        (proof, server.lines().len())
    }

    fn rejected() -> Step {
        say("401 Unauthorized", "", "{}")
    }

    #[tokio::test]
    async fn a_secret_is_not_tried_for_longer_than_its_lease_lasts() {
        let (proof, requests) = within(MARGIN, vec![rejected(), rejected()]).await;
        assert_eq!(proof, Err(Unproven { cause: "401".to_owned(), cut_short: true }));
        assert_eq!(requests, 1);
        let (proof, requests) =
            within(MARGIN + FIRST_PAUSE * 2, vec![rejected(), rejected(), rejected()]).await;
        assert!(proof.is_err_and(|unproven| unproven.cut_short));
        assert_eq!(requests, 2);
        let (proof, _) = within(Duration::from_millis(300), vec![Step::Stall]).await;
        assert!(proof.is_err_and(|unproven| unproven.cut_short && unproven.cause.contains("no answer")));
    }
}
