//! What is wrong with an expression.

/// Why a text is not an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    /// It is neither.
    #[error("expected rate(VALUE UNIT) or cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)")]
    Form,
    /// The value or the unit of a rate.
    #[error("a rate is a number from 1 with minute(s), hour(s) or day(s), for example rate(5 minutes)")]
    Rate,
    /// A field of a cron expression.
    #[error("the field {0} of the cron expression is not valid")]
    Field(&'static str),
    /// Both or none of the fields for days are `?`.
    #[error("one of the fields day-of-month and day-of-week is `?`, and the other one is not")]
    Days,
    /// No day is meant.
    #[error("the cron expression names no day that there is")]
    Never,
}
