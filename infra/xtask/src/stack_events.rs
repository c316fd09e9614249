//! The table of stack events that `sam deploy` prints, whose cells go on in the lines below them.

const COLUMNS: [&str; 4] = ["ResourceStatus", "ResourceType", "LogicalResourceId", "ResourceStatusReason"];

/// The first resource that failed, and why.
pub(crate) fn first_failure(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let first = lines.iter().position(|line| line.contains("_FAILED"))?;
    let header = lines.iter().take(first).rfind(|line| COLUMNS.iter().all(|name| line.contains(name)))?;
    let starts: Vec<usize> = COLUMNS.iter().filter_map(|name| column(header, name)).collect();
    let [status, _, resource, reason] = starts.as_slice() else { return None };
    let cell = |line: &str, from: usize, to: usize| {
        let text: String = line.chars().skip(from).take(to.saturating_sub(from)).collect();
        text.trim().to_owned()
    };
    let (mut name, mut words) = (String::new(), Vec::new());
    for (offset, line) in lines.iter().skip(first).enumerate() {
        // The next row has a status of its own; `UPDATE_FAILED` may go on in a second line, in part.
        let next_row = cell(line, *status, *resource).contains("::") || line.starts_with("---");
        if offset > 0 && next_row {
            break;
        }
        name.push_str(&cell(line, *resource, *reason));
        words.push(cell(line, *reason, usize::MAX));
    }
    Some(format!("{name}: {}", words.join(" ").trim()))
}

/// Where a column begins, in characters. `ResourceStatus` is the beginning of another one's name too.
fn column(header: &str, name: &str) -> Option<usize> {
    let at = header.match_indices(name).find(|(at, _)| {
        let after = header.get(at.saturating_add(name.len())..).unwrap_or_default();
        after.is_empty() || after.starts_with(' ')
    });
    at.map(|(at, _)| header.get(..at).unwrap_or_default().chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_of_the_table_is_one_sentence() {
        let log = "\
---------------------------------------------------------------------------------------------------
ResourceStatus           ResourceType             LogicalResourceId        ResourceStatusReason
---------------------------------------------------------------------------------------------------
CREATE_IN_PROGRESS       AWS::SQS::Queue          EventsOne                -
UPDATE_FAILED            AWS::SNS::Subscription   SubscriptionReviewAft    Invalid parameter:
                                                  erSettlement             FilterPolicy: Invalid
                                                                           JSON
UPDATE_ROLLBACK_IN_PRO   AWS::CloudFormation::S   automations              x
";
        assert_eq!(
            first_failure(log).unwrap(),
            "SubscriptionReviewAfterSettlement: Invalid parameter: FilterPolicy: Invalid JSON"
        );
        assert_eq!(first_failure("no table"), None);
        assert_eq!(first_failure("UPDATE_FAILED without a header"), None);
    }
}
