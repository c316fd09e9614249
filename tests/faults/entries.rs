//! The entries of batch calls: taken out of requests, and added to responses as failed.

use crate::call::{Body, Call, Service};
use serde_json::{Value, json};

/// An entry that was taken out of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Taken {
    /// Its id.
    id: String,
    /// A call with nothing but this entry.
    pub(crate) alone: Call,
}

/// Names of SNS's entries start with this and their number, from 1.
const MEMBER: &str = "PublishBatchRequestEntries.member.";

/// The number of entries; 0 if it has none.
pub(crate) fn count(call: &Call) -> usize {
    match &call.body {
        Body::Json(json) => json.get("Entries").and_then(Value::as_array).map_or(0, Vec::len),
        Body::Form(fields) => {
            fields.iter().filter_map(|(name, _)| member(name)).map(|(n, _)| n).max().unwrap_or(0)
        }
    }
}

/// Takes entry `index`, from 0, out of a call.
pub(crate) fn take(call: &mut Call, index: usize) -> Option<Taken> {
    if index >= count(call) {
        return None;
    }
    let (service, operation) = (call.service, call.operation.clone());
    let (id, body) = match &mut call.body {
        Body::Json(json) => {
            let mut alone = json.clone();
            let entry = json.get_mut("Entries")?.as_array_mut()?.remove(index);
            let id = entry.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
            *alone.get_mut("Entries")? = json!([entry]);
            (id, Body::Json(alone))
        }
        Body::Form(fields) => {
            let number = index.saturating_add(1);
            let mut alone = Vec::new();
            let mut rest = Vec::new();
            let mut id = String::new();
            for (name, value) in fields.drain(..) {
                match member(&name) {
                    Some((own, part)) if own == number => {
                        if part == "Id" {
                            id.clone_from(&value);
                        }
                        alone.push((format!("{MEMBER}1.{part}"), value));
                    }
                    Some((own, part)) if own > number => {
                        rest.push((format!("{MEMBER}{}.{part}", own.saturating_sub(1)), value));
                    }
                    Some(_) => rest.push((name, value)),
                    None => {
                        alone.push((name.clone(), value.clone()));
                        rest.push((name, value));
                    }
                }
            }
            *fields = rest;
            (id, Body::Form(alone))
        }
    };
    Some(Taken { id, alone: Call { service, operation, body } })
}

/// The response to a batch without entries, which no service accepts: every one was taken out.
pub(crate) fn response_without_entries(service: Service) -> String {
    match service {
        Service::Sqs => json!({ "Successful": [], "Failed": [] }).to_string(),
        Service::Sns => {
            "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
            <Successful></Successful><Failed></Failed></PublishBatchResult><ResponseMetadata><RequestId>0\
            </RequestId></ResponseMetadata></PublishBatchResponse>"
                .to_owned()
        }
        Service::DynamoDb | Service::SecretsManager => "{}".to_owned(),
    }
}

/// The response with the entry that was taken out as failed; none if it is not a response to a batch.
pub(crate) fn with_failed(response: &str, taken: &Taken, code: &str) -> Option<String> {
    let Taken { id, alone } = taken;
    let message = "injected by the fault proxy";
    match alone.service {
        Service::Sqs => {
            let mut json: Value = serde_json::from_str(response).ok()?;
            let failed = json.as_object_mut()?.entry("Failed").or_insert(json!([]));
            let entry = json!({ "Id": id, "Code": code, "SenderFault": false, "Message": message });
            failed.as_array_mut()?.push(entry);
            Some(json.to_string())
        }
        Service::Sns => {
            let member = format!(
                "<member><Id>{id}</Id><Code>{code}</Code><Message>{message}</Message><SenderFault>false</SenderFault></member>"
            );
            let response = response.replacen("<Failed/>", "<Failed></Failed>", 1);
            if !response.contains("</Failed>") {
                let failed = format!("<Failed>{member}</Failed></PublishBatchResult>");
                return response
                    .contains("</PublishBatchResult>")
                    .then(|| response.replacen("</PublishBatchResult>", &failed, 1));
            }
            Some(response.replacen("</Failed>", &format!("{member}</Failed>"), 1))
        }
        Service::DynamoDb | Service::SecretsManager => None,
    }
}

/// The number, from 1, and the rest of a name of an entry of SNS.
fn member(name: &str) -> Option<(usize, &str)> {
    let (number, part) = name.strip_prefix(MEMBER)?.split_once('.')?;
    Some((number.parse().ok()?, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqs(entries: &Value) -> Call {
        let body = Body::Json(json!({ "QueueUrl": "q", "Entries": entries }));
        Call { service: Service::Sqs, operation: "SendMessageBatch".to_owned(), body }
    }

    fn sns(form: &str) -> Call {
        let fields = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        Call { service: Service::Sns, operation: "PublishBatch".to_owned(), body: Body::Form(fields) }
    }

    fn bodies(call: &Call) -> Value {
        call.parameter("Entries").cloned().unwrap()
    }

    #[test]
    fn an_entry_of_sqs_is_not_sent_and_is_reported_as_failed() {
        let mut call = sqs(&json!([{ "Id": "0" }, { "Id": "1" }, { "Id": "2" }]));
        let taken = take(&mut call, 1).unwrap();
        assert_eq!(bodies(&call), json!([{ "Id": "0" }, { "Id": "2" }]));
        assert_eq!(bodies(&taken.alone), json!([{ "Id": "1" }]));
        let response = json!({ "Successful": [{ "Id": "0" }, { "Id": "2" }] }).to_string();
        let merged: Value =
            serde_json::from_str(&with_failed(&response, &taken, "InternalError").unwrap()).unwrap();
        assert_eq!(merged["Successful"].as_array().unwrap().len(), 2);
        assert_eq!(merged["Failed"][0]["Id"], "1");
        assert_eq!(merged["Failed"][0]["SenderFault"], false);
    }

    #[test]
    fn a_message_of_sns_is_not_published_and_the_later_ones_move_up() {
        let form = "TopicArn=t&PublishBatchRequestEntries.member.1.Id=a&PublishBatchRequestEntries.member.1.Message=A\
            &PublishBatchRequestEntries.member.2.Id=b&PublishBatchRequestEntries.member.2.Message=B";
        let mut call = sns(form);
        assert_eq!(count(&call), 2);
        let taken = take(&mut call, 0).unwrap();
        let expected = "TopicArn=t&PublishBatchRequestEntries.member.1.Id=b&PublishBatchRequestEntries.member.1.Message=B";
        assert_eq!(String::from_utf8(call.to_bytes()).unwrap(), expected);
        assert_eq!(
            String::from_utf8(taken.alone.to_bytes()).unwrap(),
            expected.replace("=b", "=a").replace("=B", "=A")
        );
        for failed in ["<Failed/>", "<Failed></Failed>", ""] {
            let response =
                format!("<PublishBatchResult><Successful></Successful>{failed}</PublishBatchResult>");
            let merged = with_failed(&response, &taken, "InternalError").unwrap();
            assert!(merged.contains("<Failed><member><Id>a</Id><Code>InternalError</Code>"), "{merged}");
            assert_eq!(merged.matches("<Failed>").count(), 1);
        }
    }

    #[test]
    fn a_batch_of_which_every_entry_is_taken_gets_a_response_too() {
        let single = "TopicArn=t&PublishBatchRequestEntries.member.1.Id=0";
        for mut call in [sqs(&json!([{ "Id": "0" }])), sns(single)] {
            let taken = take(&mut call, 0).unwrap();
            assert_eq!(count(&call), 0);
            let response = with_failed(&response_without_entries(call.service), &taken, "Throttled").unwrap();
            assert!(response.contains("Throttled"), "{response}");
        }
    }
}
