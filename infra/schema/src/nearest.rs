//! The name that was probably meant.

/// Less alike than this, two names have nothing to do with each other.
const LEAST_ALIKE: f64 = 0.7;

/// The nearest of these names, where one is near; `idStage` and `stageId` are: the parts of a name may change places.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.into_iter().map(|other| (alike(name, other), other));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= LEAST_ALIKE).then_some(best.1)
}

fn alike(left: &str, right: &str) -> f64 {
    let letters = strsim::jaro_winkler(&left.to_lowercase(), &right.to_lowercase());
    let parts = strsim::jaro_winkler(&sorted_parts(left), &sorted_parts(right));
    letters.max(parts)
}

/// `idStage` as `id stage`, its parts in the order of the alphabet.
fn sorted_parts(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for letter in name.chars() {
        match parts.last_mut() {
            Some(part) if !letter.is_uppercase() && letter != '_' => part.push(letter),
            _ => parts.push(letter.to_lowercase().filter(|letter| *letter != '_').collect()),
        }
    }
    parts.sort();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant_or_none() {
        let names = ["id", "name", "stageId", "workflowId", "labels", "ticketMove"];
        for (wanted, found) in [
            ("idStage", Some("stageId")),
            ("idLabels", Some("labels")),
            ("naem", Some("name")),
            ("ticketUpdate", Some("ticketMove")),
            ("quux", None),
        ] {
            assert_eq!(nearest(wanted, names), found, "{wanted}");
        }
    }
}
