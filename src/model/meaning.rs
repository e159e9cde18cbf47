//! What a value means, as a short text that can be compared.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Sixteen hexadecimal digits that stand for a value: equal for equal values on every machine, whatever the order of
/// members in its objects.
pub fn meaning(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                write(&Value::String(name.clone()), out);
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_members_means_nothing_and_all_else_does() {
        let value = json!({"a": [1, 2], "b": {"c": null, "d": "x"}});
        assert_eq!(meaning(&value), meaning(&json!({"b": {"d": "x", "c": null}, "a": [1, 2]})));
        for other in [
            json!({"a": [2, 1], "b": {"c": null, "d": "x"}}),
            json!({"a": [1, 2], "b": {"d": "x"}}),
            json!({"a": [1, 2], "b": {"c": null, "d": "x,"}}),
            json!({"a": [1], "b": {"c": null, "d": "x"}}),
            json!([]),
        ] {
            assert_ne!(meaning(&value), meaning(&other), "{other}");
        }
        assert_eq!(meaning(&value).len(), 16);
    }

    #[test]
    fn punctuation_in_a_text_cannot_pass_for_structure() {
        assert_ne!(meaning(&json!(["a", "b"])), meaning(&json!(["a\",\"b"])));
        assert_ne!(meaning(&json!({"a": 1, "b": 2})), meaning(&json!({"a\":1,\"b": 2})));
    }
}
