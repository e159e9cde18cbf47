//! The OpenAPI document of the emulator, and answers held against it.

use std::{collections::HashMap, path::Path, sync::LazyLock};

use jsonschema::Validator;
use portkey_sync::emulator::openapi;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// What an answer must look like: by method, path of the document and status.
struct Contract(HashMap<(String, String, u16), Option<Validator>>);

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = openapi();
    let mut answers = HashMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let schema = answer["content"].get("application/json").map(|content| {
                    let schema =
                        json!({"$ref": content["schema"]["$ref"], "components": document["components"]});
                    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
                });
                let place = (method.to_uppercase(), path.clone(), status.parse().unwrap());
                answers.insert(place, schema);
            }
        }
    }
    Contract(answers)
});

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, given)| expected.starts_with('{') || expected == given)
}

/// Fails where an answer is not what the document says.
pub(crate) fn assert_kept(
    method: &Method,
    target: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
) {
    let path = target.split('?').next().unwrap();
    let Some(path) = path.strip_prefix("/v1").map(|path| path.trim_end_matches('/')) else { return };
    let mut fitting: Vec<_> = CONTRACT
        .0
        .iter()
        .filter(|((asked, template, _), _)| asked == method.as_str() && fits(template, path))
        .collect();
    if fitting.is_empty() {
        assert!(matches!(status.as_u16(), 400 | 404 | 405), "{method} {target} is not described: {status}");
        return;
    }
    // Of two paths that fit, the one with more words of its own is meant.
    let braces = |template: &str| template.matches('{').count();
    let fewest = fitting.iter().map(|((_, template, _), _)| braces(template)).min().unwrap();
    fitting.retain(|((_, template, _), _)| braces(template) == fewest);
    let described = fitting.iter().find(|((_, _, described), _)| *described == status.as_u16());
    let (_, schema) =
        described.unwrap_or_else(|| panic!("{method} {target}: {status} is not described: {body}"));
    let content_type = headers["content-type"].to_str().unwrap();
    match schema {
        Some(schema) => {
            assert!(content_type.starts_with("application/json"), "{method} {target}: {content_type}");
            let body: Value = serde_json::from_str(body).unwrap();
            let breaches: Vec<String> = schema
                .iter_errors(&body)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(breaches.is_empty(), "{method} {target} {status}: {breaches:#?} in {body:#}");
        }
        None => assert!(content_type.starts_with("text/html"), "{method} {target}: {content_type}"),
    }
}

#[test]
fn the_published_document_is_that_of_the_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/emulator.openapi.json");
    let now = format!("{:#}\n", openapi());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), now, "UPDATE=1 writes it anew");
}

#[test]
fn every_schema_that_is_named_is_there_and_every_one_that_is_there_is_named() {
    let document = openapi();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.len() > 30, "{}", schemas.len());
    for name in schemas.keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name} is not used");
    }
    let named = text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    for name in named {
        assert!(schemas.contains_key(name), "{name} is not there");
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert_ne!(operation["summary"], "", "{method} {path}");
            let braces = path.matches('{').count();
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            assert_eq!(in_path.count(), braces, "{method} {path} lacks the description of a parameter");
        }
    }
}
