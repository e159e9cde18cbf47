use crate::diagnostic::{Diagnostic, Label, Severity, Source, Sources, Span};
use crate::render::Style;
use crate::render::samples::PLAIN;
use crate::render::text;

const FILE: &str = "version: 1
defaults:
  type: organisation-service
keys:
  - name: checkout
    scopes: [completions.write, logs.write]
";

/// The span of `needle` in the only file.
fn label(sources: &mut Sources, name: &str, file: &str, needle: &str, text: &str) -> Label {
    let source = sources.add(Source { name: name.to_owned(), text: file.to_owned() });
    let start = file.find(needle).unwrap();
    Label { span: Span { source, start, end: start + needle.len() }, text: text.to_owned() }
}

fn complaint(primary: Option<Label>, secondary: Vec<Label>) -> Diagnostic {
    Diagnostic {
        code: "scope-not-for-type",
        severity: Severity::Error,
        message: "an organisation-service key cannot hold `completions.write`".to_owned(),
        file: "keys.yaml".to_owned(),
        primary,
        secondary,
        hints: vec!["write `type: workspace-service` in `checkout`, or remove the scope".to_owned()],
    }
}

#[test]
fn a_complaint_shows_its_line_a_caret_and_the_second_place() {
    let mut sources = Sources::default();
    let primary = label(&mut sources, "keys.yaml", FILE, "completions.write", "only workspace keys can");
    let span = Span { start: 23, end: 49, ..primary.span };
    let second = Label { span, text: "inherited from here".to_owned() };
    let warning = Diagnostic {
        severity: Severity::Warning,
        code: "no-expiry",
        message: "the key never expires".to_owned(),
        hints: Vec::new(),
        ..complaint(Some(primary.clone()), Vec::new())
    };
    let list = [complaint(Some(primary), vec![second]), warning];
    insta::assert_snapshot!(text::diagnostics(&list, &sources, &PLAIN), @"
    error[scope-not-for-type]: an organisation-service key cannot hold `completions.write`
     --> keys.yaml:6:14
      |
    6 |     scopes: [completions.write, logs.write]
      |              ^^^^^^^^^^^^^^^^^ only workspace keys can
      |
     ::: keys.yaml:3:3
      |
    3 |   type: organisation-service
      |   -------------------------- inherited from here

    hint: write `type: workspace-service` in `checkout`, or remove the scope
    more: portkey-sync explain scope-not-for-type

    warning[no-expiry]: the key never expires
     --> keys.yaml:6:14
      |
    6 |     scopes: [completions.write, logs.write]
      |              ^^^^^^^^^^^^^^^^^ only workspace keys can

    1 error, 1 warning in keys.yaml
    ");
}

#[test]
fn a_complaint_about_a_whole_file_names_it() {
    let list = [complaint(None, Vec::new())];
    insta::assert_snapshot!(text::diagnostics(&list, &Sources::default(), &PLAIN), @"
    error[scope-not-for-type]: an organisation-service key cannot hold `completions.write`
    --> keys.yaml

    hint: write `type: workspace-service` in `checkout`, or remove the scope
    more: portkey-sync explain scope-not-for-type

    1 error in keys.yaml
    ");
}

#[test]
fn no_complaints_are_no_text() {
    assert_eq!(text::diagnostics(&[], &Sources::default(), &PLAIN), "");
}

#[test]
fn spans_that_fit_no_text_do_no_harm() {
    let mut sources = Sources::default();
    let text = "a: é\nb: 2";
    let source = sources.add(Source { name: "k.yaml".to_owned(), text: text.to_owned() });
    for start in 0..14 {
        for end in 0..14 {
            let label = Label { span: Span { source, start, end }, text: "here".to_owned() };
            let shown = text::diagnostics(&[complaint(Some(label.clone()), vec![label])], &sources, &PLAIN);
            assert!(shown.contains("--> k.yaml:"), "{start}..{end}: {shown}");
        }
    }
}

#[test]
fn a_hostile_file_cannot_command_the_terminal() {
    let mut sources = Sources::default();
    let file = "name: \"\u{1b}[2J\u{202e}evil\u{200b}\u{7}\"\n";
    let primary = label(&mut sources, "k\u{1b}[31m.yaml", file, "evil", "\u{1b}]0;x\u{7}");
    let mut hostile = complaint(Some(primary), Vec::new());
    hostile.message = "\n::error::\u{1b}[2J".to_owned();
    hostile.hints = vec!["\u{202e}\n##[command]x".to_owned()];
    let shown = text::diagnostics(&[hostile], &sources, &PLAIN);
    assert!(!shown.chars().any(|c| c != '\n' && c.is_control()), "{shown:?}");
    assert!(!shown.contains(['\u{202e}', '\u{200b}']), "{shown:?}");
    assert!(!shown.lines().any(|line| line.trim_start().starts_with("::error")), "{shown:?}");
}

#[test]
fn a_line_of_a_file_is_no_command_to_a_ci_system_and_its_caret_points_right() {
    let commands = ["##vso[task.setvariable variable=X]evil", "##[add-mask]x", "###[error]x", "::error::x"];
    for command in commands {
        for line in [format!("{command}: wrong\n"), format!("  name: {command} wrong # {command}\n")] {
            let mut sources = Sources::default();
            let primary = label(&mut sources, "k.yaml", &line, "wrong", "");
            let shown = text::diagnostics(&[complaint(Some(primary), Vec::new())], &sources, &PLAIN);
            assert!(!shown.contains("##[") && !shown.contains("##vso"), "{shown}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
            let at = |part: &str| shown.lines().find_map(|line| line.find(part)).unwrap();
            assert_eq!(at("wrong"), at("^^^^^"), "{shown}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let mut sources = Sources::default();
    let primary = label(&mut sources, "keys.yaml", FILE, "completions.write", "here");
    let list = [complaint(Some(primary), Vec::new())];
    let plain = text::diagnostics(&list, &sources, &PLAIN);
    let coloured = text::diagnostics(&list, &sources, &Style { color: true, ..PLAIN });
    assert_ne!(plain, coloured);
    assert_eq!(plain, crate::render::layout::strip(&coloured));
}

#[test]
fn a_line_of_megabytes_is_named_and_not_shown() {
    let mut sources = Sources::default();
    let text = format!("keys: [{}x]\n", "1,".repeat(20_000));
    let start = text.find('x').unwrap();
    let source = sources.add(Source { name: "wide.yaml".to_owned(), text });
    let span = Span { source, start, end: start + 1 };
    let found = Diagnostic {
        code: "wrong-type",
        severity: Severity::Error,
        message: "an entry of `keys` must be a map".to_owned(),
        file: "wide.yaml".to_owned(),
        primary: Some(Label { span, text: String::new() }),
        secondary: Vec::new(),
        hints: Vec::new(),
    };
    let shown = text::diagnostics(&[found], &sources, &PLAIN);
    assert!(shown.contains("--> wide.yaml:1:40008"), "{shown}");
    assert!(shown.len() < 300, "{shown}");
}

#[test]
fn where_to_read_more_is_said_once_for_each_code() {
    let known = |code| Diagnostic { code, hints: Vec::new(), ..complaint(None, Vec::new()) };
    let list = [known("empty-scopes"), known("empty-file"), known("empty-scopes"), known("of-no-table")];
    let shown = text::diagnostics(&list, &Sources::default(), &PLAIN);
    let more: Vec<&str> = shown.lines().filter(|line| line.starts_with("more:")).collect();
    assert_eq!(more, ["more: portkey-sync explain empty-scopes", "more: portkey-sync explain empty-file"]);
}
