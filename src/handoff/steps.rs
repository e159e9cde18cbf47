//! One hand-off, step by step: the caller does what [`HandOff::step`] says and tells what came of it.

use jiff::SignedDuration;

use super::Rules;

/// What a hand-off begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A new key.
    Create,
    /// A new secret for a key.
    Rotate,
    /// A secret that an earlier run left in the escrow.
    Resume,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// GET the key: name, mark and mask must be as planned.
    Look,
    /// Make the escrow slot.
    Reserve,
    /// POST.
    Send,
    /// The answer to a create is missing: look for its nonce in the list, and rotate what is found.
    Recover,
    /// Write the secret into the slot.
    Keep,
    /// List, once every create of the run has come this far.
    Settle,
    /// Deliver to the sink with this number.
    Deliver(usize),
    /// Show that the service takes the secret.
    Prove,
    /// PUT the mark.
    Commit,
    /// Empty the slot.
    Close,
    /// DELETE the key that we have just made: another run was faster.
    GiveBack,
    /// Nothing more.
    Stop(End),
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was done.
    Done,
    /// It was not, and had no effect.
    Failed,
    /// Whether it had an effect is not known.
    Lost,
    /// The key is no longer as planned, or another run's key remains.
    Moved,
}

/// How a hand-off ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Delivered and committed.
    Done,
    /// The key was not as planned; nothing was sent.
    Moved,
    /// Another run created this key first; ours is deleted.
    Yielded,
    /// The step failed, and nothing was changed.
    NotSent,
    /// Whether there is a new secret is not known; if there is, nobody has it.
    Lost,
    /// There is a secret, and it is safe in the escrow: the next run goes on.
    Kept(At),
    /// The lease is over: the secret must not be delivered any more.
    Superseded,
}

/// Where a hand-off stopped that the next run goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// The disk did not take the secret.
    Keep,
    /// The list did not show whose key remains.
    Settle,
    /// A sink did not take the secret.
    Deliver,
    /// The service did not take the secret.
    Prove,
    /// The mark was not written.
    Commit,
    /// The key that lost could not be deleted.
    GiveBack,
}

/// A hand-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandOff {
    kind: Kind,
    /// How many sinks there are.
    sinks: usize,
    prove: bool,
    lease: SignedDuration,
    /// Whether a sink has not taken the secret. The others get it all the same.
    undelivered: bool,
    step: Step,
    rules: Rules,
}

impl HandOff {
    /// Begins. The lease is counted from before the request; of a resumed one, what is left of it.
    pub fn new(kind: Kind, sinks: usize, prove: bool, lease: SignedDuration, rules: Rules) -> Self {
        let step = match kind {
            Kind::Create => Step::Reserve,
            Kind::Rotate if rules.look => Step::Look,
            Kind::Rotate => Step::Reserve,
            Kind::Resume => Step::Look,
        };
        Self { kind, sinks, prove, lease, undelivered: false, step, rules }
    }

    /// What is to be done next, this long after the request was sent.
    pub fn step(&self, elapsed: SignedDuration) -> Step {
        let uses_the_secret = matches!(self.step, Step::Deliver(_) | Step::Prove | Step::Commit);
        if uses_the_secret && self.rules.lease && elapsed >= self.lease {
            return Step::Stop(End::Superseded);
        }
        self.step
    }

    /// How much longer the secret may be delivered and committed, this long after the request was sent.
    pub fn left(&self, elapsed: SignedDuration) -> SignedDuration {
        self.lease - elapsed
    }

    /// Goes on after the step that is due.
    #[must_use]
    pub fn after(mut self, event: Event) -> Self {
        self.undelivered |= matches!(self.step, Step::Deliver(_)) && event != Event::Done;
        let step = match (self.step, event) {
            (Step::Look, Event::Done) if self.kind == Kind::Resume => self.deliver(0),
            (Step::Look, Event::Done) => Step::Reserve,
            (Step::Look, Event::Moved) => Step::Stop(End::Moved),
            (Step::Look | Step::Reserve, _) if event != Event::Done => Step::Stop(End::NotSent),
            (Step::Reserve, _) => Step::Send,
            (Step::Send | Step::Recover, Event::Done) if self.rules.escrow => Step::Keep,
            (Step::Send | Step::Recover, Event::Done) => self.kept(),
            (Step::Send, Event::Lost) if self.kind == Kind::Create => Step::Recover,
            (Step::Send, Event::Failed) => Step::Stop(End::NotSent),
            (Step::Send | Step::Recover, _) => Step::Stop(End::Lost),
            (Step::Keep, Event::Done) => self.kept(),
            (Step::Keep, _) => Step::Stop(End::Kept(At::Keep)),
            (Step::Settle, Event::Done) => self.deliver(0),
            (Step::Settle, Event::Moved) => Step::GiveBack,
            (Step::Settle, _) => Step::Stop(End::Kept(At::Settle)),
            (Step::GiveBack, Event::Done) => Step::Stop(End::Yielded),
            (Step::GiveBack, _) => Step::Stop(End::Kept(At::GiveBack)),
            (Step::Deliver(n), _) => self.deliver(n + 1),
            (Step::Prove, Event::Done) => Step::Commit,
            (Step::Prove, _) => Step::Stop(End::Kept(At::Prove)),
            (Step::Commit, Event::Done) => Step::Close,
            (Step::Commit, _) => Step::Stop(End::Kept(At::Commit)),
            (Step::Close, _) => Step::Stop(End::Done),
            (stop @ Step::Stop(_), _) => stop,
            (Step::Look, _) => Step::Stop(End::NotSent),
        };
        Self { step, ..self }
    }

    /// After the secret is safe.
    fn kept(&self) -> Step {
        if self.kind == Kind::Create { Step::Settle } else { self.deliver(0) }
    }

    fn deliver(&self, sink: usize) -> Step {
        if sink < self.sinks {
            Step::Deliver(sink)
        } else if self.undelivered {
            Step::Stop(End::Kept(At::Deliver))
        } else if self.prove {
            Step::Prove
        } else {
            Step::Commit
        }
    }
}
