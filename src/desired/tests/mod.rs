//! Tests of the whole module: a file in, its diagnostics or its keys out.

mod fences;
mod keys;
mod merging;
mod policy;
mod reading;
mod tables;
mod top;

use super::*;

/// What is said about a file: one line per diagnostic, its other places and hints indented below.
fn say(loaded: &Loaded) -> String {
    let mut said = String::new();
    for diagnostic in &loaded.diagnostics {
        let place = |label: &crate::diagnostic::Label| {
            let place = loaded.sources.place(label.span);
            format!("{}:{}:{}", place.file, place.line, place.column)
        };
        let at = diagnostic.primary.as_ref().map_or_else(|| diagnostic.file.clone(), place);
        let severity = match diagnostic.severity {
            crate::diagnostic::Severity::Error => "error",
            crate::diagnostic::Severity::Warning => "warning",
        };
        said.push_str(&format!("{at} {severity} {}: {}\n", diagnostic.code, diagnostic.message));
        if let Some(label) = diagnostic.primary.as_ref().filter(|label| !label.text.is_empty()) {
            said.push_str(&format!("  ^ {}\n", label.text));
        }
        for label in &diagnostic.secondary {
            said.push_str(&format!("  {} {}\n", place(label), label.text));
        }
        for hint in &diagnostic.hints {
            said.push_str(&format!("  hint: {hint}\n"));
        }
    }
    said
}

/// What is said about a file.
fn check(yaml: &str) -> String {
    say(&parse_str("k.yaml", yaml))
}

/// What is said about a key with these fields, on line 5, in a file that is otherwise fine.
fn check_key(fields: &str) -> String {
    check(&file_with(&format!("{{{fields}}}")))
}

/// A fine file with this key on line 5.
fn file_with(key: &str) -> String {
    format!(
        "version: 1\n\
         workspaces: {{pay: ws-pay, research: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2}}\n\
         scope_sets: {{inference: [completions.write]}}\n\
         sinks: {{dir: {{file: \"secrets/{{workspace}}/{{name}}\"}}}}\n\
         keys: [{key}]\n"
    )
}

/// The one key of a file without errors.
fn the_key(yaml: &str) -> DesiredKey {
    let loaded = parse_str("k.yaml", yaml);
    let Some(desired) = &loaded.desired else { panic!("{}", say(&loaded)) };
    desired.keys.first().expect("a key").clone()
}
