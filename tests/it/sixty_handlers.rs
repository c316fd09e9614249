//! A user with sixty handlers: every paged list from AWS is read to its last page.

use crate::support::among_others;
use anyhow::{Context as _, Result, ensure};
use automations::store::Store;
use automations::{aws, clock};
use automations_cli::DeadLetterQueues;
use aws_sdk_cloudformation::Client;
use end_to_end::stack::{Stack, resources_of};
use serde_json::{Map, Value, json};

/// More than the hundred resources of one page of `ListStackResources` (AWS CloudFormation API Reference).
const HANDLERS: usize = 60;
const STACK: &str = "sixty-handlers";

#[tokio::test]
async fn the_queues_and_alarms_of_sixty_handlers_are_all_found() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let client = Client::new(&aws::load()?);
    let template = json!({ "Resources": sixty(&stack.resources().await?)? });
    client.create_stack().stack_name(STACK).template_body(template.to_string()).send().await?;
    let found = found(&client).await;
    client.delete_stack().stack_name(STACK).send().await?;
    let (resources, queues) = found?;
    ensure!(resources == HANDLERS * 2, "{resources} resources");
    ensure!(queues == HANDLERS, "{queues} dead-letter queues");
    Ok(())
}

async fn found(client: &Client) -> Result<(usize, usize)> {
    let resources = resources_of(client, STACK).await?.len();
    let store = Store::new(aws::dynamodb(&aws::load()?), String::new());
    let queues = DeadLetterQueues::new(&aws::load()?, STACK.to_owned(), store, clock::now());
    let queues = queues.counts().await?.len();
    Ok((resources, queues))
}

/// The queues and an alarm of one handler of the transformed template, sixty times under other names.
fn sixty(resources: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for number in 0..HANDLERS {
        for part in ["DeadLetters", "AlarmDeadLetters"] {
            let id = format!("{part}FollowUpOnSettlement");
            let text = resources.get(&id).with_context(|| format!("no {id}"))?.to_string();
            let own = text.replace("FollowUpOnSettlement", &format!("H{number}"));
            let own = own.replace("follow-up-on-settlement", &format!("h{number}"));
            let mut own: Value = serde_json::from_str(&own)?;
            if let Some(resource) = own.as_object_mut() {
                resource.remove("Condition");
            }
            if let Some(properties) = own.get_mut("Properties").and_then(Value::as_object_mut) {
                // Leave out references to parameters of the whole template, and long texts: a template has at most 51,200 bytes.
                let of_whole = [
                    "KmsMasterKeyId",
                    "SqsManagedSseEnabled",
                    "AlarmActions",
                    "OKActions",
                    "AlarmDescription",
                    "AlarmName",
                    "DatapointsToAlarm",
                ];
                properties.retain(|name, _| !of_whole.contains(&name.as_str()));
            }
            all.insert(format!("{part}H{number}"), own);
        }
    }
    Ok(all)
}
