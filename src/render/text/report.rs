//! What an apply did: lines while it runs, and the account at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::entry::destination;
use super::errors::{failure, hint_lines};
use super::plan::address;
use crate::model::{Delivery, KeyAddress};
use crate::plan::{Action, Change, Plan, Reason};
use crate::render::layout::{Role, columns, pad, paragraph};
use crate::render::words::{self, choose, count, elapsed, some_of};
use crate::render::{Style, escape};
use crate::report::{ChangeReport, Event, Failure, NotAttempted, Outcome, Repair, Report, Verdict};

/// So many names are said where many keys share one fate.
const NAMES: usize = 10;

/// The columns of the lines of one run.
#[derive(Clone, Copy, Debug)]
pub struct EventLayout {
    /// How many changes there are.
    total: usize,
    /// Of their addresses.
    widest: usize,
}

impl EventLayout {
    /// For the changes of this plan.
    pub fn of(plan: &Plan) -> Self {
        let widths = plan.changes.iter().map(|change| columns(&address(&change.address)));
        Self { total: plan.changes.len(), widest: widths.max().unwrap_or(0).max(28) }
    }
}

/// See [`super::event_line`].
pub(super) fn event_line(
    event: &Event<'_>,
    plan: &Plan,
    done: usize,
    layout: EventLayout,
    style: &Style,
) -> Option<String> {
    let EventLayout { total, widest } = layout;
    let progress = |word: &str, role: Option<Role>| {
        let label = format!("{done}/{total} {word}");
        let painted = role.map_or_else(|| label.clone(), |role| style.paint(role, &label));
        pad(&painted, 2 * total.to_string().len() + 11)
    };
    match event {
        Event::Started { .. } => None,
        Event::Verifying { open } => Some(format!("reading back   {}", count(*open, "change"))),
        Event::Finished { report } => {
            let (word, role, text) = match &report.outcome {
                Outcome::Done => ("done", None, done_as(report, plan)),
                Outcome::Failed(failure) => ("failed", Some(Role::Error), failure.message.clone()),
                Outcome::Unknown(failure) => ("unknown", Some(Role::Error), failure.message.clone()),
                Outcome::Moved { what } => {
                    ("moved", Some(Role::Warning), format!("{what} is not as planned"))
                }
                Outcome::Yielded => {
                    ("yielded", Some(Role::Warning), "another run created it first".to_owned())
                }
                Outcome::NotAttempted(why) => {
                    ("skipped", Some(Role::Warning), words::not_attempted(*why).to_owned())
                }
            };
            let time = match report.outcome {
                Outcome::NotAttempted(_) => String::new(),
                _ => elapsed(report.elapsed),
            };
            let mut line = format!("{} {}", progress(word, role), pad(&address(&report.address), widest));
            line.push_str("  ");
            line.push_str(&pad(&escape(&text), 40));
            line.push_str(&format!("  {}{time}", " ".repeat(8_usize.saturating_sub(columns(&time)))));
            Some(line.trim_end().to_owned())
        }
    }
}

/// What was done to a key, in the past tense: `updated rate_limits`.
fn done_as(report: &ChangeReport, plan: &Plan) -> String {
    let delivered = if report.delivered.is_empty() { "" } else { ", secret delivered" };
    match report.action {
        Action::Adopt => "adopted".to_owned(),
        Action::ResetUsage => "usage set to 0".to_owned(),
        Action::Deliver => "secret of an earlier run delivered".to_owned(),
        Action::Rotate => format!("secret replaced{delivered}"),
        Action::Delete => "deleted".to_owned(),
        Action::Create => match &report.id {
            Some(id) => format!("created {}{delivered}", id.short()),
            None => format!("created{delivered}"),
        },
        Action::Update => {
            let fields = change_of(report, plan).map(changed_fields).unwrap_or_default();
            if fields.is_empty() { "updated".to_owned() } else { format!("updated {}", fields.join(", ")) }
        }
    }
}

/// The change that a report is about. Changes are sorted by address.
fn change_of<'a>(report: &ChangeReport, plan: &'a Plan) -> Option<&'a Change> {
    let start = plan.changes.partition_point(|change| change.address < report.address);
    plan.changes.get(start..)?.iter().take_while(|change| change.address == report.address).find(|change| {
        let id = change.before.as_ref().map(|key| &key.id);
        change.action == report.action && (id.is_none() || id == report.id.as_ref() || report.id.is_none())
    })
}

fn changed_fields(change: &Change) -> Vec<&'static str> {
    let mut fields: Vec<&'static str> = Vec::new();
    for field in &change.fields {
        if !fields.contains(&field.field()) {
            fields.push(field.field());
        }
    }
    if matches!(change.reason, Some(Reason::UsageResetDue { .. })) {
        fields.push("usage");
    }
    fields
}

/// See [`super::report`].
pub(super) fn draw(
    report: &Report,
    plan: &Plan,
    exit_code: Option<u8>,
    folder: &Path,
    style: &Style,
) -> String {
    let mut parts = vec![
        failures(report, style),
        moved(report, style),
        not_attempted(report, style),
        doubts(report, style),
        repairs(report, style),
    ];
    if let Some(error) = &report.verification_error {
        parts.push(failure(
            "what was written could not be read back",
            std::slice::from_ref(error),
            &[],
            &["run `portkey-sync plan`: it shows whatever is not as the files say".to_owned()],
            style,
        ));
    }
    parts.push(ending(report, plan, exit_code, folder, style));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// Every failure; equal ones once, with the names.
fn failures(report: &Report, style: &Style) -> String {
    let mut alike: Vec<(&Failure, Vec<&KeyAddress>)> = Vec::new();
    let mut seen = BTreeMap::new();
    for change in &report.changes {
        let (Outcome::Failed(failure) | Outcome::Unknown(failure)) = &change.outcome else { continue };
        let key = (
            failure.message.as_str(),
            failure.causes.as_slice(),
            failure.facts.as_slice(),
            failure.hints.as_slice(),
        );
        let index = *seen.entry(key).or_insert(alike.len());
        match alike.get_mut(index) {
            Some((_, addresses)) => addresses.push(&change.address),
            None => alike.push((failure, vec![&change.address])),
        }
    }
    let drawn: Vec<String> = alike
        .into_iter()
        .map(|(Failure { message, causes, facts, hints, changed: _ }, addresses)| {
            match addresses.as_slice() {
                [only] => failure(&format!("`{only}`: {message}"), causes, facts, hints, style),
                several => {
                    let mut facts = facts.clone();
                    facts.push(list(several));
                    failure(
                        &format!("{}: {message}", count(several.len(), "key")),
                        causes,
                        &facts,
                        hints,
                        style,
                    )
                }
            }
        })
        .collect();
    drawn.join("\n")
}

/// Names for a sentence that is escaped as a whole.
fn list(addresses: &[&KeyAddress]) -> String {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    some_of(&names, NAMES)
}

fn addresses(report: &Report, fits: impl Fn(&ChangeReport) -> bool) -> Vec<&KeyAddress> {
    report.changes.iter().filter(|change| fits(change)).map(|change| &change.address).collect()
}

fn warning(text: &str, style: &Style) -> String {
    paragraph(&format!("{} ", style.paint(Role::Warning, "warning:")), &escape(text), style)
}

fn moved(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    for change in &report.changes {
        if let Outcome::Moved { what } = &change.outcome {
            out.push_str(&warning(
                &format!("`{}` was left alone: {what} is no longer what the plan saw", change.address),
                style,
            ));
        }
    }
    if !out.is_empty() {
        out.push_str(&hint_lines(&["plan again and look at what moved".to_owned()], style));
    }
    out
}

fn not_attempted(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    for why in [NotAttempted::DeletesWait, NotAttempted::Stopped, NotAttempted::Interrupted] {
        let skipped =
            addresses(report, |change| matches!(change.outcome, Outcome::NotAttempted(w) if w == why));
        if !skipped.is_empty() {
            let text = format!("{} ({})", list(&skipped), words::not_attempted(why));
            out.push_str(&paragraph("not attempted: ", &escape(&text), style));
        }
    }
    out
}

/// What reading back showed, where it is not what was written.
fn doubts(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    let late = addresses(report, |change| {
        matches!(change.outcome, Outcome::Done) && change.verdict == Some(Verdict::NotVisibleYet)
    });
    if !late.is_empty() {
        let text = format!(
            "the service took {} that the list does not show yet: {}",
            count(late.len(), "change"),
            list(&late)
        );
        out.push_str(&warning(&text, style));
        let hint = "reads may lag behind writes; a later `portkey-sync plan` shows whether it arrived";
        out.push_str(&hint_lines(&[hint.to_owned()], style));
    }
    for change in &report.changes {
        let text = match &change.verdict {
            Some(Verdict::Overwritten { fields }) => {
                format!("`{}`: somebody has changed {} since", change.address, fields.join(", "))
            }
            Some(Verdict::Overridden { fields }) => format!(
                "`{}`: the service took the call but keeps its own value of {}; nothing is sent twice",
                change.address,
                fields.join(", ")
            ),
            Some(Verdict::Confirmed | Verdict::NotVisibleYet) | None => continue,
        };
        out.push_str(&warning(&text, style));
    }
    out
}

fn repairs(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    let mut retried = (0, 0);
    for change in &report.changes {
        for repair in &change.repairs {
            match repair {
                Repair::Retried { times } => {
                    retried = (retried.0 + u64::from(*times), retried.1 + 1);
                }
                Repair::NotFound | Repair::FoundByNonce | Repair::RotatedToRecover | Repair::GaveBack => {
                    let text = format!("`{}`: {}", change.address, words::repair(repair).1);
                    out.push_str(&paragraph("note: ", &escape(&text), style));
                }
            }
        }
    }
    if retried.0 > 0 {
        let times = usize::try_from(retried.0).unwrap_or(usize::MAX);
        let text = format!(
            "{} sent again for {}, after errors that pass",
            if times == 1 { "1 request was".to_owned() } else { format!("{times} requests were") },
            count(retried.1, "call")
        );
        out.push_str(&paragraph("note: ", &text, style));
    }
    out
}

/// How many changes met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::render) struct Fates {
    pub(in crate::render) done: usize,
    pub(in crate::render) overwritten: usize,
    pub(in crate::render) overridden: usize,
    pub(in crate::render) failed: usize,
    pub(in crate::render) unknown: usize,
    pub(in crate::render) moved: usize,
    pub(in crate::render) not_attempted: usize,
}

impl Fates {
    pub(in crate::render) fn of(report: &Report) -> Self {
        let mut fates = Self::default();
        for change in &report.changes {
            let fate = match (&change.outcome, &change.verdict) {
                (Outcome::Done, Some(Verdict::Overwritten { .. })) => &mut fates.overwritten,
                (Outcome::Done, Some(Verdict::Overridden { .. })) => &mut fates.overridden,
                (Outcome::Done, Some(Verdict::Confirmed | Verdict::NotVisibleYet) | None) => &mut fates.done,
                (Outcome::Failed(_), _) => &mut fates.failed,
                (Outcome::Unknown(_), _) => &mut fates.unknown,
                (Outcome::Moved { .. } | Outcome::Yielded, _) => &mut fates.moved,
                (Outcome::NotAttempted(_), _) => &mut fates.not_attempted,
            };
            *fate += 1;
        }
        fates
    }
}

fn ending(report: &Report, plan: &Plan, exit_code: Option<u8>, folder: &Path, style: &Style) -> String {
    let mut out = String::new();
    if report.succeeded() {
        let confirmed =
            report.changes.iter().filter(|change| change.verdict == Some(Verdict::Confirmed)).count();
        let total = report.changes.len();
        let proof = match confirmed {
            n if n == total => ", all confirmed by reading back".to_owned(),
            n => format!("; {n} confirmed by reading back, {} not yet", total - n),
        };
        let text = format!(
            "{} in {}: {}, {}{proof}.",
            style.paint(Role::Heading, "Done"),
            elapsed(report.elapsed),
            count(total, "change"),
            count(report.writes(), "write")
        );
        out.push_str(&paragraph("", &text, style));
        out.push_str(&deliveries(report, folder, style));
        // What was tried went well; what was not tried is why the run does not end with 0.
        let blocked = plan.blocked.len();
        if blocked > 0 {
            let names: Vec<String> = plan.blocked.iter().map(|blocked| blocked.address.to_string()).collect();
            let text = format!(
                "{} {} blocked and {} a person: {}{}",
                count(blocked, "key"),
                choose(blocked, "is", "are"),
                choose(blocked, "needs", "need"),
                escape(&some_of(&names, NAMES)),
                code(exit_code)
            );
            out.push_str(&paragraph("", &text, style));
        }
        return out;
    }
    out.push_str(&deliveries(report, folder, style));
    if report.interrupted {
        out.push_str("interrupted; the calls that were in flight were finished first\n");
    }
    let Fates { done, overwritten, overridden, failed, unknown, moved, not_attempted } = Fates::of(report);
    let mut counts = vec![format!("{done} done")];
    counts.extend(
        [
            (overwritten, "overwritten"),
            (overridden, "overridden by the server"),
            (failed, "failed"),
            (unknown, "unknown"),
            (moved, "moved"),
            (not_attempted, "not attempted"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}")),
    );
    let blocked = plan.blocked.len();
    if blocked > 0 {
        counts.push(format!("{blocked} blocked"));
    }
    let text = format!(
        "{}; {} of {} made{}",
        counts.join(", "),
        report.writes(),
        count(plan.writes().total(), "write"),
        code(exit_code)
    );
    out.push_str(&paragraph("", &text, style));
    out
}

fn code(exit_code: Option<u8>) -> String {
    exit_code.map_or_else(String::new, |code| format!(" (exit code {code})"))
}

fn deliveries(report: &Report, folder: &Path, style: &Style) -> String {
    let places = |of: fn(&ChangeReport) -> &[Delivery]| {
        let places = report.changes.iter().flat_map(of).map(|delivery| destination(delivery, folder));
        places.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let mut text = Vec::new();
    let secrets = report.changes.iter().filter(|change| !change.delivered.is_empty()).count();
    if secrets > 0 {
        let now = some_of(&places(|change| &change.delivered), NAMES);
        text.push(format!("{} delivered to {now}.", count(secrets, "secret")));
    }
    let before = places(|change| &change.delivered_before);
    if !before.is_empty() {
        text.push(format!("Delivered by an earlier run, and not again: {}.", some_of(&before, NAMES)));
    }
    if text.is_empty() { String::new() } else { paragraph("", &text.join(" "), style) }
}
