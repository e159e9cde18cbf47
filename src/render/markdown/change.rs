//! One change, or several that are alike, as lines of a `diff` fence.

use super::escape::{LONGEST_PIECE, shorten};
use crate::handoff::TRANSITION;
use crate::plan::{Action, Cause, Causes, Change, Plan, Reason, Request};
use crate::render::Style;
use crate::render::escape;
use crate::render::layout::{columns, pad};
use crate::render::text::{Field, PlanContext, RUNNING_KEY, delivery, fields, odd_cause};
use crate::render::words::{self, count, some_of};

/// So many equal changes are one entry.
const FOLD_FROM: usize = 3;
/// Names that are said where many keys share one entry.
const NAMES: usize = 10;
/// Lines of one change; a description or a nested value may differ in thousands.
const LINES: usize = 40;
/// A line of a fence does not wrap, but nobody scrolls for ever.
const LONGEST_LINE: usize = 300;
/// Where the action starts behind a short address.
const ACTIONS: usize = 30;

/// What is drawn in a fence needs neither colour nor a width.
const PLAIN: Style = Style { color: false, width: 120 };

/// An address, safe to show.
pub(super) fn address(change: &Change) -> String {
    shorten(&escape(&change.address.to_string()), LONGEST_PIECE)
}

/// What is said of a change besides its title: a sign, and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) sign: char,
    pub(super) text: String,
}

impl Line {
    fn new(sign: char, text: impl Into<String>) -> Self {
        Self { sign, text: text.into() }
    }

    fn draw(&self) -> String {
        format!("{}   {}\n", self.sign, shorten(&self.text, LONGEST_LINE))
    }
}

/// Changes of which all but the names is equal, in the plan's order.
pub(super) struct Entry<'a> {
    pub(super) changes: Vec<&'a Change>,
    action: Action,
    lines: Vec<Line>,
    cause: Option<String>,
}

/// Every change of a plan, equal ones together.
pub(super) fn entries<'a>(plan: &'a Plan, context: &PlanContext<'_>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let mut alike = std::collections::BTreeMap::new();
    for change in &plan.changes {
        let (lines, cause) = (lines(change, context), words::causes(&change.causes));
        let key = (change.action, lines.clone(), cause.clone());
        let index = *alike.entry(key).or_insert(entries.len());
        match entries.get_mut(index) {
            Some(entry) => entry.changes.push(change),
            None => entries.push(Entry { changes: vec![change], action: change.action, lines, cause }),
        }
    }
    entries.into_iter().flat_map(Entry::unfolded).collect()
}

impl<'a> Entry<'a> {
    /// One entry for each change, if there are too few to be folded.
    fn unfolded(self) -> Vec<Self> {
        let Self { changes, action, lines, cause } = self;
        if changes.len() >= FOLD_FROM && action != Action::Delete {
            return vec![Self { changes, action, lines, cause }];
        }
        let one = |change: &'a Change| Self {
            changes: vec![change],
            action,
            lines: lines.clone(),
            cause: cause.clone(),
        };
        changes.into_iter().map(one).collect()
    }

    /// The lines of the fence.
    pub(super) fn draw(&self) -> String {
        let sign = match self.action {
            Action::Create => '+',
            Action::Delete => '-',
            Action::Rotate | Action::Deliver | Action::ResetUsage => '!',
            Action::Adopt | Action::Update => ' ',
        };
        let names: Vec<String> = self.changes.iter().map(|change| address(change)).collect();
        let (title, place) = match self.changes.as_slice() {
            [only] => {
                let place =
                    only.place.as_ref().map(|place| shorten(&escape(&place.to_string()), LONGEST_PIECE));
                (address(only), place.or_else(|| Some("in no file".to_owned())))
            }
            several => (count(several.len(), "key"), None),
        };
        let action = words::action(self.action).1;
        let rest: Vec<&str> =
            [Some(action), place.as_deref(), self.cause.as_deref()].into_iter().flatten().collect();
        let gap = if columns(&title) >= ACTIONS { "  " } else { "" };
        let mut out = format!("{sign} {}{gap}{}\n", pad(&title, ACTIONS), rest.join(", "));
        if self.changes.len() > 1 {
            out.push_str(&format!("    {}\n", some_of(&names, NAMES)));
        }
        out.extend(self.lines.iter().take(LINES).map(Line::draw));
        if let Some(more) = self.lines.len().checked_sub(LINES).filter(|more| *more > 0) {
            out.push_str(&format!("    and {}\n", count(more, "more line")));
        }
        out
    }
}

/// What changes, line by line.
fn lines(change: &Change, context: &PlanContext<'_>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for field in fields(change, context, &PLAIN) {
        lines.extend(of_field(&field, change.action));
    }
    if let Some(commit) = change.request.commit() {
        lines.extend(
            commit
                .deliveries
                .iter()
                .map(|to| Line::new('+', format!("deliver_to: {}", delivery(to, context.folder)))),
        );
    }
    if let Some(reason) = &change.reason {
        if matches!(reason, Reason::Rotation(_)) {
            lines.push(Line::new('!', transition(&change.request)));
        }
        let sign = if change.action == Action::Delete { '-' } else { '!' };
        lines.push(Line::new(sign, escape(&words::reason(reason).1)));
    }
    if change.running_key {
        lines.push(Line::new('!', RUNNING_KEY));
    }
    lines
}

/// The lines of a field, each with its name.
pub(super) fn of_field(field: &Field, action: Action) -> Vec<Line> {
    let sign = if action == Action::Create { '+' } else { '!' };
    field
        .lines
        .iter()
        .map(|line| {
            let (sign, line) = match line.split_at_checked(2) {
                Some(("+ ", rest)) => ('+', rest),
                Some(("- ", rest)) => ('-', rest),
                Some(("  ", rest)) => (' ', rest),
                _ => (sign, line.as_str()),
            };
            Line::new(sign, format!("{}: {line}", field.name))
        })
        .collect()
}

/// What a rotation means for whoever has the old secret.
pub(super) fn transition(request: &Request) -> String {
    match request {
        Request::Rotate { transition, .. } => {
            let length = transition.unwrap_or(TRANSITION);
            format!("the old secret works {} longer, then stops", words::span(length))
        }
        Request::Create { .. }
        | Request::Deliver { .. }
        | Request::Update { .. }
        | Request::Delete { .. } => "the old secret stops".to_owned(),
    }
}

/// The fields that are otherwise only because somebody changed the live key.
pub(super) fn drifted(change: &Change, context: &PlanContext<'_>) -> Vec<Line> {
    if change.causes.single() == Some(Cause::Drift) {
        return lines(change, context);
    }
    let shown = fields(change, context, &PLAIN);
    let of_drift =
        shown.iter().zip(&change.fields).filter(|(_, field)| odd_cause(change, field) == Some(Cause::Drift));
    let mut lines: Vec<Line> = of_drift.flat_map(|(field, _)| of_field(field, change.action)).collect();
    for line in &mut lines {
        // The heading says it for all of them.
        if let Some(rest) = line.text.strip_suffix(" (drift)") {
            line.text = rest.to_owned();
        }
    }
    lines
}

/// What stands at a risk's field.
pub(super) fn lines_of(change: &Change, name: &str, context: &PlanContext<'_>) -> Vec<String> {
    // Whoever shows them says the cause.
    let change = Change { causes: Causes::default(), ..change.clone() };
    let shown = fields(&change, context, &PLAIN);
    shown.into_iter().filter(|field| field.name == name).flat_map(|field| field.lines).collect()
}
