//! What may be typed, what comes of it, and with which code it ends.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{CREATE, DELETE, Ended, Folder, HEAD, Rehearsal, UPDATES, run};

fn error_of(ended: &Ended) -> Value {
    let document = ended.json();
    assert_valid("error", &document);
    assert_eq!(document["exit_code"], ended.code, "{document:#}");
    document["error"].clone()
}

/// Holds a document against the schema that the program itself publishes for it.
fn assert_valid(of: &str, document: &Value) {
    let schema = Folder::new().run(&["schema", of]).expect(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
}

#[test]
fn the_help_says_what_there_is() {
    insta::assert_snapshot!("help", Folder::new().run(&["--help"]).expect(0).stdout);
    insta::assert_snapshot!("help-apply", Folder::new().run(&["apply", "--help"]).expect(0).stdout);
}

#[test]
fn a_flag_that_does_not_exist_is_wrong_usage() {
    let folder = Folder::new();
    folder.run(&["apply", "--frobnicate"]).expect(64).says("--frobnicate");
    folder.run(&["frobnicate"]).expect(64).says("frobnicate");
    folder.run(&[]).expect(64).says("Usage");
    folder.run(&["apply", "--concurrency", "0"]).expect(64);
    folder.run(&["apply", "--verify-for", "soon"]).expect(64).says("is not a duration such as 500ms");
    folder.run(&["plan", "--seed", "seed.yaml", "--quiet", "--verbose"]).expect(64);
    let error = error_of(&folder.run(&["apply", "--format", "json", "--frobnicate"]).expect(64));
    assert_eq!(error["code"], "usage");
    assert!(error["message"].as_str().unwrap().contains("--frobnicate"));
}

#[test]
fn a_word_of_a_neighbours_tool_is_answered_with_ours() {
    let folder = Folder::new();
    for (theirs, ours) in [
        (&["apply", "--auto-approve"][..], "--yes"),
        (&["diff"], "portkey-sync plan"),
        (&["apply", "--dry-run"], "portkey-sync plan"),
        (&["sync"], "portkey-sync apply"),
        (&["dump"], "portkey-sync import"),
        (&["plan", "--api-key=pk-123"], "PORTKEY_ADMIN_API_KEY"),
    ] {
        let ended = folder.run(theirs).expect(64);
        ended.says(
            &format!("hint: here it is: {ours}").replace(": PORTKEY", ": the environment variable PORTKEY"),
        );
        assert!(!ended.said().contains("pk-123"), "{}", ended.said());
        let ended = folder.run(&[theirs, &["--format=json"]].concat()).expect(64);
        assert!(error_of(&ended)["hints"].to_string().contains(ours), "{}", ended.stdout);
    }
}

#[test]
fn a_command_that_is_told_its_keys_by_name_has_no_option_that_chooses_others() {
    let folder = Folder::new();
    for command in ["rotate", "revoke"] {
        let help = folder.run(&[command, "--help"]).expect(0).stdout;
        for option in ["--prune", "--max-deletes", "--max-rotations", "--target", "--base", "--only-changed"]
        {
            assert!(
                !help.contains(&format!("{option} ")) && !help.contains(&format!("{option}\n")),
                "{help}"
            );
            folder.run(&[command, "alpha", option, "1"]).expect(64).says(option);
        }
        for option in ["--max-changes", "--deny-risk", "--allow-command", "--secrets-file"] {
            assert!(help.contains(option), "{option}: {help}");
        }
    }
}

#[test]
fn a_word_in_the_wrong_place_is_answered_with_the_right_one() {
    let folder = Folder::new();
    for command in ["validate", "plan", "import"] {
        folder
            .run(&[command, "keys.yaml"])
            .expect(64)
            .says("hint: a keys file is named with -f: -f keys.yaml");
    }
    folder.run(&["plan", "--yes"]).expect(64).says("hint: --yes is for apply, rotate, revoke");
    folder.run(&["apply", "--at", "+3d"]).expect(64).says("hint: --at is for plan");
    // Another guess would be worse than none.
    for args in [&["apply", "--at", "+3d"][..], &["frobnicate"], &["apply", "--auto-approve"]] {
        let said = folder.run(args).expect(64).said();
        assert!(!said.contains("similar") && !said.contains("tip:"), "{said}");
    }
    let said = folder.run(&["aply"]).expect(64).said();
    assert!(said.contains("'apply'"), "{said}");
}

#[test]
fn an_option_without_effect_is_wrong_usage() {
    let folder = Folder::new();
    folder.write("keys.yaml", &format!("{HEAD}{UPDATES}"));
    for args in [
        &["plan", "--emulator", "--base-url", "http://127.0.0.1:1"][..],
        &["--base-url", "http://127.0.0.1:1", "plan", "--emulator"],
    ] {
        folder.run(args).expect(64).says("--base-url has no effect with --emulator");
    }
    folder.run(&["fmt", "--seed", "x"]).expect(64).says("--seed has no effect on fmt");
    folder.run(&["validate", "--emulator"]).expect(64).says("--emulator has no effect on validate");
    // What the environment says, it says to other commands too.
    let mut command = folder.command(&["validate"]);
    command.env("PORTKEY_BASE_URL", "http://127.0.0.1:1").env("PORTKEY_SYNC_WORK_DIR", "elsewhere");
    run(command, "").expect(0);
    for command in ["validate", "fmt", "explain", "schema", "man", "completions"] {
        let help = folder.run(&[command, "--help"]).expect(0).stdout;
        assert!(!help.contains("--emulator") && !help.contains("Connection"), "{help}");
    }
    let help = folder.run(&["list", "--help"]).expect(0).stdout;
    let (own, files) = (help.find("--owner").unwrap(), help.find("Files:").unwrap());
    assert!(own < files && files < help.find("--policy").unwrap(), "{help}");
}

#[test]
fn without_an_api_key_the_variables_are_named() {
    let folder = Folder::new();
    folder.write("keys.yaml", &format!("{HEAD}{UPDATES}"));
    for command in ["plan", "apply", "import"] {
        let ended = folder.run(&[command]).expect(1);
        ended.says("error: no API key");
        ended.says("PORTKEY_ADMIN_API_KEY");
        ended.says("--api-key-file");
        ended.says("--emulator");
    }
    let mut command = folder.command(&["plan", "--format", "json"]);
    command.env("PORTKEY_ADMIN_API_KEY", "");
    let error = error_of(&run(command, "").expect(1));
    assert!(error["message"].as_str().unwrap().contains("set, but empty"), "{error}");
}

#[test]
fn the_api_key_may_come_from_either_variable_or_a_file() {
    let rehearsal = Rehearsal::of(UPDATES);
    let mut other = rehearsal.command(&["plan"]);
    other.env_remove("PORTKEY_ADMIN_API_KEY").env("PORTKEY_API_KEY", rehearsal.admin_key());
    run(other, "").expect(0);
    rehearsal.folder.write("key", &format!("{}\n", rehearsal.admin_key()));
    let mut file = rehearsal.command(&["plan", "--api-key-file", "key"]);
    file.env_remove("PORTKEY_ADMIN_API_KEY");
    run(file, "").expect(0);
    let mut missing = rehearsal.command(&["plan", "--api-key-file", "nothing-here"]);
    missing.env_remove("PORTKEY_ADMIN_API_KEY");
    run(missing, "").expect(1).says("cannot read the API key from `nothing-here`");
}

#[test]
fn plain_http_to_another_machine_is_refused_before_any_connection() {
    let rehearsal = Rehearsal::of(UPDATES);
    // Whoever tried to connect would do so through this.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    for format in ["text", "json"] {
        let mut command =
            rehearsal.command(&["apply", "--yes", "--format", format, "--base-url", "http://example.com/v1"]);
        command.env("HTTP_PROXY", &proxy_url).env("http_proxy", &proxy_url).env("ALL_PROXY", &proxy_url);
        let ended = run(command, "").expect(1);
        ended.says("refusing to send the API key to `example.com` over plain HTTP");
        if format == "json" {
            assert_eq!(error_of(&ended)["code"], "connection");
        }
    }
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

const WRONG: &str = "version: 1
workspaces: {prod: ws-prod-1a2b3c}
keys:
  - {name: one, workspace_id: prod, scopes: [completions.wirte]}
  - {name: two, workspace_id: nowhere-alias, scopse: [completions.write]}
  - {name: one, workspace_id: prod, scopes: [completions.write]}
";

#[test]
fn every_problem_of_a_keys_file_is_said_at_once() {
    let rehearsal = Rehearsal::of("");
    rehearsal.folder.write("keys.yaml", WRONG);
    for command in [&["validate"][..], &["plan"], &["apply", "--yes"]] {
        let ended = rehearsal.run(command).expect(1);
        for problem in ["keys.yaml:4:", "keys.yaml:5:", "keys.yaml:6:", "completions.write", "scopse"] {
            ended.says(problem);
        }
        let json = rehearsal.run(&[command, &["--format", "json"]].concat()).expect(1).json();
        assert_eq!(json["valid"], false);
        assert!(json["diagnostics"].as_array().unwrap().len() >= 3, "{json:#}");
        assert_valid("diagnostics", &json);
    }
    assert!(rehearsal.requests().is_empty(), "nobody is asked for the sake of a file that is wrong");
}

#[test]
fn a_keys_file_that_is_not_there_is_a_failure() {
    let folder = Folder::new();
    folder.run(&["validate"]).expect(1).says("keys.yaml");
    let json = folder.run(&["validate", "--format", "json"]).expect(1).json();
    assert_eq!(json["valid"], false);
    assert_valid("diagnostics", &json);
}

#[test]
fn published_json_holds_to_its_published_schema() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    assert_valid("plan", &rehearsal.run(&["plan", "--format", "json"]).expect(0).json());
    rehearsal.fault(json!({"method": "PUT", "then": {"status": 403}}));
    assert_valid("report", &rehearsal.apply(&[]).expect(3).json());
    assert_valid("report", &rehearsal.apply(&[]).expect(0).json());
    assert_valid("plan", &rehearsal.run(&["plan", "--format", "json"]).expect(0).json());
}

#[test]
fn a_script_can_tell_that_changes_are_pending() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.run(&["plan"]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(2);
    rehearsal.run(&["plan", "--detailed-exitcode", "--format", "json"]).expect(2);
    rehearsal.apply(&[]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn without_anybody_to_ask_and_without_yes_nothing_is_applied() {
    let rehearsal = Rehearsal::of(UPDATES);
    let ended = rehearsal.run(&["apply"]).expect(1);
    ended.says("there is nobody to ask");
    ended.says("--expect-plan");
    let error = error_of(&rehearsal.run(&["apply", "--format", "json"]).expect(1));
    assert_eq!(error["code"], "nobody-to-ask");
    assert!(rehearsal.writes().is_empty());
    // A `yes` that nobody saw the question for is none.
    run(rehearsal.command(&["apply"]), "yes\n").expect(1);
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn only_the_plan_that_was_approved_is_applied() {
    let rehearsal = Rehearsal::of(UPDATES);
    let plan = rehearsal.run(&["plan", "--format", "json"]).expect(0).json();
    let digest = plan["digest"].as_str().unwrap();
    let ended = rehearsal.run(&["apply", "--expect-plan", "0123456789abcdef"]).expect(4);
    ended.says("this is not the plan that was approved");
    ended.says(digest);
    let error = error_of(
        &rehearsal.run(&["apply", "--format", "json", "--expect-plan", "0123456789abcdef"]).expect(4),
    );
    assert_eq!(error["code"], "other-plan");
    assert!(rehearsal.writes().is_empty());

    rehearsal.run(&["apply", "--expect-plan", digest]).expect(0);
    assert_eq!(rehearsal.writes().len(), 3);
    // What was approved is done; it is not the plan any more.
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--expect-plan", digest]).expect(4);
    assert!(rehearsal.writes().is_empty());
}

#[cfg(unix)]
#[test]
fn the_command_that_a_plan_ends_with_applies_exactly_that_plan() {
    for args in [
        &["plan"][..],
        &["plan", "--target", "alpha"],
        &["plan", "--prune", "-f", "my keys.yaml", "--max-deletes", "5"],
        &["plan", "--work-dir", "elsewhere", "--self"],
        &["plan", "--secrets-file", "new secrets.jsonl", "--assume-complete"],
        &["plan", "--base-url"],
    ] {
        let keys = format!("{UPDATES}{CREATE}{DELETE}");
        let rehearsal = Rehearsal::of(&keys);
        rehearsal.folder.write("my keys.yaml", &format!("{HEAD}{keys}"));
        let base_url = rehearsal.base_url();
        let own_id = rehearsal.named("admin")[0]["id"].as_str().unwrap().to_owned();
        let is_flag = args.ends_with(&["--base-url"]);
        let args = match args.last() {
            Some(&"--base-url") => [args, &[base_url.as_str()]].concat(),
            Some(&"--self") => [args, &[own_id.as_str()]].concat(),
            _ => args.to_vec(),
        };
        let without_variable = |mut command: std::process::Command| {
            if is_flag {
                command.env_remove("PORTKEY_BASE_URL");
            }
            command
        };
        let plan = run(without_variable(rehearsal.command(&args)), "").expect(0);
        let (_, next) = plan.stdout.split_once("Apply exactly this: ").unwrap();
        let next = next.split_whitespace().collect::<Vec<_>>().join(" ");
        let program = env!("CARGO_BIN_EXE_portkey-sync");
        let line = next.replacen("portkey-sync", program, 1);
        let typed = rehearsal.command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line]).current_dir(rehearsal.folder.path()).env_clear();
        shell.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ended = run(without_variable(shell), "");
        assert_eq!(ended.code, 0, "{line}\n{}", ended.said());
        assert!(!rehearsal.writes().is_empty(), "{line}");
        rehearsal.folder.files().keys().for_each(|name| assert!(!name.contains('\''), "{name}"));
    }
}

#[test]
fn a_plan_that_moved_since_its_approval_is_refused() {
    let rehearsal = Rehearsal::of(UPDATES);
    let plan = rehearsal.run(&["plan", "--format", "json"]).expect(0).json();
    rehearsal.put(crate::harness::ALPHA, &json!({"scopes": ["completions.write", "prompts.render"]}));
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--expect-plan", plan["digest"].as_str().unwrap()]).expect(4);
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    let rehearsal = Rehearsal::of(UPDATES);
    for args in [&["plan", "-v"][..], &["apply", "--yes"], &["schema"], &["--help"]] {
        let mut process =
            rehearsal.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(process.stdout.take());
        assert_eq!(process.wait().unwrap().code(), Some(0), "{args:?}");
    }
    assert_eq!(rehearsal.named("alpha")[0]["scopes"].as_array().unwrap().len(), 2, "the work went on");
}

#[test]
fn keys_files_come_from_standard_input_or_a_folder_too() {
    let rehearsal = Rehearsal::of("");
    let text = format!("{HEAD}{UPDATES}");
    run(rehearsal.command(&["validate", "-f", "-"]), &text).expect(0).says("3 keys");
    run(rehearsal.command(&["apply", "--yes", "-f", "-"]), &text).expect(0);
    assert_eq!(rehearsal.writes().len(), 3);

    rehearsal.folder.write("keys/root.yaml", &text);
    rehearsal.folder.write("keys/more.yaml", &format!("version: 1\nkeys:\n{DELETE}"));
    rehearsal.run(&["validate", "-f", "keys/"]).expect(0).says("4 keys");
    let plan = rehearsal.run(&["plan", "-f", "keys/", "--format", "json"]).expect(0).json();
    assert_eq!(plan["counts"]["changes"], 1);
    assert_eq!(plan["changes"][0]["place"]["file"], "keys/more.yaml");
}

#[test]
fn a_target_is_named_by_as_much_of_its_address_as_is_needed() {
    let rehearsal =
        Rehearsal::of(&format!("{UPDATES}  - {{name: alpha, type: organisation-service, absent: true}}\n"));
    let ended = rehearsal.run(&["apply", "--yes", "--target", "alpha"]).expect(64);
    ended.says("`alpha` can mean");
    ended.says("`prod/alpha`");
    ended.says("`organisation/alpha`");
    rehearsal.run(&["plan", "--target", "gama"]).expect(64).says("did you mean `gamma`?");
    let ended = rehearsal.run(&["plan", "--target", "gama", "--format", "json"]).expect(64);
    assert_eq!(error_of(&ended)["code"], "usage");
    assert!(rehearsal.writes().is_empty());
    rehearsal.run(&["apply", "--yes", "--target", "prod/alpha", "--target", "gamma"]).expect(0);
    let mut paths: Vec<String> = rehearsal.writes().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    assert_eq!(paths.len(), 2);
    assert!(paths[0].ends_with(crate::harness::ALPHA) && paths[1].ends_with(crate::harness::GAMMA));
    rehearsal.run(&["apply", "--yes", "--prune", "--target", "beta"]).expect(4).says("--prune");
}

#[test]
fn a_self_that_is_no_live_key_is_wrong_usage() {
    let rehearsal = Rehearsal::of(UPDATES);
    let ended = rehearsal.run(&["apply", "--yes", "--self", "00000000-0000-4000-8000-00000000dead"]);
    ended.expect(64).says("--self takes the id of the key that portkey-sync runs with");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn prune_deletes_what_is_ours_and_in_no_file() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.apply(&[]).expect(0);
    rehearsal.folder.write("keys.yaml", &format!("{HEAD}{}", UPDATES.replace("  - {name: beta", "  #")));
    rehearsal.apply(&[]).expect(0);
    assert_eq!(rehearsal.named("beta").len(), 1, "not without being asked");
    rehearsal.apply(&["--prune"]).expect(0);
    assert!(rehearsal.named("beta").is_empty());
    assert_eq!(rehearsal.named("doomed").len(), 1, "it was never ours");
}

#[test]
fn more_deletions_than_usual_are_refused_and_nothing_else_is_done_either() {
    let keys = format!("{UPDATES}{DELETE}");
    let rehearsal = Rehearsal::of(&keys);
    let ended = rehearsal.run(&["apply", "--yes", "--max-deletes", "0"]).expect(4);
    ended.says("--max-deletes 1");
    rehearsal.run(&["plan", "--max-deletes", "0"]).expect(4);
    let json = rehearsal.run(&["apply", "--yes", "--max-changes", "2", "--format", "json"]).expect(4).json();
    assert_eq!(json["refusals"][0]["code"], "too-many-changes");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn the_wrong_organisation_is_refused() {
    let rehearsal = Rehearsal::of("");
    let fence = "organisation: 00000000-0000-4000-8000-000000000000";
    rehearsal.folder.write("keys.yaml", &format!("{fence}\n{}{UPDATES}", HEAD.trim_start()));
    rehearsal.run(&["apply", "--yes"]).expect(4).says("00000000-0000-4000-8000-000000000000");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn colour_is_for_terminals_unless_somebody_insists() {
    let rehearsal = Rehearsal::of(UPDATES);
    let mut plain = rehearsal.command(&["plan"]);
    plain.env_remove("NO_COLOR");
    assert!(!run(plain, "").expect(0).said().contains('\u{1b}'));
    let always = rehearsal.run(&["plan", "--color", "always"]).expect(0);
    assert!(always.stdout.contains('\u{1b}'), "insisting outweighs NO_COLOR");
    assert!(!rehearsal.run(&["plan", "--color", "never"]).expect(0).said().contains('\u{1b}'));
    let json = rehearsal.run(&["plan", "--color", "always", "--format", "json"]).expect(0);
    assert!(!json.stdout.contains('\u{1b}'));
}

#[test]
fn the_colours_add_nothing_to_the_words() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    let plain = rehearsal.run(&["plan", "-v"]).expect(0).stdout;
    let coloured = rehearsal.run(&["plan", "-v", "--color", "always"]).expect(0).stdout;
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn the_program_describes_itself() {
    let folder = Folder::new();
    folder.run(&["completions", "bash"]).expect(0).says("PORTKEY_SYNC_COMPLETE=\"bash\"");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        folder.run(&["completions", shell]).expect(0).says("portkey-sync");
    }
    folder.run(&["man"]).expect(0).says(".TH portkey-sync 1");
    folder.run(&["man", "--output", "pages"]).expect(0);
    for page in ["portkey-sync.1", "portkey-sync-apply.1", "portkey-sync-import.1"] {
        assert!(folder.exists(&format!("pages/{page}")), "{page}");
    }
    for of in ["keys", "plan", "report", "diagnostics", "error", "explain"] {
        let schema = folder.run(&["schema", of]).expect(0).json();
        assert!(schema["$schema"].is_string() && schema["title"].is_string(), "{of}: {schema}");
    }
    let published: Value = serde_json::from_str(include_str!("../../docs/keys.schema.json")).unwrap();
    assert_eq!(folder.run(&["schema"]).expect(0).json(), published);
    folder.run(&["--version"]).expect(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn quiet_says_what_was_asked_for_and_no_more() {
    let rehearsal = Rehearsal::of(UPDATES);
    let plan = rehearsal.run(&["plan", "--quiet"]).expect(0);
    assert!(plan.stdout.contains("alpha") && plan.stderr.is_empty(), "{}", plan.stderr);
    let apply = rehearsal.run(&["apply", "--yes", "--quiet"]).expect(0);
    assert!(apply.stderr.is_empty(), "{}", apply.stderr);
}

#[test]
fn json_is_the_only_thing_on_standard_output() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}"));
    let ended = rehearsal.run(&["apply", "--yes", "--format", "json", "-vv"]).expect(0);
    assert_eq!(ended.json()["totals"]["done"], 4);
    assert!(ended.stderr.contains("request"), "talk goes to standard error: {}", ended.stderr);
    let lines = rehearsal.run(&["plan", "-vv", "--log-format", "json"]).expect(0).stderr;
    assert!(!lines.is_empty());
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}
