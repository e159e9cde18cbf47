//! When a call is sent again, and how long it waits before.
//!
//! A read, an update and a delete may be repeated: twice has the effect of once. A create or rotate
//! is repeated only if the attempt certainly was not carried out, since names are not unique and a
//! second rotation is refused while the first is in transition.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep_until};

use super::error::{Effect, ErrorKind, Fault};

/// A pause never grows beyond this many times the first one: 30 s for the default of 500 ms.
const LONGEST_PAUSE: u32 = 60;

/// No gate stays closed longer, whatever the service asks for.
const LONGEST_CLOSURE: Duration = Duration::from_hours(24);

/// The methods that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

/// What follows from a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more can be done.
    GiveUp,
    /// Another attempt after a pause.
    Again,
    /// The same, and everybody else pauses too.
    AgainTogether,
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    fn is_repeatable(self) -> bool {
        match self {
            Self::Get | Self::Put | Self::Delete => true,
            Self::Post => false,
        }
    }
}

/// What to do after an attempt ended like this.
pub(super) fn next(verb: Verb, kind: &ErrorKind) -> Next {
    let if_repeatable = if verb.is_repeatable() { Next::Again } else { Next::GiveUp };
    match kind {
        ErrorKind::NotReached { .. } => Next::Again,
        ErrorKind::TimedOut { .. }
        | ErrorKind::Interrupted { .. }
        | ErrorKind::Unreadable { fault: Fault::CutOff | Fault::NotJson { .. }, .. } => if_repeatable,
        ErrorKind::Status(answer) => match answer.status {
            429 => Next::AgainTogether,
            501 => Next::GiveUp,
            408 | 500.. => if_repeatable,
            _ => Next::GiveUp,
        },
        ErrorKind::NotSent { .. }
        | ErrorKind::Untrusted { .. }
        | ErrorKind::Unreadable { fault: Fault::TooLong | Fault::Shape { .. }, .. } => Next::GiveUp,
    }
}

/// Whether an attempt that ended like this may have been carried out.
pub(super) fn effect(verb: Verb, kind: &ErrorKind) -> Effect {
    if verb == Verb::Get {
        return Effect::None;
    }
    match kind {
        ErrorKind::NotSent { .. } | ErrorKind::NotReached { .. } | ErrorKind::Untrusted { .. } => {
            Effect::None
        }
        // 408 comes from something in between that lost patience, and says nothing about the service.
        ErrorKind::Status(answer) => match answer.status {
            300..=407 | 409..500 => Effect::None,
            _ => Effect::Unknown,
        },
        ErrorKind::TimedOut { .. } | ErrorKind::Interrupted { .. } | ErrorKind::Unreadable { .. } => {
            Effect::Unknown
        }
    }
}

/// The pauses of one call: each about twice the one before, with jitter.
pub(super) fn pauses(base: Duration) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(base)
        .with_max_delay(base.saturating_mul(LONGEST_PAUSE))
        .without_max_times()
        .with_jitter()
        .build()
}

/// Closed for everybody after a 429: the limit is the API key's, not the request's.
#[derive(Debug)]
pub(super) struct Gate {
    next_allowed_at: Mutex<Option<Instant>>,
    /// Who waited at a gate does not pass it in the same instant as all the others.
    spread: Duration,
}

impl Gate {
    pub(super) fn new(spread: Duration) -> Self {
        Self { next_allowed_at: Mutex::new(None), spread }
    }

    /// Closes the gate for so long from now, unless it is already closed for longer.
    pub(super) fn close_for(&self, pause: Duration) {
        let until = Instant::now().checked_add(pause.min(LONGEST_CLOSURE));
        let mut next_allowed_at = self.next_allowed_at.lock().unwrap_or_else(PoisonError::into_inner);
        *next_allowed_at = (*next_allowed_at).max(until);
    }

    /// Waits until the gate is open; gives up at once, with the time that it would take, if that is
    /// behind the deadline.
    pub(super) async fn pass(&self, deadline: Instant) -> Result<(), Duration> {
        while let Some(until) = self.closed_until() {
            if until > deadline {
                return Err(until.saturating_duration_since(Instant::now()));
            }
            sleep_until(until + self.spread.mul_f64(rand::random())).await;
        }
        Ok(())
    }

    fn closed_until(&self) -> Option<Instant> {
        let next_allowed_at = *self.next_allowed_at.lock().unwrap_or_else(PoisonError::into_inner);
        next_allowed_at.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Answer;
    use super::*;

    const WRITES: [Verb; 3] = [Verb::Post, Verb::Put, Verb::Delete];

    fn status(status: u16) -> ErrorKind {
        ErrorKind::Status(Answer { status, ..Answer::default() })
    }

    fn reason() -> String {
        "because".to_owned()
    }

    #[test]
    fn a_request_that_never_arrived_is_repeated_and_had_no_effect() {
        let kind = ErrorKind::NotReached { reason: reason() };
        for verb in WRITES {
            assert_eq!(next(verb, &kind), Next::Again);
            assert_eq!(effect(verb, &kind), Effect::None);
        }
        assert_eq!(next(Verb::Get, &kind), Next::Again);
    }

    #[test]
    fn too_many_requests_makes_everybody_wait_and_had_no_effect() {
        for verb in WRITES {
            assert_eq!(next(verb, &status(429)), Next::AgainTogether);
            assert_eq!(effect(verb, &status(429)), Effect::None);
        }
    }

    #[test]
    fn a_post_of_unknown_outcome_is_never_repeated() {
        for kind in [
            ErrorKind::TimedOut { after: Duration::from_secs(30) },
            ErrorKind::Interrupted { reason: reason() },
            ErrorKind::Unreadable { status: 200, fault: Fault::CutOff },
            status(500),
            status(502),
            status(503),
            status(408),
        ] {
            assert_eq!(next(Verb::Post, &kind), Next::GiveUp, "{kind}");
            assert_eq!(next(Verb::Put, &kind), Next::Again, "{kind}");
            assert_eq!(next(Verb::Delete, &kind), Next::Again, "{kind}");
            assert_eq!(next(Verb::Get, &kind), Next::Again, "{kind}");
            for verb in WRITES {
                assert_eq!(effect(verb, &kind), Effect::Unknown, "{kind}");
            }
            assert_eq!(effect(Verb::Get, &kind), Effect::None, "{kind}");
        }
    }

    #[test]
    fn a_plain_refusal_is_final_and_had_no_effect() {
        for code in [301, 307, 400, 401, 402, 403, 404, 409, 422] {
            for verb in WRITES {
                assert_eq!(next(verb, &status(code)), Next::GiveUp, "{code}");
                assert_eq!(effect(verb, &status(code)), Effect::None, "{code}");
            }
        }
        assert_eq!(next(Verb::Get, &status(501)), Next::GiveUp);
    }

    #[test]
    fn an_answer_of_the_wrong_shape_is_final_but_may_follow_an_effect() {
        let kind = ErrorKind::Unreadable { status: 200, fault: Fault::Shape { what: reason() } };
        assert_eq!(next(Verb::Get, &kind), Next::GiveUp);
        assert_eq!(effect(Verb::Post, &kind), Effect::Unknown);
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_differ_by_jitter() {
        let base = Duration::from_millis(500);
        let all: Vec<Duration> = pauses(base).take(20).collect();
        assert!(all[0] >= base && all[0] <= base * 2, "{all:?}");
        assert!(all[3] >= base * 8 && all[3] <= base * 16, "{all:?}");
        assert!(all.iter().all(|pause| *pause <= base * LONGEST_PAUSE * 2), "{all:?}");
        assert_ne!(all, pauses(base).take(20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_closed_gate_holds_everybody_back_and_the_longest_closure_wins() {
        let gate = Gate::new(Duration::ZERO);
        let begun = Instant::now();
        let deadline = begun + Duration::from_mins(1);
        gate.pass(deadline).await.unwrap();
        gate.close_for(Duration::from_millis(5));
        gate.close_for(Duration::from_millis(1));
        let (first, second) = tokio::join!(gate.pass(deadline), gate.pass(deadline));
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert!(begun.elapsed() >= Duration::from_millis(5));
    }

    #[tokio::test]
    async fn nobody_waits_at_a_gate_that_opens_behind_the_deadline() {
        let gate = Gate::new(Duration::ZERO);
        gate.close_for(Duration::from_secs(u64::MAX));
        let begun = Instant::now();
        let wait = gate.pass(begun + Duration::from_mins(1)).await.unwrap_err();
        assert!(wait > Duration::from_hours(1));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
