//! Risks and the rules of policies.

use super::fields::first_sentence;
use super::{Kind, Topic};
use crate::desired::{RuleInfo, rules as rules_of_policies};
use crate::plan::Risk;

/// A topic for each risk.
pub fn risks() -> Vec<Topic> {
    let topic = |risk: Risk| Topic::new(Kind::Risk, risk.word(), risk.meaning()).fact("ask", risk.question());
    Risk::ALL.map(topic).into()
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
