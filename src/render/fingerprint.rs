//! What a complaint is known by from one run to the next: equal while its line is, wherever that line has moved to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Paths;
use crate::diagnostic::{Diagnostic, Sources};

/// One fingerprint for each complaint: sixteen hexadecimal digits, and which of several equal ones it is.
pub(super) fn fingerprints(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    diagnostics
        .iter()
        .map(|diagnostic| {
            let hash = hash(diagnostic, sources, paths);
            let count = seen.entry(hash.clone()).or_default();
            *count += 1;
            format!("{hash}:{count}")
        })
        .collect()
}

/// Of the code, the file and the line without its indentation; neither of line numbers nor of our wording.
fn hash(diagnostic: &Diagnostic, sources: &Sources, paths: &Paths) -> String {
    let source = diagnostic.primary.as_ref().and_then(|label| {
        let source = sources.get(label.span.source)?;
        Some((source, label.span))
    });
    let (file, line) = match source {
        Some((source, span)) => {
            let head = source.text.get(..span.start).unwrap_or_default();
            let from = head.rfind('\n').map_or(0, |newline| newline + 1);
            let line = source.text.get(from..).unwrap_or_default().lines().next().unwrap_or_default();
            let at = head.get(from..).unwrap_or_default().trim_start().len();
            (source.name.as_str(), format!("{at}:{}", line.trim()))
        }
        None => (diagnostic.file.as_str(), String::new()),
    };
    let mut hasher = Sha256::new();
    for part in [diagnostic.code, &paths.relative(file), &line] {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
