//! What moved since a plan was approved: one line for each thing.

use super::{action, count, reason};
use crate::diff::FieldChange;
use crate::model::{KeyId, Mask};
use crate::plan::{Action, Altered, Change, Difference, Gone, GoneWhy, Moved, Reason};
use crate::render::text::field_in_words;
use crate::render::{Style, escape};
use crate::saved_plan::FilesMoved;

/// How something moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// It was not there.
    Added,
    /// It is another one.
    Changed,
    /// It is not there any more.
    Gone,
    /// It is as it was.
    Same,
}

/// One thing that moved. Text in it is raw where it comes from elsewhere, and `message` is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// How.
    pub what: Movement,
    /// Which key, if it is one.
    pub address: Option<String>,
    /// What is done to it.
    pub action: Option<&'static str>,
    /// For people.
    pub message: String,
}

/// Without colour, for the words go into JSON as well.
const PLAIN: Style = Style { color: false, width: 100 };

/// What a plan has otherwise than the one that was approved.
pub fn moved(moved: &Moved) -> Vec<Detail> {
    let Moved { reviewed: _, now: _, added, gone, altered, same } = moved;
    let row = |what, change: &Change, message| Detail {
        what,
        address: Some(change.address.to_string()),
        action: Some(action(change.action).1),
        message,
    };
    let mut rows: Vec<Detail> =
        added.iter().map(|change| row(Movement::Added, change, all_of(change))).collect();
    rows.extend(
        gone.iter().map(|Gone { change, why }| row(Movement::Gone, change, gone_because(*why).to_owned())),
    );
    rows.extend(altered.iter().map(|Altered { reviewed: _, now, differences }| {
        let differences: Vec<String> = differences.iter().map(difference).collect();
        row(Movement::Changed, now, differences.join("; "))
    }));
    rows.sort_by(|a, b| (a.what, &a.address).cmp(&(b.what, &b.address)));
    rows.push(Detail { what: Movement::Same, address: None, action: None, message: count(*same, "change") });
    rows
}

/// What files say otherwise than they did.
pub fn files_moved(moved: &FilesMoved) -> Vec<Detail> {
    let FilesMoved { settings, added, gone, changed } = moved;
    let rows = |what, addresses: &[String], message: &str| -> Vec<Detail> {
        let row = |address: &String| Detail {
            what,
            address: Some(address.clone()),
            action: None,
            message: message.to_owned(),
        };
        addresses.iter().map(row).collect()
    };
    let mut all = rows(Movement::Added, added, "its entry is new");
    all.extend(rows(Movement::Gone, gone, "its entry is no longer there"));
    all.extend(rows(Movement::Changed, changed, "its entry says something else"));
    if *settings {
        let message = "`organisation`, `managed_by` or `escrow` is another".to_owned();
        all.push(Detail { what: Movement::Changed, address: None, action: None, message });
    }
    all
}

/// What a change does, field by field.
fn all_of(change: &Change) -> String {
    let mut parts: Vec<String> =
        change.fields.iter().map(|field| field_in_words(field, change.action, &PLAIN)).collect();
    parts.extend(change.reason.as_ref().map(|why| escape(&reason(why).1)));
    if parts.is_empty() { "this was not in it".to_owned() } else { parts.join("; ") }
}

fn gone_because(why: GoneWhy) -> &'static str {
    match why {
        GoneWhy::Done => "nothing is left to do",
        GoneWhy::Waits => "it has to wait",
        GoneWhy::Blocked => "it is blocked: a person must act first",
    }
}

/// What it is now, and what it was when it was reviewed.
fn difference(difference: &Difference) -> String {
    let id = |id: &Option<KeyId>| id.as_ref().map_or("none".to_owned(), |id| escape(id.as_str()));
    let mask = |mask: &Option<Mask>| mask.as_ref().map_or("none".to_owned(), |mask| escape(mask.as_str()));
    let field = |field: &FieldChange| field_in_words(field, Action::Update, &PLAIN);
    let cause = |why: &Option<Reason>| {
        why.as_ref().map_or("the fields alone".to_owned(), |why| escape(&reason(why).1))
    };
    match difference {
        Difference::Key { before, after } => {
            format!("the live key is {} (reviewed: {})", id(after), id(before))
        }
        Difference::Secret { before, after } => {
            format!("its secret is {} (reviewed: {})", mask(after), mask(before))
        }
        Difference::Action { before, after: _ } => format!("reviewed as {}", action(*before).1),
        Difference::Field { before: None, after } => format!("{} (not reviewed)", field(after)),
        Difference::Field { before: Some(before), after } => {
            let was = field(before);
            let was = was.strip_prefix(before.field()).unwrap_or(&was);
            format!("{} (reviewed:{was})", field(after))
        }
        Difference::Cause { before, after } => {
            format!("cause: {} (reviewed: {})", cause(after), cause(before))
        }
        Difference::Delivery => "its secret goes elsewhere".to_owned(),
        Difference::Request => "another request is sent".to_owned(),
    }
}
