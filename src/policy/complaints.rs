//! Findings as diagnostics, beside what else is said about the files.

use jiff::Timestamp;

use super::{Finding, Workspaces, check};
use crate::desired::{Loaded, Origin, codes};
use crate::diagnostic::{Diagnostic, Severity, Sources};

/// More than this help nobody.
const MAX: usize = 1_000;

/// What came of judging files that could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Findings that stand and are errors.
    pub errors: usize,
    /// Findings that a waiver excepts.
    pub waived: usize,
}

/// Adds what the policies say to the diagnostics of the files. Files with errors are not judged: what is
/// wrong in them looks as if it were left out.
pub fn judge(loaded: &mut Loaded, now: Timestamp) -> Judged {
    let Some(desired) = &loaded.desired else { return Judged::default() };
    let findings = check(desired, &Workspaces::default(), now);
    let (standing, waived): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::stands);
    let errors = standing.iter().filter(|finding| finding.severity == Severity::Error).count();
    let mut said = [0_usize; 2];
    for finding in &standing {
        let [errors_said, warnings_said] = &mut said;
        let count = match finding.severity {
            Severity::Error => errors_said,
            Severity::Warning => warnings_said,
        };
        *count += 1;
        if *count <= MAX {
            loaded.diagnostics.push(diagnostic(finding, &loaded.sources));
        }
    }
    loaded.diagnostics.sort_by(|a, b| {
        let at = |d: &Diagnostic| d.primary.as_ref().map(|label| (label.span.start, label.span.end));
        (&a.file, at(a), a.code, &a.message).cmp(&(&b.file, at(b), b.code, &b.message))
    });
    if said.iter().any(|count| *count > MAX)
        && let Some(last) = loaded.diagnostics.last()
    {
        let message = format!("there are more than {MAX} findings of policies, and the rest is not shown");
        let diagnostic = Diagnostic::about(codes::TOO_MANY_ERRORS, last.file.clone(), message);
        let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
        loaded.diagnostics.push(Diagnostic { severity, ..diagnostic });
    }
    Judged { errors, waived: waived.len() }
}

fn diagnostic(finding: &Finding, sources: &Sources) -> Diagnostic {
    let Finding { origin, rule, code, severity, key, place, inherited_by, message, remedy, waiver: _ } =
        finding;
    let diagnostic = Diagnostic::about(code, place.file.clone(), message);
    let mut diagnostic = match sources.word_at(place) {
        Some(span) => Diagnostic { file: place.file.clone(), ..Diagnostic::error(code, span, message) },
        None => diagnostic,
    };
    diagnostic.severity = *severity;
    if let (Some(span), Some(key)) = (inherited_by.as_ref().and_then(|place| sources.word_at(place)), key) {
        diagnostic = diagnostic.also(span, format!("`{key}` inherits it"));
    }
    // The place of a waiver says by itself whose it is.
    if let (Origin::PolicyFile { name }, true) = (origin, *code == rule.code()) {
        diagnostic = diagnostic.label(format!("`{}` in {name}", rule.name()));
    }
    diagnostic.hint(remedy)
}
