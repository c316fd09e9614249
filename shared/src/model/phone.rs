//! Telephone numbers, from what people type to what Salestrekker takes: a country code of digits without a plus, and a national
//! number of digits without its trunk zero (salestrekker-second-reading.md, section 2.4: typed so in the vendor's own tests). This
//! is the only place that makes one.

use crate::private::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Australia's.
const DEFAULT: &str = "61";
/// A country with this code keeps the zero at the start of a national number: Italy.
const KEEPS_ZERO: &str = "39";
/// The first two digits of the codes with two digits; those that begin with 1 and 7 have one digit, all others three (ITU-T E.164,
/// list of assigned country codes).
const OF_TWO_DIGITS: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// A country's telephone code: one to three digits, such as `61`. `+61` and `0061` are read as the same; an empty text is
/// read as `61`.
///
/// ```
/// use automations::model::phone::PhoneCode;
///
/// assert_eq!(PhoneCode::parse("+61")?, PhoneCode::default());
/// assert_eq!(PhoneCode::parse("0064")?.as_str(), "64");
/// # Ok::<(), automations::model::phone::InvalidPhoneCode>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneCode(String);

/// The text is not a country's telephone code. It is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a country's telephone code: expected one to three digits, such as 61")]
pub struct InvalidPhoneCode;

/// A telephone number as it is sent to Salestrekker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The country code; none if there is no number, or what was typed is not one.
    pub code: Option<PhoneCode>,
    /// The national number, digits only; or what was typed, if that is not a number.
    pub number: Private<String>,
}

impl PhoneCode {
    /// Reads a code.
    ///
    /// # Errors
    /// [`InvalidPhoneCode`].
    pub fn parse(text: &str) -> Result<Self, InvalidPhoneCode> {
        let text = text.trim();
        let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
        if digits.is_empty() && text.is_empty() {
            return Ok(Self::default());
        }
        let is_code = (1..=3).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if is_code { Ok(Self(digits.to_owned())) } else { Err(InvalidPhoneCode) }
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PhoneCode {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl TryFrom<String> for PhoneCode {
    type Error = InvalidPhoneCode;

    fn try_from(text: String) -> Result<Self, InvalidPhoneCode> {
        Self::parse(&text)
    }
}

impl From<PhoneCode> for String {
    fn from(code: PhoneCode) -> Self {
        code.0
    }
}

impl Phone {
    /// The number that a person typed. `code` is the country of one that does not say its own by `+` or `00`. What is not a
    /// telephone number stays as it was typed, and has no code.
    pub fn read(typed: &str, code: &PhoneCode) -> Self {
        let typed = typed.trim();
        let as_typed = || Self { code: None, number: Private::new(typed.to_owned()) };
        let is_separator = |c: char| c.is_whitespace() || "-.()/".contains(c);
        let rest = typed.strip_prefix('+').unwrap_or(typed);
        if !rest.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
            return as_typed();
        }
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let international =
            if rest.len() < typed.len() { Some(digits.as_str()) } else { digits.strip_prefix("00") };
        let (code, national) = match international {
            None => (code.as_str(), digits.as_str()),
            Some(international) => match international.split_at_checked(length_of_code(international)) {
                Some(parts) => parts,
                None => return as_typed(),
            },
        };
        let national = if code == KEEPS_ZERO { national } else { national.trim_start_matches('0') };
        match PhoneCode::parse(code) {
            Ok(code) if !national.is_empty() => {
                Self { code: Some(code), number: Private::new(national.to_owned()) }
            }
            Ok(_) | Err(InvalidPhoneCode) => as_typed(),
        }
    }
}

/// The number of digits of the country code with which an international number begins.
fn length_of_code(international: &str) -> usize {
    match international.get(..2) {
        Some(two) if two.starts_with(['1', '7']) => 1,
        Some(two) if OF_TWO_DIGITS.contains(&two) => 2,
        Some(_) | None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(typed: &str) -> (String, String) {
        let Phone { code, number } = Phone::read(typed, &PhoneCode::default());
        (code.map(String::from).unwrap_or_default(), number.reveal().clone())
    }

    #[test]
    fn a_code_is_digits_however_it_is_written() {
        for text in ["61", "+61", "0061", " +61 ", ""] {
            assert_eq!(PhoneCode::parse(text).unwrap().as_str(), "61", "{text}");
        }
        for text in ["+", "00", "+0", "061", "6100", "AU", "6 1", "++61", "+0061"] {
            assert_eq!(PhoneCode::parse(text), Err(InvalidPhoneCode), "{text}");
        }
        assert!(serde_json::from_str::<PhoneCode>(r#""Australia""#).is_err());
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<PhoneCode>(r#""+64""#).unwrap()).unwrap(),
            r#""64""#
        );
    }

    #[test]
    fn a_number_is_sent_without_its_trunk_zero_and_with_its_code() {
        let mobile = ("61".to_owned(), "491570006".to_owned());
        for typed in [
            "0491 570 006",
            "491 570 006",
            "(0491) 570-006",
            "+61 491 570 006",
            "+61 (0)491 570 006",
            "0061 491.570.006",
            "491570006",
        ] {
            assert_eq!(read(typed), mobile, "{typed}");
        }
        for (typed, code, number) in [
            ("+64 21 555 0100", "64", "215550100"),
            ("+1 (202) 555-0100", "1", "2025550100"),
            ("+852 5555 0100", "852", "55550100"),
            ("+39 06 5555 0100", "39", "0655550100"),
        ] {
            assert_eq!(read(typed), (code.to_owned(), number.to_owned()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_number_stays_as_it_was_typed_and_has_no_code() {
        for typed in ["", "ask reception", "0491 570 006 (after 5 pm)", "+", "0", "+61", "00", "()"] {
            assert_eq!(read(typed), (String::new(), typed.to_owned()), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn a_number_that_was_read_is_read_as_itself(typed in "[+0-9 ()-]{0,18}|.{0,12}") {
            let once = Phone::read(&typed, &PhoneCode::default());
            let code = once.code.clone().unwrap_or_default();
            prop_assert_eq!(Phone::read(once.number.reveal(), &code), once);
        }
    }
}
