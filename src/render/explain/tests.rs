//! Answers as people and programs get them.

use crate::desired::{EXPLANATIONS, RULE_SETS};
use crate::render::explain::{self, Topic};
use crate::render::samples::PLAIN;
use crate::render::text;

fn answer(topics: Vec<Topic>, name: &str) -> String {
    let topics: Vec<Topic> = topics.into_iter().filter(|topic| topic.name == name).collect();
    assert_eq!(topics.len(), 1, "{name}");
    text::explain(&topics, &PLAIN)
}

#[test]
fn a_scope_is_explained() {
    insta::assert_snapshot!(answer(explain::scopes(), "providers.list"), @"
    scope providers.list
      List model providers of a workspace, with their credentials.
      `virtual_keys` is the legacy name of `providers`. A feature may check either, so a key that needs
      one is safest with both.
      It does not include `providers.read`.

      held by      organisation-service, workspace-service, workspace-user
      class        reads: It sees something and changes nothing.
      also called  virtual_keys.list
    ");
}

#[test]
fn a_field_is_explained() {
    let field = answer(explain::fields(), "usage_limits.periodic_reset_days");
    for line in ["field usage_limits.periodic_reset_days", "  value       whole number, or `null`"] {
        assert!(field.lines().any(|found| found == line), "{field}");
    }
    let key = answer(explain::fields(), "rate_limits");
    assert!(key.contains("`defaults` and templates may hold it") && key.contains("rate_limits: [{"), "{key}");
}

#[test]
fn text_of_a_topic_cannot_act_on_a_terminal() {
    let topic = Topic::new(explain::Kind::Field, "a\u{1b}[31m", "b\u{202e}").fact("value", "c\nd\u{7}");
    let shown = text::explain(std::slice::from_ref(&topic), &PLAIN) + &text::topics(&[topic], &PLAIN);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
}

#[test]
fn a_code_is_explained() {
    insta::assert_snapshot!(answer(explain::diagnostics(), "rotation-undelivered"), @"
    diagnostic rotation-undelivered
      Portkey's own rotation shows the new secret to nobody.
      Beside `deliver_to` it is an error, because the stored secret would go stale; on a service key
      alone it is a warning.

      severity    error: the files are not used
      what to do  Remove `rotation_policy` or `deliver_to`.
      example     {rotation_policy: {rotation_period: weekly}, secret: {deliver_to: [vault]}}
    ");
    insta::assert_snapshot!(answer(explain::blocked(), "ambiguous"), @"
    blocked ambiguous
      Several live keys have the name that the entry has.
      Names are not unique on Portkey.

      what to do  Pin the entry to one of them with `id:`.
    ");
}

#[test]
fn a_set_of_rules_is_explained_rule_by_rule() {
    insta::assert_snapshot!(answer(explain::rule_sets(), "recommended"), @r"
    rule-set recommended
      What most organisations want to know about; only what is certainly a mistake is an error.

      description-pattern  {severity: warning, pattern: '\S'}
      expiry-required      {severity: warning, types: [workspace-user]}
      limits-required      warning
      mints-keys-only      warning
      no-unlimited         error
      example              policy: {use: [recommended]}
    ");
    for set in RULE_SETS {
        let topics = explain::rule_sets();
        let topic = topics.iter().find(|topic| topic.name == set.name).unwrap();
        assert_eq!(topic.facts.len(), set.rules.lines().count(), "{}", set.name);
    }
}

#[test]
fn a_cause_is_explained() {
    insta::assert_snapshot!(answer(explain::causes(), "drift"), @"
    cause drift
      The files ask for what their base asked for; the live key is otherwise.
      Only a base tells this change from drift: `--base FILE` or `--base-ref REV`.
    ");
}

#[test]
fn a_refused_approval_is_explained() {
    insta::assert_snapshot!(answer(explain::refusals(), "other-files"), @"
    refusal other-files
      The keys files do not mean what they meant when the plan was made.
      Comments, order and templates are no meaning.

      what to do  Apply from the revision that was planned, or plan again and have the new plan
                  reviewed.
    ");
}

#[test]
fn every_code_of_a_diagnostic_can_be_looked_up() {
    let topics: Vec<String> = explain::diagnostics().into_iter().map(|topic| topic.name).collect();
    assert_eq!(topics, EXPLANATIONS.iter().map(|explanation| explanation.code).collect::<Vec<_>>());
}
