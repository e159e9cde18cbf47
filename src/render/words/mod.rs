//! Words that text and JSON share. Names in them are raw: text escapes whole sentences, JSON its strings.

mod blocked;
mod codes;
mod moved;
mod refused;
mod risky;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::diagnostic::Place;
use crate::handoff::Why;
use crate::plan::{Action, Cause, Causes, Event, Plan, Purpose, Reason};
use crate::report::{NotAttempted, Repair};

pub(super) use blocked::blocked;
pub(super) use codes::{APPROVALS, BLOCKED, Meaning, NOTES, REFUSALS};
pub use moved::{Detail, Movement, files_moved, moved};
pub(super) use refused::{note, refusal};
pub(super) use risky::{is_grave, risk};

/// What stands in the way, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Explained {
    /// Stable and short.
    pub(super) code: &'static str,
    /// A lowercase fragment.
    pub(super) message: String,
    /// Facts, one per line.
    pub(super) details: Vec<String>,
    /// What to do.
    pub(super) hints: Vec<String>,
}

impl Explained {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// `1 key`, `2 keys`.
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

/// The word for one or for several.
pub(super) fn choose<'a>(n: usize, one: &'a str, several: &'a str) -> &'a str {
    if n == 1 { one } else { several }
}

/// The first names, and how many there are besides.
pub(super) fn some_of(names: &[String], shown: usize) -> String {
    let rest = names.len().saturating_sub(shown);
    // "and 1 more" would take the room of the name itself.
    if rest <= 1 {
        return names.join(", ");
    }
    let first: Vec<&str> = names.iter().take(shown).map(String::as_str).collect();
    format!("{} and {rest} more", first.join(", "))
}

/// The mark at the left edge and the word beside it.
pub(super) fn action(action: Action) -> (char, &'static str) {
    match action {
        Action::Adopt => ('=', "adopt"),
        Action::Update => ('~', "update"),
        Action::ResetUsage => ('<', "reset"),
        Action::Create => ('+', "create"),
        Action::Deliver => ('>', "deliver"),
        Action::Rotate => ('%', "rotate"),
        Action::Delete => ('-', "delete"),
    }
}

/// The order in which actions are counted: what is new, what changes, what goes, what is only marked.
pub(super) const ACTIONS: [Action; 7] = [
    Action::Create,
    Action::Deliver,
    Action::Rotate,
    Action::Update,
    Action::ResetUsage,
    Action::Delete,
    Action::Adopt,
];

/// What a difference comes of.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::ThisChange => "this change",
        Cause::Drift => "drift",
        Cause::Due => "due",
    }
}

/// What a whole change comes of: `this change`, `this change and drift`; nothing if it is not known.
pub(super) fn causes(causes: &Causes) -> Option<String> {
    let words: Vec<&str> = causes.all().into_iter().map(cause).collect();
    (!words.is_empty()).then(|| words.join(" and "))
}

/// Why a change is made, where its fields do not say it.
pub(super) fn reason(reason: &Reason) -> (&'static str, String) {
    match reason {
        Reason::DeclaredAbsent => ("declared-absent", "the file says `absent: true`".to_owned()),
        Reason::Pruned { by } => ("pruned", format!("in no file, and its mark says `by={by}`")),
        Reason::UsageResetDue { after, last } => (
            "usage-reset-due",
            match last {
                Some(last) => format!("asked for by usage_reset_after {after}, counted since {last}"),
                None => format!("asked for by usage_reset_after {after}"),
            },
        ),
        Reason::Unfinished { issued_at } => (
            "unfinished",
            format!("an earlier run got this secret at {issued_at} and was interrupted; it is at hand"),
        ),
        Reason::RenamedOutside => {
            ("renamed-outside", "somebody renamed the key; its mark shows which one it is".to_owned())
        }
        Reason::Rotation(why) => (rotation_code(*why), rotation(*why)),
        Reason::Accepted => ("accepted", "the sinks have the live secret; its mark says so".to_owned()),
        Reason::Replaces { id, name } => (
            "replaces",
            format!(
                "it comes in the place of {}, which is deleted in a later run: new id, new secret, \
                 and the usage so far stays with the former key",
                // Files that are compared with files need not know its name.
                if name.is_empty() { format!("the key {id}") } else { format!("`{name}` ({id})") }
            ),
        ),
        Reason::Replaced { by } if by.as_str().is_empty() => (
            "replaced",
            "`replaces` puts another key in its place, and deletes it a transition later".to_owned(),
        ),
        Reason::Replaced { by } => {
            ("replaced", format!("{by} has come in its place, and was delivered a transition ago"))
        }
        Reason::LeftOver => (
            "left-over",
            "a create that another one was faster than left this key; nobody has its secret".to_owned(),
        ),
    }
}

/// Why a secret is replaced, as the end of a sentence.
pub(super) fn rotation(why: Why) -> String {
    match why {
        Why::Unfinished => "a run that created it was interrupted, and its secret is lost".to_owned(),
        Why::ChangedOutside => "somebody else has replaced it, and the sinks have the former one".to_owned(),
        Why::NewSink => "a sink of the file does not have it".to_owned(),
        Why::Due(after) => format!("rotate_after {after} asks for it"),
        Why::TooOld => "it is older than max_age".to_owned(),
        Why::First => "nobody here has delivered it, and the file says `first: rotate`".to_owned(),
        Why::Asked => "you asked for it".to_owned(),
    }
}

fn rotation_code(why: Why) -> &'static str {
    match why {
        Why::Unfinished => "unfinished",
        Why::ChangedOutside => "changed-outside",
        Why::NewSink => "new-sink",
        Why::Due(_) => "rotate-after",
        Why::TooOld => "max-age",
        Why::First => "first",
        Why::Asked => "asked",
    }
}

/// What is to come, after the key's name.
pub(super) fn coming(action: Action) -> &'static str {
    match action {
        Action::ResetUsage => "has its usage set to 0",
        Action::Rotate => "gets a new secret",
        Action::Create => "is created",
        Action::Delete => "is deleted",
        Action::Adopt | Action::Update | Action::Deliver => "is updated",
    }
}

/// What will happen to a key, after its name; and the word for programs.
pub(super) fn event(event: Event) -> (&'static str, &'static str) {
    match event {
        Event::Expires => ("expires", "expires"),
        Event::RotationDue => ("rotation-due", "is due to rotate"),
        Event::ScheduledRotation => ("scheduled-rotation", "is rotated by Portkey's own schedule"),
        Event::UsageReset => ("usage-reset", "has its usage set to 0"),
        Event::PreviousSecretEnds => ("previous-secret-ends", "has its previous secret stop working"),
    }
}

/// When, as `in 9 days (2026-12-01T12:00:00Z)`.
pub(super) fn when(now: Timestamp, until: Option<Timestamp>) -> String {
    match until {
        // Only a saved plan leaves what is due for a later one.
        Some(until) if until <= now => format!("in a later plan (due since {until})"),
        Some(until) => format!("{} ({until})", ahead(now, until)),
        None => "in a later run (--max-rotations)".to_owned(),
    }
}

/// What a scope is for.
pub(super) fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::OwnRow => "finds itself, to spare itself",
        Purpose::See => "sees these keys",
        Purpose::WholeList => "lists at all: Portkey may refuse to list some types only",
        Purpose::WorkspaceNames => "workspaces by their slugs",
        Purpose::UserNames => "users by their e-mails",
        Purpose::ConfigNames => "configs by their slugs",
        Purpose::RotationPolicy => "reads rotation_policy",
        Purpose::Create => "creates",
        Purpose::Update => "updates, marks, commits new secrets",
        Purpose::Rotate => "rotates",
        Purpose::LookFirst => "looks right before a rotation or a delete",
        Purpose::Delete => "deletes what is `absent: true`",
        Purpose::Recover => "a create whose answer was lost, or that another run was faster with",
    }
}

/// Why a change was not tried.
pub(super) fn not_attempted(why: NotAttempted) -> &'static str {
    match why {
        NotAttempted::DeletesWait => "deletes wait until all else has succeeded",
        NotAttempted::Stopped => "after an earlier failure nothing more could succeed",
        NotAttempted::Interrupted => "interrupted",
    }
}

/// A request that the plan did not list.
pub(super) fn repair(repair: &Repair) -> (&'static str, String) {
    match repair {
        Repair::Retried { times: 1 } => ("retried", "a request was sent once more".to_owned()),
        Repair::Retried { times } => ("retried", format!("a request was sent {times} times more")),
        Repair::NotFound => ("not-found", "the key was gone already, and no delete was sent".to_owned()),
        Repair::FoundByNonce => {
            ("found-by-nonce", "the answer to the create was lost; the key was found by its nonce".to_owned())
        }
        Repair::RotatedToRecover => (
            "rotated-to-recover",
            "the first secret was lost with that answer; the key was given another one".to_owned(),
        ),
        Repair::GaveBack => {
            ("gave-back", "another run was faster, and the key that was just made was deleted".to_owned())
        }
    }
}

/// `96 ms`, `1.8 s`, `2 min 5 s`.
pub(super) fn elapsed(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// `30m`, `24h`, `90d`: the largest unit that leaves nothing over.
pub(super) fn span_ms(ms: u64) -> String {
    [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        // A day is 24h in the file's own examples, so days begin where hours become hard to read.
        .find(|(unit, name)| ms > 0 && ms.is_multiple_of(*unit) && (*name != "d" || ms > 2 * unit))
        .map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// [`span_ms`] of a duration.
pub(super) fn span(length: SignedDuration) -> String {
    span_ms(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// How far ahead: `in 9 days`, `in 3 hours`.
pub(super) fn ahead(now: Timestamp, then: Timestamp) -> String {
    format!("in {}", between(now, then))
}

/// Of which other moment a plan is; nothing of one of now.
pub(super) fn moment(plan: &Plan) -> Option<String> {
    let Plan { now, read_at, .. } = plan;
    let distance =
        if now > read_at { ahead(*read_at, *now) } else { format!("{} ago", between(*now, *read_at)) };
    let of =
        || format!("as of {now}, {distance}, and not of now: the keys are as they were read at {read_at}");
    plan.is_hypothetical().then(of)
}

/// What a plan of another moment says in the place of the command that applies it.
pub(super) const NOT_TO_APPLY: &str = "This is no plan to apply; that of now: portkey-sync plan";

/// How long, in the unit that a person would use: `9 days`, `3 hours`.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    let minutes = usize::try_from(to.duration_since(from).as_mins()).unwrap_or(0);
    match minutes {
        0..120 => count(minutes, "minute"),
        120..2_880 => count(minutes / 60, "hour"),
        _ => count(minutes / 1_440, "day"),
    }
}

/// How long, in its two largest units: `45 s`, `12 min 5 s`, `4 days 17 h`.
pub(super) fn length(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let whole_days = || count(usize::try_from(days).unwrap_or(usize::MAX), "day");
    let (large, rest, unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => (format!("{minutes} min"), seconds % 60, "s"),
        3_600..86_400 => (format!("{hours} h"), minutes % 60, "min"),
        _ => (whole_days(), hours % 24, "h"),
    };
    if rest == 0 { large } else { format!("{large} {rest} {unit}") }
}

/// `at keys.yaml:27`, or the best that can be said without a place.
fn at(place: Option<&Place>) -> String {
    place.map_or_else(|| "in its entry".to_owned(), |place| format!("at {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_number() {
        assert_eq!(count(1, "key"), "1 key");
        assert_eq!(count(0, "key"), "0 keys");
        assert_eq!(count(2, "retry"), "2 retries");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn a_list_names_the_first_and_counts_the_rest() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(some_of(&names, 5), "a, b, c, d, e");
        assert_eq!(some_of(&names, 4), "a, b, c, d, e");
        assert_eq!(some_of(&names, 3), "a, b, c and 2 more");
    }

    #[test]
    fn times_are_said_in_the_unit_that_a_person_would_use() {
        assert_eq!(elapsed(Duration::from_millis(96)), "96 ms");
        assert_eq!(elapsed(Duration::from_millis(1_850)), "1.8 s");
        assert_eq!(elapsed(Duration::from_secs(125)), "2 min 5 s");
        let lengths = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (725, "12 min 5 s"),
            (3_600, "1 h"),
            (5_400, "1 h 30 min"),
        ];
        for (seconds, said) in lengths.into_iter().chain([(86_400, "1 day"), (408_425, "4 days 17 h")]) {
            assert_eq!(length(seconds), said);
        }
        assert_eq!(span_ms(1_800_000), "30m");
        assert_eq!(span_ms(86_400_000), "24h");
        assert_eq!(span_ms(90 * 86_400_000), "90d");
        assert_eq!(span_ms(1_500), "1500ms");
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(ahead(now, "2026-12-01T12:00:00Z".parse().unwrap()), "in 9 days");
        assert_eq!(ahead(now, "2026-11-22T10:01:10Z".parse().unwrap()), "in 1 minute");
    }
}
