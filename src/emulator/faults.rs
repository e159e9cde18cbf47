//! Faults on demand: which request, and what happens to it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Error,
    call::Call,
    effect::{Effect, Fired},
};

/// Faults that an emulator has from the start; `docs/emulator.md` describes the format.
#[derive(Clone, Default)]
pub struct FaultScript {
    seed: u64,
    faults: Vec<Fault>,
}

/// One fault: it lets `skip` matching requests pass, then acts on the next `times`, or on each by chance.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    /// For the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// The whole path, where `*` stands for one segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// A part of path and query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_contains: Option<String>,
    #[serde(default)]
    skip: u32,
    /// None: once, or without end where there is a probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    then: Effect,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "`times` is neither a number nor `always`")]
enum Times {
    Number(u32),
    Word(Always),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Always {
    Always,
}

impl FaultScript {
    /// Reads a script from YAML or JSON: a list of faults, or `{seed, faults}`.
    pub fn from_yaml_str(text: &str) -> Result<Self, Error> {
        let value = serde_yaml::from_str(text).map_err(|error| Error::Faults(error.to_string()))?;
        Self::from_value(value).map_err(Error::Faults)
    }

    /// Reads a script from a file of YAML or JSON.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::FaultsUnreadable { path: path.to_owned(), source })?;
        Self::from_yaml_str(&text).map_err(|error| match error {
            Error::Faults(problem) => Error::Faults(format!("{}: {problem}", path.display())),
            error => error,
        })
    }

    /// Reads a script, or says which fault is wrong and why.
    pub(super) fn from_value(value: Value) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            #[serde(default)]
            seed: u64,
            faults: Vec<Value>,
        }
        let Whole { seed, faults } = match value {
            Value::Array(faults) => Whole { seed: 0, faults },
            value => serde_json::from_value(value).map_err(|error| {
                format!("a list of faults, or an object with `faults`, is expected: {error}")
            })?,
        };
        let read = |(number, value): (usize, Value)| {
            let fault: Fault =
                serde_json::from_value(value).map_err(|error| format!("fault {number}: {error}"))?;
            fault.check().map_err(|problem| format!("fault {number}: {problem}"))?;
            Ok(fault)
        };
        let faults = (1..).zip(faults).map(read).collect::<Result<_, String>>()?;
        Ok(Self { seed, faults })
    }
}

impl Fault {
    fn check(&self) -> Result<(), String> {
        if let Some(probability) = self.probability
            && !(0.0..=1.0).contains(&probability)
        {
            return Err(format!("`probability` {probability} is not between 0 and 1"));
        }
        if let Some(Times::Number(0)) = self.times {
            return Err("`times` is 0: it would never fire".to_owned());
        }
        self.then.check()
    }

    fn matches(&self, call: &Call) -> bool {
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.path.as_ref().is_none_or(|path| is_path(path, &call.path))
            && self.path_contains.as_ref().is_none_or(|part| call.target.contains(part))
    }

    /// How often it can act; none: without end.
    fn most(&self) -> Option<u32> {
        match (self.times, self.probability) {
            (Some(Times::Number(times)), _) => Some(times),
            (Some(Times::Word(Always::Always)), _) | (None, Some(_)) => None,
            (None, None) => Some(1),
        }
    }
}

/// Whether a path fits a pattern, where `*` stands for one segment.
fn is_path(pattern: &str, path: &str) -> bool {
    let (expected, given) = (pattern.split('/'), path.split('/'));
    expected.clone().count() == given.clone().count()
        && expected.zip(given).all(|(expected, given)| expected == "*" || expected == given)
}

/// The faults at work: each watches every request.
#[derive(Default)]
pub(super) struct Faults {
    seed: u64,
    /// How many there have been, those that are spent included.
    numbered: u64,
    watching: Vec<Watch>,
}

/// A fault and what it has seen.
struct Watch {
    fault: Fault,
    number: u64,
    /// How many requests matched.
    seen: u32,
    /// How many of them it acted on.
    acted: u32,
}

impl Faults {
    pub(super) fn of(script: &FaultScript) -> Self {
        let mut faults = Self::default();
        faults.add(script.clone());
        faults
    }

    /// Takes over more faults; the seed is that of the latest script.
    pub(super) fn add(&mut self, script: FaultScript) {
        self.seed = script.seed;
        for fault in script.faults {
            self.watching.push(Watch { fault, number: self.numbered, seen: 0, acted: 0 });
            self.numbered += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The faults that can still act, and what they have seen.
    pub(super) fn show(&self) -> Value {
        let shown = |watch: &Watch| json!({"fault": watch.fault, "seen": watch.seen, "acted": watch.acted});
        json!({"seed": self.seed, "faults": self.watching.iter().map(shown).collect::<Vec<_>>()})
    }

    /// What happens to this request.
    pub(super) fn fire(&mut self, call: &Call) -> Fired {
        let (mut effects, mut names) = (Vec::new(), Vec::new());
        for watch in self.watching.iter_mut().filter(|watch| watch.fault.matches(call)) {
            watch.seen = watch.seen.saturating_add(1);
            if watch.acts(self.seed) {
                watch.acted = watch.acted.saturating_add(1);
                let called = |effect| match &watch.fault.name {
                    Some(name) => format!("{name}: {effect}"),
                    None => String::from(effect),
                };
                names.extend(watch.fault.then.names().into_iter().map(called));
                effects.push(watch.fault.then.clone());
            }
        }
        self.watching.retain(|watch| watch.fault.most().is_none_or(|most| watch.acted < most));
        Fired::new(effects, names)
    }
}

impl Watch {
    fn acts(&self, seed: u64) -> bool {
        self.seen > self.fault.skip
            && self.fault.probability.is_none_or(|probability| self.draw(seed) < probability)
    }

    /// A number from 0 to 1 that depends on the seed, the fault and how many requests it has seen, and on nothing else:
    /// so the same requests in the same order meet the same faults, whatever other faults there are.
    fn draw(&self, seed: u64) -> f64 {
        let digest = Sha256::digest(format!("{seed}/{}/{}", self.number, self.seen));
        let head = digest.iter().take(4).fold(0_u32, |head, byte| (head << 8) | u32::from(*byte));
        f64::from(head) / (f64::from(u32::MAX) + 1.0)
    }
}
