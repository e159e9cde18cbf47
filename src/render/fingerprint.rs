//! What a finding is known by from one run to the next: equal while its line or key is, wherever that has moved to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::Paths;
use super::findings::{Finding, Point};
use crate::diagnostic::{Diagnostic, Sources};

/// Tells equal ones apart: sixteen hexadecimal digits, and which of several equal ones it is.
#[derive(Default)]
pub(super) struct Fingerprints {
    seen: BTreeMap<String, usize>,
}

impl Fingerprints {
    /// Of the code, the file and the line without its indentation; neither of line numbers nor of our wording.
    pub(super) fn of_diagnostic(
        &mut self,
        diagnostic: &Diagnostic,
        sources: &Sources,
        paths: &Paths,
    ) -> String {
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
        self.counted([diagnostic.code, &paths.relative(file), &line])
    }

    /// Of the code, the key with what happens to it, and the field; neither of the file, nor of values.
    pub(super) fn of_point(&mut self, finding: &Finding, point: &Point) -> String {
        self.counted([point.code, &finding.title, point.field])
    }

    fn counted(&mut self, parts: [&str; 3]) -> String {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hash: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let count = self.seen.entry(hash.clone()).or_default();
        *count += 1;
        format!("{hash}:{count}")
    }
}
