//! Amounts of tickets, as received: the same amount may come as `450000` and as `450000.0`.

use serde_json::Number;

/// What is more than this is a typing error.
const MAX_TYPED: f64 = 1e12;

/// The amount in one form, so that equal amounts are equal numbers.
pub(crate) fn in_one_form(amount: &Number) -> Number {
    // A float without a fraction prints as an integer.
    let float = amount.as_f64().filter(|_| amount.is_f64());
    let whole = float.and_then(|float| float.to_string().parse::<i64>().ok());
    whole.map_or_else(|| amount.clone(), Number::from)
}

/// The amount that a person typed, such as `$500,000`; none if it is not one.
///
/// ```
/// use automations::model::amount::typed;
///
/// assert_eq!(typed("$ 500,000"), Some(500_000.into()));
/// assert_eq!(typed("about half a million"), None);
/// ```
pub fn typed(text: &str) -> Option<Number> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !"$,".contains(*c)).collect();
    let is_plain = !plain.is_empty() && plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    let amount = plain.parse::<f64>().ok().filter(|amount| is_plain && *amount <= MAX_TYPED)?;
    Number::from_f64(amount).map(|number| in_one_form(&number))
}

/// Whether two amounts are the same.
pub fn is_same(one: Option<&Number>, other: Option<&Number>) -> bool {
    one.map(in_one_form) == other.map(in_one_form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_typed_in_many_forms_and_a_text_is_none() {
        for (text, amount) in
            [("500000", "500000"), ("$500,000.00", "500000"), ("1 250.5", "1250.5"), ("0", "0")]
        {
            assert_eq!(typed(text).map(|number| number.to_string()).as_deref(), Some(amount), "{text}");
        }
        for text in ["", "$", ".", "1.2.3", "-5", "5e3", "500k", "inf", "10000000000000"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_is_the_same_as_an_integer_and_as_a_float(amount in -1_000_000_000_000_i64..=1_000_000_000_000) {
            let float: Number = format!("{amount}.0").parse().unwrap();
            prop_assert!(float.is_f64());
            prop_assert!(is_same(Some(&amount.into()), Some(&float)));
            prop_assert!(!is_same(Some(&amount.into()), None));
        }

        #[test]
        fn the_one_form_of_an_amount_is_the_same_amount(amount: f64) {
            let Some(number) = Number::from_f64(amount) else { return Ok(()) };
            let form = in_one_form(&number);
            prop_assert_eq!(form.as_f64(), Some(amount));
            prop_assert_eq!(in_one_form(&form), form);
        }
    }
}
