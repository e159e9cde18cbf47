//! Formatting changes how a file looks and never what it says.

use proptest::prelude::*;

use super::*;
use crate::desired::parse_str;

fn formatted(text: &str) -> String {
    match format("k.yaml", text) {
        Ok(formatted) => formatted,
        Err(why) => panic!("{why:?}\n{text}"),
    }
}

fn left(text: &str) -> LeftAlone {
    match format("k.yaml", text) {
        Err(NotFormatted::Left(why)) => why,
        other => panic!("{other:?}\n{text}"),
    }
}

const MESSY: &str = "

# Who owns what: see the wiki
version:   1
managed_by: 'platform'   # one word
workspaces: { payments :  ws-prod-1a2b3c,research: ws-res-77c0de }  \t
sinks:
  dir:    {file: 'secrets/{workspace}/{name}'}


keys:
  # the first
  - workspace_id: payments
    name: checkout


    # why so many
    scopes:   [ completions.write,logs.write ,
       logs.view]   # and one more
    description: >
      Checkout   service

      # not a comment

    rate_limits:
    - { type: requests , unit: rpm, value: 100 }
    template: service
    # at the end
  - {workspace_id: payments, name: 'it''s', scopes: [ logs.view ]}
# behind the keys
templates: {service: {}}
";

#[test]
fn a_messy_file_gets_its_canonical_form() {
    insta::assert_snapshot!(formatted(MESSY), @r#"
# Who owns what: see the wiki
version: 1
managed_by: "platform"   # one word
workspaces: {payments: ws-prod-1a2b3c, research: ws-res-77c0de}
sinks:
  dir: {file: "secrets/{workspace}/{name}"}

keys:
  # the first
  - name: checkout
    workspace_id: payments
    template: service
    description: >
      Checkout   service

      # not a comment


    # why so many
    scopes: [completions.write, logs.write,
       logs.view]   # and one more
    rate_limits:
    - {type: requests, unit: rpm, value: 100}
    # at the end
  - {workspace_id: payments, name: 'it''s', scopes: [logs.view]}
# behind the keys
templates: {service: {}}
"#);
}

#[test]
fn the_end_of_a_line_and_the_mark_at_the_start_stay() {
    let windows = format!("\u{feff}{}", "version:  1\nkeys: []\n\n\n".replace('\n', "\r\n"));
    assert_eq!(formatted(&windows), "\u{feff}version: 1\r\nkeys: []\r\n");
    assert_eq!(formatted("version: 1\nkeys:   []"), "version: 1\nkeys: []\n");
    assert_eq!(left("version: 1\r\nkeys: []\n"), LeftAlone::MixedLineEnds);
}

#[test]
fn texts_over_several_lines_stay_as_they_are() {
    for text in [
        "a: \"one  \n    two\"\nb: 1\n",
        "a: 'one\n\n\n  two'\n",
        "a: |\n    deep\n\n\n  end\n",
        "a:\n  - |-\n    one  \n  - >+\n    two\n\n\n",
        "keys:\n  - name: |\n      a\n    description: b\n",
        "a: one\n\n\n  two\n",
    ] {
        match format("k.yaml", text) {
            Ok(formatted) => assert_eq!(formatted, text),
            // A text without quotes over several lines, whose blank lines count.
            Err(why) => assert!(
                matches!(why, NotFormatted::Invalid(..) | NotFormatted::Left(LeftAlone::WouldChange)),
                "{why:?}"
            ),
        }
    }
}

#[test]
fn what_could_be_misunderstood_is_left_alone() {
    for text in [
        "a: &x [1]\nb: *x\n",
        "---\na: 1\n",
        "? a\n: 1\n",
        "a: 1\n...\n",
        "a:\t1\n",
        "%YAML 1.2\n---\na: 1\n",
    ] {
        assert_eq!(left(text), LeftAlone::RareYaml, "{text}");
    }
    assert!(matches!(format("k.yaml", "a: [\n"), Err(NotFormatted::Invalid(..))));
    assert!(matches!(format("k.yaml", "a: 1\n---\nb: 1\n"), Err(NotFormatted::Invalid(..))));
    assert!(matches!(format("k.yaml", "a: 1\na: 2\n"), Err(NotFormatted::Invalid(..))));
}

#[test]
fn an_entry_with_anything_unusual_keeps_its_order() {
    for entry in ["  - wibble: 1\n    name: a\n", "  - scopes: [a.b]\n    # above the name\n    name: a\n"] {
        let file = format!("keys:\n{entry}");
        assert_eq!(formatted(&file), file);
    }
    assert_eq!(formatted("keys:\n- scopes: [a.b]\n  name: a\n"), "keys:\n- name: a\n  scopes: [a.b]\n");
    assert_eq!(
        formatted("keys:\n  -   scopes:\n      - a.b\n      name: a\ndefaults: {}\n"),
        "keys:\n  -   name: a\n      scopes:\n      - a.b\ndefaults: {}\n"
    );
}

#[test]
fn an_empty_file_stays_empty() {
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("# nothing\n\n\n"), "# nothing\n");
}

/// A field of a key as somebody may have typed it, on one line or more.
fn field() -> impl Strategy<Value = String> {
    let space = "[ ]{1,3}";
    let comment = prop_oneof![Just(String::new()), "[ ]{1,4}#[ a-z{:'\"-]{0,8}"];
    let value = prop_oneof![
        Just("text".to_owned()),
        Just("'quoted'".to_owned()),
        Just("\"a # b\"".to_owned()),
        Just("'it''s'".to_owned()),
        Just("[ a.b,c.d ,e.f]".to_owned()),
        Just("{x: 1 ,  y : 'z'}".to_owned()),
        Just("https://example.com/#a".to_owned()),
        Just("\n      - a.b\n\n      - c.d".to_owned()),
        Just("|\n      kept  \n\n      # kept".to_owned()),
        Just(String::new()),
    ];
    (space, value, comment).prop_map(|(space, value, comment)| {
        if value.starts_with('|') { format!(":{space}{value}") } else { format!(":{space}{value}{comment}") }
    })
}

fn entry() -> impl Strategy<Value = String> {
    let names =
        Just(vec!["name", "type", "description", "scopes", "metadata", "config_id", "secret", "user_id"])
            .prop_shuffle();
    let above = prop_oneof![4 => Just(""), 1 => Just("\n"), 1 => Just("    # above\n"), 1 => Just("\n\n    # above, too\n")];
    (names, prop::collection::vec((field(), above), 1..8)).prop_map(|(names, fields)| {
        let mut text = String::new();
        for (index, (name, (field, above))) in names.into_iter().zip(fields).enumerate() {
            let lead = if index == 0 { "  - ".to_owned() } else { format!("{above}    ") };
            text.push_str(&format!("{lead}{name}{field}\n"));
        }
        text
    })
}

proptest! {
    #[test]
    fn formatting_twice_is_formatting_once_and_every_comment_stays(entries in prop::collection::vec(entry(), 1..4)) {
        let text = format!("version: 1\n\n\nkeys:\n{}", entries.concat());
        let once = match format("k.yaml", &text) {
            Ok(once) => once,
            Err(why) => return Err(TestCaseError::fail(format!("{why:?}\n{text}"))),
        };
        prop_assert_eq!(&formatted(&once), &once);
        prop_assert_eq!(once.matches('#').count(), text.matches('#').count());
        // What the keys are, apart from where they stand.
        let codes = |text: &str| -> Vec<(&str, String)> {
            let mut said: Vec<_> =
                parse_str("k.yaml", text).diagnostics.into_iter().map(|said| (said.code, said.message)).collect();
            said.sort();
            said
        };
        prop_assert_eq!(codes(&once), codes(&text));
    }

    #[test]
    fn no_text_is_changed_in_what_it_says(text in "([a-c:#'\"{}\\[\\],|> -]|\n|\n  ){0,40}") {
        if let Ok(once) = format("k.yaml", &text) {
            prop_assert_eq!(formatted(&once), once);
        }
    }
}
