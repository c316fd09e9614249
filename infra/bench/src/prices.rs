//! All prices: US dollars in ap-southeast-2, without free tiers. No sum of them is called verified while a price in it is not.
//!
//! A price is verified if it was read on AWS's page, or in its price list, for this region. To verify one, read it there, correct
//! it, and write the date and `is_verified: true`; `cargo xtask bench --prices` prints them all.

use std::fmt::Write as _;
use std::iter::Sum;

/// The price of one unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Price {
    dollars: f64,
    /// What one unit is.
    unit: &'static str,
    /// The page on aws.amazon.com that has it.
    page: &'static str,
    /// When it was written here, or verified.
    date: &'static str,
    is_verified: bool,
}

/// A sum of money, and whether every price in it is verified.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dollars {
    amount: f64,
    is_verified: bool,
}

const MILLION: f64 = 1_000_000.0;

/// From memory; no page with this region's prices could be read where they were written down.
const fn unverified(dollars: f64, unit: &'static str, page: &'static str) -> Price {
    Price { dollars, unit, page, date: "2026-11", is_verified: false }
}

// For arm64, as `janritter/aws-lambda-live-tuner` on GitHub has it for this region; not AWS's own page.
pub(crate) static LAMBDA_GB_SECOND: Price =
    unverified(0.000_013_333_4, "GB-second of Lambda, arm64", "lambda");
pub(crate) static LAMBDA_REQUEST: Price = unverified(0.20 / MILLION, "invocation of Lambda", "lambda");
pub(crate) static SQS: Price = unverified(0.40 / MILLION, "request to SQS, standard", "sqs");
pub(crate) static SQS_FIFO: Price = unverified(0.50 / MILLION, "request to SQS, FIFO", "sqs");
pub(crate) static WRITE_UNIT: Price =
    unverified(0.711_5 / MILLION, "write unit of DynamoDB, on demand", "dynamodb");
pub(crate) static READ_UNIT: Price =
    unverified(0.142_3 / MILLION, "read unit of DynamoDB, on demand", "dynamodb");
pub(crate) static PUBLISHED: Price =
    unverified(0.30 / MILLION, "message published on an SNS FIFO topic", "sns");
pub(crate) static DELIVERED: Price = unverified(0.01 / MILLION, "message that it delivers to a queue", "sns");
pub(crate) static LOG_GB: Price = unverified(0.67, "GB of logs collected by CloudWatch", "cloudwatch");
pub(crate) static SECRET: Price = unverified(0.40, "secret for a month", "secrets-manager");
pub(crate) static SECRET_READ: Price =
    unverified(0.05 / 10_000.0, "request to Secrets Manager", "secrets-manager");
pub(crate) static ALARM: Price = unverified(0.10, "alarm on a metric for a month", "cloudwatch");
pub(crate) static COMPOSITE_ALARM: Price = unverified(0.50, "composite alarm for a month", "cloudwatch");
pub(crate) static METRIC: Price = unverified(0.30, "metric of our own for a month", "cloudwatch");
pub(crate) static SCHEDULE: Price =
    unverified(1.00 / MILLION, "invocation by EventBridge Scheduler", "eventbridge");
pub(crate) static DASHBOARD: Price = unverified(3.00, "dashboard for a month", "cloudwatch");
pub(crate) static WEB_ACL: Price = unverified(5.00, "web ACL for a month", "waf");
pub(crate) static WEB_RULE: Price = unverified(1.00, "rule of a web ACL for a month", "waf");
pub(crate) static KEY: Price = unverified(1.00, "customer managed key for a month", "kms");

static ALL: [&Price; 19] = [
    &LAMBDA_GB_SECOND,
    &LAMBDA_REQUEST,
    &SQS,
    &SQS_FIFO,
    &WRITE_UNIT,
    &READ_UNIT,
    &PUBLISHED,
    &DELIVERED,
    &LOG_GB,
    &SECRET,
    &SECRET_READ,
    &ALARM,
    &COMPOSITE_ALARM,
    &METRIC,
    &SCHEDULE,
    &DASHBOARD,
    &WEB_ACL,
    &WEB_RULE,
    &KEY,
];

impl Price {
    /// What this number of units costs.
    pub(crate) fn of(&self, units: f64) -> Dollars {
        Dollars { amount: self.dollars * units, is_verified: self.is_verified }
    }
}

impl Dollars {
    /// Nothing, which is known for sure.
    pub(crate) const ZERO: Self = Self { amount: 0.0, is_verified: true };

    /// The number of dollars.
    pub(crate) fn amount(self) -> f64 {
        self.amount
    }

    /// Both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { amount: self.amount + other.amount, is_verified: self.is_verified && other.is_verified }
    }

    /// This number of times.
    pub(crate) fn times(self, number: f64) -> Self {
        Self { amount: self.amount * number, ..self }
    }

    /// What has to stand beside the sum.
    pub(crate) fn note(self) -> &'static str {
        if self.is_verified { "prices verified" } else { "prices not verified" }
    }
}

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Self::plus)
    }
}

/// All prices as a table of Markdown.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "| US dollars, ap-southeast-2 | a million | one | page | date | verified |\n|---|---|---|---|---|---|\n",
    );
    for Price { dollars, unit, page, date, is_verified } in ALL {
        let [million, one] = if *dollars < 0.01 {
            [format!("{:.4}", dollars * MILLION), "–".to_owned()]
        } else {
            ["–".to_owned(), format!("{dollars:.2}")]
        };
        let is_verified = if *is_verified { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| {unit} | {million} | {one} | aws.amazon.com/{page}/pricing | {date} | {is_verified} |"
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_price_that_is_not_verified_makes_the_sum_so() {
        let price = |is_verified| Price { is_verified, ..unverified(2.0, "thing", "page") };
        let [known, guessed] = [price(true).of(3.0), price(false).of(0.5)];
        assert_eq!((known.note(), guessed.note()), ("prices verified", "prices not verified"));
        assert_eq!([known, known].into_iter().sum::<Dollars>().note(), "prices verified");
        let sum: Dollars = [known, guessed, known].into_iter().sum();
        assert_eq!((sum.note(), sum.amount()), ("prices not verified", 13.0));
        assert_eq!(sum.times(2.0).note(), "prices not verified");
    }

    #[test]
    fn the_page_has_the_table_of_prices() {
        let page = include_str!("../../../docs/performance.md");
        let table = markdown();
        assert!(
            page.contains(&table),
            "docs/performance.md must have this table (cargo xtask bench --prices):\n{table}"
        );
    }
}
