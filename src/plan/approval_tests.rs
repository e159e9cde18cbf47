//! A plan, something that happens, and what the plan made after it is held for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::tests::{NOW, case, id, lines, row};
use super::*;
use crate::handoff::CREATE_LEASE;

/// Five minutes after [`NOW`].
const SOON: &str = "2026-11-22T10:05:00Z";
/// Long after every transition and grace time.
const LATER: &str = "2026-12-22T10:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A file in which `a` says this.
fn file(entry: &str) -> String {
    format!("sinks: {{dir: {{file: \"s/{{name}}\"}}}}\nkeys:\n  - {{name: a, workspace_id: w, {entry}}}\n")
}

/// A live row whose mark says that this secret was delivered to `dir` at this time, with a transition of 30 minutes.
#[expect(clippy::needless_pass_by_value, reason = "every caller makes it in place")]
fn committed(mask: &str, issued: &str, with: Value) -> Value {
    let to = "s/a";
    let delivery = Delivery {
        sink: Some("dir".to_owned()),
        target: crate::model::Target::File { path: PathBuf::from(to), recipients: Vec::new() },
    };
    let (head, tail) = mask.split_once("*****").unwrap();
    let note = format!(
        "[portkey-sync id={} secret={head}.{tail}@{issued}+30m to={}]",
        KeyId::new(id("a")).short(),
        delivery.hash()
    );
    let mut key = row("a", json!({"key": mask, "description": note}));
    for (field, value) in with.as_object().unwrap() {
        key[field] = value.clone();
    }
    key
}

fn slot(mask: &str, sent_at: &str, transition: Option<SignedDuration>) -> Escrowed {
    Escrowed {
        nonce: "n1".to_owned(),
        address: "w/a".to_owned(),
        id: Some(KeyId::new(id("a"))),
        mask: Some(Mask::of_live(mask.to_owned())),
        sealed: false,
        sent_at: time(sent_at),
        issued_at: Some(time(sent_at)),
        lease: transition.map_or(CREATE_LEASE, crate::handoff::rotate_lease),
        transition,
    }
}

/// What moved, as `added ADDRESS`, `gone ADDRESS Why`, `changed ADDRESS Difference, …`.
fn told(moved: &Moved) -> Vec<String> {
    let Moved { reviewed: _, now: _, added, gone, altered, same: _ } = moved;
    let added = added.iter().map(|change| format!("added {} {:?}", change.address, change.action));
    let gone = gone.iter().map(|gone| format!("gone {} {:?}", gone.change.address, gone.why));
    let name = |one: &Difference| format!("{one:?}").split([' ', '(']).next().unwrap().to_owned();
    let altered = altered.iter().map(|altered| {
        let names: Vec<String> = altered.differences.iter().map(name).collect();
        format!("changed {} {}", altered.now.address, names.join(", "))
    });
    added.chain(gone).chain(altered).collect()
}

#[test]
fn a_create_covers_the_delivery_of_what_was_created_since_and_of_nothing_older() {
    let yaml = file("scopes: [completions.write], secret: {deliver_to: [dir]}");
    let reviewed = case(&yaml, vec![]).plan();
    let key = row("a", json!({"description": "[portkey-sync new=n1]", "created_at": "2026-11-22T10:01:00Z"}));
    let now = |sent_at: &str| {
        let slots = vec![slot("ab*****xyz", sent_at, None)];
        let mut now =
            case(&yaml, vec![key.clone()]).at(SOON).with(|options| options.slots = slots.clone()).plan();
        assert_eq!(lines(&now), ["deliver w/a n1"]);
        let moved = hold_against(&reviewed, &mut now, &slots);
        (told(&moved), moved.is_unapproved())
    };
    assert_eq!(now("2026-11-22T10:01:00Z"), (vec![], false));
    assert_eq!(now("2026-11-22T09:59:00Z"), (vec!["changed w/a Key, Action, Cause".to_owned()], true));
}

#[test]
fn a_create_does_not_cover_a_delivery_elsewhere_nor_another_change_of_the_new_key() {
    let yaml = file("scopes: [completions.write], secret: {deliver_to: [dir]}");
    let reviewed = case(&yaml, vec![]).plan();
    let key = |with: Value| {
        let mut key =
            row("a", json!({"description": "[portkey-sync new=n1]", "created_at": "2026-11-22T10:01:00Z"}));
        for (field, value) in with.as_object().unwrap() {
            key[field] = value.clone();
        }
        key
    };
    let slots = vec![slot("ab*****xyz", "2026-11-22T10:01:00Z", None)];
    let mut now = case(&yaml, vec![key(json!({}))])
        .at(SOON)
        .with(|options| {
            options.slots = slots.clone();
            options.secrets_file = Some("elsewhere".into());
        })
        .plan();
    assert_eq!(
        told(&hold_against(&reviewed, &mut now, &slots)),
        ["changed w/a Key, Action, Cause, Delivery"]
    );
    // Somebody gave the new key more scopes, which the delivery would take away again: nobody has seen that.
    let mut now = case(&yaml, vec![key(json!({"scopes": ["completions.write", "logs.view"]}))])
        .at(SOON)
        .with(|options| options.slots = slots.clone())
        .plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &slots)), ["changed w/a Key, Action, Field, Cause"]);
}

#[test]
fn a_rotation_covers_its_own_end_and_no_secret_that_somebody_else_may_have_made() {
    let yaml = file("scopes: [completions.write], secret: {deliver_to: [dir], rotate_after: 2026-11-01}");
    let reviewed = case(&yaml, vec![committed("ab*****xyz", "20260301T000000Z", json!({}))]).plan();
    assert_eq!(lines(&reviewed), ["rotate w/a {}"]);
    let rotated = committed("ab*****xyz", "20260301T000000Z", json!({"key": "cd*****new"}));
    let now = |at: &'static str, slots: Vec<Escrowed>| {
        let mut now = case(&yaml, vec![rotated.clone()])
            .at(at)
            .with(|options| {
                options.slots = slots.clone();
                options.as_of = Some(time(NOW));
            })
            .plan();
        (lines(&now), told(&hold_against(&reviewed, &mut now, &slots)))
    };
    let half_an_hour = Some(SignedDuration::from_mins(30));
    let own = slot("cd*****new", "2026-11-22T10:01:00Z", half_an_hour);
    assert_eq!(now(SOON, vec![own.clone()]), (vec!["deliver w/a n1".to_owned()], vec![]));
    // Too late to be delivered: once more, and still for the same approval.
    assert_eq!(now(LATER, vec![own]), (vec!["rotate w/a {}".to_owned()], vec![]));
    let refused = vec!["changed w/a Secret, Cause".to_owned()];
    assert_eq!(now(LATER, vec![]), (vec!["rotate w/a {}".to_owned()], refused.clone()));
    let older = slot("cd*****new", "2026-11-22T09:00:00Z", half_an_hour);
    assert_eq!(now(LATER, vec![older]), (vec!["rotate w/a {}".to_owned()], refused));
}

#[test]
fn what_a_create_left_over_is_not_deleted_on_its_approval() {
    let yaml = file("scopes: [completions.write], secret: {deliver_to: [dir]}");
    let reviewed = case(&yaml, vec![]).plan();
    let twin = |n: &str, created: &str| {
        row(
            "a",
            json!({"id": id(n), "description": format!("[portkey-sync new={n}]"), "created_at": created}),
        )
    };
    let rows = vec![twin("one", "2026-11-22T10:01:00Z"), twin("two", "2026-11-22T10:02:00Z")];
    let mut now = case(&yaml, rows).at(LATER).plan();
    assert_eq!(lines(&now), ["rotate w/a {}", "delete w/a two-0000"]);
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["added w/a Delete"]);
}

#[test]
fn a_rotation_that_the_plan_said_would_wait_waits_for_a_later_plan_and_the_fields_do_not() {
    // The transition of the last rotation is not over when the plan is made.
    let yaml = file("scopes: [logs.view], secret: {deliver_to: [dir], rotate_after: 2026-11-22T09:55:00Z}");
    let key = committed("ab*****xyz", "20261122T095000Z", json!({}));
    let reviewed = case(&yaml, vec![key.clone()]).plan();
    let update = "update w/a {\"scopes\":[\"logs.view\"]}";
    assert_eq!(lines(&reviewed)[0], update);
    assert_eq!(reviewed.waiting.len(), 1);
    let later = || case(&yaml, vec![key.clone()]).at(LATER).with(|options| options.as_of = Some(time(NOW)));
    let mut now = later().plan();
    assert_eq!(lines(&now), ["rotate w/a {\"scopes\":[\"logs.view\"]}"]);
    let moved = hold_against(&reviewed, &mut now, &[]);
    assert_eq!((told(&moved), moved.same, moved.is_other()), (vec![], 1, false));
    assert_eq!(lines(&now)[0], update);
    assert_eq!((now.waiting.len(), now.held_back().len()), (1, 0));
}

#[test]
fn dates_count_as_of_the_review_and_never_as_of_the_future() {
    let due = |entry: &str, key: Value, as_of: &str| {
        let plan = case(&file(&format!("scopes: [completions.write], {entry}")), vec![key])
            .at(LATER)
            .with(|options| options.as_of = Some(time(as_of)))
            .plan();
        lines(&plan)
    };
    let key = || committed("ab*****xyz", "20261101T000000Z", json!({}));
    for (entry, expected) in [
        ("secret: {deliver_to: [dir], rotate_after: 2026-12-01}", "rotate w/a {}"),
        ("secret: {deliver_to: [dir], max_age: 30d}", "rotate w/a {}"),
        ("usage_reset_after: 2026-12-01", "resetusage w/a {\"reset_usage\":true}"),
    ] {
        assert!(!due(entry, key(), NOW).iter().any(|line| line == expected), "{entry}");
        assert_eq!(due(entry, key(), LATER), [expected]);
    }
    let entry = "secret: {deliver_to: [dir], rotate_after: 2027-01-01}";
    assert!(!due(entry, key(), "2027-06-01T00:00:00Z").iter().any(|line| line.starts_with("rotate")));
}

#[test]
fn a_part_of_a_change_is_covered_and_a_field_more_is_not() {
    let yaml = file("scopes: [logs.view], rate_limits: [{type: requests, unit: rpm, value: 5}]");
    let reviewed = case(&yaml, vec![row("a", json!({}))]).plan();
    let limits = json!([{"type": "requests", "unit": "rpm", "value": 5}]);
    let mut now = case(&yaml, vec![row("a", json!({"rate_limits": limits}))]).plan();
    let moved = hold_against(&reviewed, &mut now, &[]);
    assert_eq!((told(&moved), moved.is_other(), moved.is_unapproved()), (vec![], true, false));
    // From the same end to another one is another change; so is one from elsewhere to the same end.
    let mut now = case(&yaml, vec![row("a", json!({"scopes": ["logs.list"]}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["changed w/a Field"]);
    let more = file("scopes: [logs.view], expires_at: 2027-01-01");
    let mut now = case(&more, vec![row("a", json!({}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["changed w/a Field"]);
}

#[test]
fn a_key_that_is_another_one_by_now_is_not_the_one_that_was_reviewed() {
    let yaml = file("scopes: [logs.view]");
    let reviewed = case(&yaml, vec![row("a", json!({}))]).plan();
    let mut now = case(&yaml, vec![row("a", json!({"id": id("z")}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["changed w/a Key"]);
    let mut now = case(&yaml, vec![row("a", json!({"key": "zz*****zzz"}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["changed w/a Secret"]);
}

#[test]
fn what_is_blocked_by_now_is_gone_and_not_done() {
    let yaml = file("scopes: [logs.view]");
    let reviewed = case(&yaml, vec![row("a", json!({}))]).plan();
    let mut now = case(&yaml, vec![row("a", json!({})), row("a", json!({"id": id("z")}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["gone w/a Blocked"]);
    let mut now = case(&yaml, vec![row("a", json!({"scopes": ["logs.view"]}))]).plan();
    assert_eq!(told(&hold_against(&reviewed, &mut now, &[])), ["gone w/a Done"]);
}
