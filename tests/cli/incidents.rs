//! `rotate` and `revoke` while the files are broken: they work for the key that is meant, and for no other.

use std::io::Write;
use std::process::Stdio;

use crate::harness::{ALPHA, BETA, GAMMA, Rehearsal, SEED};

const SINKS: &str = "sinks: {dir: {file: \"secrets/{name}\"}}\n";
const ENTRY: &str =
    "  - {name: alpha, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
const TWO: &str = "33333333-0000-4000-8000-000000000005";

/// Four keys and another one called `alpha`, in another workspace; and files whose text is this.
fn site(file: &str) -> Rehearsal {
    let seed = SEED.replace("users:", "  - {slug: ws-two-222222, name: Two}\nusers:");
    let twin = format!(
        "  - {{name: alpha, id: {TWO}, type: workspace-service, workspace: ws-two-222222,\n     \
         scopes: [completions.write], created_at: 2026-01-05T00:00:00Z}}\n"
    );
    let rehearsal =
        Rehearsal::with_seed(&format!("{}{twin}", seed.trim_end_matches('\n').to_owned() + "\n"), "");
    write(&rehearsal, file);
    rehearsal
}

fn write(rehearsal: &Rehearsal, file: &str) {
    let head = "version: 1\nmanaged_by: platform\nworkspaces: {prod: ws-prod-1a2b3c, two: ws-two-222222}\n";
    rehearsal.folder.write("keys.yaml", &format!("{head}{file}"));
}

fn end(rehearsal: &Rehearsal, id: &str) -> String {
    rehearsal.keys()[id]["expires_at"].to_string()
}

/// Which of the keys have an end.
fn ended(rehearsal: &Rehearsal) -> Vec<&'static str> {
    [ALPHA, BETA, GAMMA, TWO].into_iter().filter(|id| end(rehearsal, id) != "null").collect()
}

#[test]
fn rotate_works_whatever_is_broken_that_the_key_does_not_use() {
    let rehearsal = site("");
    let broken_sink = "sinks: {dir: {file: \"secrets/{name}\"}, g: {command: []}}\n";
    let elsewhere = [
        ("a sink", format!("{broken_sink}keys:\n{ENTRY}")),
        ("a template", format!("{SINKS}templates: {{t: {{scopes: [nope.x]}}}}\nkeys:\n{ENTRY}")),
        ("a scope set", format!("{SINKS}scope_sets: {{s: [nope.x]}}\nkeys:\n{ENTRY}")),
        ("a policy", format!("{SINKS}policy: {{nonsense: 1}}\nkeys:\n{ENTRY}")),
        ("a top-level field", format!("{SINKS}colour: red\nkeys:\n{ENTRY}")),
        ("the same behind the keys", format!("{SINKS}keys:\n{ENTRY}colour: red\n")),
        (
            "a workspace",
            format!("{SINKS}keys:\n{ENTRY}  - {{name: q, workspace_id: nope, scopes: [logs.view]}}\n"),
        ),
        (
            "a field",
            format!("{SINKS}keys:\n  - {{name: q, workspace_id: prod, scops: [logs.view]}}\n{ENTRY}"),
        ),
        ("an include", format!("{SINKS}include: [{{files: \"none/*.yaml\"}}]\nkeys:\n{ENTRY}")),
        ("an included file", format!("{SINKS}include: [{{files: \"teams/*.yaml\"}}]\nkeys:\n{ENTRY}")),
        ("a name", format!("{SINKS}keys:\n{ENTRY}  - {{workspace_id: prod}}\n")),
        (
            "the target of two others",
            format!(
                "{SINKS}keys:\n{ENTRY}  - {{name: b, workspace_id: prod, scopes: [logs.view], secret: {{deliver_to: [dir]}}}}\n  \
                 - {{name: b, workspace_id: two, scopes: [logs.view], secret: {{deliver_to: [dir]}}}}\n"
            ),
        ),
    ];
    rehearsal.folder.write("teams/x.yaml", "keys: [\n");
    for (what, file) in elsewhere {
        write(&rehearsal, &file);
        rehearsal.advance("31m");
        rehearsal.forget_requests();
        let ended = rehearsal.run(&["rotate", "prod/alpha", "--yes"]);
        assert_eq!(ended.code, 0, "{what} is broken: {}", ended.said());
        if what != "a policy" {
            assert!(
                ended.said().matches("no obstacle to this; portkey-sync validate").count() == 1,
                "{what}"
            );
        }
        let rotated = rehearsal.sent("POST", "/rotate");
        assert!(rotated.len() == 1 && rotated[0].path.contains(ALPHA), "{what}");
        assert!(rehearsal.opens(&rehearsal.folder.read("secrets/alpha")), "{what}");
    }
}

#[test]
fn a_tail_is_not_enough_where_a_key_of_that_name_may_be_hidden() {
    let rehearsal = site(&format!("{SINKS}include: [{{files: \"teams/*.yaml\"}}]\nkeys:\n{ENTRY}"));
    rehearsal.folder.write("teams/x.yaml", "keys: [\n");
    for command in ["rotate", "revoke"] {
        let refused = rehearsal.run(&[command, "alpha", "--yes"]).expect(64);
        refused.says("`alpha` may mean another key than `prod/alpha`");
        assert!(rehearsal.writes().is_empty());
    }
    // An entry of the same name that cannot be told apart.
    let other = "  - {name: alpha, workspace_id: tow, scopes: [logs.view], secret: {deliver_to: [dir]}}\n";
    write(&rehearsal, &format!("{SINKS}keys:\n{ENTRY}{other}"));
    rehearsal.run(&["rotate", "alpha", "--yes"]).expect(1).says("did you mean `two`?");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn a_tail_is_not_enough_for_an_entry_whose_key_may_have_another_name() {
    // The live key `beta` could be what the other file is about.
    let entry = ENTRY.replace("name: alpha", "name: beta, renamed_from: alpha");
    let rehearsal = site(&format!("{SINKS}include: [{{files: \"teams/*.yaml\"}}]\nkeys:\n{entry}"));
    rehearsal.folder.write("teams/x.yaml", "keys: [\n");
    for command in ["rotate", "revoke"] {
        let refused = rehearsal.run(&[command, "beta", "--yes"]).expect(64);
        refused.says("`beta` may mean another key than `prod/beta`");
        assert!(rehearsal.writes().is_empty());
    }
}

#[test]
fn rotate_refuses_where_what_it_needs_cannot_be_read() {
    let rehearsal = site("");
    let needed = [
        ("its own scope", format!("{SINKS}keys:\n{}", ENTRY.replace(".write]", ".writ]"))),
        (
            "its sink twice",
            format!(
                "sinks:\n  dir: {{file: \"a/{{name}}\"}}\n  g: {{command: []}}\n  dir: {{file: b}}\nkeys:\n{ENTRY}"
            ),
        ),
        (
            "its template",
            format!(
                "{SINKS}templates: {{t: {{scopes: [nope.x]}}}}\nkeys:\n{}",
                ENTRY.replace("name:", "template: t, name:")
            ),
        ),
        ("the defaults", format!("{SINKS}defaults: {{scops: [logs.view]}}\nkeys:\n{ENTRY}")),
        ("the escrow", format!("{SINKS}escrow: {{age: [age1nonsense]}}\nkeys:\n{ENTRY}")),
        ("the owner", format!("{SINKS}managed-by: other\nkeys:\n{ENTRY}")),
        (
            "what it shares by an anchor",
            format!(
                "{SINKS}keys:\n  - {{name: b, workspace_id: prod, scopes: [logs.view], secret: {{deliver_to: &s [dir, nowhere]}}}}\n{}",
                ENTRY.replace("[dir]", "*s")
            ),
        ),
        (
            "another entry with its target",
            format!("sinks: {{dir: {{file: secret}}}}\nkeys:\n{ENTRY}{}", ENTRY.replace("alpha", "beta")),
        ),
    ];
    for (what, file) in needed {
        write(&rehearsal, &file);
        let ended = rehearsal.run(&["rotate", "prod/alpha", "--yes"]);
        assert_eq!(ended.code, 1, "{what}: {}", ended.said());
        assert!(rehearsal.writes().is_empty(), "{what}");
    }
}

#[test]
fn the_fence_is_never_ignored() {
    let rehearsal = site("");
    let id = "a1b2c3d4-0000-4000-8000-9e0f1a2b3c4d";
    let unknown = [
        format!("keys:\n{ENTRY}organization: {id}\n"),
        format!("{SINKS}organisaton: {id}\nkeys:\n{ENTRY}"),
        format!("{SINKS}org: {id}\nkeys:\n{ENTRY}"),
        format!("{SINKS}organisation: [{id}]\nkeys:\n{ENTRY}"),
        format!("{SINKS}keys:\n{ENTRY}  - {{name: b}}\norganisation:\n"),
        format!("organisation: {id}\n{SINKS}keys:\n{ENTRY}  - {{name: b}}\norganisation: {id}\n"),
        format!("{SINKS}keys:\n{ENTRY}  - {{name: b}}\n<<: {{organisation: {id}}}\n"),
        format!("{SINKS}keys:\n{ENTRY}  - {{name: b}}\n---\norganisation: {id}\n"),
        format!("{SINKS}keys:\n{ENTRY}  - {{name: [\n"),
        format!("version: 2\n{SINKS}keys:\n{ENTRY}"),
    ];
    for file in unknown {
        write(&rehearsal, &file);
        for command in ["rotate", "revoke"] {
            let ended = rehearsal.run(&[command, "prod/alpha", "--yes"]);
            assert_eq!(ended.code, 1, "{command} with {file}: {}", ended.said());
            assert!(rehearsal.writes().is_empty(), "{command} with {file}");
            if command == "revoke" {
                ended.says("portkey-sync revoke ID -f - --yes");
            }
        }
    }
    // One that can be read holds, whatever else is broken.
    write(&rehearsal, &format!("{SINKS}organisation: {id}\ncolour: red\nkeys:\n{ENTRY}"));
    for command in ["rotate", "revoke"] {
        rehearsal.run(&[command, "prod/alpha", "--yes"]).expect(4);
        rehearsal.run(&[command, "two/alpha", "--yes"]);
    }
    assert!(rehearsal.writes().is_empty());
    // A root file that is not there could have it.
    write(&rehearsal, &format!("{SINKS}keys:\n{ENTRY}"));
    rehearsal.run(&["revoke", "prod/alpha", "--yes", "-f", "keys.yaml", "-f", "gone.yaml"]).expect(1);
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn revoke_needs_to_know_which_key_and_nothing_else() {
    let entries = [
        ("prod/alpha", ENTRY.replace(".write]", ".writ]"), ALPHA),
        ("prod/alpha", ENTRY.replace("[dir]", "[nowhere]"), ALPHA),
        ("prod/alpha", ENTRY.replace("workspace_id: prod", "workspace_id: prd"), ALPHA),
        ("beta", ENTRY.replace("alpha", "beta").replace("workspace_id: prod", "workspace_id: prd"), BETA),
        ("beta", format!("{}{}", ENTRY.replace("alpha", "beta"), ENTRY.replace("alpha", "beta")), BETA),
        // The pin says which of two keys of one name is meant.
        ("elsewhere", format!("  - {{name: elsewhere, workspace_id: two, id: {TWO}, scops: [x]}}\n"), TWO),
        // Without any entry: by the whole address or the id.
        ("prod/alpha", String::new(), ALPHA),
        ("ws-two-222222/alpha", String::new(), TWO),
        ("organisation/gamma", String::new(), GAMMA),
        (BETA, String::new(), BETA),
        // With one, by the id.
        (ALPHA, ENTRY.to_owned(), ALPHA),
    ];
    for (word, entry, id) in entries {
        let keys = if entry.is_empty() { "keys: []\n".to_owned() } else { format!("keys:\n{entry}") };
        let rehearsal = site(&format!("{SINKS}{keys}"));
        let done = rehearsal.run(&["revoke", word, "--yes"]);
        assert_eq!(done.code, 0, "{word} with {entry}: {}", done.said());
        assert_eq!(ended(&rehearsal), [id], "{word} with {entry}");
        assert_eq!(rehearsal.writes().len(), 1, "{word} with {entry}");
    }
}

#[test]
fn revoke_refuses_what_may_mean_two_keys() {
    let pinned =
        format!("  - {{name: alpha, id: {TWO}x-, workspace_id: [prod], scopes: [completions.write]}}\n");
    let unclear = [
        ("alpha", String::new()),
        ("nobody", String::new()),
        ("beta", ENTRY.to_owned()),
        ("alpha", ENTRY.replace("workspace_id: prod", "workspace_id: prd")),
        ("alpha", ENTRY.replace("scopes", "ws: two, scopes")),
        ("alpha", pinned),
    ];
    for (word, entry) in unclear {
        let keys = if entry.is_empty() { "keys: []\n".to_owned() } else { format!("keys:\n{entry}") };
        let rehearsal = site(&format!("{SINKS}{keys}"));
        let ended = rehearsal.run(&["revoke", word, "--yes"]);
        assert_eq!(ended.code, 64, "{word} with {entry}: {}", ended.said());
        assert!(rehearsal.writes().is_empty(), "{word} with {entry}");
    }
}

#[test]
fn a_key_is_revoked_without_a_file() {
    let rehearsal = site("keys: [\n");
    let mut command = rehearsal.command(&["revoke", TWO, "-f", "-", "--yes"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"version: 1\nkeys: []\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(ended(&rehearsal), [TWO]);
}
