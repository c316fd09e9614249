//! The text of a message attribute.

/// An error's text as an attribute: not empty, at most 500 characters, and only those that SQS permits in a message
/// (Amazon SQS API Reference, `SendMessage`).
pub(super) fn attribute_value(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() || c > '\u{D7FF}' { ' ' } else { c }).take(500).collect();
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_holds_what_sqs_takes() {
        assert_eq!(attribute_value("no such label \u{1}\u{FFFF}x"), "no such label   x");
        assert_eq!(attribute_value(""), "-");
        assert_eq!(attribute_value(&"é".repeat(600)).chars().count(), 500);
    }
}
