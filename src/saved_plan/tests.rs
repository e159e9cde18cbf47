use super::*;
use crate::desired::parse_str;

const FILE: &str = "version: 1
organisation: acme
managed_by: platform
workspaces: {w: ws-1}
sinks:
  dir: {file: \"secrets/{name}\"}
  gh: {command: [gh, secret, set], env: [GH_TOKEN], timeout: 30s}
templates:
  limited: {rate_limits: [{type: requests, unit: rpm, value: 5}]}
keys:
  - name: a
    workspace_id: w
    template: limited
    description: one
    scopes: [logs.view, completions.write]
    usage_limits: {credit_limit: 10}
    metadata: {team: x}
    config_id: pc-1
    allow_config_override: false
    alert_emails: [a@example.com]
    expires_at: 2030-01-01
    usage_reset_after: 2026-01-01
    protected: true
    secret: {deliver_to: [dir, gh], max_age: 90d, transition: 1h, rotate_after: 2026-01-01, until: 2026-02-01}
  - {name: b, type: organisation-service, scopes: [workspaces.list], rotation_policy: {rotation_period: monthly}}
";

fn meaning_of(file: &str) -> FilesMeaning {
    let loaded = parse_str("keys.yaml", file);
    let desired = loaded.desired.unwrap_or_else(|| {
        let all: Vec<_> = loaded.diagnostics.iter().map(|one| &one.message).collect();
        panic!("{all:#?}\n{file}")
    });
    FilesMeaning::of(&desired, vec!["keys.yaml".to_owned()])
}

fn moved(from: &str, to: &str) -> FilesMoved {
    assert_eq!(FILE.matches(from).count(), 1, "{from}");
    meaning_of(FILE).moved(&meaning_of(&FILE.replace(from, to)))
}

#[test]
fn every_edit_that_means_something_is_found_with_the_key_it_is_about() {
    for (from, to) in [
        ("description: one", "description: two"),
        ("description: one", "description: null"),
        ("    description: one\n", ""),
        ("[logs.view, completions.write]", "[logs.view]"),
        ("value: 5", "value: 6"),
        ("credit_limit: 10", "credit_limit: 10.5"),
        ("credit_limit: 10", "credit_limit: 10, type: tokens"),
        ("credit_limit: 10", "credit_limit: 10, alert_threshold: 5"),
        ("credit_limit: 10", "credit_limit: 10, periodic_reset: weekly"),
        ("credit_limit: 10", "credit_limit: 10, periodic_reset_days: 3"),
        ("{team: x}", "{team: null}"),
        ("pc-1", "pc-2"),
        ("override: false", "override: true"),
        ("[a@example.com]", "[b@example.com]"),
        ("2030-01-01", "2031-01-01"),
        ("usage_reset_after: 2026-01-01", "usage_reset_after: 2026-01-02"),
        ("protected: true", "protected: false"),
        ("protected: true", "id: 183f497a"),
        ("protected: true", "protected: true\n    renamed_from: z"),
        ("deliver_to: [dir, gh]", "deliver_to: [dir]"),
        ("max_age: 90d", "max_age: 91d"),
        ("transition: 1h", "transition: 2h"),
        ("rotate_after: 2026-01-01", "rotate_after: 2026-01-02"),
        ("until: 2026-02-01", "until: 2026-02-02"),
        ("until: 2026-02-01", "until: 2026-02-01, verify: true"),
        ("until: 2026-02-01", "until: 2026-02-01, first: rotate"),
        ("until: 2026-02-01", "until: 2026-02-01, delivered: \"ab*****xyz\""),
        ("secrets/{name}", "elsewhere/{name}"),
        ("[gh, secret, set]", "[gh, set, secret]"),
        ("[GH_TOKEN]", "[GH_TOKEN, HOME]"),
        ("timeout: 30s", "timeout: 31s"),
    ] {
        let expected = FilesMoved { changed: vec!["w/a".to_owned()], ..FilesMoved::default() };
        assert_eq!(moved(from, to), expected, "{from} -> {to}");
    }
    let other = FilesMoved { changed: vec!["organisation/b".to_owned()], ..FilesMoved::default() };
    assert_eq!(moved("rotation_period: monthly", "rotation_period: weekly"), other);
    let settings = FilesMoved { settings: true, ..FilesMoved::default() };
    assert_eq!(moved("managed_by: platform", "managed_by: other"), settings);
    assert_eq!(moved("organisation: acme", "organisation: zenith"), settings);
    let renamed =
        FilesMoved { added: vec!["w/c".to_owned()], gone: vec!["w/a".to_owned()], ..FilesMoved::default() };
    assert_eq!(moved("name: a\n", "name: c\n"), renamed);
}

#[test]
fn how_a_file_is_written_is_no_meaning() {
    for (from, to) in [
        ("[logs.view, completions.write]", "[completions.write, logs.view]"),
        ("template: limited\n", "rate_limits: [{value: 5, unit: rpm, type: requests}]\n"),
        ("description: one", "description: \"one\" # said otherwise"),
        ("max_age: 90d", "max_age: 2160h"),
        ("2030-01-01", "2030-01-01T01:00:00+01:00"),
        ("version: 1", "version: 1\nscope_sets: {unused: [logs.view]}"),
        ("sinks:\n", "sinks:\n  unused: {file: \"x/{name}\"}\n"),
        ("deliver_to: [dir, gh]", "deliver_to: [gh, dir]"),
    ] {
        assert!(moved(from, to).is_empty(), "{from} -> {to}: {:#?}", moved(from, to));
    }
    assert!(meaning_of(FILE) != FilesMeaning::default());
}

#[test]
fn a_version_plans_alike_if_its_first_two_numbers_are_ours() {
    let (line, _) = TOOL_VERSION.rsplit_once('.').unwrap();
    assert!(plans_alike(TOOL_VERSION) && plans_alike(&format!("{line}.99")));
    for other in ["9.9.0", "", "0", "none", &format!("{line}1.0"), &format!("1{line}.0")] {
        assert!(!plans_alike(other), "{other}");
    }
}
