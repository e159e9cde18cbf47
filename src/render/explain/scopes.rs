//! Scopes: what they allow, who may hold them, since when, and under which other names they go.
//!
//! The words are made from the two halves of a name, but for scopes that are more than that. What is said about
//! versions and other names is in `docs/portkey-api.md`, section 5.

use super::{Kind, Topic};
use crate::scopes::{SEEN_ELSEWHERE, Standing, names, privilege, standing};

/// A topic for each scope of the catalogue, and for those that were only seen elsewhere.
pub fn scopes() -> Vec<Topic> {
    names().chain(SEEN_ELSEWHERE.iter().copied()).map(topic).collect()
}

/// What the first half of a name means, as the end of a sentence.
const GROUPS: &[(&str, &str)] = &[
    ("agent_servers", "agent servers of a workspace"),
    ("agents", "agents"),
    ("analytics", "analytics: cost, tokens, latency, errors"),
    ("audit_logs", "the organisation's audit log"),
    ("completions", "model requests"),
    ("configs", "routing configs"),
    ("deployments", "deployments of gateways"),
    ("feedbacks", "feedback on requests"),
    ("guardrails", "guardrails"),
    ("logs", "request logs"),
    ("mcp", "MCP servers through the gateway"),
    ("mcp_servers", "MCP servers of a workspace"),
    ("organisation_agent_integrations", "agent integrations of the organisation"),
    ("organisation_exclusions", "the organisation's exclusions"),
    ("organisation_guardrails", "guardrails of the organisation"),
    ("organisation_integrations", "provider integrations of the organisation"),
    ("organisation_mcp_integrations", "MCP integrations of the organisation"),
    ("organisation_service_api_keys", "organisation service keys, also called admin keys"),
    ("organisation_settings", "the organisation's settings"),
    ("organisation_users", "users of the organisation and their roles"),
    ("plugins", "guardrail plugins"),
    ("policies", "usage and rate limit policies"),
    ("prompts", "prompt templates"),
    ("providers", "model providers of a workspace, with their credentials"),
    ("secret_references", "references to secrets in outside stores"),
    ("virtual_keys", "model providers of a workspace, with their credentials"),
    ("workspace_agent_integrations", "agent integrations of a workspace"),
    ("workspace_integrations", "provider integrations of a workspace"),
    ("workspace_mcp_integrations", "MCP integrations of a workspace"),
    ("workspace_service_api_keys", "service keys of a workspace"),
    ("workspace_user_api_keys", "user keys of a workspace"),
    ("workspace_users", "members of a workspace and their roles"),
    ("workspaces", "workspaces"),
];

/// What the second half of a name means, as the start of a sentence.
const ACTIONS: &[(&str, &str)] = &[
    ("copy", "Copy"),
    ("create", "Create"),
    ("delete", "Delete"),
    ("duplicate", "Duplicate"),
    ("export", "Export"),
    ("invoke", "Call"),
    ("list", "List"),
    ("publish", "Publish versions of"),
    ("read", "Read single"),
    ("render", "Render"),
    ("rotate", "Give new secrets to"),
    ("update", "Change"),
    ("view", "View"),
    ("write", "Write"),
];

/// Scopes whose name does not say it all.
const SPECIAL: &[(&str, &str)] = &[
    (
        "completions.write",
        "Call every model endpoint of the gateway: chat, completions, images, audio and the rest.",
    ),
    ("logs.write", "Send logs to the gateway (`POST /logs`) and feedback (`POST /feedback`)."),
    ("logs.view", "Look at request logs, with the prompts and answers that they hold."),
    ("prompts.render", "Fill in a prompt template without sending it to a model."),
    ("guardrails.invoke", "Run guardrails on a text without sending it to a model."),
    ("organisation_settings.read", "Read the organisation's settings."),
    ("audit_logs.list", "Read the organisation's audit log: who did what, and when."),
];

/// From which version of Portkey's backend on there is a group or a scope.
const SINCE: &[(&str, &str)] = &[
    ("organisation_settings.", "1.22.0"),
    ("organisation_guardrails.", "1.22.0"),
    ("organisation_exclusions.", "1.22.0"),
    ("guardrails.invoke", "1.17.0"),
];

fn topic(name: &'static str) -> Topic {
    let standing = standing(name);
    let privilege = privilege(name);
    let mut topic = Topic::new(Kind::Scope, name, summary(name));
    match standing {
        Standing::Documented(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            topic = topic.fact("held by", kinds.join(", "));
        }
        Standing::SeenElsewhere => {
            topic = topic
                .fact("held by", "not documented")
                .paragraph(
                    "Seen in Portkey's gateway or pages, but not in its documented list of scopes. It is accepted \
                     with the warning `unlisted-scope`; check that a key with it can do what it should.",
                );
        }
        Standing::Unknown => {}
    }
    topic = topic.fact("class", format!("{}: {}", privilege.word(), privilege.meaning()));
    if let Some((_, version)) = SINCE.iter().find(|(start, _)| name.starts_with(start)) {
        topic = topic.fact("since", format!("Portkey {version}"));
    }
    if let Some(other) = other_name(name) {
        topic = topic.fact("also called", other).paragraph(
            "`virtual_keys` is the legacy name of `providers`. A feature may check either, so a key that needs one \
             is safest with both.",
        );
    }
    if let Some(group) = name
        .strip_suffix(".list")
        .filter(|group| names().any(|other| other.strip_suffix(".read") == Some(group)))
    {
        topic = topic.paragraph(format!("It does not include `{group}.read`."));
    }
    if name.ends_with("_api_keys.create") || name.ends_with("_api_keys.update") {
        topic = topic.paragraph(
            "Who holds it can make or widen keys, so a key with it is worth as much as the widest key that it could make.",
        );
    }
    if name.ends_with("_api_keys.rotate") {
        topic = topic
            .paragraph("The answer to a rotation shows the new secret, so who holds it can take over keys.");
    }
    topic
}

fn summary(name: &str) -> String {
    if let Some((_, text)) = SPECIAL.iter().find(|(special, _)| *special == name) {
        return (*text).to_owned();
    }
    let (group, action) = name.split_once('.').unwrap_or((name, ""));
    let find = |table: &[(&str, &'static str)], word: &str| {
        table.iter().find(|(known, _)| *known == word).map(|(_, text)| *text)
    };
    let group_text = find(GROUPS, group).map_or_else(|| group.replace('_', " "), str::to_owned);
    match find(ACTIONS, action) {
        Some(action) => format!("{action} {group_text}."),
        None => format!("`{action}` on {group_text}."),
    }
}

/// The same scope under the legacy or the newer name, if the catalogue has it.
fn other_name(name: &str) -> Option<String> {
    let other = match name.split_once('.')? {
        ("virtual_keys", action) => format!("providers.{action}"),
        ("providers", action) => format!("virtual_keys.{action}"),
        _ => return None,
    };
    names().any(|known| known == other).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_of_a_name_has_words() {
        for name in names().chain(SEEN_ELSEWHERE.iter().copied()) {
            let (group, action) = name.split_once('.').unwrap();
            assert!(GROUPS.iter().any(|(known, _)| *known == group), "{group}");
            assert!(ACTIONS.iter().any(|(known, _)| *known == action), "{action}");
        }
    }

    #[test]
    fn no_words_are_for_scopes_that_are_not_there() {
        for (group, _) in GROUPS {
            let start = format!("{group}.");
            assert!(
                names().chain(SEEN_ELSEWHERE.iter().copied()).any(|name| name.starts_with(&start)),
                "{group}"
            );
        }
        for (name, _) in SPECIAL {
            assert!(matches!(standing(name), Standing::Documented(_)), "{name}");
        }
        for (start, _) in SINCE {
            assert!(names().any(|name| name.starts_with(start)), "{start}");
        }
    }

    #[test]
    fn a_scope_says_who_holds_it_since_when_and_its_other_name() {
        let find = |name: &str| scopes().into_iter().find(|topic| topic.name == name).unwrap();
        let fact = |topic: &Topic, label: &str| {
            topic.facts.iter().find(|(known, _)| *known == label).map(|(_, value)| value.clone())
        };
        let rotate = find("workspace_service_api_keys.rotate");
        assert_eq!(rotate.summary, "Give new secrets to service keys of a workspace.");
        assert_eq!(fact(&rotate, "held by").as_deref(), Some("organisation-service, workspace-service"));
        assert_eq!(fact(&find("guardrails.invoke"), "since").as_deref(), Some("Portkey 1.17.0"));
        assert_eq!(fact(&find("guardrails.create"), "since"), None);
        assert_eq!(fact(&find("virtual_keys.list"), "also called").as_deref(), Some("providers.list"));
        // `virtual_keys.copy` has no newer name.
        assert_eq!(fact(&find("virtual_keys.copy"), "also called"), None);
        assert_eq!(fact(&find("logs.read"), "held by").as_deref(), Some("not documented"));
    }
}
