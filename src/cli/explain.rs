//! `explain`: what a word means. The one list of what can be looked up.

use std::collections::BTreeSet;

use crate::diagnostic::nearest;
use crate::render;
use crate::render::explain::{self, Kind, Topic};

use super::args::{ExplainArgs, GlobalArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::TextOrJson;
use super::output::Output;
use super::permissions;

/// The topics of a kind: one line for each source of words.
pub(super) fn topics(kind: Kind) -> Vec<Topic> {
    match kind {
        Kind::Scope => explain::scopes(),
        Kind::Field => explain::fields(),
        Kind::Diagnostic => explain::diagnostics(),
        Kind::ExitCode => exit_codes(),
        Kind::Blocked => explain::blocked(),
        Kind::Refusal => explain::refusals(),
        Kind::Note => explain::notes(),
        Kind::Risk => explain::risks(),
        Kind::Cause => explain::causes(),
        Kind::Rule => explain::rules(),
        Kind::RuleSet => explain::rule_sets(),
    }
}

fn exit_codes() -> Vec<Topic> {
    let topic = |exit: Exit| {
        let topic = Topic::new(Kind::ExitCode, exit.code().to_string(), exit.meaning());
        topic.fact("what to do", what_to_do(exit))
    };
    Exit::ALL.map(topic).into()
}

fn what_to_do(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "Nothing. If the plan waits for a date, apply again after it.",
        Exit::Failed => "Correct what the error names and run the same command again.",
        Exit::Pending => "Read the plan; `portkey-sync apply` makes these changes.",
        Exit::Partial => {
            "Read what the report says of each key, then run the same command again: it makes what is left, and \
             finishes secrets that were not delivered. What it calls overridden by the server comes back; change \
             the file instead."
        }
        Exit::Refused => {
            "Do what the hint beside each refusal and blocked entry says; `portkey-sync explain CODE` tells more \
             of each. Changes do not wait for blocked entries: if there are any, `apply` makes them and ends with 3."
        }
        Exit::Usage => "Correct the command line; the hint, or the command with `--help`, says how.",
        Exit::Interrupted => "Run the same command again.",
    }
}

pub(super) fn run(global: &GlobalArgs, args: &ExplainArgs, output: &Output) -> Result<Exit, CommandError> {
    if args.topics == ["permissions"] {
        return Ok(permissions::run(global, args.format, output));
    }
    if args.topics.iter().any(|word| word == "permissions") {
        return Err(CommandError::message(
            "`permissions` is asked for alone: it is about all keys of the files",
        )
        .hint("the least scopes for your files: portkey-sync explain permissions -f keys.yaml")
        .hint("what one scope allows: portkey-sync explain SCOPE")
        .code("usage")
        .exit(Exit::Usage));
    }
    let text = match (args.topics.as_slice(), args.format) {
        ([], TextOrJson::Text) => {
            let counts = Kind::ALL.map(|kind| (kind, topics(kind).len()));
            render::text::kinds_of_topics(&counts, &output.stdout)
        }
        ([], TextOrJson::Json) => {
            render::json::topics(&Kind::ALL.into_iter().flat_map(topics).collect::<Vec<_>>())
        }
        ([only], TextOrJson::Text) if let Some(kind) = kind_of(only) => {
            render::text::topics(&topics(kind), &output.stdout)
        }
        (words, TextOrJson::Text) => render::text::explain(&find_all(words)?, &output.stdout),
        (words, TextOrJson::Json) => render::json::topics(&find_all(words)?),
    };
    output.data(&text);
    Ok(Exit::Done)
}

fn kind_of(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.plural() == word)
}

fn find_all(words: &[String]) -> Result<Vec<Topic>, CommandError> {
    let known: Vec<Topic> = Kind::ALL.into_iter().flat_map(topics).collect();
    let mut found: Vec<Topic> = Vec::new();
    for word in words {
        let topics = find(word.trim(), &known)?;
        found.extend(topics.into_iter().filter(|topic| !found.contains(topic)).collect::<Vec<_>>());
    }
    Ok(found)
}

/// Whatever goes by this name; a word can be a code of two kinds and the last name of several fields.
fn find(word: &str, known: &[Topic]) -> Result<Vec<Topic>, CommandError> {
    if let Some(kind) = kind_of(word) {
        return Ok(topics(kind));
    }
    let named: Vec<Topic> = known.iter().filter(|topic| topic.name == word).cloned().collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let also: Vec<Topic> =
        known.iter().filter(|topic| topic.also.iter().any(|other| other == word)).cloned().collect();
    if !also.is_empty() {
        return Ok(also);
    }
    let names: BTreeSet<&str> = known
        .iter()
        .flat_map(|topic| std::iter::once(&topic.name).chain(&topic.also))
        .map(String::as_str)
        .chain(Kind::ALL.map(Kind::plural))
        .chain(["permissions"])
        .collect();
    let hint = match nearest(word, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "portkey-sync explain, without a word, says what can be looked up".to_owned(),
    };
    Err(CommandError::message(format!("nothing is known about `{word}`")).hint(hint).code("unknown-topic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str) -> Vec<String> {
        let known: Vec<Topic> = Kind::ALL.into_iter().flat_map(topics).collect();
        let topics = find(word, &known).unwrap_or_else(|error| panic!("{word}: {error:?}"));
        topics.into_iter().map(|topic| format!("{} {}", topic.kind.word(), topic.name)).collect()
    }

    #[test]
    fn a_word_is_found_by_its_name_its_last_name_and_in_every_kind() {
        assert_eq!(found("logs.view"), ["scope logs.view"]);
        assert_eq!(found("usage_limits.credit_limit"), ["field usage_limits.credit_limit"]);
        assert_eq!(found("credit_limit"), ["field usage_limits.credit_limit"]);
        assert_eq!(found("unreadable"), ["diagnostic unreadable", "blocked unreadable"]);
        assert_eq!(found("type"), ["field type"]);
        assert_eq!(found("130"), ["exit-code 130"]);
        assert_eq!(found("too-many-deletes"), ["refusal too-many-deletes"]);
        assert_eq!(found("clock-skew"), ["note clock-skew"]);
        assert_eq!(found("drift"), ["cause drift"]);
        assert_eq!(found("this change"), ["cause this-change"]);
        assert_eq!(found("strict"), ["rule-set strict"]);
        assert_eq!(
            found("scopes").len(),
            topics(Kind::Scope).len(),
            "a kind that is also a field lists its words"
        );
    }

    #[test]
    fn a_near_miss_is_answered_with_what_was_meant() {
        for (word, meant) in [
            ("logs.veiw", "`logs.view`"),
            ("credit_limt", "`credit_limit`"),
            ("scope-not-for-typ", "`scope-not-for-type`"),
            ("diagnostic", "`diagnostics`"),
            ("permission", "`permissions`"),
            ("xyzzy-and-more", "without a word"),
        ] {
            let known: Vec<Topic> = Kind::ALL.into_iter().flat_map(topics).collect();
            let error = find(word, &known).unwrap_err();
            assert!(error.hints[0].contains(meant), "{word}: {:?}", error.hints);
        }
    }

    /// The codes beside a refusal in the program's own code: `.code("x")` right before `.refused(`, and `refused("x"`.
    fn codes_of_refusals() -> BTreeSet<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
        let mut codes = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for (at, _) in source.match_indices(".refused(") {
                let before = source.split_at(at).0.trim_end();
                codes.extend(
                    before
                        .strip_suffix("\")")
                        .and_then(|rest| rest.rsplit(".code(\"").next())
                        .map(String::from),
                );
            }
            codes.extend(
                source
                    .split("refused(\"")
                    .skip(1)
                    .filter_map(|rest| rest.split('"').next())
                    .map(String::from),
            );
        }
        codes.retain(|code| code.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        codes
    }

    #[test]
    fn every_code_with_which_an_approval_is_refused_can_be_looked_up() {
        let mut codes = codes_of_refusals();
        for code in ["bad-saved-plan", "other-files", "other-organisation", "other-plan"] {
            assert!(codes.contains(code), "{code} is not found in the code: {codes:?}");
        }
        codes.insert("other-version".to_owned());
        for code in codes {
            assert_eq!(found(&code), [format!("refusal {code}")]);
        }
    }

    #[test]
    fn every_exit_code_says_what_to_do() {
        for topic in exit_codes() {
            assert!(topic.facts.iter().any(|(label, text)| *label == "what to do" && text.ends_with('.')));
        }
    }

    #[test]
    fn no_name_stands_twice_in_a_kind_and_every_word_has_a_sentence() {
        for kind in Kind::ALL {
            let topics = topics(kind);
            let names: BTreeSet<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
            assert_eq!(names.len(), topics.len(), "{}", kind.plural());
            for topic in &topics {
                assert_eq!(topic.kind, kind);
                assert!(topic.summary.len() > 8, "{}: {}", topic.name, topic.summary);
            }
        }
    }
}
