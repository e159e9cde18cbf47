//! All tests of the pipelines, with what each needs of the machine.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Command;

use libtest_mimic::Trial;

use crate::harness::root;
use crate::{examples, gitlab, inputs, keys, registry, review};

/// One test; it fails by a panic.
struct Test {
    name: &'static str,
    needs: &'static [&'static str],
    run: fn(),
}

/// A module, the programs that its tests need, and the tests. A module may stand here more than once.
macro_rules! tests {
    ($($module:ident, $needs:expr => [$($name:ident),+ $(,)?];)+) => {
        &[$($(Test {
            name: concat!(stringify!($module), "::", stringify!($name)),
            needs: &$needs,
            run: $module::$name,
        }),+),+]
    };
}

/// With harness = false, `#[test]` is no more than a word: what is not here does not run.
const TESTS: &[Test] = tests! {
    registry, [] => [
        every_test_of_the_modules_is_in_the_list,
        a_test_whose_program_is_missing_is_ignored_and_the_reason_said,
    ];
    examples, [] => [
        every_file_is_yaml_and_no_script_holds_an_expression,
        every_action_is_pinned_to_a_commit,
        a_workflow_has_no_permission_that_no_job_asks_for,
        checkouts_leave_no_token_behind,
        what_is_handed_to_the_action_are_its_inputs_and_what_is_read_its_outputs,
        apply_runs_alone_and_is_not_ended_half_way,
        the_cronjob_has_no_rights_that_it_does_not_need,
        the_image_holds_what_the_build_reads_and_does_not_run_as_root,
    ];
    gitlab, ["bash", "jq"] => [
        a_merge_request_has_one_note_that_is_kept_up_to_date,
        a_note_that_cannot_be_written_is_said_and_hides_nothing,
    ];
    gitlab, ["bash", "git", "jq"] => [the_jobs_do_as_written_what_they_are_for];
    inputs, ["bash", "jq"] => [
        inputs_are_words_and_nothing_evaluates_them,
        what_is_no_input_is_refused_before_anything_runs,
        no_word_of_the_program_commands_the_runner,
        an_escrow_is_called_encrypted_only_if_no_secret_in_it_is_plain,
        every_exit_code_of_apply_is_the_job_s,
    ];
    inputs, ["bash", "git", "jq"] => [
        the_policy_that_judges_is_that_of_the_base,
        a_policy_behind_a_link_or_a_submodule_judges_nothing,
    ];
    keys, ["bash", "jq"] => [
        a_pull_request_has_one_comment_that_is_kept_up_to_date,
        what_others_wrote_is_left_alone_even_with_our_marker,
        a_comment_that_cannot_be_written_does_not_hide_the_result,
        a_fork_without_a_key_has_its_files_checked_and_nothing_else,
        a_key_that_should_be_there_and_is_not_fails_the_job,
        a_plan_fails_the_job_only_if_somebody_must_act,
        apply_makes_the_saved_plan_true,
        apply_is_refused_after_a_live_edit_and_passes_after_a_new_plan,
        apply_without_a_plan_makes_one_and_applies_that,
        drift_opens_one_issue_keeps_it_and_closes_it,
        the_cronjob_ends_with_2_while_live_keys_differ,
        a_plan_runs_no_program_of_the_file,
    ];
    review, ["bash", "git", "jq"] => [
        one_comment_follows_a_pull_request_whatever_is_pushed,
        each_folder_of_keys_has_a_comment_of_its_own,
        a_fork_is_judged_by_its_files_alone,
    ];
    review, ["bash", "jq"] => [
        a_live_edit_of_the_very_field_that_was_reviewed_refuses_the_apply,
        a_digest_beside_a_saved_plan_must_be_that_plans,
        an_encrypted_escrow_is_kept_and_finished_by_whoever_has_the_identity,
        a_plain_escrow_is_said_to_be_no_artifact,
    ];
    review, [] => [the_hooks_of_pre_commit_find_what_they_are_for];
};

/// The tests as they are run.
pub(crate) fn trials() -> Vec<Trial> {
    let needed: BTreeSet<&str> = TESTS.iter().flat_map(|test| test.needs).copied().collect();
    let is_missing = |program: &&str| Command::new(program).arg("--version").output().is_err();
    let missing: BTreeSet<&str> = needed.into_iter().filter(is_missing).collect();
    let trial = |&Test { name, needs, run }: &Test| {
        let lacks: Vec<&str> = needs.iter().copied().filter(|program| missing.contains(program)).collect();
        if !lacks.is_empty() {
            let verb = if lacks.len() == 1 { "is" } else { "are" };
            let lacks = lacks.join(" and ");
            let mut stderr = std::io::stderr();
            writeln!(stderr, "{name} is not checked: {lacks} {verb} not on this machine").unwrap();
        }
        let run = move || {
            run();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(!lacks.is_empty())
    };
    TESTS.iter().map(trial).collect()
}

pub(crate) fn every_test_of_the_modules_is_in_the_list() {
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/pipelines")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().unwrap().to_str().unwrap();
        for line in fs::read_to_string(&path).unwrap().lines() {
            assert_ne!(line.trim(), "#[test]", "{module}: nothing runs what is marked so");
            // A helper has arguments or a result.
            let function = line.strip_prefix("pub(crate) ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = function.and_then(|rest| rest.strip_suffix("() {")) {
                written.insert(format!("{module}::{name}"));
            }
        }
    }
    let listed: BTreeSet<String> = TESTS.iter().map(|test| test.name.to_owned()).collect();
    assert_eq!(written, listed);
    assert_eq!(listed.len(), TESTS.len(), "a test is listed twice");
}

pub(crate) fn a_test_whose_program_is_missing_is_ignored_and_the_reason_said() {
    let nothing = tempfile::tempdir().unwrap();
    let run = |filter: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.arg(filter).env("PATH", nothing.path()).output().unwrap();
        assert!(output.status.success());
        [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap())
    };
    let name = "the_policy_that_judges_is_that_of_the_base";
    let [shown, said] = run(name);
    assert!(shown.contains("0 passed; 0 failed; 1 ignored"), "{shown}");
    let reason = format!("inputs::{name} is not checked: bash and git and jq are not on this machine\n");
    assert!(said.contains(&reason), "{said}");
    let [shown, said] = run("every_action_is_pinned_to_a_commit");
    assert!(shown.contains("1 passed; 0 failed; 0 ignored"), "{shown}");
    assert!(!said.contains("every_action_is_pinned"), "{said}");
}
