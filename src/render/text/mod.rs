//! Text for people.

mod diagnostics;
mod entry;
mod errors;
mod explain;
mod fields;
mod formatting;
mod limits;
mod list;
mod moved;
mod permissions;
mod plan;
mod report;
mod review;
mod show;
mod texts;

#[cfg(test)]
pub(super) mod tests;

pub(super) use entry::{RUNNING_KEY, delivery, fields, odd_cause};
pub(super) use fields::Field;
pub(super) use plan::{calls_of, left_out, organisation};
pub use report::EventLayout;
pub(super) use report::Fates;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use super::explain::{Kind, Topic};
use super::words::Detail;
use super::{Style, Verbosity};
use crate::desired::LeftAlone;
use crate::diagnostic::{Diagnostic, Sources};
use crate::diff::FieldChange;
use crate::inventory::{Holding, Sight};
use crate::plan::{Action, LeastScopes, Moved, Plan, Review};
use crate::report::{Event, Report};

/// What a plan does not know about itself.
#[derive(Clone, Debug)]
pub struct PlanContext<'a> {
    /// The scope sets of the files, for showing scopes as they were written.
    pub scope_sets: &'a BTreeMap<String, BTreeSet<String>>,
    /// The files as the user knows them: `keys.yaml`.
    pub files: &'a str,
    /// How much to show.
    pub verbosity: Verbosity,
    /// The command line that applies exactly this plan.
    pub next_command: Option<String>,
    /// What comes after it.
    pub mode: Mode,
    /// The folder that sinks lie in, seen from the working folder; `.` if it is that.
    pub folder: &'a Path,
    /// How much of the organisation it is about.
    pub extent: Extent,
}

/// How much of the organisation a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every entry.
    Entries,
    /// Also the live keys that no entry means: `--prune`.
    EntriesAndRest,
    /// So many entries, which somebody named.
    Named {
        /// How many.
        entries: usize,
        /// The option or the command that named them.
        by: &'static str,
    },
}

/// What a review does not know about itself.
#[derive(Clone, Debug)]
pub struct ReviewContext<'a> {
    /// The scope sets of the files, for showing scopes as they were written.
    pub scope_sets: &'a BTreeMap<String, BTreeSet<String>>,
    /// The files as the user knows them.
    pub files: &'a str,
    /// The base as the user knows it.
    pub base: &'a str,
    /// How much to show.
    pub verbosity: Verbosity,
}

/// What happens after the plan was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: the last line says so, and what to type next.
    #[default]
    Preview,
    /// It is applied.
    AboutToApply,
    /// Files were compared with files: there are no calls.
    Review,
}

/// The plan: what changes, what needs a person, what to type next.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, style: &Style) -> String {
    plan::draw(plan, context, style)
}

/// What a change of the files does, from the files alone.
pub fn review(review: &Review, context: &ReviewContext<'_>, style: &Style) -> String {
    review::draw(review, context, style)
}

/// The question before an apply, ending where the answer is typed.
pub fn question(plan: &Plan) -> String {
    plan::question(plan)
}

/// What was done: the errors of failed keys, what else needs a person, counts.
pub fn report(report: &Report, plan: &Plan, exit_code: Option<u8>, folder: &Path, style: &Style) -> String {
    report::draw(report, plan, exit_code, folder, style)
}

/// One line for one finished change, for logs; `None` for events that need no line. `done` counts this one.
pub fn event_line(
    event: &Event<'_>,
    plan: &Plan,
    done: usize,
    layout: EventLayout,
    style: &Style,
) -> Option<String> {
    report::event_line(event, plan, done, layout, style)
}

/// Live keys, one a line; nothing if there are none.
pub fn list(holdings: &[&Holding<'_>], now: Timestamp, verbosity: Verbosity, style: &Style) -> String {
    list::table(holdings, now, verbosity, style)
}

/// Live keys as CSV with a header, safe to open with a spreadsheet.
pub fn csv(holdings: &[&Holding<'_>]) -> String {
    list::csv(holdings)
}

/// How many keys are listed, of how many.
pub fn counted(listed: usize, all: usize) -> String {
    list::counted(listed, all)
}

/// What the running key does not see; nothing if it sees all.
pub fn sight(sight: &Sight, style: &Style) -> String {
    show::sight(sight, style)
}

/// All that is known of one live key.
pub fn key(holding: &Holding<'_>, now: Timestamp, style: &Style) -> String {
    show::draw(holding, now, style)
}

/// The least scopes for the work on some files, ready to be pasted into one.
pub fn permissions(least: &LeastScopes, files: &str, style: &Style) -> String {
    permissions::draw(least, files, style)
}

/// Complaints about files, each with its place and remedy, and a line that counts them.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    diagnostics::draw(diagnostics, sources, style)
}

/// What words mean, each in full.
pub fn explain(topics: &[Topic], style: &Style) -> String {
    explain::explain(topics, style)
}

/// Words with the sentence that each has.
pub fn topics(topics: &[Topic], style: &Style) -> String {
    explain::list(topics, style)
}

/// What can be looked up, and how.
pub fn kinds_of_topics(counts: &[(Kind, usize)], style: &Style) -> String {
    explain::kinds(counts, style)
}

/// What formatting would change in a file, as a unified diff.
pub fn format_diff(name: &str, before: &str, after: &str, style: &Style) -> String {
    formatting::diff(name, before, after, style)
}

/// Why a file is not formatted, as the end of a sentence.
pub fn left_alone(why: LeftAlone) -> &'static str {
    formatting::left_alone(why)
}

/// An error: what failed, what it came of, what is so now, what to do.
pub fn failure(
    message: &str,
    causes: &[String],
    facts: &[String],
    hints: &[String],
    style: &Style,
) -> String {
    errors::failure(message, causes, facts, hints, style)
}

/// A refusal: what is refused, what moved, what is so now, what to do.
pub fn refused(
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
    style: &Style,
) -> String {
    moved::refused(message, causes, details, hints, style)
}

/// That a saved plan still holds, with what of it is done already.
pub fn still_holds(made_at: Timestamp, moved: &Moved, plan: &Plan, style: &Style) -> String {
    moved::still_holds(made_at, moved, plan, style)
}

/// One field of a change on one line, without colour: `scopes + logs.view`.
pub(super) fn field_in_words(field: &FieldChange, action: Action, style: &Style) -> String {
    fields::in_words(field, action, style)
}
