//! What a reviewer should look at, for the formats that tell each thing at its line: annotations, SARIF, Code Quality.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::markdown::{Because, What, because, rank};
use super::text::{Extent, Mode, PlanContext};
use super::words::{self, Explained};
use super::{Verbosity, escape};
use crate::diagnostic::Place;
use crate::plan::{Beside, Change, Plan, Review, Risk};

/// Of a remark that the effect of a field depends on the live keys.
pub(super) const BESIDE: &str = "depends-on-live-keys";

/// Of a plan that is not of now.
pub(super) const MOMENT: &str = "another-moment";

/// How loud a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Notice,
    Warning,
    Error,
}

/// What is to be looked at in one entry.
pub(super) struct Finding {
    /// The entry; none for the plan as a whole, and for a key that no file mentions.
    pub(super) place: Option<Place>,
    /// What happens to which key. Raw.
    pub(super) title: String,
    /// At least one.
    pub(super) points: Vec<Point>,
}

/// One thing to look at.
pub(super) struct Point {
    /// A word that `explain` knows, [`BESIDE`] or [`MOMENT`].
    pub(super) code: &'static str,
    pub(super) level: Level,
    /// The field that it is about, or nothing for the key as a whole.
    pub(super) field: &'static str,
    /// Escaped.
    pub(super) lines: Vec<String>,
}

impl Finding {
    /// That of its loudest point.
    pub(super) fn level(&self) -> Level {
        self.points.iter().map(|point| point.level).max().unwrap_or(Level::Notice)
    }

    fn explained(title: &str, place: Option<&Place>, level: Level, explained: &Explained) -> Self {
        let Explained { code, message, details, hints } = explained;
        let mut lines = vec![escape(message)];
        lines.extend(details.iter().map(|detail| escape(detail)));
        lines.extend(hints.iter().map(|hint| escape(&format!("hint: {hint}"))));
        let point = Point { code, level, field: "", lines };
        Self { place: place.cloned(), title: title.to_owned(), points: vec![point] }
    }
}

/// That the plan is of another moment, refusals, what is blocked, and what is risky.
pub(super) fn of_plan(plan: &Plan, context: &PlanContext<'_>) -> Vec<Finding> {
    let moment = words::moment(plan).map(|moment| Finding {
        place: None,
        title: "another moment".to_owned(),
        points: vec![Point {
            code: MOMENT,
            level: Level::Notice,
            field: "",
            lines: vec![escape(&moment), words::NOT_TO_APPLY.to_owned()],
        }],
    });
    let refused = plan
        .refusals
        .iter()
        .map(|refusal| Finding::explained("refused", None, Level::Error, &words::refusal(refusal)));
    let blocked = plan.blocked.iter().map(|blocked| {
        let title = format!("blocked {}", blocked.address);
        Finding::explained(&title, blocked.place.as_ref(), Level::Warning, &words::blocked(blocked))
    });
    moment.into_iter().chain(refused).chain(blocked).chain(risky(&plan.changes, context)).collect()
}

/// The same of what the files change since their base, and what only the live keys can tell.
pub(super) fn of_review(review: &Review, scope_sets: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let context = PlanContext {
        scope_sets,
        files: "",
        verbosity: Verbosity::Normal,
        next_command: None,
        mode: Mode::Review,
        folder: Path::new("."),
        extent: Extent::Entries,
    };
    let refused = review
        .refusal
        .iter()
        .map(|refusal| Finding::explained("refused", None, Level::Error, &words::refusal(refusal)));
    let beside = review.beside.iter().map(|Beside { address, place, fields }| Finding {
        place: place.clone(),
        title: address.as_ref().map_or_else(|| "root file".to_owned(), ToString::to_string),
        points: vec![Point {
            code: BESIDE,
            level: Level::Notice,
            field: "",
            lines: vec![format!("{} changed; what that does depends on the live keys", fields.join(", "))],
        }],
    });
    refused.chain(risky(&review.changes, &context)).chain(beside).collect()
}

/// Those of this change first: a forge may show some of them only.
fn risky(changes: &[Change], context: &PlanContext<'_>) -> impl Iterator<Item = Finding> {
    let risky = changes.iter().filter(|change| !change.risks.is_empty());
    let mut risky: Vec<_> = risky.map(|change| (change, because(change, context))).collect();
    risky.sort_by_key(|(_, because)| rank(because));
    risky.into_iter().map(|(change, because)| Finding {
        place: change.place.clone(),
        title: format!("{} {}", words::action(change.action).1, change.address),
        points: because.iter().map(point).collect(),
    })
}

/// What stands at one place of a change, under the name of its gravest risk.
fn point(because: &Because) -> Point {
    let gravest = because.risks.iter().copied().max_by_key(|risk| (words::is_grave(*risk), *risk));
    let cause = because.cause.map(|cause| format!(" ({})", words::cause(cause))).unwrap_or_default();
    let phrases = format!("{}{cause}", because.phrases());
    let line = match &because.what {
        What::Sentence(text) if text.is_empty() => phrases,
        What::Sentence(text) => format!("{phrases}: {text}"),
        What::Values(values) => format!("{phrases}: {}", values.join(", ")),
    };
    Point {
        code: gravest.map_or("", Risk::word),
        level: if gravest.is_some_and(words::is_grave) { Level::Warning } else { Level::Notice },
        field: because.at.field().unwrap_or_default(),
        lines: vec![line],
    }
}
