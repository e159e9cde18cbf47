//! The action with a program that only plays ours: what it is handed, and what it says.

use std::fs;

use crate::harness::{Program, Runner};

const KEY: (&str, &str) = ("api-key", "some-key");

fn arguments(runner: &Runner) -> Vec<String> {
    runner.got("argv").split_terminator('\0').map(str::to_owned).collect()
}

pub(crate) fn inputs_are_words_and_nothing_evaluates_them() {
    let runner = Runner::new(Program::StandIn);
    let hostile = "$(touch pwned)\n`touch pwned`;touch pwned\n--yes\n  a b  \n";
    let inputs = [
        ("command", "apply"),
        KEY,
        ("files", hostile),
        ("allow-commands", hostile),
        ("expect-plan", "abc123"),
        ("deny-risk", "mints-keys, deleted"),
    ];
    runner.action(&inputs).expect(0);
    let values = ["$(touch pwned)", "`touch pwned`;touch pwned", "--yes", "a b"];
    let option = |name: &str| values.map(|value| format!("--{name}={value}")).to_vec();
    let mut expected = vec!["apply".to_owned()];
    expected.extend(option("file"));
    expected.extend(option("allow-command"));
    let rest = ["--deny-risk=mints-keys", "--deny-risk=deleted", "--expect-plan", "abc123"];
    expected.extend(rest.map(str::to_owned));
    assert_eq!(arguments(&runner), expected);
    assert_eq!(fs::read_dir(runner.checkout.path()).unwrap().count(), 0);
}

pub(crate) fn what_is_no_input_is_refused_before_anything_runs() {
    for (name, value) in [
        ("command", "plan; true"),
        ("base-ref", "--output=x"),
        ("base-ref", "main:keys.yaml"),
        ("base-ref", "main $(true)"),
        ("expect-plan", "--yes"),
    ] {
        let runner = Runner::new(Program::StandIn);
        let command = if name == "command" { value } else { "apply" };
        let mut inputs = vec![("command", command), KEY];
        if name != "command" {
            inputs.push((name, value));
        }
        runner.action(&inputs).expect(64);
        assert_eq!(arguments(&runner), Vec::<String>::new(), "{name}: {value}");
    }
}

pub(crate) fn no_word_of_the_program_commands_the_runner() {
    let runner = Runner::new(Program::StandIn);
    runner.put("says", "::add-mask::x\n::set-env name=PATH::/tmp");
    for command in ["drift", "apply"] {
        let log = runner.action(&[("command", command), KEY, ("expect-plan", "abc")]).expect(0).log;
        let mut obeyed = Vec::new();
        let mut token = None;
        for line in log.lines() {
            match &token {
                None => {
                    token = line.strip_prefix("::stop-commands::").map(|token| format!("::{token}::"));
                    obeyed.push(line);
                }
                Some(end) if end == line => token = None,
                Some(_) => {}
            }
        }
        assert!(token.is_none(), "{log}");
        assert!(log.contains("\n::add-mask::x"), "{log}");
        assert!(!obeyed.iter().any(|line| line.contains("add-mask") || line.contains("set-env")), "{log}");
    }
}

pub(crate) fn the_policy_that_judges_is_that_of_the_base() {
    let runner = Runner::new(Program::StandIn);
    runner.git(&["init", "-q"]);
    runner.file("keys/policy.yaml", "strict");
    runner.git(&["add", "."]);
    runner.git(&["commit", "-qm", "base"]);
    let base = runner.git(&["rev-parse", "HEAD"]);
    runner.file("keys/policy.yaml", "lax");
    runner.git(&["commit", "-qam", "a pull request that helps itself"]);
    let plan = |more: &[(&str, &str)]| {
        let inputs = [("command", "plan"), KEY, ("policy", "policy.yaml"), ("working-directory", "keys")];
        runner.action(&[&inputs, more].concat())
    };
    plan(&[("base-ref", &base)]).expect(0);
    assert_eq!(runner.got("policy"), "strict");
    let whole = runner.checkout.path().join("keys/policy.yaml").display().to_string();
    runner.put("policy", "");
    plan(&[("base-ref", &base), ("policy", &whole)]).expect(0);
    assert_eq!(runner.got("policy"), "strict", "a whole path leads to the base as well");
    // After the merge there is no base, and what was merged holds.
    plan(&[]).expect(0);
    assert_eq!(runner.got("policy"), "lax");
    // A base that is not there is no reason to let the pull request judge itself.
    let job = plan(&[("base-ref", "0123456789012345678901234567890123456789")]).expect(64);
    assert!(job.log.contains("fetch-depth"), "{}", job.log);
    // A tag of the branch's name does not stand in for the branch.
    runner.git(&["branch", "release", &base]);
    plan(&[("base-ref", "release")]).expect(0);
    assert_eq!(runner.got("policy"), "strict");
    runner.git(&["tag", "release"]);
    plan(&[("base-ref", "release")]).expect(64);
    // Neither is a file of the base that is not here, as in a partial clone.
    let object = runner.git(&["rev-parse", &format!("{base}:keys/policy.yaml")]);
    let (folder, name) = object.split_at(2);
    fs::remove_file(runner.checkout.path().join(".git/objects").join(folder).join(name)).unwrap();
    plan(&[("base-ref", &base)]).expect(64);
    // One that the base never had is taken as it is, also from beside the repository.
    runner.file("keys/new.yaml", "new");
    plan(&[("base-ref", &base), ("policy", "new.yaml")]).expect(0);
    assert_eq!(runner.got("policy"), "new");
    let beside = tempfile::tempdir().unwrap();
    fs::write(beside.path().join("policy.yaml"), "central").unwrap();
    let central = beside.path().join("policy.yaml").display().to_string();
    plan(&[("base-ref", &base), ("policy", &central)]).expect(0);
    assert_eq!(runner.got("policy"), "central");
}

pub(crate) fn a_policy_behind_a_link_or_a_submodule_judges_nothing() {
    let runner = Runner::new(Program::StandIn);
    let top = runner.checkout.path();
    let judged = |base: &str, policy: &str, folder: &str, code: i32| {
        runner.put("policy", "");
        let inputs = [("command", "plan"), KEY, ("policy", policy), ("working-directory", folder)];
        let job = runner.action(&[&inputs[..], &[("base-ref", base)]].concat()).expect(code);
        assert_eq!(code == 64, job.log.contains("symbolic link or a submodule"), "{}", job.log);
        runner.got("policy")
    };
    let commit = |what: &str| {
        runner.git(&["add", "-A"]);
        runner.git(&["commit", "-qm", what]);
        runner.git(&["rev-parse", "HEAD"])
    };
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, top.join(name)).unwrap();

    // A submodule of the base, and a link of the base: what is behind them is not in the base.
    runner.git(&["init", "-q"]);
    runner.file("keys/policy.yaml", "strict");
    runner.file("shared/policy.yaml", "strict");
    link("shared", "linked");
    link("shared/policy.yaml", "policy.yaml");
    let elsewhere = "0123456789012345678901234567890123456789";
    runner.git(&["add", "-A"]);
    runner.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{elsewhere},subm")]);
    runner.git(&["commit", "-qm", "base"]);
    let base = runner.git(&["rev-parse", "HEAD"]);
    runner.file("subm/policy.yaml", "lax");
    for policy in ["subm/policy.yaml", "linked/policy.yaml", "policy.yaml", "keys/../linked/policy.yaml"] {
        assert_eq!(judged(&base, policy, "", 64), "", "{policy}");
        let whole = top.join(policy).display().to_string();
        assert_eq!(judged(&base, &whole, "", 64), "", "{whole}");
    }
    assert_eq!(judged(&base, "policy.yaml", "linked", 64), "", "the folder itself is behind the link");
    assert_eq!(judged(&base, "shared/policy.yaml", "", 0), "strict");

    // A pull request that puts a link where the base has a folder.
    fs::remove_dir_all(top.join("keys")).unwrap();
    runner.file("other/policy.yaml", "lax");
    link("other", "keys");
    commit("a pull request that helps itself");
    assert_eq!(judged(&base, "keys/policy.yaml", "", 64), "");
    assert_eq!(judged(&base, "policy.yaml", "keys", 64), "");
    // A link from outside leads to the base's all the same, and another repository's checkout is as it is.
    let beside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(top.join("shared"), beside.path().join("in")).unwrap();
    runner.file("shared/policy.yaml", "lax");
    let through = beside.path().join("in/policy.yaml").display().to_string();
    assert_eq!(judged(&base, &through, "", 0), "strict");
    runner.file("central/policy.yaml", "central");
    assert_eq!(judged(&base, "central/policy.yaml", "", 0), "central");
}

pub(crate) fn an_escrow_is_called_encrypted_only_if_no_secret_in_it_is_plain() {
    let age = r#"{"sealed": {"mask": "pk*****abc", "age": "-----BEGIN AGE ENCRYPTED FILE-----"}}"#;
    for (slots, state) in [
        (vec![], "none"),
        (vec![r#"{"nonce": "a"}"#, age], "encrypted"),
        (vec![age, r#"{"secret": "pk-plain"}"#], "plain"),
        (vec![r#"{"secret": "pk-plain"}"#, age], "plain"),
        (vec![age, "cut off {"], "plain"),
        (vec![age, "[]"], "plain"),
        (vec![age, ""], "plain"),
    ] {
        let runner = Runner::new(Program::StandIn);
        runner.put("code", "3");
        for (n, slot) in slots.iter().enumerate() {
            runner.file(&format!(".portkey-sync/escrow/{n}.json"), slot);
        }
        let job = runner.action(&[("command", "apply"), KEY, ("expect-plan", "abc")]).expect(3);
        assert_eq!(job.output("escrow"), state, "{slots:?}");
        assert_eq!(job.log.contains("must not become an artifact"), state == "plain", "{}", job.log);
    }
}

pub(crate) fn every_exit_code_of_apply_is_the_job_s() {
    for code in [0, 1, 3, 4, 64, 130] {
        let runner = Runner::new(Program::StandIn);
        runner.put("code", &code.to_string());
        let job = runner.action(&[("command", "apply"), KEY, ("expect-plan", "abc")]).expect(code);
        assert_eq!(job.log.contains("::error title=portkey-sync::"), code != 0, "{}", job.log);
    }
}
