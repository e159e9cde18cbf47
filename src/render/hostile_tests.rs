//! Text that would like to act: in no format does it.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::golden_tests::{complaints, formats_of_complaints, formats_of_plan, plans, stream};
use super::markdown;
use super::samples::*;
use super::text::tests::hostile::{EVIL, evil_plan};
use crate::desired::parse_str;
use crate::plan::{Plan, Reason};

/// Every output there is, with its format.
fn outputs() -> Vec<(&'static str, String)> {
    let mut outputs: Vec<(&'static str, String)> = Vec::new();
    for (_, mut plan) in plans() {
        outputs.extend(formats_of_plan(&plan));
        plan.organisation = Some(crate::model::OrganisationId::new(EVIL));
        outputs.extend(formats_of_plan(&plan));
    }
    for (_, loaded) in complaints() {
        outputs.extend(formats_of_complaints(&loaded));
    }
    outputs.push(("jsonl", stream(&evil_plan())));
    outputs
}

#[test]
fn nothing_commands_a_terminal_in_any_format() {
    for (format, text) in outputs() {
        for c in text.chars() {
            assert!(c == '\n' || !c.is_control(), "{format}: {c:?} in {text}");
            assert!(!"\u{202e}\u{200b}\u{2028}".contains(c), "{format}: {c:?} in {text}");
        }
    }
}

#[test]
fn no_line_is_a_command_to_a_ci_system_but_ours() {
    for (format, text) in outputs() {
        for line in text.lines() {
            assert!(!line.contains("##["), "{format}: {line}");
            // `::: file:1:2` leads to a second place; a runner finds no command in it.
            let command = line.trim_start().strip_prefix("::").filter(|rest| !rest.starts_with(": "));
            assert!(command.is_none() || format == "github", "{format}: {line}");
        }
        if format == "github" {
            for line in text.lines() {
                let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
                let (level, properties) = head.split_once(' ').unwrap();
                assert!(["error", "warning", "notice"].contains(&level), "{line}");
                for property in properties.split(',') {
                    let (name, _) = property.split_once('=').unwrap();
                    assert!(
                        ["file", "line", "endLine", "col", "endColumn", "title"].contains(&name),
                        "{line}"
                    );
                }
                // A message may hold anything once the command has begun, but no second line.
                assert!(!message.contains('\r'), "{line}");
            }
        }
    }
}

/// What a forge would make of a text: everything outside of code, and what would act.
fn assert_inert(text: &str) {
    let ours = |html: &str| {
        let html = html.trim();
        let is_marker =
            html.strip_prefix("<!-- portkey-sync:plan ").and_then(|rest| rest.strip_suffix(" -->"));
        html.is_empty()
            || html == "</details>"
            || html.starts_with("<details><summary>All changes: ") && html.ends_with("</summary>")
            || is_marker.is_some_and(|inner| !inner.contains(['<', '>']) && !inner.contains("--"))
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let (mut rows, mut cells) = (0_usize, 0_usize);
    let mut in_code = false;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strikethrough) => {
                panic!("something acts in {text}")
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::TableRow) => rows += 1,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::Html(html) => assert!(html.lines().all(ours), "{html} in {text}"),
            Event::InlineHtml(html) => panic!("{html} in {text}"),
            Event::Text(said) if !in_code => {
                for active in ["@", "<", "[", "://", "www.", "`", "#1"] {
                    assert!(!said.contains(active), "{active} in {said:?} of {text}");
                }
            }
            _ => {}
        }
    }
    // Each row has the head's columns: no text has made one of its own.
    let drawn =
        text.lines().take_while(|line| !line.contains("<details>")).filter(|line| line.starts_with('|'));
    let drawn: Vec<&str> = drawn.collect();
    if let Some(head) = drawn.first() {
        let columns = if *head == "| look at | key | because | cause |" { 4 } else { 3 };
        assert_eq!((rows + 2, cells), (drawn.len(), columns * (rows + 1)), "{text}");
    }
}

#[test]
fn nothing_in_a_comment_links_mentions_or_is_html() {
    for (_, text) in outputs().iter().filter(|(format, _)| *format == "md") {
        assert_inert(text);
    }
}

#[test]
fn the_parser_of_this_test_sees_what_would_act() {
    let acts = |text: &str| std::panic::catch_unwind(|| assert_inert(text)).is_err();
    for text in [
        "a [x](https://y) b",
        "hello @team",
        "<img src=x>",
        "a <b>c</b>",
        "*a*",
        "<!-- other -->",
        "| a |\n|---|\n| b |",
    ] {
        assert!(acts(text), "{text}");
    }
    assert!(!acts("a `@team <b> [x](y)` b"));
}

#[test]
fn a_hundred_thousand_characters_are_cut_everywhere() {
    for piece in ["x", "`", "@ ", "é|", "\u{301}", "\u{202e}", "[a](b) "] {
        let long = piece.repeat(100_000 / piece.len());
        let mut change = update(&format!("{long}/{long}"), 3, all_fields());
        change
            .fields
            .push(crate::diff::FieldChange::Description { before: String::new(), after: long.clone() });
        let mut plan = Plan {
            changes: vec![change, delete(&format!("ws/{long}"), Reason::Pruned { by: long.clone() })],
            running_key: Some(long.clone()),
            notes: (0..20).map(|_| crate::plan::Note::UnknownToThisVersion(long.clone())).collect(),
            blocked: vec![blocked(
                &format!("ws/{long}"),
                crate::plan::BlockedReason::OtherOwner { by: long.clone() },
            )],
            waiting: vec![waiting(&format!("ws/{long}"), 3)],
            unmentioned: vec![unmentioned(&format!("ws/{long}"), true)],
            ..empty_plan()
        };
        assess(&mut plan);
        let formats = formats_of_plan(&plan);
        for format in ["md", "sarif", "gitlab"] {
            assert!(formats[format].len() < 65_536, "{format}: {}", formats[format].len());
        }
        assert_inert(&formats["md"]);
        assert!(formats["github"].lines().all(|line| line.len() < 20_000), "{piece:?}");

        let quoted = serde_json::to_string(&long).unwrap();
        let file = format!("version: 1\nkeys: [{{name: {quoted}, {quoted}: 1, scopes: [{quoted}]}}]\n");
        let formats = formats_of_complaints(&parse_str("keys.yaml", &file));
        for format in ["md", "github", "sarif", "gitlab"] {
            assert!(formats[format].len() < 65_536, "{format}: {}", formats[format].len());
        }
        assert_inert(&formats["md"]);
    }
}

#[test]
fn every_format_of_a_comment_ends_before_the_limit_of_its_forge() {
    let limits = [markdown::GITHUB_LIMIT, markdown::GITLAB_LIMIT];
    assert!(limits[0] < 65_536 && limits[1] < 1_000_000);
    let sets = scope_sets();
    for limit in limits {
        for (name, plan) in plans() {
            assert!(markdown::plan(&plan, &context(&sets), "keys.yaml", limit).len() < limit, "{name}");
        }
    }
}
