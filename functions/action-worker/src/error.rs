//! Why an action was not performed, or perhaps not.

use automations::aws::batch::MessageError;
use automations::aws::secret;
use automations::failure::Remedy;
use automations::notice;
use automations::salestrekker::Error;
use automations::store::Error as StoreError;

/// Why an action was not performed.
#[derive(Debug, Clone)]
pub(crate) struct ActionError {
    pub(crate) error: MessageError,
    /// The action may have taken effect all the same.
    pub(crate) outcome_unknown: bool,
}

impl ActionError {
    /// A mutation took effect, and that could not be recorded.
    pub(crate) fn not_recorded(error: StoreError) -> Self {
        Self { outcome_unknown: true, ..error.into() }
    }
}

impl From<Error> for ActionError {
    fn from(error: Error) -> Self {
        let outcome_unknown = matches!(error, Error::OutcomeUnknown);
        let mut error = MessageError::from(error);
        if outcome_unknown {
            // If the action is not dead-lettered for its unknown outcome, it is performed again.
            error.remedy = Remedy::Retry { after: None };
        }
        Self { error, outcome_unknown }
    }
}

impl From<notice::Error> for ActionError {
    fn from(error: notice::Error) -> Self {
        Self { error: error.into(), outcome_unknown: false }
    }
}

impl From<secret::Error> for ActionError {
    fn from(error: secret::Error) -> Self {
        Self { error: error.into(), outcome_unknown: false }
    }
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        Self { error: error.into(), outcome_unknown: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::private::Private;

    #[test]
    fn what_has_no_answer_is_tried_again_where_it_is_not_parked() {
        let unknown = ActionError::from(Error::OutcomeUnknown);
        assert!(unknown.outcome_unknown && unknown.error.remedy == Remedy::Retry { after: None });
        let rejected = ActionError::from(Error::Rejected {
            messages: Private::default(),
            lines: Vec::new(),
            is_final: true,
        });
        assert!(!rejected.outcome_unknown && rejected.error.remedy == Remedy::DeadLetter);
    }
}
