//! Reports of the story.

use std::time::Duration;

use crate::model::KeyId;
use crate::plan::{Action, Change, Plan};
use crate::report::{ChangeReport, Changed, Failure, NotAttempted, Outcome, Repair, Report, Verdict};

pub(in crate::render) fn done(change: &Change) -> ChangeReport {
    let delivered = change.request.commit().map(|commit| commit.deliveries.clone()).unwrap_or_default();
    ChangeReport {
        address: change.address.clone(),
        action: change.action,
        outcome: Outcome::Done,
        verdict: Some(Verdict::Confirmed),
        elapsed: Duration::from_millis(96),
        id: Some(
            change
                .before
                .as_ref()
                .map_or_else(|| KeyId::new("5c1e7f90-31b4-4c1e-b0d5-6f1a2c7d9e88"), |key| key.id.clone()),
        ),
        writes: if change.action == Action::Create { 2 } else { 1 },
        delivered,
        delivered_before: Vec::new(),
        repairs: Vec::new(),
        written_at: None,
    }
}

pub(in crate::render) fn report(plan: &Plan) -> Report {
    Report {
        changes: plan.changes.iter().map(done).collect(),
        verifications: 1,
        verification_error: None,
        interrupted: false,
        elapsed: Duration::from_millis(3_120),
    }
}

pub(in crate::render) fn not_delivered() -> Failure {
    Failure {
        message: "the key was created, but its secret was not delivered to `dir`".to_owned(),
        causes: vec![
            "could not write secrets/ws-payments/checkout-eu".to_owned(),
            "permission denied".to_owned(),
        ],
        facts: vec!["its secret lies in .portkey-sync/escrow/k7m2".to_owned()],
        hints: vec![
            "make the folder writable".to_owned(),
            "then run the same command again: it delivers this secret and creates nothing".to_owned(),
        ],
        changed: Changed::Something,
    }
}

/// The story's plan, applied with every outcome and verdict there is.
pub(in crate::render) fn mixed_report(plan: &Plan) -> Report {
    let mut report = report(plan);
    let refused = || Failure {
        message: "the key was not updated".to_owned(),
        causes: vec!["PUT /api-keys/183f answered 403 (AB03): forbidden".to_owned()],
        ..Failure::default()
    };
    let outcomes = [
        (Outcome::Done, Some(Verdict::NotVisibleYet)),
        (Outcome::Failed(refused()), None),
        (Outcome::Failed(refused()), None),
        (Outcome::Done, Some(Verdict::Overridden { fields: vec!["usage_limits"] })),
        (Outcome::Failed(not_delivered()), None),
        (
            Outcome::Unknown(Failure {
                message: "whether it was delivered is not known".to_owned(),
                ..refused()
            }),
            None,
        ),
        (Outcome::Moved { what: "its secret".to_owned() }, None),
        (Outcome::Done, Some(Verdict::Overwritten { fields: vec!["usage"] })),
        (Outcome::NotAttempted(NotAttempted::DeletesWait), None),
    ];
    for (change, (outcome, verdict)) in report.changes.iter_mut().zip(outcomes) {
        let done = matches!(outcome, Outcome::Done);
        (change.outcome, change.verdict) = (outcome, verdict);
        if !done {
            change.writes = 0;
            change.delivered.clear();
        }
    }
    report.changes[0].repairs = vec![Repair::Retried { times: 2 }];
    report.changes[3].repairs = vec![Repair::Retried { times: 1 }];
    report.changes[4].repairs = vec![Repair::FoundByNonce, Repair::RotatedToRecover];
    report
}
