//! One entry of the plan: a mark, a word, names, a place, and what there is to say below.

use std::path::Path;

use super::fields::{Field, Fields};
use super::{Mode, PlanContext};
use crate::diagnostic::Place;
use crate::diff::FieldChange;
use crate::handoff::TRANSITION;
use crate::model::{Delivery, Target};
use crate::plan::{Action, At, Blocked, Cause, Change, Commit, Reason, Request, Risk, Waiting};
use crate::render::calls::calls;
use crate::render::layout::{Role, clip, columns, hanging, pad, paragraph, spaces};
use crate::render::words::{self, Explained};
use crate::render::{Style, Verbosity, escape};

/// Where names start.
const NAMES: usize = 13;
/// Where fields start.
const FIELDS: usize = 6;
/// Where values start.
const VALUES: usize = 22;
/// Names are cut to this; JSON has them whole.
const LONGEST_NAME: usize = 60;
/// Places stand no further to the right than this.
const PLACES: usize = 76;

/// Said of changes to what could be the running key.
pub(in crate::render) const RUNNING_KEY: &str =
    "(this could be the key that portkey-sync runs with, so it goes last)";

/// Said of a new key while another one of its name is deleted.
const REPLACED: &str = "another key of this name is deleted: new id, new secret, usage from 0";

/// Something to show under a group's heading.
pub(super) struct Entry {
    mark: char,
    word: &'static str,
    role: Role,
    /// Escaped.
    names: String,
    place: Option<String>,
    body: Vec<Line>,
}

/// A line, or several, below the names. Everything is escaped.
enum Line {
    Field(Field),
    Remark(String),
    /// A remark with what to look at right of it.
    Warning(String, Vec<Risk>),
    Detail(String),
    Hint(String),
    /// As it is, however wide.
    Verbatim(String),
}

/// What folds: changes of which all this is equal are one entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness {
    action: Action,
    fields: Vec<Field>,
    sinks: Vec<String>,
    resets_usage: bool,
    usage_risks: Vec<Risk>,
    causes: Option<String>,
    running_key: bool,
}

/// A name within its group, safe to show.
pub(super) fn name(text: &str) -> String {
    clip(&escape(text), LONGEST_NAME)
}

fn place(place: &Place) -> String {
    escape(&place.to_string())
}

fn role(action: Action) -> Role {
    match action {
        Action::Create | Action::Deliver => Role::Added,
        Action::Update | Action::ResetUsage | Action::Rotate => Role::Changed,
        Action::Delete => Role::Removed,
        Action::Adopt => Role::Quiet,
    }
}

fn commit(change: &Change) -> Option<&Commit> {
    change.request.commit()
}

/// A sink's name and where it puts a secret.
pub(in crate::render) fn delivery(delivery: &Delivery, folder: &Path) -> String {
    let sink = delivery.sink.as_deref().unwrap_or("--secrets-file");
    format!("{}: {}", escape(sink), destination(delivery, folder))
}

/// Where a secret goes, seen from the working folder.
pub(in crate::render) fn destination(delivery: &Delivery, folder: &Path) -> String {
    let mut target = delivery.target.clone();
    match &mut target {
        Target::File { path, .. } | Target::EnvFile { path, .. }
            // A file of `--secrets-file` is told from there already.
            if delivery.sink.is_some() && folder != Path::new(".") =>
        {
            *path = folder.join(&*path);
        }
        Target::File { .. } | Target::EnvFile { .. } | Target::Command { .. } => {}
    }
    escape(&target.to_string())
}

/// The fields of a change, as they are shown.
pub(in crate::render) fn fields(change: &Change, context: &PlanContext<'_>, style: &Style) -> Vec<Field> {
    let shown = Fields { style, scope_sets: context.scope_sets, written_scopes: &change.written_scopes };
    change
        .fields
        .iter()
        .map(|field| match change.action {
            Action::Create => shown.of_create(field),
            Action::Adopt
            | Action::Update
            | Action::ResetUsage
            | Action::Deliver
            | Action::Rotate
            | Action::Delete => shown.of_update(field, change.action == Action::Adopt),
        })
        .zip(&change.fields)
        .map(|(field, of)| {
            let risks = risks(change, At::Field(field.name));
            field.with_risks(risks).with_cause(odd_cause(change, of))
        })
        .collect()
}

/// What a field comes of, where that is not what the reader takes for granted: the rest of its entry is this change.
pub(in crate::render) fn odd_cause(change: &Change, field: &FieldChange) -> Option<Cause> {
    let part = match field {
        FieldChange::Mark { .. } => "mark",
        other => other.field(),
    };
    change.causes.of(part).filter(|cause| change.causes.is_mixed() && *cause != Cause::ThisChange)
}

/// What stands at the right: the cause, the place.
fn right_side(change: &Change) -> Option<String> {
    let parts: Vec<String> =
        words::causes(&change.causes).into_iter().chain(change.place.as_ref().map(place)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What to look at where this stands.
fn risks(change: &Change, at: At) -> Vec<Risk> {
    change.risks.iter().filter(|found| found.at == at).map(|found| found.risk).collect()
}

impl Likeness {
    /// None for what is never folded: deletions, deliveries, recognised renames and replacements are named one
    /// by one.
    pub(super) fn of(change: &Change, context: &PlanContext<'_>, style: &Style) -> Option<Self> {
        if matches!(change.action, Action::Delete | Action::Deliver)
            || matches!(
                change.reason,
                Some(
                    Reason::RenamedOutside
                        | Reason::Accepted
                        | Reason::Rotation(_)
                        | Reason::Replaces { .. }
                        | Reason::Replaced { .. }
                )
            )
        {
            return None;
        }
        if !risks(change, At::Key).is_empty() {
            return None;
        }
        let sink = |delivery: &Delivery| escape(delivery.sink.as_deref().unwrap_or("--secrets-file"));
        Some(Self {
            action: change.action,
            fields: fields(change, context, style),
            sinks: commit(change)
                .map(|commit| commit.deliveries.iter().map(sink).collect())
                .unwrap_or_default(),
            resets_usage: matches!(change.reason, Some(Reason::UsageResetDue { .. })),
            usage_risks: risks(change, At::Usage),
            causes: words::causes(&change.causes),
            running_key: change.running_key,
        })
    }

    pub(super) fn is_adoption(&self) -> bool {
        self.action == Action::Adopt
    }
}

impl Entry {
    /// One change.
    pub(super) fn of_change(change: &Change, context: &PlanContext<'_>, style: &Style) -> Self {
        let address = change.address.within_group();
        // Whole where all is shown, to be copied.
        let title = match context.verbosity {
            Verbosity::Normal => name(&address),
            Verbosity::Verbose => escape(&address),
        };
        let mut entry = Self::titled(change.action, title);
        entry.place = right_side(change);
        entry.body.extend(fields(change, context, style).into_iter().map(Line::Field));
        if let Some(commit) = commit(change) {
            let lines = commit.deliveries.iter().map(|to| delivery(to, context.folder)).collect();
            let field = Field::new("deliver_to", lines).with_risks(risks(change, At::Deliveries));
            entry.body.push(Line::Field(field));
        }
        entry.add_reason(change);
        let is_told = matches!(change.reason, Some(Reason::Replaces { .. }));
        if change.action == Action::Create && !is_told && !risks(change, At::Key).is_empty() {
            entry.body.push(Line::Warning(REPLACED.to_owned(), risks(change, At::Key)));
        }
        if change.running_key {
            entry.body.push(Line::Remark(RUNNING_KEY.to_owned()));
        }
        if context.verbosity == Verbosity::Verbose && context.mode != Mode::Review {
            entry.add_calls(change);
        }
        entry
    }

    fn titled(action: Action, names: String) -> Self {
        let (mark, word) = words::action(action);
        Self { mark, word, role: role(action), names, place: None, body: Vec::new() }
    }

    fn add_reason(&mut self, change: &Change) {
        let Some(reason) = &change.reason else { return };
        let text = escape(&words::reason(reason).1);
        match reason {
            Reason::UsageResetDue { after, last } => {
                let mut lines = vec![format!("set to 0, as usage_reset_after {after} asks")];
                lines.extend(last.map(|last| format!("(it counts since {last})")));
                let field = Field::new("usage", lines).with_risks(risks(change, At::Usage));
                self.body.push(Line::Field(field));
            }
            Reason::Rotation(_) => {
                if let Request::Rotate { transition, .. } = &change.request {
                    let length = transition.unwrap_or(TRANSITION);
                    let line = format!("the old secret works {} longer, then stops", words::span(length));
                    let field = Field::new("transition", vec![line]);
                    self.body.push(Line::Field(field.with_risks(risks(change, At::Transition))));
                }
                self.body.push(Line::Remark(format!("a new secret: {text}")));
            }
            Reason::Unfinished { .. } | Reason::RenamedOutside | Reason::Accepted => {
                self.body.push(Line::Remark(format!("({text})")));
            }
            Reason::Replaces { .. } => {
                self.body.push(Line::Warning(text, risks(change, At::Key)));
            }
            Reason::DeclaredAbsent | Reason::Pruned { .. } | Reason::Replaced { .. } | Reason::LeftOver => {
                // Of files that are compared with files, nothing else is known.
                let Some(key) = change.before.as_ref().filter(|key| !key.status.is_empty()) else {
                    return self.body.push(Line::Warning(text, risks(change, At::Key)));
                };
                let end = match (&key.expires_at, key.status.as_str()) {
                    (Some(at), "expired") => format!("expired {at}"),
                    (Some(at), status) => format!("{}, expires {at}", escape(status)),
                    (None, status) => escape(status),
                };
                self.body.push(Line::Warning(format!("{text}; {end}"), risks(change, At::Key)));
                let mut facts = escape(key.id.as_str());
                if let Some(mask) = &key.mask {
                    facts.push_str(&format!("   {}", escape(mask.as_str())));
                }
                if let Some(at) = key.last_updated_at {
                    facts.push_str(&format!("   last changed {at}"));
                }
                self.body.push(Line::Detail(facts));
            }
        }
    }

    fn add_calls(&mut self, change: &Change) {
        for call in calls(change) {
            self.body.push(Line::Verbatim(format!("{} {}", call.method, escape(&call.path))));
            let body =
                call.body.and_then(|body| serde_json::to_string_pretty(&body).ok()).unwrap_or_default();
            self.body.extend(body.lines().map(|line| {
                let text = line.trim_start();
                Line::Verbatim(format!("  {}{}", spaces(line.len() - text.len()), escape(text)))
            }));
        }
    }

    /// Several changes that are alike, with their names.
    pub(super) fn of_alike(alike: Likeness, count: usize, names: String) -> Self {
        let Likeness { action, fields, sinks, resets_usage, usage_risks, causes, running_key } = alike;
        let adoption = action == Action::Adopt;
        let mut entry =
            Self::titled(action, if adoption { names.clone() } else { words::count(count, "key") });
        entry.place = causes;
        entry.body.extend(fields.into_iter().map(Line::Field));
        if resets_usage {
            let lines = vec!["set to 0".to_owned()];
            entry.body.push(Line::Field(Field::new("usage", lines).with_risks(usage_risks)));
        }
        if !sinks.is_empty() {
            entry.body.push(Line::Field(Field::new("deliver_to", vec![sinks.join(", ")])));
        }
        if !adoption {
            entry.body.push(Line::Remark(names));
        }
        if running_key {
            entry.body.push(Line::Remark(RUNNING_KEY.to_owned()));
        }
        entry
    }

    /// Something that is due later.
    pub(super) fn of_waiting(waiting: &Waiting, now: jiff::Timestamp) -> Self {
        let Waiting { address, place: at, action, until, why, replaced } = waiting;
        let what = match action {
            Action::ResetUsage => "usage is set to 0".to_owned(),
            Action::Rotate => {
                let why = why.map(|why| format!(", because {}", words::rotation(why))).unwrap_or_default();
                format!("gets a new secret{why},")
            }
            Action::Create => "is created (an earlier create of it may still arrive)".to_owned(),
            Action::Delete if replaced.is_some() => {
                let id = replaced.as_ref().map(|id| escape(id.as_str())).unwrap_or_default();
                format!("it has come in the place of {id}, which is deleted")
            }
            Action::Adopt | Action::Update | Action::Deliver | Action::Delete => {
                words::action(*action).1.to_owned()
            }
        };
        Self {
            mark: '.',
            word: "waiting",
            role: Role::Quiet,
            names: name(&address.within_group()),
            place: Some(place(at)),
            body: vec![Line::Remark(format!("{what} {}", words::when(now, *until)))],
        }
    }

    /// An entry for which a person must act.
    pub(super) fn of_blocked(blocked: &Blocked) -> Self {
        let Explained { code: _, message, details, hints } = words::blocked(blocked);
        let mut body = vec![Line::Remark(escape(&message))];
        body.extend(details.iter().map(|detail| Line::Detail(escape(detail))));
        body.extend(hints.iter().map(|hint| Line::Hint(escape(hint))));
        Self {
            mark: '?',
            word: "blocked",
            role: Role::Warning,
            names: name(&blocked.address.within_group()),
            place: blocked.place.as_ref().map(place),
            body,
        }
    }

    pub(super) fn place_width(&self) -> usize {
        self.place.as_deref().map_or(0, columns)
    }

    /// Draws the entry; places start at the column `places` where there is room.
    pub(super) fn draw(&self, places: usize, style: &Style) -> String {
        let label = style.paint(self.role, &format!("{} {}", self.mark, self.word));
        let lead = pad(&format!("  {label}"), NAMES);
        let mut out = paragraph(&lead, &self.names, style);
        if let Some(place) = &self.place {
            out.pop();
            let used = columns(out.rsplit('\n').next().unwrap_or_default());
            let column = places.min(PLACES).max(used + 2);
            if column + columns(place) <= style.columns() {
                out.push_str(&spaces(column - used));
            } else {
                out.push('\n');
                out.push_str(&spaces(NAMES));
            }
            out.push_str(&style.paint(Role::Quiet, place));
            out.push('\n');
        }
        for line in &self.body {
            out.push_str(&line.draw(places, style));
        }
        out
    }
}

impl Line {
    fn draw(&self, places: usize, style: &Style) -> String {
        let text = self.text(style);
        match self {
            Self::Field(Field { risks, .. }) | Self::Warning(_, risks) => {
                beside_first_line(&text, risks, places.min(PLACES), style)
            }
            Self::Remark(_) | Self::Detail(_) | Self::Hint(_) | Self::Verbatim(_) => text,
        }
    }

    fn text(&self, style: &Style) -> String {
        match self {
            Self::Field(Field { name, lines, risks: _ }) => {
                let mut out = String::new();
                for (index, line) in lines.iter().enumerate() {
                    let name = if index == 0 { *name } else { "" };
                    let mut lead = pad(&format!("{}{name}", spaces(FIELDS)), VALUES);
                    if columns(&lead) > VALUES - 1 && !lead.ends_with(' ') {
                        lead.push_str("  ");
                    }
                    out.push_str(&hanging(&lead, line, VALUES + 2, style));
                }
                out
            }
            Self::Remark(text) | Self::Warning(text, _) => paragraph(&spaces(FIELDS), text, style),
            Self::Detail(text) => paragraph(&spaces(FIELDS + 2), text, style),
            Self::Hint(text) => {
                let lead = format!("{}{} ", spaces(FIELDS), style.paint(Role::Hint, "hint:"));
                paragraph(&lead, text, style)
            }
            Self::Verbatim(text) => format!("{}{text}\n", spaces(FIELDS)),
        }
    }
}

/// The text with `! word, word` right of its first line; below it where there is no room.
fn beside_first_line(text: &str, risks: &[Risk], column: usize, style: &Style) -> String {
    if risks.is_empty() {
        return text.to_owned();
    }
    let words: Vec<&str> = risks.iter().map(|risk| risk.word()).collect();
    let words = style.paint(Role::Warning, &format!("! {}", words.join(", ")));
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let start = column.max(columns(first) + 2);
    if start + columns(&words) <= style.columns() {
        return format!("{}{words}\n{rest}", pad(first, start));
    }
    // The words end where the page ends, if the first line leaves room for that.
    let start = style.columns().saturating_sub(columns(&words));
    if start >= columns(first) + 2 {
        return format!("{}{words}\n{rest}", pad(first, start));
    }
    format!("{text}{}{words}\n", spaces(VALUES))
}
