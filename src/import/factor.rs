//! Finds what several keys have in common.
//!
//! A list of scopes that several keys share becomes a scope set, limits and scopes that three keys share
//! become a template. Names are made from what is in them, and are meant to be changed.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

/// What was found, and the keys' fields with it taken out.
pub(super) struct Factored {
    pub(super) scope_sets: Mapping,
    pub(super) templates: Mapping,
    pub(super) fields: Vec<Mapping>,
}

/// A set saves lines if so many scopes stand in so many keys: the fewer the one, the more of the other.
const WORTH_A_SET: [(usize, usize); 2] = [(2, 3), (3, 2)];
/// Fewer keys are easier read without a template.
const KEYS_OF_A_TEMPLATE: usize = 3;
/// What a template may hold: what a key is for, not which key it is.
const TEMPLATE_FIELDS: [&str; 6] =
    ["scopes", "rate_limits", "usage_limits", "alert_emails", "rotation_policy", "allow_config_override"];

pub(super) fn factor(mut fields: Vec<Mapping>) -> Factored {
    let scope_sets = take_scope_sets(&mut fields);
    let templates = take_templates(&mut fields);
    Factored { scope_sets, templates, fields }
}

/// A value as text, to count equal ones.
fn text(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}

fn take_scope_sets(fields: &mut [Mapping]) -> Mapping {
    let mut lists: BTreeMap<String, (usize, Value)> = BTreeMap::new();
    for scopes in fields.iter().filter_map(|fields| fields.get("scopes")) {
        lists.entry(text(scopes)).or_insert((0, scopes.clone())).0 += 1;
    }
    lists.retain(|_, (count, scopes)| {
        let length = scopes.as_sequence().map_or(0, Vec::len);
        WORTH_A_SET.iter().any(|(scopes, keys)| length >= *scopes && *count >= *keys)
    });
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut sets = Mapping::new();
    for (list, (_, scopes)) in lists {
        let name = unused(&sets, &name_of_scopes(&scopes));
        sets.insert(name.as_str().into(), scopes);
        names.insert(list, name);
    }
    for fields in fields {
        if let Some(scopes) = fields.get_mut("scopes")
            && let Some(name) = names.get(&text(scopes))
        {
            *scopes = Value::Sequence(vec![name.as_str().into()]);
        }
    }
    sets
}

/// `completions-logs` for completions.write, logs.view, logs.write.
fn name_of_scopes(scopes: &Value) -> String {
    let mut groups: Vec<String> = scopes
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter_map(|scope| scope.split('.').next())
        .map(|group| group.replace('_', "-"))
        .collect();
    groups.dedup();
    match groups.as_slice() {
        [] => "scopes".to_owned(),
        [one] => one.clone(),
        [one, two] => format!("{one}-{two}"),
        [one, .., last] => format!("{one}-to-{last}"),
    }
}

fn take_templates(fields: &mut [Mapping]) -> Mapping {
    let shared = |fields: &Mapping| -> Mapping {
        TEMPLATE_FIELDS
            .iter()
            .filter_map(|name| Some((Value::from(*name), fields.get(*name)?.clone())))
            .collect()
    };
    let mut groups: BTreeMap<String, (usize, Mapping)> = BTreeMap::new();
    for fields in fields.iter() {
        let shared = shared(fields);
        // Scopes alone are a set's business.
        if shared.len() > 1 {
            groups.entry(text(&Value::Mapping(shared.clone()))).or_insert((0, shared)).0 += 1;
        }
    }
    groups.retain(|_, (count, _)| *count >= KEYS_OF_A_TEMPLATE);
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut templates = Mapping::new();
    for (group, (_, shared)) in groups {
        let name = unused(&templates, &name_of_template(&shared));
        templates.insert(name.as_str().into(), Value::Mapping(shared));
        names.insert(group, name);
    }
    for fields in fields {
        let group = text(&Value::Mapping(shared(fields)));
        if let Some(name) = names.get(&group) {
            let mut rest: Mapping = Mapping::new();
            rest.insert("template".into(), name.as_str().into());
            rest.extend(
                fields
                    .iter()
                    .filter(|(name, _)| !name.as_str().is_some_and(|name| TEMPLATE_FIELDS.contains(&name)))
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            *fields = rest;
        }
    }
    templates
}

/// `limited`, `budgeted`, … by what the template says first.
fn name_of_template(shared: &Mapping) -> String {
    let has = |name: &str| shared.contains_key(name);
    let name = match (has("usage_limits"), has("rate_limits"), has("rotation_policy")) {
        (true, true, _) => "budgeted-limited",
        (true, false, _) => "budgeted",
        (false, true, _) => "limited",
        (false, false, true) => "rotated",
        (false, false, false) => "plain",
    };
    name.to_owned()
}

fn unused(taken: &Mapping, name: &str) -> String {
    if !taken.contains_key(name) {
        return name.to_owned();
    }
    (2..1_000_000)
        .map(|n: usize| format!("{name}-{n}"))
        .find(|name| !taken.contains_key(name.as_str()))
        .unwrap_or_default()
}
