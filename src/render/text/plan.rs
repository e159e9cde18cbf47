//! The plan on one screen: what changes, what should worry the reader, what to type next.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, Likeness, name};
use super::errors::explained;
use super::{Extent, Mode, PlanContext};
use crate::model::{KeyAddress, KeyId, OrganisationId};
use crate::plan::{Action, Change, Coming, LeftOut, Note, Plan, Risk, UnmentionedKey, Waiting, Writes};
use crate::render::layout::{Role, pad, paragraph};
use crate::render::words::{self, choose, count, some_of};
use crate::render::{Style, Verbosity, escape};

/// So many equal changes are one entry.
const FOLD_FROM: usize = 3;
/// Up to so many names are all shown; of more, the first few.
const ALL_NAMES: usize = 10;
const FIRST_NAMES: usize = 3;
/// Where the text of the summary starts.
const SUMMARY: usize = 15;

/// See [`super::plan`].
pub(super) fn draw(plan: &Plan, context: &PlanContext<'_>, style: &Style) -> String {
    let page = Page { plan, context, style };
    let quiet = plan.changes.is_empty() && plan.blocked.is_empty();
    let mut out = page.moment();
    if quiet && plan.refusals.is_empty() {
        out.push_str(&page.no_changes());
    } else {
        out.push_str(&page.header());
        out.push_str(&page.groups());
    }
    out.push_str(&page.not_in_files());
    out.push_str(&page.notes());
    if !(quiet && plan.refusals.is_empty()) {
        out.push('\n');
        out.push_str(&page.summary());
        out.push_str(&page.ending());
    }
    out
}

/// Changes alone, under their groups' headings.
pub(super) fn entries(changes: &[Change], context: &PlanContext<'_>, style: &Style) -> String {
    let plan = Plan { changes: changes.to_vec(), ..Plan::default() };
    Page { plan: &plan, context, style }.groups()
}

/// `1 create, 2 update`.
pub(super) fn counts_of(changes: &[Change]) -> String {
    let counts = words::ACTIONS.into_iter().map(|action| {
        let n = changes.iter().filter(|change| change.action == action).count();
        (n, words::action(action).1)
    });
    let counts = counts.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// The summary's line of risks, if there are any: `3 risks`, `mints-keys, deleted 2`.
pub(super) fn risks_of(risks: &BTreeMap<Risk, usize>) -> Option<(String, String)> {
    let word = |(risk, n): (&Risk, &usize)| match n {
        1 => risk.word().to_owned(),
        n => format!("{} {n}", risk.word()),
    };
    let words: Vec<String> = risks.iter().map(word).collect();
    (!words.is_empty()).then(|| (count(risks.values().sum(), "risk"), words.join(", ")))
}

/// See [`super::question`].
pub(super) fn question(plan: &Plan) -> String {
    let deletes = plan.count(Action::Delete);
    let loss = match deletes {
        0 => String::new(),
        n => format!(" {} deleted, which cannot be undone.", are(n, "key")),
    };
    format!(
        "Apply {} to {}?{loss} Only `yes` goes on: ",
        count(plan.changes.len(), "change"),
        organisation(plan.organisation.as_ref())
    )
}

pub(in crate::render) fn organisation(id: Option<&OrganisationId>) -> String {
    id.map_or_else(
        || "an unknown organisation".to_owned(),
        |id| format!("organisation {}", escape(id.short())),
    )
}

fn are(n: usize, noun: &str) -> String {
    format!("{} {}", count(n, noun), choose(n, "is", "are"))
}

fn names(all: &[String]) -> String {
    if all.len() <= ALL_NAMES {
        return all.join(", ");
    }
    format!("{} (-v)", some_of(all, FIRST_NAMES))
}

/// Organisation keys first, then workspaces by name.
type Group<'a> = Option<&'a str>;

struct Page<'a> {
    plan: &'a Plan,
    context: &'a PlanContext<'a>,
    style: &'a Style,
}

impl Page<'_> {
    fn header(&self) -> String {
        let Plan { organisation: id, running_key, live_total, declared, .. } = self.plan;
        let reader = match running_key {
            Some(key) => format!(", read with key `{}`", name(key)),
            None => String::new(),
        };
        let text = format!(
            "{}{reader}: {}, {declared} in {}",
            organisation(id.as_ref()),
            count(*live_total, "live key"),
            escape(self.context.files)
        );
        paragraph("", &text, self.style)
    }

    /// Something that is due later, as a part of a sentence.
    fn is_due(&self, waiting: &Waiting) -> String {
        let what = words::coming(waiting.action);
        let when = words::when(self.plan.now, waiting.until);
        let whose = address(&waiting.address);
        match &waiting.replaced {
            Some(id) => format!("{}, the former key of {whose}, {what} {when}", escape(id.as_str())),
            None => format!("{whose} {what} {when}"),
        }
    }

    fn no_changes(&self) -> String {
        let in_sync = self.plan.in_sync;
        let text = format!(
            "{} {} in {} {} {}; {} in no file.",
            self.style.paint(Role::Heading, "No changes."),
            count(in_sync, "key"),
            escape(self.context.files),
            choose(in_sync, "matches", "match"),
            organisation(self.plan.organisation.as_ref()),
            are(self.plan.unmentioned.len(), "live key")
        );
        let mut out = paragraph("", &text, self.style);
        if self.plan.left_out != LeftOut::default() {
            out.push_str(&paragraph("", &format!("Left out: {}.", left_out(self.plan.left_out)), self.style));
        }
        for text in self
            .not_looked_at()
            .map(|text| format!("Not looked at: {text}."))
            .into_iter()
            .chain(self.would_prune())
        {
            out.push_str(&paragraph("", &text, self.style));
        }
        let mut coming: Vec<String> = self.plan.waiting.iter().map(|waiting| self.is_due(waiting)).collect();
        coming.extend(self.coming_up());
        if !coming.is_empty() {
            out.push_str(&paragraph("", &format!("Coming up: {}.", self.folded(&coming)), self.style));
        }
        out
    }

    /// What will happen that is not among what waits.
    fn coming_up(&self) -> Vec<String> {
        let waits = |coming: &&Coming| {
            let is_it =
                |waiting: &Waiting| waiting.address == coming.address && waiting.until == Some(coming.at);
            !self.plan.waiting.iter().any(is_it)
        };
        let say = |coming: &Coming| {
            let when = words::when(self.plan.now, Some(coming.at));
            format!("{} {} {when}", address(&coming.address), words::event(coming.what).1)
        };
        self.plan.coming_up.iter().filter(waits).map(say).collect()
    }

    /// The first of many, and how many there are besides.
    fn folded(&self, all: &[String]) -> String {
        let shown = if self.verbose() { all.len() } else { ALL_NAMES };
        let first: Vec<_> = all.iter().take(shown).map(String::as_str).collect();
        let rest = all.len().saturating_sub(shown);
        let more = if rest > 0 { format!("; and {rest} more (-v)") } else { String::new() };
        format!("{}{more}", first.join("; "))
    }

    /// A plan of another moment says so before anything else.
    fn moment(&self) -> String {
        let Some(text) = words::moment(self.plan) else { return String::new() };
        paragraph(&format!("{} ", self.style.paint(Role::Warning, "another moment:")), &text, self.style)
    }

    fn verbose(&self) -> bool {
        self.context.verbosity == Verbosity::Verbose
    }

    /// Every entry under its group's heading, by name.
    fn groups(&self) -> String {
        let mut groups: BTreeMap<Group<'_>, Vec<(String, Entry)>> = BTreeMap::new();
        let mut everywhere: Vec<Entry> = Vec::new();
        let add = |address: &'_ KeyAddress, entry: Entry| (address.within_group(), entry);
        let mut singles: Vec<&Change> = Vec::new();
        for (alike, changes) in self.alike(&mut singles) {
            let Some(first) = changes.first() else { continue };
            let group = first.address.workspace.as_deref();
            if changes.iter().all(|change| change.address.workspace.as_deref() == group) {
                let all: Vec<String> =
                    changes.iter().map(|change| name(&change.address.within_group())).collect();
                let entry = Entry::of_alike(alike, changes.len(), names(&all));
                groups.entry(group).or_default().push(add(&first.address, entry));
            } else {
                everywhere.push(Entry::of_alike(alike, changes.len(), across_groups(&changes)));
            }
        }
        for change in singles {
            let entry = Entry::of_change(change, self.context, self.style);
            groups.entry(change.address.workspace.as_deref()).or_default().push(add(&change.address, entry));
        }
        for blocked in &self.plan.blocked {
            let group = groups.entry(blocked.address.workspace.as_deref()).or_default();
            group.push(add(&blocked.address, Entry::of_blocked(blocked)));
        }
        for waiting in &self.plan.waiting {
            let group = groups.entry(waiting.address.workspace.as_deref()).or_default();
            group.push(add(&waiting.address, Entry::of_waiting(waiting, self.plan.now)));
        }

        let widest = groups.values().flatten().map(|(_, entry)| entry.place_width()).max().unwrap_or(0);
        let places = self.style.columns().saturating_sub(widest);
        let mut out = String::new();
        let mut section = |heading: &str, entries: &mut dyn Iterator<Item = &Entry>| {
            out.push_str(&format!("\n{}\n", self.style.paint(Role::Heading, heading)));
            for (index, entry) in entries.enumerate() {
                if index > 0 {
                    out.push('\n');
                }
                out.push_str(&entry.draw(places, self.style));
            }
        };
        if !everywhere.is_empty() {
            section("several workspaces", &mut everywhere.iter());
        }
        for (group, mut entries) in groups {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let heading = group.map_or_else(|| "organisation".to_owned(), name);
            section(&heading, &mut entries.iter().map(|(_, entry)| entry));
        }
        out
    }

    /// Changes that are alike, where there are enough of them; the others go to `singles`.
    fn alike<'a>(&'a self, singles: &mut Vec<&'a Change>) -> Vec<(Likeness, Vec<&'a Change>)> {
        let mut alike: BTreeMap<(Likeness, Group<'_>), Vec<&Change>> = BTreeMap::new();
        for change in &self.plan.changes {
            match Likeness::of(change, self.context, self.style) {
                Some(likeness) if !self.verbose() => {
                    // Adoptions are one line in each group; anything else may span them all.
                    let group = change.address.workspace.as_deref().filter(|_| likeness.is_adoption());
                    alike.entry((likeness, group)).or_default().push(change);
                }
                _ => singles.push(change),
            }
        }
        let mut folded = Vec::new();
        for ((likeness, _), changes) in alike {
            if changes.len() >= FOLD_FROM || likeness.is_adoption() {
                folded.push((likeness, changes));
            } else {
                singles.extend(changes);
            }
        }
        folded
    }

    fn left_alone(&self) -> Vec<&UnmentionedKey> {
        let deleted: BTreeSet<&KeyId> = self
            .plan
            .changes
            .iter()
            .filter(|change| change.action == Action::Delete)
            .filter_map(|change| change.before.as_ref().map(|key| &key.id))
            .collect();
        self.plan.unmentioned.iter().filter(|key| !deleted.contains(&key.id)).collect()
    }

    /// With -v: every key that no entry means.
    fn not_in_files(&self) -> String {
        let keys = self.left_alone();
        if !self.verbose() || keys.is_empty() {
            return String::new();
        }
        let mut out = format!("\n{}\n", self.style.paint(Role::Heading, "in no file"));
        for key in keys {
            let prunable = match self.context.extent {
                Extent::Entries if key.prunable => "   --prune would delete it",
                Extent::Entries | Extent::EntriesAndRest | Extent::Named { .. } => "",
            };
            let text = format!("{}{prunable}", escape(key.id.as_str()));
            let address = escape(&key.address.to_string());
            out.push_str(&paragraph(&pad(&format!("  {address}  "), 42), &text, self.style));
        }
        out
    }

    /// What `--prune` is about, if it is not being done.
    fn would_prune(&self) -> Option<String> {
        let prunable: Vec<String> = self
            .left_alone()
            .iter()
            .filter(|key| key.prunable)
            .map(|key| escape(&key.address.to_string()))
            .collect();
        let keys = count(prunable.len(), "key");
        match self.context.extent {
            _ if prunable.is_empty() => None,
            // It was asked for, and is kept back because it is drift.
            Extent::EntriesAndRest if self.plan.left_out == LeftOut::default() => None,
            Extent::EntriesAndRest => {
                Some(format!("left out by --only-changed: {} by --prune", count(prunable.len(), "deletion")))
            }
            Extent::Entries if self.verbose() => Some(format!("--prune would delete {keys} of these")),
            Extent::Entries if prunable.len() > FIRST_NAMES + 1 => {
                Some(format!("--prune would delete {keys}: {} (-v)", some_of(&prunable, FIRST_NAMES)))
            }
            Extent::Entries => Some(format!("--prune would delete {keys}: {}", prunable.join(", "))),
            // Only what was named is talked about.
            Extent::Named { .. } => None,
        }
    }

    /// The entries that nobody named: nothing is known of them.
    fn not_looked_at(&self) -> Option<String> {
        match self.context.extent {
            Extent::Entries | Extent::EntriesAndRest => None,
            Extent::Named { entries, by } => {
                let rest = self.plan.declared.saturating_sub(entries);
                (rest > 0).then(|| format!("{rest} {} ({by})", choose(rest, "entry", "entries")))
            }
        }
    }

    fn notes(&self) -> String {
        // That a key which plans cannot write is as it should be, and told to those who ask for more.
        let is_wanted = |note: &&Note| self.verbose() || !matches!(note, Note::MissingScopes { .. });
        let notes: String = self
            .plan
            .notes
            .iter()
            .filter(is_wanted)
            .map(|note| explained("note:", Role::Warning, &words::note(note), self.style))
            .collect();
        if notes.is_empty() { notes } else { format!("\n{notes}") }
    }

    fn summary(&self) -> String {
        let plan = self.plan;
        let mut rows: Vec<(String, String)> = Vec::new();
        let total = plan.changes.len();
        let changes = if total == 0 { "no changes".to_owned() } else { count(total, "change") };
        rows.push((changes, counts_of(&plan.changes)));
        rows.extend(risks_of(&plan.risks()));
        if !plan.blocked.is_empty() {
            let n = plan.blocked.len();
            let others = match total {
                0 => format!("{} a person", choose(n, "it needs", "they need")),
                _ => format!(
                    "the {} {} not wait for {}",
                    if total == 1 { "change".to_owned() } else { format!("{total} changes") },
                    choose(total, "does", "do"),
                    choose(n, "it", "them")
                ),
            };
            rows.push((format!("{n} blocked"), others));
        }
        if !plan.waiting.is_empty() {
            rows.push((format!("{} waiting", plan.waiting.len()), "due later; not a failure".to_owned()));
        }
        if plan.left_out != LeftOut::default() {
            rows.push(("left out".to_owned(), left_out(plan.left_out)));
        }
        if total > 0 {
            let writes = plan.writes();
            rows.push((count(writes.total(), "write"), calls_of(writes)));
        }
        let mut alone = Vec::new();
        let not_looked_at = self.not_looked_at();
        if plan.in_sync > 0 || not_looked_at.is_none() {
            alone.push(format!("{} as declared", are(plan.in_sync, "key")));
        }
        let unmentioned = self.left_alone().len();
        if unmentioned > 0 {
            let list = if self.verbose() { "" } else { " (-v lists them)" };
            alone.push(format!("{} in no file{list}", are(unmentioned, "live key")));
        }
        if !alone.is_empty() {
            rows.push(("left alone".to_owned(), alone.join("; ")));
        }
        rows.extend(not_looked_at.map(|text| ("not looked at".to_owned(), text)));
        if let Some(text) = self.would_prune() {
            rows.push((String::new(), text));
        }
        let coming = self.coming_up();
        if !coming.is_empty() {
            rows.push(("coming up".to_owned(), self.folded(&coming)));
        }
        rows.iter()
            .map(|(label, text)| {
                let label = pad(&self.style.paint(Role::Heading, label), SUMMARY);
                paragraph(&label, text, self.style)
            })
            .collect()
    }

    /// Refusals, and what to type next.
    fn ending(&self) -> String {
        let mut out = String::new();
        for refusal in &self.plan.refusals {
            out.push('\n');
            out.push_str(&explained("refused:", Role::Error, &words::refusal(refusal), self.style));
        }
        if self.context.mode == Mode::AboutToApply {
            return out;
        }
        if self.plan.is_hypothetical() {
            out.push_str(&format!("Nothing was written. {}\n", words::NOT_TO_APPLY));
            return out;
        }
        if !self.plan.refusals.is_empty() {
            out.push_str("\nNothing was written, and apply would refuse.\n");
            return out;
        }
        match &self.context.next_command {
            // Not wrapped, so that it can be copied.
            Some(command) if !self.plan.changes.is_empty() => {
                out.push_str(&format!("Nothing was written. Apply exactly this: {}\n", escape(command)));
            }
            _ => out.push_str("Nothing was written.\n"),
        }
        out
    }
}

/// What `--only-changed` leaves alone.
pub(in crate::render) fn left_out(left_out: LeftOut) -> String {
    let LeftOut { keys, fields } = left_out;
    format!(
        "{} with nothing but drift, {} that drifted (--only-changed)",
        count(keys, "key"),
        count(fields, "field")
    )
}

pub(super) fn address(address: &KeyAddress) -> String {
    name(&address.to_string())
}

/// `ws-payments 140, ws-research 72: checkout, checkout-eu, ledger-batch and 209 more (-v)`.
fn across_groups(changes: &[&Change]) -> String {
    let mut counts: BTreeMap<Group<'_>, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change.address.workspace.as_deref()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(group, n)| format!("{} {n}", group.map_or_else(|| "organisation".to_owned(), name)))
        .collect();
    let all: Vec<String> = changes.iter().map(|change| name(&change.address.within_group())).collect();
    format!("{}: {}", some_of(&counts, ALL_NAMES), names(&all))
}

pub(in crate::render) fn calls_of(writes: Writes) -> String {
    let Writes { post, put, delete } = writes;
    let calls: Vec<String> = [(post, "POST"), (put, "PUT"), (delete, "DELETE")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, method)| format!("{n} {method}"))
        .collect();
    format!("{}; then reads to verify", calls.join(", "))
}
