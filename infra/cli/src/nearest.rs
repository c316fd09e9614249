//! Finds the most similar name.

/// The smallest similarity (0 to 1) that counts as similar.
const MIN_SIMILARITY: f64 = 0.7;

/// The most similar of these names, if one is similar enough. The parts of a name may be in another order: `idStage` is
/// similar to `stageId`.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.into_iter().map(|other| (similarity(name, other), other));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= MIN_SIMILARITY).then_some(best.1)
}

fn similarity(left: &str, right: &str) -> f64 {
    let characters = strsim::jaro_winkler(&left.to_lowercase(), &right.to_lowercase());
    let parts = strsim::jaro_winkler(&sorted_parts(left), &sorted_parts(right));
    characters.max(parts)
}

/// The lower-case parts of a name in alphabetical order: `id stage` for `stageId`.
fn sorted_parts(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for character in name.chars() {
        match parts.last_mut() {
            Some(part) if !character.is_uppercase() && character != '_' => part.push(character),
            _ => parts.push(character.to_lowercase().filter(|character| *character != '_').collect()),
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
