//! Ids, the kinds of key, and the three states of a field.

use std::fmt;

use serde::Serialize;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque text: the vendor's own examples are not valid UUIDs.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as the service or the file wrote it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first eight characters, for people.
            pub fn short(&self) -> &str {
                self.0.char_indices().nth(8).and_then(|(end, _)| self.0.get(..end)).unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of a key.
    KeyId
);
id!(
    /// The UUID of a workspace, as keys carry it.
    WorkspaceId
);
id!(
    /// The id of a user.
    UserId
);
id!(
    /// The UUID of a config, as keys carry it.
    ConfigId
);
id!(
    /// The id of an organisation.
    OrganisationId
);

/// What a key is for; fixed at its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `organisation-service`: administers the organisation; cannot call models.
    OrganisationService,
    /// `workspace-service`: a program's key in one workspace.
    WorkspaceService,
    /// `workspace-user`: a person's key in one workspace.
    WorkspaceUser,
}

impl KeyKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::OrganisationService, Self::WorkspaceService, Self::WorkspaceUser];

    /// The kind as the API and the file write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation-service",
            Self::WorkspaceService => "workspace-service",
            Self::WorkspaceUser => "workspace-user",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The group of scopes that governs keys of this kind, as in `workspace_user_api_keys.list`.
    pub fn scope_group(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation_service_api_keys",
            Self::WorkspaceService => "workspace_service_api_keys",
            Self::WorkspaceUser => "workspace_user_api_keys",
        }
    }

    /// The two path segments of the create call: `workspace`, `service`.
    pub fn create_path(self) -> (&'static str, &'static str) {
        match self {
            Self::OrganisationService => ("organisation", "service"),
            Self::WorkspaceService => ("workspace", "service"),
            Self::WorkspaceUser => ("workspace", "user"),
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The three states of a field in the file: absent is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Not in the file: never changed.
    #[default]
    Unmanaged,
    /// `null` in the file: cleared.
    Clear,
    /// A value.
    Set(T),
}

impl<T> Setting<T> {
    /// Whether the file says anything about this field.
    pub fn is_managed(&self) -> bool {
        !matches!(self, Self::Unmanaged)
    }

    /// The value, if one is set.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unmanaged | Self::Clear => None,
        }
    }

    /// What the file wants: `None` if it says nothing, `Some(None)` if the field is to be empty.
    pub fn wanted(&self) -> Option<Option<&T>> {
        match self {
            Self::Unmanaged => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}
