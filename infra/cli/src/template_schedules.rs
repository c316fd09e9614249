//! The loop over the handlers' schedules in template.yaml, edited as text. It lists the entries of the table with the key `Schedule`, and
//! is there only if there is one: AWS does not promise to accept an empty list.

use anyhow::{Context as _, Result};

const LOOP: &str = "\n  Fn::ForEach::Schedules:\n    - Name\n    - [";

/// The names in the loop's list; none without a loop.
pub fn listed(template: &str) -> Vec<&str> {
    let list = template.split_once(LOOP).and_then(|(_, rest)| rest.split_once(']'));
    list.map(|(names, _)| names.split(", ").collect()).unwrap_or_default()
}

/// The template with one name more in the list.
///
/// # Errors
/// Without a loop.
pub(crate) fn with(template: &str, id: &str) -> Result<String> {
    let mut names = listed(template);
    let missing = "template.yaml has no loop `Fn::ForEach::Schedules`, which went with the last handler that had a schedule: take it from the file's history";
    let (before, rest) = template.split_once(LOOP).context(missing)?;
    names.push(id);
    names.sort_unstable();
    let after = rest.split_once(']').map_or("", |(_, after)| after);
    Ok(format!("{before}{LOOP}{}]{after}", names.join(", ")))
}

/// The template with one name less in the list, and without the loop if that was the last one.
pub(crate) fn without(template: &str, id: &str) -> String {
    let names: Vec<&str> = listed(template).into_iter().filter(|name| *name != id).collect();
    let Some((before, rest)) = template.split_once(LOOP) else { return template.to_owned() };
    if names.is_empty() {
        // The loop ends before the next empty line.
        let after = rest.find("\n\n").map_or("", |end| rest.get(end..).unwrap_or_default());
        return format!("{before}{after}");
    }
    let after = rest.split_once(']').map_or("", |(_, after)| after);
    format!("{before}{LOOP}{}]{after}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "a:\n  # schedules\n  Fn::ForEach::Schedules:\n    - Name\n    - [Ant, Bee]\n    - S${Name}:\n        Type: x\n\n  # next\n";

    #[test]
    fn a_name_leaves_the_list_and_the_last_one_takes_the_loop_away() {
        assert_eq!(listed(TEMPLATE), ["Ant", "Bee"]);
        let one = without(TEMPLATE, "Ant");
        assert_eq!(one, TEMPLATE.replace("[Ant, Bee]", "[Bee]"));
        assert_eq!(without(&one, "Cow"), one);
        let none = without(&one, "Bee");
        assert_eq!(none, "a:\n  # schedules\n\n  # next\n");
        assert_eq!(with(&one, "Ant").unwrap(), TEMPLATE);
        assert!(with(&none, "Ant").unwrap_err().to_string().contains("no loop"));
        assert_eq!((without(&none, "Bee"), listed(&none).len()), (none.clone(), 0));
    }

    #[test]
    fn the_projects_template_has_the_loop() {
        let template = include_str!("../../../template.yaml");
        assert!(listed(template).contains(&"DigestOfStalledTickets"));
        let rest = without(template, "DigestOfStalledTickets");
        assert!(rest.contains("\n\n  # ---") && !rest.contains("Schedule${Name}"), "{rest}");
    }
}
