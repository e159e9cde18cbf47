//! The recipes of docs/sinks.md, word for word, with stand-ins for the programs.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_yaml::Value;

/// Writes down its arguments, the names of its variables and its standard input.
const STAND_IN: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" > argv\nenv | cut -d= -f1 > names\ncat > stdin\n";

/// What a shell sets for itself.
const OF_THE_SHELL: [&str; 4] = ["PWD", "OLDPWD", "SHLVL", "_"];

fn recipes() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sinks.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).filter(|block| block.starts_with("sinks:"));
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn executable(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, STAND_IN).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn each_recipe_hands_the_secret_over_as_it_says() {
    let recipes = recipes();
    assert!(recipes.len() >= 6, "the page lost its recipes");
    for recipe in recipes {
        let parsed: Value = serde_yaml::from_str(&recipe).unwrap();
        let (name, sink) = parsed["sinks"].as_mapping().unwrap().iter().next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = format!(
            "version: 1\nworkspaces: {{research: ws-research-77c0de}}\n{recipe}keys:\n- {{name: fresh, workspace_id: research, \
             scopes: [completions.write], secret: {{deliver_to: [{}]}}}}\n",
            name.as_str().unwrap()
        );
        fs::write(folder.path().join("keys.yaml"), keys).unwrap();
        let list = |field: &str| -> Vec<String> {
            let items = sink[field].as_sequence().cloned().unwrap_or_default();
            items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let argv = list("command");
        let bin = folder.path().join("bin");
        let mut command = Command::new(env!("CARGO_BIN_EXE_portkey-sync"));
        command
            .args(["apply", "--emulator", "--yes", "--secrets-file", "all.jsonl"])
            .current_dir(folder.path());
        if let Some(program) = argv.first() {
            let home = if program.starts_with("./") { folder.path() } else { &bin };
            executable(&home.join(program.trim_start_matches("./")));
            command.args(["--allow-command", program]);
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        command.env_clear().env("PATH", path).env("HOME", folder.path()).env("HIDDEN", "x");
        for variable in list("env") {
            command.env(variable, "x");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{recipe}{}", String::from_utf8_lossy(&output.stderr));

        let line = fs::read_to_string(folder.path().join("all.jsonl")).unwrap();
        let secret =
            serde_json::from_str::<serde_json::Value>(&line).unwrap()["key"].as_str().unwrap().to_owned();
        let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
        if argv.is_empty() {
            let file = read("secrets/research/fresh.age");
            assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !file.contains(&secret));
            continue;
        }
        assert_eq!(read("stdin"), secret);
        let filled = |text: &String| text.replace("{name}", "fresh").replace("{workspace}", "research");
        let expected: Vec<String> = argv[1..].iter().map(filled).collect();
        assert_eq!(read("argv").lines().collect::<Vec<_>>(), expected);
        let names = read("names");
        let names: BTreeSet<&str> = names.lines().filter(|name| !OF_THE_SHELL.contains(name)).collect();
        let variables = list("env");
        let expected: BTreeSet<&str> = variables.iter().map(String::as_str).chain(["PATH", "HOME"]).collect();
        assert_eq!(names, expected);
    }
}
