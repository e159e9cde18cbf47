//! The shapes that a refusal comes in (portkey-api.md 6): the Admin API's own, the gateway's, those
//! of older versions, and pages from whatever stands in between.

use serde_json::Value;

use super::error::clean;

/// The longest piece of the service's text that is shown.
const LONGEST_MESSAGE: usize = 200;

/// What a body says about why.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) vendor_code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) html: bool,
}

/// What becomes of text that stands in no known envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LooseText {
    /// It is repeated.
    Shown,
    /// It is not, for it may hold a secret.
    Withheld,
}

/// Reads the body of a refusal. `secret` is cut out of whatever is repeated from it.
pub(super) fn refusal(body: &[u8], loose_text: LooseText, secret: &str) -> Refusal {
    let loose = |text: &str| match loose_text {
        LooseText::Shown => Refusal { message: shown(text, secret), ..Refusal::default() },
        LooseText::Withheld => Refusal::default(),
    };
    match serde_json::from_slice(body) {
        Ok(Value::String(text)) => loose(&text),
        Ok(json) => refusal_in(&json, secret),
        Err(_) if is_html(body) => Refusal { html: true, ..Refusal::default() },
        Err(_) => loose(&String::from_utf8_lossy(body)),
    }
}

/// Reads a refusal from JSON of any known shape: `{"data": {"message", "errorCode"}}`,
/// `{"error": {"message", "code"}}`, `{"error": "…"}`, `{"errorCode", "message"}`.
pub(super) fn refusal_in(json: &Value, secret: &str) -> Refusal {
    let places = [json.get("data"), json.get("error"), Some(json)];
    let find = |names: &[&str]| {
        places.iter().flatten().find_map(|place| {
            names.iter().find_map(|name| match place.get(name) {
                Some(Value::String(text)) => shown(text, secret),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            })
        })
    };
    let message = find(&["message"]);
    Refusal {
        vendor_code: find(&["errorCode", "error_code", "code"]),
        message: message.or_else(|| shown(json.get("error")?.as_str()?, secret)),
        html: false,
    }
}

/// Whether the body of a 200 nevertheless says that the call failed.
pub(super) fn is_refusal(json: &Value) -> bool {
    json.get("success").and_then(Value::as_bool) == Some(false)
        || json.get("status").and_then(Value::as_str) == Some("failure")
        || json.get("error").is_some_and(|error| error.is_object() || error.is_string())
}

pub(super) fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

fn shown(text: &str, secret: &str) -> Option<String> {
    let text = clean(&text.replace(secret, "[the API key]"), LONGEST_MESSAGE);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<String>, Option<String>) {
        let Refusal { vendor_code, message, html } =
            refusal(body.as_bytes(), LooseText::Shown, "hunter2hunter2");
        assert!(!html, "{body}");
        (vendor_code, message)
    }

    fn said(code: &str, message: &str) -> (Option<String>, Option<String>) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (some(code), some(message))
    }

    #[test]
    fn every_known_envelope_of_a_refusal_is_read() {
        for (body, code, message) in [
            (
                r#"{"success":false,"data":{"message":"not allowed","errorCode":"AB03"}}"#,
                "AB03",
                "not allowed",
            ),
            (r#"{"errorCode":"AB01","message":"bad"}"#, "AB01", "bad"),
            (r#"{"error":{"message":"bad","code":"AB04"}}"#, "AB04", "bad"),
            (r#"{"error":{"message":"bad","code":4}}"#, "4", "bad"),
            (r#"{"error":"bad"}"#, "", "bad"),
            (r#"{"message":"bad"}"#, "", "bad"),
            (
                r#"{"status":"failure","message":"Portkey Error: X. Error Code: 03","error":{"message":"invalid key","code":"03"}}"#,
                "03",
                "invalid key",
            ),
            (r#""Forbidden""#, "", "Forbidden"),
            ("Bad Gateway\n", "", "Bad Gateway"),
            ("", "", ""),
            ("[]", "", ""),
            (r#"{"data":null,"error":null}"#, "", ""),
        ] {
            assert_eq!(read(body), said(code, message), "{body}");
        }
    }

    #[test]
    fn text_in_no_envelope_is_repeated_only_where_no_secret_can_be_in_it() {
        for body in
            [r#"{"id":"k1","key":"new-secr"#, r#""the key is new-secret""#, "upstream said new-secret"]
        {
            assert_eq!(refusal(body.as_bytes(), LooseText::Withheld, "x"), Refusal::default(), "{body}");
            let shown = refusal(body.as_bytes(), LooseText::Shown, "x").message.unwrap();
            assert!(shown.contains("new-secr"), "{shown}");
        }
        let known = refusal(br#"{"error":{"message":"bad","code":"AB04"}}"#, LooseText::Withheld, "x");
        assert_eq!(known.message.as_deref(), Some("bad"));
    }

    #[test]
    fn an_html_page_is_named_and_not_repeated() {
        let page = refusal(b" <!DOCTYPE html><html><h1>502 Bad Gateway</h1></html>", LooseText::Shown, "x");
        assert_eq!(page, Refusal { html: true, ..Refusal::default() });
    }

    #[test]
    fn the_text_of_a_refusal_is_short_and_harmless() {
        let body = serde_json::json!({"message": format!("\u{1b}[31mred\r\n\u{202e}{}", "x".repeat(900))});
        let message = read(&body.to_string()).1.unwrap();
        assert!(message.starts_with(r"\u{1b}[31mred\r\n\u{202e}xxx"), "{message}");
        assert!(message.ends_with('…'));
        assert!(message.chars().count() < 240);
    }

    #[test]
    fn a_refusal_that_repeats_the_api_key_is_shown_without_it() {
        let body = r#"{"message":"key hunter2hunter2 is not allowed"}"#;
        assert_eq!(read(body), said("", "key [the API key] is not allowed"));
    }

    #[test]
    fn only_a_body_that_says_so_is_a_refusal() {
        for (body, expected) in [
            (r#"{"success":false}"#, true),
            (r#"{"status":"failure","message":"x"}"#, true),
            (r#"{"error":{"message":"x"}}"#, true),
            (r#"{"success":true,"data":[]}"#, false),
            (r#"{"status":"active","error":null}"#, false),
            (r#"{"message":"updated"}"#, false),
            ("{}", false),
            ("null", false),
        ] {
            assert_eq!(is_refusal(&serde_json::from_str(body).unwrap()), expected, "{body}");
        }
    }
}
