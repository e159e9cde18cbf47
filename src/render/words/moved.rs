//! What moved since a plan was approved: one line for each thing.

use super::{action, count, reason};
use crate::model::{KeyId, Mask};
use crate::plan::{Altered, Change, Difference, Gone, GoneWhy, Moved};
use crate::render::Style;
use crate::render::text::field_in_words;
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
        let message = "`organisation` or `managed_by` is another".to_owned();
        all.push(Detail { what: Movement::Changed, address: None, action: None, message });
    }
    all
}

/// What a change does, field by field.
fn all_of(change: &Change) -> String {
    let mut parts: Vec<String> =
        change.fields.iter().map(|field| field_in_words(field, change.action, &PLAIN)).collect();
    parts.extend(change.reason.as_ref().map(|why| crate::render::escape(&reason(why).1)));
    if parts.is_empty() { "this was not in it".to_owned() } else { parts.join("; ") }
}

fn gone_because(why: GoneWhy) -> &'static str {
    match why {
        GoneWhy::Done => "nothing is left to do: the live key is as the file says",
        GoneWhy::Waits => "it has to wait",
        GoneWhy::Blocked => "it is blocked: a person must act first",
    }
}

fn difference(difference: &Difference) -> String {
    let safe = crate::render::escape;
    match difference {
        Difference::Key { before, after } => {
            let id = |id: &Option<KeyId>| id.as_ref().map_or("none".to_owned(), |id| safe(id.as_str()));
            format!("the live key is {}, and was {}", id(after), id(before))
        }
        Difference::Secret { before, after } => {
            let mask =
                |mask: &Option<Mask>| mask.as_ref().map_or("none".to_owned(), |mask| safe(mask.as_str()));
            format!("its secret is {}, and was {}", mask(after), mask(before))
        }
        Difference::Action { before, after } => {
            format!("it is now {}, and was {}", noun(action(*after).1), noun(action(*before).1))
        }
        Difference::Field { before: None, after } => {
            format!("{}, which was not in it", field_in_words(after, crate::plan::Action::Update, &PLAIN))
        }
        Difference::Field { before: Some(before), after } => {
            let was = field_in_words(before, crate::plan::Action::Update, &PLAIN);
            let is = field_in_words(after, crate::plan::Action::Update, &PLAIN);
            let was = was.strip_prefix(&format!("{} ", before.field())).unwrap_or(&was).to_owned();
            format!("{is}, and was {was}")
        }
        Difference::Cause { before, after } => {
            let why = |why: &Option<crate::plan::Reason>| {
                why.as_ref().map_or("the fields alone ask for it".to_owned(), |why| safe(&reason(why).1))
            };
            format!("because {}; it was because {}", why(after), why(before))
        }
        Difference::Delivery => "its secret goes elsewhere".to_owned(),
        Difference::Request => "another request is sent".to_owned(),
    }
}

/// `an update`, `a create`.
fn noun(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {word}")
}
