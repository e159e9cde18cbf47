//! The world of the model: the service, the sink, two runs with their disks, people and time.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use portkey_sync::handoff::{
    CREATE_LEASE, Event, Facts, HandOff, Kind, Next, Question, Rules, Standing, Step, TRANSITION, Twins,
    Wish, decide, is_spent, rotate_lease, settle, twins, until_creatable,
};
use portkey_sync::model::{CommittedSecret, Escrowed, KeyId, Mask};

/// One step of time.
const TICK: SignedDuration = SignedDuration::from_mins(10);
/// Nothing tells ages beyond this one apart: longer than any transition.
const OLDEST: u8 = 4;
/// The transition in ticks.
const TRANSITION_TICKS: u8 = 3;

pub(crate) type Number = u8;

/// How a search begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// The file names a key that is not there.
    NoKey,
    /// A key whose secret is delivered and committed, and a rotation is asked for.
    DueForRotation,
    /// A key that was made by hand.
    MadeByHand,
    /// The same, and a person has put its secret into the sink.
    StoredByHand,
    /// Beside a finished key one that an old create left.
    LeftOver,
}

impl Start {
    pub(crate) const ALL: [Self; 5] =
        [Self::NoKey, Self::DueForRotation, Self::MadeByHand, Self::StoredByHand, Self::LeftOver];
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) keys: Vec<Key>,
    /// The secret in the sink.
    pub(crate) sink: Option<Number>,
    pub(crate) runs: [Run; 2],
    /// Requests whose effect is still to come.
    pub(crate) late: Vec<Late>,
    /// `first: rotate`.
    pub(crate) first_rotate: bool,
    pub(crate) mishaps: u8,
    /// What the last event did wrong.
    pub(crate) wrong: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) id: Number,
    age: u8,
    pub(crate) secret: Number,
    /// The secret before, and how many ticks it still lives.
    previous: Option<(Number, u8)>,
    mark: MarkOf,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum MarkOf {
    Nothing,
    New(Number),
    /// `due`: issued before the `rotate_after` of the file.
    Committed {
        secret: Number,
        age: u8,
        rotated: bool,
        due: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Create(Number),
    Rotate(Number),
    Commit { id: Number, secret: Number, age: u8, rotated: bool },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    /// What lies in its escrow.
    slots: Vec<Slot>,
    flight: Option<Flight>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    nonce: Number,
    id: Option<Number>,
    secret: Option<Number>,
    age: u8,
    rotated: bool,
    /// The ticks that are left of the transition which recovering its create began.
    recovered: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Flight {
    HandOff {
        machine: HandOff,
        kind: Kind,
        rotated: bool,
        nonce: Number,
        /// The key as planned.
        planned: Option<(Number, Number, MarkOf)>,
        seen: Vec<Number>,
        /// The key and its new secret.
        issued: Option<(Number, Number)>,
        /// Since the request.
        age: u8,
        /// Whether a new secret was of use when the key was looked at last. Between that look and the request
        /// nothing can be excluded.
        of_use: Option<bool>,
    },
    Delete(Key),
}

/// A world after an event, and what the event was. `fault` if it was a mishap.
pub(crate) struct Successor {
    pub(crate) world: World,
    pub(crate) event: String,
    pub(crate) mishap: bool,
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn ago(age: u8) -> Timestamp {
    now() - TICK * i32::from(age)
}

fn key_id(id: Number) -> KeyId {
    KeyId::new(format!("{id:08}"))
}

fn mask(secret: Number) -> Mask {
    Mask::of_live(format!("aa*****{secret:03}"))
}

fn number(id: &KeyId) -> Number {
    id.as_str().parse().unwrap()
}

fn nonce_text(nonce: Number) -> String {
    format!("n{nonce}")
}

/// Numbers in the order in which they are met.
fn renumber(map: &mut BTreeMap<Number, Number>, number: &mut Number) {
    let next = Number::try_from(map.len()).unwrap();
    *number = *map.entry(*number).or_insert(next);
}

impl Key {
    fn facts(&self) -> Facts {
        let standing = match &self.mark {
            MarkOf::Nothing => Standing::Unmarked,
            MarkOf::New(nonce) => Standing::InFlight(nonce_text(*nonce)),
            MarkOf::Committed { secret, age, rotated, due: _ } => Standing::Committed {
                secret: CommittedSecret::new(&mask(*secret), ago(*age), rotated.then(|| "30m".to_owned()))
                    .unwrap(),
                to: vec!["sink".to_owned()],
            },
        };
        Facts {
            id: key_id(self.id),
            created_at: Some(ago(self.age)),
            mask: Some(mask(self.secret)),
            standing,
        }
    }

    fn is_alive(&self, secret: Number) -> bool {
        self.secret == secret || self.previous.is_some_and(|(previous, _)| previous == secret)
    }
}

impl Slot {
    fn reserved(nonce: Number, id: Option<Number>, rotated: bool) -> Self {
        Self { nonce, id, secret: None, age: 0, rotated, recovered: None }
    }

    fn escrowed(&self) -> Escrowed {
        Escrowed {
            nonce: nonce_text(self.nonce),
            address: "key".to_owned(),
            id: self.id.map(key_id),
            mask: self.secret.map(mask),
            sealed: false,
            sent_at: ago(self.age),
            issued_at: None,
            lease: if self.rotated { rotate_lease(TRANSITION) } else { CREATE_LEASE },
            transition: match self.recovered {
                Some(left) => Some(TICK * i32::from(self.age + left)),
                None => self.rotated.then_some(TRANSITION),
            },
        }
    }
}

impl World {
    pub(crate) fn new(start: Start) -> Self {
        let mut world = Self {
            keys: Vec::new(),
            sink: None,
            runs: [Run::default(), Run::default()],
            late: Vec::new(),
            first_rotate: false,
            mishaps: 0,
            wrong: None,
        };
        let key = |mark| Key { id: 0, age: OLDEST, secret: 0, previous: None, mark };
        match start {
            Start::NoKey => {}
            Start::DueForRotation => {
                world.keys.push(key(MarkOf::Committed { secret: 0, age: OLDEST, rotated: false, due: true }));
                world.sink = Some(0);
            }
            Start::MadeByHand => world.keys.push(key(MarkOf::Nothing)),
            Start::StoredByHand => {
                world.keys.push(key(MarkOf::Nothing));
                world.sink = Some(0);
            }
            Start::LeftOver => {
                world.keys.push(key(MarkOf::Committed {
                    secret: 0,
                    age: OLDEST,
                    rotated: false,
                    due: false,
                }));
                world.sink = Some(0);
                world.keys.push(Key { id: 1, age: 2, secret: 1, previous: None, mark: MarkOf::New(0) });
            }
        }
        world
    }

    /// The same world with its numbers and ages in one form.
    fn canonical(mut self) -> Self {
        self.keys.sort_by_key(|key| key.id);
        let (mut ids, mut secrets, mut nonces) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let of_mark = |mark: &mut MarkOf, secrets: &mut _, nonces: &mut _| match mark {
            MarkOf::Nothing => {}
            MarkOf::New(nonce) => renumber(nonces, nonce),
            MarkOf::Committed { secret, age, .. } => {
                renumber(secrets, secret);
                *age = (*age).min(OLDEST);
            }
        };
        let mut of_key = |key: &mut Key| {
            renumber(&mut ids, &mut key.id);
            renumber(&mut secrets, &mut key.secret);
            if let Some((previous, _)) = &mut key.previous {
                renumber(&mut secrets, previous);
            }
            of_mark(&mut key.mark, &mut secrets, &mut nonces);
            key.age = key.age.min(2);
        };
        for key in &mut self.keys {
            of_key(key);
        }
        if let Some(sink) = &mut self.sink {
            renumber(&mut secrets, sink);
        }
        for run in &mut self.runs {
            for slot in &mut run.slots {
                renumber(&mut nonces, &mut slot.nonce);
                if let Some(id) = &mut slot.id {
                    renumber(&mut ids, id);
                }
                if let Some(secret) = &mut slot.secret {
                    renumber(&mut secrets, secret);
                }
                slot.age = slot.age.min(OLDEST);
            }
            match &mut run.flight {
                Some(Flight::HandOff {
                    machine, kind, nonce, planned, seen, issued, age, of_use, ..
                }) => {
                    // What no later step asks about tells no worlds apart.
                    let step = machine.step(SignedDuration::ZERO);
                    if !matches!(step, Step::Look | Step::Reserve | Step::Send | Step::Recover) {
                        (*planned, *of_use) = (None, None);
                    }
                    if *kind != Kind::Create
                        || !matches!(
                            step,
                            Step::Reserve | Step::Send | Step::Recover | Step::Keep | Step::Settle
                        )
                    {
                        seen.clear();
                    }
                    if let Some((_, _, MarkOf::Committed { age, .. })) = planned {
                        *age = 0;
                    }
                    if matches!(step, Step::Look | Step::Reserve) && *kind != Kind::Resume {
                        *age = 0;
                    }
                    renumber(&mut nonces, nonce);
                    if let Some((id, secret, mark)) = planned {
                        renumber(&mut ids, id);
                        renumber(&mut secrets, secret);
                        of_mark(mark, &mut secrets, &mut nonces);
                    }
                    if let Some((id, secret)) = issued {
                        renumber(&mut ids, id);
                        renumber(&mut secrets, secret);
                    }
                    seen.retain(|id| ids.contains_key(id));
                    for id in seen.iter_mut() {
                        renumber(&mut ids, id);
                    }
                    *age = (*age).min(OLDEST);
                }
                Some(Flight::Delete(key)) => {
                    renumber(&mut ids, &mut key.id);
                    renumber(&mut secrets, &mut key.secret);
                    of_mark(&mut key.mark, &mut secrets, &mut nonces);
                }
                None => {}
            }
        }
        for late in &mut self.late {
            match late {
                Late::Create(nonce) => renumber(&mut nonces, nonce),
                Late::Rotate(id) => renumber(&mut ids, id),
                Late::Commit { id, secret, .. } => {
                    renumber(&mut ids, id);
                    renumber(&mut secrets, secret);
                }
            }
        }
        self
    }

    /// The same world without the slots that the next plan would empty anyway.
    fn tidied(mut self) -> Self {
        for run in 0..2 {
            if self.runs[run].flight.is_none() {
                self.tidy(run);
            }
        }
        self
    }

    /// Two worlds that differ in which run is called which are one.
    fn unordered(self) -> Self {
        let mut swapped = self.clone();
        swapped.runs.swap(0, 1);
        let (one, other) = (self.canonical(), swapped.canonical());
        let order = |world: &Self| {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        if order(&one) <= order(&other) { one } else { other }
    }

    fn fresh(&self) -> Number {
        // Far above what renumbering leaves.
        100 + Number::try_from(self.late.len()).unwrap()
    }

    fn key(&self, id: Number) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn key_mut(&mut self, id: Number) -> Option<&mut Key> {
        self.keys.iter_mut().find(|key| key.id == id)
    }

    fn wish(&self, key: &Key) -> Wish {
        let after = match key.mark {
            MarkOf::Committed { age, due: true, .. } => Some(ago(age) + SignedDuration::from_secs(1)),
            _ => None,
        };
        Wish {
            sinks: vec!["sink".to_owned()],
            rotate_after: after,
            first_rotate: self.first_rotate,
            ..Wish::default()
        }
    }

    fn escrowed(&self, run: usize) -> Vec<Escrowed> {
        self.runs[run].slots.iter().map(Slot::escrowed).collect()
    }

    /// What the service does with a create.
    fn create(&mut self, nonce: Number) -> (Number, Number) {
        let id = self.keys.iter().map(|key| key.id + 1).max().unwrap_or(0).max(100);
        let secret = self.fresh();
        self.keys.push(Key { id, age: 0, secret, previous: None, mark: MarkOf::New(nonce) });
        (id, secret)
    }

    /// What the service does with a rotation; none if it refuses.
    fn rotate(&mut self, id: Number) -> Option<Number> {
        let secret = self.fresh();
        let key = self.key_mut(id)?;
        if key.previous.is_some() {
            return None;
        }
        key.previous = Some((key.secret, TRANSITION_TICKS));
        key.secret = secret;
        Some(secret)
    }

    /// Whether this key is not as it should be: its secret is not the one in the sink, or not said to be, or due.
    fn needs_a_secret(&self, id: Number) -> bool {
        self.key(id).is_some_and(|key| {
            let is_stored = self.sink == Some(key.secret);
            match key.mark {
                MarkOf::Committed { secret, due, .. } => due || secret != key.secret || !is_stored,
                // Nobody has said that it is not stored.
                MarkOf::Nothing => !is_stored || self.first_rotate,
                MarkOf::New(_) => true,
            }
        })
    }

    fn commit(&mut self, id: Number, secret: Number, age: u8, rotated: bool) {
        if let Some(key) = self.key_mut(id) {
            key.mark = MarkOf::Committed { secret, age, rotated, due: false };
        }
    }

    /// What this run would do now: nothing, wait or ask, or begin something.
    fn plan(&self, run: usize, rules: &Rules) -> Planned {
        let slots = self.escrowed(run);
        let facts: Vec<Facts> = self.keys.iter().map(Key::facts).collect();
        if facts.is_empty() {
            return match until_creatable("key", &slots, now(), rules) {
                Some(_) => Planned::Wait,
                None => Planned::Begin(self.hand_off(Kind::Create, None, None, CREATE_LEASE, rules)),
            };
        }
        let Twins::Keep { id, leftovers } = twins(&facts, &slots, now(), rules) else { return Planned::Ask };
        if let Some(leftover) = leftovers.first() {
            let key = self.key(number(leftover)).unwrap().clone();
            return Planned::Begin(Flight::Delete(key));
        }
        let kept = self.key(number(&id)).unwrap();
        match decide(&kept.facts(), &slots, &self.wish(kept), now(), rules) {
            Next::Nothing | Next::Accept { .. } if facts.len() > 1 => Planned::Wait,
            Next::Nothing | Next::Accept { .. } => Planned::Nothing,
            Next::Wait { .. } | Next::Ask(Question::BeingCreated { .. }) => Planned::Wait,
            Next::Ask(_) => Planned::Ask,
            Next::Deliver { nonce } => {
                let slot = self.runs[run].slots.iter().find(|slot| nonce_text(slot.nonce) == nonce).unwrap();
                let escrowed = slot.escrowed();
                let left = (escrowed.sent_at + escrowed.lease).duration_since(now());
                Planned::Begin(self.hand_off(Kind::Resume, Some(kept), Some(slot), left, rules))
            }
            Next::Rotate(_) => {
                let lease = rotate_lease(TRANSITION);
                Planned::Begin(self.hand_off(Kind::Rotate, Some(kept), None, lease, rules))
            }
        }
    }

    fn hand_off(
        &self,
        kind: Kind,
        key: Option<&Key>,
        slot: Option<&Slot>,
        lease: SignedDuration,
        rules: &Rules,
    ) -> Flight {
        Flight::HandOff {
            machine: HandOff::new(kind, 1, false, lease, *rules),
            kind,
            rotated: slot.map_or(kind == Kind::Rotate, |slot| slot.rotated),
            nonce: slot.map_or(200 + u8::from(kind == Kind::Rotate), |slot| slot.nonce),
            planned: key.map(|key| (key.id, key.secret, key.mark.clone())),
            seen: self.keys.iter().map(|key| key.id).collect(),
            issued: slot.and_then(|slot| Some((slot.id?, slot.secret?))),
            age: 0,
            of_use: None,
        }
    }

    /// Whether nobody is at work and nothing is left to do; both runs agree.
    pub(crate) fn is_at_rest(&self, rules: &Rules) -> bool {
        self.late.is_empty()
            && self.runs.iter().all(|run| run.flight.is_none())
            && (0..2).all(|run| matches!(self.plan(run, rules), Planned::Nothing))
    }

    /// What is wrong with this world.
    pub(crate) fn fault(&self, rules: &Rules) -> Option<&'static str> {
        if self.wrong.is_some() {
            return self.wrong;
        }
        if !self.is_at_rest(rules) {
            return None;
        }
        let [key] = self.keys.as_slice() else { return Some("at rest with other than one key") };
        match self.sink {
            None => Some("at rest with nothing in the sink"),
            Some(secret) if !key.is_alive(secret) => Some("at rest with a dead secret in the sink"),
            Some(secret) if secret != key.secret => Some("at rest with a dying secret in the sink"),
            Some(_) => None,
        }
    }

    /// Everything that can happen next.
    pub(crate) fn successors(&self, rules: &Rules, mishaps: u8) -> Vec<Successor> {
        let mut all = Vec::new();
        let mut push = |event: String, mishap: bool, mut world: Self| {
            world.mishaps += u8::from(mishap);
            if world.mishaps <= mishaps {
                all.push(Successor { world: world.tidied().unordered(), event, mishap });
            }
        };
        push("time passes".to_owned(), false, self.later());
        for index in 0..self.late.len() {
            let mut world = self.clone();
            let late = world.late.remove(index);
            world.arrive(&late);
            push("a late effect".to_owned(), false, world);
        }
        for run in 0..2 {
            self.steps_of(run, rules, &mut push);
        }
        if matches!(self.plan(0, rules), Planned::Ask) && !self.first_rotate {
            push("a person answers".to_owned(), false, Self { first_rotate: true, ..self.clone() });
        }
        for key in &self.keys {
            let mut world = self.clone();
            // By hand only what stands still; anything else is covered by two runs.
            if world.key_mut(key.id).is_some_and(|key| key.previous.is_none()) {
                let secret = world.fresh();
                let key = world.key_mut(key.id).unwrap();
                key.previous = Some((key.secret, TRANSITION_TICKS));
                key.secret = secret;
                push("a person rotates by hand".to_owned(), true, world);
            }
            // Nobody wipes the mark of a key that is minutes old and not theirs yet.
            if matches!(key.mark, MarkOf::Committed { .. }) {
                let mut world = self.clone();
                world.key_mut(key.id).unwrap().mark = MarkOf::Nothing;
                push("a person wipes the mark".to_owned(), true, world);
            }
        }
        all
    }

    fn later(&self) -> Self {
        let mut world = self.clone();
        // An effect that has not come by now does not come.
        world.late.clear();
        for key in &mut world.keys {
            key.age += 1;
            if let MarkOf::Committed { age, .. } = &mut key.mark {
                *age += 1;
            }
            key.previous = match key.previous {
                Some((secret, left)) if left > 1 => Some((secret, left - 1)),
                _ => None,
            };
        }
        for run in &mut world.runs {
            for slot in &mut run.slots {
                slot.age += 1;
                slot.recovered = slot.recovered.map(|left| left.saturating_sub(1));
            }
            if let Some(Flight::HandOff { age, .. }) = &mut run.flight {
                *age += 1;
            }
        }
        world
    }

    fn arrive(&mut self, late: &Late) {
        match *late {
            Late::Create(nonce) => {
                self.create(nonce);
            }
            Late::Rotate(id) => {
                self.rotate(id);
            }
            Late::Commit { id, secret, age, rotated } => self.commit(id, secret, age, rotated),
        }
    }
}

enum Planned {
    Nothing,
    Wait,
    Ask,
    Begin(Flight),
}

impl World {
    /// What this run can do next, and what can befall it.
    fn steps_of(&self, run: usize, rules: &Rules, push: &mut impl FnMut(String, bool, World)) {
        let Some(flight) = &self.runs[run].flight else {
            if let Planned::Begin(flight) = self.plan(run, rules) {
                let mut world = self.clone();
                world.tidy(run);
                world.runs[run].flight = Some(flight);
                push(format!("run {run} plans"), false, world);
            }
            return;
        };
        let mut died = self.clone();
        died.runs[run].flight = None;
        if let Flight::HandOff { machine, issued: Some((_, secret)), .. } = flight
            && matches!(machine.step(SignedDuration::ZERO), Step::Settle | Step::Deliver(_) | Step::Commit)
            && !self.runs[run].slots.iter().any(|slot| slot.secret == Some(*secret))
        {
            died.wrong = Some("a secret that had reached the run died with it");
        }
        push(format!("run {run} dies"), true, died.clone());
        if !died.runs[run].slots.is_empty() {
            died.runs[run].slots.clear();
            push(format!("run {run} dies with its disk"), true, died);
        }
        match flight {
            Flight::Delete(planned) => {
                let mut world = self.clone();
                world.runs[run].flight = None;
                let is_same = self
                    .key(planned.id)
                    .is_some_and(|key| key.secret == planned.secret && same_mark(&key.mark, &planned.mark));
                if is_same {
                    world.keys.retain(|key| key.id != planned.id);
                }
                push(format!("run {run} deletes a leftover"), false, world);
            }
            Flight::HandOff { machine, age, .. } => {
                let step = machine.step(TICK * i32::from(*age));
                self.hand_off_step(run, step, rules, push);
            }
        }
    }

    /// Slots that have served their purpose go before a run begins anything.
    fn tidy(&mut self, run: usize) {
        let keys = self.keys.clone();
        self.runs[run].slots.retain(|slot| {
            let key = keys.iter().find(|key| {
                slot.id == Some(key.id) || matches!(key.mark, MarkOf::New(nonce) if nonce == slot.nonce)
            });
            !is_spent(&slot.escrowed(), key.map(Key::facts).as_ref(), now())
        });
    }

    fn hand_off_step(
        &self,
        run: usize,
        step: Step,
        rules: &Rules,
        push: &mut impl FnMut(String, bool, World),
    ) {
        let Some(Flight::HandOff { kind, rotated, nonce, planned, seen, issued, .. }) =
            &self.runs[run].flight
        else {
            return;
        };
        let mut go = |what: &str, mishap: bool, mut world: World, event: Event| {
            if let Some(Flight::HandOff { machine, .. }) = &mut world.runs[run].flight {
                *machine = machine.after(event);
            }
            push(format!("run {run}: {step:?} {what}"), mishap, world);
        };
        let world = || self.clone();
        match step {
            Step::Look => {
                let (id, secret, mark) = planned.as_ref().unwrap();
                let is_same =
                    self.key(*id).is_some_and(|key| key.secret == *secret && same_mark(&key.mark, mark));
                let mut world = world();
                let needs = world.needs_a_secret(*id);
                if let Some(Flight::HandOff { of_use, .. }) = &mut world.runs[run].flight {
                    *of_use = Some(needs);
                }
                go("", false, world, if is_same { Event::Done } else { Event::Moved });
            }
            Step::Reserve => {
                let mut world = world();
                if rules.escrow {
                    let id = planned.as_ref().map(|(id, ..)| *id);
                    world.runs[run].slots.push(Slot::reserved(*nonce, id, *rotated));
                }
                if let Some(Flight::HandOff { age, .. }) = &mut world.runs[run].flight {
                    *age = 0;
                }
                go("", false, world, Event::Done);
            }
            Step::Send | Step::Recover => self.send(run, step, &mut go),
            Step::Keep => {
                let mut world = world();
                for slot in world.runs[run].slots.iter_mut().filter(|slot| slot.nonce == *nonce) {
                    slot.id = issued.map(|(id, _)| id);
                    slot.secret = issued.map(|(_, secret)| secret);
                }
                go("", false, world, Event::Done);
            }
            Step::Settle => {
                let Some(own) = issued.and_then(|(id, _)| self.key(id)) else {
                    return go("sees nothing", false, world(), Event::Failed);
                };
                let others: Vec<Facts> = self
                    .keys
                    .iter()
                    .filter(|key| key.id != own.id && !seen.contains(&key.id))
                    .map(Key::facts)
                    .collect();
                let stays = settle(&own.facts(), &others, rules);
                go("", false, world(), if stays { Event::Done } else { Event::Moved });
            }
            Step::Deliver(_) => {
                let mut delivered = world();
                delivered.sink = issued.map(|(_, secret)| secret);
                go("", false, delivered, Event::Done);
                go("fails", true, world(), Event::Failed);
            }
            Step::Prove => go("", false, world(), Event::Done),
            Step::Commit => {
                let (id, secret) = issued.unwrap();
                let age =
                    self.runs[run].slots.iter().find(|slot| slot.nonce == *nonce).map_or(0, |slot| slot.age);
                let mut done = world();
                done.commit(id, secret, age, *rotated);
                go("", false, done.clone(), Event::Done);
                go("loses the answer", true, done, Event::Lost);
                let mut late = world();
                late.late.push(Late::Commit { id, secret, age, rotated: *rotated });
                go("is late", true, late, Event::Lost);
            }
            Step::Close => {
                let mut world = world();
                world.runs[run].slots.retain(|slot| slot.nonce != *nonce);
                go("", false, world, Event::Done);
            }
            Step::GiveBack => {
                let (id, _) = issued.unwrap();
                let mut world = world();
                world.keys.retain(|key| key.id != id);
                world.runs[run].slots.retain(|slot| slot.nonce != *nonce);
                go("", false, world, Event::Done);
                go("fails", true, self.clone(), Event::Failed);
            }
            Step::Stop(end) => {
                let mut world = world();
                world.runs[run].flight = None;
                if end == portkey_sync::handoff::End::NotSent {
                    world.runs[run].slots.retain(|slot| slot.nonce != *nonce);
                }
                push(format!("run {run} ends: {end:?}"), false, world);
            }
        }
        let _: Kind = *kind;
    }

    fn send(&self, run: usize, step: Step, go: &mut impl FnMut(&str, bool, World, Event)) {
        let Some(Flight::HandOff { kind, nonce, planned, of_use, .. }) = &self.runs[run].flight else {
            return;
        };
        let is_idle =
            |id: Number| *kind == Kind::Rotate && !of_use.unwrap_or_else(|| self.needs_a_secret(id));
        let issue = |mut world: World, pair: (Number, Number)| {
            if let Some(Flight::HandOff { issued, .. }) = &mut world.runs[run].flight {
                *issued = Some(pair);
            }
            world
        };
        let found = self.keys.iter().find(|key| key.mark == MarkOf::New(*nonce)).map(|key| key.id);
        let rotates = match (step, kind, planned) {
            (Step::Recover, ..) => match found {
                Some(id) => Some(id),
                None => return go("finds nothing", false, self.clone(), Event::Lost),
            },
            (_, Kind::Rotate, Some((id, ..))) => Some(*id),
            _ => None,
        };
        let mut world = self.clone();
        if let (Step::Recover, Some(id)) = (step, found) {
            for slot in world.runs[run].slots.iter_mut().filter(|slot| slot.nonce == *nonce) {
                (slot.id, slot.recovered) = (Some(id), Some(TRANSITION_TICKS));
            }
        }
        let noted = world.clone();
        match rotates {
            None => {
                let may_still_arrive = |late: &Late| matches!(late, Late::Create(nonce) if self.runs[run].slots.iter().any(|slot| slot.nonce == *nonce));
                if self.late.iter().any(may_still_arrive) {
                    world.wrong = Some("a create was repeated while the first one could still arrive");
                }
                let pair = world.create(*nonce);
                go("", false, issue(world.clone(), pair), Event::Done);
                go("loses the answer", true, world, Event::Lost);
                let mut late = self.clone();
                late.late.push(Late::Create(*nonce));
                go("is late", true, late, Event::Lost);
            }
            Some(id) => match world.rotate(id) {
                Some(secret) => {
                    if is_idle(id) {
                        world.wrong = Some("a key that needed nothing was rotated");
                    }
                    go("", false, issue(world.clone(), (id, secret)), Event::Done);
                    go("loses the answer", true, world, Event::Lost);
                    let mut late = noted;
                    late.late.push(Late::Rotate(id));
                    go("is late", true, late, Event::Lost);
                }
                None => go("is refused", false, self.clone(), Event::Failed),
            },
        }
        go("has no effect", true, self.clone(), Event::Failed);
    }
}

fn same_mark(a: &MarkOf, b: &MarkOf) -> bool {
    match (a, b) {
        (MarkOf::Committed { secret: a, .. }, MarkOf::Committed { secret: b, .. }) => a == b,
        _ => a == b,
    }
}
