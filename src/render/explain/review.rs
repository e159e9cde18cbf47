//! Risks, causes, and the rules of policies.

use super::fields::first_sentence;
use super::{Kind, Topic};
use crate::desired::{RULE_SETS, RuleInfo, RuleSet, rules as rules_of_policies};
use crate::plan::{Cause, Risk};

/// A topic for each risk.
pub fn risks() -> Vec<Topic> {
    let topic = |risk: Risk| {
        let topic = Topic::new(Kind::Risk, risk.word(), risk.meaning()).fact("ask", risk.question());
        match risk {
            Risk::MintsKeys => topic.fact("who can", "portkey-sync list --can mints-keys"),
            Risk::GainsRead
            | Risk::GainsWrite
            | Risk::GainsAdmin
            | Risk::LimitLoosened
            | Risk::LimitRemoved
            | Risk::Unlimited
            | Risk::ExpiryExtended
            | Risk::ExpiryRemoved
            | Risk::SecretEnds
            | Risk::DeliversElsewhere
            | Risk::Replaced
            | Risk::Deleted => topic,
        }
    };
    Risk::ALL.map(topic).into()
}

/// A topic for each cause, as JSON writes it; as a plan says it leads there as well.
pub fn causes() -> Vec<Topic> {
    let topic = |cause: Cause| {
        let mut topic = Topic::new(Kind::Cause, cause.word(), cause.meaning());
        topic.also.push(cause.word().replace('-', " "));
        topic.paragraph("Only a base tells this change from drift: `--base FILE` or `--base-ref REV`.")
    };
    Cause::ALL.map(topic).into()
}

/// A topic for each built-in set, with the rules that it stands for.
pub fn rule_sets() -> Vec<Topic> {
    let topic = |set: &RuleSet| {
        let RuleSet { name, meaning, rules } = set;
        let mut topic = Topic::new(Kind::RuleSet, *name, *meaning);
        topic.facts = rules
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(rule, settings)| (rule, settings.to_owned()))
            .collect();
        topic.example = Some(format!("policy: {{use: [{name}]}}"));
        topic
    };
    RULE_SETS.iter().map(topic).collect()
}

/// A topic for each rule, by its name; the code of its findings leads there as well.
pub fn rules() -> Vec<Topic> {
    let topic = |rule: &RuleInfo| {
        let (summary, rest) = first_sentence(rule.meaning);
        let mut topic = Topic::new(Kind::Rule, rule.name, summary);
        topic.also.push(rule.code.to_owned());
        if !rest.is_empty() {
            topic = topic.paragraph(rest);
        }
        for (name, meaning) in rule.settings() {
            topic = topic.paragraph(format!("`{name}`: {meaning}"));
        }
        topic.example = Some(rule.example.to_owned());
        topic.fact("what to do", rule.remedy)
    };
    rules_of_policies().iter().map(topic).collect()
}
