//! Amounts of tickets, as received: the same amount may come as `450000` and as `450000.0`.

use serde_json::Number;

/// The amount in one form, so that equal amounts are equal numbers.
pub(crate) fn in_one_form(amount: &Number) -> Number {
    // A float without a fraction prints as an integer.
    let float = amount.as_f64().filter(|_| amount.is_f64());
    let whole = float.and_then(|float| float.to_string().parse::<i64>().ok());
    whole.map_or_else(|| amount.clone(), Number::from)
}

/// Whether two amounts are the same.
pub fn is_same(one: Option<&Number>, other: Option<&Number>) -> bool {
    one.map(in_one_form) == other.map(in_one_form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
