//! Which keys a Terraform state holds.
//!
//! Invariant: of each `portkey_api_key` only its address and its id are kept; a state holds secrets as well, and
//! they are not even read into a value.

use std::fmt;

use serde::Deserialize;

use crate::model::KeyId;

/// A key of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateKey {
    /// As Terraform writes it: `module.team["a"].portkey_api_key.checkout`.
    pub address: String,
    /// Which key it is, or why nobody can tell.
    pub id: Result<KeyId, NoId>,
}

impl StateKey {
    /// Whether this is the key with the id. A UUID is the same in either case, and another program wrote it.
    pub fn names(&self, id: &KeyId) -> bool {
        self.id.as_ref().is_ok_and(|own| own.as_str().eq_ignore_ascii_case(id.as_str()))
    }
}

/// Why a resource of a state names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoId {
    /// It was never created, or what came of that is not known.
    #[error("the state has no id for it")]
    Missing,
    /// Attributes as versions before 0.12 wrote them.
    #[error(
        "its attributes are in an old form (`attributes_flat`), which `terraform apply -refresh-only` rewrites"
    )]
    Flat,
}

/// Why a state cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not a state at all.
    #[error("this is not a Terraform state: {0}")]
    NotAState(String),
    /// Another version of the format.
    #[error("this is a Terraform state of version {0}, and only version 4 can be read")]
    Version(u64),
    /// `OpenTofu` can encrypt it.
    #[error("this state is encrypted")]
    Encrypted,
    /// There is nothing to import.
    #[error("no `portkey_api_key` is in this state")]
    NoKeys,
}

impl StateError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotAState(_) => "write it with: terraform state pull > terraform.tfstate",
            Self::Version(_) => {
                "a current Terraform upgrades it: terraform apply -refresh-only, then terraform state pull"
            }
            Self::Encrypted => "tofu state pull writes it decrypted",
            Self::NoKeys => "terraform state list | grep portkey_api_key shows where the keys are",
        }
    }
}

#[derive(Deserialize)]
struct State {
    version: Option<u64>,
    encrypted_data: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    module: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    index_key: Option<IndexKey>,
    /// What Terraform still has to destroy.
    deposed: Option<serde::de::IgnoredAny>,
    attributes: Option<Attributes>,
    attributes_flat: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IndexKey {
    Count(u64),
    Each(String),
}

/// The rest, the secret among it, is skipped by the reader.
#[derive(Deserialize)]
struct Attributes {
    id: Option<Id>,
}

/// Resources of other providers have ids of all sorts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl fmt::Display for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(n) => write!(f, "[{n}]"),
            Self::Each(name) => write!(f, "[\"{name}\"]"),
        }
    }
}

/// The keys of a state, in its order, each once, and the resources that name none.
pub fn keys_of_tfstate(text: &str) -> Result<Vec<StateKey>, StateError> {
    let state: State = serde_json::from_str(text).map_err(|error| {
        // The reader's own words can hold a piece of the state.
        StateError::NotAState(format!(
            "line {}, column {} is not what it should be",
            error.line(),
            error.column()
        ))
    })?;
    match state {
        State { encrypted_data: Some(_), .. } => return Err(StateError::Encrypted),
        State { version: Some(4), .. } => {}
        State { version: Some(other), .. } => return Err(StateError::Version(other)),
        State { version: None, .. } => return Err(StateError::NotAState("it has no `version`".to_owned())),
    }
    let mut keys: Vec<StateKey> = Vec::new();
    let ours = |resource: &Resource| resource.mode == "managed" && resource.kind == "portkey_api_key";
    for Resource { module, mode: _, kind, name, instances } in state.resources.into_iter().filter(ours) {
        for Instance { index_key, deposed, attributes, attributes_flat } in instances {
            let id = match attributes.and_then(|attributes| attributes.id) {
                Some(Id::Text(id)) if !id.is_empty() => Ok(KeyId::new(id)),
                Some(Id::Text(_) | Id::Other(_)) | None if attributes_flat.is_some() => Err(NoId::Flat),
                Some(Id::Text(_) | Id::Other(_)) | None => Err(NoId::Missing),
            };
            let is_known = |key: &StateKey| match (&key.id, &id) {
                (Ok(one), Ok(other)) => one.as_str().eq_ignore_ascii_case(other.as_str()),
                (Err(_), _) | (_, Err(_)) => false,
            };
            if deposed.is_some() || keys.iter().any(is_known) {
                continue;
            }
            let module = module.as_ref().map_or_else(String::new, |module| format!("{module}."));
            let index = index_key.map_or_else(String::new, |index| index.to_string());
            keys.push(StateKey { address: format!("{module}{kind}.{name}{index}"), id });
        }
    }
    if keys.is_empty() { Err(StateError::NoKeys) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = include_str!("../../tests/tfstate/terraform.tfstate");

    #[test]
    fn the_keys_of_a_state_are_those_of_its_managed_resources_in_their_order() {
        let keys = keys_of_tfstate(STATE).unwrap();
        let found: Vec<String> =
            keys.iter().map(|key| format!("{} {}", key.address, key.id.as_ref().unwrap())).collect();
        assert_eq!(
            found,
            [
                "portkey_api_key.gamma cccccccc-0000-4000-8000-000000000003",
                "portkey_api_key.checkout[\"alpha\"] aaaaaaaa-0000-4000-8000-000000000001",
                "portkey_api_key.checkout[\"gone\"] eeeeeeee-0000-4000-8000-000000000005",
                "module.research.portkey_api_key.batch[0] bbbbbbbb-0000-4000-8000-000000000002",
            ]
        );
    }

    #[test]
    fn ids_of_other_resources_may_be_anything() {
        let keys = keys_of_tfstate(STATE).unwrap();
        for id in ["7", "-7.5e300", "true", "null", "[1]", "{\"a\": 1}"] {
            let other = format!(
                "\"resources\": [{{\"mode\": \"managed\", \"type\": \"other_thing\", \"name\": \"x\", \"instances\": \
                 [{{\"attributes\": {{\"id\": {id}}}}}]}},"
            );
            let state = STATE.replace("\"resources\": [", &other);
            assert!(state != STATE);
            assert_eq!(keys_of_tfstate(&state).unwrap(), keys, "{id}");
        }
    }

    #[test]
    fn what_names_no_key_is_told_with_the_reason() {
        let state = r#"{"version": 4, "resources": [{"mode": "managed", "type": "portkey_api_key", "name": "x",
          "instances": [
            {"index_key": 0, "attributes": {"id": null, "key": "sk"}},
            {"index_key": 1, "attributes_flat": {"id": "aaaaaaaa-0000-4000-8000-000000000001"}},
            {"index_key": 2, "attributes": {"id": "aaaaaaaa-0000-4000-8000-000000000001"}},
            {"index_key": 3, "attributes": {"id": "AAAAAAAA-0000-4000-8000-000000000001"}},
            {"index_key": 4, "deposed": "0a1b2c3d", "attributes": {"id": null}}
          ]}]}"#;
        let found: Vec<(String, Option<NoId>)> =
            keys_of_tfstate(state).unwrap().into_iter().map(|key| (key.address, key.id.err())).collect();
        assert_eq!(
            found,
            [
                ("portkey_api_key.x[0]".to_owned(), Some(NoId::Missing)),
                ("portkey_api_key.x[1]".to_owned(), Some(NoId::Flat)),
                ("portkey_api_key.x[2]".to_owned(), None),
            ]
        );
    }

    #[test]
    fn what_is_no_state_of_version_4_is_told_apart() {
        let error = |text: &str| keys_of_tfstate(text).unwrap_err();
        assert!(matches!(error("keys: []"), StateError::NotAState(_)));
        assert!(matches!(error("{}"), StateError::NotAState(_)));
        assert_eq!(error("{\"version\": 3, \"modules\": []}"), StateError::Version(3));
        assert_eq!(error("{\"encrypted_data\": \"x\", \"meta\": {}}"), StateError::Encrypted);
        assert_eq!(error("{\"version\": 4, \"resources\": []}"), StateError::NoKeys);
    }

    #[test]
    fn an_error_holds_nothing_of_the_state() {
        let broken = STATE.replace("\"version\": 4", "\"version\": \"sk-a-secret\"");
        assert!(!keys_of_tfstate(&broken).unwrap_err().to_string().contains("sk-a-secret"));
    }
}
