//! Where file sinks put the secret of a key.
//!
//! A path is beneath the folder of the keys file by construction: a placeholder fills one component
//! and a value that does not fit is refused, never bent to fit, because two keys bent to one path
//! would overwrite each other's secrets.

use std::path::PathBuf;

use crate::model::{KeyAddress, KeyId};

/// Why a path cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkPathError {
    /// The template itself is no relative path beneath the folder.
    #[error(
        "must be a path beneath the folder of the keys file, without `..`, as in `secrets/{{workspace}}/{{name}}`"
    )]
    NotBeneath,
    /// The template leads into a folder that is not for secrets.
    #[error("must not lead into `{folder}`")]
    Reserved {
        /// The folder.
        folder: String,
    },
    /// The template has a placeholder that nobody knows.
    #[error(
        "has the unknown placeholder `{{{name}}}`; there are `{{workspace}}`, `{{user}}`, `{{name}}` and `{{id}}`"
    )]
    UnknownPlaceholder {
        /// What stands between the braces.
        name: String,
    },
    /// The template has a brace without its partner.
    #[error("has a brace without its partner")]
    Brace,
    /// The key has no value for a placeholder.
    #[error("`{{{placeholder}}}` has no value for this key")]
    NoValue {
        /// The placeholder.
        placeholder: &'static str,
    },
    /// A value does not fit into one component of a path.
    #[error("`{value}` cannot be a part of a path")]
    Unfit {
        /// The value.
        value: String,
    },
}

enum Part<'t> {
    Text(&'t str),
    Placeholder(&'static str),
}

const PLACEHOLDERS: [&str; 4] = ["workspace", "user", "name", "id"];
const RESERVED: [&str; 2] = [".portkey-sync", ".git"];

/// The file for this key's secret, relative to the folder of the keys file. `id` is needed only if
/// the template uses `{id}`; an organisation key's `{workspace}` is `organisation`.
pub fn sink_path(template: &str, address: &KeyAddress, id: Option<&KeyId>) -> Result<PathBuf, SinkPathError> {
    check_template(template)?;
    let mut path = PathBuf::new();
    for component in template.split('/') {
        let mut filled = String::new();
        for part in parts(component)? {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(placeholder) => {
                    let value = match placeholder {
                        "workspace" => Some(address.group()),
                        "user" => address.user.as_deref(),
                        "name" => Some(address.name.as_str()),
                        _ => id.map(KeyId::as_str),
                    };
                    let value = value.ok_or(SinkPathError::NoValue { placeholder })?;
                    if !is_fit(value) {
                        return Err(SinkPathError::Unfit { value: value.to_owned() });
                    }
                    filled.push_str(value);
                }
            }
        }
        if !is_fit(&filled) {
            return Err(SinkPathError::Unfit { value: filled });
        }
        if path.as_os_str().is_empty() {
            refuse_reserved(&filled)?;
        }
        path.push(filled);
    }
    Ok(path)
}

/// Whether the template uses `{id}`, which a key that does not exist yet has not.
pub(super) fn uses_id(template: &str) -> bool {
    template.contains("{id}")
}

/// What can be said about a template without a key.
pub(super) fn check_template(template: &str) -> Result<(), SinkPathError> {
    for (index, component) in template.split('/').enumerate() {
        let parts = parts(component)?;
        if parts.iter().all(|part| matches!(part, Part::Text(_))) && !is_fit(component) {
            return Err(SinkPathError::NotBeneath);
        }
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['\\', ':', '\0']))) {
            return Err(SinkPathError::NotBeneath);
        }
        if index == 0 {
            refuse_reserved(component)?;
        }
    }
    Ok(())
}

fn refuse_reserved(component: &str) -> Result<(), SinkPathError> {
    if RESERVED.iter().any(|reserved| component.eq_ignore_ascii_case(reserved)) {
        return Err(SinkPathError::Reserved { folder: component.to_owned() });
    }
    Ok(())
}

fn parts(component: &str) -> Result<Vec<Part<'_>>, SinkPathError> {
    let mut parts = Vec::new();
    let mut rest = component;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or(SinkPathError::Brace)?;
        let known = PLACEHOLDERS.into_iter().find(|placeholder| *placeholder == name);
        let known = known.ok_or_else(|| SinkPathError::UnknownPlaceholder { name: name.to_owned() })?;
        parts.push(Part::Text(text));
        parts.push(Part::Placeholder(known));
        rest = tail;
    }
    parts.push(Part::Text(rest));
    if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['{', '}']))) {
        return Err(SinkPathError::Brace);
    }
    Ok(parts)
}

/// One component of a path on any system: a colon is a drive or a stream on Windows, and a name
/// there loses dots and spaces at its end.
fn is_fit(component: &str) -> bool {
    !component.is_empty()
        && component.len() <= 255
        && !component.chars().all(|c| c == '.')
        && !component.ends_with(['.', ' '])
        && !component.contains(|c: char| c.is_control() || "/\\:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(workspace: Option<&str>, name: &str) -> KeyAddress {
        KeyAddress { workspace: workspace.map(str::to_owned), user: None, name: name.to_owned() }
    }

    #[test]
    fn placeholders_fill_one_component_each() {
        let path = sink_path("secrets/{workspace}/{name}.key", &address(Some("payments"), "ci"), None);
        assert_eq!(path.unwrap(), PathBuf::from("secrets/payments/ci.key"));
        let path = sink_path("{workspace}-{name}", &address(None, "ci"), None);
        assert_eq!(path.unwrap(), PathBuf::from("organisation-ci"));
        let path = sink_path("{id}", &address(None, "ci"), Some(&KeyId::new("5c1e")));
        assert_eq!(path.unwrap(), PathBuf::from("5c1e"));
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        for name in ["a/b", "..", ".", "a\\b", "a\0b", "a\nb", "c:", "trailing."] {
            let path = sink_path("{name}", &address(None, name), None);
            assert_eq!(path, Err(SinkPathError::Unfit { value: name.to_owned() }), "{name}");
        }
        assert!(sink_path("{user}", &address(None, "ci"), None).is_err());
        assert!(sink_path("{id}", &address(None, "ci"), None).is_err());
        assert!(sink_path("{name}/x", &address(None, ".git"), None).is_err());
    }

    #[test]
    fn a_template_stays_beneath_its_folder() {
        for template in [
            "/etc/x",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "c:\\x",
            "{nam}",
            "{name",
            "name}",
            ".git/x",
            ".portkey-sync/x",
            "",
        ] {
            assert!(check_template(template).is_err(), "{template}");
        }
    }
}
