//! The clock of a local stack on which waits pass faster: `cargo xtask dev --clock 1h/s`.

use std::process::Command;
use std::str::FromStr;

/// The variable that functions read; shared/src/init.rs accepts it on a local stack only. The engine passes it on from its own
/// environment, so no template has it.
const VARIABLE: &str = "DEVELOPMENT_CLOCK";

/// Time that passes in a second: a number of minutes, hours or days, as in `30m/s`, `1h/s` and `7d/s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clock(String);

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").and_then(|time| time.strip_suffix(['m', 'h', 'd']));
        let is_clock = number.is_some_and(|number| number.parse::<u16>().is_ok_and(|number| number > 0));
        if is_clock {
            Ok(Self(text.to_owned()))
        } else {
            Err("write 30m/s, 1h/s or 7d/s, for example".to_owned())
        }
    }
}

impl Clock {
    /// Has the functions that this engine starts wait less.
    pub(crate) fn of_functions(&self, engine: &mut Command) {
        engine.env(VARIABLE, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::root;
    use std::ffi::OsStr;
    use std::fs;

    #[test]
    fn a_clock_is_a_number_of_minutes_hours_or_days_in_a_second() {
        for text in ["30m/s", "1h/s", "7d/s"] {
            let mut engine = Command::new("engine");
            text.parse::<Clock>().unwrap().of_functions(&mut engine);
            assert!(engine.get_envs().any(|pair| pair == (OsStr::new(VARIABLE), Some(OsStr::new(text)))));
        }
        for text in ["", "1h", "h/s", "0h/s", "-1h/s", "1s/s", "1h/s ", "70000d/s"] {
            assert!(text.parse::<Clock>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_template_has_the_variable() {
        let mut files = vec![root().join("template.yaml")];
        files.extend(fs::read_dir(root().join("infra/stacks")).unwrap().map(|file| file.unwrap().path()));
        assert!(files.len() > 5);
        for file in files {
            assert!(!fs::read_to_string(&file).unwrap().contains(VARIABLE), "{}", file.display());
        }
    }
}
