//! What moved since a plan was approved.

use jiff::Timestamp;

use super::errors::hint_lines;
use crate::plan::{Gone, GoneWhy, Moved, Plan};
use crate::render::layout::{Role, columns, pad, paragraph};
use crate::render::words::{self, Detail, Movement, count};
use crate::render::{Style, escape};

/// Where addresses start, and what is said of them.
const ADDRESSES: usize = 12;
const MESSAGES: usize = 40;
/// So many lines are shown; JSON has them all.
const SHOWN: usize = 200;
/// So many changes of each kind are named that need not be made any more.
const GONE: usize = 10;

/// See [`super::refused`].
pub(super) fn refused(
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
    style: &Style,
) -> String {
    let lead = format!("{} ", style.paint(Role::Error, "refused:"));
    let mut out = paragraph(&lead, &escape(message), style);
    for cause in causes {
        out.push_str(&paragraph("  caused by: ", &escape(cause), style));
    }
    if !details.is_empty() {
        out.push('\n');
        // The last line counts what is the same.
        let (first, last) = details.split_at(details.len().saturating_sub(1));
        out.extend(first.iter().take(SHOWN).map(|detail| row(detail, style)));
        if let Some(rest) = first.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
            out.push_str(&paragraph("  ", &format!("and {rest} more (--format json has them all)"), style));
        }
        out.extend(last.iter().map(|detail| row(detail, style)));
    }
    out.push_str("\nnothing was written\n");
    out.push_str(&hint_lines(hints, style));
    out
}

fn row(detail: &Detail, style: &Style) -> String {
    let Detail { what, address, action, message } = detail;
    let what = match what {
        Movement::Added => "added",
        Movement::Changed => "changed",
        Movement::Gone => "gone",
        Movement::Same => "the same",
    };
    let mut lead = pad(&format!("  {what}"), ADDRESSES);
    if let Some(address) = address {
        lead.push_str(&escape(address));
        lead = pad(&lead, MESSAGES);
        if columns(&lead) > MESSAGES - 1 && !lead.ends_with(' ') {
            lead.push_str("  ");
        }
    }
    let action = action.map(|action| format!("{action}: ")).unwrap_or_default();
    paragraph(&lead, &format!("{action}{message}"), style)
}

/// See [`super::still_holds`].
pub(super) fn still_holds(made_at: Timestamp, moved: &Moved, plan: &Plan, style: &Style) -> String {
    let all = moved.same + moved.gone.len();
    let is_over = moved.gone.iter().all(|gone| gone.why == GoneWhy::Done);
    let left = match (plan.changes.len(), moved.gone.len()) {
        (0, _) if is_over => "nothing is left to do".to_owned(),
        (0, _) => "nothing can be done now".to_owned(),
        (left, 0) => format!("{}, {}", count(left, "change"), count(plan.writes().total(), "write")),
        (left, _) => {
            format!("{left} of {} left, {}", count(all, "change"), count(plan.writes().total(), "write"))
        }
    };
    let mut out =
        paragraph("", &format!("plan {} of {made_at} still holds: {left}", escape(&moved.reviewed)), style);
    for (why, what) in
        [(GoneWhy::Done, "already done"), (GoneWhy::Waits, "waiting"), (GoneWhy::Blocked, "blocked")]
    {
        let lead = pad(&format!("  {what}"), 16);
        let mut gone = moved.gone.iter().filter(|gone| gone.why == why);
        for Gone { change, why: _ } in gone.by_ref().take(GONE) {
            let text = format!("{}: {}", words::action(change.action).1, escape(&change.address.to_string()));
            out.push_str(&paragraph(&lead, &text, style));
        }
        let rest = gone.count();
        if rest > 0 {
            out.push_str(&paragraph(&lead, &format!("and {rest} more"), style));
        }
    }
    out
}
