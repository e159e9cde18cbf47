//! Tests of the whole module: a file in, its diagnostics or its keys out.

use super::*;

/// What is said about a file: one line per diagnostic, its other places and hints indented below.
pub(super) fn say(loaded: &Loaded) -> String {
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

const README: &str = "
version: 1
organisation: a1b2c3d4
managed_by: platform
workspaces: {payments: ws-prod-1a2b3c, research: ws-res-77c0de}
scope_sets: {inference: [completions.write, prompts.render]}
known_scopes: []
sinks:
  dir: {file: \"secrets/{workspace}/{name}\"}
templates:
  service:
    scopes: [inference, logs.write]
    usage_limits: {type: cost, credit_limit: 500, alert_threshold: 400, periodic_reset: monthly}
    secret: {deliver_to: [dir]}
defaults: {alert_emails: [platform@example.com]}
keys:
  - name: checkout
    workspace_id: payments
    template: service
    id: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2
    renamed_from: checkout-old
    description: Checkout service, production
    rate_limits: [{type: requests, unit: rpm, value: 100}]
    usage_limits: {credit_limit: 2000}
    metadata: {team: payments, environment: prod}
    config_id: pc-routing-9f8e
    allow_config_override: false
    expires_at: 2027-06-30T00:00:00Z
    unmanaged: [alert_emails]
    protected: true
    usage_reset_after: 2026-11-22T10:00:00Z
  - {name: ci, type: organisation-service, scopes: [workspaces.list], rotation_policy: {rotation_period: monthly, key_transition_period: 24h}}
  - {name: nightly, type: workspace-user, workspace_id: research, user_id: someone@example.com, scopes: [inference]}
  - {name: spike-2025, workspace_id: research, absent: true}
policy: {}
";

#[test]
fn the_example_is_read() {
    let loaded = parse_str("keys.yaml", README);
    insta::assert_snapshot!(say(&loaded), @"");
    insta::assert_debug_snapshot!(loaded.desired, @"");
}
