//! Why a filter policy is not valid, and the limits.

/// Keys with conditions, the nested ones counted. AWS's pages differ in whether keys above them count: this is the stricter reading.
pub(super) const MAX_KEYS: usize = 5;
/// The numbers of values of all keys multiplied, each by the depth of its key (Amazon SNS Developer Guide, "Filter policy
/// constraints").
pub(super) const MAX_COMBINATIONS: usize = 150;

/// Why SNS would not accept a filter policy, or why this program cannot say what it accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// It is not a JSON object.
    #[error("it is not a JSON object: {0}")]
    NotAnObject(String),
    /// A key has neither a list of conditions nor an object.
    #[error("`{0}` is neither a list of conditions nor an object; write \"{0}\": [\"value\"]")]
    NotAList(String),
    /// A list of conditions is empty.
    #[error("`{0}` has no condition")]
    Empty(String),
    /// A condition is not one of those below.
    #[error(
        "`{0}` has the condition {1}, which is not known; there are exact values, prefix, suffix, equals-ignore-case, anything-but, \
         numeric and exists"
    )]
    UnknownCondition(String, String),
    /// A number is out of range.
    #[error(
        "`{0}` has the number {1}; SNS compares numbers from -1000000000 to 1000000000 with five decimals"
    )]
    Number(String, String),
    /// There are too many keys.
    #[error("it has {0} keys with conditions; SNS accepts {MAX_KEYS}, of which Events and Causes use two")]
    TooManyKeys(usize),
    /// There are too many values.
    #[error(
        "its values make {0} combinations (the numbers of values of all keys multiplied, each by the depth of its key); SNS accepts \
         {MAX_COMBINATIONS}"
    )]
    TooManyCombinations(usize),
}
