//! The environment variables, read once into one typed value, with all problems reported together.
//!
//! ```
//! use automations::config::Reader;
//!
//! let mut env = Reader::of([("QUEUE_URL".to_owned(), "http://127.0.0.1/q".to_owned())]);
//! let queue = env.required::<url::Url>("QUEUE_URL");
//! let table = env.required::<String>("TABLE_NAME");
//! let seconds = env.or("CACHE_SECONDS", 60_u64);
//! let config = env.finish(|| Some((queue?, table?, seconds)));
//! assert_eq!(config.unwrap_err().to_string(),
//!     "the function's environment is invalid: TABLE_NAME is not set; correct its variables in template.yaml");
//! ```

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// Reads variables and collects all problems.
#[derive(Debug)]
pub struct Reader {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

/// All problems of the environment: names and expected types, never values.
#[derive(Debug, thiserror::Error)]
#[error("the function's environment is invalid: {}; correct its variables in template.yaml", .problems.join("; "))]
pub struct InvalidEnvironment {
    problems: Vec<String>,
}

impl Reader {
    /// Reads this process's environment.
    pub fn of_process() -> Self {
        // `vars_os`, not `vars`: a variable that is not Unicode must not panic here; it counts as not set.
        Self::of(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads these variables, for tests.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), problems: Vec::new() }
    }

    /// The variable's value, or a problem.
    pub fn required<T: FromStr>(&mut self, name: &str) -> Option<T> {
        if self.variables.get(name).is_none_or(String::is_empty) {
            self.problems.push(format!("{name} is not set"));
            return None;
        }
        self.optional(name)
    }

    /// The variable's value, or `default` if it is not set. Use defaults for numbers and levels only: a
    /// missing address or name must be fatal, so that no function starts half configured.
    pub fn or<T: FromStr>(&mut self, name: &str, default: T) -> T {
        self.optional(name).unwrap_or(default)
    }

    /// The value of the JSON in the variable, or a problem that names the position in the JSON, never the
    /// value.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let text = self.required::<String>(name)?;
        match crate::json::from_json(text.as_bytes()) {
            Ok(value) => Some(value),
            Err(decode_error) => {
                self.problems.push(format!("{name} is not valid JSON of its type: {decode_error}"));
                None
            }
        }
    }

    /// The value of a text with a grammar of its own, its default if the text is empty or not set, or a problem with what its
    /// error says. The error must not quote the value.
    pub fn explained<T: FromStr<Err: Display> + Default>(&mut self, name: &str) -> Option<T> {
        match self.variables.get(name).map_or("", String::as_str) {
            "" => Some(T::default()),
            text => match text.parse() {
                Ok(value) => Some(value),
                Err(error) => {
                    self.problems.push(format!("{name} is not valid: {error}"));
                    None
                }
            },
        }
    }

    /// Adds a problem that is not one of a single variable's form; `text` must not quote a value.
    pub fn problem(&mut self, text: &str) {
        self.problems.push(text.to_owned());
    }

    /// The configuration that `build` creates from the values.
    ///
    /// # Errors
    /// [`InvalidEnvironment`] if any variable had a problem.
    pub fn finish<C>(self, build: impl FnOnce() -> Option<C>) -> Result<C, InvalidEnvironment> {
        match (self.problems.is_empty(), build()) {
            (true, Some(config)) => Ok(config),
            _ => Err(InvalidEnvironment { problems: self.problems }),
        }
    }

    fn optional<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.problems.push(format!("{name} is not a valid {}", short_name::<T>()));
        }
        parsed
    }
}

fn short_name<T>() -> &'static str {
    let name = type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once_and_no_value() {
        let variables = [("LIMIT", "secret-looking"), ("EMPTY", "")];
        let mut env = Reader::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let limit = env.required::<u64>("LIMIT");
        let empty = env.required::<String>("EMPTY");
        let absent = env.required::<String>("ABSENT");
        let error = env.finish(|| Some((limit?, empty?, absent?))).unwrap_err().to_string();
        for part in ["LIMIT is not a valid u64", "EMPTY is not set", "ABSENT is not set"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("secret-looking"), "{error}");
    }

    #[test]
    fn a_text_with_a_grammar_is_told_with_its_fault() {
        use crate::model::ticket_fields::TicketFields;
        let mut env = Reader::of([("FIELDS".to_owned(), "lender, due:secret-looking".to_owned())]);
        let (fields, absent) =
            (env.explained::<TicketFields>("FIELDS"), env.explained::<TicketFields>("ABSENT"));
        assert_eq!(absent, Some(TicketFields::default()));
        let error = env.finish(|| fields).unwrap_err().to_string();
        assert!(error.contains("FIELDS is not valid: entry 2: what follows a colon is neither"), "{error}");
        assert!(!error.contains("secret-looking"), "{error}");
    }

    #[test]
    fn a_malformed_number_is_no_reason_for_the_default() {
        let mut env = Reader::of([("LIMIT".to_owned(), "ten".to_owned())]);
        let limit = env.or("LIMIT", 5_u64);
        assert!(env.finish(|| Some(limit)).is_err());
    }
}
