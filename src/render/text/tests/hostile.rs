use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::desired::{Origin, RuleId};
use crate::diagnostic::{Place, Severity};
use crate::diff::{FieldChange, UnresolvedName};
use crate::model::{KeyAddress, KeyId, Mark};
use crate::plan::{Blocked, BlockedReason, Note, Plan, Reason, Refusal, UnmentionedKey};
use crate::policy::Finding;
use crate::render::samples::*;
use crate::render::text::{self, PlanContext};
use crate::render::{Style, Verbosity};
use crate::report::{Event, Failure, Outcome};

pub(in crate::render) const EVIL: &str = "\u{1b}[31m\r\n::error::pwned\n##[error]x\u{202e}gnp\u{200b}\u{2028}\u{9b}2J\n::set-output name=x::y\n\
     @acme/admins [x](https://evil.example) ![x](//e) <img src=x onerror=a()> a|b\\|c `` ``` --> <!-- *d* _e_ ~~f~~ #1 \
     </details> {0} %0A";

fn evil_address() -> KeyAddress {
    let evil = || EVIL.to_owned();
    KeyAddress { workspace: Some(evil()), user: Some(evil()), name: evil() }
}

pub(in crate::render) fn evil_plan() -> Plan {
    let evil = || EVIL.to_owned();
    let mut plan = full_plan();
    for change in &mut plan.changes {
        change.address = evil_address();
        if let Some(key) = &mut change.before {
            (key.status, key.id) = (evil(), KeyId::new(EVIL));
        }
        if let Some(place) = &mut change.place {
            place.file = evil();
        }
        change.written_scopes.push(evil());
        change.fields.extend([
            FieldChange::Name { before: evil(), after: evil() },
            FieldChange::Description { before: EVIL.repeat(3), after: EVIL.repeat(4) },
            FieldChange::Scopes { added: vec![evil()], dropped: vec![evil()], after: vec![evil()] },
            FieldChange::Metadata {
                before: BTreeMap::from([(evil(), json!(EVIL)), ("a".to_owned(), json!({ (EVIL): EVIL }))]),
                after: BTreeMap::from([
                    (evil(), json!([EVIL])),
                    ("a".to_owned(), json!({ (EVIL): vec![EVIL; 9] })),
                ]),
            },
            FieldChange::ConfigId { before: None, after: None, written: Some(evil()) },
            FieldChange::AlertEmails { before: [].into(), after: [evil()].into() },
            FieldChange::Mark { before: None, after: Mark { by: Some(evil()), ..Mark::default() } },
        ]);
        change.reason = Some(Reason::Pruned { by: evil() });
    }
    for reason in [
        BlockedReason::OtherOwner { by: evil() },
        BlockedReason::Unreadable { field: "rotation_policy", error: evil() },
        BlockedReason::RenamedOutside { id: KeyId::new(evil()), name: evil() },
        BlockedReason::Unresolved { name: UnresolvedName::User(evil()), nearest: Some(evil()) },
        BlockedReason::LooksLikeRename { from: evil_address(), agreeing: 0 },
    ] {
        plan.blocked.push(Blocked { address: evil_address(), place: None, reason });
    }
    plan.refusals.push(Refusal::UnknownContract { oddities: vec![evil()] });
    let finding = Finding {
        origin: Origin::PolicyFile { name: evil() },
        rule: RuleId::NamePattern,
        code: RuleId::NamePattern.code(),
        severity: Severity::Error,
        key: Some(evil_address()),
        place: Place { file: evil(), line: 1, column: 1 },
        inherited_by: None,
        message: evil(),
        remedy: evil(),
        waiver: None,
    };
    plan.refusals.push(Refusal::Policy { findings: vec![finding.clone()] });
    plan.notes.push(Note::Policy { findings: vec![finding] });
    plan.notes.push(Note::UnknownToThisVersion(evil()));
    plan.unmentioned.push(UnmentionedKey { id: KeyId::new(EVIL), address: evil_address(), prunable: true });
    plan.running_key = Some(evil());
    plan
}

fn assert_harmless(shown: &str) {
    for c in shown.chars() {
        assert!(c == '\n' || !c.is_control(), "{c:?} in {shown:?}");
        assert!(!"\u{202e}\u{200b}\u{2028}".contains(c), "{c:?} in {shown:?}");
    }
    for line in shown.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line:?}");
        assert!(!line.contains("##["), "{line:?}");
    }
}

#[test]
fn hostile_names_cannot_command_a_terminal_or_a_ci_system() {
    let sets = scope_sets();
    for verbosity in [Verbosity::Normal, Verbosity::Verbose] {
        for width in [40, 60, 120] {
            let context =
                PlanContext { verbosity, files: EVIL, next_command: Some(EVIL.to_owned()), ..context(&sets) };
            assert_harmless(&text::plan(&evil_plan(), &context, &Style { color: false, width }));
        }
    }
    assert_harmless(&text::question(&evil_plan()));
}

#[test]
fn hostile_errors_cannot_either() {
    let plan = evil_plan();
    let mut report = report(&plan);
    let evil = vec![EVIL.to_owned()];
    let failure = Failure {
        message: EVIL.to_owned(),
        causes: evil.clone(),
        facts: evil.clone(),
        hints: evil,
        ..Failure::default()
    };
    report.changes[0].outcome = Outcome::Failed(failure.clone());
    report.changes[1].outcome = Outcome::Moved { what: EVIL.to_owned() };
    report.verification_error = Some(EVIL.to_owned());
    assert_harmless(&text::report(&report, &plan, Some(3), Path::new("."), &PLAIN));
    for change in &report.changes {
        let event = Event::Finished { report: change };
        let line = text::event_line(&event, &plan, 1, text::EventLayout::of(&plan), &PLAIN).unwrap();
        assert!(!line.contains('\n'), "{line:?}");
        assert_harmless(&line);
    }
    let Failure { message, causes, facts, hints, .. } = failure;
    assert_harmless(&text::failure(&message, &causes, &facts, &hints, &PLAIN));
}

#[test]
fn a_name_of_ten_thousand_characters_does_not_fill_the_screen() {
    let name = "x".repeat(10_000);
    let plan = Plan {
        changes: vec![
            reset(&format!("{name}/{name}"), 3),
            delete(&format!("ws/{name}"), Reason::DeclaredAbsent),
        ],
        blocked: vec![blocked(&format!("ws/{name}"), BlockedReason::Protected)],
        running_key: Some(name),
        ..empty_plan()
    };
    let shown = text::plan(&plan, &context(&scope_sets()), &PLAIN);
    assert!(shown.lines().count() < 40, "{shown}");
    assert!(shown.len() < 4_000, "{shown}");
}
