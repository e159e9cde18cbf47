//! How people name a key.

use std::fmt;

/// `organisation/NAME`, `WORKSPACE/NAME` or `WORKSPACE/USER/NAME`.
///
/// The workspace is the alias from the file where there is one, else the slug or UUID as written;
/// the user is the e-mail or id as written. Ordered by workspace, then user, then name, with the
/// organisation's own keys first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyAddress {
    /// The workspace as people name it; `None` for an organisation key.
    pub workspace: Option<String>,
    /// The owner of a user key, e-mail or id.
    pub user: Option<String>,
    /// The key's name. Not unique on Portkey.
    pub name: String,
}

impl KeyAddress {
    /// What the plan groups by: `organisation` or the workspace.
    pub fn group(&self) -> &str {
        self.workspace.as_deref().unwrap_or("organisation")
    }

    /// The address without its group, as it stands under a group's heading.
    pub fn within_group(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether `text` is this address or a tail of it that starts at a `/`.
    pub fn has_tail(&self, text: &str) -> bool {
        let full = self.to_string();
        full == text || full.strip_suffix(text).is_some_and(|head| head.ends_with('/'))
    }
}

impl fmt::Display for KeyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group(), self.within_group())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_any_tail_that_starts_at_a_slash() {
        let address = KeyAddress {
            workspace: Some("research".to_owned()),
            user: Some("ann@example.com".to_owned()),
            name: "nightly".to_owned(),
        };
        assert_eq!(address.to_string(), "research/ann@example.com/nightly");
        assert!(address.has_tail("nightly"));
        assert!(address.has_tail("ann@example.com/nightly"));
        assert!(address.has_tail("research/ann@example.com/nightly"));
        assert!(!address.has_tail("ightly"));
        assert!(!address.has_tail(""));
    }
}
