//! Times on the command line: a point in time, or a duration before now.

use anyhow::{Context as _, Result, bail};
use automations::clock::Timestamp;
use jiff::{Span, SpanRelativeTo, Unit};
use std::time::Duration;

/// A time as an operator writes it: RFC 3339, such as 2026-11-25T09:30:00Z, or a duration before `now`, such as 36h, 2w or 1d12h.
/// A day is 24 hours.
///
/// # Errors
/// If it is neither.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let wrong = || {
        format!("not a time: {text}; write RFC 3339 (2026-11-25T09:30:00Z) or a duration (36h, 2w, 1d12h)")
    };
    let span: Span = text.parse().with_context(wrong)?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).with_context(wrong)?;
    if seconds < 0.0 {
        bail!(wrong());
    }
    Ok(now.earlier(Duration::try_from_secs_f64(seconds).with_context(wrong)?))
}

/// The same for clap: only whether it is a time.
///
/// # Errors
/// If it is not.
pub(crate) fn check(text: &str) -> Result<String, String> {
    match parse(text, automations::clock::now()) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A time as an operator writes it: RFC 3339, or a duration after `now`, such as 36h or 2w.
///
/// # Errors
/// If it is neither.
pub(crate) fn ahead(text: &str, now: Timestamp) -> Result<Timestamp> {
    match text.parse() {
        Ok(time) => Ok(time),
        Err(_) => Ok(now.later(now.since(parse(text, now)?))),
    }
}

/// A duration as people read it, in its largest unit: `45 s`, `3 min`, `5 h`, `12 d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_timestamp_or_a_duration_before_now() {
        let now = Timestamp::from_seconds(10_000_000);
        for (text, before) in [
            ("10s", 10),
            ("2m", 120),
            ("90m", 5_400),
            ("36h", 129_600),
            ("1d", 86_400),
            ("1d12h", 129_600),
            ("1d 12h", 129_600),
            ("2w", 1_209_600),
            ("2 weeks", 1_209_600),
            ("1h 30m ago", 0),
        ] {
            let expected = Timestamp::from_seconds(10_000_000 - before);
            match before {
                0 => assert!(parse(text, now).is_err(), "{text}"),
                _ => assert_eq!(parse(text, now).unwrap(), expected, "{text}"),
            }
        }
        let time = parse("2026-11-25T19:30:00+10:00", now).unwrap();
        assert_eq!(time.to_string(), "2026-11-25T09:30:00.000Z");
        for wrong in ["", "h", "-1h", "yesterday", "1790000000", "99999999999999999999d", "1ä", "2026-11-25"]
        {
            assert!(parse(wrong, now).unwrap_err().to_string().contains("not a time"), "{wrong}");
        }
    }

    #[test]
    fn a_time_ahead_is_a_timestamp_or_a_duration_after_now() {
        let now = Timestamp::from_seconds(10_000_000);
        assert_eq!(ahead("36h", now).unwrap(), Timestamp::from_seconds(10_129_600));
        assert_eq!(ahead("2026-11-25T09:30:00Z", now).unwrap().to_string(), "2026-11-25T09:30:00.000Z");
        assert!(ahead("soon", now).is_err());
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        assert_eq!([0, 119, 120, 7_200, 172_800].map(age), ["0 s", "119 s", "2 min", "2 h", "2 d"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_time_or_an_error(text in ".*") {
            let _ = parse(&text, Timestamp::from_seconds(1));
        }
    }
}
