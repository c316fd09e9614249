//! Whether the actions of one handler on one ticket were performed in the order of the ticket's versions.

/// An action that was performed, or whose effect arrived at Salestrekker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Performed {
    /// The ticket's version at which the handler decided it.
    pub(crate) version: u64,
    /// Its position among the actions of the event.
    pub(crate) position: usize,
    /// When it was performed: any clock that does not go back.
    pub(crate) at: u64,
}

/// Actions that were performed after one of a later version, as text.
pub(crate) fn across_events(performed: &[Performed]) -> Vec<String> {
    inversions(performed, |earlier, later| earlier.version < later.version)
}

/// Actions that were performed after a later one of the same event, as text.
pub(crate) fn within_events(performed: &[Performed]) -> Vec<String> {
    let is_before =
        |one: &Performed, other: &Performed| one.version == other.version && one.position < other.position;
    inversions(performed, is_before)
}

fn inversions(performed: &[Performed], is_before: impl Fn(&Performed, &Performed) -> bool) -> Vec<String> {
    let first_later = |one: &Performed| {
        let later = performed.iter().filter(|other| is_before(one, other) && other.at < one.at);
        later.min_by_key(|other| other.at).cloned()
    };
    let text = |one: &Performed, other: &Performed| {
        let late = one.at.saturating_sub(other.at);
        let (action, by) = (name(one), name(other));
        format!("{action} was performed {late} after {by}")
    };
    performed.iter().filter_map(|one| Some(text(one, &first_later(one)?))).collect()
}

fn name(Performed { version, position, .. }: &Performed) -> String {
    format!("version {version}, action {position}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(of: &[(u64, usize, u64)]) -> Vec<Performed> {
        of.iter().map(|&(version, position, at)| Performed { version, position, at }).collect()
    }

    #[test]
    fn actions_in_the_order_of_versions_and_positions_are_in_order() {
        let performed = all(&[(1, 0, 10), (1, 1, 11), (3, 0, 11), (3, 1, 20)]);
        assert!(across_events(&performed).is_empty() && within_events(&performed).is_empty());
    }

    #[test]
    fn an_action_of_an_earlier_version_after_one_of_a_later_is_out_of_order() {
        let found = across_events(&all(&[(1, 0, 10), (2, 0, 40), (3, 0, 30)]));
        assert_eq!(found, ["version 2, action 0 was performed 10 after version 3, action 0"]);
        assert!(within_events(&all(&[(1, 0, 10), (2, 0, 40), (3, 0, 30)])).is_empty());
    }

    #[test]
    fn the_second_action_of_an_event_before_the_first_is_out_of_order() {
        let found = within_events(&all(&[(1, 0, 15), (1, 1, 11)]));
        assert_eq!(found, ["version 1, action 0 was performed 4 after version 1, action 1"]);
        assert!(across_events(&all(&[(1, 0, 15), (1, 1, 11)])).is_empty());
    }

    #[test]
    fn an_action_that_was_not_performed_is_not_out_of_order() {
        assert!(across_events(&all(&[(1, 0, 10), (3, 0, 30)])).is_empty());
    }
}
