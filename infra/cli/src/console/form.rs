//! The fields of a form that a page sent.

use url::form_urlencoded;

/// A form's fields, in their order. The guard makes it: a page that gets one knows that its token was right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Of a body that is `application/x-www-form-urlencoded`.
    pub(super) fn of(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a field; empty if there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_be_there_several_times_and_is_decoded() {
        let form = Form::of(b"id=a&id=b+c&change=redrive&empty=&token=%3Cx%3E");
        assert_eq!(form.all("id").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(
            [form.one("change"), form.one("empty"), form.one("none"), form.one("token")],
            ["redrive", "", "", "<x>"]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_a_form(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = Form::of(&body).one("token");
        }
    }
}
