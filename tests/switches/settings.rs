//! Settings of some switches; the others have their defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use portkey_sync::emulator::{Options, Seed, Switch, Switches};
use serde_json::json;

use crate::chance::Chance;
use crate::rehearsal::Rehearsal;

/// Setting by switch.
#[derive(Clone)]
pub(crate) struct Settings(BTreeMap<&'static str, &'static str>);

impl Settings {
    pub(crate) fn one(name: &'static str, setting: &'static str) -> Self {
        Self(BTreeMap::from([(name, setting)]))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(name, setting)| (*name, *setting))
    }

    /// Each setting with each other one.
    fn pairs(&self) -> BTreeSet<[(&'static str, &'static str); 2]> {
        self.iter()
            .flat_map(|one| self.iter().filter(move |other| one < *other).map(move |other| [one, other]))
            .collect()
    }

    pub(crate) async fn rehearsal(&self, seed: &str) -> Rehearsal {
        Rehearsal::with(Options {
            seed: Some(Seed::from_yaml_str(seed).unwrap()),
            switches: Some(serde_json::from_value::<Switches>(json!(self.0)).unwrap()),
            ..Options::default()
        })
        .await
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.iter().map(|(name, setting)| format!("{name}={setting}")).collect();
        f.write_str(&pairs.join(","))
    }
}

pub(crate) fn settings_of(name: &str) -> &'static [&'static str] {
    Switches::TABLE.iter().find(|switch| switch.name == name).unwrap().settings
}

/// Every setting alone, the defaults too.
pub(crate) fn each() -> impl Iterator<Item = Settings> {
    let of =
        |switch: &'static Switch| switch.settings.iter().map(|setting| Settings::one(switch.name, setting));
    Switches::TABLE.iter().flat_map(of)
}

/// Every setting alone that is no default.
pub(crate) fn each_other() -> impl Iterator<Item = Settings> {
    let of = |switch: &'static Switch| {
        switch.settings.iter().skip(1).map(|setting| Settings::one(switch.name, setting))
    };
    Switches::TABLE.iter().flat_map(of)
}

/// As few as hold every setting that is no default: all the first ones, all the second ones, and so on.
pub(crate) fn all_others() -> Vec<Settings> {
    let others = |switch: &'static Switch| &switch.settings[1..];
    let most = Switches::TABLE.iter().map(|switch| others(switch).len()).max().unwrap();
    let nth = |n: usize| {
        let of = |switch: &'static Switch| (switch.name, others(switch)[n % others(switch).len()]);
        Settings(Switches::TABLE.iter().map(of).collect())
    };
    (0..most).map(nth).collect()
}

/// All switches at once, by chance, until every two settings of different switches have met, and so many at least.
pub(crate) fn combinations(seed: u64, at_least: usize) -> Vec<Settings> {
    // Of so many the one is taken in which the most pairs meet for the first time.
    const CANDIDATES: usize = 20;
    let chance = &mut Chance::of(seed);
    let mut any = || {
        let of = |switch: &'static Switch| (switch.name, *chance.one_of(switch.settings));
        Settings(Switches::TABLE.iter().map(of).collect())
    };
    let every: usize = {
        let count = |switch: &Switch| switch.settings.len();
        let all: usize = Switches::TABLE.iter().map(count).sum();
        let same: usize = Switches::TABLE.iter().map(|switch| count(switch).pow(2)).sum();
        (all.pow(2) - same) / 2
    };
    let (mut met, mut taken) = (BTreeSet::new(), Vec::new());
    while met.len() < every || taken.len() < at_least {
        let candidates = std::iter::repeat_with(&mut any).take(CANDIDATES);
        let best = candidates.max_by_key(|settings| settings.pairs().difference(&met).count()).unwrap();
        met.extend(best.pairs());
        taken.push(best);
    }
    taken
}
