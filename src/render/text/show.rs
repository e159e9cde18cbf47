//! One live key on one screen: what it is, what it may do, who manages it, what becomes of its secret.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::fields::{Fields, instant, joined, rotation};
use super::list::age;
use super::{limits, texts};
use crate::inventory::{Allows, Holding, Issued, Sight};
use crate::model::{ConfigId, KeyKind, Mark, Mask, Setting};
use crate::render::layout::{Role, hanging, pad, paragraph};
use crate::render::words::{ahead, between};
use crate::render::{Style, escape};

/// Where values start.
const VALUES: usize = 20;

/// See [`super::key`].
pub(super) fn draw(holding: &Holding<'_>, now: Timestamp, style: &Style) -> String {
    let page = Page { holding, now, style };
    let mut out = format!("{}\n", style.paint(Role::Heading, &escape(&holding.address.to_string())));
    out.push_str(&page.identity());
    out.push_str(&page.scopes());
    out.push_str(&page.limits());
    out.push_str(&page.secret());
    out.push_str(&page.management());
    out
}

struct Page<'a> {
    holding: &'a Holding<'a>,
    now: Timestamp,
    style: &'a Style,
}

impl Page<'_> {
    fn row(&self, name: &str, value: &str) -> String {
        paragraph(&pad(&format!("  {name}"), VALUES), value, self.style)
    }

    fn identity(&self) -> String {
        let key = self.holding.key;
        let mut out = self.row("id", &escape(key.id.as_str()));
        out.push_str(&self.row("type", key.kind.map_or("newer than this version", KeyKind::as_str)));
        if let Some(id) = &key.workspace {
            let name = self.holding.slug.as_ref().map(|slug| format!("{} ", escape(slug)));
            out.push_str(
                &self.row("workspace", &format!("{}({})", name.unwrap_or_default(), escape(id.as_str()))),
            );
        }
        if let Some(user) = &key.user {
            out.push_str(&self.row("user", &escape(user.as_str())));
        }
        out.push_str(&self.row("status", &escape(&key.status)));
        if !key.description.is_empty() {
            out.push_str(&self.row("description", &texts::quoted(&key.description)));
        }
        let automatically = if key.created_automatically { ", by Portkey itself" } else { "" };
        if let Some(at) = key.created_at {
            out.push_str(&self.row("created", &format!("{at}{automatically}")));
        }
        if let Some(at) = key.last_updated_at {
            out.push_str(&self.row("last changed", &format!("{at} (by whom is not told)")));
        }
        out
    }

    fn scopes(&self) -> String {
        let groups = Allows::grouped(&self.holding.key.scopes);
        let mut out = String::new();
        for (allows, scopes) in groups {
            let name = match allows {
                Allows::ChangeKeys => "may change keys",
                Allows::Change => "may change",
                Allows::Read => "may read",
                Allows::Call => "may call",
            };
            out.push_str(&self.row(name, &joined(scopes.into_iter())));
        }
        if out.is_empty() { self.row("scopes", "none") } else { out }
    }

    fn limits(&self) -> String {
        let key = self.holding.key;
        let mut out = match &key.usage_limits {
            Some(usage) if self.holding.has_budget() => self.row("usage_limits", &limits::usage(Some(usage))),
            Some(usage) => {
                self.row("usage_limits", &format!("{}, which enforces nothing", limits::usage(Some(usage))))
            }
            None => self.row("usage_limits", "none"),
        };
        let rates: Vec<String> = key.rate_limits.iter().map(limits::rate_limit).collect();
        let rates = if rates.is_empty() { "none".to_owned() } else { rates.join(", ") };
        out.push_str(&self.row("rate_limits", &rates));
        let expires = match key.expires_at {
            Some(at) if at <= self.now => format!("{at}, which is past"),
            Some(at) => format!("{at}, {}", ahead(self.now, at)),
            None => instant(None),
        };
        out.push_str(&self.row("expires_at", &expires));
        if let Some(at) = key.last_reset_at {
            out.push_str(&self.row("usage last reset", &at.to_string()));
        }
        if let Some(config) = &key.config_id {
            let overridable = if key.allow_config_override { "may be overridden" } else { "not overridden" };
            let config: &ConfigId = config;
            out.push_str(&self.row("config_id", &format!("{}, {overridable}", escape(config.as_str()))));
        }
        if !key.alert_emails.is_empty() {
            out.push_str(&self.row("alert_emails", &joined(key.alert_emails.iter().map(String::as_str))));
        }
        if !key.metadata.is_empty() {
            let entries = key.metadata.iter().map(|(k, v)| format!("{}={}", escape(k), texts::value(v)));
            out.push_str(&self.row("metadata", &entries.collect::<Vec<_>>().join(", ")));
        }
        out
    }

    fn secret(&self) -> String {
        let (key, now) = (self.holding.key, self.now);
        let mut out =
            self.row("secret", &key.mask.as_ref().map_or_else(unknown, |mask: &Mask| escape(mask.as_str())));
        let issued = match self.holding.issued {
            Issued::At(at) => format!("{at}, {} ago", between(at, now)),
            Issued::NotBefore(at) => format!(
                "{at} or later, so it is {} old; Portkey does not tell when a key was rotated",
                age(self.holding.issued, now)
            ),
            Issued::Unknown => unknown(),
        };
        out.push_str(&self.row("issued", &issued));
        let previous = match self.holding.previous_until() {
            Some(until) if until > now => format!("works until {until}, {}", ahead(now, until)),
            Some(until) => format!("stopped working at {until}"),
            None if matches!(self.holding.issued, Issued::At(_)) => "there was none".to_owned(),
            None => "not known: the live secret is not one that portkey-sync delivered".to_owned(),
        };
        out.push_str(&self.row("previous secret", &previous));
        match &key.rotation_policy {
            Setting::Set(policy) => {
                out.push_str(&self.row("rotation_policy", &rotation(Some(policy))));
            }
            Setting::Clear => out.push_str(&self.row("rotation_policy", "none")),
            Setting::Unmanaged => out.push_str(&self.row("rotation_policy", "could not be read")),
        }
        out
    }

    fn management(&self) -> String {
        let key = self.holding.key;
        let mut out = String::new();
        match &key.mark {
            None => out.push_str(&self.row("mark", "none: portkey-sync has never written to this key")),
            Some(mark) => {
                out.push_str(&self.row("mark", &escape(&mark.to_string())));
                for line in self.explain(mark) {
                    out.push_str(&self.row("", &line));
                }
            }
        }
        let Some(entry) = &self.holding.entry else {
            out.push_str(&self.row("file", "in no file"));
            return out;
        };
        let place = escape(&entry.desired.place.to_string());
        out.push_str(&self.row("file", &place));
        if !entry.certain {
            out.push_str(
                &self.row(
                    "",
                    "the entry does not say for certain that it means this key; see portkey-sync plan",
                ),
            );
            return out;
        }
        if entry.is_to_go() {
            out.push_str(&self.row("", "the entry says `absent: true`"));
            return out;
        }
        let scope_sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let fields = Fields { style: self.style, scope_sets: &scope_sets, written_scopes: &[] };
        if entry.fields.is_empty() {
            out.push_str(&self.row("", "the key is as the entry says"));
        } else {
            out.push_str(&self.row("", "the key is not as the entry says; apply would change"));
        }
        for change in &entry.fields {
            let field = fields.of_update(change, false);
            for (at, line) in field.lines.iter().enumerate() {
                let name = if at == 0 { field.name } else { "" };
                let lead = format!("{}{}", pad("  ", VALUES), pad(name, VALUES));
                out.push_str(&hanging(&lead, line, 2 * VALUES, self.style));
            }
        }
        out
    }

    /// Each word of the mark, for people.
    fn explain(&self, mark: &Mark) -> Vec<String> {
        let Mark { new, by, id: _, at: _, secret, to, keep, unknown } = mark;
        let mut lines = Vec::new();
        if new.is_some() {
            lines.push("new=: being created; its secret has not been delivered yet".to_owned());
        }
        if let Some(by) = by {
            lines.push(format!("by=: managed by `{}`", escape(by)));
        }
        if let Some(secret) = secret {
            let is_live =
                self.holding.key.mask.as_ref().is_some_and(|mask| self.holding.key.has_committed(mask));
            let fate =
                if is_live { "which is the live one" } else { "which has been replaced since by others" };
            lines.push(format!("secret=: delivered a secret issued {}, {fate}", secret.issued_at));
        }
        if !to.is_empty() {
            lines.push(format!(
                "to=: {} it",
                crate::render::words::count(to.len(), "sink") + choose_has(to.len())
            ));
        }
        if *keep {
            lines.push("keep: protected from deletion".to_owned());
        }
        if !unknown.is_empty() {
            lines.push("the rest is of a later version of portkey-sync".to_owned());
        }
        lines
    }
}

fn choose_has(n: usize) -> &'static str {
    crate::render::words::choose(n, " has", " have")
}

fn unknown() -> String {
    "not known".to_owned()
}

/// See [`super::sight`].
pub(super) fn sight(sight: &Sight, style: &Style) -> String {
    let Sight { list_is_whole, hidden, only } = sight;
    let mut out = String::new();
    let mut warn = |text: &str| {
        out.push_str(&paragraph(&format!("{} ", style.paint(Role::Warning, "warning:")), text, style));
    };
    if !list_is_whole {
        warn("the pages of the list of keys did not agree, three times; some keys may be missing");
    }
    if let Some(workspace) = only {
        warn(&format!("this key sees the keys of workspace {} only", escape(workspace.as_str())));
    }
    if !hidden.is_empty() {
        let kinds: Vec<String> = hidden.iter().map(|kind| format!("{kind} keys")).collect();
        let scopes: Vec<String> =
            hidden.iter().map(|kind| format!("`{}.list`", kind.scope_group())).collect();
        warn(&format!(
            "{} may be missing: this key is not known to hold {}",
            kinds.join(" and "),
            scopes.join(" and ")
        ));
    }
    out
}
