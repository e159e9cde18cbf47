//! The comment as a whole: what to look at, what drifted, the folded list, what comes next.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{self, Entry, address, drifted, entries, lines_of};
use super::escape::{code, fenced, in_comment, prose, shorten};
use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::model::KeyAddress;
use crate::plan::{Action, At, Cause, Change, LeftOut, Plan, Risk};
use crate::render::escape;
use crate::render::text::{Extent, Mode, PlanContext, calls_of, delivery, left_out, organisation};
use crate::render::words::{self, ACTIONS, choose, count, some_of};

/// Rows that are alike are one row from so many on.
const FOLD_FROM: usize = 3;
/// Names that are said where many keys share one row.
const NAMES: usize = 5;
/// Drifted keys that are told about one by one.
const DRIFTED: usize = 20;
/// Notes, keys that are due, and facts about one thing.
const REMARKS: usize = 10;
/// Lines of a field that stand in a row.
const PIECES: usize = 4;
/// Where the rest is.
const REST: &str = "All of it is what `portkey-sync plan` prints, with `-v` line by line.";
/// Room for the sentences that say what was left out, and for the ends of fences.
const ROOM_FOR_ENDS: usize = 1_500;

/// See [`super::plan`].
pub(super) fn plan(plan: &Plan, context: &PlanContext<'_>, paths: &str, limit: usize) -> String {
    let page = Page { plan, context };
    let id = plan.organisation.as_ref().map_or("unknown", |id| id.short());
    let mut head = marker(id, paths);
    head.push_str(&format!("### portkey-sync: {}\n", headline(plan)));
    if let Some(moment) = words::moment(plan) {
        head.push_str(&format!("\n**Another moment:** {}.\n", prose(&moment)));
    }
    let drift = page.drift();
    let foot = page.foot();
    let mut left = limit.saturating_sub(head.len() + drift.len() + foot.len() + ROOM_FOR_ENDS);
    // The list gets what the table leaves.
    let table = page.table(left / 2);
    left = left.saturating_sub(table.len());
    let list = page.list(left);
    [head, table, drift, list, foot]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The line by which the comment is found again, so that a pull request has one and not twenty.
fn marker(organisation: &str, paths: &str) -> String {
    format!("<!-- portkey-sync:plan {} {} -->\n", in_comment(organisation), in_comment(paths))
}

/// `8 changes to organisation a1b2c3d4, 3 to look at, 1 blocked`.
pub(in crate::render) fn headline(plan: &Plan) -> String {
    let n = plan.changes.len();
    let changes = if n == 0 { "no changes".to_owned() } else { count(n, "change") };
    let mut parts = vec![format!("{changes} to {}", prose(&organisation(plan.organisation.as_ref())))];
    let risky = plan.changes.iter().filter(|change| !change.risks.is_empty()).count();
    if risky > 0 {
        parts.push(format!("{risky} to look at"));
    }
    if !plan.blocked.is_empty() {
        parts.push(format!("{} blocked", plan.blocked.len()));
    }
    if !plan.refusals.is_empty() {
        parts.push("**refused**".to_owned());
    }
    parts.join(", ")
}

/// One reason to look at a change.
pub(in crate::render) struct Because {
    pub(in crate::render) at: At,
    /// At least one.
    pub(in crate::render) risks: Vec<Risk>,
    /// What it comes of, if that is known.
    pub(in crate::render) cause: Option<Cause>,
    /// What stands there; escaped for people.
    pub(in crate::render) what: What,
}

impl Because {
    /// Its risks in plain words.
    pub(in crate::render) fn phrases(&self) -> String {
        self.risks.iter().map(|risk| words::risk(*risk)).collect::<Vec<_>>().join(", ")
    }
}

/// What stands where a risk is.
pub(in crate::render) enum What {
    /// Lines of a field, or targets.
    Values(Vec<String>),
    /// A sentence of ours.
    Sentence(String),
}

/// Why a change should be looked at.
pub(in crate::render) fn because(change: &Change, context: &PlanContext<'_>) -> Vec<Because> {
    let mut places: Vec<(At, Vec<Risk>)> = Vec::new();
    for found in &change.risks {
        match places.iter_mut().find(|(at, _)| *at == found.at) {
            Some((_, risks)) => risks.push(found.risk),
            None => places.push((found.at, vec![found.risk])),
        }
    }
    places
        .into_iter()
        .map(|(at, risks)| {
            let what = match at {
                At::Field(name) => What::Values(lines_of(change, name, context)),
                At::Usage => What::Sentence("its usage is set to 0".to_owned()),
                At::Transition => What::Sentence(change::transition(&change.request)),
                At::Deliveries => {
                    let targets = change
                        .request
                        .commit()
                        .map(|commit| commit.deliveries.iter().map(|to| delivery(to, context.folder)));
                    What::Values(targets.map(Iterator::collect).unwrap_or_default())
                }
                At::Key => {
                    let reason = change.reason.as_ref().map(|reason| words::reason(reason).1);
                    What::Sentence(reason.map(|reason| escape(&reason)).unwrap_or_default())
                }
            };
            Because { at, risks, cause: change.causes.of(part(at)), what }
        })
        .collect()
}

/// Under which name the cause of what stands there is kept.
fn part(at: At) -> &'static str {
    match at {
        At::Field(name) => name,
        At::Usage => "usage_reset_after",
        At::Transition | At::Deliveries => "secret",
        At::Key => "key",
    }
}

/// Where a change stands among those to look at: what is, or may be, this change comes before what is older.
pub(in crate::render) fn rank(because: &[Because]) -> u8 {
    let rank = |because: &Because| match because.cause {
        Some(Cause::ThisChange) | None => 0,
        Some(Cause::Due) => 1,
        Some(Cause::Drift) => 2,
    };
    because.iter().map(rank).min().unwrap_or(0)
}

/// What the reasons to look at a change come of: `this change and drift`; nothing if it is not known.
fn causes(because: &[Because]) -> String {
    let causes: BTreeSet<Cause> = because.iter().filter_map(|because| because.cause).collect();
    causes.into_iter().map(words::cause).collect::<Vec<_>>().join(" and ")
}

struct Page<'a> {
    plan: &'a Plan,
    context: &'a PlanContext<'a>,
}

/// One row of the table, before it is drawn.
struct Row {
    what: String,
    key: String,
    because: String,
    /// Of what that comes; nothing if it is not known.
    cause: String,
    /// Of how many keys.
    keys: usize,
}

impl Row {
    fn draw(&self, causes: Causes) -> String {
        let Self { what, key, because, cause, keys: _ } = self;
        match causes {
            Causes::Shown => format!("| {what} | {key} | {because} | {cause} |\n"),
            Causes::Unknown => format!("| {what} | {key} | {because} |\n"),
        }
    }
}

/// Whether the table has a column of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Causes {
    Shown,
    Unknown,
}

impl Page<'_> {
    /// Refusals, risky changes, blocked entries, in at most `room` bytes.
    fn table(&self, room: usize) -> String {
        let rows: Vec<Row> = self.refused().into_iter().chain(self.risky()).chain(self.blocked()).collect();
        if rows.is_empty() {
            return String::new();
        }
        let (causes, head) = if rows.iter().any(|row| !row.cause.is_empty()) {
            (Causes::Shown, "| look at | key | because | cause |\n|---|---|---|---|\n")
        } else {
            (Causes::Unknown, "| look at | key | because |\n|---|---|---|\n")
        };
        let mut out = head.to_owned();
        let mut left_out = 0;
        for row in &rows {
            let drawn = row.draw(causes);
            if left_out > 0 || out.len() + drawn.len() > room {
                left_out += row.keys;
            } else {
                out.push_str(&drawn);
            }
        }
        if left_out > 0 {
            let risks: Vec<String> =
                self.plan.risks().iter().map(|(risk, n)| format!("{risk} {n}")).collect();
            out.push_str(&format!(
                "\n**{} to look at {} not in this table.** Risks in the whole plan: {}. {}\n",
                count(left_out, "more key"),
                choose(left_out, "is", "are"),
                risks.join(", "),
                REST
            ));
        }
        out
    }

    fn refused(&self) -> Vec<Row> {
        let row = |refusal| {
            let explained = words::refusal(refusal);
            Row {
                what: "**refused**".to_owned(),
                key: "everything".to_owned(),
                because: sentences(&explained),
                cause: String::new(),
                keys: 1,
            }
        };
        self.plan.refusals.iter().map(row).collect()
    }

    fn blocked(&self) -> Vec<Row> {
        let row = |blocked: &crate::plan::Blocked| Row {
            what: "**blocked**".to_owned(),
            key: code(&blocked.address.to_string()),
            because: sentences(&words::blocked(blocked)),
            cause: String::new(),
            keys: 1,
        };
        self.plan.blocked.iter().map(row).collect()
    }

    /// Risky changes, those of this pull request first; those that are alike in one row.
    fn risky(&self) -> Vec<Row> {
        let mut groups: Vec<(Action, String, String, Vec<&Change>)> = Vec::new();
        let mut alike = BTreeMap::new();
        let risky = self.plan.changes.iter().filter(|change| !change.risks.is_empty());
        let mut risky: Vec<_> = risky.map(|change| (change, because(change, self.context))).collect();
        risky.sort_by_key(|(_, because)| rank(because));
        for (change, because) in risky {
            let (because, causes) = (cell(&because), causes(&because));
            let key = (change.action, because.clone(), causes.clone());
            let index = *alike.entry(key).or_insert(groups.len());
            match groups.get_mut(index) {
                Some((.., changes)) => changes.push(change),
                None => groups.push((change.action, because, causes, vec![change])),
            }
        }
        let row = |action, because: &String, cause: &String, changes: &[&Change]| {
            let names: Vec<String> = changes.iter().map(|change| code(&address(change))).collect();
            let names = some_of(&names, NAMES);
            let n = changes.len();
            Row {
                what: words::action(action).1.to_owned(),
                key: if n == 1 { names } else { format!("{}: {names}", count(n, "key")) },
                because: because.clone(),
                cause: cause.clone(),
                keys: n,
            }
        };
        let mut rows = Vec::new();
        for (action, because, cause, changes) in &groups {
            if changes.len() >= FOLD_FROM && *action != Action::Delete {
                rows.push(row(*action, because, cause, changes));
            } else {
                rows.extend(changes.chunks(1).map(|change| row(*action, because, cause, change)));
            }
        }
        rows
    }

    /// What somebody changed by hand, where a base tells it from this change.
    fn drift(&self) -> String {
        let has_drift = |change: &&Change| change.causes.fields.values().any(|cause| *cause == Cause::Drift);
        let drifted_keys: Vec<&Change> = self.plan.changes.iter().filter(has_drift).collect();
        if drifted_keys.is_empty() {
            return String::new();
        }
        let mut out = "**Older drift, which apply sets right as well.**\n\n".to_owned();
        for change in drifted_keys.iter().take(DRIFTED) {
            let lines = drifted(change, self.context);
            let mut pieces: Vec<String> = lines.iter().take(PIECES).map(|line| code(&line.text)).collect();
            if lines.len() > PIECES {
                pieces.push(format!("and {} more", lines.len() - PIECES));
            }
            let last = change.before.as_ref().and_then(|key| key.last_updated_at);
            let since = last.map(|at| format!(" (the live key was last changed {at})")).unwrap_or_default();
            out.push_str(&format!(
                "- {} {}: {}{since}\n",
                words::action(change.action).1,
                code(&address(change)),
                pieces.join(", ")
            ));
        }
        if let Some(more) = drifted_keys.len().checked_sub(DRIFTED).filter(|more| *more > 0) {
            out.push_str(&format!("- and {} more\n", count(more, "key")));
        }
        out
    }

    /// Every change, folded, in at most `room` bytes.
    fn list(&self, room: usize) -> String {
        if self.plan.changes.is_empty() {
            return String::new();
        }
        let counts = counts(self.plan.changes.iter().map(|change| change.action));
        let mut lines = String::new();
        let mut left_out: Vec<Entry<'_>> = Vec::new();
        for entry in entries(self.plan, self.context) {
            let drawn = entry.draw();
            // Fences are as long as the longest run of backticks, which is never longer than a line.
            if !left_out.is_empty() || lines.len() + drawn.len() + 1 > room {
                left_out.push(entry);
                continue;
            }
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&drawn);
        }
        let mut out = format!("<details><summary>All changes: {counts}</summary>\n\n");
        out.push_str(&fenced("diff", &lines));
        out.push_str("\n</details>\n");
        let rest: Vec<Action> =
            left_out.iter().flat_map(|entry| entry.changes.iter().map(|change| change.action)).collect();
        if !rest.is_empty() {
            out.push_str(&format!(
                "\n**{} of the {} {} not listed here: {}.** {}\n",
                rest.len(),
                count(self.plan.changes.len(), "change"),
                choose(rest.len(), "is", "are"),
                self::counts(rest.iter().copied()),
                REST
            ));
        }
        out
    }

    /// Counts, notes, when the plan was made, and what to do next.
    fn foot(&self) -> String {
        let plan = self.plan;
        let mut out = String::new();
        let mut bullet = |text: String| out.push_str(&format!("- {text}\n"));
        for waiting in plan.waiting.iter().take(REMARKS) {
            let when = words::when(plan.now, waiting.until);
            bullet(format!(
                "waiting: {} {} {}",
                code(&waiting.address.to_string()),
                words::coming(waiting.action),
                prose(&when)
            ));
        }
        if let Some(more) = plan.waiting.len().checked_sub(REMARKS).filter(|more| *more > 0) {
            bullet(format!("waiting: {}", count(more, "more key")));
        }
        let is_waiting =
            |address: &KeyAddress| plan.waiting.iter().any(|waiting| waiting.address == *address);
        let coming: Vec<_> = plan.coming_up.iter().filter(|coming| !is_waiting(&coming.address)).collect();
        for coming in coming.iter().take(REMARKS) {
            let when = words::when(plan.now, Some(coming.at));
            bullet(format!(
                "coming up: {} {} {}",
                code(&coming.address.to_string()),
                words::event(coming.what).1,
                prose(&when)
            ));
        }
        if let Some(more) = coming.len().checked_sub(REMARKS).filter(|more| *more > 0) {
            bullet(format!("coming up: {}", count(more, "more event")));
        }
        for note in plan.notes.iter().take(REMARKS) {
            bullet(format!("note: {}", sentences(&words::note(note))));
        }
        if let Some(more) = plan.notes.len().checked_sub(REMARKS).filter(|more| *more > 0) {
            bullet(count(more, "more note"));
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let in_no_file = plan.unmentioned.len();
        out.push_str(&format!(
            "{} {} as declared; {} {} in no file.",
            count(plan.in_sync, "key"),
            choose(plan.in_sync, "is", "are"),
            count(in_no_file, "live key"),
            choose(in_no_file, "is", "are")
        ));
        let prunable: Vec<String> = plan
            .unmentioned
            .iter()
            .filter(|key| key.prunable)
            .map(|key| code(&key.address.to_string()))
            .collect();
        let is_asked = self.context.extent != Extent::Entries || plan.count(Action::Delete) > 0;
        if !prunable.is_empty() && !is_asked {
            out.push_str(&format!(
                " With `--prune` {} would be deleted: {}.",
                count(prunable.len(), "key"),
                some_of(&prunable, NAMES)
            ));
        }
        if plan.left_out != LeftOut::default() {
            out.push_str(&format!(" Left alone: {}.", prose(&left_out(plan.left_out))));
        }
        let writes = plan.writes();
        if writes.total() > 0 {
            out.push_str(&format!(" {}: {}.", count(writes.total(), "write"), calls_of(writes)));
        }
        // What cannot be applied gets no digest.
        let (what, at) = if plan.is_hypothetical() {
            ("Plan of another moment".to_owned(), plan.read_at)
        } else {
            (format!("Plan `{}`", plan.digest()), plan.now)
        };
        out.push_str(&format!("\n{what}, made {}", at.strftime("%Y-%m-%d %H:%M UTC")));
        if let Some(key) = &plan.running_key {
            out.push_str(&format!(" with key {}", code(key)));
        }
        out.push_str(&self.next());
        out
    }

    fn next(&self) -> String {
        if self.plan.is_hypothetical() {
            return format!(". {}\n", prose(words::NOT_TO_APPLY));
        }
        if !self.plan.refusals.is_empty() {
            return "; apply would refuse it.\n".to_owned();
        }
        match &self.context.next_command {
            Some(command) if !self.plan.changes.is_empty() && self.context.mode == Mode::Preview => {
                let command = shorten(&escape(command), 2_000);
                format!(
                    ". If anything in it moves before it is applied, this refuses:\n\n{}",
                    fenced("sh", &format!("{command}\n"))
                )
            }
            _ => ".\n".to_owned(),
        }
    }
}

/// `2 create, 1 update`.
fn counts(actions: impl Iterator<Item = Action>) -> String {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for action in actions {
        *counts.entry(action).or_default() += 1;
    }
    let counts: Vec<String> = ACTIONS
        .into_iter()
        .filter_map(|action| Some(format!("{} {}", counts.get(&action)?, words::action(action).1)))
        .collect();
    counts.join(", ")
}

/// A message with its facts and what to do, in one cell or item.
fn sentences(explained: &words::Explained) -> String {
    let words::Explained { code: _, message, details, hints } = explained;
    let mut parts = vec![prose(message)];
    parts.extend(details.iter().take(REMARKS).map(|detail| code(detail)));
    if let Some(more) = details.len().checked_sub(REMARKS).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.extend(hints.iter().map(|hint| prose(hint)));
    clip_sentences(parts)
}

/// Words of ours are short, and each name in them is cut; a service may still have much to say.
fn clip_sentences(parts: Vec<String>) -> String {
    let mut out = String::new();
    for part in parts {
        if out.len() + part.len() > 2_000 {
            out.push_str("; …");
            break;
        }
        if !out.is_empty() {
            out.push_str("; ");
        }
        out.push_str(&part);
    }
    out
}

/// Why to look at a change, in one cell.
fn cell(because: &[Because]) -> String {
    // The column of causes says it for a row of one cause.
    let is_mixed = because.iter().map(|because| because.cause).collect::<BTreeSet<_>>().len() > 1;
    let parts: Vec<String> = because
        .iter()
        .map(|because| {
            let cause = because.cause.filter(|_| is_mixed).map(words::cause);
            let cause = cause.map(|cause| format!(", {cause}")).unwrap_or_default();
            let phrases = because.phrases();
            let shown = match &because.what {
                What::Sentence(text) => prose(text),
                What::Values(values) => {
                    let mut shown: Vec<String> =
                        values.iter().take(PIECES).map(|value| code(value)).collect();
                    if values.len() > PIECES {
                        shown.push(format!("and {} more", values.len() - PIECES));
                    }
                    shown.join(", ")
                }
            };
            let shown = if shown.is_empty() { shown } else { format!(" ({shown})") };
            format!("**{phrases}**{cause}{shown}")
        })
        .collect();
    parts.join("; ")
}

/// See [`super::diagnostics`].
pub(super) fn diagnostics(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    files: &str,
    paths: &str,
    limit: usize,
) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let mut out = format!(
        "{}### portkey-sync: {} in {}; there is no plan\n\n",
        marker("invalid", paths),
        count(errors, "error"),
        code(files)
    );
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        let Diagnostic { code: name, severity, message, file, primary, secondary: _, hints } = diagnostic;
        let place =
            primary.as_ref().map_or_else(|| file.clone(), |label| sources.place(label.span).to_string());
        let word = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let hints: Vec<String> = hints.iter().map(|hint| prose(hint)).collect();
        let text = clip_sentences([prose(message)].into_iter().chain(hints).collect());
        let line = format!("- {word} at {}: {text} (`{name}`)\n", code(&place));
        if out.len() + line.len() + ROOM_FOR_ENDS > limit {
            let left_out = diagnostics.len() - index;
            out.push_str(&format!(
                "\n**{} not listed here.** `portkey-sync validate` shows them all.\n",
                count(left_out, "more complaint")
            ));
            break;
        }
        out.push_str(&line);
    }
    out
}
