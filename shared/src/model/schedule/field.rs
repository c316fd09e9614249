//! A field of a cron expression: a set of numbers.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The numbers that a field allows: all of them, or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field(BTreeSet<i16>);

/// The range of a field, and the names of its numbers from the first one on.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) numbers: RangeInclusive<i16>,
    pub(super) names: &'static [&'static str],
}

impl Field {
    /// Reads `*`, numbers, names, ranges, steps (`0/15`, `*/15`, `1-9/2`), and lists of them.
    pub(super) fn parse(text: &str, range: &Range) -> Option<Self> {
        let mut all = BTreeSet::new();
        for part in text.split(',') {
            let (base, step) = match part.split_once('/') {
                Some((base, step)) => (base, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
                None => (part, None),
            };
            let last = *range.numbers.end();
            let numbers = match base.split_once('-') {
                _ if base == "*" => range.numbers.clone(),
                Some((first, last)) => range.number(first)?..=range.number(last)?,
                None if step.is_some() => range.number(base)?..=last,
                None => range.number(base)?..=range.number(base)?,
            };
            if numbers.is_empty() {
                return None;
            }
            all.extend(numbers.step_by(step.unwrap_or(1)));
        }
        Some(Self(all))
    }

    pub(super) fn has(&self, number: i16) -> bool {
        self.0.contains(&number)
    }

    pub(super) fn numbers(&self) -> impl DoubleEndedIterator<Item = i16> {
        self.0.iter().copied()
    }

    pub(super) fn last(&self) -> Option<i16> {
        self.0.last().copied()
    }

    pub(super) fn first(&self) -> Option<i16> {
        self.0.first().copied()
    }
}

impl Range {
    /// A number of the range, or its name.
    pub(super) fn number(&self, text: &str) -> Option<i16> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(position) => self.numbers.start().checked_add(i16::try_from(position).ok()?)?,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        self.numbers.contains(&number).then_some(number)
    }
}
