//! An organisation's last day: its stack, its secrets and what operators set for it. What is known of its tickets stays.

use super::Organisations;
use anyhow::{Context as _, Result, bail};
use automations::aws::secret::LEAD_KEY;
use automations::id::OrganisationId;
use automations::store::Paused;

/// What was deleted beside an organisation's stack and its secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The number of handlers for which it had settings of its own.
    pub settings: usize,
    /// Whether it was paused.
    pub was_paused: bool,
}

impl Organisations {
    /// Removes an organisation's stack, all its secrets, its list query, its settings of handlers and its pause. Snapshots, journal and
    /// records stay in the table.
    ///
    /// # Errors
    /// If it has no stack, or a request fails.
    pub async fn remove(&self, organisation: &OrganisationId) -> Result<Removed> {
        if !self.has_stack(organisation).await? {
            bail!("{organisation} has no stack {}; see `list`", self.stack_of(organisation));
        }
        for kind in ["inbound-", "destination-", LEAD_KEY] {
            self.delete_secrets(organisation, kind).await?;
        }
        let again = "the organisation cannot be removed from the table; run the same command again";
        self.store.remove_listing(organisation).await.context(again)?;
        // An organisation that is added again with this name has none of them.
        let settings = self.store.delete_handler_settings(organisation).await.context(again)?;
        self.delete_stack(organisation).await?;
        // Until its token is gone, nothing is fetched or written.
        let was_paused = self.store.delete_pause(&Paused::Organisation(organisation.clone())).await;
        let was_paused = was_paused.with_context(|| {
            format!(
                "all is deleted but its pause: run `automations resume --organisation {organisation} --yes`"
            )
        })?;
        Ok(Removed { settings, was_paused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// The keys that are deleted from the table, in their order, and what the command says of them.
    async fn removed(settings: &[&str], is_paused: bool) -> (Removed, Vec<String>) {
        let deleted: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&deleted);
        let own = json!({ "Items": settings.iter().map(|handler| json!({
            "pk": { "S": "ORGANISATION#north" }, "sk": { "S": format!("HANDLER#{handler}") }, "settings": { "N": "7" },
        })).collect::<Vec<_>>() });
        let config = stub::config(Duration::ZERO, move |operation, request| {
            let mut deleted = seen.lock().unwrap();
            let response = match operation {
                "DescribeStacks" if deleted.contains(&"the stack".to_owned()) => {
                    let error = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack does not exist</Message></Error></ErrorResponse>";
                    return (400, error.to_owned());
                }
                "DescribeStacks" => {
                    let stack =
                        "<Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus></member></Stacks>";
                    return (200, stub::xml(operation, stack));
                }
                "DeleteStack" => {
                    deleted.push("the stack".to_owned());
                    return (200, stub::xml(operation, ""));
                }
                "Query" if request["ExpressionAttributeValues"][":pk"]["S"] == "ORGANISATION#north" => {
                    own.clone()
                }
                "DeleteItem" => {
                    let key = |part: &str| request["Key"][part]["S"].as_str().unwrap().to_owned();
                    deleted.push(format!("{} {}", key("pk"), key("sk")));
                    match key("pk").as_str() {
                        "PAUSES" if is_paused => json!({ "Attributes": request["Key"] }),
                        _ => json!({}),
                    }
                }
                "ListSecrets" => json!({ "SecretList": [] }),
                other => panic!("{other} {request}"),
            };
            (200, Value::to_string(&response))
        });
        let organisations = Organisations::new(&config, "a".to_owned(), None).unwrap();
        let removed = organisations.remove(&OrganisationId::parse("north").unwrap()).await.unwrap();
        let deleted = deleted.lock().unwrap().clone();
        (removed, deleted)
    }

    /// Also those that this version cannot read.
    #[tokio::test]
    async fn an_organisations_settings_and_pause_go_with_it() {
        let (what, deleted) = removed(&["h", "i"], true).await;
        assert_eq!(what, Removed { settings: 2, was_paused: true });
        let expected = [
            "ORGANISATIONS north",
            "ORGANISATION#north HANDLER#h",
            "ORGANISATION#north HANDLER#i",
            "the stack",
            "PAUSES ORGANISATION#north",
        ];
        assert_eq!(deleted, expected);
        assert_eq!(removed(&[], false).await.0, Removed { settings: 0, was_paused: false });
    }
}
